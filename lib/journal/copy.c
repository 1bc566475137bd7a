#include "journal/tree.h"

#include "base/fd.h"
#include "journal/meta.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum { TWINS = 128, CHUNK = 1 << 17 };

/* A file with several names: a descriptor of its copy, to link the next name to. Beyond so many of them each
 * name gets a copy of its own. */
struct twin {
	dev_t dev;
	ino_t ino;
	int copy;
};

struct place {
	dev_t dev;
	ino_t ino;
};

struct copier {
	int to; /* owned: the directory that is filled */
	const char *top;
	struct place *above; /* owned: of each directory entered, the one above it */
	size_t depth, room;
	struct twin twins[TWINS];
	size_t n_twins;
};

static int copy_range(int from, int to, off_t at, off_t end, struct err *e)
{
	char chunk[CHUNK / 8];
	off_t in = at, out = at;

	while (in < end) {
		size_t want = (size_t)(end - in) < CHUNK * 64 ? (size_t)(end - in) : CHUNK * 64;
		ssize_t n = copy_file_range(from, &in, to, &out, want, 0);

		if (n > 0)
			continue;
		if (n < 0 && errno != EXDEV && errno != EINVAL && errno != ENOSYS && errno != EOPNOTSUPP &&
		    errno != EINTR)
			return err_sys(e, "copy");
		n = pread(from, chunk, want < sizeof chunk ? want : sizeof chunk, in);
		if (n == 0)
			return 0; /* shorter by now */
		if (n < 0 || pwrite(to, chunk, (size_t)n, out) != n)
			return err_sys(e, "copy");
		in += n;
		out += n;
	}
	return 0;
}

int tree_copy_content(int from, int to, off_t size, uint64_t max, struct err *e)
{
	off_t at = 0, hole;

	if (size == 0 || ioctl(to, FICLONE, from) == 0)
		return 0;
	if ((uint64_t)size > max) {
		errno = EFBIG;
		return err_sys(e, "copy");
	}
	if (ftruncate(to, size) < 0)
		return err_sys(e, "set size");
	while (at < size) {
		off_t data = lseek(from, at, SEEK_DATA);

		if (data < 0 && errno == ENXIO)
			break;
		hole = data >= 0 ? lseek(from, data, SEEK_HOLE) : -1;
		if (hole < 0) {
			data = at;
			hole = size;
		}
		if (copy_range(from, to, data, hole < size ? hole : size, e) < 0)
			return -1;
		at = hole;
	}
	return 0;
}

static int copy_file(struct copier *c, int dirfd, const char *name, const char *to_name,
                     const struct stat *seen, int *copy, struct err *e)
{
	AUTO_FD from = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	AUTO_FD to = -1;
	struct stat st;

	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(e, "%s", name);
	if (st.st_dev != seen->st_dev || st.st_ino != seen->st_ino)
		return err_set(e, "%s: changed meanwhile", name);
	to = openat(c->to, to_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_sys(e, "%s", to_name);
	if (tree_copy_content(from, to, st.st_size, UINT64_MAX, e) < 0)
		return err_in(e, "%s", name);
	meta_copy(from, to, &st);
	*copy = to;
	to = -1;
	return 0;
}

/* True: the file is there already under another name, and has this one now, too. */
static bool link_twin(struct copier *c, const char *to_name, const struct stat *st)
{
	char link[40];

	for (size_t i = 0; i < c->n_twins; i++) {
		if (c->twins[i].dev != st->st_dev || c->twins[i].ino != st->st_ino)
			continue;
		snprintf(link, sizeof link, "/proc/self/fd/%d", c->twins[i].copy);
		return linkat(AT_FDCWD, link, c->to, to_name, AT_SYMLINK_FOLLOW) == 0;
	}
	return false;
}

static int copy_regular(struct copier *c, int dirfd, const char *name, const char *to_name,
                        const struct stat *st, struct err *e)
{
	int copy = -1;

	if (st->st_nlink > 1 && link_twin(c, to_name, st))
		return 0;
	if (copy_file(c, dirfd, name, to_name, st, &copy, e) < 0)
		return -1;
	if (st->st_nlink > 1 && c->n_twins < TWINS)
		c->twins[c->n_twins++] = (struct twin){ st->st_dev, st->st_ino, copy };
	else
		close(copy);
	return 0;
}

static int copy_leaf(struct copier *c, int dirfd, const char *name, const char *to_name,
                     const struct stat *st, struct err *e)
{
	char target[PATH_MAX];
	ssize_t n;

	if (S_ISREG(st->st_mode))
		return copy_regular(c, dirfd, name, to_name, st, e);
	if (S_ISLNK(st->st_mode)) {
		n = readlinkat(dirfd, name, target, sizeof target - 1);
		if (n < 0)
			return err_sys(e, "%s", name);
		target[n] = 0;
		if (symlinkat(target, c->to, to_name) < 0)
			return err_sys(e, "%s", to_name);
	} else if (mknodat(c->to, to_name, (st->st_mode & S_IFMT) | 0600, st->st_rdev) < 0) {
		return err_sys(e, "%s", to_name);
	}
	meta_copy_at(c->to, to_name, st);
	return 0;
}

static int copy_enter(struct copier *c, const char *to_name, struct err *e)
{
	struct place *more;
	struct stat st;
	int fd;

	if (c->depth == c->room) {
		more = realloc(c->above, (2 * c->room + 16) * sizeof *more);
		if (!more)
			return err_set(e, "out of memory");
		c->above = more;
		c->room = 2 * c->room + 16;
	}
	if (fstat(c->to, &st) < 0 || mkdirat(c->to, to_name, 0700) < 0)
		return err_sys(e, "%s", to_name);
	fd = openat(c->to, to_name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return err_sys(e, "%s", to_name);
	c->above[c->depth++] = (struct place){ st.st_dev, st.st_ino };
	close(c->to);
	c->to = fd;
	return 0;
}

static int copy_leave(struct copier *c, int dirfd, const char *name, const struct stat *was, struct err *e)
{
	AUTO_FD from = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	const struct place *above = &c->above[--c->depth];
	int up = openat(c->to, "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct stat st;

	if (from < 0 || up < 0 || fstat(up, &st) < 0) {
		fd_close(&up);
		return err_sys(e, "%s", name);
	}
	meta_copy(from, c->to, was);
	close(c->to);
	c->to = up;
	if (st.st_dev != above->dev || st.st_ino != above->ino)
		return err_set(e, "%s: the copy was moved meanwhile", name);
	return 0;
}

static int copy_step(void *arg, enum tree_step step, int dirfd, const char *name, const struct stat *st,
                     struct err *e)
{
	struct copier *c = arg;
	const char *to_name;

	if (step == TREE_LEAVE)
		return copy_leave(c, dirfd, name, st, e);
	to_name = c->depth ? name : c->top;
	return step == TREE_ENTER ? copy_enter(c, to_name, e) : copy_leaf(c, dirfd, name, to_name, st, e);
}

int tree_copy(int dirfd, const char *name, int to_dirfd, const char *to_name, struct err *e)
{
	struct copier c = { .to = openat(to_dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC), .top = to_name };
	struct stat st;
	int rc;

	if (c.to < 0)
		return err_sys(e, "directory of %s", to_name);
	if (fstatat(to_dirfd, to_name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		close(c.to);
		errno = EEXIST;
		return err_sys(e, "%s", to_name);
	}
	rc = tree_walk(dirfd, name, copy_step, &c, e);
	for (size_t i = 0; i < c.n_twins; i++)
		close(c.twins[i].copy);
	free(c.above);
	fd_close(&c.to);
	if (rc < 0)
		tree_remove(to_dirfd, to_name, NULL);
	return rc;
}
