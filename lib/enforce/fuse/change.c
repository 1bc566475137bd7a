#include "enforce/fuse/impl.h"

#include "base/fd.h"
#include "sys/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

/* A new name. The directory, or -1 and the request is answered. */
static int new_name(fuse_req_t req, struct change *c, struct node *dir, const char *text, enum view_kind kind)
{
	struct view *v = view_of(req);
	int why = view_hides(v, dir, text) ? EACCES : view_begin(req, c, kind, dir, text);
	int dirfd = why ? -1 : node_dirfd(v, dir);

	if (dirfd < 0) {
		fuse_reply_err(req, why ? why : errno);
		return -1;
	}
	ids_as_caller(v, req);
	return dirfd;
}

static void answer_made(fuse_req_t req, struct change *c, int rc, struct node *dir, const char *text)
{
	int why = errno;

	view_end(req, c, rc == 0);
	if (rc < 0)
		fuse_reply_err(req, why);
	else
		look_answer(req, dir, text);
}

void change_mkdir(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode)
{
	struct view *v = view_of(req);
	struct node *dir = node_from(v, parent);
	struct change c = { .began = false };
	int rc, dirfd = new_name(req, &c, dir, text, VIEW_MKDIR);

	if (dirfd < 0)
		return;
	do
		rc = mkdirat(dirfd, text, mode);
	while (rc < 0 && ids_again(v, req));
	answer_made(req, &c, rc, dir, text);
}

void change_mknod(fuse_req_t req, fuse_ino_t parent, const char *text, mode_t mode, dev_t device)
{
	struct view *v = view_of(req);
	struct node *dir = node_from(v, parent);
	struct change c = { .began = false };
	int rc, dirfd = new_name(req, &c, dir, text, VIEW_CREATE);

	if (dirfd < 0)
		return;
	do
		rc = mknodat(dirfd, text, mode, device);
	while (rc < 0 && ids_again(v, req));
	answer_made(req, &c, rc, dir, text);
}

void change_symlink(fuse_req_t req, const char *to, fuse_ino_t parent, const char *text)
{
	struct view *v = view_of(req);
	struct node *dir = node_from(v, parent);
	struct change c = { .began = false };
	int rc, dirfd = new_name(req, &c, dir, text, VIEW_SYMLINK);

	if (dirfd < 0)
		return;
	do
		rc = symlinkat(to, dirfd, text);
	while (rc < 0 && ids_again(v, req));
	answer_made(req, &c, rc, dir, text);
}

static int link_to(struct view *v, struct node *n, int dirfd, const char *text)
{
	char path[40];
	struct place p;

	if (node_place(v, n, &p) < 0)
		return -1;
	if (*p.name)
		return linkat(p.dirfd, p.name, dirfd, text, 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", p.dirfd);
	return linkat(AT_FDCWD, path, dirfd, text, AT_SYMLINK_FOLLOW);
}

void change_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *text)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino), *dir = node_from(v, parent);
	const struct move m = { .from = n, .to = dir, .to_text = text };
	struct change c = { .began = false };
	int rc, dirfd, why;

	if (view_hides(v, dir, text))
		why = EACCES;
	else if (n->gone)
		why = view_begin(req, &c, VIEW_NAME, dir, text);
	else
		why = view_begin_move(req, &c, VIEW_LINK, &m);
	dirfd = why ? -1 : node_dirfd(v, dir);
	if (dirfd < 0) {
		fuse_reply_err(req, why ? why : errno);
		return;
	}
	/* With our own ids: the caller's rights to the file were looked at when it was found, and what it may
	 * link is the kernel's to say (protected_hardlinks), which it did. */
	ids_as_self(v);
	rc = link_to(v, n, dirfd, text);
	answer_made(req, &c, rc, dir, text);
}

static void remove_name(fuse_req_t req, fuse_ino_t parent, const char *text, int flags)
{
	struct view *v = view_of(req);
	struct node *dir = node_from(v, parent);
	struct change c = { .began = false };
	int rc = 0, why = 0, dirfd = node_dirfd(v, dir);

	if (view_hides(v, dir, text))
		why = ENOENT;
	else if (dirfd < 0)
		why = errno;
	if (!why) {
		node_keep_hold(v, dir, text);
		why = view_begin(req, &c, flags ? VIEW_RMDIR : VIEW_DELETE, dir, text);
	}
	if (!why && !(c.began && c.act.done)) {
		ids_as_caller(v, req);
		do
			rc = unlinkat(dirfd, text, flags);
		while (rc < 0 && ids_again(v, req));
		why = rc < 0 ? errno : 0;
	}
	view_end(req, &c, !why);
	fuse_reply_err(req, why);
	if (!why)
		node_unnamed(v, dir, text);
}

void change_unlink(fuse_req_t req, fuse_ino_t parent, const char *text)
{
	remove_name(req, parent, text, 0);
}

void change_rmdir(fuse_req_t req, fuse_ino_t parent, const char *text)
{
	remove_name(req, parent, text, AT_REMOVEDIR);
}

/* What the kernel moved under its other name. */
static void moved(struct view *v, struct node *from, const char *text, struct node *to, const char *to_text,
                  unsigned flags)
{
	struct name *old = name_find(v, from, text), *taken = name_find(v, to, to_text);
	struct node *n = old ? old->node : NULL, *other = taken ? taken->node : NULL;

	if (n)
		n->held++;
	if (other)
		other->held++;
	if (other != n)
		node_unnamed(v, to, to_text);
	node_unnamed(v, from, text);
	if (n)
		name_set(v, to, to_text, n);
	if (other && flags & RENAME_BOTH)
		name_set(v, from, text, other);
	if (n) {
		n->held--;
		node_forget(v, n, 0);
	}
	if (other) {
		other->held--;
		node_forget(v, other, 0);
	}
}

void change_rename(fuse_req_t req, fuse_ino_t from, const char *text, fuse_ino_t to, const char *to_text,
                   unsigned flags)
{
	struct view *v = view_of(req);
	struct node *dir = node_from(v, from), *to_dir = node_from(v, to);
	const struct move m = { dir, to_dir, text, to_text, flags & RENAME_BOTH };
	struct change c = { .began = false };
	int rc, why = 0;

	/* One is opened while the other must stay open. */
	if (view_hides(v, dir, text) || view_hides(v, to_dir, to_text))
		why = EACCES;
	else if (node_dirfd(v, dir) < 0 || node_dirfd(v, to_dir) < 0)
		why = errno;
	else
		why = view_begin_move(req, &c, VIEW_RENAME, &m);
	if (!why) {
		if (!(flags & RENAME_BOTH))
			node_keep_hold(v, to_dir, to_text);
		ids_as_caller(v, req);
		do
			rc = rename_how(node_dirfd(v, dir), text, node_dirfd(v, to_dir), to_text, flags);
		while (rc < 0 && ids_again(v, req));
		why = rc < 0 ? errno : 0;
	}
	view_end(req, &c, !why);
	fuse_reply_err(req, why);
	if (!why)
		moved(v, dir, text, to_dir, to_text, flags);
}

static int set_mode(const struct place *p, mode_t mode)
{
	if (*p->name)
		return fchmodat(p->dirfd, p->name, mode, AT_SYMLINK_NOFOLLOW);
	return fchmod(p->dirfd, mode); /* which musl does by its path in /proc where it is O_PATH */
}

static int set_size(fuse_req_t req, struct node *n, off_t size, const struct fuse_file_info *fi)
{
	struct view *v = view_of(req);
	AUTO_FD fd = -1;

	if (fi && data_fd(fi) >= 0)
		return ftruncate(data_fd(fi), size);
	/* The caller may have a descriptor for writing and no right to get another one. */
	fd = node_open(v, n, O_WRONLY);
	ids_as_caller(v, req);
	return fd < 0 ? -1 : ftruncate(fd, size);
}

static struct timespec time_of(int what, int set, int now, struct timespec given)
{
	if (what & now)
		given.tv_nsec = UTIME_NOW;
	else if (!(what & set))
		given.tv_nsec = UTIME_OMIT;
	return given;
}

enum {
	SETTABLE_TIMES =
	        FUSE_SET_ATTR_ATIME | FUSE_SET_ATTR_MTIME | FUSE_SET_ATTR_ATIME_NOW | FUSE_SET_ATTR_MTIME_NOW,
	SETTABLE = SETTABLE_TIMES | FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID |
	           FUSE_SET_ATTR_SIZE
};

static int set_attributes(fuse_req_t req, struct node *n, const struct place *p, const struct stat *st,
                          int what, const struct fuse_file_info *fi)
{
	struct timespec times[2] = {
		time_of(what, FUSE_SET_ATTR_ATIME, FUSE_SET_ATTR_ATIME_NOW, st->st_atim),
		time_of(what, FUSE_SET_ATTR_MTIME, FUSE_SET_ATTR_MTIME_NOW, st->st_mtim),
	};

	/* Nothing at all is a chown that changes neither: it takes set-id bits away. */
	if ((!(what & SETTABLE) || what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID)) &&
	    fchownat(p->dirfd, p->name, what & FUSE_SET_ATTR_UID ? st->st_uid : (uid_t)-1,
	             what & FUSE_SET_ATTR_GID ? st->st_gid : (gid_t)-1, p->flags) < 0)
		return -1;
	/* After the owner, whose change takes set-id bits away. */
	if (what & FUSE_SET_ATTR_MODE && set_mode(p, st->st_mode & 07777) < 0)
		return -1;
	if (what & FUSE_SET_ATTR_SIZE && set_size(req, n, st->st_size, fi) < 0)
		return -1;
	if (!(what & SETTABLE_TIMES))
		return 0;
	return utimensat(p->dirfd, p->name, times, p->flags);
}

static enum view_kind kind_of(int what)
{
	if (what & FUSE_SET_ATTR_SIZE)
		return VIEW_TRUNCATE;
	if (what & (FUSE_SET_ATTR_UID | FUSE_SET_ATTR_GID))
		return VIEW_CHOWN;
	if (what & FUSE_SET_ATTR_MODE || !(what & SETTABLE))
		return VIEW_CHMOD;
	return VIEW_TOUCH;
}

void change_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int what, struct fuse_file_info *fi)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);
	struct change c = { .began = false };
	struct stat now;
	/* Who has a descriptor for writing may truncate: that was judged when it was opened. */
	int rc, why = what & FUSE_SET_ATTR_SIZE && fi ? 0 : view_begin(req, &c, kind_of(what), n, NULL);
	AUTO_REACH r = { .fd = -1 };

	if (why || node_reach(v, req, n, &r) < 0) {
		why = why ? why : errno;
		view_end(req, &c, false);
		fuse_reply_err(req, why);
		return;
	}
	if (!v->as_root && what & FUSE_SET_ATTR_MODE && n->type == S_IFDIR && !(st->st_mode & S_IXUSR))
		node_hold_inside(v, n);
	ids_as_caller(v, req);
	do
		rc = set_attributes(req, n, &r.at, st, what, fi);
	while (rc < 0 && ids_again(v, req));
	why = rc < 0 ? errno : 0;
	view_end(req, &c, !why);
	if (!why && fstatat(r.at.dirfd, r.at.name, &now, r.at.flags) < 0)
		why = errno;
	if (why)
		fuse_reply_err(req, why);
	else
		fuse_reply_attr(req, &now, view_keeps(v, n));
}
