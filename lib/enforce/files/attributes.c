/* What changes an object, not its names: mode, owner, times, size, extended attributes. Landlock knows none
 * of these but truncation: they are always done here, on a descriptor of what was judged. */
#include "enforce/files/names.h"

#include "enforce/files/near.h"
#include "enforce/files/keep.h"
#include "sys/at.h"
#include "sys/mem.h"
#include "sys/proc.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { PAGE = 4096, ATTR_LEAST = 24 /* struct file_attr of Linux 6.17 */, XATTR_ARGS = 16 };

/* What is to be done to which object. Arguments in memory are copied before it is looked for. */
struct change {
	enum access_kind kind;
	const char *operation; /* in events, NULL: by kind */
	int (*apply)(const struct act *a, const struct change *c, const struct place *p); /* 0 or errno */
	int dir;
	uint64_t path; /* in the caller's memory */
	unsigned flags;
	bool open;       /* the object is the caller's very opening */
	bool of_fd;      /* `dir` is the object, and must be open for more than its name */
	bool newer;      /* by a system call that is not everywhere */
	bool takes_none; /* of those with AT_EMPTY_PATH, one to which no path is as good as an empty one,
	                    which is `of_fd` then */
	bool follow;     /* of what has no flags */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t size;
	bool now; /* no times are given */
	struct timespec times[2];
	char name[XATTR_NAME_MAX + 1];
	void *value; /* owned */
	size_t value_len;
	int value_flags;
};

/* ---- doing it ---------------------------------------------------------------------------------------- */

static int apply_mode(const struct act *a, const struct change *c, const struct place *p)
{
	(void)a;
	if (c->open)
		return fchmod(p->object, c->mode) < 0 ? errno : 0;
	return (c->newer ? at_chmod2(p->object, c->mode) : at_chmod(p->object, c->mode)) < 0 ? errno : 0;
}

static int apply_owner(const struct act *a, const struct change *c, const struct place *p)
{
	(void)a;
	if (c->open)
		return fchown(p->object, c->uid, c->gid) < 0 ? errno : 0;
	return at_chown(p->object, c->uid, c->gid) < 0 ? errno : 0;
}

static int apply_times(const struct act *a, const struct change *c, const struct place *p)
{
	(void)a;
	if (c->open)
		return futimens(p->object, c->now ? NULL : c->times) < 0 ? errno : 0;
	return at_touch(p->object, c->now ? NULL : c->times) < 0 ? errno : 0;
}

static int apply_set_xattr(const struct act *a, const struct change *c, const struct place *p)
{
	struct at_xattr_args args = { (uintptr_t)c->value, (uint32_t)c->value_len, (uint32_t)c->value_flags };

	(void)a;
	if (c->open)
		return fsetxattr(p->object, c->name, c->value, c->value_len, c->value_flags) < 0 ? errno : 0;
	if (c->newer)
		return at_set_xattrat(p->object, c->name, &args) < 0 ? errno : 0;
	return at_set_xattr(p->object, c->name, c->value, c->value_len, c->value_flags) < 0 ? errno : 0;
}

static int apply_remove_xattr(const struct act *a, const struct change *c, const struct place *p)
{
	(void)a;
	return (c->newer ? at_remove_xattrat(p->object, c->name) : at_remove_xattr(p->object, c->name)) < 0
	               ? errno
	               : 0;
}

static int apply_attr(const struct act *a, const struct change *c, const struct place *p)
{
	(void)a;
	return at_set_file_attr(p->object, c->value, c->value_len) < 0 ? errno : 0;
}

/* The caller may not make files so large; the kernel would tell us instead of it. */
static bool is_too_large(const struct act *a, const struct change *c, const struct place *p)
{
	struct rlimit limit;

	return S_ISREG(p->st.st_mode) && c->size > p->st.st_size &&
	       prlimit(a->caller.pid, RLIMIT_FSIZE, NULL, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
	       (uint64_t)c->size > limit.rlim_cur;
}

static int apply_size(const struct act *a, const struct change *c, const struct place *p)
{
	int fd;

	if (!is_too_large(a, c, p))
		return at_truncate(p->object, c->size) < 0 ? errno : 0;
	fd = at_open(p->object, O_WRONLY | O_NONBLOCK); /* permissions come first */
	if (fd < 0)
		return errno;
	close(fd);
	proc_signal_thread(a->caller.pid, a->caller.tid, SIGXFSZ);
	return EFBIG;
}

/* ---- what it is done to ------------------------------------------------------------------------------ */

/* A descriptor that is good for a name only is none to these calls. */
static int check_descriptor(const struct act *a, int fd)
{
	char text[256], *flags;

	if (fd < 0 || at_descriptor_text(a->caller.tid, fd, text, sizeof text) <= 0)
		return EBADF;
	flags = strstr(text, "flags:");
	return !flags || strtoul(flags + 6, NULL, 8) & O_PATH ? EBADF : 0;
}

static int find_object(struct act *a, struct change *c, struct place *p)
{
	struct place_request r = { .dirfd = c->dir, .path = "", .flags = PLACE_EMPTY };
	bool empty = c->flags & AT_EMPTY_PATH, none = c->of_fd || (c->takes_none && empty && !c->path);
	int error = 0;

	c->open = c->of_fd && near_object(a, c->dir, p);
	if (c->open)
		return 0;
	if (!none) {
		r.flags = (empty ? PLACE_EMPTY : 0) |
		          (c->follow && !(c->flags & AT_SYMLINK_NOFOLLOW) ? PLACE_FOLLOW : 0);
		error = act_path(a, 0, c->path, &r.path);
	}
	if (!error && (c->of_fd || (c->takes_none && empty && !*r.path && c->dir != AT_FDCWD)))
		error = check_descriptor(a, c->dir);
	return error ? error : act_find(a, &r, p);
}

static int keep_change(struct act *a, struct keep *k, const struct change *c, const struct place *p,
                       const struct verdict *v)
{
	enum journal_kind as = c->kind == ACCESS_TRUNCATE ? JOURNAL_TRUNCATE : JOURNAL_ATTRIBUTES;

	if (p->nameless || !keep_wants(a, as, p, v))
		return 0;
	return c->apply == apply_attr ? keep_flags(a, k, p) : keep_object(a, k, as, p);
}

/* The times of what the command has made itself, as every program that unpacks does: that it was made is
 * told, and a rule that wants to hear of it says so. */
static bool is_finishing(struct act *a, const struct change *c, const struct place *p,
                         const struct verdict *v)
{
	return c->open && c->apply == apply_times && v->effective == EFFECT_ALLOW &&
	       v->decision == EFFECT_ALLOW && keep_has_made(a, p);
}

/* An opening that is good for a name only: what C libraries do with others would work. */
static bool is_bare(const struct change *c, const struct place *p)
{
	return c->open && fcntl(p->object, F_GETFL) & O_PATH;
}

static int change(struct act *a, struct change *c)
{
	AUTO_PLACE p;
	struct verdict v;
	struct act_report r = { .kind = c->kind, .place = &p, .verdict = &v, .operation = c->operation };
	struct keep keep = { 0 };
	int error;

	resolve_clear(&p);
	error = find_object(a, c, &p);
	if (error)
		return error;
	if (S_ISSOCK(p.st.st_mode) && at_lingers(p.object))
		return EPERM; /* nobody does that but to have us wait */
	v = keep_decide(a, c->kind, &p);
	/* Times are set by utimensat() itself, which refuses bare descriptors. */
	if (is_finishing(a, c, &p, &v))
		return c->apply(a, c, &p);
	if (is_bare(c, &p))
		return EBADF;
	if (!act_allowed(a, &r))
		return 0;
	error = keep_change(a, &keep, c, &p, &v);
	return keep_after(a, &keep, error ? error : c->apply(a, c, &p));
}

/* ---- arguments in the caller's memory ------------------------------------------------------------------ */

static int copy(const struct act *a, uint64_t addr, void *to, size_t len)
{
	if (!len)
		return 0;
	return mem_read(a->caller.tid, addr, to, len) == (ssize_t)len && call_valid(a->k) ? 0 : EFAULT;
}

static int copy_name(const struct act *a, struct change *c, uint64_t addr)
{
	AUTO_BUF name = { .max = PAGE };
	ssize_t n = mem_string(a->caller.tid, addr, XATTR_NAME_MAX, &name);

	if (n < 0)
		return errno == E2BIG ? ERANGE : errno == ENOMEM ? ENOMEM : EFAULT;
	if (n == 0)
		return ERANGE;
	memcpy(c->name, name.data, (size_t)n + 1);
	return 0;
}

static int copy_value(const struct act *a, struct change *c, uint64_t addr, uint64_t len)
{
	if (len > XATTR_SIZE_MAX)
		return E2BIG;
	c->value_len = (size_t)len;
	c->value = len ? malloc((size_t)len) : NULL;
	if (len && !c->value)
		return ENOMEM;
	return copy(a, addr, c->value, c->value_len);
}

/* A struct that grows with the kernel: what is longer than ours must be zero there. */
static int copy_struct(const struct act *a, uint64_t addr, uint64_t len, void *to, size_t room, size_t least)
{
	char all[PAGE];
	int error;

	if (len < least)
		return EINVAL;
	if (len > PAGE)
		return E2BIG;
	error = copy(a, addr, all, (size_t)len);
	for (size_t i = room; !error && i < len; i++)
		if (all[i])
			return E2BIG;
	if (!error)
		memcpy(to, all, len < room ? (size_t)len : room);
	return error;
}

static int with_xattr(const struct act *a, struct change *c, uint64_t name, uint64_t value, uint64_t len)
{
	int error = 0;

	c->kind = ACCESS_TOUCH;
	c->operation = "setxattr";
	c->apply = apply_set_xattr;
	if (c->value_flags & ~3 /* XATTR_CREATE, XATTR_REPLACE */)
		return EINVAL;
	error = copy_name(a, c, name);
	return error ? error : copy_value(a, c, value, len);
}

static int with_no_xattr(const struct act *a, struct change *c, uint64_t name)
{
	c->kind = ACCESS_TOUCH;
	c->operation = "removexattr";
	c->apply = apply_remove_xattr;
	return copy_name(a, c, name);
}

static int with_xattr_args(const struct act *a, struct change *c, uint64_t name, uint64_t addr, uint64_t len)
{
	struct at_xattr_args args = { 0 };
	int error = copy_struct(a, addr, len, &args, sizeof args, XATTR_ARGS);

	if (error)
		return error;
	c->newer = c->takes_none = true;
	c->value_flags = (int)args.flags;
	return with_xattr(a, c, name, args.value, args.size);
}

static int with_file_attr(const struct act *a, struct change *c, uint64_t addr, uint64_t len)
{
	char attr[PAGE] = { 0 };
	int error = len > PAGE ? E2BIG : copy_struct(a, addr, len, attr, sizeof attr, ATTR_LEAST);

	if (error)
		return error;
	c->kind = ACCESS_TOUCH;
	c->operation = "setattr";
	c->apply = apply_attr;
	c->takes_none = true;
	c->value_len = (size_t)len;
	c->value = malloc((size_t)len);
	if (!c->value)
		return ENOMEM;
	memcpy(c->value, attr, (size_t)len);
	/* What is wrong with it the kernel says before it looks for the file: for none. */
	return at_set_file_attr(-1, c->value, c->value_len) < 0 && errno != ENOENT ? errno : 0;
}

static int with_mode(struct change *c, uint64_t mode)
{
	c->kind = ACCESS_CHMOD;
	c->apply = apply_mode;
	c->mode = (mode_t)mode & 07777;
	return 0;
}

static int with_owner(struct change *c, uint64_t uid, uint64_t gid)
{
	c->kind = ACCESS_CHOWN;
	c->apply = apply_owner;
	c->uid = (uid_t)uid;
	c->gid = (gid_t)gid;
	return 0;
}

static int with_size(struct change *c, uint64_t size)
{
	c->kind = ACCESS_TRUNCATE;
	c->apply = apply_size;
	c->size = (int64_t)size;
	return c->size < 0 ? EINVAL : 0;
}

/* As the kernel has them: whole numbers of the machine. `unit` nanoseconds each in the second one; 0: there
 * is none. */
static int with_times(const struct act *a, struct change *c, uint64_t addr, long unit)
{
	long raw[4] = { 0 };
	size_t n = unit ? 4 : 2;

	c->kind = ACCESS_TOUCH;
	c->operation = "utimes";
	c->apply = apply_times;
	c->now = !addr;
	if (c->now)
		return 0;
	if (copy(a, addr, raw, n * sizeof *raw))
		return EFAULT;
	for (int i = 0; i < 2; i++) {
		long part = unit ? raw[2 * i + 1] : 0;

		if (unit == 1000 && (part < 0 || part >= 1000000))
			return EINVAL;
		c->times[i] = (struct timespec){ .tv_sec = raw[unit ? 2 * i : i],
			                         .tv_nsec = unit == 1000 ? part * 1000 : part };
	}
	return 0;
}

/* ---- the calls ----------------------------------------------------------------------------------------- */

/* (path, …), following links or not, and (fd, …). */
static void on_path(const struct act *a, struct change *c, bool follow)
{
	c->dir = AT_FDCWD;
	c->path = a->args[0];
	c->follow = follow;
}

static void on_fd(const struct act *a, struct change *c)
{
	c->dir = (int)a->args[0];
	c->of_fd = true;
}

/* (dirfd, path, …, flags). 0 or errno. */
static int on_at(const struct act *a, struct change *c, uint64_t flags)
{
	c->dir = (int)a->args[0];
	c->path = a->args[1];
	c->follow = true;
	c->flags = (unsigned)flags;
	return c->flags & ~(unsigned)(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) ? EINVAL : 0;
}

/* The same where a descriptor may stand alone, without a path. */
static int on_times(const struct act *a, struct change *c, uint64_t flags)
{
	bool alone = !a->args[1] && (int)a->args[0] != AT_FDCWD;
	int error = alone && flags ? EINVAL : on_at(a, c, flags);

	c->of_fd = alone;
	return error;
}

static bool is_void(const struct change *c)
{
	return !c->now && c->times[0].tv_nsec == UTIME_OMIT && c->times[1].tv_nsec == UTIME_OMIT;
}

#ifdef __NR_chmod
/* Spellings that new architectures never had. */
static int decode_old(const struct act *a, struct change *c)
{
	const __u64 *arg = a->args;
	int error;

	switch (a->k->n->data.nr) {
	case __NR_chmod:
		on_path(a, c, true);
		return with_mode(c, arg[1]);
	case __NR_chown:
	case __NR_lchown:
		on_path(a, c, a->k->n->data.nr == __NR_chown);
		return with_owner(c, arg[1], arg[2]);
	case __NR_utime:
		on_path(a, c, true);
		return with_times(a, c, arg[1], 0);
	case __NR_utimes:
		on_path(a, c, true);
		return with_times(a, c, arg[1], 1000);
	case __NR_futimesat:
		error = with_times(a, c, arg[2], 1000);
		return error ? error : on_times(a, c, 0);
	}
	return -1;
}
#else
static int decode_old(const struct act *a, struct change *c)
{
	(void)a;
	(void)c;
	return -1;
}
#endif

static int decode_xattr(const struct act *a, struct change *c)
{
	const __u64 *arg = a->args;
	int nr = a->k->n->data.nr, error;

	switch (nr) {
	case __NR_setxattr:
	case __NR_lsetxattr:
		on_path(a, c, nr == __NR_setxattr);
		c->value_flags = (int)arg[4];
		return with_xattr(a, c, arg[1], arg[2], arg[3]);
	case __NR_fsetxattr:
		on_fd(a, c);
		c->value_flags = (int)arg[4];
		return with_xattr(a, c, arg[1], arg[2], arg[3]);
	case __NR_removexattr:
	case __NR_lremovexattr:
		on_path(a, c, nr == __NR_removexattr);
		return with_no_xattr(a, c, arg[1]);
	case __NR_fremovexattr:
		on_fd(a, c);
		return with_no_xattr(a, c, arg[1]);
	case __NR_setxattrat:
		error = on_at(a, c, arg[2]);
		return error ? error : with_xattr_args(a, c, arg[3], arg[4], arg[5]);
	case __NR_removexattrat:
		error = on_at(a, c, arg[2]);
		c->newer = c->takes_none = true;
		return error ? error : with_no_xattr(a, c, arg[3]);
	case __NR_file_setattr:
		error = on_at(a, c, arg[4]);
		return error ? error : with_file_attr(a, c, arg[2], arg[3]);
	}
	return decode_old(a, c);
}

static int decode(const struct act *a, struct change *c)
{
	const __u64 *arg = a->args;
	int error;

	switch (a->k->n->data.nr) {
	case __NR_fchmod:
		on_fd(a, c);
		return with_mode(c, arg[1]);
	case __NR_fchmodat:
		error = on_at(a, c, 0);
		return error ? error : with_mode(c, arg[2]);
	case __NR_fchmodat2:
		error = on_at(a, c, arg[3]);
		c->newer = true;
		return error ? error : with_mode(c, arg[2]);
	case __NR_fchown:
		on_fd(a, c);
		return with_owner(c, arg[1], arg[2]);
	case __NR_fchownat:
		error = on_at(a, c, arg[4]);
		return error ? error : with_owner(c, arg[2], arg[3]);
	case __NR_truncate:
		on_path(a, c, true);
		return with_size(c, arg[1]);
	case __NR_utimensat:
		error = with_times(a, c, arg[2], 1);
		return error || is_void(c) ? error : on_times(a, c, arg[3]);
	}
	return decode_xattr(a, c);
}

int attributes_judge(struct act *a)
{
	struct change c = { 0 };
	int error = decode(a, &c);

	if (!error && !is_void(&c))
		error = change(a, &c);
	free(c.value);
	if (!error && !a->answered)
		act_return(a, 0);
	return error;
}
