#include "enforce/limits/count.h"

#include "audit/event.h"
#include "audit/ring.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "enforce/limits/limits.h"
#include "enforce/limits/memory.h"
#include "sys/hunt.h"
#include "sys/tag.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MS         1000000LL
#define SAID_NS    (1000 * MS) /* so seldom the same is said again */
#define TASKS_NS   (100 * MS)
#define SOONEST_NS (50 * MS)
#define LATEST_NS  (500 * MS)
#define KILLED_NS  (20 * MS)
enum {
	PER_NS = 2, /* bytes that processes can come to hold in a nanosecond, and more than that */
	DUTY = 10,
	SLACK = 32, /* until we have looked */
	MEGA = 1 << 20
};

/* A file of a group with a number that grows when it refuses something. */
struct hits {
	int fd;
	const char *key;
	uint64_t seen;
};

struct counter {
	struct counter_options o;
	struct policy_limits limits;
	bool log_denied;
	struct timer again;

	uid_t uid;       /* of the session, 0 = root or nobody to be counted */
	uint64_t others; /* tasks of that user outside, at the last look */
	bool refuses;    /* RLIMIT_NPROC does for this session */
	int64_t said_ns;
	struct hits pids, memory;
	uint64_t series, n_events;
	struct buf text;
};

struct hit {
	const char *limit, *action, *message;
	uint64_t value, times;
	pid_t pid;
	uint32_t command;
	uint64_t bytes;
};

static bool say(struct counter *c, const struct hit *h)
{
	struct rule rule = { .name = h->limit,
		             .file = c->limits.file,
		             .line = c->limits.line,
		             .decision = EFFECT_DENY,
		             .message = h->message };
	struct verdict v = { .rule = &rule };
	const struct event_field fields[] = { { .name = "bytes", .number = (int64_t)h->bytes },
		                              { .name = "limit", .number = (int64_t)h->value },
		                              { .name = "times", .number = (int64_t)h->times } };
	char id[48];
	struct event ev = { .id = id,
		            .type = "limit_reached",
		            .session_id = c->o.session_id,
		            .pid = h->pid,
		            .depth = -1,
		            .verdict = &v,
		            .message = h->message,
		            .operation = "limit",
		            .effective_action = h->action,
		            .fields = h->bytes ? fields : fields + 1,
		            .n_fields = h->bytes ? 3 : 2 };

	if (!c->log_denied)
		return true;
	snprintf(id, sizeof id, "evt-%016llx-%llu", (unsigned long long)c->series,
	         (unsigned long long)++c->n_events);
	buf_clear(&c->text);
	event_format(&ev, &c->text);
	return !c->text.failed &&
	       c->o.sink(c->o.arg, c->text.data, c->text.len, h->command, RING_DENIED | RING_BACKGROUND);
}

/* ---- groups ---- */

static int open_in(const char *dir, const char *name)
{
	char path[PATH_MAX];

	if (!dir || !*dir || (size_t)snprintf(path, sizeof path, "%s/%s", dir, name) >= sizeof path)
		return -1;
	return open(path, O_RDONLY | O_CLOEXEC);
}

/* How often it has refused something since we last looked. */
static uint64_t news(struct hits *h)
{
	char text[4096];
	const char *at;
	uint64_t now, before = h->seen;
	ssize_t n = h->fd >= 0 ? pread(h->fd, text, sizeof text - 1, 0) : 0;

	if (n <= 0)
		return 0;
	text[n] = 0;
	at = strstr(text, h->key);
	if (!at)
		return 0;
	now = strtoull(at + strlen(h->key), NULL, 10);
	h->seen = now;
	return now > before ? now - before : 0;
}

static void open_hits(struct counter *c)
{
	c->pids = (struct hits){ .fd = open_in(c->o.pids_dir, "pids.events"), .key = "max " };
	c->memory = (struct hits){ .fd = open_in(c->o.memory_dir, "memory.events"), .key = "oom_kill " };
	if (c->memory.fd < 0)
		c->memory.fd = open_in(c->o.memory_dir, "memory.oom_control"); /* v1 */
	/* A supervisor that comes after another has nothing to tell of the time before. */
	news(&c->pids);
	news(&c->memory);
}

void counter_look(struct counter *c)
{
	uint64_t pids = news(&c->pids), killed = news(&c->memory);

	if (pids)
		say(c, &(struct hit){ .limit = "pids_max",
		                      .action = "refused",
		                      .message = "the session has as many processes and threads as it may",
		                      .value = c->limits.pids_max,
		                      .times = pids });
	if (killed)
		say(c, &(struct hit){ .limit = "max_memory_mb",
		                      .action = "killed",
		                      .message = "the session held more memory than it may",
		                      .value = c->limits.max_memory_mb,
		                      .times = killed });
}

/* ---- tasks ---- */

static bool counts(const struct counter *c)
{
	return c->limits.pids_max && !(c->o.held & LIMITS_PIDS);
}

/* RLIMIT_NPROC is of a user, not of a session: what the user's other tasks need is added, looked at anew all
 * the time, and the session may not set it itself. */
static void limit_tasks(const struct counter *c, pid_t pid, uint64_t more)
{
	struct rlimit l;

	if (prlimit(pid, RLIMIT_NPROC, NULL, &l) < 0)
		return;
	l.rlim_cur = c->others + c->limits.pids_max + more;
	if (l.rlim_cur > l.rlim_max)
		l.rlim_cur = l.rlim_max;
	prlimit(pid, RLIMIT_NPROC, &l, NULL);
}

/* Is that so? Not for root; and where other containers have processes of the same number, which we cannot
 * see, they count, too. In a child, with half of what the session may have. */
static bool can_limit_tasks(const struct counter *c)
{
	struct rlimit l = { c->others + c->limits.pids_max / 2 + 2, c->others + c->limits.pids_max / 2 + 2 };
	int status = -1;
	pid_t pid, inner;

	if (!c->uid)
		return false;
	pid = fork();
	if (pid == 0) {
		inner = setrlimit(RLIMIT_NPROC, &l) == 0 ? fork() : -1;
		_exit(inner < 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Where the kernel does not refuse them: the command with the most of them ends. */
static void too_many_tasks(struct counter *c, const struct memory_use *use)
{
	unsigned worst = 0;

	for (unsigned i = 1; i < use->n_commands; i++)
		if (use->command[i].tasks > use->command[worst].tasks)
			worst = i;
	tag_kill(c->o.tag, use->command[worst].number, 0, SIGKILL);
	say(c, &(struct hit){ .limit = "pids_max",
	                      .action = "killed",
	                      .message = "the session had more processes and threads than it may",
	                      .value = c->limits.pids_max,
	                      .times = 1,
	                      .command = use->command[worst].number });
}

static void look_at_tasks(struct counter *c, const struct memory_use *use)
{
	int64_t now = clock_mono_ns();

	c->others = use->others;
	if (!c->refuses) {
		if (use->tasks > c->limits.pids_max)
			too_many_tasks(c, use);
		return;
	}
	for (unsigned i = 0; i < use->n_members; i++)
		limit_tasks(c, use->member[i], 0);
	if (use->tasks + 1 < c->limits.pids_max || now - c->said_ns < SAID_NS)
		return;
	if (say(c, &(struct hit){ .limit = "pids_max",
	                          .action = "refused",
	                          .message = "the session has as many processes and threads as it may",
	                          .value = c->limits.pids_max,
	                          .times = 1 }))
		c->said_ns = now;
}

/* ---- memory, watched ---- */

static bool watches_memory(const struct counter *c)
{
	return c->limits.max_memory_mb && !(c->o.held & LIMITS_MEMORY);
}

static bool watches(const struct counter *c)
{
	return watches_memory(c) || counts(c);
}

/* When to look: before all that is left can have been taken. */
static int64_t until(uint64_t bytes)
{
	int64_t ns = (int64_t)(bytes / PER_NS);

	return ns < SOONEST_NS ? SOONEST_NS : ns > LATEST_NS ? LATEST_NS : ns;
}

static int64_t watch(struct counter *c)
{
	uint64_t max = c->limits.max_memory_mb * MEGA;
	struct memory_use use;
	int64_t next;

	memory_look(c->o.tag, c->uid, watches_memory(c) ? max : 0, &use);
	if (counts(c))
		look_at_tasks(c, &use);
	if (!watches_memory(c))
		return !use.tasks ? 0 : c->refuses ? LATEST_NS : TASKS_NS;
	if (use.bytes > max) {
		if (use.largest && memory_kill(c->o.tag, use.largest) == 0)
			say(c, &(struct hit){ .limit = "max_memory_mb",
			                      .action = "killed",
			                      .message = "the session held more memory than it may",
			                      .value = c->limits.max_memory_mb,
			                      .times = 1,
			                      .pid = use.largest,
			                      .command = use.largest_command,
			                      .bytes = use.bytes });
		return KILLED_NS;
	}
	if (!use.tasks)
		return 0;
	next = until(max - use.bytes);
	return counts(c) && !c->refuses && next > TASKS_NS ? TASKS_NS : next;
}

/* How long we have had a processor. While others have them all we wait: that is no reason to look later. */
static int64_t worked_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void on_again(struct loop *l, struct timer *t)
{
	struct counter *c = list_item(t, struct counter, again);
	int64_t next = c->o.busy && c->o.busy(c->o.arg) ? LATEST_NS : 0;

	counter_look(c);
	if (watches(c)) {
		int64_t start = worked_ns(), took;

		next = watch(c);
		took = worked_ns() - start;
		/* Where there are many processes: most of our time is for those who wait for an answer. */
		next = next && next < took * DUTY ? took * DUTY : next;
	}
	if (next)
		loop_timer(l, t, next);
}

/* ---- */

void counter_policy(struct counter *c, const struct policy *p)
{
	c->limits = *policy_limits(p);
	c->log_denied = policy_audit(p)->log_denied;
}

static void start_counting(struct counter *c)
{
	struct memory_use use;

	memory_look(c->o.tag, c->uid, 0, &use);
	c->others = use.others;
	c->refuses = can_limit_tasks(c);
}

struct counter *counter_new(const struct counter_options *o, const struct policy *p, struct err *e)
{
	struct counter *c = calloc(1, sizeof *c);

	if (!c) {
		err_set(e, "out of memory");
		return NULL;
	}
	c->o = *o;
	c->uid = getuid(); /* our own is the session's */
	if (getrandom(&c->series, sizeof c->series, 0) != sizeof c->series)
		c->series = (uint64_t)clock_real_ns();
	c->again.due = on_again;
	list_init(&c->again.node);
	c->text.max = 64 * 1024;
	open_hits(c);
	counter_policy(c, p);
	if (counts(c))
		start_counting(c);
	return c;
}

void counter_free(struct counter *c)
{
	if (!c)
		return;
	counter_look(c);
	loop_untimer(c->o.loop, &c->again);
	fd_close(&c->pids.fd);
	fd_close(&c->memory.fd);
	buf_release(&c->text);
	free(c);
}

static int64_t first_look(const struct counter *c)
{
	if (counts(c) && !c->refuses)
		return TASKS_NS;
	return watches_memory(c) ? until(c->limits.max_memory_mb * MEGA) : LATEST_NS;
}

void counter_entered(struct counter *c, pid_t pid)
{
	static const struct rlimit none = { 0, 0 };

	if (tag_match(pid, c->o.tag)) {
		/* Who cannot be held back by the scheduler could keep us from answering. */
		prlimit(pid, RLIMIT_RTPRIO, &none, NULL);
		prlimit(pid, RLIMIT_NICE, &none, NULL);
	}
	if (counts(c) && c->refuses)
		limit_tasks(c, pid, SLACK);
	if (!c->again.at_ns && (watches(c) || c->pids.fd >= 0 || c->memory.fd >= 0))
		loop_timer(c->o.loop, &c->again, first_look(c));
}
