/* listen(2), done by us on the caller's own socket: where it listens is what was judged.
 *
 * A socket that has an address keeps it, but for one that has listened without asking for any. So one without
 * is given one first, as the kernel would, and whoever makes it another meanwhile is judged again. */
#include "enforce/net/impl.h"

#include "enforce/net/local.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

enum { LOOKS = 4 };

static bool listens_at_both(int sock, const struct target *t)
{
	static const uint8_t everywhere[16] = { 0 };
	socklen_t len = sizeof(int);
	int only = 1;

	return t->addr.len == 16 && !memcmp(t->addr.bytes, everywhere, 16) &&
	       getsockopt(sock, IPPROTO_IPV6, IPV6_V6ONLY, &only, &len) == 0 && !only;
}

/* At every address, any port. */
static bool bind_anywhere(int sock, int domain)
{
	const struct sockaddr_in6 any = { .sin6_family = (sa_family_t)domain };

	return bind(sock, (const struct sockaddr *)&any,
	            domain == AF_INET ? sizeof(struct sockaddr_in) : sizeof any) == 0;
}

static const struct rule no_servers = { .name = "no-tcp-servers",
	                                .file = "built-in",
	                                .decision = EFFECT_DENY,
	                                .message = "landlock.network.allow_bind_tcp is false" };

/* Before it has a port, at->port is 0. */
static struct verdict judge(const struct deed *d, const struct target *at)
{
	const struct listen_request q = { at->addr.bytes, at->addr.len, at->port,
		                          listens_at_both(d->sock, at) };

	if (d->net->o.no_bind && !at->port)
		return (struct verdict){ .rule = &no_servers };
	return decide_listen(d->net->o.policy, &q);
}

/* True: it may listen there. False: it is answered. */
static bool may_listen(struct deed *d, const struct target *at)
{
	const struct verdict v = judge(d, at);
	char address[TARGET_TEXT];
	const struct net_report r = { .type = "net_listen",
		                      .operation = "listen",
		                      .remote = aim_text(at, address),
		                      .protocol = "tcp",
		                      .port = at->port,
		                      .at = at,
		                      .often = v.effective == EFFECT_ALLOW };

	/* Whom only this machine reaches, and no rule knows, is told of by who connects. */
	return (aim_is_here(at) && !v.rule->line && v.effective == EFFECT_ALLOW) || settle_call(d, v, &r);
}

/* Where it would listen. What is refused at any port is so before it has one. 0 or errno; at->port 0: it is
 * refused, and answered. */
static int find_place(struct deed *d, int domain, struct target *at)
{
	if (!aim_name(d->sock, at))
		return EACCES;
	if (at->port)
		return 0;
	if (judge(d, at).effective == EFFECT_DENY && !d->net->o.monitor) {
		may_listen(d, at);
		return 0;
	}
	/* It may fail: then somebody else was faster. */
	bind_anywhere(d->sock, domain);
	return aim_name(d->sock, at) && at->port ? 0 : EADDRINUSE;
}

static int listen_inet(struct deed *d, int domain)
{
	struct target at, then;
	int error;

	for (int i = 0; i < LOOKS; i++) {
		error = find_place(d, domain, &at);
		if (error || !at.port || !may_listen(d, &at))
			return error;
		if (listen(d->sock, (int)d->args[1]) < 0)
			return errno;
		if (aim_name(d->sock, &then) && then.port == at.port &&
		    !memcmp(&then.addr, &at.addr, sizeof at.addr)) {
			whose_remember(d);
			deed_return(d, 0);
			return 0;
		}
		shutdown(d->sock, SHUT_RDWR);
	}
	return EACCES;
}

int listen_judge(struct deed *d)
{
	int error = deed_take(d, (int)d->args[0]), domain;

	if (error)
		return error;
	domain = net_option(d->sock, SO_DOMAIN);
	if (domain < 0)
		return -domain;
	if ((domain == AF_INET || domain == AF_INET6) && net_option(d->sock, SO_TYPE) == SOCK_STREAM)
		return listen_inet(d, domain);
	/* Who connects to a local socket is told who listens there. Where rules close ports, another thread
	 * might make it another socket meanwhile; then it is we. */
	if (domain == AF_UNIX && (!decide_listens(d->net->o.policy) || deed_alone(d))) {
		deed_continue(d);
		return 0;
	}
	error = (int)-local_listen(d, (int)d->args[1]);
	if (!error)
		deed_return(d, 0);
	return error;
}
