/* chown and chgrp. */
#include "facts/scan.h"

static const struct option_row rows[] = {
	{ "recursive", 'R', TAKES_NONE, FACT_CHOWN_RECURSIVE, 0, 0 },
	{ NULL, 'H', TAKES_NONE, FACT_CHOWN_FOLLOW, 0, 0 },
	{ NULL, 'L', TAKES_NONE, FACT_CHOWN_FOLLOW, 0, 0 },
	{ NULL, 'P', TAKES_NONE, 0, FACT_CHOWN_FOLLOW, 0 },
	{ "no-preserve-root", 0, TAKES_NONE, FACT_CHOWN_NO_PRESERVE_ROOT, 0, 0 },
	{ "reference", 0, TAKES_VALUE, 0, 0, FACT_CHOWN_REFERENCE },
	{ .name = NULL },
};

static const struct grammar grammar = {
	.rows = rows,
	.letters = "cfvh",
	.longs = " changes silent quiet verbose from= dereference no-dereference preserve-root help version ",
	.flags = GRAMMAR_ABBREVIATES,
	.unknown = FACT_CHOWN_UNKNOWN,
};

static void target(struct facts *f, const char *path)
{
	facts_text(f, FACT_CHOWN_TARGET, path);
	facts_text(f, FACT_FILES_TARGET, path);
}

void model_chown(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	struct scan s = { .g = &grammar, .f = f, .argv = argv, .argc = argc, .at = 1 };
	const char *first = NULL;

	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i == ITEM_OPERAND && !first)
			first = s.value;
		else if (i == ITEM_OPERAND)
			target(f, s.value);
	}
	facts_copy(f, FACT_CHOWN_RECURSIVE, FACT_FILES_RECURSIVE);
	facts_copy(f, FACT_CHOWN_NO_PRESERVE_ROOT, FACT_FILES_NO_PRESERVE_ROOT);
	if (!first)
		return;
	if (facts_has(f, FACT_CHOWN_REFERENCE))
		target(f, first);
	else
		facts_text(f, !strcmp(name, "chgrp") ? FACT_CHOWN_GROUP : FACT_CHOWN_OWNER, first);
}
