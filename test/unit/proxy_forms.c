/* One address in every spelling: the policy, the proxy's reader of authorities and the bytes that a program
 * gives to connect(2) mean the same. */
#include "test/policy.h"
#include "test/t.h"

#include "decide/decide.h"
#include "proxy/target.h"

#include <arpa/inet.h>

static const char *const metadata[] = {
	"169.254.169.254",
	"169.254.169.254.",
	"2852039166",
	"0xA9FEA9FE",
	"0xa9fea9fe",
	"025177524776",
	"0251.0376.0251.0376",
	"0000251.0376.0251.0376",
	"169.254.43518",
	"169.16689662",
	"0xa9.0xfe.0xa9.0xfe",
	"0xa9.254.0251.254",
	"169.254.0xa9fe",
	"[::ffff:169.254.169.254]",
	"[::ffff:a9fe:a9fe]",
	"[0:0:0:0:0:ffff:a9fe:a9fe]",
	"[::169.254.169.254]",
	"[64:ff9b::a9fe:a9fe]",
	"[64:ff9b:1::a9fe:a9fe]",
	"[64:ff9b:1:a9fe:a9:fe00::]",
	"[2002:a9fe:a9fe::]",
	"[2002:a9fe:a9fe::1]",
	"[2001:0:a9fe:a9fe::1]",
	"[2001::5601:5601]",
	"[2001:db8::5efe:169.254.169.254]",
	"[2001:db8::200:5efe:a9fe:a9fe]",
	"[fd00:ec2::254]",
	"[FD00:0EC2:0::0254]",
	"[fd20:ce::254]",
	"168.63.129.16",
	"100.100.100.200",
	"192.0.0.192",
	"3221225664",
};

/* Neither a name nor an address: nothing leads there. */
static const char *const nothing[] = {
	"\xef\xbc\x91\xef\xbc\x96\xef\xbc\x99.254.169.254", /* full-width digits */
	"\xe2\x91\xa0.254.169.254",
	"169\xe3\x80\x82"
	"254.169.254", /* an ideographic dot */
	"m\xc3\xbcnchen.test",
	"169.254.169.254..",
	".169.254.169.254",
	"169.254.169.254.0",
	"169.254.169.256",
	"4294967296",
	"0x1a9fea9fe",
	"0399.1",
	"169.254.169.254 ",
	"169.254.169.254%lo",
	"169.254.169.254\\@a.test",
	"a@169.254.169.254",
	"%31%36%39.254.169.254",
	"[169.254.169.254]",
	"[::ffff:169.254.169.254",
	"[::ffff:169.254.169.254]x",
	"[::1::]",
	"a..test",
};

static const char *rule_of(const struct policy *p, struct decide_cache *c, const struct net_request *r)
{
	return decide_dial(p, c, r).rule->name;
}

T_CASE(one_address)
{
	struct policy *p = policy_of("version: 1\nname: t\nnetwork_rules:\n"
	                             "  - {name: names, decision: allow, domains: ['*']}\n"
	                             "  - {name: all, decision: allow, cidrs: [0.0.0.0/0, '::/0']}\n");
	struct decide_cache *c = decide_cache_new(p);

	for (size_t i = 0; i < sizeof metadata / sizeof *metadata; i++) {
		const char *text = metadata[i];
		struct target t = { .port = 0 };
		char inside[64];
		uint8_t bytes[16];
		struct net_request r = { .host = text, .port = 80 };

		is_str(rule_of(p, c, &r), "block-metadata-services", "%s", text);
		ok(target_authority(text, 80, &t), "%s can be read", text);
		r.host = t.host.name;
		is_str(rule_of(p, c, &r), "block-metadata-services", "%s as it was read", text);
		snprintf(inside, sizeof inside, "%s", text + (*text == '['));
		inside[strcspn(inside, "]")] = 0;
		r = (struct net_request){ .addr = bytes, .port = 80 };
		r.addr_len = inet_pton(AF_INET6, inside, bytes) == 1              ? 16
		             : inet_aton(inside, (struct in_addr *)(void *)bytes) ? 4
		                                                                  : 0;
		if (r.addr_len)
			is_str(rule_of(p, c, &r), "block-metadata-services", "%s in bytes", text);
		r.host = "a.test";
		if (r.addr_len)
			is_str(rule_of(p, c, &r), "block-metadata-services", "%s behind a name", text);
	}
	for (size_t i = 0; i < sizeof nothing / sizeof *nothing; i++) {
		struct target t;

		ok(!target_authority(nothing[i], 80, &t), "'%s' is nothing", nothing[i]);
		is_str(rule_of(p, c, &(struct net_request){ .host = nothing[i], .port = 80 }),
		       "default-deny-network", "%s", nothing[i]);
	}
	decide_cache_free(c);
	policy_free(p);
}

/* What is next to them is what it is. */
T_CASE(neighbours)
{
	static const char *const open[] = { "[2001:db8::1]",         "[2001:db8::5eff:a9fe:a9fe]",
		                            "169.253.169.254",       "[2003:a9fe:a9fe::]",
		                            "[2001:1:a9fe:a9fe::1]", "a.test" };
	struct policy *p = policy_of("version: 1\nname: t\nnetwork_rules:\n"
	                             "  - {name: all, decision: allow, domains: ['*']}\n");
	struct decide_cache *c = decide_cache_new(p);

	for (size_t i = 0; i < sizeof open / sizeof *open; i++)
		is_str(rule_of(p, c, &(struct net_request){ .host = open[i], .port = 80 }), "all", "%s",
		       open[i]);
	decide_cache_free(c);
	policy_free(p);
}
