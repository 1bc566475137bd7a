#include "enforce/exec/impl.h"

#include "audit/ring.h"
#include "base/fd.h"
#include "sys/proc.h"
#include "sys/tag.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/syscall.h>

/* One signal on its way to one or more processes. */
struct delivery {
	const struct call *k;
	pid_t sender;
	int signo;
	pid_t group; /* of kill(0), kill(-group); 0 = everybody (-1) */
	bool own;    /* kill(0): another thread may change the group at any time */
	int inside, outside, sent, denied;
	struct verdict verdict; /* of the first process that was refused */
	pid_t refused;
};

static bool descends_from(pid_t pid, pid_t ancestor)
{
	struct proc_stat st;

	for (int i = 0; i < 64 && pid > 1 && proc_stat(pid, &st); i++) {
		if (st.ppid == ancestor)
			return true;
		pid = st.ppid;
	}
	return false;
}

/* How the target stands to the sender; only rules ask for more than membership. */
static unsigned relation(const struct delivery *d, pid_t target, bool inside, struct proc_stat *st)
{
	unsigned r = inside ? TARGET_SESSION : TARGET_EXTERNAL;
	struct proc_stat me;

	if (target == d->sender)
		r |= TARGET_SELF;
	if (!d->k->g->needs.signals || !proc_stat(target, st) || !proc_stat(d->sender, &me))
		return r;
	if (st->ppid == d->sender)
		r |= TARGET_CHILDREN;
	if (descends_from(target, d->sender))
		r |= TARGET_DESCENDANTS;
	if (st->ppid == me.ppid && target != d->sender)
		r |= TARGET_SIBLINGS;
	if (target == me.ppid)
		r |= TARGET_PARENT;
	if (target == 1 || target == 2 || st->ppid == 2)
		r |= TARGET_SYSTEM;
	else
		r |= TARGET_USER;
	return r;
}

/* Whatever the rules say, nothing outside the session is ever touched. */
static const struct rule outside = { .name = "session-signals",
	                             .file = "built-in",
	                             .decision = EFFECT_DENY,
	                             .message = "the process does not belong to this session" };

static struct verdict judge_target(const struct delivery *d, pid_t target)
{
	bool inside = tag_match(target, d->k->g->o.tag);
	struct proc_stat st = { 0 };
	struct signal_request r = { .signal = d->signo, .pid = target, .comm = st.comm };
	struct verdict v;

	r.target = relation(d, target, inside, &st);
	v = decide_signal(d->k->g->o.policy, &r);
	if (v.effective == EFFECT_APPROVE)
		v.effective = EFFECT_DENY;
	if (!inside && v.effective != EFFECT_DENY)
		v = (struct verdict){ .rule = &outside };
	return v;
}

/* Only rules of the policy can (the ones of this file are bare). */
static bool absorbs(const struct verdict *v)
{
	return v->rule->line > 0 && decide_signal_absorbs(v->rule);
}

/* The signal to send instead, 0 = none. */
static int replaced_by(const struct verdict *v)
{
	return v->rule->line > 0 ? decide_signal_redirect(v->rule) : 0;
}

static const char *signal_event(const struct verdict *v, bool denied)
{
	if (absorbs(v))
		return "signal_absorbed";
	if (replaced_by(v))
		return "signal_redirected";
	return denied ? "signal_blocked" : "signal_sent";
}

static bool report_signal(const struct delivery *d, const struct verdict *v, pid_t target, const char *action)
{
	struct event_field fields[] = { { .name = "signal", .number = d->signo },
		                        { .name = "target_pid", .number = target } };
	bool denied = v->effective == EFFECT_DENY;
	struct event ev = { .type = signal_event(v, denied),
		            .depth = -1,
		            .verdict = v,
		            .message = v->rule->message,
		            .operation = "signal",
		            .effective_action = action,
		            .fields = fields,
		            .n_fields = 2 };

	return serve_report(d->k, &ev, denied ? RING_DENIED : 0);
}

/* Another signal in the place of the one that was meant; the target is looked at again once it is held fast.
 */
static void send_instead(const struct delivery *d, pid_t target, int signo)
{
	int fd = proc_pidfd(proc_tgid(target));

	if (fd >= 0 && tag_match(target, d->k->g->o.tag) && call_valid(d->k) && proc_signal(fd, signo) == 0)
		call_return(d->k, 0);
	else
		call_fail(d->k, ESRCH);
	fd_close(&fd);
}

static void finish(const struct delivery *d, const struct verdict *v, pid_t target)
{
	char subject[64];

	if (absorbs(v)) {
		report_signal(d, v, target, "absorbed");
		call_return(d->k, 0);
		return;
	}
	if (v->effective == EFFECT_DENY) {
		report_signal(d, v, target, "denied");
		snprintf(subject, sizeof subject, "signal %d to process %d", d->signo, (int)target);
		teach(d->k,
		      &(struct denial){ .subject = subject, .verdict = v, .message = v->rule->message });
		call_fail(d->k, EPERM);
		return;
	}
	/* Signals inside the session are everyday life: only rules make them worth a line. */
	if (d->k->g->needs.signals && !report_signal(d, v, target, "allowed"))
		call_fail(d->k, EPERM);
	else if (replaced_by(v))
		send_instead(d, target, replaced_by(v));
	else
		call_continue(d->k);
}

/* kill(0), kill(-group), kill(-1): those outside the session are skipped, as the kernel skips what it may not
 * signal. */
static bool count_member(pid_t pid, void *arg)
{
	struct delivery *d = arg;
	struct proc_stat st;
	struct verdict v;

	if (d->group && (!proc_stat(pid, &st) || st.pgrp != d->group))
		return true;
	if (!d->group && (pid == 1 || pid == d->sender))
		return true;
	v = judge_target(d, pid);
	if (v.effective != EFFECT_DENY) {
		d->inside++;
		return true;
	}
	d->outside++;
	if (!d->refused) {
		d->verdict = v;
		d->refused = pid;
	}
	return true;
}

static bool send_member(pid_t pid, void *arg)
{
	struct delivery *d = arg;
	struct proc_stat st;
	struct verdict v;
	int fd, instead;

	if (d->group && (!proc_stat(pid, &st) || st.pgrp != d->group))
		return true;
	if (!d->group && (pid == 1 || pid == d->sender))
		return true;
	fd = proc_pidfd(pid);
	v = judge_target(d, pid);
	instead = replaced_by(&v);
	if (absorbs(&v) ||
	    (fd >= 0 && v.effective != EFFECT_DENY && proc_signal(fd, instead ? instead : d->signo) == 0))
		d->sent++;
	fd_close(&fd);
	return true;
}

static void judge_group(struct delivery *d, pid_t group)
{
	struct verdict all = { .decision = EFFECT_ALLOW, .effective = EFFECT_ALLOW, .rule = &outside };

	d->group = group;
	proc_each(count_member, d);
	if (!d->inside && d->outside) {
		finish(d, &d->verdict, d->refused);
		return;
	}
	if (!d->outside && group && !d->own) {
		all.rule = &(struct rule){ .name = "session-signals", .file = "built-in", .message = "" };
		finish(d, &all, -group);
		return;
	}
	if (d->outside)
		report_signal(d, &d->verdict, d->refused, "skipped");
	if (!call_valid(d->k))
		return;
	proc_each(send_member, d);
	if (d->sent)
		call_return(d->k, 0);
	else
		call_fail(d->k, d->outside ? EPERM : ESRCH);
}

/* The descriptor may be exchanged while we look: act on a copy of our own. */
static void judge_pidfd(struct delivery *d, int fd)
{
	int pidfd = proc_pidfd(d->sender), copy = -1;
	struct verdict v;
	pid_t target;

	if (pidfd >= 0)
		copy = proc_getfd(pidfd, fd);
	fd_close(&pidfd);
	target = copy >= 0 ? proc_of_pidfd(copy) : -1;
	if (target <= 0) {
		call_fail(d->k, copy < 0 || !target ? EBADF : ESRCH);
	} else {
		v = judge_target(d, target);
		if (v.effective == EFFECT_DENY || replaced_by(&v) || absorbs(&v))
			finish(d, &v, target);
		else if (!call_valid(d->k))
			; /* the caller is gone */
		else if (proc_signal(copy, d->signo) == 0)
			call_return(d->k, 0);
		else
			call_fail(d->k, errno);
	}
	fd_close(&copy);
}

void judge_signal(const struct call *k)
{
	const struct seccomp_data *a = &k->n->data;
	struct delivery d = { .k = k, .signo = (int)a->args[1] };
	pid_t target = (pid_t)a->args[0];
	struct proc_stat st;
	struct verdict v;

	d.sender = k->pid;
	if (a->nr == __NR_tgkill && target == k->pid && ((int)a->args[2] == SIGURG || !k->g->needs.signals)) {
		/* Go's scheduler interrupts its own threads with SIGURG, often: no rule is about that. */
		call_continue(k);
		return;
	}
	if (a->nr == __NR_tgkill || a->nr == __NR_rt_tgsigqueueinfo) {
		target = (pid_t)a->args[1];
		d.signo = (int)a->args[2];
	}
	if (a->nr == __NR_pidfd_send_signal) {
		if ((unsigned)a->args[3]) /* to a group, or to a thread: not on its behalf */
			call_fail(k, EINVAL);
		else
			judge_pidfd(&d, (int)a->args[0]);
	} else if (a->nr == __NR_kill && target <= 0) {
		d.own = !target;
		if (d.own && (!proc_stat(d.sender, &st) || st.pgrp <= 0))
			call_fail(k, EPERM);
		else
			judge_group(&d, d.own ? st.pgrp : target == -1 ? 0 : -target);
	} else if (!proc_tgid(target)) {
		call_fail(k, target > 0 ? ESRCH : EINVAL);
	} else {
		v = judge_target(&d, target);
		finish(&d, &v, target);
	}
}

/* fcntl(F_SETOWN): whom the kernel will send SIGIO. */
void judge_owner(const struct call *k)
{
	pid_t owner = (pid_t)k->n->data.args[2];
	struct delivery d = { .k = k, .signo = SIGIO, .sender = k->pid };
	struct verdict v;

	if (owner < 0 || (owner > 0 && !proc_tgid(owner))) {
		/* A group may hold outsiders, now or later; a number that is free may become one's. */
		call_fail(k, owner < 0 ? EPERM : ESRCH);
		return;
	}
	if (!owner || owner == d.sender) {
		call_continue(k);
		return;
	}
	v = judge_target(&d, owner);
	finish(&d, &v, owner);
}
