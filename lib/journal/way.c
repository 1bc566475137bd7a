#include "journal/impl.h"

#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A directory below `at`, made when it is missing. The descriptor, or -1. */
static int step_into(int at, const char *name, bool create, const char *path, struct err *e)
{
	struct stat st;
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && create && errno == ENOENT && mkdirat(at, name, 0755) == 0) {
		/* Made for whoever has the directory above. */
		if (geteuid() == 0 && fstat(at, &st) == 0)
			(void)!fchownat(at, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW);
		fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	}
	if (fd >= 0)
		return fd;
	if (errno == ENOTDIR && fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(st.st_mode))
		return err_set(e, "%s: the symbolic link '%s' stands in the way", path, name);
	return err_sys(e, "%s: %s", path, name);
}

int journal_open_way(int from, const char *path, bool create, char *name, size_t size, struct err *e)
{
	int dir = fcntl(from, F_DUPFD_CLOEXEC, 3);
	size_t len;

	if (dir < 0)
		return err_sys(e, "%s", path);
	for (const char *p = path;; p += len) {
		int next;

		p += strspn(p, "/");
		len = strcspn(p, "/");
		if (!len || len >= size || (len == 1 && p[0] == '.') || (len == 2 && !memcmp(p, "..", 2))) {
			close(dir);
			return err_set(e, "%s: no path to a file", path);
		}
		memcpy(name, p, len);
		name[len] = 0;
		if (!p[len])
			return dir;
		next = step_into(dir, name, create, path, e);
		close(dir);
		if (next < 0)
			return -1;
		dir = next;
	}
}

int journal_open_under(int root, const struct journal_under *under, const char *path, bool create, char *name,
                       size_t size, struct err *e)
{
	const char *below;
	int dir;

	if (!under || !path_within(path, under->top))
		return journal_open_way(root, path, create, name, size, e);
	below = path + strlen(under->top);
	if (*below)
		return journal_open_way(under->dir, below, create, name, size, e);
	snprintf(name, size, ".");
	dir = fcntl(under->dir, F_DUPFD_CLOEXEC, 3);
	return dir < 0 ? err_sys(e, "%s", path) : dir;
}

int journal_tell_under(const struct journal_under *under, const char *path, struct err *e)
{
	if (!under || !path_within(path, under->top))
		return 0;
	return under->tell(under->arg, path + strlen(under->top), e);
}
