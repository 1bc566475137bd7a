/* sendto(2), sendmsg(2), sendmmsg(2): messages that may name where they go are sent by us, from copies. What
 * goes along a stream goes where that was connected, whatever name stands with it: it goes on as it is where
 * nobody else can make the socket another one meanwhile. */
#include "base/fd.h"
#include "enforce/net/message.h"
#include "sys/mem.h"
#include "sys/notify.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

enum { MANY_MAX = 1024, MSG_COPIES = 0x4000000 /* MSG_ZEROCOPY: of memory that is ours */ };
/* What may wait in all, and of each stream all the same. */
enum { KEPT_MAX = 8 << 20, KEPT_LITTLE = 16 << 10 };
enum { FLAGS = MSG_OOB | MSG_DONTROUTE | MSG_DONTWAIT | MSG_EOR | MSG_MORE | MSG_CONFIRM | MSG_NOSIGNAL };

/* struct mmsghdr as the kernel has it. */
struct many {
	struct message_head head;
	uint32_t sent, unused;
};

struct sending {
	int domain, type, flags;
	bool blocks, plain;
};

/* What is left of it, without waiting. Bytes, or -errno. */
static int64_t send_now(struct deed *d, int sock, struct message *m)
{
	struct iovec iov = { m->data + m->sent, m->len - m->sent };
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	const int flags = m->flags | MSG_DONTWAIT | MSG_NOSIGNAL;
	int64_t n;

	if (m->to.len) {
		h.msg_name = &m->to.raw;
		h.msg_namelen = m->to.len;
	}
	if (m->control_len && !m->sent) {
		h.msg_control = m->control;
		h.msg_controllen = (socklen_t)m->control_len;
	}
	if (d && m->local.other_ids && m->to.len)
		return local_do(d, &m->local, sock, &h, flags);
	n = notify_send(sock, &h, flags, 0);
	return n < 0 ? -errno : n;
}

/* ---- waiting --------------------------------------------------------------------------------------------
 */

/* What the caller is answered when no more is sent. */
static int64_t count_of(pid_t tid, const struct message *m, int64_t n)
{
	const size_t sent = m->gone + m->sent;
	const int64_t all = sent ? (int64_t)sent : n;
	const uint32_t count = (uint32_t)all;

	if (all < 0 || !m->count_at)
		return all;
	return mem_write(tid, m->count_at, &count, sizeof count) == sizeof count ? 1 : -EFAULT;
}

static enum waited send_again(struct waiting *w, int64_t *value)
{
	struct pollfd p = { .fd = w->sock, .events = POLLOUT };
	struct message *m = w->arg;
	int64_t n;

	if (!m->to.len && poll(&p, 1, 0) <= 0)
		return WAITED_MORE;
	n = send_now(NULL, w->sock, m);
	if (n == -EAGAIN)
		return WAITED_MORE;
	if (n > 0)
		m->sent += (size_t)n;
	*value = count_of(w->tid, m, n);
	if (!w->stream || n < 0 || m->sent >= m->len)
		return WAITED_DONE;
	w->done = *value;
	return WAITED_SOME;
}

static size_t size_of(const struct message *m)
{
	return sizeof *m + m->len + m->control_len;
}

static void send_drop(struct waiting *w)
{
	w->net->kept -= size_of(w->arg);
	message_free(w->arg);
}

/* Of a stream's data a little can always wait: less is sent then, which its sender is told. */
static bool make_small(const struct net *n, struct message *m, bool stream)
{
	const size_t room = n->kept < KEPT_MAX ? KEPT_MAX - n->kept : 0;
	const size_t most = room > KEPT_LITTLE ? room : KEPT_LITTLE;
	char *less;

	if (!stream)
		return size_of(m) <= room;
	m->gone = m->sent;
	if (m->gone)
		m->control_len = 0; /* it went with the first */
	m->len -= m->gone;
	m->sent = 0;
	m->len = m->len < most ? m->len : most;
	memmove(m->data, m->data + m->gone, m->len);
	less = realloc(m->data, m->len + 1);
	if (less)
		m->data = less;
	return true;
}

/* The message goes over. */
static int wait_for_room(struct deed *d, struct message **m, bool stream)
{
	/* Of a named one's receiver the socket does not know. */
	struct waiting *w = make_small(d->net, *m, stream) ? wait_put(d, !(*m)->to.len) : NULL;

	if (!w)
		return EAGAIN;
	d->net->kept += size_of(*m);
	w->stream = stream;
	w->end_error = EAGAIN;
	w->done = (*m)->gone ? count_of(w->tid, *m, 0) : 0;
	w->again = send_again;
	w->drop = send_drop;
	w->arg = *m;
	*m = NULL;
	return 0;
}

/* ---- where to -------------------------------------------------------------------------------------------
 */

/* Of IPv4, no family means IPv4; of IPv6, no name at all. 0, or errno for what is no address. */
static int mend_name(struct message *m, int domain)
{
	const sa_family_t family = m->to.raw.any.sa_family;

	if (m->to.len < sizeof family)
		return EINVAL;
	if (family == AF_UNSPEC && domain == AF_INET6) {
		m->to.len = 0;
		return 0;
	}
	if (family == AF_UNSPEC)
		m->to.raw.any.sa_family = AF_INET;
	aim_parse(&m->to);
	if (!m->to.inet)
		return domain == AF_INET && m->to.len >= sizeof(struct sockaddr_in) ? EAFNOSUPPORT : EINVAL;
	return domain == AF_INET && m->to.raw.any.sa_family != AF_INET ? EAFNOSUPPORT : 0;
}

/* 0: it may be sent. -1: it is answered. */
static int judge_inet(struct deed *d, struct message *m, int domain)
{
	char remote[TARGET_TEXT];
	struct judged j;
	struct target to;
	struct net_report r = { .type = "net_connect",
		                .operation = "sendto",
		                .remote = remote,
		                .domain = j.domain,
		                .protocol = "udp",
		                .often = true };
	int error = mend_name(m, domain);

	if (error || !m->to.len)
		return error;
	if (aim_names(d, domain, &m->to, &to)) {
		m->to = to;
		return 0;
	}
	aim_text(&m->to, remote);
	r.port = m->to.port;
	settle_target(d, &m->to, false, &j);
	return settle_call(d, j.verdict, &r) ? 0 : -1;
}

static int judge_local(struct deed *d, struct message *m)
{
	const struct target named = m->to;
	int error = local_find(d, &named, &m->local);

	if (error)
		return error;
	m->to = m->local.to;
	return local_allowed(d, &m->local, UNIX_SENDTO) ? 0 : -1;
}

static int judge_message(struct deed *d, struct message *m, const struct sending *s)
{
	if (s->type != SOCK_DGRAM && s->domain != AF_NETLINK)
		m->to.len = 0; /* what is connected leads where it does */
	if (!m->to.len)
		return 0;
	if (s->domain == AF_UNIX)
		return judge_local(d, m);
	if (s->domain == AF_INET || s->domain == AF_INET6)
		return judge_inet(d, m, s->domain);
	return m->to.raw.any.sa_family == s->domain ? 0 : EINVAL;
}

/* ---- one message ----------------------------------------------------------------------------------------
 */

static int send_one(struct deed *d, const struct message_head *h, const struct sending *s, uint64_t count_at,
                    int64_t *value)
{
	AUTO_MESSAGE *m = message_new();
	bool stream = s->type == SOCK_STREAM;
	int error = ENOBUFS;

	if (m)
		error = s->plain ? message_read_plain(d, h, stream, m) : message_read(d, h, stream, m);
	if (error)
		return error;
	m->flags = s->flags & FLAGS;
	m->count_at = count_at;
	error = judge_message(d, m, s);
	if (error)
		return error;
	*value = send_now(d, d->sock, m);
	if (*value > 0)
		m->sent = (size_t)*value;
	if (s->blocks && !d->sent && (*value == -EAGAIN || (stream && *value >= 0 && m->sent < m->len)) &&
	    !(m->local.other_ids && m->to.len)) {
		error = wait_for_room(d, &m, stream);
		if (!error || *value < 0)
			return error ? error : -1;
	}
	if (*value == -EPIPE && stream && !(s->flags & MSG_NOSIGNAL))
		proc_signal_thread(d->k->pid, d->tid, SIGPIPE);
	return *value < 0 ? (int)-*value : 0;
}

static int send_many(struct deed *d, const struct sending *s)
{
	const uint64_t at = d->args[1];
	const size_t n = d->args[2] > MANY_MAX ? MANY_MAX : (size_t)(unsigned)d->args[2];
	int64_t value = 0;
	struct many one;
	int error = 0;

	while ((size_t)d->sent < n && !error) {
		const uint64_t here = at + (uint64_t)d->sent * sizeof one;

		if (mem_read(d->tid, here, &one, sizeof one) != sizeof one || !call_valid(d->k))
			return EFAULT;
		error = send_one(d, &one.head, s, here + offsetof(struct many, sent), &value);
		if (!error) {
			const uint32_t count = (uint32_t)value;

			if (mem_write(d->tid, here + offsetof(struct many, sent), &count, sizeof count) !=
			    sizeof count)
				return EFAULT;
			d->sent++;
		}
	}
	if (!error)
		deed_return(d, d->sent);
	return error;
}

static int send_single(struct deed *d, const struct sending *s)
{
	struct message_head h;
	int64_t value = 0;
	int error;

	if (mem_read(d->tid, d->args[1], &h, sizeof h) != sizeof h || !call_valid(d->k))
		return EFAULT;
	if ((int)h.name_len < 0)
		return EINVAL;
	error = send_one(d, &h, s, 0, &value);
	if (!error)
		deed_return(d, value);
	return error;
}

static int send_to(struct deed *d, struct sending *s)
{
	const struct message_head h = { .name = d->args[4],
		                        .name_len = (uint32_t)d->args[5],
		                        .iov = d->args[1],
		                        .n_iov = d->args[2] > INT_MAX ? INT_MAX : d->args[2] };
	int64_t value = 0;
	int error;

	/* Unlike that of a message, an address of no length is one. */
	if (!h.name_len && (s->domain == AF_INET || s->domain == AF_INET6))
		return EINVAL;
	s->plain = true;
	error = send_one(d, &h, s, 0, &value);
	if (!error)
		deed_return(d, value);
	return error;
}

int send_judge(struct deed *d, int nr)
{
	const int error = deed_take(d, (int)d->args[0]);
	const int flags = (int)d->args[nr == __NR_sendmsg ? 2 : 3];
	struct sending s = { .flags = flags };

	if (error)
		return error;
	s.domain = net_option(d->sock, SO_DOMAIN);
	s.type = net_option(d->sock, SO_TYPE);
	if (s.domain < 0 || s.type < 0)
		return ENOTSOCK;
	if (s.domain != AF_UNIX && s.domain != AF_INET && s.domain != AF_INET6 && s.domain != AF_NETLINK)
		return EACCES;
	if ((s.type != SOCK_DGRAM || s.domain == AF_NETLINK) && deed_alone(d)) {
		deed_continue(d);
		return 0;
	}
	if (flags & MSG_COPIES)
		return ENOBUFS;
	s.blocks = !(flags & MSG_DONTWAIT) && !(fcntl(d->sock, F_GETFL) & O_NONBLOCK);
	if (nr == __NR_sendmmsg)
		return send_many(d, &s);
	return nr == __NR_sendto ? send_to(d, &s) : send_single(d, &s);
}
