#include "enforce/exec/trace.h"

#include "base/clock.h"
#include "base/list.h"
#include "base/map.h"
#include "enforce/exec/impl.h"
#include "sys/proc.h"
#include "sys/tag.h"
#include "sys/trace.h"

#include <errno.h>
#include <linux/sched.h>
#include <stdlib.h>
#include <sys/syscall.h>

/* A command: all tasks that came from one entry. */
struct suite {
	struct list node;
	struct governed c;
	size_t n_tasks;
	int status; /* of the first process, -1 = not known yet */
};

struct task {
	pid_t tid;
	struct suite *suite;
	bool again; /* its image is to be judged again when it sets up its thread pointer */
};

struct tracer {
	struct governor *g;
	desk_gone *gone;
	void *arg;
	struct list suites;
	struct map tasks; /* struct task, by number */
};

struct tracer *tracer_new(struct governor *g, desk_gone *gone, void *arg, struct err *e)
{
	struct tracer *t = calloc(1, sizeof *t);

	if (!t) {
		err_set(e, "out of memory");
		return NULL;
	}
	*t = (struct tracer){ .g = g, .gone = gone, .arg = arg };
	list_init(&t->suites);
	return t;
}

static struct task *find(const struct tracer *t, pid_t tid)
{
	return map_get(&t->tasks, (const char *)&tid, sizeof tid);
}

void tracer_free(struct tracer *t)
{
	struct map_slot *slot;
	size_t at = 0;

	if (!t)
		return;
	while ((slot = map_next(&t->tasks, &at)))
		free(slot->value);
	map_release(&t->tasks);
	list_each(node, &t->suites) free(list_item(node, struct suite, node));
	free(t);
}

static bool enlist(struct tracer *t, struct suite *s, pid_t tid)
{
	struct task *new;

	if (find(t, tid))
		return true;
	new = calloc(1, sizeof *new);
	if (!new)
		return false;
	*new = (struct task){ .tid = tid, .suite = s };
	if (!map_set(&t->tasks, (const char *)&new->tid, sizeof new->tid, new)) {
		free(new);
		return false;
	}
	s->n_tasks++;
	return true;
}

/* It is gone: true when it was the last of its command. */
static bool strike(struct tracer *t, pid_t tid)
{
	struct task *task = map_del(&t->tasks, (const char *)&tid, sizeof tid);
	struct suite *s = task ? task->suite : NULL;

	free(task);
	return s && --s->n_tasks == 0;
}

int tracer_add(struct tracer *t, const struct governed *c, struct err *e)
{
	struct suite *s = calloc(1, sizeof *s);

	if (!s)
		return err_set(e, "out of memory");
	*s = (struct suite){ .c = *c, .status = -1 };
	if (!enlist(t, s, c->entry)) {
		free(s);
		return err_set(e, "out of memory");
	}
	if (trace_attach(c->entry, e) < 0) {
		strike(t, c->entry);
		free(s);
		return -1;
	}
	list_append(&t->suites, &s->node);
	return 0;
}

static void on_end(struct tracer *t, const struct trace_event *ev)
{
	struct task *task = find(t, ev->tid);
	struct suite *s = task ? task->suite : NULL;

	if (!s)
		return;
	if (ev->tid == s->c.entry)
		s->status = ev->status;
	if (!strike(t, ev->tid))
		return;
	list_remove(&s->node);
	t->gone(t->arg, s->c.number, s->c.id, s->status, clock_mono_ns());
	free(s);
}

/* Whose task is this? A child may stop before its parent's stop tells of it: then its tag says. */
static struct task *task_of(struct tracer *t, pid_t tid)
{
	struct task *task = find(t, tid);
	uint32_t number;
	uint64_t tag;

	if (task)
		return task;
	if (!tag_of(tid, &tag, &number) || tag != t->g->o.tag)
		return NULL;
	list_each(node, &t->suites)
	{
		struct suite *s = list_item(node, struct suite, node);

		if (s->c.number == number)
			return enlist(t, s, tid) ? find(t, tid) : NULL;
	}
	return NULL;
}

static bool is_start(const struct seccomp_notif *n)
{
#ifdef __x86_64__
	return n->data.nr == __NR_arch_prctl;
#else
	return n->data.nr == __NR_set_tid_address;
#endif
}

/* It makes a task that we shall see, whatever it asked for. */
static bool is_birth(pid_t tid, const struct seccomp_notif *n, struct call_answer *answer)
{
	if (n->data.nr != __NR_clone && n->data.nr != __NR_unshare)
		return false;
	answer->proceed = trace_first(tid, n->data.args[0] & ~(uint64_t)CLONE_UNTRACED);
	return true;
}

static void on_call(struct tracer *t, struct task *task)
{
	struct call_answer answer = { .value = -EPERM };
	struct seccomp_notif n;
	pid_t tid = task->tid;
	bool good = trace_call(tid, &n);

	if (good && is_start(&n) && !task->again)
		answer.proceed = true; /* was judged after its exec */
	else if (good && !is_birth(tid, &n, &answer))
		serve_stopped(t->g, &task->suite->c, &n, &answer);
	if (good && is_start(&n))
		task->again = false;
	if (!answer.proceed && !trace_skip(tid, answer.value))
		trace_kill(tid); /* it must not go on unjudged; mostly it is dead already */
	trace_go(tid, 0);
}

static void on_exec(struct tracer *t, struct task *task, const struct trace_event *ev)
{
	struct call_answer answer = { .value = -EPERM };
	struct seccomp_notif n = { .pid = (uint32_t)ev->tid };

	/* A thread that executes takes its leader's number; the leader is not reported as gone. */
	if (ev->other && ev->other != ev->tid)
		strike(t, ev->other);
	serve_started(t->g, &task->suite->c, &n, &answer);
	task->again = answer.again;
	if (!answer.proceed)
		trace_kill(ev->tid);
	trace_go(ev->tid, 0);
}

/* It may have stopped, run and ended before its parent's stop is seen. */
static void on_child(struct tracer *t, struct suite *s, pid_t child)
{
	struct proc_stat st;

	if (child && !find(t, child) && proc_stat(child, &st) && st.state != 'Z' && st.state != 'X' &&
	    !enlist(t, s, child))
		trace_kill(child);
}

static void on_stop(struct tracer *t, struct task *task, const struct trace_event *ev)
{
	switch (ev->stop) {
	case TRACE_CALL:
		on_call(t, task);
		break;
	case TRACE_EXEC:
		on_exec(t, task, ev);
		break;
	case TRACE_CHILD:
		on_child(t, task->suite, ev->other);
		trace_go(ev->tid, 0);
		break;
	case TRACE_PAUSED:
		trace_listen(ev->tid);
		break;
	default:
		trace_go(ev->tid, ev->stop == TRACE_SIGNAL ? ev->signo : 0);
	}
}

void tracer_serve(struct tracer *t, desk_ended *ended)
{
	struct trace_event ev;
	struct task *task;

	for (trace_next(&ev); ev.stop != TRACE_NONE; trace_next(&ev)) {
		if (ev.stop == TRACE_ENDED) {
			on_end(t, &ev);
			if (ended)
				ended(t->arg, ev.tid, ev.status);
		} else if ((task = task_of(t, ev.tid))) {
			on_stop(t, task, &ev);
		} else {
			trace_kill(ev.tid); /* nobody's: it cannot be judged */
			trace_go(ev.tid, 0);
		}
	}
}
