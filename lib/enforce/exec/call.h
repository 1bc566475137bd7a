/* call - one system call that waits for its answer: what the supervisor hands to the layers above it.
 *
 * Whoever takes a call answers it, once, on every way out. What it names is read again by the kernel after
 * call_continue(): only what stands without this answer may be let go on.
 */
#pragma once

#include "audit/event.h"
#include "enforce/exec/serve.h"

#include <linux/seccomp.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What a tracer is to do with a call. Zeroed: leave it out, and let it return `value`. */
struct call_answer {
	bool proceed;
	int64_t value; /* negative: -errno */
	bool again;    /* the image is to be judged again at its first sign of life */
};

/* One notification, or one stop of a traced task, and what is known about it. */
struct call {
	struct governor *g;
	struct governed *c;
	const struct seccomp_notif *n;
	pid_t pid;                  /* the process; n->pid may be any of its threads */
	struct call_answer *answer; /* of a tracer; NULL: the listener is answered */
	struct held *held;          /* it has waited for an approval: held.h */
	bool fresh;                 /* of the new image nothing has run: a loader has mapped nothing yet */
};

/* call.c: the answer, whoever waits for it. As notify.h has them. */
bool call_valid(const struct call *k);
bool call_continue(const struct call *k);
bool call_fail(const struct call *k, int error);
bool call_return(const struct call *k, int64_t value);
/* Return a copy of descriptor `fd`, which stays ours; `flags`: O_CLOEXEC or 0. Fails with the caller's errno
 * (EMFILE) when it has no room. */
void call_inject(const struct call *k, int fd, int flags);
/* The same, but it does not stay ours: nobody else has it open when the caller goes on. */
void call_give(const struct call *k, int fd, int flags);

/* The first half of it: as what number the caller has a copy from now on, which it is to be told, or -errno.
 * `fd` stays ours. */
int call_add(const struct call *k, int fd, int flags);

/* serve.c: judge a call that was left waiting, as one that has just come. */
void call_again(const struct call *k);

/* serve.c: hand the event over if the policy wants it logged. False: it had to be kept and could not. */
bool serve_report(const struct call *k, struct event *ev, uint32_t flags);
/* The same whatever the policy says. */
bool serve_tell(const struct call *k, struct event *ev, uint32_t flags);

/* teach.c: two lines on the caller's standard error, without ever waiting for its reader. */
struct denial {
	const char *subject; /* "sudo" */
	const struct verdict *verdict;
	const char *message;
};
void teach(const struct call *k, const struct denial *d);
