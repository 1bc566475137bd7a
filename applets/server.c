/* server - hold policies and sessions, answer shims and clients, write the audit log.
 *
config APPLET_SERVER
        bool "server"
        default y
        select POLICY
        select LIB_BEARSSL
        select APPLET_SUPERVISE
        help
          The daemon: sessions, policies, approvals and the only writer of the
          audit log. Single-threaded; supervisors do the judging.
 */
#include "applet.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "api/api.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/path.h"
#include "config/config.h"
#include "enforce/exec/role.h"
#include "loop/loop.h"
#include "session/closed.h"
#include "session/core.h"
#include "session/gate.h"
#include "session/handover.h"
#include "session/place.h"
#include "session/proxied.h"
#include "session/reload.h"
#include "session/session.h"
#include "session/upgrade.h"
#include "session/views.h"
#include "sys/init.h"

enum { GRACE_S = 10, NOFILE = 65536 };
#define REST_NS (500 * 1000000LL)

struct server {
	struct config *config; /* what it started with: sockets, log, keys */
	struct config *later;  /* of a reload, in force for the rest; or NULL */
	struct config_file file;
	struct loop *loop;
	struct core *core;
	const char *asked; /* path of a socket to remove, or NULL */
	struct api *api;
	struct place place;
	struct watch gate;
	int http; /* owned until it is the API's */
	struct timer deadline, rest;
	bool worked, resting; /* since `rest` was armed; this batch found that nothing had */
	bool stopping, upgrading;
	char program[4096];      /* our file, or what will lie in its place */
	struct buf state;        /* of the program before us, whose place we take */
	struct msg_reader taken; /* reads it */
	bool adopt;
	int ready, errors; /* who started us waits there; our standard error meanwhile; -1 = nobody */
};

/* ---- before anything else: what nobody may get hold of, and what we do not want to inherit ---- */

/* Who starts us may ignore or block anything. Without SIGCHLD nobody hears how a child ended. */
static void hear_signals(void)
{
	sigset_t none;

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

static void harden(int keep, bool adopt)
{
	struct rlimit core = { 0, 0 };
	char score[8] = "";
	int fd;

	prctl(PR_SET_DUMPABLE, 0); /* no ptrace, no /proc/PID/mem, no core by others of our uid */
	getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = 0; /* the hard limit stays: it is not ours to take from commands */
	setrlimit(RLIMIT_CORE, &core);
	fd_raise_limit(NOFILE);
	for (int i = 0; i < 3; i++)
		if (fcntl(i, F_GETFD) < 0 && open("/dev/null", i ? O_WRONLY : O_RDONLY) < 0)
			die(EXIT_FAILED, "agentsh-server: /dev/null: %s", strerror(errno));
	if (keep > 3) /* --ready-fd is the lowest, or nothing is kept */
		keep = -1;
	if (!adopt) /* what the program before us left open is ours */
		fd_close_from(keep == 3 ? 4 : 3);
	umask(077);
	if (!adopt)
		hear_signals();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log that may not grow is an error of write(2), told to who asks */
	signal(SIGHUP, SIG_IGN);
	signal(SIGUSR2, SIG_IGN);
	/* Without us nothing runs: let the kernel take others first. Root only; commands undo it (spawn.c).
	 */
	fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	if (fd >= 0 && read(fd, score, sizeof score - 1) > 0 && !strcmp(score, "0\n"))
		fd_write(fd, "-500", 4);
	fd_close(&fd);
}

/* ---- configuration ---- */

/* The file that will be run for us next time: who upgrades puts another in its place. */
static void find_program(struct server *s)
{
	static const char gone[] = " (deleted)";
	ssize_t n = readlink("/proc/self/exe", s->program, sizeof s->program - 1);

	s->program[n > 0 ? n : 0] = 0;
	if (n >= (ssize_t)sizeof gone && !strcmp(s->program + n - (sizeof gone - 1), gone))
		s->program[n - (ssize_t)(sizeof gone - 1)] = 0;
}

/* Where the configuration is, or the end. */
static void find_config(struct server *s, const char *named)
{
	struct err e;

	if (config_locate(named, config_env, &s->file, &e) < 0)
		die(EXIT_FAILED, "agentsh-server: %s", e.text);
	if (s->file.place == CONFIG_NOWHERE)
		die(EXIT_FAILED,
		    "agentsh-server: no configuration: neither $AGENTSH_CONFIG nor agentsh/config.yaml "
		    "below /etc or ~/.config is there");
}

/* Read it; every problem is told, at the start on standard error, later in the log. NULL with a summary in
 * `e`. */
static struct config *read_config(const struct server *s, struct err *e)
{
	struct config_problems problems = { 0 };
	struct config *config = config_load(s->file.path, s->file.place, config_env, &problems);
	char line[1024], first[1024] = "";

	for (size_t i = 0; i < problems.n; i++) {
		config_problem_line(&problems.items[i], s->file.shown, line, sizeof line);
		if (s->core)
			log_line(LOG_WARN, "%s", line);
		else
			complain("%s", line);
		if (problems.items[i].severity == CONFIG_ERROR && !*first)
			strcpy(first, line);
	}
	if (!config)
		err_set(e, "%zu error%s in the configuration%s%s", problems.n_errors,
		        problems.n_errors == 1 ? "" : "s", s->core ? ": " : "", s->core ? first : "");
	config_problems_release(&problems);
	return config;
}

static void start_log(const struct config *c)
{
	int fd;

	log_setup("server", (enum log_level)c->logging.level, c->logging.format == 1);
	if (!strcmp(c->logging.output, "stderr") || !*c->logging.output)
		return;
	if (!strcmp(c->logging.output, "stdout")) {
		log_to(STDOUT_FILENO);
		return;
	}
	fd = open(c->logging.output, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | O_NOFOLLOW, 0600);
	if (fd < 0)
		die(EXIT_FAILED, "agentsh-server: log %s: %s", c->logging.output, strerror(errno));
	log_to(fd);
}

/* ---- sockets ---- */

static void on_gate(struct loop *l, struct watch *w, uint32_t events)
{
	struct server *s = list_item(w, struct server, gate);

	(void)l;
	(void)events;
	s->core->hooks.gate_ready(s->core, w->fd);
}

/* A unix socket for HTTP where the configuration wants one; the API's own lies beside the gate's in any case.
 */
static int open_asked(struct server *s, struct err *e)
{
	const char *path = s->config->server.unix_socket.path;
	mode_t mode = (mode_t)strtoul(s->config->server.unix_socket.permissions, NULL, 8);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	struct stat st;
	int fd;

	if (!s->config->server.unix_socket.enabled || !*path)
		return 0;
	if (strlen(path) >= sizeof addr.sun_path || !strcmp(path, s->place.socket))
		return err_set(e, "server.unix_socket.path %s: cannot be used", path);
	strcpy(addr.sun_path, path);
	/* Its directory is the place that we hold alone: an old socket there is a dead server's. */
	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		unlink(path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || chmod(path, mode) < 0 ||
	    listen(fd, 512) < 0) {
		err_sys(e, "listen on %s", path);
		fd_close(&fd);
		return -1;
	}
	s->asked = path;
	return api_listen(s->api, fd, e);
}

/* HTTP, on the address of the configuration and on a socket beside the gate's. */
static int open_api(struct server *s, struct err *e)
{
	char path[sizeof s->place.socket + sizeof API_SOCKET_SUFFIX];
	mode_t mode = (mode_t)strtoul(s->config->server.unix_socket.permissions, NULL, 8);
	int http = s->http;

	if (!CONFIG_API_HTTP)
		return 0;
	s->api = api_new(s->core, e);
	if (!s->api)
		return -1;
	s->http = -1;
	if (CONFIG_SERVER_RELOAD && s->adopt) {
		s->asked = s->config->server.unix_socket.enabled ? s->config->server.unix_socket.path : NULL;
		return api_take_over(s->api, &s->taken, e);
	}
	snprintf(path, sizeof path, "%s%s", s->place.socket, API_SOCKET_SUFFIX);
	api_vouch(s->api, http);
	if (CONFIG_APPLET_PROXY)
		proxied_reserve(s->core, http);
	if (api_listen(s->api, http, e) < 0 || api_listen_unix(s->api, path, mode ? mode : 0600, e) < 0)
		return -1;
	return open_asked(s, e);
}

static int open_gate(struct server *s, struct err *e)
{
	s->gate = (struct watch){ .fd = s->place.gate, .ready = on_gate };
	return gate_open(s->core, e) < 0 ? -1 : loop_watch(s->loop, &s->gate, EPOLLIN, e);
}

/* ---- stopping ---- */

static void give_up(struct loop *l, struct timer *t)
{
	(void)t;
	log_line(LOG_WARN, "requests are still in work after %d s; their commands are killed", GRACE_S);
	loop_stop(l);
}

/* ---- another version of the program takes our place ---- */

static void end_upgrade(struct server *s, const char *why)
{
	const struct event_field field = { .name = "reason", .text = why };

	s->upgrading = false;
	loop_untimer(s->loop, &s->deadline);
	if (CONFIG_API_HTTP)
		api_resume(s->api);
	log_line(LOG_ERROR, "no upgrade, this server goes on: %s", why);
	core_event(s->core, NULL, NULL,
	           &(struct event){ .type = "upgrade_refused", .depth = -1, .fields = &field, .n_fields = 1 },
	           0);
}

/* Nothing is in work. Returns only when it came to nothing. */
static void upgrade(struct server *s)
{
	struct handover h;
	struct err e = { 0 };

	handover_begin(&h);
	if (handover_core(&h, s->core, &e) == 0) {
		place_hand_over(&s->place, &h);
		if (CONFIG_API_HTTP)
			api_hand_over(s->api, &h);
		upgrade_exec(&(struct upgrade){ .program = s->program,
		                                .config = s->file.place == CONFIG_NAMED ? s->file.path : NULL,
		                                .key = s->core->key_env },
		             &h, &e);
	}
	handover_release(&h);
	end_upgrade(s, e.text);
}

static bool is_at_rest(const struct server *s)
{
	return !CONFIG_API_HTTP || !(api_is_busy(s->api) || api_has_commands(s->api));
}

/* Who connects and says nothing, or does not read its answer, does not stop an upgrade. A command does. */
static void too_late(struct loop *l, struct timer *t)
{
	struct server *s = list_item(t, struct server, deadline);

	(void)l;
	if (CONFIG_API_HTTP && api_has_commands(s->api))
		end_upgrade(s, "commands of the API are still in work; try again");
	else
		upgrade(s);
}

static void begin_upgrade(struct server *s, pid_t sender)
{
	if (s->stopping || s->upgrading)
		return;
	log_line(LOG_INFO, "SIGUSR2 from pid %d: upgrading to %s", (int)sender, s->program);
	s->upgrading = true;
	if (CONFIG_API_HTTP)
		api_pause(s->api);
	s->deadline.due = too_late;
	loop_timer(s->loop, &s->deadline, GRACE_S * 1000000000LL);
}

/* The state that the program before us left in descriptor `number`. */
static int open_state(struct server *s, const char *number, struct err *e)
{
	AUTO_FD fd = (int)strtol(number, NULL, 10);

	if (lseek(fd, 0, SEEK_SET) < 0 || fd_slurp(fd, &s->state, e) < 0)
		return err_in(e, "the state of the running server");
	s->adopt = true;
	return handover_open(&s->taken, s->state.data, s->state.len, e);
}

static int adopt(struct server *s, struct err *e)
{
	s->core = handover_take(s->config, s->loop, &s->taken, e);
	return s->core ? place_take_over(&s->place, &s->taken, e) : -1;
}

static void log_adopted(struct server *s)
{
	const struct event_field fields[] = {
		{ .name = "sessions", .number = (int64_t)s->core->n_sessions },
		{ .name = "version", .text = AGENTSH_VERSION },
	};

	core_event(s->core, NULL, NULL,
	           &(struct event){ .type = "server_upgraded", .depth = -1, .fields = fields, .n_fields = 2 },
	           0);
	log_line(LOG_INFO, "took over %zu sessions", s->core->n_sessions);
	buf_release(&s->state);
}

/* The batch that armed this does not count. */
static void on_rest(struct loop *l, struct timer *t)
{
	struct server *s = list_item(t, struct server, rest);

	(void)l;
	s->resting = !s->worked;
	s->worked = false;
}

/* Shims are not waited for: they answer for themselves, and what runs in their background never ends. */
static void between_batches(void *arg)
{
	struct server *s = arg;

	if (s->resting)
		core_rest(s->core);
	else if (!s->rest.at_ns)
		loop_timer(s->loop, &s->rest, REST_NS);
	else
		s->worked = true;
	s->resting = false;
	if (s->stopping && (!CONFIG_API_HTTP || !api_is_busy(s->api)))
		loop_stop(s->loop);
	else if (CONFIG_SERVER_RELOAD && s->upgrading && is_at_rest(s))
		upgrade(s);
}

static void stop(struct server *s, int signo, pid_t sender)
{
	if (s->stopping) { /* asked twice: at once */
		loop_stop(s->loop);
		return;
	}
	log_line(LOG_INFO, "signal %d from pid %d: stopping", signo, (int)sender);
	if (CONFIG_SERVER_RELOAD && s->upgrading)
		end_upgrade(s, "asked to stop");
	s->stopping = s->core->stopping = true;
	loop_unwatch(s->loop, &s->gate);
	if (CONFIG_API_HTTP)
		api_drain(s->api);
	s->deadline.due = give_up;
	loop_timer(s->loop, &s->deadline, GRACE_S * 1000000000LL);
}

/* ---- reloading ---- */

static void reload(struct server *s, pid_t sender)
{
	struct config *fresh;
	struct err e = { 0 };

	log_line(LOG_INFO, "SIGHUP from pid %d: reloading", (int)sender);
	fresh = read_config(s, &e);
	if (!fresh) {
		reload_refused(s->core, e.text);
		return;
	}
	reload_keep_bound(s->config, fresh);
	if (CONFIG_CONFINE && closed_caps(fresh) & ~closed_caps(s->config))
		log_line(LOG_WARN,
		         "capabilities.allow: what is added reaches the API's commands after a restart");
	if (reload_all(s->core, fresh, &e) < 0) {
		config_free(fresh);
		return;
	}
	config_free(s->later);
	s->later = fresh;
}

static void on_signal(void *arg, int signo, pid_t sender)
{
	if (CONFIG_SERVER_RELOAD && signo == SIGUSR2)
		begin_upgrade(arg, sender);
	else if (signo != SIGHUP)
		stop(arg, signo, sender);
	else if (CONFIG_SERVER_RELOAD)
		reload(arg, sender);
	else
		log_line(LOG_INFO, "SIGHUP: this build cannot reload; a new session reads its policy");
}

/* ---- the life of the server ---- */

/* Who started us waits: what we complain about until we listen goes there, then '!'. */
static void tell_starter(struct server *s)
{
	if (s->ready < 0)
		return;
	if (dup2(s->errors, STDERR_FILENO) < 0 || fd_write(s->ready, "!", 1) < 0)
		log_line(LOG_WARN, "nobody waits any more");
	fd_close(&s->ready);
	fd_close(&s->errors);
}

/* Place, sockets and what the log leaves us: fresh, or from the program before us. */
static int open_all(struct server *s, char *addr, size_t size, struct err *e)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP, SIGUSR2 };

	/* First what makes us single: of several that start at once, one says why it goes. */
	if (!s->adopt && place_take(&s->place, s->config->server.unix_socket.path, e) < 0)
		return -1;
	if (CONFIG_API_HTTP && !s->adopt) {
		s->http = api_bind(s->config->server.http.addr, e);
		if (s->http < 0)
			return -1;
		api_bound(s->config->server.http.addr, s->http, addr, size);
	}
	s->loop = loop_new(e);
	if (!s->loop || loop_signals(s->loop, signals, CONFIG_SERVER_RELOAD ? 4 : 3, on_signal, s, e) < 0)
		return -1;
	if (CONFIG_SERVER_RELOAD && s->adopt)
		return adopt(s, e);
	s->core = core_new(s->config, s->loop, e);
	if (!s->core)
		return -1;
	s->core->place = s->place.dir;
	return 0;
}

static int serve(struct server *s, struct err *e)
{
	char addr[300] = "";

	if (open_all(s, addr, sizeof addr, e) < 0 || open_gate(s, e) < 0 || open_api(s, e) < 0 ||
	    (CONFIG_LAYER_FUSE && !s->adopt && views_open(s->core, e) < 0) ||
	    (CONFIG_CONFINE && role_enter(proxied_role(s->config), closed_caps(s->config), e) < 0))
		return -1;
	s->rest.due = on_rest;
	loop_after_batch(s->loop, between_batches, s);
	if (CONFIG_SERVER_RELOAD && s->adopt) {
		log_adopted(s);
	} else {
		printf("agentsh server listening on %s\n", CONFIG_API_HTTP ? addr : s->place.socket);
		fflush(stdout);
	}
	tell_starter(s);
	log_line(LOG_INFO, "policy \"%s\" (%s), log %s, socket %s", s->core->standard->name,
	         s->core->standard->path, s->config->audit.output, s->place.socket);
	return loop_run(s->loop, e);
}

static void finish(struct server *s)
{
	fd_close(&s->http);
	if (s->core) {
		core_end_sessions(s->core); /* while gate and API still hear how their commands end */
		for (int i = 0; i < 2; i++)
			loop_once(s->loop, 50, NULL); /* their last answers leave */
		if (CONFIG_API_HTTP)
			api_free(s->api);
		gate_close(s->core);
		if (CONFIG_LAYER_FUSE)
			views_close(s->core);
	}
	if (s->asked)
		unlink(s->asked);
	core_free(s->core);
	place_leave(&s->place);
	if (s->loop) {
		loop_untimer(s->loop, &s->deadline);
		loop_untimer(s->loop, &s->rest);
		loop_free(s->loop);
	}
	config_free(s->later);
	config_free(s->config);
}

static int run(int argc, char **argv)
{
	struct server s = {
		.place = { .lock = -1, .gate = -1 }, .gate.fd = -1, .http = -1, .ready = -1, .errors = -1
	};
	const char *path = NULL, *ready = NULL, *state = NULL;
	bool check = false;
	const struct opt table[] = { { .name = "config", .type = OPT_TEXT, .to = &path },
		                     { .name = "ready-fd", .type = OPT_TEXT, .to = &ready },
		                     { .name = "adopt", .type = OPT_TEXT, .to = &state },
		                     { .name = "check", .type = OPT_FLAG, .to = &check },
		                     { .name = NULL } };
	struct opt_args args;
	struct err e = { 0 };
	int rc;

	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_FAILED, "agentsh-server: %s", e.text);
	if (args.n)
		die(EXIT_FAILED, "agentsh-server: unexpected argument \"%s\"", args.items[0]);
	if (ready && !strcmp(ready, "3") && fcntl(3, F_SETFD, FD_CLOEXEC) == 0)
		s.ready = 3;
	harden(s.ready, CONFIG_SERVER_RELOAD && state);
	rc = init_stay();
	if (rc >= 0)
		return rc;
	if (s.ready >= 0) {
		s.errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		dup2(s.ready, STDERR_FILENO);
	}
	if (CONFIG_SERVER_RELOAD)
		find_program(&s);
	find_config(&s, path);
	s.config = read_config(&s, &e);
	if (!s.config)
		die(EXIT_FAILED, "agentsh-server: %s", e.text);
	if (CONFIG_SERVER_RELOAD && state && open_state(&s, state, &e) < 0)
		die(EXIT_FAILED, "agentsh-server: %s", e.text);
	if (CONFIG_SERVER_RELOAD && check) {
		if (!s.adopt || handover_check(s.config, &s.taken, &e) < 0)
			die(EXIT_FAILED, "%s", e.text);
		return EXIT_DONE;
	}
	start_log(s.config);
	if (chdir("/") < 0)
		die(EXIT_FAILED, "agentsh-server: /: %s", strerror(errno));
	rc = serve(&s, &e);
	if (rc < 0)
		complain("agentsh-server: %s", e.text);
	finish(&s);
	return rc < 0 ? EXIT_FAILED : EXIT_DONE;
}

const struct applet applet_server = {
	.name = "server",
	.summary = "hold policies and sessions, answer shims and clients",
	.usage = "[--config PATH]\n"
	         "\n"
	         "Runs in the foreground. Without --config: $AGENTSH_CONFIG, /etc/agentsh/config.yaml,\n"
	         "~/.config/agentsh/config.yaml.\n"
	         "\n"
	         "SIGHUP: read configuration and policies again. SIGUSR2: hand over to the program\n"
	         "that now lies where this one was started from.\n",
	.run = run,
};
