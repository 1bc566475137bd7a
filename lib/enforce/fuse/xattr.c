#include "enforce/fuse/impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/xattr.h>

/* A path for calls that know no directories; `follow`: what it leads to is meant, through our own link. */
struct by_path {
	char text[NAME_MAX + 40];
	bool follow;
};

static int path_of(struct view *v, struct node *n, struct by_path *out)
{
	struct place p;

	if (node_place(v, n, &p) < 0)
		return -1;
	out->follow = !*p.name;
	snprintf(out->text, sizeof out->text, "/proc/self/fd/%d%s%s", p.dirfd, *p.name ? "/" : "", p.name);
	return 0;
}

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
	struct by_path p;
	ssize_t len = -1;

	/* trusted.* is answered by capability, which is ours and not the caller's: as it is. */
	ids_as_caller(v, req);
	if ((value || !size) && path_of(v, node_from(v, ino), &p) == 0)
		do
			len = p.follow ? getxattr(p.text, name, value, size)
			               : lgetxattr(p.text, name, value, size);
		while (len < 0 && ids_again(v, req));
	answer(req, value, len, size);
	free(value);
}

void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct view *v = view_of(req);
	char *value = size ? malloc(size) : NULL;
	struct by_path p;
	ssize_t len = -1;

	if ((value || !size) && path_of(v, node_from(v, ino), &p) == 0)
		len = p.follow ? listxattr(p.text, value, size) : llistxattr(p.text, value, size);
	answer(req, value, len, size);
	free(value);
}

void xattr_set(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);
	int rc = -1, why = view_judge(req, VIEW_TOUCH, n, NULL);
	struct by_path p;

	ids_as_caller(v, req);
	if (!why && path_of(v, n, &p) == 0)
		do
			rc = p.follow ? setxattr(p.text, name, value, size, flags)
			              : lsetxattr(p.text, name, value, size, flags);
		while (rc < 0 && ids_again(v, req));
	fuse_reply_err(req, why ? why : rc < 0 ? errno : 0);
}

void xattr_remove(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);
	int rc = -1, why = view_judge(req, VIEW_TOUCH, n, NULL);
	struct by_path p;

	ids_as_caller(v, req);
	if (!why && path_of(v, n, &p) == 0)
		do
			rc = p.follow ? removexattr(p.text, name) : lremovexattr(p.text, name);
		while (rc < 0 && ids_again(v, req));
	fuse_reply_err(req, why ? why : rc < 0 ? errno : 0);
}
