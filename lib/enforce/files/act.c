#include "enforce/files/impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/room.h"
#include "enforce/files/known.h"
#include "sys/mem.h"
#include "sys/at.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const struct rule unnamed = { .name = "unnamed-object", .file = "built-in", .decision = EFFECT_ALLOW };
static const struct rule closed = { .name = "closed-to-sessions",
	                            .file = "built-in",
	                            .decision = EFFECT_DENY,
	                            .message = "belongs to agentsh itself" };

void act_fail(struct act *a, int error)
{
	a->answered = true;
	call_fail(a->k, error);
}

void act_return(struct act *a, int64_t value)
{
	a->answered = true;
	call_return(a->k, value);
}

void act_continue(struct act *a)
{
	a->answered = true;
	call_continue(a->k);
}

void act_inject(struct act *a, int fd, int flags)
{
	a->answered = true;
	call_inject(a->k, fd, flags);
}

void act_give(struct act *a, int fd, int flags)
{
	a->answered = true;
	call_give(a->k, fd, flags);
}

int act_text(struct act *a, int which, uint64_t addr, const char **out)
{
	struct buf *b = &a->f->text[which];

	buf_clear(b);
	if (mem_string(a->caller.tid, addr, PATH_MAX - 1, b) < 0)
		return errno == E2BIG ? ENAMETOOLONG : errno == ENOMEM ? ENOMEM : EFAULT;
	*out = b->data;
	return 0;
}

bool act_sure(struct act *a)
{
	a->sure = a->sure || call_valid(a->k);
	return a->sure;
}

int act_path(struct act *a, int which, uint64_t addr, const char **out)
{
	int error = act_text(a, which, addr, out);

	a->sure = false;
	return error ? error : act_sure(a) ? 0 : ENOENT;
}

/* ---- who calls ---------------------------------------------------------------------------------------- */

/* The caller's root directory when it is not ours. -1: it is; -2: it cannot be known. */
static int other_root(pid_t tid)
{
	char name[40];
	struct stat ours, its, our_mounts, its_mounts;
	int fd;

	snprintf(name, sizeof name, "/proc/%d/ns/mnt", (int)tid);
	if (stat(name, &its_mounts) < 0 || stat("/proc/self/ns/mnt", &our_mounts) < 0)
		return -2;
	snprintf(name, sizeof name, "/proc/%d/root", (int)tid);
	if (stat(name, &its) < 0 || stat("/", &ours) < 0)
		return -2;
	if (its_mounts.st_ino == our_mounts.st_ino && its.st_dev == ours.st_dev && its.st_ino == ours.st_ino)
		return -1;
	fd = proc_open(tid, "root", O_PATH | O_DIRECTORY);
	return fd < 0 ? -2 : fd;
}

/* Facts that no process of a command can change: the filter keeps them in their namespaces and their root,
 * and who is not root keeps its ids. NULL: not to be known. */
static struct file_command *command_of(struct act *a)
{
	const struct governed *c = a->k->c;
	struct file_command *m = &a->f->commands[c->number % ACT_COMMANDS];
	int root;

	if (m->known && m->c == c && m->number == c->number && m->entry == c->entry)
		return m;
	fd_close(&m->root);
	*m = (struct file_command){ .c = c, .number = c->number, .entry = c->entry, .root = -1 };
	root = other_root(a->caller.tid);
	if (root == -2 || fsids_of(a->caller.tid, &m->ids) < 0 || !call_valid(a->k)) {
		if (root >= 0)
			close(root);
		return NULL;
	}
	m->root = root;
	m->known = true;
	return m;
}

/* Where it is remembered, perhaps of another that had its number before. */
static struct task *task_of(struct act *a)
{
	struct task *t = &a->f->tasks[(size_t)a->caller.tid % ACT_TASKS];

	if (t->tid != a->caller.tid) {
		fd_close(&t->fd);
		fd_close(&t->proc);
		*t = (struct task){ .tid = a->caller.tid, .fd = -1, .proc = -1, .mask = -1 };
	}
	return t;
}

/* Does it work with our ids? Asked through a descriptor of the task, which is kept for the next call: that it
 * still answers for this number says that it is the same task. False: look closer. */
static bool has_own_ids(struct act *a)
{
	struct task *t = task_of(a);

	if (t->fd >= 0 && fsids_holds(t->fd, a->caller.tid, &a->f->own))
		return true;
	fd_close(&t->fd);
	t->mask = -1;
	t->fd = proc_task_fd(a->caller.tid);
	return t->fd >= 0 && fsids_holds(t->fd, a->caller.tid, &a->f->own) && call_valid(a->k);
}

/* It is the one that had this number when the descriptor was made. */
static bool lives(const struct task *t)
{
	return t->fd >= 0 && (proc_signal(t->fd, 0) == 0 || errno == EPERM);
}

/* Who calls often is believed to be where it was, while that is the same place. The name is that of what our
 * own descriptor leads to: threads of the caller may change its directory at any time. */
static bool link_again(struct files *f, struct task *t, const char *name, char *out, size_t *len)
{
	int64_t now = clock_mono_ns();
	bool often = now < t->often_ns;
	AUTO_FD fd = -1;
	struct at_facts of;

	t->often_ns = now + KNOWN_NS;
	if (!often || at_facts(t->proc, name, AT_STATX_DONT_SYNC, &of) < 0 || !S_ISDIR(of.st.st_mode))
		return false;
	if (known_path(f, &of, out, PATH_MAX, len))
		return true;
	fd = openat(t->proc, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd >= 0 && at_facts(fd, "", AT_EMPTY_PATH | AT_STATX_DONT_SYNC, &of) == 0 &&
	       known_name(f, fd, &of, out, len);
}

static ssize_t link_of(struct files *f, struct task *t, const char *name, char *out, size_t size)
{
	size_t len;
	ssize_t n;

	if (size >= PATH_MAX && link_again(f, t, name, out, &len))
		return (ssize_t)len;
	n = readlinkat(t->proc, name, out, size - 1);
	if (n <= 0 || (size_t)n == size - 1)
		return -1;
	out[n] = 0;
	return n;
}

/* Many call once only: their directory is not worth a descriptor. */
static ssize_t find_link(struct act *a, const char *name, char *out, size_t size)
{
	struct task *t = task_of(a);
	ssize_t n = t->proc < 0 ? -1 : link_of(a->f, t, name, out, size);

	if (n > 0) {
		a->same = true;
		return n;
	}
	fd_close(&t->proc);
	if (t->seen)
		t->proc = proc_open(a->caller.tid, "", O_PATH | O_DIRECTORY);
	if (!lives(t))
		t->mask = -1; /* it may be another's */
	t->seen = true;
	return proc_link(a->caller.tid, name, out, size);
}

ssize_t act_link(struct act *a, const char *name, char *out, size_t size)
{
	bool descriptor = name[0] == 'f';
	ssize_t n;

	/* Whatever it is, and somebody may close it just then: a socket that lingers. */
	if (descriptor)
		at_look();
	n = find_link(a, name, out, size);
	if (descriptor)
		at_looked();
	return n;
}

/* Root's processes may become somebody else. */
static int begin_as_root(struct act *a)
{
	const struct fsids *now;
	int rc;

	if (has_own_ids(a)) {
		a->ids = a->f->own;
		return 0;
	}
	now = act_ids(a);
	if (!now || fsids_same(now, &a->f->own))
		return now ? 0 : ESRCH;
	rc = fsids_take(&a->f->own, now);
	a->switched = !rc;
	return rc;
}

int act_begin(struct act *a)
{
	struct file_command *m = command_of(a);
	int rc = 0;

	/* Not before the first call: until then we give up capabilities. */
	if (!m || (!a->f->own_known && fsids_of(getpid(), &a->f->own) < 0))
		return ESRCH;
	a->f->own_known = true;
	a->caller.root = m->root;
	a->ids = m->ids;
	if (a->f->own.uid == 0)
		rc = begin_as_root(a);
	else if (a->ids.uid != a->f->own.uid)
		rc = EPERM; /* groups are those of the user, whichever of them the caller has */
	a->caller.uid = a->ids.uid;
	a->caller.changes = a->ids.uid == 0;
	return rc;
}

void act_end(struct act *a)
{
	if (a->switched)
		fsids_take(&a->ids, &a->f->own);
	a->switched = false;
}

const struct fsids *act_ids(struct act *a)
{
	if (!a->fresh && fsids_of(a->caller.tid, &a->ids) < 0)
		return NULL;
	a->fresh = true;
	return &a->ids;
}

int act_resume(struct act *a)
{
	int rc = fsids_take(&a->f->own, &a->ids);

	a->switched = rc == 0;
	return rc;
}

bool act_count_fds(struct act *a, uint64_t *n)
{
	const struct task *t = task_of(a);
	struct stat st;
	char name[40];

	snprintf(name, sizeof name, "/proc/%d/fd", (int)a->caller.tid);
	if ((t->proc < 0 || fstatat(t->proc, "fd", &st, 0) < 0) && stat(name, &st) < 0)
		return false;
	*n = (uint64_t)st.st_size;
	return true;
}

static bool is_masking(struct files *f)
{
	bool any = f->mask_unknown || !f->o.masks;

	for (size_t i = 0; i < ACT_MASKING; i++) {
		if (f->masking[i] && !proc_tgid(f->masking[i]))
			f->masking[i] = 0;
		any = any || f->masking[i];
	}
	return any;
}

int act_umask(struct act *a)
{
	struct task *t = task_of(a);
	const struct fsids *now;

	if (t->mask >= 0 && t->masks == a->f->masks && (a->same || lives(t)))
		return t->mask;
	t->mask = -1;
	if (!lives(t)) {
		fd_close(&t->fd);
		t->fd = proc_task_fd(a->caller.tid);
	}
	now = act_ids(a);
	if (!now || !call_valid(a->k))
		return -1;
	if (!is_masking(a->f) && lives(t)) {
		t->mask = now->umask;
		t->masks = a->f->masks;
	}
	return now->umask;
}

void act_masking(struct files *f, pid_t tid)
{
	size_t i = 0;

	f->masks++;
	while (i < ACT_MASKING && f->masking[i] && f->masking[i] != tid)
		i++;
	if (i < ACT_MASKING)
		f->masking[i] = tid;
	else
		f->mask_unknown = true;
}

void act_masked(struct files *f, pid_t tid)
{
	for (size_t i = 0; i < ACT_MASKING; i++)
		if (f->masking[i] == tid)
			f->masking[i] = 0;
}

int act_find(struct act *a, const struct place_request *r, struct place *out)
{
	return resolve_place(&a->caller, r, out);
}

int act_take(const struct act *a, int fd)
{
	AUTO_FD process = proc_task_fd(a->caller.tid);

	if (process < 0)
		process = proc_pidfd(a->caller.pid);
	return process < 0 ? -1 : proc_getfd(process, fd);
}

/* ---- what may be done ------------------------------------------------------------------------------------
 */

static bool is_reading(enum access_kind kind)
{
	return kind == ACCESS_READ || kind == ACCESS_LIST || kind == ACCESS_STAT || kind == ACCESS_READLINK;
}

/* What a session may not touch whatever the policy says. What is moved or removed takes with it what it
 * holds. */
static bool is_closed(const struct files *f, enum access_kind kind, const char *path)
{
	bool takes_all = kind == ACCESS_RENAME || kind == ACCESS_RMDIR || kind == ACCESS_DELETE;

	for (size_t i = 0; i < f->o.n_closed; i++) {
		const struct files_closed *c = &f->o.closed[i];

		if (is_reading(kind) && !c->secret)
			continue;
		if (path_within(path, c->path) || (takes_all && path_within(c->path, path)))
			return true;
	}
	return false;
}

/* The path below the workspace as policies may spell it. */
static const char *virtual_of(const struct files *f, const char *path, char *out, size_t size)
{
	size_t len, root, rest;

	if (!f->o.workspace || !f->o.virtual_root || !path_within(path, f->o.workspace))
		return NULL;
	len = strlen(f->o.workspace);
	root = strlen(f->o.virtual_root);
	path += len > 1 ? len : 0;
	rest = strlen(path) + 1;
	if (root + rest > size)
		return NULL;
	memcpy(out, f->o.virtual_root, root);
	memcpy(out + root, path, rest);
	return out;
}

/* The same of any length. False: out of memory. */
static bool spell_deep(struct files *f, const char *path, const char **out)
{
	size_t size = strlen(path) + 1 + (f->o.virtual_root ? strlen(f->o.virtual_root) : 0);
	char *room;

	buf_clear(&f->spelled);
	room = buf_room(&f->spelled, size);
	if (room)
		*out = virtual_of(f, path, room, size);
	return room;
}

static bool is_world_readable(const struct place *p)
{
	mode_t need = S_ISDIR(p->st.st_mode) ? S_IROTH | S_IXOTH : S_IROTH;

	return (p->st.st_mode & need) == need; /* 0 where nothing is */
}

bool act_is_closed(const struct act *a, enum access_kind kind, const struct place *p)
{
	const char *path = place_path(p);

	return path[0] != '/' || is_closed(a->f, kind, path);
}

struct verdict act_decide(struct act *a, enum access_kind kind, const struct place *p)
{
	struct files *f = a->f;
	const char *alias[] = { p->alias };
	ROOM char spelled[PLACE_PATH + 64];
	struct access_request q = { .kind = kind,
		                    /* Rules about numbers mean others. */
		                    .path = p->own ? p->alias : place_path(p),
		                    .alias = alias,
		                    .n_alias = p->alias[0] && !p->own,
		                    .virtual = virtual_of(f, p->path, spelled, sizeof spelled),
		                    .baseline = f->o.baseline,
		                    .more = f->o.more,
		                    .world_readable = is_world_readable(p) };

	/* A process's own directory is called both, and the earlier rule counts. */
	if (path_within(p->alias, "/proc/self")) {
		q.virtual = p->alias;
		q.n_alias = 0;
	}
	if (p->nameless)
		return (struct verdict){ .decision = EFFECT_ALLOW,
			                 .effective = EFFECT_ALLOW,
			                 .rule = &unnamed };
	if (act_is_closed(a, kind, p) || (p->deep && !spell_deep(f, p->deep, &q.virtual)))
		return (struct verdict){ .rule = &closed };
	return decide_access(f->o.policy, f->cache, &q);
}

bool act_decide_tree(struct act *a, const char *dir, struct tree_answers *out)
{
	struct files *f = a->f;
	ROOM char spelled[PLACE_PATH + 64];
	struct tree_request r = { .dir = dir, .virtual = virtual_of(f, dir, spelled, sizeof spelled) };

	if (strlen(dir) >= PLACE_PATH && !spell_deep(f, dir, &r.virtual))
		return false;
	if (!f->trees)
		f->trees = decide_trees_new(f->o.policy);
	if (f->trees)
		decide_trees_ask(f->trees, &r, out);
	return f->trees;
}

const char *act_virtual(const struct act *a, const char *path, char *out, size_t size)
{
	return virtual_of(a->f, path, out, size);
}

bool act_trees_alike(struct act *a, const char *dir, const char *other)
{
	const uint32_t kinds = 1u << ACCESS_RENAME | 1u << ACCESS_READ | 1u << ACCESS_WRITE;
	struct files *f = a->f;
	ROOM char spelled[2][PLACE_PATH + 64];
	struct tree_request r[2] = { { .dir = dir }, { .dir = other } };

	for (int i = 0; i < 2; i++) {
		r[i].virtual = virtual_of(f, r[i].dir, spelled[i], sizeof spelled[i]);
		r[i].baseline = f->o.baseline;
		r[i].more = f->o.more;
	}
	return f->trees && decide_trees_alike(f->trees, &r[0], &r[1], kinds);
}

bool act_exact(const struct act *a, enum access_kind kind)
{
	switch (kind) {
	case ACCESS_LIST: /* Landlock lists what it may not read: who needs "/" needs all that is below */
		return a->f->lists_all;
	case ACCESS_READ:
		return !(a->f->o.inexact & FILES_READ);
	case ACCESS_WRITE:
	case ACCESS_TRUNCATE:
	case ACCESS_CREATE:
	case ACCESS_MKDIR:
	case ACCESS_SYMLINK:
		return !(a->f->o.inexact & FILES_WRITE);
	case ACCESS_DELETE:
	case ACCESS_RMDIR:
		return !(a->f->o.inexact & FILES_REMOVE);
	case ACCESS_LINK:
	case ACCESS_RENAME:
		return !(a->f->o.inexact & (FILES_WRITE | FILES_REMOVE | FILES_READ));
	default:
		return false; /* Landlock has no such right */
	}
}
