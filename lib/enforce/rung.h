/* rung - how well this host lets commands be held, and whether the configuration is content with that.
 *
 *   seccomp-notify  each exec and signal is judged while the kernel holds it
 *   ptrace          the same decisions at the stops of a tracer: slower, and visible to the traced
 *   entry           only what the shim, exec or run itself starts is judged; below it, what the kernel
 *                   refuses to everybody stays refused, and nothing else is
 *
 * All three stand on no_new_privs, the static refusals of the filter and the Landlock floor. A host without
 * filters, or without Landlock on the lowest rung, is below the ladder: there nothing is run.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

enum rung { RUNG_NOTIFY, RUNG_PTRACE, RUNG_ENTRY, RUNG_NONE };

struct rung_found {
	enum rung rung;
	bool killable; /* of RUNG_NOTIFY: only fatal signals interrupt a held call */
	int landlock;  /* ABI, 0 = none */
	char why[200]; /* not a better rung; "" on the best */
};

/* Try the rungs from the best down, in children. Only the best where weaker ones are not built in. */
void rung_find(struct rung_found *out);

const char *rung_name(enum rung r);

/* The words that clients know for what can be in force: "full", where calls on files and sockets are judged,
 * "landlock", without those on sockets, "landlock-only", where nobody can be asked about either, and
 * "minimal", without Landlock. As a number in the order of config_security_mode. */
const char *rung_mode(const struct rung_found *f);

/* What is less than it could be, one line each: how many of `out` were filled. */
enum { RUNG_LINES = 2, RUNG_LINE = 260 };
size_t rung_degraded(const struct rung_found *f, char out[RUNG_LINES][RUNG_LINE]);

struct rung_demand {
	int mode, minimum_mode; /* enum config_security_mode; 0 = auto */
	bool strict, allow_degraded;
};

/* May commands be run on what was found? 0, or -1 with one line: what is missing, why, which key asks for it.
 *   minimum_mode    what is in force is at least that
 *   strict          the best rung, with Landlock, and no less than `mode`
 *   allow_degraded  without it the lowest rung is refused: command rules would not hold below the entry
 */
int rung_gate(const struct rung_found *f, const struct rung_demand *d, struct err *e);
