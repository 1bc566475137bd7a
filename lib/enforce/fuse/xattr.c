#include "enforce/fuse/impl.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/xattr.h>

/* These calls know no directories. */
struct by_path {
	struct reach reach;
	bool follow; /* our own link to it */
	char text[NAME_MAX + 40];
};

static void by_path_end(struct by_path *p)
{
	node_reached(&p->reach);
}

static int path_of(struct view *v, fuse_req_t req, fuse_ino_t ino, struct by_path *out)
{
	const struct place *at = &out->reach.at;

	if (node_reach(v, req, node_from(v, ino), &out->reach) < 0)
		return -1;
	out->follow = !*at->name;
	snprintf(out->text, sizeof out->text, "/proc/self/fd/%d%s%s", at->dirfd, *at->name ? "/" : "",
	         at->name);
	ids_as_caller(v, req);
	return 0;
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
	/* The kernel asks before the first write, and before each change of the owner. */
	const bool known = node_from(v, ino)->bare && !strcmp(name, "security.capability");
	char *value = size ? malloc(size) : NULL;
	AUTO_PATH p = { .reach.fd = -1 };
	ssize_t len = -1;

	if (known) {
		errno = ENODATA;
	} else if ((value || !size) && path_of(v, req, ino, &p) == 0) {
		do
			len = p.follow ? getxattr(p.text, name, value, size)
			               : lgetxattr(p.text, name, value, size);
		while (len < 0 && ids_again(v, req));
	}
	answer(req, value, len, size);
	free(value);
}

void xattr_list(fuse_req_t req, fuse_ino_t ino, size_t size)
{
	struct view *v = view_of(req);
	char *value = size ? malloc(size) : NULL;
	AUTO_PATH p = { .reach.fd = -1 };
	ssize_t len = -1;

	if ((value || !size) && path_of(v, req, ino, &p) == 0)
		len = p.follow ? listxattr(p.text, value, size) : llistxattr(p.text, value, size);
	answer(req, value, len, size);
	free(value);
}

struct wish {
	const char *name, *value; /* value NULL: it is to go */
	size_t size;
	int flags;
};

static int grant(const char *path, bool follow, const struct wish *w)
{
	if (!w->value)
		return follow ? removexattr(path, w->name) : lremovexattr(path, w->name);
	return follow ? setxattr(path, w->name, w->value, w->size, w->flags)
	              : lsetxattr(path, w->name, w->value, w->size, w->flags);
}

static void change(fuse_req_t req, fuse_ino_t ino, const struct wish *w)
{
	struct view *v = view_of(req);
	struct node *n = node_from(v, ino);
	struct change c = { .began = false };
	int rc = -1, why = view_begin(req, &c, VIEW_TOUCH, n, NULL);
	AUTO_PATH p = { .reach.fd = -1 };

	n->bare = false;
	if (!why && path_of(v, req, ino, &p) == 0) {
		do
			rc = grant(p.text, p.follow, w);
		while (rc < 0 && ids_again(v, req));
	}
	why = why ? why : rc < 0 ? errno : 0;
	view_end(req, &c, !why);
	fuse_reply_err(req, why);
}

void xattr_set(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t size, int flags)
{
	change(req, ino, &(struct wish){ name, value ? value : "", size, flags });
}

void xattr_remove(fuse_req_t req, fuse_ino_t ino, const char *name)
{
	change(req, ino, &(struct wish){ .name = name });
}
