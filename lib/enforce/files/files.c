#include "enforce/files/files.h"

#include "base/arena.h"
#include "base/fd.h"
#include "decide/access.h"
#include "enforce/acting.h"
#include "enforce/exec/filter.h"
#include "enforce/files/moving.h"
#include "enforce/files/known.h"
#include "enforce/files/open.h"
#include "enforce/landlock/mounts.h"
#include "sys/proc.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define KIND(k) (1u << ACCESS_##k)

unsigned files_asked(uint32_t plain, bool reads, bool changes, bool looks)
{
	const uint32_t rules = ~plain, seen = KIND(STAT) | KIND(READLINK);
	const uint32_t written = KIND(WRITE) | KIND(TRUNCATE) | KIND(CREATE);
	unsigned calls = 0;

	if (reads || rules & (KIND(READ) | KIND(LIST)))
		calls |= FILTER_READS | FILTER_WRITES; /* openat2(2) may be either */
	if (changes || rules & written)
		calls |= FILTER_WRITES;
	if (looks && rules & seen)
		calls |= FILTER_METADATA;
	/* Landlock knows no attributes: what is closed keeps its own by being asked about. */
	if (calls || changes || rules & ((1u << ACCESS_KINDS) - 1) & ~seen)
		calls |= FILTER_NAMES | FILTER_ATTRIBUTES;
	return calls;
}

/* Where it lies without links, as the paths of objects are told; as it stands when it is not there. */
static const char *real_path(struct arena *a, const char *path)
{
	char text[64], real[PATH_MAX] = "";
	AUTO_FD fd = open(path, O_PATH | O_CLOEXEC);
	ssize_t n = -1;

	if (fd >= 0) {
		snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
		n = readlink(text, real, sizeof real - 1);
	}
	if (n <= 0 || real[0] != '/')
		return arena_str(a, path);
	real[n] = 0;
	return arena_str(a, real);
}

struct closing {
	struct files *f;
	struct files_closed *to;
	bool secret;
};

enum { CLOSED = 512 };

static void close_name(void *arg, const char *name, const struct mount *of)
{
	struct closing *c = arg;

	(void)of;
	if (c->f->o.n_closed < CLOSED)
		c->to[c->f->o.n_closed++] =
		        (struct files_closed){ arena_str(&c->f->memory, name), c->secret };
}

/* Under all its names: mounts may show it elsewhere. */
static bool copy_closed(struct files *f, const struct files_options *o)
{
	struct closing c = { .f = f, .to = arena_array(&f->memory, CLOSED, sizeof *c.to) };
	struct mounts m;
	bool known = mounts_read(&m, "/proc/self");

	f->o.closed = c.to;
	f->o.n_closed = 0;
	for (size_t i = 0; known && c.to && i < o->n_closed; i++) {
		const char *path = o->closed[i].path ? real_path(&f->memory, o->closed[i].path) : NULL;

		if (!path || path[0] != '/')
			continue;
		c.secret = o->closed[i].secret;
		close_name(&c, path, NULL);
		mounts_names(&m, path, close_name, &c);
	}
	mounts_release(&m);
	return known && c.to && f->o.n_closed < CLOSED;
}

static bool copy_options(struct files *f, const struct files_options *o)
{
	f->o = *o;
	if (o->workspace)
		f->o.workspace = arena_str(&f->memory, o->workspace);
	if (o->virtual_root)
		f->o.virtual_root = arena_str(&f->memory, o->virtual_root);
	return copy_closed(f, o) && !f->memory.failed;
}

struct files *files_new(const struct files_options *o, struct err *e)
{
	struct files *f = calloc(1, sizeof *f);

	if (f) {
		for (size_t i = 0; i < ACT_COMMANDS; i++)
			f->commands[i].root = -1;
		for (size_t i = 0; i < ACT_TASKS; i++) {
			f->tasks[i] = (struct task){ .fd = -1, .proc = -1, .mask = -1 };
			f->held[i].fd = -1;
		}
		f->fds = -1;
		f->cache = decide_cache_new(o->policy);
	}
	if (f && f->cache && copy_options(f, o)) {
		f->lists_all = decide_tree(o->policy, ACCESS_LIST, "/", o->baseline) == TREE_ALLOWED;
		return f;
	}
	err_set(e, "out of memory, or the mounts are not known");
	files_free(f);
	return NULL;
}

void files_spare(struct files *f)
{
	for (size_t i = 0; i < ACT_COMMANDS; i++) {
		fd_close(&f->commands[i].root);
		f->commands[i].known = false;
	}
	for (size_t i = 0; i < ACT_TASKS; i++) {
		fd_close(&f->tasks[i].fd);
		fd_close(&f->tasks[i].proc);
	}
	near_release(f);
}

void files_free(struct files *f)
{
	if (!f)
		return;
	files_spare(f);
	for (size_t i = 0; i < ACT_PATHS; i++)
		buf_release(&f->text[i]);
	buf_release(&f->spelled);
	deep_release(&f->deep);
	park_free(f);
	walks_free(f);
	free(f->direct);
	known_release(f);
	decide_trees_free(f->trees);
	decide_cache_free(f->cache);
	arena_release(&f->memory);
	free(f);
}

static int judge(struct act *a, int nr)
{
	int rc;

	switch (nr) {
#ifdef __NR_open
	case __NR_open:
	case __NR_creat:
#endif
	case __NR_openat:
	case __NR_openat2:
		return open_judge(a);
	case __NR_bind:
		return bind_judge(a);
	case __NR_ioctl:
		return ioctl_judge(a);
	default:
		rc = names_judge(a);
		if (rc < 0)
			rc = attributes_judge(a);
		if (rc < 0)
			rc = metadata_judge(a);
		return rc < 0 ? EPERM : rc;
	}
}

/* The kernel would write over "core", or what core_pattern says, in whatever directory a program chooses, and
 * ask nobody. What the program starts has the limit from it. */
static void leave_no_core(pid_t pid)
{
	const struct rlimit none = { 0, 0 };

	prlimit(pid, RLIMIT_CORE, &none, NULL);
}

void files_write(void *files)
{
	const struct files *f = files;

	if (f->o.journal)
		journal_write(f->o.journal);
}

void files_exec(void *files, const struct call *k)
{
	files_write(files); /* it may be who undoes what was done */
	leave_no_core(k->pid);
	if (!fd_has_room(k->c->listener, 1))
		files_spare(files);
	if ((pid_t)k->n->pid != k->pid)
		act_masking(files, (pid_t)k->n->pid);
}

static int attempt(struct act *a)
{
	int error = act_begin(a);

	if (!error)
		error = judge(a, a->k->n->data.nr);
	act_end(a);
	return error;
}

/* What it failed with may only say that we had no descriptor left. */
static bool is_doubtful(const struct act *a, int error)
{
	static const int sure[] = { ENOENT, EEXIST, ENOTDIR, EISDIR, ELOOP };

	for (size_t i = 0; i < sizeof sure / sizeof *sure; i++)
		if (error == sure[i])
			return false;
	return error && !a->answered;
}

void files_call(void *files, const struct call *k)
{
	struct files *f = files;
	struct act a = { .f = f,
		         .k = k,
		         .args = k->n->data.args,
		         .caller = { .tid = (pid_t)k->n->pid,
		                     .pid = k->pid,
		                     .tag = f->o.tag,
		                     .command = k->c->number,
		                     .deep = &f->deep } };
	int error;

	act_masked(f, a.caller.tid);
	if (k->n->data.nr == __NR_umask) {
		act_masking(f, a.caller.tid);
		call_continue(k);
		return;
	}
	if (CONFIG_LAYER_FUSE && f->o.view && f->o.view->page)
		acting_for(f->o.view->page, k->c->number);
	error = attempt(&a);
	if (is_doubtful(&a, error) && !fd_has_room(k->c->listener, 1)) {
		files_spare(f);
		error = attempt(&a);
		if (is_doubtful(&a, error) && !fd_has_room(k->c->listener, 1))
			error = ENFILE;
	}
	if (!a.answered)
		act_fail(&a, error ? error : EPERM);
}

bool files_wait(void *files)
{
	bool parked = park_look(files), walks = walks_go_on(files);

	return parked || walks;
}
