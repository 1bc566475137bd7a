/* What is opened at once and by its name, in few steps. */
#include "enforce/files/open.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/room.h"
#include "enforce/files/instead.h"
#include "enforce/files/keep.h"
#include "enforce/files/spell.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Private to this file: one call on this way. */
struct attempt {
	struct act *a;
	const struct opening *o;
	struct spelling s;
	struct place p;
	int error; /* of the call, when it is not answered; WALK: it has to go the long way */
};

enum { WALK = -1 };

static bool is_harmless(const char *path)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(path + 5, names[i]))
			return true;
	return false;
}

bool direct_is_elsewhere(const char *path)
{
	if (path_within(path, "/dev"))
		return !(path[4] && (is_harmless(path) || !strncmp(path + 5, "shm/", 4)));
	if (path_within(path, "/proc"))
		return path[5] && ((path[6] >= '0' && path[6] <= '9') || !strcmp(path_base(path), "mem"));
	return path_within(path, "/sys");
}

static bool is_device(const char *path)
{
	return !strncmp(path, "/dev/", 5) && is_harmless(path);
}

static bool writes(const struct opening *o)
{
	return o->how.flags & (OPEN_MODE | O_TRUNC | O_CREAT);
}

/* The short way is for what programs do all the time. */
static bool is_candidate(const struct act *a, const struct opening *o)
{
	const uint64_t odd = (O_TMPFILE & ~O_DIRECTORY) | O_PATH | O_NOATIME | O_DIRECT;
	const uint64_t flags = o->how.flags;

	if (o->how.resolve || a->caller.root >= 0 || !*o->path || strlen(o->path) >= PATH_MAX || flags & odd)
		return false;
	if (flags & O_EXCL && (!(flags & O_CREAT) || !strncmp(o->path, "/dev/", 5)))
		return false;
	/* To empty what one cannot write to by its descriptor is another way to write. */
	return !(flags & O_TRUNC) || (flags & OPEN_MODE && (flags & OPEN_MODE) != OPEN_MODE);
}

/* What is there, without waiting, and not emptied yet. */
static struct openat2_how how_now(const struct opening *o)
{
	return (struct openat2_how){ .flags = (o->how.flags & ~(uint64_t)(O_CREAT | O_TRUNC)) | O_NONBLOCK |
		                              O_NOCTTY,
		                     .resolve = RESOLVE_NO_SYMLINKS };
}

/* Open it. Descriptor, or -errno; ELOOP: there is a link. */
static int try_open(struct attempt *t)
{
	const struct openat2_how how = how_now(t->o);

	for (int links = 0; links < 4; links++) {
		int fd = openat2_open(AT_FDCWD, t->s.open, &how);

		if (fd != -ELOOP || !spell_on(t->a, t->o, &t->s))
			return fd;
	}
	return -ELOOP;
}

static bool has_dots(const struct attempt *t)
{
	return strstr(t->s.open, "/..");
}

/* What was opened over ".." is called as it was judged only when no directory on the way has moved meanwhile:
 * then ".." led elsewhere. `path` up to `len`. */
static bool is_called(const struct attempt *t, int fd, const char *path, size_t len)
{
	ROOM char name[PATH_MAX];
	char link[40];
	ssize_t n;

	if (!has_dots(t))
		return true;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof name);
	return n >= 0 && (size_t)n == len && !memcmp(name, path, len);
}

/* ---- reading, and devices ------------------------------------------------------------------------------ */

static bool is_plain(const struct place *p)
{
	if (S_ISCHR(p->st.st_mode) && major(p->st.st_rdev) == 1)
		return is_device(p->path);
	return S_ISREG(p->st.st_mode) || S_ISDIR(p->st.st_mode);
}

static bool is_denied(struct attempt *t)
{
	for (size_t i = 0; i < t->o->n_kinds; i++) {
		const struct verdict v = act_decide(t->a, t->o->kinds[i], &t->p);

		if (v.effective != EFFECT_ALLOW || v.decision == EFFECT_REDIRECT)
			return true;
	}
	return false;
}

/* It could not be opened. */
static void fail_to_open(struct attempt *t, int error)
{
	bool absolute = t->o->path[0] == '/';

	if (error == ELOOP || error == ENXIO || error == EISDIR ||
	    (error == EACCES && (!absolute || t->s.own)) || (error == ENOENT && t->o->how.flags & O_CREAT))
		return;
	t->error = error;
	/* Permissions say no first; the rule, if there is one, is told of all the same. */
	if (error != EACCES)
		return;
	spell_place(&t->s, &t->p);
	if (is_denied(t))
		open_is_allowed(t->a, t->o, &t->p);
}

static void read_it(struct attempt *t)
{
	const int cloexec = (int)(t->o->how.flags & O_CLOEXEC);
	int fd;

	/* Writing to what is no file is seen by nobody, but it is judged before all the same. */
	spell_place(&t->s, &t->p);
	if (writes(t->o) && is_denied(t))
		return;
	fd = try_open(t);
	if (fd < 0) {
		fail_to_open(t, -fd);
		return;
	}
	spell_place(&t->s, &t->p);
	t->p.object = fd;
	if (!is_called(t, fd, t->s.clean, strlen(t->s.clean)))
		return;
	if (fstat(fd, &t->p.st) == 0 && is_plain(&t->p)) {
		t->error = 0;
		if (open_is_allowed(t->a, t->o, &t->p)) {
			int other = CONFIG_LAYER_NET ? instead_open(t->a, t->o, &t->p) : -1;

			if (other >= 0) {
				act_give(t->a, other, cloexec);
				return;
			}
			open_unblock(fd, t->o->how.flags);
			act_inject(t->a, fd, cloexec);
		}
	}
}

/* ---- writing ---------------------------------------------------------------------------------------------
 */

/* The name as the caller spelled it: nothing else would do for what is to be made. False: walk. */
static bool find_name(struct attempt *t, char **name)
{
	char *slash = strrchr(t->s.open, '/');

	if (!slash || !slash[1] || !strcmp(slash, "/.") || !strcmp(slash, "/..") ||
	    strlen(slash + 1) > NAME_MAX)
		return false;
	*name = slash + 1;
	spell_place(&t->s, &t->p);
	memcpy(t->p.name, *name, strlen(*name) + 1);
	return true;
}

/* The directory it stands in. */
static bool find_parent(struct attempt *t, char *name)
{
	const struct openat2_how how = { .flags = O_PATH | O_DIRECTORY, .resolve = RESOLVE_NO_SYMLINKS };
	const size_t len = (size_t)(path_base(t->s.clean) - t->s.clean);
	int fd;

	name[-1] = 0;
	fd = openat2_open(AT_FDCWD, name - 1 == t->s.open ? "/" : t->s.open, &how);
	name[-1] = '/';
	if (fd < 0)
		return false;
	t->p.parent = fd;
	return is_called(t, fd, t->s.clean, len > 1 ? len - 1 : len);
}

/* In a directory where others leave files, too, look more closely; devices and FIFOs are not even opened: the
 * other end would be told. */
static bool is_simple(const struct attempt *t)
{
	return S_ISREG(t->p.st.st_mode) &&
	       (!(t->o->how.flags & O_CREAT) || t->p.st.st_uid == t->a->caller.uid);
}

/* What is judged is the name, and what it opens is looked at again. */
static void write_to(struct attempt *t, const char *name)
{
	const struct openat2_how how = how_now(t->o);

	if (!open_is_allowed(t->a, t->o, &t->p)) {
		t->error = 0;
		return;
	}
	t->p.object = openat2_open(t->p.parent, name, &how);
	if (t->p.object < 0)
		t->error = t->p.object == -ENOENT || t->p.object == -ELOOP ? WALK : -t->p.object;
	else if (fstat(t->p.object, &t->p.st) == 0 && is_simple(t) && !special_is_kernels(t->p.object))
		t->error = open_finish(t->a, t->o, &t->p);
}

static void write_it(struct attempt *t)
{
	const bool exclusive = t->o->how.flags & O_EXCL;
	char *name;

	if (!act_sure(t->a) || !find_name(t, &name) ||
	    (exclusive && !has_dots(t) && open_at_once(t->a, t->o, &t->p, t->s.open, &t->error)) ||
	    !find_parent(t, name))
		return;
	if (fstatat(t->p.parent, name, &t->p.st, AT_SYMLINK_NOFOLLOW) == 0) {
		if (exclusive)
			t->error = EEXIST;
		else if (is_simple(t))
			write_to(t, name);
	} else if (errno == ENOENT) {
		t->error = t->o->how.flags & O_CREAT ? open_new(t->a, t->o, &t->p) : ENOENT;
		/* Somebody was faster. */
		if (t->error == EEXIST && !exclusive)
			t->error = WALK;
	}
}

bool direct_open(struct act *a, const struct opening *o, int *error)
{
	ROOM struct attempt t;

	if (!is_candidate(a, o))
		return false;
	t.a = a;
	t.o = o;
	t.error = WALK;
	resolve_clear(&t.p);
	t.p.deep = NULL;
	if (!spell(a, o, &t.s) || (!t.s.own && direct_is_elsewhere(t.s.clean)) ||
	    (writes(o) && path_within(t.s.clean, "/proc")))
		return false;
	if (!writes(o) || is_device(t.s.clean))
		read_it(&t);
	else
		write_it(&t);
	resolve_release(&t.p);
	if (t.error == WALK)
		return false;
	*error = t.error;
	return true;
}
