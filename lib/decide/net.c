/* Connections. A rule that permits must match the canonical host or address; one that restricts also any
 * other form of the same address. */
#include "decide/impl.h"

#include "match/host.h"

#include <string.h>

struct asked {
	const struct policy *policy;
	const struct host *host;   /* as asked for, canonical */
	struct host_form forms[4]; /* addresses, canonical one first */
	size_t n_forms;
	uint16_t port;
	bool any_address; /* of a name: it may lead into any range */
};

static bool port_fits(const struct net_rule *r, uint16_t port)
{
	size_t low = 0, high = r->n_ports;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (r->ports[middle] == port)
			return true;
		if (r->ports[middle] < port)
			low = middle + 1;
		else
			high = middle;
	}
	return !r->n_ports;
}

/* For rules found by domain: ranges, if given too, must hold. */
static bool ranges_fit(const struct asked *a, const struct net_rule *r)
{
	bool restricts = policy_mask(r->head.rule.decision) == MASK_RESTRICTS;

	if (a->any_address && !restricts)
		return true;
	for (size_t f = 0; f < (restricts || !a->n_forms ? a->n_forms : 1); f++)
		for (size_t k = 0; k < r->cidr_texts.n; k++)
			if (cidr_holds(&r->cidrs[k], a->forms[f].addr, a->forms[f].len))
				return true;
	return !r->cidr_texts.n;
}

static bool check_domain(void *to, uint32_t rule)
{
	const struct asked *a = to;
	const struct net_rule *r = &a->policy->net_rules[rule];

	return port_fits(r, a->port) && ranges_fit(a, r);
}

static bool check_port(void *to, uint32_t rule)
{
	const struct asked *a = to;

	return port_fits(&a->policy->net_rules[rule], a->port);
}

static void ask_domains(struct asked *a, struct globset_cache *c, struct query *q)
{
	char back[sizeof a->host->name];

	for (size_t i = 0; i < a->host->len; i++)
		back[i] = a->host->name[a->host->len - 1 - i];
	q->bit = a->host->kind == HOST_NAME ? MASK_RESTRICTS | MASK_PERMITS : MASK_RESTRICTS | MASK_ADDRESSES;
	q->check = check_domain;
	globset_find(a->policy->domains, c, back, a->host->len, q);
}

static void ask_addresses(struct asked *a, struct query *q)
{
	q->check = check_port;
	for (size_t f = 0; f < a->n_forms; f++) {
		q->bit = f ? MASK_RESTRICTS : MASK_RESTRICTS | MASK_PERMITS;
		cidrset_find(a->policy->addresses, a->forms[f].addr, a->forms[f].len, q);
	}
}

static void ask_ports(struct asked *a, struct query *q)
{
	const uint8_t port[4] = { 0, 0, (uint8_t)(a->port >> 8), (uint8_t)a->port };

	q->bit = 1;
	q->check = NULL;
	cidrset_find(a->policy->ports, port, sizeof port, q);
	query_offer(q, a->policy->any_net.first);
}

static void take_forms(struct asked *a, const struct host *h)
{
	a->forms[a->n_forms++] = h->address;
	for (size_t i = 0; i < h->n_other; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): n_other of them are filled in */
		a->forms[a->n_forms++] = h->other[i];
}

bool decide_is_general(const struct rule *rule)
{
	const struct net_rule *r = (const struct net_rule *)(const void *)rule;
	bool all;

	if (r->head.scope != SCOPE_NETWORK)
		return rule == &verdict_default_network.rule;
	all = !r->domains.n;
	for (size_t i = 0; i < r->expanded.n; i++)
		all |= !strcmp(r->expanded.items[i], "**");
	for (size_t k = 0; k < r->cidr_texts.n; k++)
		all &= !r->cidrs[k].bits;
	return all;
}

bool decide_lists_name(const struct policy *p, const char *name)
{
	for (size_t i = 0; i < p->n_net; i++)
		for (size_t k = 0; k < p->net_rules[i].expanded.n; k++)
			if (!strcmp(p->net_rules[i].expanded.items[k], name))
				return true;
	return false;
}

bool decide_is_by_name(const struct rule *rule)
{
	const struct net_rule *r = (const struct net_rule *)(const void *)rule;

	return r->head.scope == SCOPE_NETWORK && r->domains.n && !r->cidr_texts.n;
}

/* The number of the first rule, QUERY_NONE if there is none or the request cannot be understood. */
static uint32_t find_rule(struct asked *a, struct decide_cache *c, const struct net_request *r,
                          struct host *name, struct host *address)
{
	struct query q = { .best = QUERY_NONE, .to = a };

	if (r->host && !host_parse(r->host, name))
		return QUERY_NONE;
	if (r->addr && !host_from_address(r->addr, r->addr_len, address))
		return QUERY_NONE;
	if ((!r->host && !r->addr) || !a->policy->domains)
		return QUERY_NONE;
	/* The address that will be connected to counts, also if the host is another literal. */
	if (r->addr)
		take_forms(a, address);
	else if (name->kind == HOST_ADDRESS)
		take_forms(a, name);
	a->host = r->host ? name : address;
	ask_domains(a, decide_cache_domains(c), &q);
	ask_addresses(a, &q);
	ask_ports(a, &q);
	return q.best;
}

static const struct rule *rule_of(const struct policy *p, uint32_t number)
{
	return number == QUERY_NONE ? &verdict_default_network.rule : &p->net_rules[number].head.rule;
}

struct verdict decide_net(const struct policy *p, struct decide_cache *c, const struct net_request *r)
{
	struct host name, address;
	struct asked a = { .policy = p, .port = r->port };

	return verdict_of(p, rule_of(p, find_rule(&a, c, r, &name, &address)));
}

/* How narrow the rule's ranges around the address are: the most bits, 0 if none of them holds it or all that
 * do are defaults. */
static unsigned narrowest(const struct asked *a, const struct net_rule *r)
{
	unsigned bits = 0;

	for (size_t f = 0; f < a->n_forms; f++)
		for (size_t k = 0; k < r->cidr_texts.n; k++)
			if (r->cidrs[k].bits > bits &&
			    cidr_holds(&r->cidrs[k], a->forms[f].addr, a->forms[f].len))
				bits = r->cidrs[k].bits;
	return bits;
}

static bool check_range(void *to, uint32_t rule)
{
	const struct asked *a = to;
	const struct net_rule *r = &a->policy->net_rules[rule];

	return port_fits(r, a->port) && narrowest(a, r);
}

/* The first rule that names the address by a range; the rule that was found counts if it has one. */
static uint32_t find_range(struct asked *a, uint32_t found)
{
	struct query q = { .best = QUERY_NONE, .to = a, .check = check_range };

	if (found != QUERY_NONE && narrowest(a, &a->policy->net_rules[found]))
		q.best = found;
	for (size_t f = 0; f < a->n_forms; f++) {
		q.bit = f ? MASK_RESTRICTS : MASK_RESTRICTS | MASK_PERMITS;
		cidrset_find(a->policy->addresses, a->forms[f].addr, a->forms[f].len, &q);
	}
	return q.best;
}

static bool held_by_one(const struct asked *a, const struct cidr *ranges, size_t n)
{
	for (size_t f = 0; f < a->n_forms; f++)
		for (size_t i = 0; i < n; i++)
			if (cidr_holds(&ranges[i], a->forms[f].addr, a->forms[f].len))
				return true;
	return false;
}

static bool is_metadata(const struct asked *a)
{
	static const struct cidr services[] = {
		{ { 169, 254 }, 4, 16 },
		{ { 100, 100, 100, 200 }, 4, 32 },
		{ { 168, 63, 129, 16 }, 4, 32 },
		{ { 192, 0, 0, 192 }, 4, 32 },
		{ { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, 0x54 }, 16, 128 },
		{ { 0xfd, 0x20, 0x00, 0xce, [14] = 0x02, 0x54 }, 16, 128 },
	};

	return held_by_one(a, services, sizeof services / sizeof *services);
}

/* Where no public name leads. */
static bool is_private(const struct asked *a)
{
	static const struct cidr ranges[] = {
		{ { 0 }, 4, 8 },
		{ { 10 }, 4, 8 },
		{ { 100, 64 }, 4, 10 },
		{ { 127 }, 4, 8 },
		{ { 169, 254 }, 4, 16 },
		{ { 172, 16 }, 4, 12 },
		{ { 192, 0, 0 }, 4, 24 },
		{ { 192, 168 }, 4, 16 },
		{ { 198, 18 }, 4, 15 },
		{ { 224 }, 4, 4 },
		{ { 240 }, 4, 4 },
		{ { 0 }, 16, 127 }, /* unspecified and loopback */
		{ { 0xfc }, 16, 7 },
		{ { 0xfe, 0x80 }, 16, 10 },
		{ { 0xfe, 0xc0 }, 16, 10 },
		{ { 0xff }, 16, 8 },
	};

	return held_by_one(a, ranges, sizeof ranges / sizeof *ranges);
}

/* Has the operator led the name to this very address? Then only the name is judged. */
static bool is_led_there(const struct asked *a)
{
	struct net_redirect to;
	struct host h;

	return a->policy->n_dns && a->host->kind == HOST_NAME &&
	       decide_name_redirect(a->policy, a->host->name, &to) == REDIRECT_FOUND &&
	       host_from_address(to.addr, to.addr_len, &h) && h.address.len == a->forms[0].len &&
	       !memcmp(h.address.addr, a->forms[0].addr, h.address.len) && !is_metadata(a);
}

/* The name, wherever it leads. */
static struct verdict ask_anywhere(const struct policy *p, struct decide_cache *c,
                                   const struct net_request *r)
{
	const struct net_request q = { .host = r->host, .port = r->port };
	struct host name, address;
	struct asked a = { .policy = p, .port = r->port, .any_address = true };

	return verdict_of(p, rule_of(p, find_rule(&a, c, &q, &name, &address)));
}

struct verdict decide_dial(const struct policy *p, struct decide_cache *c, const struct net_request *r)
{
	struct host name, address;
	struct asked a = { .policy = p, .port = r->port };
	uint32_t found = find_rule(&a, c, r, &name, &address), range;
	const struct net_rule *by_range;
	bool permits;

	if (!a.n_forms)
		return verdict_of(p, rule_of(p, found));
	if (is_led_there(&a))
		return ask_anywhere(p, c, r);
	range = find_range(&a, found);
	by_range = range == QUERY_NONE ? NULL : &p->net_rules[range];
	permits = by_range && policy_mask(by_range->head.rule.decision) == MASK_PERMITS;
	if (by_range && !permits)
		return verdict_of(p, &by_range->head.rule);
	if (is_metadata(&a) && !(permits && narrowest(&a, by_range) >= 8 * a.forms[0].len))
		return verdict_of(p, &verdict_default_metadata.rule);
	if (a.host->kind == HOST_NAME && !permits && is_private(&a))
		return verdict_of(p, &verdict_default_rebinding.rule);
	return verdict_of(p, rule_of(p, found));
}

bool decide_names_exactly(const struct policy *p, struct decide_cache *c, const struct net_request *r)
{
	struct host name, address;
	struct asked a = { .policy = p, .port = r->port };
	const uint32_t found = find_rule(&a, c, r, &name, &address);
	const uint32_t range = a.n_forms ? find_range(&a, found) : QUERY_NONE;

	return range != QUERY_NONE && policy_mask(p->net_rules[range].head.rule.decision) == MASK_PERMITS &&
	       narrowest(&a, &p->net_rules[range]) >= 8 * a.forms[0].len;
}

/* A name, and where it leads, if that is known. */
static struct verdict ask_named(const struct policy *p, struct decide_cache *c, const struct net_request *r)
{
	return r->addr ? decide_dial(p, c, r) : ask_anywhere(p, c, r);
}

struct verdict decide_name(const struct policy *p, struct decide_cache *c, const struct net_request *r)
{
	const struct verdict any = ask_named(p, c, r);
	struct net_request at = *r;

	if (r->port || any.effective != EFFECT_DENY)
		return any;
	for (size_t i = 0; i < p->n_net; i++) {
		const struct net_rule *rule = &p->net_rules[i];

		if (rule->head.rule.decision == EFFECT_DENY)
			continue;
		for (size_t k = 0; k < rule->n_ports; k++) {
			struct verdict v;

			at.port = rule->ports[k];
			v = ask_named(p, c, &at);
			if (v.effective != EFFECT_DENY)
				return v;
		}
	}
	return any;
}
