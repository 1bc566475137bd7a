#include "journal/meta.h"

#include "base/fd.h"
#include "journal/line.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { NAMES_MAX = 65536, VALUE_MAX = 65536 }; /* what Linux allows: include/uapi/linux/limits.h */

/* An owner that could not be kept takes the bits with him that would act in his name. */
static mode_t safe_mode(const struct stat *st, int chowned)
{
	return st->st_mode & (chowned == 0 ? 07777u : 01777u);
}

const struct journal_xattr *meta_xattrs(struct arena *a, int dirfd, const char *name)
{
	AUTO_FD own = name[0] ? openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	struct journal_xattr *first = NULL;
	char path[40], *names;
	ssize_t n;

	snprintf(path, sizeof path, "/proc/self/fd/%d", name[0] ? own : dirfd);
	n = listxattr(path, NULL, 0);
	names = n > 0 ? arena_alloc(a, NAMES_MAX) : NULL;
	n = names ? listxattr(path, names, NAMES_MAX) : -1;
	for (char *at = names; n > 0 && at < names + n; at += strlen(at) + 1) {
		ssize_t len = getxattr(path, at, NULL, 0);
		struct journal_xattr *x = len >= 0 ? arena_alloc(a, sizeof *x) : NULL;
		char *value = x ? arena_alloc(a, (size_t)len + 1) : NULL;

		if (!value || (len = getxattr(path, at, value, (size_t)len)) < 0)
			continue;
		*x = (struct journal_xattr){ at, value, (size_t)len, first };
		first = x;
	}
	return first;
}

void meta_copy(int from, int fd, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	struct arena a = { 0 };
	int chowned = fchown(fd, st->st_uid, st->st_gid);

	for (const struct journal_xattr *x = meta_xattrs(&a, from, ""); x; x = x->next)
		if (chowned == 0 || strncmp(x->name, "user.", 5) == 0)
			(void)!fsetxattr(fd, x->name, x->value, x->len, 0);
	(void)!fchmod(fd, safe_mode(st, chowned));
	(void)!futimens(fd, times);
	arena_release(&a);
}

void meta_copy_at(int dirfd, const char *name, const struct stat *st)
{
	const struct timespec times[2] = { st->st_atim, st->st_mtim };
	int chowned = fchownat(dirfd, name, st->st_uid, st->st_gid, AT_SYMLINK_NOFOLLOW);

	if (!S_ISLNK(st->st_mode))
		(void)!fchmodat(dirfd, name, safe_mode(st, chowned), 0);
	(void)!utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW);
}

static bool has_xattr(const struct journal_xattr *x, const char *name)
{
	while (x && strcmp(x->name, name) != 0)
		x = x->next;
	return x;
}

static void give_xattrs(const char *path, const struct journal_xattr *now, const struct journal_xattr *then)
{
	for (const struct journal_xattr *x = now; x; x = x->next)
		if (!has_xattr(then, x->name))
			(void)!removexattr(path, x->name);
	for (const struct journal_xattr *x = then; x; x = x->next)
		if (strcmp(x->name, META_FLAGS) != 0)
			(void)!setxattr(path, x->name, x->value, x->len, 0);
}

/* ---- flags -----------------------------------------------------------------------------------------------
 */

/* What can be opened without waiting, and has any. */
static int open_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return -1;
	return open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

const struct journal_xattr *meta_flags(struct arena *a, int dirfd, const char *name,
                                       const struct journal_xattr *others)
{
	AUTO_FD own = name[0] ? openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC) : -1;
	AUTO_FD fd = -1;
	struct journal_xattr *x;
	char path[40];
	unsigned flags;

	snprintf(path, sizeof path, "/proc/self/fd/%d", name[0] ? own : dirfd);
	fd = open_file(path);
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &flags) < 0)
		return others;
	x = arena_alloc(a, sizeof *x);
	if (!x)
		return others;
	*x = (struct journal_xattr){ META_FLAGS, arena_copy(a, (const char *)&flags, sizeof flags),
		                     sizeof flags, (struct journal_xattr *)others };
	return x->value ? x : others;
}

static const struct journal_xattr *find_flags(const struct journal_xattr *x)
{
	while (x && (strcmp(x->name, META_FLAGS) != 0 || x->len != sizeof(unsigned)))
		x = x->next;
	return x;
}

bool meta_has_flags(const struct journal_xattr *x)
{
	return find_flags(x);
}

/* Those that keep it as it is come off first, and are given last. 0, or -1 with errno. */
static int give_flags(const char *path, const struct journal_xattr *then, bool last)
{
	const unsigned fixed = FS_IMMUTABLE_FL | FS_APPEND_FL;
	const struct journal_xattr *x = find_flags(then);
	AUTO_FD fd = x ? open_file(path) : -1;
	unsigned want, now;

	if (!x)
		return 0;
	if (fd < 0 || ioctl(fd, FS_IOC_GETFLAGS, &now) < 0)
		return -1;
	memcpy(&want, x->value, sizeof want);
	if (!last)
		want = now & ~fixed;
	return now == want ? 0 : ioctl(fd, FS_IOC_SETFLAGS, &want);
}

/* ----------------------------------------------------------------------------------------------------------
 */

static struct timespec spec(int64_t ns)
{
	int64_t rest = ns % 1000000000;

	rest += rest < 0 ? 1000000000 : 0;
	return (struct timespec){ .tv_sec = (time_t)((ns - rest) / 1000000000), .tv_nsec = (long)rest };
}

int meta_give(int dirfd, const char *name, const struct journal_line *l)
{
	const struct timespec times[2] = { spec(l->atime_ns), spec(l->mtime_ns) };
	AUTO_FD fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	AUTO_ARENA a = { 0 };
	struct stat st;
	char path[40];
	int rc, flags;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	if (give_flags(path, l->xattrs, false) < 0)
		return -1;
	rc = st.st_uid == l->uid && st.st_gid == l->gid
	             ? 0
	             : fchownat(fd, "", l->uid, l->gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
	give_xattrs(path, meta_xattrs(&a, fd, ""), l->xattrs);
	if (!S_ISLNK(st.st_mode) && (rc < 0 || chmod(path, l->mode & 07777) < 0))
		rc = -1;
	if (utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		rc = -1;
	flags = give_flags(path, l->xattrs, true);
	return rc < 0 ? rc : flags;
}
