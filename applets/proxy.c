/* proxy - faces the network for others: an HTTP proxy that lets through what a policy allows
 *
config APPLET_PROXY
        bool "proxy"
        default y
        depends on POLICY
        help
          An HTTP proxy that judges each request and each tunnel by the network
          rules of a policy. It resolves names itself, connects to what it
          judged, and gives up all rights but those of a proxy.

config PROXY_DNS
        bool "name service of the proxy"
        default y
        depends on APPLET_PROXY
        help
          Answers questions for names that some network rule could let through,
          and passes on no others.

config TLS_INTERCEPT
        bool "interception of TLS by the proxy, for hosts that are listed"
        default y
        depends on APPLET_PROXY
        select LIB_BEARSSL
        help
          For hosts that somebody lists, the proxy ends TLS itself, with
          certificates of an authority that it makes for one run, and judges
          each request. Without it, all TLS goes through as it is.

config PROXY_TRANSPARENT
        bool "transparent connections"
        default y
        depends on LAYER_NET
        help
          Connections to web servers that only a name could allow are led to
          the proxy, which judges them by what the client says first. Without
          it, such connections are denied.
 */
#include "applets/applet.h"

#include "base/die.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/path.h"
#include "enforce/exec/role.h"
#include "loop/loop.h"
#include "policy/source.h"
#include "proxy/intercept.h"
#include "proxy/service.h"
#include "proxy/target.h"
#include "session/proxying.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512 };

struct running {
	struct loop *loop;
	struct policy *policy;
	struct service *service;
	struct intercept *intercept;
	int events; /* -1 = nobody wants them */
};

/* Where the directories of file rules lie does not matter here; any other variable is an error. */
static struct policy *load_policy(const char *path, struct err *e)
{
	const struct policy_var vars[] = {
		{ "PROJECT_ROOT", "/" }, { "GIT_ROOT", "/" }, { "HOME", "/" }, { NULL, NULL }
	};

	return policy_read(path, &(struct policy_options){ .vars = vars, .expand = true }, e);
}

/* A socket of this type on "ADDRESS:PORT", listening where that is to be done. */
static int listen_on(const char *where, int type, struct err *e)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const int one = 1;
	struct target t;
	bool six;
	int fd;

	if (!target_authority(where, 0, &t) || t.host.kind != HOST_ADDRESS)
		return err_set(e, "'%s' is no ADDRESS:PORT", where);
	six = t.host.address.len == 16;
	memcpy(six ? (void *)&in6.sin6_addr : (void *)&in.sin_addr, t.host.address.addr, t.host.address.len);
	in.sin_port = in6.sin6_port = htons(t.port);
	fd = socket(six ? AF_INET6 : AF_INET, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_sys(e, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, six ? (struct sockaddr *)&in6 : (struct sockaddr *)&in, six ? sizeof in6 : sizeof in) <
	            0 ||
	    (type == SOCK_STREAM && listen(fd, BACKLOG) < 0)) {
		err_sys(e, "listen on %s", where);
		close(fd);
		return -1;
	}
	return fd;
}

static bool sink(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags)
{
	const struct running *r = arg;
	AUTO_BUF line = { 0 };

	(void)command;
	(void)flags;
	if (r->events < 0)
		return true;
	buf_add(&line, json, len);
	buf_chr(&line, '\n');
	return !line.failed && fd_write(r->events, line.data, line.len) == 0;
}

static void on_signal(void *arg, int signo, pid_t sender)
{
	const struct running *r = arg;

	(void)signo;
	(void)sender;
	loop_stop(r->loop);
}

/* Where it serves what; NULL = not. */
struct places {
	const char *proxy, *dns;
	struct opt_list intercept; /* hosts whose TLS is ended here */
	const char *ca, *bundle;   /* where the certificates for that are written */
};

static int intercept(struct running *r, const struct places *at, struct err *e)
{
	if (!at->intercept.n)
		return 0;
	r->intercept = intercept_new(r->loop, at->intercept.items, (size_t)at->intercept.n, NULL, e);
	return r->intercept ? intercept_write(r->intercept, at->ca, at->bundle, e) : -1;
}

static int open_sockets(const struct places *at, struct service_options *o, struct err *e)
{
	o->listeners[0] = listen_on(at->proxy, SOCK_STREAM, e);
	if (o->listeners[0] < 0)
		return -1;
	if (!CONFIG_PROXY_DNS || !at->dns)
		return 0;
	o->udp = listen_on(at->dns, SOCK_DGRAM, e);
	o->tcp = o->udp < 0 ? -1 : listen_on(at->dns, SOCK_STREAM, e);
	return o->tcp < 0 ? -1 : 0;
}

static int start(struct running *r, const char *policy, const struct places *at, struct err *e)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct service_options o = { .session_id = "proxy",
		                     .listeners = { -1, -1, -1, -1 },
		                     .udp = -1,
		                     .tcp = -1,
		                     .sink = sink,
		                     .arg = r };

	o.policy = r->policy = load_policy(policy, e);
	o.loop = r->loop = r->policy ? loop_new(e) : NULL;
	if (!r->loop || loop_signals(r->loop, signals, 2, on_signal, r, e) < 0 || open_sockets(at, &o, e) < 0)
		return -1;
	if (CONFIG_TLS_INTERCEPT && intercept(r, at, e) < 0)
		return -1;
	o.intercept = r->intercept;
	r->service = service_new(&o, e);
	if (!r->service)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	fd_raise_limit(SERVICE_FILES);
	return CONFIG_CONFINE ? role_enter(ROLE_PROXY, 0, e) : 0;
}

static void release(struct running *r)
{
	service_free(r->service);
	if (CONFIG_TLS_INTERCEPT)
		intercept_free(r->intercept);
	loop_free(r->loop);
	policy_free(r->policy);
	fd_close(&r->events);
}

static int run(int argc, char **argv)
{
	const char *policy = NULL, *events = NULL;
	bool session = false;
	struct places at = { .proxy = NULL };
	const struct opt table[] = { { "policy", .type = OPT_TEXT, .to = &policy },
		                     { "listen", .type = OPT_TEXT, .to = &at.proxy },
		                     { "dns", .type = OPT_TEXT, .to = &at.dns },
		                     { "events", .type = OPT_TEXT, .to = &events },
		                     { "session", .type = OPT_FLAG, .to = &session },
		                     { "intercept", .type = OPT_LIST, .to = &at.intercept },
		                     { "ca-file", .type = OPT_TEXT, .to = &at.ca },
		                     { "ca-bundle", .type = OPT_TEXT, .to = &at.bundle },
		                     { 0 } };
	struct running r = { .events = -1 };
	struct opt_args args;
	struct err e = { 0 };
	int rc;

	log_setup("proxy", LOG_INFO, false);
	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_MISUSE, "agentsh-proxy: %s", e.text);
	if (CONFIG_APPLET_SERVER && session) {
		if (proxying_run(&e) == 0)
			return EXIT_DONE;
		log_line(LOG_ERROR, "%s", e.text);
		return EXIT_FAILED;
	}
	if (args.n || !policy || !at.proxy)
		die(EXIT_MISUSE, "agentsh-proxy: --policy and --listen are needed, and nothing else");
	if (at.dns && !CONFIG_PROXY_DNS)
		die(EXIT_MISUSE, "agentsh-proxy: --dns is not in this build");
	if (at.intercept.n && !CONFIG_TLS_INTERCEPT)
		die(EXIT_MISUSE, "agentsh-proxy: --intercept is not in this build");
	if (events) {
		/* One that nobody reads from is refused, one that is full keeps nothing: nothing here waits.
		 */
		r.events = open(events, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NONBLOCK, 0600);
		if (r.events < 0)
			die(EXIT_FAILED, "agentsh-proxy: cannot open '%s': %s", events, strerror(errno));
	}
	rc = start(&r, policy, &at, &e);
	if (rc == 0) {
		log_line(LOG_INFO, "listening on %s", at.proxy);
		rc = loop_run(r.loop, &e);
	}
	release(&r);
	if (rc < 0)
		die(EXIT_FAILED, "agentsh-proxy: %s", e.text);
	return EXIT_DONE;
}

const struct applet applet_proxy = {
	.name = "proxy",
	.summary = "an HTTP proxy that lets through what a policy allows",
	.usage = "--policy FILE --listen ADDRESS:PORT [--dns ADDRESS:PORT] [--events FILE] "
	         "[--intercept HOST]... [--ca-file FILE] [--ca-bundle FILE]",
	.run = run,
};
