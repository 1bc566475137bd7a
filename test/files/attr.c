/* attr - what changes or tells what is said about an object: mode, owner, times, xattrs, size. */
#include "test/files/fsops.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/xattr.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

#ifdef SYS_chmod
enum { HAS_OLD = 1 };
#else
enum { HAS_OLD = 0 };
#endif

static void do_stat(struct op *o)
{
	struct spelling s;
	struct stat st;
	int flags = chance(o, 50) ? AT_SYMLINK_NOFOLLOW : chance(o, 5) ? AT_EMPTY_PATH : 0;

	o->dir = chance(o, 30);
	say(o, "stat %x", (unsigned)flags);
	spell(o, &s, true);
	if (got(o, syscall(SYS_newfstatat, s.dirfd, s.path, &st, flags)) == 0)
		say(o, " %o n=%d size=%lld", st.st_mode, S_ISDIR(st.st_mode) ? 0 : (int)st.st_nlink,
		    S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size);
}

static void do_access(struct op *o)
{
	struct spelling s;
	int mode = (int)pick(o, 8);

	say(o, "access %d", mode);
	spell(o, &s, true);
	got(o, syscall(SYS_faccessat, s.dirfd, s.path, mode));
}

static void do_readlink(struct op *o)
{
	struct spelling s;
	char text[4400];

	say(o, "readlink");
	spell(o, &s, true);
	long n = syscall(SYS_readlinkat, s.dirfd, s.path, text, sizeof text);
	got(o, n < 0 ? -1 : 0);
	if (n > 0 && text[0] == '/')
		say_place(o, text, (size_t)n);
}

static void do_chmod(struct op *o)
{
	static const mode_t modes[] = { 0644, 0755, 0600, 0777, 0444, 04755, 02755, 01777, 0, 0311 };
	mode_t mode = modes[pick(o, chance(o, 85) ? 4 : 10)];
	uint32_t how = pick(o, 4);
	struct spelling s;

	o->dir = chance(o, 30);
	say(o, "chmod%u %o", how, mode);
	if (how == 0) {
		int fd = world.slot[any_slot(o)];

		say(o, " %d", fd);
		got(o, fchmod(fd, mode));
		return;
	}
	spell(o, &s, how > 1 || !HAS_OLD);
#ifdef SYS_chmod
	if (how == 1) {
		got(o, syscall(SYS_chmod, s.path, mode));
		return;
	}
#endif
	if (how < 3)
		got(o, syscall(SYS_fchmodat, s.dirfd, s.path, mode));
	else
		got(o, syscall(452 /* fchmodat2 */, s.dirfd, s.path, mode,
		               chance(o, 30)   ? AT_SYMLINK_NOFOLLOW
		               : chance(o, 10) ? AT_EMPTY_PATH
		                               : 0));
}

/* To oneself; to others only where that is refused: whom root may give to is not this test's question. */
static void do_chown(struct op *o)
{
	uid_t uid = chance(o, 50) ? getuid() : geteuid() != 0 && chance(o, 20) ? 0 : (uid_t)-1;
	gid_t gid = chance(o, 50) ? getgid() : (gid_t)-1;
	int flags = chance(o, 40) ? AT_SYMLINK_NOFOLLOW : chance(o, 4) ? 0x8000 : 0;
	struct spelling s;

	say(o, "chown %s %d %x",
	    uid == (uid_t)-1  ? "-"
	    : uid == getuid() ? "own"
	                      : "root",
	    gid != (gid_t)-1, (unsigned)flags);
	if (chance(o, 20)) {
		int fd = world.slot[any_slot(o)];

		say(o, " %d", fd);
		got(o, fchown(fd, uid, gid));
		return;
	}
	spell(o, &s, true);
	got(o, syscall(SYS_fchownat, s.dirfd, s.path, uid, gid, flags));
}

static struct timespec some_time(struct op *o)
{
	static const long odd[] = { UTIME_NOW, UTIME_OMIT, 1000000000, -1 };
	struct timespec t = { (time_t)pick(o, 20000) * 86400, (long)pick(o, 1000) * 1000000 };

	if (chance(o, 25))
		t.tv_nsec = odd[pick(o, chance(o, 90) ? 2 : 4)];
	return t;
}

static void told_times(struct op *o, int dirfd, const char *path, int flags)
{
	struct stat st;

	if (fstatat(dirfd, path, &st, flags) == 0 && st.st_mtim.tv_sec < 1728000001)
		say(o, " m=%lld.%ld", (long long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
}

static void do_times(struct op *o)
{
	struct timespec t[2] = { some_time(o), some_time(o) };
	bool null = chance(o, 10);
	int flags = chance(o, 40) ? AT_SYMLINK_NOFOLLOW : 0;
	struct spelling s;

	say(o, "utimens %d %lld.%ld %lld.%ld %x", null, (long long)t[0].tv_sec, t[0].tv_nsec,
	    (long long)t[1].tv_sec, t[1].tv_nsec, (unsigned)flags);
	if (chance(o, 20)) {
		int fd = world.slot[any_slot(o)];

		say(o, " %d", fd);
		got(o, futimens(fd, null ? NULL : t));
		return;
	}
#ifdef SYS_utime
	if (chance(o, 30)) {
		struct utimbuf old = { t[0].tv_sec, t[1].tv_sec };
		struct timeval tv[2] = { { t[0].tv_sec, 5 }, { t[1].tv_sec, 1000001 * (long)chance(o, 5) } };

		uint32_t how = pick(o, 3);
		say(o, " old%u", how);
		spell(o, &s, how == 2);
		got(o, how == 0   ? syscall(SYS_utime, s.path, null ? NULL : &old)
		       : how == 1 ? syscall(SYS_utimes, s.path, null ? NULL : tv)
		                  : syscall(SYS_futimesat, s.dirfd, s.path, null ? NULL : tv));
		told_times(o, s.dirfd, s.path, 0);
		return;
	}
#endif
	spell(o, &s, true);
	got(o, syscall(SYS_utimensat, s.dirfd, s.path, null ? NULL : t, flags));
	told_times(o, s.dirfd, s.path, flags);
}

static void do_xattr(struct op *o)
{
	static const char *const names[] = { "user.a", "user.b", "user.long.name", "user.", "what.a", "" };
	const char *name = names[pick(o, chance(o, 90) ? 3 : 6)];
	uint32_t how = pick(o, 9), n = pick(o, 40);
	struct spelling s;
	char value[64];
	int fd = world.slot[any_slot(o)], flags = (int)pick(o, chance(o, 30) ? 4 : 1);
	long rc;

	memset(value, 'v', sizeof value);
	say(o, "xattr%u '%s' %u %d", how, name, n, flags);
	if (how % 3 == 2)
		say(o, " %d", fd);
	else
		spell(o, &s, false);
	switch (how) {
	case 0:
		rc = setxattr(s.path, name, value, n, flags);
		break;
	case 1:
		rc = lsetxattr(s.path, name, value, n, flags);
		break;
	case 2:
		rc = fsetxattr(fd, name, value, n, flags);
		break;
	case 3:
		rc = getxattr(s.path, name, value, n);
		break;
	case 4:
		rc = lgetxattr(s.path, name, value, n);
		break;
	case 5:
		rc = fgetxattr(fd, name, value, n);
		break;
	case 6:
		rc = removexattr(s.path, name);
		break;
	case 7:
		rc = lremovexattr(s.path, name);
		break;
	default:
		rc = fremovexattr(fd, name);
	}
	got(o, rc);
}

static void do_truncate(struct op *o)
{
	struct spelling s;
	off_t size = chance(o, 3) ? -1 : (off_t)pick(o, chance(o, 60) ? 5000 : 200000);
	struct rlimit old, low;
	bool limited = chance(o, 8) && !world.no_limits;

	say(o, "truncate %lld %d", (long long)size, limited);
	spell(o, &s, false);
	/* The limit is the caller's, whoever does the work. */
	getrlimit(RLIMIT_FSIZE, &old);
	low = (struct rlimit){ 3000, old.rlim_max };
	if (limited)
		setrlimit(RLIMIT_FSIZE, &low);
	long rc = syscall(SYS_truncate, s.path, size);
	int failure = errno;
	setrlimit(RLIMIT_FSIZE, &old);
	errno = failure;
	got(o, rc);
	/* A supervisor may have it open for a moment, and a watcher be told. So it is in any case. */
	int fd = rc == 0 || failure == EFBIG ? open(s.path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;
	if (fd >= 0)
		close(fd);
}

const struct deed deeds_attr[] = {
	{ do_stat, 40, false },  { do_access, 15, false },   { do_readlink, 20, false },
	{ do_chmod, 30, false }, { do_chown, 10, false },    { do_times, 25, false },
	{ do_xattr, 40, false }, { do_truncate, 25, false }, { NULL, 0, false },
};
