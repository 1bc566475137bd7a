#include "session/limited.h"

#include "base/log.h"
#include "config/config.h"
#include "session/handover.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LIMIT_LINES = 3, LIMIT_LINE = 300 };

/* Only root can make groups; who runs as a user has them made, if at all, by somebody else. */
static bool may_try(const struct core *core)
{
	return core->config->sandbox.cgroups.enabled && geteuid() == 0;
}

static struct limits_options options(const struct core *core, const struct policy_limits *values,
                                     const char *session, uint64_t tag)
{
	return (struct limits_options){ .limits = values,
		                        .session = session,
		                        .tag = tag,
		                        .base_path = core->config->sandbox.cgroups.base_path,
		                        .proc = "/proc/self" };
}

static void log_event(struct core *core, struct session *s, const char *type,
                      const struct event_field *fields, size_t n)
{
	core_event(core, s, NULL,
	           &(struct event){ .type = type, .depth = -1, .fields = fields, .n_fields = n }, 0);
}

static void log_applied(struct core *core, struct session *s, const struct limits *l)
{
	const struct policy_limits *v = policy_limits(s->policy->policy);
	const char *base = core->config->sandbox.cgroups.base_path;
	const char *dirs[LAUNCH_JOINS + 1] = { NULL };
	const struct event_field fields[] = {
		{ .name = "base_path_used", .number = base && *base, .is_bool = true },
		{ .name = "cpu_quota_pct",
		  .number = l->held & LIMITS_CPU ? (int64_t)v->cpu_quota_percent : 0 },
		{ .name = "max_memory_mb",
		  .number = l->held & LIMITS_MEMORY ? (int64_t)v->max_memory_mb : 0 },
		{ .name = "path", .text = l->dir[0] },
		{ .name = "paths", .list = dirs },
		{ .name = "pids_max", .number = l->held & LIMITS_PIDS ? (int64_t)v->pids_max : 0 },
	};

	for (size_t i = 0; i < l->n; i++)
		dirs[i] = l->dir[i];
	log_event(core, s, "cgroup_applied", fields, sizeof fields / sizeof *fields);
}

/* What holds the limits that no group holds, in words. */
static size_t degraded(const struct core *core, unsigned left, const char *why,
                       char out[LIMIT_LINES][LIMIT_LINE])
{
	(void)core;
	size_t n = 0;

	if (left & LIMITS_PIDS)
		snprintf(out[n++], LIMIT_LINE, "pids_max: %s: %s",
		         "RLIMIT_NPROC, or watched by the supervisor", why);
	if (left & LIMITS_MEMORY)
		snprintf(out[n++], LIMIT_LINE, "max_memory_mb: %s: %s", "watched by the supervisor", why);
	if (left & LIMITS_CPU)
		snprintf(out[n++], LIMIT_LINE, "cpu_quota_percent: not held: %s", why);
	return n;
}

static void log_degraded(struct core *core, struct session *s, unsigned left, const char *why)
{
	char lines[LIMIT_LINES][LIMIT_LINE];
	const char *list[LIMIT_LINES + 1] = { NULL };
	const struct event_field fields[] = { { .name = "degraded", .list = list } };
	size_t n = degraded(core, left, why, lines);

	for (size_t i = 0; i < n; i++)
		list[i] = lines[i];
	log_event(core, s, "limits_degraded", fields, 1);
}

void limited_make(struct core *core, struct session *s, struct limits *l)
{
	const struct policy_limits *values = policy_limits(s->policy->policy);
	const struct limits_options o = options(core, values, s->id, s->tag);
	const char *why = "sandbox.cgroups.enabled is off";

	*l = (struct limits){ .wanted = limits_wanted(values) };
	if (!l->wanted)
		return;
	if (may_try(core)) {
		const struct event_field error = { .name = "error", .text = l->missing };

		limits_make(l, &o);
		why = l->missing;
		if (l->n)
			log_applied(core, s, l);
		if (l->held != l->wanted) {
			log_event(core, s, "cgroup_apply_failed", &error, 1);
			log_line(LOG_WARN, "session %s: control groups: %s", s->id, l->missing);
		}
	} else if (core->config->sandbox.cgroups.enabled) {
		why = "only root can make control groups";
	}
	if (l->held != l->wanted)
		log_degraded(core, s, l->wanted & ~l->held, why);
}

bool limited_counts(const struct core *core, const struct limits *l)
{
	(void)core;
	return l->wanted & ~l->held & LIMITS_PIDS;
}

const char *limited_layer(const struct core *core, const struct limits *l)
{
	if (!l->wanted)
		return "";
	if (l->held == l->wanted)
		return ",limits";
	return l->held & LIMITS_PIDS || limited_counts(core, l) || l->wanted & LIMITS_MEMORY
	               ? ",limits(counted)"
	               : "";
}

void limited_change(struct core *core, struct session *s, const struct limits *l)
{
	const struct policy_limits *values = policy_limits(s->policy->policy);
	unsigned fresh = limits_wanted(values) & ~l->wanted & ~(unsigned)LIMITS_MEMORY;
	struct err e;

	if (limits_set(l, values, &e) < 0)
		log_line(LOG_ERROR, "session %s: control groups: %s", s->id, e.text);
	if (fresh)
		log_degraded(core, s, fresh,
		             "new in this policy: holds from the session's next supervisor on");
}

void limited_end(struct core *core, struct session *s, struct limits *l)
{
	struct err e = { 0 };
	const struct event_field error = { .name = "error", .text = e.text };

	if (!l)
		limited_sweep(core, s->id, s->tag);
	else if (limits_remove(l, &e) < 0)
		log_event(core, s, "cgroup_cleanup_failed", &error, 1);
}

void limited_sweep(struct core *core, const char *session, uint64_t tag)
{
	const struct limits_options o = options(core, NULL, session, tag);

	if (may_try(core))
		limits_sweep(&o);
}

void limited_hand_over(const struct limits *l, struct handover *h)
{
	msg_u32(&h->m, l->wanted);
	msg_u32(&h->m, l->held);
	msg_u32(&h->m, (uint32_t)l->n);
	for (size_t i = 0; i < l->n; i++) {
		msg_str(&h->m, l->dir[i]);
		msg_u32(&h->m, l->holds[i]);
		msg_u32(&h->m, l->v2[i]);
		handover_fd(h, l->join[i]);
	}
}

void limited_take(struct limits *l, struct msg_reader *r)
{
	size_t n;

	*l = (struct limits){ .wanted = msg_get_u32(r) };
	l->held = msg_get_u32(r);
	n = msg_get_u32(r);
	for (size_t i = 0; i < n && i < LAUNCH_JOINS && msg_ok(r); i++) {
		l->dir[i] = strdup(msg_get_str(r));
		l->holds[i] = msg_get_u32(r);
		l->v2[i] = msg_get_u32(r) != 0;
		l->join[i] = handover_get_fd(r);
		l->n = i + 1;
	}
}
