/* Questions over TCP: as many as come, answered as answers are there. */
#include "proxy/names_impl.h"

#include "base/buf.h"
#include "base/fd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { CLIENTS_MAX = 32, WAITING_MAX = 16, OUT_FULL = 65536 };
#define CLIENT_NS (10 * 1000000000LL)

struct asker {
	struct list node;
	struct names *names;
	struct watch watch;
	struct timer timer;
	uint32_t interest;
	int waiting;    /* for answers */
	bool ended;     /* it asks no more */
	bool lost;      /* it is to be freed */
	bool busy;      /* somebody up the stack looks after it */
	struct buf out; /* what it has not taken */
	size_t len;
	uint8_t in[4 * (QUESTION_MAX + 2)];
};

static void drop(struct asker *c)
{
	struct names *n = c->names;
	int fd = c->watch.fd;

	loop_untimer(n->o.loop, &c->timer);
	loop_unwatch(n->o.loop, &c->watch);
	close(fd);
	list_each(node, &n->pending)
	{
		struct pending *p = list_item(node, struct pending, node);

		if (p->client == c)
			p->client = NULL;
	}
	list_remove(&c->node);
	n->n_clients--;
	buf_release(&c->out);
	free(c);
}

void names_tcp_drop_first(struct names *n)
{
	drop(list_item(n->clients.next, struct asker, node));
}

static void flush(struct asker *c)
{
	ssize_t n = 0;

	while (c->out.len && n >= 0) {
		n = send(c->watch.fd, c->out.data, c->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n > 0)
			buf_skip(&c->out, (size_t)n);
	}
	c->lost |= n < 0 && errno != EAGAIN && errno != EINTR;
}

/* What there is of whole questions. Who does not take its answers is not asked for more. */
static void take_questions(struct asker *c)
{
	struct pending like = { .from_len = 0 };
	size_t at = 0;

	while (!c->lost && c->waiting < WAITING_MAX && c->out.len < OUT_FULL && c->len - at >= 2) {
		like.len = (size_t)c->in[at] << 8 | c->in[at + 1];
		if (like.len > QUESTION_MAX)
			c->lost = true;
		if (c->lost || c->len - at - 2 < like.len)
			break;
		memcpy(like.message, c->in + at + 2, like.len);
		at += like.len + 2;
		c->waiting++;
		loop_timer(c->names->o.loop, &c->timer, CLIENT_NS);
		if (!names_take_query(c->names, c, &like))
			c->lost = true;
	}
	memmove(c->in, c->in + at, c->len - at);
	c->len -= at;
}

/* Go on, wait, or end. */
static void look_after(struct asker *c)
{
	struct loop *l = c->names->o.loop;
	uint32_t interest = 0;

	c->busy = true;
	take_questions(c);
	flush(c);
	c->busy = false;
	if (c->lost || (c->ended && !c->waiting && !c->out.len)) {
		drop(c);
		return;
	}
	if (c->out.len)
		interest |= EPOLLOUT;
	if (!c->ended && c->waiting < WAITING_MAX && c->out.len < OUT_FULL && c->len < sizeof c->in)
		interest |= EPOLLIN;
	if (interest != c->interest)
		loop_rewatch(l, &c->watch, c->interest = interest);
}

void names_tcp_answer(struct asker *c, size_t len)
{
	uint8_t *out = c->names->out;

	out[0] = (uint8_t)(len >> 8);
	out[1] = (uint8_t)len;
	buf_add(&c->out, out, len + 2);
	c->lost |= c->out.failed;
	c->waiting--;
	loop_timer(c->names->o.loop, &c->timer, CLIENT_NS);
	if (!c->busy)
		look_after(c);
}

static void on_client(struct loop *l, struct watch *w, uint32_t events)
{
	struct asker *c = list_item(w, struct asker, watch);
	ssize_t n;

	(void)l;
	if (events & (EPOLLERR | EPOLLHUP))
		c->lost = true;
	if (events & EPOLLIN && c->len < sizeof c->in) {
		n = recv(w->fd, c->in + c->len, sizeof c->in - c->len, MSG_DONTWAIT);
		c->lost |= n < 0 && errno != EAGAIN && errno != EINTR;
		c->ended |= n == 0;
		c->len += n > 0 ? (size_t)n : 0;
	}
	look_after(c);
}

static void on_silence(struct loop *l, struct timer *t)
{
	(void)l;
	drop(list_item(t, struct asker, timer));
}

void names_tcp_accept(struct names *n)
{
	int fd = accept4(n->tcp_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct asker *c;

	/* The one that is there longest makes room. */
	if (n->n_clients == CLIENTS_MAX || (fd < 0 && errno == EMFILE && n->n_clients))
		names_tcp_drop_first(n);
	if (fd < 0)
		return;
	c = calloc(1, sizeof *c);
	if (!c) {
		close(fd);
		return;
	}
	c->names = n;
	c->watch = (struct watch){ .fd = fd, .ready = on_client };
	c->timer.due = on_silence;
	c->interest = EPOLLIN;
	list_append(&n->clients, &c->node);
	n->n_clients++;
	loop_timer(n->o.loop, &c->timer, CLIENT_NS);
	if (loop_watch(n->o.loop, &c->watch, EPOLLIN, NULL) < 0)
		drop(c);
}
