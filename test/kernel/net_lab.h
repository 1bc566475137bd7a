/* net_lab - a network of its own for a test: loopback with documentation addresses on it, and servers that
 * nobody governs.
 *
 * What is done in it is done twice, governed and not, by a copy of the test, and says what it sees on its
 * standard output: as_native() compares.
 */
#pragma once

#include "test/kernel/lab.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Servers: what is written to, answers; what is full, never does. */
enum { PORT_OPEN = 7001, PORT_CLOSED = 7002, PORT_FULL = 7003, PORT_UDP = 7004, PORT_CANARY = 7005 };

#define NL_POLICY                                                      \
	"version: 1\nname: net\n"                                      \
	"command_rules:\n  - name: allow-all\n    commands: [\"*\"]\n" \
	"    decision: allow\n"                                        \
	"network_rules:\n"

struct nl_in6 {
	struct in6_addr addr;
	uint32_t bits;
	int index;
};

union nl_addr {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

LAB_UNUSED static socklen_t nl_addr(union nl_addr *a, const char *text, int port)
{
	memset(a, 0, sizeof *a);
	if (inet_pton(AF_INET, text, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons((uint16_t)port);
		return sizeof a->v4;
	}
	lab_need(inet_pton(AF_INET6, text, &a->v6.sin6_addr) == 1, text);
	a->v6.sin6_family = AF_INET6;
	a->v6.sin6_port = htons((uint16_t)port);
	return sizeof a->v6;
}

static void nl_add(const char *name, const char *text)
{
	struct ifreq r = { .ifr_flags = 0 };
	struct nl_in6 r6 = { .bits = 128, .index = (int)if_nametoindex("lo") };
	union nl_addr a;
	int fd;

	nl_addr(&a, text, 0);
	fd = socket(a.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
	memcpy(&r.ifr_addr, &a.any, sizeof r.ifr_addr);
	r6.addr = a.v6.sin6_addr;
	lab_need(ioctl(fd, SIOCSIFADDR, a.any.sa_family == AF_INET ? (void *)&r : (void *)&r6) == 0, text);
	close(fd);
}

static int nl_listen(const char *text, int port, int type, int backlog)
{
	int fd, one = 1;
	union nl_addr a;
	socklen_t len = nl_addr(&a, text, port);

	fd = socket(a.any.sa_family, type | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (a.any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
	lab_need(bind(fd, &a.any, len) == 0, text);
	lab_need(type == SOCK_DGRAM || listen(fd, backlog) == 0, "listen");
	return fd;
}

LAB_UNUSED static int nl_connect(const char *text, int port, int type)
{
	union nl_addr a;
	socklen_t len = nl_addr(&a, text, port);
	int fd = socket(a.any.sa_family, type, 0);

	if (connect(fd, &a.any, len) == 0)
		return fd;
	len = (socklen_t)errno;
	close(fd);
	errno = (int)len;
	return -1;
}

/* Says what came, with a mark for each: how many have reached it. */
static void nl_serve(int fd, bool canary)
{
	static char block[1 << 20];
	bool dgram = false;
	socklen_t size = sizeof(int);
	int type = 0;

	getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size);
	dgram = type == SOCK_DGRAM;
	for (;;) {
		struct sockaddr_storage from;
		socklen_t len = sizeof from;
		int c = dgram ? -1 : accept(fd, NULL, NULL);
		ssize_t n = dgram ? recvfrom(fd, block, sizeof block, 0, (struct sockaddr *)&from, &len) : 0;

		if (canary)
			lab_mark("reached\n");
		if (dgram && n >= 0)
			sendto(fd, block, (size_t)n, 0, (struct sockaddr *)&from, len);
		if (c < 0)
			continue;
		if (fork() == 0) {
			close(fd);
			while ((n = read(c, block, sizeof block)) > 0)
				if (send(c, block, (size_t)n, MSG_NOSIGNAL) < 0)
					break;
			_exit(0);
		}
		close(c);
	}
}

static pid_t nl_servers[16];
static size_t nl_n_servers;

static void nl_start(int fd, bool canary)
{
	pid_t pid = fork();

	lab_need(pid >= 0, "fork");
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		signal(SIGCHLD, SIG_IGN);
		setenv("KT_CANARY", lab.reached, 1);
		nl_serve(fd, canary);
	}
	close(fd);
	nl_servers[nl_n_servers++] = pid;
}

static void nl_end(void)
{
	for (size_t i = 0; i < nl_n_servers; i++) {
		kill(nl_servers[i], SIGKILL);
		waitpid(nl_servers[i], NULL, 0);
	}
}

/* What the last one has sent is counted: nothing comes in any more. */
static inline void nl_wait_for_quiet(void)
{
	struct stat st;

	for (int i = 0, quiet = 0; i < 500 && quiet < 20; i++) {
		quiet = stat(lab.reached, &st) == 0 ? 0 : quiet + 1;
		unlink(lab.reached);
		poll(NULL, 0, 10);
	}
}

static void nl_full(const char *text)
{
	int fd = nl_listen(text, PORT_FULL, SOCK_STREAM, 0);

	/* Its one place is taken, by somebody who stays. */
	(void)fd;
	for (int i = 0; i < 3; i++) {
		union nl_addr a;
		socklen_t len = nl_addr(&a, text, PORT_FULL);
		int c = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

		lab_need(connect(c, &a.any, len) == 0 || errno == EINPROGRESS, "fill");
	}
}

LAB_UNUSED static void nl_build(void)
{
	static const char *const more[] = { "192.0.2.1",       "198.51.100.1",    "203.0.113.1",
		                            "169.254.169.254", "100.100.100.200", "10.0.0.1" };
	static const char *const more6[] = { "2001:db8::1", "fd00:ec2::254" };
	struct ifreq r = { .ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING };
	char name[16];
	int fd;

	lab_start();
	if (nl_n_servers)
		return;
	if (unshare(CLONE_NEWNET) < 0)
		t_skip_all("no network namespaces");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	lab_need(ioctl(fd, SIOCSIFFLAGS, &r) == 0, "lo");
	close(fd);
	for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
		snprintf(name, sizeof name, "lo:%zu", i);
		nl_add(name, more[i]);
	}
	for (size_t i = 0; i < sizeof more6 / sizeof *more6; i++)
		nl_add("lo", more6[i]);
	atexit(nl_end);
	nl_start(nl_listen("0.0.0.0", PORT_OPEN, SOCK_STREAM, 512), false);
	nl_start(nl_listen("::", PORT_OPEN, SOCK_STREAM, 512), false);
	nl_start(nl_listen("0.0.0.0", PORT_UDP, SOCK_DGRAM, 0), false);
	nl_start(nl_listen("::", PORT_UDP, SOCK_DGRAM, 0), false);
	nl_start(nl_listen("0.0.0.0", PORT_CANARY, SOCK_STREAM, 512), true);
	nl_start(nl_listen("::", PORT_CANARY, SOCK_STREAM, 512), true);
	nl_start(nl_listen("0.0.0.0", PORT_CANARY, SOCK_DGRAM, 0), true);
	nl_start(nl_listen("::", PORT_CANARY, SOCK_DGRAM, 0), true);
	nl_full("127.0.0.1");
	nl_full("::1");
	lab.option = "--judge-net";
}

/* The attack natively and governed: what it says is the same. */
LAB_UNUSED static void as_native(const char *name, uid_t uid)
{
	static struct outcome native, governed;
	char *a, *b, *at, *to;

	lab_attack(name, false, uid, &native);
	lab_attack(name, true, uid, &governed);
	ok(lab_exit(&native) == 0, "%s natively: %d", name, lab_exit(&native));
	ok(lab_exit(&governed) == 0, "%s governed: %d", name, lab_exit(&governed));
	if (!ok(*native.out && !strcmp(native.out, governed.out), "%s is as natively, uid %d", name,
	        (int)uid)) {
		for (a = strtok_r(native.out, "\n", &at), b = strtok_r(governed.out, "\n", &to); a || b;
		     a = strtok_r(NULL, "\n", &at), b = strtok_r(NULL, "\n", &to))
			if (!a || !b || strcmp(a, b) != 0)
				printf("# native:   %s\n# governed: %s\n", a ? a : "-", b ? b : "-");
		lab_show(&governed);
	}
}
