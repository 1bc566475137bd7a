#include "session/impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "session/gate.h"

#include <errno.h>
#include <signal.h>

#define ENTER_NS (60 * 1000000000LL)
enum { LOOKS = 8 /* through all processes, per session and turn */ };

/* Which limit has passed, or NULL. A session with a live command is not idle. */
static const char *expired(const struct session *s, int64_t now)
{
	if (s->session_timeout_ns && now - s->started_ns >= s->session_timeout_ns)
		return "session_timeout";
	if (s->idle_timeout_ns && !s->n_live && now - s->active_ns >= s->idle_timeout_ns)
		return "idle_timeout";
	return NULL;
}

/* A caller that was told how to enter and was killed before it did: no supervisor will tell its end. */
static void end_never_entered(struct core *core, struct session *s, int64_t now)
{
	int looks = LOOKS;

	list_each(n, &s->commands)
	{
		struct command *c = list_item(n, struct command, node);

		if (!c->live || c->origin != COMMAND_SHIM || now - c->start_ns < ENTER_NS ||
		    kill(c->pid, 0) == 0 || errno != ESRCH || looks-- <= 0)
			continue;
		/* Signal 0: only counts. What it left in the background may well run. */
		if (core->hooks.count && core->hooks.count(core, s->tag, c->number) == 0)
			gate_command_done(core, c, -1, now);
	}
}

static void reap(struct loop *l, struct timer *t)
{
	struct core *core = list_item(t, struct core, reaper);
	int64_t now = clock_mono_ns();

	list_each(n, &core->sessions)
	{
		struct session *s = list_item(n, struct session, node);
		const char *why = expired(s, now);

		if (why)
			session_end(core, s, "session_expired", why);
		else
			end_never_entered(core, s, now);
	}
	policies_rest(core);
	loop_timer(l, t, core->config->sessions.cleanup_interval_ns);
}

void reaper_start(struct core *core)
{
	core->reaper.due = reap;
	loop_timer(core->loop, &core->reaper, core->config->sessions.cleanup_interval_ns);
}

bool reaper_evict(struct core *core)
{
	struct session *oldest = NULL;

	list_each(n, &core->sessions)
	{
		struct session *s = list_item(n, struct session, node);

		if (s->origin == SESSION_SHIM && !s->n_live && (!oldest || s->active_ns < oldest->active_ns))
			oldest = s;
	}
	if (!oldest)
		return false;
	log_line(LOG_INFO, "session %s makes room for a new one", oldest->id);
	session_end(core, oldest, "session_expired", "max_sessions");
	return true;
}
