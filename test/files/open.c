/* open - every way to open, with every mixture of flags. */
#include "test/files/fsops.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

static mode_t some_mode(struct op *o)
{
	static const mode_t modes[] = { 0644, 0600, 0755, 0666, 0777, 0444, 0640, 0, 04755, 01777 };

	return modes[pick(o, chance(o, 70) ? 5 : 10)];
}

static int some_flags(struct op *o)
{
	static const int extra[] = { O_CREAT,    O_CREAT,    O_CREAT, O_EXCL,      O_TRUNC,  O_APPEND,
		                     O_NOFOLLOW, O_NONBLOCK, O_SYNC,  O_DIRECTORY, O_NOCTTY, O_NOATIME };
	static const int access_modes[] = { O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR, O_RDWR };
	int flags = chance(o, 2) ? 3 : access_modes[pick(o, 5)];

	for (uint32_t i = pick(o, 4); i > 0; i--)
		flags |= extra[pick(o, 12)];
	if (chance(o, 25))
		flags |= O_CLOEXEC;
	if (chance(o, 4))
		flags |= O_PATH;
	if (chance(o, 8))
		flags = (flags & ~(O_CREAT | O_DIRECTORY)) | O_TMPFILE | (chance(o, 80) ? O_RDWR : 0);
	if (chance(o, 15))
		flags = O_RDONLY | O_DIRECTORY;
	return flags;
}

/* A FIFO would wait for its other end. */
static int without_waiting(const struct spelling *s, int flags)
{
	struct stat st;

	if (fstatat(s->dirfd, s->path, &st, 0) == 0 && S_ISFIFO(st.st_mode))
		return flags | O_NONBLOCK;
	return flags;
}

static void opened(struct op *o, long fd)
{
	if (got(o, fd) >= 0) {
		struct stat st;

		fstat((int)fd, &st);
		/* O_NOFOLLOW may be there: who opens what was found by name does so with it. */
		say(o, " fl=%o fd=%d mode=%o size=%lld",
		    (unsigned)fcntl((int)fd, F_GETFL) & ~(unsigned)O_NOFOLLOW, fcntl((int)fd, F_GETFD),
		    st.st_mode, S_ISDIR(st.st_mode) ? 0LL : (long long)st.st_size);
	}
	put_slot(o, fd);
}

static void do_openat(struct op *o)
{
	struct spelling s;
	int flags = some_flags(o);
	mode_t mode = some_mode(o);

	o->dir = flags & (O_DIRECTORY | O_TMPFILE);
	say(o, "openat %o %o", (unsigned)flags, mode);
	spell(o, &s, true);
	flags = without_waiting(&s, flags);
	opened(o, syscall(SYS_openat, s.dirfd, s.path, flags, mode));
}

static void do_open(struct op *o)
{
#ifdef SYS_open
	struct spelling s;
	int flags = some_flags(o);
	mode_t mode = some_mode(o);

	say(o, "open %o %o", (unsigned)flags, mode);
	spell(o, &s, false);
	flags = without_waiting(&s, flags);
	opened(o, syscall(SYS_open, s.path, flags, mode));
#else
	do_openat(o);
#endif
}

static void do_creat(struct op *o)
{
#ifdef SYS_creat
	struct spelling s;
	mode_t mode = some_mode(o);

	say(o, "creat %o", mode);
	spell(o, &s, false);
	if (without_waiting(&s, 0)) {
		say(o, " (fifo)");
		return;
	}
	opened(o, syscall(SYS_creat, s.path, mode));
#else
	do_openat(o);
#endif
}

static void do_openat2(struct op *o)
{
	static const uint64_t ways[] = { RESOLVE_NO_XDEV, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_SYMLINKS,
		                         RESOLVE_BENEATH, RESOLVE_IN_ROOT,       1 << 20 };
	struct {
		struct open_how how;
		uint64_t more;
	} arg = { .how = { 0 } };
	struct spelling s;
	size_t size = chance(o, 92) ? sizeof arg.how : chance(o, 50) ? sizeof arg : 8 + pick(o, 16);

	/* Not O_PATH: such a descriptor cannot be given, and what waits in memory cannot be let go on. */
	arg.how.flags = (uint64_t)(some_flags(o) & ~O_PATH);
	if (arg.how.flags & (uint64_t)(O_CREAT | (O_TMPFILE & ~O_DIRECTORY)) || chance(o, 5))
		arg.how.mode = some_mode(o);
	if (chance(o, 50))
		arg.how.resolve = ways[pick(o, chance(o, 96) ? 5 : 6)];
	arg.more = chance(o, 2);
	if (chance(o, 2))
		arg.how.flags |= 1ULL << 40;
	say(o, "openat2 %llo %llo r=%llx size=%zu+%d", (unsigned long long)arg.how.flags,
	    (unsigned long long)arg.how.mode, (unsigned long long)arg.how.resolve, size, (int)arg.more);
	spell(o, &s, true);
	arg.how.flags |= (uint64_t)without_waiting(&s, 0);
	opened(o, syscall(SYS_openat2, s.dirfd, s.path, &arg, size));
}

/* A file without a name that gets one later, by either way there is. */
static void do_tmpfile(struct op *o)
{
	struct spelling s, to;
	char proc[40];
	mode_t mode = some_mode(o);
	int flags = O_TMPFILE | (chance(o, 70) ? O_RDWR : O_WRONLY) | (chance(o, 15) ? O_EXCL : 0);
	long fd;

	o->dir = chance(o, 90);
	say(o, "tmpfile %o %o", (unsigned)flags, mode);
	spell(o, &s, true);
	fd = got(o, syscall(SYS_openat, s.dirfd, s.path, flags, mode));
	if (fd < 0)
		return;
	say(o, " write=%zd", write((int)fd, "without a name\n", 15));
	o->dir = false;
	o->moves = true;
	spell(o, &to, true);
	snprintf(proc, sizeof proc, "/proc/self/fd/%ld", fd);
	if (chance(o, 70))
		got(o, linkat(AT_FDCWD, proc, to.dirfd, to.path, AT_SYMLINK_FOLLOW));
	else
		got(o, linkat((int)fd, "", to.dirfd, to.path, AT_EMPTY_PATH));
	put_slot(o, fd);
}

/* With no number left the call fails, and nothing is made. Which of several errors comes first is nobody's
 * business. */
static void do_open_full(struct op *o)
{
	struct rlimit old, none;
	struct spelling s;
	char events[4096];
	struct stat st;
	int flags = O_RDONLY | (chance(o, 50) ? O_CREAT : 0);

	say(o, "openat-full %o", (unsigned)flags);
	spell(o, &s, true);
	if (world.no_limits)
		return;
	getrlimit(RLIMIT_NOFILE, &old);
	none = (struct rlimit){ 3, old.rlim_max };
	setrlimit(RLIMIT_NOFILE, &none);
	long fd = syscall(SYS_openat, s.dirfd, s.path, without_waiting(&s, flags), 0600);
	setrlimit(RLIMIT_NOFILE, &old);
	say(o, fd < 0 ? " none" : " opened");
	got(o, fstatat(s.dirfd, s.path, &st, AT_SYMLINK_NOFOLLOW));
	put_slot(o, fd);
	/* What is made and taken back at once, for want of a number, watchers may see. */
	while (read(world.watch, events, sizeof events) > 0)
		;
}

static void do_close(struct op *o)
{
	int i = any_slot(o);

	say(o, "close %d", world.slot[i]);
	got(o, close(world.slot[i]));
	world.slot[i] = -1;
}

static void do_dup(struct op *o)
{
	int fd = world.slot[any_slot(o)], how = (int)pick(o, 3);

	say(o, "dup %d %d", how, fd);
	put_slot(o, got(o, how == 0 ? dup(fd) : fcntl(fd, how == 1 ? F_DUPFD : F_DUPFD_CLOEXEC, 5)));
}

const struct deed deeds_open[] = {
	{ do_openat, 110, true }, { do_open, 60, true },     { do_creat, 20, true },
	{ do_openat2, 40, true }, { do_tmpfile, 25, true },  { do_close, 25, true },
	{ do_dup, 12, true },     { do_open_full, 3, true }, { NULL, 0, false },
};
