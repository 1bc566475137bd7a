/* net_listen - NW-21: who listens where others come in is told of, and refused where rules say so, whatever
 * is raced; what is allowed listens as natively.
 */
#include "test/kernel/net_lab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

enum { PORT_OWN = 7011, MPTCP = 262 };

#define ALLOW_ALL "  - name: allow-all\n    cidrs: [\"0.0.0.0/0\", \"::/0\"]\n    decision: allow\n"
#define OPEN      NL_POLICY ALLOW_ALL
#define CLOSED                                                                                    \
	NL_POLICY "  - name: here-only\n    operations: [listen]\n    cidrs: [\"127.0.0.0/8\"]\n" \
	          "    decision: allow\n"                                                         \
	          "  - name: no-servers\n    operations: [listen]\n    decision: deny\n"          \
	          "    message: \"{{.RemoteAddr}} is for everybody\"\n" ALLOW_ALL
#define CLOSED_PORT                                                                       \
	NL_POLICY "  - name: no-such-port\n    operations: [listen]\n    ports: [7011]\n" \
	          "    decision: deny\n" ALLOW_ALL

static const char *where(void)
{
	return lab_env("NL_TO");
}

/* Somebody comes in from outside: by the address of an interface, if there is one to come in by. */
static void come_in(int fd)
{
	const char *by = *lab_env("NL_BY") ? lab_env("NL_BY") : "192.0.2.1";
	union nl_addr a;
	socklen_t len = sizeof a;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (getsockname(fd, &a.any, &len) < 0 || !a.v4.sin_port)
		return;
	nl_connect(by, ntohs(a.v4.sin_port), SOCK_STREAM | SOCK_NONBLOCK);
	if (poll(&p, 1, 200) == 1 && accept(fd, NULL, NULL) >= 0)
		lab_mark("reached\n");
}

static int serve_on(int fd)
{
	int error = listen(fd, 5) < 0 ? errno : 0;

	come_in(fd);
	return error;
}

static int bound(int family, int protocol)
{
	int fd = socket(family, SOCK_STREAM, protocol), one = 1;
	union nl_addr a;
	socklen_t len = nl_addr(&a, where(), PORT_OWN);

	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (bind(fd, &a.any, len) < 0)
		return 100;
	return serve_on(fd);
}

static int by_four(void)
{
	return bound(AF_INET, 0);
}

static int by_six(void)
{
	return bound(AF_INET6, 0);
}

static int by_multipath(void)
{
	return bound(AF_INET, MPTCP);
}

static int by_no_address(void)
{
	return serve_on(socket(AF_INET, SOCK_STREAM, 0));
}

static int by_no_address6(void)
{
	return serve_on(socket(AF_INET6, SOCK_STREAM, 0));
}

/* It listened where it may, gives that up, and takes another address. */
static int by_second_address(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	union nl_addr a;
	socklen_t len = nl_addr(&a, where(), PORT_OWN);

	if (listen(fd, 5) < 0)
		return 100 + errno;
	shutdown(fd, SHUT_RDWR);
	if (bind(fd, &a.any, len) < 0)
		return 101;
	return serve_on(fd);
}

static int twice(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	union nl_addr a;
	socklen_t len = nl_addr(&a, where(), PORT_OWN);

	return bind(fd, &a.any, len) < 0 || listen(fd, 1) < 0 || listen(fd, 7) < 0;
}

/* ---- as natively ----------------------------------------------------------------------------------------
 */

static void say(const char *what, long rc)
{
	printf("%s: %ld %s\n", what, rc, rc < 0 ? strerror(errno) : "");
	fflush(stdout);
}

static void say_listening(int fd)
{
	int on = -1;
	socklen_t size = sizeof on;
	union nl_addr a;
	socklen_t len = sizeof a;

	getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size);
	getsockname(fd, &a.any, &len);
	printf("listens %d family %d port %d\n", on, a.any.sa_family, a.v4.sin_port != 0);
}

static int errnos(void)
{
	static const int kinds[][2] = { { AF_INET, SOCK_STREAM }, { AF_INET6, SOCK_STREAM },
		                        { AF_INET, SOCK_DGRAM },  { AF_INET6, SOCK_DGRAM },
		                        { AF_UNIX, SOCK_STREAM }, { AF_UNIX, SOCK_DGRAM },
		                        { AF_NETLINK, SOCK_RAW } };
	int pipes[2], pair[2], fd;

	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		fd = socket(kinds[i][0], kinds[i][1], 0);
		say("listen", listen(fd, 5));
		say_listening(fd);
		say("again", listen(fd, -1));
		close(fd);
	}
	say("no descriptor", listen(99, 5));
	say("negative", listen(-1, 5));
	say("a pipe", pipe(pipes) == 0 ? listen(pipes[0], 5) : 0);
	say("a path", listen(open("/", O_PATH), 5));
	say("a pair", socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0 ? listen(pair[0], 5) : 0);
	say("a connection", listen(nl_connect("127.0.0.1", PORT_OPEN, SOCK_STREAM), 5));
	fd = socket(AF_INET, SOCK_STREAM, 0);
	for (int i = 0; i < 3; i++) {
		union nl_addr a;
		socklen_t len = nl_addr(&a, "127.0.0.1", 0);

		say("listen", listen(fd, 5));
		say("give up", shutdown(fd, SHUT_RDWR));
		say_listening(fd);
		say("bind", bind(fd, &a.any, len));
	}
	return 0;
}

/* Who connects to a local socket is told who listens. */
static int local_owner(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "listener" };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), c = socket(AF_UNIX, SOCK_STREAM, 0);
	struct ucred who = { 0 };
	socklen_t len = sizeof who;

	unlink("listener");
	say("bind", bind(fd, (struct sockaddr *)&a, sizeof a));
	say("listen", listen(fd, 5));
	say("connect", connect(c, (struct sockaddr *)&a, sizeof a));
	getsockopt(c, SOL_SOCKET, SO_PEERCRED, &who, &len);
	printf("it is %s, user %d\n", who.pid == getpid() ? "us" : "another", (int)who.uid);
	return 0;
}

/* ---- races ----------------------------------------------------------------------------------------------
 */

static atomic_int stop, racing = -1;
static int swapped = -1, good_fd = -1;

static long long until(void)
{
	return lab_now() + (*lab_env("NL_MS") ? atoi(lab_env("NL_MS")) : 5000);
}

static bool is_listening(int fd)
{
	int on = 0;
	socklen_t size = sizeof on;

	return getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &on, &size) == 0 && on;
}

/* It gets its address between the look and the deed. */
static void *bind_meanwhile(void *arg)
{
	union nl_addr a;
	socklen_t len = nl_addr(&a, "192.0.2.1", PORT_OWN);

	(void)arg;
	while (!stop)
		if (racing >= 0)
			bind(racing, &a.any, len);
	return NULL;
}

static int race_bind(void)
{
	long long end = until();
	union nl_addr a;
	pthread_t t;
	long tries = 0;

	pthread_create(&t, NULL, bind_meanwhile, NULL);
	for (; lab_now() < end; tries++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
		socklen_t len = sizeof a;

		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
		racing = fd;
		listen(fd, 5);
		racing = -1;
		if (is_listening(fd) && getsockname(fd, &a.any, &len) == 0 &&
		    a.v4.sin_port == htons(PORT_OWN)) {
			lab_mark("reached\n");
			end = 0;
		}
		close(fd);
	}
	stop = 1;
	pthread_join(t, NULL);
	printf("%ld tries\n", tries);
	return 0;
}

/* It is a local socket when it is looked at. */
static void *swap(void *arg)
{
	(void)arg;
	while (!stop) {
		dup2(good_fd, swapped);
		if (racing >= 0)
			dup2(racing, swapped);
	}
	return NULL;
}

static int race_socket(void)
{
	long long end = until();
	struct sockaddr_un local = { .sun_family = AF_UNIX };
	union nl_addr a;
	pthread_t t;
	long tries = 0;
	int fd, one = 1;

	good_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	bind(good_fd, (struct sockaddr *)&local, sizeof local.sun_family);
	swapped = dup(good_fd);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	lab_need(bind(fd, &a.any, nl_addr(&a, "192.0.2.1", PORT_OWN)) == 0, "bind");
	racing = fd;
	pthread_create(&t, NULL, swap, NULL);
	for (; lab_now() < end && !is_listening(fd); tries++)
		listen(swapped, 5);
	if (is_listening(fd))
		lab_mark("reached\n");
	stop = 1;
	pthread_join(t, NULL);
	printf("%ld tries\n", tries);
	return 0;
}

const struct lab_attack lab_attacks[] = { { "four", by_four },
	                                  { "six", by_six },
	                                  { "multipath", by_multipath },
	                                  { "no_address", by_no_address },
	                                  { "no_address6", by_no_address6 },
	                                  { "second_address", by_second_address },
	                                  { "twice", twice },
	                                  { "errnos", errnos },
	                                  { "local_owner", local_owner },
	                                  { "race_bind", race_bind },
	                                  { "race_socket", race_socket },
	                                  { 0 } };

static const struct {
	const char *name, *to;
	bool by_port; /* a rule about a port finds it */
} ways[] = {
	{ "four", "0.0.0.0", true },
	{ "four", "192.0.2.1", true },
	{ "six", "::", true },
	{ "six", "::ffff:192.0.2.1", true },
	{ "multipath", "192.0.2.1", true },
	{ "no_address", "-", false },
	{ "no_address6", "-", false },
	{ "second_address", "192.0.2.1", true },
};
enum { WAYS = sizeof ways / sizeof *ways };

/* ---- the driver -----------------------------------------------------------------------------------------
 */

static struct outcome o;

static int count(const char *text)
{
	int n = 0;

	for (const char *p = o.log; (p = strstr(p, text)); p++)
		n++;
	return n;
}

static void is_open(size_t i, bool governed, uid_t uid)
{
	setenv("NL_TO", ways[i].to, 1);
	lab_attack(ways[i].name, governed, uid, &o);
	if (!ok(lab_exit(&o) == 0 && o.reached, "%s at %s: others come in %s: %d", ways[i].name, ways[i].to,
	        governed ? "governed" : "ungoverned", lab_exit(&o)))
		lab_show(&o);
}

static void is_closed(size_t i, const char *rule, uid_t uid)
{
	/* Where nothing is refused before, the first address is the one that is. */
	const bool first = !strcmp(ways[i].name, "second_address") && !strcmp(rule, "no-servers");

	setenv("NL_TO", ways[i].to, 1);
	lab_attack(ways[i].name, true, uid, &o);
	if (!ok(lab_exit(&o) == (first ? 100 : 0) + EACCES && !o.reached, "%s at %s: refused by %s: %d",
	        ways[i].name, ways[i].to, rule, lab_exit(&o)) ||
	    !ok(lab_logged(&o, "\"net_listen\"", rule) && lab_logged(&o, "\"net_listen\"", "\"denied\""),
	        "%s at %s: told of by %s", ways[i].name, ways[i].to, rule) ||
	    !ok(strstr(o.err, rule) != NULL, "%s at %s: so is the caller", ways[i].name, ways[i].to))
		lab_show(&o);
}

T_CASE(told)
{
	nl_build();
	lab_write(lab.policy, OPEN, 0644);
	for (size_t i = 0; i < WAYS; i++) {
		is_open(i, false, lab.user);
		is_open(i, true, i % 2 ? 0 : lab.user);
		ok(lab_logged(&o, "\"net_listen\"", "session-listeners"), "%s at %s: told of", ways[i].name,
		   ways[i].to);
	}
	setenv("NL_TO", "192.0.2.1", 1);
	lab_attack("four", true, lab.user, &o);
	ok(lab_logged(&o, "\"net_listen\"", "\"address\":\"192.0.2.1\"") &&
	           lab_logged(&o, "\"net_listen\"", "\"port\":7011") &&
	           lab_logged(&o, "\"net_listen\"", "\"command_id\":\"cmd-1\""),
	   "where, and by whom");
	lab_attack("twice", true, lab.user, &o);
	ok(lab_exit(&o) == 0 && count("\"net_listen\"") == 1, "once for one address: %d",
	   count("\"net_listen\""));
	setenv("NL_TO", "127.0.0.1", 1);
	setenv("NL_BY", "127.0.0.1", 1);
	lab_attack("four", true, lab.user, &o);
	ok(lab_exit(&o) == 0 && o.reached && !count("\"net_listen\""), "of loopback nothing is said: %d",
	   lab_exit(&o));
	unsetenv("NL_BY");
}

T_CASE(denied)
{
	nl_build();
	lab_write(lab.policy, CLOSED, 0644);
	for (size_t i = 0; i < WAYS; i++)
		is_closed(i, "no-servers", i % 2 ? 0 : lab.user);
	setenv("NL_TO", "127.0.0.1", 1);
	setenv("NL_BY", "127.0.0.1", 1);
	lab_attack("four", true, lab.user, &o);
	ok(lab_exit(&o) == 0 && o.reached && lab_logged(&o, "\"net_listen\"", "here-only"),
	   "loopback is open, and told of as the rule is the policy's: %d", lab_exit(&o));
	unsetenv("NL_BY");
	lab_write(lab.policy, CLOSED_PORT, 0644);
	for (size_t i = 0; i < WAYS; i++)
		if (ways[i].by_port)
			is_closed(i, "no-such-port", i % 2 ? 0 : lab.user);
		else
			is_open(i, true, lab.user);
}

T_CASE(as_natively)
{
	static const char *const policies[] = { OPEN, CLOSED_PORT };

	nl_build();
	for (size_t i = 0; i < 2; i++) {
		lab_write(lab.policy, policies[i], 0644);
		as_native("errnos", i ? 0 : lab.user);
		as_native("local_owner", i ? 0 : lab.user);
	}
}

/* Natively they are won, which shows that they would be. */
T_CASE(races)
{
	static const char *const names[] = { "race_bind", "race_socket" };

	nl_build();
	lab_write(lab.policy, CLOSED_PORT, 0644);
	for (size_t i = 0; i < 2; i++) {
		setenv("NL_MS", "15000", 1);
		lab_attack(names[i], false, lab.user, &o);
		ok(o.reached, "%s is won ungoverned, %s", names[i], o.out);
		unsetenv("NL_MS");
		lab_attack(names[i], true, lab.user, &o);
		if (!ok(lab_exit(&o) == 0 && !o.reached, "%s is not won, %s", names[i], o.out))
			lab_show(&o);
		ok(lab_logged(&o, "no-such-port", "denied"), "%s has tried", names[i]);
	}
}
