/* lint - what is wrong with a policy that loads: rules that never decide, and rules weaker than they look.
 *
 * Reads the text of a file that policy_load() accepted. "Unreachable" and
 * "contradictory" are proved (inclusion of globs, ports, ranges and depths; the
 * unprovable is not reported). "Weak" findings come from trying known spellings
 * of options, sibling tools, secret files and variable names on the rules.
 *
 * A finding that is meant to be so is accepted by a comment `# lint: ok: WHY`
 * at the end of its line, or of the rule's first line.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum lint_class {
	LINT_UNREACHABLE,   /* an earlier rule always matches first */
	LINT_PARTLY,        /* the same for some of the rule's patterns or operations, or in some setting */
	LINT_CONTRADICTORY, /* two rules decide differently about exactly the same */
	LINT_NEVER,         /* matches nothing, or not what it says */
	LINT_WEAK,          /* lets through, or stops, what it was not meant to */
	LINT_UNENFORCED,    /* a key that nothing acts upon */
	LINT_CLASSES
};
const char *lint_class_name(enum lint_class class);

/* Warnings change what the policy does; notes do not (a shadowed rule with the same decision). */
enum lint_severity { LINT_NOTE, LINT_WARNING };

struct lint_finding {
	enum lint_class class;
	enum lint_severity severity;
	const char *scope; /* "file", "network", "command", "unix", "signal", "env", … */
	const char *rule;  /* name; for sections the key */
	int line;          /* of the rule */
	int at;            /* of the pattern in question; the rule's line if there is none */
	const char *other; /* the earlier rule, or NULL */
	int other_line;
	const char *text;
	const char *hint;
};

struct lint_report {
	struct lint_finding *items; /* sorted by line; in the arena */
	size_t n;
	size_t accepted;    /* findings that a comment accepts */
	struct arena arena; /* owned; release with lint_release() */
};

/* 0, or -1 when the text cannot be read or memory runs out. `out` must be zeroed. */
int policy_lint(const char *text, size_t len, struct lint_report *out, struct err *e);
void lint_release(struct lint_report *r);
