#include "journal/meta.h"

#include "base/fd.h"
#include "journal/line.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
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
		(void)!setxattr(path, x->name, x->value, x->len, 0);
}

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
	int rc;

	if (fd < 0 || fstat(fd, &st) < 0)
		return -1;
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	rc = st.st_uid == l->uid && st.st_gid == l->gid
	             ? 0
	             : fchownat(fd, "", l->uid, l->gid, AT_EMPTY_PATH | AT_SYMLINK_NOFOLLOW);
	give_xattrs(path, meta_xattrs(&a, fd, ""), l->xattrs);
	if (!S_ISLNK(st.st_mode) && (rc < 0 || chmod(path, l->mode & 07777) < 0))
		rc = -1;
	return utimensat(dirfd, name, times, AT_SYMLINK_NOFOLLOW) < 0 ? -1 : rc;
}
