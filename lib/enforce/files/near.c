/* The short way to most of what is changed: by a descriptor that the caller has, and through no link.
 * Whatever is not as simple as that is left to resolve.h. */
#include "enforce/files/near.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/room.h"
#include "enforce/files/known.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

/* The task that calls, as a descriptor that is kept for its next call. One that is gone answers no more, so
 * that a number which was given again is noticed. -1: not to be had. */
static int task_of(struct act *a, bool fresh)
{
	struct files *f = a->f;
	const size_t i = (size_t)a->caller.tid % ACT_TASKS;

	if (!fresh && f->held[i].tid == a->caller.tid)
		return f->held[i].fd;
	fd_close(&f->held[i].fd);
	f->held[i].tid = 0;
	f->held[i].fd = proc_task_fd(a->caller.tid);
	/* Before Linux 6.9 only processes have any. */
	if (f->held[i].fd < 0 && a->caller.tid == a->caller.pid)
		f->held[i].fd = proc_pidfd(a->caller.pid);
	if (f->held[i].fd < 0 || !call_valid(a->k))
		return -1;
	f->held[i].tid = a->caller.tid;
	return f->held[i].fd;
}

/* What the caller has open as `fd`: the very opening. -1: ask /proc. */
static int get(struct act *a, int fd)
{
	int got = -1;

	for (int i = 0; got < 0 && i < 2; i++) {
		int task = task_of(a, i);

		got = task < 0 ? -1 : proc_getfd(task, fd);
		if (task < 0 || (got < 0 && errno == EBADF))
			break;
	}
	return got;
}

/* Closing somebody's file is work for some file systems, and may wait for another machine. */
static bool is_far(struct files *f, int fd, dev_t dev)
{
	static const unsigned far[] = { 0x6969 /* NFS */,
		                        0x65735546 /* FUSE */,
		                        0x01021997 /* 9P */,
		                        0xFF534D42 /* CIFS */,
		                        0xFE534D42 /* SMB2 */,
		                        0x00C36400 /* Ceph */,
		                        0x5346414F /* AFS */ };
	struct statfs fs;

	if (f->near_known && f->near_dev == dev)
		return false;
	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < sizeof far / sizeof *far; i++)
		if ((unsigned)fs.f_type == far[i])
			return f->has_far = true;
	f->near_dev = dev;
	return !(f->near_known = true);
}

bool near_object(struct act *a, int fd, struct place *out)
{
	int got = fd < 0 || a->f->has_far ? -1 : get(a, fd);
	struct at_facts facts;
	size_t len;

	out->parent = out->object = -1;
	if (got < 0)
		return false;
	if (at_facts(got, "", AT_EMPTY_PATH, &facts) < 0 || !facts.st.st_nlink ||
	    is_far(a->f, got, facts.st.st_dev) || !known_name(a->f, got, &facts, out->path, &len)) {
		at_release(&got);
		return false;
	}
	out->st = facts.st;
	out->born = facts.born;
	out->object = got;
	out->name[0] = out->alias[0] = 0;
	out->slash = out->nameless = out->own = out->foreign = false;
	return true;
}

/* ---- names ------------------------------------------------------------------------------------------- */

static bool has_dots(const char *path)
{
	for (const char *p = path; (p = strstr(p, "..")); p += 2)
		if ((p == path || p[-1] == '/') && (!p[2] || p[2] == '/'))
			return true;
	return false;
}

/* Where the last name begins; NULL: it is none, or too long. */
static const char *last_name(const char *path)
{
	const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;

	return *name && strcmp(name, ".") != 0 && strlen(name) <= NAME_MAX && strlen(path) < PATH_MAX ? name
	                                                                                              : NULL;
}

/* The directory where the path begins, which is relative. */
static int open_start(struct act *a, int dirfd)
{
	return dirfd == AT_FDCWD ? proc_open(a->caller.tid, "cwd", O_PATH) : dirfd < 0 ? -1 : get(a, dirfd);
}

/* The directory of `name`, which ends the path; a link on the way ends it, too. */
static int open_parent(struct act *a, int dirfd, const char *path, const char *name)
{
	int start = path[0] == '/' ? AT_FDCWD : open_start(a, dirfd), fd;
	ROOM char dir[PATH_MAX];

	if (start == -1 || name == path)
		return start;
	memcpy(dir, path, (size_t)(name - path));
	dir[name - path] = 0;
	fd = proc_openat2(start, dir, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	at_release(&start);
	return fd;
}

bool near_name(struct act *a, int dirfd, const char *path, bool fresh, struct place *out)
{
	const char *name = last_name(path);
	struct at_facts facts;
	size_t len;

	out->parent = out->object = -1;
	if (!name || a->caller.root >= 0 || has_dots(path))
		return false;
	out->parent = open_parent(a, dirfd, path, name);
	if (out->parent < 0 || at_facts(out->parent, "", AT_EMPTY_PATH, &facts) < 0 ||
	    !(fresh ? known_ask(a->f, out->parent, out->path, &len)
	            : known_name(a->f, out->parent, &facts, out->path, &len)) ||
	    len + strlen(name) + 2 > PATH_MAX)
		goto not_so;
	out->born = (struct timespec){ 0 };
	if (fstatat(out->parent, name, &out->st, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) < 0) {
		out->st = (struct stat){ 0 };
		if (errno != ENOENT)
			goto not_so;
	}
	strcpy(out->name, name);
	if (len > 1)
		out->path[len++] = '/';
	strcpy(out->path + len, name);
	out->alias[0] = 0;
	out->slash = out->nameless = out->own = out->foreign = false;
	return true;
not_so:
	at_release(&out->parent);
	return false;
}

void near_release(struct files *f)
{
	for (size_t i = 0; i < ACT_TASKS; i++)
		fd_close(&f->held[i].fd);
}
