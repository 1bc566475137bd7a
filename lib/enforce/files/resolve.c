#include "enforce/files/resolve.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "enforce/files/deep.h"
#include "enforce/files/own.h"
#include "sys/at.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { MAX_LINKS = 40 };
#define SCOPED (RESOLVE_BENEATH | RESOLVE_IN_ROOT)

/* Private to this file: a walk under way. */
struct walk {
	const struct caller *c;
	const struct place_request *r;
	int dir;         /* owned: where we are */
	int root;        /* borrowed: what ".." does not leave and "/" means; -1 = ours */
	struct buf text; /* names still to be walked begin at `at` */
	size_t at;
	int links;
	bool slow;    /* a link is among the next names */
	bool trusted; /* links so far can be changed by nobody who is governed */
	bool linked;  /* there were any */
	bool rooted;  /* the way went up, or began at the root */
};

static const char *rest(const struct walk *w)
{
	return buf_text(&w->text) + w->at;
}
static bool is_proc(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

static bool same_place(int a, int b)
{
	struct stat x, y;

	return fstat(a, &x) == 0 && fstat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

static int dup_fd(int fd)
{
	return fcntl(fd, F_DUPFD_CLOEXEC, 3);
}

/* What a descriptor of ours is called. Length or -errno; "" for what has no name. */
static ssize_t name_of(int fd, char *out, size_t size)
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, out, size);
	if (n < 0)
		return -errno;
	if ((size_t)n >= size)
		return -ENAMETOOLONG;
	out[n] = 0;
	return n;
}

/* ---- where a walk begins ------------------------------------------------------------------------- */

/* The caller's descriptor or directory, or -errno. One that hides from its like is asked for a copy. */
static int open_base(const struct caller *c, int dirfd)
{
	int fd, pidfd;

	if (dirfd == AT_FDCWD) {
		fd = proc_open(c->tid, "cwd", O_PATH);
		return fd < 0 ? -errno : fd;
	}
	if (dirfd < 0)
		return -EBADF;
	fd = at_descriptor(c->tid, dirfd);
	if (fd >= 0 || errno == ENOENT)
		return fd < 0 ? -EBADF : fd;
	if (errno == EMFILE || errno == ENFILE)
		return -errno;
	pidfd = proc_pidfd(c->pid);
	fd = pidfd < 0 ? -1 : proc_getfd(pidfd, dirfd);
	fd_close(&pidfd);
	return fd < 0 ? -EBADF : fd;
}

static int open_root(const struct walk *w)
{
	int fd = w->root >= 0 ? dup_fd(w->root) : open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static long mount_of(int fd)
{
	char name[32], text[256], *at;

	snprintf(name, sizeof name, "fdinfo/%d", fd);
	if (proc_text(getpid(), name, text, sizeof text) <= 0 || !(at = strstr(text, "mnt_id:")))
		return -1;
	return strtol(at + 7, NULL, 10);
}

/* Go on from there, which becomes ours, by a link. 0 or errno. */
static int move_to(struct walk *w, int fd)
{
	/* The kernel compares with the root only once it has needed to know it: nd_jump_root(). */
	if (w->r->resolve & RESOLVE_NO_XDEV && (!w->rooted || mount_of(fd) != mount_of(w->dir))) {
		close(fd);
		return EXDEV;
	}
	close(w->dir);
	w->dir = fd;
	return 0;
}

/* ---- links ----------------------------------------------------------------------------------------- */

/* May the caller lead itself astray with a link in this directory? */
static bool is_trusted_dir(const struct walk *w)
{
	struct stat st, root;

	if (fstat(w->dir, &st) < 0 || st.st_uid != 0 || st.st_mode & 022)
		return false;
	/* Nobody makes names in the root directory, whoever he is: enforce/landlock. */
	return !w->c->changes || is_proc(w->dir) ||
	       (stat("/", &root) == 0 && root.st_dev == st.st_dev && root.st_ino == st.st_ino);
}

/* Put what a link says in front of the rest. 0 or errno. */
static int put_back(struct walk *w, const char *said)
{
	struct buf joined = { 0 };
	int root;

	if (!*said)
		return ENOENT;
	buf_str(&joined, said);
	if (*rest(w)) {
		buf_chr(&joined, '/');
		buf_str(&joined, rest(w));
	}
	if (joined.failed) {
		buf_release(&joined);
		return ENOMEM;
	}
	buf_release(&w->text);
	w->text = joined;
	w->at = 0;
	w->slow = false;
	if (said[0] != '/')
		return 0;
	if (w->r->resolve & RESOLVE_BENEATH)
		return EXDEV;
	root = open_root(w);
	return root < 0 ? -root : move_to(w, root);
}

/* A link of /proc: in its root directory "self" means the caller; those of a process are no text. 0 with
 * *next >= 0 when it was followed, or errno. */
static int follow_proc(struct walk *w, const char *name, int *next)
{
	char text[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (fstat(w->dir, &st) < 0 || name_of(w->dir, text, sizeof text) < 0)
		return EACCES;
	if (!own_pid_in(text)) {
		if (st.st_ino == 1 && !strcmp(name, "self")) {
			snprintf(text, sizeof text, "%d", (int)w->c->pid);
			return put_back(w, text);
		}
		if (st.st_ino == 1 && !strcmp(name, "thread-self")) {
			snprintf(text, sizeof text, "%d/task/%d", (int)w->c->pid, (int)w->c->tid);
			return put_back(w, text);
		}
		n = readlinkat(w->dir, name, text, sizeof text - 1);
		if (n < 0)
			return errno;
		text[n] = 0;
		return put_back(w, text);
	}
	if (w->r->resolve & RESOLVE_NO_MAGICLINKS)
		return ELOOP;
	if (w->r->resolve & SCOPED)
		return EXDEV;
	if (!own_may_look(w->c, own_pid_in(text)))
		return EACCES;
	/* Whoever owns the directory it stands in: the process chooses where it leads. */
	w->trusted = false;
	*next = openat(w->dir, name, O_PATH | O_CLOEXEC);
	if (*next < 0)
		return errno;
	return w->r->resolve & RESOLVE_NO_XDEV && mount_of(*next) != mount_of(w->dir) ? EXDEV : 0;
}

/* fs/namei.c, may_follow_link(): in /tmp and its like, only one's own and the directory's owner's. */
static bool may_follow(const struct walk *w, const struct stat *link)
{
	struct stat dir;

	if (link->st_uid == w->c->uid || fstat(w->dir, &dir) < 0)
		return true;
	return (dir.st_mode & (S_ISVTX | S_IWOTH)) != (S_ISVTX | S_IWOTH) || dir.st_uid == link->st_uid;
}

/* The link `name`, opened as fd. As follow_proc(). */
static int follow(struct walk *w, int fd, const char *name, int *next)
{
	char text[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (w->r->resolve & RESOLVE_NO_SYMLINKS || ++w->links > MAX_LINKS)
		return ELOOP;
	w->trusted = w->trusted && is_trusted_dir(w);
	w->linked = true;
	if (is_proc(fd))
		return follow_proc(w, name, next);
	if (fstat(fd, &st) < 0 || !may_follow(w, &st))
		return EACCES;
	n = readlinkat(fd, "", text, sizeof text - 1);
	if (n < 0)
		return errno;
	text[n] = 0;
	return put_back(w, text);
}

/* ---- one name after the other ------------------------------------------------------------------------ */

static bool has_dots(const char *path)
{
	const char *p = path;

	while ((p = strstr(p, ".."))) {
		if ((p == path || p[-1] == '/') && (!p[2] || p[2] == '/'))
			return true;
		p += 2;
	}
	return false;
}

/* All names but the last at once, where none is a link: the kernel's errors are the caller's. 0 or errno. */
static int jump(struct walk *w)
{
	const char *from = rest(w), *end = from + strlen(from);
	char dir[PATH_MAX];
	int fd;

	while (end > from && end[-1] == '/')
		end--;
	while (end > from && end[-1] != '/')
		end--;
	if (end == from || w->slow || (size_t)(end - from) >= sizeof dir)
		return 0;
	memcpy(dir, from, (size_t)(end - from));
	dir[end - from] = 0;
	if ((w->root >= 0 || w->r->resolve & SCOPED) && has_dots(dir))
		return 0;
	fd = proc_openat2(w->dir, dir, O_PATH | O_DIRECTORY,
	                  RESOLVE_NO_SYMLINKS | (w->r->resolve & RESOLVE_NO_XDEV));
	w->slow = fd < 0;
	if (fd < 0)
		return errno == ELOOP || errno == EAGAIN ? 0 : errno;
	close(w->dir);
	w->dir = fd;
	w->at += (size_t)(end - from);
	w->rooted = w->rooted || has_dots(dir);
	return 0;
}

/* Take the next name, which is not empty. False when it is too long. */
static bool next_name(struct walk *w, char *name, bool *slash, bool *last)
{
	const char *from = rest(w);
	size_t len = strcspn(from, "/"), skip = strspn(from + len, "/");

	if (len > NAME_MAX)
		return false;
	memcpy(name, from, len);
	name[len] = 0;
	*slash = skip > 0;
	*last = !from[len + skip];
	w->at += len; /* slashes at the end hold for what a link leads to as well */
	return true;
}

/* Descriptor of `name` here, a link itself, or -errno. */
static int open_name(const struct walk *w, const char *name)
{
	struct stat st;
	int fd;

	if (!strcmp(name, "..") && w->root >= 0 && same_place(w->dir, w->root)) {
		if (w->r->resolve & RESOLVE_BENEATH)
			return fstat(w->dir, &st) == 0 && S_ISDIR(st.st_mode) ? -EXDEV : -ENOTDIR;
		name = ".";
	}
	if (w->r->resolve & RESOLVE_NO_XDEV)
		fd = proc_openat2(w->dir, name, O_PATH | O_NOFOLLOW, RESOLVE_NO_XDEV);
	else
		fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* The walk ends at `name` of its directory; fd: what is there, -errno if it cannot be opened. 0 or errno. */
static int arrive(struct walk *w, const char *name, bool slash, int fd, struct place *out)
{
	if (fd < 0 && (fd != -ENOENT || !(w->r->flags & (PLACE_NAME | PLACE_MISS))))
		return -fd;
	out->parent = w->dir;
	w->dir = -1;
	out->object = fd < 0 ? -1 : fd;
	out->slash = slash;
	snprintf(out->name, sizeof out->name, "%s%s", name,
	         slash && w->r->flags & PLACE_NAME && strcmp(name, "/") != 0 ? "/" : "");
	return 0;
}

/* A name that is too long for any directory. For a call that changes names it is as good as another such:
 * what comes first, that or something else, is the kernel's to say, which looks at the directory before. */
static int too_long(struct walk *w, bool *done, struct place *out)
{
	const char *from = rest(w), *end = from + strcspn(from, "/");
	char name[NAME_MAX + 2] = "";
	int fd;

	memset(name, 'x', NAME_MAX + 1);
	fd = openat(w->dir, name, O_PATH | O_CLOEXEC);
	*done = w->r->flags & PLACE_NAME && !end[strspn(end, "/")];
	/* In a directory that was removed nothing has any name; the call's other path is looked at before. */
	if (fd < 0 && errno != ENAMETOOLONG && (errno != ENOENT || !*done || w->r->flags & PLACE_MISS))
		return errno;
	fd_close(&fd);
	return *done ? arrive(w, name, w->r->flags & PLACE_MISS && *end == '/', -ENOENT, out) : ENAMETOOLONG;
}

/* One name. 0 with *done, or without it the walk has moved on; or errno. */
static int step(struct walk *w, bool *done, struct place *out)
{
	char name[NAME_MAX + 1];
	bool slash, last, is_link;
	int error, fd, next = -1;
	struct stat st;

	if (!next_name(w, name, &slash, &last))
		return too_long(w, done, out);
	fd = open_name(w, name);
	w->rooted = w->rooted || !strcmp(name, "..");
	is_link = fd >= 0 && fstat(fd, &st) == 0 && S_ISLNK(st.st_mode);
	if (last && (!is_link || w->r->flags & PLACE_NAME || !(slash || w->r->flags & PLACE_FOLLOW))) {
		*done = true;
		return arrive(w, name, slash, fd, out);
	}
	if (fd < 0)
		return -fd;
	if (is_link) {
		error = follow(w, fd, name, &next);
		close(fd);
		fd = next;
		if (error)
			fd_close(&fd);
		if (error || fd < 0)
			return error;
		if (last) { /* by one of /proc's: the thing itself */
			*done = true;
			out->object = fd;
			out->slash = slash;
			return 0;
		}
	}
	close(w->dir);
	w->dir = fd;
	return 0;
}

/* "/", or what a link to it left. */
static int arrive_at_root(struct walk *w, struct place *out)
{
	int fd = dup_fd(w->dir);

	return arrive(w, "/", false, fd < 0 ? -errno : fd, out);
}

static int walk(struct walk *w, struct place *out)
{
	bool done = false;
	int rc = 0;

	while (!rc && !done) {
		w->at += strspn(rest(w), "/");
		if (!*rest(w))
			return arrive_at_root(w, out);
		rc = jump(w);
		if (!rc)
			rc = step(w, &done, out);
	}
	return rc;
}

/* ---- what was found ---------------------------------------------------------------------------------- */

/* What was deleted is judged by the name it had. Memory files and the like are on no file system. */
static void strip_deleted(struct place *p, size_t n)
{
	static const char mark[] = " (deleted)";
	static const char *const none[] = {
		"/memfd:", "/SYSV", "/dev/zero (", "/[aio]", "/dmabuf:", "/anon_"
	};
	size_t len = sizeof mark - 1;
	struct stat st;

	if (p->path[0] != '/' || n <= len || strcmp(p->path + n - len, mark) != 0)
		return;
	if (p->st.st_nlink && lstat(p->path, &st) == 0 && st.st_ino == p->st.st_ino &&
	    st.st_dev == p->st.st_dev)
		return;
	for (size_t i = 0; i < sizeof none / sizeof *none; i++)
		if (!p->st.st_nlink && !strncmp(p->path, none[i], strlen(none[i])))
			p->nameless = true;
	p->path[n - len] = 0;
}

/* Nothing can be made in a directory that was removed. */
static bool is_dead(const struct place *p)
{
	struct stat st;

	return fstat(p->parent, &st) == 0 && st.st_nlink == 0;
}

/* Not a dot, two, nor the root; a slash may follow. */
static bool is_name(const char *name)
{
	return name[0] != '/' && strcmp(name, ".") != 0 && strcmp(name, "./") != 0 &&
	       strcmp(name, "..") != 0 && strcmp(name, "../") != 0;
}

/* A name in a directory, or what only the kernel can tell the name of. 0 or errno. */
static int find_path(const struct caller *c, struct place *p)
{
	bool in_parent = p->parent >= 0 && is_name(p->name);
	ssize_t n = name_of(in_parent ? p->parent : p->object, p->path, PATH_MAX);
	size_t len = strcspn(p->name, "/");

	if (n < 0)
		return n == -ENAMETOOLONG ? deep_find(p, in_parent, c->deep) : (int)-n;
	if (!in_parent) {
		p->nameless = p->path[0] != '/';
		strip_deleted(p, (size_t)n);
		return 0;
	}
	if (p->object < 0 && is_dead(p))
		return ENOENT;
	n -= n == 1; /* "/" */
	p->path[n] = '/';
	memcpy(p->path + n + 1, p->name, len);
	p->path[(size_t)n + 1 + len] = 0;
	return 0;
}

/* How the caller may call what it has in /proc. */
static void note_proc(const struct caller *c, struct place *p)
{
	pid_t pid = own_pid_in(p->path);
	const char *tail;

	if (!pid)
		return;
	p->own = own_is(c, pid);
	p->foreign = !own_may_look(c, pid);
	tail = strchr(p->path + 6, '/');
	if (p->own)
		snprintf(p->alias, sizeof p->alias, "/proc/self%s", tail ? tail : "");
}

/* The caller's spelling, if none of the links it used can be changed by those who are governed. */
static void note_alias(const struct walk *w, struct place *p)
{
	char cwd[PATH_MAX] = "/";
	AUTO_FD base = -1;

	note_proc(w->c, p);
	if (p->alias[0] || !w->linked || !w->trusted || has_dots(w->r->path))
		return;
	if (w->r->path[0] != '/') {
		base = open_base(w->c, w->r->dirfd);
		if (base < 0 || name_of(base, cwd, sizeof cwd) < 0)
			return;
	}
	if (!path_join(cwd, w->r->path, p->alias, sizeof p->alias) || !strcmp(p->alias, p->path))
		p->alias[0] = 0;
}

static int finish(const struct walk *w, struct place *p)
{
	int rc;

	if (p->object >= 0 && fstat(p->object, &p->st) < 0)
		return errno;
	if (p->slash && w->r->flags & PLACE_MISS && is_name(p->name))
		return EISDIR;
	if (p->object >= 0 && p->slash && !(w->r->flags & PLACE_NAME) && !S_ISDIR(p->st.st_mode))
		return ENOTDIR;
	rc = find_path(w->c, p);
	/* In a directory that was removed there is nothing. A call about two names may fail by the other. */
	if (rc == ENOENT && w->r->flags & PLACE_NAME) {
		p->nameless = true;
		return 0;
	}
	if (!rc)
		note_alias(w, p);
	return rc;
}

static int start(struct walk *w, struct place *out)
{
	const char *path = w->r->path;
	bool absolute = path[0] == '/', scoped = w->r->resolve & SCOPED;

	if (absolute && w->r->resolve & RESOLVE_BENEATH)
		return EXDEV;
	w->root = w->c->root;
	w->rooted = absolute || scoped;
	w->dir = absolute && !(w->r->resolve & RESOLVE_IN_ROOT) ? open_root(w) : open_base(w->c, w->r->dirfd);
	if (w->dir < 0)
		return -w->dir;
	if (!*path) {
		out->object = w->dir;
		w->dir = -1;
		return 0;
	}
	if (scoped) {
		w->root = dup_fd(w->dir);
		if (w->root < 0)
			return errno;
	}
	buf_str(&w->text, path);
	return w->text.failed ? ENOMEM : walk(w, out);
}

int resolve_place(const struct caller *c, const struct place_request *r, struct place *out)
{
	struct walk w = { .c = c, .r = r, .dir = -1, .root = -1, .trusted = true };
	int rc;

	resolve_clear(out);
	if (strlen(r->path) >= PATH_MAX)
		return ENAMETOOLONG;
	if (!*r->path && !(r->flags & PLACE_EMPTY))
		return ENOENT;
	rc = start(&w, out);
	if (!rc)
		rc = finish(&w, out);
	if (w.root != c->root)
		fd_close(&w.root);
	fd_close(&w.dir);
	buf_release(&w.text);
	if (rc)
		resolve_release(out);
	return rc;
}

void resolve_clear(struct place *p)
{
	p->parent = p->object = -1;
	p->name[0] = p->path[0] = p->alias[0] = 0;
	p->slash = p->nameless = p->foreign = p->own = false;
	p->deep = NULL;
	p->st = (struct stat){ 0 };
	p->born = (struct timespec){ 0 };
}

void resolve_release(struct place *p)
{
	fd_close(&p->parent);
	fd_close(&p->object);
	free(p->deep);
	p->deep = NULL;
}
