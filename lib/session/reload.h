/* reload - a new configuration and new policies for a server that runs.
 *
 * Everything is read and compiled first; when anything of it is wrong, all
 * stays as it was. Otherwise new sessions and the next command of every
 * session have the new policy, while commands that run keep theirs.
 */
#pragma once

#include "base/err.h"
#include "session/core.h"

/* What was bound at the start stays in `fresh`, too: sockets, log, state and keys of `first`, which must
 * outlive it. Logs what of it would change. */
void reload_keep_bound(const struct config *first, struct config *fresh);

/* Take `fresh` for core->config and every policy in use as its file is now. 0, or -1: refused, with the
 * reason in `e`, the log, an event and core->reload; core->config is the old one then. */
int reload_all(struct core *core, const struct config *fresh, struct err *e);

/* Note a reload that failed before it came to that. */
void reload_refused(struct core *core, const char *why);
