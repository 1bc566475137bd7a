/* judge - what a policy says to those who use a view: verdicts, events, and what is kept of what they
 * destroy.
 *
 * The same answers as enforce/files gives where system calls are seen
 * (decide/access.h, journal/record.h), with two differences: nothing is
 * redirected here (such rules deny), and denials are told in events only, as
 * nobody's standard error is at hand.
 */
#pragma once

#include "base/err.h"
#include "enforce/fuse/view.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct journal_log;
struct judge;

/* Strings are borrowed, as are policy and journal. */
struct judge_options {
	const struct policy *policy;
	const char *session_id;
	const char *top;             /* where the view is seen, a clean path */
	const char *virtual_root;    /* how policies may spell it: "/workspace", or NULL */
	bool log_reads;              /* allowed reads are logged, too */
	bool soft_block;             /* nothing may be deleted, renamed or truncated */
	struct journal_log *journal; /* NULL: nothing can be kept */
	bool keep_all;               /* also what no rule diverts */

	/* An event, as JSON without its end of line, and RING_… of audit/ring.h. False: it cannot be written,
	 * and what it tells of must not happen. */
	bool (*sink)(void *arg, const char *json, size_t len, uint32_t flags);
	/* The command that a process belongs to, "" when it is not known. May be NULL. */
	const char *(*command)(void *arg, pid_t pid);
	void *arg;
};

struct judge *judge_new(const struct judge_options *o, struct err *e);
void judge_free(struct judge *j);

/* A command is over: what changes later is somebody else's doing. */
void judge_ended(struct judge *j, const char *command);
/* Manifests of what was deleted, some at a time; true while there are more: for view_options.idle. */
bool judge_settle(struct judge *j);

/* For view_options: arg is the struct judge. */
int judge_act(void *judge, struct view_act *act);
void judge_acted(void *judge, struct view_act *act, bool happened);
