#include "enforce/files/open.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/path.h"
#include "enforce/exec/fixed.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* Where paths with links lead that only root can change, for callers who are not root. */
enum { KNOWN = 128, KNOWN_PATH = 192 };
#define BELIEVED_NS 1000000000LL

struct direct {
	struct {
		char given[KNOWN_PATH], path[KNOWN_PATH]; /* "" = none */
		int64_t until_ns;                         /* then it is looked at again */
	} known[KNOWN];
};

/* The file, spelled for the kernel, and its name if there is no link on the way. */
struct spelling {
	char open[PATH_MAX];
	char clean[PATH_MAX];
	const char *alias; /* how the caller spelled it, when what is opened is spelled otherwise; or NULL */
};

/* Names are told by the kernel as of now; what is opened by them is what is judged, wherever the caller's
 * directory is by then. */
static bool spell(const struct act *a, const struct opening *o, struct spelling *s)
{
	char dir[PATH_MAX], link[24] = "cwd";
	ssize_t n;

	s->alias = NULL;
	if (o->path[0] == '/') {
		strcpy(s->open, o->path);
		return path_clean(o->path, s->clean, sizeof s->clean) > 0;
	}
	if (o->dirfd != AT_FDCWD)
		snprintf(link, sizeof link, "fd/%d", o->dirfd);
	n = proc_link(a->caller.tid, link, dir, sizeof dir);
	/* A deleted directory can still be opened, as ".". */
	if (n > 10 && !strcmp(dir + n - 10, " (deleted)"))
		return false;
	return n > 0 && dir[0] == '/' && path_join(dir, o->path, s->clean, sizeof s->clean) &&
	       snprintf(s->open, sizeof s->open, "%s/%s", dir, o->path) < (int)sizeof s->open;
}

static bool is_harmless(const char *path)
{
	static const char *const names[] = { "null", "zero", "full", "random", "urandom" };

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(path + 5, names[i]))
			return true;
	return false;
}

/* What is not opened by its name: the process table and devices. */
static bool is_elsewhere(const char *path)
{
	return path_within(path, "/proc") || path_within(path, "/sys") ||
	       (path_within(path, "/dev") && !is_harmless(path));
}

static size_t slot_of(const char *path)
{
	return map_hash(path, strlen(path)) % KNOWN;
}

/* Is it known where the links lead? Then spell it so. */
static bool recall(const struct act *a, struct spelling *s)
{
	struct direct *d = a->f->direct;
	size_t i = slot_of(s->clean);

	if (!d || a->caller.changes || strcmp(d->known[i].given, s->clean) != 0)
		return false;
	if (clock_mono_ns() >= d->known[i].until_ns) {
		if (!fixed_path(s->clean, d->known[i].path)) {
			d->known[i].given[0] = 0;
			return false;
		}
		d->known[i].until_ns = clock_mono_ns() + BELIEVED_NS;
	}
	strcpy(s->open, d->known[i].path);
	return true;
}

void direct_learn(struct act *a, const char *given, const struct place *p)
{
	struct direct *d = a->f->direct;
	char clean[PATH_MAX];
	size_t i;

	if (a->caller.changes || a->caller.root >= 0 || given[0] != '/' || !p->alias[0] || p->nameless ||
	    !path_clean(given, clean, sizeof clean) || strlen(clean) >= KNOWN_PATH ||
	    strlen(p->path) >= KNOWN_PATH || strcmp(clean, p->alias) != 0 || is_elsewhere(p->path) ||
	    !fixed_path(clean, p->path))
		return;
	if (!d)
		d = a->f->direct = calloc(1, sizeof *d);
	if (!d)
		return;
	i = slot_of(clean);
	strcpy(d->known[i].given, clean);
	strcpy(d->known[i].path, p->path);
	d->known[i].until_ns = clock_mono_ns() + BELIEVED_NS;
}

/* To open for writing before it is judged would be seen by who watches the file. */
static bool is_allowed_by_name(struct act *a, const struct opening *o, const struct place *p)
{
	for (size_t i = 0; i < o->n_kinds; i++) {
		const struct verdict v = act_decide(a, o->kinds[i], p);

		if (v.effective != EFFECT_ALLOW || v.decision == EFFECT_REDIRECT)
			return false;
	}
	return true;
}

/* Open what is there, without waiting. Descriptor, or -errno; ELOOP: there is a link. */
static int try_open(struct act *a, const struct opening *o, struct spelling *s)
{
	const uint64_t not_now = O_CREAT | (path_within(s->clean, "/dev") ? O_TRUNC : 0);
	const struct openat2_how how = { .flags = (o->how.flags & ~not_now) | O_NONBLOCK | O_NOCTTY,
		                         .resolve = RESOLVE_NO_SYMLINKS };
	int fd = openat2_open(AT_FDCWD, s->open, &how);

	if (fd != -ELOOP || !recall(a, s))
		return fd;
	s->alias = s->clean;
	return openat2_open(AT_FDCWD, s->open, &how);
}

/* Is what was opened the kind of thing that is handed over just so? */
static bool is_plain(const struct act *a, const struct opening *o, const struct place *p)
{
	if (S_ISCHR(p->st.st_mode) && major(p->st.st_rdev) == 1)
		return path_within(p->path, "/dev");
	/* With O_CREAT, others' files in /tmp are looked at more closely. */
	if (o->how.flags & O_CREAT && (p->st.st_uid != a->caller.uid || S_ISDIR(p->st.st_mode)))
		return false;
	return S_ISREG(p->st.st_mode) || S_ISDIR(p->st.st_mode);
}

/* The short way is for what has no further effects and what is not kept. */
static bool is_candidate(const struct act *a, const struct opening *o)
{
	const uint64_t odd = O_EXCL | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY) | O_PATH | O_NOATIME | O_DIRECT;
	const uint64_t flags = o->how.flags;

	if (o->how.resolve || a->caller.root >= 0 || !*o->path || strlen(o->path) >= PATH_MAX)
		return false;
	if (!strncmp(o->path, "/dev/", 5) && is_harmless(o->path))
		return !(flags & O_EXCL);
	return !(flags & odd) && !(flags & OPEN_MODE && a->f->o.journal);
}

static void open_it(struct act *a, const struct opening *o, struct spelling *s, int *error, bool *done)
{
	struct place p = { .parent = -1, .object = -1 };
	int fd;

	strcpy(p.path, s->clean);
	*done = true;
	if (o->how.flags & (OPEN_MODE | O_TRUNC) && !is_allowed_by_name(a, o, &p)) {
		*done = false;
		return;
	}
	fd = try_open(a, o, s);
	/* Permissions say no first; the rule, if there is one, is told of all the same. */
	if (fd == -EACCES && o->path[0] == '/' && !is_allowed_by_name(a, o, &p)) {
		open_is_allowed(a, o, &p);
		return;
	}
	*error = fd < 0 ? -fd : fstat(fd, &p.st) < 0 ? errno : 0;
	if (*error == ELOOP || *error == ENXIO || *error == EISDIR ||
	    (*error == EACCES && o->path[0] != '/') || (*error == ENOENT && o->how.flags & O_CREAT)) {
		*done = false;
		return;
	}
	if (s->alias) {
		strcpy(p.path, s->open);
		strcpy(p.alias, s->alias);
	}
	p.object = fd < 0 ? -1 : fd;
	if (!*error && (!is_plain(a, o, &p) || (o->how.flags & OPEN_MODE && special_is_kernels(fd))))
		*done = false;
	else if (!*error && open_is_allowed(a, o, &p)) {
		open_unblock(fd, o->how.flags);
		if (o->how.flags & OPEN_MODE) {
			p.object = -1;
			act_give(a, fd, (int)(o->how.flags & O_CLOEXEC));
		} else {
			act_inject(a, fd, (int)(o->how.flags & O_CLOEXEC));
		}
	}
	resolve_release(&p);
}

bool direct_open(struct act *a, const struct opening *o, int *error)
{
	struct spelling s;
	bool done = false;

	if (is_candidate(a, o) && spell(a, o, &s) && !is_elsewhere(s.clean))
		open_it(a, o, &s, error, &done);
	return done;
}
