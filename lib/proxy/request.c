#include "proxy/impl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

/* The same of a client that means to talk to the server itself. */
static const char *take_meant(struct conn *c)
{
	const struct http_head *h = &c->request.head;
	const char *host = http_field(h, "Host");
	char address[TARGET_TEXT];

	if (c->is_connect)
		return "CONNECT is for proxies";
	if (*h->target != '/' && strcmp(h->target, "*") != 0) {
		if (!target_uri(h->target, &c->target))
			return "malformed URI, or one that is not http://";
	} else {
		if (!target_authority(host && *host ? host : flow_text(c, address), 80, &c->target))
			return "malformed host";
		c->target.path = h->target;
	}
	if (c->target.port != c->flow.to_port)
		return "it names another port than it was connected to";
	return strpbrk(c->target.path, "#\\") ? "malformed path" : NULL;
}

/* Where the client wants to go. A word of why not, NULL if all is well. */
static const char *take_target(struct conn *c)
{
	const struct http_head *h = &c->request.head;

	c->is_connect = !strcmp(h->method, "CONNECT");
	c->is_head = !strcmp(h->method, "HEAD");
	c->upgrade = !c->is_connect && head_is_websocket(h);
	c->keep = h->keep_alive;
	if (c->transparent)
		return take_meant(c);
	if (c->is_connect) {
		if (c->request.decoder.kind != HTTP_BODY_NONE)
			return "CONNECT has no body";
		return target_authority(h->target, 0, &c->target) ? NULL : "malformed authority";
	}
	if (*h->target == '/' || !strcmp(h->target, "*"))
		return "this is a proxy: requests name their host by an absolute URI";
	return target_uri(h->target, &c->target) ? NULL : "malformed URI, or one that is not http://";
}

static void take_request(struct conn *c)
{
	const char *why;

	if (CONFIG_TLS_INTERCEPT && c->inside) {
		intercept_request(c);
		return;
	}
	why = take_target(c);
	if (why)
		refuse_with(c, 400, why);
	else
		judge_target(c);
}

/* The head from these bytes; what is behind it waits. */
static void feed(struct conn *c, const char *data, size_t len)
{
	size_t n;

	if (!len)
		return;
	if (http_parser_idle(&c->request))
		conn_timer(c, c->proxy->o.head_timeout_ns);
	n = http_parser_feed(&c->request, data, len);
	if (c->request.state == HTTP_HEAD) {
		conn_interest(c);
		return;
	}
	buf_add(&c->in, data + n, len - n);
	if (c->request.state == HTTP_REFUSED)
		refuse_with(c, c->request.refusal, c->request.why);
	else if (c->in.failed)
		conn_end(c);
	else
		take_request(c);
}

void request_read(struct conn *c)
{
	struct proxy *p = c->proxy;
	struct buf early = c->in;
	ssize_t n;

	/* What came with the request before. */
	if (early.len) {
		c->in = (struct buf){ .len = 0 };
		feed(c, early.data, early.len);
		buf_release(&early);
		return;
	}
	n = recv(c->client.fd, p->scratch, sizeof p->scratch, 0);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		conn_interest(c);
	else if (n <= 0)
		conn_end(c);
	else
		feed(c, p->scratch, (size_t)n);
}
