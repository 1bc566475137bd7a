/* files_floor - what Landlock alone makes of file rules: every file of a tree times everything that can be
 * done to it, under the policies that existing clients ship, under our own, and under random ones, as a user
 * and as root. What decide_access() denies must not happen, where the floor says that it is exact; what it
 * allows must, where the floor says that it is granted. A last round without the domain must find that all of
 * that does happen.
 */
#include "base/fd.h"
#include "decide/access.h"
#include "enforce/landlock/floor.h"
#include "sys/landlock.h"
#include "test/t.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { USER = 30777, PATHS = 256 };

/* ---- the tree ---- */

static char base[64], home[96];
static char paths[PATHS][128]; /* absolute; a directory's ends in a slash */
static size_t n_paths;

static const char *const shipped_tree[] = {
	"home/",
	"home/a.txt",
	"home/.env",
	"home/src/",
	"home/src/.env.local",
	"home/src/x.c",
	"home/.ssh/",
	"home/.ssh/id",
	"home/.git/",
	"home/.git/hooks/",
	"home/.git/hooks/pre",
	"home/.git/config",
	"home/.cache/",
	"home/.cache/c",
	"home/.aws/",
	"home/.aws/credentials",
	"home/.bashrc",
	"other/",
	"other/b.txt",
	"other/.env",
	"other/d/",
	"other/d/e",
	NULL,
};
static const char *const random_tree[] = {
	"a/",    "a/a", "a/b/", "a/b/a", "a/b/b", "a/b/c/", "a/b/c/a", "a/c",  "b/",    "b/a/", "b/a/a",
	"b/a/c", "b/b", "b/c",  "c/",    "c/a",   "c/b/",   "c/b/b",   "c/c/", "c/c/c", NULL,
};

/* Everybody may do everything there, as far as permissions go. */
static void put(const char *path)
{
	char name[128];
	size_t len = strlen(path);
	int fd;

	snprintf(name, sizeof name, "%.*s", (int)(len - (path[len - 1] == '/')), path);
	if (path[len - 1] == '/') {
		mkdir(name, 0777);
		chmod(name, 0777);
		return;
	}
	fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0 || write(fd, "text\n", 5) != 5 || fchmod(fd, 0666) < 0)
		printf("# %s: %s\n", name, strerror(errno));
	close(fd);
}

static void plant(const char *const *names)
{
	n_paths = 0;
	for (; *names; names++) {
		snprintf(paths[n_paths], sizeof *paths, "%s/%s", base, *names);
		put(paths[n_paths++]);
	}
}

static bool remove_base(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", base);
	return system(command) == 0;
}

static void leave(void)
{
	if (*base && !remove_base())
		printf("# %s stays\n", base);
}

static bool arrive(void)
{
	if (*base)
		return true;
	if (geteuid() != 0)
		t_skip_all("not root");
	if (landlock_abi() < LANDLOCK_ENOUGH)
		t_skip_all("no Landlock");
	snprintf(base, sizeof base, "/srv/agentsh-floor.XXXXXX");
	if (!ok(mkdtemp(base) && chmod(base, 0755) == 0, "a directory that no shipped policy knows"))
		return false;
	snprintf(home, sizeof home, "%s/home", base);
	atexit(leave);
	return true;
}

/* ---- what is done ---- */

static const char new_name[] = "zz";

static int result(int rc)
{
	return rc < 0 ? errno : 0;
}

static int by_open(const char *path, int flags)
{
	int fd = open(path, flags | O_CLOEXEC | O_NOCTTY | O_NONBLOCK, 0666);
	int error = result(fd);

	if (fd >= 0)
		close(fd);
	return error;
}

/* `kind` to `path`; LINK is that of `path` to a new name beside it. */
static int act(enum access_kind kind, const char *path)
{
	char beside[192];

	snprintf(beside, sizeof beside, "%s%s", path, new_name);
	switch (kind) {
	case ACCESS_READ:
		return by_open(path, O_RDONLY);
	case ACCESS_WRITE:
		return by_open(path, O_WRONLY);
	case ACCESS_TRUNCATE:
		return result(truncate(path, 0));
	case ACCESS_CREATE:
		return result(mknod(path, S_IFREG | 0666, 0));
	case ACCESS_MKDIR:
		return result(mkdir(path, 0777));
	case ACCESS_SYMLINK:
		return result(symlink("nowhere", path));
	case ACCESS_LINK:
		return result(link(path, beside));
	case ACCESS_DELETE:
		return result(unlink(path));
	case ACCESS_RMDIR:
		return result(rmdir(path));
	case ACCESS_RENAME:
		return result(rename(path, beside));
	default:
		return ENOSYS;
	}
}

struct order {
	enum access_kind kind;
	char path[160];
};

/* A process in the session's domain that does what it is told. */
struct agent {
	pid_t pid;
	int to, from;
};

static void agent_main(int in, int out, int ruleset, uid_t uid)
{
	struct order o;
	int error;

	if (setgroups(0, NULL) < 0 || (uid && (setgid(uid) < 0 || setuid(uid) < 0)) ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || (ruleset >= 0 && landlock_enter(ruleset, NULL) < 0))
		_exit(1);
	umask(0);
	while (read(in, &o, sizeof o) == sizeof o) {
		error = act(o.kind, o.path);
		if (write(out, &error, sizeof error) != sizeof error)
			_exit(1);
	}
	_exit(0);
}

static bool agent_start(struct agent *a, int ruleset, uid_t uid)
{
	int to[2], from[2];

	if (pipe2(to, O_CLOEXEC) < 0 || pipe2(from, O_CLOEXEC) < 0)
		return false;
	a->pid = fork();
	if (a->pid == 0) {
		close(to[1]);
		agent_main(to[0], from[1], ruleset, uid);
	}
	close(to[0]);
	close(from[1]);
	a->to = to[1];
	a->from = from[0];
	return a->pid > 0;
}

static int agent_do(const struct agent *a, enum access_kind kind, const char *path)
{
	struct order o = { .kind = kind };
	int error = 0;

	snprintf(o.path, sizeof o.path, "%s", path);
	if (write(a->to, &o, sizeof o) != sizeof o || read(a->from, &error, sizeof error) != sizeof error)
		return ECONNRESET;
	return error;
}

static void agent_end(const struct agent *a)
{
	close(a->to);
	close(a->from);
	waitpid(a->pid, NULL, 0);
}

/* ---- what should be ---- */

struct round {
	const struct policy *policy;
	struct decide_cache *cache;
	struct floor floor;
	struct agent agent;
	bool baseline, quiet;
	int done, refused, broken, lacking, inexact;
};

static bool allowed(const struct round *r, enum access_kind kind, const char *path)
{
	struct stat st;
	struct access_request q = { .kind = kind, .path = path, .baseline = r->baseline };
	struct verdict v;

	q.world_readable = stat(path, &st) == 0 && (st.st_mode & (S_ISDIR(st.st_mode) ? 05 : 04)) ==
	                                                   (S_ISDIR(st.st_mode) ? 05u : 04u);
	v = decide_access(r->policy, r->cache, &q);
	return v.decision == EFFECT_ALLOW || v.decision == EFFECT_AUDIT;
}

static const struct {
	uint64_t rights;
	uint32_t part;
	bool of_parent;
} needs[ACCESS_KINDS] = {
	[ACCESS_READ] = { LANDLOCK_READ, FLOOR_READ, false },
	[ACCESS_WRITE] = { 2, FLOOR_WRITE, false },
	[ACCESS_TRUNCATE] = { LANDLOCK_TRUNCATE, FLOOR_WRITE, false },
	[ACCESS_CREATE] = { LANDLOCK_MAKE_FILE, FLOOR_WRITE, true },
	[ACCESS_MKDIR] = { LANDLOCK_MAKE_DIR, FLOOR_WRITE, true },
	[ACCESS_SYMLINK] = { LANDLOCK_MAKE_LINK, FLOOR_WRITE, true },
	[ACCESS_LINK] = { LANDLOCK_MAKE_FILE, FLOOR_WRITE, true },
	[ACCESS_DELETE] = { LANDLOCK_REMOVE_FILE, FLOOR_REMOVE, true },
	[ACCESS_RMDIR] = { LANDLOCK_REMOVE_DIR, FLOOR_REMOVE, true },
	[ACCESS_RENAME] = { LANDLOCK_REMOVE_FILE | LANDLOCK_MAKE_FILE, FLOOR_REMOVE, true },
};

static bool is_granted(const struct round *r, enum access_kind kind, const char *path)
{
	char of[192];

	snprintf(of, sizeof of, "%s", path);
	if (needs[kind].of_parent)
		*strrchr(of, '/') = 0;
	return floor_grants(&r->floor, *of ? of : "/", needs[kind].rights);
}

/* A new name is one whose parent allows it; a move and a link take both names. */
static bool may(const struct round *r, enum access_kind kind, const char *path)
{
	char beside[192];

	snprintf(beside, sizeof beside, "%s%s", path, new_name);
	if (kind == ACCESS_LINK)
		return allowed(r, kind, beside);
	return allowed(r, kind, path) && (kind != ACCESS_RENAME || allowed(r, kind, beside));
}

/* One deed, compared; 0 when it happened. */
static int check(struct round *r, enum access_kind kind, const char *path)
{
	bool yes = may(r, kind, path), granted = is_granted(r, kind, path);
	int error = agent_do(&r->agent, kind, path);
	bool refused = error == EACCES || error == EXDEV;
	bool inexact = r->floor.inexact & needs[kind].part;

	r->done += !refused;
	r->refused += refused;
	if (!refused && !yes) {
		r->inexact += inexact;
		r->broken += !inexact;
		if (!inexact && !r->quiet)
			ok(false, "%s %s: denied, and done (%s)", access_name(kind), path, strerror(error));
	}
	if (refused && yes) {
		r->lacking += !granted;
		if (granted)
			ok(false, "%s %s: allowed and granted, but %s", access_name(kind), path,
			   strerror(error));
	}
	return error;
}

static void check_dir(struct round *r, const char *path)
{
	char dir[160], name[192];

	snprintf(dir, sizeof dir, "%.*s", (int)strlen(path) - 1, path);
	snprintf(name, sizeof name, "%s/%s", dir, new_name);
	if (check(r, ACCESS_CREATE, name) == 0)
		unlink(name);
	if (check(r, ACCESS_SYMLINK, name) == 0)
		unlink(name);
	if (check(r, ACCESS_MKDIR, name) == 0)
		rmdir(name);
	mkdir(name, 0777);
	chmod(name, 0777);
	check(r, ACCESS_RMDIR, name);
	rmdir(name);
}

static void check_file(struct round *r, const char *path)
{
	char beside[192];

	snprintf(beside, sizeof beside, "%s%s", path, new_name);
	check(r, ACCESS_READ, path);
	check(r, ACCESS_WRITE, path);
	check(r, ACCESS_TRUNCATE, path);
	check(r, ACCESS_LINK, path);
	unlink(beside);
	check(r, ACCESS_RENAME, path);
	rename(beside, path);
	if (check(r, ACCESS_DELETE, path) == 0)
		put(path);
}

static bool start(struct round *r, const struct floor_options *o, bool enter)
{
	struct err e = { 0 };

	r->cache = decide_cache_new(r->policy);
	if (!ok(r->cache && floor_make(&r->floor, o, &e) == 0, "floor: %s", e.text))
		return false;
	return ok(agent_start(&r->agent, enter ? r->floor.ruleset : -1, o->uid), "agent");
}

static void finish(struct round *r)
{
	agent_end(&r->agent);
	floor_release(&r->floor);
	decide_cache_free(r->cache);
}

/* ---- the shipped policies ---- */

static struct policy *load(const char *file, const char *root)
{
	const struct policy_var vars[] = {
		{ "PROJECT_ROOT", root }, { "GIT_ROOT", root }, { "HOME", root }, { 0 }
	};
	struct policy_options options = { .vars = vars, .expand = true };
	struct policy_problems problems = { 0 };
	AUTO_BUF text = { 0 };
	struct policy *p;

	if (fd_slurp_file(file, 1 << 20, &text, NULL) < 0)
		return NULL;
	p = policy_load(text.data, text.len, file, &options, &problems);
	for (size_t i = 0; i < problems.n; i++)
		printf("# %s:%d: %s\n", file, problems.items[i].line, problems.items[i].text);
	policy_problems_release(&problems);
	return p;
}

struct wish {
	enum access_kind kind;
	const char *path; /* relative to base, or absolute */
	bool yes;
};

/* Every shipped policy agrees on these, and Landlock holds them. */
static const struct wish wishes[] = {
	{ ACCESS_READ, "home/a.txt", true },
	{ ACCESS_WRITE, "home/src/x.c", true },
	{ ACCESS_TRUNCATE, "home/a.txt", true },
	{ ACCESS_CREATE, "home/src/new", true },
	{ ACCESS_MKDIR, "home/src/newdir", true },
	{ ACCESS_CREATE, "/tmp/agentsh-floor-new", true },
	{ ACCESS_DELETE, "/tmp/agentsh-floor-new", true },
	{ ACCESS_READ, "/etc/passwd", true },
	{ ACCESS_READ, "/etc/hostname", true },
	{ ACCESS_WRITE, "/dev/null", true },
	{ ACCESS_READ, "/dev/zero", true },
	{ ACCESS_READ, "/usr/bin/env", true },
	{ ACCESS_CREATE, "/dev/shm/agentsh-floor-new", true },
	{ ACCESS_DELETE, "/dev/shm/agentsh-floor-new", true },
	{ ACCESS_DELETE, "home/a.txt", false },
	{ ACCESS_RENAME, "other/b.txt", false },
	{ ACCESS_WRITE, "other/b.txt", false },
	{ ACCESS_TRUNCATE, "other/b.txt", false },
	{ ACCESS_DELETE, "other/d/e", false },
	{ ACCESS_CREATE, "other/new", false },
	{ ACCESS_READ, "other/b.txt", false },
	{ ACCESS_LINK, "other/b.txt", false },
	{ ACCESS_CREATE, "/etc/agentsh-floor-new", false },
	{ ACCESS_MKDIR, "/usr/agentsh-floor-new", false },
	{ ACCESS_CREATE, "/var/agentsh-floor-new", false },
	{ ACCESS_WRITE, "/etc/passwd", false },
	{ ACCESS_WRITE, "/proc/sys/kernel/hostname", false },
};

static void check_wishes(struct round *r, bool held)
{
	char path[160];

	for (size_t i = 0; i < sizeof wishes / sizeof *wishes; i++) {
		const struct wish *w = wishes + i;
		int error;

		snprintf(path, sizeof path, "%s%s%s", *w->path == '/' ? "" : base, *w->path == '/' ? "" : "/",
		         w->path);
		error = agent_do(&r->agent, w->kind, path);
		if (w->yes || !held)
			is_int(error == EACCES, false, "%s %s works", access_name(w->kind), path);
		else
			is_int(error, error == EXDEV ? EXDEV : EACCES, "%s %s is refused",
			       access_name(w->kind), path);
		if (w->kind == ACCESS_MKDIR && error == 0)
			rmdir(path);
		/* What another wish deletes stays. */
		if (w->kind == ACCESS_CREATE && (!w->yes || *w->path != '/') && error == 0)
			unlink(path);
	}
}

static void shipped(const char *file, uid_t uid)
{
	struct round r = { .policy = load(file, home), .baseline = true };
	const struct floor_rules rules = { .policy = r.policy, .workspace = home, .baseline = true };
	const char *open[] = { "/tmp", home };
	const struct floor_options o = { .open = open, .n_open = 2, .uid = uid, .rules = &rules };

	if (!r.policy) {
		t_skip("no %s", file);
		return;
	}
	plant(shipped_tree);
	if (!start(&r, &o, true))
		return;
	check_wishes(&r, true);
	for (size_t i = 0; i < n_paths; i++)
		if (paths[i][strlen(paths[i]) - 1] == '/')
			check_dir(&r, paths[i]);
		else
			check_file(&r, paths[i]);
	is_int(r.broken, 0, "%s as %u: what is denied does not happen", file, uid);
	ok(r.done > 20 && r.refused > 20,
	   "%s as %u: %zu rules, inexact %x; %d done, %d refused, %d of them allowed, %d done though denied",
	   file, uid, r.floor.n_grants, r.floor.inexact, r.done, r.refused, r.lacking, r.inexact);
	finish(&r);
	policy_free((struct policy *)r.policy);
}

T_CASE(shipped_policies)
{
	static const char *const own[] = { "policies/e2b/default.yaml", "policies/daytona/default.yaml" };
	static const char *const real[] = { "e2b-default.yaml", "daytona-default.yaml" };
	const char *compat = getenv("AGENTSH_COMPAT");
	char file[256];

	if (!arrive())
		return;
	for (size_t i = 0; i < 4; i++) {
		snprintf(file, sizeof file, "%s%s%s",
		         i < 2    ? ""
		         : compat ? compat
		                  : "../shared/compat",
		         i < 2 ? "" : "/", i < 2 ? own[i] : real[i - 2]);
		shipped(file, USER);
		shipped(file, 0);
	}
}

/* ---- random policies ---- */

static uint32_t seed = 20261122;

static uint32_t draw(uint32_t n)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % n;
}

static struct policy *random_policy(void)
{
	static const char *const patterns[] = { "/a/**",    "/a/b/**", "/a",        "/a/b",    "/a/b/c",
		                                "/a/*",     "/*/b/**", "/a/b/*",    "/b/?/**", "/{a,b}/**",
		                                "/b/{a,c}", "/c/[!a]", "/c/*/**",   "/c/**",   "/**",
		                                "/b/*/c",   "/b/**",   "/a/b/c/**", "/c/c/c" };
	static const char *const floating[] = { "/**/b", "/a/**/c", "/**/a/**" };
	static const char *const ops[] = { "['*']",
		                           "[read]",
		                           "[write]",
		                           "[read, list]",
		                           "[create, mkdir]",
		                           "[open]",
		                           "[write, chmod]",
		                           "[delete, rename, rmdir]",
		                           "[read, write, create, rename]" };
	static const char *const decisions[] = {
		"allow", "deny", "audit", "approve", "soft_delete", "allow"
	};
	char text[4096];
	int len = snprintf(text, sizeof text, "version: 1\nname: t\nfile_rules:\n");
	bool floats = draw(4) == 0;
	struct policy_problems problems = { 0 };
	struct policy *p;

	for (uint32_t i = 0, n = 1 + draw(6); i < n; i++) {
		const char *one = patterns[draw(sizeof patterns / sizeof *patterns)];

		if (floats && !draw(2))
			one = floating[draw(3)];
		len += snprintf(text + len, sizeof text - (size_t)len,
		                "  - {name: r%u, paths: ['%s%s', '%s%s'], operations: %s, decision: %s}\n", i,
		                base, one, base, patterns[draw(sizeof patterns / sizeof *patterns)],
		                ops[draw(sizeof ops / sizeof *ops)], decisions[draw(6)]);
	}
	p = policy_load(text, (size_t)len, "random.yaml", &(struct policy_options){ .expand = false },
	                &problems);
	policy_problems_release(&problems);
	return p;
}

static void one_random(struct round *total, uid_t uid, bool enter)
{
	struct round r = { .policy = random_policy(), .quiet = !enter };
	const struct floor_rules rules = { .policy = r.policy };
	const struct floor_options o = { .uid = uid, .rules = &rules };
	int before = t_failures;

	plant(random_tree);
	if (!ok(r.policy != NULL) || !start(&r, &o, enter))
		return;
	for (size_t i = 0; i < n_paths; i++)
		if (paths[i][strlen(paths[i]) - 1] == '/')
			check_dir(&r, paths[i]);
		else
			check_file(&r, paths[i]);
	total->done += r.done;
	total->refused += r.refused;
	total->broken += r.broken;
	total->lacking += r.lacking;
	total->inexact += r.inexact;
	if (t_failures > before)
		printf("# in the round that starts with seed %u\n", seed);
	finish(&r);
	policy_free((struct policy *)r.policy);
}

T_CASE(random_policies)
{
	struct round total = { 0 };

	if (!arrive())
		return;
	for (int i = 0; i < 150; i++)
		one_random(&total, i % 2 ? 0 : USER, true);
	is_int(total.broken, 0, "what is denied does not happen where the floor is exact");
	ok(total.done > 1000 && total.refused > 1000, "%d done, %d refused, %d though allowed, %d inexact",
	   total.done, total.refused, total.lacking, total.inexact);
	ok(total.lacking * 4 < total.refused && total.inexact * 20 < total.done, "little is lost or leaked");
}

T_CASE(without_the_domain)
{
	struct round total = { 0 };

	if (!arrive())
		return;
	for (int i = 0; i < 10; i++)
		one_random(&total, i % 2 ? 0 : USER, false);
	is_int(total.refused, 0, "nothing is refused");
	ok(total.broken > 100, "%d deeds that are denied are done", total.broken);
}
