/* floor_ways - every way to one file that Landlock closes: in the domain each is refused, as a user and as
 * root, without it each goes, and each goes in the directory beside it that is allowed.
 */
#include "test/kernel/floor.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>

static int error_of(long rc)
{
	return rc < 0 ? errno : 0;
}

/* Each gets the protected directory, and one of the session's own beside it. */
struct way {
	const char *name;
	int (*go)(const char *closed, const char *own);
};

static int w_read(const char *closed, const char *own)
{
	char path[PATH_MAX];

	(void)own;
	snprintf(path, sizeof path, "%s/../%s/./file", closed, strrchr(closed, '/') + 1);
	return reads(path);
}

static int at_dir(const char *closed, int flags)
{
	int fd = open(closed, O_PATH | O_DIRECTORY | O_CLOEXEC), error;

	error = by_fd(openat(fd, "file", flags | O_CLOEXEC));
	close(fd);
	return error;
}

static int w_openat(const char *closed, const char *own)
{
	(void)own;
	return at_dir(closed, O_RDONLY);
}

static int w_openat2(const char *closed, const char *own)
{
	const uint64_t how[3] = { O_RDONLY | O_CLOEXEC, 0, 0 };
	char path[PATH_MAX];

	(void)own;
	snprintf(path, sizeof path, "%s/file", closed);
	return by_fd((int)syscall(437, AT_FDCWD, path, how, sizeof how));
}

static int w_reopen(const char *closed, const char *own)
{
	char path[PATH_MAX], again[64];
	int fd, error;

	(void)own;
	snprintf(path, sizeof path, "%s/file", closed);
	fd = open(path, O_PATH | O_CLOEXEC);
	snprintf(again, sizeof again, "/proc/self/fd/%d", fd);
	error = reads(again);
	close(fd);
	return error;
}

static int w_proc_root(const char *closed, const char *own)
{
	char path[PATH_MAX];

	(void)own;
	snprintf(path, sizeof path, "/proc/self/root%s/file", closed);
	return reads(path);
}

static int w_symlink(const char *closed, const char *own)
{
	char link[PATH_MAX], path[PATH_MAX];
	int error;

	snprintf(link, sizeof link, "%s/link", own);
	snprintf(path, sizeof path, "%s/link/file", own);
	if (symlink(closed, link) < 0)
		return 99;
	error = reads(path);
	unlink(link);
	return error;
}

static int w_hard_link(const char *closed, const char *own)
{
	char path[PATH_MAX], to[PATH_MAX];
	int error;

	snprintf(path, sizeof path, "%s/file", closed);
	snprintf(to, sizeof to, "%s/hard", own);
	error = error_of(link(path, to));
	unlink(to);
	return error;
}

static int w_rename_out(const char *closed, const char *own)
{
	char path[PATH_MAX], to[PATH_MAX];
	int error;

	snprintf(path, sizeof path, "%s/file", closed);
	snprintf(to, sizeof to, "%s/moved", own);
	error = error_of(rename(path, to));
	rename(to, path);
	return error;
}

static int w_rename_dir(const char *closed, const char *own)
{
	char to[PATH_MAX];
	int error;

	snprintf(to, sizeof to, "%s/moved", own);
	error = error_of(rename(closed, to));
	rename(to, closed);
	return error;
}

static int w_exchange(const char *closed, const char *own)
{
	char path[PATH_MAX], to[PATH_MAX];
	long rc;
	int error;

	snprintf(path, sizeof path, "%s/file", closed);
	snprintf(to, sizeof to, "%s/file", own);
	rc = syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, to, 2u);
	error = error_of(rc);
	if (rc == 0)
		syscall(SYS_renameat2, AT_FDCWD, path, AT_FDCWD, to, 2u);
	return error;
}

static int w_truncate(const char *closed, const char *own)
{
	char path[PATH_MAX];

	(void)own;
	snprintf(path, sizeof path, "%s/file", closed);
	return error_of(truncate(path, 1));
}

static int w_read_truncate(const char *closed, const char *own)
{
	(void)own;
	return at_dir(closed, O_RDONLY | O_TRUNC);
}

static int w_append(const char *closed, const char *own)
{
	(void)own;
	return at_dir(closed, O_WRONLY | O_APPEND);
}

static int w_creat(const char *closed, const char *own)
{
	char path[PATH_MAX];
	int error;

	(void)own;
	snprintf(path, sizeof path, "%s/new", closed);
	error = by_fd(creat(path, 0600));
	unlink(path);
	return error;
}

static int w_tmpfile(const char *closed, const char *own)
{
	(void)own;
	return by_fd(open(closed, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600));
}

static int w_mkfifo(const char *closed, const char *own)
{
	char path[PATH_MAX];
	int error;

	(void)own;
	snprintf(path, sizeof path, "%s/fifo", closed);
	error = error_of(mkfifo(path, 0600));
	unlink(path);
	return error;
}

static int w_mkdir(const char *closed, const char *own)
{
	char path[PATH_MAX];
	int error;

	(void)own;
	snprintf(path, sizeof path, "%s/newdir", closed);
	error = error_of(mkdir(path, 0700));
	rmdir(path);
	return error;
}

static int w_make_link(const char *closed, const char *own)
{
	char path[PATH_MAX];
	int error;

	snprintf(path, sizeof path, "%s/newlink", closed);
	error = error_of(symlink(own, path));
	unlink(path);
	return error;
}

static int w_bind(const char *closed, const char *own)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), error;

	(void)own;
	snprintf(to.sun_path, sizeof to.sun_path, "%.80s/sock", closed);
	error = error_of(bind(fd, (struct sockaddr *)&to, sizeof to));
	unlink(to.sun_path);
	close(fd);
	return error;
}

static const struct way ways[] = {
	{ "read", w_read },
	{ "openat", w_openat },
	{ "openat2", w_openat2 },
	{ "reopen of a path descriptor", w_reopen },
	{ "/proc/self/root", w_proc_root },
	{ "through a symbolic link", w_symlink },
	{ "hard link", w_hard_link },
	{ "rename out", w_rename_out },
	{ "rename of the directory", w_rename_dir },
	{ "exchange", w_exchange },
	{ "truncate", w_truncate },
	{ "O_RDONLY|O_TRUNC", w_read_truncate },
	{ "append", w_append },
	{ "creat", w_creat },
	{ "O_TMPFILE", w_tmpfile },
	{ "mkfifo", w_mkfifo },
	{ "mkdir", w_mkdir },
	{ "symlink", w_make_link },
	{ "bind", w_bind },
};

static const struct way *way;

static int goes(const char *dirs)
{
	char closed[PATH_MAX], own[PATH_MAX];

	snprintf(closed, sizeof closed, "%s/closed", dirs);
	snprintf(own, sizeof own, "%s/own", dirs);
	return way->go(closed, own);
}

static int goes_home(const char *dirs)
{
	char own[PATH_MAX], other[PATH_MAX];

	snprintf(own, sizeof own, "%s/own", dirs);
	snprintf(other, sizeof other, "%s/own/other", dirs);
	return way->go(own, other);
}

T_CASE(every_way)
{
	struct ground g;

	if (!arrive())
		return;
	dir("ways", 0777);
	dir("ways/closed", 0777);
	dir("ways/own", 0777);
	dir("ways/own/other", 0777);
	file("ways/closed/file", 0666);
	file("ways/own/file", 0666);
	file("ways/own/other/file", 0666);
	if (!ground(&g, USER, NULL,
	            "  - {name: p, paths: ['/proc/self/**'], operations: [read], decision: allow}\n"
	            "  - {name: a, paths: ['%s/ways/own/**'], " ALL_OF))
		return;
	is_int(g.floor.inexact & ~(uint32_t)FLOOR_READ, 0, "exact, but for reading below /proc");
	for (way = ways; way < ways + sizeof ways / sizeof *ways; way++) {
		int error = under(g.floor.ruleset, USER, goes, at("ways"));

		ok(error == EACCES || error == EXDEV, "%s: refused (%s)", way->name, strerror(error));
		is_int(under(-1, USER, goes, at("ways")), 0, "%s: not without the domain", way->name);
		is_int(under(g.floor.ruleset, 0, goes, at("ways")), error, "%s: as root", way->name);
		if (way->go != w_rename_dir)
			is_int(under(g.floor.ruleset, USER, goes_home, at("ways")), 0,
			       "%s: in a tree that is allowed", way->name);
	}
	release(&g);
}
