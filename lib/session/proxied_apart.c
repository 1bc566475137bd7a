/* A session whose commands live in a network namespace of their own: there every address leads to its proxy,
 * at ports 80 and 443, and to its name service. Nothing else is there. */
#include "session/proxied_impl.h"

#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "session/impl.h"
#include "sys/netspace.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

enum { NAMES_PORT = 53, HTTP_PORT = 80, HTTPS_PORT = 443 };

int proxied_space(const struct session *s)
{
	return NETNS_BUILT && s->proxied ? s->proxied->space : -1;
}

const char *proxied_lacks(const struct session *s)
{
	return NETNS_BUILT && s->proxied ? s->proxied->lacks : "";
}

bool proxied_spaces(const struct config *c)
{
	return c->sandbox.network.enabled && c->sandbox.network.intercept_mode == INTERCEPT_NETNS;
}

/* Its commands go there: those of the API are sent, shells go by themselves. */
static int make(const struct session *s, struct err *e)
{
	if (s->uid != 0 && s->origin == SESSION_SHIM)
		return err_set(e, "network namespace: only root's shells can enter one");
	return netspace_new(e);
}

int proxied_apart_begin(struct proxied *p, struct err *e)
{
	const struct session *s = p->session;

	if (!proxied_spaces(s->core->config))
		return -1;
	p->space = make(s, e);
	if (p->space >= 0)
		return netspace_enter(p->space, e);
	if (s->core->config->sandbox.allow_degraded) {
		snprintf(p->lacks, sizeof p->lacks, "network(netns): %.140s", e->text);
		log_line(LOG_WARN, "session %s: %s", s->id, p->lacks);
		e->text[0] = 0;
	}
	return -1;
}

/* At every address, of both families where there are two. */
static int bind_everywhere(uint16_t port, int type)
{
	union address a = { .in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) } };
	const int one = 1;
	int fd = proxied_bind(&a, type);

	if (fd < 0) {
		a = (union address){ .in = { .sin_family = AF_INET, .sin_port = htons(port) } };
		return proxied_bind(&a, type);
	}
	/* Answers come from the address that was asked, which is none of an interface's. */
	if (type == SOCK_DGRAM && (setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &one, sizeof one) < 0 ||
	                           setsockopt(fd, IPPROTO_IPV6, IPV6_FREEBIND, &one, sizeof one) < 0))
		fd_close(&fd);
	return fd;
}

int proxied_apart_end(struct proxied *p, int back, struct err *e)
{
	static const struct {
		uint16_t port;
		int type;
	} all[PROXIED_SOCKETS] = { [PROXIED_DNS_UDP] = { NAMES_PORT, SOCK_DGRAM },
		                   [PROXIED_DNS_TCP] = { NAMES_PORT, SOCK_STREAM },
		                   [PROXIED_HTTP] = { HTTP_PORT, SOCK_STREAM },
		                   [PROXIED_HTTPS] = { HTTPS_PORT, SOCK_STREAM } };
	int rc = 0;

	for (int i = 0; i < PROXIED_SOCKETS && rc == 0; i++)
		if (all[i].port && (p->fds[i] = bind_everywhere(all[i].port, all[i].type)) < 0)
			rc = err_sys(e, "port %u of a network namespace", all[i].port);
	netspace_leave(back);
	return rc;
}
