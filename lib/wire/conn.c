#include "wire/conn.h"

#include "base/fd.h"

#include "sys/notify.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { PACKET = 96 * 1024 };

/* First byte of a packet: is the message in it, or in the memory file that is the first descriptor? */
enum { INLINE = 'i', IN_FILE = 'f' };

int wire_connect(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof sa.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	strcpy(sa.sun_path, path);
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0)
		fd_close(&fd);
	return fd;
}

#if NOTIFY_PASSES
#define PASS(m)                       (m)->pass
#define send_with(fd, m, flags, pass) notify_send(fd, m, flags, pass)
#else
#define PASS(m)                       0
#define send_with(fd, m, flags, pass) ((void)(pass), sendmsg(fd, m, flags))
#endif

static int send_packet(int fd, struct iovec *iov, int n_iov, const int *fds, int n_fds, int flags,
                       uint64_t pass)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int) * (WIRE_FDS + 1))];
	} control = { 0 };
	struct msghdr mh = { .msg_iov = iov, .msg_iovlen = (size_t)n_iov };
	ssize_t n;

	if (n_fds) {
		mh.msg_control = control.space;
		mh.msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n_fds);
		control.h.cmsg_level = SOL_SOCKET;
		control.h.cmsg_type = SCM_RIGHTS;
		control.h.cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n_fds);
		memcpy(CMSG_DATA(&control.h), fds, sizeof(int) * (size_t)n_fds);
	}
	do
		n = send_with(fd, &mh, flags | MSG_NOSIGNAL, pass);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -1 : 0;
}

int wire_send(int fd, const struct msg *m, const int *fds, int n_fds, int flags, struct err *e)
{
	char kind = INLINE;
	struct iovec iov[2] = { { &kind, 1 }, { m->b.data, m->b.len } };
	int all[WIRE_FDS + 1], rc;
	AUTO_FD file = -1;

	if (m->b.failed || m->b.len > WIRE_MAX || n_fds > WIRE_FDS)
		return err_set(e, "message too large");
	if (m->b.len <= PACKET) {
		rc = send_packet(fd, iov, 2, fds, n_fds, flags, PASS(m));
	} else {
		kind = IN_FILE;
		file = fd_sealed("agentsh-message", m->b.data, m->b.len, e);
		if (file < 0)
			return -1;
		all[0] = file;
		if (n_fds)
			memcpy(all + 1, fds, sizeof(int) * (size_t)n_fds);
		rc = send_packet(fd, iov, 1, all, n_fds + 1, flags, PASS(m));
	}
	return rc < 0 ? err_sys(e, "send") : 0;
}

static void take_control(struct msghdr *mh, struct wire_in *in, int *extra)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(mh); c; c = CMSG_NXTHDR(mh, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		int fd;

		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
			memcpy(&in->from, CMSG_DATA(c), sizeof in->from);
		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n; i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			if (in->n_fds < WIRE_FDS)
				in->fds[in->n_fds++] = fd;
			else if (*extra < 0)
				*extra = fd;
			else
				close(fd);
		}
	}
}

/* The message lies in the first descriptor: only a sealed memory file is read, so that it cannot change
 * meanwhile. */
static int load_file(struct wire_in *in, int *extra, struct err *e)
{
	int want = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE, seals, fd;
	struct stat st;

	if (!in->n_fds)
		return err_set(e, "message without its file");
	fd = in->fds[0];
	memmove(in->fds, in->fds + 1, sizeof(int) * (WIRE_FDS - 1));
	in->fds[WIRE_FDS - 1] = *extra;
	in->n_fds -= *extra < 0;
	*extra = -1;
	buf_clear(&in->data);
	seals = fcntl(fd, F_GET_SEALS); /* -1, with every bit set, for what is no memory file */
	if (seals < 0 || (seals & want) != want || fstat(fd, &st) < 0 || st.st_size > WIRE_MAX ||
	    !buf_room(&in->data, (size_t)st.st_size) ||
	    pread(fd, in->data.data, (size_t)st.st_size, 0) != st.st_size) {
		close(fd);
		return err_set(e, "unusable message file");
	}
	in->data.len = (size_t)st.st_size;
	close(fd);
	return 1;
}

static void drop_fds(struct wire_in *in)
{
	for (int i = 0; i < in->n_fds; i++)
		fd_close(&in->fds[i]);
	in->n_fds = 0;
}

int wire_recv(int fd, struct wire_in *in, int flags, struct err *e)
{
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int) * (WIRE_FDS + 1)) + CMSG_SPACE(sizeof(struct ucred))];
	} control;
	struct iovec iov;
	struct msghdr mh = { .msg_iov = &iov,
		             .msg_iovlen = 1,
		             .msg_control = control.space,
		             .msg_controllen = sizeof control.space };
	int extra = -1, rc = 1;
	ssize_t n;

	drop_fds(in);
	in->from.pid = 0;
	for (int i = 0; i < WIRE_FDS; i++)
		in->fds[i] = -1;
	buf_clear(&in->data);
	iov.iov_base = buf_room(&in->data, PACKET + 1);
	iov.iov_len = PACKET + 1;
	if (!iov.iov_base)
		return err_set(e, "out of memory");
	do
		n = recvmsg(fd, &mh, flags | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == ECONNRESET)) {
		err_sys(e, "receive");
		return 0;
	}
	if (n < 0)
		return err_sys(e, "receive");
	if (n == 0) {
		err_set(e, "closed");
		return 0;
	}
	take_control(&mh, in, &extra);
	if (mh.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		rc = err_set(e, "message cut short");
	} else if (in->data.data[0] == IN_FILE) {
		rc = load_file(in, &extra, e);
	} else {
		in->data.len = (size_t)n;
		buf_skip(&in->data, 1);
	}
	if (extra >= 0)
		close(extra);
	return rc;
}

void wire_in_release(struct wire_in *in)
{
	drop_fds(in);
	buf_release(&in->data);
}
