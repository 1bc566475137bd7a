/* impl - shared by the files of session/ only. */
#pragma once

#include "session/session.h"

enum session_event { EVENT_BEGIN, EVENT_FINISH, EVENT_SUPERVISE, EVENT_DIED, EVENT_END, SESSION_EVENTS };

/* state.c: the lifecycle table. -1 when the state does not allow the event. */
int session_step(struct session *s, enum session_event event, struct err *e);

/* id.c: `out` becomes prefix and a random UUID. False when the kernel gives no randomness. */
bool id_make(const char *prefix, char *out, size_t size);

/* root.c: where a workspace belongs. Strings are malloced. */
struct roots {
	char *project, *git;
};
/* Roots of the directory `dir` (links resolved), looking at it and above, as far as it is safe: never "/" or
 * a system directory, never what anybody may write, never above `home`. NULL markers = no detection, only
 * .git. */
int root_find(const char *dir, const char *const *markers, uid_t uid, const char *home, struct roots *out);
/* The nearest ancestor with .git within the same bounds, else `dir` itself. malloced. */
char *root_of_workspace(const char *dir, uid_t uid, const char *home);
/* "/", /usr, /etc, …: never a workspace of its own accord. */
bool root_is_system(const char *dir);

/* Home and name from the text of a password file. False when the uid is not there. malloced. */
bool user_find(const char *passwd, uid_t uid, char **home, char **name);
bool user_lookup(uid_t uid, char **home, char **name);

/* command.c */
void command_free(struct command *c);
void command_to_history(struct command *c); /* it is not live any more */
void command_keep_event(struct command *c, const char *json, size_t len, uint32_t flags);
void commands_lost(struct session *s);
void commands_orphaned(struct session *s); /* end those of shims: nobody will tell when their processes end */

/* core.c: core_new() in two steps, for sessions that come in between. */
struct core *core_make(const struct config *config, struct loop *l, struct err *e);
void core_start(struct core *core);
/* All that is in a ring beside the supervisor's, into the file. `stuck`: a record that had no room the last
 * time, zeroed at first. */
void core_drain_other(struct core *core, struct session *s, struct ring *ring, struct ring_record *stuck);

/* index.c: by id, tag and workspace. index_remove() is harmless when repeated; until index_forget() processes
 * of the session still lead to it. */
int index_add(struct core *core, struct session *s, struct err *e);
void index_remove(struct core *core, struct session *s);
void index_forget(struct core *core, struct session *s);
/* The oldest one of that user and workspace, NULL = none. */
struct session *session_at(const struct core *core, uid_t uid, const char *workspace);

/* reap.c */
void reaper_start(struct core *core);
/* End the shim-made session that has been idle longest. False when there is none. */
bool reaper_evict(struct core *core);

/* recover.c: end what is left of sessions whose server was killed; what their supervisors left in their rings
 * goes into the log, once. Sessions that are ours already are left alone. */
void recover_sessions(struct core *core);

/* session.c: timeouts, from policy and configuration. */
void session_take_limits(struct session *s);

/* For handover.c: a policy with the text, hash and variables of `like`, whose strings are copied and whose
 * descriptor becomes ours; a command, empty but for number and id; a variable, unchecked. */
struct shared_policy *policies_take(struct core *core, const struct shared_policy *like, struct err *e);
struct command *command_take(struct session *s, uint32_t number, const char *id);
bool session_env_take(struct session *s, const char *name, const char *value);

/* env.c */
void session_env_release(struct session *s);
