/* via - time connections, made directly and by way of proxies, against each other.
 *
 * usage:
 * via serve [ADDRESS PORT]     prints its port; answers whoever comes, until its standard input ends
 * via connect PORT PROXY       a worker: connects to PORT of 127.0.0.1, by CONNECT when PROXY is not 0, and
 *                              exchanges 100 bytes, as often as it is told
 * via hello PORT ADDRESS       a worker: the same with that address, where the 100 bytes are what TLS says
 *                              first to bench.test
 * via up|down PORT PROXY       a worker: sends or gets as many MiB as it is told
 * via drive GROUP ROUNDS COUNT <FILE
 *                              each line a NAME, a tab, and the shell command of a worker; rounds go through
 *                              them forwards and backwards in turn
 * via held COUNT PORT PROXY    makes so many connections, says "ready", keeps them while its standard input
 *                              lasts
 *
 * A worker reads a number per line, and prints how many microseconds that took (all of it).
 * drive prints GROUP NAME ROUND MICROSECONDS, those divided by COUNT.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SMALL = 100, PIECE = 1 << 16, WORKERS = 8 };

static char piece[PIECE], sink[PIECE];

/* RFC 8446, 4.1.2: a ClientHello with a server name (RFC 6066, 3) and padding (RFC 7685). */
static const char hello[SMALL] = "\x16\x03\x01\0\x5f"               /* a record of 95 bytes … */
                                 "\x01\0\0\x5b\x03\x03"             /* … which is a hello of 91 */
                                 "0123456789abcdef0123456789abcdef" /* random */
                                 "\0\0\x02\xc0\x2f\x01\0\0\x30"     /* one cipher suite; 48 bytes more: */
                                 "\0\0\0\x0f\0\x0d\0\0\x0a"
                                 "bench.test"
                                 "\0\x15\0\x19";

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "via: %s: %s\n", what, strerror(errno));
	exit(1);
}

static double now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static int put(int fd, const void *data, size_t len)
{
	for (const char *at = data; len;) {
		ssize_t n = write(fd, at, len);

		if (n <= 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

static int get(int fd, void *data, size_t len)
{
	for (char *at = data; len;) {
		ssize_t n = read(fd, at, len);

		if (n <= 0)
			return -1;
		at += n;
		len -= (size_t)n;
	}
	return 0;
}

/* What is asked for: 'c' and 99 bytes for as many; 'u' or 'd', and how many bytes go which way. */
static int exchange_here(int fd, const char *ask)
{
	uint64_t left;

	memcpy(&left, ask + 8, 8);
	for (; ask[0] == 'u' && left; left -= PIECE)
		if (get(fd, sink, PIECE) < 0)
			return -1;
	for (; ask[0] == 'd' && left; left -= PIECE)
		if (put(fd, piece, PIECE) < 0)
			return -1;
	return put(fd, ask, SMALL);
}

struct large {
	int fd;
	char ask[SMALL];
};

/* In a thread of its own: it blocks. */
static void *answer_large(void *arg)
{
	struct large *l = arg;

	exchange_here(l->fd, l->ask);
	close(l->fd);
	free(l);
	return NULL;
}

static void answer(int ep, int fd)
{
	struct large *l = calloc(1, sizeof *l);
	pthread_t thread;

	if (!l)
		fail("answer");
	l->fd = fd;
	if (get(fd, l->ask, SMALL) < 0)
		close(fd);
	else if (l->ask[0] == 'c' || l->ask[0] == hello[0])
		put(fd, l->ask, SMALL);
	else {
		epoll_ctl(ep, EPOLL_CTL_DEL, fd, NULL);
		if (pthread_create(&thread, NULL, answer_large, l))
			fail("thread");
		pthread_detach(thread);
		return;
	}
	free(l);
}

static void *until_end(void *arg)
{
	char c;

	while (read(0, &c, 1) > 0)
		;
	exit(0);
	return arg;
}

static int serve(const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_addr.s_addr = inet_addr(address),
		                 .sin_port = htons((uint16_t)port) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct epoll_event ev = { .events = EPOLLIN, .data.fd = fd };
	int ep = epoll_create1(EPOLL_CLOEXEC);
	pthread_t thread;

	if (bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || listen(fd, 4096) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		fail("listen");
	printf("%d\n", ntohs(a.sin_port));
	fflush(stdout);
	pthread_create(&thread, NULL, until_end, NULL);
	epoll_ctl(ep, EPOLL_CTL_ADD, fd, &ev);
	while (epoll_wait(ep, &ev, 1, -1) == 1) {
		if (ev.data.fd != fd) {
			answer(ep, ev.data.fd);
			continue;
		}
		ev = (struct epoll_event){ .events = EPOLLIN, .data.fd = accept(fd, NULL, NULL) };
		if (ev.data.fd >= 0)
			epoll_ctl(ep, EPOLL_CTL_ADD, ev.data.fd, &ev);
	}
	return 1;
}

static int reach(const char *address, int port)
{
	struct sockaddr_in a = { .sin_family = AF_INET,
		                 .sin_addr.s_addr = inet_addr(address),
		                 .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		fail("connect");
	return fd;
}

static int reach_by(int port, int proxy)
{
	int fd = reach("127.0.0.1", proxy ? proxy : port), n;
	char text[512];
	size_t have = 0;

	if (!proxy)
		return fd;
	n = snprintf(text, sizeof text, "CONNECT 127.0.0.1:%d HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n", port,
	             port);
	if (put(fd, text, (size_t)n) < 0)
		fail("ask");
	do {
		ssize_t got = read(fd, text + have, sizeof text - 1 - have);

		if (got <= 0)
			fail("the proxy's answer");
		have += (size_t)got;
		text[have] = '\0';
	} while (!strstr(text, "\r\n\r\n") && have < sizeof text - 1);
	if (strncmp(text + 8, " 200", 4)) {
		errno = EPROTO;
		fail(text);
	}
	return fd;
}

static void exchange(int fd, char what, uint64_t bytes)
{
	char ask[SMALL] = { what };

	memcpy(ask + 8, &bytes, 8);
	if (put(fd, ask, SMALL) < 0)
		fail("ask");
	for (uint64_t i = 0; what == 'u' && i < bytes; i += PIECE)
		if (put(fd, piece, PIECE) < 0)
			fail("send");
	for (uint64_t i = 0; what == 'd' && i < bytes; i += PIECE)
		if (get(fd, sink, PIECE) < 0)
			fail("receive");
	if (get(fd, ask, SMALL) < 0)
		fail("answer");
}

static int work(char what, int port, int proxy)
{
	char line[32];

	while (fgets(line, sizeof line, stdin)) {
		int n = atoi(line), fd;
		double from = now_us();

		if (what == 'c')
			for (int i = 0; i < n; i++) {
				fd = reach_by(port, proxy);
				exchange(fd, what, 0);
				close(fd);
			}
		else {
			fd = reach_by(port, proxy);
			exchange(fd, what, (uint64_t)n << 20);
			close(fd);
		}
		printf("%.1f\n", now_us() - from);
		fflush(stdout);
	}
	return 0;
}

static int greet(const char *address, int port)
{
	char line[32], text[SMALL];

	while (fgets(line, sizeof line, stdin)) {
		double from = now_us();

		for (int i = 0; i < atoi(line); i++) {
			int fd = reach(address, port);

			if (put(fd, hello, SMALL) < 0 || get(fd, text, SMALL) < 0 ||
			    memcmp(text, hello, SMALL) != 0)
				fail("hello");
			close(fd);
		}
		printf("%.1f\n", now_us() - from);
		fflush(stdout);
	}
	return 0;
}

struct worker {
	char name[64];
	FILE *to, *from;
};

static void start(struct worker *w, const char *command)
{
	int to[2], from[2];

	if (pipe2(to, 02000000) < 0 || pipe2(from, 02000000) < 0)
		fail("pipe");
	switch (fork()) {
	case -1:
		fail("fork");
	case 0:
		dup2(to[0], 0);
		dup2(from[1], 1);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	w->to = fdopen(to[1], "w");
	w->from = fdopen(from[0], "r");
}

static double ask(struct worker *w, int count)
{
	char line[64];

	fprintf(w->to, "%d\n", count);
	fflush(w->to);
	if (!fgets(line, sizeof line, w->from))
		fail(w->name);
	return atof(line);
}

static int drive(const char *group, int rounds, int count)
{
	static struct worker workers[WORKERS];
	char line[4096], *tab;
	int n = 0;

	while (n < WORKERS && fgets(line, sizeof line, stdin) && (tab = strchr(line, '\t'))) {
		snprintf(workers[n].name, sizeof workers[n].name, "%.*s", (int)(tab - line), line);
		start(&workers[n++], tab + 1);
	}
	for (int i = 0; i < n; i++)
		ask(&workers[i], count / 10 + 1);
	for (int round = 0; round < rounds; round++)
		for (int i = 0; i < n; i++) {
			struct worker *w = &workers[round & 1 ? n - 1 - i : i];

			printf("%s\t%s\t%d\t%.2f\n", group, w->name, round, ask(w, count) / count);
		}
	return 0;
}

static int hold(int count, int port, int proxy)
{
	struct rlimit most = { (rlim_t)count + 64, (rlim_t)count + 64 };
	char c;

	setrlimit(RLIMIT_NOFILE, &most);
	for (int i = 0; i < count; i++)
		exchange(reach_by(port, proxy), 'c', 0);
	puts("ready");
	fflush(stdout);
	while (read(0, &c, 1) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "";

	if (!strcmp(what, "serve") && argc == 2)
		return serve("127.0.0.1", 0);
	if (!strcmp(what, "serve") && argc == 4)
		return serve(argv[2], atoi(argv[3]));
	if (!strcmp(what, "hello") && argc == 4)
		return greet(argv[3], atoi(argv[2]));
	if (!strcmp(what, "drive") && argc == 5)
		return drive(argv[2], atoi(argv[3]), atoi(argv[4]));
	if (!strcmp(what, "held") && argc == 5)
		return hold(atoi(argv[2]), atoi(argv[3]), atoi(argv[4]));
	if ((!strcmp(what, "connect") || !strcmp(what, "up") || !strcmp(what, "down")) && argc == 4)
		return work(*what, atoi(argv[2]), atoi(argv[3]));
	fprintf(stderr, "usage: via serve [ADDRESS PORT] | connect|up|down PORT PROXY | hello PORT ADDRESS | "
	                "drive GROUP ROUNDS COUNT | held COUNT PORT PROXY\n");
	return 2;
}
