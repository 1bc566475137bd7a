/* Which calls on files a policy has asked about. */
#include "decide/access.h"
#include "enforce/exec/filter.h"
#include "enforce/files/files.h"

#include "test/policy.h"

enum {
	N = FILTER_NAMES | FILTER_ATTRIBUTES,
	R = FILTER_READS | FILTER_WRITES | N,
	W = FILTER_WRITES | N,
	ALL = R
};

#define ALLOW(what) "  - {name: a, paths: [\"/**\"], operations: [" what "], decision: allow}\n"
#define RULE(paths, what, decision) \
	"  - {name: r, paths: [\"" paths "\"], operations: [" what "], decision: " decision "}\n"
#define SEEING "open, read, list, stat, readlink"

static const struct {
	const char *what, *rules;
	unsigned calls; /* when nothing is told of or kept */
} cases[] = {
	{ "everything is allowed", ALLOW("\"*\""), 0 },
	{ "by the other spelling", "  - {name: a, paths: [\"**\"], operations: [\"*\"], decision: allow}\n",
	  0 },
	{ "nothing is", RULE("/**", "\"*\"", "deny"), ALL },
	{ "nothing is said", RULE("/srv/x", "stat", "allow"), ALL },
	{ "writes elsewhere", ALLOW(SEEING) RULE("/w/**", "\"*\"", "allow"), W },
	{ "writes elsewhere, rules for parts first",
	  RULE("/w/**", "\"*\"", "allow") ALLOW(SEEING) RULE("/**", "\"*\"", "deny"), W },
	{ "a file is not read", RULE("/srv/x", "read", "deny") ALLOW("\"*\""), R },
	{ "nor opened", RULE("**/.env", "open", "deny") ALLOW("\"*\""), R },
	{ "a directory is not listed", RULE("/srv", "list", "deny") ALLOW("\"*\""), R },
	{ "a reading is told of", RULE("/srv/x", "read", "audit") ALLOW("\"*\""), R },
	{ "or asked about", RULE("/srv/x", "read", "approve") ALLOW("\"*\""), R },
	{ "the rule comes too late", ALLOW("\"*\"") RULE("/srv/x", "read", "deny"), 0 },
	{ "not for opening", ALLOW("read, list") RULE("/srv/x", "open", "deny") ALLOW("\"*\""), 0 },
	{ "one directory short", RULE("/a/**", "\"*\"", "allow") RULE("/b/**", "\"*\"", "allow"), ALL },
	{ "deletions", RULE("/srv/**", "delete", "deny") ALLOW("\"*\""), N },
	{ "deletions are kept", RULE("/srv/**", "delete, rmdir", "soft_delete") ALLOW("\"*\""), N },
	{ "renames", RULE("/srv/**", "rename", "deny") ALLOW("\"*\""), N },
	{ "new directories", RULE("/srv/**", "mkdir", "deny") ALLOW("\"*\""), N },
	{ "new files", RULE("/srv/**", "create", "deny") ALLOW("\"*\""), W },
	{ "cutting", RULE("/srv/**", "truncate", "deny") ALLOW("\"*\""), W },
	{ "modes", RULE("/srv/**", "chmod", "deny") ALLOW("\"*\""), N },
	{ "owners", RULE("/srv/**", "chown", "deny") ALLOW("\"*\""), N },
	{ "what is only looked at", RULE("/srv/**", "stat, readlink", "deny") ALLOW("\"*\""), 0 },
};

static struct policy *load(const char *rules)
{
	char text[1024];

	snprintf(text, sizeof text, "version: 1\nname: t\nfile_rules:\n%s", rules);
	return policy_of(text);
}

T_CASE(what_is_asked)
{
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct policy *p = load(cases[i].rules);
		uint32_t plain = p ? decide_plain(p) : 0;

		printf("# %s\n", cases[i].what);
		ok(p != NULL, "it loads");
		is_int(files_asked(plain, false, false, false), cases[i].calls, "asked about");
		is_int(files_asked(plain, true, false, false), cases[i].calls | R, "when reads are told of");
		is_int(files_asked(plain, false, true, false), cases[i].calls | W, "when changes are");
		policy_free(p);
	}
}

/* Only where a rule restricts them, and with what gives files other names. */
T_CASE(what_is_looked_at)
{
	static const struct {
		const char *rules;
		unsigned calls;
	} some[] = {
		{ ALLOW("\"*\""), 0 },
		{ RULE("/srv/x", "read", "deny") ALLOW("\"*\""), R },
		{ RULE("/srv/x", "stat", "deny") ALLOW("\"*\""), FILTER_METADATA | N },
		{ RULE("/srv/x", "readlink", "deny") ALLOW("\"*\""), FILTER_METADATA | N },
		{ RULE("/**", "\"*\"", "deny"), FILTER_METADATA | R },
	};

	for (size_t i = 0; i < sizeof some / sizeof *some; i++) {
		struct policy *p = load(some[i].rules);

		is_int(files_asked(p ? decide_plain(p) : 0, false, false, true), some[i].calls, "rules %zu",
		       i);
		policy_free(p);
	}
}

/* What is plain is allowed wherever one looks, the root too. */
T_CASE(plain_is_allowed)
{
	static const char *const paths[] = { "/", "/etc", "/etc/shadow", "/proc/1/environ", "/srv/x" };
	struct policy *p = load(ALLOW("\"*\""));
	struct decide_cache *c = decide_cache_new(p);

	for (int kind = 0; kind < ACCESS_KINDS; kind++)
		for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
			struct access_request r = { .kind = (enum access_kind)kind, .path = paths[i] };

			is_int(decide_access(p, c, &r).effective, EFFECT_ALLOW, "%s %s",
			       access_name((enum access_kind)kind), paths[i]);
		}
	decide_cache_free(c);
	policy_drop_places(p);
	is_int(decide_plain(p), 0, "what is not known is not plain");
	policy_free(p);
}
