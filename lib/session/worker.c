#include "session/worker.h"

#include "audit/ring.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "enforce/exec/plan.h"
#include "session/closed.h"
#include "session/closed_apart.h"
#include "session/connected.h"
#include "session/gate.h"
#include "session/handover.h"
#include "session/judged.h"
#include "session/limited.h"
#include "session/policy_wire.h"
#include "session/proxied.h"
#include "session/views.h"
#include "sys/proc.h"
#include "sys/hunt.h"
#include "sys/tag.h"
#include "wire/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum { CONTROL = 3, RING_BYTES = 1 << 20, REFRESH_NS = 1000000000, REFRESH_COMMANDS = 128 };

struct worker {
	struct core *core;
	struct session *session;
	int fd; /* control socket */
	struct watch control;
	int inbox; /* our end: what we hand to those who enter */
	pid_t pid;
	int pidfd;
	struct plan plan;
	unsigned judged; /* calls on files that its filter marks */
	bool connected;  /* and those that connect and send */
	struct floor floor;
	struct limits limits;
	int64_t floor_ns; /* when it was looked at */
	uint32_t floor_command;
	char armed[160], missing[800]; /* with what the view of the workspace holds */
};

const struct launch_plan *worker_plan(const struct session *s)
{
	return s->worker ? &s->worker->plan.launch : NULL;
}

int worker_inbox(const struct session *s)
{
	return s->worker ? s->worker->inbox : -1;
}

bool worker_connected(const struct session *s)
{
	return s->worker && s->worker->connected;
}

const char *worker_armed(const struct session *s)
{
	struct worker *w = s->worker;

	if (!CONFIG_LAYER_FUSE || !w || !views_shown(s))
		return w ? w->plan.armed : "";
	snprintf(w->armed, sizeof w->armed, "%s,fuse", w->plan.armed);
	return w->armed;
}

const char *worker_missing(const struct session *s)
{
	struct worker *w = s->worker;
	const char *view = CONFIG_LAYER_FUSE ? views_missing(s) : "";

	if (!w || !*view)
		return w ? w->plan.missing : "";
	snprintf(w->missing, sizeof w->missing, "%s%sfuse: %s", w->plan.missing, *w->plan.missing ? "; " : "",
	         view);
	return w->missing;
}

_Noreturn void worker_exec(char *const argv[], int control)
{
	char *env[] = { NULL };
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (dup2(control, CONTROL) < 0 || fcntl(CONTROL, F_SETFD, 0) < 0)
		_exit(126);
	fd_close_from(CONTROL + 1);
	execve("/proc/self/exe", argv, env);
	_exit(127);
}

static void forget(struct worker *w)
{
	loop_unwatch(w->core->loop, &w->control);
	fd_close(&w->fd);
	fd_close(&w->inbox);
	fd_close(&w->pidfd);
	plan_release(&w->plan);
	floor_release(&w->floor);
	if (CONFIG_LIMITS)
		limits_release(&w->limits);
	w->session->worker = NULL;
	free(w);
}

/* The child is ours to reap. It ends at once when its control socket closes or it is killed; but not while it
 * waits for a view whose process is held up itself. */
static void reap(struct worker *w)
{
	struct pollfd p = { .fd = w->pidfd, .events = POLLIN };
	int status;

	if (w->pidfd >= 0)
		proc_signal(w->pidfd, SIGKILL);
	if (CONFIG_LAYER_FUSE && views_any(w->core) && w->pidfd >= 0 && poll(&p, 1, VIEWS_END_MS) <= 0)
		views_stray(w->core, w->pid);
	else if (w->pid > 0)
		while (waitpid(w->pid, &status, 0) < 0 && errno == EINTR)
			;
}

/* Several ends in one message: number, status, time. False when the session may be gone now. */
static bool on_done(struct worker *w, struct msg_reader *r)
{
	struct session *s = w->session;

	for (uint32_t n = msg_get_u32(r); n && msg_ok(r); n--) {
		uint32_t number = msg_get_u32(r);
		int status = (int)msg_get_u32(r);
		int64_t end_ns = (int64_t)msg_get_u64(r);
		struct command *c = msg_ok(r) ? command_by_number(s, number) : NULL;

		if (c && c->live)
			gate_command_done(w->core, c, status, end_ns);
		if (s->worker != w)
			return false;
	}
	return true;
}

static void on_gone(struct worker *w, const char *how)
{
	struct core *core = w->core;
	struct session *s = w->session;

	reap(w);
	forget(w);
	session_worker_died(core, s, how);
}

/* All that it has said. */
static void hear(struct worker *w, struct wire_in *in)
{
	struct session *s = w->session;
	struct err e = { 0 };

	for (;;) {
		struct msg_reader r;
		int rc = wire_recv(w->fd, in, MSG_DONTWAIT, &e);

		if (rc == 0 && e.code == EAGAIN)
			break;
		if (rc <= 0) {
			on_gone(w, "its process ended");
			break;
		}
		switch (msg_open(&r, in->data.data, in->data.len)) {
		case WIRE_READY:
			s->worker_failures = 0;
			break;
		case WIRE_NEWS:
			if (!on_done(w, &r))
				return;
		}
	}
}

static void on_control(struct loop *l, struct watch *watch, uint32_t events)
{
	struct worker *w = list_item(watch, struct worker, control);
	struct core *core = w->core;
	/* Large, and one for all; not there while it is in use. */
	struct wire_in in = core->in;

	(void)l;
	(void)events;
	core->in = (struct wire_in){ 0 };
	core_wake(core, w->session);
	hear(w, &in);
	wire_in_release(&core->in);
	core->in = in;
}

/* All but what it lacks. */
static void set_options(const struct worker *w, struct plan_options *o)
{
	uint16_t ports[CONNECTED_PORTS];

	o->tag = w->session->tag;
	o->blocked = w->core->config->sandbox.seccomp.syscalls.block.items;
	o->n_blocked = w->core->config->sandbox.seccomp.syscalls.block.n;
	o->keep_caps = closed_caps(w->core->config);
	o->found = w->core->found;
	o->ruleset = w->floor.ruleset;
	if (CONFIG_LIMITS) {
		o->count_tasks = limited_counts(w->core, &w->limits);
		o->limits = limited_layer(w->core, &w->limits);
	}
	if (CONFIG_FILES)
		o->files = w->judged;
	if (CONFIG_LAYER_NET) {
		o->net = connected_wanted(w->session);
		o->ports = connected_ports(w->session, ports) >= 0;
		o->apart = proxied_space(w->session) >= 0;
	}
}

/* What a supervisor needs to compile the policy whose text goes with the message. */
int worker_policy(struct core *core, struct session *s, struct err *e)
{
	struct worker *w = s->worker;
	struct plan_options o = { .tag = 0 };
	struct msg m = { 0 };
	int rc;

	/* The supervisor is made for files, or it is not. What is asked about is another matter. */
	if (CONFIG_FILES && !judged_calls(s) != !w->judged)
		return err_set(e, "file rules came or went");
	if (CONFIG_LAYER_NET && connected_judged(s) != w->connected)
		return err_set(e, "network rules came or went");
	if (CONFIG_FILES && judged_calls(s) & ~w->judged) {
		w->judged |= judged_calls(s);
		set_options(w, &o);
		if (plan_ask(&w->plan, &o, e) < 0)
			return -1;
	}
	if (CONFIG_LIMITS)
		limited_change(core, s, &w->limits);
	msg_start(&m, WIRE_POLICY);
	policy_wire_put(&m, s->policy);
	/* A supervisor that does not take it is stopped or flooded: not waited for. */
	rc = wire_send(w->fd, &m, &s->policy->text->fd, 1, MSG_DONTWAIT, e);
	msg_release(&m);
	return rc;
}

int worker_approve(struct session *s, const char *id, bool approved, const char *reason, struct err *e)
{
	struct msg m = { 0 };
	int rc;

	/* Which of the two asked, nobody knows here. */
	if (CONFIG_APPLET_PROXY && proxied_approve(s, id, approved, reason) && !s->worker)
		return 0;
	if (!s->worker)
		return err_set(e, "nothing waits in this session");
	msg_start(&m, WIRE_APPROVAL);
	msg_str(&m, id);
	msg_u32(&m, approved);
	msg_str(&m, reason);
	rc = wire_send(s->worker->fd, &m, NULL, 0, MSG_DONTWAIT, e);
	msg_release(&m);
	return rc;
}

static int send_start(struct worker *w, int their_inbox, struct err *e)
{
	struct session *s = w->session;
	/* With a view of the workspace, what they share, and the directory below. */
	int fds[WIRE_FDS] = { s->policy->text->fd, ring_fd(s->ring), their_inbox };
	bool view = CONFIG_LAYER_FUSE && views_shown(s);
	struct msg m = { 0 };
	int n = 3, page = -1, rc;

	msg_start(&m, WIRE_START);
	msg_str(&m, s->id);
	msg_u64(&m, s->tag);
	msg_u32(&m, s->uid);
	msg_u32(&m, s->gid);
	msg_str(&m, s->user);
	msg_u32(&m, w->plan.launch.rung);
	if (CONFIG_LIMITS) {
		msg_u32(&m, w->limits.held);
		msg_str(&m, limits_dir(&w->limits, LIMITS_PIDS));
		msg_str(&m, limits_dir(&w->limits, LIMITS_MEMORY));
	}
	if (CONFIG_FILES)
		judged_put(s, w->plan.launch.killable, w->floor.held != 0, &m);
	if (CONFIG_LAYER_NET)
		page = connected_put(s, &m);
	if (CONFIG_APPROVALS)
		msg_u64(&m, (uint64_t)w->core->config->approvals.timeout_ns);
	policy_wire_put(&m, s->policy);
	if (view) {
		fds[n++] = views_page(s);
		fds[n++] = views_lower(s);
	}
	if (page >= 0)
		fds[n++] = page;
	rc = wire_send(w->fd, &m, fds, n, 0, e);
	msg_release(&m);
	return rc;
}

void worker_shown(struct session *s)
{
	struct worker *w = s->worker;
	int page = views_page(s);
	struct msg m = { 0 };
	struct err e;

	if (!w)
		return;
	w->floor_ns = 0; /* its rules are about what lay there before */
	msg_start(&m, WIRE_SHOWN);
	if (wire_send(w->fd, &m, &page, 1, MSG_DONTWAIT, &e) < 0)
		log_line(LOG_WARN, "session %s: supervisor: %s", s->id, e.text);
	msg_release(&m);
}

static int make_plan(struct worker *w, struct err *e)
{
	struct plan_options o = { .tag = 0 };
	struct err why;
	int rc;

	rc = closed_look(w->session, NULL, true, &w->floor, &why);
	/* Who does not get there in time would do without for ever. */
	if (CONFIG_LAYER_FUSE && rc < 0 && why.code == ETIMEDOUT)
		return err_set(e, "%s", why.text);
	w->floor_ns = clock_mono_ns();
	if (CONFIG_LIMITS)
		limited_make(w->core, w->session, &w->limits);
	if (CONFIG_FILES)
		w->judged = judged_calls(w->session);
	if (CONFIG_LAYER_NET)
		w->connected = connected_judged(w->session);
	set_options(w, &o);
	o.missing = rc < 0 ? why.text : w->floor.missing;
	if (CONFIG_FILES)
		o.loose = w->floor.inexact;
	if (*o.missing)
		log_line(LOG_WARN, "session %s: %s", w->session->id, o.missing);
	if (CONFIG_LAYER_NET && o.net && !w->connected && !o.apart &&
	    !(o.ports ? o.ruleset >= 0 : connected_may_lack(w->session)))
		return err_set(e, "connections cannot be judged here: %s", w->core->found->why);
	if (plan_make(&w->plan, &o, e) < 0)
		return -1;
	w->plan.launch.join = w->limits.join;
	w->plan.launch.n_join = w->limits.n;
	return 0;
}

/* Under the old number: answers that wait to be sent name it. */
static bool exchange(struct worker *w, struct floor *fresh)
{
	int kept = w->floor.ruleset;

	if ((CONFIG_FILES && fresh->incomplete) || fresh->ruleset < 0 ||
	    dup3(fresh->ruleset, kept, O_CLOEXEC) < 0)
		return false;
	w->floor.ruleset = -1;
	floor_release(&w->floor);
	fd_close(&fresh->ruleset);
	fresh->ruleset = kept;
	w->floor = *fresh;
	w->floor_command = w->session->last_command;
	return true;
}

/* Take in what has appeared since the session's files were closed. */
static void refresh(struct session *s)
{
	struct worker *w = s->worker;
	int64_t now = clock_mono_ns();
	struct floor fresh;
	bool replaced;

	if (!CONFIG_CLOSED_FILES || !w || w->floor.ruleset < 0)
		return;
	replaced = CONFIG_FILES && closed_replaced(s, &w->floor);
	if (!replaced && now - w->floor_ns < REFRESH_NS)
		return;
	w->floor_ns = now;
	/* Each command of root's leaves a rule of its own there. */
	if (s->uid == 0 && s->last_command - w->floor_command >= REFRESH_COMMANDS)
		replaced = true;
	switch (closed_look(s, &w->floor, replaced, &fresh, NULL)) {
	case CLOSED_NEW:
		if (!exchange(w, &fresh))
			floor_release(&fresh);
		break;
	case -1:
		w->floor.incomplete = true; /* what it was told of changes is lost */
	}
}

static int open_ring(struct session *s, struct err *e)
{
	char path[4096];

	if (s->ring)
		return 0;
	if (snprintf(path, sizeof path, "%s/" SESSION_RING, s->dir) >= (int)sizeof path)
		return err_set(e, "session directory: name too long");
	s->ring = ring_create(path, RING_BYTES, e);
	return s->ring ? 0 : -1;
}

static int spawn(struct worker *w, struct err *e)
{
	int control[2] = { -1, -1 }, inbox[2] = { -1, -1 }, one = 1, rc = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, inbox) < 0 ||
	    setsockopt(inbox[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one) < 0) {
		err_sys(e, "supervisor sockets");
	} else {
		w->pid = fork();
		if (w->pid == 0)
			worker_exec((char *[]){ "supervise", NULL }, control[1]);
		w->plan.launch.tracer = w->pid;
		w->pidfd = w->pid > 0 ? proc_pidfd(w->pid) : -1;
		w->fd = w->control.fd = control[0];
		w->inbox = inbox[0];
		rc = w->pid < 0 ? err_sys(e, "fork supervisor") : send_start(w, inbox[1], e);
		control[0] = inbox[0] = -1;
	}
	fd_close(&control[0]);
	fd_close(&control[1]);
	fd_close(&inbox[0]);
	fd_close(&inbox[1]);
	return rc;
}

static struct worker *make(struct core *core, struct session *s)
{
	struct worker *w = calloc(1, sizeof *w);

	if (w)
		*w = (struct worker){ .core = core,
			              .session = s,
			              .fd = -1,
			              .control = { .fd = -1, .ready = on_control },
			              .inbox = -1,
			              .pidfd = -1,
			              .plan.launch.ruleset = -1,
			              .floor = { .ruleset = -1, .mounts = -1 } };
	s->worker = w;
	return w;
}

int worker_start(struct core *core, struct session *s, struct err *e)
{
	struct worker *w = make(core, s);

	if (!w)
		return err_set(e, "out of memory");
	if (open_ring(s, e) == 0 && make_plan(w, e) == 0 && spawn(w, e) == 0 &&
	    loop_watch(core->loop, &w->control, EPOLLIN, e) == 0)
		return 0;
	reap(w);
	forget(w);
	return err_in(e, "supervisor");
}

void worker_look(struct core *core, struct session *s)
{
	struct pollfd p = { .fd = s->worker ? s->worker->fd : -1 };

	if (poll(&p, 1, 0) > 0 && p.revents & (POLLHUP | POLLERR))
		on_control(core->loop, &s->worker->control, EPOLLIN); /* to its end: it is gone */
	else
		refresh(s);
}

void worker_stop(struct core *core, struct session *s)
{
	if (s->worker)
		reap(s->worker);
	if (CONFIG_LIMITS)
		limited_end(core, s, s->worker ? &s->worker->limits : NULL);
	if (!s->worker)
		return;
	forget(s->worker);
}

int worker_kill(struct core *core, uint64_t tag, uint32_t command, int signal)
{
	(void)core;
	return tag_kill(tag, command, 0, signal) >= 0 ? 0 : -1;
}

int worker_count(struct core *core, uint64_t tag, uint32_t command)
{
	(void)core;
	return tag_kill(tag, command, 0, 0);
}

void worker_hand_over(const struct session *s, struct handover *h)
{
	const struct worker *w = s->worker;

	msg_u32(&h->m, s->worker_state == WORKER_UP && w ? 1 : 0);
	if (s->worker_state != WORKER_UP || !w)
		return;
	msg_u32(&h->m, (uint32_t)w->pid);
	handover_fd(h, w->fd);
	handover_fd(h, w->inbox);
	handover_fd(h, w->plan.launch.ruleset);
	if (CONFIG_FILES)
		msg_u32(&h->m, w->judged);
	if (CONFIG_LAYER_NET)
		msg_u32(&h->m, w->connected);
	msg_u32(&h->m, w->plan.launch.rung);
	msg_u32(&h->m, w->plan.launch.killable);
	msg_str(&h->m, w->plan.armed);
	msg_str(&h->m, w->plan.missing);
	msg_bytes(&h->m, w->plan.launch.filter, w->plan.launch.n_filter * sizeof *w->plan.launch.filter);
	if (CONFIG_LIMITS)
		limited_hand_over(&w->limits, h);
}

/* Its plan stays what it was: the supervisor, of the version before, knows what that asks it. */
static int take_plan(struct worker *w, struct msg_reader *r, struct err *e)
{
	struct plan *p = &w->plan;
	const void *filter;
	size_t len;

	p->launch.tag = w->session->tag;
	p->launch.ruleset = handover_get_fd(r);
	if (CONFIG_FILES) {
		/* What it was made from is not known here: the next command makes another one. */
		w->floor.ruleset = p->launch.ruleset;
		w->floor.incomplete = true;
		w->judged = msg_get_u32(r);
	}
	if (CONFIG_LAYER_NET)
		w->connected = msg_get_u32(r) != 0;
	p->launch.rung = (enum rung)msg_get_u32(r);
	p->launch.tracer = w->pid;
	p->launch.killable = msg_get_u32(r) != 0;
	snprintf(p->armed, sizeof p->armed, "%s", msg_get_str(r));
	snprintf(p->missing, sizeof p->missing, "%s", msg_get_str(r));
	filter = msg_get_bytes(r, &len);
	if (!msg_ok(r) || !len || len % sizeof *p->launch.filter)
		return err_set(e, "a supervisor is missing");
	p->owned = malloc(len);
	if (!p->owned)
		return err_set(e, "out of memory");
	p->launch.filter = memcpy(p->owned, filter, len);
	p->launch.n_filter = len / sizeof *p->launch.filter;
	if (CONFIG_LIMITS)
		limited_take(&w->limits, r);
	p->launch.join = w->limits.join;
	p->launch.n_join = w->limits.n;
	return 0;
}

int worker_take_over(struct core *core, struct session *s, struct msg_reader *r, bool dry, struct err *e)
{
	char path[4096];
	struct worker *w;

	if (!msg_get_u32(r))
		return 0; /* the next command starts one */
	w = make(core, s);
	if (!w)
		return err_set(e, "out of memory");
	w->pid = (pid_t)msg_get_u32(r);
	w->fd = w->control.fd = handover_get_fd(r);
	w->inbox = handover_get_fd(r);
	if (take_plan(w, r, e) < 0 || w->fd < 0 || w->inbox < 0)
		return err_in(e, "session %s", s->id);
	if (dry)
		return 0;
	w->pidfd = proc_pidfd(w->pid);
	snprintf(path, sizeof path, "%s/" SESSION_RING, s->dir);
	s->ring = ring_open(path, e);
	core_wake(core, s);
	s->worker_state = WORKER_UP;
	return s->ring ? loop_watch(core->loop, &w->control, EPOLLIN, e) : -1;
}
