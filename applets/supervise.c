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
#include "enforce/files/files.h"
#include "enforce/files/wired.h"
#include "enforce/limits/count.h"
#include "loop/loop.h"
#include "policy/policy.h"
#include "session/policy_wire.h"
#include "sys/caps.h"
#include "sys/trim.h"
#include "wire/conn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
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

/* A policy and who decides by it: those before the newest serve the commands that entered under them. */
struct rules {
	struct rules *older;
	struct policy *policy;
	struct files *files; /* NULL: file calls are not judged */
	struct governor *governor;
};

struct supervisor {
	struct timer idle;
	bool worked;  /* in the batch that ends something was asked or told; timers are no work */
	bool resting; /* and in those of the last half second nothing */
	struct loop *loop;
	struct watch control, inbox;
	struct ring *ring;
	struct rules *rules; /* newest first */
	struct desk *desk;
	struct wire_in in;
	char session_id[160];
	uint64_t tag;
	enum rung rung;
	struct wired wired;
	int64_t approval_ns;
	struct counter *counter; /* NULL without CONFIG_LIMITS */
	unsigned held;           /* limits that groups hold, and which groups */
	char pids_dir[512], memory_dir[512];
	bool wake; /* the server sleeps and there are records */
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
	bool wake = false, good = ring_put(s->ring, json, len, number, flags, &wake);

	s->wake |= wake;
	return good;
}

/* Where there was no room even for refusals, at least how many there were. */
static bool tell_missed(struct supervisor *s)
{
	const struct event_field fields[] = { { .name = "count", .number = s->missed } };
	const struct event ev = { .type = "events_missed",
		                  .session_id = s->session_id,
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

	if (!CONFIG_FILES || !s->wired.calls || s->stuck)
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
		wired_ended(&s->wired, id);
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

static struct policy *load_policy(struct msg_reader *r, int fd, bool files, struct err *e)
{
	struct policy *policy = policy_wire_take(r, fd, e);

	/* Nobody asks us about connections, and about files perhaps. */
	if (policy && !files)
		policy_drop_places(policy);
	return policy;
}

static void rules_free(struct rules *rules)
{
	serve_free(rules->governor);
	if (CONFIG_FILES)
		files_free(rules->files);
	policy_free(rules->policy);
	free(rules);
}

static struct governor *make_governor(struct supervisor *s, struct rules *rules, struct err *e)
{
	struct governor_options o = { .policy = rules->policy,
		                      .tag = s->tag,
		                      .session_id = s->session_id,
		                      .sink = sink,
		                      .answered = wake_later,
		                      .sink_arg = s,
		                      .approval_ns = s->approval_ns,
		                      .teach = true };

	if (CONFIG_FILES && s->wired.calls) {
		rules->files = wired_files(&s->wired, rules->policy, e);
		if (!rules->files)
			return NULL;
		o.file_call = files_call;
		o.file_wait = files_wait;
		o.file_exec = files_exec;
		o.files = rules->files;
		o.programs = s->wired.programs;
		o.n_programs = s->wired.n_programs;
	}
	return serve_new(&o, e);
}

/* From now on commands enter under this policy, which the message and its first descriptor hold. */
static int add_rules(struct supervisor *s, struct msg_reader *r, struct err *e)
{
	struct rules *rules = calloc(1, sizeof *rules);

	if (!rules)
		return err_set(e, "out of memory");
	rules->policy = load_policy(r, s->in.fds[0], CONFIG_FILES && s->wired.calls, e);
	if (rules->policy)
		rules->governor = make_governor(s, rules, e);
	if (!rules->governor) {
		rules_free(rules);
		return -1;
	}
	rules->older = s->rules;
	s->rules = rules;
	if (s->desk)
		desk_govern(s->desk, rules->governor);
	if (CONFIG_LIMITS && s->counter)
		counter_policy(s->counter, rules->policy);
	return 0;
}

static void drop_unused_rules(struct supervisor *s)
{
	for (struct rules **at = &s->rules->older; *at;) {
		struct rules *old = *at;

		if (desk_has(s->desk, old->governor)) {
			at = &old->older;
			continue;
		}
		*at = old->older;
		rules_free(old);
	}
}

/* The first message: whose session, which policy, where events go. */
static int start(struct supervisor *s, struct err *e)
{
	struct msg_reader r;
	const char *id, *user, *pids_dir, *memory_dir;
	uid_t uid;
	gid_t gid;

	if (wire_recv(CONTROL, &s->in, 0, e) <= 0)
		return -1;
	if (msg_open(&r, s->in.data.data, s->in.data.len) != WIRE_START ||
	    (s->in.n_fds != 3 && !(CONFIG_LAYER_FUSE && s->in.n_fds == 5)))
		return err_set(e, "bad start message");
	id = msg_get_str(&r);
	s->tag = msg_get_u64(&r);
	uid = msg_get_u32(&r);
	gid = msg_get_u32(&r);
	user = msg_get_str(&r);
	s->rung = (enum rung)msg_get_u32(&r);
	s->held = msg_get_u32(&r);
	pids_dir = msg_get_str(&r);
	memory_dir = msg_get_str(&r);
	s->wired.session = s->session_id;
	s->wired.o.tag = s->tag;
	if (CONFIG_FILES && wired_read(&s->wired, &r, e) < 0)
		return -1;
	if (CONFIG_LAYER_FUSE && s->in.n_fds == 5) {
		if (wired_shown(&s->wired, s->in.fds[3], e) < 0)
			return -1;
		s->wired.lower = s->in.fds[4];
		s->in.fds[4] = -1;
	}
	if (CONFIG_APPROVALS)
		s->approval_ns = (int64_t)msg_get_u64(&r);
	if (!msg_ok(&r) || strlen(id) >= sizeof s->session_id || strlen(pids_dir) >= sizeof s->pids_dir ||
	    strlen(memory_dir) >= sizeof s->memory_dir)
		return err_set(e, "bad start message");
	strcpy(s->session_id, id);
	strcpy(s->pids_dir, pids_dir);
	strcpy(s->memory_dir, memory_dir);
	s->ring = ring_map(s->in.fds[1], e);
	if (!s->ring)
		return -1;
	s->inbox.fd = s->in.fds[2];
	s->in.fds[2] = -1;
	/* While we may: nothing is ever started from here. */
	if ((CONFIG_CONFINE && caps_confine(~0ULL, 0, e) < 0) ||
	    caps_become(uid, gid, *user ? user : NULL, CAPS_SYS_PTRACE, e) < 0)
		return -1;
	caps_hide();
	/* The next server takes over what is in the ring: by then nobody may add to it. A stopped process
	 * would not notice that its control socket closed. After the change of ids, which forgets it; had the
	 * server died before, the socket says so. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, "die with the server");
	return add_rules(s, &r, e);
}

/* Which of the policies it waits under, nobody knows. */
static bool resolve(struct supervisor *s, struct msg_reader *r)
{
	const char *id = msg_get_str(r);
	bool approved = msg_get_u32(r) == 1;
	const char *reason = msg_get_str(r);

	if (!msg_end(r))
		return false;
	for (struct rules *rules = s->rules; rules; rules = rules->older)
		if (serve_approve(rules->governor, id, approved, reason))
			break;
	return true;
}

/* No room for what comes with a message. True: later; where there is none for seconds, it is lost after all.
 */
static bool is_full(struct supervisor *s, uint32_t events)
{
	if (!CONFIG_FILES || events & (EPOLLHUP | EPOLLERR))
		return false;
	if (!fd_has_room(CONTROL, TAKEN)) {
		for (struct rules *rules = s->rules; rules && s->wired.calls; rules = rules->older)
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
		if (CONFIG_LAYER_FUSE && s->in.n_fds == 1 &&
		    msg_open(&r, s->in.data.data, s->in.data.len) == WIRE_SHOWN &&
		    wired_shown(&s->wired, s->in.fds[0], &e) == 0)
			continue;
		if (CONFIG_APPROVALS && s->in.n_fds == 0 &&
		    msg_open(&r, s->in.data.data, s->in.data.len) == WIRE_APPROVAL && resolve(s, &r))
			continue;
		if (CONFIG_SERVER_RELOAD && s->in.n_fds == 1 &&
		    msg_open(&r, s->in.data.data, s->in.data.len) == WIRE_POLICY && add_rules(s, &r, &e) == 0)
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
	if (wire_recv(w->fd, &s->in, MSG_DONTWAIT, &e) <= 0 || s->in.n_fds != 1 ||
	    msg_open(&r, s->in.data.data, s->in.data.len) != WIRE_ATTACH)
		return;
	c.number = msg_get_u32(&r);
	c.entry_is_shell = msg_get_u32(&r) != 0;
	id = msg_get_str(&r);
	if (!msg_ok(&r) || strlen(id) >= sizeof c.id)
		return; /* the listener is closed with the next message: its processes are refused everything
		         */
	strcpy(c.id, id);
	c.rung = s->rung;
	c.killable = CONFIG_FILES && s->wired.flags & WIRED_KILLABLE;
	c.entry = s->in.from.pid;
	if (CONFIG_LIMITS)
		counter_entered(s->counter, c.entry);
	if (!msg_end(&r)) {
		if (!serve_first(s->rules->governor, &c, &r))
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
	drop_unused_rules(s);
	serve_rest(s->rules->governor);
	s->resting = !CONFIG_FILES || !wired_rest(&s->wired);
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
		ring_rest(s->ring);
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

	if (!CONFIG_RUNGS || s->rung != RUNG_PTRACE)
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
		                           .tag = s->tag,
		                           .session_id = s->session_id,
		                           .held = s->held,
		                           .pids_dir = s->pids_dir,
		                           .memory_dir = s->memory_dir,
		                           .sink = sink_background,
		                           .busy = is_busy,
		                           .arg = s };

	s->counter = counter_new(&o, s->rules->policy, e);
	return s->counter ? 0 : -1;
}

static int set_up(struct supervisor *s, struct err *e)
{
	int one = 1;

	s->loop = loop_new(e);
	s->desk = s->loop ? desk_new(s->loop, s->rules->governor, on_gone, s, e) : NULL;
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
	return role_enter(ROLE_SUPERVISE | (s->rung == RUNG_PTRACE ? ROLE_TRACE : 0) |
	                          (s->wired.calls ? ROLE_FILES : 0),
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
	s.inbox.fd = -1;
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
