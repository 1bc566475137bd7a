#include "enforce/fuse/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

/* A name's stat, with our own ids where the last ones do not reach. */
static int stat_at(struct view *v, int dirfd, const char *text, struct stat *st)
{
	int rc = fstatat(dirfd, text, st, AT_SYMLINK_NOFOLLOW);

	if (rc < 0 && errno == EACCES && v->as_root) {
		ids_as_self(v);
		rc = fstatat(dirfd, text, st, AT_SYMLINK_NOFOLLOW);
	}
	return rc;
}

static void answer_nothing(fuse_req_t req, struct view *v)
{
	struct fuse_entry_param none = { .entry_timeout = v->keep };

	fuse_reply_entry(req, &none);
}

void look_lookup(fuse_req_t req, fuse_ino_t parent, const char *text)
{
	struct view *v = view_of(req);
	struct node *dir = node_from(v, parent), *n;
	struct stat st;
	int dirfd = node_dirfd(v, dir);

	if (view_hides(v, dir, text)) {
		answer_nothing(req, v);
		return;
	}
	if (dirfd < 0 || stat_at(v, dirfd, text, &st) < 0) {
		if (dirfd >= 0 && errno == ENOENT)
			answer_nothing(req, v);
		else
			view_errno(req);
		return;
	}
	n = node_seen(v, dir, text, &st);
	if (n)
		view_answer(req, n, &st);
	else
		fuse_reply_err(req, EIO);
}

void look_answer(fuse_req_t req, struct node *parent, const char *text)
{
	struct view *v = view_of(req);
	struct stat st;
	struct node *n;
	int dirfd = node_dirfd(v, parent);

	if (dirfd < 0 || stat_at(v, dirfd, text, &st) < 0) {
		view_errno(req);
		return;
	}
	n = node_seen(v, parent, text, &st);
	if (n)
		view_answer(req, n, &st);
	else
		fuse_reply_err(req, ENOMEM);
}

void look_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);
	struct stat st;
	int rc = fi && data_fd(fi) >= 0 ? fstat(data_fd(fi), &st) : node_stat(v, n, &st);

	if (rc < 0)
		view_errno(req);
	else
		fuse_reply_attr(req, &st, view_keeps(v, n));
}

void look_readlink(fuse_req_t req, fuse_ino_t ino)
{
	struct view *v = view_of(req);
	char text[PATH_MAX + 1];
	struct place p;
	ssize_t len;

	if (node_place(v, node_from(v, ino), &p) < 0) {
		view_errno(req);
		return;
	}
	len = readlinkat(p.dirfd, p.name, text, sizeof text);
	if (len < 0 && errno == EACCES && v->as_root) {
		ids_as_self(v);
		len = readlinkat(p.dirfd, p.name, text, sizeof text);
	}
	if (len < 0 || len == sizeof text) {
		fuse_reply_err(req, len < 0 ? errno : ENAMETOOLONG);
		return;
	}
	text[len] = '\0';
	fuse_reply_readlink(req, text);
}

void look_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct view *v = view_of(req);
	struct statvfs fs;

	(void)ino;
	if (fstatvfs(v->root.fd, &fs) < 0)
		view_errno(req);
	else
		fuse_reply_statfs(req, &fs);
}

void look_forget(fuse_req_t req, fuse_ino_t ino, uint64_t lookups)
{
	struct view *v = view_of(req);

	node_forget(v, node_from(v, ino), lookups);
	fuse_reply_none(req);
}

void look_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *forgets)
{
	struct view *v = view_of(req);

	for (size_t i = 0; i < n; i++)
		node_forget(v, node_from(v, forgets[i].ino), forgets[i].nlookup);
	fuse_reply_none(req);
}
