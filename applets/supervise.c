/* supervise - worker: answers the system calls of one session, with the session user's ids
 *
config APPLET_SUPERVISE
        bool
 */
#include "applets/applet.h"

#include "audit/event.h"
#include "audit/ring.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/log.h"
#include "enforce/exec/desk.h"
#include "enforce/exec/role.h"
#include "enforce/exec/serve.h"
#include "enforce/limits/count.h"
#include "loop/loop.h"
#include "session/supervised.h"
#include "sys/trim.h"
#include "wire/conn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { IDLE_NS = 500000000 };
#define WAKE_NS  (20 * 1000000LL)
#define RETRY_NS (200 * 1000000LL)
#define ROOM_NS  (2000 * 1000000LL)
#define FULL_NS  (20 * 1000000LL)

enum { CONTROL = 3, ENDS = 32, FULL_MAX = 250, TAKEN = 2 /* descriptors that come with a message */ };

/* The end of a command, to be told. */
struct ended {
	uint32_t number;
	int status;
	int64_t ns;
};

struct supervisor {
	struct supervised its;
	struct timer idle;
	bool worked;  /* in the batch that ends something was asked or told; timers are no work */
	bool resting; /* and in those of the last half second nothing */
	struct loop *loop;
	struct watch control, inbox;
	struct desk *desk;
	struct wire_in in;
	struct counter *counter; /* NULL without CONFIG_LIMITS */
	bool wake;               /* the server sleeps and there are records */
	struct timer nap;
	bool stuck;     /* nobody made room in the ring when it was waited for */
	int64_t missed; /* refusals that nothing in the ring tells of */
	struct ended ends[ENDS];
	uint32_t n_ends;
	struct timer full; /* no descriptors are left: what comes with messages would be lost */
	unsigned n_full;
};

static void tell(struct supervisor *s, enum wire_op op)
{
	struct msg m = { 0 };
	char room[64 + ENDS * sizeof(struct ended)];

	buf_on(&m.b, room, sizeof room);
	msg_start(&m, op);
	msg_u32(&m, s->n_ends);
	for (uint32_t i = 0; i < s->n_ends; i++) {
		msg_u32(&m, s->ends[i].number);
		msg_u32(&m, (uint32_t)s->ends[i].status);
		msg_u64(&m, (uint64_t)s->ends[i].ns);
	}
	/* The server drains the ring whenever it wakes; but ends it hears of from us only. */
	if (wire_send(s->control.fd, &m, NULL, 0, s->n_ends == ENDS ? 0 : MSG_DONTWAIT, NULL) == 0)
		s->n_ends = 0;
	s->wake = s->n_ends > 0;
	msg_release(&m);
}

static bool put(struct supervisor *s, const char *json, size_t len, uint32_t number, uint32_t flags)
{
	bool wake = false, good = ring_put(s->its.ring, json, len, number, flags, &wake);

	s->wake |= wake;
	return good;
}

/* Where there was no room even for refusals, at least how many there were. */
static bool tell_missed(struct supervisor *s)
{
	const struct event_field fields[] = { { .name = "count", .number = s->missed } };
	const struct event ev = { .type = "events_missed",
		                  .session_id = s->its.session_id,
		                  .depth = -1,
		                  .effective_action = "denied",
		                  .fields = fields,
		                  .n_fields = 1 };
	AUTO_BUF json = { 0 };

	event_format(&ev, &json);
	if (!json.failed && put(s, json.data, json.len, 0, RING_DENIED))
		s->missed = 0;
	return !s->missed;
}

/* Who deletes ten thousand files is faster than the log: he waits for it. Not again while nobody reads. */
static bool wait_for_room(struct supervisor *s, const char *json, size_t len, uint32_t number, uint32_t flags)
{
	const int64_t end = clock_mono_ns() + ROOM_NS;
	bool good = false;

	if (!CONFIG_FILES || !s->its.wired.calls || s->stuck)
		return false;
	tell(s, WIRE_NEWS);
	while (!good && clock_mono_ns() < end) {
		poll(NULL, 0, 1);
		good = put(s, json, len, number, flags);
	}
	s->stuck = !good;
	return good;
}

/* What may happen and finds no room is judged again, as refused. */
static bool sink(void *arg, const char *json, size_t len, uint32_t number, uint32_t flags)
{
	struct supervisor *s = arg;

	if ((!s->missed || tell_missed(s)) &&
	    (put(s, json, len, number, flags) || wait_for_room(s, json, len, number, flags))) {
		s->stuck = false;
		/* Who works on end has the server begin before the ring is full: it works beside us then. */
		if (CONFIG_FILES && s->wake && ring_fills(s->its.ring))
			tell(s, WIRE_NEWS);
		return true;
	}
	s->missed += (flags & RING_DENIED) != 0;
	tell(s, WIRE_NEWS);
	return false;
}

/* What is in the ring is safe; the server is told a little later, once for many. To wake it at every call
 * would cost the caller more than the call: it runs on our processor, and only when we sleep. */
static void wake_later(void *arg)
{
	struct supervisor *s = arg;

	s->worked = true;
	if (!s->nap.at_ns && (s->wake || s->missed))
		loop_timer(s->loop, &s->nap, s->wake ? WAKE_NS : RETRY_NS);
}

static void wake_server(struct loop *l, struct timer *t)
{
	struct supervisor *s = list_item(t, struct supervisor, nap);

	(void)l;
	if (s->missed)
		tell_missed(s);
	tell(s, WIRE_NEWS);
	wake_later(s);
}

static void on_gone(void *arg, uint32_t number, const char *id, int status, int64_t end_ns)
{
	struct supervisor *s = arg;

	if (CONFIG_FILES)
		wired_ended(&s->its.wired, id);
	s->worked = true;
	if (s->n_ends == ENDS)
		tell(s, WIRE_NEWS);
	if (s->n_ends == ENDS)
		return; /* the server is gone, and so are we at the next event */
	if (CONFIG_LIMITS)
		counter_look(s->counter);
	s->ends[s->n_ends++] = (struct ended){ number, status, end_ns };
	loop_timer(s->loop, &s->nap, 0); /* the desk has waited, for several of them perhaps */
}

/* From now on commands enter under this policy. */
static int new_rules(struct supervisor *s, struct msg_reader *r, struct err *e)
{
	if (supervised_rules(&s->its, r, s->in.fds[0], e) < 0)
		return -1;
	desk_govern(s->desk, s->its.rules->governor);
	if (CONFIG_LIMITS)
		counter_policy(s->counter, s->its.rules->policy);
	return 0;
}

/* No room for what comes with a message. True: later; where there is none for seconds, it is lost after all.
 */
static bool is_full(struct supervisor *s, uint32_t events)
{
	if (!CONFIG_FILES || events & (EPOLLHUP | EPOLLERR))
		return false;
	if (!fd_has_room(CONTROL, TAKEN)) {
		for (struct rules *rules = s->its.rules; rules && s->its.wired.calls; rules = rules->older)
			files_spare(rules->files);
		if (!fd_has_room(CONTROL, TAKEN) && s->n_full++ < FULL_MAX) {
			loop_rewatch(s->loop, &s->control, 0);
			loop_rewatch(s->loop, &s->inbox, 0);
			loop_timer(s->loop, &s->full, FULL_NS);
			return true;
		}
	}
	s->n_full = 0;
	return false;
}

static void on_full(struct loop *l, struct timer *t)
{
	struct supervisor *s = list_item(t, struct supervisor, full);

	loop_rewatch(l, &s->control, EPOLLIN);
	loop_rewatch(l, &s->inbox, EPOLLIN);
}

/* After the start the server only tells of another policy, and of answers. When it is gone, or what it says
 * cannot be done, so are we: what waits or comes later is then refused by the kernel. */
static void on_control(struct loop *l, struct watch *w, uint32_t events)
{
	struct supervisor *s = list_item(w, struct supervisor, control);
	struct msg_reader r;
	struct err e = { 0 };
	int rc;

	s->worked = true;
	if (is_full(s, events))
		return;
	while ((rc = wire_recv(w->fd, &s->in, MSG_DONTWAIT, &e)) > 0) {
		if (CONFIG_LAYER_FUSE && wire_is(&s->in, WIRE_SHOWN, 1, &r) &&
		    wired_shown(&s->its.wired, s->in.fds[0], &e) == 0)
			continue;
		if (CONFIG_APPROVALS && wire_is(&s->in, WIRE_APPROVAL, 0, &r) &&
		    supervised_resolve(&s->its, &r))
			continue;
		if (CONFIG_SERVER_RELOAD && wire_is(&s->in, WIRE_POLICY, 1, &r) && new_rules(s, &r, &e) == 0)
			continue;
		log_line(LOG_ERROR, "new policy: %s", e.text);
		loop_stop(l);
		return;
	}
	if (e.code != EAGAIN)
		loop_stop(l);
}

/* A process entered and sends its listener, with what the server told it about its command. */
static void on_inbox(struct loop *l, struct watch *w, uint32_t events)
{
	struct supervisor *s = list_item(w, struct supervisor, inbox);
	struct governed c = { .listener = -1 };
	struct msg_reader r;
	struct err e = { 0 };
	const char *id;

	s->worked = true;
	if (is_full(s, events))
		return;
	/* Who enters now was let in by what the server said before. */
	if (CONFIG_SERVER_RELOAD)
		on_control(l, &s->control, EPOLLIN);
	if (wire_recv(w->fd, &s->in, MSG_DONTWAIT, &e) <= 0 || !wire_is(&s->in, WIRE_ATTACH, 1, &r))
		return;
	c.number = msg_get_u32(&r);
	c.entry_is_shell = msg_get_u32(&r) != 0;
	id = msg_get_str(&r);
	if (!msg_ok(&r) || strlen(id) >= sizeof c.id)
		return; /* the listener is closed with the next message: its processes are refused everything
		         */
	strcpy(c.id, id);
	c.rung = s->its.rung;
	c.killable = CONFIG_FILES && s->its.wired.flags & WIRED_KILLABLE;
	c.entry = s->in.from.pid;
	if (CONFIG_LIMITS)
		counter_entered(s->counter, c.entry);
	if (!msg_end(&r)) {
		if (!serve_first(s->its.rules->governor, &c, &r))
			return;
		wake_later(s);
	}
	c.listener = s->in.fds[0];
	s->in.fds[0] = -1;
	if (desk_add(s->desk, &c, &e) < 0)
		log_line(LOG_ERROR, "command %u: %s", c.number, e.text);
}

/* Nothing was asked for a while. */
static void on_idle(struct loop *l, struct timer *t)
{
	struct supervisor *s = list_item(t, struct supervisor, idle);

	(void)l;
	if (CONFIG_SERVER_RELOAD)
		supervised_forget(&s->its, s->desk);
	serve_rest(s->its.rules->governor);
	s->resting = !CONFIG_FILES || !wired_rest(&s->its.wired);
	if (!s->resting)
		loop_timer(s->loop, &s->idle, 0);
}

static void after_batch(void *arg)
{
	struct supervisor *s = arg;

	if (s->worked) {
		loop_timer(s->loop, &s->idle, IDLE_NS);
		s->resting = false;
	}
	if (s->resting) {
		ring_rest(s->its.ring);
		trim_text(); /* waiting needs little of it, and timers come seldom */
	}
	s->worked = false;
}

static void on_child(void *arg, int signo, pid_t sender)
{
	struct supervisor *s = arg;

	(void)signo;
	(void)sender;
	desk_children(s->desk, NULL);
}

/* A tracer hears of its tasks as a parent of its children. */
static int hear_children(struct supervisor *s, struct err *e)
{
	static const int signals[] = { SIGCHLD };

	if (!CONFIG_RUNGS || s->its.rung != RUNG_PTRACE)
		return 0;
	return loop_signals(s->loop, signals, 1, on_child, s, e);
}

/* An event of its own, after no call: nobody answers, so the server is told here. */
static bool sink_background(void *arg, const char *json, size_t len, uint32_t number, uint32_t flags)
{
	bool kept = sink(arg, json, len, number, flags);

	wake_later(arg);
	return kept;
}

static bool is_busy(void *arg)
{
	return desk_count(((struct supervisor *)arg)->desk) > 0;
}

static int start_counter(struct supervisor *s, struct err *e)
{
	const struct counter_options o = { .loop = s->loop,
		                           .tag = s->its.tag,
		                           .session_id = s->its.session_id,
		                           .held = s->its.held,
		                           .pids_dir = s->its.pids_dir,
		                           .memory_dir = s->its.memory_dir,
		                           .sink = sink_background,
		                           .busy = is_busy,
		                           .arg = s };

	s->counter = counter_new(&o, s->its.rules->policy, e);
	return s->counter ? 0 : -1;
}

static int start(struct supervisor *s, struct err *e)
{
	s->its.sink = sink;
	s->its.answered = wake_later;
	s->its.arg = s;
	s->its.loop = s->loop = loop_new(e);
	if (!s->loop)
		return -1;
	if (wire_recv(CONTROL, &s->in, 0, e) <= 0 || supervised_start(&s->its, &s->in, e) < 0)
		return -1;
	s->inbox.fd = s->its.inbox;
	return 0;
}

static int set_up(struct supervisor *s, struct err *e)
{
	int one = 1;

	s->desk = desk_new(s->loop, s->its.rules->governor, on_gone, s, e);
	if (!s->desk)
		return -1;
	if (CONFIG_LIMITS && start_counter(s, e) < 0)
		return -1;
	s->control = (struct watch){ .fd = CONTROL, .ready = on_control };
	s->inbox.ready = on_inbox;
	s->nap.due = wake_server;
	list_init(&s->nap.node);
	s->full.due = CONFIG_FILES ? on_full : NULL;
	list_init(&s->full.node);
	if (setsockopt(s->inbox.fd, SOL_SOCKET, SO_PASSCRED, &one, sizeof one) < 0)
		return err_sys(e, "inbox");
	if (hear_children(s, e) < 0 || loop_watch(s->loop, &s->control, EPOLLIN, e) < 0 ||
	    loop_watch(s->loop, &s->inbox, EPOLLIN, e) < 0)
		return -1;
	return 0;
}

static int confine(const struct supervisor *s, struct err *e)
{
	if (!CONFIG_CONFINE)
		return 0;
	return role_enter(ROLE_SUPERVISE | (s->its.rung == RUNG_PTRACE ? ROLE_TRACE : 0) |
	                          (s->its.wired.calls ? ROLE_FILES : 0) |
	                          (s->its.wired.flags & WIRED_LOOKS ? ROLE_LOOKS : 0) |
	                          (s->its.net.flags ? ROLE_NET : 0),
	                  0, e);
}

static int run(int argc, char **argv)
{
	static struct supervisor s;
	struct err e;

	(void)argc;
	(void)argv;
	log_setup("supervise", LOG_INFO, false);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	if (start(&s, &e) < 0 || set_up(&s, &e) < 0 || confine(&s, &e) < 0) {
		log_line(LOG_ERROR, "%s", e.text);
		return EXIT_FAILED;
	}
	tell(&s, WIRE_READY);
	s.idle.due = on_idle;
	loop_after_batch(s.loop, after_batch, &s);
	trim_text();
	if (loop_run(s.loop, &e) < 0) {
		log_line(LOG_ERROR, "%s", e.text);
		return EXIT_FAILED;
	}
	return EXIT_DONE;
}

const struct applet applet_supervise = {
	.name = "supervise",
	.summary = "answer the system calls of one session",
	.usage = "started by the server",
	.run = run,
	.flags = APPLET_HIDDEN,
};
