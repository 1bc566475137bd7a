/* Private to enforce/exec: what the parts of the supervisor share. */
#pragma once

#include "audit/event.h"
#include "base/arena.h"
#include "base/buf.h"
#include "enforce/exec/image.h"
#include "enforce/exec/serve.h"
#include "enforce/exec/tree.h"

#include <linux/seccomp.h>

struct governor {
	struct governor_options o;
	struct policy_needs needs;
	const struct policy_audit *audit;
	struct image_cache *images;
	struct tree *tree;
	uint64_t series, n_events; /* event ids are unique among governors */
	struct buf text;           /* event under construction */
	struct buf path, args;     /* what the caller passed */
	struct {
		pid_t pid;
		const struct rule *rule;
	} taught;             /* whom we last wrote to: a search along PATH is told once */
	struct arena scratch; /* of one notification */
};

/* One notification and what is known about it. */
struct call {
	struct governor *g;
	struct governed *c;
	const struct seccomp_notif *n;
	pid_t pid; /* the process; n->pid may be any of its threads */
};

/* Hand the event over if the policy wants it logged. False: it had to be kept and could not. */
bool serve_report(const struct call *k, struct event *ev, uint32_t flags);

/* judge.c: execve, execveat; the first sign of life of a new image. */
void judge_exec(const struct call *k);
void judge_start(const struct call *k);

/* signals.c: kill and its kin, fcntl(F_SETOWN). */
void judge_signal(const struct call *k);
void judge_owner(const struct call *k);

/* limits.c: prlimit64, setpriority, sched_set… and ioprio_set on other processes. */
void judge_limit(const struct call *k);

/* teach.c: two lines on the caller's standard error, without ever waiting for its reader. */
struct denial {
	const char *subject; /* "sudo" */
	const struct verdict *verdict;
	const char *message;
};
void teach(const struct call *k, const struct denial *d);
