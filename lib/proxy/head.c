#include "proxy/impl.h"

#include <string.h>
#include <strings.h>

/* Is the word in any field of this name? */
static bool named_in(const struct http_head *h, const char *field, const char *word)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (!strcasecmp(h->fields[i].name, field) && http_list_has(h->fields[i].value, word))
			return true;
	return false;
}

/* The one other protocol that is let through: what it is goes on to the host that was judged. */
bool head_is_websocket(const struct http_head *h)
{
	const char *upgrade = http_field(h, "Upgrade");

	return upgrade && !strcasecmp(upgrade, "websocket") && named_in(h, "Connection", "upgrade") &&
	       !strcmp(h->method, "GET") && h->minor == 1 && !http_field(h, "Content-Length") &&
	       !http_field(h, "Transfer-Encoding");
}

/* What is between two neighbours only, by itself or because "Connection" says so. What says where a message
 * ends is not: nobody may have it taken away. */
static bool is_hop(const struct http_head *h, const char *name)
{
	static const char *const hops[] = { "Connection",
		                            "Proxy-Connection",
		                            "Keep-Alive",
		                            "TE",
		                            "Trailer",
		                            "Transfer-Encoding",
		                            "Upgrade",
		                            "Proxy-Authorization",
		                            "Proxy-Authenticate",
		                            "HTTP2-Settings" };

	for (size_t i = 0; i < sizeof hops / sizeof *hops; i++)
		if (!strcasecmp(name, hops[i]))
			return true;
	return strcasecmp(name, "Content-Length") && named_in(h, "Connection", name);
}

static void add_fields(const struct http_head *h, const char *but, struct buf *out)
{
	for (size_t i = 0; i < h->n_fields; i++)
		if (!is_hop(h, h->fields[i].name) && (!but || strcasecmp(h->fields[i].name, but)))
			buf_fmt(out, "%s: %s\r\n", h->fields[i].name, h->fields[i].value);
}

/* The host is the one that was judged, whatever the client's field says. */
bool head_request(struct conn *c, struct buf *out)
{
	const struct http_head *h = &c->request.head;
	const char *path = c->target.path;
	char host[TARGET_TEXT];

	buf_fmt(out, "%s %s%s HTTP/1.%d\r\nHost: %s\r\n", h->method, *path == '/' || *path == '*' ? "" : "/",
	        path, h->minor, target_text(&c->target, c->inside ? 443 : 80, host));
	add_fields(h, "Host", out);
	if (c->request.decoder.kind == HTTP_BODY_CHUNKED)
		buf_str(out, "Transfer-Encoding: chunked\r\n");
	buf_str(out, c->upgrade                 ? "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	             : c->keep && h->minor == 1 ? "\r\n"
	                                        : "Connection: close\r\n\r\n");
	return !out->failed;
}

bool head_answer(struct conn *c, struct buf *out)
{
	const struct http_head *h = &c->answer.head;
	/* "HTTP/1.1 200 OK": the line was cut behind its version. */
	const char *status = c->answer.text.data + strlen(c->answer.text.data) + 1;

	buf_fmt(out, "HTTP/1.1 %s\r\n", status);
	add_fields(h, NULL, out);
	if (h->status == 101)
		buf_str(out, "Connection: Upgrade\r\nUpgrade: websocket\r\n");
	else if (h->status >= 200) {
		if (c->answering.kind == HTTP_BODY_CHUNKED)
			buf_str(out, "Transfer-Encoding: chunked\r\n");
		buf_str(out, c->keep ? "Connection: keep-alive\r\n" : "Connection: close\r\n");
	}
	buf_str(out, "\r\n");
	return !out->failed;
}
