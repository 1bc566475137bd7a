/* What programs do to files, under the policies that existing clients ship; and single answers for whole
 * trees, held against the answer for each file.
 */
#include "decide/access.h"

#include "test/policy.h"
#include "test/unit/golden.h"

struct case_of {
	enum access_kind kind;
	const char *path;
	bool readable; /* by everybody */
	const char *e2b, *daytona;
};

static const struct case_of with_baseline[] = {
	{ ACCESS_READ, "/etc/hostname", true, "system-read-baseline", "allow-etc-read" },
	{ ACCESS_READ, "/etc/shadow", false, "default-deny-files", "allow-etc-read" },
	{ ACCESS_LIST, "/etc", true, "system-read-baseline", "allow-etc-read" },
	{ ACCESS_LIST, "/etc/ssl/private", false, "default-deny-files", "allow-etc-read" },
	{ ACCESS_READ, "/etc/passwd", true, "allow-etc-minimal", "allow-etc-read" },
	{ ACCESS_READ, "/etc/systemd/system.conf", true, "block-e2b-internals", "allow-etc-read" },
	{ ACCESS_WRITE, "/etc/hosts", true, "default-deny-files", "default-deny-files" },
	{ ACCESS_READ, "/opt/tool/lib.so", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_READ, "/opt/tool/key", false, "default-deny-files", "default-deny-files" },
	{ ACCESS_READ, "/usr/bin/sudo", true, "block-dangerous-binaries", "block-dangerous-binaries" },
	{ ACCESS_READ, "/usr/bin/ls", true, "allow-system-read", "allow-system-read" },
	{ ACCESS_WRITE, "/usr/bin/ls", true, "default-deny-files", "default-deny-files" },
	{ ACCESS_LIST, "/", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_LIST, "/home", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_LIST, "/tmp", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_LIST, "/var", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_LIST, "/var/lib", true, "default-deny-files", "system-read-baseline" },
	{ ACCESS_LIST, "/root", false, "default-deny-files", "default-deny-files" },
	{ ACCESS_READ, "/var/log/syslog", true, "default-deny-files", "default-deny-files" },
	{ ACCESS_READ, "/home/HOME/.ssh/id_rsa", false, "allow-workspace-read", "allow-workspace-read" },
	{ ACCESS_READ, "/home/other/.ssh/id_rsa", true, "default-deny-files", "default-deny-files" },
	{ ACCESS_READ, "/root/.ssh/id_rsa", true, "approve-ssh-access", "approve-ssh-access" },
	{ ACCESS_READ, "/home/other/.env", true, "approve-env-files", "approve-env-files" },
	{ ACCESS_CREATE, "/home/HOME/a", false, "allow-workspace-write", "allow-workspace-write" },
	{ ACCESS_TRUNCATE, "/home/HOME/a", false, "allow-workspace-write", "allow-workspace-write" },
	{ ACCESS_SYMLINK, "/home/HOME/a", false, "allow-workspace-write", "allow-workspace-write" },
	{ ACCESS_LINK, "/home/HOME/a", false, "allow-workspace-write", "allow-workspace-write" },
	{ ACCESS_RENAME, "/home/HOME/a", false, "allow-workspace-write", "allow-workspace-write" },
	{ ACCESS_CHOWN, "/home/HOME/a", false, "allow-workspace-write", "allow-workspace-write" },
	{ ACCESS_TOUCH, "/home/HOME/a", false, "allow-workspace-write", "allow-workspace-write" },
	{ ACCESS_DELETE, "/home/HOME/a", false, "soft-delete-workspace", "deny-delete-workspace" },
	{ ACCESS_RMDIR, "/home/HOME/a", false, "soft-delete-workspace", "deny-delete-workspace" },
	{ ACCESS_DELETE, "/workspace/a", false, "soft-delete-workspace", "soft-delete-daytona-home" },
	{ ACCESS_CREATE, "/home/other/a", false, "default-deny-files", "default-deny-files" },
	{ ACCESS_CREATE, "/var/a", false, "default-deny-files", "default-deny-files" },
	{ ACCESS_DELETE, "/tmp/a", false, "allow-tmp", "allow-tmp" },
	{ ACCESS_WRITE, "/dev/null", true, "allow-dev-essentials", "allow-dev-run" },
	{ ACCESS_TRUNCATE, "/dev/null", true, "allow-dev-essentials", "allow-dev-run" },
	{ ACCESS_WRITE, "/dev/full", true, "system-read-baseline", "allow-dev-run" },
	{ ACCESS_WRITE, "/dev/pts/3", false, "allow-dev-essentials", "allow-dev-run" },
	{ ACCESS_DELETE, "/dev/null", true, "default-deny-files", "default-deny-files" },
	{ ACCESS_READ, "/dev/vda", true, "default-deny-files", "allow-dev-run" },
	{ ACCESS_CREATE, "/dev/shm/x", false, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_DELETE, "/dev/shm/x/y", false, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_DELETE, "/dev/shm", true, "default-deny-files", "default-deny-files" },
	{ ACCESS_LIST, "/dev/shm", true, "system-read-baseline", "allow-dev-run" },
	{ ACCESS_READ, "/proc/self/status", true, "allow-proc-self", "system-read-baseline" },
	{ ACCESS_LIST, "/proc/self/fd", false, "allow-proc-self", "system-read-baseline" },
	{ ACCESS_READ, "/proc/self/task/7/stat", true, "allow-proc-self", "system-read-baseline" },
	{ ACCESS_READ, "/proc/thread-self/maps", true, "allow-proc-self", "system-read-baseline" },
	{ ACCESS_READ, "/proc/self/environ", false, "allow-proc-self", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/self/mem", false, "allow-proc-self", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/self/task/7/environ", false, "allow-proc-self", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/self/stat/environ", false, "allow-proc-self", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/selfish/status", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_WRITE, "/proc/self/oom_score_adj", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_WRITE, "/proc/self/comm", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_WRITE, "/proc/self/uid_map", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_WRITE, "/proc/7/oom_score_adj", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/7/stat", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_READ, "/proc/7/maps", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/7/task/8/comm", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_LIST, "/proc/7/fd", false, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/7stat", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_LIST, "/proc", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_READ, "/proc/cpuinfo", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_READ, "/proc/cpuinfo", false, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/sys/kernel/pid_max", true, "system-read-baseline", "system-read-baseline" },
	{ ACCESS_WRITE, "/proc/sys/kernel/pid_max", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/kallsyms", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_READ, "/sys/devices/system/cpu/online", true, "system-read-baseline",
	  "system-read-baseline" },
	{ ACCESS_WRITE, "/sys/fs/cgroup/cgroup.procs", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_READ, "/sys/kernel/hostname", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_READ, "/proc/1/environ", false, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_READ, "/sys/kernel/mm", true, "deny-proc-sys", "deny-proc-sys" },
	{ ACCESS_STAT, "/usr/bin/nothing", false, "allow-system-read", "allow-system-read" },
	{ ACCESS_STAT, "/etc/nothing", false, "system-read-baseline", "allow-etc-read" },
	{ ACCESS_READLINK, "/etc/alternatives/vi", false, "system-read-baseline", "allow-etc-read" },
};

/* As written, without the baseline. */
static const struct case_of strict[] = {
	{ ACCESS_READ, "/etc/hostname", true, "default-deny-files", "allow-etc-read" },
	{ ACCESS_READ, "/etc/passwd", true, "allow-etc-minimal", "allow-etc-read" },
	{ ACCESS_LIST, "/", true, "default-deny-files", "default-deny-files" },
	{ ACCESS_LIST, "/tmp", true, "default-deny-files", "default-deny-files" },
	{ ACCESS_CREATE, "/dev/shm/x", false, "default-deny-files", "default-deny-files" },
};

static void check_access(const struct loaded *l, const struct case_of *c, bool baseline, const char *home,
                         const char *want)
{
	char path[256];
	const char *name = strstr(c->path, "HOME");
	struct access_request r = {
		.kind = c->kind, .path = path, .baseline = baseline, .world_readable = c->readable
	};
	struct verdict v;

	snprintf(path, sizeof path, "%.*s%s%s", name ? (int)(name - c->path) : 0, c->path,
	         name ? home : c->path, name ? name + 4 : "");
	v = decide_access(l->policy, l->cache, &r);
	is_str(v.rule->name, want, "%s %s", access_name(c->kind), path);
	is_int(v.effective == EFFECT_ALLOW, v.decision != EFFECT_DENY && v.decision != EFFECT_APPROVE,
	       "%s %s: zero means no", access_name(c->kind), path);
}

static const struct case_of of_home[] = {
	{ ACCESS_READ, "/home/user/.gitconfig", true, "system-read-baseline", NULL },
	{ ACCESS_READ, "/home/user/.gitconfig", false, "default-deny-files", NULL },
	{ ACCESS_READ, "/home/user/.config/git/ignore", true, "system-read-baseline", NULL },
	{ ACCESS_READ, "/home/user/.config/git/credentials", true, "default-deny-files", NULL },
	{ ACCESS_READ, "/home/user/.git-credentials", true, "approve-git-credentials", NULL },
	{ ACCESS_READ, "/home/user/.profile", true, "system-read-baseline", NULL },
	{ ACCESS_WRITE, "/home/user/.profile", true, "default-deny-files", NULL },
	{ ACCESS_READ, "/home/user/.local/lib/python3/x.py", true, "system-read-baseline", NULL },
	{ ACCESS_READ, "/home/user/.local/lib/.env", true, "approve-env-files", NULL },
	{ ACCESS_READ, "/home/user/.npmrc", true, "default-deny-files", NULL },
	{ ACCESS_READ, "/home/user/.bash_history", true, "default-deny-files", NULL },
	{ ACCESS_READ, "/home/user/.bashrc.old", true, "default-deny-files", NULL },
	{ ACCESS_READ, "/home/other/.gitconfig", true, "default-deny-files", NULL },
	{ ACCESS_LIST, "/home/user", true, "system-read-baseline", NULL },
};

T_CASE(what_is_kept_may_be_deleted)
{
	const struct policy_var vars[] = { { "PROJECT_ROOT", "/home/daytona" },
		                           { "HOME", "/home/daytona" },
		                           { 0 } };
	struct access_request r = { .kind = ACCESS_DELETE,
		                    .path = "/home/daytona/a",
		                    .virtual = "/workspace/a" };
	struct loaded l;

	if (!load(&l, "daytona-default.yaml", &(struct policy_options){ .vars = vars, .expand = true }))
		return;
	is_str(decide_access(l.policy, l.cache, &r).rule->name, "soft-delete-daytona-home", "rm");
	r.kind = ACCESS_RMDIR;
	is_str(decide_access(l.policy, l.cache, &r).rule->name, "soft-delete-daytona-home", "rmdir");
	r.path = r.virtual = "/home/daytona";
	is_str(decide_access(l.policy, l.cache, &r).rule->name, "deny-delete-workspace", "of the whole");
	unload(&l);
}

T_CASE(the_home_directory_outside_of_the_project)
{
	const struct policy_var vars[] = { { "PROJECT_ROOT", "/home/user/p" },
		                           { "HOME", "/home/user" },
		                           { 0 } };
	struct loaded l;

	if (!load(&l, "e2b-default.yaml", &(struct policy_options){ .vars = vars, .expand = true }))
		return;
	for (size_t i = 0; i < sizeof of_home / sizeof *of_home; i++)
		check_access(&l, of_home + i, true, "user", of_home[i].e2b);
	is_int(decide_tree(l.policy, ACCESS_READ, "/home/user", true), TREE_MIXED, "the home directory");
	is_int(decide_tree(l.policy, ACCESS_READ, "/home/user/.local", true), TREE_MIXED, "what leads there");
	is_int(decide_tree(l.policy, ACCESS_WRITE, "/home/user/.local", true), TREE_DENIED,
	       "nothing is written");
	unload(&l);
}

static bool load_both(struct loaded *e2b, struct loaded *daytona)
{
	const struct policy_var user[] = { { "PROJECT_ROOT", "/home/user" },
		                           { "HOME", "/home/user" },
		                           { 0 } };
	const struct policy_var day[] = { { "PROJECT_ROOT", "/home/daytona" },
		                          { "HOME", "/home/daytona" },
		                          { 0 } };

	return load(e2b, "e2b-default.yaml", &(struct policy_options){ .vars = user, .expand = true }) &
	       load(daytona, "daytona-default.yaml", &(struct policy_options){ .vars = day, .expand = true });
}

T_CASE(of_the_shipped_policies)
{
	struct loaded e2b, daytona;

	if (load_both(&e2b, &daytona)) {
		for (size_t i = 0; i < sizeof with_baseline / sizeof *with_baseline; i++) {
			check_access(&e2b, with_baseline + i, true, "user", with_baseline[i].e2b);
			check_access(&daytona, with_baseline + i, true, "daytona", with_baseline[i].daytona);
		}
		for (size_t i = 0; i < sizeof strict / sizeof *strict; i++) {
			check_access(&e2b, strict + i, false, "user", strict[i].e2b);
			check_access(&daytona, strict + i, false, "daytona", strict[i].daytona);
		}
	}
	unload(&e2b);
	unload(&daytona);
}

static const char *rule_for(const struct policy *p, struct decide_cache *c, const struct access_request *r)
{
	return decide_access(p, c, r).rule->name;
}

T_CASE(by_other_names)
{
	static const char text[] =
	        "version: 1\nname: t\nfile_rules:\n"
	        "  - {name: tools, paths: ['/bin/su'], operations: ['*'], decision: deny}\n"
	        "  - {name: zone, paths: ['/etc/localtime'], operations: [read], decision: allow}\n"
	        "  - {name: virtual, paths: ['/workspace/keep'], operations: [write], decision: deny}\n"
	        "  - {name: soft, paths: ['/home/u/**'], operations: [delete], decision: soft_delete}\n"
	        "  - {name: all, paths: ['/usr/bin/**', '/home/u/**'], operations: ['*'], decision: allow}\n"
	        "  - {name: secret, paths: ['/srv/secret'], operations: ['*'], decision: deny}\n"
	        "  - {name: last, paths: ['**'], operations: ['*'], decision: deny}\n";
	struct policy *p = policy_of(text);
	struct decide_cache *c = p ? decide_cache_new(p) : NULL;
	const char *alias[] = { "/bin/su" }, *zone[] = { "/etc/localtime" },
	           *etc[] = { "/etc/alternatives/x" };
	struct access_request r = { .kind = ACCESS_READ, .path = "/usr/bin/su", .baseline = true };

	if (!ok(c != NULL))
		return;
	is_str(rule_for(p, c, &r), "all");
	r.alias = alias;
	r.n_alias = 1;
	is_str(rule_for(p, c, &r), "tools", "an alias restricts");
	r = (struct access_request){ .kind = ACCESS_READ, .path = "/srv/zone", .alias = zone, .n_alias = 1 };
	is_str(rule_for(p, c, &r), "zone", "an alias permits what only the last word denies");
	r.path = "/srv/secret";
	is_str(rule_for(p, c, &r), "secret", "but nothing else");
	r = (struct access_request){ .kind = ACCESS_READ,
		                     .path = "/srv/x",
		                     .alias = etc,
		                     .n_alias = 1,
		                     .baseline = true,
		                     .world_readable = true };
	is_str(rule_for(p, c, &r), "system-read-baseline", "by a link of the system's");
	r.world_readable = false;
	is_str(rule_for(p, c, &r), "last");
	r = (struct access_request){ .kind = ACCESS_WRITE,
		                     .path = "/home/u/keep",
		                     .virtual = "/workspace/keep" };
	is_str(rule_for(p, c, &r), "virtual");
	r = (struct access_request){
		.kind = ACCESS_DELETE, .path = "/home/u/x", .alias = alias, .n_alias = 0
	};
	is_str(rule_for(p, c, &r), "soft");
	r = (struct access_request){ .kind = ACCESS_KINDS, .path = "/home/u/x" };
	is_str(rule_for(p, c, &r), "default-deny-files", "an unknown kind is denied");
	r = (struct access_request){ .kind = ACCESS_READ, .path = "home/u/x" };
	is_str(rule_for(p, c, &r), "default-deny-files", "a relative name is denied");
	decide_cache_free(c);
	policy_free(p);
}

T_CASE(trees_of_the_shipped_policies)
{
	static const struct {
		enum access_kind kind;
		const char *dir;
		enum tree_answer e2b, daytona;
	} rows[] = {
		{ ACCESS_READ, "/workspace", TREE_ALLOWED, TREE_ALLOWED },
		{ ACCESS_WRITE, "/workspace/a/b", TREE_ALLOWED, TREE_ALLOWED },
		{ ACCESS_DELETE, "/workspace", TREE_DENIED, TREE_DENIED },
		{ ACCESS_DELETE, "/tmp", TREE_ALLOWED, TREE_ALLOWED },
		{ ACCESS_WRITE, "/usr", TREE_DENIED, TREE_DENIED },
		{ ACCESS_READ, "/usr", TREE_MIXED, TREE_MIXED },
		{ ACCESS_READ, "/usr/share", TREE_ALLOWED, TREE_ALLOWED },
		{ ACCESS_READ, "/usr/bin", TREE_MIXED, TREE_MIXED },
		{ ACCESS_READ, "/usr/bin/sudo", TREE_ALLOWED, TREE_ALLOWED },
		{ ACCESS_READ, "/etc", TREE_MIXED, TREE_ALLOWED },
		{ ACCESS_READ, "/etc/systemd", TREE_DENIED, TREE_ALLOWED },
		{ ACCESS_READ, "/etc/ssl/certs", TREE_ALLOWED, TREE_ALLOWED },
		{ ACCESS_CREATE, "/etc", TREE_DENIED, TREE_DENIED },
		{ ACCESS_READ, "/", TREE_MIXED, TREE_MIXED },
		{ ACCESS_RENAME, "/", TREE_MIXED, TREE_MIXED },
		{ ACCESS_RENAME, "/var/lib", TREE_DENIED, TREE_DENIED },
		{ ACCESS_RENAME, "/dev/shm", TREE_MIXED, TREE_MIXED },
		{ ACCESS_READ, "/proc", TREE_MIXED, TREE_MIXED },
		{ ACCESS_READ, "/proc/self", TREE_MIXED, TREE_MIXED },
		{ ACCESS_WRITE, "/proc/sys", TREE_DENIED, TREE_DENIED },
		{ ACCESS_READ, "/sys", TREE_MIXED, TREE_MIXED },
		{ ACCESS_READ, "/sys/block", TREE_DENIED, TREE_DENIED },
		{ ACCESS_WRITE, "/sys", TREE_DENIED, TREE_DENIED },
		{ ACCESS_READ, "/home/other", TREE_DENIED, TREE_DENIED },
	};
	struct loaded e2b, daytona;

	if (load_both(&e2b, &daytona))
		for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
			is_int(decide_tree(e2b.policy, rows[i].kind, rows[i].dir, true), rows[i].e2b,
			       "e2b %s %s", access_name(rows[i].kind), rows[i].dir);
			is_int(decide_tree(daytona.policy, rows[i].kind, rows[i].dir, true), rows[i].daytona,
			       "daytona %s %s", access_name(rows[i].kind), rows[i].dir);
		}
	unload(&e2b);
	unload(&daytona);
}

/* ---- random policies, every directory, every file below it ---- */

static uint32_t seed = 20261122;

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static const char *const patterns[] = {
	"**",       "/**",    "/a/**",      "/a/b/**", "/a",         "/a/b",    "/a/b/c",   "/a/*",
	"/*/b/**",  "**/b",   "**/b/**",    "**/c",    "/a/**/c",    "/b/?/**", "/[ab]/**", "/{a,b/c}/**",
	"/b/{a,c}", "/a/b/*", "/?",         "**/",     "/a/**/b/**", "/c/[!a]", "/c/*/**",  "/a/**/**",
	"/usr/**",  "/etc/a", "/dev/shm/a", "/dev/**", "/a*",        "/a**",    "*",        "/b/*/c",
};
static const char *const names[] = { "a", "b", "c" };
static const char *const tops[] = { "/", "/a", "/b", "/c", "/dev", "/dev/shm", "/usr", "/etc" };
static const char *const decisions[] = { "allow", "deny", "audit", "approve", "soft_delete", "allow" };

static struct policy *random_policy(void)
{
	char text[4096];
	int len = snprintf(text, sizeof text, "version: 1\nname: t\nfile_rules:\n");
	static const char *const op_texts[] = { "['*']",    "[read]", "[write]",        "[read, list]",
		                                "[create]", "[open]", "[write, chmod]", "[delete, rename]" };

	for (uint32_t i = 0, n = 1 + draw(5); i < n; i++) {
		len += snprintf(text + len, sizeof text - (size_t)len,
		                "  - {name: r%u, paths: ['%s', '%s'], operations: %s, decision: %s}\n", i,
		                patterns[draw(sizeof patterns / sizeof *patterns)],
		                patterns[draw(sizeof patterns / sizeof *patterns)],
		                op_texts[draw(sizeof op_texts / sizeof *op_texts)],
		                decisions[draw(sizeof decisions / sizeof *decisions)]);
	}
	return policy_of(text);
}

struct below {
	const struct policy *policy;
	struct decide_cache *cache;
	bool baseline;
	bool plain[ACCESS_KINDS], other[ACCESS_KINDS];
};

static void look_at(struct below *b, const char *path)
{
	for (int kind = 0; kind < ACCESS_KINDS; kind++)
		for (int readable = 0; readable < 2; readable++) {
			struct access_request r = { .kind = (enum access_kind)kind,
				                    .path = path,
				                    .baseline = b->baseline,
				                    .world_readable = readable };
			struct verdict v = decide_access(b->policy, b->cache, &r);

			if (v.decision == EFFECT_ALLOW || v.decision == EFFECT_AUDIT)
				b->plain[kind] = true;
			else
				b->other[kind] = true;
		}
}

static void walk(struct below *b, const char *dir, int depth)
{
	char path[64];

	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		snprintf(path, sizeof path, "%s/%s", dir[1] ? dir : "", names[i]);
		look_at(b, path);
		if (depth)
			walk(b, path, depth - 1);
	}
}

static void check_dir(struct below *b, struct decide_trees *t, const char *dir, int counts[3])
{
	const struct tree_request r = { .dir = dir, .baseline = b->baseline };
	struct tree_answers out;
	bool good = true;

	memset(b->plain, 0, sizeof b->plain);
	memset(b->other, 0, sizeof b->other);
	walk(b, dir, 2);
	if (!strcmp(dir, "/"))
		for (size_t i = 1; i < sizeof tops / sizeof *tops; i++)
			walk(b, tops[i], 1);
	decide_trees_ask(t, &r, &out);
	for (int kind = 0; kind < ACCESS_KINDS; kind++) {
		counts[out.is[kind]]++;
		good &= out.is[kind] != TREE_ALLOWED || !b->other[kind];
		good &= out.is[kind] != TREE_DENIED || !b->plain[kind];
		good &= out.rest[kind] == out.is[kind] || out.is[kind] == TREE_MIXED;
	}
	if (!good)
		ok(false, "%s: the tree's answer is not that of its files", dir);
}

/* Are they? Then whatever lies below the one is decided as below the other. */
static int check_alike(struct below *b, struct decide_trees *t, const char *x, const char *y)
{
	static const char *const tails[] = { "a", "b", "c", "a/b", "b/d", "b/c", "c/a/b", "d/b/c" };
	const struct tree_request r[2] = { { x, NULL, b->baseline, NULL }, { y, NULL, b->baseline, NULL } };
	bool alike = decide_trees_alike(t, &r[0], &r[1], (1u << ACCESS_KINDS) - 1);
	struct verdict v[2];
	char path[64];

	for (int i = 0; alike && i < 16 * ACCESS_KINDS; i++) {
		for (int k = 0; k < 2; k++) {
			struct access_request q = { .path = path, .baseline = b->baseline };

			q.kind = (enum access_kind)(i / 16);
			q.world_readable = i & 8;
			snprintf(path, sizeof path, "%s/%s", r[k].dir[1] ? r[k].dir : "", tails[i & 7]);
			v[k] = decide_access(b->policy, b->cache, &q);
		}
		if (v[0].rule != v[1].rule || v[0].effective != v[1].effective)
			ok(false, "%s and %s are not alike: %s", x, y, path);
	}
	return alike;
}

T_CASE(trees_that_are_alike)
{
	int n[2] = { 0 };

	for (int round = 0; round < 200; round++) {
		struct below b = { .policy = random_policy(), .baseline = draw(2) };
		struct decide_trees *t = b.policy ? decide_trees_new(b.policy) : NULL;

		b.cache = t ? decide_cache_new(b.policy) : NULL;
		for (size_t i = 0; b.cache && i < sizeof tops / sizeof *tops; i++)
			for (size_t k = 0; k < i; k++)
				n[check_alike(&b, t, tops[i], tops[k])]++;
		decide_cache_free(b.cache);
		decide_trees_free(t);
		policy_free((struct policy *)b.policy);
	}
	ok(n[0] > 300 && n[1] > 300, "%d, and %d are not", n[1], n[0]);
}

T_CASE(trees_as_their_files)
{
	int counts[3] = { 0 }, bad = 0;

	for (int round = 0; round < 400; round++) {
		struct below b = { .policy = random_policy(), .baseline = draw(2) };
		struct decide_trees *t = b.policy ? decide_trees_new(b.policy) : NULL;
		char dir[64];

		b.cache = t ? decide_cache_new(b.policy) : NULL;
		if (!b.cache)
			bad++;
		for (size_t i = 0; b.cache && i < sizeof tops / sizeof *tops; i++) {
			check_dir(&b, t, tops[i], counts);
			snprintf(dir, sizeof dir, "%s/%s", tops[i][1] ? tops[i] : "", names[draw(3)]);
			check_dir(&b, t, dir, counts);
		}
		decide_cache_free(b.cache);
		decide_trees_free(t);
		policy_free((struct policy *)b.policy);
	}
	is_int(bad, 0, "policies load");
	ok(counts[TREE_ALLOWED] > 1000 && counts[TREE_DENIED] > 1000 && counts[TREE_MIXED] > 1000,
	   "allowed %d, denied %d, mixed %d", counts[TREE_ALLOWED], counts[TREE_DENIED], counts[TREE_MIXED]);
}

/* What is settled is not looked at entry by entry. */
T_CASE(settled_trees)
{
	struct loaded e2b, daytona;
	struct decide_trees *t;
	struct tree_answers a;

	if (load_both(&e2b, &daytona) && (t = decide_trees_new(e2b.policy))) {
		decide_trees_ask(t, &(struct tree_request){ .dir = "/dev/shm", .baseline = true }, &a);
		is_int(a.rest[ACCESS_CREATE], TREE_ALLOWED, "but for .env files");
		is_int(a.is[ACCESS_CREATE], TREE_MIXED);
		decide_trees_ask(t, &(struct tree_request){ .dir = "/dev/pts", .baseline = true }, &a);
		is_int(a.rest[ACCESS_WRITE], TREE_ALLOWED);
		decide_trees_ask(t, &(struct tree_request){ .dir = "/srv", .baseline = true }, &a);
		is_int(a.rest[ACCESS_READ], TREE_DENIED);
		decide_trees_free(t);
	}
	unload(&e2b);
	unload(&daytona);
}

T_CASE(mixed_ends_below)
{
	struct policy *p = policy_of(
	        "version: 1\nname: t\nfile_rules:\n"
	        "  - {name: a, paths: ['/w/.git/config', '/w/*/key'], operations: ['*'], decision: deny}\n"
	        "  - {name: e, paths: ['**/.env'], operations: ['*'], decision: deny}\n"
	        "  - {name: b, paths: ['/w', '/w/**'], operations: ['*'], decision: allow}\n");
	struct decide_trees *t = p ? decide_trees_new(p) : NULL;
	static const struct {
		const char *dir;
		enum tree_answer is, rest;
	} rows[] = { { "/", TREE_MIXED, TREE_MIXED },
		     { "/w", TREE_MIXED, TREE_MIXED },
		     { "/w/src", TREE_MIXED, TREE_MIXED },
		     { "/w/src/deep", TREE_MIXED, TREE_ALLOWED },
		     { "/w/.git/objects", TREE_MIXED, TREE_ALLOWED },
		     { "/x", TREE_DENIED, TREE_DENIED } };

	if (!ok(t != NULL))
		return;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct tree_answers out;

		decide_trees_ask(t, &(struct tree_request){ .dir = rows[i].dir }, &out);
		is_int(out.is[ACCESS_WRITE], rows[i].is, "%s", rows[i].dir);
		is_int(out.rest[ACCESS_WRITE], rows[i].rest, "%s but for what floats", rows[i].dir);
	}
	decide_trees_free(t);
	policy_free(p);
}

T_CASE(programs)
{
	const char *trees[] = { "/usr/bin", "/lib64/ld.so" };
	struct verdict v = decide_programs(trees, 2, "/usr/bin/x");

	is_int(v.effective, EFFECT_ALLOW);
	is_int(decide_programs(trees, 2, "/lib64/ld.so").effective, EFFECT_ALLOW);
	v = decide_programs(trees, 2, "/usr/binx");
	is_int(v.effective, EFFECT_DENY);
	is_str(v.rule->name, "allow-execute");
	is_int(decide_programs(trees, 2, "").effective, EFFECT_DENY);
	is_int(decide_programs(NULL, 0, "/usr/bin/x").effective, EFFECT_DENY);
}

T_CASE(what_the_configuration_opens)
{
	struct policy *p =
	        policy_of("version: 1\nname: t\nfile_rules:\n"
	                  "  - {name: secret, paths: ['/srv/data/key'], operations: ['*'], decision: deny}\n"
	                  "  - {name: last, paths: ['**'], operations: ['*'], decision: deny}\n");
	struct decide_cache *c = p ? decide_cache_new(p) : NULL;
	struct decide_trees *t = p ? decide_trees_new(p) : NULL;
	const char *read[] = { "/srv/data" }, *write[] = { "/srv/out" };
	const struct access_more more = { read, write, 1, 1 };
	struct access_request r = { .kind = ACCESS_READ, .path = "/srv/data/x", .more = &more };
	struct tree_answers a;

	if (!ok(c && t))
		return;
	is_str(rule_for(p, c, &r), "allow-read-write");
	r.kind = ACCESS_WRITE;
	is_str(rule_for(p, c, &r), "last");
	r.path = "/srv/out/x";
	is_str(rule_for(p, c, &r), "allow-read-write");
	r.kind = ACCESS_READ;
	is_str(rule_for(p, c, &r), "allow-read-write", "what may be written may be read");
	r.kind = ACCESS_CHOWN;
	is_str(rule_for(p, c, &r), "last");
	r = (struct access_request){ .kind = ACCESS_READ, .path = "/srv/data/key", .more = &more };
	is_str(rule_for(p, c, &r), "secret", "a rule speaks against it");
	decide_trees_ask(t, &(struct tree_request){ .dir = "/srv", .more = &more }, &a);
	is_int(a.is[ACCESS_READ], TREE_MIXED);
	is_int(a.is[ACCESS_CHOWN], TREE_DENIED);
	decide_trees_ask(t, &(struct tree_request){ .dir = "/srv/data", .more = &more }, &a);
	is_int(a.is[ACCESS_READ], TREE_MIXED);
	is_int(a.is[ACCESS_WRITE], TREE_DENIED);
	decide_trees_ask(t, &(struct tree_request){ .dir = "/srv/out/d", .more = &more }, &a);
	is_int(a.is[ACCESS_DELETE], TREE_ALLOWED);
	decide_trees_free(t);
	decide_cache_free(c);
	policy_free(p);
}
