#include "proxy/impl.h"

#include "base/fd.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
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

	list_each(node, &p->dead) conn_free(list_item(node, struct conn, node));
}

/* Who has not finished asking goes first: the one that is at it longest. */
static bool make_room(struct proxy *p)
{
	list_each(node, &p->conns)
	{
		struct conn *c = list_item(node, struct conn, node);

		if (c->state == CONN_HEAD || c->state == CONN_HELLO) {
			conn_end(c);
			return true;
		}
	}
	return false;
}

static void pause_listening(struct proxy *p)
{
	int fd = p->listener.fd;

	loop_unwatch(p->o.loop, &p->listener);
	p->listener_fd = fd;
	loop_timer(p->o.loop, &p->pause, PAUSE_NS);
}

static void on_pause_end(struct loop *l, struct timer *t)
{
	struct proxy *p = list_item(t, struct proxy, pause);

	p->listener.fd = p->listener_fd;
	if (loop_watch(l, &p->listener, EPOLLIN, NULL) < 0)
		loop_timer(l, t, PAUSE_NS);
}

static void on_accept(struct loop *l, struct watch *w, uint32_t events)
{
	struct proxy *p = list_item(w, struct proxy, listener);

	(void)l;
	(void)events;
	for (int i = 0; i < ACCEPTS_PER_BATCH; i++) {
		int fd;

		if (p->n_conns >= p->o.max_conns && !make_room(p)) {
			pause_listening(p);
			return;
		}
		fd = accept4(w->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd >= 0) {
			struct conn *c = conn_new(p, fd);

			/* It was let in because it has said something. */
			if (c)
				request_read(c);
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

	if (!p || !tell_init(&p->teller)) {
		free(p);
		err_set(e, "out of memory");
		return NULL;
	}
	p->o = *o;
	p->o.max_conns = o->max_conns ? o->max_conns : CONNS;
	p->o.head_timeout_ns = o->head_timeout_ns ? o->head_timeout_ns : HEAD_NS;
	p->listener = (struct watch){ .fd = -1, .ready = on_accept };
	p->listener_fd = -1;
	p->pause.due = on_pause_end;
	p->teller.session_id = o->session_id;
	p->teller.sink = o->sink;
	p->teller.arg = o->arg;
	list_init(&p->conns);
	list_init(&p->dead);
	loop_after_batch(o->loop, bury, p);
	return p;
}

int proxy_listen(struct proxy *p, int fd, struct err *e)
{
	const int one = 1, wait_s = 10;

	if (fd_nonblock(fd, 1) < 0)
		return err_sys(e, "listening socket");
	/* Connections have them from it; and nobody is woken for one that says nothing yet. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &wait_s, sizeof wait_s);
	p->listener.fd = fd;
	if (loop_watch(p->o.loop, &p->listener, EPOLLIN, e) < 0) {
		p->listener.fd = -1;
		return -1;
	}
	p->listener_fd = fd;
	return 0;
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
	loop_unwatch(p->o.loop, &p->listener);
	fd_close(&p->listener_fd);
	list_each(node, &p->conns) conn_end(list_item(node, struct conn, node));
	bury(p);
	while (p->n_kept--) {
		close(p->kept[p->n_kept].fd[0]);
		close(p->kept[p->n_kept].fd[1]);
	}
	free(p);
}
