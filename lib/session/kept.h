/* kept - what a session's commands destroyed, when the session is over. */
#pragma once

#include "session/session.h"

/* Give up what is older than sandbox.fuse.audit.ttl and finish manifests, with the ids of the session's user,
 * in a process of its own that nobody waits for. What is younger stays whatever the quota says: the session
 * could else drive out what it deleted. */
void kept_purge(const struct core *core, const struct session *s);
