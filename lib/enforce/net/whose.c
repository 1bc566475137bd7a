/* Whose a listener on this machine is, by sock_diag(7): where it is none of the session's, who connects to it
 * is served by somebody whom no rules hold. */
#include "enforce/net/impl.h"

#include "base/fd.h"
#include "enforce/net/local.h"

#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

/* Loopback's number in every network namespace. */
enum { KNOWN = 256, LO = 1 };

static const struct rule foreign_loopback = { .name = "foreign-loopback",
	                                      .file = "built-in",
	                                      .decision = EFFECT_DENY,
	                                      .message = "who listens there is not of this session; a rule "
	                                                 "that names the port opens it" };

struct whose {
	int fd;
	uint32_t sequence;
	struct {
		uint64_t cookie; /* of a socket; the kernel gives each only once. 0: none */
		bool ours;
	} known[KNOWN];
};

struct whose *whose_new(void)
{
	struct whose *w = calloc(1, sizeof *w);

	if (w)
		w->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	return w;
}

void whose_free(struct whose *w)
{
	if (w)
		fd_close(&w->fd);
	free(w);
}

/* ---- what the kernel says -------------------------------------------------------------------------------
 */

struct found {
	uint64_t cookie;
	unsigned long inode;
};

static bool ask(struct whose *w, const struct target *t)
{
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 req;
	} q = { .head = { .nlmsg_len = sizeof q,
		          .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		          .nlmsg_flags = NLM_F_REQUEST,
		          .nlmsg_seq = ++w->sequence },
		.req = { .sdiag_family = t->addr.len == 4 ? AF_INET : AF_INET6,
		         .sdiag_protocol = IPPROTO_TCP,
		         .idiag_states = 1U << TCP_LISTEN } };

	memcpy(q.req.id.idiag_src, t->addr.bytes, t->addr.len);
	q.req.id.idiag_sport = htons(t->port);
	q.req.id.idiag_if = LO;
	q.req.id.idiag_cookie[0] = q.req.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	return send(w->fd, &q, sizeof q, 0) == (ssize_t)sizeof q;
}

/* Whom a connection would come to. 0, or errno: ENOENT where nobody listens. */
static int find(struct whose *w, const struct target *t, struct found *out)
{
	union {
		struct nlmsghdr head;
		char room[1024];
	} a;
	const struct nlmsgerr *error = NLMSG_DATA(&a.head);
	const struct inet_diag_msg *m = NLMSG_DATA(&a.head);
	ssize_t n;

	if (!w || w->fd < 0 || !ask(w, t))
		return EIO;
	do
		n = recv(w->fd, &a, sizeof a, MSG_DONTWAIT);
	while (n >= (ssize_t)sizeof a.head && a.head.nlmsg_seq != w->sequence);
	if (n >= (ssize_t)NLMSG_LENGTH(sizeof *error) && a.head.nlmsg_type == NLMSG_ERROR)
		return error->error ? -error->error : EIO;
	if (n < (ssize_t)NLMSG_LENGTH(sizeof *m) || a.head.nlmsg_type != SOCK_DIAG_BY_FAMILY)
		return EIO;
	if (m->idiag_state != TCP_LISTEN)
		return ENOENT;
	out->cookie = (uint64_t)m->id.idiag_cookie[1] << 32 | m->id.idiag_cookie[0];
	out->inode = m->idiag_inode;
	return 0;
}

/* ---- what is known --------------------------------------------------------------------------------------
 */

static void remember(struct whose *w, uint64_t cookie, bool ours)
{
	w->known[cookie % KNOWN].cookie = cookie;
	w->known[cookie % KNOWN].ours = ours;
}

void whose_remember(const struct deed *d)
{
	uint64_t cookie = 0;
	socklen_t size = sizeof cookie;

	if (d->net->o.whose && getsockopt(d->sock, SOL_SOCKET, SO_COOKIE, &cookie, &size) == 0)
		remember(d->net->o.whose, cookie, true);
}

/* Of what it made itself, nobody needs to be asked. Of MPTCP another socket is the one that listens. */
static bool is_ours(const struct deed *d, const struct found *f)
{
	struct whose *w = d->net->o.whose;
	const size_t i = f->cookie % KNOWN;

	if (w->known[i].cookie != f->cookie)
		remember(w, f->cookie, local_is_ours(d, f->inode));
	return w->known[i].ours;
}

/* ---- the verdict ----------------------------------------------------------------------------------------
 */

const char *whose_judge(const struct deed *d, const struct target *t, struct judged *j)
{
	const enum net_foreign foreign = d->net->o.foreign;
	struct found f = { 0 };
	int error;

	if (foreign == NET_FOREIGN_ALLOW || !aim_is_here(t) || j->noted || j->own || j->proxied ||
	    j->verdict.effective != EFFECT_ALLOW || decide_names_ports(j->verdict.rule))
		return NULL;
	error = find(d->net->o.whose, t, &f);
	if (error == ENOENT || (!error && is_ours(d, &f)))
		return NULL;
	if (foreign == NET_FOREIGN_DENY)
		j->verdict = (struct verdict){ .rule = &foreign_loopback };
	return error ? "unknown" : "foreign";
}
