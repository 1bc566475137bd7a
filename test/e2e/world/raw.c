/*
 * raw - reaches for hosts by system calls of its own, as programs do that use no C library. Static.
 *
 *	raw go HOST PORT TEXT	asks the name server itself, connects without blocking, says TEXT, shows the
 *				answer; on port 443 says a TLS hello instead, shows what kind of record comes
 *	raw tcp ADDRESS PORT TEXT	connects; says TEXT, shows the answer
 *	raw fastopen ADDRESS PORT TEXT	sends with MSG_FASTOPEN, without connect
 *	raw sendto|sendmsg|sendmmsg|connected ADDRESS PORT TEXT	one datagram, and its echo
 *	raw race GOOD BAD PORT SECONDS	a thread changes the address GOOD:PORT into BAD:PORT while it is
 *				connected to; shows how often BAD answered
 *	raw family		sockets that no policy needs: what each gives
 *
 * Prints one line, and "E NAME" when a call fails with the error NAME.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int failed(const char *what)
{
	printf("E %s %s\n", strerrorname_np(errno), what);
	return 1;
}

static socklen_t address_of(const char *text, const char *port, struct sockaddr_storage *out)
{
	struct sockaddr_in *in = (struct sockaddr_in *)out;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
		in->sin_port = htons((unsigned short)atoi(port));
		return sizeof(*in);
	}
	if (inet_pton(AF_INET6, text, &in6->sin6_addr) != 1)
		return 0;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons((unsigned short)atoi(port));
	return sizeof(*in6);
}

/* Waits with epoll, as runtimes do. */
static int wait_for(int fd, unsigned int events)
{
	struct epoll_event ev = { .events = events };
	int ep = epoll_create1(EPOLL_CLOEXEC), n;

	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	n = epoll_wait(ep, &ev, 1, 5000);
	close(ep);
	return n == 1 ? 0 : -1;
}

static int show_answer(int fd, const char *text)
{
	char buf[4096];
	size_t used = 0;
	ssize_t n;

	dprintf(fd, "GET /%s HTTP/1.0\r\n\r\n", text);
	while (used < sizeof(buf) - 1) {
		if (wait_for(fd, EPOLLIN) != 0) {
			errno = ETIMEDOUT;
			return failed("answer");
		}
		n = read(fd, buf + used, sizeof(buf) - 1 - used);
		if (n < 0)
			return failed("read");
		if (n == 0)
			break;
		used += (size_t)n;
	}
	buf[used] = 0;
	buf[strcspn(buf, "\r\n")] = 0;
	printf("%s\n", used ? buf : "closed");
	return strstr(buf, " 200") ? 0 : 3;
}

/* A client hello for that name, as short as they come. */
static int show_hello(int fd, const char *name)
{
	static const unsigned char rest[] = { 0, 10, 0, 4,  0, 2, 0, 23, 0, 11, 0, 2,
		                              1, 0,  0, 13, 0, 6, 0, 4,  4, 3,  8, 4 };
	unsigned char b[512] = { 22, 3, 1, 0, 0, 1, 0, 0, 0, 3, 3 }, answer[5];
	size_t n = strlen(name), at = 11 + 32;

	memcpy(b + at, "\0\0\4\xc0\x2b\xc0\x2f\1\0", 9);
	at += 9;
	b[at + 1] = (unsigned char)(9 + n + sizeof(rest));
	b[at + 5] = (unsigned char)(5 + n);
	b[at + 7] = (unsigned char)(3 + n);
	b[at + 10] = (unsigned char)n;
	memcpy(b + at + 11, name, n);
	memcpy(b + at + 11 + n, rest, sizeof(rest));
	at += 11 + n + sizeof(rest);
	b[4] = (unsigned char)(at - 5);
	b[8] = (unsigned char)(at - 9);
	if (write(fd, b, at) != (ssize_t)at)
		return failed("write");
	if (wait_for(fd, EPOLLIN) != 0 || read(fd, answer, sizeof(answer)) <= 0) {
		printf("closed\n");
		return 3;
	}
	printf("%s\n", answer[0] == 22 ? "handshake" : answer[0] == 21 ? "alert" : "other");
	return answer[0] == 22 ? 0 : 3;
}

static int tcp(const char *to, const char *port, const char *text, const char *name)
{
	struct sockaddr_storage at;
	socklen_t len = address_of(to, port, &at);
	int fd = (int)syscall(SYS_socket, at.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0),
	    why = 0;
	socklen_t n = sizeof(why);

	if (fd < 0)
		return failed("socket");
	if (syscall(SYS_connect, fd, &at, len) != 0) {
		if (errno != EINPROGRESS)
			return failed("connect");
		if (wait_for(fd, EPOLLOUT) != 0) {
			errno = ETIMEDOUT;
			return failed("connect");
		}
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &n);
		if (why != 0) {
			errno = why;
			return failed("connect");
		}
	}
	return name && !strcmp(port, "443") ? show_hello(fd, name) : show_answer(fd, text);
}

/* The first IPv4 address of a name, by a question of our own over UDP. */
static int look_up(const char *host, char out[64])
{
	unsigned char q[512] = { 0x12, 0x34, 1, 0, 0, 1 }, a[2048];
	struct sockaddr_storage at;
	char line[256], server[64] = "";
	const char *from = host;
	size_t len = 12, i;
	ssize_t n;
	FILE *f = fopen("/etc/resolv.conf", "re");
	int fd;

	while (f && fgets(line, sizeof(line), f))
		if (!server[0])
			sscanf(line, "nameserver %63s", server);
	if (f)
		fclose(f);
	for (; *from; from += i + (from[i] == '.')) {
		i = strcspn(from, ".");
		q[len++] = (unsigned char)i;
		memcpy(q + len, from, i);
		len += i;
	}
	len++;
	q[len + 1] = 1;
	q[len + 3] = 1;
	len += 4;
	fd = (int)syscall(SYS_socket, AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (syscall(SYS_connect, fd, &at, address_of(server, "53", &at)) != 0 ||
	    write(fd, q, len) != (ssize_t)len || wait_for(fd, EPOLLIN) != 0)
		return -1;
	n = read(fd, a, sizeof(a));
	close(fd);
	for (i = len; n > 0 && i + 14 <= (size_t)n; i++) /* a record of type A, class IN, of four bytes */
		if (!memcmp(a + i, "\0\1\0\1", 4) && a[i + 8] == 0 && a[i + 9] == 4)
			return inet_ntop(AF_INET, a + i + 10, out, 64) ? 0 : -1;
	errno = ENOENT;
	return -1;
}

static int datagram(const char *how, const char *to, const char *port, const char *text)
{
	struct sockaddr_storage at;
	socklen_t len = address_of(to, port, &at);
	char buf[2048];
	struct iovec v = { .iov_base = (void *)(size_t)text, .iov_len = strlen(text) };
	struct mmsghdr m = { .msg_hdr = {
		                     .msg_iov = &v, .msg_iovlen = 1, .msg_name = &at, .msg_namelen = len } };
	int fd = (int)syscall(SYS_socket, at.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct timeval tv = { .tv_sec = 2 };
	ssize_t n;

	if (fd < 0)
		return failed("socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &tv, sizeof(tv));
	if (!strcmp(how, "sendto")) {
		n = syscall(SYS_sendto, fd, text, strlen(text), 0, &at, len);
	} else if (!strcmp(how, "sendmsg")) {
		n = syscall(SYS_sendmsg, fd, &m.msg_hdr, 0);
	} else if (!strcmp(how, "sendmmsg")) {
		n = syscall(SYS_sendmmsg, fd, &m, 1, 0);
	} else {
		if (syscall(SYS_connect, fd, &at, len) != 0)
			return failed("connect");
		n = write(fd, text, strlen(text));
	}
	if (n < 0)
		return failed(how);
	n = recv(fd, buf, sizeof(buf) - 1, 0);
	if (n < 0)
		return failed("recv");
	printf("echo %.*s\n", (int)n, buf);
	return 0;
}

static int fastopen(const char *to, const char *port, const char *text)
{
	struct sockaddr_storage at;
	socklen_t len = address_of(to, port, &at);
	int fd = (int)syscall(SYS_socket, at.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[256];

	snprintf(line, sizeof(line), "GET /%s HTTP/1.0\r\n\r\n", text);
	if (syscall(SYS_sendto, fd, line, strlen(line), MSG_FASTOPEN, &at, len) < 0)
		return failed("sendto");
	return show_answer(fd, text);
}

static struct sockaddr_storage flipping, good_at, bad_at;
static atomic_bool over;

static void *flip(void *arg)
{
	struct sockaddr_in *at = (struct sockaddr_in *)&flipping;
	volatile in_addr_t *where = &at->sin_addr.s_addr;

	while (!over) {
		*where = ((struct sockaddr_in *)&bad_at)->sin_addr.s_addr;
		*where = ((struct sockaddr_in *)&good_at)->sin_addr.s_addr;
	}
	return arg;
}

static void *serve(void *arg)
{
	int fd, s = *(int *)arg;

	while ((fd = accept(s, NULL, NULL)) >= 0)
		close(fd);
	return NULL;
}

static int race(const char *good, const char *bad, const char *port, int seconds)
{
	socklen_t len = address_of(good, port, &good_at);
	int hits[2] = { 0 }, denied = 0, all = 0, s = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	struct sockaddr_storage peer;
	struct timespec from, now;
	pthread_t t[2];

	address_of(bad, port, &bad_at);
	flipping = good_at;
	setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(s, (struct sockaddr *)&good_at, len) != 0 || listen(s, 1024) != 0)
		return failed("listen");
	pthread_create(&t[0], NULL, flip, NULL);
	pthread_create(&t[1], NULL, serve, &s);
	clock_gettime(CLOCK_MONOTONIC, &from);
	do {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		socklen_t n = sizeof(peer);

		if (connect(fd, (struct sockaddr *)&flipping, len) != 0)
			denied++;
		else if (getpeername(fd, (struct sockaddr *)&peer, &n) == 0)
			hits[((struct sockaddr_in *)&peer)->sin_addr.s_addr ==
			     ((struct sockaddr_in *)&bad_at)->sin_addr.s_addr]++;
		close(fd);
		all++;
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec - from.tv_sec < seconds && (hits[1] == 0 || all < 500));
	over = true;
	printf("%d of %d, %d refused, %s\n", hits[1], all, denied, hits[0] ? "the good one answers" : "none");
	fflush(stdout);
	_exit(0);
}

static int families(void)
{
	static const struct {
		int family, type, proto;
		const char *name;
	} kinds[] = {
		{ AF_INET, SOCK_RAW, IPPROTO_ICMP, "raw" },
		{ AF_INET, SOCK_DGRAM, IPPROTO_ICMP, "ping" },
		{ AF_INET6, SOCK_RAW, IPPROTO_ICMPV6, "raw6" },
		{ AF_PACKET, SOCK_RAW, 0, "packet" },
		{ AF_INET, SOCK_STREAM, 132, "sctp" },
		{ AF_INET, SOCK_DGRAM, 136, "udplite" },
		{ 40, SOCK_STREAM, 0, "vsock" },
		{ 38, SOCK_SEQPACKET, 0, "alg" },
		{ AF_NETLINK, SOCK_RAW, 12, "netfilter" },
		{ AF_NETLINK, SOCK_RAW, 6, "xfrm" },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		int fd = socket(kinds[i].family, kinds[i].type, kinds[i].proto);

		printf("%s%s=%s", i ? " " : "", kinds[i].name, fd < 0 ? strerrorname_np(errno) : "OPEN");
		if (fd >= 0)
			close(fd);
	}
	printf("\n");
	return 0;
}

int main(int argc, char **argv)
{
	char found[64];

	if (argc == 2 && !strcmp(argv[1], "family"))
		return families();
	if (argc == 6 && !strcmp(argv[1], "race"))
		return race(argv[2], argv[3], argv[4], atoi(argv[5]));
	if (argc != 5)
		return 2;
	if (!strcmp(argv[1], "go"))
		return look_up(argv[2], found) ? failed("look-up") : tcp(found, argv[3], argv[4], argv[2]);
	if (!strcmp(argv[1], "tcp"))
		return tcp(argv[2], argv[3], argv[4], NULL);
	if (!strcmp(argv[1], "fastopen"))
		return fastopen(argv[2], argv[3], argv[4]);
	return datagram(argv[1], argv[2], argv[3], argv[4]);
}
