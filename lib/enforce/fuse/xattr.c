#include "enforce/fuse/impl.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>

/* By descriptor: these calls know no directories, and that the caller cannot reach a file by its name any
 * more is no reason to refuse him what he has. Kept in `fd`. */
struct by_path {
	int fd;
	char text[40];
};

static void by_path_end(struct by_path *p)
{
	fd_close(&p->fd);
}

static int path_of(struct view *v, struct node *n, struct by_path *out)
{
	out->fd = node_open(v, n, O_PATH);
	snprintf(out->text, sizeof out->text, "/proc/self/fd/%d", out->fd);
	return out->fd < 0 ? -1 : 0;
}

#define AUTO_PATH __attribute__((cleanup(by_path_end))) struct by_path

static void answer(fuse_req_t req, const char *value, ssize_t len, size_t size)
{
	if (len < 0)
		view_errno(req);
	else if (size)
		fuse_reply_buf(req, value, (size_t)len);
	else
		fuse_reply_xattr(req, (size_t)len);
}

void xattr_get(fuse_req_t req, fuse_ino_t ino, const char *name, size_t size)
{
	struct view *v = view_of(req);
	char *value = size ? malloc(size) : NULL;
	AUTO_PATH p = { -1, "" };
	ssize_t len = -1;

	if ((value || !size) && path_of(v, node_from(v, ino), &p) == 0) {
		ids_as_caller(v, req);
		do
			len = getxattr(p.text, name, value, size);
		while (len < 0 && ids_again(v, req));
	}
	answer(req, value, len, size);
	free(value);
}

void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct view *v = view_of(req);
	char *value = size ? malloc(size) : NULL;
	AUTO_PATH p = { -1, "" };
	ssize_t len = -1;

	if ((value || !size) && path_of(v, node_from(v, ino), &p) == 0)
		len = listxattr(p.text, value, size);
	answer(req, value, len, size);
	free(value);
}

void xattr_set(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);
	int rc = -1, why = view_judge(req, VIEW_TOUCH, n, NULL);
	AUTO_PATH p = { -1, "" };

	if (!why && path_of(v, n, &p) == 0) {
		ids_as_caller(v, req);
		do
			rc = setxattr(p.text, name, value, size, flags);
		while (rc < 0 && ids_again(v, req));
	}
	fuse_reply_err(req, why ? why : rc < 0 ? errno : 0);
}

void xattr_remove(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);
	int rc = -1, why = view_judge(req, VIEW_TOUCH, n, NULL);
	AUTO_PATH p = { -1, "" };

	if (!why && path_of(v, n, &p) == 0) {
		ids_as_caller(v, req);
		do
			rc = removexattr(p.text, name);
		while (rc < 0 && ids_again(v, req));
	}
	fuse_reply_err(req, why ? why : rc < 0 ? errno : 0);
}
