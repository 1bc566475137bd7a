/* kept - what a session's commands destroyed, when the session is over. */
#pragma once

#include "session/session.h"

/* Where it is kept, absolute or below the workspace: sandbox.fuse.audit.trash_path, or ".agentsh_trash" where
 * that one's directory is not there or not this user's: what cannot be kept could not be deleted. */
const char *kept_path(const struct session *s);

/* Give up what is older than sandbox.fuse.audit.ttl and finish manifests, with the ids of the session's user,
 * in a process of its own that nobody waits for. What is younger stays whatever the quota says: the session
 * could else drive out what it deleted. */
void kept_purge(const struct core *core, const struct session *s);
