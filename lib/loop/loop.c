#include "loop/loop.h"

#include "base/clock.h"
#include "base/fd.h"
#include "loop/impl.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { BATCH = 64 };

struct loop *loop_new(struct err *e)
{
	struct loop *l = calloc(1, sizeof *l);

	if (!l) {
		err_set(e, "out of memory");
		return NULL;
	}
	list_init(&l->timers);
	l->signal.fd = -1;
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	if (l->epoll < 0) {
		err_sys(e, "epoll_create1");
		free(l);
		return NULL;
	}
	return l;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	if (l->signal.fd >= 0) {
		int fd = l->signal.fd;

		loop_unwatch(l, &l->signal);
		close(fd);
	}
	fd_close(&l->epoll);
	free(l->slots);
	free(l);
}

static int reserve(struct loop *l, int fd)
{
	size_t need = (size_t)fd + 1, n = l->n_slots ? l->n_slots : 32;
	struct slot *bigger;

	if (need <= l->n_slots)
		return 0;
	while (n < need)
		n *= 2;
	bigger = realloc(l->slots, n * sizeof *bigger);
	if (!bigger)
		return -1;
	memset(bigger + l->n_slots, 0, (n - l->n_slots) * sizeof *bigger);
	l->slots = bigger;
	l->n_slots = n;
	return 0;
}

static struct slot *slot_of(struct loop *l, const struct watch *w)
{
	if (w->fd < 0 || (size_t)w->fd >= l->n_slots || l->slots[w->fd].watch != w)
		return NULL;
	return &l->slots[w->fd];
}

/* The generation tells an event of this watch from one that was pending for an earlier owner of the same
 * number. */
static int control(struct loop *l, int op, const struct watch *w)
{
	struct epoll_event ev = { .events = w->events };

	ev.data.u64 = (uint64_t)l->slots[w->fd].generation << 32 | (uint32_t)w->fd;
	return epoll_ctl(l->epoll, op, w->fd, &ev);
}

static int watch(struct loop *l, struct watch *w, uint32_t events, struct err *e)
{
	if (w->fd < 0 || reserve(l, w->fd) < 0)
		return err_set(e, "watch descriptor %d: %s", w->fd, w->fd < 0 ? "not open" : "out of memory");
	if (l->slots[w->fd].watch)
		return err_set(e, "watch descriptor %d: watched already", w->fd);
	w->events = events;
	l->slots[w->fd].generation = ++l->generation;
	if (w->direct)
		l->direct[l->n_direct++] = w;
	else if (control(l, EPOLL_CTL_ADD, w) < 0)
		return err_sys(e, "watch descriptor %d", w->fd);
	l->slots[w->fd].watch = w;
	return 0;
}

int loop_watch(struct loop *l, struct watch *w, uint32_t events, struct err *e)
{
	w->direct = false;
	return watch(l, w, events, e);
}

int loop_watch_direct(struct loop *l, struct watch *w, uint32_t events, struct err *e)
{
	w->direct = l->n_direct < LOOP_DIRECT;
	return watch(l, w, events, e);
}

void loop_rewatch(struct loop *l, struct watch *w, uint32_t events)
{
	if (!slot_of(l, w) || w->events == events)
		return;
	w->events = events;
	if (!w->direct)
		control(l, EPOLL_CTL_MOD, w);
}

void loop_unwatch(struct loop *l, struct watch *w)
{
	struct slot *s = slot_of(l, w);

	if (s) {
		s->watch = NULL;
		if (!w->direct)
			epoll_ctl(l->epoll, EPOLL_CTL_DEL, w->fd, NULL);
		for (int i = 0; w->direct && i < l->n_direct; i++)
			if (l->direct[i] == w)
				l->direct[i] = NULL;
	}
	w->fd = -1;
}

void loop_close(struct loop *l, struct watch *w)
{
	struct slot *s = slot_of(l, w);
	const int fd = w->fd;

	if (!s || w->direct)
		loop_unwatch(l, w);
	else
		s->watch = NULL; /* the kernel forgets what is closed */
	w->fd = -1;
	if (fd >= 0)
		close(fd);
}

void loop_timer(struct loop *l, struct timer *t, int64_t in_ns)
{
	struct list *after;

	loop_untimer(l, t);
	t->at_ns = clock_mono_ns() + (in_ns > 0 ? in_ns : 0);
	/* A timer armed by a timer of this batch waits for the next: a callback cannot keep the loop busy for
	 * ever. */
	if (t->at_ns <= l->now_ns)
		t->at_ns = l->now_ns + 1;
	/* From the end: most timers are armed later than all others. */
	for (after = l->timers.prev; after != &l->timers; after = after->prev)
		if (list_item(after, struct timer, node)->at_ns <= t->at_ns)
			break;
	list_append(after->next, &t->node);
}

void loop_untimer(struct loop *l, struct timer *t)
{
	(void)l;
	if (!t->at_ns)
		return;
	list_remove(&t->node);
	t->at_ns = 0;
}

void loop_after_batch(struct loop *l, void (*fn)(void *), void *arg)
{
	if (l->n_hooks < LOOP_HOOKS)
		l->hooks[l->n_hooks++] = (struct hook){ .fn = fn, .arg = arg };
}

static int wait_until_timer(const struct loop *l, int wait_ms)
{
	int64_t ms;

	if (list_empty(&l->timers))
		return wait_ms;
	ms = list_item(l->timers.next, struct timer, node)->at_ns - clock_mono_ns();
	ms = ms <= 0 ? 0 : (ms + 999999) / 1000000;
	if (ms > 60000)
		ms = 60000;
	return wait_ms >= 0 && wait_ms < ms ? wait_ms : (int)ms;
}

static void run_timers(struct loop *l)
{
	l->now_ns = clock_mono_ns();
	while (!list_empty(&l->timers)) {
		struct timer *t = list_item(l->timers.next, struct timer, node);

		if (t->at_ns > l->now_ns)
			break;
		loop_untimer(l, t);
		t->due(l, t);
	}
	l->now_ns = 0;
}

static void dispatch(struct loop *l, const struct epoll_event *ev)
{
	size_t fd = (uint32_t)ev->data.u64;
	struct slot *s = fd < l->n_slots ? &l->slots[fd] : NULL;

	if (s && s->watch && s->generation == ev->data.u64 >> 32)
		s->watch->ready(l, s->watch, ev->events);
}

static int wait_epoll(struct loop *l, int wait_ms, struct err *e)
{
	struct epoll_event events[BATCH];
	int n = epoll_wait(l->epoll, events, BATCH, wait_ms);

	if (n < 0 && errno != EINTR)
		return err_sys(e, "epoll_wait");
	for (int i = 0; i < n; i++)
		dispatch(l, &events[i]);
	return 0;
}

/* The epoll descriptor last: a direct watch may be taken away by what runs before it, and is NULL then. */
static int wait_direct(struct loop *l, int wait_ms, struct err *e)
{
	struct pollfd fds[LOOP_DIRECT + 1];
	int n = l->n_direct, rc;

	for (int i = 0; i < n; i++)
		fds[i] = (struct pollfd){ .fd = l->direct[i]->fd, .events = (short)l->direct[i]->events };
	fds[n] = (struct pollfd){ .fd = l->epoll, .events = POLLIN };
	rc = poll(fds, (nfds_t)n + 1, wait_ms);
	if (rc < 0 && errno != EINTR)
		return err_sys(e, "poll");
	for (int i = 0; rc > 0 && i < n; i++)
		if (fds[i].revents && l->direct[i] && l->direct[i]->fd == fds[i].fd)
			l->direct[i]->ready(l, l->direct[i], (uint32_t)fds[i].revents);
	return rc > 0 && fds[n].revents ? wait_epoll(l, 0, e) : 0;
}

static void close_ranks(struct loop *l)
{
	int n = 0;

	for (int i = 0; i < l->n_direct; i++)
		if (l->direct[i])
			l->direct[n++] = l->direct[i];
	l->n_direct = n;
}

int loop_once(struct loop *l, int wait_ms, struct err *e)
{
	int ms = wait_until_timer(l, wait_ms), rc;

	close_ranks(l);
	rc = l->n_direct ? wait_direct(l, ms, e) : wait_epoll(l, ms, e);
	if (rc < 0)
		return -1;
	run_timers(l);
	for (int i = 0; i < l->n_hooks; i++)
		l->hooks[i].fn(l->hooks[i].arg);
	return 0;
}

int loop_run(struct loop *l, struct err *e)
{
	while (!l->stopped)
		if (loop_once(l, -1, e) < 0)
			return -1;
	l->stopped = false;
	return 0;
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}
