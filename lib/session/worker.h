/* worker - the server's side of a session's supervisor: start it, tell it, hear from it. */
#pragma once

#include "base/err.h"
#include "session/core.h"
#include "session/session.h"

#include <stdbool.h>
#include <stdint.h>

struct handover;
struct launch_plan;
struct msg;
struct msg_reader;

/* Hooks of struct core_hooks. */
int worker_start(struct core *core, struct session *s, struct err *e);
void worker_stop(struct core *core, struct session *s);
int worker_policy(struct core *core, struct session *s, struct err *e);
void worker_look(struct core *core, struct session *s);
int worker_kill(struct core *core, uint64_t tag, uint32_t command, int signal);
int worker_count(struct core *core, uint64_t tag, uint32_t command);

/* The answer to a session's event "approval_requested" of this id. 0, or -1 when it could not be sent;
 * whether somebody waits still, the event "approval_resolved" tells. */
int worker_approve(struct session *s, const char *id, bool approved, const char *reason, struct err *e);

/* In a child: become another of our processes, with this descriptor as its third and no other but 0 to 2. */
_Noreturn void worker_exec(char *const argv[], int control);

/* What the session's processes enter, and the socket on which their listeners go to the supervisor
 * (borrowed). */
const struct launch_plan *worker_plan(const struct session *s);
int worker_inbox(const struct session *s);

/* For handover.c. `dry`: only look whether it could be done. */
void worker_hand_over(const struct session *s, struct handover *h);
int worker_take_over(struct core *core, struct session *s, struct msg_reader *r, bool dry, struct err *e);

/* views.c: the workspace is a view from now on. */
void worker_shown(struct session *s);

/* Does the supervisor that runs judge connections? */
bool worker_connected(const struct session *s);

/* The layers in force ("exec,signals,syscalls,landlock") and those that could not be armed, with reasons. */
const char *worker_armed(const struct session *s);
const char *worker_missing(const struct session *s);
