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
 */
#include "applets/applet.h"

#include "base/die.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/opt.h"
#include "base/path.h"
#include "decide/decide.h"
#include "enforce/exec/role.h"
#include "loop/loop.h"
#include "net/resolver.h"
#include "policy/source.h"
#include "proxy/intercept.h"
#include "proxy/names.h"
#include "proxy/proxy.h"
#include "proxy/target.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512 };

struct running {
	struct loop *loop;
	struct policy *policy;
	struct decide_cache *cache;
	struct resolver *resolver;
	struct proxy *proxy;
	struct names *names;
	struct intercept *intercept;
	int events; /* -1 = nobody wants them */
};

/* What is to lead elsewhere must not lead where it says. */
static int refuse_redirects(struct policy *p, const char *path, struct err *e)
{
	const char *section;
	const int line = policy_redirects(p, &section);

	if (!line)
		return 0;
	policy_free(p);
	return err_set(e, "policy %s:%d: the proxy cannot follow %s", path, line, section);
}

/* Where the directories of file rules lie does not matter here; any other variable is an error. */
static struct policy *load_policy(const char *path, struct err *e)
{
	const struct policy_var vars[] = {
		{ "PROJECT_ROOT", "/" }, { "GIT_ROOT", "/" }, { "HOME", "/" }, { NULL, NULL }
	};
	struct policy *p = policy_read(path, &(struct policy_options){ .vars = vars, .expand = true }, e);

	return p && refuse_redirects(p, path, e) < 0 ? NULL : p;
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

static bool sink(void *arg, const char *json, size_t len, uint32_t flags)
{
	const struct running *r = arg;
	AUTO_BUF line = { 0 };

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

/* Two descriptors a connection, and some for what is on its way. */
static void raise_limit(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max < 16384 ? limit.rlim_max : 16384;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int serve_names(struct running *r, const char *where, struct err *e)
{
	const struct names_options o = { .loop = r->loop,
		                         .resolver = r->resolver,
		                         .policy = r->policy,
		                         .cache = r->cache,
		                         .session_id = "proxy",
		                         .sink = sink,
		                         .arg = r };
	int udp = listen_on(where, SOCK_DGRAM, e), tcp = udp < 0 ? -1 : listen_on(where, SOCK_STREAM, e);

	if (tcp < 0)
		return -1;
	r->names = names_new(&o, e);
	return r->names ? names_listen(r->names, udp, tcp, e) : -1;
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
	r->intercept = intercept_new(r->loop, at->intercept.items, at->intercept.n, NULL, e);
	return r->intercept ? intercept_write(r->intercept, at->ca, at->bundle, e) : -1;
}

static int start(struct running *r, const char *policy, const struct places *at, struct err *e)
{
	static const int signals[] = { SIGTERM, SIGINT };
	struct proxy_options o = { .session_id = "proxy", .sink = sink, .arg = r };
	int fd;

	r->policy = load_policy(policy, e);
	if (!r->policy)
		return -1;
	o.policy = r->policy;
	o.cache = r->cache = decide_cache_new(r->policy);
	o.loop = r->loop = loop_new(e);
	if (!r->cache || !r->loop)
		return err_set(e, "out of memory");
	o.resolver = r->resolver = resolver_new(&(struct resolver_options){ .loop = r->loop }, e);
	if (!r->resolver || loop_signals(r->loop, signals, 2, on_signal, r, e) < 0)
		return -1;
	if (CONFIG_TLS_INTERCEPT && intercept(r, at, e) < 0)
		return -1;
	o.intercept = r->intercept;
	r->proxy = proxy_new(&o, e);
	fd = r->proxy ? listen_on(at->proxy, SOCK_STREAM, e) : -1;
	if (fd < 0)
		return -1;
	if (proxy_listen(r->proxy, fd, e) < 0) {
		close(fd);
		return -1;
	}
	if (CONFIG_PROXY_DNS && at->dns && serve_names(r, at->dns, e) < 0)
		return -1;
	signal(SIGPIPE, SIG_IGN);
	raise_limit();
	return CONFIG_CONFINE ? role_enter(ROLE_PROXY, 0, e) : 0;
}

static void release(struct running *r)
{
	proxy_free(r->proxy);
	if (CONFIG_TLS_INTERCEPT)
		intercept_free(r->intercept);
	if (CONFIG_PROXY_DNS)
		names_free(r->names);
	resolver_free(r->resolver);
	loop_free(r->loop);
	decide_cache_free(r->cache);
	policy_free(r->policy);
	fd_close(&r->events);
}

static int run(int argc, char **argv)
{
	const char *policy = NULL, *events = NULL;
	struct places at = { .proxy = NULL };
	const struct opt table[] = { { "policy", .type = OPT_TEXT, .to = &policy },
		                     { "listen", .type = OPT_TEXT, .to = &at.proxy },
		                     { "dns", .type = OPT_TEXT, .to = &at.dns },
		                     { "events", .type = OPT_TEXT, .to = &events },
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
	if (args.n || !policy || !at.proxy)
		die(EXIT_MISUSE, "agentsh-proxy: --policy and --listen are needed, and nothing else");
	if (at.dns && !CONFIG_PROXY_DNS)
		die(EXIT_MISUSE, "agentsh-proxy: --dns is not in this build");
	if (at.intercept.n && !CONFIG_TLS_INTERCEPT)
		die(EXIT_MISUSE, "agentsh-proxy: --intercept is not in this build");
	if (events) {
		r.events = open(events, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
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
