/* files_metadata - where the configuration has intercept_metadata, rules on what is only looked at (stat,
 * readlink) hold for every spelling of it, and what is allowed is as native. */
#include "test/kernel/files_tree.h"

#include "sys/at.h"

enum { ALL = FL_ALL | FILTER_READS | FILTER_METADATA, TRIES = 20000 };

static const char policy[] = "version: 1\nname: looks\nfile_rules:\n"
                             "  - name: deny-look\n    paths: [\"@/w/secret\", \"@/w/hidden/**\"]\n"
                             "    operations: [stat]\n    decision: deny\n"
                             "  - name: deny-text\n    paths: [\"@/w/closed-link\"]\n"
                             "    operations: [readlink]\n    decision: deny\n"
                             "  - name: allow-all\n    paths: [\"/**\", \"/\"]\n"
                             "    operations: [\"*\"]\n    decision: allow\n";
static char top[64];

static void build(uid_t uid)
{
	static const char *const names[] = { "w",        "w/free",     "w/secret", "w/dir",
		                             "w/hidden", "w/hidden/f", "w/none" };

	if (geteuid() != 0)
		t_skip_all("not root");
	snprintf(top, sizeof top, "/dev/shm/files-metadata.%d", (int)getpid());
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0 && mkdir("w", 0755) == 0 &&
	                mkdir("w/dir", 0750) == 0 && mkdir("w/hidden", 0755) == 0,
	        top);
	tree_put("w/free", "text", 0644);
	tree_put("w/secret", "text", 0644);
	tree_put("w/hidden/f", "text", 0644);
	tree_put("w/none", "", 0000);
	fl_need(symlink("free", "w/link") == 0 && symlink("secret", "w/to-secret") == 0 &&
	                symlink("free", "w/closed-link") == 0 && symlink("nowhere", "w/dangling") == 0 &&
	                symlink("loop", "w/loop") == 0,
	        "links");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		fl_need(chown(names[i], uid, uid) == 0, names[i]);
}

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}

/* ---- as native ----------------------------------------------------------------------------------------- */

static void say_status(const char *what, const char *path, long rc, const struct stat *st)
{
	if (rc < 0)
		fl_say("%s '%s': %s\n", what, path, strerror(errno));
	else
		fl_say("%s '%s': %lu %lu %o %lu %u %u %lu %ld %ld %ld.%ld %ld.%ld\n", what, path,
		       (long)st->st_dev, (long)st->st_ino, st->st_mode, (long)st->st_nlink, st->st_uid,
		       st->st_gid, (long)st->st_rdev, (long)st->st_size, (long)st->st_blocks,
		       st->st_mtim.tv_sec, st->st_mtim.tv_nsec, st->st_ctim.tv_sec, st->st_ctim.tv_nsec);
}

static void say_statx(const char *path, long rc, const struct statx *x)
{
	if (rc < 0)
		fl_say("statx '%s': %s\n", path, strerror(errno));
	else
		fl_say("statx '%s': %x %o %lu %lu %lu %lu\n", path, x->stx_mask, x->stx_mode,
		       (long)x->stx_ino, (long)x->stx_size, (long)x->stx_mnt_id, (long)x->stx_btime.tv_nsec);
}

static void say(const char *what, const char *path, long rc)
{
	fl_say("%s '%s': %ld %s\n", what, path, rc, rc < 0 ? strerror(errno) : "");
}

/* One name in every spelling. */
static void look(int dir, const char *path)
{
	static const unsigned flags[] = { 0, AT_SYMLINK_NOFOLLOW, AT_EMPTY_PATH, AT_NO_AUTOMOUNT, 1 };
	char text[PATH_MAX];
	struct statx x;
	struct stat st;

	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		say_status("newfstatat", path, syscall(__NR_newfstatat, dir, path, &st, flags[i]), &st);
		say_statx(path, syscall(__NR_statx, dir, path, flags[i], STATX_BASIC_STATS | STATX_BTIME, &x),
		          &x);
	}
	say_statx(path, syscall(__NR_statx, dir, path, 0, 0x80000000U, &x), &x);
	say_statx(path, syscall(__NR_statx, dir, path, 0x6000, STATX_MODE, &x), &x);
	for (int mode = 0; mode <= 8; mode++) {
		say("faccessat", path, syscall(__NR_faccessat, dir, path, mode));
		say("faccessat2", path, syscall(__NR_faccessat2, dir, path, mode, AT_EACCESS));
		say("of the link", path, syscall(__NR_faccessat2, dir, path, mode, AT_SYMLINK_NOFOLLOW));
	}
	say("readlinkat", path, syscall(__NR_readlinkat, dir, path, text, sizeof text));
	say("short", path, syscall(__NR_readlinkat, dir, path, text, 3));
	say("of no size", path, syscall(__NR_readlinkat, dir, path, text, 0));
	say("nowhere", path, syscall(__NR_readlinkat, dir, path, 16, 3));
#ifdef __NR_stat
	say_status("stat", path, syscall(__NR_stat, path, &st), &st);
	say_status("lstat", path, syscall(__NR_lstat, path, &st), &st);
	say("access", path, syscall(__NR_access, path, R_OK | W_OK));
	say("readlink", path, syscall(__NR_readlink, path, text, sizeof text));
	say("to nowhere", path, syscall(__NR_stat, path, 16));
#endif
}

static void all(void *arg)
{
	static const char *const paths[] = {
		"free",      "dir",           "dir/",         "dir/.",   "..",      "link",    "link/",
		"dangling",  "loop",          "none",         "missing", "free/x",  "",        "/",
		"/dev/null", "/proc/version", "/usr/bin/env", "hidden",  "/proc/1", "no/thing"
	};
	int dir, fd, path, pipes[2];
	char text[64], pid[24];
	struct stat st;
	ssize_t n;

	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0 || pipe(pipes) < 0)
		_exit(91);
	dir = open(".", O_RDONLY);
	for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
		look(AT_FDCWD, paths[i]);
		look(dir, paths[i]);
		look(99, paths[i]);
	}
	fd = open("free", O_RDONLY);
	path = open("link", O_PATH | O_NOFOLLOW);
	look(fd, "");
	look(path, "");
	say_status("fstat", "free", syscall(__NR_fstat, fd, &st), &st);
	say_status("fstat", "link", syscall(__NR_fstat, path, &st), &st);
	say("fstat of a pipe", "", syscall(__NR_fstat, pipes[0], &st) < 0 ? -1 : (int)(st.st_mode & S_IFMT));
	say_status("fstat", "none", syscall(__NR_fstat, 99, &st), &st);
	say_status("fstat", "less", syscall(__NR_fstat, -100, &st), &st);
	say("no path", "", syscall(__NR_newfstatat, fd, 16, &st, 0));
	/* What each is itself. */
	n = readlink("/proc/self", text, sizeof text - 1);
	snprintf(pid, sizeof pid, "%d", (int)getpid());
	fl_say("self: %d\n", n > 0 && (size_t)n == strlen(pid) && !memcmp(text, pid, (size_t)n));
	n = readlink("/proc/thread-self", text, sizeof text - 1);
	fl_say("thread-self: %d\n",
	       n > 0 && (size_t)n == 2 * strlen(pid) + 6 && !memcmp(text, pid, strlen(pid)));
	n = readlink("/proc/self/cwd", text, sizeof text - 1);
	fl_say("cwd: %.*s\n", (int)n, text);
}

static struct fl_run make(void (*program)(void *), uid_t uid)
{
	return (struct fl_run){ .program = program,
		                .uid = uid,
		                .inexact = ~0u,
		                .policy = tree_policy(policy, top),
		                .real = ALL };
}

static void as_native(uid_t uid)
{
	struct fl_run r;
	char *native;

	build(uid);
	r = make(all, uid);
	r.native = true;
	is_int(fl_run(&r), 0, "native ends");
	native = strdup(fl->out);
	r.native = false;
	is_int(fl_run(&r), 0, "governed ends");
	ok(tree_same("looks", native, fl->out), "as uid %d: as native", (int)uid);
	free(native);
	tree_gone(top);
}

T_CASE(what_is_allowed)
{
	as_native(user());
	as_native(0);
}

/* ---- what is denied --------------------------------------------------------------------------------------
 */

static int told; /* calls that said something */

static void try(const char *what, long rc, const void *room, size_t size)
{
	const char *bytes = room;
	bool touched = false;

	for (size_t i = 0; i < size; i++)
		touched = touched || bytes[i] != 'c';
	fl_say("%s: %s%s\n", what, rc < 0 ? strerror(errno) : "0", touched ? ", told" : "");
	told += rc >= 0 || touched;
}

static void denied(void *arg)
{
	static const char *const names[] = { "secret", "to-secret", "hidden/f", "dir/../secret" };
	char room[256];
	int fd;

	(void)arg;
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		const char *name = names[i];

		memset(room, 'c', sizeof room);
		try("newfstatat", syscall(__NR_newfstatat, AT_FDCWD, name, room, 0), room, sizeof room);
		try("statx", syscall(__NR_statx, AT_FDCWD, name, 0, STATX_ALL, room), room, sizeof room);
		try("faccessat", syscall(__NR_faccessat, AT_FDCWD, name, F_OK), NULL, 0);
		try("faccessat2", syscall(__NR_faccessat2, AT_FDCWD, name, R_OK, 0), NULL, 0);
#ifdef __NR_stat
		try("stat", syscall(__NR_stat, name, room), room, sizeof room);
		try("access", syscall(__NR_access, name, F_OK), NULL, 0);
		if (strcmp(name, "to-secret") != 0) /* which may be looked at itself */
			try("lstat", syscall(__NR_lstat, name, room), room, sizeof room);
#endif
		fd = open(name, O_PATH);
		try("by descriptor", syscall(__NR_fstat, fd, room), room, sizeof room);
		try("without a path", syscall(__NR_newfstatat, fd, "", room, AT_EMPTY_PATH), room,
		    sizeof room);
		try("statx without", syscall(__NR_statx, fd, "", AT_EMPTY_PATH, STATX_ALL, room), room,
		    sizeof room);
		snprintf(room, sizeof room, "/proc/self/fd/%d", fd);
		try("by /proc", syscall(__NR_faccessat, AT_FDCWD, room, F_OK), NULL, 0);
		close(fd);
	}
	memset(room, 'c', sizeof room);
	try("readlinkat", syscall(__NR_readlinkat, AT_FDCWD, "closed-link", room, sizeof room), room,
	    sizeof room);
#ifdef __NR_readlink
	try("readlink", syscall(__NR_readlink, "closed-link", room, sizeof room), room, sizeof room);
#endif
	fd = open("closed-link", O_PATH | O_NOFOLLOW);
	try("link by descriptor", syscall(__NR_readlinkat, fd, "", room, sizeof room), room, sizeof room);
	fl_say("told %d times\n", told);
}

T_CASE(what_is_denied)
{
	struct fl_run r;

	build(user());
	r = make(denied, user());
	r.native = true;
	is_int(fl_run(&r), 0, "native ends");
	ok(!strstr(fl->out, "Permission denied"), "without us all of it is told");
	r.native = false;
	is_int(fl_run(&r), 0, "governed ends");
	ok(strstr(fl->out, "told 0 times") && !strstr(fl->out, ": 0"), "%s", fl->out);
	ok(fl_event("\"file_stat\"", "/w/secret", "\"deny-look\""), "event with its rule");
	ok(fl_event("\"file_read\"", "/w/closed-link", "\"deny-text\""), "and of the link");
	tree_gone(top);
}

/* ---- races
 * ------------------------------------------------------------------------------------------------- */

/* A name that leads to one and the other in turn, by somebody outside. */
static pid_t swap(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (chdir(top) < 0 || chdir("w") < 0 || symlink("secret", "x") < 0 || symlink("free", "y") < 0)
		_exit(1);
	while (at_rename(AT_FDCWD, "x", AT_FDCWD, "y", 2 /* RENAME_EXCHANGE */) == 0)
		;
	_exit(0);
}

static void race(void *arg)
{
	const ino_t *secret = arg;
	struct stat st;
	int won = 0, lost = 0;

	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
	for (int i = 0; i < TRIES && !won; i++) {
		long rc = syscall(__NR_newfstatat, AT_FDCWD, "x", &st, 0);

		won += rc == 0 && st.st_ino == *secret;
		lost += rc < 0;
	}
	fl_say("%s, %s\n", won ? "won" : "never", lost ? "and refused" : "nothing was tried");
}

T_CASE(raced)
{
	struct stat st;
	struct fl_run r;
	pid_t pid;

	build(user());
	r = make(race, user());
	fl_need(stat("w/secret", &st) == 0, "secret");
	r.arg = &st.st_ino;
	pid = swap();
	while (access("w/y", F_OK) < 0)
		;
	is_int(fl_run(&r), 0, "ends");
	is_str(fl->out, "never, and refused\n", "it is lost");
	r.lax = true;
	is_int(fl_run(&r), 0, "ends");
	ok(!strncmp(fl->out, "won", 3), "won against one that lets the kernel look again: %s", fl->out);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	tree_gone(top);
}
