#include "enforce/exec/desk.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "enforce/exec/trace.h"
#include "enforce/launch.h"
#include "sys/notify.h"
#include "sys/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* When the last process of a command ends, its parent is about to go on, on our processor: what is left to do
 * waits a moment, and for the exit status at most ten times as long. */
#define LINGER_NS (20 * 1000000LL)
#define AGAIN_NS  200000 /* others' calls wait so long */
enum { LOOKS = 10 };

struct place {
	struct list node;
	struct desk *desk;
	struct governor *governor;
	struct governed c;
	struct watch calls; /* the listener */
	struct watch first;
	int pidfd;      /* of the first process, -1 = gone */
	int64_t end_ns; /* CLOCK_MONOTONIC; 0 = it runs */
	int status, looks;
	bool looked;
};

struct desk {
	struct loop *loop;
	struct governor *governor;
	desk_gone *gone;
	void *arg;
	struct list places;
	size_t n;
	struct timer late;     /* one for all that have ended: they are told together */
	struct timer wait;     /* calls wait for others */
	struct timer held;     /* and for approvals */
	struct tracer *tracer; /* once it is needed */
};

static timer_fn on_late, on_wait, on_held;

struct desk *desk_new(struct loop *l, struct governor *g, desk_gone *gone, void *arg, struct err *e)
{
	struct desk *d = calloc(1, sizeof *d);

	if (!d) {
		err_set(e, "out of memory");
		return NULL;
	}
	*d = (struct desk){ .loop = l,
		            .governor = g,
		            .gone = gone,
		            .arg = arg,
		            .late.due = on_late,
		            .wait.due = on_wait,
		            .held.due = CONFIG_APPROVALS ? on_held : NULL };
	list_init(&d->places);
	list_init(&d->late.node);
	list_init(&d->wait.node);
	if (CONFIG_APPROVALS)
		list_init(&d->held.node);
	return d;
}

static void drop(struct place *p)
{
	if (CONFIG_APPROVALS)
		serve_gone(p->governor, &p->c);
	loop_unwatch(p->desk->loop, &p->calls);
	loop_unwatch(p->desk->loop, &p->first);
	fd_close(&p->c.listener);
	fd_close(&p->pidfd);
	list_remove(&p->node);
	p->desk->n--;
	free(p);
}

void desk_free(struct desk *d)
{
	if (!d)
		return;
	list_each(node, &d->places) drop(list_item(node, struct place, node));
	loop_untimer(d->loop, &d->late);
	loop_untimer(d->loop, &d->wait);
	if (CONFIG_APPROVALS)
		loop_untimer(d->loop, &d->held);
	if (CONFIG_RUNGS)
		tracer_free(d->tracer);
	free(d);
}

static void finish(struct place *p)
{
	struct desk *d = p->desk;
	uint32_t number = p->c.number;
	int64_t end_ns = p->end_ns;
	int status = p->status;
	char id[sizeof p->c.id];

	memcpy(id, p->c.id, sizeof id);
	drop(p);
	d->gone(d->arg, number, id, status, end_ns);
}

/* The exit status is there when the first process has been reaped. */
static bool is_settled(struct place *p)
{
	if (p->pidfd < 0 || proc_exit_status(p->pidfd, &p->status))
		return true;
	p->status = -1;
	return proc_signal(p->pidfd, 0) < 0 || ++p->looks == LOOKS;
}

static void on_late(struct loop *l, struct timer *t)
{
	struct desk *d = list_item(t, struct desk, late);
	bool more = false;

	list_each(node, &d->places)
	{
		struct place *p = list_item(node, struct place, node);

		if (p->end_ns && is_settled(p))
			finish(p);
		else
			more |= p->end_ns != 0;
	}
	if (more)
		loop_timer(l, t, LINGER_NS);
}

/* Places may share a governor: then it is asked several times. */
static void on_wait(struct loop *l, struct timer *t)
{
	struct desk *d = list_item(t, struct desk, wait);
	bool more = false;

	list_each(node, &d->places) more |= serve_wait(list_item(node, struct place, node)->governor);
	if (more)
		loop_timer(l, t, SERVE_WAIT_NS);
}

static void on_held(struct loop *l, struct timer *t)
{
	struct desk *d = list_item(t, struct desk, held);
	const struct governor *last = NULL;
	bool more = false;

	list_each(node, &d->places)
	{
		struct governor *g = list_item(node, struct place, node)->governor;

		if (g != last)
			more |= serve_held(g);
		last = g;
	}
	if (more)
		loop_timer(l, t, SERVE_HELD_NS);
}

/* The pidfd hangs up when the first process has been reaped. */
static void on_first(struct loop *l, struct watch *w, uint32_t events)
{
	struct place *p = list_item(w, struct place, first);

	(void)l;
	(void)events;
	if (!proc_exit_status(p->pidfd, &p->status))
		p->status = -1;
	p->end_ns = clock_mono_ns();
	finish(p);
}

/* After the first answer, so that the command need not wait for it. */
static void look_at_first(struct place *p)
{
	p->looked = true;
	p->pidfd = proc_pidfd(p->c.entry);
}

/* Who has its answer has often asked again before we go on, as it has run on our processor: it is answered
 * without a look at all else, for a moment. False: not even one call could be. */
static bool serve(struct place *p)
{
	const int64_t until = clock_mono_ns() + AGAIN_NS;
	bool any = false;

	while (serve_call(p->governor, &p->c) == 0) {
		any = true;
		if (!notify_waits(p->c.listener) || clock_mono_ns() >= until)
			break;
	}
	return any;
}

static void on_call(struct loop *l, struct watch *w, uint32_t events)
{
	struct place *p = list_item(w, struct place, calls);

	if (events & EPOLLIN && serve(p)) {
		if (!p->looked)
			look_at_first(p);
		if (CONFIG_FILES && !p->desk->wait.at_ns && serve_wait(p->governor))
			loop_timer(l, &p->desk->wait, SERVE_WAIT_NS);
		if (CONFIG_APPROVALS && !p->desk->held.at_ns && serve_holds(p->governor))
			loop_timer(l, &p->desk->held, SERVE_HELD_NS);
		return;
	}
	if (!(events & (EPOLLHUP | EPOLLERR)) && events & EPOLLIN)
		return; /* one call failed; the listener says itself when it is done */
	loop_unwatch(l, w);
	p->end_ns = clock_mono_ns();
	if (!p->desk->late.at_ns)
		loop_timer(l, &p->desk->late, LINGER_NS);
}

static struct place *new_place(struct desk *d, const struct governed *c)
{
	struct place *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	*p = (struct place){ .desk = d, .governor = d->governor, .c = *c, .status = -1 };
	list_append(&d->places, &p->node);
	d->n++;
	p->pidfd = -1;
	p->first.fd = p->calls.fd = -1;
	return p;
}

static int trace(struct desk *d, const struct governed *c, struct err *e)
{
	if (!d->tracer)
		d->tracer = tracer_new(d->governor, d->gone, d->arg, e);
	return d->tracer ? tracer_add(d->tracer, c, e) : -1;
}

/* Nobody is asked: all there is to know is when the first process ends. */
static int attend(struct desk *d, const struct governed *c, struct err *e)
{
	struct place *p = new_place(d, c);

	if (!p)
		return err_set(e, "out of memory");
	p->c.listener = -1;
	look_at_first(p);
	p->first = (struct watch){ .fd = p->pidfd, .ready = on_first };
	if (p->pidfd >= 0 && loop_watch(d->loop, &p->first, 0, e) == 0)
		return 0;
	if (p->pidfd < 0)
		err_set(e, "process %d is gone", (int)c->entry);
	drop(p);
	return -1;
}

static int add_without_listener(struct desk *d, const struct governed *c, struct err *e)
{
	int door = c->listener, rc = c->rung == RUNG_PTRACE ? trace(d, c, e) : attend(d, c, e);

	launch_answer(door, rc == 0 ? 0 : e && e->code ? e->code : EPERM);
	fd_close(&door);
	return rc;
}

int desk_add(struct desk *d, const struct governed *c, struct err *e)
{
	struct place *p;
	int listener = c->listener;

	if (CONFIG_RUNGS && c->rung != RUNG_NOTIFY)
		return add_without_listener(d, c, e);
	p = new_place(d, c);
	if (!p) {
		fd_close(&listener);
		return err_set(e, "out of memory");
	}
	notify_sync_wakeup(p->c.listener);
	p->calls = (struct watch){ .fd = p->c.listener, .ready = on_call };
	if (loop_watch_direct(d->loop, &p->calls, EPOLLIN, e) < 0) {
		drop(p);
		return -1;
	}
	return 0;
}

void desk_children(struct desk *d, desk_ended *ended)
{
	if (CONFIG_RUNGS && d->tracer)
		tracer_serve(d->tracer, ended);
}

size_t desk_count(const struct desk *d)
{
	return d->n;
}

void desk_govern(struct desk *d, struct governor *g)
{
	d->governor = g;
}

bool desk_has(const struct desk *d, const struct governor *g)
{
	list_each(node, &d->places)
	{
		if (list_item(node, struct place, node)->governor == g)
			return true;
	}
	return false;
}
