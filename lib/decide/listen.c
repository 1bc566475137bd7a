/* Listeners. A rule that permits must hold every address that is listened at, one that restricts any. */
#include "decide/impl.h"

#include <string.h>

static const struct head any_listener = { .scope = SCOPE_BUILT_IN,
	                                  .rule = { .name = "session-listeners",
	                                            .file = "built-in",
	                                            .decision = EFFECT_ALLOW,
	                                            .message = "",
	                                            .description =
	                                                    "no network rule about listening matches" } };

static const uint8_t everywhere[16] = { 0 };

static bool port_fits(const struct net_rule *r, uint16_t port)
{
	bool fits = !r->n_ports;

	for (size_t i = 0; i < r->n_ports; i++)
		fits |= r->ports[i] == port;
	return fits;
}

static bool range_fits(const struct net_rule *r, const uint8_t *addr, size_t len, bool restricts)
{
	bool all = !memcmp(addr, everywhere, len), fits = !r->cidr_texts.n;

	for (size_t k = 0; k < r->cidr_texts.n; k++)
		fits |= restricts && all ? r->cidrs[k].len == len : cidr_holds(&r->cidrs[k], addr, len);
	return fits;
}

static bool rule_fits(const struct net_rule *r, const struct listen_request *q)
{
	bool restricts = policy_mask(r->head.rule.decision) == MASK_RESTRICTS;
	bool fits = range_fits(r, q->addr, q->addr_len, restricts);

	if (q->both && fits != restricts)
		fits = range_fits(r, everywhere, 4, restricts);
	return fits && (r->ops & POLICY_LISTEN) && port_fits(r, q->port);
}

struct verdict decide_listen(const struct policy *p, const struct listen_request *r)
{
	for (size_t i = 0; i < p->n_net; i++)
		if (rule_fits(&p->net_rules[i], r))
			return verdict_of(p, &p->net_rules[i].head.rule);
	return verdict_of(p, &any_listener.rule);
}

bool decide_listens(const struct policy *p)
{
	for (size_t i = 0; i < p->n_net; i++)
		if (p->net_rules[i].ops & POLICY_LISTEN)
			return true;
	return false;
}

bool decide_names_ports(const struct rule *rule)
{
	const struct net_rule *r = (const struct net_rule *)(const void *)rule;

	return r->head.scope == SCOPE_NETWORK && r->n_ports;
}
