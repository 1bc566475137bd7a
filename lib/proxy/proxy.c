#include "proxy/impl.h"

#include "base/fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNS = 4096, ACCEPTS_PER_BATCH = 64 };
#define HEAD_NS  (15 * 1000000000LL)
#define PAUSE_NS (100 * 1000000LL)

/* Connections ended in the batch. */
static void bury(void *arg)
{
	struct proxy *p = arg;

	p->n_batches++;
	list_each(node, &p->dead) conn_free(list_item(node, struct conn, node));
}

/* Who has not finished asking goes first: the one that is at it longest. */
static bool make_room(struct proxy *p)
{
	list_each(node, &p->conns)
	{
		struct conn *c = list_item(node, struct conn, node);

		if (c->state <= CONN_HEAD) {
			conn_end(c);
			return true;
		}
	}
	return false;
}

static void pause_listening(struct proxy *p)
{
	for (size_t i = 0; i < p->n_listeners; i++)
		loop_unwatch(p->o.loop, &p->listeners[i].watch);
	loop_timer(p->o.loop, &p->pause, PAUSE_NS);
}

static void on_pause_end(struct loop *l, struct timer *t)
{
	struct proxy *p = list_item(t, struct proxy, pause);

	for (size_t i = 0; i < p->n_listeners; i++) {
		struct listener *at = &p->listeners[i];

		if (at->watch.fd >= 0)
			continue;
		at->watch.fd = at->fd;
		if (loop_watch(l, &at->watch, EPOLLIN, NULL) < 0) {
			at->watch.fd = -1;
			loop_timer(l, t, PAUSE_NS);
		}
	}
}

static void on_accept(struct loop *l, struct watch *w, uint32_t events)
{
	const struct listener *at = list_item(w, struct listener, watch);
	struct proxy *p = at->proxy;
	const bool crowded = p->n_batches - p->accepted_in <= 1;

	p->accepted_in = p->n_batches;
	(void)l;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_BATCH; i++) {
		struct sockaddr_storage from;
		socklen_t len = sizeof from;
		int fd;

		if (p->n_conns >= p->o.max_conns && !make_room(p)) {
			pause_listening(p);
			return;
		}
		/* As a rule there is one, and the loop tells of the next. */
		if (i == 1 && !crowded)
			return;
		fd = accept4(at->fd, (struct sockaddr *)&from, &len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			struct conn *c = conn_new(p, fd);

			if (c)
				flow_start(c, at, (struct sockaddr *)&from);
			else
				close(fd);
			continue;
		}
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
			if (!make_room(p))
				pause_listening(p);
			return;
		}
		if (errno != ECONNABORTED && errno != EINTR)
			return;
	}
}

struct proxy *proxy_new(const struct proxy_options *o, struct err *e)
{
	struct proxy *p = calloc(1, sizeof *p);

	for (size_t i = 0; p && o->page && i < 2; i++)
		p->served[i] = calloc(UINT16_MAX + 1, sizeof *p->served[i]);
	if (!p || (o->page && (!p->served[0] || !p->served[1])) || !tell_init(&p->teller)) {
		free(p ? p->served[0] : NULL);
		free(p ? p->served[1] : NULL);
		free(p);
		err_set(e, "out of memory");
		return NULL;
	}
	p->o = *o;
	p->o.max_conns = o->max_conns ? o->max_conns : CONNS;
	p->o.head_timeout_ns = o->head_timeout_ns ? o->head_timeout_ns : HEAD_NS;
	p->pause.due = on_pause_end;
	p->teller.session_id = o->session_id;
	p->teller.sink = o->sink;
	p->teller.command_id = o->command_id;
	p->teller.arg = o->arg;
	list_init(&p->conns);
	list_init(&p->dead);
	loop_after_batch(o->loop, bury, p);
	return p;
}

/* Where it is, as a client would have to say it. */
static void note_place(struct listener *at)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} own = { .any.sa_family = AF_UNSPEC };
	socklen_t len = sizeof own;

	if (getsockname(at->fd, &own.any, &len) < 0)
		return;
	at->addr.len = own.any.sa_family == AF_INET ? 4 : 16;
	at->port = ntohs(at->addr.len == 4 ? own.v4.sin_port : own.v6.sin6_port);
	memcpy(at->addr.bytes, at->addr.len == 4 ? (void *)&own.v4.sin_addr : (void *)&own.v6.sin6_addr,
	       at->addr.len);
}

int proxy_listen(struct proxy *p, int fd, struct err *e)
{
	struct listener *at = &p->listeners[p->n_listeners];
	const int one = 1, wait_s = 10;

	if (p->n_listeners == PROXY_LISTENERS)
		return err_set(e, "too many listening sockets");
	if (fd_nonblock(fd, 1) < 0)
		return err_sys(e, "listening socket");
	/* Connections have them from it; and nobody is woken for one that says nothing yet. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &wait_s, sizeof wait_s);
	*at = (struct listener){ .watch = { .fd = fd, .ready = on_accept }, .proxy = p, .fd = fd };
	note_place(at);
	if (loop_watch(p->o.loop, &at->watch, EPOLLIN, e) < 0)
		return -1;
	p->n_listeners++;
	return 0;
}

void proxy_policy(struct proxy *p, const struct policy *policy, struct decide_cache *cache)
{
	p->o.policy = policy;
	p->o.cache = cache;
}

int proxy_conns(const struct proxy *p)
{
	return p->n_conns;
}

void proxy_free(struct proxy *p)
{
	if (!p)
		return;
	loop_untimer(p->o.loop, &p->pause);
	for (size_t i = 0; i < p->n_listeners; i++) {
		loop_unwatch(p->o.loop, &p->listeners[i].watch);
		fd_close(&p->listeners[i].fd);
	}
	list_each(node, &p->conns) conn_end(list_item(node, struct conn, node));
	bury(p);
	free(p->served[0]);
	free(p->served[1]);
	while (p->n_kept--) {
		close(p->kept[p->n_kept].fd[0]);
		close(p->kept[p->n_kept].fd[1]);
	}
	free(p);
}
