#include "session/gate.h"

#include "audit/event.h"
#include "audit/ring.h"
#include "base/arena.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/path.h"
#include "config/config.h"
#include "decide/decide.h"
#include "enforce/denial.h"
#include "enforce/entry.h"
#include "enforce/env/build.h"
#include "enforce/rung.h"
#include "session/hello.h"
#include "session/proxied.h"
#include "session/session.h"
#include "session/views.h"
#include "session/worker.h"
#include "shell/plain.h"
#include "sys/proc.h"
#include "sys/tag.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A turn takes this many callers; the others wait in the kernel's queue. */
enum { BATCH = 64, SPENT = 16, SPARE_MAX = 16384 };

struct gate {
	struct core *core;
	struct list answers;
	struct rung_found found;
	struct stat root; /* ours */
	/* Sockets whose answer is on its way. To close a unix socket while another travels in a message wakes
	 * the kernel's collector of lost sockets, before our caller has its answer. */
	int spent[SPENT];
	int n_spent;
	/* Kept from caller to caller. */
	struct wire_in in;
	struct arena arena;
	struct buf spare; /* for an answer */
};

struct caller {
	struct list node;
	struct gate *gate;
	int fd; /* where its answer goes */
	struct ucred peer;
	struct msg answer;
	int fds[WIRE_FDS], n_fds; /* borrowed from the session's worker */
	uint64_t tag;             /* of that session */
	uint32_t number;          /* of its command there */
};

static void drop(struct caller *c)
{
	struct gate *g = c->gate;

	if (c->n_fds && g->n_spent < SPENT)
		g->spent[g->n_spent++] = c->fd;
	else
		fd_close(&c->fd);
	if (c->answer.b.cap > g->spare.cap && c->answer.b.cap <= SPARE_MAX) {
		struct buf other = g->spare;

		g->spare = c->answer.b;
		c->answer.b = other;
	}
	msg_release(&c->answer);
	list_remove(&c->node);
	free(c);
}

/* Refuse with whole lines for the caller's standard error. */
static void refuse(struct caller *c, int code, const char *text)
{
	msg_start(&c->answer, WIRE_VERDICT);
	msg_u32(&c->answer, 1);
	msg_u32(&c->answer, (uint32_t)code);
	msg_str(&c->answer, text);
	c->n_fds = 0;
}

static void refuse_why(struct caller *c, int code, const char *what, const struct err *e)
{
	char text[700];

	snprintf(text, sizeof text, "agentsh: denied: %s%s%s\n", what, e ? ": " : "", e ? e->text : "");
	refuse(c, code, text);
}

/* Is the caller one that we can govern: in our root and process numbers, of a user we may act for, not
 * governed? Who is not governed gains nothing by a false answer to where it is. */
static bool may_enter(const struct caller *c, const struct hello *h, struct err *e)
{
	const struct stat *root = &c->gate->root;

	if (!tag_is_free(c->peer.pid))
		return err_set(e, "the caller is governed already and hides it") == 0;
	if (geteuid() != 0 && geteuid() != c->peer.uid)
		return err_set(e, "the server runs as uid %u and cannot govern uid %u", (unsigned)geteuid(),
		               (unsigned)c->peer.uid) == 0;
	if (h->root_dev != root->st_dev || h->root_ino != root->st_ino)
		return err_set(e, "the caller has another root directory than the server") == 0;
	if (h->pid != c->peer.pid)
		return err_set(e, "the caller lives in another pid namespace than the server") == 0;
	return true;
}

static struct session *find_session(struct core *core, const struct caller *c, const struct hello *h,
                                    struct err *e)
{
	struct session_spec spec = { .id = h->session,
		                     .workspace = h->cwd,
		                     .detect_project_root = -1,
		                     .origin = SESSION_SHIM,
		                     .uid = c->peer.uid,
		                     .gid = c->peer.gid };
	struct session *s = h->session[0] ? session_find(core, h->session) : NULL;

	if (h->kind == ENTRY_SHELL)
		return session_for_shim(core, c->peer.uid, c->peer.gid, h->cwd,
		                        h->session[0] ? h->session : NULL, e);
	if (s && s->uid != c->peer.uid && c->peer.uid != 0) {
		err_set(e, "session belongs to another user");
		return NULL;
	}
	return s ? s : session_new(core, &spec, e);
}

static struct verdict ask(const struct session *s, const char *path, const char *const *argv, size_t argc)
{
	struct command_request r = { .path = path, .given = path, .argv = argv, .argc = argc };
	struct verdict v = decide_command(s->policy->policy, &r);

	if (v.effective == EFFECT_APPROVE || v.decision == EFFECT_REDIRECT)
		v.effective = EFFECT_DENY;
	return v;
}

struct judged {
	struct verdict verdict;
	const char *path;
	const char *const *argv;
	size_t argc;
	struct plain plain;
	bool is_plain;
	char message[1024];
};

/* The shell or command itself, and the plain command a shell was given. */
static void judge(const struct session *s, const struct hello *h, struct judged *j)
{
	const char *text;

	j->path = h->program;
	j->argv = h->argv;
	j->argc = h->argc;
	j->verdict = ask(s, h->program, h->argv, h->argc);
	if (h->kind != ENTRY_SHELL || j->verdict.effective == EFFECT_DENY || h->argc < 2)
		return;
	text = plain_text(h->argv + 1, h->argc - 1);
	if (!text || !plain_parse(text, &j->plain))
		return;
	j->is_plain = true;
	j->path = j->plain.words[0];
	j->argv = (const char *const *)j->plain.words;
	j->argc = j->plain.n;
	j->verdict = ask(s, j->path, j->argv, j->argc);
}

static void log_policy(struct core *core, struct session *s, struct command *c, struct judged *j,
                       uint32_t flags)
{
	const char *none[] = { NULL };
	struct event_field fields[] = { { .name = "args", .list = j->argc ? j->argv + 1 : none },
		                        { .name = "command", .text = j->path } };
	struct event ev = { .type = "command_policy",
		            .depth = -1,
		            .verdict = &j->verdict,
		            .message = j->message[0] ? j->message : NULL,
		            .operation = "command_precheck",
		            .fields = fields,
		            .n_fields = 2 };

	core_event(core, s, c, &ev, flags);
}

static void deny(struct core *core, struct caller *caller, struct command *c, const struct hello *h,
                 struct judged *j)
{
	const char *subject =
	        denial_message(&j->verdict, j->path, j->argv, j->argc, j->message, sizeof j->message);
	char text[3200];
	size_t n;

	log_policy(core, c->session, c, j, 0);
	n = denial_text(subject, &j->verdict, j->message, text, sizeof text);
	if (h->kind == ENTRY_EXEC) /* what clients of exec have always looked for */
		snprintf(text + n, sizeof text - n,
		         "agentsh: command denied by policy (rule=%s)\n"
		         "agentsh: hint: operation denied by policy; adjust policy or change command\n",
		         j->verdict.rule->name);
	refuse(caller, 126, text);
	command_finish(core, c, 126);
}

/* The start-up file that the operator injects may only switch off builtins; otherwise the shell must read it.
 */
static bool harmless_startup(const char *const *env)
{
	AUTO_BUF text = { 0 };
	struct stat st;

	for (; *env; env++)
		if (!strncmp(*env, "BASH_ENV=", 9))
			return stat(*env + 9, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022) &&
			       fd_slurp_file(*env + 9, 65536, &text, NULL) == 0 &&
			       plain_startup(buf_text(&text), text.len);
	return true;
}

static void put_env(struct msg *m, const struct hello *h, const struct env_built *env)
{
	unsigned char *keep = calloc(1, h->n_env / 8 + 1);
	uint32_t added = 0;

	if (!keep) {
		m->b.failed = true;
		return;
	}
	for (size_t i = 0; i < env->n; i++)
		if (env->from[i] >= 0)
			keep[env->from[i] / 8] |= (unsigned char)(1 << env->from[i] % 8);
		else
			added++;
	msg_bytes(m, keep, h->n_env / 8 + 1);
	msg_u32(m, added);
	for (size_t i = 0; i < env->n; i++)
		if (env->from[i] < 0)
			msg_str(m, env->envp[i]);
	free(keep);
}

/* Where it starts: a command of exec in the session's directory, unless its caller stands in the workspace.
 * In a view everybody goes by its name again: where the caller stands may lie below it. */
static const char *directory(const struct session *s, const struct hello *h)
{
	const char *view = CONFIG_LAYER_FUSE ? views_path(s) : NULL;

	if (view && path_within(h->cwd, view))
		return h->cwd;
	return h->kind == ENTRY_EXEC && !path_within(h->cwd, s->workspace) ? s->workspace : "";
}

static int admit(struct core *core, struct caller *caller, struct command *c, const struct hello *h,
                 struct judged *j, const struct env_built *env, struct err *e)
{
	struct session *s = c->session;
	const struct launch_plan *plan = worker_plan(s);
	const int space = NETNS_BUILT ? proxied_space(s) : -1;
	bool plain = j->is_plain && plain_env(env->envp, harmless_startup(env->envp));
	struct event started = { .type = "command_started", .depth = -1, .pid = caller->peer.pid };
	struct event_field fields[] = { { .name = "args", .list = h->argc ? h->argv + 1 : h->argv },
		                        { .name = "command", .text = h->program },
		                        { .name = "env_removed", .list = env->removed },
		                        { .name = "layers", .text = worker_armed(s) } };

	c->pid = caller->peer.pid;
	log_policy(core, s, c, j, CORE_MORE);
	started.fields = fields;
	started.n_fields = 4;
	if (core_event(core, s, c, &started, CORE_MORE) < 0)
		return err_set(e, "the audit log cannot be written");
	msg_start(&caller->answer, WIRE_VERDICT);
	msg_u32(&caller->answer, 0);
	msg_u32(&caller->answer, 0);
	msg_str(&caller->answer, "");
	msg_u32(&caller->answer, c->number);
	msg_str(&caller->answer, c->id);
	msg_u32(&caller->answer, !plain && shell_is(h->program));
	msg_u32(&caller->answer, plain);
	msg_u64(&caller->answer, plan->tag);
	msg_u64(&caller->answer, plan->keep_caps);
	msg_u32(&caller->answer, plan->killable);
	msg_u32(&caller->answer, plan->rung);
	msg_u32(&caller->answer, (uint32_t)plan->tracer);
	msg_bytes(&caller->answer, plan->filter, plan->n_filter * sizeof *plan->filter);
	put_env(&caller->answer, h, env);
	msg_str(&caller->answer, directory(s, h));
	caller->tag = s->tag;
	caller->number = c->number;
	msg_u32(&caller->answer, (uint32_t)plan->n_join + (space >= 0));
	caller->fds[caller->n_fds++] = worker_inbox(s);
	for (size_t i = 0; i < plan->n_join; i++)
		caller->fds[caller->n_fds++] = plan->join[i];
	if (space >= 0)
		caller->fds[caller->n_fds++] = space;
	if (plan->ruleset >= 0)
		caller->fds[caller->n_fds++] = plan->ruleset;
	return 0;
}

static int build_env(struct session *s, struct hello *h, const struct rule *rule, struct env_built *out,
                     struct err *e)
{
	const struct config_map *inject = &s->core->config->sandbox.env_inject;
	struct policy_pair *pairs = arena_array(h->arena, inject->n + 1, sizeof *pairs);
	struct policy_pair always[2 + (CONFIG_APPLET_PROXY ? PROXIED_ENV : 0)] = {
		{ "AGENTSH_IN_SESSION", "1" }, { "AGENTSH_SESSION_ID", s->id }
	};
	struct env_spec spec = { .policy = s->policy->policy,
		                 .rule = rule,
		                 .env = h->env,
		                 .n_env = h->n_env,
		                 .add = always,
		                 .n_add = 2,
		                 .inject = pairs,
		                 .n_inject = inject->n };

	if (!pairs) {
		err_set(e, "out of memory");
		return -1;
	}
	if (CONFIG_APPLET_PROXY)
		spec.n_add += proxied_env(s, always + 2);
	for (size_t i = 0; i < inject->n; i++)
		pairs[i] = (struct policy_pair){ inject->items[i].name, inject->items[i].value };
	return env_build(h->arena, &spec, out, e);
}

/* The namespace is entered by whoever calls. */
static bool can_follow(const struct caller *c, const struct session *s, struct err *e)
{
	if (!NETNS_BUILT || proxied_space(s) < 0 || c->peer.uid == 0)
		return true;
	err_set(e, "the session has a network namespace, and only root can enter one");
	return false;
}

static void answer_hello(struct caller *caller, struct hello *h)
{
	struct core *core = caller->gate->core;
	struct env_built env = { 0 };
	struct judged j = { 0 };
	struct command *c;
	struct session *s;
	struct err e;

	if (!may_enter(caller, h, &e) || !(s = find_session(core, caller, h, &e)) ||
	    !can_follow(caller, s, &e) || session_supervise(core, s, &e) < 0 ||
	    !(c = command_begin(core, s, COMMAND_SHIM, h->program, &e))) {
		refuse_why(caller, 126, e.text, NULL);
		return;
	}
	judge(s, h, &j);
	if (j.verdict.effective == EFFECT_DENY) {
		deny(core, caller, c, h, &j);
	} else if (build_env(s, h, j.verdict.rule, &env, &e) < 0) {
		refuse_why(caller, 2, e.text, NULL);
		command_finish(core, c, 2);
	} else if (admit(core, caller, c, h, &j, &env, &e) < 0) {
		refuse_why(caller, 126, e.text, NULL);
		command_finish(core, c, 126);
	}
}

/* One message with one descriptor, the way back, from somebody the kernel names. */
static void hear(struct gate *g)
{
	struct caller *c = g->in.n_fds == 1 && g->in.from.pid > 0 ? calloc(1, sizeof *c) : NULL;
	struct hello h = { .arena = &g->arena };

	if (!c)
		return; /* the descriptor is closed with the next message: its sender sees the end */
	*c = (struct caller){ .gate = g, .fd = g->in.fds[0], .peer = g->in.from, .answer.b = g->spare };
	g->spare = (struct buf){ 0 };
	g->in.fds[0] = -1;
	if (hello_read(g->in.data.data, g->in.data.len, &h))
		answer_hello(c, &h);
	else
		refuse_why(c, 126, "bad request", NULL);
	list_append(&g->answers, &c->node);
	arena_reset(&g->arena);
}

static void close_spent(struct gate *g)
{
	while (g->n_spent > 0)
		close(g->spent[--g->n_spent]);
}

static void gate_ready(struct core *core, int fd)
{
	struct gate *g = core->gate;
	struct err e = { 0 };

	for (int n = 0; n < BATCH; n++) {
		int rc = wire_recv(fd, &g->in, MSG_DONTWAIT, &e);

		close_spent(g); /* now nothing travels, for the most part */
		if (rc > 0)
			hear(g);
		else if (rc == 0)
			break;
	}
}

/* What was granted holds only if its events are in the file, and if the session has not ended within this
 * batch: its descriptors are gone then. */
static void check_grant(struct gate *g, struct caller *c)
{
	struct session *s = session_by_tag(g->core, c->tag);
	struct command *command = s ? command_by_number(s, c->number) : NULL;
	struct err e;

	if (!s || worker_inbox(s) != c->fds[0])
		refuse_why(c, 126, "the session ended", NULL);
	else if (!core_can_log(g->core, &e))
		refuse_why(c, 126, e.text, NULL);
	else
		return;
	if (command)
		command_finish(g->core, command, 126);
}

/* After the batch's log lines are written: the answers go out. */
static void send_answers(void *arg)
{
	struct gate *g = arg;

	list_each(node, &g->answers)
	{
		struct caller *c = list_item(node, struct caller, node);
		struct err e;

		if (c->n_fds)
			check_grant(g, c);
		if (wire_send(c->fd, &c->answer, c->fds, c->n_fds, MSG_DONTWAIT, &e) < 0)
			log_line(LOG_WARN, "gate: pid %d: %s", (int)c->peer.pid, e.text);
		drop(c);
	}
}

void gate_command_done(struct core *core, struct command *c, int status, int64_t end_ns)
{
	struct event_field fields[] = { { .name = "duration_ms" }, { .name = "exit_code" } };
	struct event ev = { .type = "command_finished", .depth = -1, .fields = fields, .n_fields = 2 };
	int code = status < 0 ? -1 : WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);

	if (c->origin != COMMAND_SHIM)
		return; /* its owner waits for it, with more to tell */
	command_finish_at(core, c, code, end_ns);
	fields[0].number = c->duration_ns / 1000000;
	fields[1].number = code;
	ev.n_fields = status < 0 ? 1 : 2;
	core_event(core, c->session, c, &ev, CORE_MORE); /* nobody waits for it: written with the batch */
}

/* What this host can do, and whether that will do. */
static int find_rung(const struct config *c, struct rung_found *f, struct err *e)
{
	const struct rung_demand d = { .mode = c->security.mode,
		                       .minimum_mode = c->security.minimum_mode,
		                       .strict = c->security.strict,
		                       .allow_degraded = c->sandbox.allow_degraded };
	char lines[RUNG_LINES][RUNG_LINE];
	size_t n;

	rung_find(f);
	if (rung_gate(f, &d, e) < 0)
		return -1;
	n = rung_degraded(f, lines);
	for (size_t i = 0; i < n && c->security.warn_degraded; i++)
		log_line(LOG_WARN, "degraded: %s", lines[i]);
	return 0;
}

int gate_open(struct core *core, struct err *e)
{
	struct gate *g;

	if (proc_check(e) < 0)
		return -1;
	g = calloc(1, sizeof *g);
	if (!g)
		return err_set(e, "out of memory");
	*g = (struct gate){ .core = core };
	if (find_rung(core->config, &g->found, e) < 0 || (stat("/", &g->root) < 0 && err_sys(e, "/"))) {
		free(g);
		return -1;
	}
	list_init(&g->answers);
	core->gate = g;
	core->found = &g->found;
	g->arena.max = 16 * 1024 * 1024;
	core->hooks.gate_ready = gate_ready;
	core->hooks.worker_start = worker_start;
	core->hooks.worker_stop = worker_stop;
	core->hooks.worker_look = worker_look;
	core->hooks.worker_policy = CONFIG_SERVER_RELOAD ? worker_policy : NULL;
	core->hooks.kill = worker_kill;
	core->hooks.count = worker_count;
	loop_after_batch(core->loop, send_answers, g);
	return 0;
}

void gate_close(struct core *core)
{
	struct gate *g = core->gate;

	if (!g)
		return;
	list_each(answer, &g->answers) drop(list_item(answer, struct caller, node));
	core->gate = NULL;
	core->found = NULL;
	close_spent(g);
	arena_release(&g->arena);
	buf_release(&g->spare);
	wire_in_release(&g->in);
	free(g);
}
