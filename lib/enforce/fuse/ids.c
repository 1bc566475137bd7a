#include "enforce/fuse/impl.h"

#include <errno.h>
#include <grp.h>
#include <sys/fsuid.h>

static void take_on(struct view *v, uid_t uid, gid_t gid)
{
	if (v->ids.groups) {
		setgroups(0, NULL);
		v->ids.groups = false;
	}
	if (v->ids.uid == uid && v->ids.gid == gid)
		return;
	setfsgid(gid);
	setfsuid(uid);
	v->ids.uid = uid;
	v->ids.gid = gid;
}

void ids_as_caller(struct view *v, fuse_req_t req)
{
	const struct fuse_ctx *who = fuse_req_ctx(req);

	if (v->ids.mask != who->umask) {
		umask(who->umask);
		v->ids.mask = who->umask;
	}
	if (v->as_root)
		take_on(v, who->uid, who->gid);
}

void ids_as_self(struct view *v)
{
	if (v->as_root)
		take_on(v, 0, 0);
}

bool ids_again(struct view *v, fuse_req_t req)
{
	const struct fuse_ctx *who = fuse_req_ctx(req);
	gid_t groups[256];
	int n, why = errno;

	if ((why != EACCES && why != EPERM) || !v->as_root || v->ids.groups || !who->uid)
		return false;
	n = fuse_req_getgroups(req, sizeof groups / sizeof *groups, groups);
	if (n > (int)(sizeof groups / sizeof *groups))
		n = sizeof groups / sizeof *groups;

	if (n <= 0 || setgroups((size_t)n, groups) < 0) {
		errno = why;
		return false;
	}
	v->ids.groups = true;
	return true;
}
