/* Connections. A rule that permits must match the canonical host or address; one that restricts also any
 * other form of the same address. */
#include "decide/impl.h"

#include "match/host.h"

struct asked {
	const struct policy *policy;
	const struct host *host;   /* as asked for, canonical */
	struct host_form forms[3]; /* addresses, canonical one first */
	size_t n_forms;
	uint16_t port;
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

struct verdict decide_net(const struct policy *p, struct decide_cache *c, const struct net_request *r)
{
	struct host name, address;
	struct asked a = { .policy = p, .port = r->port };
	struct query q = { .best = QUERY_NONE, .to = &a };

	if (r->host && !host_parse(r->host, &name))
		return verdict_of(p, &verdict_default_network.rule);
	if (r->addr && !host_from_address(r->addr, r->addr_len, &address))
		return verdict_of(p, &verdict_default_network.rule);
	if ((!r->host && !r->addr) || !p->domains)
		return verdict_of(p, &verdict_default_network.rule);
	/* The address that will be connected to counts, also if the host is another literal. */
	if (r->addr)
		take_forms(&a, &address);
	else if (name.kind == HOST_ADDRESS)
		take_forms(&a, &name);
	a.host = r->host ? &name : &address;
	ask_domains(&a, decide_cache_domains(c), &q);
	ask_addresses(&a, &q);
	ask_ports(&a, &q);
	return verdict_of(p, q.best == QUERY_NONE ? &verdict_default_network.rule
	                                          : &p->net_rules[q.best].head.rule);
}
