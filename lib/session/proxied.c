#include "session/proxied_impl.h"

#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "net/page.h"
#include "session/connected.h"
#include "session/impl.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BACKLOG = 512, TRIES = 4, NAMES_PORT = 53 };

static struct net_place place_of(int fd)
{
	union address a = { .any.sa_family = AF_UNSPEC };
	struct net_place p = { .port = 0 };
	socklen_t len = sizeof a;

	if (fd < 0 || getsockname(fd, &a.any, &len) < 0)
		return p;
	if (a.any.sa_family == AF_INET) {
		p = (struct net_place){ .port = ntohs(a.in.sin_port), .addr.len = 4 };
		memcpy(p.addr.bytes, &a.in.sin_addr, 4);
	} else if (a.any.sa_family == AF_INET6) {
		p = (struct net_place){ .port = ntohs(a.in6.sin6_port), .addr.len = 16 };
		memcpy(p.addr.bytes, &a.in6.sin6_addr, 16);
	}
	return p;
}

void proxied_places_of(struct proxied *p)
{
	p->places = (struct proxied_places){ .proxy4 = place_of(p->fds[PROXIED_TCP4]),
		                             .proxy6 = place_of(p->fds[PROXIED_TCP6]),
		                             .dns = place_of(p->fds[PROXIED_DNS_UDP]) };
	/* At all addresses, this among them. */
	if (p->space >= 0)
		p->places.dns = (struct net_place){ { { 127, 0, 0, 1 }, 4 }, NAMES_PORT };
}

/* ---- the server's own ports ---- */

static int make_ports(struct proxied_shared *p, struct err *e)
{
	char path[40];

	p->own = memfd_create("ports", MFD_CLOEXEC);
	if (p->own < 0 || ftruncate(p->own, PROXIED_PORTS) < 0)
		return err_sys(e, "ports");
	return snprintf(path, sizeof path, "/proc/self/fd/%d", p->own) > 0 &&
	                       (p->ports = open(path, O_RDONLY | O_CLOEXEC)) >= 0
	               ? 0
	               : err_sys(e, "%s", path);
}

int proxied_map_ports(struct proxied_shared *p, struct err *e)
{
	void *at = mmap(NULL, PROXIED_PORTS, PROT_READ | PROT_WRITE, MAP_SHARED, p->own, 0);

	if (at == MAP_FAILED)
		return err_sys(e, "map ports");
	p->bits = at;
	return 0;
}

static struct proxied_shared *shared(struct core *core, struct err *e)
{
	struct proxied_shared *p = core->proxied;

	if (p)
		return p;
	core->proxied = p = calloc(1, sizeof *p);
	if (!p)
		return err_set(e, "out of memory"), NULL;
	p->own = p->ports = -1;
	if (make_ports(p, e) == 0 && proxied_map_ports(p, e) == 0)
		return p;
	proxied_release(core);
	return NULL;
}

void proxied_release(struct core *core)
{
	struct proxied_shared *p = core->proxied;

	if (!p)
		return;
	if (p->bits)
		munmap(p->bits, PROXIED_PORTS);
	fd_close(&p->own);
	fd_close(&p->ports);
	free(p);
	core->proxied = NULL;
}

int proxied_ports(const struct core *core)
{
	return core->proxied ? core->proxied->ports : -1;
}

static void mark(struct core *core, uint16_t port, bool ours)
{
	uint8_t *bits = core->proxied->bits;

	if (port && ours)
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): shared() mapped them */
		bits[port / 8] |= (uint8_t)(1 << port % 8);
	else if (port)
		bits[port / 8] &= (uint8_t) ~(1 << port % 8);
}

void proxied_reserve(struct core *core, int fd)
{
	struct err e;

	if (shared(core, &e))
		mark(core, place_of(fd).port, true);
	else
		log_line(LOG_ERROR, "%s", e.text);
}

/* ---- sockets ---- */

int proxied_bind(union address *a, int type)
{
	const socklen_t size = a->any.sa_family == AF_INET ? sizeof a->in : sizeof a->in6;
	const int one = 1, wait_s = 10;
	socklen_t len = sizeof *a;
	int fd = socket(a->any.sa_family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -1;
	if (type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	/* Nobody is woken, and no process started, for a connection that says nothing yet. */
	if (bind(fd, &a->any, size) < 0 || (type == SOCK_STREAM && listen(fd, BACKLOG) < 0) ||
	    getsockname(fd, &a->any, &len) < 0)
		fd_close(&fd);
	else if (type == SOCK_STREAM)
		setsockopt(fd, IPPROTO_TCP, TCP_DEFER_ACCEPT, &wait_s, sizeof wait_s);
	return fd;
}

static bool read_address(const char *text, union address *a)
{
	char host[64];
	uint16_t port;

	*a = (union address){ .in.sin_family = AF_INET };
	if (!config_addr(text, host, sizeof host, &port))
		return false;
	a->in.sin_port = htons(port);
	if (inet_pton(AF_INET, strcmp(host, "localhost") != 0 ? host : "127.0.0.1", &a->in.sin_addr) == 1)
		return true;
	*a = (union address){ .in6.sin6_family = AF_INET6 };
	a->in6.sin6_port = htons(port);
	return inet_pton(AF_INET6, host, &a->in6.sin6_addr) == 1;
}

/* The other family's loopback address, at the same port. */
static union address beside(const union address *a)
{
	union address other = { .in6.sin6_family = AF_INET6 };

	if (a->any.sa_family == AF_INET) {
		other.in6.sin6_port = a->in.sin_port;
		other.in6.sin6_addr = in6addr_loopback;
		return other;
	}
	other = (union address){ .in.sin_family = AF_INET };
	other.in.sin_port = a->in6.sin6_port;
	other.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return other;
}

static void name_url(struct proxied *p, const union address *a)
{
	char host[INET6_ADDRSTRLEN] = "";
	const bool six = a->any.sa_family == AF_INET6;

	inet_ntop(a->any.sa_family, six ? (const void *)&a->in6.sin6_addr : (const void *)&a->in.sin_addr,
	          host, sizeof host);
	snprintf(p->url, sizeof p->url, six ? "http://[%s]:%u" : "http://%s:%u", host,
	         ntohs(six ? a->in6.sin6_port : a->in.sin_port));
}

static void keep_proxy(struct proxied *p, const union address *a, int fd)
{
	p->fds[a->any.sa_family == AF_INET6 ? PROXIED_TCP6 : PROXIED_TCP4] = fd;
}

/* A port that was asked for may be another session's already. */
static int open_proxy(struct proxied *p, bool judged, struct err *e)
{
	const char *text = p->session->core->config->sandbox.network.proxy_listen_addr;
	union address a, other;
	int fd;

	if (!read_address(text, &a))
		return err_set(e, "sandbox.network.proxy_listen_addr %s: no address", text);
	fd = proxied_bind(&a, SOCK_STREAM);
	if (fd < 0 && errno == EADDRINUSE) {
		a.in.sin_port = 0; /* in the same place for both families */
		fd = proxied_bind(&a, SOCK_STREAM);
	}
	if (fd < 0)
		return err_sys(e, "listen on %s", text);
	keep_proxy(p, &a, fd);
	name_url(p, &a);
	if (!judged)
		return 0;
	other = beside(&a);
	fd = proxied_bind(&other, SOCK_STREAM);
	if (fd >= 0)
		keep_proxy(p, &other, fd);
	return 0;
}

/* Both kinds on one port. */
static bool bind_names(struct proxied *p, union address *a)
{
	const uint16_t asked = a->in.sin_port;

	for (int i = 0; i < TRIES; i++) {
		a->in.sin_port = asked;
		p->fds[PROXIED_DNS_TCP] = proxied_bind(a, SOCK_STREAM);
		if (p->fds[PROXIED_DNS_TCP] < 0)
			return false;
		p->fds[PROXIED_DNS_UDP] = proxied_bind(a, SOCK_DGRAM);
		if (p->fds[PROXIED_DNS_UDP] >= 0)
			return true;
		fd_close(&p->fds[PROXIED_DNS_TCP]);
	}
	return false;
}

/* Some programs know name servers on port 53 only: that takes an address of one's own, and the right to bind
 * it. */
static void open_names(struct proxied *p)
{
	union address a = { .in = { .sin_family = AF_INET, .sin_port = htons(NAMES_PORT) } };
	uint8_t at[TRIES][3];

	for (int i = 0; getrandom(at, sizeof at, 0) == sizeof at && i < TRIES; i++) {
		a.in.sin_addr.s_addr = htonl(0x7f000000u | (uint32_t)(64 + at[i][0] % 128) << 16 |
		                             (uint32_t)at[i][1] << 8 | (uint32_t)(1 + at[i][2] % 254));
		a.in.sin_port = htons(NAMES_PORT);
		if (bind_names(p, &a))
			return;
		if (errno == EACCES)
			break;
	}
	a = (union address){ .in.sin_family = AF_INET };
	a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	bind_names(p, &a);
}

/* ---- of a session ---- */

static bool is_wanted(const struct session *s)
{
	return CONFIG_APPLET_PROXY && s->core->config->sandbox.network.enabled;
}

struct proxied *proxied_make(struct session *s)
{
	struct proxied *p = calloc(1, sizeof *p);

	if (!p)
		return NULL;
	p->session = s;
	p->space = p->trust_fd = p->page = p->control = p->asking = p->pidfd = -1;
	p->said.fd = p->asked.fd = -1;
	for (int i = 0; i < PROXIED_SOCKETS; i++)
		p->fds[i] = p->watches[i].watch.fd = -1;
	s->proxied = p;
	return p;
}

static void mark_all(const struct proxied *p, bool ours)
{
	if (p->space >= 0)
		return; /* they are nobody's out here */
	mark(p->session->core, p->places.proxy4.port, ours);
	mark(p->session->core, p->places.proxy6.port, ours);
	/* Port 53 of an own address is not ours elsewhere; nothing but names is told there. */
	if (p->places.dns.port != NAMES_PORT)
		mark(p->session->core, p->places.dns.port, ours);
}

static int open_here(struct proxied *p, struct err *e)
{
	/* Nobody is led to the others where nothing is judged: descriptors are dear. */
	const bool judged = CONFIG_LAYER_NET && connected_judged(p->session);

	if (open_proxy(p, judged, e) < 0)
		return -1;
	if (CONFIG_PROXY_DNS && judged)
		open_names(p);
	return 0;
}

static int open_sockets(struct proxied *p, struct err *e)
{
	int back, rc;

	if (!NETNS_BUILT)
		return open_here(p, e);
	e->text[0] = 0;
	back = proxied_apart_begin(p, e);
	if (back < 0)
		return e->text[0] ? -1 : open_here(p, e);
	rc = open_proxy(p, true, e);
	return proxied_apart_end(p, back, e) < 0 ? -1 : rc;
}

static int open_all(struct session *s, struct err *e)
{
	struct proxied *p = proxied_make(s);
	struct net_page *page;

	if (!p)
		return err_set(e, "out of memory");
	if (!shared(s->core, e) || open_sockets(p, e) < 0)
		return -1;
	proxied_places_of(p);
	mark_all(p, true);
	page = page_new(&p->page, e);
	page_unmap(page);
	if (!page)
		return -1;
	/* Programs look at whom to trust when they start. */
	if (CONFIG_TLS_INTERCEPT && proxied_inspects(s))
		return proxied_trust_open(p, e) < 0 ? -1 : proxied_start(p, e);
	return proxied_wait(p, e);
}

int proxied_open(struct session *s, struct err *e)
{
	struct err why = { 0 };

	if (!is_wanted(s))
		return 0;
	if (open_all(s, &why) == 0)
		return 0;
	proxied_close(s);
	log_line(LOG_WARN, "session %s: no proxy: %s", s->id, why.text);
	return s->core->config->sandbox.allow_degraded ? 0 : err_set(e, "there is no proxy: %s", why.text);
}

void proxied_close(struct session *s)
{
	struct proxied *p = s->proxied;

	if (!p)
		return;
	proxied_end(p);
	if (s->core->proxied)
		mark_all(p, false);
	for (int i = 0; i < PROXIED_SOCKETS; i++)
		fd_close(&p->fds[i]);
	fd_close(&p->page);
	fd_close(&p->space);
	if (CONFIG_TLS_INTERCEPT)
		proxied_trust_close(p);
	ring_close(p->ring);
	free(p);
	s->proxied = NULL;
}

void proxied_log(struct session *s, const char *type, const char *name, const char *value)
{
	const struct event_field field = { .name = name, .text = value };

	core_event(s->core, s, NULL,
	           &(struct event){ .type = type, .depth = -1, .fields = &field, .n_fields = 1 }, 0);
}

const char *proxied_url(const struct session *s)
{
	return s->proxied ? s->proxied->url : "";
}

int proxied_page(const struct session *s)
{
	return s->proxied ? s->proxied->page : -1;
}

const struct proxied_places *proxied_places(const struct session *s)
{
	return s->proxied ? &s->proxied->places : NULL;
}

size_t proxied_env(const struct session *s, struct policy_pair *out)
{
	static const char *const names[] = { "HTTP_PROXY",  "HTTPS_PROXY", "ALL_PROXY", "http_proxy",
		                             "https_proxy", "all_proxy",   "NO_PROXY",  "no_proxy" };
	const size_t n = sizeof names / sizeof *names;

	if (!s->proxied)
		return 0;
	for (size_t i = 0; i < n; i++)
		out[i] = (struct policy_pair){ names[i], i < 6 ? s->proxied->url : "localhost,127.0.0.1" };
	return n + (CONFIG_TLS_INTERCEPT ? proxied_trust_env(s->proxied, out + n) : 0);
}
