/* Connections that a supervisor has led here, or has seen to come. */
#include "proxy/impl.h"

#include "base/clock.h"
#include "net/hello.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

/* It is said right after the connection is there: what takes longer is not coming. */
enum { LOOKS = 50, HTTPS = 443 };
#define LOOK_NS (2 * 1000000LL)
#define OLD_NS  (60 * 1000000000LL)

const char *flow_text(const struct conn *c, char *out)
{
	const bool six = c->flow.to.len == 16;
	char text[INET6_ADDRSTRLEN] = "";

	inet_ntop(six ? AF_INET6 : AF_INET, c->flow.to.bytes, text, sizeof text);
	snprintf(out, TARGET_TEXT, six ? "[%s]:%u" : "%s:%u", text, c->flow.to_port);
	return out;
}

/* Each is good for one connection, and not for long: its port is used again. */
static bool find(struct conn *c)
{
	const struct proxy *p = c->proxy;
	struct page_flow f;
	uint64_t *served;

	if (!p->o.page || !page_flow_find(p->o.page, c->family, c->port, &f))
		return false;
	served = &p->served[c->family == AF_INET6][c->port];
	if (!f.serial || f.serial == *served || f.at > clock_mono_ns() || clock_mono_ns() - f.at > OLD_NS)
		return false;
	*served = f.serial;
	c->flow = f;
	return true;
}

static bool is_for_us(const struct conn *c)
{
	const struct page_flow *f = &c->flow;

	for (size_t i = 0; i < c->proxy->n_listeners; i++) {
		const struct listener *at = &c->proxy->listeners[i];

		if (at->port == f->to_port && at->addr.len == f->to.len &&
		    !memcmp(at->addr.bytes, f->to.bytes, f->to.len))
			return true;
	}
	return false;
}

static bool may_come(struct conn *c)
{
	const struct proxy_options *o = &c->proxy->o;

	return !o->demand_flows && (!o->is_caller || o->is_caller(o->arg, c->client.fd, &c->flow.command));
}

/* It is known who that is, or that nobody knows. */
static void begin(struct conn *c)
{
	char text[TARGET_TEXT];
	struct verdict v;

	c->state = CONN_HEAD;
	if (!c->flow.serial && !may_come(c)) {
		v = proxy_rule(RULE_STRANGER);
		tell_stranger(c, &v);
		refuse_by(c, &v);
		return;
	}
	if (c->flow.to.len) {
		c->transparent = CONFIG_PROXY_TRANSPARENT && !is_for_us(c);
		target_authority(flow_text(c, text), 0, &c->target);
	}
	conn_timer(c, c->proxy->o.head_timeout_ns);
	if (c->transparent && c->flow.to_port == HTTPS) {
		c->tls = true;
		c->state = CONN_HELLO;
		flow_hello(c, false);
	} else {
		/* It was let in because it has said something. */
		request_read(c);
	}
}

void flow_look(struct conn *c)
{
	if (find(c) || ++c->looks == LOOKS) {
		begin(c);
	} else {
		conn_timer(c, LOOK_NS);
		conn_interest(c);
	}
}

/* Where every address leads here, it was meant for the one that it has here. */
static void take_place(struct conn *c, const struct listener *at)
{
	static const uint8_t everywhere[16] = { 0 };
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} own = { .any.sa_family = AF_UNSPEC };
	struct page_address *to = &c->flow.to;
	socklen_t len = sizeof own;

	if (!c->proxy->o.apart || memcmp(at->addr.bytes, everywhere, at->addr.len) != 0 ||
	    getsockname(c->client.fd, &own.any, &len) < 0)
		return;
	c->flow.to_port = at->port;
	if (own.any.sa_family == AF_INET) {
		to->len = 4;
		memcpy(to->bytes, &own.v4.sin_addr, 4);
	} else if (IN6_IS_ADDR_V4MAPPED(&own.v6.sin6_addr)) {
		to->len = 4;
		memcpy(to->bytes, own.v6.sin6_addr.s6_addr + 12, 4);
	} else {
		to->len = 16;
		memcpy(to->bytes, &own.v6.sin6_addr, 16);
	}
}

void flow_start(struct conn *c, const struct listener *at, const struct sockaddr *from)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)from;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)from;

	c->state = CONN_FLOW;
	c->family = from->sa_family;
	c->port = ntohs(c->family == AF_INET ? v4->sin_port : v6->sin6_port);
	if (c->family == AF_INET6 && IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr))
		c->family = AF_INET;
	take_place(c, at);
	if (find(c) || !c->proxy->o.demand_flows)
		begin(c);
	else
		flow_look(c);
}

/* ---- what a TLS client says first ------------------------------------------------------------------------
 */

/* The address was meant, whoever is there; a policy may allow that by itself. */
static void go_nameless(struct conn *c, const struct net_hello *h)
{
	const struct verdict address = judge_address(c);
	struct verdict v;

	if (address.effective != EFFECT_DENY && h->state != HELLO_BAD) {
		judge_target(c);
		return;
	}
	v = proxy_rule(h->state == HELLO_BAD     ? RULE_MALFORMED
	               : h->state == HELLO_OTHER ? RULE_NOT_TLS
	               : h->has_ech              ? RULE_HIDDEN_NAME
	                                         : RULE_NO_NAME);
	tell_tls(c, &v, h->name);
	refuse_tls(c, h->state != HELLO_OTHER);
}

static void take_hello(struct conn *c, struct net_hello *h)
{
	struct host name;

	if (h->state != HELLO_WHOLE || h->has_ech || !h->has_name) {
		go_nameless(c, h);
	} else if (!host_parse(h->name, &name)) {
		h->state = HELLO_BAD;
		go_nameless(c, h);
	} else {
		c->target.host = name;
		judge_target(c);
	}
}

void flow_hello(struct conn *c, bool late)
{
	struct proxy *p = c->proxy;
	ssize_t n = late ? 0 : recv(c->client.fd, p->scratch, sizeof p->scratch, 0);
	struct net_hello h;

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		conn_interest(c);
		return;
	}
	if (n > 0)
		buf_add(&c->in, p->scratch, (size_t)n);
	if (n < 0 || c->in.failed || (!n && !late && !c->in.len)) {
		conn_end(c);
		return;
	}
	net_hello_read((const uint8_t *)buf_text(&c->in), c->in.len, &h);
	if (h.state == HELLO_MORE && n) {
		conn_interest(c);
		return;
	}
	/* It stops in the middle, or waits for the server to speak. */
	if (h.state == HELLO_MORE)
		h.state = c->in.len ? HELLO_BAD : HELLO_OTHER;
	if (!n && !late)
		c->client.ended = true;
	take_hello(c, &h);
}
