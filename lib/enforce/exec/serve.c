#include "enforce/exec/impl.h"

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
	char id[sizeof g->id + 1];
	uint64_t series;

	if (g) {
		g->o = *o;
		if (getrandom(&series, sizeof series, 0) != sizeof series)
			series = (uint64_t)clock_real_ns();
		snprintf(id, sizeof id, "evt-%016llx-", (unsigned long long)series);
		memcpy(g->id, id, sizeof g->id);
		g->needs = policy_needs(o->policy);
		g->audit = policy_audit(o->policy);
		if (CONFIG_EXEC_IDENTITY)
			g->identity = identity_new(o->policy);
		g->images = image_cache_new(g->identity);
		g->tree = tree_new();
		g->text.max = 64 * 1024;
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

/* "evt-SERIES-NUMBER", which ends at `end`. */
static const char *event_id(struct governor *g, char *end)
{
	uint64_t n = ++g->n_events;

	*--end = 0;
	do
		*--end = (char)('0' + n % 10);
	while (n /= 10);
	end -= sizeof g->id;
	return memcpy(end, g->id, sizeof g->id);
}

bool serve_report(const struct call *k, struct event *ev, uint32_t flags)
{
	struct governor *g = k->g;
	bool denied = flags & RING_DENIED;
	char id[sizeof g->id + 24];

	if (!(denied ? g->audit->log_denied : g->audit->log_allowed))
		return true;
	ev->id = event_id(g, id + sizeof id);
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

/* What a new image calls before anything else that is judged. */
#ifdef __x86_64__
#define FIRST_CALL __NR_arch_prctl
#else
#define FIRST_CALL __NR_set_tid_address
#endif

static void dispatch(const struct call *k)
{
	switch (k->n->data.nr) {
	case __NR_execve:
	case __NR_execveat:
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
	default:
		if (CONFIG_FILES && k->g->o.file_call)
			k->g->o.file_call(k->g->o.files, k);
		else
			call_fail(k, EPERM);
	}
}

bool serve_wait(struct governor *g)
{
	return CONFIG_FILES && g->o.file_wait && g->o.file_wait(g->o.files);
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
	k.pid = proc_tgid((pid_t)n.pid);
	if (!k.pid) {
		call_fail(&k, EPERM); /* gone, or not to be seen */
		return 0;
	}
	dispatch(&k);
	if (g->o.answered)
		g->o.answered(g->o.sink_arg);
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
