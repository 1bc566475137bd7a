#include "session/spawn.h"

#include "base/fd.h"
#include "base/path.h"
#include "config/config.h"
#include "enforce/denial.h"
#include "enforce/env/build.h"
#include "enforce/entry.h"
#include "enforce/launch.h"
#include "session/proxied.h"
#include "session/views.h"
#include "session/worker.h"
#include "shell/plain.h"
#include "shell/search.h"
#include "sys/caps.h"
#include "sys/notify.h"
#include "sys/proc.h"
#include "wire/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKSPACE "/workspace"
enum { START_MS = 3000 };

#define PATH_PLAIN "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* What the child needs; all made before the fork, so that it only makes system calls. */
struct child {
	const struct session *session;
	const struct launch_plan *plan;
	int inbox;
	uint32_t number;
	const char *id, *program, *dir;
	char **argv;
	char *const *env;
	int in, out, err, report;
};

/* The working directory as the caller means it: /workspace is the session's workspace. False: not in it. */
static bool map_dir(const struct session *s, const char *given, char *out, size_t size)
{
	char at[PATH_MAX];

	if (!path_join(s->cwd, given && *given ? given : ".", at, sizeof at))
		return false;
	if (path_within(at, WORKSPACE))
		return (size_t)snprintf(out, size, "%s%s", s->workspace, at + strlen(WORKSPACE)) < size;
	return path_within(at, s->workspace) && (size_t)snprintf(out, size, "%s", at) < size;
}

/* Tell the parent why there is no command, in the form "N text". */
static void give_up(const struct child *c, int code, const char *what, int error)
{
	char text[400];
	int n = snprintf(text, sizeof text, "%d %s: %s", code, what, strerror(error));

	if (write(c->report, text, (size_t)n) < 0)
		_exit(code);
	_exit(code);
}

/* The server asked the kernel to spare it when memory ends (applets/server.c); its commands are not spared.
 */
static void unspare(void)
{
	char score[8] = "";
	int fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);

	if (fd >= 0 && read(fd, score, sizeof score - 1) > 0 && !strcmp(score, "-500\n"))
		fd_write(fd, "0", 1);
	fd_close(&fd);
}

/* In the child: descriptors, ids, directory, then the one way under governance. */
static void child_main(const struct child *c)
{
	const struct session *s = c->session;
	struct entry_name name;
	struct err e;
	sigset_t none;
	int listener;

	if (setsid() < 0 || dup2(c->in, 0) < 0 || dup2(c->out, 1) < 0 || dup2(c->err, 2) < 0)
		give_up(c, 127, "set up", errno);
	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	umask(022);
	unspare();
	if (NETNS_BUILT && proxied_space(s) >= 0 && setns(proxied_space(s), CLONE_NEWNET) < 0)
		give_up(c, 126, "network namespace", errno);
	if (caps_become(s->uid, s->gid, s->user, -1, &e) < 0)
		give_up(c, 127, e.text, errno);
	if (chdir(c->dir) < 0)
		give_up(c, 2, c->dir, errno);
	name = (struct entry_name){ .number = c->number, .id = c->id, .shell = shell_is(c->program) };
#if CONFIG_LAYER_NET
	name.pass = notify_pass((struct sock_filter *)c->plan->filter, c->plan->n_filter);
#endif
	listener = launch_enter(c->plan, c->number, &e);
	if (listener < 0)
		give_up(c, 126, e.text, errno);
	if (entry_attach(c->inbox, &name, listener, &e) < 0 || launch_wait(c->plan, listener, &e) < 0)
		give_up(c, 126, e.text, errno);
	close(listener);
	/* The supervisor, of the same user, has to read what is executed. Nobody governed can read this copy
	 * of the server: every command has a Landlock domain of its own (e2e: server, "could not look into
	 * it"). */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	search_exec(c->program, search_env(c->env, "PATH"), c->argv, c->env);
	if (errno == EACCES)
		_exit(126);
	give_up(c, 127, c->program, errno);
}

/* The environment: a small base of the session's own, its variables, the request's. */
static int make_env(struct arena *a, struct session *s, const struct exec_spec *spec, const struct rule *rule,
                    struct env_built *out, struct err *e)
{
	const struct config_map *config = &s->core->config->sandbox.env_inject;
	const char *base[] = { "PATH=" PATH_PLAIN, "LANG=C.UTF-8",
		               arena_fmt(a, "HOME=%s", s->home ? s->home : "/") };
	struct policy_pair *inject = arena_array(a, config->n + 1, sizeof *inject), *add;
	size_t n = 0, room = 2 + (CONFIG_APPLET_PROXY ? PROXIED_ENV : 0) + spec->n_env;
	struct env_spec es = { .policy = s->policy->policy,
		               .rule = rule,
		               .env = base,
		               .n_env = 3,
		               .inject = inject,
		               .n_inject = config->n };

	list_each(node, &s->env) room++;
	add = arena_array(a, room, sizeof *add);
	if (a->failed)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < config->n; i++)
		inject[i] = (struct policy_pair){ config->items[i].name, config->items[i].value };
	add[n++] = (struct policy_pair){ "AGENTSH_IN_SESSION", "1" };
	add[n++] = (struct policy_pair){ "AGENTSH_SESSION_ID", s->id };
	if (CONFIG_APPLET_PROXY)
		n += proxied_env(s, add + n);
	/* The first of a name counts: the request's before the session's. */
	for (size_t i = 0; i < spec->n_env; i++)
		add[n++] = spec->env[i];
	list_each(item, &s->env)
	{
		const struct session_env *v = list_item(item, struct session_env, node);

		add[n++] = (struct policy_pair){ v->name, v->value };
	}
	es.add = add;
	es.n_add = n;
	return env_build(a, &es, out, e);
}

/* argv in the arena: argv0 or the command, then the arguments. */
static char **make_argv(struct arena *a, const struct exec_spec *spec)
{
	char **argv = arena_array(a, spec->n_args + 2, sizeof *argv);

	if (!argv)
		return NULL;
	argv[0] = (char *)(spec->argv0 && *spec->argv0 ? spec->argv0 : spec->command);
	for (size_t i = 0; i < spec->n_args; i++)
		argv[i + 1] = (char *)spec->args[i];
	return argv;
}

static struct verdict judge(const struct session *s, const char *command, char **argv, size_t argc)
{
	struct command_request r = {
		.path = command, .given = command, .argv = (const char *const *)argv, .argc = argc
	};
	struct verdict v = decide_command(s->policy->policy, &r);

	if (v.effective == EFFECT_APPROVE || v.decision == EFFECT_REDIRECT)
		v.effective = EFFECT_DENY;
	return v;
}

static int log_policy(struct core *core, const struct exec_spec *spec, char **argv, struct exec_start *out)
{
	struct event_field fields[] = { { .name = "args", .list = (const char *const *)argv + 1 },
		                        { .name = "command", .text = spec->command } };
	struct event ev = { .type = "command_policy",
		            .depth = -1,
		            .verdict = &out->verdict,
		            .message = out->message[0] ? out->message : NULL,
		            .operation = "command_precheck",
		            .fields = fields,
		            .n_fields = 2 };

	return core_event(core, out->command->session, out->command, &ev, 0);
}

static int fail(struct exec_start *out, int code, const char *text)
{
	out->exit_code = code;
	snprintf(out->error, sizeof out->error, "%s", text);
	return 0;
}

/* A reply on the report pipe means that nothing runs; its end of file, that exec succeeded (or was denied,
 * 126). */
static int hear(int report, struct exec_start *out)
{
	struct pollfd p = { .fd = report, .events = POLLIN };
	char text[420], *rest;
	ssize_t n;

	/* The supervisor answers in microseconds; one that is stopped must not stop the server, too. */
	if (poll(&p, 1, START_MS) <= 0) {
		proc_signal(out->pidfd, SIGKILL);
		out->exit_code = 126;
		snprintf(out->error, sizeof out->error, "the session's supervisor does not answer");
		return -1;
	}
	do
		n = read(report, text, sizeof text - 1);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return 0;
	text[n] = 0;
	out->exit_code = (int)strtol(text, &rest, 10);
	snprintf(out->error, sizeof out->error, "%s", rest + (*rest == ' '));
	return -1;
}

struct pipes {
	int in[2], out[2], err[2], report[2];
};

static int open_pipes(struct pipes *p, struct err *e)
{
	int *all[] = { p->in, p->out, p->err, p->report };

	for (int i = 0; i < 4; i++)
		all[i][0] = all[i][1] = -1;
	for (int i = 0; i < 4; i++)
		if (pipe2(all[i], O_CLOEXEC) < 0)
			return err_sys(e, "pipe");
	return 0;
}

static void close_pipes(struct pipes *p)
{
	int *all[] = { p->in, p->out, p->err, p->report };

	for (int i = 0; i < 4; i++) {
		fd_close(&all[i][0]);
		fd_close(&all[i][1]);
	}
}

/* It ends at once; but not while it waits for a view whose process is held up itself. */
static void reap(struct core *core, const struct exec_start *out)
{
	struct pollfd p = { .fd = out->pidfd, .events = POLLIN };

	if (CONFIG_LAYER_FUSE && views_any(core) && out->pidfd >= 0 && poll(&p, 1, VIEWS_END_MS) <= 0) {
		proc_signal(out->pidfd, SIGKILL);
		views_stray(core, out->pid);
		return;
	}
	while (waitpid(out->pid, &(int){ 0 }, 0) < 0 && errno == EINTR)
		;
}

static int start(struct child *c, struct exec_start *out, struct err *e)
{
	struct pipes p;
	int rc = 0;

	if (open_pipes(&p, e) < 0) {
		close_pipes(&p);
		return -1;
	}
	c->in = p.in[0];
	c->out = p.out[1];
	c->err = p.err[1];
	c->report = p.report[1];
	out->pid = fork();
	if (out->pid == 0)
		child_main(c);
	if (out->pid < 0) {
		rc = err_sys(e, "fork");
	} else {
		out->pidfd = proc_pidfd(out->pid);
		out->in_fd = p.in[1];
		out->out_fd = p.out[0];
		out->err_fd = p.err[0];
		p.in[1] = p.out[0] = p.err[0] = -1;
		fd_nonblock(out->in_fd, 1);
		fd_nonblock(out->out_fd, 1);
		fd_nonblock(out->err_fd, 1);
		out->command->pid = out->pid;
	}
	fd_close(&p.report[1]);
	if (rc == 0 && hear(p.report[0], out) < 0) {
		reap(c->session->core, out);
		fd_close(&out->pidfd);
		fd_close(&out->in_fd);
		fd_close(&out->out_fd);
		fd_close(&out->err_fd);
		out->pid = 0;
	}
	close_pipes(&p);
	return rc;
}

static int log_started(struct core *core, const struct exec_spec *spec, char **argv,
                       const struct env_built *env, struct command *c)
{
	struct event_field fields[] = { { .name = "args", .list = (const char *const *)argv + 1 },
		                        { .name = "command", .text = spec->command },
		                        { .name = "env_removed", .list = env->removed },
		                        { .name = "layers", .text = worker_armed(c->session) } };
	struct event ev = { .type = "command_started", .depth = -1, .fields = fields, .n_fields = 4 };

	return core_event(core, c->session, c, &ev, 0);
}

static int run_allowed(struct core *core, struct session *s, const struct exec_spec *spec, char **argv,
                       struct arena *a, struct exec_start *out, struct err *e)
{
	struct env_built env = { 0 };
	char dir[PATH_MAX];
	struct err why;
	struct child c = { .session = s,
		           .plan = worker_plan(s),
		           .inbox = worker_inbox(s),
		           .number = out->command->number,
		           .id = out->command->id,
		           .program = spec->command,
		           .dir = dir,
		           .argv = argv };

	if (!map_dir(s, spec->working_dir, dir, sizeof dir))
		return fail(out, 2,
		            spec->working_dir && spec->working_dir[0] == '/'
		                    ? "working_dir must be under /workspace"
		                    : "working_dir escapes workspace mount");
	if (make_env(a, s, spec, out->verdict.rule, &env, &why) < 0)
		return fail(out, 2, why.text);
	if (log_started(core, spec, argv, &env, out->command) < 0)
		return -1;
	c.env = (char *const *)env.envp;
	return start(&c, out, e);
}

int session_exec(struct core *core, struct session *s, const struct exec_spec *spec, struct exec_start *out,
                 struct err *e)
{
	AUTO_ARENA a = { .max = 32 * 1024 * 1024 };
	char **argv = make_argv(&a, spec);
	int rc;

	*out = (struct exec_start){ .pidfd = -1, .in_fd = -1, .out_fd = -1, .err_fd = -1 };
	if (!argv)
		return err_set(e, "out of memory");
	if (session_supervise(core, s, e) < 0)
		return -1;
	out->command = command_begin(core, s, COMMAND_EXEC, spec->command, e);
	if (!out->command)
		return -1;
	out->verdict = judge(s, spec->command, argv, spec->n_args + 1);
	out->denied = out->verdict.effective == EFFECT_DENY;
	denial_message(&out->verdict, spec->command, (const char *const *)argv, spec->n_args + 1,
	               out->message, sizeof out->message);
	rc = log_policy(core, spec, argv, out);
	if (out->denied)
		out->exit_code = 126;
	else if (rc < 0)
		err_set(e, "the audit log cannot be written");
	else
		rc = run_allowed(core, s, spec, argv, &a, out, e);
	if (out->verdict.subject) /* it may lie in the arena */
		out->verdict.subject = NULL;
	if (out->denied || rc < 0 || !out->pid)
		command_finish(core, out->command, out->denied ? 126 : out->exit_code);
	return out->denied ? 0 : rc;
}

void session_exec_finished(struct core *core, struct command *c, int wait_status, const struct rusage *usage)
{
	int code = WIFSIGNALED(wait_status) ? -1 : WEXITSTATUS(wait_status);
	struct event_field fields[] = { { .name = "cpu_system_ms" },
		                        { .name = "cpu_user_ms" },
		                        { .name = "duration_ms" },
		                        { .name = "exit_code" },
		                        { .name = "memory_peak_kb" } };
	struct event ev = { .type = "command_finished", .depth = -1, .fields = fields, .n_fields = 5 };

	command_finish(core, c, code);
	fields[0].number = usage ? usage->ru_stime.tv_sec * 1000 + usage->ru_stime.tv_usec / 1000 : 0;
	fields[1].number = usage ? usage->ru_utime.tv_sec * 1000 + usage->ru_utime.tv_usec / 1000 : 0;
	fields[2].number = c->duration_ns / 1000000;
	fields[3].number = code;
	fields[4].number = usage ? usage->ru_maxrss : 0;
	core_event(core, c->session, c, &ev, 0);
}

int session_kill(struct core *core, struct command *c, int signo)
{
	return worker_kill(core, c->session->tag, c->number, signo);
}
