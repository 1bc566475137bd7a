#include "enforce/files/open.h"

#include "base/fd.h"
#include "base/path.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Where it goes. The rule may spell the workspace as its programs do. */
static bool find_target(const struct act *a, const struct rule *rule, const char *from, char *out,
                        size_t size)
{
	const struct files_options *o = &a->f->o;
	char to[PATH_MAX];
	size_t len;

	if (!decide_file_redirect(rule, from, to, sizeof to))
		return false;
	if (!o->virtual_root || !o->workspace || !path_within(to, o->virtual_root))
		return snprintf(out, size, "%s", to) < (int)size;
	len = strlen(o->virtual_root);
	return snprintf(out, size, "%s%s", o->workspace, to + len) < (int)size;
}

/* The directory of `path`, made where it is missing; no link is followed. Descriptor or -errno. */
static int open_directory(const char *path)
{
	const struct openat2_how how = { .flags = O_PATH | O_DIRECTORY, .resolve = RESOLVE_NO_SYMLINKS };
	int dir = openat2_open(AT_FDCWD, "/", &how);

	for (const char *at = path + 1, *slash; dir >= 0 && (slash = strchr(at, '/')); at = slash + 1) {
		char name[NAME_MAX + 1];
		int next;

		if (slash - at > NAME_MAX) {
			close(dir);
			return -ENAMETOOLONG;
		}
		memcpy(name, at, (size_t)(slash - at));
		name[slash - at] = 0;
		next = openat2_open(dir, name, &how);
		if (next == -ENOENT && mkdirat(dir, name, 0777) == 0)
			next = openat2_open(dir, name, &how);
		close(dir);
		dir = next;
	}
	return dir;
}

/* Descriptor or -errno. */
static int open_target(struct act *a, const struct opening *o, const struct place *p, const char *path)
{
	const int mask = act_umask(a);
	const uint64_t flags =
	        (o->how.flags & ~(uint64_t)O_TMPFILE) | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
	const mode_t mode = o->how.flags & O_CREAT ? (mode_t)o->how.mode : p->st.st_mode & 0777;
	struct stat st;
	mode_t old;
	int dir, fd;

	if (mask < 0)
		return -EPERM;
	old = umask((mode_t)mask);
	dir = open_directory(path);
	fd = dir < 0 ? dir : openat(dir, path_base(path), (int)(flags | O_CLOEXEC), mode);
	if (fd < 0 && dir >= 0)
		fd = -errno;
	umask(old);
	fd_close(&dir);
	if (fd >= 0 && (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))) {
		close(fd);
		return -EACCES;
	}
	if (fd >= 0)
		open_unblock(fd, o->how.flags);
	return fd;
}

void redirect_open(struct act *a, const struct opening *o, enum access_kind kind, const struct place *p,
                   const struct verdict *v)
{
	char path[PATH_MAX];
	struct act_report r = { .kind = kind, .place = p, .verdict = v, .to = path };
	struct place target = { .parent = -1, .object = -1 };
	int fd;

	if (a->caller.root >= 0 || (o->how.flags & O_TMPFILE) == O_TMPFILE ||
	    !find_target(a, v->rule, place_path(p), path, sizeof path)) {
		act_refuse(a, &(struct act_report){ .kind = kind, .place = p, .verdict = v });
		return;
	}
	/* What is closed stays so, whatever a rule says. */
	snprintf(target.path, sizeof target.path, "%s", path);
	if (act_is_closed(a, ACCESS_WRITE, &target)) {
		act_refuse(a, &(struct act_report){ .kind = kind, .place = p, .verdict = v });
		return;
	}
	if (!act_permit(a, &r))
		return;
	fd = open_target(a, o, p, path);
	if (fd < 0) {
		act_fail(a, -fd);
		return;
	}
	act_inject(a, fd, (int)(o->how.flags & O_CLOEXEC));
	close(fd);
}
