#include "enforce/net/message.h"

#include "base/fd.h"
#include "sys/at.h"
#include "sys/fsids.h"
#include "sys/mem.h"
#include "sys/proc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { VECTOR = 1024, PIECE = 64 << 10 };

struct message *message_new(void)
{
	struct message *m = calloc(1, sizeof *m);

	if (m)
		m->local.file = -1;
	return m;
}

void message_free(struct message *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n_fds; i++)
		at_release(&m->fds[i]);
	local_release(&m->local);
	free(m->control);
	free(m->data);
	free(m);
}

/* ---- data -----------------------------------------------------------------------------------------------
 */

static int read_all(const struct deed *d, uint64_t addr, char *to, size_t len)
{
	while (len) {
		const size_t piece = len < PIECE ? len : PIECE;

		if (mem_read(d->tid, addr, to, piece) != (ssize_t)piece)
			return EFAULT;
		addr += piece;
		to += piece;
		len -= piece;
	}
	return 0;
}

static int read_data(const struct deed *d, const struct message_head *h, bool stream, struct message *m)
{
	struct {
		uint64_t addr, len;
	} iov[VECTOR];
	size_t total = 0, at = 0;
	int error;

	if (h->n_iov > VECTOR)
		return EMSGSIZE;
	error = read_all(d, h->iov, (char *)iov, h->n_iov * sizeof *iov);
	for (size_t i = 0; !error && i < h->n_iov; i++) {
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): all n_iov were read */
		if (iov[i].len > SSIZE_MAX)
			return EINVAL;
		if (iov[i].len > MESSAGE_MAX - total) {
			if (!stream)
				return EMSGSIZE;
			iov[i].len = MESSAGE_MAX - total;
		}
		total += iov[i].len;
	}
	m->data = error ? NULL : malloc(total + 1);
	if (!error && !m->data)
		return ENOBUFS;
	for (size_t i = 0; !error && i < h->n_iov; at += iov[i++].len)
		error = read_all(d, iov[i].addr, m->data + at, iov[i].len);
	m->len = total;
	return error;
}

/* ---- control --------------------------------------------------------------------------------------------
 */

struct part {
	uint64_t len;
	int level, type;
};

/* What says how, not where: where is judged. The rest is not known here. */
static bool is_harmless(const struct part *p)
{
	static const struct {
		int level, type;
	} known[] = {
		{ 0 /* IPPROTO_IP */, 1 /* TOS */ },
		{ 0, 2 /* TTL */ },
		{ 0, 8 /* PKTINFO */ },
		{ 41 /* IPPROTO_IPV6 */, 2 /* 2292PKTINFO */ },
		{ 41, 8 /* 2292HOPLIMIT */ },
		{ 41, 11 /* FLOWINFO */ },
		{ 41, 50 /* PKTINFO */ },
		{ 41, 52 /* HOPLIMIT */ },
		{ 41, 62 /* DONTFRAG */ },
		{ 41, 67 /* TCLASS */ },
		{ 17 /* UDP */, 103 /* SEGMENT */ },
		{ SOL_SOCKET, 37 /* TIMESTAMPING */ },
		{ SOL_SOCKET, 61 /* TXTIME */ },
		{ SOL_SOCKET, 81 /* TS_OPT_ID */ },
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (p->level == known[i].level && p->type == known[i].type)
			return true;
	return false;
}

/* Each number in it becomes that of our copy. */
static int take_fds(const struct deed *d, char *data, size_t size, struct message *m)
{
	AUTO_FD task = proc_task_fd(d->tid);
	int fd;

	if (task < 0)
		task = proc_pidfd(d->k->pid);
	if (size / sizeof fd > MESSAGE_FDS - m->n_fds)
		return EINVAL;
	for (size_t i = 0; i < size / sizeof fd; i++) {
		memcpy(&fd, data + i * sizeof fd, sizeof fd);
		fd = task < 0 ? -1 : proc_getfd(task, fd);
		if (fd < 0)
			return task < 0 ? EPERM : errno;
		m->fds[m->n_fds++] = fd;
		memcpy(data + i * sizeof fd, &fd, sizeof fd);
	}
	return 0;
}

/* Who we are is what the other end is told, so only who says the truth may say it. */
static int check_credentials(const struct deed *d, const char *data, size_t size)
{
	struct ucred c;
	struct fsids its;

	if (size < sizeof c)
		return EINVAL;
	memcpy(&c, data, sizeof c);
	return c.pid == d->k->pid && fsids_of(d->tid, &its) == 0 && its.uid == c.uid && its.gid == c.gid
	               ? 0
	               : EPERM;
}

static int take_part(const struct deed *d, const struct part *p, char *at, struct message *m)
{
	char *data = at + sizeof *p;
	const size_t size = p->len - sizeof *p;
	size_t whole = (p->len + 7) & ~(size_t)7;
	int error = 0;

	if (p->level == SOL_SOCKET && p->type == SCM_CREDENTIALS)
		return check_credentials(d, data, size);
	if (p->level == SOL_SOCKET && p->type == SCM_RIGHTS)
		error = take_fds(d, data, size, m);
	else if (!is_harmless(p))
		error = EPERM;
	if (error)
		return error;
	memmove(m->control + m->control_len, at, p->len);
	m->control_len += whole;
	return 0;
}

static int read_control(const struct deed *d, const struct message_head *h, struct message *m)
{
	size_t at = 0, left;
	struct part p;
	int error;

	if (!h->control || !h->control_len)
		return 0;
	if (h->control_len > MESSAGE_CONTROL)
		return ENOBUFS;
	m->control = calloc(1, h->control_len + 8);
	if (!m->control)
		return ENOBUFS;
	error = read_all(d, h->control, m->control, h->control_len);
	while (!error && h->control_len - at >= sizeof p) {
		left = h->control_len - at;
		memcpy(&p, m->control + at, sizeof p);
		if (p.len < sizeof p || p.len > left)
			return EINVAL;
		error = take_part(d, &p, m->control + at, m);
		at += p.len > left - 7 ? left : (p.len + 7) & ~(size_t)7;
	}
	return error;
}

static int read_name(const struct deed *d, const struct message_head *h, struct message *m)
{
	if (!h->name || !h->name_len)
		return 0;
	return aim_read(d, h->name, h->name_len > sizeof m->to.raw ? (int)sizeof m->to.raw : (int)h->name_len,
	                &m->to);
}

int message_read_plain(const struct deed *d, const struct message_head *h, bool stream, struct message *m)
{
	int error = h->name_len > sizeof m->to.raw ? EINVAL : read_name(d, h, m);

	m->len = h->n_iov;
	if (!error && m->len > MESSAGE_MAX && !stream)
		return EMSGSIZE;
	if (m->len > MESSAGE_MAX)
		m->len = MESSAGE_MAX;
	m->data = error ? NULL : malloc(m->len + 1);
	if (!error && !m->data)
		return ENOBUFS;
	if (!error)
		error = read_all(d, h->iov, m->data, m->len);
	return error || call_valid(d->k) ? error : ESRCH;
}

int message_read(const struct deed *d, const struct message_head *h, bool stream, struct message *m)
{
	int error = read_name(d, h, m);

	if (!error)
		error = read_data(d, h, stream, m);
	if (!error)
		error = read_control(d, h, m);
	return error || call_valid(d->k) ? error : ESRCH;
}
