#include "proxy/impl.h"

#include "json/write.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define LINGER_NS (2 * 1000000000LL)

/* NOLINTBEGIN(bugprone-macro-parentheses): each goes into one initialiser */
#define OWN(id, text, why) \
	static const struct rule id = { .name = text, .file = "built-in", .message = "", .description = why }
/* NOLINTEND(bugprone-macro-parentheses) */
OWN(malformed, "malformed-request", "the request can be read in more than one way");
OWN(mismatch, "tls-name-mismatch", "TLS asks for another host than the proxy was asked for");
OWN(no_name, "tls-no-name", "TLS names no host");
OWN(hidden, "tls-hidden-name", "TLS hides the host's name (ECH)");
OWN(not_tls, "tls-only", "what is said on port 443 is not TLS");
OWN(own, "own-listeners", "the address is the governor's own");
OWN(foreign, "foreign-loopback", "over loopback only ports are open that a rule names");
OWN(untrusted, "tls-untrusted-server", "the server cannot prove to be the host that was asked for");
OWN(stranger, "session-only", "the proxy serves programs of its session only");

struct verdict proxy_rule(enum proxy_rule which)
{
	static const struct rule *const rules[] = {
		[RULE_MALFORMED] = &malformed,
		[RULE_NAME_MISMATCH] = &mismatch,
		[RULE_NO_NAME] = &no_name,
		[RULE_HIDDEN_NAME] = &hidden,
		[RULE_NOT_TLS] = &not_tls,
		[RULE_STRANGER] = &stranger,
		[RULE_OWN] = &own,
		[RULE_FOREIGN] = &foreign,
		[RULE_UNTRUSTED] = &untrusted,
	};

	return (struct verdict){ .rule = rules[which] };
}

static const char *reason(int status)
{
	switch (status) {
	case 400:
		return "Bad Request";
	case 403:
		return "Forbidden";
	case 408:
		return "Request Timeout";
	case 413:
		return "Content Too Large";
	case 431:
		return "Request Header Fields Too Large";
	case 502:
		return "Bad Gateway";
	case 503:
		return "Service Unavailable";
	default:
		return "Gateway Timeout";
	}
}

static bool wants_json(const struct conn *c)
{
	const char *accept = c->request.state != HTTP_REFUSED ? http_field(&c->request.head, "Accept") : NULL;

	return accept && strcasestr(accept, "application/json");
}

void refuse_tls(struct conn *c, bool alert)
{
	static const char denied[] = { 21, 3, 3, 0, 2, 2, 49 /* access_denied */ };

	conn_drop_server(c);
	conn_timer(c, 0);
	if (alert)
		buf_add(&c->down.rest, denied, sizeof denied);
	c->keep = false;
	c->state = CONN_LINGER;
	refuse_linger(c);
}

/* Another request may follow when this one has come whole, and was understood. */
static void answer(struct conn *c, int status, const char *type, const struct buf *body)
{
	struct buf *out = &c->down.rest;
	bool keep = c->keep && !c->is_connect && c->request.state == HTTP_DONE && status != 400;

	if (c->tls && status == 403) {
		refuse_tls(c, true);
		return;
	}
	if (c->tls) {
		conn_break(c);
		return;
	}
	conn_drop_server(c);
	conn_timer(c, 0);
	if (!c->answered) {
		buf_fmt(out,
		        "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\nConnection: %s\r\n\r\n",
		        status, reason(status), type, body->len, keep ? "keep-alive" : "close");
		if (!c->is_head)
			buf_add(out, body->data, body->len);
	}
	c->keep = keep;
	c->state = CONN_LINGER;
	if (out->failed || c->answered)
		conn_break(c);
	else
		refuse_linger(c);
}

void refuse_with(struct conn *c, int status, const char *why)
{
	AUTO_BUF body = { 0 };
	char where[TARGET_TEXT];

	if (c->request.state == HTTP_HEAD || c->request.state == HTTP_REFUSED || status == 400)
		buf_fmt(&body, "agentsh: %s\n", why);
	else
		buf_fmt(&body, "agentsh: %s: %s\n", target_text(&c->target, 0, where), why);
	if (status == 400) {
		const struct verdict v = proxy_rule(RULE_MALFORMED);

		tell_malformed(c, &v, why);
	}
	answer(c, status, "text/plain; charset=utf-8", &body);
}

static const char fix[] = "network_rules of the session's policy say which hosts and ports may be reached; "
                          "whoever runs the session can allow this one";

static void write_json(const struct conn *c, const struct verdict *v, const char *message, struct buf *out)
{
	struct json j = { .out = out };

	json_object(&j);
	json_key_text(&j, "error", "blocked by policy");
	json_key_text(&j, "host", c->target.host.name);
	json_key_int(&j, "port", c->target.port);
	json_key_text(&j, "rule", v->rule->name);
	json_key_text(&j, "file", v->rule->file);
	json_key_int(&j, "line", v->rule->line);
	json_key_text(&j, "message", message);
	json_key_text(&j, "fix", fix);
	json_end(&j);
	buf_chr(out, '\n');
}

void refuse_by(struct conn *c, const struct verdict *v)
{
	char where[TARGET_TEXT], message[512];
	const struct message_facts facts = { .remote = target_text(&c->target, 0, where),
		                             .domain = c->target.host.name,
		                             .operation = "connect",
		                             .port = c->target.port };
	AUTO_BUF body = { 0 };

	decide_message(v->rule, &facts, message, sizeof message);
	if (!*message && v->rule->description)
		snprintf(message, sizeof message, "%s", v->rule->description);
	if (wants_json(c)) {
		write_json(c, v, message, &body);
		answer(c, 403, "application/json", &body);
		return;
	}
	buf_str(&body, "blocked by policy\n");
	buf_fmt(&body, "agentsh: %s: denied by rule '%s' (%s:%d)%s%s\n", where, v->rule->name, v->rule->file,
	        v->rule->line, *message ? ": " : "", message);
	buf_fmt(&body, "agentsh: %s\n", fix);
	answer(c, 403, "text/plain; charset=utf-8", &body);
}

/* Our answer goes out; then, so that the client reads it before it hears that nobody listens any more, what
 * it still says is thrown away for a while. */
void refuse_linger(struct conn *c)
{
	struct proxy *p = c->proxy;
	ssize_t n = 1;

	switch (way_flush(p, &c->down, &c->client)) {
	case WAY_EMPTY:
		break;
	case WAY_BLOCKED:
		if (!c->timer.at_ns)
			conn_timer(c, 10 * LINGER_NS);
		conn_interest(c);
		return;
	default:
		conn_end(c);
		return;
	}
	if (c->keep) {
		conn_next(c);
		return;
	}
	if (!c->client.closed) {
		shutdown(c->client.fd, SHUT_WR);
		c->client.closed = true;
		conn_timer(c, LINGER_NS);
	}
	for (int i = 0; i < 16 && n > 0; i++)
		n = recv(c->client.fd, p->scratch, sizeof p->scratch, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_end(c);
	else
		conn_interest(c);
}
