/* trace - ptrace(2) as a supervisor needs it: attached tasks stop where their filter says SECCOMP_RET_TRACE,
 * and after each exec.
 *
 * Stops are taken with trace_next(); each stopped task stays so until
 * trace_go() or trace_listen(). Children of a traced task are traced from
 * their first instruction on, and all die with the tracer.
 */
#pragma once

#include "base/err.h"

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Let `tracer` attach to the calling process, also where Yama allows it to parents only. 0 = nobody. */
void trace_permit(pid_t tracer);

/* Attach to a task that runs; it is not stopped by that. 0 or -1. */
int trace_attach(pid_t tid, struct err *e);

enum trace_stop {
	TRACE_NONE,   /* nothing to report now */
	TRACE_ENDED,  /* `status` as waitpid(2) gives it; the task is gone */
	TRACE_CALL,   /* before a call that the filter marked */
	TRACE_EXEC,   /* a new image was loaded and has not run yet; `other` is the task's former number */
	TRACE_CHILD,  /* it made the task `other`, which is traced, too */
	TRACE_START,  /* a new task, or one that was stopped goes on */
	TRACE_PAUSED, /* stopped by job control: trace_listen() */
	TRACE_SIGNAL, /* `signo` is about to be delivered: hand it to trace_go() */
};

struct trace_event {
	enum trace_stop stop;
	pid_t tid, other;
	int status, signo;
};

/* What is next of our tasks and children, without waiting. */
void trace_next(struct trace_event *out);

/* The call a task is stopped before: data and pid are filled in as for a notification. False: it is gone. */
bool trace_call(pid_t tid, struct seccomp_notif *out);

/* The call a task is stopped before goes on with this first argument. */
bool trace_first(pid_t tid, uint64_t value);

/* Leave the call out; it returns `value` (negative: -errno). */
bool trace_skip(pid_t tid, int64_t value);

/* SIGKILL to the process of a task. */
void trace_kill(pid_t tid);

void trace_go(pid_t tid, int signo);
void trace_listen(pid_t tid);

/* Does it work here, with a filter that says SECCOMP_RET_TRACE, and is nobody asked before us? Tries it in a
 * child. 0 or -1; then e->code EAGAIN: it could not be found out. */
int trace_probe(struct err *e);
