/* connect(2), done by us on the caller's own socket: what was judged is what it leads to. */
#include "enforce/net/impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "enforce/net/local.h"
#include "sys/at.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Without waiting, whatever the socket is set to: what waits is that for all who have it, so only for this
 * moment. *blocks: its owner would have waited. */
static int connect_now(int sock, const struct target *t, bool *blocks)
{
	int flags = fcntl(sock, F_GETFL), error;

	*blocks = flags >= 0 && !(flags & O_NONBLOCK);
	if (*blocks)
		fcntl(sock, F_SETFL, flags | O_NONBLOCK);
	error = at_connect(sock, &t->raw.any, t->len) < 0 ? errno : 0;
	/* One on this machine is there by now, and says so when asked again. */
	if (*blocks && error == EINPROGRESS && at_connect(sock, &t->raw.any, t->len) == 0)
		error = 0;
	else if (*blocks && error == EINPROGRESS && errno != EALREADY)
		error = errno;
	if (*blocks)
		fcntl(sock, F_SETFL, flags);
	return error;
}

/* Asked only when there is something to hear: asking a socket that has failed makes it a fresh one. */
static enum waited connect_again(struct waiting *w, int64_t *value)
{
	struct pollfd p = { .fd = w->sock, .events = POLLOUT };
	bool blocks;
	int error;

	if (poll(&p, 1, 0) <= 0)
		return WAITED_MORE;
	error = connect_now(w->sock, &w->to, &blocks);
	if (error == EALREADY || error == EINPROGRESS)
		return WAITED_MORE;
	*value = -error;
	return WAITED_DONE;
}

/* Before its owner hears of the connection, the proxy can know what it was to be. */
static void put_flow(const struct deed *d, const struct target *meant)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} a = { 0 };
	socklen_t len = sizeof a;
	const struct page_flow flow = { .to = meant->addr,
		                        .to_port = meant->port,
		                        .pid = d->k->pid,
		                        .command = d->k->c->number,
		                        .at = clock_mono_ns() };

	if (!d->net->o.page || getsockname(d->sock, &a.any, &len) < 0)
		return;
	if (a.any.sa_family == AF_INET)
		page_flow(d->net->o.page, AF_INET, ntohs(a.v4.sin_port), &flow);
	else if (a.any.sa_family == AF_INET6)
		page_flow(d->net->o.page, IN6_IS_ADDR_V4MAPPED(&a.v6.sin6_addr) ? AF_INET : AF_INET6,
		          ntohs(a.v6.sin6_port), &flow);
}

static int connect_to(struct deed *d, const struct target *t, const struct target *meant)
{
	bool blocks;
	int error = connect_now(d->sock, t, &blocks);
	struct waiting *w;

	if (meant && (!error || error == EINPROGRESS))
		put_flow(d, meant);
	if (blocks && (error == EINPROGRESS || error == EALREADY)) {
		w = wait_put(d, true);
		if (!w)
			return EAGAIN;
		w->to = *t;
		w->end_error = error;
		w->again = connect_again;
		return 0;
	}
	if (error)
		return error;
	deed_return(d, 0);
	return 0;
}

static int connect_inet(struct deed *d, struct target *t, int domain)
{
	bool stream = net_option(d->sock, SO_TYPE) == SOCK_STREAM;
	char remote[TARGET_TEXT];
	struct judged j;
	struct target to;
	struct net_report r = { .type = "net_connect",
		                .operation = "connect",
		                .remote = aim_text(t, remote),
		                .domain = j.domain,
		                .protocol = stream ? "tcp" : "udp",
		                .port = t->port,
		                .often = !stream && !t->port };

	if (aim_names(d, domain, t, &to))
		return connect_to(d, &to, NULL);
	settle_target(d, t, stream, &j);
	/* What listens on its loopback is its own. */
	if (stream && !d->net->o.apart)
		r.listener = whose_judge(d, t, &j);
	if (!settle_call(d, j.verdict, &r))
		return 0;
	if (!j.proxied || d->net->o.apart)
		return connect_to(d, t, j.noted ? t : NULL);
	return aim_proxy(d, domain, &to) ? connect_to(d, &to, t) : EADDRNOTAVAIL;
}

/* ---- local ----------------------------------------------------------------------------------------------
 */

/* Until whoever listens there takes somebody. The socket's file is held meanwhile: `arg`. */
static enum waited unix_again(struct waiting *w, int64_t *value)
{
	bool blocks;
	int error = connect_now(w->sock, &w->to, &blocks);

	*value = -error;
	return error == EAGAIN ? WAITED_MORE : WAITED_DONE;
}

static void unix_drop(struct waiting *w)
{
	close((int)(intptr_t)w->arg);
}

static int unix_wait(struct deed *d, struct local *l)
{
	struct waiting *w = wait_put(d, false);

	if (!w)
		return EAGAIN;
	w->to = l->to;
	w->end_error = EAGAIN;
	w->again = unix_again;
	if (l->file >= 0) {
		w->arg = (void *)(intptr_t)l->file;
		w->drop = unix_drop;
		l->file = -1;
	}
	return 0;
}

static int unix_connect(struct deed *d, const struct target *t)
{
	AUTO_LOCAL l = NO_LOCAL;
	int flags = fcntl(d->sock, F_GETFL), error;

	if (t->len >= sizeof t->raw.any.sa_family && t->raw.any.sa_family == AF_UNSPEC)
		return connect_to(d, t, NULL);
	error = local_find(d, t, &l);
	if (error)
		return error;
	if (!local_allowed(d, &l, UNIX_CONNECT))
		return 0;
	if (!(flags & O_NONBLOCK))
		fcntl(d->sock, F_SETFL, flags | O_NONBLOCK);
	error = (int)-local_do(d, &l, d->sock, NULL, 0);
	if (!(flags & O_NONBLOCK))
		fcntl(d->sock, F_SETFL, flags);
	/* As somebody else it is not tried again: that wants a process each time. */
	if (error == EAGAIN && !(flags & O_NONBLOCK) && !l.other_ids)
		return unix_wait(d, &l);
	if (error)
		return error;
	deed_return(d, 0);
	return 0;
}

int connect_judge(struct deed *d)
{
	struct target t;
	int error = deed_take(d, (int)d->args[0]), domain;

	if (!error)
		error = aim_read(d, d->args[1], (int)d->args[2], &t);
	if (error)
		return error;
	domain = net_option(d->sock, SO_DOMAIN);
	if (domain < 0)
		return -domain; /* ENOTSOCK */
	if (domain == AF_UNIX)
		return unix_connect(d, &t);
	if (domain != AF_INET && domain != AF_INET6)
		return domain == AF_NETLINK ? connect_to(d, &t, NULL) : EACCES;
	if (t.len < sizeof t.raw.any.sa_family)
		return EINVAL;
	/* It dissolves what there is. */
	if (t.raw.any.sa_family == AF_UNSPEC)
		return connect_to(d, &t, NULL);
	if (!t.inet)
		return t.raw.any.sa_family == (domain == AF_INET ? AF_INET : AF_INET6) ||
		                       (domain == AF_INET6 && t.len < 24)
		               ? EINVAL
		               : EAFNOSUPPORT;
	return connect_inet(d, &t, domain);
}
