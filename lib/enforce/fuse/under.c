#include "enforce/fuse/under.h"

#include "base/fd.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BEGIN_MS = 5000, END_MS = 30000 };

static int answer(struct under *u, int ms, struct err *e)
{
	struct pollfd p = { .fd = u->talk, .events = POLLIN };
	char how;
	int rc;

	do
		rc = poll(&p, 1, ms);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return err_set(e, "the view does not answer");
	if (recv(u->talk, &how, 1, 0) != 1)
		return err_set(e, "the view is gone");
	return how ? err_set(e, "the view cannot tell the kernel what changed") : 0;
}

static int send_paths(const struct under *u)
{
	union {
		char room[CMSG_SPACE(sizeof u->paths)];
		struct cmsghdr head;
	} control = { .head = { .cmsg_len = CMSG_LEN(sizeof u->paths),
		                .cmsg_level = SOL_SOCKET,
		                .cmsg_type = SCM_RIGHTS } };
	struct iovec data = { "", 1 };
	const struct msghdr m = {
		.msg_iov = &data, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};

	memcpy(CMSG_DATA(&control.head), &u->paths, sizeof u->paths);
	return sendmsg(u->talk, &m, MSG_NOSIGNAL) == 1 ? 0 : -1;
}

int under_begin(struct under *u, int talk, struct err *e)
{
	*u = (struct under){ .talk = talk, .paths = memfd_create("paths", MFD_CLOEXEC) };
	if (u->paths < 0 || send_paths(u) < 0) {
		err_sys(e, "the view");
	} else if (answer(u, BEGIN_MS, e) == 0) {
		return 0;
	}
	fd_close(&u->paths);
	fd_close(&u->talk);
	return -1;
}

int under_tell(void *under, const char *below, struct err *e)
{
	const struct under *u = under;

	return fd_write(u->paths, below, strlen(below) + 1) < 0 ? err_sys(e, "the view") : 0;
}

int under_end(struct under *u, struct err *e)
{
	int rc = -1;

	if (u->talk < 0)
		return 0;
	if (send(u->talk, "", 1, MSG_NOSIGNAL) != 1)
		err_sys(e, "the view");
	else
		rc = answer(u, END_MS, e);
	fd_close(&u->paths);
	fd_close(&u->talk);
	return rc;
}
