/* Private to enforce/exec: what the parts of the supervisor share. */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/list.h"
#include "enforce/exec/call.h"
#include "enforce/exec/hand.h"
#include "enforce/exec/held.h"
#include "enforce/exec/image.h"
#include "enforce/exec/serve.h"
#include "enforce/exec/tree.h"

enum { MESSAGE = 1024 };

enum { SERVE_THREADS = CONFIG_FILES ? 32 : 1 };

struct governor {
	struct governor_options o;
	struct policy_needs needs;
	const struct policy_audit *audit;
	struct identity *identity; /* NULL without CONFIG_EXEC_IDENTITY */
	struct image_cache *images;
	struct tree *tree;
	uint64_t series, n_events; /* event ids are unique among governors … */
	char ids[24];              /* … and begin with this */
	struct buf text;           /* event under construction */
	struct buf path, args;     /* what the caller passed */
	struct {
		pid_t pid;
		const struct rule *rule;
	} taught;             /* whom we last wrote to: a search along PATH is told once */
	struct arena scratch; /* of one notification */
	struct {
		pid_t tid, pid;
	} threads[SERVE_THREADS]; /* whose threads called lately */
	struct list held;         /* calls that wait for approvals: held.c */
	size_t n_held, held_text;
	struct {
		pid_t pid;
		size_t len;
		char *text;
		int64_t until_ns;
	} refused; /* lately: a search along PATH is asked for once */
	uint64_t n_asked;
	struct hand hand;
};

/* serve.c: a traced task is stopped before a call, or has just started a new image. */
void serve_stopped(struct governor *g, struct governed *c, const struct seccomp_notif *n,
                   struct call_answer *answer);
void serve_started(struct governor *g, struct governed *c, const struct seccomp_notif *n,
                   struct call_answer *answer);

/* serve.c: hand it to its judge, and what comes after each answer. */
void serve_judge(const struct call *k);

/* Argument vector over a buffer of NUL-terminated strings. */
struct args {
	const char **v; /* in the governor's scratch arena, NULL-terminated */
	size_t n;
};

/* One exec on its way to a verdict. */
struct attempt {
	const char *given;
	struct args args;
	int depth;
	pid_t parent;
	struct verdict verdict;
	bool used_args;
	bool may_wait;  /* for an approval */
	bool is_script; /* a script is on the way: its name stands in the interpreter's arguments only */
	bool is_loader; /* what it maps is to be looked at when it starts … */
	size_t payload; /* … which is this argument */
	struct held_question question; /* what an approval is needed for */
	const char *original;  /* the path of the program it was recognised as, whatever its name … */
	const char *by;        /* … by "file", "content", "name", or for what could not be read */
	const uint8_t *sha256; /* of that content, NULL = not known */
	const char *subject;
	struct image image; /* from its path on nothing is cleared */
	char message[MESSAGE];
};

/* ask.c: put one file of an exec to the policy; the first verdict that forbids stays, else the first of all.
 */
void ask_file(const struct call *k, struct attempt *a, const char *given, const struct args *args);
/* What a dynamic loader or a multicall program will run by itself. */
void ask_payload(const struct call *k, struct attempt *a);
/* An interpreter that runs may have got another script than the one that was judged. */
void ask_scripts(const struct call *k, struct attempt *a);

/* loader.c: a dynamic loader that runs may have mapped another program than the one that was judged. */
void loader_check(const struct call *k, struct attempt *a);

/* judge.c: execve, execveat; the first sign of life of a new image. */
void judge_exec(const struct call *k);
/* True: it is what was allowed, and goes on. k->pid may be a thread. */
bool judge_expected(const struct call *k);
void judge_start(const struct call *k);

/* signals.c: kill and its kin, fcntl(F_SETOWN). */
void judge_signal(const struct call *k);
void judge_owner(const struct call *k);

/* limits.c: prlimit64, setpriority, sched_set… and ioprio_set on other processes. */
void judge_limit(const struct call *k);
/* limits.c: a process that wants to be the parent of orphans. */
void judge_adoption(const struct call *k);
