/* What is only looked at: status, permissions, the text of links. Asked about where the configuration has
 * `intercept_metadata`, and done here, on a descriptor of what was judged, as everything else: what a path
 * leads to meanwhile does not matter. Descriptors are judged by what they are of, as openings with O_PATH are
 * not asked about.
 *
 * access(2) asks for the ids that a task really has; here those count with which it works on files. They
 * differ for programs with the set-user-ID bit only, which no governed one becomes. */
#include "enforce/files/impl.h"

#include "enforce/files/names.h"
#include "enforce/files/open.h"
#include "sys/at.h"
#include "sys/mem.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PROC_ROOT = 1 /* its inode */, PERMISSIONS = 7, SYNC_TYPE = 0x6000 /* AT_STATX_SYNC_TYPE */ };
#define RESERVED 0x80000000U /* STATX__RESERVED */

struct look;
typedef int look_fn(struct act *a, const struct look *l,
                    const struct place *p); /* 0 when answered, or errno */

struct look {
	enum access_kind kind;
	look_fn *answer;
	int dir;
	uint64_t path, to; /* in the caller's memory */
	unsigned flags, wanted;
	bool of_fd, follow;
	size_t size;
};

static int give(struct act *a, const struct look *l, const void *what, size_t size, int64_t value)
{
	if (!act_sure(a) || mem_write(a->caller.tid, l->to, what, size) != (ssize_t)size)
		return EFAULT;
	act_return(a, value);
	return 0;
}

static int give_status(struct act *a, const struct look *l, const struct place *p)
{
	struct stat st;

	return at_status(p->object, &st) < 0 ? errno : give(a, l, &st, sizeof st, 0);
}

static int give_statx(struct act *a, const struct look *l, const struct place *p)
{
	struct statx x;

	return at_statx(p->object, (int)l->flags, l->wanted, &x) < 0 ? errno : give(a, l, &x, sizeof x, 0);
}

static int give_access(struct act *a, const struct look *l, const struct place *p)
{
	if (at_access(p->object, (int)l->wanted) < 0)
		return errno;
	act_return(a, 0);
	return 0;
}

/* /proc/self and thread-self lead each to where it is itself. */
static int own_link(const struct act *a, const struct place *p, char *text, size_t size)
{
	struct stat dir;

	if (p->parent < 0 || fstat(p->parent, &dir) < 0 || dir.st_ino != PROC_ROOT ||
	    !special_is_kernels(p->parent))
		return -1;
	if (!strcmp(p->name, "self"))
		return snprintf(text, size, "%d", (int)a->caller.pid);
	if (!strcmp(p->name, "thread-self"))
		return snprintf(text, size, "%d/task/%d", (int)a->caller.pid, (int)a->caller.tid);
	return -1;
}

static int give_link(struct act *a, const struct look *l, const struct place *p)
{
	char text[PATH_MAX];
	ssize_t n;

	if (!S_ISLNK(p->st.st_mode))
		return l->of_fd ? ENOENT : EINVAL;
	if (p->foreign)
		return EACCES;
	n = own_link(a, p, text, sizeof text);
	if (n < 0)
		n = readlinkat(p->object, "", text, sizeof text);
	if (n < 0)
		return errno;
	if ((size_t)n > l->size)
		n = (ssize_t)l->size;
	return give(a, l, text, (size_t)n, n);
}

/* ---- the calls ----------------------------------------------------------------------------------------- */

/* (dirfd, path, …) */
static void at(const struct act *a, struct look *l, unsigned flags)
{
	l->dir = (int)a->args[0];
	l->path = a->args[1];
	l->flags = flags;
	l->follow = !(flags & AT_SYMLINK_NOFOLLOW);
}

static void status(struct look *l, uint64_t to)
{
	l->kind = ACCESS_STAT;
	l->answer = give_status;
	l->to = to;
}

static int permissions(struct look *l, uint64_t mode)
{
	l->kind = ACCESS_STAT;
	l->answer = give_access;
	l->wanted = (unsigned)mode;
	return l->wanted & ~(unsigned)PERMISSIONS ? EINVAL : 0;
}

static int link_text(struct look *l, uint64_t to, uint64_t size)
{
	l->kind = ACCESS_READLINK;
	l->answer = give_link;
	l->to = to;
	l->follow = false;
	l->size = (size_t)(int)size;
	return (int)size <= 0 ? EINVAL : 0;
}

/* Spellings that new architectures never had. */
static int decode_old(const struct act *a, struct look *l)
{
	const __u64 *arg = a->args;

	l->dir = AT_FDCWD;
	l->path = arg[0];
	l->follow = true;
	switch (a->k->n->data.nr) {
#ifdef __NR_stat
	case __NR_stat:
	case __NR_lstat:
		l->follow = a->k->n->data.nr == __NR_stat;
		status(l, arg[1]);
		return 0;
	case __NR_access:
		return permissions(l, arg[1]);
	case __NR_readlink:
		return link_text(l, arg[1], arg[2]);
#endif
	default:
		return -1;
	}
}

static int decode(const struct act *a, struct look *l)
{
	const unsigned names = AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, more = AT_NO_AUTOMOUNT | SYNC_TYPE;
	const __u64 *arg = a->args;

	switch (a->k->n->data.nr) {
	case __NR_fstat:
		at(a, l, 0);
		l->of_fd = true;
		status(l, arg[1]);
		return l->dir < 0 ? EBADF : 0;
	case __NR_newfstatat:
		at(a, l, (unsigned)arg[3]);
		status(l, arg[2]);
		return l->flags & ~(names | more) ? EINVAL : 0;
	case __NR_statx:
		at(a, l, (unsigned)arg[2]);
		status(l, arg[4]);
		l->answer = give_statx;
		l->wanted = (unsigned)arg[3];
		return l->flags & ~(names | more) || (l->flags & SYNC_TYPE) == SYNC_TYPE ||
		                       l->wanted & RESERVED
		               ? EINVAL
		               : 0;
	case __NR_faccessat:
		at(a, l, 0);
		return permissions(l, arg[2]);
	case __NR_faccessat2:
		at(a, l, (unsigned)arg[3]);
		return l->flags & ~(names | AT_EACCESS) ? EINVAL : permissions(l, arg[2]);
	case __NR_readlinkat:
		at(a, l, AT_EMPTY_PATH);
		return link_text(l, arg[2], arg[3]);
	}
	return decode_old(a, l);
}

static int find(struct act *a, struct look *l, struct place *p)
{
	const bool empty = l->flags & AT_EMPTY_PATH;
	struct place_request r = { .dirfd = l->dir, .path = "" };
	/* No path is as good as an empty one to those that tell the status. */
	const bool none = empty && !l->path && (l->answer == give_status || l->answer == give_statx);
	int error = l->of_fd || none ? 0 : act_path(a, 0, l->path, &r.path);

	l->of_fd = l->of_fd || (empty && !*r.path);
	r.flags = (l->of_fd ? PLACE_EMPTY : 0) | (l->follow ? PLACE_FOLLOW : 0);
	return error ? error : act_find(a, &r, p);
}

int metadata_judge(struct act *a)
{
	struct look l = { .dir = AT_FDCWD };
	AUTO_PLACE p;
	struct verdict v;
	struct act_report r = { .place = &p, .verdict = &v };
	int error = decode(a, &l);

	resolve_clear(&p);
	if (!error)
		error = find(a, &l, &p);
	if (error)
		return error;
	r.kind = l.kind;
	v = act_decide(a, l.kind, &p);
	return act_allowed(a, &r) ? l.answer(a, &l, &p) : 0;
}
