#include "enforce/fuse/impl.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* What the caller asked for, without what is done by the kernel above us or not to be done again. */
enum { NOT_OURS = O_CREAT | O_EXCL | O_NOCTTY | O_APPEND | O_CLOEXEC | O_DIRECT };

/* Give its data to the kernel, by a descriptor without rights of its own: one for writing would keep the file
 * from being executed. */
static bool give_backing(struct view *v, struct node *n, int path_fd)
{
	struct fuse_backing_map map = { .fd = path_fd };

	if (!n->backing && path_fd >= 0)
		n->backing = ioctl(v->o.device, FUSE_DEV_IOC_BACKING_OPEN, &map);
	if (n->backing < 0) {
		n->backing = 0;
		/* No right, or a file system that cannot do it: no other file can. */
		if (errno == EPERM || errno == ELOOP || errno == EOPNOTSUPP)
			v->passthrough = false;
	}
	return n->backing > 0;
}

static bool has_backing(struct view *v, struct node *n)
{
	AUTO_FD fd = -1;

	if (!v->passthrough || n->backing || n->open)
		return n->backing;
	if (n->gone)
		return give_backing(v, n, n->fd);
	fd = node_open(v, n, O_PATH);
	return fd >= 0 && give_backing(v, n, fd);
}

static bool is_mappable(const struct fuse_file_info *fi)
{
	return data_fd(fi) < 0 && (fi->flags & O_ACCMODE) == O_RDWR;
}

/* Of a file that may be written through a mapping, nobody tells when its times change. */
static void note_mappable(struct view *v, struct node *n, const struct fuse_file_info *fi)
{
	if (is_mappable(fi) && !n->mappable++ && n->lookups)
		fuse_lowlevel_notify_inval_inode(v->session, (fuse_ino_t)(uintptr_t)n, -1, 0);
}

/* Data through us: `fd` is ours from now on. */
static void keep_fd(struct view *v, struct node *n, struct fuse_file_info *fi, int fd)
{
	n->users++;
	fi->fh = (uint64_t)fd + 1;
	fi->keep_cache = 1;
	n->open++;
	n->mapped += (fi->flags & O_ACCMODE) == O_RDWR;
	/* A user who closes a directory to himself can still use what he has open in it. */
	if (!v->as_root && n->open_fd < 0)
		n->open_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
}

/* The end of one that was opened. */
static void close_file(struct view *v, struct node *n, const struct fuse_file_info *fi)
{
	int fd = data_fd(fi);

	if (!--n->users)
		node_unmade(v, n);
	if (is_mappable(fi) && !--n->mappable)
		n->mappable_ns = clock_mono_ns();
	if (fd < 0)
		return;
	n->mapped -= (fi->flags & O_ACCMODE) == O_RDWR;
	if (!--n->open)
		fd_close(&n->open_fd);
	fd_close(&fd);
}

static void pass(struct view *v, struct node *n, struct fuse_file_info *fi)
{
	n->users++;
	fi->fh = 0;
	fi->backing_id = n->backing;
	note_mappable(v, n, fi);
}

/* What an open changes: what is in the file, by being opened and by what is written later. */
struct opening {
	struct change cut, write;
};

static int judge_open(fuse_req_t req, struct opening *o, struct node *n, int flags)
{
	int why = 0, access = flags & O_ACCMODE;

	o->cut.began = o->write.began = false;
	if (access != O_WRONLY)
		why = view_judge(req, VIEW_READ, n);
	if (!why && access != O_RDONLY)
		why = view_begin(req, &o->write, VIEW_WRITE, n, NULL);
	if (!why && flags & O_TRUNC)
		why = view_begin(req, &o->cut, VIEW_TRUNCATE, n, NULL);
	return why;
}

static void answer_opened(fuse_req_t req, struct opening *o, struct node *n, struct fuse_file_info *fi,
                          int why)
{
	view_end(req, &o->cut, !why);
	view_end(req, &o->write, !why);
	if (why) {
		fuse_reply_err(req, why);
	} else if (fuse_reply_open(req, fi) == -ENOENT) {
		close_file(view_of(req), n, fi); /* who asked was ended, and nothing will be released */
	}
}

/* A root that may not keep set-id bits of what he writes is not known by his ids. */
static void drop_set_ids(int fd, const struct fuse_file_info *fi)
{
	struct stat st;

	if (fi->kill_suidgid && fstat(fd, &st) == 0 && st.st_mode & (S_ISUID | S_ISGID))
		fchmod(fd, st.st_mode & (st.st_mode & S_IXGRP ? 01777 : 03777));
}

static int truncate_now(struct view *v, struct node *n, const struct fuse_file_info *fi)
{
	AUTO_FD fd = node_open(v, n, O_WRONLY | O_TRUNC);

	if (fd < 0)
		return -1;
	drop_set_ids(fd, fi);
	return 0;
}

void open_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);
	struct opening o;
	int fd, why = judge_open(req, &o, n, fi->flags);

	fi->noflush = 1;
	if (!why && has_backing(v, n)) {
		ids_as_caller(v, req);
		if (fi->flags & O_TRUNC && truncate_now(v, n, fi) < 0)
			why = errno;
		else
			pass(v, n, fi);
	} else if (!why) {
		ids_as_caller(v, req);
		fd = node_open(v, n, fi->flags & ~NOT_OURS);
		if (fd < 0) {
			why = errno;
		} else {
			if (fi->flags & O_TRUNC)
				drop_set_ids(fd, fi);
			keep_fd(v, n, fi, fd);
		}
	}
	answer_opened(req, &o, n, fi, why);
}

/* Make it, if it is not there. Its O_PATH descriptor, or one with the rights that were asked for; or -1.
 * `*made`: it was not there. */
static int create(fuse_req_t req, int dirfd, const char *text, mode_t mode, int flags, bool *made)
{
	struct view *v = view_of(req);
	int fd, asked = flags;

	/* What is there after all is to be opened, by rules of its own: the kernel looks again then. */
	if (v->o.judge)
		flags |= O_EXCL;
	if (!v->passthrough) {
		do
			fd = openat(dirfd, text,
			            (flags & ~(NOT_OURS & ~(O_CREAT | O_EXCL))) | O_CREAT | O_NOFOLLOW |
			                    O_CLOEXEC,
			            mode);
		while (fd < 0 && ids_again(v, req));
		if (fd < 0 && errno == EEXIST && !(asked & O_EXCL))
			errno = ESTALE;
		*made = fd >= 0 && flags & O_EXCL;
		return fd;
	}
	/* For reading only: who could write would keep it from being executed. */
	do
		fd = openat(dirfd, text, O_CREAT | O_EXCL | O_RDONLY | O_NOFOLLOW | O_CLOEXEC, mode);
	while (fd < 0 && ids_again(v, req));
	*made = fd >= 0;
	if (fd >= 0 || errno != EEXIST || asked & O_EXCL)
		return fd;
	if (v->o.judge) {
		errno = ESTALE;
		return -1;
	}
	return openat(dirfd, text, O_PATH | O_NOFOLLOW | O_CLOEXEC);
}

static void answer_open(fuse_req_t req, struct node *n, const struct stat *st, struct fuse_file_info *fi)
{
	struct view *v = view_of(req);
	struct fuse_entry_param e;

	view_entry(v, n, st, &e);
	n->lookups++;
	if (fuse_reply_create(req, &e, fi) == -ENOENT) {
		close_file(view_of(req), n, fi);
		node_forget(v, n, 1);
	}
}

/* What was made, or found, by `fd`, which is taken. */
static void created(fuse_req_t req, struct node *n, const struct stat *st, struct fuse_file_info *fi, int fd)
{
	struct view *v = view_of(req);
	bool expected = v->passthrough;
	char path[40];
	int data;

	if (expected && give_backing(v, n, fd)) {
		if (!n->gone)
			node_made(v, n, fd);
		pass(v, n, fi);
		answer_open(req, n, st, fi);
		return;
	}
	/* Where a backing was expected it has not the rights that were asked for. */
	if (expected) {
		snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
		data = open(path, (fi->flags & ~(NOT_OURS | O_TRUNC)) | O_CLOEXEC);
		if (!n->gone)
			fd_close(&fd);
		fd = data;
	}
	if (fd < 0) {
		view_errno(req);
		node_forget(v, n, 0);
		return;
	}
	keep_fd(v, n, fi, fd);
	answer_open(req, n, st, fi);
}

void open_create(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode, struct fuse_file_info *fi)
{
	struct view *v = view_of(req);
	struct node *n, *dir = node_from(v, parent);
	struct change c = { .began = false };
	int fd, dirfd, why = view_hides(v, dir, text) ? EACCES : view_begin(req, &c, VIEW_CREATE, dir, text);
	struct stat st = { 0 };
	bool made = false;

	fi->noflush = 1;
	dirfd = why ? -1 : node_dirfd(v, dir);
	if (dirfd < 0) {
		why = why ? why : errno;
		view_end(req, &c, false);
		fuse_reply_err(req, why);
		return;
	}
	ids_as_caller(v, req);
	fd = create(req, dirfd, text, mode, fi->flags, &made);
	why = fd < 0 || fstat(fd, &st) < 0 ? errno : 0;
	view_end(req, &c, !why);
	if (why) {
		fuse_reply_err(req, why);
		fd_close(&fd);
		return;
	}
	n = S_ISREG(st.st_mode) ? node_seen(v, dir, text, &st) : NULL;
	if (!n) {
		fuse_reply_err(req, EIO);
		fd_close(&fd);
		return;
	}
	n->bare = made;
	if (v->passthrough && fi->flags & O_TRUNC && st.st_size && truncate_now(v, n, fi) < 0) {
		view_errno(req);
		fd_close(&fd);
		node_forget(v, n, 0);
		return;
	}
	created(req, n, &st, fi, fd);
}

void open_tmpfile(fuse_req_t req, fuse_ino_t parent, mode_t mode, struct fuse_file_info *fi)
{
	struct view *v = view_of(req);
	struct node *n, *dir = node_from(v, parent);
	struct change c = { .began = false };
	/* In a directory that is removed it cannot get a name there. */
	int fd = -1, hold, why = dir->gone ? 0 : view_begin(req, &c, VIEW_CREATE, dir, "x");
	struct stat st;
	char path[40];

	fi->noflush = 1;
	ids_as_caller(v, req);
	if (!why)
		do
			fd = node_open_mode(v, dir, O_TMPFILE | O_RDWR | (fi->flags & O_EXCL), mode);
		while (fd < 0 && ids_again(v, req));
	why = why ? why : fd < 0 || fstat(fd, &st) < 0 ? errno : 0;
	view_end(req, &c, false); /* it has no name yet that could be removed */
	if (why) {
		fuse_reply_err(req, why);
		fd_close(&fd);
		return;
	}
	/* Held by a descriptor without rights, as others are. */
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	hold = open(path, O_PATH | O_CLOEXEC);
	n = hold < 0 ? NULL : node_nameless(v, hold, &st);
	if (!n) {
		fuse_reply_err(req, ENOMEM);
		fd_close(&fd);
		return;
	}
	if (v->passthrough && give_backing(v, n, hold)) {
		fd_close(&fd);
		pass(v, n, fi);
	} else {
		keep_fd(v, n, fi, fd);
	}
	answer_open(req, n, &st, fi);
}

void open_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);

	fuse_reply_err(req, 0);
	close_file(v, n, fi);
}
