/* inplace - become a governed command oneself, through the server's gate: descriptors, terminal, signals and
 * exit status stay the caller's own. */
#pragma once

#include "base/err.h"

/* Run argv[0] (searched in PATH) with argv, shown as `argv0` if not NULL, in session `session`. Returns only
 * when it did not come to that: -1 with `e` when there is no server to ask, or the exit code of a refusal or
 * failure that has been told on standard error. A caller that is governed already stays in its session. */
int inplace_exec(const char *session, char **argv, const char *argv0, struct err *e);
