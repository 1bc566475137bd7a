#include "session/views_impl.h"

#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "enforce/acting.h"
#include "session/handover.h"
#include "session/impl.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

/* Of what server, mounter and views' processes say to each other: those that run stay what they are. */
enum { VIEWS_VERSION = 1 };

/* ---- what is handed over ---- */

static uint32_t count(const struct list *l)
{
	uint32_t all = 0;

	list_each(n, l) all++;
	return all;
}

static void put_shown(struct handover *h, const struct shown *w)
{
	msg_u32(&h->m, w->number);
	msg_u32(&h->m, w->uid);
	msg_str(&h->m, w->path);
	msg_u64(&h->m, (uint64_t)w->since_ns);
	msg_u32(&h->m, w->gone);
	handover_fd(h, w->lower);
	handover_fd(h, w->control);
}

static void put_session(struct handover *h, const struct session *s)
{
	const struct session_view *v = s->view;

	msg_u32(&h->m, v != NULL);
	if (!v)
		return;
	msg_u32(&h->m, v->shown ? v->shown->number : 0);
	msg_u32(&h->m, v->ring != NULL);
	handover_fd(h, v->page_fd);
	msg_u32(&h->m, v->mount != NULL);
	msg_str(&h->m, v->mount);
	msg_u32(&h->m, v->deaths);
	msg_str(&h->m, v->missing);
}

int views_hand_over(struct core *core, struct handover *h, struct err *e)
{
	const struct views *v = core->views;

	msg_u32(&h->m, v ? VIEWS_VERSION : 0);
	if (!v)
		return 0;
	handover_fd(h, v->mounter);
	msg_u32(&h->m, (uint32_t)v->pid);
	msg_u32(&h->m, v->last);
	msg_u32(&h->m, v->late);
	msg_u32(&h->m, count(&v->all));
	list_each(n, &v->all) put_shown(h, list_item(n, struct shown, node));
	list_each(n, &core->sessions)
	{
		const struct session *s = list_item(n, struct session, node);

		if (s->view && s->view->stuck.text)
			return err_set(e, "events of the view of session %s are not in the log", s->id);
		put_session(h, s);
	}
	return 0;
}

/* ---- what is taken over ---- */

static int get_shown(struct views *v, struct msg_reader *r, bool dry, struct err *e)
{
	struct shown *w = calloc(1, sizeof *w);

	if (!w)
		return err_set(e, "out of memory");
	w->views = v;
	w->number = msg_get_u32(r);
	w->uid = msg_get_u32(r);
	w->path = strdup(msg_get_str(r));
	w->since_ns = (int64_t)msg_get_u64(r);
	w->gone = msg_get_u32(r) != 0;
	w->lower = handover_get_fd(r);
	w->control = handover_get_fd(r);
	w->watch = (struct watch){ .fd = w->control, .ready = views_on_control };
	list_append(&v->all, &w->node);
	if (!msg_ok(r) || !w->path || w->lower < 0 || w->control < 0)
		return err_set(e, "a view is missing");
	return dry ? 0 : loop_watch(v->core->loop, &w->watch, EPOLLIN, e);
}

static int open_shared(const struct session *s, struct session_view *v, struct err *e)
{
	char path[PATH_MAX];

	if (snprintf(path, sizeof path, "%s/" SESSION_VIEW_RING, s->dir) >= (int)sizeof path)
		return err_set(e, "session directory: name too long");
	v->ring = ring_open(path, e);
	if (v->ring && v->page_fd >= 0)
		v->page = acting_map(v->page_fd, e);
	return v->ring && (v->page || v->page_fd < 0) ? 0 : -1;
}

static int get_session(struct views *all, struct session *s, struct msg_reader *r, bool dry, struct err *e)
{
	struct session_view *v;
	uint32_t number;
	bool ring, mount;
	const char *text;

	if (!msg_get_u32(r))
		return 0;
	v = s->view = calloc(1, sizeof *v);
	if (!v)
		return err_set(e, "out of memory");
	number = msg_get_u32(r);
	ring = msg_get_u32(r) != 0;
	v->page_fd = handover_get_fd(r);
	mount = msg_get_u32(r) != 0;
	text = msg_get_str(r);
	if (mount && !(v->mount = strdup(text)))
		return err_set(e, "out of memory");
	v->deaths = msg_get_u32(r);
	snprintf(v->missing, sizeof v->missing, "%s", msg_get_str(r));
	list_each(n, &all->all)
	{
		struct shown *w = list_item(n, struct shown, node);

		if (number && w->number == number)
			v->shown = w;
	}
	if (!msg_ok(r) || (number && !v->shown))
		return err_set(e, "the view of session %s is missing", s->id);
	if (v->shown)
		v->shown->users++;
	return ring && !dry ? open_shared(s, v, e) : 0;
}

static int get_all(struct views *v, struct msg_reader *r, bool dry, struct err *e)
{
	v->mounter = handover_get_fd(r);
	v->pid = (pid_t)msg_get_u32(r);
	v->last = msg_get_u32(r);
	v->late = msg_get_u32(r);
	for (uint32_t n = msg_get_u32(r); n && msg_ok(r); n--)
		if (get_shown(v, r, dry, e) < 0)
			return -1;
	list_each(n, &v->core->sessions)
	{
		if (get_session(v, list_item(n, struct session, node), r, dry, e) < 0)
			return -1;
	}
	return msg_ok(r) ? 0 : err_set(e, "views are missing");
}

int views_take_over(struct core *core, struct msg_reader *r, bool dry, struct err *e)
{
	const uint32_t version = msg_get_u32(r);
	struct views *v;

	if (version && version != VIEWS_VERSION)
		return err_set(e,
		               "views of workspaces are of version %u, ours %d: restart the server instead",
		               version, VIEWS_VERSION);
	if (!version && views_wanted(core) && !dry)
		log_line(LOG_WARN, "sandbox.fuse: views of workspaces take a restart of the server");
	if (!version)
		return 0;
	v = views_make(core, e);
	if (!v || get_all(v, r, dry, e) < 0)
		return -1;
	return dry ? 0 : views_begin(v, e);
}
