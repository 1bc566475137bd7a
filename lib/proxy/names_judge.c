/* What is answered to a question, and who is asked for it. */
#include "proxy/names_impl.h"

#include "base/clock.h"
#include "match/host.h"

#include <arpa/inet.h>
#include <string.h>

enum { TTL_LEAST = 1, TTL_MOST = 3600, TTL_LOCAL = 60 };

static const struct rule no_type = { .name = "dns-types",
	                             .file = "built-in",
	                             .message = "",
	                             .description = "records of this type, or of such a name, are not "
	                                            "passed on" };
static const struct rule local = { .name = "local-names", .file = "built-in", .message = "" };
static const struct verdict here = { EFFECT_ALLOW, EFFECT_ALLOW, &local, NULL, false };

static bool is_address(const struct pending *p)
{
	return p->query.type == DNS_A || p->query.type == DNS_AAAA;
}

/* ---- telling --------------------------------------------------------------------------------------------
 */

static bool tell_of(struct pending *p, const char *type, const struct verdict *v,
                    const struct resolver_answer *a)
{
	char texts[RESOLVER_ADDRESSES][INET6_ADDRSTRLEN];
	const char *list[RESOLVER_ADDRESSES + 1] = { NULL };
	const struct event_field fields[] = { { .name = "ips", .list = list },
		                              { .name = "source", .text = "dns" },
		                              { .name = "type", .number = p->query.type } };
	struct event ev = { .type = type,
		            .domain = p->query.name,
		            .verdict = v,
		            .message = v->effective == EFFECT_ALLOW ? NULL : v->rule->description,
		            .fields = a ? fields : fields + 1,
		            .n_fields = a ? 3 : 2 };

	for (size_t i = 0; a && i < a->n; i++)
		list[i] = inet_ntop(a->addresses[i].len == 4 ? AF_INET : AF_INET6, a->addresses[i].addr,
		                    texts[i], sizeof texts[i]);
	return tell_event(&p->names->teller, &ev, 0);
}

static bool tell_dropped(struct pending *p, const struct verdict *v, const struct dns_address *a)
{
	char remote[INET6_ADDRSTRLEN];
	struct event ev = { .type = "dns_rebind_blocked", .domain = p->query.name, .verdict = v };

	ev.remote = inet_ntop(a->len == 4 ? AF_INET : AF_INET6, a->addr, remote, sizeof remote);
	return tell_event(&p->names->teller, &ev, 0);
}

/* ---- addresses ------------------------------------------------------------------------------------------
 */

static struct verdict ask(const struct pending *p, const struct dns_address *a)
{
	const struct names_options *o = &p->names->o;
	const struct net_request r = { .host = p->query.name,
		                       .addr = a ? a->addr : NULL,
		                       .addr_len = a ? a->len : 0 };

	return decide_name(o->policy, o->cache, &r);
}

/* Take out what may not be connected to. How many are left; -1 when that could not be told of. */
static int sift(struct pending *p, struct resolver_answer *a)
{
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct dns_address *one = &a->addresses[i];
		const struct verdict v = ask(p, one);

		if (v.effective != EFFECT_DENY)
			a->addresses[n++] = *one;
		else if (!tell_dropped(p, &v, one))
			return -1;
	}
	a->n = n;
	return (int)n;
}

static void bind_all(struct pending *p, const struct resolver_answer *a)
{
	const int64_t now = clock_mono_ns();

	for (size_t i = 0; p->names->o.page && i < a->n; i++) {
		struct page_address to = { .len = a->addresses[i].len };

		memcpy(to.bytes, a->addresses[i].addr, to.len);
		page_bind(p->names->o.page, p->query.name, &to, a->ttl, now);
	}
}

static void answer_found(struct pending *p, const struct resolver_answer *a)
{
	size_t size;
	uint8_t *out = names_query_room(p, &size);
	const char *owner = NULL;
	struct dns_writer w;

	bind_all(p, a);
	dns_answer(&w, out, size, &p->query);
	for (size_t i = 0; i < a->n_aliases; i++) {
		dns_answer_alias(&w, owner, a->ttl, a->aliases[i]);
		owner = a->aliases[i];
	}
	for (size_t i = 0; i < a->n; i++)
		if (a->addresses[i].len == (p->query.type == DNS_A ? 4 : 16))
			dns_answer_address(&w, owner, a->ttl, &a->addresses[i]);
	names_answer_query(p, dns_answer_end(&w, &p->query, DNS_OK));
}

static void take_answer(struct pending *p, const struct resolver_answer *answer, const struct verdict *v)
{
	struct resolver_answer a = *answer;
	const size_t before = a.n;
	int left;

	/* A name of this machine tells nobody anything: what is connected to is judged then. */
	left = a.is_local ? (int)a.n : sift(p, &a);
	if (left < 0 || !tell_of(p, "dns_query", v, &a) || a.status == RESOLVER_FAILED)
		names_fail_query(p, DNS_SERVFAIL);
	else if (a.status == RESOLVER_NONE)
		names_fail_query(p, a.no_such_name ? DNS_NXDOMAIN : DNS_OK);
	else if (before && !left)
		names_fail_query(p, DNS_REFUSED);
	else
		answer_found(p, &a);
}

static void on_answer(void *arg, const struct resolver_answer *answer)
{
	struct pending *p = arg;
	const struct verdict v = ask(p, NULL);

	take_answer(p, answer, &v);
}

static void refuse(struct pending *p, const struct verdict *v, int code)
{
	tell_of(p, "dns_query", v, NULL);
	names_fail_query(p, code);
}

/* ---- records of other types -----------------------------------------------------------------------------
 */

static void on_passed(void *arg, const uint8_t *message, size_t len)
{
	const struct dns_span ttl = { TTL_LEAST, TTL_MOST };
	struct pending *p = arg;
	struct dns_query asked;
	struct dns_writer w;
	size_t size;
	uint8_t *out = names_query_room(p, &size);

	if (!message) {
		names_fail_query(p, DNS_SERVFAIL);
		return;
	}
	/* The id is the servers' one. */
	asked = p->query;
	asked.id = (uint16_t)(message[0] << 8 | message[1]);
	dns_answer(&w, out, size, &p->query);
	if (dns_pass(&w, message, len, &asked, ttl))
		names_answer_query(p, dns_answer_end(&w, &p->query, message[3] & 15));
	else
		names_fail_query(p, DNS_SERVFAIL);
}

/* The log first. */
static void pass(struct pending *p, const struct verdict *v)
{
	p->pass.done = on_passed;
	p->pass.arg = p;
	if (!tell_of(p, "dns_query", v, NULL) ||
	    resolver_pass(p->names->o.resolver, p->query.name, p->query.type, &p->pass, NULL) < 0)
		names_fail_query(p, DNS_SERVFAIL);
}

/* Which name is that of an address: what is known here. */
static void answer_reverse(struct pending *p, const struct dns_address *a)
{
	static const struct verdict unknown = { .rule = &no_type };
	char names[PAGE_FOUND][PAGE_NAME];
	const struct page_address at = { { 0 }, a->len };
	struct page_address key = at;
	size_t size, n = 0;
	uint8_t *out = names_query_room(p, &size);
	struct host host;
	struct dns_writer w;

	memcpy(key.bytes, a->addr, a->len);
	if (p->names->o.page)
		n = page_names(p->names->o.page, &key, clock_mono_ns(), names, PAGE_FOUND);
	if (host_from_address(a->addr, a->len, &host) &&
	    (!strncmp(host.name, "127.", 4) || !strcmp(host.name, "::1"))) {
		strcpy(names[0], "localhost");
		n = 1;
	}
	if (!n || !tell_of(p, "dns_query", &here, NULL)) {
		refuse(p, &unknown, DNS_NXDOMAIN);
		return;
	}
	dns_answer(&w, out, size, &p->query);
	for (size_t i = 0; i < n; i++)
		dns_answer_name(&w, TTL_LOCAL, names[i]);
	names_answer_query(p, dns_answer_end(&w, &p->query, DNS_OK));
}

/* ---- judging --------------------------------------------------------------------------------------------
 */

static void ask_outside(struct pending *p, const struct verdict *v)
{
	struct names *n = p->names;
	const struct verdict limit = { .rule = limits_ask(&n->limits, n->o.policy, p->query.name) };

	p->wait.done = on_answer;
	p->wait.arg = p;
	if (limit.rule)
		refuse(p, &limit, DNS_REFUSED);
	else if (!is_address(p))
		pass(p, v);
	else if (resolver_ask(n->o.resolver, p->query.name, &p->wait, NULL) < 0)
		names_fail_query(p, DNS_SERVFAIL);
}

/* The operator leads it elsewhere: nobody is asked, and the address is judged as an answer is. */
static void answer_redirect(struct pending *p, const struct net_redirect *to, const struct verdict *v)
{
	const struct verdict led = { EFFECT_REDIRECT, EFFECT_ALLOW, to->rule, NULL, false };
	struct resolver_answer a = { .status = RESOLVER_FOUND, .ttl = TTL_LOCAL, .n = 1 };

	memcpy(a.addresses[0].addr, to->addr, to->addr_len);
	a.addresses[0].len = (uint8_t)to->addr_len;
	if (!is_address(p)) {
		names_fail_query(p, DNS_OK); /* it has nothing else there */
		return;
	}
	if (to->visibility != REDIRECT_SILENT && !tell_of(p, "dns_redirect", &led, &a))
		names_fail_query(p, DNS_SERVFAIL);
	else
		take_answer(p, &a, v);
}

/* A name that a rule lets through. */
static void judge_allowed(struct pending *p, const struct verdict *v)
{
	static const struct verdict type = { .rule = &no_type };
	struct resolver_answer known;
	struct net_redirect to;
	const enum redirect_found led = decide_name_redirect(p->names->o.policy, p->query.name, &to);
	const struct verdict unsure = { .rule = led == REDIRECT_UNSURE ? to.rule : NULL };

	if (led == REDIRECT_UNSURE)
		refuse(p, &unsure, DNS_SERVFAIL);
	else if (led == REDIRECT_FOUND)
		answer_redirect(p, &to, v);
	else if (p->query.type == DNS_HTTPS || p->query.type == DNS_SVCB)
		names_fail_query(p, DNS_OK); /* there are none: keys in them would hide names */
	else if (!is_address(p) && (!dns_passes(p->query.type) || !decide_is_by_name(v->rule)))
		refuse(p, &type, DNS_REFUSED);
	else if (is_address(p) && resolver_known(p->names->o.resolver, p->query.name, &known))
		take_answer(p, &known, v);
	else
		ask_outside(p, v);
}

void names_judge_query(struct pending *p)
{
	const struct verdict v = ask(p, NULL);
	struct resolver_answer answer;
	struct dns_address reverse;
	struct host host;

	if (p->query.type == DNS_PTR && dns_reverse(p->query.name, &reverse)) {
		answer_reverse(p, &reverse);
		return;
	}
	if (!host_parse(p->query.name, &host) || host.kind != HOST_NAME) {
		names_fail_query(p, DNS_NXDOMAIN);
		return;
	}
	if (v.effective != EFFECT_DENY)
		judge_allowed(p, &v);
	else if (is_address(p) && resolver_known(p->names->o.resolver, p->query.name, &answer) &&
	         answer.is_local)
		take_answer(p, &answer, &here);
	else
		refuse(p, &v, DNS_NXDOMAIN);
}
