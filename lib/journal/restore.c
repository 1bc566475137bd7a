#include "journal/impl.h"

#include "base/fd.h"
#include "base/path.h"
#include "journal/tree.h"
#include "sys/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

/* A directory below `at`, made when it is missing. The descriptor, or -1. */
static int step_into(int at, const char *name, const char *path, struct err *e)
{
	struct stat st;
	int fd = openat(at, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT && mkdirat(at, name, 0755) == 0) {
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

/* The directory of `path`, which is below the one `from` stands for, at its byte `at`. Links are not
 * followed. `name` is the last component. */
static int open_way(int from, const char *path, size_t at, char *name, size_t size, struct err *e)
{
	int dir = fcntl(from, F_DUPFD_CLOEXEC, 3);
	size_t len;

	if (dir < 0)
		return err_sys(e, "%s", path);
	for (const char *p = path + at;; p += len) {
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
		next = step_into(dir, name, path, e);
		close(dir);
		if (next < 0)
			return -1;
		dir = next;
	}
}

/* From a store that others can write, nothing goes anywhere but to where the store itself is. */
static int open_parent(const struct journal *j, const struct journal_restore *how, const char *path,
                       char *name, size_t size, struct err *e)
{
	char home[PATH_MAX];
	size_t len = (size_t)(path_base(j->path) - j->path);
	AUTO_FD from = -1;

	if (path_within(path, j->path))
		return err_set(e, "%s: lies in the store", path);
	if (j->trusted || how->to) {
		from = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
		return from < 0 ? err_sys(e, "/") : open_way(from, path, 0, name, size, e);
	}
	memcpy(home, j->path, len);
	home[len > 1 ? len - 1 : len] = 0;
	if (!path_within(path, home) || !strcmp(path, home))
		return err_set(e,
		               "%s: others can write this store, and it does not lie below %s: name a "
		               "place with --dest",
		               path, home);
	from = openat(j->dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return from < 0 ? err_sys(e, "%s", home) : open_way(from, path, strlen(home), name, size, e);
}

static int check_hash(const struct journal *j, const struct journal_entry *en, struct err *e)
{
	char hash[JOURNAL_HASH];
	struct stat st;

	if (!en->hash[0] || fstatat(j->payload, en->token, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode))
		return 0;
	if (journal_hash(j->payload, en->token, hash, e) < 0)
		return -1;
	return strcmp(hash, en->hash)
	               ? err_set(e, "hash mismatch on restore: expected %s got %s", en->hash, hash)
	               : 0;
}

/* What a copy into the store may have lost, as other writers of stores do. Whatever cannot be given stays. */
static void complete(const struct journal *j, const struct journal_entry *en)
{
	AUTO_FD fd = openat(j->payload, en->token, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	const struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		                           { en->mtime_ns / 1000000000, en->mtime_ns % 1000000000 } };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (st.st_mode & S_IFMT) != (en->mode & S_IFMT))
		return;
	for (const struct journal_xattr *x = en->xattrs; x; x = x->next)
		(void)!fsetxattr(fd, x->name, x->value, x->len, XATTR_CREATE);
	if ((st.st_uid != en->uid || st.st_gid != en->gid) && fchown(fd, en->uid, en->gid) < 0)
		return; /* nor the mode then: it was meant for that owner */
	(void)!fchmod(fd, en->mode & 07777);
	(void)!futimens(fd, times);
}

static int check_free(int dir, const char *name, const char *path, bool force, struct err *e)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : err_sys(e, "%s", path);
	if (!force)
		return err_set(e, "destination exists: %s (use force=true to overwrite)", path);
	return S_ISDIR(st.st_mode) ? err_set(e, "destination is a directory: %s", path) : 0;
}

static int rename_to(int from, const char *name, int dir, const char *to, bool force)
{
	return force ? renameat(from, name, dir, to) : rename_new(from, name, dir, to);
}

static int move_out(struct journal *j, const char *token, int dir, const char *name, bool force,
                    const char *path, struct err *e)
{
	char temporary[48];
	int rc = rename_to(j->payload, token, dir, name, force);

	if (rc == 0)
		return 0;
	if (errno == EXDEV) {
		snprintf(temporary, sizeof temporary, ".agentsh-%s", token);
		if (tree_copy(j->payload, token, dir, temporary, e) < 0)
			return -1;
		rc = rename_to(dir, temporary, dir, name, force);
		if (rc == 0)
			return tree_remove(j->payload, token, e);
		err_sys(e, "%s", path);
		tree_remove(dir, temporary, NULL);
		return -1;
	}
	return errno == EEXIST ? err_set(e, "destination exists: %s (use force=true to overwrite)", path)
	                       : err_sys(e, "%s", path);
}

int journal_put_back(struct journal *j, const char *token, const struct journal_restore *how, char *to,
                     struct err *e)
{
	char name[NAME_MAX + 1], manifest[JOURNAL_TOKEN + 8];
	struct arena a = { 0 };
	struct journal_entry en;
	int dir = -1, rc = journal_find(j, &a, token, &en, e);

	if (rc == 0 && !path_clean(how->to ? how->to : en.path, to, PATH_MAX))
		rc = err_set(e, "%s: no absolute path", how->to ? how->to : en.path);
	if (rc == 0)
		rc = check_hash(j, &en, e);
	if (rc == 0)
		rc = dir = open_parent(j, how, to, name, sizeof name, e);
	if (rc >= 0)
		rc = check_free(dir, name, to, how->force, e);
	if (rc == 0 && j->trusted)
		complete(j, &en);
	if (rc == 0)
		rc = move_out(j, token, dir, name, how->force, to, e);
	if (rc == 0) {
		journal_manifest_name(token, manifest, sizeof manifest);
		unlinkat(j->manifest, manifest, 0);
	}
	fd_close(&dir);
	arena_release(&a);
	return rc < 0 ? -1 : 0;
}
