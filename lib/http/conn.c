#include "http/impl.h"

#include "base/fd.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_SIZE = 16384 };

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} reasons[] = {
		{ 200, "OK" },
		{ 201, "Created" },
		{ 204, "No Content" },
		{ 400, "Bad Request" },
		{ 401, "Unauthorized" },
		{ 403, "Forbidden" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 409, "Conflict" },
		{ 413, "Request Entity Too Large" },
		{ 415, "Unsupported Media Type" },
		{ 421, "Misdirected Request" },
		{ 429, "Too Many Requests" },
		{ 431, "Request Header Fields Too Large" },
		{ 500, "Internal Server Error" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
	};

	for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
		if (reasons[i].status == status)
			return reasons[i].text;
	return "Status";
}

/* What to wait for, and how long. */
static void conn_update(struct http_conn *c)
{
	const struct http_config *config = &c->server->config;
	uint32_t events = c->state == CONN_READING ? 0 : EPOLLRDHUP;
	int64_t wait = config->idle_timeout_ns;

	if (c->out.len)
		events |= EPOLLOUT;
	else if (c->state == CONN_READING)
		events |= EPOLLIN | EPOLLRDHUP;
	loop_rewatch(c->server->loop, &c->watch, events);
	if (c->out.len)
		wait = config->write_timeout_ns;
	else if (c->state != CONN_READING)
		wait = 0;
	else if (c->parser.state == HTTP_BODY)
		wait = config->read_timeout_ns;
	else if (!http_parser_idle(&c->parser) || !c->keep_alive)
		wait = config->head_timeout_ns; /* first request, or part of one */
	if (wait)
		loop_timer(c->server->loop, &c->timer, wait);
	else
		loop_untimer(c->server->loop, &c->timer);
}

static void set_state(struct http_conn *c, enum conn_state state)
{
	c->state = state;
	list_remove(&c->node);
	list_append(state == CONN_READING ? &c->server->reading : &c->server->working, &c->node);
}

static void uncharge(struct http_conn *c)
{
	c->server->bodies -= c->charged;
	c->charged = 0;
}

void http_conn_free(struct http_conn *c)
{
	struct http_server *s = c->server;
	int fd = c->watch.fd;

	if (c->state != CONN_READING && c->waiter.gone) {
		void (*gone)(void *) = c->waiter.gone;

		c->waiter.gone = NULL;
		gone(c->waiter.arg);
	}
	loop_unwatch(s->loop, &c->watch);
	loop_untimer(s->loop, &c->timer);
	list_remove(&c->node);
	fd_close(&fd);
	uncharge(c);
	http_parser_release(&c->parser);
	buf_release(&c->in);
	buf_release(&c->out);
	s->n_conns--;
	s->n_spare -= c->spare;
	free(c);
}

/* The request is answered (the bytes are on their way; the request itself stays until they have left, because
 * the handler may still be looking at it). */
static void finish_exchange(struct http_conn *c)
{
	if (!c->keep_alive || c->spare || c->server->draining)
		c->close_after = true;
	c->waiter = (struct http_waiter){ .gone = NULL };
	c->chunked = false;
	set_state(c, CONN_READING);
	conn_update(c);
}

static void write_head(struct http_conn *c, int status, const char *type)
{
	buf_fmt(&c->out, "HTTP/1.1 %d %s\r\n", status, reason(status));
	if (type)
		buf_fmt(&c->out, "Content-Type: %s\r\n", type);
	buf_str(&c->out, "X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n");
	if (!c->keep_alive || c->spare || c->server->draining)
		buf_str(&c->out, "Connection: close\r\n");
}

void http_respond(struct http_conn *c, int status, const char *type, const void *body, size_t len)
{
	write_head(c, status, type);
	if (status != 204)
		buf_fmt(&c->out, "Content-Length: %zu\r\n", len);
	buf_str(&c->out, "\r\n");
	if (!c->is_head && len)
		buf_add(&c->out, body, len);
	finish_exchange(c);
}

void http_hold(struct http_conn *c, const struct http_waiter *w)
{
	c->waiter = *w;
}

void http_stream_begin(struct http_conn *c, int status, const char *type)
{
	c->chunked = c->parser.head.minor == 1;
	if (!c->chunked)
		c->keep_alive = false;
	set_state(c, CONN_STREAM);
	write_head(c, status, type);
	buf_str(&c->out, c->chunked ? "Transfer-Encoding: chunked\r\n\r\n" : "\r\n");
	conn_update(c);
}

void http_stream_write(struct http_conn *c, const void *data, size_t len)
{
	bool was_empty = !c->out.len;

	if (!len || c->state != CONN_STREAM)
		return;
	if (c->chunked)
		buf_fmt(&c->out, "%zx\r\n", len);
	buf_add(&c->out, data, len);
	if (c->chunked)
		buf_str(&c->out, "\r\n");
	if (was_empty)
		conn_update(c);
}

size_t http_stream_pending(const struct http_conn *c)
{
	return c->out.len - c->sent;
}

void http_stream_end(struct http_conn *c)
{
	if (c->chunked)
		buf_str(&c->out, "0\r\n\r\n");
	finish_exchange(c);
}

static void refuse(struct http_conn *c, int status, const char *why)
{
	char body[160];

	c->keep_alive = false; /* what follows cannot be told from the refused request */
	c->parser.state = HTTP_REFUSED;
	snprintf(body, sizeof body, "{\"error\":\"%s\"}\n", why);
	http_respond(c, status, "application/json", body, strlen(body));
}

static void dispatch(struct http_conn *c)
{
	const struct http_head *h = &c->parser.head;
	struct http_target target;
	struct http_request r;
	int status;

	c->keep_alive = h->keep_alive;
	c->is_head = !strcmp(h->method, "HEAD");
	set_state(c, CONN_WAITING);
	if (!http_target_split((char *)h->target, &target)) {
		refuse(c, 400, "bad request target");
		return;
	}
	status = http_guard(h, target.authority, c->host_port);
	if (status) {
		refuse(c, status,
		       status == 421   ? "this host is not served here"
		       : status == 403 ? "requests from web pages are not served"
		       : status == 415 ? "content type must be application/json"
		                       : "target and host differ");
		return;
	}
	r = (struct http_request){ .method = h->method,
		                   .path = target.path,
		                   .query = target.query,
		                   .head = h,
		                   .body = &c->parser.body,
		                   .peer = &c->peer,
		                   .spare = c->spare };
	c->server->config.handle(c->server->config.arg, c, &r);
	if (c->state == CONN_WAITING && !c->waiter.gone)
		refuse(c, 500, "request was not handled");
}

/* Count the body against what all connections together may hold. */
static bool charge(struct http_conn *c)
{
	size_t more = c->parser.body.len - c->charged;

	if (c->server->bodies + more > c->server->config.max_bodies)
		return false;
	c->server->bodies += more;
	c->charged += more;
	return true;
}

/* Parse what is in c->in. Stops at one whole request: the next one waits until this is answered and sent. */
static void advance(struct http_conn *c)
{
	size_t used = 0;
	bool was_head = c->parser.state == HTTP_HEAD;

	while (used < c->in.len || c->parser.state == HTTP_BODY) {
		size_t n = http_parser_feed(&c->parser, c->in.data + used, c->in.len - used);

		used += n;
		if (c->parser.state == HTTP_DONE || c->parser.state == HTTP_REFUSED ||
		    (!n && used == c->in.len))
			break;
	}
	buf_skip(&c->in, used);
	if (c->parser.state == HTTP_BODY && was_head && c->parser.head.expect_continue)
		buf_str(&c->out, "HTTP/1.1 100 Continue\r\n\r\n");
	if (c->parser.state == HTTP_REFUSED)
		refuse(c, c->parser.refusal, c->parser.why);
	else if (!charge(c))
		refuse(c, 503, "too many large requests at once");
	else if (c->parser.state == HTTP_DONE)
		dispatch(c);
}

/* False = the connection is gone. */
static bool receive(struct http_conn *c)
{
	char *room = buf_room(&c->in, READ_SIZE);
	ssize_t n;

	if (!room)
		return false;
	n = recv(c->watch.fd, room, READ_SIZE, 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (!n)
		return false;
	c->in.len += (size_t)n;
	c->in.data[c->in.len] = 0;
	return true;
}

static bool flush(struct http_conn *c)
{
	ssize_t n = send(c->watch.fd, c->out.data + c->sent, c->out.len - c->sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	c->sent += (size_t)n;
	if (c->sent == c->out.len) {
		buf_release(&c->out);
		c->sent = 0;
	} else if (c->sent > c->out.len / 2) {
		buf_skip(&c->out, c->sent);
		c->sent = 0;
	}
	return true;
}

/* Closing with unread input makes the kernel send a reset, which can destroy the answer on its way: say that
 * nothing more comes, and take what is there. */
static void say_goodbye(struct http_conn *c)
{
	char sink[4096];

	shutdown(c->watch.fd, SHUT_WR);
	for (int i = 0; i < 64 && recv(c->watch.fd, sink, sizeof sink, MSG_DONTWAIT) > 0; i++)
		;
	http_conn_free(c);
}

/* All bytes have left. */
static void conn_sent(struct http_conn *c)
{
	if (c->state == CONN_READING && c->close_after) {
		say_goodbye(c);
		return;
	}
	if (c->state == CONN_READING && (c->parser.state == HTTP_DONE || c->parser.state == HTTP_REFUSED)) {
		uncharge(c);
		http_parser_reset(&c->parser);
	}
	if (c->state == CONN_STREAM && c->waiter.drained)
		c->waiter.drained(c->waiter.arg);
	else if (c->state == CONN_READING && c->in.len)
		advance(c);
	conn_update(c);
}

static void conn_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct http_conn *c = list_item(w, struct http_conn, watch);
	bool was_idle = http_parser_idle(&c->parser), was_head = c->parser.state == HTTP_HEAD;

	(void)l;
	if (c->state != CONN_READING && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))) {
		http_conn_free(c);
		return;
	}
	if (c->out.len) {
		if (c->out.failed || !flush(c))
			http_conn_free(c);
		else if (!c->out.len)
			conn_sent(c);
		else
			conn_update(c);
		return;
	}
	if (c->state != CONN_READING)
		return;
	if (!receive(c)) {
		http_conn_free(c);
		return;
	}
	advance(c);
	/* A head that comes byte by byte does not move its deadline. */
	if (c->state != CONN_READING || c->out.len || was_idle || (was_head && c->parser.state == HTTP_BODY))
		conn_update(c);
}

static void conn_late(struct loop *l, struct timer *t)
{
	(void)l;
	http_conn_free(list_item(t, struct http_conn, timer));
}

struct http_conn *http_conn_new(struct http_server *s, int fd, const struct http_peer *peer)
{
	struct http_conn *c = calloc(1, sizeof *c);

	if (!c) {
		close(fd);
		return NULL;
	}
	c->server = s;
	c->peer = *peer;
	c->watch = (struct watch){ .fd = fd, .ready = conn_ready };
	c->timer.due = conn_late;
	http_parser_init(&c->parser, false, s->config.max_body);
	list_init(&c->node);
	s->n_conns++;
	if (loop_watch(s->loop, &c->watch, EPOLLIN | EPOLLRDHUP, NULL) < 0) {
		c->watch.fd = fd;
		http_conn_free(c);
		return NULL;
	}
	set_state(c, CONN_READING);
	conn_update(c);
	return c;
}
