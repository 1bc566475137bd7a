/* Private to enforce/files: what the judges of file calls share. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "decide/access.h"
#include "enforce/exec/call.h"
#include "enforce/files/files.h"
#include "enforce/files/resolve.h"
#include "policy/policy.h"
#include "sys/fsids.h"

enum { ACT_PATHS = 2, ACT_COMMANDS = 8, ACT_TASKS = 16 };

/* What is the same for all processes of a command. */
struct file_command {
	const struct governed *c;
	uint32_t number;
	pid_t entry;
	int root; /* owned; -1: ours */
	struct fsids ids;
	bool known;
};

struct files {
	struct arena memory;
	struct files_options o;
	struct decide_cache *cache;
	struct decide_trees *trees; /* made when first asked */
	bool lists_all;             /* no directory is closed to listing */
	struct buf text[ACT_PATHS]; /* paths as the caller spelled them */
	struct fsids own;           /* ours */
	bool own_known;
	struct park *park;     /* calls that wait; NULL = none so far */
	struct direct *direct; /* links that only root can change */
	struct {
		pid_t tid;
		int fd;     /* owned */
	} tasks[ACT_TASKS]; /* who called lately */
	struct {
		pid_t tid;
		int fd;           /* owned */
	} held[ACT_TASKS];        /* who named descriptors lately: near.c */
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

/* The caller's file mode creation mask; -1 when it cannot be known: nothing is created then. */
int act_umask(struct act *a);

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

/* Both, by the verdict. True: do it. */
bool act_allowed(struct act *a, const struct act_report *r);

/* ---- judges: open.c, names.c, attributes.c ---------------------------------------------------------- */

/* One for each group of calls: 0 when answered, or the errno to answer with. */
int open_judge(struct act *a);
/* These two give -1 for a call that is not theirs. */
int names_judge(struct act *a);
int attributes_judge(struct act *a);
int bind_judge(struct act *a);
int ioctl_judge(struct act *a);
