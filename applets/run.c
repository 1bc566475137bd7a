/* run - one command governed with no daemon: own supervisor, embedded default policy
 *
config APPLET_RUN
        bool "run"
        default y
        select POLICY
        select LIB_BEARSSL
        help
          Run one command under a policy, without a server, configuration
          or privileges. When it ends, whatever it left behind is ended, too.
 */
#include "applets/applet.h"

#include "audit/event.h"
#include "audit/writer.h"
#include "base/arena.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/opt.h"
#include "base/path.h"
#include "decide/access.h"
#include "enforce/denial.h"
#include "enforce/env/build.h"
#include "enforce/exec/desk.h"
#include "enforce/exec/filter.h"
#include "enforce/exec/plan.h"
#include "enforce/exec/role.h"
#include "enforce/files/files.h"
#include "enforce/landlock/floor.h"
#include "enforce/limits/count.h"
#include "enforce/limits/limits.h"
#include "enforce/net/beside.h"
#include "enforce/rung.h"
#include "journal/record.h"
#include "loop/loop.h"
#include "policy/embedded.h"
#include "shell/plain.h"
#include "shell/search.h"
#include "sys/caps.h"
#include "sys/proc.h"
#include "sys/hunt.h"
#include "sys/notify.h"
#include "sys/tag.h"
#include "wire/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

enum { POLICY_MAX = 1 << 20, NUMBER = 1 };

struct runner {
	struct loop *loop;
	struct policy *policy;
	struct governor *governor;
	struct desk *desk;
	struct writer *log; /* NULL without --audit */
	struct plan plan;
	struct floor floor;
	struct limits limits;
	struct counter *counter;
	struct rung_found found;
	char root[PATH_MAX];  /* of the project */
	char store[PATH_MAX]; /* in it: what was deleted */
	bool allow_degraded, ended;
	bool judge_files, judge_net, own_loopback; /* all calls on files; connections; those to here */
	struct files *files;
	pid_t child;
	int status;
	void (*sigpipe)(int); /* as we found it */
	struct net *net;
	struct beside beside; /* who judges what only names can allow */
};

/* Kept when --audit is given; the act waits for the line. */
static bool sink(void *arg, const char *json, size_t len, uint32_t number, uint32_t flags)
{
	struct runner *r = arg;

	(void)number;
	(void)flags;
	return !r->log || (writer_add(r->log, json, len) && writer_flush(r->log, NULL) == 0);
}

static void on_gone(void *arg, uint32_t number, const char *id, int status, int64_t end_ns)
{
	(void)id;
	(void)end_ns;
	(void)arg;
	(void)number;
	(void)status;
}

static void open_log(struct runner *r, const char *path)
{
	char here[PATH_MAX], whole[PATH_MAX];
	struct writer_options w = { .path = whole };
	struct err e;
	if (!path)
		return;
	if (!getcwd(here, sizeof here) || !path_join(here, path, whole, sizeof whole))
		die(EXIT_DENIED, "agentsh-run: %s: bad path", path);
	if (!(r->log = writer_open(&w, &e)))
		die(EXIT_DENIED, "agentsh-run: audit: %s", e.text);
}

/* Nearest directory with .git, at or above the current one; else the current one. */
static void project_root(char *out, size_t size)
{
	char at[PATH_MAX], probe[PATH_MAX + 8], *slash;
	struct stat st;

	if (!getcwd(at, sizeof at))
		strcpy(at, "/");
	snprintf(out, size, "%s", at);
	while ((slash = strrchr(at, '/')) && slash != at) {
		snprintf(probe, sizeof probe, "%s/.git", at);
		if (lstat(probe, &st) == 0) {
			snprintf(out, size, "%s", at);
			return;
		}
		*slash = 0;
	}
}

static void load_policy(struct runner *r, const char *file)
{
	const struct passwd *pw = getpwuid(getuid());
	struct policy_var vars[] = {
		{ "PROJECT_ROOT", r->root }, { "GIT_ROOT", r->root }, { "HOME", pw ? pw->pw_dir : "/" }, { 0 }
	};
	struct policy_options o = { .vars = vars, .expand = true };
	struct policy_problems problems = { 0 };
	AUTO_BUF text = { 0 };
	const char *data;
	struct err e;
	size_t len;

	project_root(r->root, sizeof r->root);
	data = policy_embedded(&len);
	if (file) {
		if (fd_slurp_file(file, POLICY_MAX, &text, &e) < 0)
			die(EXIT_DENIED, "agentsh-run: %s", e.text);
		data = buf_text(&text);
		len = text.len;
	}
	r->policy = policy_load(data, len, file ? path_base(file) : "default.yaml", &o, &problems);
	if (r->policy)
		return;
	for (size_t i = 0; i < problems.n; i++)
		complain("%s:%d:%d: %s", file ? file : "default.yaml", problems.items[i].line,
		         problems.items[i].column, problems.items[i].text);
	die(EXIT_DENIED, "agentsh-run: policy refused, nothing was run");
}

/* The command by its name, before there is a process: says what is denied even where it is not installed. */
static struct verdict precheck(struct runner *r, char **argv, size_t argc)
{
	const char *const *args = (const char *const *)argv;
	struct command_request q = { .path = argv[0], .given = argv[0], .argv = args, .argc = argc };
	struct verdict v = decide_command(r->policy, &q);
	char text[2600], message[1024];
	struct event_field fields[] = { { .name = "args", .list = args + 1 },
		                        { .name = "command", .text = argv[0] } };
	struct event ev = { .type = "command_policy",
		            .depth = -1,
		            .session_id = "run",
		            .command_id = "cmd-1",
		            .verdict = &v,
		            .message = message,
		            .operation = "command_precheck",
		            .fields = fields,
		            .n_fields = 2 };
	AUTO_BUF json = { 0 };
	const char *subject;

	if (v.effective == EFFECT_APPROVE || v.decision == EFFECT_REDIRECT)
		v.effective = EFFECT_DENY;
	subject = denial_message(&v, argv[0], args, argc, message, sizeof message);
	event_format(&ev, &json);
	if (json.failed || !sink(r, json.data, json.len, NUMBER, 0))
		die(EXIT_DENIED, "agentsh-run: the audit log cannot be written");
	if (v.effective == EFFECT_ALLOW)
		return v;
	denial_text(subject, &v, message, text, sizeof text);
	fputs(text, stderr);
	exit(EXIT_DENIED);
}

static void child_main(struct runner *r, int sock, char **argv, char *const *env)
{
	struct msg m = { 0 };
	struct err e;
	sigset_t none;
	int listener;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
#if CONFIG_LAYER_NET
	if (r->net)
		m.pass = notify_pass((struct sock_filter *)r->plan.launch.filter, r->plan.launch.n_filter);
#endif
	listener = launch_enter(&r->plan.launch, NUMBER, &e);
	if (listener < 0)
		die(EXIT_DENIED, "agentsh-run: %s", e.text);
	msg_start(&m, WIRE_ATTACH);
	if (wire_send(sock, &m, &listener, 1, 0, &e) < 0 || launch_wait(&r->plan.launch, listener, &e) < 0)
		die(EXIT_DENIED, "agentsh-run: %s", e.text);
	close(listener);
	close(sock);
#if CONFIG_LAYER_NET
	/* As ever: the number that it was for is nowhere else. */
	if (m.pass)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
#endif
	search_exec(argv[0], search_env(env, "PATH"), argv, env);
	if (errno == EACCES)
		die(EXIT_DENIED, "agentsh-run: %s: Permission denied", argv[0]);
	die(errno == ENOSYS ? EXIT_DENIED : EXIT_NOTFOUND, "agentsh-run: %s: %s", argv[0], strerror(errno));
}

static void on_end(void *arg, pid_t pid, int status)
{
	struct runner *r = arg;

	if (pid != r->child)
		return;
	r->status = status;
	r->ended = true;
	loop_stop(r->loop);
}

static void on_signal(void *arg, int signo, pid_t sender)
{
	struct runner *r = arg;
	int status;
	pid_t pid;

	(void)sender;
	if (signo == SIGTERM || signo == SIGHUP)
		kill(r->child, signo);
	if (signo != SIGCHLD)
		return; /* the terminal has sent the others to the command as well */
	if (r->found.rung == RUNG_PTRACE)
		desk_children(r->desk, on_end);
	else
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			on_end(r, pid, status);
}

/* As the server does by its configuration. */
static void find_rung(struct runner *r)
{
	const struct rung_demand d = { .allow_degraded = r->allow_degraded };
	struct err e;

	rung_find(&r->found);
	if (rung_gate(&r->found, &d, &e) < 0)
		die(EXIT_DENIED, "agentsh-run: denied: %s", e.text);
	if (r->found.rung == RUNG_PTRACE)
		complain("agentsh-run: degraded: commands are held by ptrace: %s", r->found.why);
}

/* A server's files, where there is one: this command is as much a stranger. */
static const struct floor_item items[] = { { "/etc/agentsh", false },
	                                   { "/run/agentsh", false },
	                                   { "/var/lib/agentsh", true },
	                                   { "/usr/bin/agentsh", false } };

static unsigned calls_on_files(struct runner *r, bool reads)
{
	const bool told = r->log && policy_audit(r->policy)->log_allowed;

	if (!path_join(r->root, JOURNAL_STORE, r->store, sizeof r->store))
		r->store[0] = 0;
	return files_asked(decide_plain(r->policy), reads, told || access(r->store, F_OK) == 0, false);
}

static void close_files(struct runner *r, struct plan_options *p)
{
	const struct passwd *pw = getpwuid(getuid());
	const char *open[] = { "/tmp", pw ? pw->pw_dir : NULL };
	struct floor_options o = { .items = items,
		                   .n = sizeof items / sizeof *items,
		                   .open = open,
		                   .n_open = 2,
		                   .uid = geteuid(),
		                   .signals = plan_scopes_signals(&r->found) };
	const struct floor_rules rules = { .policy = r->policy,
		                           .workspace = r->root,
		                           .baseline = true,
		                           .judged = r->found.rung == RUNG_NOTIFY,
		                           .roomy = r->found.rung != RUNG_NOTIFY && !r->judge_files,
		                           .sockets = CONFIG_FILES && r->found.rung == RUNG_NOTIFY &&
		                                      calls_on_files(r, false) };
	static struct err why;

	if (CONFIG_FILES && (r->judge_files || policy_holds_files(r->policy)))
		o.rules = &rules;
	p->missing = floor_make(&r->floor, &o, &why) < 0 ? why.text : r->floor.missing;
	p->ruleset = r->floor.ruleset;
	if (CONFIG_FILES)
		p->loose = r->floor.inexact;
}

/* Where deleted files are kept, if rules want that; else they are not deleted. */
static struct journal_log *open_journal(struct runner *r)
{
	const struct journal_log_options o = { .at = AT_FDCWD,
		                               .store = r->store,
		                               .session = "run",
		                               .copy_max = 64 << 20,
		                               .quota = -1,
		                               .ttl_ns = -1 };
	struct journal_log *log = NULL;
	struct err e = { .text = "no such place" };

	if (!r->store[0] || journal_log_open(&log, &o, &e) < 0)
		complain("agentsh-run: what is deleted cannot be kept, and so is not deleted: %s", e.text);
	return log;
}

/* Without a server there is no workspace that could be spelled otherwise. */
static void judge_files(struct runner *r, struct plan_options *p, struct governor_options *g)
{
	struct files_closed closed[sizeof items / sizeof *items];
	struct files_options o = { .policy = r->policy,
		                   .tag = p->tag,
		                   .baseline = true,
		                   .inexact = FILES_READ | FILES_WRITE | FILES_REMOVE,
		                   .closed = closed,
		                   .n_closed = sizeof items / sizeof *items };
	struct err e;

	p->files = calls_on_files(r, r->floor.missing[0]);
	if (!p->files)
		return;
	o.masks = p->files & FILTER_WRITES && p->files & FILTER_NAMES;
	if (policy_needs(r->policy).soft_delete)
		o.journal = open_journal(r);
	o.store = r->store[0] ? r->store : NULL;
	for (size_t i = 0; i < o.n_closed; i++)
		closed[i] = (struct files_closed){ items[i].path, items[i].secret };
	if (!(r->files = files_new(&o, &e)))
		die(EXIT_DENIED, "agentsh-run: %s", e.text);
	g->file_call = files_call;
	g->file_wait = files_wait;
	g->file_exec = files_exec;
	g->files = r->files;
}

#if CONFIG_LAYER_NET
static void judge_net(struct runner *r, struct plan_options *p, struct governor_options *g)
{
	const enum net_foreign foreign = r->own_loopback ? NET_FOREIGN_DENY : NET_FOREIGN_AUDIT;
	const struct beside_options o = { r->policy, p->tag, "run", "cmd-1", foreign, sink, r };
	struct err e;

	if (r->found.rung != RUNG_NOTIFY) {
		if (!r->allow_degraded)
			die(EXIT_DENIED, "agentsh-run: denied: connections go unjudged: %s", r->found.why);
		complain("agentsh-run: degraded: connections are not judged: %s", r->found.why);
		return;
	}
	if (!(r->net = beside_start(&r->beside, &o, &e)))
		die(EXIT_DENIED, "agentsh-run: %s", e.text);
	p->net = true;
	g->net_call = net_call;
	g->net = r->net;
}
#endif

static bool is_running(void *arg)
{
	return !((struct runner *)arg)->ended;
}

/* Processor time is held by groups only. */
static void tell_degraded(struct runner *r, const char *why)
{
	const struct event_field fields[] = { { .name = "cpu_quota_percent", .text = why } };
	const struct event ev = {
		.type = "limits_degraded", .depth = -1, .session_id = "run", .fields = fields, .n_fields = 1
	};
	AUTO_BUF json = { 0 };

	event_format(&ev, &json);
	if (json.failed || !sink(r, json.data, json.len, 0, 0))
		die(EXIT_DENIED, "agentsh-run: the audit log cannot be written");
}

/* Control groups where we may make them; else what a supervisor can do by itself. */
static void limit(struct runner *r, struct plan_options *p)
{
	const struct limits_options o = {
		.limits = policy_limits(r->policy), .session = "run", .tag = p->tag, .proc = "/proc/self"
	};

	r->limits.wanted = limits_wanted(o.limits);
	if (geteuid() == 0)
		limits_make(&r->limits, &o);
	if (r->limits.wanted & ~r->limits.held & LIMITS_CPU)
		tell_degraded(r, geteuid() == 0 ? r->limits.missing : "only root can make control groups");
	p->count_tasks = r->limits.wanted & ~r->limits.held & LIMITS_PIDS;
}

static int watch_limits(struct runner *r, uint64_t tag, struct err *e)
{
	const struct counter_options o = { .loop = r->loop,
		                           .tag = tag,
		                           .session_id = "run",
		                           .held = r->limits.held,
		                           .pids_dir = limits_dir(&r->limits, LIMITS_PIDS),
		                           .memory_dir = limits_dir(&r->limits, LIMITS_MEMORY),
		                           .sink = sink,
		                           .busy = is_running,
		                           .arg = r };

	r->counter = counter_new(&o, r->policy, e);
	return r->counter ? 0 : -1;
}

static void set_up(struct runner *r)
{
	static const int signals[] = { SIGCHLD, SIGTERM, SIGHUP, SIGINT, SIGQUIT };
	struct governor_options g = { .policy = r->policy,
		                      .tag = tag_new(),
		                      .session_id = "run",
		                      .sink = sink,
		                      .sink_arg = r,
		                      .teach = true };
	struct plan_options p = { .tag = g.tag, .found = &r->found, .tracer = getpid(), .ruleset = -1 };
	struct err e;

	/* Orphans become ours: they stay below us, where even a strict Yama lets us look at them. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	r->sigpipe = signal(SIGPIPE, SIG_IGN);
	if (proc_check(&e) < 0)
		die(EXIT_DENIED, "agentsh-run: %s", e.text);
	find_rung(r);
	close_files(r, &p);
	if (CONFIG_FILES && (r->judge_files || policy_holds_files(r->policy)) && r->found.rung == RUNG_NOTIFY)
		judge_files(r, &p, &g);
#if CONFIG_LAYER_NET
	if (r->judge_net || policy_holds_net(r->policy))
		judge_net(r, &p, &g);
#endif
	if (CONFIG_LIMITS)
		limit(r, &p);
	if (plan_make(&r->plan, &p, &e) < 0 || !(r->governor = serve_new(&g, &e)) ||
	    !(r->loop = loop_new(&e)) || !(r->desk = desk_new(r->loop, r->governor, on_gone, r, &e)) ||
	    loop_signals(r->loop, signals, sizeof signals / sizeof *signals, on_signal, r, &e) < 0 ||
	    (CONFIG_LIMITS && watch_limits(r, g.tag, &e) < 0) ||
	    (CONFIG_LAYER_NET && r->net && beside_watch(&r->beside, r->net, r->loop, &e) < 0))
		die(EXIT_DENIED, "agentsh-run: %s", e.text);
	r->plan.launch.join = r->limits.join;
	r->plan.launch.n_join = r->limits.n;
	if (r->plan.missing[0])
		complain("agentsh-run: degraded: %s", r->plan.missing);
}

static void launch(struct runner *r, char **argv, char *const *env)
{
	struct governed c = { .rung = r->found.rung,
		              .killable = CONFIG_FILES && r->found.killable,
		              .number = NUMBER,
		              .id = "cmd-1",
		              .entry_is_shell = shell_is(argv[0]) };
	struct wire_in in = { 0 };
	int sock[2];
	struct err e = { 0 };

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) < 0)
		die(EXIT_DENIED, "agentsh-run: %s", strerror(errno));
	r->child = fork();
	if (r->child == 0) {
		close(sock[0]);
		signal(SIGPIPE, r->sigpipe);
		child_main(r, sock[1], argv, env);
	}
	caps_hide(); /* the command has the same user */
	close(sock[1]);
	if (r->child < 0 || (CONFIG_LAYER_NET && tag_deputise(r->plan.launch.tag, NULL) < 0))
		die(EXIT_DENIED, "agentsh-run: cannot start: %s", strerror(errno));
	if (wire_recv(sock[0], &in, 0, &e) <= 0 || in.n_fds != 1) {
		/* The child said why. */
		waitpid(r->child, &r->status, 0);
		exit(EXIT_DENIED);
	}
	close(sock[0]);
	c.listener = in.fds[0];
	c.entry = r->child;
	in.fds[0] = -1;
	wire_in_release(&in);
	if (CONFIG_LIMITS)
		counter_entered(r->counter, r->child);
	if (desk_add(r->desk, &c, &e) < 0)
		die(EXIT_DENIED, "agentsh-run: %s", e.text);
}

static char *const *make_env(struct runner *r, struct arena *a, const struct rule *rule)
{
	struct policy_pair add[] = { { "AGENTSH_IN_SESSION", "1" } };
	struct env_spec spec = {
		.policy = r->policy, .rule = rule, .env = (const char *const *)environ, .add = add, .n_add = 1
	};
	struct env_built out;
	struct err e;

	while (environ[spec.n_env])
		spec.n_env++;
	if (env_build(a, &spec, &out, &e) < 0)
		die(EXIT_MISUSE, "agentsh-run: %s", e.text);
	return (char *const *)out.envp;
}

static void reap_all(void)
{
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
}

static int run(int argc, char **argv)
{
	struct runner r = { .plan.launch.ruleset = -1 };
	const char *policy = NULL, *audit = NULL;
	struct opt table[] = {
		{ .name = "policy", .type = OPT_TEXT, .to = &policy },
		{ .name = "audit", .type = OPT_TEXT, .to = &audit },
		{ .name = "judge-files", .type = OPT_FLAG, .to = &r.judge_files },
#if CONFIG_LAYER_NET
		{ .name = "judge-net", .type = OPT_FLAG, .to = &r.judge_net },
		{ .name = "own-loopback", .type = OPT_FLAG, .to = &r.own_loopback },
#endif
		{ .name = "allow-degraded", .type = OPT_FLAG, .to = &r.allow_degraded },
		{ 0 }
	};
	struct arena a = { 0 };
	struct opt_args args;
	struct verdict v;
	struct err e;

	if (opt_parse(argc, argv, table, true, &args, &e) < 0)
		die(EXIT_MISUSE, "agentsh-run: %s", e.text);
	if (!args.n)
		die(EXIT_MISUSE,
		    "agentsh-run: a command is required: agentsh run [--policy FILE] -- COMMAND");
	args.items[args.n] = NULL;
	if (filter_here()) {
		/* Governed already, and that cannot be undone: a second supervisor would add nothing. */
		search_exec(args.items[0], search_env(environ, "PATH"), args.items, environ);
		die(errno == EACCES ? EXIT_DENIED : EXIT_NOTFOUND, "agentsh-run: %s: %s", args.items[0],
		    strerror(errno));
	}
	load_policy(&r, policy);
	open_log(&r, audit);
	v = precheck(&r, args.items, (size_t)args.n);
	set_up(&r);
	launch(&r, args.items, make_env(&r, &a, v.rule));
	if (CONFIG_CONFINE &&
	    role_enter(ROLE_SUPERVISE | ROLE_LOG | (r.found.rung == RUNG_PTRACE ? ROLE_TRACE : 0) |
	                       (r.files ? ROLE_FILES : 0) | (CONFIG_LAYER_NET && r.net ? ROLE_NET : 0),
	               0, &e) < 0)
		die(EXIT_DENIED, "agentsh-run: %s", e.text);
	while (!r.ended)
		if (loop_run(r.loop, &e) < 0)
			die(EXIT_DENIED, "agentsh-run: %s", e.text);
	/* What was left behind is ours (we are the subreaper): let the kernel reap it while it is killed, or
	 * something that forks all the time fills the process table with its dead. */
	signal(SIGCHLD, SIG_IGN);
	reap_all();
	tag_kill(r.plan.launch.tag, 0, 0, SIGKILL);
	reap_all();
	if (CONFIG_LAYER_NET)
		beside_stop(&r.beside, r.loop);
	if (CONFIG_LIMITS) {
		counter_free(r.counter);
		limits_remove(&r.limits, NULL);
	}
	return WIFSIGNALED(r.status) ? 128 + WTERMSIG(r.status) : WEXITSTATUS(r.status);
}

const struct applet applet_run = {
	.name = "run",
	.summary = "run one command under a policy, without a server",
	.usage = "[--policy FILE] [--audit FILE] [--allow-degraded] -- COMMAND [ARGS]",
	.run = run,
};
