/* Is the caller a process of a session? Then it sees and uses its own only: it does not end sessions, nor
 * make one with other rules. A unix peer is named by the kernel. A TCP peer of this machine is looked up: its
 * socket in /proc/net, and who holds that socket among the tagged processes. */
#include "api/impl.h"

#include "base/fd.h"
#include "sys/proc.h"
#include "sys/tag.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/sock_diag.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { HIDDEN_MAX = 16, LOOKS = 4 };

struct search_for {
	char link[40]; /* "socket:[inode]" */
	bool tagged;   /* which processes to look at */
	bool found;
	uint64_t tag;             /* of the one that was found */
	pid_t hidden[HIDDEN_MAX]; /* could not be looked at */
	int n_hidden;             /* may be more than there is room for */
};

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

/* Inode of the peer's end in one table; 0 = not there. */
static unsigned long find_socket(const char *table, const struct http_peer *peer)
{
	FILE *file = fopen(table, "re");
	char line[512], address[40];
	unsigned long inode = 0, at;
	unsigned port;
	uint8_t bytes[16];

	while (file && !inode && fgets(line, sizeof line, file))
		/* NOLINTNEXTLINE(cert-err34-c): written by the kernel, of fixed width */
		if (sscanf(line, " %*d: %39[0-9A-Fa-f]:%x %*s %*x %*s %*s %*s %*u %*d %lu", address, &port,
		           &at) == 3 &&
		    port == peer->port && parse_address(address, bytes) &&
		    !memcmp(bytes, peer->addr, sizeof bytes))
			inode = at;
	if (file)
		fclose(file);
	return inode;
}

static void look_at(pid_t pid, struct search_for *s)
{
	char path[64], link[64];
	struct dirent *entry;
	DIR *dir;

	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir) {
		if (s->n_hidden < HIDDEN_MAX)
			s->hidden[s->n_hidden] = pid;
		s->n_hidden++;
		return;
	}
	while (!s->found && (entry = readdir(dir))) {
		char name[24];
		ssize_t n;

		snprintf(name, sizeof name, "fd/%.16s", entry->d_name);
		n = proc_link(pid, name, link, sizeof link);
		s->found = n > 0 && (size_t)n == strlen(s->link) && !memcmp(link, s->link, (size_t)n);
	}
	closedir(dir);
}

static bool look_if(pid_t pid, void *arg)
{
	struct search_for *s = arg;
	uint64_t tag;
	uint32_t command;

	if (tag_of(pid, &tag, &command) == s->tagged)
		look_at(pid, s);
	if (s->found && s->tagged)
		s->tag = tag;
	return !s->found;
}

/* Ask the kernel for the one socket. -1 = it does not answer such questions; 0 = no such socket. */
static long ask_socket(const struct http_peer *peer, uid_t *uid)
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
	AUTO_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_SOCK_DIAG);
	_Alignas(struct nlmsghdr) char answer[4096];
	const struct nlmsghdr *head = (const void *)answer;
	const struct inet_diag_msg *found;
	ssize_t n;

	q.ask.id.idiag_sport = htons(peer->port);
	q.ask.id.idiag_dport = htons(peer->our_port);
	memcpy(q.ask.id.idiag_src, peer->addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	memcpy(q.ask.id.idiag_dst, peer->our_addr + (v4 ? 12 : 0), v4 ? 4 : 16);
	q.ask.id.idiag_cookie[0] = q.ask.id.idiag_cookie[1] = INET_DIAG_NOCOOKIE;
	if (fd < 0 || send(fd, &q, sizeof q, 0) != sizeof q)
		return -1;
	n = recv(fd, answer, sizeof answer,
	         MSG_DONTWAIT); /* the kernel has answered before send() returned */
	if (n < (ssize_t)sizeof *head)
		return -1;
	if (head->nlmsg_type == NLMSG_ERROR)
		return n >= (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)) &&
		                       ((const struct nlmsgerr *)NLMSG_DATA(head))->error == -ENOENT
		               ? 0
		               : -1;
	if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct inet_diag_msg)))
		return -1;
	/* A listener of that port is not the peer. */
	found = NLMSG_DATA(head);
	*uid = found->idiag_uid;
	return found->idiag_state == TCP_LISTEN ? 0 : found->idiag_inode;
}

/* May an address of this machine have been the peer's? A listener on all addresses is reached over each. */
static bool is_ours(const struct http_peer *peer)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	AUTO_FD fd = -1;

	if (peer->is_local || !memcmp(peer->addr, peer->our_addr, sizeof peer->addr))
		return true;
	memcpy(&a.sin6_addr, peer->addr, sizeof peer->addr);
	if (IN6_IS_ADDR_LINKLOCAL(&a.sin6_addr))
		return true;
	fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0 && IN6_IS_ADDR_V4MAPPED(&a.sin6_addr)) {
		struct sockaddr_in v4 = { .sin_family = AF_INET };

		memcpy(&v4.sin_addr, peer->addr + 12, 4);
		fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
		return fd < 0 || bind(fd, (struct sockaddr *)&v4, sizeof v4) == 0 || errno != EADDRNOTAVAIL;
	}
	return fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) == 0 || errno != EADDRNOTAVAIL;
}

/* Who ends cannot be looked at for a moment, and holds nothing after. */
static void look_again(struct search_for *s)
{
	for (int i = 0; i < LOOKS && !s->found && s->n_hidden && s->n_hidden <= HIDDEN_MAX; i++) {
		int n = s->n_hidden;

		if (i)
			poll(NULL, 0, 1);
		s->n_hidden = 0;
		for (int k = 0; k < n; k++) {
			struct proc_stat stat;

			if (proc_stat(s->hidden[k], &stat) && stat.state != 'Z' && stat.state != 'X')
				look_at(s->hidden[k], s);
		}
	}
}

/* A process that hides its descriptors (PR_SET_DUMPABLE) could be the one: then somebody else must be found
 * to hold the socket. A caller that has hung up already wants no answer, and gets none of its wishes either.
 */
static bool tcp_peer_is_governed(struct call *c, const struct http_peer *peer)
{
	struct search_for s = { .tagged = true };
	long inode = ask_socket(peer, &c->uid);

	if (inode < 0)
		inode = (long)find_socket("/proc/net/tcp", peer);
	if (!inode)
		inode = (long)find_socket("/proc/net/tcp6", peer);
	if (!inode)
		return true;
	snprintf(s.link, sizeof s.link, "socket:[%ld]", inode);
	proc_each(look_if, &s);
	look_again(&s);
	c->tag = s.tag;
	if (s.found || !s.n_hidden)
		return s.found;
	s.tagged = false;
	proc_each(look_if, &s);
	return !s.found;
}

void api_recognise(struct call *c)
{
	const struct http_peer *peer = c->request->peer;

	c->uid = peer->uid;
	c->tag = peer->tag;
	if (peer->is_unix)
		c->governed = !peer->is_free;
	else
		c->governed = is_ours(peer) && tcp_peer_is_governed(c, peer);
}
