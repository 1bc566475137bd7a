#include "enforce/limits/limits.h"

#include "base/fd.h"
#include "enforce/limits/mounts.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { ID_MAX = 32, TRIES = 50, MEGA = 1 << 20, PERIOD_US = 100000 };

static const struct {
	const char *name;
	unsigned what;
} controllers[] = { { "pids", LIMITS_PIDS }, { "memory", LIMITS_MEMORY }, { "cpu", LIMITS_CPU } };

enum { CONTROLLERS = sizeof controllers / sizeof *controllers };

unsigned limits_wanted(const struct policy_limits *l)
{
	/* No swap without a limit on memory is a limit, too, but v1 cannot have it alone. */
	return (l->pids_max ? LIMITS_PIDS : 0) | (l->max_memory_mb ? LIMITS_MEMORY : 0) |
	       (l->cpu_quota_percent ? LIMITS_CPU : 0);
}

/* DIR/agentsh-SESSION-TAG: ids may agree in what is kept of them, tags do not. */
static bool name_group(const struct limits_options *o, const char *parent, char *out, size_t size)
{
	int n = snprintf(out, size, "%s/agentsh-%.*s-%06x", parent, ID_MAX, o->session,
	                 (unsigned)(o->tag >> 32 & 0xffffff));

	if (n < 0 || (size_t)n >= size)
		return false;
	for (char *c = out + strlen(parent) + 1; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-", *c))
			*c = '_';
	return true;
}

static void lacks(struct limits *l, const char *controller, const char *why)
{
	size_t n = strlen(l->missing);

	snprintf(l->missing + n, sizeof l->missing - n, "%s%s: %s", n ? "; " : "", controller, why);
}

static int write_number(const char *dir, const char *name, uint64_t value, struct err *e)
{
	char text[32];

	snprintf(text, sizeof text, "%llu", (unsigned long long)value);
	return mounts_write(dir, name, text) < 0 ? err_sys(e, "%s", name) : 0;
}

/* v1 wants memory below memory with swap at every moment, so the latter goes first or last. */
static int set_memory(const char *dir, bool v2, const struct policy_limits *v, struct err *e)
{
	uint64_t memory = v->max_memory_mb * MEGA;
	uint64_t swap = v->memory_swap_max_mb >= 0 ? (uint64_t)v->memory_swap_max_mb * MEGA : 0;
	struct err ignored;

	if (v2 && write_number(dir, "memory.max", memory, e) < 0)
		return -1;
	if (!v2) {
		if (v->memory_swap_max_mb >= 0)
			write_number(dir, "memory.memsw.limit_in_bytes", memory + swap, &ignored);
		if (write_number(dir, "memory.limit_in_bytes", memory, e) < 0)
			return -1;
	}
	if (v->memory_swap_max_mb < 0)
		return 0;
	if (write_number(dir, v2 ? "memory.swap.max" : "memory.memsw.limit_in_bytes",
	                 v2 ? swap : memory + swap, e) < 0 &&
	    e->code != ENOENT) /* this kernel does not count swap */
		return -1;
	return 0;
}

/* Percent of one processor. */
static int set_cpu(const char *dir, bool v2, const struct policy_limits *v, struct err *e)
{
	uint64_t percent = v->cpu_quota_percent < 1000 ? v->cpu_quota_percent : 1000;
	char text[48];

	if (!v2)
		return write_number(dir, "cpu.cfs_period_us", PERIOD_US, e) < 0
		               ? -1
		               : write_number(dir, "cpu.cfs_quota_us", percent * (PERIOD_US / 100), e);
	snprintf(text, sizeof text, "%llu %d", (unsigned long long)percent * (PERIOD_US / 100), PERIOD_US);
	return mounts_write(dir, "cpu.max", text) < 0 ? err_sys(e, "cpu.max") : 0;
}

static int set_one(const char *dir, bool v2, unsigned what, const struct policy_limits *v, struct err *e)
{
	if (what == LIMITS_PIDS)
		return write_number(dir, "pids.max", v->pids_max, e);
	return what == LIMITS_MEMORY ? set_memory(dir, v2, v, e) : set_cpu(dir, v2, v, e);
}

/* The place of a group in the table, made if need be; -1 when it cannot be. */
static int take_group(struct limits *l, const char *dir, bool v2, struct err *e)
{
	char path[PATH_MAX + 16];
	int fd;

	for (size_t i = 0; i < l->n; i++)
		if (!strcmp(l->dir[i], dir))
			return (int)i;
	if (mkdir(dir, 0755) < 0 && errno != EEXIST)
		return err_sys(e, "no group can be made");
	snprintf(path, sizeof path, "%s/%s", dir, v2 ? "cgroup.procs" : "tasks");
	fd = open(path, O_WRONLY | O_CLOEXEC);
	l->dir[l->n] = fd >= 0 ? strdup(dir) : NULL;
	if (!l->dir[l->n]) {
		err_sys(e, "no group can be joined");
		fd_close(&fd);
		rmdir(dir);
		return -1;
	}
	l->join[l->n] = fd;
	l->v2[l->n] = v2;
	l->holds[l->n] = 0;
	return (int)l->n++;
}

/* A group that holds nothing is not worth joining. */
static void drop_last(struct limits *l)
{
	size_t i = l->n - 1;

	if (!l->n || l->holds[i])
		return;
	fd_close(&l->join[i]);
	rmdir(l->dir[i]);
	free(l->dir[i]);
	l->n = i;
}

static void make_one(struct limits *l, const struct limits_options *o, size_t c)
{
	char parent[PATH_MAX], dir[PATH_MAX];
	const char *why = "name too long";
	struct err e;
	bool v2;
	int at;

	if (!mounts_find(o, controllers[c].name, parent, sizeof parent, &v2, &why) ||
	    !name_group(o, parent, dir, sizeof dir)) {
		lacks(l, controllers[c].name, why);
		return;
	}
	at = take_group(l, dir, v2, &e);
	if (at < 0) {
		lacks(l, controllers[c].name, e.text);
	} else if (set_one(dir, v2, controllers[c].what, o->limits, &e) < 0) {
		lacks(l, controllers[c].name, e.text);
		drop_last(l);
	} else {
		l->holds[at] |= controllers[c].what;
		l->held |= controllers[c].what;
	}
}

void limits_make(struct limits *l, const struct limits_options *o)
{
	*l = (struct limits){ .wanted = limits_wanted(o->limits) };
	for (size_t c = 0; c < CONTROLLERS; c++)
		if (l->wanted & controllers[c].what)
			make_one(l, o, c);
}

int limits_set(const struct limits *l, const struct policy_limits *values, struct err *e)
{
	unsigned wanted = limits_wanted(values);
	int rc = 0;

	for (size_t i = 0; i < l->n; i++)
		for (size_t c = 0; c < CONTROLLERS; c++) {
			unsigned what = controllers[c].what & l->holds[i];

			if (what & wanted && set_one(l->dir[i], l->v2[i], what, values, e) < 0)
				rc = -1;
		}
	return rc;
}

const char *limits_dir(const struct limits *l, unsigned what)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->holds[i] & what)
			return l->dir[i];
	return "";
}

/* What has just been killed may still be on its way out. */
static int remove_dir(const char *dir)
{
	static const struct timespec moment = { 0, 1000000 };

	for (int i = 0; rmdir(dir) < 0 && errno != ENOENT; i++) {
		if (errno != EBUSY || i == TRIES)
			return -1;
		nanosleep(&moment, NULL);
	}
	return 0;
}

int limits_remove(struct limits *l, struct err *e)
{
	int rc = 0;

	for (size_t i = 0; i < l->n; i++) {
		if (l->v2[i])
			mounts_write(l->dir[i], "cgroup.kill", "1");
		if (remove_dir(l->dir[i]) < 0)
			rc = err_sys(e, "%s", l->dir[i]);
	}
	limits_release(l);
	return rc;
}

void limits_sweep(const struct limits_options *o)
{
	char parent[PATH_MAX], dir[PATH_MAX];
	const char *why;
	bool v2;

	for (size_t c = 0; c < CONTROLLERS; c++)
		if (mounts_find(o, controllers[c].name, parent, sizeof parent, &v2, &why) &&
		    name_group(o, parent, dir, sizeof dir))
			remove_dir(dir);
}

void limits_release(struct limits *l)
{
	for (size_t i = 0; i < l->n; i++) {
		fd_close(&l->join[i]);
		free(l->dir[i]);
	}
	*l = (struct limits){ .held = 0 };
}
