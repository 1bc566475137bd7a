/* inplace - become a governed command oneself, through the server's gate: descriptors, terminal, signals and
 * exit status stay the caller's own. */
#pragma once

#include "base/err.h"

#include <stdbool.h>

struct inplace {
	const char *session;
	char **argv;       /* argv[0] is searched in PATH */
	const char *argv0; /* what it is shown as, NULL = argv[0] */
	bool start;        /* a server that does not run */
};

/* Run it. Returns only when it did not come to that: -1 with `e` when there is no server to ask, or the exit
 * code of a refusal or failure that has been told on standard error. A caller that is governed already stays
 * in its session. */
int inplace_exec(const struct inplace *what, struct err *e);
