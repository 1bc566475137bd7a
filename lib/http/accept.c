#include "http/impl.h"

#include "base/fd.h"
#include "sys/tag.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { ACCEPTS_PER_BATCH = 64, PAUSE_MS = 100 };

static bool same_peer(const struct http_peer *a, const struct http_peer *b)
{
	if (a->is_unix != b->is_unix)
		return false;
	return a->is_unix ? a->pid == b->pid : !memcmp(a->addr, b->addr, sizeof a->addr);
}

static int count_peer(const struct list *list, const struct http_peer *peer)
{
	int n = 0;

	for (const struct list *node = list->next; node != list; node = node->next)
		n += same_peer(&list_item(node, struct http_conn, node)->peer, peer);
	return n;
}

static bool is_loopback(const uint8_t *addr)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff }, one[16] = { [15] = 1 };

	return (!memcmp(addr, mapped, sizeof mapped) && addr[12] == 127) || !memcmp(addr, one, sizeof one);
}

/* Address in IPv6 form, and port. False for a unix socket. */
static bool parse_address(const struct sockaddr_storage *a, uint8_t *addr, uint16_t *port)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *in = (const struct sockaddr_in *)a;

	if (a->ss_family == AF_INET6) {
		memcpy(addr, &in6->sin6_addr, 16);
		*port = ntohs(in6->sin6_port);
	} else if (a->ss_family == AF_INET) {
		memset(addr + 10, 0xff, 2);
		memcpy(addr + 12, &in->sin_addr, 4);
		*port = ntohs(in->sin_port);
	}
	return a->ss_family == AF_INET6 || a->ss_family == AF_INET;
}

static void identify(int fd, struct http_peer *peer)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof a;
	struct ucred cred;

	*peer = (struct http_peer){ .fd = fd, .uid = (uid_t)-1, .gid = (gid_t)-1 };
	getpeername(fd, (struct sockaddr *)&a, &len);
	if (parse_address(&a, peer->addr, &peer->port)) {
		len = sizeof a;
		getsockname(fd, (struct sockaddr *)&a, &len);
		parse_address(&a, peer->our_addr, &peer->our_port);
		/* Nothing comes in from outside for a loopback address, whatever it says it comes from. */
		peer->is_local = is_loopback(peer->addr) || is_loopback(peer->our_addr);
		return;
	}
	peer->is_unix = true;
	len = sizeof cred;
	if (!getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len)) {
		peer->pid = cred.pid;
		peer->uid = cred.uid;
		peer->gid = cred.gid;
		peer->is_free = tag_peer_is_free(fd, cred.pid, &peer->tag);
	}
}

/* Close the connection that has waited longest for a request; with `peer`, one of that peer's. A client that
 * sends its request at once leaves this list before it becomes the oldest. */
static bool evict(struct http_server *s, const struct http_peer *peer)
{
	list_each(node, &s->reading)
	{
		struct http_conn *c = list_item(node, struct http_conn, node);

		if (c->out.len || (peer && !same_peer(&c->peer, peer)))
			continue;
		http_conn_free(c);
		return true;
	}
	return false;
}

/* Find a place. False = none; *spare = a spare one. */
static bool make_room(struct http_server *s, const struct http_peer *peer, bool *spare)
{
	int n = count_peer(&s->reading, peer) + count_peer(&s->working, peer);

	*spare = false;
	if (n >= s->config.max_per_peer)
		*spare = !evict(s, peer);
	else if (s->n_conns - s->n_spare >= s->config.max_conns)
		*spare = !evict(s, NULL);
	return !*spare || s->n_spare < s->config.spare;
}

uint16_t http_loopback_port(int fd)
{
	struct sockaddr_storage a = { .ss_family = AF_UNSPEC };
	const struct sockaddr_in *in = (const struct sockaddr_in *)&a;
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)&a;
	socklen_t len = sizeof a;

	if (getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return 0;
	if (a.ss_family == AF_INET)
		return ntohl(in->sin_addr.s_addr) >> 24 == 127 ? ntohs(in->sin_port) : 0;
	if (a.ss_family != AF_INET6)
		return 0;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
		return in6->sin6_addr.s6_addr[12] == 127 ? ntohs(in6->sin6_port) : 0;
	return IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr) ? ntohs(in6->sin6_port) : 0;
}

static void admit(struct http_server *s, int fd, uint16_t host_port)
{
	struct http_peer peer;
	struct http_conn *c;
	bool spare;
	int on = 1;

	identify(fd, &peer);
	if (!make_room(s, &peer, &spare)) {
		close(fd);
		return;
	}
	if (!peer.is_unix)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
	c = http_conn_new(s, fd, &peer);
	if (!c)
		return;
	c->host_port = host_port;
	c->spare = spare;
	s->n_spare += spare;
}

void http_server_adopt(struct http_server *s, int fd)
{
	if (fd_nonblock(fd, 1) < 0)
		close(fd);
	else
		admit(s, fd, http_loopback_port(fd));
}

void http_unpause(struct loop *l, struct timer *t)
{
	struct http_listener *listener = list_item(t, struct http_listener, pause);

	loop_rewatch(l, &listener->watch, EPOLLIN);
}

/* Out of descriptors: a connection that waits in the queue would wake us for ever. */
static void pause_accepting(struct http_listener *listener)
{
	struct http_server *s = listener->server;

	if (evict(s, NULL))
		return;
	loop_rewatch(s->loop, &listener->watch, 0);
	loop_timer(s->loop, &listener->pause, PAUSE_MS * 1000000LL);
}

void http_accept(struct loop *l, struct watch *w, uint32_t events)
{
	struct http_listener *listener = list_item(w, struct http_listener, watch);

	(void)l;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_BATCH; i++) {
		int fd = accept4(w->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			admit(listener->server, fd, listener->host_port);
		else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
			pause_accepting(listener);
		if (fd < 0)
			return;
	}
}
