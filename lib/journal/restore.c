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
		return from < 0 ? err_sys(e, "/")
		                : journal_open_under(from, how->under, path, true, name, size, e);
	}
	memcpy(home, j->path, len);
	home[len > 1 ? len - 1 : len] = 0;
	if (!path_within(path, home) || !strcmp(path, home))
		return err_set(e,
		               "%s: others can write this store, and it does not lie below %s: name a "
		               "place with --dest",
		               path, home);
	from = openat(j->dir, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	return from < 0 ? err_sys(e, "%s", home)
	                : journal_open_way(from, path + strlen(home), true, name, size, e);
}

/* A program that held a deleted file open can write to it still. */
static int check_unchanged(const struct journal *j, const struct journal_entry *en, struct err *e)
{
	struct stat st;

	if (!en->kind || fstatat(j->payload, en->token, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISREG(st.st_mode) ||
	    ((uint64_t)st.st_size == en->size &&
	     (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec == en->mtime_ns))
		return 0;
	return err_set(e, "%s was changed after it was deleted (use force=true to restore it as it is)",
	               en->path);
}

static int check_hash(const struct journal *j, const struct journal_entry *en, bool force, struct err *e)
{
	char hash[JOURNAL_HASH];
	struct stat st;

	/* What `force` gives back as it is has another one. */
	if (!en->hash[0] || (force && en->kind) ||
	    fstatat(j->payload, en->token, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISREG(st.st_mode))
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

int journal_move_out(struct journal *j, const char *token, int dir, const char *name, bool force,
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

/* `j` is the store that has it. */
static int put_back(struct journal *j, const struct journal_entry *en, const struct journal_restore *how,
                    char *to, struct err *e)
{
	char name[NAME_MAX + 1], manifest[JOURNAL_TOKEN + 8];
	AUTO_FD dir = -1;

	if (!path_clean(how->to ? how->to : en->path, to, JOURNAL_PATH))
		return err_set(e, "%s: no absolute path", how->to ? how->to : en->path);
	if (!how->force && check_unchanged(j, en, e) < 0)
		return -1;
	if (check_hash(j, en, how->force, e) < 0)
		return -1;
	if (journal_tell_under(how->under, to, e) < 0)
		return -1;
	dir = open_parent(j, how, to, name, sizeof name, e);
	if (dir < 0 || check_free(dir, name, to, how->force, e) < 0)
		return -1;
	if (j->trusted && !en->kind)
		complete(j, en);
	if (journal_move_out(j, en->token, dir, name, how->force, to, e) < 0)
		return -1;
	journal_manifest_name(en->token, manifest, sizeof manifest);
	unlinkat(j->manifest, manifest, 0);
	return 0;
}

int journal_put_back(struct journal *j, const char *token, const struct journal_restore *how, char *to,
                     struct err *e)
{
	struct arena a = { 0 };
	struct journal_entry en;
	struct journal other;
	int rc = journal_find(j, &a, token, &en, e);

	if (rc == 0 && en.store) {
		rc = journal_open(&other, en.store, false, e);
		if (rc == 0) {
			rc = put_back(&other, &en, how, to, e);
			journal_close(&other);
		}
	} else if (rc == 0) {
		rc = put_back(j, &en, how, to, e);
	}
	if (rc == 0)
		journal_uses(j, -(int64_t)en.size - JOURNAL_PER_VERSION);
	arena_release(&a);
	return rc;
}
