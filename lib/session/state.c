/* The life of a session: what may happen in which state, as a table of small functions. */
#include "session/impl.h"

#include "base/clock.h"

typedef int step_fn(struct session *s, struct err *e);

static int begin(struct session *s, struct err *e)
{
	(void)e;
	s->n_live++;
	s->state = SESSION_BUSY;
	s->active_ns = clock_mono_ns();
	return 0;
}

static int finish(struct session *s, struct err *e)
{
	(void)e;
	s->active_ns = clock_mono_ns();
	if (!--s->n_live && s->state == SESSION_BUSY)
		s->state = SESSION_READY;
	return 0;
}

static int allow(struct session *s, struct err *e)
{
	(void)s;
	(void)e;
	return 0;
}

static int end(struct session *s, struct err *e)
{
	(void)e;
	s->state = SESSION_ENDING;
	return 0;
}

static int ending(struct session *s, struct err *e)
{
	return err_set(e, "session \"%s\" is ending", s->id);
}

static int idle(struct session *s, struct err *e)
{
	return err_set(e, "session \"%s\" has no command", s->id);
}

static step_fn *const steps[SESSION_STATES][SESSION_EVENTS] = {
	[SESSION_READY] = {
		[EVENT_BEGIN] = begin, [EVENT_FINISH] = idle, [EVENT_SUPERVISE] = allow,
		[EVENT_DIED] = allow, [EVENT_END] = end,
	},
	[SESSION_BUSY] = {
		[EVENT_BEGIN] = begin, [EVENT_FINISH] = finish, [EVENT_SUPERVISE] = allow,
		[EVENT_DIED] = allow, [EVENT_END] = end,
	},
	[SESSION_ENDING] = {
		[EVENT_BEGIN] = ending, [EVENT_FINISH] = finish, [EVENT_SUPERVISE] = ending,
		[EVENT_DIED] = ending, [EVENT_END] = ending,
	},
};

int session_step(struct session *s, enum session_event event, struct err *e)
{
	return steps[s->state][event](s, e);
}

const char *session_state_name(const struct session *s)
{
	static const char *const names[SESSION_STATES] = { "ready", "busy", "ending" };

	return names[s->state];
}
