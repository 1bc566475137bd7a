/* loop - one epoll loop per process: descriptors, timers, signals, children.
 *
 * Watches and timers are embedded in what they serve. A callback may remove
 * any watch or timer at once, its own and those with events pending in the
 * current batch: loop_unwatch() forgets them.
 */
#pragma once

#include "base/err.h"
#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { LOOP_DIRECT = 32 };

struct loop;
struct watch;
struct timer;

typedef void watch_fn(struct loop *l, struct watch *w, uint32_t events); /* EPOLLIN … */
typedef void timer_fn(struct loop *l, struct timer *t);

struct watch {
	int fd; /* borrowed; -1 = not watched */
	uint32_t events;
	watch_fn *ready;
	bool direct; /* the loop's own */
};

struct timer {
	int64_t at_ns; /* CLOCK_MONOTONIC; 0 = not armed */
	timer_fn *due;
	struct list node;
};

struct loop *loop_new(struct err *e);
void loop_free(struct loop *l); /* watches and timers must be gone */

/* Start watching w->fd with `w->ready`. Level-triggered. 0 or -1. */
int loop_watch(struct loop *l, struct watch *w, uint32_t events, struct err *e);
/* The same, but the descriptor itself is polled, so that who is woken by it runs on the waker's processor
 * where the kernel knows how (seccomp_unotify(2), SYNC_WAKE_UP; epoll(7) forgets that wish). For a few:
 * beyond LOOP_DIRECT of them it is loop_watch(). */
int loop_watch_direct(struct loop *l, struct watch *w, uint32_t events, struct err *e);
void loop_rewatch(struct loop *l, struct watch *w, uint32_t events); /* change the mask */
void loop_unwatch(struct loop *l, struct watch *w); /* does not close; harmless when not watched */
/* The same and closes, which is cheaper: for a descriptor that nobody has a copy of. */
void loop_close(struct loop *l, struct watch *w);

void loop_timer(struct loop *l, struct timer *t, int64_t in_ns); /* (re)arm, relative; t->due must be set */
void loop_untimer(struct loop *l, struct timer *t);              /* harmless when not armed or zeroed */

/* Called after each batch of events, before the loop sleeps: audit lines out first, then replies. Several (up
 * to 8) are called in the order they were given. */
void loop_after_batch(struct loop *l, void (*fn)(void *), void *arg);

/* Run until loop_stop(). */
int loop_run(struct loop *l, struct err *e);
void loop_stop(struct loop *l);
/* One batch; waits at most `wait_ms` (-1 = as long as needed). For tests and draining. */
int loop_once(struct loop *l, int wait_ms, struct err *e);

/* signalfd: blocks the signals of `set` and calls `fn` for each. One per loop. */
typedef void signal_fn(void *arg, int signo, pid_t sender);
int loop_signals(struct loop *l, const int *signals, int n, signal_fn *fn, void *arg, struct err *e);
