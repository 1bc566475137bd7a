#include "proxy/impl.h"

#include "match/host.h"
#include "net/ours.h"

#include <string.h>

static bool is_loopback(const struct dns_address *a)
{
	static const uint8_t here[16] = { [15] = 1 };
	struct host h;

	if (!host_from_address(a->addr, a->len, &h))
		return false;
	return h.address.len == 4 ? h.address.addr[0] == 127 || !h.address.addr[0]
	                          : !memcmp(h.address.addr, here, sizeof here);
}

static struct verdict dial_verdict(const struct conn *c, const char *host, const struct dns_address *a)
{
	const struct proxy_options *o = &c->proxy->o;
	const struct net_request r = {
		.host = host, .addr = a->addr, .addr_len = a->len, .port = c->target.port
	};
	struct verdict v;

	if ((o->apart && is_loopback(a)) || (o->ours && ours_is(o->ours, a->addr, a->len, c->target.port)))
		return proxy_rule(RULE_OWN);
	v = decide_dial(o->policy, o->cache, &r);
	if (o->named_loopback && v.effective == EFFECT_ALLOW && is_loopback(a) && !decide_names_ports(v.rule))
		return proxy_rule(RULE_FOREIGN);
	return v;
}

static struct verdict name_verdict(const struct conn *c)
{
	const struct net_request r = { .host = c->target.host.name, .port = c->target.port };

	return decide_name(c->proxy->o.policy, c->proxy->o.cache, &r);
}

struct verdict judge_address(const struct conn *c)
{
	struct dns_address a = { .len = c->flow.to.len };

	memcpy(a.addr, c->flow.to.bytes, sizeof a.addr);
	return dial_verdict(c, NULL, &a);
}

/* Where a redirect leads is nobody's claim: the name counts for the address that was asked for. */
static struct dns_address asked_for(const struct conn *c)
{
	const struct host_form *f = &c->target.host.address;
	struct dns_address a = { .len = (uint8_t)f->len };

	if (!c->redirect)
		return c->addresses[c->next - 1];
	memcpy(a.addr, f->addr, f->len);
	return a;
}

bool judge_name(const struct conn *c, const char *name, struct verdict *v)
{
	const struct dns_address a = asked_for(c);

	*v = dial_verdict(c, name, &a);
	return v->effective == EFFECT_ALLOW;
}

bool judge_exactly(const struct conn *c)
{
	const struct proxy_options *o = &c->proxy->o;
	const struct dns_address *a = &c->addresses[c->next - 1];
	const struct net_request r = { .addr = a->addr, .addr_len = a->len, .port = c->target.port };

	return !c->redirect && decide_names_exactly(o->policy, o->cache, &r);
}

/* Keep what may be dialled; the strictest verdict of those that let something through, else the first that
 * did not. */
static bool judge_all(struct conn *c, const struct resolver_answer *answer, struct verdict *v)
{
	struct verdict denied = { .rule = NULL };

	*v = denied;
	c->n_addresses = c->next = 0;
	for (size_t i = 0; i < answer->n; i++) {
		const struct verdict one = dial_verdict(c, c->target.host.name, &answer->addresses[i]);

		if (one.effective != EFFECT_DENY) {
			if (!v->rule || one.effective == EFFECT_APPROVE)
				*v = one;
			c->addresses[c->n_addresses++] = answer->addresses[i];
			continue;
		}
		if (!denied.rule)
			denied = one;
		if (!tell_dropped(c, &one, &answer->addresses[i]))
			return false;
	}
	if (!c->n_addresses)
		*v = denied;
	return true;
}

void judge_go(struct conn *c, const struct verdict *v)
{
	const bool intercepted = CONFIG_TLS_INTERCEPT && (c->is_connect || c->tls) && intercept_applies(c);

	/* NOLINTNEXTLINE(bugprone-branch-clone): in this order */
	if (intercepted && v->effective == EFFECT_APPROVE) {
		/* Each request is asked about. */
		intercept_start(c);
	} else if (CONFIG_APPROVALS && v->effective == EFFECT_APPROVE) {
		approve_ask(c, v);
	} else if (v->effective != EFFECT_ALLOW) {
		tell_request(c, v, NULL);
		refuse_by(c, v);
	} else if (!tell_request(c, v, &c->addresses[0])) {
		refuse_with(c, 503, "events cannot be kept");
	} else if (intercepted) {
		intercept_start(c);
	} else {
		c->opened = true;
		dial_next(c);
	}
}

/* `led`: the operator says that these are what the target is to lead to; c->held is the verdict on it. */
void judge_take(struct conn *c, const struct resolver_answer *answer, bool led)
{
	struct verdict v = c->held;

	if (answer->status != RESOLVER_FOUND && redirect_give_up(c))
		return;
	if (answer->status != RESOLVER_FOUND) {
		refuse_with(c, answer->status == RESOLVER_NONE ? 502 : 504,
		            answer->status == RESOLVER_NONE ? "there is no address of that name"
		                                            : "no name server answers");
	} else if (led) {
		c->next = 0;
		c->n_addresses = answer->n;
		memcpy(c->addresses, answer->addresses, answer->n * sizeof *answer->addresses);
		judge_go(c, &v);
	} else if (!judge_all(c, answer, &v)) {
		refuse_with(c, 503, "events cannot be kept");
	} else {
		judge_go(c, &v);
	}
}

static void on_answer(void *arg, const struct resolver_answer *answer)
{
	struct conn *c = arg;
	const struct verdict v = name_verdict(c);

	if (tell_name(c, &v, answer))
		judge_take(c, answer, false);
	else
		refuse_with(c, 503, "events cannot be kept");
}

/* What somebody has yet to approve must not tell much before. */
static void ask_outside(struct conn *c, const struct verdict *v)
{
	const struct proxy_options *o = &c->proxy->o;
	struct verdict limit = { .rule = NULL };

	if (v->effective == EFFECT_APPROVE)
		limit.rule = limits_ask(&c->proxy->limits, o->policy, c->target.host.name);
	c->wait.done = on_answer;
	c->wait.arg = c;
	if (limit.rule)
		judge_go(c, &limit);
	else if (resolver_ask(o->resolver, c->target.host.name, &c->wait, NULL) < 0)
		refuse_with(c, 503, "too many names are asked for");
}

/* Names that no rule could let through are not even asked for: to ask is to tell. */
static void judge_by_name(struct conn *c)
{
	const struct proxy_options *o = &c->proxy->o;
	const char *name = c->target.host.name;
	const struct verdict v = name_verdict(c);
	struct resolver_answer answer;

	if (v.effective == EFFECT_DENY) {
		judge_go(c, &v);
	} else if (redirect_begin(c, &v) || redirect_name(c)) {
		return;
	} else if (resolver_known(o->resolver, name, &answer)) {
		judge_take(c, &answer, false);
	} else {
		ask_outside(c, &v);
	}
}

void judge_target(struct conn *c)
{
	const struct host *h = &c->target.host;
	struct dns_address a = { .len = (uint8_t)h->address.len };
	struct verdict v;

	c->state = CONN_RESOLVE;
	conn_timer(c, 0);
	if (h->kind == HOST_NAME) {
		judge_by_name(c);
	} else {
		memcpy(a.addr, h->address.addr, h->address.len);
		v = dial_verdict(c, h->name, &a);
		c->addresses[0] = a;
		c->n_addresses = 1;
		c->next = 0;
		if (v.effective == EFFECT_DENY || !redirect_begin(c, &v))
			judge_go(c, &v);
	}
	if (c->state == CONN_RESOLVE)
		conn_interest(c);
}
