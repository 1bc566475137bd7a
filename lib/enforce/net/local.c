#include "enforce/net/local.h"

#include "base/fd.h"
#include "base/path.h"
#include "sys/at.h"
#include "sys/fsids.h"
#include "sys/openat2.h"
#include "sys/proc.h"
#include "sys/tag.h"

#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <grp.h>
#include <linux/openat2.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	PATH_AT = offsetof(struct sockaddr_un, sun_path),
	UNCONNECTED = 1, /* in /proc/net/unix */
	ALIKE_MAX = 8
};

static const struct rule session_sockets = { .name = "session-sockets",
	                                     .file = "built-in",
	                                     .decision = EFFECT_ALLOW };
static const struct rule daemon_sockets = { .name = "daemon-sockets",
	                                    .file = "built-in",
	                                    .decision = EFFECT_DENY,
	                                    .message = "who listens there does things for its callers "
	                                               "that their own rules do not reach" };
static const struct rule own_sockets = { .name = "closed-to-sessions",
	                                 .file = "built-in",
	                                 .decision = EFFECT_DENY,
	                                 .message = "belongs to agentsh itself" };
static const struct rule strange_names = { .name = "abstract-sockets",
	                                   .file = "built-in",
	                                   .decision = EFFECT_DENY,
	                                   .message = "nobody of this session listens there" };

/* What the kernel calls a socket that asks for any name is not known before. */
static const struct target unnamed = { .raw.any = { .sa_family = AF_UNIX }, .len = PATH_AT + 1 };

/* Who listens there starts programs, works with files, or asks for names, outside of the session. By true
 * paths: a `*` stands for slashes, too. */
static const char *const daemons[] = {
	"*/docker.sock",
	"*/docker-cli-api.sock",
	"*/podman.sock",
	"*/containerd.sock*",
	"*/crio.sock",
	"*/cri-dockerd.sock",
	"*/buildkitd.sock",
	"/run/docker/*",
	"/run/containerd/*",
	"/run/podman/*",
	"/run/crio/*",
	"/run/k3s/*",
	"/run/libvirt/*",
	"/run/user/*/libvirt/*",
	"/run/dbus/*",
	"/run/user/*/bus",
	"/run/systemd/[!jn]*", /* but its journal, and what services tell it */
	"/run/user/*/systemd/*",
	"/run/snapd*",
	"*/lxd/unix.socket",
	"*/incus/unix.socket",
	"/nix/var/nix/daemon-socket/*",
	"/run/nscd/*", /* these look names up */
	"/run/avahi-daemon/*",
};

/* The C library asks these by itself, whatever a program is about, and goes on without them: by true paths.
 */
static const char *const unasked[] = {
	"/run/nscd/*",
	"/run/avahi-daemon/*",
	"/run/systemd/userdb/*",
	"/run/systemd/resolve/*",
};

void local_release(struct local *l)
{
	fd_close(&l->file);
}

/* ---- where it leads -------------------------------------------------------------------------------------
 */

/* "/proc/self/fd/N/rest" means a descriptor of the caller's: a known way around the shortness of addresses.
 * *rest: what follows; -1: it is no such path, or -errno. */
static int open_named(const struct deed *d, const char *path, const char **rest)
{
	static const char *const heads[] = { "/proc/self/fd/", "/proc/thread-self/fd/", "/dev/fd/" };
	AUTO_FD task = -1;
	char *end;
	long fd;

	for (size_t i = 0; i < sizeof heads / sizeof *heads; i++) {
		if (strncmp(path, heads[i], strlen(heads[i])) != 0)
			continue;
		fd = strtol(path + strlen(heads[i]), &end, 10);
		if (end == path + strlen(heads[i]) || (*end && *end != '/') || fd < 0 || fd > INT_MAX)
			return -ENOENT;
		task = proc_task_fd(d->tid);
		if (task < 0)
			task = proc_pidfd(d->k->pid);
		fd = task < 0 ? -1 : proc_getfd(task, (int)fd);
		*rest = *end ? end + 1 : end;
		return fd < 0 ? -ENOENT : (int)fd;
	}
	return -1;
}

static int open_path(const struct deed *d, const char *path)
{
	struct openat2_how how = { .flags = O_PATH, .resolve = RESOLVE_NO_MAGICLINKS };
	const char *rest = path;
	AUTO_FD from = open_named(d, path, &rest);
	int fd;

	if (from < -1)
		return from;
	if (from >= 0 && !*rest) {
		fd = from;
		from = -1;
		return fd;
	}
	if (from < 0 && path[0] == '/') {
		from = proc_open(d->tid, "root", O_PATH | O_DIRECTORY);
		how.resolve |= RESOLVE_IN_ROOT;
	} else if (from < 0) {
		from = proc_open(d->tid, "cwd", O_PATH | O_DIRECTORY);
	}
	return from < 0 ? -EACCES : openat2_open(from, rest, &how);
}

static int find_path(struct deed *d, const char *path, struct local *l)
{
	struct sockaddr_un *un = (struct sockaddr_un *)&l->to.raw;
	char link[40];
	ssize_t n;

	l->file = open_path(d, path);
	if (l->file < 0)
		return -l->file;
	if (!call_valid(d->k))
		return ESRCH;
	snprintf(link, sizeof link, "/proc/self/fd/%d", l->file);
	n = readlink(link, l->path, sizeof l->path - 1);
	if (n <= 0 || l->path[0] != '/')
		return EACCES;
	l->path[n] = 0;
	un->sun_family = AF_UNIX;
	strcpy(un->sun_path, link);
	l->to.len = (socklen_t)(PATH_AT + strlen(link) + 1);
	return 0;
}

static int find_abstract(const struct target *t, struct local *l)
{
	const char *name = (const char *)t->raw.bytes + PATH_AT + 1;
	size_t n = t->len - PATH_AT - 1;

	l->abstract = true;
	l->to = *t;
	l->path[0] = '@';
	memcpy(l->path + 1, name, n);
	l->path[n + 1] = 0;
	/* As /proc shows them, and rules may name them. */
	for (size_t i = 1; i <= n; i++)
		if (!l->path[i])
			l->path[i] = '@';
	return 0;
}

static bool has_own_ids(const struct deed *d)
{
	struct fsids own, its;

	return fsids_of(getpid(), &own) == 0 && fsids_of(d->tid, &its) == 0 && its.uid == own.uid &&
	       its.gid == own.gid && call_valid(d->k);
}

int local_find(struct deed *d, const struct target *t, struct local *l)
{
	char path[sizeof((struct sockaddr_un){ 0 }).sun_path + 1] = "";

	if (t->len <= PATH_AT || t->len > sizeof(struct sockaddr_un) || t->raw.any.sa_family != AF_UNIX)
		return EINVAL;
	l->other_ids = !has_own_ids(d);
	memcpy(path, t->raw.bytes + PATH_AT, t->len - PATH_AT);
	return path[0] ? find_path(d, path, l) : find_abstract(t, l);
}

int local_name(struct deed *d, const struct target *t, struct local *l)
{
	char path[sizeof((struct sockaddr_un){ 0 }).sun_path + 1] = "", dir[sizeof path + 2];
	const char *base;
	size_t len;
	int error;

	if (t->len < PATH_AT || t->len > sizeof(struct sockaddr_un) || t->raw.any.sa_family != AF_UNIX)
		return EINVAL;
	memcpy(path, t->raw.bytes + PATH_AT, t->len - PATH_AT);
	if (!path[0])
		return t->len > PATH_AT ? find_abstract(t, l) : find_abstract(&unnamed, l);
	base = path_base(path);
	snprintf(dir, sizeof dir, "%.*s.", (int)(base - path), path);
	error = find_path(d, dir, l);
	len = strlen(l->path);
	if (!error && len + strlen(base) + 2 > sizeof l->path)
		error = ENAMETOOLONG;
	if (!error)
		snprintf(l->path + len, sizeof l->path - len, "%s%s", len > 1 ? "/" : "", base);
	return error;
}

/* ---- what may be done -----------------------------------------------------------------------------------
 */

static bool is_among(const char *const *patterns, size_t n, const char *path)
{
	for (size_t i = 0; i < n; i++)
		if (fnmatch(patterns[i], path, 0) == 0)
			return true;
	return false;
}
#define IS_AMONG(patterns, path) is_among(patterns, sizeof(patterns) / sizeof *(patterns), path)

struct search {
	uint64_t tag;
	char link[40];
	bool found;
};

static bool holds(pid_t pid, void *arg)
{
	struct search *s = arg;
	char link[64];
	size_t left;

	if (!tag_match(pid, s->tag))
		return true;
	left = proc_count(pid, "fd");
	for (int fd = 0; left && fd < 4096 && !s->found; fd++) {
		if (at_descriptor_link(pid, fd, link, sizeof link) <= 0)
			continue;
		left--;
		s->found = !strcmp(link, s->link);
	}
	return !s->found;
}

bool local_is_ours(const struct deed *d, unsigned long inode)
{
	struct search s = { .tag = d->net->o.tag };

	snprintf(s.link, sizeof s.link, "socket:[%lu]", inode);
	proc_each(holds, &s);
	return s.found;
}

/* Landlock keeps abstract names inside for who is in its domain. We are not.
 *
 * In the kernel's list several may look alike: of other types, with '@' for NUL, files of such a name, and
 * what a line break in a name makes look like a line. So all that look so must be the session's. What was
 * accepted has the name, too, but nobody can connect to it. */
static bool is_held_inside(const struct deed *d, const char *name)
{
	char line[512], at[256];
	unsigned long inode;
	unsigned state, n = 0;
	bool held = true;
	FILE *f;

	snprintf(line, sizeof line, "/proc/%d/net/unix", (int)d->tid);
	f = fopen(line, "re");
	while (f && held && fgets(line, sizeof line, f))
		/* NOLINTNEXTLINE(cert-err34-c): written by the kernel; an inode number fits */
		if (sscanf(line, "%*s %*s %*s %*s %*s %x %lu %255[^\n]", &state, &inode, at) == 3 &&
		    state == UNCONNECTED && inode && !strcmp(at, name))
			held = ++n <= ALIKE_MAX && local_is_ours(d, inode);
	if (f)
		fclose(f);
	return held && n;
}

bool local_ruled(const struct deed *d)
{
	return !d->net->o.open_local && policy_names_sockets(d->net->o.policy);
}

static struct verdict by_rules(const struct deed *d, const struct local *l, enum unix_op op)
{
	const bool closed = !d->net->o.open_local && !l->abstract && IS_AMONG(daemons, l->path);
	const struct rule *rule = closed ? &daemon_sockets : &session_sockets;

	if (local_ruled(d))
		return decide_unix(d->net->o.policy, op, l->path);
	return (struct verdict){ rule->decision, rule->decision, rule, NULL, false };
}

static struct verdict judge_local(const struct deed *d, const struct local *l, enum unix_op op)
{
	struct verdict v;

	/* Who is governed does not ask to be. The API, beside it, knows us as the caller's deputy; its
	 * clients try this name first, and learn that it is of another kind. */
	if (fnmatch("*/gate.sock", l->path, 0) == 0 && net_option(d->sock, SO_TYPE) == SOCK_DGRAM)
		return (struct verdict){ .rule = &own_sockets };
	v = by_rules(d, l, op);
	/* Whatever rules allow: Landlock, which does not hold us, keeps them inside. */
	if (v.effective != EFFECT_DENY && l->abstract && !is_held_inside(d, l->path))
		return (struct verdict){ .rule = &strange_names };
	return v;
}

bool local_allowed(struct deed *d, const struct local *l, enum unix_op op)
{
	static const char *const names[UNIX_OPS] = { "connect", "bind", "listen", "sendto", "socket" };
	const bool to = op == UNIX_CONNECT || op == UNIX_SENDTO;
	const bool aside = to && !l->abstract && IS_AMONG(unasked, l->path);
	const struct verdict v = to ? judge_local(d, l, op) : by_rules(d, l, op);
	const struct net_report r = { .type = "unix_socket_op",
		                      .operation = names[op],
		                      .path = l->path,
		                      .abstract = l->abstract,
		                      .often = op == UNIX_SENDTO || aside,
		                      .aside = aside,
		                      .port = -1 };

	return (!to && v.decision == EFFECT_ALLOW) || settle_call(d, v, &r);
}

/* ---- doing it -------------------------------------------------------------------------------------------
 */

static int64_t act(const struct local *l, int sock, struct msghdr *message, int flags)
{
	ssize_t n = message ? sendmsg(sock, message, flags)
	            : l     ? at_connect(sock, &l->to.raw.any, l->to.len)
	                    : listen(sock, flags);

	return n < 0 ? -errno : n;
}

/* In a process of its own: the other end is told who it was, and whose. */
static int64_t act_as(const struct deed *d, const struct local *l, int sock, struct msghdr *message,
                      int flags)
{
	struct fsids its;
	int64_t value = -EACCES;
	int pipes[2];
	pid_t child;

	if (fsids_of(d->tid, &its) < 0 || its.n > FSIDS_GROUPS || !call_valid(d->k) ||
	    pipe2(pipes, O_CLOEXEC) < 0)
		return -EACCES;
	child = fork();
	if (child == 0) {
		if (setgroups(its.n, its.groups) == 0 && setresgid(its.gid, its.gid, its.gid) == 0 &&
		    setresuid(its.uid, its.uid, its.uid) == 0)
			value = act(l, sock, message, flags);
		_exit(write(pipes[1], &value, sizeof value) != sizeof value);
	}
	close(pipes[1]);
	if (child < 0 || fd_read(pipes[0], &value, sizeof value) != sizeof value)
		value = -EACCES;
	close(pipes[0]);
	while (child > 0 && waitpid(child, NULL, 0) < 0 && errno == EINTR)
		;
	return value;
}

int64_t local_do(struct deed *d, const struct local *l, int sock, struct msghdr *message, int flags)
{
	return l->other_ids ? act_as(d, l, sock, message, flags) : act(l, sock, message, flags);
}

int64_t local_listen(const struct deed *d, int backlog)
{
	return has_own_ids(d) ? act(NULL, d->sock, NULL, backlog) : act_as(d, NULL, d->sock, NULL, backlog);
}
