#include "journal/tree.h"

#include "base/buf.h"
#include "base/fd.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A directory on the way down: its names, read when it was entered. */
struct level {
	struct level *up;
	struct stat st;
	char *name; /* in the level above */
	char *names;
	size_t len, at;
};

struct walker {
	int dir; /* owned; the directory whose names are walked */
	int top; /* owned; the one it began in: there something may be mounted, and ".." leads to that */
	struct level *level;
	tree_fn *fn;
	void *arg;
};

static bool same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_dots(const char *name)
{
	return name[0] == '.' && (!name[1] || (name[1] == '.' && !name[2]));
}

static int read_names(int dir, struct level *l, struct err *e)
{
	int fd = fcntl(dir, F_DUPFD_CLOEXEC, 3);
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct buf b = { 0 };
	struct dirent *entry;

	if (!d) {
		fd_close(&fd);
		return err_sys(e, "read directory");
	}
	rewinddir(d);
	for (errno = 0; (entry = readdir(d)); errno = 0)
		if (!is_dots(entry->d_name))
			buf_add(&b, entry->d_name, strlen(entry->d_name) + 1);
	if (errno || b.failed) {
		err_sys(e, "read directory");
		buf_release(&b);
		closedir(d);
		return -1;
	}
	closedir(d);
	l->len = b.len;
	l->names = buf_steal(&b);
	return 0;
}

static void drop_level(struct walker *w)
{
	struct level *l = w->level;

	w->level = l->up;
	free(l->name);
	free(l->names);
	free(l);
}

/* Go into `name`, which was seen to be the directory `st`. */
static int enter(struct walker *w, const char *name, const struct stat *st, struct err *e)
{
	int fd = openat(w->dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct level *l = calloc(1, sizeof *l);

	if (fd < 0 || !l || fstat(fd, &l->st) < 0 || !(l->name = strdup(name))) {
		err_sys(e, "%s", name);
	} else if (!same(&l->st, st)) {
		err_set(e, "%s: changed meanwhile", name);
	} else if (read_names(fd, l, e) == 0) {
		l->up = w->level;
		w->level = l;
		close(w->dir);
		w->dir = fd;
		return 0;
	}
	fd_close(&fd);
	if (l)
		free(l->name);
	free(l);
	return -1;
}

/* Back to the directory above, if it is still the one we came from. */
static int leave(struct walker *w, const struct stat *top, struct err *e)
{
	int fd = w->level->up ? openat(w->dir, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC)
	                      : fcntl(w->top, F_DUPFD_CLOEXEC, 3);
	const struct stat *above = w->level->up ? &w->level->up->st : top;
	struct stat st, own = w->level->st;
	int rc = -1;

	if (fd < 0 || fstat(fd, &st) < 0)
		err_sys(e, "directory above");
	else if (!same(&st, above))
		err_set(e, "%s: moved meanwhile", w->level->name);
	else
		rc = w->fn(w->arg, TREE_LEAVE, fd, w->level->name, &own, e);
	drop_level(w);
	if (rc < 0) {
		fd_close(&fd);
		return -1;
	}
	close(w->dir);
	w->dir = fd;
	return 0;
}

static int visit(struct walker *w, const char *name, struct err *e)
{
	struct stat st;

	if (fstatat(w->dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_sys(e, "%s", name);
	if (!S_ISDIR(st.st_mode))
		return w->fn(w->arg, TREE_LEAF, w->dir, name, &st, e);
	if (w->fn(w->arg, TREE_ENTER, w->dir, name, &st, e) < 0)
		return -1;
	return enter(w, name, &st, e);
}

int tree_walk(int dirfd, const char *name, tree_fn *fn, void *arg, struct err *e)
{
	struct walker w = { .dir = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC),
		            .fn = fn,
		            .arg = arg };
	struct stat top;
	int rc;

	w.top = w.dir < 0 ? -1 : fcntl(w.dir, F_DUPFD_CLOEXEC, 3);
	if (w.top < 0 || fstat(w.dir, &top) < 0) {
		fd_close(&w.dir);
		fd_close(&w.top);
		return err_sys(e, "directory of %s", name);
	}
	rc = visit(&w, name, e);
	while (rc == 0 && w.level) {
		struct level *l = w.level;

		if (l->at == l->len) {
			rc = leave(&w, &top, e);
		} else {
			const char *next = l->names + l->at;

			l->at += strlen(next) + 1;
			rc = visit(&w, next, e);
		}
	}
	while (w.level)
		drop_level(&w);
	fd_close(&w.dir);
	fd_close(&w.top);
	return rc;
}

static int remove_step(void *arg, enum tree_step step, int dirfd, const char *name, const struct stat *st,
                       struct err *e)
{
	(void)arg;
	(void)st;
	if (step == TREE_ENTER || unlinkat(dirfd, name, step == TREE_LEAVE ? AT_REMOVEDIR : 0) == 0)
		return 0;
	return err_sys(e, "remove %s", name);
}

int tree_remove(int dirfd, const char *name, struct err *e)
{
	return tree_walk(dirfd, name, remove_step, NULL, e);
}

static int measure_step(void *arg, enum tree_step step, int dirfd, const char *name, const struct stat *st,
                        struct err *e)
{
	uint64_t *bytes = arg;

	(void)dirfd;
	(void)name;
	(void)e;
	if (step == TREE_LEAF && S_ISREG(st->st_mode))
		*bytes += (uint64_t)st->st_size;
	return 0;
}

int tree_measure(int dirfd, const char *name, uint64_t *bytes, struct err *e)
{
	*bytes = 0;
	return tree_walk(dirfd, name, measure_step, bytes, e);
}
