#include "proxy/impl.h"

#include "net/hello.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

enum { HTTPS = 443 };
#define SILENCE_NS (60 * 1000000000LL)

/* Does what the client says first fit what it asked us for? A verdict without a rule says yes. What says no
 * name counts where none is needed. */
static struct verdict look_at(const struct conn *c, const struct net_hello *h)
{
	const struct verdict fine = { .rule = NULL };
	const bool is_name = c->target.host.kind == HOST_NAME;
	struct verdict v;
	struct host name;

	if (h->state == HELLO_BAD)
		return proxy_rule(RULE_MALFORMED);
	if (h->state == HELLO_OTHER)
		return c->target.port != HTTPS || judge_exactly(c) ? fine : proxy_rule(RULE_NOT_TLS);
	if (h->has_ech)
		return judge_exactly(c) ? fine : proxy_rule(RULE_HIDDEN_NAME);
	if (!h->has_name)
		return !is_name || c->target.port != HTTPS || judge_exactly(c) ? fine
		                                                               : proxy_rule(RULE_NO_NAME);
	if (!host_parse(h->name, &name))
		return proxy_rule(RULE_MALFORMED);
	if (is_name)
		return strcmp(name.name, c->target.host.name) ? proxy_rule(RULE_NAME_MISMATCH) : fine;
	/* An address was asked for: whoever is there by that name must be allowed. */
	return judge_name(c, name.name, &v) ? fine : v;
}

static void refuse_hello(struct conn *c, const struct net_hello *h, const struct verdict *v)
{
	tell_tls(c, v, h->name);
	refuse_tls(c, h->state != HELLO_OTHER);
}

/* Let what was said first go on its way. */
static void open_gate(struct conn *c, const char *data, size_t len)
{
	conn_timer(c, 0);
	c->gate = false;
	switch (len ? way_send(&c->up, &c->server, data, len) : WAY_EMPTY) {
	case WAY_LOST:
		c->up_lost = c->client.ended = true;
		break;
	case WAY_BROKEN:
		conn_break(c);
		break;
	default:
		break;
	}
}

/* The same, asking for the server that the operator named. */
static void open_renamed(struct conn *c, const struct net_hello *h, const char *data, size_t len)
{
	const struct verdict v = { .decision = EFFECT_REDIRECT, .rule = c->redirect->rule };
	AUTO_BUF renamed = { 0 };

	if (net_hello_rename((const uint8_t *)data, len, c->redirect->sni, &renamed))
		open_gate(c, buf_text(&renamed), renamed.len);
	else
		refuse_hello(c, h, &v);
}

/* All that the client has said so far, wherever it lies. */
static void look(struct conn *c, const char *data, size_t len)
{
	struct net_hello h;
	struct verdict v;

	net_hello_read((const uint8_t *)data, len, &h);
	if (h.state == HELLO_MORE && !c->client.ended) {
		if (data != c->in.data) {
			buf_add(&c->in, data, len);
			conn_timer(c, c->proxy->o.head_timeout_ns);
		}
		if (c->in.failed)
			conn_break(c);
		return;
	}
	/* It stops in the middle: nothing was sent on. */
	if (h.state == HELLO_MORE)
		h.state = HELLO_BAD;
	v = look_at(c, &h);
	if (v.rule)
		refuse_hello(c, &h, &v);
	else if (c->redirect && c->redirect->sni)
		open_renamed(c, &h, data, len);
	else
		open_gate(c, data, len);
	buf_release(&c->in);
}

static void read_first(struct conn *c)
{
	struct proxy *p = c->proxy;
	ssize_t n = recv(c->client.fd, p->scratch, sizeof p->scratch, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		conn_break(c);
		return;
	}
	c->client.ended = n == 0;
	if (c->in.len) {
		buf_add(&c->in, p->scratch, (size_t)n);
		look(c, buf_text(&c->in), c->in.len);
	} else if (n) {
		look(c, p->scratch, (size_t)n);
	} else {
		open_gate(c, NULL, 0);
	}
}

/* One who says no more is no more spoken to by the other, once all has arrived. */
static void pass_end(const struct end *from, const struct way *w, struct end *to)
{
	if (!from->ended || to->closed || way_blocked(w))
		return;
	/* When it has ended, too, it is closed right away. */
	if (!to->ended)
		shutdown(to->fd, SHUT_WR);
	to->closed = true;
}

static void run_up(struct conn *c)
{
	if (c->up_lost || c->server.closed)
		return;
	switch (way_move(c->proxy, &c->up, &c->client, &c->server, NULL, NULL)) {
	case WAY_LOST:
		/* Perhaps it has said all that it had to say, which is still to be passed on. */
		c->up_lost = c->client.ended = true;
		way_release(c->proxy, &c->up);
		break;
	case WAY_BROKEN:
		conn_break(c);
		return;
	default:
		break;
	}
	if (!c->up_lost)
		pass_end(&c->client, &c->up, &c->server);
}

static void run_down(struct conn *c)
{
	const uint64_t before = c->down.total;
	enum way_state state;

	if (c->client.closed)
		return;
	state = way_move(c->proxy, &c->down, &c->server, &c->client, NULL, NULL);
	/* It is the server that began. */
	if (c->gate && !c->in.len && c->target.port != HTTPS && c->down.total != before)
		conn_timer(c, 0);
	if (state == WAY_LOST || state == WAY_BROKEN)
		conn_break(c);
	else
		pass_end(&c->server, &c->down, &c->client);
}

void tunnel_run(struct conn *c, unsigned ways)
{
	const bool was_open = !c->gate;

	if (!was_open && ways & TUNNEL_UP)
		read_first(c);
	/* Behind what was said first there is nothing yet, unless it was all. */
	if (c->state == CONN_TUNNEL && !c->gate && (was_open || c->client.ended) && ways & TUNNEL_UP)
		run_up(c);
	if (c->state == CONN_TUNNEL && ways & TUNNEL_DOWN)
		run_down(c);
	if (c->state != CONN_TUNNEL)
		return;
	if (c->client.ended && c->server.ended && !way_blocked(&c->up) && !way_blocked(&c->down))
		conn_end(c);
	else
		conn_interest(c);
}

/* Its first words have been looked at, and are what brought us here. */
static void start_tls(struct conn *c)
{
	const struct net_hello whole = { .state = HELLO_WHOLE };

	if (c->redirect && c->redirect->sni)
		open_renamed(c, &whole, buf_text(&c->in), c->in.len);
	else
		open_gate(c, buf_text(&c->in), c->in.len);
	buf_release(&c->in);
}

void tunnel_start(struct conn *c)
{
	c->state = CONN_TUNNEL;
	c->gate = !c->tls;
	c->keep = false;
	if (c->tls) {
		start_tls(c);
	} else {
		buf_str(&c->down.rest, "HTTP/1.1 200 Connection Established\r\n");
		if (*redirect_notice(c))
			buf_fmt(&c->down.rest, "X-Agentsh-Redirect: %s\r\n", redirect_notice(c));
		buf_str(&c->down.rest, "\r\n");
	}
	/* Elsewhere the server may be the one to begin. */
	if (c->gate)
		conn_timer(c, c->target.port == HTTPS ? c->proxy->o.head_timeout_ns : SILENCE_NS);
	if (c->gate && c->in.len)
		look(c, buf_text(&c->in), c->in.len);
	/* Neither has had time to say more. */
	if (c->state == CONN_TUNNEL && way_flush(c->proxy, &c->down, &c->client) == WAY_LOST)
		conn_break(c);
	if (c->state == CONN_TUNNEL && way_flush(c->proxy, &c->up, &c->server) == WAY_LOST)
		conn_break(c);
	if (c->state == CONN_TUNNEL)
		conn_interest(c);
}
