#include "session/session.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "config/config.h"
#include "enforce/rung.h"
#include "session/connected.h"
#include "session/impl.h"
#include "session/kept.h"
#include "session/proxied.h"
#include "session/reload.h"
#include "sys/tag.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FAILURES = 3 };

static int fail(struct err *e, int code)
{
	if (e)
		e->code = code;
	return -1;
}

/* ---- making ---- */

static void release(struct session *s)
{
	struct core *core = s->core;

	if (s->awake.next)
		list_remove(&s->awake);
	loop_untimer(core->loop, &s->worker_retry);
	while (!list_empty(&s->commands))
		command_free(list_item(s->commands.next, struct command, node));
	map_release(&s->commands_by_id);
	map_release(&s->commands_by_number);
	session_env_release(s);
	ring_close(s->ring);
	policies_put(core, s->policy);
	free(s->home);
	free(s->user);
	free(s->workspace);
	free(s->project_root);
	free(s->git_root);
	free(s->cwd);
	free(s->dir);
	free(s);
}

static int set_id(struct core *core, struct session *s, const char *id, struct err *e)
{
	if (!id || !*id) {
		if (!id_make("session-", s->id, sizeof s->id))
			return err_set(e, "no random numbers");
		return 0;
	}
	if (!session_id_ok(id)) {
		err_set(e, "invalid session id");
		return fail(e, EINVAL);
	}
	if (session_find(core, id)) {
		err_set(e, "session already exists");
		return fail(e, EEXIST);
	}
	snprintf(s->id, sizeof s->id, "%s", id);
	return 0;
}

static int set_workspace(struct session *s, const char *path, struct err *e)
{
	char real[PATH_MAX];
	struct stat st;

	if (!path || !*path)
		err_set(e, "workspace is required");
	else if (path[0] != '/')
		err_set(e, "workspace must be an absolute path");
	else if (!realpath(path, real) || stat(real, &st) < 0)
		err_sys(e, "workspace stat: %s", path);
	else if (!S_ISDIR(st.st_mode))
		err_set(e, "workspace must be a directory");
	else if (!strcmp(real, "/"))
		/* All below ${PROJECT_ROOT} would be every file there is. */
		err_set(e, "workspace must not be the root directory");
	else {
		s->workspace = strdup(real);
		return s->workspace ? 0 : err_set(e, "out of memory");
	}
	return fail(e, EINVAL);
}

static int set_roots(struct session *s, const struct session_spec *spec, struct err *e)
{
	const struct config *c = s->core->config;
	bool detect =
	        spec->detect_project_root < 0 ? c->policies.detect_project_root : spec->detect_project_root;
	struct roots roots = { 0 };
	char real[PATH_MAX];

	if (spec->project_root && *spec->project_root) {
		if (spec->project_root[0] != '/' || !realpath(spec->project_root, real) ||
		    !strcmp(real, "/")) {
			err_set(e, "project_root must be an existing directory other than /");
			return fail(e, EINVAL);
		}
		roots.project = strdup(real);
		roots.git = strdup(real);
	} else if (root_find(s->workspace, detect ? c->policies.project_markers.items : NULL, s->uid, s->home,
	                     &roots) < 0) {
		return err_set(e, "out of memory");
	}
	s->project_root = roots.project;
	s->git_root = roots.git;
	return roots.project && roots.git ? 0 : err_set(e, "out of memory");
}

static int64_t least(int64_t a, int64_t b)
{
	return !a ? b : !b ? a : a < b ? a : b;
}

static int set_policy(struct session *s, const char *name, struct err *e)
{
	const struct config *c = s->core->config;
	const struct policy_var vars[] = {
		{ "PROJECT_ROOT", s->project_root },
		{ "GIT_ROOT", s->git_root },
		/* A uid without an entry has no home: rules about it match nothing. Never the environment's.
		 */
		{ "HOME", s->home ? s->home : "/nonexistent" },
		{ NULL, NULL },
	};

	if (!name || !*name)
		name = c->policies.standard;
	s->policy = policies_get(s->core, name, vars, e);
	/* A file that became unusable does not take the policy out of force that was read from it before. */
	if (!s->policy && CONFIG_SERVER_RELOAD && e->code != ENOENT &&
	    (s->policy = policies_last(s->core, name, vars, NULL)))
		reload_refused(s->core, e->text);
	if (!s->policy)
		return -1;
	session_take_limits(s);
	return 0;
}

void session_take_limits(struct session *s)
{
	const struct config *c = s->core->config;
	const struct policy_limits *limits = policy_limits(s->policy->policy);

	s->command_timeout_ns = limits->command_timeout_ns;
	s->session_timeout_ns = least(limits->session_timeout_ns, c->sessions.default_timeout_ns);
	s->idle_timeout_ns = least(limits->idle_timeout_ns, c->sessions.default_idle_timeout_ns);
}

/* For the server after us, should we be killed. */
static int keep_tag(const struct session *s, struct err *e)
{
	char path[PATH_MAX], text[32];
	int n = snprintf(text, sizeof text, "%016" PRIx64 "\n", s->tag);
	AUTO_FD fd = -1;

	if (snprintf(path, sizeof path, "%s/" SESSION_TAG, s->dir) >= (int)sizeof path)
		return err_set(e, "sessions.base_dir is too long");
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	return fd < 0 || fd_write(fd, text, (size_t)n) < 0 ? err_sys(e, "write %s", path) : 0;
}

static int make_dir(struct session *s, struct err *e)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof path, "%s/%s", s->core->config->sessions.base_dir, s->id) >=
	    (int)sizeof path)
		return err_set(e, "sessions.base_dir is too long");
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "create %s", path);
	/* Left by an earlier session of that id, or put there by somebody else. */
	if (lstat(path, &st) < 0 || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
		return err_set(e, "%s is not a directory of the server", path);
	if (chmod(path, 0700) < 0)
		return err_sys(e, "%s", path);
	s->dir = strdup(path);
	return s->dir ? keep_tag(s, e) : err_set(e, "out of memory");
}

static void remove_dir(const struct session *s)
{
	char path[PATH_MAX];

	if (!s->dir)
		return;
	if (snprintf(path, sizeof path, "%s/" SESSION_RING, s->dir) < (int)sizeof path)
		unlink(path);
	if (snprintf(path, sizeof path, "%s/" SESSION_TAG, s->dir) < (int)sizeof path)
		unlink(path);
	if (CONFIG_LAYER_FUSE &&
	    snprintf(path, sizeof path, "%s/" SESSION_VIEW_RING, s->dir) < (int)sizeof path)
		unlink(path);
	if (CONFIG_APPLET_PROXY &&
	    snprintf(path, sizeof path, "%s/" SESSION_PROXY_RING, s->dir) < (int)sizeof path)
		unlink(path);
	rmdir(s->dir); /* stays when a journal is kept in it */
}

static void set_tag(struct session *s)
{
	do
		s->tag = tag_new();
	while (session_by_tag(s->core, s->tag));
}

/* With a server of the agent's own uid, the kernel lets an ungoverned process of that uid change the policy.
 */
static bool can_change_policy(const struct session *s)
{
	return s->uid != 0 && (s->policy->owner == s->uid || s->policy->dir_owner == s->uid);
}

/* What holds its commands, named at its start. */
static int log_rung(struct core *core, struct session *s)
{
	char lines[RUNG_LINES][RUNG_LINE];
	const char *list[RUNG_LINES + 2] = { lines[0], lines[1], NULL };
	const struct event_field fields[] = {
		{ .name = "degraded", .list = list },
		{ .name = "rung", .text = rung_name(core->found->rung) },
		{ .name = "security_mode", .text = rung_mode(core->found) },
	};
	size_t n = rung_degraded(core->found, lines);

	if (CONFIG_LAYER_NET && *connected_degraded(s))
		list[n++] = connected_degraded(s);
	list[n] = NULL;
	return core_event(core, s, NULL,
	                  &(struct event){ .type = n ? "session_degraded" : "session_enforced",
	                                   .depth = -1,
	                                   .fields = fields,
	                                   .n_fields = sizeof fields / sizeof *fields },
	                  0);
}

static int log_created(struct core *core, struct session *s)
{
	const struct event_field fields[] = {
		{ .name = "git_root", .text = s->git_root },
		{ .name = "origin", .text = s->origin == SESSION_SHIM ? "shim" : "api" },
		{ .name = "policy", .text = s->policy->name },
		{ .name = "policy_file", .text = s->policy->path },
		{ .name = "policy_sha256", .text = s->policy->hash },
		{ .name = "policy_writable", .number = can_change_policy(s), .is_bool = true },
		{ .name = "project_root", .text = s->project_root },
		{ .name = "uid", .number = s->uid },
		{ .name = "workspace", .text = s->workspace },
	};

	return core_event(core, s, NULL,
	                  &(struct event){ .type = "session_created",
	                                   .depth = -1,
	                                   .fields = fields,
	                                   .n_fields = sizeof fields / sizeof *fields },
	                  0);
}

static int fill(struct core *core, struct session *s, const struct session_spec *spec, struct err *e)
{
	s->core = core;
	s->origin = spec->origin;
	s->uid = spec->uid;
	s->gid = spec->gid;
	list_init(&s->env);
	list_init(&s->commands);
	list_init(&s->finished);
	if (set_id(core, s, spec->id, e) < 0 || set_workspace(s, spec->workspace, e) < 0)
		return -1;
	user_lookup(s->uid, &s->home, &s->user);
	s->cwd = strdup("/workspace");
	s->created_ns = clock_real_ns();
	s->started_ns = s->active_ns = clock_mono_ns();
	set_tag(s);
	if (set_roots(s, spec, e) < 0 || set_policy(s, spec->policy, e) < 0 || make_dir(s, e) < 0)
		return -1;
	return s->cwd ? 0 : err_set(e, "out of memory");
}

struct session *session_new(struct core *core, const struct session_spec *spec, struct err *e)
{
	struct session *s;

	if (core->stopping) {
		err_set(e, "the server is stopping");
		return NULL;
	}
	if (!core_can_log(core, e))
		return NULL;
	s = calloc(1, sizeof *s);
	if (!s) {
		err_set(e, "out of memory");
		return NULL;
	}
	if (fill(core, s, spec, e) < 0) {
		release(s);
		return NULL;
	}
	if (core->n_sessions >= (size_t)core->config->sessions.max_sessions && !reaper_evict(core)) {
		err_set(e, "max sessions reached");
		fail(e, EUSERS);
		remove_dir(s);
		release(s);
		return NULL;
	}
	if ((CONFIG_APPLET_PROXY && proxied_open(s, e) < 0) || index_add(core, s, e) < 0 ||
	    log_created(core, s) < 0 || (core->found && log_rung(core, s) < 0)) {
		index_remove(core, s);
		index_forget(core, s);
		core_can_log(core, e);
		if (CONFIG_APPLET_PROXY)
			proxied_close(s);
		remove_dir(s);
		release(s);
		return NULL;
	}
	if (CONFIG_APPLET_PROXY && *proxied_url(s))
		proxied_log(s, "net_proxy_started", "url", proxied_url(s));
	if (can_change_policy(s))
		log_line(LOG_WARN, "session %s: its uid %u owns the policy %s; give it to root", s->id,
		         (unsigned)s->uid, s->policy->path);
	list_append(&core->sessions, &s->node);
	core->n_sessions++;
	return s;
}

/* ---- shims ---- */

static char *shim_workspace(const char *cwd, uid_t uid, const char *home)
{
	char real[PATH_MAX];

	if (cwd && cwd[0] == '/' && realpath(cwd, real) && !root_is_system(real))
		return root_of_workspace(real, uid, home);
	/* A shell in / or /usr does not make the system its workspace. */
	if (home && realpath(home, real) && !root_is_system(real))
		return strdup(real);
	return strdup("/tmp");
}

/* A session of the same user knows; only for the first one the password file is read, into *owned. */
static const char *home_of(const struct core *core, uid_t uid, char **owned)
{
	char *user;

	*owned = NULL;
	list_each(n, &core->sessions)
	{
		const struct session *s = list_item(n, struct session, node);

		if (s->uid == uid && s->home)
			return s->home;
	}
	user_lookup(uid, owned, &user);
	free(user);
	return *owned;
}

struct session *session_for_shim(struct core *core, uid_t uid, gid_t gid, const char *cwd, const char *id,
                                 struct err *e)
{
	struct session *s = id ? session_find(core, id) : NULL;
	char *home, *workspace;

	if (s && s->uid == uid)
		return s;
	workspace = shim_workspace(cwd, uid, home_of(core, uid, &home));
	free(home);
	if (!workspace) {
		err_set(e, "out of memory");
		return NULL;
	}
	s = session_at(core, uid, workspace);
	if (!s)
		s = session_new(core,
		                &(struct session_spec){ .workspace = workspace,
		                                        .detect_project_root = -1,
		                                        .origin = SESSION_SHIM,
		                                        .uid = uid,
		                                        .gid = gid },
		                e);
	free(workspace);
	return s;
}

/* ---- supervisor ---- */

static void log_worker(struct core *core, struct session *s, const char *type, const char *how)
{
	const struct event_field fields[] = {
		{ .name = "deaths", .number = s->worker_deaths },
		{ .name = "how", .text = how },
	};

	core_event(core, s, NULL,
	           &(struct event){ .type = type, .depth = -1, .fields = fields, .n_fields = 2 }, 0);
}

static int start(struct core *core, struct session *s, struct err *e)
{
	if (!core->hooks.worker_start)
		return err_set(e, "there is no supervisor");
	if (s->ring) {
		core_drain(core, s);
		ring_close(s->ring);
		s->ring = NULL;
		s->stuck = (struct ring_record){ 0 };
		s->ring_taken = false;
	}
	if (core->hooks.worker_start(core, s, e) < 0)
		return err_in(e, "start supervisor");
	core_wake(core, s);
	s->worker_state = WORKER_UP;
	if (CONFIG_APPLET_PROXY)
		proxied_supervised(s);
	return 0;
}

static int64_t delay(unsigned failures)
{
	return (int64_t)100000000 << (failures < 7 ? failures : 7); /* 0.2 s, doubling to 12.8 s */
}

/* Died after it had served: the next command need not wait. One that never gets that far waits its time. */
static int start_again(struct core *core, struct session *s, struct err *e)
{
	if (s->worker_failures > FAILURES)
		return err_set(e, "the session's supervisor fails; it is tried again in a while");
	loop_untimer(core->loop, &s->worker_retry);
	if (start(core, s, e) < 0) {
		loop_timer(core->loop, &s->worker_retry, delay(++s->worker_failures));
		return -1;
	}
	log_worker(core, s, "supervisor_started", "restarted");
	return 0;
}

int session_supervise(struct core *core, struct session *s, struct err *e)
{
	if (session_step(s, EVENT_SUPERVISE, e) < 0)
		return -1;
	/* First, as the supervisor's rules are about what lies there then. */
	if (CONFIG_LAYER_FUSE && core->hooks.view_ready && core->hooks.view_ready(core, s, e) < 0)
		return -1;
	if (s->worker_state == WORKER_UP && core->hooks.worker_look)
		core->hooks.worker_look(core, s);
	if (s->worker_state == WORKER_DOWN)
		return start_again(core, s, e);
	return s->worker_state == WORKER_UP ? 0 : start(core, s, e);
}

static void restart(struct loop *l, struct timer *t)
{
	struct session *s = list_item(t, struct session, worker_retry);
	struct err e = { 0 };

	if (start(s->core, s, &e) == 0) {
		log_worker(s->core, s, "supervisor_started", "restarted");
		return;
	}
	log_line(LOG_ERROR, "session %s: %s", s->id, e.text);
	loop_timer(l, t, delay(++s->worker_failures));
}

void session_worker_died(struct core *core, struct session *s, const char *how)
{
	if (session_step(s, EVENT_DIED, NULL) < 0)
		return; /* it was stopped with its session */
	s->worker_state = WORKER_DOWN;
	s->worker_deaths++;
	s->worker_failures++;
	log_line(LOG_ERROR, "session %s: supervisor died: %s", s->id, how);
	log_worker(core, s, "supervisor_died", how);
	if (core->hooks.kill && core->hooks.kill(core, s->tag, 0, SIGKILL) < 0)
		log_line(LOG_ERROR, "session %s: some processes could not be killed", s->id);
	commands_orphaned(s);
	s->worker_retry.due = restart;
	loop_timer(core->loop, &s->worker_retry, delay(s->worker_failures));
}

/* ---- ending ---- */

static void unsubscribe_all(struct core *core, const struct session *s)
{
	list_each(n, &core->subscribers)
	{
		struct subscriber *sub = list_item(n, struct subscriber, node);

		if (sub->session != s)
			continue;
		core_unsubscribe(sub);
		if (sub->ended)
			sub->ended(sub);
	}
}

static void log_ended(struct core *core, struct session *s, const char *type, const char *reason)
{
	const struct event_field fields[] = {
		{ .name = "commands", .number = s->last_command },
		{ .name = !strcmp(type, "session_expired") ? "expired_by" : "reason", .text = reason },
	};

	core_event(core, s, NULL,
	           &(struct event){ .type = type, .depth = -1, .fields = fields, .n_fields = 2 }, 0);
}

void session_end(struct core *core, struct session *s, const char *type, const char *reason)
{
	if (session_step(s, EVENT_END, NULL) < 0)
		return;
	index_remove(core, s);
	loop_untimer(core->loop, &s->worker_retry);
	/* First its processes, while the supervisor still judges what they do. */
	if (core->hooks.kill && core->hooks.kill(core, s->tag, 0, SIGKILL) < 0)
		log_line(LOG_ERROR, "session %s: some processes could not be killed", s->id);
	commands_lost(s);
	if (core->hooks.worker_stop)
		core->hooks.worker_stop(core, s);
	core_drain(core, s);
	if (CONFIG_LAYER_FUSE && core->hooks.view_leave)
		core->hooks.view_leave(core, s);
	if (CONFIG_APPLET_PROXY)
		proxied_close(s);
	log_ended(core, s, type, reason);
	if (CONFIG_FILES)
		kept_purge(core, s);
	unsubscribe_all(core, s);
	list_remove(&s->node);
	index_forget(core, s);
	core->n_sessions--;
	remove_dir(s);
	release(s);
}
