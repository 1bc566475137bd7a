/* bind(2) of a local socket: the name is judged by unix_socket_rules, also for who is to listen there later.
 *
 * A path is then made by whoever judges files, or by the kernel; an abstract name by us, on the very socket
 * and by the name that was judged. */
#include "enforce/net/impl.h"

#include "enforce/net/local.h"
#include "sys/fsids.h"

#include <errno.h>
#include <linux/capability.h>
#include <sys/socket.h>

/* To low ports, where we may not. */
static bool has_own_right(const struct deed *d)
{
	struct fsids its;

	return fsids_of(d->tid, &its) == 0 && its.caps >> CAP_NET_BIND_SERVICE & 1 && call_valid(d->k);
}

/* Another thread might make it a local socket meanwhile: so it is bound here, unless only the caller may.
 * 0: it goes on. */
static int bind_other(struct deed *d, int domain)
{
	struct target t;
	int error;

	if ((domain != AF_INET && domain != AF_INET6) || deed_alone(d))
		return 0;
	error = aim_read(d, d->args[1], (int)d->args[2], &t);
	if (!error && bind(d->sock, &t.raw.any, t.len) < 0)
		error = errno;
	if (error == EACCES && has_own_right(d))
		return 0;
	if (!error)
		deed_return(d, 0);
	return error;
}

int bind_judge_name(struct deed *d)
{
	AUTO_LOCAL l = NO_LOCAL;
	struct target t;
	int error, type, domain;

	if (!local_ruled(d))
		return 0;
	error = deed_take(d, (int)d->args[0]);
	if (error)
		return error;
	type = net_option(d->sock, SO_TYPE);
	if (type < 0)
		return -type;
	domain = net_option(d->sock, SO_DOMAIN);
	if (domain != AF_UNIX)
		return bind_other(d, domain);
	error = aim_read(d, d->args[1], (int)d->args[2], &t);
	if (!error)
		error = local_name(d, &t, &l);
	if (error)
		return error;
	if (!local_allowed(d, &l, UNIX_BIND) || (type != SOCK_DGRAM && !local_allowed(d, &l, UNIX_LISTEN)))
		return 0;
	if (!l.abstract)
		return 0;
	if (bind(d->sock, &t.raw.any, t.len) < 0)
		return errno;
	deed_return(d, 0);
	return 0;
}
