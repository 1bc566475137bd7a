/* A new configuration and new policies for a server that runs: all of it, or nothing. */
#include "session/reload.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "enforce/rung.h"
#include "session/impl.h"
#include "session/proxied.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct change {
	struct session *session;
	struct shared_policy *policy; /* ours until it is the session's */
};

struct reload {
	struct core *core;
	struct shared_policy *standard;
	struct change *changes;
	size_t n;
};

static void discard(struct reload *r)
{
	for (size_t i = 0; i < r->n; i++) {
		policies_put(r->core, r->changes[i].policy);
	}
	policies_put(r->core, r->standard);
	free(r->changes);
}

/* A tracer has one policy for all: it is replaced when nothing runs. */
static bool is_traced(const struct core *core)
{
	return CONFIG_RUNGS && core->found && core->found->rung == RUNG_PTRACE;
}

/* The session's policy as its file is now. A session whose policy did not change is left alone. */
static int prepare_session(struct reload *r, struct session *s, struct err *e)
{
	struct shared_policy *p = policies_get(r->core, s->policy->name, s->policy->vars, e);

	if (!p)
		return err_in(e, "session %s", s->id);
	if (p == s->policy) {
		policies_put(r->core, p);
		return 0;
	}
	if (is_traced(r->core) && s->n_live) {
		policies_put(r->core, p);
		return err_set(e, "session %s: by ptrace its commands cannot change policy while some run",
		               s->id);
	}
	r->changes[r->n++] = (struct change){ .session = s, .policy = p };
	return 0;
}

static int prepare(struct reload *r, struct err *e)
{
	struct core *core = r->core;

	r->changes = calloc(core->n_sessions + 1, sizeof *r->changes);
	if (!r->changes)
		return err_set(e, "out of memory");
	r->standard = policies_get(core, core->config->policies.standard, NULL, e);
	if (!r->standard)
		return -1;
	list_each(n, &core->sessions)
	{
		struct session *s = list_item(n, struct session, node);

		if (s->state != SESSION_ENDING && prepare_session(r, s, e) < 0)
			return -1;
	}
	return 0;
}

static void log_changed(struct core *core, struct session *s, const char *before)
{
	const struct event_field fields[] = {
		{ .name = "commands_before", .number = (int64_t)s->n_live },
		{ .name = "policy", .text = s->policy->name },
		{ .name = "policy_sha256", .text = s->policy->hash },
		{ .name = "policy_sha256_before", .text = before },
	};

	core_event(core, s, NULL,
	           &(struct event){ .type = "policy_changed", .depth = -1, .fields = fields, .n_fields = 4 },
	           0);
}

/* From here on nothing can fail but telling a supervisor: one that is not told is ended. */
static void commit_session(struct core *core, struct change *c)
{
	struct session *s = c->session;
	char before[sizeof s->policy->hash];
	struct err e = { 0 };

	memcpy(before, s->policy->hash, sizeof before);
	policies_put(core, s->policy);
	s->policy = c->policy;
	session_take_limits(s);
	log_changed(core, s, before);
	if (CONFIG_LAYER_FUSE && core->hooks.view_policy)
		core->hooks.view_policy(core, s);
	if (CONFIG_APPLET_PROXY)
		proxied_policy(core, s);
	if (s->worker_state == WORKER_UP && is_traced(core)) {
		core->hooks.worker_stop(core, s);
		s->worker_state = WORKER_OFF;
	}
	if (s->worker_state != WORKER_UP || !core->hooks.worker_policy ||
	    core->hooks.worker_policy(core, s, &e) == 0)
		return;
	log_line(LOG_ERROR, "session %s: supervisor: %s", s->id, e.text);
	core->hooks.worker_stop(core, s);
	session_worker_died(core, s, e.text);
}

static void commit(struct reload *r)
{
	struct core *core = r->core;

	policies_put(core, core->standard);
	core->standard = r->standard;
	for (size_t i = 0; i < r->n; i++)
		commit_session(core, &r->changes[i]);
	free(r->changes);
}

static void log_reload(struct core *core, const char *refused, size_t changed)
{
	struct event_field fields[] = {
		{ .name = "policy_sha256", .text = core->standard->hash },
		{ .name = "sessions_changed", .number = (int64_t)changed },
	};

	if (refused)
		fields[1] = (struct event_field){ .name = "reason", .text = refused };
	core_event(core, NULL, NULL,
	           &(struct event){ .type = refused ? "reload_refused" : "reloaded",
	                            .depth = -1,
	                            .fields = fields,
	                            .n_fields = 2 },
	           0);
}

void reload_refused(struct core *core, const char *why)
{
	core->reload.at_ns = clock_real_ns();
	core->reload.refused = true;
	snprintf(core->reload.reason, sizeof core->reload.reason, "%s", why);
	log_line(LOG_ERROR, "reload refused, what holds is unchanged: %s", why);
	log_reload(core, why, 0);
}

void reload_keep_bound(const struct config *first, struct config *fresh)
{
	static const char *const bound[] = { "server.",  "auth.",   "logging.",          "audit.",
		                             "metrics.", "health.", "sessions.base_dir:" };
	AUTO_BUF before = { 0 }, after = { 0 };
	char *old, *new, *at, *from;

	config_show(first, &before);
	config_show(fresh, &after);
	at = (char *)buf_text(&before);
	from = (char *)buf_text(&after);
	/* The same keys in the same order, a line each. */
	while ((old = strsep(&at, "\n")) && (new = strsep(&from, "\n")))
		for (size_t i = 0; i < sizeof bound / sizeof *bound && strcmp(old, new) != 0; i++)
			if (!strncmp(old, bound[i], strlen(bound[i])))
				log_line(LOG_WARN, "%.*s: changed; takes effect with a restart",
				         (int)strcspn(old, ":"), old);
	fresh->server = first->server;
	fresh->auth = first->auth;
	fresh->logging = first->logging;
	fresh->audit = first->audit;
	fresh->metrics = first->metrics;
	fresh->health = first->health;
	fresh->sessions.base_dir = first->sessions.base_dir;
}

int reload_all(struct core *core, const struct config *fresh, struct err *e)
{
	const struct config *before = core->config;
	struct reload r = { .core = core };
	size_t changed;

	core->config = fresh;
	if (prepare(&r, e) < 0) {
		core->config = before;
		discard(&r);
		reload_refused(core, e->text);
		return -1;
	}
	changed = r.n;
	commit(&r);
	core->reload.at_ns = clock_real_ns();
	core->reload.refused = false;
	core->reload.reason[0] = 0;
	log_reload(core, NULL, changed);
	log_line(LOG_INFO, "reloaded: policy \"%s\" (%.16s…), %zu sessions have a new policy",
	         core->standard->name, core->standard->hash, changed);
	return 0;
}
