/* net_foreign - NW-18: who listens on loopback and is not of the session is told of, or not reached; what is
 * of the session is reached however it listens.
 */
#include "test/kernel/net_lab.h"

enum { PORT_HANDED = 7021, MPTCP = 262 };

#define ANY_PORT                                                                \
	NL_POLICY "  - name: here\n    cidrs: [\"127.0.0.0/8\", \"::1/128\"]\n" \
	          "    decision: allow\n"                                       \
	          "  - name: far\n    cidrs: [\"192.0.2.0/24\"]\n    decision: allow\n"
#define NAMED                                                                              \
	NL_POLICY "  - name: database\n    cidrs: [\"127.0.0.1/32\"]\n    ports: [7005]\n" \
	          "    decision: allow\n"

static int to_canary(void)
{
	return nl_connect(lab_env("NL_TO"), PORT_CANARY, SOCK_STREAM) < 0 ? errno : 0;
}

static int to_nobody(void)
{
	return nl_connect("127.0.0.1", PORT_CLOSED, SOCK_STREAM) < 0 ? errno : 0;
}

static int to_handed(void)
{
	return nl_connect("127.0.0.1", PORT_HANDED, SOCK_STREAM) < 0 ? errno : 0;
}

/* Another process of the session connects. */
static int comes_in(int fd, const char *by)
{
	union nl_addr a;
	socklen_t len = sizeof a;
	int status = 0;
	pid_t pid;

	if (listen(fd, 5) < 0 || getsockname(fd, &a.any, &len) < 0)
		return 100;
	pid = fork();
	if (pid == 0)
		_exit(nl_connect(by, ntohs(a.v4.sin_port), SOCK_STREAM) < 0 ? errno : 0);
	waitpid(pid, &status, 0);
	close(fd);
	return WEXITSTATUS(status);
}

static int bound(int family, int protocol, const char *at)
{
	union nl_addr a;
	socklen_t len = nl_addr(&a, at, 0);
	int fd = socket(family, SOCK_STREAM, protocol);

	return bind(fd, &a.any, len) < 0 ? -1 : fd;
}

static int to_own(void)
{
	int n = 0;

	n += comes_in(bound(AF_INET, 0, "127.0.0.1"), "127.0.0.1");
	n += comes_in(bound(AF_INET, 0, "127.0.0.9"), "127.0.0.9");
	n += comes_in(bound(AF_INET, 0, "0.0.0.0"), "127.0.0.1");
	n += comes_in(bound(AF_INET6, 0, "::1"), "::1");
	n += comes_in(bound(AF_INET6, 0, "::"), "127.0.0.1");
	n += comes_in(bound(AF_INET, MPTCP, "127.0.0.1"), "127.0.0.1");
	n += comes_in(socket(AF_INET, SOCK_STREAM, 0), "127.0.0.1");
	for (int i = 0; i < 600; i++)
		n += comes_in(bound(AF_INET, 0, "127.0.0.1"), "127.0.0.1");
	return n;
}

/* Remembered ones make room for others. */
static int to_many(void)
{
	static int fds[600];
	union nl_addr a;
	int n = 0;

	for (int i = 0; i < 600; i++) {
		fds[i] = bound(AF_INET, 0, "127.0.0.1");
		n += fds[i] < 0 || listen(fds[i], 5) < 0;
	}
	for (int i = 0; i < 600; i += 20) {
		socklen_t len = sizeof a;

		getsockname(fds[i], &a.any, &len);
		n += nl_connect("127.0.0.1", ntohs(a.v4.sin_port), SOCK_STREAM) < 0;
	}
	return n;
}

const struct lab_attack lab_attacks[] = { { "canary", to_canary }, { "nobody", to_nobody },
	                                  { "handed", to_handed }, { "own", to_own },
	                                  { "many", to_many },     { 0 } };

static struct outcome o;

static bool was_reached(void)
{
	struct stat st;

	for (int i = 0; i < 50 && stat(lab.reached, &st) < 0; i++)
		poll(NULL, 0, 10);
	return stat(lab.reached, &st) == 0;
}

static void is_open(const char *to)
{
	setenv("NL_TO", to, 1);
	lab_attack("canary", true, lab.user, &o);
	if (!ok(lab_exit(&o) == 0 && was_reached(), "%s is reached: %d", to, lab_exit(&o)))
		lab_show(&o);
}

static void is_closed(const char *to, uid_t uid)
{
	setenv("NL_TO", to, 1);
	lab_attack("canary", false, uid, &o);
	ok(lab_exit(&o) == 0 && was_reached(), "%s is reached ungoverned: %d", to, lab_exit(&o));
	nl_wait_for_quiet();
	lab_attack("canary", true, uid, &o);
	if (!ok(lab_exit(&o) == EACCES && !o.reached, "%s is not reached: %d", to, lab_exit(&o)) ||
	    !ok(lab_logged(&o, "\"net_connect\"", "foreign-loopback") &&
	                lab_logged(&o, "\"net_connect\"", "\"listener\":\"foreign\""),
	        "%s: that is told", to) ||
	    !ok(strstr(o.err, "foreign-loopback") != NULL, "%s: to the caller, too", to))
		lab_show(&o);
}

static void own_are_open(uid_t uid)
{
	static const char *const names[] = { "own", "many" };

	for (size_t i = 0; i < 2; i++) {
		lab_attack(names[i], true, uid, &o);
		if (!ok(lab_exit(&o) == 0, "listeners of the session, %s, user %d: %d", names[i], (int)uid,
		        lab_exit(&o)) ||
		    !ok(lab_logged(&o, "\"net_connect\"", "\"allowed\"") && !strstr(o.log, "\"listener\""),
		        "of them nothing is said"))
			lab_show(&o);
	}
	lab_attack("nobody", true, uid, &o);
	ok(lab_exit(&o) == ECONNREFUSED, "where nobody listens: %d", lab_exit(&o));
}

T_CASE(told)
{
	nl_build();
	lab_write(lab.policy, ANY_PORT, 0644);
	is_open("127.0.0.1");
	ok(lab_logged(&o, "\"net_connect\"", "\"listener\":\"foreign\"") &&
	           lab_logged(&o, "\"net_connect\"", "\"rule\":\"here\""),
	   "it is told that nobody of the session listens there");
	own_are_open(lab.user);
}

T_CASE(refused)
{
	static const char *const names[] = { "127.0.0.1", "127.0.0.2", "::1",
		                             "0.0.0.0",   "::",        "::ffff:127.0.0.1" };
	int fd;

	nl_build();
	lab.option = "--own-loopback";
	lab_write(lab.policy, ANY_PORT, 0644);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		is_closed(names[i], i % 2 ? 0 : lab.user);
	is_open("192.0.2.1");
	own_are_open(lab.user);
	own_are_open(0);
	/* One that the command was started with is its own. */
	fd = nl_listen("127.0.0.1", PORT_HANDED, SOCK_STREAM, 5);
	lab_attack("handed", true, 0, &o);
	ok(lab_exit(&o) == EACCES, "one that it has not: %d", lab_exit(&o));
	fcntl(fd, F_SETFD, 0);
	lab_attack("handed", true, 0, &o);
	if (!ok(lab_exit(&o) == 0, "one that it was handed: %d", lab_exit(&o)))
		lab_show(&o);
	close(fd);
	lab_write(lab.policy, NAMED, 0644);
	is_open("127.0.0.1");
	ok(!strstr(o.log, "\"listener\""), "a rule that names the port means who listens there");
	lab.option = "--judge-net";
}
