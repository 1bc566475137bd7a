/* A file of the workspace has two names: its own, and its /workspace spelling. */
#include "decide/access.h"
#include "policy/policy.h"
#include "test/policy.h"
#include "test/t.h"

T_CASE(a_refusal_of_the_spelling_holds)
{
	struct policy *p =
	        policy_of("version: 1\nname: t\nfile_rules:\n"
	                  "  - {name: never, paths: ['/workspace/a'], operations: [delete], decision: deny}\n"
	                  "  - {name: keep, paths: ['/p/**'], operations: ['*'], decision: soft_delete}\n");
	struct decide_cache *c = p ? decide_cache_new(p) : NULL;
	struct access_request r = { .kind = ACCESS_DELETE, .path = "/p/a", .virtual = "/workspace/a" };

	if (ok(c != NULL)) {
		is_str(decide_access(p, c, &r).rule->name, "never", "by the spelling");
		r.path = r.virtual = "/p/b";
		is_str(decide_access(p, c, &r).rule->name, "keep", "another");
	}
	decide_cache_free(c);
	policy_free(p);
}

T_CASE(a_refusal_of_the_name_holds)
{
	struct policy *p = policy_of(
	        "version: 1\nname: t\nfile_rules:\n"
	        "  - {name: never, paths: ['/p/a', '/p/b/**'], operations: [delete], decision: deny}\n"
	        "  - {name: keep, paths: ['/workspace/**'], operations: ['*'], decision: soft_delete}\n"
	        "  - {name: late, paths: ['/p/**'], operations: ['*'], decision: deny}\n");
	struct decide_cache *c = p ? decide_cache_new(p) : NULL;
	struct access_request r = { .kind = ACCESS_DELETE, .path = "/p/a", .virtual = "/workspace/a" };

	if (ok(c != NULL)) {
		is_str(decide_access(p, c, &r).rule->name, "never", "by its name");
		r.path = "/p/b/c";
		r.virtual = "/workspace/b/c";
		is_str(decide_access(p, c, &r).rule->name, "never", "below it");
		r.path = "/p/d";
		r.virtual = "/workspace/d";
		is_str(decide_access(p, c, &r).rule->name, "keep", "the earlier rule wins");
	}
	decide_cache_free(c);
	policy_free(p);
}
