#include "proxy/impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* Whom the connection leads to, as it was judged. */
static char *authority(const struct conn *c)
{
	char text[TARGET_TEXT];

	return strdup(target_text(&c->target, 0, text));
}

/* Nothing is on its way on it any more (a server may answer before it has read the body: what it were sent
 * next would be the rest of that), and the server leaves it open. Of answers without a body some servers send
 * one all the same. */
static bool is_clean(const struct conn *c)
{
	const enum http_body_kind kind = c->answering.kind;

	return c->server_keeps && (kind == HTTP_BODY_LENGTH || kind == HTTP_BODY_CHUNKED) &&
	       !c->server.ended && !c->down.spare && !c->up.spare && !way_blocked(&c->up);
}

/* Only what can be asked twice: the server may end the connection just then. */
static bool is_repeatable(const struct conn *c)
{
	const char *method = c->request.head.method;

	return c->request.decoder.kind == HTTP_BODY_NONE && !c->upgrade &&
	       (!strcmp(method, "GET") || !strcmp(method, "HEAD") || !strcmp(method, "OPTIONS"));
}

static bool is_judged(const struct conn *c)
{
	struct sockaddr_storage peer = { 0 };
	socklen_t len = sizeof peer;
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&peer;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&peer;

	if (getpeername(c->server.fd, (struct sockaddr *)&peer, &len) < 0)
		return false;
	for (size_t i = 0; i < c->n_addresses; i++) {
		const struct dns_address *a = &c->addresses[i];

		if (a->len == (peer.ss_family == AF_INET ? 4 : 16) &&
		    !memcmp(a->addr, a->len == 4 ? (const void *)&v4->sin_addr : &v6->sin6_addr, a->len))
			return true;
	}
	return false;
}

bool exchange_again(struct conn *c)
{
	char text[TARGET_TEXT], byte;

	if (!c->kept || c->is_connect || c->tls || strcmp(c->kept, target_text(&c->target, 0, text)) != 0 ||
	    !is_repeatable(c) || !is_judged(c) ||
	    recv(c->server.fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN)
		return false;
	c->again = true;
	c->server.ended = c->server.closed = false;
	exchange_start(c);
	return true;
}

/* The client waits for no more of it. */
static void finish(struct conn *c)
{
	if (c->keep && c->asking.done && !c->up_lost) {
		free(c->kept);
		c->kept = is_clean(c) ? authority(c) : NULL;
		conn_next(c);
		return;
	}
	/* What is left of the request is not read any more. */
	c->keep = false;
	conn_drop_server(c);
	c->state = CONN_LINGER;
	refuse_linger(c);
}

/* The server has ended, or broke off. */
static void lost(struct conn *c)
{
	if (!c->answered && c->again && http_parser_idle(&c->answer)) {
		/* It did so before it read anything of this. */
		c->again = c->up_lost = false;
		way_release(c->proxy, &c->up);
		c->next = 0;
		dial_next(c);
	} else if (!c->answered)
		refuse_with(c, 502, "it ended the connection without an answer");
	else
		conn_break(c);
}

/* How the answer's body ends. Some have none, whatever length they tell of: a 304 tells of the one that it
 * would have. */
static void choose_frame(struct conn *c)
{
	const struct http_parser *a = &c->answer;
	enum http_body_kind kind = a->decoder.kind;

	if (c->is_head || a->head.status == 204 || a->head.status == 304)
		kind = HTTP_BODY_NONE;
	frame_init(&c->answering, kind, a->decoder.left, true);
	if (kind == HTTP_BODY_REST)
		c->keep = false;
}

/* A whole head has come; `more` bytes came behind it. */
static void take_head(struct conn *c, const char *more, size_t len)
{
	int status = c->answer.head.status;
	size_t n;

	if (status >= 200) {
		choose_frame(c);
		c->server_keeps = c->answer.head.keep_alive;
	}
	if ((status == 101 && !c->upgrade) || !head_answer(c, &c->down.rest)) {
		conn_break(c);
		return;
	}
	c->answered = status >= 200 || status == 101;
	http_parser_reset(&c->answer);
	if (!c->answered)
		return;
	if (status == 101) {
		buf_add(&c->down.rest, more, len);
		buf_add(&c->up.rest, c->in.data, c->in.len);
		buf_release(&c->in);
		c->keep = false;
		c->state = CONN_TUNNEL;
		return;
	}
	n = frame_feed(&c->answering, more, len);
	buf_add(&c->down.rest, more, n);
	c->down.spare = n < len;
	/* Bytes behind an answer are nobody's. */
	if (c->answering.bad || c->down.rest.failed)
		conn_break(c);
}

/* Bytes of the server's, until its head is whole. Interim answers before it are passed on, too. */
static void take_answer(struct conn *c, const char *data, size_t len)
{
	while (len && c->state == CONN_EXCHANGE && !c->answered) {
		size_t n = http_parser_feed(&c->answer, data, len);

		data += n;
		len -= n;
		if (c->answer.state == HTTP_HEAD)
			return;
		if (c->answer.state == HTTP_REFUSED) {
			refuse_with(c, 502, "its answer is malformed");
			return;
		}
		take_head(c, data, len);
	}
}

static void read_answer(struct conn *c)
{
	struct proxy *p = c->proxy;
	ssize_t n = recv(c->server.fd, p->scratch, sizeof p->scratch, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		lost(c);
	else
		take_answer(c, p->scratch, (size_t)n);
}

/* The request's way. */
static void run_up(struct conn *c)
{
	if (c->up_lost)
		return;
	switch (way_move(c->proxy, &c->up, &c->client, &c->server, &c->asking, &c->in)) {
	case WAY_LOST:
		/* It may have answered all the same. */
		c->up_lost = true;
		way_release(c->proxy, &c->up);
		break;
	case WAY_BROKEN:
		if (c->asking.bad && !c->answered)
			refuse_with(c, 400, "malformed chunk");
		else
			conn_break(c);
		break;
	case WAY_ENDED:
		/* It stops in the middle, and the server hears of that. */
		shutdown(c->server.fd, SHUT_WR);
		c->up_lost = true;
		break;
	default:
		break;
	}
}

/* The answer's way, once its head is known. */
static void run_down(struct conn *c)
{
	switch (way_move(c->proxy, &c->down, &c->server, &c->client, &c->answering, NULL)) {
	case WAY_LOST:
	case WAY_BROKEN:
		conn_break(c);
		break;
	case WAY_ENDED:
		c->answering.done = c->answering.done || c->answering.kind == HTTP_BODY_REST;
		if (!c->answering.done)
			conn_break(c);
		break;
	default:
		break;
	}
}

void exchange_run(struct conn *c)
{
	run_up(c);
	if (c->state == CONN_EXCHANGE && !c->answered && !way_blocked(&c->down))
		read_answer(c);
	if (c->state == CONN_TUNNEL) {
		tunnel_run(c, TUNNEL_UP | TUNNEL_DOWN);
		return;
	}
	if (c->state == CONN_EXCHANGE && c->answered) {
		run_down(c);
	} else if (c->state == CONN_EXCHANGE) {
		enum way_state flushed = way_flush(c->proxy, &c->down, &c->client);

		if (flushed == WAY_LOST)
			conn_break(c);
	}
	if (c->state != CONN_EXCHANGE)
		return;
	if (c->answered && c->answering.done && !way_blocked(&c->down))
		finish(c);
	else
		conn_interest(c);
}

void exchange_start(struct conn *c)
{
	const struct http_parser *r = &c->request;
	size_t n;

	c->state = CONN_EXCHANGE;
	frame_init(&c->asking, r->decoder.kind, r->decoder.left, false);
	if (!head_request(c, &c->up.rest)) {
		conn_end(c);
		return;
	}
	n = frame_feed(&c->asking, buf_text(&c->in), c->in.len);
	if (c->asking.bad) {
		refuse_with(c, 400, "malformed chunk");
		return;
	}
	buf_add(&c->up.rest, c->in.data, n);
	buf_skip(&c->in, n);
	if (!c->in.len)
		buf_release(&c->in);
	exchange_run(c);
}
