/* upgrade - put another version of the program in the server's place, in the same process. */
#pragma once

#include "base/err.h"
#include "session/handover.h"

struct upgrade {
	const char *program;
	const char *config; /* NULL = where it searches by itself */
	const char *key;    /* "NAME=value" for its environment, or NULL */
};

/* Run `agentsh server --adopt FD` in our place. First it is run once with --check in a child, which reads the
 * same and touches nothing. Returns only when nothing came of it: -1 with the reason, everything as before.
 */
int upgrade_exec(const struct upgrade *u, struct handover *h, struct err *e);
