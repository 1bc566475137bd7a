#include "enforce/files/open.h"

#include "base/fd.h"
#include "base/path.h"
#include "base/room.h"
#include "enforce/files/instead.h"
#include "enforce/files/keep.h"
#include "enforce/files/moving.h"
#include "enforce/files/known.h"
#include "sys/mem.h"
#include "sys/proc.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TMPFILE (O_TMPFILE & ~O_DIRECTORY)
#define MAKES   (O_CREAT | TMPFILE)
#define KNOWN   0x7fffc3 /* all flags there are; open(2) leaves out others */
#ifdef __x86_64__
#define LARGE 0100000 /* O_LARGEFILE, which the C library may hide */
#else
#define LARGE 0400000
#endif

enum { HOW_MAX = 4096, TRIES = 8 };

/* ---- what is asked for -------------------------------------------------------------------------------- */

/* copy_struct_from_user(): what we do not know must be zero. 0 or errno. */
static int read_how(const struct act *a, uint64_t addr, uint64_t size, struct openat2_how *how)
{
	unsigned char raw[HOW_MAX];

	if (size < sizeof *how)
		return EINVAL;
	if (size > sizeof raw)
		return E2BIG;
	if (mem_read(a->caller.tid, addr, raw, size) != (ssize_t)size)
		return EFAULT;
	for (size_t i = sizeof *how; i < size; i++)
		if (raw[i])
			return E2BIG;
	memcpy(how, raw, sizeof *how);
	return openat2_check(how);
}

/* As build_open_how() in fs/open.c. */
static void take_flags(struct opening *o, uint64_t flags, uint64_t mode)
{
	o->by_value = true;
	o->how.flags = flags & KNOWN;
	if (o->how.flags & O_PATH)
		o->how.flags &= O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	o->how.mode = o->how.flags & MAKES ? mode & 07777 : 0;
}

static int read_request(struct act *a, struct opening *o)
{
	const __u64 *args = a->args;
	uint64_t path = args[1];
	int error = 0;

	o->dirfd = (int)args[0];
	switch (a->k->n->data.nr) {
	case __NR_openat:
		take_flags(o, args[2], args[3]);
		break;
	case __NR_openat2:
		error = read_how(a, args[2], args[3], &o->how);
		break;
#ifdef __NR_open
	case __NR_creat:
		take_flags(o, O_CREAT | O_WRONLY | O_TRUNC, args[1]);
		o->dirfd = AT_FDCWD;
		path = args[0];
		break;
	case __NR_open:
		take_flags(o, args[1], args[2]);
		o->dirfd = AT_FDCWD;
		path = args[0];
		break;
#endif
	}
	if (o->by_value && (o->how.flags & TMPFILE || (o->how.flags & O_CREAT && o->how.flags & O_DIRECTORY)))
		error = openat2_check(&o->how);
	return error ? error : act_text(a, 0, path, &o->path);
}

static void find_kinds(struct opening *o)
{
	unsigned mode = o->how.flags & OPEN_MODE;

	if (mode != O_WRONLY)
		o->kinds[o->n_kinds++] = ACCESS_READ;
	if (mode != O_RDONLY || o->how.flags & O_TRUNC)
		o->kinds[o->n_kinds++] = ACCESS_WRITE;
	if (o->how.flags & O_TRUNC)
		o->kinds[o->n_kinds++] = ACCESS_TRUNCATE;
}

bool open_is_exact(const struct act *a, const struct opening *o)
{
	if (o->how.flags & MAKES && !act_exact(a, ACCESS_CREATE))
		return false;
	for (size_t i = 0; i < o->n_kinds; i++)
		if (!act_exact(a, o->kinds[i]) || (o->kinds[i] == ACCESS_READ && !act_exact(a, ACCESS_LIST)))
			return false;
	/* What stands in memory may ask for something else by then. */
	return o->by_value || (act_exact(a, ACCESS_READ) && act_exact(a, ACCESS_CREATE));
}

/* ---- what is there ------------------------------------------------------------------------------------- */

/* The caller's table of descriptors is full: it must learn that before anything is made or emptied. Linux 6.2
 * tells how many there are as the size of their directory; before, they are counted. */
static bool has_room(struct act *a)
{
	struct rlimit limit;
	uint64_t n;

	if (prlimit(a->caller.pid, RLIMIT_NOFILE, NULL, &limit) < 0 || !act_count_fds(a, &n))
		return true;
	if (n)
		return n < limit.rlim_cur;
	return proc_count(a->caller.tid, "fd") < limit.rlim_cur;
}

void open_unblock(int fd, uint64_t flags)
{
	if (!(flags & O_NONBLOCK))
		fcntl(fd, F_SETFL, (int)(flags & (O_APPEND | O_DIRECT | O_NOATIME | O_ASYNC)));
}

/* Open without ever waiting, then as the caller wants it. */
static int open_now(int dirfd, const char *path, uint64_t flags, uint64_t mode)
{
	int fd = openat(dirfd, path, (int)(flags | O_NONBLOCK | O_NOCTTY | O_CLOEXEC), (mode_t)mode);

	if (fd < 0)
		return -errno;
	open_unblock(fd, flags);
	return fd;
}

static void hand_over(struct act *a, const struct opening *o, int fd)
{
	act_give(a, fd, (int)(o->how.flags & O_CLOEXEC));
}

/* Is an old version to be kept, and of what? */
bool open_keeps(const struct act *a, const struct opening *o, const struct place *p, enum journal_kind *kind)
{
	static const struct verdict plain = { .decision = EFFECT_ALLOW };

	*kind = o->how.flags & O_TRUNC ? JOURNAL_TRUNCATE : JOURNAL_WRITE;
	return (o->how.flags & OPEN_MODE || o->how.flags & O_TRUNC) && S_ISREG(p->st.st_mode) &&
	       !p->nameless && keep_wants(a, *kind, p, &plain);
}

int open_again(struct act *a, const struct opening *o, const struct place *p)
{
	uint64_t flags = o->how.flags & ~(uint64_t)(O_CREAT | O_EXCL | O_NOFOLLOW);
	struct keep keep = { .n = 0 };
	enum journal_kind kind;
	char name[40];
	int fd, error = 0;

	if (flags & O_TRUNC && !has_room(a))
		return EMFILE;
	if (open_keeps(a, o, p, &kind))
		error = keep_object(a, &keep, kind, p);
	if (error)
		return error;
	snprintf(name, sizeof name, "/proc/self/fd/%d", p->object);
	fd = open_now(AT_FDCWD, name, flags, 0);
	if (fd < 0)
		return keep_after(a, &keep, -fd);
	keep_after(a, &keep, 0);
	hand_over(a, o, fd);
	return 0;
}

int open_finish(struct act *a, const struct opening *o, struct place *p)
{
	struct keep keep = { .n = 0 };
	enum journal_kind kind;
	int error = 0;

	if (o->how.flags & O_TRUNC && !has_room(a))
		return EMFILE;
	if (open_keeps(a, o, p, &kind))
		error = keep_object(a, &keep, kind, p);
	if (error)
		return error;
	if (o->how.flags & O_TRUNC && ftruncate(p->object, 0) < 0)
		return keep_after(a, &keep, errno);
	keep_after(a, &keep, 0);
	open_unblock(p->object, o->how.flags);
	hand_over(a, o, p->object);
	p->object = -1;
	return 0;
}

/* fs/namei.c, may_create_in_sticky(): in /tmp and its like O_CREAT does not open others' files. */
static bool is_bait(const struct act *a, const struct opening *o, const struct place *p)
{
	struct stat dir;

	return o->how.flags & O_CREAT && p->parent >= 0 &&
	       (S_ISREG(p->st.st_mode) || S_ISFIFO(p->st.st_mode)) && fstat(p->parent, &dir) == 0 &&
	       (dir.st_mode & (S_ISVTX | S_IWOTH)) == (S_ISVTX | S_IWOTH) && p->st.st_uid != dir.st_uid &&
	       p->st.st_uid != a->caller.uid;
}

/* What the kernel says before it looks at permissions. 0 or errno. */
static int check_type(const struct act *a, const struct opening *o, const struct place *p)
{
	uint64_t flags = o->how.flags;
	bool dir = S_ISDIR(p->st.st_mode);

	if (flags & O_CREAT && flags & O_EXCL)
		return EEXIST;
	if (flags & O_CREAT && (dir || p->slash))
		return EISDIR;
	if (flags & O_DIRECTORY && !dir)
		return ENOTDIR;
	if (S_ISLNK(p->st.st_mode))
		return ELOOP;
	if (dir && (flags & OPEN_MODE || flags & O_TRUNC))
		return EISDIR;
	return is_bait(a, o, p) ? EACCES : 0;
}

/* True: go on. Else the call is answered. */
bool open_is_allowed(struct act *a, const struct opening *o, const struct place *p)
{
	for (size_t i = 0; i < o->n_kinds; i++) {
		enum access_kind kind = S_ISDIR(p->st.st_mode) ? ACCESS_LIST : o->kinds[i];
		struct verdict v = keep_decide(a, kind, p);

		if (v.effective == EFFECT_ALLOW && v.decision == EFFECT_REDIRECT && kind != ACCESS_READ &&
		    kind != ACCESS_LIST) {
			redirect_open(a, o, kind, p, &v);
			return false;
		}
		if (v.effective != EFFECT_ALLOW) {
			act_refuse(a, &(struct act_report){ .kind = kind, .place = p, .verdict = &v });
			return false;
		}
		/* One open is told of once, by what it does last. */
		if (i + 1 == o->n_kinds || S_ISDIR(p->st.st_mode))
			return act_permit(a, &(struct act_report){ .kind = kind, .place = p, .verdict = &v });
	}
	return true;
}

static int open_there(struct act *a, const struct opening *o, const struct place *p)
{
	int error = check_type(a, o, p), fd;
	enum journal_kind kind;
	bool ours = false;

	if (error)
		return error;
	if (!open_is_allowed(a, o, p))
		return 0;
	if (CONFIG_LAYER_NET && (fd = instead_open(a, o, p)) >= 0) {
		hand_over(a, o, fd);
		return 0;
	}
	error = special_open(a, o, p, &ours);
	if (error || !ours)
		return error;
	if (!open_keeps(a, o, p, &kind) && open_is_exact(a, o)) {
		act_continue(a);
		return 0;
	}
	return open_again(a, o, p);
}

/* ---- what is not there yet -------------------------------------------------------------------------------
 */

/* True: go on. */
static bool may_create(struct act *a, const struct opening *o, const struct place *p)
{
	struct verdict v = keep_decide(a, ACCESS_CREATE, p);

	if (v.effective == EFFECT_ALLOW && v.decision == EFFECT_REDIRECT) {
		redirect_open(a, o, ACCESS_CREATE, p, &v);
		return false;
	}
	return act_allowed(a, &(struct act_report){ .kind = ACCESS_CREATE, .place = p, .verdict = &v });
}

/* Make it with the caller's mask: the kernel takes it from us, and it depends on the directory's list of
 * access whether it does. Descriptor or -errno. */
static int make(struct act *a, int dirfd, const char *name, struct openat2_how how)
{
	int mask = act_umask(a), fd;
	mode_t old;

	if (mask < 0)
		return -EPERM;
	/* What is new has nobody to wait for. */
	how.flags |= O_NOCTTY;
	old = umask((mode_t)mask);
	fd = openat2_open(dirfd, name, &how);
	umask(old);
	return fd;
}

/* Nobody is there to have it: natively there would be no file. */
static void unmake(const struct place *p, int fd)
{
	AUTO_FD above = -1;
	ROOM char dir[PLACE_PATH];
	struct stat made, there;
	size_t len = (size_t)(path_base(p->path) - p->path);

	if (p->parent < 0) {
		memcpy(dir, p->path, len);
		dir[len] = 0;
		above = proc_openat2(AT_FDCWD, dir, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	}
	if (p->parent >= 0)
		above = fcntl(p->parent, F_DUPFD_CLOEXEC, 0);
	if (fstat(fd, &made) == 0 && fstatat(above, p->name, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
	    made.st_dev == there.st_dev && made.st_ino == there.st_ino)
		unlinkat(above, p->name, 0);
}

/* The caller's own copy is the only one when it goes on. That its table of descriptors is full it learns from
 * this. 0 when answered, or errno. */
static int hand_new(struct act *a, const struct opening *o, const struct place *p, struct keep *k, int fd)
{
	int there = call_add(a->k, fd, (int)(o->how.flags & O_CLOEXEC));
	struct at_facts made;

	if (there < 0) {
		unmake(p, fd);
	} else if (at_facts(fd, "", AT_EMPTY_PATH, &made) == 0) {
		keep_made(a, k, &made);
		known_learn(a->f, &made, p->path);
	}
	close(fd);
	keep_after(a, k, there < 0 ? -there : 0);
	if (there < 0)
		return -there;
	act_return(a, there);
	return 0;
}

int open_new(struct act *a, const struct opening *o, const struct place *p)
{
	/* O_EXCL follows nothing. */
	const struct openat2_how how = { .flags = (o->how.flags & ~(uint64_t)O_TRUNC) | O_EXCL,
		                         .mode = o->how.mode };
	static const struct verdict plain = { .decision = EFFECT_ALLOW };
	struct keep keep = { .n = 0 };
	int fd, error = 0;

	if (p->slash)
		return EISDIR;
	if (!may_create(a, o, p))
		return 0;
	walks_note(a, p);
	if (!keep_wants(a, JOURNAL_CREATE, p, &plain) && open_is_exact(a, o)) {
		act_continue(a);
		return 0;
	}
	if (keep_wants(a, JOURNAL_CREATE, p, &plain))
		error = keep_name(a, &keep, JOURNAL_CREATE, p);
	if (error)
		return error;
	fd = make(a, p->parent, p->name, how);
	return fd < 0 ? keep_after(a, &keep, -fd) : hand_new(a, o, p, &keep, fd);
}

bool open_at_once(struct act *a, const struct opening *o, const struct place *p, const char *path, int *error)
{
	const struct openat2_how how = { .flags = o->how.flags & ~(uint64_t)O_TRUNC,
		                         .mode = o->how.mode,
		                         .resolve = RESOLVE_NO_SYMLINKS };
	static const struct verdict plain = { .decision = EFFECT_ALLOW };
	const struct verdict v = keep_decide(a, ACCESS_CREATE, p);
	const bool wants = keep_wants(a, JOURNAL_CREATE, p, &plain);
	const struct act_report r = { .kind = ACCESS_CREATE, .place = p, .verdict = &v };
	struct keep keep = { .n = 0 };
	int fd;

	if (v.effective != EFFECT_ALLOW || v.decision == EFFECT_REDIRECT || open_is_exact(a, o) ||
	    (wants && (!keep_knows(a, p) || keep_name(a, &keep, JOURNAL_CREATE, p))))
		return false;
	walks_note(a, p);
	fd = make(a, AT_FDCWD, path, how);
	if (fd < 0)
		keep_after(a, &keep, -fd);
	if (fd == -EEXIST)
		*error = EEXIST;
	if (fd < 0)
		return fd == -EEXIST;
	/* Told before it is anybody's, or it is gone before anybody knows. */
	if (act_tell(a, &r)) {
		*error = hand_new(a, o, p, &keep, fd);
		return true;
	}
	unmake(p, fd);
	close(fd);
	keep_after(a, &keep, EACCES);
	act_untold(a, &r);
	*error = 0;
	return true;
}

/* A file without a name in a directory: judged as any name there. */
static int make_unnamed(struct act *a, const struct opening *o, struct place *p)
{
	char name[40];
	int fd;

	if (!S_ISDIR(p->st.st_mode))
		return ENOTDIR;
	if (!deep_enter(p, "x"))
		return ENAMETOOLONG;
	p->alias[0] = 0;
	if (!may_create(a, o, p))
		return 0;
	if (open_is_exact(a, o)) {
		act_continue(a);
		return 0;
	}
	snprintf(name, sizeof name, "/proc/self/fd/%d", p->object);
	fd = make(a, AT_FDCWD, name,
	          (struct openat2_how){ .flags = o->how.flags & ~(uint64_t)O_NOFOLLOW, .mode = o->how.mode });
	if (fd < 0)
		return -fd;
	hand_over(a, o, fd);
	return 0;
}

/* ---- all together
 * ------------------------------------------------------------------------------------------ */

/* "name/" with O_CREAT is an error, whatever is there. */
static bool makes_directory(const struct opening *o)
{
	size_t len = strlen(o->path);

	return o->how.flags & O_CREAT && len && o->path[len - 1] == '/';
}

static int open_once(struct act *a, const struct opening *o)
{
	struct place_request r = { .dirfd = o->dirfd, .path = o->path, .resolve = o->how.resolve };
	ROOM struct place p;
	int error;

	if (!act_sure(a))
		return ENOENT;
	if (!(o->how.flags & O_NOFOLLOW) && !(o->how.flags & O_CREAT && o->how.flags & O_EXCL))
		r.flags |= PLACE_FOLLOW;
	if (o->how.flags & O_CREAT)
		r.flags |= PLACE_MISS;
	/* Not looked at at all, but the way there is. */
	if (makes_directory(o))
		r.flags = PLACE_NAME | PLACE_MISS;
	error = act_find(a, &r, &p);
	if (error)
		return error;
	if (o->how.flags & TMPFILE)
		error = make_unnamed(a, o, &p);
	else if (p.object < 0)
		error = open_new(a, o, &p);
	else
		error = open_there(a, o, &p);
	resolve_release(&p);
	return error;
}

int open_judge(struct act *a)
{
	struct opening o = { .dirfd = -1 };
	int error = read_request(a, &o);

	if (error)
		return error;
	find_kinds(&o);
	if (o.how.flags & O_PATH) {
		/* Nothing to judge, and nothing that could be handed over: the kernel refuses. What asks from
		 * memory could ask for more by then; ENOSYS makes programs use openat(2). */
		if (!open_is_exact(a, &o))
			return o.by_value ? (act_continue(a), 0) : ENOSYS;
		act_continue(a);
		return 0;
	}
	if (direct_open(a, &o, &error))
		return error;
	for (int i = 0; i < TRIES; i++) {
		error = open_once(a, &o);
		if (error != EEXIST || o.how.flags & O_EXCL)
			return error;
	}
	return EAGAIN;
}
