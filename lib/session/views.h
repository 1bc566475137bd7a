/* views - the server's side of views of workspaces: who gets one, who serves it, what became of it.
 *
 * A view lies over a workspace's own path, so that every spelling of it is governed, and is also reached as
 * SESSION_VIEW in the session's directory below sandbox.fuse.mount_base_dir or sessions.base_dir. It is
 * mounted at the first command (`deferred`) or with the session, and where that fails at the next command
 * again; until then the session is degraded, and says so. Views are never stacked: sessions of one user whose
 * workspaces are the same, or lie in one that is shown, share the view, each judged by its own policy. A
 * workspace that holds another view, or belongs to another user's, gets none.
 *
 * Whatever may hang is done by the mounter (mounter.h) and waited for with a deadline. A view whose process
 * died is taken away and mounted anew at once; what was open in it gives errors, what is below is as it was.
 */
#pragma once

#include "base/err.h"
#include "session/core.h"
#include "session/session.h"

#include <stdbool.h>

struct acting;
struct handover;
struct msg_reader;

/* Before the server gives up its privileges: start the mounter, where the configuration asks for views. */
int views_open(struct core *core, struct err *e);
/* After the last session ended. */
void views_close(struct core *core);

/* Another program takes the server's place, with mounter and views as they are: after the sessions. `dry`:
 * would it work? */
int views_hand_over(struct core *core, struct handover *h, struct err *e);
int views_take_over(struct core *core, struct msg_reader *r, bool dry, struct err *e);

/* Does the configuration ask for a view, or have one where calls cannot be judged? Is it there? If not, why
 * ("" = it was not tried yet). */
bool views_wanted(const struct core *core);
bool views_shown(const struct session *s);
const char *views_missing(const struct session *s);
const char *views_path(const struct session *s); /* of the view; NULL: there is none */

/* Is there one at all? Does this path lead through one? Whoever goes there waits for its process. */
bool views_any(const struct core *core);
bool views_holds(const struct core *core, const char *path);

/* A child that was killed and did not end within VIEWS_END_MS: it waits for a view. It is reaped later. */
enum { VIEWS_END_MS = 300 };
void views_stray(struct core *core, pid_t pid);

const char *views_mount(const struct session *s); /* the session's own way to it, or the workspace */

/* For the supervisor: the shared page and the directory below (borrowed); -1 without a view. */
int views_page(const struct session *s);
int views_lower(const struct session *s);

/* For who changes what is below: a socket to the view, for under_begin() (enforce/fuse/under.h). -1 without a
 * view, or on failure. */
int views_under(const struct session *s);

/* Where what is deleted is kept: in a view, below it, for a process that has views_lower() as descriptor
 * `number`. And what a session with a view of its own left, after its end. NULL when it does not fit. */
const char *views_store(const struct session *s, int number, char *out, size_t size);
const char *views_left_store(const struct session *s, char *out, size_t size);
