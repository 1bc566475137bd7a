/* The process that serves a session's sockets: started when something comes, again when it dies. */
#include "session/proxied_impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "enforce/net/net.h"
#include "session/connected.h"
#include "session/impl.h"
#include "session/policy_wire.h"
#include "session/worker.h"
#include "sys/far.h"
#include "sys/netspace.h"
#include "sys/proc.h"
#include "wire/conn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { RING_BYTES = 512 << 10, END_MS = 200, FAILURES = 6, START_MS = 10000, ASKS = 50 /* a second */ };
#define LASTED_NS (10 * 1000000000LL)
#define DELAY_NS  (200 * 1000000LL)
#define SECOND_NS 1000000000LL

static void unwatch(struct proxied *p)
{
	for (int i = 0; i < PROXIED_SOCKETS; i++)
		loop_unwatch(p->session->core->loop, &p->watches[i].watch);
}

/* ---- the beginning ---- */

static int open_ring(struct proxied *p, struct err *e)
{
	char path[4096];

	if (p->ring)
		return 0;
	if (snprintf(path, sizeof path, "%s/" SESSION_PROXY_RING, p->session->dir) >= (int)sizeof path)
		return err_set(e, "session directory: name too long");
	p->ring = ring_create(path, RING_BYTES, e);
	return p->ring ? 0 : -1;
}

static bool demands(const struct session *s)
{
	return CONFIG_LAYER_NET && (s->worker ? worker_connected(s) : connected_judged(s));
}

static int send_start(struct proxied *p, struct err *e)
{
	const struct session *s = p->session;
	const int fds[] = { s->policy->text->fd, ring_fd(p->ring), p->page, proxied_ports(s->core) };
	struct msg m = { 0 };
	int rc;

	p->demands = demands(s);
	msg_start(&m, WIRE_START);
	msg_str(&m, s->id);
	msg_u64(&m, s->tag);
	msg_u32(&m, s->uid);
	msg_u32(&m, p->demands);
	msg_u32(&m,
	        CONFIG_LAYER_NET && s->core->config->sandbox.network.foreign_loopback == NET_FOREIGN_DENY);
	msg_u32(&m, p->space >= 0);
	msg_u64(&m, (uint64_t)s->core->config->approvals.timeout_ns);
	policy_wire_put(&m, s->policy);
	rc = wire_send(p->control, &m, fds, 4, MSG_DONTWAIT, e);
	msg_release(&m);
	return rc;
}

static int send_sockets(const struct proxied *p, int ask, struct err *e)
{
	int fds[PROXIED_SOCKETS + 1] = { ask }, n = 1, rc;
	struct msg m = { 0 };

	msg_start(&m, WIRE_LISTEN);
	for (int i = 0; i < PROXIED_SOCKETS; i++) {
		msg_u32(&m, p->fds[i] >= 0);
		if (p->fds[i] >= 0)
			fds[n++] = p->fds[i];
	}
	msg_u32(&m, p->trust[0] != 0);
	rc = wire_send(p->control, &m, fds, n, MSG_DONTWAIT, e);
	msg_release(&m);
	if (CONFIG_TLS_INTERCEPT && rc == 0 && p->trust[0])
		rc = proxied_trust_send(p, e);
	return rc;
}

static int spawn(struct proxied *p, struct err *e)
{
	char *argv[] = { "proxy", "--session", NULL };
	int pair[2], ask[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "proxy");
	p->pid = fork();
	if (p->pid == 0)
		worker_exec(argv, pair[1]);
	close(pair[1]);
	p->control = pair[0];
	p->pidfd = p->pid > 0 ? proc_pidfd(p->pid) : -1;
	p->since_ns = clock_mono_ns();
	if (p->pid < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ask) < 0)
		return err_sys(e, "proxy");
	p->asking = ask[0];
	rc = send_start(p, e) < 0 ? -1 : send_sockets(p, ask[1], e);
	close(ask[1]);
	return rc;
}

/* ---- its end ---- */

/* It tells what was open when nobody is at the other end of its socket; not for long. */
static void reap(struct proxied *p)
{
	struct pollfd end = { .fd = p->pidfd, .events = POLLIN };
	int status;

	loop_unwatch(p->session->core->loop, &p->said);
	loop_unwatch(p->session->core->loop, &p->asked);
	fd_close(&p->control);
	fd_close(&p->asking);
	if (p->pid <= 0)
		return;
	if (p->pidfd < 0 || poll(&end, 1, END_MS) <= 0) {
		if (p->pidfd < 0 || proc_signal(p->pidfd, SIGKILL) < 0)
			kill(p->pid, SIGKILL); /* our child, not waited for: the number is its own */
	}
	while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
		;
	fd_close(&p->pidfd);
	p->pid = 0;
}

static int start(struct proxied *p, struct err *e);
static void died(struct proxied *p, const char *how);
static void on_something(struct loop *l, struct watch *w, uint32_t events);

static void again(struct loop *l, struct timer *t)
{
	struct proxied *p = list_item(t, struct proxied, retry);
	struct err e = { 0 };

	/* Whom to trust is another one now, and programs read it before they connect. */
	if (CONFIG_TLS_INTERCEPT && p->trust[0] && start(p, &e) < 0)
		died(p, e.text);
	else if (!p->trust[0] && proxied_wait(p, &e) < 0)
		loop_timer(l, t, DELAY_NS);
}

/* What comes meanwhile waits in the kernel. */
static void died(struct proxied *p, const char *how)
{
	struct session *s = p->session;
	const bool lasted = clock_mono_ns() - p->since_ns > LASTED_NS;

	reap(p);
	proxied_gather(s->core, s);
	p->deaths++;
	p->failures = lasted ? 0 : p->failures + (p->failures < FAILURES);
	log_line(LOG_ERROR, "session %s: proxy: %s", s->id, how);
	proxied_log(s, "net_proxy_failed", "error", how);
	p->retry.due = again;
	loop_timer(s->core->loop, &p->retry, p->failures ? DELAY_NS << (p->failures - 1) : 1);
}

void proxied_end(struct proxied *p)
{
	loop_untimer(p->session->core->loop, &p->retry);
	unwatch(p);
	reap(p);
	proxied_gather(p->session->core, p->session);
}

/* ---- what it says ---- */

void proxied_gather(struct core *core, struct session *s)
{
	if (s->proxied && s->proxied->ring)
		core_drain_other(core, s, s->proxied->ring, &s->proxied->stuck);
}

static void on_said(struct loop *l, struct watch *w, uint32_t events)
{
	struct proxied *p = list_item(w, struct proxied, said);
	struct core *core = p->session->core;
	/* Large, and one for all. */
	struct wire_in in = core->in;
	struct err e = { 0 };
	int rc;

	(void)l;
	(void)events;
	core->in = (struct wire_in){ 0 };
	while ((rc = wire_recv(p->control, &in, MSG_DONTWAIT, &e)) > 0)
		;
	wire_in_release(&core->in);
	core->in = in;
	if (rc < 0 || e.code != EAGAIN)
		died(p, "its process ended");
	else
		proxied_gather(core, p->session);
}

/* ---- what it asks ---- */

/* To look for who holds a socket takes a while, and sessions can make it ask. */
static bool may_ask(struct proxied *p)
{
	const int64_t now = clock_mono_ns();

	if (now - p->asked_ns > SECOND_NS) {
		p->asked_ns = now;
		p->n_asked = 0;
	}
	return p->n_asked++ < ASKS;
}

/* The kernel tells of sockets of the namespace that one is in. */
static bool look_at(const struct proxied *p, int fd, struct far_end *far)
{
	const int back = p->space >= 0 ? netspace_enter(p->space, NULL) : -1;

	if (back < 0 && p->space >= 0)
		return false;
	far_end(fd, far);
	if (back >= 0)
		netspace_leave(back);
	return true;
}

/* Of which command is who connected there? False: it is known to be of none of this session. Where nobody is
 * found with it, it may well be the session's. */
static bool whose(struct proxied *p, int fd, uint32_t *command)
{
	const uint64_t ours = p->session->tag;
	struct far_end far;
	pid_t hint = 0;
	uint64_t tag;

	*command = 0;
	if (!may_ask(p))
		return true;
	if (!look_at(p, fd, &far))
		return true;
	if (far_is_held_in(&far, ours, command) || p->space >= 0)
		return true;
	return far_is_governed(&far, &tag, &hint) && (!tag || tag == ours);
}

static void answer(struct proxied *p, struct wire_in *in)
{
	const struct command *c;
	struct msg m = { 0 };
	struct msg_reader r;
	bool good = true;
	uint32_t number;

	if (msg_open(&r, in->data.data, in->data.len) != WIRE_WHOSE)
		return;
	number = msg_get_u32(&r);
	if (in->n_fds == 1)
		good = whose(p, in->fds[0], &number);
	c = command_by_number(p->session, number);
	msg_start(&m, WIRE_WHOSE);
	msg_u32(&m, good);
	msg_u32(&m, number);
	msg_str(&m, c ? c->id : "");
	wire_send(p->asking, &m, NULL, 0, MSG_DONTWAIT, NULL);
	msg_release(&m);
}

static void on_asked(struct loop *l, struct watch *w, uint32_t events)
{
	struct proxied *p = list_item(w, struct proxied, asked);
	struct wire_in in = p->session->core->in;
	struct err e = { 0 };
	int rc;

	(void)events;
	p->session->core->in = (struct wire_in){ 0 };
	while ((rc = wire_recv(p->asking, &in, MSG_DONTWAIT, &e)) > 0)
		answer(p, &in);
	wire_in_release(&p->session->core->in);
	p->session->core->in = in;
	if (rc < 0 || e.code != EAGAIN)
		loop_unwatch(l, w);
}

int proxied_hear(struct proxied *p, struct err *e)
{
	struct loop *l = p->session->core->loop;

	p->said = (struct watch){ .fd = p->control, .ready = on_said };
	p->asked = (struct watch){ .fd = p->asking, .ready = on_asked };
	return loop_watch(l, &p->said, EPOLLIN, e) < 0 ? -1 : loop_watch(l, &p->asked, EPOLLIN, e);
}

static int start(struct proxied *p, struct err *e)
{
	if (open_ring(p, e) == 0 && spawn(p, e) == 0 && proxied_hear(p, e) == 0)
		return 0;
	return -1;
}

int proxied_start(struct proxied *p, struct err *e)
{
	struct pollfd ready = { .events = POLLIN };

	for (int i = 0; i < PROXIED_SOCKETS; i++) {
		p->watches[i].proxied = p;
		p->watches[i].watch = (struct watch){ .fd = -1, .ready = on_something };
	}
	if (start(p, e) < 0)
		return -1;
	ready.fd = p->control;
	/* The first thing it says is that, or its end. */
	return poll(&ready, 1, START_MS) == 1 && !(ready.revents & POLLHUP)
	               ? 0
	               : err_set(e, "its process does not begin");
}

static void on_something(struct loop *l, struct watch *w, uint32_t events)
{
	struct proxied *p = list_item(w, struct waiting, watch)->proxied;
	struct err e = { 0 };

	(void)l;
	(void)events;
	unwatch(p);
	if (start(p, &e) < 0)
		died(p, e.text);
}

int proxied_wait(struct proxied *p, struct err *e)
{
	for (int i = 0; i < PROXIED_SOCKETS; i++) {
		struct watch *w = &p->watches[i].watch;

		p->watches[i].proxied = p;
		if (p->fds[i] < 0 || w->fd >= 0)
			continue;
		*w = (struct watch){ .fd = p->fds[i], .ready = on_something };
		if (loop_watch(p->session->core->loop, w, EPOLLIN, e) < 0) {
			w->fd = -1;
			return -1;
		}
	}
	return 0;
}

void proxied_supervised(struct session *s)
{
	struct proxied *p = s->proxied;
	struct err e;

	if (!p || p->control < 0 || p->demands == demands(s))
		return;
	reap(p);
	if (proxied_wait(p, &e) < 0)
		died(p, e.text);
}

void proxied_policy(struct core *core, struct session *s)
{
	struct proxied *p = s->proxied;
	struct msg m = { 0 };
	struct err e = { 0 };
	int rc;

	(void)core;
	if (!p || p->control < 0)
		return; /* the next process begins with it */
	msg_start(&m, WIRE_POLICY);
	policy_wire_put(&m, s->policy);
	rc = wire_send(p->control, &m, &s->policy->text->fd, 1, MSG_DONTWAIT, &e);
	msg_release(&m);
	/* The old one must not hold on. */
	if (rc < 0)
		died(p, e.text);
}

bool proxied_approve(struct session *s, const char *id, bool approved, const char *reason)
{
	struct proxied *p = s->proxied;
	struct msg m = { 0 };
	int rc;

	if (!p || p->control < 0)
		return false;
	msg_start(&m, WIRE_APPROVAL);
	msg_str(&m, id);
	msg_u32(&m, approved);
	msg_str(&m, reason);
	rc = wire_send(p->control, &m, NULL, 0, MSG_DONTWAIT, NULL);
	msg_release(&m);
	return rc == 0;
}
