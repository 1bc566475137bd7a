#include "enforce/exec/impl.h"

#include "enforce/exec/held.h"
#include "audit/ring.h"
#include "base/clock.h"
#include "sys/notify.h"
#include "sys/proc.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>

struct governor *serve_new(const struct governor_options *o, struct err *e)
{
	struct governor *g = calloc(1, sizeof *g);

	if (g) {
		g->o = *o;
		if (getrandom(&g->series, sizeof g->series, 0) != sizeof g->series)
			g->series = (uint64_t)clock_real_ns();
		snprintf(g->ids, sizeof g->ids, "evt-%016llx-", (unsigned long long)g->series);
		g->needs = policy_needs(o->policy);
		g->audit = policy_audit(o->policy);
		if (CONFIG_EXEC_IDENTITY)
			g->identity = identity_new(o->policy);
		g->images = image_cache_new(g->identity);
		g->tree = tree_new();
		g->text.max = 64 * 1024;
		if (CONFIG_APPROVALS)
			list_init(&g->held);
	}
	if (g && g->images && g->tree && (g->identity || !CONFIG_EXEC_IDENTITY))
		return g;
	serve_free(g);
	err_set(e, "out of memory");
	return NULL;
}

void serve_free(struct governor *g)
{
	if (!g)
		return;
	if (CONFIG_APPROVALS) {
		held_forget(g, NULL);
		free(g->refused.text);
	}
	image_cache_free(g->images);
	if (CONFIG_EXEC_IDENTITY)
		identity_free(g->identity);
	tree_free(g->tree);
	arena_release(&g->scratch);
	buf_release(&g->text);
	buf_release(&g->path);
	buf_release(&g->args);
	free(g);
}

void serve_rest(struct governor *g)
{
	if (CONFIG_EXEC_IDENTITY && identity_refresh(g->identity))
		image_cache_forget(g->images);
}

bool serve_tell(const struct call *k, struct event *ev, uint32_t flags)
{
	struct governor *g = k->g;
	char id[48], *p = id + sizeof id;

	/* What is done for every event is not left to printf. */
	*--p = 0;
	for (uint64_t n = ++g->n_events; n; n /= 10)
		*--p = (char)('0' + n % 10);
	p -= strlen(g->ids);
	ev->id = memcpy(p, g->ids, strlen(g->ids));
	ev->session_id = g->o.session_id;
	ev->command_id = k->c->id;
	if (!ev->pid)
		ev->pid = k->pid;
	buf_clear(&g->text);
	event_format(ev, &g->text);
	if (g->text.failed)
		return false;
	return g->o.sink(g->o.sink_arg, g->text.data, g->text.len, k->c->number, flags);
}

bool serve_report(const struct call *k, struct event *ev, uint32_t flags)
{
	const struct policy_audit *audit = k->g->audit;

	return !(flags & RING_DENIED ? audit->log_denied : audit->log_allowed) || serve_tell(k, ev, flags);
}

/* What a new image calls before anything else that is judged. */
#ifdef __x86_64__
#define FIRST_CALL __NR_arch_prctl
#else
#define FIRST_CALL __NR_set_tid_address
#endif

#if CONFIG_LAYER_NET
/* Of names, whoever judges files has a say, too. */
static void judge_socket(const struct call *k)
{
	const bool name = k->n->data.nr == __NR_bind;

	if (k->g->o.net_call && k->g->o.net_call(k->g->o.net, k))
		return;
	if (name && CONFIG_FILES && k->g->o.file_call)
		k->g->o.file_call(k->g->o.files, k);
	else if (name)
		call_continue(k);
	else
		call_fail(k, EPERM);
}
#endif

static void dispatch(const struct call *k)
{
	switch (k->n->data.nr) {
	case __NR_execve:
	case __NR_execveat:
		if (CONFIG_FILES && k->g->o.file_exec)
			k->g->o.file_exec(k->g->o.files, k);
		judge_exec(k);
		break;
	case FIRST_CALL:
		judge_start(k);
		break;
	case __NR_kill:
	case __NR_tkill:
	case __NR_tgkill:
	case __NR_rt_sigqueueinfo:
	case __NR_rt_tgsigqueueinfo:
	case __NR_pidfd_send_signal:
		judge_signal(k);
		break;
	case __NR_fcntl:
		judge_owner(k);
		break;
	case __NR_prctl:
		judge_adoption(k);
		break;
	case __NR_prlimit64:
	case __NR_setpriority:
	case __NR_ioprio_set:
	case __NR_sched_setaffinity:
	case __NR_sched_setparam:
	case __NR_sched_setscheduler:
	case __NR_sched_setattr:
		judge_limit(k);
		break;
#if CONFIG_LAYER_NET
	case __NR_connect:
	case __NR_bind:
	case __NR_listen:
	case __NR_sendto:
	case __NR_sendmsg:
	case __NR_sendmmsg:
		judge_socket(k);
		break;
#endif
	default:
		if (CONFIG_FILES && k->g->o.file_call)
			k->g->o.file_call(k->g->o.files, k);
		else
			call_fail(k, EPERM);
	}
}

void serve_judge(const struct call *k)
{
	dispatch(k);
	if (k->g->o.answered)
		k->g->o.answered(k->g->o.sink_arg);
}

void call_again(const struct call *k)
{
	serve_judge(k);
}

bool serve_holds(const struct governor *g)
{
	return g->n_held > 0;
}

void serve_gone(struct governor *g, const struct governed *c)
{
	held_forget(g, c);
}

bool serve_wait(struct governor *g)
{
	return CONFIG_FILES && g->o.file_wait && g->o.file_wait(g->o.files);
}

/* As proc_tgid(). For threads that call often what is remembered is asked for, which is far cheaper. */
static pid_t process_of(struct governor *g, pid_t tid)
{
	const size_t i = (size_t)tid % SERVE_THREADS;

	if (!CONFIG_FILES)
		return proc_tgid(tid);
	if (g->threads[i].tid != tid || proc_signal_thread(g->threads[i].pid, tid, 0) < 0) {
		g->threads[i].tid = tid;
		g->threads[i].pid = proc_tgid(tid);
	}
	return g->threads[i].pid;
}

int serve_call(struct governor *g, struct governed *c)
{
	struct seccomp_notif n;
	struct call k = { .g = g, .c = c, .n = &n };
	int got = notify_receive(c->listener, &n);

	if (got <= 0)
		return got;
	k.pid = (pid_t)n.pid;
	if (n.data.nr == FIRST_CALL && judge_expected(&k))
		return 0;
	k.pid = process_of(g, (pid_t)n.pid);
	if (!k.pid) {
		/* gone, or not to be seen */
		call_fail(&k, CONFIG_FILES && (errno == EMFILE || errno == ENFILE) ? ENFILE : EPERM);
		return 0;
	}
	if (CONFIG_FILES)
		hand_called(&g->hand, k.pid);
	serve_judge(&k);
	return 0;
}

static void serve_traced(struct call *k, void (*judge)(const struct call *k))
{
	k->pid = proc_tgid((pid_t)k->n->pid);
	if (!k->pid)
		return;
	judge(k);
	if (k->g->o.answered)
		k->g->o.answered(k->g->o.sink_arg);
}

void serve_stopped(struct governor *g, struct governed *c, const struct seccomp_notif *n,
                   struct call_answer *answer)
{
	serve_traced(&(struct call){ .g = g, .c = c, .n = n, .answer = answer }, dispatch);
}

void serve_started(struct governor *g, struct governed *c, const struct seccomp_notif *n,
                   struct call_answer *answer)
{
	serve_traced(&(struct call){ .g = g, .c = c, .n = n, .answer = answer, .fresh = true }, judge_start);
}
