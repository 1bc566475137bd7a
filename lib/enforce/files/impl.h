/* Private to enforce/files: what the judges of file calls share. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "decide/access.h"
#include "enforce/exec/call.h"
#include "enforce/files/deep.h"
#include "enforce/files/files.h"
#include "enforce/files/resolve.h"
#include "policy/policy.h"
#include "sys/fsids.h"

enum { ACT_PATHS = 2, ACT_COMMANDS = 8, ACT_TASKS = 32, ACT_MASKING = 4 };

/* What is the same for all processes of a command. */
struct file_command {
	const struct governed *c;
	uint32_t number;
	pid_t entry;
	int root; /* owned; -1: ours */
	struct fsids ids;
	bool known;
};

/* What is kept of a task from one of its calls to the next. */
struct task {
	pid_t tid;
	int fd;   /* owned: of proc_task_fd(), or -1 */
	int proc; /* owned: /proc/TID, or -1; nothing is found there once it is another's number */
	bool seen;
	int64_t often_ns; /* it calls often when it calls before that */
	int mask;         /* its file mode creation mask, as of `masks`; -1 = not known */
	uint64_t masks;   /* files.masks then */
};

struct files {
	struct arena memory;
	struct files_options o;
	struct decide_cache *cache;
	struct decide_trees *trees; /* made when first asked */
	bool lists_all;             /* no directory is closed to listing */
	struct buf text[ACT_PATHS]; /* paths as the caller spelled them */
	struct buf spelled;         /* likewise, of what lies deep */
	struct deep deep;
	struct fsids own; /* ours */
	bool own_known;
	struct park *park;            /* calls that wait; NULL = none so far */
	struct walks *walks;          /* likewise, for their directories to be looked at */
	struct direct *direct;        /* links that only root can change */
	struct task tasks[ACT_TASKS]; /* who called lately */
	uint64_t masks;               /* counts what may have changed masks */
	pid_t masking[ACT_MASKING];   /* who may be changing one now; 0 = nobody */
	bool mask_unknown;            /* they were too many: masks are not remembered any more */
	struct {
		pid_t tid;
		int fd;           /* owned */
	} held[ACT_TASKS];        /* who named descriptors lately: near.c */
	struct known *known;      /* paths that were told lately: known.h */
	int fds;                  /* owned: /proc/self/fd, opened when first asked */
	dev_t near_dev;           /* where files are closed at once */
	bool near_known, has_far; /* there is such; and elsewhere it may take long */
	struct file_command commands[ACT_COMMANDS];
};

/* One call on its way to its answer. Made by files_call(), which releases what it holds. */
struct act {
	struct files *f;
	const struct call *k;
	const __u64 *args; /* of the call */
	struct caller caller;
	struct fsids ids; /* the caller's; valid after act_begin() */
	bool fresh;       /* `ids` were read during this call: its mask and table, too */
	bool switched;    /* we work with them now */
	bool same;        /* it is the task whose directory in /proc is open */
	bool sure;        /* the caller waited for its answer after its memory had been read */
	bool answered;
	struct { /* by a rule that says so */
		enum access_kind kind;
		const struct place *place;
	} approve;
};

/* ---- act.c --------------------------------------------------------------------------------------- */

/* The answers. Each call gets exactly one; files_call() gives EPERM to what got none. */
void act_fail(struct act *a, int error);
void act_return(struct act *a, int64_t value);
void act_continue(struct act *a);
void act_inject(struct act *a, int fd, int flags);
void act_give(struct act *a, int fd, int flags); /* and it is not ours any more */

/* Read a path of the caller, once, into buffer `which`. 0 or errno: EFAULT, ENAMETOOLONG. */
int act_path(struct act *a, int which, uint64_t addr, const char **out);

/* The same, but it may have been another's memory, if the caller is gone: for those who ask act_sure() before
 * they do more than hand over something. */
int act_text(struct act *a, int which, uint64_t addr, const char **out);
bool act_sure(struct act *a);

/* Target of a link of the caller's in /proc ("cwd", "fd/3"): as proc_link(). */
ssize_t act_link(struct act *a, const char *name, char *out, size_t size);

/* How many descriptors the caller has; 0 before Linux 6.2. False: unknown. */
bool act_count_fds(struct act *a, uint64_t *n);

/* Where it leads, as resolve_place(). Permissions on the way are those of the caller: between act_begin() and
 * act_end() only. */
int act_find(struct act *a, const struct place_request *r, struct place *out);

/* A copy of the calling thread's own descriptor; -1 with errno. By now the number may mean another. */
int act_take(const struct act *a, int fd);

/* The policy on this kind of access to what was found. Denied, too, what no session may touch. */
struct verdict act_decide(struct act *a, enum access_kind kind, const struct place *p);

/* The policy on all that is or may be below a directory, without what no session may touch. False: out of
 * memory. */
bool act_decide_tree(struct act *a, const char *dir, struct tree_answers *out);

/* A path below the workspace as policies may spell it, in `out`; NULL: it lies elsewhere, or is too long. */
const char *act_virtual(const struct act *a, const char *path, char *out, size_t size);

/* Do the rules treat whatever lies below the one directory as they would below the other, for RENAME, READ
 * and WRITE? False: perhaps not. */
bool act_trees_alike(struct act *a, const char *dir, const char *other);

/* Does it lie in what no session may touch, or hold it? Whatever the policy says. */
bool act_is_closed(const struct act *a, enum access_kind kind, const struct place *p);

/* Is Landlock exactly as strict for this kind? Only then a call may go on as it is. */
bool act_exact(const struct act *a, enum access_kind kind);

/* Take on the caller's ids, groups and capabilities where they are not ours; 0 or errno. Everything that
 * touches files for the caller stands between these two. */
int act_begin(struct act *a);
void act_end(struct act *a);
/* After act_end() of an act that had switched: as before it. 0 or errno. */
int act_resume(struct act *a);

/* All that /proc says of the caller's ids, as of this call; NULL when it cannot be known. */
const struct fsids *act_ids(struct act *a);

/* The caller's file mode creation mask; -1 when it cannot be known: nothing is created then. Remembered, as
 * all that may change one is told of: a call of umask(2) about to be let go on, and a thread that is about to
 * become its process's only one, with a mask that may be its own. */
int act_umask(struct act *a);
void act_masking(struct files *f, pid_t tid);
/* A call of this task came in: what it did before it has done. */
void act_masked(struct files *f, pid_t tid);

/* ---- near.c -------------------------------------------------------------------------------------- */

void near_release(struct files *f);

/* ---- report.c ------------------------------------------------------------------------------------ */

struct act_report {
	enum access_kind kind;
	const struct place *place;
	const struct verdict *verdict;
	const char *to;           /* of a rename, link or symlink: the other path, or NULL */
	const char *type;         /* of the event; NULL: by kind */
	const char *operation;    /* the same */
	const char *token, *hint; /* of what was kept, or NULL */
};

/* Refuse: the event, two lines on the caller's standard error for changes, and EACCES. Where somebody can
 * approve it, it waits for that instead. */
void act_refuse(struct act *a, const struct act_report *r);

/* The rule wants an approval: has this call got it? Then *v allows. */
void act_approved(struct act *a, enum access_kind kind, const struct place *p, struct verdict *v);

/* Record what is about to happen. False: it had to be recorded and could not, and was refused. */
bool act_permit(struct act *a, const struct act_report *r);
/* The two halves of it, for what has been done before it is told and is undone when it cannot be: record it;
 * and refuse it. */
bool act_tell(struct act *a, const struct act_report *r);
void act_untold(struct act *a, const struct act_report *r);

/* Both, by the verdict. True: do it. */
bool act_allowed(struct act *a, const struct act_report *r);

/* ---- judges: open.c, names.c, attributes.c, metadata.c ----------------------------------------------- */

/* One for each group of calls: 0 when answered, or the errno to answer with. */
int open_judge(struct act *a);
/* These three give -1 for a call that is not theirs. */
int names_judge(struct act *a);
int attributes_judge(struct act *a);
int metadata_judge(struct act *a);
int bind_judge(struct act *a);
int ioctl_judge(struct act *a);
