/* closed - what is ours, and so is closed to the processes of sessions: the floor below every policy. */
#pragma once

#include "enforce/landlock/floor.h"
#include "session/session.h"

/* Make the session's ruleset. 0 or -1. */
int closed_make(const struct session *s, struct floor *f, struct err *e);

/* Is something closed to be read that only the supervisor can close: it lies where sessions make files, or
 * the kernel cannot? Or is to be told of: what the operator closes beside? */
bool closed_by_asking(const struct session *s);

/* Tell `each` what is closed whatever the policy says. */
void closed_each(const struct session *s, void (*each)(void *arg, const struct floor_item *item), void *arg);

/* Capabilities that the configuration leaves to root beside the usual ones; never those with which a process
 * could look or reach behind its session's back. */
uint64_t closed_caps(const struct config *c);
