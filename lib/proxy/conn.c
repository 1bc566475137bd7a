#include "proxy/impl.h"

#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define IDLE_NS (60 * 1000000000LL)

static void on_timer(struct loop *l, struct timer *t)
{
	struct conn *c = list_item(t, struct conn, timer);

	(void)l;
	switch (c->state) {
	case CONN_FLOW:
		flow_look(c);
		break;
	case CONN_HELLO:
		if (CONFIG_PROXY_TRANSPARENT)
			flow_hello(c, true);
		break;
	case CONN_HELD:
		approve_end(c, false, "timeout");
		break;
	case CONN_DIAL:
		dial_next(c);
		break;
	case CONN_HEAD:
		/* Who has not begun to ask only waited. */
		if (c->in.len)
			request_read(c);
		else if (http_parser_idle(&c->request))
			conn_end(c);
		else
			refuse_with(c, 408, "the request does not come to its end");
		break;
	case CONN_SECURE:
		refuse_with(c, 504, "it does not answer");
		break;
	default:
		conn_end(c);
	}
}

static void on_ready(struct conn *c, const struct end *e, uint32_t events)
{
	switch (c->state) {
	case CONN_HELLO:
		if (CONFIG_PROXY_TRANSPARENT)
			flow_hello(c, false);
		break;
	case CONN_HEAD:
		request_read(c);
		break;
	case CONN_INTERCEPT:
		intercept_read(c);
		break;
	case CONN_SECURE:
		break;
	case CONN_FLOW:
	case CONN_HELD:
	case CONN_RESOLVE:
		/* The client has hung up, or more than that. */
		conn_end(c);
		break;
	case CONN_DIAL:
		if (e == &c->server)
			dial_ready(c);
		else
			conn_end(c);
		break;
	case CONN_TUNNEL:
		tunnel_run(c, (events & (EPOLLOUT | EPOLLERR | EPOLLHUP) ? TUNNEL_UP | TUNNEL_DOWN : 0) |
		                      (e == &c->client ? TUNNEL_UP : TUNNEL_DOWN));
		break;
	case CONN_EXCHANGE:
		/* Nothing is read from a client whose request is whole; it is only seen whether it is there.
		 */
		if (e == &c->client && events & EPOLLERR)
			conn_end(c);
		else if (e == &c->client && events & EPOLLRDHUP)
			c->hung_up = true;
		if (c->state == CONN_EXCHANGE)
			exchange_run(c);
		break;
	case CONN_LINGER:
		refuse_linger(c);
		break;
	case CONN_ENDED:
		break;
	}
}

static void on_client(struct loop *l, struct watch *w, uint32_t events)
{
	struct conn *c = list_item(w, struct conn, client.watch);

	(void)l;
	on_ready(c, &c->client, events);
}

static void on_server(struct loop *l, struct watch *w, uint32_t events)
{
	struct conn *c = list_item(w, struct conn, server.watch);

	(void)l;
	on_ready(c, &c->server, events);
}

void conn_timer(struct conn *c, int64_t in_ns)
{
	if (in_ns)
		loop_timer(c->proxy->o.loop, &c->timer, in_ns);
	else
		loop_untimer(c->proxy->o.loop, &c->timer);
}

/* An end without anything to wait for is not watched at all: its hanging up would be told again and again. */
static void want(struct conn *c, struct end *e, uint32_t events)
{
	struct loop *l = c->proxy->o.loop;

	if (e->fd < 0)
		return;
	if (!events) {
		loop_unwatch(l, &e->watch);
	} else if (e->watch.fd >= 0) {
		loop_rewatch(l, &e->watch, events);
	} else {
		e->watch.fd = e->fd;
		if (loop_watch(l, &e->watch, events, NULL) < 0) {
			e->watch.fd = -1;
			conn_end(c);
		}
	}
}

static uint32_t relay_events(const struct end *e, const struct way *from_it, const struct way *to_it)
{
	return (!e->ended && !way_blocked(from_it) ? EPOLLIN : 0) | (way_blocked(to_it) ? EPOLLOUT : 0);
}

static void exchange_interest(struct conn *c)
{
	uint32_t client = way_blocked(&c->down) ? EPOLLOUT : 0;
	uint32_t server = !way_blocked(&c->down) && !c->server.ended ? EPOLLIN : 0;

	if (!c->asking.done && !c->up_lost && !way_blocked(&c->up))
		client |= EPOLLIN;
	else if (!c->hung_up)
		client |= EPOLLRDHUP;
	if (way_blocked(&c->up) && !c->up_lost)
		server |= EPOLLOUT;
	want(c, &c->client, client);
	want(c, &c->server, server);
}

void conn_interest(struct conn *c)
{
	switch (c->state) {
	case CONN_HELLO:
	case CONN_HEAD:
	case CONN_INTERCEPT:
		want(c, &c->client, EPOLLIN);
		break;
	case CONN_SECURE:
		want(c, &c->client, 0);
		want(c, &c->server, 0);
		break;
	case CONN_HELD:
		want(c, &c->client, EPOLLRDHUP);
		break;
	case CONN_FLOW:
	case CONN_RESOLVE:
	case CONN_DIAL:
		/* An early EOF is a half-closed client perhaps; nothing is read meanwhile. */
		want(c, &c->client, 0);
		want(c, &c->server, c->state == CONN_DIAL ? EPOLLOUT : 0);
		break;
	case CONN_TUNNEL:
		want(c, &c->client, relay_events(&c->client, &c->up, &c->down));
		want(c, &c->server, relay_events(&c->server, &c->down, &c->up));
		break;
	case CONN_EXCHANGE:
		exchange_interest(c);
		break;
	case CONN_LINGER:
		want(c, &c->client, (c->client.ended ? 0 : EPOLLIN) | (way_blocked(&c->down) ? EPOLLOUT : 0));
		break;
	case CONN_ENDED:
		break;
	}
}

struct conn *conn_new(struct proxy *p, int fd)
{
	struct conn *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->proxy = p;
	c->client = (struct end){ .watch = { .fd = -1, .ready = on_client }, .fd = fd };
	c->server = (struct end){ .watch = { .fd = -1, .ready = on_server }, .fd = -1 };
	c->up.pipe[0] = c->up.pipe[1] = c->down.pipe[0] = c->down.pipe[1] = -1;
	c->timer.due = on_timer;
	http_parser_init(&c->request, false, 0);
	http_parser_init(&c->answer, true, 0);
	list_append(&p->conns, &c->node);
	p->n_conns++;
	conn_timer(c, p->o.head_timeout_ns);
	return c;
}

static void close_end(struct conn *c, struct end *e, bool hard)
{
	const struct linger now = { .l_onoff = 1 };

	if (e->fd < 0)
		return;
	/* Whoever reads it must not take what came so far for all. */
	if (hard)
		setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	if (e->watch.fd >= 0)
		loop_close(c->proxy->o.loop, &e->watch);
	else
		close(e->fd);
	e->fd = -1;
	if (CONFIG_TLS_INTERCEPT && e->relay)
		relay_leave(e->relay, hard);
	e->relay = NULL;
}

/* What was told of as open is told of as closed. */
void conn_drop_server(struct conn *c)
{
	free(c->kept);
	c->kept = NULL;
	close_end(c, &c->server, false);
	way_release(c->proxy, &c->up);
}

static void finish(struct conn *c, bool hard)
{
	if (c->state == CONN_ENDED)
		return;
	c->state = CONN_ENDED;
	approve_end(c, false, "the caller is gone");
	tell_closed(c);
	resolver_cancel(&c->wait);
	conn_timer(c, 0);
	close_end(c, &c->client, hard);
	close_end(c, &c->server, hard);
	list_remove(&c->node);
	list_append(&c->proxy->dead, &c->node);
	c->proxy->n_conns--;
}

void conn_end(struct conn *c)
{
	finish(c, false);
}

void conn_break(struct conn *c)
{
	finish(c, true);
}

void conn_free(struct conn *c)
{
	way_release(c->proxy, &c->up);
	way_release(c->proxy, &c->down);
	http_parser_release(&c->request);
	http_parser_release(&c->answer);
	buf_release(&c->in);
	free(c->redirect);
	free(c->kept);
	list_remove(&c->node);
	free(c);
}

void conn_next(struct conn *c)
{
	tell_closed(c);
	if (!c->kept)
		conn_drop_server(c);
	want(c, &c->server, 0);
	way_release(c->proxy, &c->up);
	way_release(c->proxy, &c->down);
	c->up.spare = c->down.spare = c->again = false;
	http_parser_reset(&c->request);
	http_parser_reset(&c->answer);
	c->is_connect = c->upgrade = c->answered = c->up_lost = c->is_head = c->opened = false;
	c->up.total = c->down.total = 0;
	c->n_addresses = c->next = 0;
	c->state = CONN_HEAD;
	/* What has come already is looked at from the loop: many of them are no recursion. */
	conn_timer(c, c->in.len ? 1 : IDLE_NS);
	conn_interest(c);
}
