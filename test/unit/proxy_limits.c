/* How much a name may hold: names as the world has them pass, those of programs that tell by names do not. */
#include "test/policy.h"
#include "test/t.h"

#include "base/buf.h"
#include "proxy/limits.h"

static const char *const names[] = {
	"www.example.com",
	"d111111abcdef8.cloudfront.net",
	"d3a2p9q8stouub.cloudfront.net",
	"dualstack.python.map.fastly.net",
	"e4478.dscb.akamaiedge.net",
	"a1887.dscq.akamai.net.edgesuite.net",
	"rr5---sn-4g5e6nsz.googlevideo.com",
	"rr2---sn-5hne6nzs.c.drive.google.com",
	"lh3.googleusercontent.com",
	"0f1e2d3c4b5a69788796a5b4c3d2e1f0.safeframe.googlesyndication.com",
	"scontent-fra5-2.xx.fbcdn.net",
	"instagram.ffra2-1.fna.fbcdn.net",
	"mmg-fna.whatsapp.net",
	"prod-us-east-1-starport-layer-bucket.s3.us-east-1.amazonaws.com",
	"my-team-build-artifacts-123456789012-us-gov-west-1.s3.dualstack.us-gov-west-1.amazonaws.com",
	"elasticbeanstalk-us-east-1-123456789012.s3.amazonaws.com",
	"123456789012.dkr.ecr.us-east-1.amazonaws.com",
	"vpce-0a1b2c3d4e5f67890-abcd1234.execute-api.us-east-1.vpce.amazonaws.com",
	"ec2-203-0-113-25.compute-1.amazonaws.com",
	"a1b2c3d4e5f6a7b8c9d0e1f2a3b4c5d6-1234567890.us-east-1.elb.amazonaws.com",
	"abcdefghij1234567890klmnopqrst32.lambda-url.eu-central-1.on.aws",
	"_3639ac514e785e898d2646601fa951d5.example.com",
	"_x1.acm-validations.aws",
	"mystorageaccount123.blob.core.windows.net",
	"myregistry.westeurope.data.azurecr.io",
	"contoso-eastus-prod.vault.azure.net",
	"cluster0-shard-00-01.ab1cd.mongodb.net",
	"_mongodb._tcp.cluster0.ab1cd.mongodb.net",
	"0123456789abcdef0123456789abcdef.us-central1.gcp.cloud.es.io",
	"my-service-abcdefghij-uc.a.run.app",
	"my-project-git-feature-long-branch-name-my-team.vercel.app",
	"deploy-preview-1234--my-documentation-site.netlify.app",
	"humorous-space-guide-4jq7v9r6w3x2p5-3000.app.github.dev",
	"objects.githubusercontent.com",
	"pkg-containers.githubusercontent.com",
	"productionresultssa12.blob.core.windows.net",
	"49983-i6a7b8c9d0e1f2g3h4i5.e2b.app",
	"3000-9f8e7d6c-5b4a-4938-8271-605f4e3d2c1b.proxy.daytona.work",
	"cdn-lfs-us-1.hf.co",
	"cas-bridge.xethub.hf.co",
	"files.pythonhosted.org",
	"static.crates.io",
	"production.cloudflare.docker.com",
	"bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi.ipfs.dweb.link",
	"xn--80ak6aa92e.com",
	"xn--fiqs8s",
	"xn--vermgensberatung-pwb.example",
	"xn--xkc2dl3a5ee0h.xn--clchc0ea0b2g2a9gcd.example",
	"llanfairpwllgwyngyllgogerychwyrndrobwllllantysiliogogogoch.co.uk",
	"donaudampfschifffahrtselektrizitaetenhauptbetriebswerkbau.at",
	"25.113.0.203.zen.spamhaus.org",
	"default._domainkey.mail.example.com",
	"o123456789012345.ingest.us.sentry.io",
	"1234567890123456.kms.eu-west-1.amazonaws.com",
};

/* As they are made of a file by well-known programs. */
static const char *const tunnels[] = {
	"1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7f8.t.example.com",
	"dnscat.9c3e01d7bd42f0a18e6b5c7d8e9f0a1b2c3d4e5f60718293.f90a1b2c3d4e5f607.t.test",
	"0001aba82f0d1c2b3a495867768594a3b2c1d0efee.0e1d2c3b4a59687786950a4b3c2d1e0ff0.t.test",
	"dnscat.9c3e01d7bd42f0a18e6b5c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8.f90a1b2c3d4e5f607.t.test",
	"aGVsbG8td29ybGQ-dGhpcyBpcyBhIGxvbmcgdGV4dCB0aGF0IHNv.c2VuZHMtYXdheSBieSBuYW1lcyBvZi.x.test",
	"words-that-are-no-data-at-all-but-so-many-that-they-are.no-name-any-more-since-there-are."
	"more-than-a-hundred-and-twenty-eight.of-them.example.com",
};

T_CASE(names_of_the_world)
{
	struct policy *p = policy_of("version: 1\nname: t\nnetwork_rules:\n"
	                             "  - {name: all, decision: allow, domains: ['**']}\n");

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct limits l = { 0 };
		const struct rule *r = limits_ask(&l, p, names[i]);

		ok(!r, "%s (%zu dense)", names[i], limits_dense(names[i]));
	}
	for (size_t i = 0; i < sizeof tunnels / sizeof *tunnels; i++) {
		struct limits l = { 0 };
		const struct rule *r = limits_ask(&l, p, tunnels[i]);

		is_str(r ? r->name : "", "dns-label", "%s", tunnels[i]);
	}
	is_int((long long)limits_dense(""), 0);
	is_int((long long)limits_dense("a-b.c_d"), 0);
	policy_free(p);
}

/* What a rule lists tells nothing. */
T_CASE(listed)
{
	AUTO_BUF text = { 0 };
	struct limits l = { 0 };
	struct policy *p;

	buf_fmt(&text,
	        "version: 1\nname: t\nnetwork_rules:\n"
	        "  - {name: all, decision: allow, domains: ['**', '%s']}\n",
	        tunnels[0]);
	p = policy_of(buf_text(&text));
	for (int i = 0; i < LIMITS_A_MINUTE / 2; i++)
		ok(!limits_ask(&l, p, tunnels[0]), "listed %d", i);
	is_str(limits_ask(&l, p, tunnels[1])->name, "dns-label");
	policy_free(p);
}

T_CASE(rates)
{
	struct policy *p = policy_of("version: 1\nname: t\nnetwork_rules:\n"
	                             "  - {name: all, decision: allow, domains: ['**']}\n");
	struct limits l = { 0 };
	int dense = 0, plain = 0;

	/* A minute may end on the way, once. */
	for (int i = 0; i < 3 * LIMITS_DENSE_A_MINUTE; i++)
		dense += !limits_ask(&l, p, "i6a7b8c9d0e1f2g3h4.example.com");
	ok(dense >= LIMITS_DENSE_A_MINUTE && dense <= 2 * LIMITS_DENSE_A_MINUTE, "%d", dense);
	for (int i = 0; i < 3 * LIMITS_A_MINUTE; i++)
		plain += !limits_ask(&l, p, "www.example.com");
	ok(plain >= LIMITS_A_MINUTE - 3 * LIMITS_DENSE_A_MINUTE && plain <= 2 * LIMITS_A_MINUTE, "%d", plain);
	is_str(limits_ask(&l, p, "www.example.com")->name, "dns-rate");
	policy_free(p);
}
