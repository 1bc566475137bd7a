#include "session/views_impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "config/config.h"
#include "enforce/acting.h"
#include "journal/record.h"
#include "session/impl.h"
#include "enforce/rung.h"
#include "session/judged.h"
#include "session/kept.h"
#include "session/mounter.h"
#include "session/showing.h"
#include "session/policy_wire.h"
#include "session/worker.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOUNT_MS = 2000, TELL_MS = 1500, LEAVE_MS = 300, RING_BYTES = 1 << 20 };
/* An attempt that took longer than this is not repeated for VIEWS_REST_NS. */
#define SLOW_NS (200 * 1000000LL)

bool views_wanted(const struct core *core)
{
	const struct config *c = core->config;

	if (!CONFIG_LAYER_FUSE || !c->sandbox.fuse.enabled || c->sandbox.fuse.mount_set)
		return CONFIG_LAYER_FUSE && c->sandbox.fuse.enabled && c->sandbox.fuse.mount;
	return c->sandbox.fuse.mount || (core->found && core->found->rung != RUNG_NOTIFY && judged_wanted(c));
}

bool views_shown(const struct session *s)
{
	return s->view && s->view->shown;
}

const char *views_path(const struct session *s)
{
	return views_shown(s) ? s->view->shown->path : NULL;
}

const char *views_mount(const struct session *s)
{
	return views_shown(s) && s->view->mount ? s->view->mount : s->workspace;
}

const char *views_missing(const struct session *s)
{
	return s->view && !s->view->shown ? s->view->missing : "";
}

int views_page(const struct session *s)
{
	return views_shown(s) ? s->view->page_fd : -1;
}

bool views_holds(const struct core *core, const char *path)
{
	if (!core->views)
		return false;
	list_each(n, &core->views->all)
	{
		if (path_within(path, list_item(n, struct shown, node)->path))
			return true;
	}
	return false;
}

bool views_any(const struct core *core)
{
	return core->views && !list_empty(&core->views->all);
}

int views_lower(const struct session *s)
{
	return views_shown(s) ? s->view->shown->lower : -1;
}

/* The name of the store in the view's own directory, where the view hides it: Landlock cannot close one that
 * lies elsewhere in a tree that is open. */
static const char *store_name(const struct session *s, const char *view)
{
	const char *name = s->core->config->sandbox.fuse.audit.trash_path;

	if (name[0] == '/' && path_within(name, view))
		name += strlen(view) + (name[strlen(view)] == '/');
	return *name && !strchr(name, '/') ? name : JOURNAL_STORE;
}

const char *views_store(const struct session *s, int number, char *out, size_t size)
{
	const char *view = views_path(s);

	if (!view)
		return path_join(s->workspace, s->core->config->sandbox.fuse.audit.trash_path, out, size)
		               ? out
		               : NULL;
	return (size_t)snprintf(out, size, "/proc/self/fd/%d/%s", number, store_name(s, view)) < size ? out
	                                                                                              : NULL;
}

const char *views_left_store(const struct session *s, char *out, size_t size)
{
	return path_join(s->workspace, store_name(s, s->workspace), out, size) ? out : NULL;
}

/* ---- what is told ---- */

void views_log(struct session *s, const char *type, const char *name, const char *value)
{
	const struct session_view *v = s->view;
	const struct event_field fields[] = {
		{ .name = "deferred", .number = s->core->config->sandbox.fuse.deferred, .is_bool = true },
		{ .name = name, .text = value },
		{ .name = "mount_point", .text = v->mount ? v->mount : s->workspace },
		{ .name = "workspace", .text = v->shown ? v->shown->path : s->workspace },
	};

	core_event(s->core, s, NULL,
	           &(struct event){ .type = type, .depth = -1, .fields = fields, .n_fields = 4 }, 0);
}

/* Once for each reason, not for each command. */
static void failed(struct session *s, const struct err *e)
{
	struct session_view *v = s->view;

	if (!strcmp(v->missing, e->text))
		return;
	snprintf(v->missing, sizeof v->missing, "%.*s", (int)sizeof v->missing - 1, e->text);
	log_line(LOG_WARN, "session %s: no view of its workspace: %s", s->id, v->missing);
	views_log(s, "fuse_mount_failed", "error", v->missing);
}

/* ---- the beginning of one ---- */

/* A view of this session's user that has its workspace in it; or none, or (-1) one that is in the way. */
static int find(const struct views *v, const struct session *s, struct shown **out, struct err *e)
{
	*out = NULL;
	list_each(n, &v->all)
	{
		struct shown *w = list_item(n, struct shown, node);

		if (path_within(s->workspace, w->path)) {
			if (w->uid != s->uid)
				return err_set(e, "the workspace is shown to uid %u already",
				               (unsigned)w->uid);
			*out = w;
			return 0;
		}
		if (path_within(w->path, s->workspace))
			return err_set(e, "another view lies in the workspace: %s", w->path);
	}
	return 0;
}

static int ask_mount(struct views *v, const struct session *s, struct shown *w, int control, char *by,
                     size_t size, struct err *e)
{
	const struct config_list *enable = &v->core->config->sandbox.fuse.deferred_enable_command;
	const char *marker = v->core->config->sandbox.fuse.deferred_marker_file;
	const int fds[] = { w->lower, control };
	struct msg m = { 0 };
	int rc;

	w->number = views_next(v);
	msg_start(&m, WIRE_MOUNT);
	msg_u32(&m, w->number);
	msg_u32(&m, s->uid);
	msg_str(&m, w->path);
	msg_str(&m, marker ? marker : "");
	msg_u32(&m, (uint32_t)enable->n);
	for (size_t i = 0; i < enable->n; i++)
		msg_str(&m, enable->items[i]);
	rc = views_ask(v, &m, fds, 2, MOUNT_MS, by, size, e);
	msg_release(&m);
	return rc;
}

static int ask_show(const struct session *s, struct shown *w, struct err *e)
{
	struct msg m = { 0 };
	int rc;

	msg_start(&m, WIRE_SHOW);
	msg_u32(&m, s->uid);
	msg_u32(&m, s->gid);
	msg_str(&m, s->user);
	msg_str(&m, w->path);
	msg_str(&m, store_name(s, w->path));
	rc = wire_send(w->control, &m, NULL, 0, MSG_DONTWAIT, e);
	msg_release(&m);
	return rc;
}

static struct shown *make(struct views *v, const struct session *s, char *by, size_t size, struct err *e)
{
	struct shown *w = calloc(1, sizeof *w);
	int pair[2] = { -1, -1 }, rc = -1;

	if (!w)
		return err_set(e, "out of memory"), NULL;
	*w = (struct shown){ .views = v,
		             .uid = s->uid,
		             .control = -1,
		             .watch = { .fd = -1, .ready = views_on_control },
		             .since_ns = clock_mono_ns() };
	w->path = strdup(s->workspace);
	w->lower = proc_openat2(AT_FDCWD, s->workspace, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS);
	if (!w->path || w->lower < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		err_sys(e, "%s", s->workspace);
	} else {
		rc = ask_mount(v, s, w, pair[1], by, size, e);
		w->control = w->watch.fd = pair[0];
		pair[0] = -1;
	}
	fd_close(&pair[0]);
	fd_close(&pair[1]);
	if (rc < 0) {
		fd_close(&w->control);
		fd_close(&w->lower);
		free(w->path);
		free(w);
		return NULL;
	}
	list_append(&v->all, &w->node);
	if (ask_show(s, w, e) == 0 && loop_watch(v->core->loop, &w->watch, EPOLLIN, e) == 0)
		return w;
	views_free(w);
	return NULL;
}

static uint32_t flags_of(const struct config *c)
{
	const int mode = c->sandbox.fuse.audit.mode;

	if (!c->sandbox.fuse.audit.enabled)
		return 0;
	return (mode == FUSE_SOFT_BLOCK ? SHOWING_SOFT_BLOCK : 0) |
	       (mode == FUSE_SOFT_DELETE || mode == FUSE_STRICT ? SHOWING_KEEP : 0) |
	       (mode == FUSE_STRICT ? SHOWING_STRICT : 0);
}

/* The session's policy, or another one. */
static int join(struct session *s, struct shown *w, struct err *e)
{
	const struct config *c = s->core->config;
	const int fds[] = { s->policy->text->fd, ring_fd(s->view->ring), s->view->page_fd };
	struct msg m = { 0 };
	int rc;

	msg_start(&m, WIRE_JOIN);
	msg_u64(&m, s->tag);
	msg_str(&m, s->id);
	msg_u32(&m, flags_of(c));
	msg_u64(&m, c->sandbox.fuse.audit.quota);
	msg_u64(&m, (uint64_t)c->sandbox.fuse.audit.ttl_ns);
	msg_u64(&m, c->sandbox.fuse.audit.hash_small_files_under);
	policy_wire_put(&m, s->policy);
	rc = views_tell(w, &m, fds, 3, TELL_MS, e);
	msg_release(&m);
	return rc;
}

static int open_view(struct session *s, struct err *e)
{
	struct session_view *v = s->view ? s->view : calloc(1, sizeof *v);
	char path[PATH_MAX];

	if (!v)
		return err_set(e, "out of memory");
	if (!s->view)
		v->page_fd = -1;
	s->view = v;
	if (snprintf(path, sizeof path, "%s/" SESSION_VIEW_RING, s->dir) >= (int)sizeof path)
		return err_set(e, "session directory: name too long");
	if (!v->ring)
		v->ring = ring_create(path, RING_BYTES, e);
	if (v->ring && !v->page)
		v->page = acting_new(&v->page_fd, e);
	return v->page ? 0 : -1;
}

/* Where the session has its own way to the view: a mount, or as a user a link. A failure is told and no more.
 */
static void make_place(struct session *s)
{
	const struct config *c = s->core->config;
	const char *base = c->sandbox.fuse.mount_base_dir;
	struct session_view *v = s->view;
	char path[PATH_MAX];
	struct msg m = { 0 };
	struct err e;

	if (snprintf(path, sizeof path, "%s/%s", base && *base ? base : c->sessions.base_dir, s->id) >=
	    (int)sizeof path - (int)sizeof "/" SESSION_VIEW)
		return;
	mkdir(path, 0700);
	strcat(path, "/" SESSION_VIEW);
	unlink(path);
	if ((geteuid() == 0 ? mkdir(path, 0700) < 0 && errno != EEXIST : symlink(s->workspace, path) < 0) ||
	    !(v->mount = strdup(path))) {
		log_line(LOG_WARN, "%s: %s", path, strerror(errno));
		return;
	}
	if (geteuid() != 0)
		return;
	msg_start(&m, WIRE_PLACE);
	msg_u32(&m, views_next(s->core->views));
	msg_u32(&m, v->shown->number);
	msg_str(&m, v->mount);
	if (views_ask(s->core->views, &m, NULL, 0, VIEWS_PLACE_MS, NULL, 0, &e) < 0)
		log_line(LOG_WARN, "%s: %s", v->mount, e.text);
	msg_release(&m);
}

static int enter(struct session *s, struct err *e)
{
	struct views *v = s->core->views;
	char by[64] = "shared";
	struct shown *w;

	if (open_view(s, e) < 0 || find(v, s, &w, e) < 0)
		return -1;
	if (v->late)
		return err_set(e, "an earlier attempt to mount has not come to an end");
	if (!w && !(w = make(v, s, by, sizeof by, e)))
		return -1;
	if (join(s, w, e) < 0) {
		if (!w->users)
			views_free(w);
		return -1;
	}
	w->users++;
	s->view->shown = w;
	s->view->missing[0] = 0;
	make_place(s);
	views_log(s, s->view->deaths ? "fuse_remounted" : "fuse_mounted", "implementation", by);
	worker_shown(s);
	return 0;
}

/* Without a layer that holds its file rules a session runs only where the configuration lets it; but nobody
 * asked for a view that is there by itself. */
static int without(const struct session *s, struct err *e)
{
	if (s->core->config->sandbox.allow_degraded || !s->core->config->sandbox.fuse.mount ||
	    judged_asked(s))
		return 0;
	return err_set(e, "there is no view of the workspace: %s",
	               s->view ? s->view->missing : "out of memory");
}

static int ready(struct core *core, struct session *s, struct err *e)
{
	int64_t begin = clock_mono_ns();
	struct err why = { 0 };

	if (!views_wanted(core))
		return 0;
	if (views_shown(s)) {
		struct shown *w = s->view->shown;
		struct pollfd p = { .fd = w->control };

		if (!w->gone && (poll(&p, 1, 0) <= 0 || !(p.revents & (POLLHUP | POLLERR))))
			return 0;
		if (w->gone)
			views_died(w);
		else
			views_hear(w);
		if (views_shown(s))
			return 0;
	}
	if (s->view && begin < s->view->slow_until_ns)
		return without(s, e);
	if (enter(s, &why) == 0)
		return 0;
	if (s->view)
		failed(s, &why);
	if (s->view && clock_mono_ns() - begin > SLOW_NS)
		s->view->slow_until_ns = clock_mono_ns() + VIEWS_REST_NS;
	return without(s, e);
}

/* ---- sessions ---- */

static void name_command(struct session *s, const struct command *c)
{
	if (s->view && s->view->page)
		acting_name(s->view->page, c->number, c->id);
}

static void take_policy(struct core *core, struct session *s)
{
	struct err e = { 0 };

	(void)core;
	if (!views_shown(s) || join(s, s->view->shown, &e) == 0)
		return;
	/* The old one must not hold on: what is mounted next has the new one. */
	log_line(LOG_ERROR, "session %s: new policy: %s", s->id, e.text);
	views_died(s->view->shown);
}

static void leave(struct core *core, struct session *s)
{
	struct session_view *v = s->view;
	struct msg m = { 0 };

	if (!v)
		return;
	if (v->shown) {
		struct shown *w = v->shown;

		msg_start(&m, WIRE_LEAVE);
		msg_u64(&m, s->tag);
		views_tell(w, &m, NULL, 0, LEAVE_MS, NULL);
		msg_release(&m);
		views_leave_place(s);
		v->shown = NULL;
		if (--w->users == 0)
			views_free(w);
	}
	views_gather(core, s);
	ring_close(v->ring);
	acting_unmap(v->page);
	fd_close(&v->page_fd);
	free(v);
	s->view = NULL;
}

/* ---- the mounter ---- */

static void on_mounter(struct loop *l, struct watch *w, uint32_t events)
{
	(void)l;
	(void)events;
	views_late(list_item(w, struct views, watch));
}

struct views *views_make(struct core *core, struct err *e)
{
	struct views *v = calloc(1, sizeof *v);

	if (!v) {
		err_set(e, "out of memory");
		return NULL;
	}
	v->core = core;
	v->mounter = -1;
	list_init(&v->all);
	core->views = v;
	return v;
}

int views_begin(struct views *v, struct err *e)
{
	struct core *core = v->core;

	v->watch = (struct watch){ .fd = v->mounter, .ready = on_mounter };
	core->hooks.view_ready = ready;
	core->hooks.view_gather = views_gather;
	core->hooks.view_command = name_command;
	core->hooks.view_ended = views_ended;
	core->hooks.view_policy = take_policy;
	core->hooks.view_leave = leave;
	return v->mounter < 0 ? 0 : loop_watch(core->loop, &v->watch, EPOLLIN, e);
}

int views_open(struct core *core, struct err *e)
{
	struct views *v;

	if (!views_wanted(core))
		return 0;
	v = views_make(core, e);
	return v && views_spawn(v, e) == 0 ? views_begin(v, e) : -1;
}

void views_close(struct core *core)
{
	struct views *v = core->views;

	if (!v)
		return;
	core->views = NULL;
	loop_unwatch(core->loop, &v->watch);
	loop_untimer(core->loop, &v->sweep);
	fd_close(&v->mounter);
	/* It takes away what is left, and ends; also without us, should that hang. */
	for (int64_t end = clock_mono_ns() + VIEWS_REST_NS;
	     waitpid(v->pid, NULL, WNOHANG) == 0 && clock_mono_ns() < end;)
		poll(NULL, 0, 5);
	wire_in_release(&v->in);
	free(v);
}
