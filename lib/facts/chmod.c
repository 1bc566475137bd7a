/* chmod: a mode may stand among the options, too ("chmod -w file"), and is taken apart here. */
#include "facts/scan.h"

#include <stdlib.h>

static const struct option_row rows[] = {
	{ "recursive", 'R', TAKES_NONE, FACT_CHMOD_RECURSIVE, 0, 0 },
	{ "no-preserve-root", 0, TAKES_NONE, FACT_CHMOD_NO_PRESERVE_ROOT, 0, 0 },
	{ "reference", 0, TAKES_VALUE, 0, 0, FACT_CHMOD_REFERENCE },
	{ .name = NULL },
};

static const struct grammar grammar = {
	.rows = rows,
	.letters = "cfvhHLPr::w::x::X::s::t::u::g::o::a::,::+::=::0::1::2::3::4::5::6::7::",
	.longs = " changes silent quiet verbose preserve-root dereference no-dereference help version ",
	.flags = GRAMMAR_ABBREVIATES,
	.unknown = FACT_CHMOD_UNKNOWN,
};

static void octal(struct facts *f, const char *digits)
{
	unsigned long mode = strtoul(digits, NULL, 8);

	if (mode & 06000)
		facts_set(f, FACT_CHMOD_SETID);
	if (mode & 02)
		facts_set(f, FACT_CHMOD_WORLD_WRITABLE);
	if (mode & 0111)
		facts_set(f, FACT_CHMOD_EXECUTABLE);
}

/* What "WHO+PERMISSIONS" gives. Nobody named means everybody, less the umask. */
static void give(struct facts *f, bool others, bool nobody, char permission)
{
	switch (permission) {
	case 's':
		facts_set(f, FACT_CHMOD_SETID);
		break;
	case 'x':
	case 'X':
		facts_set(f, FACT_CHMOD_EXECUTABLE);
		break;
	case 'w':
		if (others)
			facts_set(f, FACT_CHMOD_WORLD_WRITABLE);
		else if (nobody)
			facts_doubt(f, FACT_CHMOD_WORLD_WRITABLE);
		break;
	case 'u':
	case 'g':
	case 'o':
		facts_doubt(f, FACT_CHMOD_EXECUTABLE);
		if (others || nobody)
			facts_doubt(f, FACT_CHMOD_WORLD_WRITABLE);
		break;
	default:
		break;
	}
}

/* One clause: [ugoa]*([-+=]PERMISSIONS)+ */
static void clause(struct facts *f, const char *p, const char *end)
{
	bool others = false, nobody = true, gives = false;

	for (; p < end && strchr("ugoa", *p); p++) {
		others |= *p == 'o' || *p == 'a';
		nobody = false;
	}
	for (; p < end; p++) {
		if (strchr("+-=", *p)) {
			gives = *p != '-';
			if (gives && p[1] >= '0' && p[1] <= '7')
				octal(f, p + 1);
		} else if (gives) {
			give(f, others, nobody, *p);
		}
	}
}

static void mode_facts(struct facts *f, const char *mode)
{
	facts_text(f, FACT_CHMOD_MODE, mode);
	if (*mode >= '0' && *mode <= '7') {
		octal(f, mode);
		return;
	}
	for (const char *p = mode;; p++) {
		size_t len = strcspn(p, ",");

		clause(f, p, p + len);
		p += len;
		if (!*p)
			return;
	}
}

static void target(struct facts *f, const char *path)
{
	facts_text(f, FACT_CHMOD_TARGET, path);
	facts_text(f, FACT_FILES_TARGET, path);
}

void model_chmod(struct facts *f, const char *name, const char *const *argv, size_t argc)
{
	struct scan s = { .g = &grammar, .f = f, .argv = argv, .argc = argc, .at = 1 };
	const char *first = NULL;
	bool has_mode = false;

	(void)name;
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		if (i == ITEM_OPTION && s.letter && strchr("rwxXstugoa,+=01234567", s.letter)) {
			/* The word, with its dash, is a clause of the mode. */
			mode_facts(f, argv[s.at - 1]);
			has_mode = true;
		} else if (i == ITEM_OPTION && s.row && s.row->value) {
			has_mode = true;
		} else if (i == ITEM_OPERAND && !first) {
			first = s.value;
		} else if (i == ITEM_OPERAND) {
			target(f, s.value);
		}
	}
	facts_copy(f, FACT_CHMOD_RECURSIVE, FACT_FILES_RECURSIVE);
	facts_copy(f, FACT_CHMOD_NO_PRESERVE_ROOT, FACT_FILES_NO_PRESERVE_ROOT);
	/* Only now is it known what the first operand is. */
	if (first && has_mode)
		target(f, first);
	else if (first)
		mode_facts(f, first);
}
