#include "enforce/limits/count.h"

#include "audit/event.h"
#include "audit/ring.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "enforce/limits/limits.h"
#include "enforce/limits/memory.h"
#include "sys/tag.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

#define MS         1000000LL
#define STALE_NS   (1000 * MS) /* so long a count of tasks may be carried forward */
#define SOONEST_NS (50 * MS)
#define LATEST_NS  (500 * MS)
#define KILLED_NS  (20 * MS)
enum {
	DUTY = 4,   /* counting takes a fifth of our time at most */
	PER_NS = 2, /* bytes that processes can come to hold in a nanosecond, and more than that */
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

	uint64_t known; /* tasks of the session, more rather than less */
	uint64_t live;  /* those counted at the last look … */
	uint64_t total; /* … when the machine had as many */
	int64_t looked_ns, took_ns;
	int loadavg;

	uint64_t refused; /* since it was last said */
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

/* ---- tasks, counted ---- */

/* Tasks on this machine: the number behind the slash. */
static uint64_t machine_tasks(const struct counter *c)
{
	char text[128];
	const char *at;
	ssize_t n = pread(c->loadavg, text, sizeof text - 1, 0);

	if (n <= 0)
		return 0;
	text[n] = 0;
	at = strchr(text, '/');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

static void count(struct counter *c, uint64_t max_bytes, struct memory_use *use)
{
	int64_t start = clock_mono_ns();

	c->total = machine_tasks(c);
	memory_look(c->o.tag, max_bytes, use);
	c->known = c->live = use->tasks;
	c->looked_ns = clock_mono_ns();
	c->took_ns = c->looked_ns - start;
}

/* There may be fewer than we know of. All other tasks of the machine seldom change in a moment, so what it
 * has more or less of is the session's; when that leaves no room, or is old, they are counted. */
static void look_again(struct counter *c)
{
	int64_t age = clock_mono_ns() - c->looked_ns;
	uint64_t total = machine_tasks(c), known = c->live + total;
	struct memory_use use;

	if (c->looked_ns && age < STALE_NS && total && known >= c->total) {
		c->known = known - c->total;
		if (c->known < c->limits.pids_max)
			return;
	}
	if (!c->looked_ns || age > c->took_ns * DUTY)
		count(c, 0, &use);
}

int counter_task(void *counter)
{
	struct counter *c = counter;
	int64_t now;

	if (!c || c->o.held & LIMITS_PIDS || !c->limits.pids_max)
		return 0;
	if (c->known >= c->limits.pids_max)
		look_again(c);
	if (c->known < c->limits.pids_max) {
		c->known++;
		return 0;
	}
	c->refused++;
	now = clock_mono_ns();
	if (now - c->said_ns > STALE_NS &&
	    say(c, &(struct hit){ .limit = "pids_max",
	                          .action = "refused",
	                          .message = "the session has as many processes and threads as it may",
	                          .value = c->limits.pids_max,
	                          .times = c->refused })) {
		c->said_ns = now;
		c->refused = 0;
	}
	return EAGAIN;
}

/* ---- memory, watched ---- */

/* When to look: before all that is left can have been taken. */
static int64_t until(uint64_t bytes)
{
	int64_t ns = (int64_t)(bytes / PER_NS);

	return ns < SOONEST_NS ? SOONEST_NS : ns > LATEST_NS ? LATEST_NS : ns;
}

static int64_t watch_memory(struct counter *c)
{
	uint64_t max = c->limits.max_memory_mb * MEGA;
	struct memory_use use;

	count(c, max, &use);
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
	return use.tasks ? until(max - use.bytes) : 0;
}

static bool watches(const struct counter *c)
{
	return c->limits.max_memory_mb && !(c->o.held & LIMITS_MEMORY);
}

static void on_again(struct loop *l, struct timer *t)
{
	struct counter *c = list_item(t, struct counter, again);
	int64_t next = c->o.busy && c->o.busy(c->o.arg) ? LATEST_NS : 0;

	counter_look(c);
	if (watches(c))
		next = watch_memory(c);
	if (next)
		loop_timer(l, t, next);
}

/* ---- */

void counter_policy(struct counter *c, const struct policy *p)
{
	c->limits = *policy_limits(p);
	c->log_denied = policy_audit(p)->log_denied;
}

struct counter *counter_new(const struct counter_options *o, const struct policy *p, struct err *e)
{
	struct counter *c = calloc(1, sizeof *c);

	if (!c) {
		err_set(e, "out of memory");
		return NULL;
	}
	c->o = *o;
	if (getrandom(&c->series, sizeof c->series, 0) != sizeof c->series)
		c->series = (uint64_t)clock_real_ns();
	c->again.due = on_again;
	list_init(&c->again.node);
	c->text.max = 64 * 1024;
	c->loadavg = open("/proc/loadavg", O_RDONLY | O_CLOEXEC);
	open_hits(c);
	counter_policy(c, p);
	return c;
}

void counter_free(struct counter *c)
{
	if (!c)
		return;
	counter_look(c);
	loop_untimer(c->o.loop, &c->again);
	fd_close(&c->loadavg);
	fd_close(&c->pids.fd);
	fd_close(&c->memory.fd);
	buf_release(&c->text);
	free(c);
}

void counter_entered(struct counter *c, pid_t pid)
{
	static const struct rlimit none = { 0, 0 };

	if (tag_match(pid, c->o.tag)) {
		/* Who cannot be held back by the scheduler could keep us from answering. */
		prlimit(pid, RLIMIT_RTPRIO, &none, NULL);
		prlimit(pid, RLIMIT_NICE, &none, NULL);
	}
	c->known++;
	if (!c->again.at_ns && (watches(c) || c->pids.fd >= 0 || c->memory.fd >= 0))
		loop_timer(c->o.loop, &c->again,
		           watches(c) ? until(c->limits.max_memory_mb * MEGA) : LATEST_NS);
}
