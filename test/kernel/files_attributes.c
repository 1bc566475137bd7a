/* files_attributes - mode, owner, times, size and extended attributes in every spelling: governed as native,
 * and FS-12, FS-13 with canary, errno and event. */
#include "test/kernel/files_tree.h"

#include "sys/at.h"

#include <linux/fs.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <utime.h>

/* ---- the same sequence, governed and native ------------------------------------------------------------ */

static const char *const spellings[] = {
	"f",   "f/",  "./f", "d",  "d/",   "e/",   "d/g",          "d/../f", "missing", "no/f",
	"f/x", "lf",  "lf/", "ld", "ld/",  "ld/g", "dangling",     "loop",   "loop/x",  ".",
	"..",  "d/.", "/",   "",   "ro/x", "ro",   "sticky/other", "p",      "ld/../f", "/dev/null",
};
enum { N_SPELLINGS = sizeof spellings / sizeof *spellings };

static void result(const char *what, const char *a, long rc)
{
	int error = rc < 0 ? errno : 0;

	fl_say("%s '%.20s': %s | ", what, tree_text(a), error ? strerror(error) : "0");
	if (tree_say())
		tree_reset();
	fl_say("\n");
}

static const struct timespec past[2] = { { 1000, 5 }, { 2000, 999999999 } },
                             omit[2] = { { 1, UTIME_OMIT }, { 2000, 7 } },
                             none[2] = { { 1, UTIME_OMIT }, { 1, UTIME_OMIT } },
                             bad[2] = { { 1, 2000000000 }, { 1, 1 } };
static const struct timeval past_tv[2] = { { 1000, 5 }, { 2000, 999999 } },
                            bad_tv[2] = { { 1, 1000000 }, { 0, 0 } };

/* What is not the caller's (the root directory, /dev) is asked for by users only. */
static bool is_harmless(const char *p)
{
	return geteuid() != 0 || (uintptr_t)p < 4096 || (p[0] != '/' && strcmp(p, "..") != 0);
}

static void modes(const char *p)
{
#ifdef __NR_chmod
	result("chmod", p, syscall(__NR_chmod, p, 0751));
	result("chown", p, syscall(__NR_chown, p, geteuid(), -1));
	result("chown other", p, syscall(__NR_chown, p, 12345, 54321));
	result("lchown", p, syscall(__NR_lchown, p, -1, getegid()));
#endif
	result("fchmodat", p, syscall(__NR_fchmodat, AT_FDCWD, p, 06711));
	result("fchmodat2", p, syscall(__NR_fchmodat2, AT_FDCWD, p, 02700, 0));
	result("fchmodat2 link", p, syscall(__NR_fchmodat2, AT_FDCWD, p, 0170640, AT_SYMLINK_NOFOLLOW));
	result("fchmodat2 empty", p, syscall(__NR_fchmodat2, AT_FDCWD, p, 0700, AT_EMPTY_PATH));
	result("fchmodat2 bad", p, syscall(__NR_fchmodat2, AT_FDCWD, p, 0700, 1));
	result("fchownat", p, syscall(__NR_fchownat, AT_FDCWD, p, geteuid(), getegid(), 0));
	result("fchownat link", p, syscall(__NR_fchownat, AT_FDCWD, p, 1, -1, AT_SYMLINK_NOFOLLOW));
	result("fchownat nothing", p, syscall(__NR_fchownat, AT_FDCWD, p, -1, -1, 0));
	result("fchownat bad", p, syscall(__NR_fchownat, AT_FDCWD, p, -1, -1, 2));
}

static void times(const char *p)
{
	struct utimbuf buf = { 3000, 4000 };
	int d;

	(void)buf;
	(void)d;
#ifdef __NR_utime
	result("utime", p, syscall(__NR_utime, p, &buf));
	result("utime now", p, syscall(__NR_utime, p, NULL));
	result("utimes", p, syscall(__NR_utimes, p, past_tv));
	result("utimes bad", p, syscall(__NR_utimes, p, bad_tv));
	d = open("d", O_RDONLY | O_DIRECTORY);
	result("futimesat", p, syscall(__NR_futimesat, d, p, past_tv));
	close(d);
#endif
	result("utimensat", p, syscall(__NR_utimensat, AT_FDCWD, p, past, 0));
	result("utimensat link", p, syscall(__NR_utimensat, AT_FDCWD, p, past, AT_SYMLINK_NOFOLLOW));
	result("utimensat empty", p, syscall(__NR_utimensat, AT_FDCWD, p, past, AT_EMPTY_PATH));
	result("utimensat omit", p, syscall(__NR_utimensat, AT_FDCWD, p, omit, 0));
	result("utimensat none", p, syscall(__NR_utimensat, AT_FDCWD, p, none, 0));
	result("utimensat none 1", p, syscall(__NR_utimensat, AT_FDCWD, p, none, 1));
	result("utimensat bad", p, syscall(__NR_utimensat, AT_FDCWD, p, bad, 0));
	result("utimensat now", p, syscall(__NR_utimensat, AT_FDCWD, p, NULL, 0));
	result("utimensat fault", p, syscall(__NR_utimensat, AT_FDCWD, p, 16, 0));
}

static void sizes(const char *p)
{
	result("truncate 0", p, syscall(__NR_truncate, p, 0L));
	result("truncate 5", p, syscall(__NR_truncate, p, 5L));
	result("truncate 5000", p, syscall(__NR_truncate, p, 5000L));
	result("truncate -1", p, syscall(__NR_truncate, p, -1L));
	result("truncate huge", p, syscall(__NR_truncate, p, 0x7fffffffffffffffL));
}

static void xattrs(const char *p)
{
	static char big[70000];
	struct at_xattr_args args = { (uintptr_t) "at", 2, 0 };
	char whole[64] = { 0 };

	memcpy(whole, &args, sizeof args);
	result("setxattr", p, syscall(__NR_setxattr, p, "user.x", "value", 5, 0));
	result("setxattr create", p, syscall(__NR_setxattr, p, "user.x", "value", 5, 1));
	result("setxattr replace", p, syscall(__NR_setxattr, p, "user.x", "value", 5, 2));
	result("setxattr bad", p, syscall(__NR_setxattr, p, "user.x", "value", 5, 4));
	result("setxattr empty", p, syscall(__NR_setxattr, p, "user.x", NULL, 0, 0));
	result("setxattr fault", p, syscall(__NR_setxattr, p, "user.x", 16, 5, 0));
	result("setxattr big", p, syscall(__NR_setxattr, p, "user.x", big, 65537, 0));
	result("setxattr no name", p, syscall(__NR_setxattr, p, "", "v", 1, 0));
	result("setxattr long name", p, syscall(__NR_setxattr, p, tree_long_name(), "v", 1, 0));
	result("setxattr trusted", p, syscall(__NR_setxattr, p, "trusted.y", "v", 1, 0));
	result("setxattr other", p, syscall(__NR_setxattr, p, "nothing", "v", 1, 0));
	result("lsetxattr", p, syscall(__NR_lsetxattr, p, "user.x", "l", 1, 0));
	result("removexattr", p, syscall(__NR_removexattr, p, "user.x"));
	result("lremovexattr", p, syscall(__NR_lremovexattr, p, "user.x"));
	result("setxattrat", p, syscall(__NR_setxattrat, AT_FDCWD, p, 0, "user.x", &args, sizeof args));
	result("setxattrat link", p,
	       syscall(__NR_setxattrat, AT_FDCWD, p, AT_SYMLINK_NOFOLLOW, "user.x", &args, sizeof args));
	result("setxattrat more", p, syscall(__NR_setxattrat, AT_FDCWD, p, 0, "user.x", whole, sizeof whole));
	whole[40] = 1;
	result("setxattrat newer", p,
	       syscall(__NR_setxattrat, AT_FDCWD, p, 0, "user.x", whole, sizeof whole));
	result("setxattrat small", p, syscall(__NR_setxattrat, AT_FDCWD, p, 0, "user.x", &args, 8));
	result("setxattrat empty", p,
	       syscall(__NR_setxattrat, AT_FDCWD, p, AT_EMPTY_PATH, "user.x", &args, sizeof args));
	result("setxattrat bad", p, syscall(__NR_setxattrat, AT_FDCWD, p, 1, "user.x", &args, sizeof args));
	result("removexattrat", p, syscall(__NR_removexattrat, AT_FDCWD, p, 0, "user.x"));
	result("removexattrat 1", p, syscall(__NR_removexattrat, AT_FDCWD, p, 1, "user.x"));
}

static void file_attrs(const char *p)
{
	struct {
		uint64_t xflags;
		uint32_t extsize, nextents, projid, cowextsize;
	} attr = { 0x40 /* FS_XFLAG_NOATIME */, 0, 0, 0, 0 };
	char whole[64] = { 0 };

	memcpy(whole, &attr, sizeof attr);
	result("file_setattr", p, syscall(__NR_file_setattr, AT_FDCWD, p, &attr, sizeof attr, 0));
	result("file_setattr link", p,
	       syscall(__NR_file_setattr, AT_FDCWD, p, &attr, sizeof attr, AT_SYMLINK_NOFOLLOW));
	result("file_setattr more", p, syscall(__NR_file_setattr, AT_FDCWD, p, whole, sizeof whole, 0));
	whole[50] = 1;
	result("file_setattr newer", p, syscall(__NR_file_setattr, AT_FDCWD, p, whole, sizeof whole, 0));
	result("file_setattr small", p, syscall(__NR_file_setattr, AT_FDCWD, p, &attr, 8, 0));
	result("file_setattr large", p, syscall(__NR_file_setattr, AT_FDCWD, p, &attr, 5000, 0));
	result("file_setattr bad", p, syscall(__NR_file_setattr, AT_FDCWD, p, &attr, sizeof attr, 1));
}

static void by_path(const char *p)
{
	if (!is_harmless(p))
		return;
	modes(p);
	times(p);
	sizes(p);
	xattrs(p);
	file_attrs(p);
}

static void all_paths(void *arg)
{
	tree_enter(arg);
	for (size_t i = 0; i < N_SPELLINGS; i++)
		by_path(spellings[i]);
	by_path(tree_long_name());
	by_path(tree_long_path());
	by_path(NULL);
	by_path((const char *)16);
}

static void by_fd(const char *what, int fd)
{
	struct at_xattr_args args = { (uintptr_t) "at", 2, 0 };

	result("fchmod", what, syscall(__NR_fchmod, fd, 0751));
	result("fchown", what, syscall(__NR_fchown, fd, -1, getegid()));
	result("fchown other", what, geteuid() ? syscall(__NR_fchown, fd, 1, 1) : 0);
	/* With AT_FDCWD these two have been the other way round since 6.13; not worth following. */
	if (fd != AT_FDCWD) {
		result("fsetxattr", what, syscall(__NR_fsetxattr, fd, "user.x", "v", 1, 0));
		result("removexattrat fd", what,
		       syscall(__NR_removexattrat, fd, "", AT_EMPTY_PATH, "user.x"));
	}
	result("fremovexattr", what, syscall(__NR_fremovexattr, fd, "user.x"));
	result("futimens", what, syscall(__NR_utimensat, fd, NULL, past, 0));
	result("futimens flags", what, syscall(__NR_utimensat, fd, NULL, past, AT_SYMLINK_NOFOLLOW));
#ifdef __NR_futimesat
	result("futimesat", what, syscall(__NR_futimesat, fd, NULL, past_tv));
#endif
	result("utimensat fd", what, syscall(__NR_utimensat, fd, "", past, AT_EMPTY_PATH));
	result("fchmodat2 fd", what, syscall(__NR_fchmodat2, fd, "", 0711, AT_EMPTY_PATH));
	result("fchownat fd", what, syscall(__NR_fchownat, fd, "", -1, -1, AT_EMPTY_PATH));
	result("setxattrat fd", what,
	       syscall(__NR_setxattrat, fd, "", AT_EMPTY_PATH, "user.x", &args, sizeof args));
	result("setxattrat null", what,
	       syscall(__NR_setxattrat, fd, NULL, AT_EMPTY_PATH, "user.x", &args, sizeof args));
	result("fchmodat in", what, syscall(__NR_fchmodat, fd, "g", 0711));
	result("utimensat in", what, syscall(__NR_utimensat, fd, "g", past, 0));
}

struct opened {
	const char *what, *path;
	int flags;
};

static int open_special(const char *what)
{
	int p[2], fd;

	if (!strcmp(what, "pipe"))
		return pipe(p) == 0 ? p[0] : -1;
	if (!strcmp(what, "memfd"))
		return (int)syscall(__NR_memfd_create, "lab", 0);
	if (!strcmp(what, "socket"))
		return socket(AF_UNIX, SOCK_STREAM, 0);
	fd = open("gone", O_RDWR | O_CREAT, 0600);
	unlink("gone");
	return fd;
}

static void all_descriptors(void *arg)
{
	static const struct opened list[] = {
		{ "f", "f", O_RDONLY },
		{ "f rw", "f", O_RDWR },
		{ "d", "d", O_RDONLY | O_DIRECTORY },
		{ "f path", "f", O_PATH },
		{ "d path", "d", O_PATH },
		{ "lf path", "lf", O_PATH | O_NOFOLLOW },
		{ "other", "sticky/other", 0 },
		{ "root's", "ro/x", O_RDONLY },
	};
	static const char *const special[] = { "pipe", "memfd", "socket", "deleted" };

	tree_enter(arg);
	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		tree_reset();
		int fd = open(list[i].path, list[i].flags);

		by_fd(list[i].what, fd);
		close(fd);
	}
	for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
		int fd = open_special(special[i]);

		by_fd(special[i], fd);
		close(fd);
	}
	by_fd("none", -1);
	by_fd("cwd", AT_FDCWD);
	by_fd("closed", 77);
}

static volatile sig_atomic_t exceeded;

static void on_exceeded(int signo)
{
	exceeded = signo;
}

static void all_limits(void *arg)
{
	struct rlimit limit = { 100, 100 };

	tree_enter(arg);
	signal(SIGXFSZ, on_exceeded);
	setrlimit(RLIMIT_FSIZE, &limit);
	result("truncate within", "f", syscall(__NR_truncate, "f", 100L));
	fl_say("signal %d\n", (int)exceeded);
	result("truncate beyond", "f", syscall(__NR_truncate, "f", 101L));
	fl_say("signal %d\n", (int)exceeded);
}

T_CASE(paths_governed_as_native)
{
	tree_compare("paths", all_paths);
}

T_CASE(descriptors_governed_as_native)
{
	tree_compare("descriptors", all_descriptors);
}

T_CASE(limits_governed_as_native)
{
	tree_compare("limits", all_limits);
}
