/* closed_apart - what is closed to a session's processes (closed.h), found out in a process of its own: where
 * there are views of workspaces, who looks at files may wait for a view's process, and the server must not.
 */
#pragma once

#include "base/err.h"
#include "enforce/landlock/floor.h"
#include "session/closed.h"
#include "session/session.h"
#include "session/views.h"

enum closed_answer { CLOSED_SAME, CLOSED_NEW };

/* As closed_make(), but so. With `old`: only if that is stale, or `force`; else CLOSED_SAME. -1, with e->code
 * ETIMEDOUT when there was no answer in time. */
int closed_apart(const struct session *s, const struct floor *old, bool force, struct floor *f,
                 struct err *e);

/* floor_is_replaced(), as far as the server itself may look where there are views. */
bool closed_moved(const struct session *s, const struct floor *f);

static inline int closed_look(const struct session *s, const struct floor *old, bool force, struct floor *f,
                              struct err *e)
{
	if (CONFIG_LAYER_FUSE && views_any(s->core))
		return closed_apart(s, old, force, f, e);
	if (old && !force && !floor_is_stale(old))
		return CLOSED_SAME;
	return closed_make(s, f, e) < 0 ? -1 : CLOSED_NEW;
}

static inline bool closed_replaced(const struct session *s, const struct floor *f)
{
	return CONFIG_LAYER_FUSE && views_any(s->core) ? closed_moved(s, f) : floor_is_replaced(f);
}
