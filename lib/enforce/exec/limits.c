#include "enforce/exec/impl.h"

#include "audit/ring.h"
#include "sys/proc.h"
#include "sys/tag.h"

#include <errno.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Whatever the policy says, nothing outside the session is slowed down, starved or limited. */
static const struct rule outside = { .name = "session-limits",
	                             .file = "built-in",
	                             .decision = EFFECT_DENY,
	                             .message = "the process does not belong to this session" };

struct members {
	const struct call *k;
	pid_t group;
	bool any, outside;
};

static bool count_member(pid_t pid, void *arg)
{
	struct members *m = arg;
	struct proc_stat st;

	if (proc_stat(pid, &st) && st.pgrp == m->group) {
		m->any = true;
		m->outside = m->outside || !tag_match(pid, m->k->g->o.tag);
	}
	return !m->outside;
}

/* 0 = all of them are of the session, else errno. `group` 0 = the caller's own. */
static int check_group(const struct call *k, pid_t group)
{
	struct members m = { .k = k, .group = group };
	struct proc_stat st;

	if (!group) {
		if (!proc_stat(k->pid, &st))
			return EPERM;
		m.group = st.pgrp;
	}
	proc_each(count_member, &m);
	return m.outside ? EPERM : m.any ? 0 : ESRCH;
}

static int check_process(const struct call *k, pid_t pid)
{
	if (!pid || tag_match(pid, k->g->o.tag))
		return 0;
	return proc_tgid(pid) ? EPERM : ESRCH;
}

/* setpriority and ioprio_set name a process, a group or a user, in this order, from `first` on. */
static int check_which(const struct call *k, int first)
{
	int which = (int)k->n->data.args[0] - first;
	pid_t who = (pid_t)k->n->data.args[1];

	if (which == 0)
		return check_process(k, who);
	return which == 1 ? check_group(k, who) : which == 2 ? EPERM : EINVAL;
}

void judge_limit(const struct call *k)
{
	struct verdict v = { .rule = &outside };
	struct event ev = { .type = "limit_blocked",
		            .depth = -1,
		            .verdict = &v,
		            .message = outside.message,
		            .operation = "limit",
		            .effective_action = "denied" };
	int error;

	if (k->n->data.nr == __NR_setpriority)
		error = check_which(k, PRIO_PROCESS);
	else if (k->n->data.nr == __NR_ioprio_set)
		error = check_which(k, 1 /* IOPRIO_WHO_PROCESS */);
	else
		error = check_process(k, (pid_t)k->n->data.args[0]);
	if (!error) {
		if (CONFIG_FILES && k->n->data.nr == __NR_sched_setaffinity &&
		    (pid_t)k->n->data.args[0] != (pid_t)k->n->pid)
			hand_avoid(&k->g->hand, (pid_t)k->n->data.args[0]);
		call_continue(k);
		return;
	}
	if (error == EPERM)
		serve_report(k, &ev, RING_DENIED);
	call_fail(k, error);
}

/* prctl(PR_SET_CHILD_SUBREAPER): orphans of its depths would look as if it had started them. */
void judge_adoption(const struct call *k)
{
	if (k->n->data.args[1])
		tree_adopts(k->g->tree, k->pid);
	call_continue(k);
}
