#include "journal/impl.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Who could have put something into it? */
static bool is_trusted(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && (st.st_uid == 0 || st.st_uid == geteuid()) && !(st.st_mode & 022);
}

static int open_part(int dir, const char *name, bool create, struct err *e)
{
	int fd;

	if (create && mkdirat(dir, name, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "create %s", name);
	fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "%s", name) : fd;
}

/* A store in somebody's work must not look like part of it. */
static void hide(int dir)
{
	AUTO_FD fd = openat(dir, ".gitignore", O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);

	if (fd >= 0 && fd_write(fd, "*\n", 2) < 0)
		unlinkat(dir, ".gitignore", 0);
}

/* The parts of the store, whose directory is open. */
static int open_parts(struct journal *j, bool create, struct err *e)
{
	char link[40];
	ssize_t n;

	j->payload = open_part(j->dir, "payload", create, e);
	j->manifest = j->payload < 0 ? -1 : open_part(j->dir, "manifest", create, e);
	if (j->manifest < 0)
		return -1;
	snprintf(link, sizeof link, "/proc/self/fd/%d", j->dir);
	n = readlink(link, j->path, sizeof j->path - 1);
	if (n <= 0 || (size_t)n == sizeof j->path - 1)
		return err_sys(e, "name");
	j->path[n] = 0;
	j->trusted = is_trusted(j->dir) && is_trusted(j->payload) && is_trusted(j->manifest);
	if (create)
		hide(j->dir);
	return 0;
}

static int open_at(struct journal *j, int at, const char *path, int flags, bool create, struct err *e)
{
	*j = (struct journal){ .dir = -1, .payload = -1, .manifest = -1 };
	if (create && mkdirat(at, path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "create %s", path);
	j->dir = openat(at, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);
	if (j->dir < 0)
		return err_sys(e, "%s", path);
	if (open_parts(j, create, e) == 0)
		return 0;
	journal_close(j);
	return err_in(e, "%s", path);
}

int journal_open(struct journal *j, const char *path, bool create, struct err *e)
{
	return open_at(j, AT_FDCWD, path, 0, create, e);
}

int journal_make(struct journal *j, int at, const char *path, struct err *e)
{
	if (open_at(j, at, path, O_NOFOLLOW, true, e) < 0)
		return -1;
	if (j->trusted)
		return 0;
	journal_close(j);
	errno = EPERM;
	return err_sys(e, "%s: others can write it", path);
}

void journal_close(struct journal *j)
{
	fd_close(&j->dir);
	fd_close(&j->payload);
	fd_close(&j->manifest);
}

void journal_manifest_name(const char *token, char *out, size_t size)
{
	snprintf(out, size, "%s.json", token);
}

int journal_read_manifest(const struct journal *j, struct arena *a, const char *token,
                          struct journal_entry *out, struct err *e)
{
	char name[JOURNAL_TOKEN + 8];
	struct buf text = { .max = MANIFEST_MAX };
	struct stat st;
	int fd, rc = -1;

	journal_manifest_name(token, name, sizeof name);
	fd = openat(j->manifest, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		err_sys(e, "%s", name);
	else if (!S_ISREG(st.st_mode))
		err_set(e, "%s: no regular file", name);
	else if (fd_slurp(fd, &text, e) == 0 &&
	         manifest_read(a, token, buf_text(&text), text.len, out, e) == 0)
		rc = 0;
	else
		err_in(e, "%s", name);
	fd_close(&fd);
	buf_release(&text);
	return rc;
}

bool journal_has_payload(const struct journal *j, const char *token)
{
	struct stat st;

	return fstatat(j->payload, token, &st, AT_SYMLINK_NOFOLLOW) == 0;
}
