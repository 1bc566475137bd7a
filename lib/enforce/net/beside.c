#include "enforce/net/beside.h"

#include "base/fd.h"
#include "enforce/exec/role.h"
#include "proxy/service.h"
#include "sys/tag.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	BACKLOG = 512,
	TRIES = 8,
	EVENTS_ROOM = 1 << 20,
	TEXT = 16384,
	PATIENCE_MS = 2000,
	AGAIN_NS = 5000000,
	ROOM_MS = 500
};

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

/* A socket on this machine's own address, at this port, 0 = any. */
static int open_socket(int family, int type, uint16_t port, struct net_place *at)
{
	union address a = { .any.sa_family = (sa_family_t)family };
	socklen_t len = family == AF_INET ? sizeof a.v4 : sizeof a.v6;
	int fd = socket(family, type | SOCK_CLOEXEC, 0);

	a.v4.sin_port = htons(port); /* where that of IPv6 lies, too */
	if (family == AF_INET)
		a.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	else
		a.v6.sin6_addr = in6addr_loopback;
	if (fd < 0 || bind(fd, &a.any, len) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0) ||
	    getsockname(fd, &a.any, &len) < 0) {
		fd_close(&fd);
		return -1;
	}
	at->port = ntohs(a.v4.sin_port);
	at->addr.len = family == AF_INET ? 4 : 16;
	memcpy(at->addr.bytes, family == AF_INET ? (void *)&a.v4.sin_addr : (void *)&a.v6.sin6_addr,
	       at->addr.len);
	return fd;
}

/* UDP and TCP at the same port. */
static int open_names(struct service_options *s, struct net_place *at)
{
	for (int i = 0; i < TRIES; i++) {
		s->udp = open_socket(AF_INET, SOCK_DGRAM, 0, at);
		s->tcp = s->udp < 0 ? -1 : open_socket(AF_INET, SOCK_STREAM, at->port, at);
		if (s->tcp >= 0)
			return 0;
		fd_close(&s->udp);
	}
	at->port = 0;
	return -1;
}

static int open_all(struct beside *b, struct net_options *n, struct service_options *s, int events[2],
                    struct err *e)
{
	const int room = EVENTS_ROOM;
	int page = -1;

	b->page = page_new(&page, e);
	fd_close(&page);
	if (!b->page)
		return -1;
	s->listeners[0] = open_socket(AF_INET, SOCK_STREAM, 0, &n->proxy);
	/* Where there is no IPv6, nobody misses it. */
	s->listeners[1] = open_socket(AF_INET6, SOCK_STREAM, 0, &n->proxy6);
	if (s->listeners[0] < 0 || (CONFIG_PROXY_DNS && open_names(s, &n->dns) < 0) ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, events) < 0)
		return err_sys(e, "sockets of the proxy");
	setsockopt(events[1], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
	return 0;
}

/* ---- the child ------------------------------------------------------------------------------------------
 */

struct child {
	struct loop *loop;
	struct watch parent;
	const char *command;
	uint64_t tag;
	int events;
};

static bool sink(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags)
{
	const struct child *c = arg;
	const struct iovec parts[] = { { &flags, sizeof flags }, { (void *)(uintptr_t)json, len } };
	const ssize_t all = (ssize_t)(sizeof flags + len);
	struct pollfd p = { .fd = c->events, .events = POLLOUT };

	(void)command;
	/* Where little has room, it is read in a moment. */
	return writev(c->events, parts, 2) == all ||
	       (errno == EAGAIN && poll(&p, 1, ROOM_MS) == 1 && writev(c->events, parts, 2) == all);
}

static const char *command_id(void *arg, uint32_t command)
{
	(void)command;
	return ((const struct child *)arg)->command;
}

static void on_parent(struct loop *l, struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
	loop_stop(l);
}

static bool is_ours(const struct service_options *s, int events, int fd)
{
	return fd == events || fd == s->listeners[0] || fd == s->listeners[1] || fd == s->udp || fd == s->tcp;
}

/* Whatever else was open is not the network's. */
static void let_go(const struct service_options *s, int events)
{
	const int fds[] = { events, s->listeners[0], s->listeners[1], s->udp, s->tcp };
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), top = 2;

	for (int i = 0; i < 3 && null >= 0; i++)
		dup2(null, i);
	for (size_t i = 0; i < sizeof fds / sizeof *fds; i++)
		top = fds[i] > top ? fds[i] : top;
	for (int i = 3; i < top; i++)
		if (!is_ours(s, events, i))
			close(i);
	fd_close_from(top + 1);
}

static int serve(struct child *c, struct service_options s)
{
	struct service *service = NULL;
	struct err e;
	int rc;

	s.sink = sink;
	s.command_id = command_id;
	s.arg = c;
	c->loop = s.loop = loop_new(&e);
	c->parent = (struct watch){ .fd = c->events, .ready = on_parent };
	/* What it connects to is to know whose that is. */
	if (!s.loop || tag_deputise(c->tag, &e) < 0 || loop_watch(s.loop, &c->parent, EPOLLIN, &e) < 0 ||
	    !(service = service_new(&s, &e)))
		return 1;
	fd_raise_limit(SERVICE_FILES);
	if (CONFIG_CONFINE && role_enter(ROLE_PROXY, 0, &e) < 0)
		return 1;
	rc = loop_run(s.loop, &e);
	service_free(service);
	return rc < 0;
}

static void child_main(const struct beside_options *o, const struct service_options *s, int events,
                       pid_t parent)
{
	struct child c = { .command = o->command_id, .tag = o->tag, .events = events };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent)
		_exit(1);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_IGN);
	setsid(); /* a terminal's signals are the command's */
	let_go(s, events);
	_exit(serve(&c, *s));
}

/* ---- the parent -----------------------------------------------------------------------------------------
 */

static void close_all(struct service_options *s)
{
	fd_close(&s->listeners[0]);
	fd_close(&s->listeners[1]);
	fd_close(&s->udp);
	fd_close(&s->tcp);
}

struct net *beside_start(struct beside *b, const struct beside_options *o, struct err *e)
{
	struct net_options n = { .policy = o->policy, .tag = o->tag, .foreign = o->foreign };
	struct service_options s = { .policy = o->policy,
		                     .session_id = o->session_id,
		                     .demand_flows = true,
		                     .named_loopback = o->foreign == NET_FOREIGN_DENY,
		                     .listeners = { -1, -1, -1, -1 },
		                     .udp = -1,
		                     .tcp = -1 };
	int events[2] = { -1, -1 };
	const pid_t parent = getpid();
	struct net *net = NULL;

	*b = (struct beside){ .events.fd = -1, .events_fd = -1, .sink = o->sink, .arg = o->arg };
	n.whose = b->whose = whose_new();
	if (!CONFIG_APPLET_PROXY)
		return net_new(&n, e);
	if (open_all(b, &n, &s, events, e) == 0) {
		s.page = b->page;
		b->pid = fork();
		if (b->pid == 0)
			child_main(o, &s, events[1], parent);
		if (b->pid < 0)
			err_sys(e, "fork");
	}
	close_all(&s);
	fd_close(&events[1]);
	b->events_fd = events[0];
	n.page = b->page;
	if (b->pid > 0)
		net = net_new(&n, e);
	if (!net)
		beside_stop(b, NULL);
	return net;
}

/* What it has told of. False: it will tell no more. */
static bool take_events(const struct beside *b)
{
	char text[TEXT];
	uint32_t flags;
	struct iovec parts[] = { { &flags, sizeof flags }, { text, sizeof text } };
	ssize_t n;

	while ((n = readv(b->events_fd, parts, 2)) > (ssize_t)sizeof flags)
		b->sink(b->arg, text, (size_t)n - sizeof flags, 1, flags);
	return n < 0 && (errno == EAGAIN || errno == EINTR);
}

/* More comes soon, and need not wake us: it is looked for in a moment. */
static void on_events(struct loop *l, struct watch *w, uint32_t events)
{
	struct beside *b = list_item(w, struct beside, events);

	(void)events;
	if (take_events(b)) {
		loop_rewatch(l, w, 0);
		loop_timer(l, &b->again, AGAIN_NS);
	} else {
		loop_unwatch(l, w);
	}
}

static void look_again(struct loop *l, struct timer *t)
{
	loop_rewatch(l, &list_item(t, struct beside, again)->events, EPOLLIN);
}

int beside_watch(struct beside *b, struct net *n, struct loop *l, struct err *e)
{
	net_watch(n, l);
	if (!b->pid)
		return 0;
	b->events = (struct watch){ .fd = b->events_fd, .ready = on_events };
	b->again.due = look_again;
	return loop_watch(l, &b->events, EPOLLIN, e);
}

void beside_stop(struct beside *b, struct loop *l)
{
	struct pollfd p = { .fd = b->events_fd, .events = POLLIN };

	if (l && b->pid > 0) {
		loop_untimer(l, &b->again);
		loop_unwatch(l, &b->events);
	}
	if (b->pid > 0) {
		/* Whatever it hears from us, it ends. */
		if (write(b->events_fd, "", 1) != 1)
			kill(b->pid, SIGKILL);
		while (poll(&p, 1, PATIENCE_MS) > 0 && take_events(b))
			;
		kill(b->pid, SIGKILL);
		waitpid(b->pid, NULL, 0);
	}
	b->pid = 0;
	if (b->page)
		fd_close(&b->events_fd);
	page_unmap(b->page);
	b->page = NULL;
	whose_free(b->whose);
	b->whose = NULL;
}
