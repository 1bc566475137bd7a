/* floor - a throw-away tree, a Landlock floor over it from a policy in words, and deeds under it and without.
 */
#pragma once

#include "decide/access.h"
#include "enforce/landlock/floor.h"
#include "sys/landlock.h"
#include "test/policy.h"
#include "test/t.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define LAB_UNUSED __attribute__((unused))

enum { USER = 30778 };

static char base[64];

static void leave(void)
{
	char command[128];

	snprintf(command, sizeof command, "rm -rf '%s'", base);
	if (*base && system(command) != 0)
		printf("# %s stays\n", base);
}

/* A name in it; kept until the end. */
static const char *at(const char *name)
{
	static char paths[1 << 14];
	static size_t used;
	char *path = paths + used;

	used += (size_t)snprintf(path, sizeof paths - used, "%s/%s", base, name) + 1;
	if (used >= sizeof paths)
		abort();
	return path;
}

static void dir(const char *name, mode_t mode)
{
	mkdir(at(name), mode);
	chmod(at(name), mode);
}

static void file(const char *name, mode_t mode)
{
	int fd = open(at(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, "text\n", 5) != 5 || fchmod(fd, mode) < 0)
		printf("# %s: %s\n", at(name), strerror(errno));
	close(fd);
}

static bool arrive(void)
{
	if (!*base) {
		if (geteuid() != 0)
			t_skip_all("not root");
		if (landlock_abi() < LANDLOCK_ENOUGH)
			t_skip_all("no Landlock");
		strcpy(base, "/srv/agentsh-edges.XXXXXX");
		if (!ok(mkdtemp(base) && chmod(base, 0755) == 0, "a directory"))
			return false;
		atexit(leave);
	}
	return true;
}

/* ---- deeds, in a child in the domain ---- */

typedef int deed_fn(const char *arg);

/* What the deed returned: an errno. ruleset -1: without a domain. */
static int under(int ruleset, uid_t uid, deed_fn *deed, const char *arg)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		if (setgroups(0, NULL) < 0 || (uid && (setgid(uid) < 0 || setuid(uid) < 0)) ||
		    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    (ruleset >= 0 && landlock_enter(ruleset, NULL) < 0))
			_exit(255);
		_exit(deed(arg));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 255;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 254;
}

static int by_fd(int fd)
{
	int error = fd < 0 ? errno : 0;

	if (fd >= 0)
		close(fd);
	return error;
}

LAB_UNUSED static int reads(const char *path)
{
	return by_fd(open(path, O_RDONLY | O_CLOEXEC));
}

LAB_UNUSED static int writes(const char *path)
{
	return by_fd(open(path, O_WRONLY | O_CLOEXEC));
}

LAB_UNUSED static int makes(const char *path)
{
	return mknod(path, S_IFREG | 0666, 0) < 0 ? errno : 0;
}

LAB_UNUSED static int removes(const char *path)
{
	return unlink(path) < 0 ? errno : 0;
}

LAB_UNUSED static int runs(const char *path)
{
	char *const argv[] = { (char *)"true", NULL };

	execv(path, argv);
	return errno;
}

/* ---- floors ---- */

struct ground {
	struct policy *policy;
	struct floor_rules rules;
	struct floor floor;
};

/* A policy of `rules` (lines of file_rules, with %s for the base directory up to 6 times). */
static bool ground(struct ground *g, uid_t uid, const struct floor_rules *with, const char *rules)
{
	char text[4096], lines[3072];
	struct floor_options o = { .uid = uid };
	struct err e = { 0 };

	snprintf(lines, sizeof lines, rules, base, base, base, base, base, base);
	snprintf(text, sizeof text, "version: 1\nname: t\nfile_rules:\n%s", lines);
	*g = (struct ground){ .policy = policy_of(text) };
	if (with)
		g->rules = *with;
	g->rules.policy = g->policy;
	o.rules = &g->rules;
	return ok(g->policy && floor_make(&g->floor, &o, &e) == 0, "floor: %s", e.text);
}

static void release(struct ground *g)
{
	floor_release(&g->floor);
	policy_free(g->policy);
}

/* Denied by the floor, done without it. */
LAB_UNUSED static void held(const struct ground *g, uid_t uid, deed_fn *deed, const char *path,
                            const char *what)
{
	is_int(under(g->floor.ruleset, uid, deed, path), EACCES, "%s: refused", what);
	is_int(under(-1, uid, deed, path), 0, "%s: not without the domain", what);
}

LAB_UNUSED static void open_to(const struct ground *g, uid_t uid, deed_fn *deed, const char *path,
                               const char *what)
{
	is_int(under(g->floor.ruleset, uid, deed, path), 0, "%s", what);
}

#define ALL_OF "decision: allow, operations: ['*']}\n"
