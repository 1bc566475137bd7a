#include "proxy/intercept.h"

#include "base/arena.h"
#include "base/fd.h"
#include "match/glob.h"
#include "match/host.h"
#include "net/hello.h"
#include "proxy/impl.h"
#include "tls/relay.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { HTTPS = 443, HOSTS_MAX = 1024 };

struct intercept {
	struct arena arena;
	struct glob *hosts; /* in the arena */
	size_t n;
	bool all;
	struct authority *authority;
	struct anchors *anchors;
	struct relays *relays;
	struct buf bundle;
};

static int take_hosts(struct intercept *i, const char *const *hosts, size_t n, struct err *e)
{
	if (n > HOSTS_MAX)
		return err_set(e, "more than %d hosts to intercept", HOSTS_MAX);
	i->hosts = arena_array(&i->arena, n, sizeof *i->hosts);
	for (size_t k = 0; i->hosts && k < n; k++) {
		char *text = arena_str(&i->arena, hosts[k]);

		for (char *c = text; c && *c; c++)
			*c = (char)tolower((unsigned char)*c);
		if (text && !strcmp(text, "*"))
			i->all = true;
		else if (text && glob_compile(&i->arena, text, '.', &i->hosts[i->n++], e) < 0)
			return err_in(e, "host '%s'", hosts[k]);
	}
	return i->arena.failed ? err_set(e, "out of memory") : 0;
}

static int set_up(struct intercept *i, struct loop *loop, const char *anchors, struct err *e)
{
	const int64_t now_s = time(NULL);
	struct relays_options o = { .loop = loop };

	if (anchors_text(anchors, &i->bundle, e) < 0)
		return err_in(e, "interception");
	i->anchors = anchors_parse(buf_text(&i->bundle), i->bundle.len, now_s, e);
	i->authority = i->anchors ? authority_new(now_s, e) : NULL;
	if (!i->authority)
		return err_in(e, "interception");
	buf_fmt(&i->bundle, "\n%s", authority_pem(i->authority));
	if (i->bundle.failed)
		return err_set(e, "out of memory");
	o.authority = i->authority;
	o.anchors = i->anchors;
	i->relays = relays_new(&o, e);
	return i->relays ? 0 : -1;
}

struct intercept *intercept_new(struct loop *loop, const char *const *hosts, size_t n, const char *anchors,
                                struct err *e)
{
	struct intercept *i = calloc(1, sizeof *i);

	if (!i)
		err_set(e, "out of memory");
	else if (take_hosts(i, hosts, n, e) == 0 && set_up(i, loop, anchors, e) == 0)
		return i;
	intercept_free(i);
	return NULL;
}

void intercept_free(struct intercept *i)
{
	if (!i)
		return;
	relays_free(i->relays);
	authority_free(i->authority);
	anchors_free(i->anchors);
	buf_release(&i->bundle);
	arena_release(&i->arena);
	free(i);
}

bool intercept_wants(const struct intercept *i, const char *name)
{
	if (i->all)
		return true;
	for (size_t k = 0; k < i->n; k++)
		if (glob_match(&i->hosts[k], name, strlen(name)))
			return true;
	return false;
}

const char *intercept_ca(const struct intercept *i)
{
	return authority_pem(i->authority);
}

const char *intercept_bundle(const struct intercept *i)
{
	return buf_text(&i->bundle);
}

int intercept_write(const struct intercept *i, const char *ca, const char *bundle, struct err *e)
{
	const char *text = intercept_ca(i);

	if (ca && fd_replace_file(ca, text, strlen(text), 0644, e) < 0)
		return -1;
	return bundle ? fd_replace_file(bundle, i->bundle.data, i->bundle.len, 0644, e) : 0;
}

/* ---- the client's side ---- */

/* As for tunnels, but that nothing goes through that is not understood. */
static struct verdict look_at(const struct conn *c, const struct net_hello *h)
{
	struct host name;

	if (h->state == HELLO_OTHER)
		return proxy_rule(RULE_NOT_TLS);
	if (h->state != HELLO_WHOLE)
		return proxy_rule(RULE_MALFORMED);
	if (h->has_ech)
		return proxy_rule(RULE_HIDDEN_NAME);
	if (!h->has_name)
		return proxy_rule(RULE_NO_NAME);
	if (!host_parse(h->name, &name))
		return proxy_rule(RULE_MALFORMED);
	return strcmp(name.name, c->target.host.name) ? proxy_rule(RULE_NAME_MISMATCH)
	                                              : (struct verdict){ .rule = NULL };
}

/* From here on the client's socket has what it says inside TLS. */
static void begin(struct conn *c)
{
	struct proxy *p = c->proxy;
	int plain;
	struct relay *r;

	loop_unwatch(p->o.loop, &c->client.watch);
	r = relay_serve(p->o.intercept->relays, c->client.fd, c->target.host.name, c->in.data, c->in.len,
	                &plain, NULL);
	if (!r) {
		conn_break(c);
		return;
	}
	c->client.fd = plain;
	c->client.relay = r;
	c->inside = true;
	buf_release(&c->in);
	http_parser_reset(&c->request);
	c->is_connect = c->tls = false;
	c->down.total = 0;
	c->state = CONN_HEAD;
	conn_timer(c, p->o.head_timeout_ns);
	conn_interest(c);
}

static void look(struct conn *c)
{
	struct net_hello h;
	struct verdict v;

	net_hello_read((const uint8_t *)buf_text(&c->in), c->in.len, &h);
	if (h.state == HELLO_MORE && !c->client.ended) {
		conn_interest(c);
		return;
	}
	v = look_at(c, &h);
	if (v.rule) {
		tell_tls(c, &v, h.name);
		refuse_tls(c, h.state != HELLO_OTHER);
	} else {
		begin(c);
	}
}

void intercept_read(struct conn *c)
{
	struct proxy *p = c->proxy;
	ssize_t n = recv(c->client.fd, p->scratch, sizeof p->scratch, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
		conn_interest(c);
		return;
	}
	if (n < 0 || (n == 0 && !c->in.len)) {
		conn_end(c);
		return;
	}
	c->client.ended = n == 0;
	buf_add(&c->in, p->scratch, (size_t)n);
	if (c->in.failed)
		conn_end(c);
	else
		look(c);
}

bool intercept_applies(const struct conn *c)
{
	/* Where the operator leads it elsewhere, it is for whoever is there. */
	return c->proxy->o.intercept && !c->redirect && c->target.host.kind == HOST_NAME &&
	       intercept_wants(c->proxy->o.intercept, c->target.host.name);
}

void intercept_start(struct conn *c)
{
	c->state = CONN_INTERCEPT;
	c->keep = false;
	conn_timer(c, c->proxy->o.head_timeout_ns);
	if (c->is_connect)
		buf_str(&c->down.rest, "HTTP/1.1 200 Connection Established\r\n\r\n");
	/* So little is taken at once, or never. */
	if (c->down.rest.failed || way_flush(c->proxy, &c->down, &c->client) != WAY_EMPTY)
		conn_break(c);
	else if (c->in.len)
		look(c);
	else
		conn_interest(c);
}

/* ---- what it asks for ---- */

/* A word of why not, NULL if all is well. */
static const char *take_target(struct conn *c, bool *other_host)
{
	const struct http_head *h = &c->request.head;
	const char *host = http_field(h, "Host");
	struct target named;

	c->is_head = !strcmp(h->method, "HEAD");
	c->upgrade = head_is_websocket(h);
	c->keep = h->keep_alive;
	c->target.path = "";
	if (*h->target != '/' && !(!strcmp(h->target, "*") && !strcmp(h->method, "OPTIONS")))
		return "within TLS, requests name a path";
	if (strpbrk(h->target, "#\\"))
		return "malformed path";
	c->target.path = h->target;
	if (!host)
		return NULL;
	if (!target_authority(host, HTTPS, &named))
		return "malformed host";
	*other_host = strcmp(named.host.name, c->target.host.name) || named.port != c->target.port;
	return NULL;
}

void intercept_request(struct conn *c)
{
	bool other_host = false;
	const char *why = take_target(c, &other_host);
	const struct verdict v = proxy_rule(RULE_NAME_MISMATCH);

	if (why) {
		refuse_with(c, 400, why);
	} else if (other_host) {
		tell_request(c, &v, NULL);
		refuse_by(c, &v);
	} else {
		judge_target(c);
	}
}

/* ---- the host's side ---- */

static void on_outcome(void *arg, const struct relay_outcome *outcome)
{
	struct conn *c = arg;
	const struct verdict v = proxy_rule(RULE_UNTRUSTED);

	conn_timer(c, 0);
	if (outcome->good) {
		exchange_start(c);
		return;
	}
	if (outcome->distrusted)
		tell_distrusted(c, &v, outcome->why);
	refuse_with(c, 502, outcome->why);
}

void intercept_dialled(struct conn *c)
{
	struct proxy *p = c->proxy;
	int plain;
	struct relay *r;

	loop_unwatch(p->o.loop, &c->server.watch);
	r = relay_ask(p->o.intercept->relays, c->server.fd, c->target.host.name, on_outcome, c, &plain, NULL);
	if (!r) {
		refuse_with(c, 503, "too many connections");
		return;
	}
	c->server.fd = plain;
	c->server.relay = r;
	c->state = CONN_SECURE;
	conn_timer(c, p->o.head_timeout_ns);
	conn_interest(c);
}
