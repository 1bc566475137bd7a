#include "enforce/files/names.h"

#include "enforce/files/near.h"
#include "enforce/files/keep.h"
#include "enforce/files/moving.h"
#include "enforce/files/known.h"
#include "sys/at.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define CAP_MKNOD (1ULL << 27)

/* What no session makes, as Landlock has it. */
static const struct rule devices = { .name = "session-devices",
	                             .file = "built-in",
	                             .decision = EFFECT_DENY,
	                             .message = "sessions make no device nodes" };

bool names_plain(const struct place *p)
{
	static const char *const others[] = { "", ".", "./", "..", "../", "/" };

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (!strcmp(p->name, others[i]))
			return false;
	return p->parent >= 0 && !p->nameless && strlen(p->name) <= NAME_MAX + (size_t)p->slash;
}

bool names_taken(const struct place *p)
{
	return p->st.st_mode != 0;
}

static int find_name(struct act *a, int which, int dirfd, uint64_t addr, struct place *p)
{
	struct place_request r = { .dirfd = dirfd, .flags = PLACE_NAME };
	int error = act_path(a, which, addr, &r.path);

	if (!error && near_name(a, dirfd, r.path, false, p))
		return 0;
	return error ? error : act_find(a, &r, p);
}

/* What moves with all that is in it is held open. */
static int find_moving(struct act *a, int which, int dirfd, uint64_t addr, struct place *p)
{
	struct place_request r = { .dirfd = dirfd, .flags = PLACE_NAME };
	int error = act_path(a, which, addr, &r.path);

	if (!error && near_name(a, dirfd, r.path, true, p)) {
		if (!S_ISDIR(p->st.st_mode))
			return 0;
		resolve_release(p);
	}
	return error ? error : act_find(a, &r, p);
}

/* ---- unlink, rmdir ---------------------------------------------------------------------------------- */

/* Into the store. That a directory goes was told before it went, and where to can be told after only; of a
 * file both is told at once, and it is back when that is not possible. */
static int divert(struct act *a, enum journal_kind kind, const struct act_report *r)
{
	struct act_report kept = *r;
	struct keep keep = { 0 };
	char hint[80] = "agentsh trash restore ";
	int error = keep_name(a, &keep, kind, r->place);

	if (error)
		return error;
	if (*keep.token[0]) {
		strcat(hint, keep.token[0]);
		kept.type = "file_soft_deleted";
		kept.token = keep.token[0];
		kept.hint = hint;
	} else if (kind == JOURNAL_RMDIR) {
		return 0;
	}
	if (!act_tell(a, &kept) && kind != JOURNAL_RMDIR) {
		keep_put_back(a, &keep, r->place);
		act_untold(a, r);
	}
	return 0;
}

static int unlink_as_it_is(const struct place *p, int flags)
{
	return unlinkat(p->parent, p->name, flags) < 0 ? errno : 0;
}

static int remove_name(struct act *a, const struct place *p, int flags)
{
	bool dir = flags & AT_REMOVEDIR;
	enum access_kind kind = dir ? ACCESS_RMDIR : ACCESS_DELETE;
	enum journal_kind as = dir ? JOURNAL_RMDIR : JOURNAL_DELETE;
	struct verdict v;
	struct act_report r = { .kind = kind, .place = p, .verdict = &v };
	bool kept;

	if (!names_plain(p))
		return unlink_as_it_is(p, flags);
	if (!names_taken(p))
		return ENOENT;
	/* The kernel looks at slashes before it asks for permission. */
	if (p->slash && !S_ISDIR(p->st.st_mode))
		return ENOTDIR;
	if (p->slash && !dir)
		return EISDIR;
	v = keep_decide(a, kind, p);
	kept = v.effective == EFFECT_ALLOW && keep_wants(a, as, p, &v) && !keep_is_spare(a, p);
	if ((dir || !kept) && !act_allowed(a, &r))
		return 0;
	known_moves(a->f, dir);
	if (!kept)
		return unlink_as_it_is(p, flags);
	if (!dir && S_ISDIR(p->st.st_mode))
		return EISDIR; /* were it tried, something else could have the name by now */
	return divert(a, as, &r);
}

/* ---- mkdir, mknod, symlink --------------------------------------------------------------------------- */

static int make_as_it_is(const struct place *p, const struct making *m)
{
	int rc;

	if (m->make)
		return m->make(p, m);
	if (m->kind == ACCESS_MKDIR)
		rc = mkdirat(p->parent, p->name, m->mode);
	else if (m->kind == ACCESS_SYMLINK)
		rc = symlinkat(m->target, p->parent, p->name);
	else
		rc = at_mknod(p->parent, p->name, m->mode, m->device);
	return rc < 0 ? errno : 0;
}

/* The caller's mask is ours for the moment: it counts, or does not, as the directory says (ACLs). */
static int make_masked(struct act *a, const struct place *p, const struct making *m)
{
	int mask = m->kind == ACCESS_SYMLINK ? 0 : act_umask(a), error;
	mode_t own;

	if (mask < 0)
		return EACCES;
	own = umask((mode_t)mask);
	error = make_as_it_is(p, m);
	umask(own);
	return error;
}

static bool is_device(const struct making *m)
{
	return m->kind == ACCESS_CREATE && (S_ISCHR(m->mode) || S_ISBLK(m->mode));
}

int names_make(struct act *a, const struct place *p, const struct making *m)
{
	struct verdict v = { .decision = EFFECT_DENY, .effective = EFFECT_DENY, .rule = &devices };
	struct act_report r = { .kind = m->kind, .place = p, .verdict = &v, .to = m->target };
	struct keep keep = { 0 };
	int error;

	if (!names_plain(p))
		return make_as_it_is(p, m);
	if (names_taken(p))
		return EEXIST;
	if (p->slash && m->kind != ACCESS_MKDIR)
		return ENOENT;
	if (!is_device(m))
		v = keep_decide(a, m->kind, p);
	else if (!(a->ids.caps & CAP_MKNOD))
		return make_as_it_is(p, m);
	if (!act_allowed(a, &r))
		return 0;
	walks_note(a, p);
	if (!keep_wants(a, m->as, p, &v))
		return make_masked(a, p, m);
	error = keep_name(a, &keep, m->as, p);
	return error ? error : keep_after(a, &keep, make_masked(a, p, m));
}

/* ---- link -------------------------------------------------------------------------------------------- */

static int link_as_it_is(const struct place *from, const struct place *to)
{
	return at_link(from->object, to->parent, to->name) < 0 ? errno : 0;
}

/* What can be done to a file by any of its names must be allowed by all of them. */
static bool link_allowed(struct act *a, const struct place *from, const struct place *to, struct verdict *v)
{
	static const enum access_kind needs[] = { ACCESS_READ, ACCESS_WRITE };
	struct act_report r = { .kind = ACCESS_LINK, .place = from, .verdict = v, .to = place_path(to) };

	for (size_t i = 0; i < 2 && !from->nameless; i++) {
		*v = keep_decide(a, needs[i], from);
		if (v->effective != EFFECT_ALLOW || v->decision == EFFECT_REDIRECT) {
			if (v->effective == EFFECT_ALLOW)
				v->effective = EFFECT_DENY;
			act_refuse(a, &r);
			return false;
		}
	}
	*v = keep_decide(a, ACCESS_LINK, to);
	r.place = to;
	r.to = place_path(from);
	return act_allowed(a, &r);
}

static int link_name(struct act *a, const struct place *from, const struct place *to)
{
	struct keep keep = { 0 };
	struct verdict v;
	int error;

	if (!names_plain(to))
		return link_as_it_is(from, to);
	if (names_taken(to))
		return EEXIST;
	/* None of this can be: the kernel says why. It does so before anybody asks whether it is allowed; to
	 * another mount, programs copy then. */
	if (to->slash || S_ISDIR(from->st.st_mode) || at_elsewhere(from->object, to->parent))
		return link_as_it_is(from, to);
	if (!link_allowed(a, from, to, &v))
		return 0;
	walks_note(a, to);
	known_moves(a->f, false);
	if (!keep_wants(a, JOURNAL_LINK, to, &v))
		return link_as_it_is(from, to);
	error = keep_name(a, &keep, JOURNAL_LINK, to);
	return error ? error : keep_after(a, &keep, link_as_it_is(from, to));
}

/* ---- the calls --------------------------------------------------------------------------------------- */

/* What a call asks for, however it is spelled. */
struct deed {
	int dir, to_dir;
	uint64_t path, to; /* in the caller's memory */
	unsigned flags;
	mode_t mode;
	unsigned device;
};

static int do_unlink(struct act *a, const struct deed *d)
{
	AUTO_PLACE p;
	int error;

	resolve_clear(&p);
	if (d->flags & ~(unsigned)AT_REMOVEDIR)
		return EINVAL;
	error = find_name(a, 0, d->dir, d->path, &p);
	return error ? error : remove_name(a, &p, (int)d->flags);
}

static int make_at(struct act *a, const struct deed *d, const struct making *m)
{
	AUTO_PLACE p;
	int error;

	resolve_clear(&p);
	error = find_name(a, 0, d->dir, d->path, &p);
	return error ? error : names_make(a, &p, m);
}

static int do_mkdir(struct act *a, const struct deed *d)
{
	return make_at(a, d, &(struct making){ .kind = ACCESS_MKDIR, .as = JOURNAL_MKDIR, .mode = d->mode });
}

static int do_mknod(struct act *a, const struct deed *d)
{
	struct making m = {
		.kind = ACCESS_CREATE, .as = JOURNAL_CREATE, .mode = d->mode, .device = d->device
	};

	switch (d->mode & S_IFMT) {
	case 0:
	case S_IFREG:
	case S_IFCHR:
	case S_IFBLK:
	case S_IFIFO:
	case S_IFSOCK:
		return make_at(a, d, &m);
	case S_IFDIR:
		return EPERM;
	default:
		return EINVAL;
	}
}

static int do_symlink(struct act *a, const struct deed *d)
{
	struct making m = { .kind = ACCESS_SYMLINK, .as = JOURNAL_SYMLINK };
	int error = act_path(a, 1, d->to, &m.target);

	if (!error && !*m.target)
		error = ENOENT;
	return error ? error : make_at(a, d, &m);
}

static int do_link(struct act *a, const struct deed *d)
{
	AUTO_PLACE from;
	AUTO_PLACE to;
	struct place_request r = { .dirfd = d->dir };
	int error;

	resolve_clear(&from);
	resolve_clear(&to);
	if (d->flags & ~(unsigned)(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH))
		return EINVAL;
	r.flags = (d->flags & AT_SYMLINK_FOLLOW ? PLACE_FOLLOW : 0) |
	          (d->flags & AT_EMPTY_PATH ? PLACE_EMPTY : 0);
	error = act_path(a, 1, d->path, &r.path);
	if (!error)
		error = act_find(a, &r, &from);
	if (!error)
		error = find_name(a, 0, d->to_dir, d->to, &to);
	return error ? error : link_name(a, &from, &to);
}

static int do_rename(struct act *a, const struct deed *d)
{
	AUTO_PLACE from;
	AUTO_PLACE to;
	unsigned all = RENAME_NOREPLACE | RENAME_EXCHANGE | RENAME_WHITEOUT;
	int error;

	resolve_clear(&from);
	resolve_clear(&to);
	if (d->flags & ~all ||
	    (d->flags & RENAME_EXCHANGE && d->flags & (RENAME_NOREPLACE | RENAME_WHITEOUT)))
		return EINVAL;
	error = find_moving(a, 0, d->dir, d->path, &from);
	if (!error)
		error = find_moving(a, 1, d->to_dir, d->to, &to);
	return error ? error : names_move(a, &from, &to, d->flags);
}

typedef int do_fn(struct act *a, const struct deed *d);

#ifdef __NR_unlink
static int do_rmdir(struct act *a, const struct deed *d)
{
	return do_unlink(a, &(struct deed){ .dir = d->dir, .path = d->path, .flags = AT_REMOVEDIR });
}

/* Spellings that new architectures never had: (path), (path, …), (path, path). */
static do_fn *decode_old(const struct act *a, struct deed *d)
{
	const __u64 *arg = a->args;

	*d = (struct deed){ .dir = AT_FDCWD, .path = arg[0], .to_dir = AT_FDCWD, .to = arg[1] };
	switch (a->k->n->data.nr) {
	case __NR_unlink:
		return do_unlink;
	case __NR_rmdir:
		return do_rmdir;
	case __NR_mkdir:
		d->mode = (mode_t)arg[1];
		return do_mkdir;
	case __NR_mknod:
		d->mode = (mode_t)arg[1];
		d->device = (unsigned)arg[2];
		return do_mknod;
	case __NR_symlink:
		d->path = arg[1];
		d->to = arg[0];
		return do_symlink;
	case __NR_link:
		return do_link;
	case __NR_rename:
		return do_rename;
	}
	return NULL;
}
#else
static do_fn *decode_old(const struct act *a, struct deed *d)
{
	(void)a;
	(void)d;
	return NULL;
}
#endif

/* Where each argument stands: (dirfd, path, …), (dirfd, path, dirfd, path, flags). */
static do_fn *decode(const struct act *a, struct deed *d)
{
	const __u64 *arg = a->args;

	*d = (struct deed){ .dir = (int)arg[0], .path = arg[1], .to_dir = (int)arg[2], .to = arg[3] };
	switch (a->k->n->data.nr) {
	case __NR_unlinkat:
		d->flags = (unsigned)arg[2];
		return do_unlink;
	case __NR_mkdirat:
		d->mode = (mode_t)arg[2];
		return do_mkdir;
	case __NR_mknodat:
		d->mode = (mode_t)arg[2];
		d->device = (unsigned)arg[3];
		return do_mknod;
	case __NR_symlinkat:
		*d = (struct deed){ .dir = (int)arg[1], .path = arg[2], .to = arg[0] };
		return do_symlink;
	case __NR_linkat:
		d->flags = (unsigned)arg[4];
		return do_link;
	case __NR_renameat:
		return do_rename;
	case __NR_renameat2:
		d->flags = (unsigned)arg[4];
		return do_rename;
	}
	return decode_old(a, d);
}

int names_judge(struct act *a)
{
	struct deed d;
	do_fn *fn = decode(a, &d);
	int error = fn ? fn(a, &d) : -1;

	if (!error && !a->answered)
		act_return(a, 0);
	return error;
}
