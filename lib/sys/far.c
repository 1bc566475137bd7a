#include "sys/far.h"

#include "base/fd.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <linux/unix_diag.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* One end of a TCP connection; addresses in IPv6 form. */
struct end {
	uint8_t addr[16];
	uint16_t port;
};

static bool to_end(const struct sockaddr_storage *a, struct end *out)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)a;
	const struct sockaddr_in *in = (const struct sockaddr_in *)a;

	*out = (struct end){ .addr = { [10] = 0xff, [11] = 0xff } };
	if (a->ss_family == AF_INET6) {
		memcpy(out->addr, &in6->sin6_addr, 16);
		out->port = ntohs(in6->sin6_port);
	} else if (a->ss_family == AF_INET) {
		memcpy(out->addr + 12, &in->sin_addr, 4);
		out->port = ntohs(in->sin_port);
	} else {
		return false;
	}
	return true;
}

/* The kernel prints an address as 32-bit words in host order. */
static bool parse_address(const char *hex, uint8_t *out)
{
	size_t words = strlen(hex) / 8;

	memset(out, 0, 16);
	if (words != 1 && words != 4)
		return false;
	if (words == 1)
		memset(out + 10, 0xff, 2);
	for (size_t i = 0; i < words; i++) {
		char word[9] = { 0 };
		uint32_t value;

		memcpy(word, hex + i * 8, 8);
		value = (uint32_t)strtoul(word, NULL, 16);
		memcpy(out + (words == 1 ? 12 : i * 4), &value, 4);
	}
	return true;
}

static bool is_end(const char *address, unsigned port, const struct end *end)
{
	uint8_t bytes[16];

	return port == end->port && parse_address(address, bytes) && !memcmp(bytes, end->addr, sizeof bytes);
}

/* Or one that takes connections for any address. */
static bool is_listener(const char *address, unsigned port, const struct end *end)
{
	return is_end(address, port, end) || (port == end->port && strspn(address, "0") == strlen(address));
}

/* Look for the peer's socket in one table of /proc/net; without `ours`, for the one that listens there. */
static void read_table(const char *table, const struct end *peer, const struct end *ours, struct far_end *out)
{
	FILE *file = fopen(table, "re");
	char line[512], near[40], far[40];
	unsigned near_port, far_port, state, uid;
	unsigned long inode;

	while (file && out->kind != FAR_HELD && fgets(line, sizeof line, file)) {
		/* NOLINTNEXTLINE(cert-err34-c): written by the kernel, of fixed width */
		if (sscanf(line, " %*d: %39[0-9A-Fa-f]:%x %39[0-9A-Fa-f]:%x %x %*s %*s %*s %u %*d %lu", near,
		           &near_port, far, &far_port, &state, &uid, &inode) != 7)
			continue;
		if (ours ? is_end(near, near_port, peer) && is_end(far, far_port, ours)
		         : state == TCP_LISTEN && is_listener(near, near_port, peer))
			*out = (struct far_end){ inode ? FAR_HELD : FAR_CLOSED, inode, uid };
	}
	if (file)
		fclose(file);
}

/* Ask about one socket. Length of the answer's first message, which lies in `answer`; 0 = there is no such
 * socket, -1 = the kernel does not answer such questions. */
static int ask(const void *question, size_t len, struct nlmsghdr *answer, size_t size)
{
	AUTO_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	ssize_t n;

	if (fd < 0 || send(fd, question, len, 0) != (ssize_t)len)
		return -1;
	n = recv(fd, answer, size, MSG_DONTWAIT); /* the kernel has answered before send() returned */
	if (n < (ssize_t)sizeof *answer || answer->nlmsg_len > (size_t)n)
		return -1;
	if (answer->nlmsg_type != NLMSG_ERROR)
		return (int)answer->nlmsg_len;
	return answer->nlmsg_len >= NLMSG_LENGTH(sizeof(struct nlmsgerr)) &&
	                       ((const struct nlmsgerr *)NLMSG_DATA(answer))->error == -ENOENT
	               ? 0
	               : -1;
}

/* Only a socket that has been connected is the peer: no listener of that port, and nobody who is about to
 * take the number. */
static bool was_connected(int state)
{
	return state == TCP_ESTABLISHED || state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 ||
	       state == TCP_CLOSE_WAIT || state == TCP_LAST_ACK || state == TCP_CLOSING ||
	       state == TCP_TIME_WAIT;
}

static void ask_tcp(const struct end *peer, const struct end *ours, bool (*is_it)(int state),
                    struct far_end *out)
{
	bool v4 = !memcmp(peer->addr, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12);
	struct {
		struct nlmsghdr head;
		struct inet_diag_req_v2 ask;
	} q = { .head = { .nlmsg_len = sizeof q,
		          .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		          .nlmsg_flags = NLM_F_REQUEST },
		.ask = { .sdiag_family = v4 ? AF_INET : AF_INET6,
		         .sdiag_protocol = IPPROTO_TCP,
		         .idiag_states = ~0u } };
	union {
		struct nlmsghdr head;
		char room[4096];
	} answer;
	const struct inet_diag_msg *found = NLMSG_DATA(&answer.head);
	int n;

	q.ask.id.idiag_sport = htons(peer->port);
	q.ask.id.idiag_dport = htons(ours->port);
	memcpy(q.ask.id.idiag_src, peer->addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	memcpy(q.ask.id.idiag_dst, ours->addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	q.ask.id.idiag_cookie[0] = q.ask.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	n = ask(&q, sizeof q, &answer.head, sizeof answer);
	if (n == 0 || (n >= (int)NLMSG_LENGTH(sizeof *found) && !is_it(found->idiag_state)))
		out->kind = FAR_NONE;
	else if (n >= (int)NLMSG_LENGTH(sizeof *found))
		*out = (struct far_end){ found->idiag_inode ? FAR_HELD : FAR_CLOSED, found->idiag_inode,
			                 found->idiag_uid };
}

/* Without it our connection is over, and its numbers may be another's already. */
static bool is_connected(int fd)
{
	struct tcp_info info = { .tcpi_state = TCP_CLOSE };
	socklen_t len = sizeof info;

	return getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) == 0 &&
	       (info.tcpi_state == TCP_ESTABLISHED || info.tcpi_state == TCP_CLOSE_WAIT);
}

static bool listens(int state)
{
	return state == TCP_LISTEN;
}

void far_listener(int fd, struct far_end *out)
{
	static const struct end nobody;
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof peer;
	struct end far;

	*out = (struct far_end){ .kind = FAR_UNKNOWN, .uid = (uid_t)-1 };
	if (getpeername(fd, (struct sockaddr *)&peer, &len) < 0 || !to_end(&peer, &far))
		return;
	ask_tcp(&far, &nobody, listens, out);
	if (out->kind == FAR_UNKNOWN)
		read_table("/proc/net/tcp", &far, NULL, out);
	if (out->kind == FAR_UNKNOWN)
		read_table("/proc/net/tcp6", &far, NULL, out);
}

/* /proc/net is asked too where the answer is no: it knows sockets bound to one device. */
static void far_tcp(int fd, const struct end *peer, const struct end *ours, struct far_end *out)
{
	ask_tcp(peer, ours, was_connected, out);
	if (out->kind == FAR_UNKNOWN || out->kind == FAR_NONE)
		read_table("/proc/net/tcp", peer, ours, out);
	if (out->kind == FAR_UNKNOWN || out->kind == FAR_NONE)
		read_table("/proc/net/tcp6", peer, ours, out);
	if (out->kind == FAR_UNKNOWN)
		out->kind = FAR_NONE;
	if (!is_connected(fd))
		out->kind = FAR_CLOSED;
}

/* One number about our unix socket `fd`: the first of attribute `type`. */
static bool ask_unix(int fd, uint32_t show, int type, uint32_t *value)
{
	struct {
		struct nlmsghdr head;
		struct unix_diag_req ask;
	} q = { .head = { .nlmsg_len = sizeof q,
		          .nlmsg_type = SOCK_DIAG_BY_FAMILY,
		          .nlmsg_flags = NLM_F_REQUEST },
		.ask = { .sdiag_family = AF_UNIX,
		         .udiag_states = ~0u,
		         .udiag_show = show,
		         .udiag_cookie = { ~0u, ~0u } } };
	union {
		struct nlmsghdr head;
		char room[1024];
	} answer;
	const struct rtattr *attr = (const struct rtattr *)((const char *)NLMSG_DATA(&answer.head) +
	                                                    NLMSG_ALIGN(sizeof(struct unix_diag_msg)));
	struct stat st;
	int n;

	if (fstat(fd, &st) < 0)
		return false;
	q.ask.udiag_ino = (uint32_t)st.st_ino;
	n = ask(&q, sizeof q, &answer.head, sizeof answer) - (int)NLMSG_LENGTH(sizeof(struct unix_diag_msg));
	for (; n > 0 && RTA_OK(attr, n); attr = RTA_NEXT(attr, n)) {
		if (attr->rta_type != type || RTA_PAYLOAD(attr) < sizeof *value)
			continue;
		memcpy(value, RTA_DATA(attr), sizeof *value);
		return true;
	}
	return false;
}

bool far_bound_file(int fd, uint32_t *inode)
{
	return ask_unix(fd, UDIAG_SHOW_VFS, UNIX_DIAG_VFS, inode);
}

/* By our own socket's number to the one it is connected with. */
static void far_unix(int fd, struct far_end *out)
{
	struct ucred cred;
	socklen_t len = sizeof cred;
	uint32_t inode;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == 0)
		out->uid = cred.uid;
	if (!ask_unix(fd, UDIAG_SHOW_PEER, UNIX_DIAG_PEER, &inode))
		return;
	out->kind = inode ? FAR_HELD : FAR_CLOSED;
	out->inode = inode;
}

void far_end(int fd, struct far_end *out)
{
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC }, ours = { .ss_family = AF_UNSPEC };
	socklen_t peer_len = sizeof peer, our_len = sizeof ours;
	struct end far, near;

	*out = (struct far_end){ .kind = FAR_UNKNOWN, .uid = (uid_t)-1 };
	if (getsockname(fd, (struct sockaddr *)&ours, &our_len) < 0)
		return;
	if (ours.ss_family == AF_UNIX)
		far_unix(fd, out);
	else if (getpeername(fd, (struct sockaddr *)&peer, &peer_len) < 0)
		out->kind = FAR_CLOSED;
	else if (to_end(&peer, &far) && to_end(&ours, &near))
		far_tcp(fd, &far, &near, out);
}
