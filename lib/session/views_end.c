#include "session/views_impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "session/impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static void unmount(struct views *v, uint32_t number, const char *path)
{
	struct msg m = { 0 };
	struct err e;

	msg_start(&m, WIRE_UNMOUNT);
	msg_u32(&m, views_next(v));
	msg_u32(&m, number);
	msg_str(&m, path);
	if (views_ask(v, &m, NULL, 0, VIEWS_PLACE_MS, NULL, 0, &e) < 0)
		log_line(LOG_WARN, "unmount: %s", e.text);
	msg_release(&m);
}

void views_free(struct shown *w)
{
	loop_unwatch(w->views->core->loop, &w->watch);
	list_remove(&w->node);
	unmount(w->views, w->number, w->path);
	fd_close(&w->control);
	fd_close(&w->lower);
	free(w->path);
	free(w);
}

/* The session's own way to it. */
void views_leave_place(struct session *s)
{
	struct session_view *v = s->view;

	if (!v->mount)
		return;
	if (geteuid() == 0)
		unmount(s->core->views, 0, v->mount);
	if (geteuid() == 0 ? rmdir(v->mount) < 0 : unlink(v->mount) < 0)
		log_line(LOG_WARN, "%s: %s", v->mount, strerror(errno));
	free(v->mount);
	v->mount = NULL;
}

/* It serves nobody any more who is in it. */
static void drop(struct shown *w)
{
	list_each(n, &w->views->core->sessions)
	{
		struct session *s = list_item(n, struct session, node);

		if (!s->view || s->view->shown != w)
			continue;
		views_leave_place(s);
		s->view->shown = NULL;
		s->view->missing[0] = 0;
	}
	views_free(w);
}

void views_died(struct shown *w)
{
	struct core *core = w->views->core;
	bool lasted = clock_mono_ns() - w->since_ns > VIEWS_REST_NS;
	struct err e;

	log_line(LOG_ERROR, "the view of %s: its process ended", w->path);
	list_each(n, &core->sessions)
	{
		struct session *s = list_item(n, struct session, node);

		if (!s->view || s->view->shown != w)
			continue;
		s->view->deaths++;
		core_drain_other(core, s, s->view->ring, &s->view->stuck);
		views_log(s, "fuse_view_died", "how", "its process ended");
	}
	drop(w);
	list_each(n, &core->sessions)
	{
		struct session *s = list_item(n, struct session, node);

		if (s->view && !s->view->shown && s->n_live && lasted && !core->stopping)
			core->hooks.view_ready(core, s, &e);
	}
}

void views_gather(struct core *core, struct session *s)
{
	if (s->view && s->view->ring)
		core_drain_other(core, s, s->view->ring, &s->view->stuck);
}

void views_hear(struct shown *w)
{
	struct core *core = w->views->core;
	struct err e = { 0 };
	int rc;

	while ((rc = wire_recv(w->control, &w->views->in, MSG_DONTWAIT, &e)) > 0)
		;
	list_each(n, &core->sessions)
	{
		struct session *s = list_item(n, struct session, node);

		if (s->view && s->view->shown == w)
			views_gather(core, s);
	}
	if (rc < 0 || e.code != EAGAIN)
		views_died(w);
}

void views_on_control(struct loop *l, struct watch *watch, uint32_t events)
{
	(void)l;
	(void)events;
	views_hear(list_item(watch, struct shown, watch));
}

/* ---- the mounter says that one is gone ---- */

static void sweep(struct loop *l, struct timer *t)
{
	struct views *v = list_item(t, struct views, sweep);

	(void)l;
	list_each(n, &v->all)
	{
		struct shown *w = list_item(n, struct shown, node);

		if (w->gone)
			views_died(w);
	}
}

/* More of them than there is room for stay until the server ends. */
void views_stray(struct core *core, pid_t pid)
{
	struct views *v = core->views;
	const size_t n = sizeof v->strays / sizeof *v->strays;
	size_t at = n;

	log_line(LOG_WARN, "process %d cannot end: it waits for a view", (int)pid);
	for (size_t i = 0; v && i < n; i++) {
		if (v->strays[i] && waitpid(v->strays[i], NULL, WNOHANG) != 0)
			v->strays[i] = 0;
		at = v->strays[i] ? at : i;
	}
	if (v && at < n)
		v->strays[at] = pid;
}

void views_gone(struct views *v, uint32_t number)
{
	list_each(n, &v->all)
	{
		struct shown *w = list_item(n, struct shown, node);

		w->gone |= w->number == number;
	}
	v->sweep.due = sweep;
	loop_timer(v->core->loop, &v->sweep, 1);
}
