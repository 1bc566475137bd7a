/* launch - the one routine that puts a process under governance. Shim, exec, run and the API all use it.
 *
 * Called in the process that is to be governed, after it is otherwise ready
 * (descriptors, directory, ids) and before it execs. What it does cannot be
 * undone: its control groups, no_new_privs, the session's Landlock domain, the session tag, the
 * loss of a few capabilities, the seccomp filter with its listener.
 */
#pragma once

#include "base/err.h"
#include "enforce/rung.h"

#include <linux/filter.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { LAUNCH_JOINS = 3 };

/* What a session's processes enter; made once per session, the same for all its commands. */
struct launch_plan {
	const struct sock_filter *filter; /* seccomp program with USER_NOTIF actions */
	size_t n_filter;
	int ruleset; /* Landlock ruleset descriptor, -1 = none */
	enum rung rung;
	pid_t tracer;       /* of RUNG_PTRACE: who will attach */
	uint64_t tag;       /* session tag, hard RLIMIT_LOCKS */
	uint64_t keep_caps; /* bits of capabilities that root keeps beside the usual ones */
	const int *join;    /* descriptors of control groups that the process joins (enforce/limits), and of a
	                       network namespace that it enters; borrowed */
	size_t n_join;
	bool killable; /* only fatal signals interrupt a call that waits for an answer:
	                  notify_probe_killable() */
};

/* Enter. `command` is the command's number in the session (soft limit of the tag). A descriptor
 * (close-on-exec, to be handed to the session's supervisor), or -1: the listener, or on weaker rungs a door,
 * at which launch_wait() then waits. */
int launch_enter(const struct launch_plan *plan, uint32_t command, struct err *e);

/* After the door was handed over: wait until the supervisor has us. Returns at once with a listener. Whatever
 * is executed before fails with ENOSYS, so that to forget this is no way around. 0 or -1. */
int launch_wait(const struct launch_plan *plan, int door, struct err *e);

/* The supervisor's answer at the door: 0, or why not (errno). */
void launch_answer(int door, int error);
