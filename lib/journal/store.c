#include "journal/impl.h"

#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LIST_MAX = 512 << 20 }; /* bytes of memory for all manifests of a listing */

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

static int read_manifest(const struct journal *j, struct arena *a, const char *token,
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

static bool has_payload(const struct journal *j, const char *token)
{
	struct stat st;

	return fstatat(j->payload, token, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

int journal_find(const struct journal *j, struct arena *a, const char *token, struct journal_entry *out,
                 struct err *e)
{
	if (manifest_token_ok(token) && has_payload(j, token) && read_manifest(j, a, token, out, e) == 0)
		return 0;
	if (manifest_token_ok(token) && has_payload(j, token) && e && e->code != ENOENT)
		return -1;
	err_set(e, "unknown token: %.40s", token);
	if (e)
		e->code = ENOENT;
	return -1;
}

/* The token of "TOKEN.json"; false for other names. */
static bool manifest_token(const char *name, char *token)
{
	size_t n = strspn(name, "0123456789");

	if (!n || n >= JOURNAL_TOKEN || strcmp(name + n, ".json") != 0)
		return false;
	memcpy(token, name, n);
	token[n] = 0;
	return true;
}

static bool take(struct journal_list *l, const struct journal_entry *en)
{
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct journal_entry *items = realloc(l->items, room * sizeof *items);

		if (!items)
			return false;
		l->items = items;
		l->room = room;
	}
	l->items[l->n++] = *en;
	return true;
}

static int by_age(const void *a, const void *b)
{
	const struct journal_entry *x = a, *y = b;

	if (x->created_ns != y->created_ns)
		return x->created_ns < y->created_ns ? -1 : 1;
	return strcmp(x->token, y->token);
}

static int list_one(const struct journal *j, const char *name, const char *session, struct journal_list *out,
                    struct err *e)
{
	struct journal_entry en;
	char token[JOURNAL_TOKEN];
	struct err why;

	if (!manifest_token(name, token) || !has_payload(j, token))
		return 0;
	if (read_manifest(j, &out->a, token, &en, &why) < 0) {
		if (out->a.failed)
			return err_set(e, "too many entries for the memory at hand");
		if (why.code != ENOENT && !out->n_bad++)
			snprintf(out->first, sizeof out->first, "%.300s", why.text);
		return 0;
	}
	if (session && strcmp(en.session, session) != 0)
		return 0;
	return take(out, &en) ? 0 : err_set(e, "out of memory");
}

int journal_list(const struct journal *j, const char *session, struct journal_list *out, struct err *e)
{
	int fd = openat(j->manifest, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc = 0;
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;

	*out = (struct journal_list){ .a.max = LIST_MAX };
	if (!dir) {
		fd_close(&fd);
		return err_sys(e, "%s/manifest", j->path);
	}
	while (rc == 0 && (entry = readdir(dir)))
		rc = list_one(j, entry->d_name, session, out, e);
	closedir(dir);
	if (out->n)
		qsort(out->items, out->n, sizeof *out->items, by_age);
	return rc;
}

void journal_list_release(struct journal_list *l)
{
	arena_release(&l->a);
	free(l->items);
	l->items = NULL;
	l->n = l->room = 0;
}
