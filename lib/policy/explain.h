/* explain - which mechanism enforces each rule of a policy in this version, and which rules nothing enforces
 * yet.
 *
 * Reads the text of a file that policy_load() accepted. One row per rule, and one per key of the other
 * sections.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct explain_row {
	const char *scope; /* "file", "command", "env", "limit", … */
	const char *rule;  /* name, or the key of a section */
	int line;
	const char *decision; /* as the rule says; "" for keys */
	bool enforced;
	const char *by;   /* the mechanism, or why nothing enforces it */
	const char *note; /* what the decision comes to here, "" if it is what it says */
};

struct explain_table {
	struct explain_row *items; /* in the order of the file's sections; in the arena */
	size_t n, n_enforced;
	struct arena arena; /* owned; release with explain_release() */
};

/* 0, or -1 when the text cannot be read. `out` must be zeroed. */
int policy_explain(const char *text, size_t len, struct explain_table *out, struct err *e);
void explain_release(struct explain_table *t);
