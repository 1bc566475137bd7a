#include "session/proxying.h"

#include "audit/ring.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "enforce/exec/role.h"
#include "loop/loop.h"
#include "policy/policy.h"
#include "proxy/intercept.h"
#include "proxy/service.h"
#include "session/policy_wire.h"
#include "session/proxied.h"
#include "sys/caps.h"
#include "sys/tag.h"
#include "sys/trim.h"
#include "wire/conn.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { CONTROL = 3, SOCKETS = 6, NAMED = 32, ROOM_MS = 500, HOSTS_MAX = 256, ASK_MS = 1000 };
enum { WAKE_NS = 20000000 };
/* Of no user and of no session: beyond what systems give out, below "nobody". */
enum { OWN_ID = 65530 };

/* One that another followed; connections may still speak of its rules. */
struct old_policy {
	struct old_policy *older;
	struct policy *policy;
};

struct proxying {
	struct loop *loop;
	struct watch control;
	struct wire_in in, answers;
	struct ring *ring;
	struct net_page *page;
	const uint8_t *ports;
	struct policy *policy;
	struct old_policy *old;
	struct service *service;
	int sockets[SOCKETS], asking;
	bool inspects; /* hosts are listed whose TLS is ended here */
	struct intercept *intercept;
	char session_id[160];
	bool demands, named_loopback, apart;
	int64_t approval_ns;
	bool wake;        /* the server sleeps and there are records */
	struct timer nap; /* until it is told */
	struct named {
		uint32_t number;
		char id[41];
	} named[NAMED]; /* commands whose ids are known */
	unsigned n_named;
};

/* ---- events ---- */

static void tell(struct proxying *p, enum wire_op op)
{
	struct msg m = { 0 };

	msg_start(&m, op);
	wire_send(CONTROL, &m, NULL, 0, MSG_DONTWAIT, NULL);
	msg_release(&m);
	p->wake = false;
}

static bool put(struct proxying *p, const char *json, size_t len, uint32_t command, uint32_t flags)
{
	bool wake = false, good = ring_put(p->ring, json, len, command, flags, &wake);

	p->wake |= wake;
	return good;
}

/* Who asks faster than the log is written waits for it, and so do all others of the session. */
static bool sink(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags)
{
	struct proxying *p = arg;
	const int64_t end = clock_mono_ns() + ROOM_MS * 1000000LL;

	if (put(p, json, len, command, flags))
		return true;
	tell(p, WIRE_NEWS);
	while (clock_mono_ns() < end) {
		poll(NULL, 0, 1);
		if (put(p, json, len, command, flags))
			return true;
	}
	return false;
}

/* Once for many: to wake it for each takes longer than the connection. */
static void wake_server(struct loop *l, struct timer *t)
{
	struct proxying *p = list_item(t, struct proxying, nap);

	(void)l;
	if (p->wake)
		tell(p, WIRE_NEWS);
}

static void after_batch(void *arg)
{
	struct proxying *p = arg;

	if (p->wake && !p->nap.at_ns)
		loop_timer(p->loop, &p->nap, WAKE_NS);
}

/* ---- whose connections ---- */

static void name(struct proxying *p, uint32_t number, const char *id)
{
	struct named *n = &p->named[p->n_named++ % NAMED];

	if (!number || !*id || strlen(id) >= sizeof n->id)
		return;
	n->number = number;
	strcpy(n->id, id);
}

/* Ask about a connection, or a command's number. False: it is not the session's. Without an answer it may be.
 */
static bool ask(struct proxying *p, int fd, uint32_t *number)
{
	struct pollfd answer = { .fd = p->asking, .events = POLLIN };
	struct msg m = { 0 };
	struct msg_reader r;
	bool good = true;
	int rc;

	/* An answer that came too late. */
	while (wire_recv(p->asking, &p->answers, MSG_DONTWAIT, NULL) > 0)
		;
	msg_start(&m, WIRE_WHOSE);
	msg_u32(&m, *number);
	rc = wire_send(p->asking, &m, &fd, fd >= 0, MSG_DONTWAIT, NULL);
	msg_release(&m);
	if (rc < 0 || poll(&answer, 1, ASK_MS) <= 0 ||
	    wire_recv(p->asking, &p->answers, MSG_DONTWAIT, NULL) <= 0)
		return true;
	if (msg_open(&r, p->answers.data.data, p->answers.data.len) == WIRE_WHOSE) {
		good = msg_get_u32(&r) != 0;
		*number = msg_get_u32(&r);
		name(p, *number, msg_get_str(&r));
	}
	return good;
}

static bool is_caller(void *arg, int fd, uint32_t *command)
{
	*command = 0;
	return ask(arg, fd, command);
}

static const char *known_id(const struct proxying *p, uint32_t number)
{
	for (unsigned i = 0; i < NAMED; i++)
		if (p->named[i].number == number)
			return p->named[i].id;
	return NULL;
}

static const char *command_id(void *arg, uint32_t command)
{
	struct proxying *p = arg;
	uint32_t number = command;
	const char *id;

	if (!command)
		return NULL;
	id = known_id(p, command);
	if (!id)
		ask(p, -1, &number);
	return id ? id : known_id(p, command);
}

/* ---- the beginning ---- */

/* Two messages, for one holds few descriptors. */
static int take_sockets(struct proxying *p, struct err *e)
{
	struct msg_reader r;
	int n = 1;

	if (wire_recv(CONTROL, &p->in, 0, e) <= 0)
		return -1;
	if (msg_open(&r, p->in.data.data, p->in.data.len) != WIRE_LISTEN || p->in.n_fds < 1)
		return err_set(e, "no sockets");
	p->asking = p->in.fds[0];
	p->in.fds[0] = -1;
	for (int i = 0; i < SOCKETS; i++) {
		if (!msg_get_u32(&r) || n >= p->in.n_fds)
			continue;
		p->sockets[i] = p->in.fds[n];
		p->in.fds[n++] = -1;
	}
	p->inspects = msg_get_u32(&r) != 0;
	return msg_ok(&r) ? 0 : err_set(e, "no sockets");
}

/* Not root, and nobody whose files or processes there are; where ids cannot be had, root without its powers.
 */
static int become(uid_t session, struct err *e)
{
	const uid_t own = session == OWN_ID ? OWN_ID + 1 : OWN_ID;

	if (geteuid() != 0)
		return 0;
	if (CONFIG_CONFINE && caps_confine(~0ULL, 0, e) < 0)
		return -1;
	if (caps_become(own, own, NULL, -1, e) == 0 || e->code == EINVAL || e->code == EPERM)
		return 0;
	return -1;
}

static int take_start(struct proxying *p, struct err *e)
{
	struct msg_reader r;
	const char *id;
	uint64_t tag;
	uid_t uid;
	void *at;

	if (wire_recv(CONTROL, &p->in, 0, e) <= 0)
		return -1;
	if (!wire_is(&p->in, WIRE_START, 4, &r))
		return err_set(e, "bad start message");
	id = msg_get_str(&r);
	tag = msg_get_u64(&r);
	uid = msg_get_u32(&r);
	p->demands = msg_get_u32(&r) != 0;
	p->named_loopback = msg_get_u32(&r) != 0;
	p->apart = msg_get_u32(&r) != 0;
	p->approval_ns = (int64_t)msg_get_u64(&r);
	if (!msg_ok(&r) || strlen(id) >= sizeof p->session_id)
		return err_set(e, "bad start message");
	strcpy(p->session_id, id);
	p->ring = ring_map(p->in.fds[1], e);
	p->page = p->ring ? page_map(p->in.fds[2], e) : NULL;
	if (!p->page)
		return -1;
	at = mmap(NULL, PROXIED_PORTS, PROT_READ, MAP_SHARED, p->in.fds[3], 0);
	if (at == MAP_FAILED)
		return err_sys(e, "ports");
	p->ports = at;
	/* Whoever it reaches is to know for whom. */
	if ((CONFIG_LAYER_NET && tag_deputise(tag, e) < 0) || become(uid, e) < 0)
		return -1;
	caps_hide();
	/* As a supervisor: who reads the ring after the server's death is alone with it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, "die with the server");
	p->policy = policy_wire_take(&r, p->in.fds[0], e);
	return p->policy ? take_sockets(p, e) : -1;
}

/* ---- another policy ---- */

static int take_policy(struct proxying *p, struct msg_reader *r, struct err *e)
{
	struct old_policy *old = calloc(1, sizeof *old);
	struct policy *fresh = old ? policy_wire_take(r, p->in.fds[0], e) : NULL;

	if (!fresh || service_policy(p->service, fresh, e) < 0) {
		policy_free(fresh);
		free(old);
		return old ? -1 : err_set(e, "out of memory");
	}
	*old = (struct old_policy){ .older = p->old, .policy = p->policy };
	p->old = old;
	p->policy = fresh;
	return 0;
}

static void drop_old(struct proxying *p)
{
	while (p->old) {
		struct old_policy *old = p->old;

		p->old = old->older;
		policy_free(old->policy);
		free(old);
	}
}

/* Whether anybody waits still, the event "approval_resolved" tells. */
static bool resolve(struct proxying *p, struct msg_reader *r)
{
	const char *id = msg_get_str(r);
	const bool approved = msg_get_u32(r) == 1;
	const char *reason = msg_get_str(r);

	if (msg_end(r))
		proxy_approve(service_proxy(p->service), id, approved, reason);
	return msg_end(r);
}

/* When the server is gone, or wants what cannot be done, that is the end: a policy that was taken back must
 * not hold on. */
static void on_control(struct loop *l, struct watch *w, uint32_t events)
{
	struct proxying *p = list_item(w, struct proxying, control);
	struct msg_reader r;
	struct err e = { 0 };

	(void)events;
	while (wire_recv(CONTROL, &p->in, MSG_DONTWAIT, &e) > 0) {
		if (!proxy_conns(service_proxy(p->service)))
			drop_old(p);
		if (CONFIG_APPROVALS && wire_is(&p->in, WIRE_APPROVAL, 0, &r) && resolve(p, &r))
			continue;
		if (CONFIG_SERVER_RELOAD && wire_is(&p->in, WIRE_POLICY, 1, &r) &&
		    take_policy(p, &r, &e) == 0)
			continue;
		log_line(LOG_ERROR, "new policy: %s", e.text);
		loop_stop(l);
		return;
	}
	if (e.code != EAGAIN)
		loop_stop(l);
}

/* What clients are to trust goes into the file that they are told of. */
static int write_trust(int fd, const char *text, struct err *e)
{
	if (ftruncate(fd, 0) == 0 && lseek(fd, 0, SEEK_SET) == 0 && fd_write(fd, text, strlen(text)) == 0)
		return 0;
	return err_sys(e, "file of certificates");
}

static int take_trust(struct proxying *p, struct err *e)
{
	const char *hosts[HOSTS_MAX];
	struct msg_reader r;
	size_t n;

	if (!p->inspects)
		return 0;
	if (wire_recv(CONTROL, &p->in, 0, e) <= 0)
		return -1;
	if (!wire_is(&p->in, WIRE_TRUST, 1, &r))
		return err_set(e, "no list of hosts");
	n = msg_get_u32(&r);
	if (n > HOSTS_MAX)
		return err_set(e, "more than %d hosts in sandbox.network.tls_inspection", HOSTS_MAX);
	for (size_t i = 0; i < n; i++)
		hosts[i] = msg_get_str(&r);
	if (!msg_end(&r))
		return err_set(e, "no list of hosts");
	p->intercept = intercept_new(p->loop, hosts, n, NULL, e);
	return p->intercept ? write_trust(p->in.fds[0], intercept_bundle(p->intercept), e) : -1;
}

static int set_up(struct proxying *p, struct err *e)
{
	struct service_options o = { .policy = p->policy,
		                     .session_id = p->session_id,
		                     .page = p->page,
		                     .demand_flows = p->demands,
		                     .named_loopback = p->named_loopback,
		                     .ours = p->ports,
		                     .approval_ns = CONFIG_APPROVALS ? p->approval_ns : 0,
		                     .apart = p->apart,
		                     .listeners = { p->sockets[0], p->sockets[1], p->sockets[4],
		                                    p->sockets[5] },
		                     .udp = p->sockets[2],
		                     .tcp = p->sockets[3],
		                     .sink = sink,
		                     .command_id = command_id,
		                     .is_caller = is_caller,
		                     .arg = p };

	p->loop = o.loop = loop_new(e);
	if (CONFIG_TLS_INTERCEPT && (!p->loop || take_trust(p, e) < 0))
		return -1;
	o.intercept = p->intercept;
	p->service = p->loop ? service_new(&o, e) : NULL;
	if (!p->service)
		return -1;
	p->nap.due = wake_server;
	loop_after_batch(p->loop, after_batch, p);
	p->control = (struct watch){ .fd = CONTROL, .ready = on_control };
	return loop_watch(p->loop, &p->control, EPOLLIN, e);
}

static void release(struct proxying *p)
{
	service_free(p->service); /* tells what was open */
	if (CONFIG_TLS_INTERCEPT)
		intercept_free(p->intercept);
	if (p->loop) {
		loop_unwatch(p->loop, &p->control);
		loop_free(p->loop);
	}
	drop_old(p);
	policy_free(p->policy);
	page_unmap(p->page);
	wire_in_release(&p->in);
	wire_in_release(&p->answers);
	ring_close(p->ring);
}

int proxying_run(struct err *e)
{
	struct proxying *p = calloc(1, sizeof *p);
	int rc = -1;

	if (!p)
		return err_set(e, "out of memory");
	p->asking = p->control.fd = -1;
	for (int i = 0; i < SOCKETS; i++)
		p->sockets[i] = -1;
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	fd_raise_limit(SERVICE_FILES);
	if (take_start(p, e) == 0 && set_up(p, e) == 0 &&
	    (!CONFIG_CONFINE || role_enter(ROLE_PROXY, 0, e) == 0)) {
		tell(p, WIRE_READY);
		trim_text();
		rc = loop_run(p->loop, e);
	}
	release(p);
	free(p);
	return rc;
}
