/* rm, as coreutils reads it. */
#include "facts/scan.h"

static const struct option_row rows[] = {
	{ "recursive", 'r', TAKES_NONE, FACT_RM_RECURSIVE, 0, 0 },
	{ NULL, 'R', TAKES_NONE, FACT_RM_RECURSIVE, 0, 0 },
	{ "force", 'f', TAKES_NONE, FACT_RM_FORCE, FACT_RM_INTERACTIVE, 0 },
	{ NULL, 'i', TAKES_NONE, FACT_RM_INTERACTIVE, FACT_RM_FORCE, 0 },
	{ NULL, 'I', TAKES_NONE, FACT_RM_INTERACTIVE, FACT_RM_FORCE, 0 },
	{ "interactive", 0, TAKES_MAYBE, FACT_RM_INTERACTIVE, FACT_RM_FORCE, 0 },
	{ "dir", 'd', TAKES_NONE, FACT_RM_DIR, 0, 0 },
	{ "no-preserve-root", 0, TAKES_NONE, FACT_RM_NO_PRESERVE_ROOT, 0, 0 },
	{ .name = NULL },
};

static const struct grammar grammar = {
	.rows = rows,
	.letters = "v",
	.longs = " verbose one-file-system preserve-root? -presume-input-tty help version ",
	.flags = GRAMMAR_ABBREVIATES,
	.unknown = FACT_RM_UNKNOWN,
};

static void target(struct facts *f, const char *path)
{
	facts_text(f, FACT_RM_TARGET, path);
	facts_text(f, FACT_FILES_TARGET, path);
}

void model_rm(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	struct scan s = { .g = &grammar, .f = f, .argv = argv, .argc = argc, .at = 1 };

	(void)name;
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		/* --interactive=never, also by the beginnings n and no */
		if (i == ITEM_OPTION && s.row && s.row->takes == TAKES_MAYBE && s.value && *s.value == 'n')
			facts_clear(f, FACT_RM_INTERACTIVE);
		if (i == ITEM_OPERAND)
			target(f, s.value);
	}
	facts_copy(f, FACT_RM_RECURSIVE, FACT_FILES_RECURSIVE);
	facts_copy(f, FACT_RM_NO_PRESERVE_ROOT, FACT_FILES_NO_PRESERVE_ROOT);
}
