#include "net/asking.h"

#include "base/fd.h"
#include "base/room.h"
#include "net/resolver_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

enum { ROUNDS = 2, PACKET = 4096 };

static void try_next(struct asking *a);

void asking_end(struct asking *a)
{
	struct loop *l = a->loop;
	int fd = a->watch.fd;

	if (!a->watch.ready)
		return;
	loop_untimer(l, &a->timer);
	loop_unwatch(l, &a->watch);
	fd_close(&fd);
	buf_release(&a->out);
	buf_release(&a->in);
	a->sent = 0;
}

static void on_silence(struct loop *l, struct timer *t)
{
	(void)l;
	try_next(list_item(t, struct asking, timer));
}

static const union resolver_server *server_of(const struct asking *a)
{
	const struct resolver_files *f = a->files;

	return &f->servers[a->tries % f->n_servers];
}

/* A socket that hears this server only; the kernel chooses the port. */
static int open_socket(struct asking *a, int type)
{
	const union resolver_server *s = server_of(a);
	socklen_t len = s->sa.sa_family == AF_INET ? sizeof s->in : sizeof s->in6;
	int fd = socket(s->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, &s->sa, len) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	a->watch.fd = fd;
	if (loop_watch(a->loop, &a->watch, type == SOCK_DGRAM ? EPOLLIN : EPOLLOUT, NULL) < 0) {
		a->watch.fd = -1;
		close(fd);
		return -1;
	}
	return 0;
}

static size_t write_question(struct asking *a, uint8_t *out, size_t size)
{
	if (getrandom(&a->asked.id, sizeof a->asked.id, 0) != sizeof a->asked.id)
		return 0;
	return dns_write_query(out, size, a->asked.id, a->asked.name, a->asked.type);
}

static int64_t patience(const struct asking *a)
{
	return a->patience_ns / (ROUNDS * a->files->n_servers);
}

static bool start_udp(struct asking *a)
{
	uint8_t packet[512];
	size_t n = write_question(a, packet, sizeof packet);

	a->tcp = false;
	return n && open_socket(a, SOCK_DGRAM) == 0 &&
	       send(a->watch.fd, packet, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool start_tcp(struct asking *a)
{
	uint8_t packet[514];
	size_t n = write_question(a, packet + 2, sizeof packet - 2);

	asking_end(a);
	a->tcp = true;
	packet[0] = (uint8_t)(n >> 8);
	packet[1] = (uint8_t)n;
	buf_add(&a->out, packet, n + 2);
	if (!n || a->out.failed || open_socket(a, SOCK_STREAM) < 0)
		return false;
	loop_timer(a->loop, &a->timer, patience(a));
	return true;
}

/* The next server, and each of them ROUNDS times. */
static void try_next(struct asking *a)
{
	for (;;) {
		asking_end(a);
		if (++a->tries >= ROUNDS * a->files->n_servers) {
			a->done(a, NULL, 0);
			return;
		}
		if (start_udp(a)) {
			loop_timer(a->loop, &a->timer, patience(a));
			return;
		}
	}
}

/* Over UDP the message is the caller's, over TCP ours. */
static void take(struct asking *a, const uint8_t *message, size_t len)
{
	char *mine = NULL;

	switch (a->hear(a, message, len)) {
	case HEARD_CUT:
		if (a->tcp || !start_tcp(a))
			try_next(a);
		break;
	case HEARD_ANSWER:
		if (a->tcp)
			mine = buf_steal(&a->in);
		asking_end(a);
		a->done(a, message, len);
		free(mine);
		break;
	case HEARD_NOTHING:
		/* Over UDP somebody else's words, or nonsense: the true answer may come still. */
		if (a->tcp)
			try_next(a);
		break;
	default:
		try_next(a);
	}
}

static void read_packet(struct asking *a)
{
	uint8_t ROOM packet[PACKET];
	ssize_t n = recv(a->watch.fd, packet, sizeof packet, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		try_next(a);
	else
		take(a, packet, (size_t)n);
}

static bool send_question(struct asking *a)
{
	ssize_t n = send(a->watch.fd, a->out.data + a->sent, a->out.len - a->sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	a->sent += (size_t)n;
	if (a->sent == a->out.len)
		loop_rewatch(a->loop, &a->watch, EPOLLIN);
	return true;
}

static void read_stream(struct asking *a)
{
	uint8_t ROOM piece[PACKET];
	ssize_t n = recv(a->watch.fd, piece, sizeof piece, 0);
	const uint8_t *in;
	size_t want;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_add(&a->in, piece, (size_t)n);
	in = (const uint8_t *)a->in.data;
	want = a->in.len >= 2 ? ((size_t)in[0] << 8 | in[1]) + 2 : 2;
	if (n > 0 && !a->in.failed && a->in.len < want)
		return;
	if (n > 0 && !a->in.failed && a->in.len == want)
		take(a, in + 2, want - 2);
	else
		try_next(a);
}

static void on_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct asking *a = list_item(w, struct asking, watch);

	(void)l;
	if (!a->tcp)
		read_packet(a);
	else if (a->sent == a->out.len)
		read_stream(a);
	else if (!(events & EPOLLOUT) || !send_question(a))
		try_next(a);
}

void asking_start(struct asking *a)
{
	a->tries = -1;
	a->watch = (struct watch){ .fd = -1, .ready = on_ready };
	a->timer.due = on_silence;
	a->out.max = 514;
	a->in.max = DNS_MESSAGE_MAX + 2;
	loop_timer(a->loop, &a->timer, 0);
}
