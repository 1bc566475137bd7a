/* Who may listen where. */
#include "decide/ask.h"
#include "decide/decide.h"

#include "test/policy.h"
#include "test/t.h"

static const char *net(const struct policy *p, struct decide_cache *c, const char *host, int port)
{
	return decide_net(p, c, &(struct net_request){ .host = host, .port = (uint16_t)port }).rule->name;
}

static const char *listener(const struct policy *p, const char *place)
{
	const struct ask a = { .policy = p, .operation = "net_listen", .object = place };
	struct verdict v;

	return decide_ask(&a, &v) == ASK_DONE ? v.rule->name : "?";
}

/* Only rules that say so are about listening, and those about nothing else are not about connections. */
T_CASE(listening)
{
	struct policy *p = policy_of("version: 1\nname: t\nnetwork_rules:\n"
	                             "  - {name: web, decision: allow, operations: [listen, connect], "
	                             "cidrs: [0.0.0.0/32, 10.0.0.0/8], ports: [80]}\n"
	                             "  - {name: secret, decision: deny, operations: [listen], "
	                             "cidrs: [192.0.2.7/32]}\n"
	                             "  - {name: far, decision: allow, operations: [listen], cidrs: ['::/0', "
	                             "127.0.0.0/8]}\n"
	                             "  - {name: rest, decision: deny}\n"),
	              *q = policy_of(
	                      "version: 1\nname: t\nnetwork_rules:\n"
	                      "  - {name: six, decision: allow, operations: [listen], cidrs: ['::/0']}\n"
	                      "  - {name: shut, decision: deny, operations: ['*'], cidrs: "
	                      "[0.0.0.0/0, '::/0']}\n");
	struct decide_cache *c = decide_cache_new(p), *d = decide_cache_new(q);

	is_str(listener(p, "0.0.0.0:80"), "web");
	is_str(listener(p, "10.1.1.1:80"), "web");
	is_str(listener(p, "10.1.1.1:81"), "session-listeners", "rules about connections do not count");
	is_str(listener(p, "192.0.2.7:81"), "secret");
	is_str(listener(p, "0.0.0.0:81"), "secret", "who is everywhere is there, too");
	is_str(listener(p, "[::]:81"), "secret", "and so with both families");
	is_str(listener(p, "[::1]:81"), "far");
	is_str(listener(p, "[2001:db8::1]:81"), "far");
	is_str(listener(p, "a.test:80"), "?", "a name is none to listen at");
	is_str(net(p, c, "192.0.2.7", 443), "rest", "rules about listening do not count");
	is_str(net(p, c, "10.1.1.1", 80), "web");
	is_str(listener(q, "[::]:80"), "shut", "what permits must hold both");
	is_str(listener(q, "[2001:db8::1]:80"), "six");
	is_str(net(q, d, "10.1.1.1", 80), "shut");
	ok(decide_listens(p) && decide_listens(q), "there are such rules");
	ok(decide_names_ports(decide_net(p, c, &(struct net_request){ .host = "10.1.1.1", .port = 80 }).rule),
	   "a rule that names ports");
	ok(!decide_names_ports(decide_net(q, d, &(struct net_request){ .host = "10.1.1.1" }).rule),
	   "one that does not");
	decide_cache_free(c);
	decide_cache_free(d);
	policy_free(p);
	policy_free(q);
}
