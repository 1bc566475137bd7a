/* net_send - sendto(2), sendmsg(2) and sendmmsg(2) governed are what they are: datagrams and streams, of one
 * thread and of several, with descriptors, in full queues, to local sockets by path.
 */
#include "test/kernel/net_lab.h"

#include <netinet/udp.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/mman.h>

static const char policy[] =
        NL_POLICY "  - name: allow-all\n    cidrs: [\"0.0.0.0/0\", \"::/0\"]\n    decision: allow\n";

static void say(const char *what, long rc)
{
	printf("%s: %ld %s\n", what, rc, rc < 0 ? strerror(errno) : "");
	fflush(stdout);
}

static void *idle(void *arg)
{
	(void)arg;
	pause();
	return NULL;
}

/* Cases ending in "_threads" have one more. */
static void start_thread(void)
{
	pthread_t t;

	if (strstr(lab_env("KT_ATTACK"), "_threads"))
		pthread_create(&t, NULL, idle, NULL);
}

static void heard(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char got[64] = "";
	ssize_t n = poll(&p, 1, 500) == 1 ? recv(fd, got, sizeof got - 1, 0) : -2;

	printf("heard %zd %s\n", n, got);
}

static void lengths(void)
{
	union nl_addr a;

	for (int l = -1; l < 40; l++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);

		nl_addr(&a, "127.0.0.1", PORT_UDP);
		printf("len %d ", l);
		say("", sendto(fd, "hello", 5, 0, &a.any, (socklen_t)l));
		nl_addr(&a, "::1", PORT_UDP);
		say(" 6", sendto(fd6, "hello", 5, 0, &a.any, (socklen_t)l));
		close(fd);
		close(fd6);
	}
}

static void families(void)
{
	union nl_addr a;

	for (int family = 0; family < 20; family++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0), fd6 = socket(AF_INET6, SOCK_DGRAM, 0);

		nl_addr(&a, "127.0.0.1", PORT_UDP);
		a.any.sa_family = (sa_family_t)family;
		printf("family %d ", family);
		say("", sendto(fd, "hello", 5, 0, &a.any, 28));
		say(" 6", sendto(fd6, "hello", 5, 0, &a.any, 28));
		close(fd);
		close(fd6);
	}
}

static int udp(void)
{
	static const char *const to[] = { "127.0.0.1", "192.0.2.1", "0.0.0.0", "255.255.255.255",
		                          "192.88.99.1" };
	static char large[70000];
	union nl_addr a;
	socklen_t len;

	signal(SIGPIPE, SIG_IGN);
	start_thread();
	for (size_t i = 0; i < sizeof to / sizeof *to; i++) {
		int fd = socket(AF_INET, SOCK_DGRAM, 0);

		len = nl_addr(&a, to[i], PORT_UDP);
		say(to[i], sendto(fd, "hello", 5, 0, &a.any, len));
		heard(fd);
		say("closed", (nl_addr(&a, to[i], PORT_CLOSED), sendto(fd, "hello", 5, 0, &a.any, len)));
		close(fd);
	}
	lengths();
	families();
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	len = nl_addr(&a, "127.0.0.1", PORT_UDP);
	say("empty", sendto(fd, "", 0, 0, &a.any, len));
	say("large", sendto(fd, large, sizeof large, 0, &a.any, len));
	say("largest", sendto(fd, large, 65507, 0, &a.any, len));
	say("too large", sendto(fd, large, 65508, 0, &a.any, len));
	say("fault", sendto(fd, (void *)16, 5, 0, &a.any, len));
	say("fault in the address", sendto(fd, "hello", 5, 0, (void *)16, len));
	say("no descriptor", sendto(99, "hello", 5, 0, &a.any, len));
	say("no socket", sendto(1, "hello", 5, 0, &a.any, len));
	say("out of band", sendto(fd, "hello", 5, MSG_OOB, &a.any, len));
	say("no address", sendto(fd, "hello", 5, 0, NULL, 0));
	say("fast", sendto(socket(AF_INET, SOCK_STREAM, 0), "hello", 5, 0, &a.any, len));
	close(fd);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	say("connect", connect(fd, &a.any, len));
	len = nl_addr(&a, "192.0.2.1", PORT_UDP);
	say("elsewhere", sendto(fd, "hello", 5, 0, &a.any, len));
	heard(fd);
	return 0;
}

static int messages(void)
{
	struct iovec iov[3] = { { "one ", 4 }, { "two ", 4 }, { "three", 5 } };
	union nl_addr a;
	struct msghdr h = { .msg_name = &a, .msg_iov = iov, .msg_iovlen = 3 };
	struct mmsghdr many[5] = { { .msg_len = 77 } };
	char control[64] = "";
	int fd = socket(AF_INET, SOCK_DGRAM, 0), ttl = 3;

	start_thread();
	h.msg_namelen = nl_addr(&a, "127.0.0.1", PORT_UDP);
	say("sendmsg", sendmsg(fd, &h, 0));
	heard(fd);
	h.msg_control = control;
	h.msg_controllen = CMSG_SPACE(sizeof ttl);
	*CMSG_FIRSTHDR(&h) = (struct cmsghdr){ .cmsg_len = CMSG_LEN(sizeof ttl),
		                               .cmsg_level = IPPROTO_IP,
		                               .cmsg_type = IP_TTL };
	memcpy(CMSG_DATA(CMSG_FIRSTHDR(&h)), &ttl, sizeof ttl);
	say("with a time to live", sendmsg(fd, &h, 0));
	heard(fd);
	CMSG_FIRSTHDR(&h)->cmsg_len = 3;
	say("bad control", sendmsg(fd, &h, 0));
	h.msg_control = NULL;
	h.msg_controllen = 0;
	h.msg_iovlen = 1025;
	say("too many pieces", syscall(SYS_sendmsg, fd, &h, 0));
	h.msg_iovlen = 3;
	say("fault", syscall(SYS_sendmsg, fd, (void *)16, 0));
	for (int i = 0; i < 5; i++)
		many[i].msg_hdr = h;
	say("sendmmsg", sendmmsg(fd, many, 5, 0));
	for (int i = 0; i < 5; i++) {
		printf("%u ", many[i].msg_len);
		heard(fd);
	}
	many[2].msg_hdr.msg_iov = (void *)16;
	say("a fault in the third", sendmmsg(fd, many, 5, 0));
	heard(fd);
	heard(fd);
	many[0].msg_hdr.msg_iov = (void *)16;
	say("a fault in the first", sendmmsg(fd, many, 5, 0));
	say("none", sendmmsg(fd, many, 0, 0));
	say("connect", connect(fd, &a.any, h.msg_namelen));
	h.msg_name = NULL;
	h.msg_namelen = 0;
	many[0].msg_hdr = many[1].msg_hdr = h;
	say("two as the resolver does", sendmmsg(fd, many, 2, MSG_NOSIGNAL));
	heard(fd);
	heard(fd);
	return 0;
}

static int streams(void)
{
	static char large[3 << 20], back[3 << 20];
	struct iovec iov = { large, sizeof large };
	union nl_addr a;
	struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
	int fd = nl_connect("127.0.0.1", PORT_OPEN, SOCK_STREAM), pair[2];
	size_t got = 0, sent = 0;
	ssize_t n = 0;

	start_thread();
	for (size_t i = 0; i < sizeof large; i++)
		large[i] = (char)(i * 7 + i / 251);
	if (fork() == 0) {
		while (sent < sizeof large) {
			iov = (struct iovec){ large + sent, sizeof large - sent };
			n = sendmsg(fd, &h, 0);
			if (n <= 0)
				_exit(1);
			sent += (size_t)n;
		}
		shutdown(fd, SHUT_WR);
		_exit(0);
	}
	while (got < sizeof back && (n = read(fd, back + got, sizeof back - got)) > 0)
		got += (size_t)n;
	printf("%zu back, %s\n", got, memcmp(back, large, sizeof back) ? "different" : "the same");
	h.msg_namelen = nl_addr(&a, "192.0.2.1", PORT_OPEN);
	h.msg_name = &a;
	iov = (struct iovec){ "hello", 5 };
	fd = nl_connect("127.0.0.1", PORT_OPEN, SOCK_STREAM);
	say("with a name", sendmsg(fd, &h, 0));
	heard(fd);
	say("sendto", sendto(fd, "again", 5, 0, &a.any, h.msg_namelen));
	heard(fd);
	signal(SIGPIPE, SIG_IGN);
	say("not connected", sendmsg(socket(AF_INET, SOCK_STREAM, 0), &h, 0));
	h.msg_name = NULL;
	h.msg_namelen = 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return 1;
	iov = (struct iovec){ large, 1000 };
	for (got = 0; (n = sendmsg(pair[0], &h, 0)) == 1000;)
		got++;
	printf("full %zd %s\n", n, strerror(errno));
	close(pair[1]);
	say("gone", sendmsg(pair[0], &h, 0));
	signal(SIGPIPE, SIG_DFL);
	if (fork() == 0)
		_exit(sendmsg(pair[0], &h, 0) > 0);
	wait(&pair[1]);
	printf("ended by %d\n", WTERMSIG(pair[1]));
	return 0;
}

static long give(int sock, const int *fds, int n, const char *text, const struct sockaddr_un *to,
                 socklen_t len)
{
	char control[CMSG_SPACE(sizeof(int) * 8)] = "";
	struct iovec iov = { (char *)text, strlen(text) };
	struct msghdr h = { .msg_iov = &iov,
		            .msg_iovlen = 1,
		            .msg_control = control,
		            .msg_controllen = CMSG_SPACE(sizeof(int) * (size_t)n),
		            .msg_name = (void *)to,
		            .msg_namelen = len };
	struct cmsghdr *c = CMSG_FIRSTHDR(&h);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int) * (size_t)n);
	memcpy(CMSG_DATA(c), fds, sizeof(int) * (size_t)n);
	return sendmsg(sock, &h, 0);
}

static void taken(int sock)
{
	char control[CMSG_SPACE(sizeof(int) * 8)] = "", text[32] = "", file[16] = "";
	struct iovec iov = { text, sizeof text - 1 };
	struct msghdr h = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
	};
	struct cmsghdr *c;
	ssize_t n = recvmsg(sock, &h, MSG_DONTWAIT);
	int fd;

	printf("taken %zd %s:", n, text);
	for (c = n < 0 ? NULL : CMSG_FIRSTHDR(&h); c; c = CMSG_NXTHDR(&h, c))
		for (size_t i = 0; i * sizeof fd < c->cmsg_len - CMSG_LEN(0); i++) {
			memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
			n = pread(fd, file, 5, 0);
			printf(" %zd %.5s", n, file);
			close(fd);
		}
	printf("\n");
}

static int rights(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	int file = memfd_create("x", 0), pair[2], fds[3];

	start_thread();
	say("file", write(file, "hello", 5));
	for (int i = 0; i < 3; i++) {
		if (socketpair(AF_UNIX, types[i], 0, pair) < 0)
			return 1;
		fds[0] = fds[1] = file;
		fds[2] = 99;
		say("give", give(pair[0], fds, 2, "two", NULL, 0));
		taken(pair[1]);
		say("none of ours", give(pair[0], fds, 3, "three", NULL, 0));
		taken(pair[1]);
		close(pair[0]);
		close(pair[1]);
	}
	return 0;
}

static socklen_t at_path(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	snprintf(a->sun_path, sizeof a->sun_path, "%s", path);
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + 1);
}

static void by_path(int fd, int dgram, int file, const char *dir)
{
	struct sockaddr_un a;
	socklen_t len;
	char link[64];

	len = at_path(&a, "dgram");
	say("bind", bind(dgram, (struct sockaddr *)&a, len));
	say("sendto", sendto(fd, "hello", 5, 0, (struct sockaddr *)&a, len));
	heard(dgram);
	say("with a descriptor", give(fd, &file, 1, "one", &a, len));
	taken(dgram);
	snprintf(link, sizeof link, "%s/%s/dgram", lab_env("PWD"), dir);
	say("link", symlink("dgram", "link"));
	say("by a link", (len = at_path(&a, "link"), sendto(fd, "linked", 6, 0, (struct sockaddr *)&a, len)));
	heard(dgram);
	snprintf(link, sizeof link, "/proc/self/fd/%d/dgram", open(".", O_PATH));
	say("by a descriptor",
	    (len = at_path(&a, link), sendto(fd, "short", 5, 0, (struct sockaddr *)&a, len)));
	heard(dgram);
	say("connect", connect(fd, (struct sockaddr *)&a, len));
	say("send", send(fd, "plain", 5, 0));
	heard(dgram);
	say("missing", (len = at_path(&a, "missing"), connect(fd, (struct sockaddr *)&a, len)));
	say("a directory", (len = at_path(&a, "."), connect(fd, (struct sockaddr *)&a, len)));
	say("not a directory", (len = at_path(&a, "dgram/x"), connect(fd, (struct sockaddr *)&a, len)));
	say("loop",
	    (symlink("loop", "loop"), len = at_path(&a, "loop"), connect(fd, (struct sockaddr *)&a, len)));
}

static void odd(int fd)
{
	struct sockaddr_un a;
	socklen_t len = at_path(&a, "dgram");
	int server;

	for (int l = 0; l < 6; l++)
		say("short", connect(fd, (struct sockaddr *)&a, (socklen_t)l));
	say("long", connect(fd, (struct sockaddr *)&a, sizeof a + 1));
	a.sun_family = AF_INET;
	say("family", connect(fd, (struct sockaddr *)&a, len));
	a.sun_family = AF_UNSPEC;
	say("dissolve", connect(fd, (struct sockaddr *)&a, len));
	say("send", send(fd, "plain", 5, 0));
	memcpy(a.sun_path, "\0net-send", 10);
	a.sun_family = AF_UNIX;
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	say("abstract", bind(server, (struct sockaddr *)&a, 12));
	say("listen", listen(server, 1));
	say("connect", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, 12));
}

static int local(void)
{
	struct sockaddr_un a;
	socklen_t len;
	char dir[] = "unix.XXXXXX";
	int server, fd, dgram, got, file = memfd_create("x", 0);
	struct ucred c = { 0 };
	socklen_t size = sizeof c;

	start_thread();
	if (!mkdtemp(dir) || chdir(dir) < 0)
		return 1;
	say("file", write(file, "hello", 5));
	server = socket(AF_UNIX, SOCK_STREAM, 0);
	dgram = socket(AF_UNIX, SOCK_DGRAM, 0);
	len = at_path(&a, "stream");
	say("bind", bind(server, (struct sockaddr *)&a, len));
	say("not yet", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, len));
	say("listen", listen(server, 0));
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	say("connect", connect(fd, (struct sockaddr *)&a, len));
	len = sizeof a;
	say("peer", getpeername(fd, (struct sockaddr *)&a, &len));
	printf("%d %s\n", (int)len, a.sun_path);
	got = accept(server, NULL, NULL);
	say("credentials", getsockopt(got, SOL_SOCKET, SO_PEERCRED, &c, &size));
	printf("uid %d gid %d\n", (int)c.uid == (int)getuid(), (int)c.gid == (int)getgid());
	say("give", give(fd, &file, 1, "one", NULL, 0));
	taken(got);
	len = at_path(&a, "stream");
	say("again", connect(fd, (struct sockaddr *)&a, len));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	say("one waits", connect(fd, (struct sockaddr *)&a, len));
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
	say("no more", connect(fd, (struct sockaddr *)&a, len));
	if (fork() == 0) {
		poll(NULL, 0, 200);
		accept(server, NULL, NULL);
		_exit(0);
	}
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	say("until there is room", connect(fd, (struct sockaddr *)&a, len));
	fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	say("of another kind", connect(fd, (struct sockaddr *)&a, len));
	by_path(fd, dgram, file, dir);
	odd(fd);
	return 0;
}

/* A full queue empties after a while. */
static int full(void)
{
	int pair[2], n = 0;
	struct sockaddr_un a;
	socklen_t len = at_path(&a, "");
	static char block[8192];

	start_thread();
	len = sizeof(sa_family_t);
	pair[1] = socket(AF_UNIX, SOCK_DGRAM, 0);
	say("bind", bind(pair[1], (struct sockaddr *)&a, len));
	len = sizeof a;
	getsockname(pair[1], (struct sockaddr *)&a, &len);
	pair[0] = socket(AF_UNIX, SOCK_DGRAM, 0);
	while (sendto(pair[0], block, sizeof block, MSG_DONTWAIT, (struct sockaddr *)&a, len) > 0)
		n++;
	printf("%d fit, then %s\n", n > 1, strerror(errno));
	if (fork() == 0) {
		poll(NULL, 0, 200);
		while (recv(pair[1], block, sizeof block, MSG_DONTWAIT) > 0)
			;
		_exit(0);
	}
	say("waits", sendto(pair[0], block, sizeof block, 0, (struct sockaddr *)&a, len));
	return 0;
}

const struct lab_attack lab_attacks[] = { { "udp", udp },           { "udp_threads", udp },
	                                  { "messages", messages }, { "messages_threads", messages },
	                                  { "streams", streams },   { "streams_threads", streams },
	                                  { "rights", rights },     { "rights_threads", rights },
	                                  { "local", local },       { "local_threads", local },
	                                  { "full", full },         { 0 } };

T_CASE(as_natively)
{
	nl_build();
	lab_write(lab.policy, policy, 0644);
	for (int i = 0; i < 2; i++)
		for (const struct lab_attack *a = lab_attacks; a->name; a++)
			as_native(a->name, i ? 0 : lab.user);
}
