#include "sys/netspace.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LOOPBACK = 1 }; /* its number is the same in each: the first interface there is */
#define OWN "/proc/thread-self/ns/net"

/* Ask the kernel and wait for its word. 0 or -1 with errno. */
static int ask(int fd, struct nlmsghdr *h)
{
	struct {
		struct nlmsghdr head;
		struct nlmsgerr said;
		char more[512];
	} answer;

	h->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	if (send(fd, h, h->nlmsg_len, 0) < 0)
		return -1;
	if (recv(fd, &answer, sizeof answer, 0) < (ssize_t)NLMSG_LENGTH(sizeof answer.said.error) ||
	    answer.head.nlmsg_type != NLMSG_ERROR) {
		errno = EPROTO;
		return -1;
	}
	errno = -answer.said.error;
	return errno ? -1 : 0;
}

static int raise_loopback(int fd)
{
	struct {
		struct nlmsghdr head;
		struct ifinfomsg link;
	} q = {
		.head = { .nlmsg_len = sizeof q, .nlmsg_type = RTM_NEWLINK },
		.link = { .ifi_index = LOOPBACK, .ifi_flags = IFF_UP, .ifi_change = IFF_UP },
	};

	return ask(fd, &q.head);
}

/* local 0.0.0.0/0 (::/0) dev lo, in the table that is looked at first. */
static int make_local(int fd, int family)
{
	struct {
		struct nlmsghdr head;
		struct rtmsg route;
		struct rtattr name;
		int device;
	} q = {
		.head = { .nlmsg_len = sizeof q,
		          .nlmsg_type = RTM_NEWROUTE,
		          .nlmsg_flags = NLM_F_CREATE | NLM_F_REPLACE },
		.route = { .rtm_family = (unsigned char)family,
		           .rtm_table = RT_TABLE_LOCAL,
		           .rtm_protocol = RTPROT_STATIC,
		           .rtm_scope = RT_SCOPE_HOST,
		           .rtm_type = RTN_LOCAL },
		.name = { .rta_len = RTA_LENGTH(sizeof q.device), .rta_type = RTA_OIF },
		.device = LOOPBACK,
	};

	return ask(fd, &q.head);
}

/* Where there is no IPv6, nothing can be reached by it. */
static int furnish(struct err *e)
{
	AUTO_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd < 0 || raise_loopback(fd) < 0 || make_local(fd, AF_INET) < 0)
		return err_sys(e, "routes of a network namespace");
	if (make_local(fd, AF_INET6) < 0 && errno != EOPNOTSUPP && errno != EAFNOSUPPORT && errno != EACCES &&
	    errno != EINVAL)
		return err_sys(e, "routes of a network namespace");
	return 0;
}

int netspace_new(struct err *e)
{
	int back = open(OWN, O_RDONLY | O_CLOEXEC), fd = -1;

	if (back < 0 || unshare(CLONE_NEWNET) < 0) {
		err_sys(e, "network namespace");
		fd_close(&back);
		return -1;
	}
	if (furnish(e) == 0 && (fd = open(OWN, O_RDONLY | O_CLOEXEC)) < 0)
		err_sys(e, "%s", OWN);
	netspace_leave(back);
	return fd;
}

int netspace_enter(int space, struct err *e)
{
	int back = open(OWN, O_RDONLY | O_CLOEXEC);

	if (back >= 0 && setns(space, CLONE_NEWNET) == 0)
		return back;
	err_sys(e, "network namespace");
	fd_close(&back);
	return -1;
}

void netspace_leave(int back)
{
	if (setns(back, CLONE_NEWNET) < 0)
		raise(SIGKILL);
	close(back);
}
