/* net_denied - NW-01..NW-10, NW-20, NW-25, MD-01..MD-03 on sockets: what is closed is reached when nobody
 * governs, and not when somebody does, whatever is raced; next to it what is open stays so.
 */
#include "test/kernel/net_lab.h"

#include <linux/netlink.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

static const char policy[] = NL_POLICY
        "  - name: allow-loopback\n    cidrs: [\"127.0.0.0/8\", \"::1/128\"]\n    ports: [7001, 7004]\n"
        "    decision: allow\n"
        "  - name: close-canary\n    cidrs: [\"0.0.0.0/0\", \"::/0\"]\n    ports: [7005]\n"
        "    decision: deny\n"
        "    message: \"{{.RemoteAddr}} is not for you\"\n"
        "  - name: allow-rest\n    cidrs: [\"0.0.0.0/0\", \"::/0\"]\n    decision: allow\n";

static int tell(long rc)
{
	return rc < 0 ? errno : 0;
}

static const char *where(void)
{
	return lab_env("NL_TO");
}

static int by_connect(void)
{
	int fd = nl_connect(where(), PORT_CANARY, SOCK_STREAM);

	return tell(fd);
}

static int by_python(void)
{
	union nl_addr a;
	socklen_t len = nl_addr(&a, where(), PORT_CANARY);
	int fd = socket(a.any.sa_family, SOCK_STREAM | SOCK_NONBLOCK, 0);
	struct pollfd p = { .fd = fd, .events = POLLOUT };

	if (connect(fd, &a.any, len) < 0 && errno != EINPROGRESS)
		return errno;
	return poll(&p, 1, 1000) == 1 ? 0 : 1;
}

static int by_datagram(void)
{
	int fd = nl_connect(where(), PORT_CANARY, SOCK_DGRAM);

	return fd < 0 ? errno : tell(write(fd, "x", 1));
}

static int by_sendto(void)
{
	union nl_addr a;
	socklen_t len = nl_addr(&a, where(), PORT_CANARY);

	return tell(sendto(socket(a.any.sa_family, SOCK_DGRAM, 0), "x", 1, 0, &a.any, len));
}

static int by_unspec(void)
{
	union nl_addr a;

	nl_addr(&a, where(), PORT_CANARY);
	a.any.sa_family = AF_UNSPEC;
	return tell(sendto(socket(AF_INET, SOCK_DGRAM, 0), "x", 1, 0, &a.any, sizeof a.v4));
}

static struct msghdr message(union nl_addr *a)
{
	static struct iovec iov = { (void *)"x", 1 };

	return (struct msghdr){ .msg_name = a,
		                .msg_namelen = nl_addr(a, where(), PORT_CANARY),
		                .msg_iov = &iov,
		                .msg_iovlen = 1 };
}

static int by_sendmsg(void)
{
	union nl_addr a;
	struct msghdr h = message(&a);

	return tell(sendmsg(socket(a.any.sa_family, SOCK_DGRAM, 0), &h, 0));
}

static int by_sendmmsg(void)
{
	union nl_addr a;
	struct mmsghdr h = { .msg_hdr = message(&a) };

	return tell(sendmmsg(socket(a.any.sa_family, SOCK_DGRAM, 0), &h, 1, 0));
}

/* The first is open, the second not. */
static int by_second(void)
{
	union nl_addr a, open_to;
	struct mmsghdr h[2] = { { .msg_hdr = message(&a) }, { .msg_hdr = message(&a) } };
	int fd = socket(AF_INET, SOCK_DGRAM, 0), n;

	h[0].msg_hdr.msg_name = &open_to;
	h[0].msg_hdr.msg_namelen = nl_addr(&open_to, "127.0.0.1", PORT_UDP);
	n = sendmmsg(fd, h, 2, 0);
	if (n != 1)
		return n == 2 ? 0 : 90;
	return tell(sendmmsg(fd, h + 1, 1, 0));
}

static int by_fastopen(void)
{
	union nl_addr a;
	socklen_t len = nl_addr(&a, where(), PORT_CANARY);
	int fd = socket(a.any.sa_family, SOCK_STREAM, 0);

	return tell(sendto(fd, "x", 1, MSG_FASTOPEN, &a.any, len));
}

static int by_late_connect(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
	union nl_addr a;
	socklen_t len = nl_addr(&a, where(), PORT_CANARY);

	if (setsockopt(fd, IPPROTO_TCP, 30 /* TCP_FASTOPEN_CONNECT */, &one, sizeof one) < 0 ||
	    connect(fd, &a.any, len) < 0)
		return errno;
	return tell(write(fd, "x", 1));
}

static int by_route(void)
{
	unsigned char hop[8] = { 131, 7, 4, 203, 0, 113, 1, 0 };

	return tell(setsockopt(socket(AF_INET, SOCK_DGRAM, 0), IPPROTO_IP, IP_OPTIONS, hop, sizeof hop));
}

static const struct {
	const char *name;
	int (*run)(void);
	int error;
	bool four; /* of IPv4 only */
} ways[] = {
	{ "connect", by_connect, EACCES, false },      { "nonblocking", by_python, EACCES, false },
	{ "datagram", by_datagram, EACCES, false },    { "sendto", by_sendto, EACCES, false },
	{ "unspec", by_unspec, EACCES, true },         { "sendmsg", by_sendmsg, EACCES, false },
	{ "sendmmsg", by_sendmmsg, EACCES, false },    { "second", by_second, EACCES, true },
	{ "fastopen", by_fastopen, EOPNOTSUPP, true }, { "late_connect", by_late_connect, EOPNOTSUPP, true },
};
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- local ----------------------------------------------------------------------------------------------
 */

static int to_path(const char *path, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	return tell(connect(socket(AF_UNIX, type, 0), (struct sockaddr *)&a, sizeof a));
}

static int by_path(void)
{
	char path[108];

	snprintf(path, sizeof path, "%s", lab_env("NL_TO"));
	return to_path(path, SOCK_STREAM);
}

/* To connect a datagram socket reaches nobody. */
static int by_sent_path(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof a.sun_path, "%s", lab_env("NL_TO"));
	return tell((int)sendto(socket(AF_UNIX, SOCK_DGRAM, 0), "", 0, 0, (struct sockaddr *)&a, sizeof a));
}

static int by_relative(void)
{
	return to_path("docker.sock", SOCK_STREAM);
}

static int by_link(void)
{
	return symlink("docker.sock", "innocent") < 0 ? 91 : to_path("innocent", SOCK_STREAM);
}

static int by_descriptor(void)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d/docker.sock", open(".", O_PATH));
	return to_path(path, SOCK_STREAM);
}

static int by_itself(void)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", open("docker.sock", O_PATH));
	return to_path(path, SOCK_STREAM);
}

static int by_abstract(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "\0net-denied" };

	return tell(connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&a,
	                    offsetof(struct sockaddr_un, sun_path) + 11));
}

/* ---- families, types, protocols -------------------------------------------------------------------------
 */

static int kinds(void)
{
	static const struct {
		int family, type, protocol;
	} bad[] = { { AF_PACKET, SOCK_RAW, 0 },
		    { AF_ALG, SOCK_SEQPACKET, 0 },
		    { AF_VSOCK, SOCK_STREAM, 0 },
		    { AF_KEY, SOCK_RAW, 2 },
		    { AF_RXRPC, SOCK_DGRAM, 2 },
		    { AF_TIPC, SOCK_RDM, 0 },
		    { AF_CAN, SOCK_RAW, 1 },
		    { AF_BLUETOOTH, SOCK_RAW, 1 },
		    { 42 /* QIPCRTR */, SOCK_DGRAM, 0 },
		    { 44 /* XDP */, SOCK_RAW, 0 },
		    { AF_RDS, SOCK_SEQPACKET, 0 },
		    { 41 /* KCM */, SOCK_DGRAM, 0 },
		    { 43 /* SMC */, SOCK_STREAM, 0 },
		    { AF_INET, SOCK_RAW, IPPROTO_ICMP },
		    { AF_INET, SOCK_DGRAM, IPPROTO_ICMP },
		    { AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6 },
		    { AF_INET6, SOCK_RAW, IPPROTO_RAW },
		    { AF_INET, SOCK_STREAM, IPPROTO_SCTP },
		    { AF_INET, SOCK_SEQPACKET, IPPROTO_SCTP },
		    { AF_INET, SOCK_DGRAM, IPPROTO_UDPLITE },
		    { AF_INET, SOCK_DCCP, IPPROTO_DCCP },
		    { AF_NETLINK, SOCK_RAW, NETLINK_AUDIT },
		    { AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER },
		    { AF_NETLINK, SOCK_RAW, NETLINK_XFRM },
		    { AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG },
		    { AF_NETLINK, SOCK_RAW, NETLINK_GENERIC },
		    { AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT } };
	static const struct {
		int family, type, protocol;
	} good[] = { { AF_UNIX, SOCK_STREAM, 0 },
		     { AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0 },
		     { AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0 },
		     { AF_INET, SOCK_STREAM, IPPROTO_TCP },
		     { AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP },
		     { AF_INET6, SOCK_STREAM, 0 },
		     { AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE } };
	int n = 0, pair[2];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int fd = socket(bad[i].family, bad[i].type, bad[i].protocol);
		/* What an attacker may put above an int. */
		int high = (int)syscall(SYS_socket, (long)bad[i].family | 1L << 40,
		                        (long)bad[i].type | 1L << 40, (long)bad[i].protocol | 1L << 40);

		if (fd >= 0 || high >= 0)
			printf("%d %d %d is made\n", bad[i].family, bad[i].type, bad[i].protocol), n++;
	}
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		if (socket(good[i].family, good[i].type, good[i].protocol) < 0)
			printf("%d %d %d: %m\n", good[i].family, good[i].type, good[i].protocol), n++;
	if (socketpair(AF_TIPC, SOCK_SEQPACKET, 0, pair) == 0)
		printf("a pair of TIPC\n"), n++;
	printf("errnos %d %d %d\n", socket(AF_VSOCK, SOCK_STREAM, 0) < 0 ? errno : 0,
	       socket(AF_INET, SOCK_DGRAM, IPPROTO_ICMP) < 0 ? errno : 0,
	       socket(AF_INET, SOCK_RAW, IPPROTO_RAW) < 0 ? errno : 0);
	return n;
}

/* NW-25: nothing is bound that the caller could not bind. */
static int low_port(void)
{
	union nl_addr a;
	socklen_t len = nl_addr(&a, "127.0.0.1", 88);

	return tell(bind(socket(AF_INET, SOCK_STREAM, 0), &a.any, len));
}

/* A table of descriptors shared with another process is how what was judged could be swapped unseen. */
static int idle_process(void *arg)
{
	(void)arg;
	return 0;
}

static int shared_table(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	return tell(clone(idle_process, stack + sizeof stack, CLONE_FILES | SIGCHLD, NULL));
}

/* ---- races ----------------------------------------------------------------------------------------------
 */

enum { RACE_MS = 8000 };
static union nl_addr flipped;
static volatile uint16_t flip_port[2];
static atomic_int stop;
static int swapped = -1, good_fd = -1, bad_fd = -1;

static void *flip(void *arg)
{
	(void)arg;
	while (!stop) {
		*(volatile uint16_t *)&flipped.v4.sin_port = flip_port[0];
		*(volatile uint16_t *)&flipped.v4.sin_port = flip_port[1];
	}
	return NULL;
}

static void *swap(void *arg)
{
	(void)arg;
	while (!stop) {
		dup2(good_fd, swapped);
		dup2(bad_fd, swapped);
	}
	return NULL;
}

static long long until(void)
{
	return lab_now() + (*lab_env("NL_MS") ? atoi(lab_env("NL_MS")) : RACE_MS);
}

/* The address changes while it is connected to. */
static int race_connect(void)
{
	long long end = until();
	pthread_t t;
	long tries = 0;

	nl_addr(&flipped, "127.0.0.1", PORT_OPEN);
	flip_port[0] = htons(PORT_OPEN);
	flip_port[1] = htons(PORT_CANARY);
	pthread_create(&t, NULL, flip, NULL);
	while (lab_now() < end) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);

		connect(fd, &flipped.any, sizeof flipped.v4);
		close(fd);
		tries++;
	}
	stop = 1;
	pthread_join(t, NULL);
	printf("%ld tries\n", tries);
	return 0;
}

/* The name of a message changes while that is sent. */
static int race_message(void)
{
	long long end = until();
	struct iovec iov = { "x", 1 };
	struct msghdr h = {
		.msg_name = &flipped, .msg_namelen = sizeof flipped.v4, .msg_iov = &iov, .msg_iovlen = 1
	};
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	pthread_t t;
	long tries = 0;

	nl_addr(&flipped, "127.0.0.1", PORT_UDP);
	flip_port[0] = htons(PORT_UDP);
	flip_port[1] = htons(PORT_CANARY);
	pthread_create(&t, NULL, flip, NULL);
	for (; lab_now() < end; tries++)
		sendmsg(fd, &h, 0);
	stop = 1;
	pthread_join(t, NULL);
	printf("%ld tries\n", tries);
	return 0;
}

/* The socket is a stream when it is looked at, and of datagrams when that is sent. */
static int race_socket(void)
{
	long long end = until();
	union nl_addr a;
	struct iovec iov = { "x", 1 };
	struct msghdr h = { .msg_name = &a, .msg_iov = &iov, .msg_iovlen = 1 };
	pthread_t t;
	long tries = 0;

	signal(SIGPIPE, SIG_IGN);
	h.msg_namelen = nl_addr(&a, "127.0.0.1", PORT_CANARY);
	good_fd = socket(AF_INET, SOCK_STREAM, 0);
	bad_fd = socket(AF_INET, SOCK_DGRAM, 0);
	swapped = dup(good_fd);
	pthread_create(&t, NULL, swap, NULL);
	for (; lab_now() < end; tries++)
		sendmsg(swapped, &h, MSG_NOSIGNAL | MSG_DONTWAIT);
	stop = 1;
	pthread_join(t, NULL);
	printf("%ld tries\n", tries);
	return 0;
}

const struct lab_attack lab_attacks[] = { { "connect", by_connect },
	                                  { "nonblocking", by_python },
	                                  { "datagram", by_datagram },
	                                  { "sendto", by_sendto },
	                                  { "unspec", by_unspec },
	                                  { "sendmsg", by_sendmsg },
	                                  { "sendmmsg", by_sendmmsg },
	                                  { "second", by_second },
	                                  { "fastopen", by_fastopen },
	                                  { "late_connect", by_late_connect },
	                                  { "path", by_path },
	                                  { "sent_path", by_sent_path },
	                                  { "relative", by_relative },
	                                  { "link", by_link },
	                                  { "descriptor", by_descriptor },
	                                  { "itself", by_itself },
	                                  { "abstract", by_abstract },
	                                  { "route", by_route },
	                                  { "kinds", kinds },
	                                  { "low_port", low_port },
	                                  { "shared_table", shared_table },
	                                  { "race_connect", race_connect },
	                                  { "race_message", race_message },
	                                  { "race_socket", race_socket },
	                                  { 0 } };

/* ---- the driver -----------------------------------------------------------------------------------------
 */

static struct outcome o;

/* A datagram may still be on its way to who counts. */
static bool was_reached(void)
{
	struct stat st;

	for (int i = 0; i < 50; i++) {
		if (stat(lab.reached, &st) == 0)
			return true;
		poll(NULL, 0, i < 5 ? 1 : 10);
	}
	return false;
}

static void one_way(size_t i, const char *to, const char *rule, uid_t uid)
{
	setenv("NL_TO", to, 1);
	lab_attack(ways[i].name, false, uid, &o);
	ok(lab_exit(&o) == 0 && was_reached(), "%s: %s is reached ungoverned: %d", ways[i].name, to,
	   lab_exit(&o));
	lab_attack(ways[i].name, true, uid, &o);
	if (!ok(lab_exit(&o) == ways[i].error, "%s: %s is refused: %d", ways[i].name, to, lab_exit(&o)) ||
	    !ok(!o.reached, "%s: %s is not reached", ways[i].name, to) ||
	    !ok(ways[i].error == EOPNOTSUPP || lab_logged(&o, "\"net_connect\"", rule),
	        "%s: %s is told of by %s", ways[i].name, to, rule))
		lab_show(&o);
}

T_CASE(ways_out)
{
	nl_build();
	lab_write(lab.policy, policy, 0644);
	for (size_t i = 0; i < WAYS; i++) {
		one_way(i, "127.0.0.1", "close-canary", i % 2 ? 0 : lab.user);
		if (!ways[i].four)
			one_way(i, "2001:db8::1", "close-canary", lab.user);
	}
	ok(lab_logged(&o, "\"command_precheck\"", "allow-all"), "the log was written");
	one_way(0, "::ffff:198.51.100.1", "close-canary", lab.user);
	one_way(0, "0.0.0.0", "close-canary", lab.user);
}

/* Whatever the policy allows. */
T_CASE(metadata)
{
	static const char *const addresses[] = { "169.254.169.254", "::ffff:169.254.169.254",
		                                 "100.100.100.200", "fd00:ec2::254" };

	nl_build();
	lab_write(lab.policy,
	          NL_POLICY
	          "  - name: allow-all\n    cidrs: [\"0.0.0.0/0\", \"::/0\"]\n    decision: allow\n",
	          0644);
	for (size_t i = 0; i < sizeof addresses / sizeof *addresses; i++)
		one_way(i % 4, addresses[i], "block-metadata-services", lab.user);
	setenv("NL_TO", "203.0.113.1", 1);
	lab_attack("connect", true, lab.user, &o);
	ok(lab_exit(&o) == 0, "another address is open: %d", lab_exit(&o));
}

T_CASE(kinds_of_sockets)
{
	nl_build();
	for (int i = 0; i < 2; i++) {
		lab_attack("kinds", true, i ? 0 : lab.user, &o);
		ok(lab_exit(&o) == 0, "only what is needed: %s", o.out);
		ok(strstr(o.out, "errnos 97 93 1") != NULL, "as where they are missing: %s", o.out);
	}
	lab_attack("kinds", false, 0, &o);
	ok(lab_exit(&o) > 5, "there are more: %d", lab_exit(&o));
	lab_attack("route", false, 0, &o);
	ok(lab_exit(&o) == 0, "routes can be set natively: %d", lab_exit(&o));
	lab_attack("route", true, 0, &o);
	ok(lab_exit(&o) == EPERM, "governed they cannot: %d", lab_exit(&o));
	lab_attack("low_port", true, lab.user, &o);
	ok(lab_exit(&o) == EACCES, "low ports are not for users: %d", lab_exit(&o));
	lab_attack("low_port", true, 0, &o);
	ok(lab_exit(&o) == 0, "they are for root: %d", lab_exit(&o));
	lab_attack("shared_table", false, lab.user, &o);
	ok(lab_exit(&o) == 0, "a shared table natively: %d", lab_exit(&o));
	lab_attack("shared_table", true, lab.user, &o);
	ok(lab_exit(&o) == EPERM, "governed there is none: %d", lab_exit(&o));
}

static void serve_local(const char *path, int type, bool canary)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path) + (*path == '/'));
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (a.sun_path[0] == '@')
		a.sun_path[0] = 0;
	lab_need(bind(fd, (struct sockaddr *)&a, len) == 0, path);
	lab_need(type == SOCK_DGRAM || listen(fd, 64) == 0, path);
	chmod(path, 0666);
	nl_start(fd, canary);
}

static void one_local(const char *name, const char *rule)
{
	char link[200];

	snprintf(link, sizeof link, "%s/innocent", lab.drop);
	unlink(link);
	lab_attack(name, false, lab.user, &o);
	ok(lab_exit(&o) == 0 && was_reached(), "%s: reached ungoverned: %d", name, lab_exit(&o));
	unlink(link);
	lab_attack(name, true, lab.user, &o);
	if (!ok(lab_exit(&o) == EACCES && !o.reached, "%s: refused: %d", name, lab_exit(&o)) ||
	    !ok(lab_logged(&o, "unix_socket_op", rule), "%s: told of by %s", name, rule))
		lab_show(&o);
}

/* Who listens there does what sessions may not. */
T_CASE(local_sockets)
{
	static const char *const names[] = { "path", "relative", "link", "descriptor", "itself" };
	char path[200];

	nl_build();
	lab_write(lab.policy, policy, 0644);
	snprintf(path, sizeof path, "%s/docker.sock", lab.drop);
	serve_local(path, SOCK_STREAM, true);
	setenv("NL_TO", path, 1);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		one_local(names[i], "daemon-sockets");
	serve_local("@net-denied", SOCK_STREAM, true);
	one_local("abstract", "abstract-sockets");
	/* A server hears datagrams there: clients of its API connect to it first, and learn that. */
	snprintf(path, sizeof path, "%s/gate.sock", lab.drop);
	serve_local(path, SOCK_DGRAM, true);
	setenv("NL_TO", path, 1);
	one_local("sent_path", "closed-to-sessions");
	snprintf(path, sizeof path, "%s/plain.sock", lab.drop);
	serve_local(path, SOCK_STREAM, false);
	setenv("NL_TO", path, 1);
	lab_attack("path", true, lab.user, &o);
	ok(lab_exit(&o) == 0, "another is open: %d", lab_exit(&o));
}

/* NW-07. Natively they are won at once, which shows that they would be. */
T_CASE(races)
{
	static const char *const names[] = { "race_connect", "race_message", "race_socket" };

	nl_build();
	lab_write(lab.policy, policy, 0644);
	for (size_t i = 0; i < 3; i++) {
		setenv("NL_MS", "300", 1);
		for (int k = 0; k < 20 && (!k || !o.reached); k++)
			lab_attack(names[i], false, lab.user, &o);
		ok(o.reached, "%s is won ungoverned, %s", names[i], o.out);
		unsetenv("NL_MS");
		nl_wait_for_quiet();
		lab_attack(names[i], true, lab.user, &o);
		ok(lab_exit(&o) == 0 && !o.reached, "%s is not won, %s", names[i], o.out);
		ok(lab_logged(&o, "close-canary", "denied") || i == 2, "%s has tried", names[i]);
	}
}
