/* net_connect - connect(2) governed is connect(2): every errno, waiting, interrupting, what sockets say
 * after.
 */
#include "test/kernel/net_lab.h"

#include <pthread.h>
#include <sys/time.h>

static const char policy[] =
        NL_POLICY "  - name: allow-all\n    cidrs: [\"0.0.0.0/0\", \"::/0\"]\n    decision: allow\n";

static void say(const char *what, long rc)
{
	printf("%s: %ld %s\n", what, rc, rc < 0 ? strerror(errno) : "");
	fflush(stdout);
}

static const char *address(const union nl_addr *a, char text[INET6_ADDRSTRLEN])
{
	return inet_ntop(a->any.sa_family,
	                 a->any.sa_family == AF_INET ? (const void *)&a->v4.sin_addr
	                                             : (const void *)&a->v6.sin6_addr,
	                 text, INET6_ADDRSTRLEN);
}

static void say_names(int fd)
{
	char text[INET6_ADDRSTRLEN] = "";
	union nl_addr a;
	socklen_t len = sizeof a;
	int error = -1;
	socklen_t size = sizeof error;

	if (getpeername(fd, &a.any, &len) == 0)
		printf(" peer %d %s %d", (int)len, address(&a, text), ntohs(a.v4.sin_port));
	else
		printf(" no peer: %s", strerror(errno));
	len = sizeof a;
	if (getsockname(fd, &a.any, &len) == 0)
		printf(" name %d %s %d", (int)len, address(&a, text), a.v4.sin_port != 0);
	getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
	printf(" error %d flags %x\n", error, (unsigned)fcntl(fd, F_GETFL));
}

static long try(int fd, const char *text, int port)
{
	union nl_addr a;
	socklen_t len = nl_addr(&a, text, port);

	return connect(fd, &a.any, len);
}

static void one(const char *text, int port, int family, int type)
{
	int fd = socket(family, type, 0);
	char what[80];
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	snprintf(what, sizeof what, "%s %d family %d type %x", text, port, family, (unsigned)type);
	say(what, try(fd, text, port));
	if (type & SOCK_NONBLOCK) {
		printf("poll %d", poll(&p, 1, port == PORT_FULL ? 50 : 2000));
		printf(" %x", (unsigned)p.revents);
	}
	say_names(fd);
	if (port != PORT_FULL || type & SOCK_NONBLOCK) {
		say("again", try(fd, text, port));
		say("other", try(fd, "127.0.0.1", PORT_OPEN));
		say_names(fd);
	}
	close(fd);
}

static int errnos(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_STREAM | SOCK_NONBLOCK, SOCK_DGRAM };

	for (size_t i = 0; i < 3; i++) {
		one("127.0.0.1", PORT_OPEN, AF_INET, types[i]);
		one("127.0.0.1", PORT_CLOSED, AF_INET, types[i]);
		one("192.0.2.1", PORT_OPEN, AF_INET, types[i]);
		one("0.0.0.0", PORT_OPEN, AF_INET, types[i]);
		one("192.88.99.1", PORT_OPEN, AF_INET, types[i]); /* no route */
		one("255.255.255.255", PORT_OPEN, AF_INET, types[i]);
		one("224.0.0.1", PORT_OPEN, AF_INET, types[i]);
		one("::1", PORT_OPEN, AF_INET6, types[i]);
		one("::1", PORT_CLOSED, AF_INET6, types[i]);
		one("::", PORT_OPEN, AF_INET6, types[i]);
		one("2001:db8::1", PORT_OPEN, AF_INET6, types[i]);
		one("2001:db8:1::1", PORT_OPEN, AF_INET6, types[i]);
		one("fe80::1", PORT_OPEN, AF_INET6, types[i]);
		one("::ffff:127.0.0.1", PORT_OPEN, AF_INET6, types[i]);
		one("::ffff:127.0.0.1", PORT_CLOSED, AF_INET6, types[i]);
		one("127.0.0.1", PORT_OPEN, AF_INET6, types[i]);
		one("::1", PORT_OPEN, AF_INET, types[i]);
		one("127.0.0.1", 0, AF_INET, types[i]);
	}
	one("127.0.0.1", PORT_FULL, AF_INET, SOCK_STREAM | SOCK_NONBLOCK);
	one("::1", PORT_FULL, AF_INET6, SOCK_STREAM | SOCK_NONBLOCK);
	return 0;
}

static int lengths(void)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM };
	unsigned char bytes[200] = { 0 };
	union nl_addr a;
	int pipes[2];

	for (size_t i = 0; i < 2; i++)
		for (int family = AF_INET;; family = AF_INET6) {
			for (int len = -1; len < 132; len += len < 32 ? 1 : 32) {
				int fd = socket(family, types[i], 0);

				nl_addr(&a, family == AF_INET ? "127.0.0.1" : "::1", PORT_OPEN);
				memcpy(bytes, &a, sizeof a);
				printf("family %d type %d len %d ", family, types[i], len);
				say("", connect(fd, (void *)bytes, (socklen_t)len));
				close(fd);
			}
			for (int other = 0; other < 50; other++) {
				int fd = socket(family, types[i], 0);

				bytes[0] = (unsigned char)other;
				printf("family %d as %d ", family, other);
				say("", connect(fd, (void *)bytes, 28));
				say_names(fd);
				close(fd);
			}
			if (family == AF_INET6)
				break;
		}
	say("no descriptor", try(99, "127.0.0.1", PORT_OPEN));
	say("negative", try(-1, "127.0.0.1", PORT_OPEN));
	say("a pipe", pipe(pipes) == 0 ? try(pipes[0], "127.0.0.1", PORT_OPEN) : 0);
	say("a path", try(open("/", O_PATH), "127.0.0.1", PORT_OPEN));
	say("fault", connect(socket(AF_INET, SOCK_STREAM, 0), (void *)16, 16));
	say("null", connect(socket(AF_INET, SOCK_STREAM, 0), NULL, 16));
	say("fault of nothing", connect(99, (void *)16, 16));
	return 0;
}

/* Dissolved, and connected again. */
static int again(void)
{
	const struct sockaddr none = { .sa_family = AF_UNSPEC };
	union nl_addr a;
	char got[8] = "";

	for (int type = SOCK_STREAM; type <= SOCK_DGRAM; type++) {
		int port = type == SOCK_STREAM ? PORT_OPEN : PORT_UDP, fd = socket(AF_INET, type, 0);

		say("unspec first", connect(fd, &none, sizeof none));
		say("connect", try(fd, "127.0.0.1", port));
		say("write", write(fd, "hello", 5));
		say("read", read(fd, got, 5));
		say("dissolve", connect(fd, &none, sizeof none));
		say_names(fd);
		say("connect", try(fd, "192.0.2.1", port));
		say_names(fd);
		say("write", write(fd, "hello", 5));
		say("peek", recv(fd, got, 5, MSG_PEEK));
		say("read", read(fd, got, 5));
		close(fd);
	}
	for (int i = 0; i < 2; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		socklen_t len = nl_addr(&a, i ? "192.0.2.1" : "127.0.0.1", 0);

		say("bound", bind(fd, &a.any, len));
		say("connect", try(fd, "127.0.0.1", PORT_OPEN));
		say_names(fd);
		close(fd);
	}
	return 0;
}

static volatile sig_atomic_t n_signals;

static void on_signal(int signo)
{
	(void)signo;
	n_signals++;
}

static void limit(int fd, int name, int ms)
{
	struct timeval t = { ms / 1000, ms % 1000 * 1000 };

	setsockopt(fd, SOL_SOCKET, name, &t, sizeof t);
}

static void timed(const char *what, int fd, const char *text)
{
	long long start = lab_now();
	long rc = try(fd, text, PORT_FULL);
	int error = errno;

	errno = error;
	say(what, rc);
	printf("%s: in %s\n", what,
	       lab_now() - start < 150    ? "no time"
	       : lab_now() - start < 2000 ? "time"
	                                  : "long");
}

/* Nobody answers. */
static int waiting(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	struct itimerval timer = { .it_value = { 0, 300000 } };
	unsigned ms = 400;

	for (int i = 0; i < 2; i++) {
		const char *text = i ? "::1" : "127.0.0.1";
		int fd = socket(i ? AF_INET6 : AF_INET, SOCK_STREAM, 0);

		limit(fd, SO_SNDTIMEO, 300);
		timed("patience", fd, text);
		timed("and again", fd, text);
		say_names(fd);
		close(fd);
		fd = socket(i ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
		setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof ms);
		ms = 1;
		setsockopt(fd, IPPROTO_TCP, TCP_SYNCNT, &ms, sizeof ms);
		ms = 400;
		say("given up", try(fd, text, PORT_FULL));
		say_names(fd);
		say("elsewhere", try(fd, text, PORT_OPEN));
		close(fd);
		fd = socket(i ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
		sigaction(SIGALRM, &sa, NULL);
		setitimer(ITIMER_REAL, &timer, NULL);
		timed("interrupted", fd, text);
		printf("signals %d\n", (int)n_signals);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		say("it goes on", try(fd, text, PORT_FULL));
		close(fd);
		/* Made again after the signal, until patience ends; the kernel counts it anew. */
		sa.sa_flags = SA_RESTART;
		sigaction(SIGALRM, &sa, NULL);
		fd = socket(i ? AF_INET6 : AF_INET, SOCK_STREAM, 0);
		setitimer(ITIMER_REAL, &timer, NULL);
		limit(fd, SO_SNDTIMEO, 900);
		timed("interrupted with patience", fd, text);
		printf("signals %d\n", (int)n_signals);
		close(fd);
		sa.sa_flags = 0;
	}
	return 0;
}

/* A handler that is to be followed by the rest of the call: it is still waiting when it is killed. */
static int restarted(void)
{
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct itimerval timer = { .it_value = { 0, 100000 }, .it_interval = { 0, 100000 } };
	int fd = socket(AF_INET, SOCK_STREAM, 0), status;
	pid_t pid = fork();

	if (pid == 0) {
		sigaction(SIGALRM, &sa, NULL);
		setitimer(ITIMER_REAL, &timer, NULL);
		_exit(try(fd, "127.0.0.1", PORT_FULL) < 0 ? errno : 0);
	}
	poll(NULL, 0, 700);
	printf("still there %d\n", waitpid(pid, &status, WNOHANG) == 0);
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	printf("ended by %d\n", WTERMSIG(status));
	return 0;
}

static void *blocked(void *arg)
{
	(void)arg;
	try(socket(AF_INET, SOCK_STREAM, 0), "127.0.0.1", PORT_FULL);
	return NULL;
}

/* While 20 threads wait for nothing, others connect at once; those that wait do not outlive their process. */
static int parallel(void)
{
	pthread_t t;
	long long start;
	int good = 0;

	for (int i = 0; i < 20; i++)
		pthread_create(&t, NULL, blocked, NULL);
	poll(NULL, 0, 100);
	start = lab_now();
	for (int i = 0; i < 200; i++) {
		int fd = nl_connect("127.0.0.1", PORT_OPEN, SOCK_STREAM);

		good += fd >= 0;
		close(fd);
	}
	printf("%d connections in %s\n", good, lab_now() - start < 3000 ? "time" : "long");
	return 0;
}

static void *many_of(void *arg)
{
	(void)arg;
	for (int i = 0; i < 50; i++) {
		char got[4] = "";
		int fd = nl_connect(i & 1 ? "127.0.0.1" : "::1", PORT_OPEN, SOCK_STREAM);

		if (fd < 0 || write(fd, "abc", 3) != 3 || read(fd, got, 3) != 3 || strcmp(got, "abc") != 0)
			return (void *)1;
		close(fd);
	}
	return NULL;
}

static int many(void)
{
	pthread_t t[16];
	void *bad;
	int n = 0;

	for (int i = 0; i < 16; i++)
		pthread_create(&t[i], NULL, many_of, NULL);
	for (int i = 0; i < 16; i++) {
		pthread_join(t[i], &bad);
		n += !bad;
	}
	printf("%d threads\n", n);
	return 0;
}

/* Who has become somebody else is told to be him, also by messages. */
static int other(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "other" };
	struct sockaddr_un b = { .sun_family = AF_UNIX, .sun_path = "other-messages" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), heard = socket(AF_UNIX, SOCK_DGRAM, 0), one = 1;
	struct ucred who = { 0 };
	socklen_t size = sizeof who;
	char got[8] = "";
	pid_t pid;

	unlink(a.sun_path);
	unlink(b.sun_path);
	say("bind", bind(fd, (struct sockaddr *)&a, sizeof a) | bind(heard, (struct sockaddr *)&b, sizeof b));
	say("listen", listen(fd, 8) | chmod(a.sun_path, 0666) | chmod(b.sun_path, 0666));
	setsockopt(heard, SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
	pid = fork();
	if (pid == 0) {
		say("become", setgroups(0, NULL) | setgid(12346) | setuid(12345));
		say("connect", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a, sizeof a));
		say("send",
		    sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "hello", 5, 0, (struct sockaddr *)&b, sizeof b));
		_exit(0);
	}
	waitpid(pid, NULL, 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	fcntl(heard, F_SETFL, O_NONBLOCK);
	say("peer", getsockopt(accept(fd, NULL, NULL), SOL_SOCKET, SO_PEERCRED, &who, &size));
	printf("uid %d gid %d\n", (int)who.uid, (int)who.gid);
	say("hear", recv(heard, got, sizeof got, 0));
	say(got, 0);
	return 0;
}

const struct lab_attack lab_attacks[] = {
	{ "errnos", errnos },     { "lengths", lengths }, { "other", other },
	{ "again", again },       { "waiting", waiting }, { "restarted", restarted },
	{ "parallel", parallel }, { "many", many },       { 0 }
};

T_CASE(as_natively)
{
	nl_build();
	lab_write(lab.policy, policy, 0644);
	for (int i = 0; i < 2; i++)
		for (const struct lab_attack *a = lab_attacks; a->name; a++)
			if (a->run == other ? i : !i || a->run == errnos || a->run == again)
				as_native(a->name, i ? 0 : lab.user);
}
