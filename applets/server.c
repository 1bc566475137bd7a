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
#include <netdb.h>
#include <netinet/in.h>
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
#include "loop/loop.h"
#include "session/core.h"
#include "session/gate.h"
#include "session/place.h"
#include "session/session.h"
#include "sys/init.h"

enum { GRACE_S = 10, NOFILE = 65536 };

struct server {
	struct config *config;
	struct loop *loop;
	struct core *core;
	const char *asked; /* path of a socket to remove, or NULL */
	struct api *api;
	struct place place;
	struct watch gate;
	int http; /* owned until it is the API's */
	struct timer deadline;
	bool stopping;
	int ready, errors; /* who started us waits there; our standard error meanwhile; -1 = nobody */
};

/* ---- before anything else: what nobody may get hold of, and what we do not want to inherit ---- */

static void harden(int keep)
{
	struct rlimit core = { 0, 0 }, files;
	char score[8] = "";
	int fd;

	prctl(PR_SET_DUMPABLE, 0); /* no ptrace, no /proc/PID/mem, no core by others of our uid */
	getrlimit(RLIMIT_CORE, &core);
	core.rlim_cur = 0; /* the hard limit stays: it is not ours to take from commands */
	setrlimit(RLIMIT_CORE, &core);
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max < NOFILE ? files.rlim_max : NOFILE;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	for (int i = 0; i < 3; i++)
		if (fcntl(i, F_GETFD) < 0 && open("/dev/null", i ? O_WRONLY : O_RDONLY) < 0)
			die(EXIT_FAILED, "agentsh-server: /dev/null: %s", strerror(errno));
	if (keep > 3) /* --ready-fd is the lowest, or nothing is kept */
		keep = -1;
	fd_close_from(keep == 3 ? 4 : 3);
	umask(077);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN); /* a log that may not grow is an error of write(2), told to who asks */
	signal(SIGHUP, SIG_IGN);
	/* Without us nothing runs: let the kernel take others first. Root only; commands undo it (spawn.c).
	 */
	fd = open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
	if (fd >= 0 && read(fd, score, sizeof score - 1) > 0 && !strcmp(score, "0\n"))
		fd_write(fd, "-500", 4);
	fd_close(&fd);
}

/* ---- configuration ---- */

/* The configuration, or the end with every problem of it on standard error. */
static struct config *configure(const char *named)
{
	struct config_problems problems = { 0 };
	struct config_file file;
	struct config *config;
	char line[1024];
	struct err e;

	if (config_locate(named, config_env, &file, &e) < 0)
		die(EXIT_FAILED, "agentsh-server: %s", e.text);
	if (file.place == CONFIG_NOWHERE)
		die(EXIT_FAILED,
		    "agentsh-server: no configuration: neither $AGENTSH_CONFIG nor agentsh/config.yaml "
		    "below ~/.config or /etc is there");
	config = config_load(file.path, file.place, config_env, &problems);
	for (size_t i = 0; i < problems.n; i++)
		complain("%s", config_problem_line(&problems.items[i], file.shown, line, sizeof line));
	if (!config)
		die(EXIT_FAILED, "agentsh-server: %zu error%s in the configuration", problems.n_errors,
		    problems.n_errors == 1 ? "" : "s");
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

static int listen_http(const char *addr, struct err *e)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM },
	                *list = NULL;
	char host[256], service[8];
	uint16_t port;
	int fd = -1, one = 1, rc;

	if (!config_addr(addr, host, sizeof host, &port))
		return err_set(e, "server.http.addr %s: not host:port", addr);
	snprintf(service, sizeof service, "%u", port);
	/* "localhost" is not looked up: a resolver must not decide where we listen. */
	rc = getaddrinfo(!*host                       ? NULL
	                 : !strcmp(host, "localhost") ? "127.0.0.1"
	                                              : host,
	                 service, &hints, &list);
	if (rc)
		return err_set(e, "server.http.addr %s: %s", addr, gai_strerror(rc));
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
		                bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 512) < 0)) {
			err_sys(e, "listen on %s", addr);
			fd_close(&fd);
		}
	}
	freeaddrinfo(list);
	return fd;
}

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
	snprintf(path, sizeof path, "%s%s", s->place.socket, API_SOCKET_SUFFIX);
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

/* Shims are not waited for: they answer for themselves, and what runs in their background never ends. */
static void stop_when_done(void *arg)
{
	struct server *s = arg;

	if (s->stopping && (!CONFIG_API_HTTP || !api_is_busy(s->api)))
		loop_stop(s->loop);
}

static void stop(struct server *s, int signo, pid_t sender)
{
	if (s->stopping) { /* asked twice: at once */
		loop_stop(s->loop);
		return;
	}
	log_line(LOG_INFO, "signal %d from pid %d: stopping", signo, (int)sender);
	s->stopping = s->core->stopping = true;
	loop_unwatch(s->loop, &s->gate);
	if (CONFIG_API_HTTP)
		api_drain(s->api);
	s->deadline.due = give_up;
	loop_timer(s->loop, &s->deadline, GRACE_S * 1000000000LL);
}

static void on_signal(void *arg, int signo, pid_t sender)
{
	if (signo == SIGHUP)
		log_line(
		        LOG_INFO,
		        "SIGHUP: nothing to do; a new session reads its policy, a restart the configuration");
	else
		stop(arg, signo, sender);
}

/* ---- the life of the server ---- */

/* The address for who reads our output. Port 0 asked the kernel for a free one: say which. */
static void bound_addr(const char *addr, int fd, char *out, size_t size)
{
	struct sockaddr_storage bound = { 0 };
	socklen_t len = sizeof bound;
	char host[256], port[8];
	const char *colon = strrchr(addr, ':');

	if (getsockname(fd, (struct sockaddr *)&bound, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&bound, len, host, sizeof host, port, sizeof port,
	                NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(port, sizeof port, "%s", colon + 1);
	snprintf(out, size, "%.*s:%s", (int)(colon - addr), addr, port);
}

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

static int serve(struct server *s, struct err *e)
{
	static const int signals[] = { SIGTERM, SIGINT, SIGHUP };
	char addr[300] = "";

	/* First what makes us single: of several that start at once, one says why it goes. */
	if (place_take(&s->place, s->config->server.unix_socket.path, e) < 0)
		return -1;
	if (CONFIG_API_HTTP && (s->http = listen_http(s->config->server.http.addr, e)) < 0)
		return -1;
	if (CONFIG_API_HTTP)
		bound_addr(s->config->server.http.addr, s->http, addr, sizeof addr);
	s->loop = loop_new(e);
	if (!s->loop || loop_signals(s->loop, signals, 3, on_signal, s, e) < 0)
		return -1;
	s->core = core_new(s->config, s->loop, e);
	if (!s->core || open_gate(s, e) < 0 || open_api(s, e) < 0)
		return -1;
	loop_after_batch(s->loop, stop_when_done, s);
	printf("agentsh server listening on %s\n", CONFIG_API_HTTP ? addr : s->place.socket);
	fflush(stdout);
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
	}
	if (s->asked)
		unlink(s->asked);
	core_free(s->core);
	place_leave(&s->place);
	if (s->loop) {
		loop_untimer(s->loop, &s->deadline);
		loop_free(s->loop);
	}
	config_free(s->config);
}

static int run(int argc, char **argv)
{
	struct server s = {
		.place = { .lock = -1, .gate = -1 }, .gate.fd = -1, .http = -1, .ready = -1, .errors = -1
	};
	const char *path = NULL, *ready = NULL;
	const struct opt table[] = { { .name = "config", .type = OPT_TEXT, .to = &path },
		                     { .name = "ready-fd", .type = OPT_TEXT, .to = &ready },
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
	harden(s.ready);
	rc = init_stay();
	if (rc >= 0)
		return rc;
	if (s.ready >= 0) {
		s.errors = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
		dup2(s.ready, STDERR_FILENO);
	}
	s.config = configure(path);
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
	         "Runs in the foreground. Without --config: $AGENTSH_CONFIG, ~/.config/agentsh/config.yaml,\n"
	         "/etc/agentsh/config.yaml.\n",
	.run = run,
};
