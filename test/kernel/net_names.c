/* net_names - LL-04, the other way round: local sockets get no name, and listen at none, that
 * unix_socket_rules deny; what they allow is bound as natively.
 */
#include "test/kernel/net_lab.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

#define POLICY                                                                           \
	NL_POLICY "  - name: allow-all\n    cidrs: [\"0.0.0.0/0\", \"::/0\"]\n"          \
	          "    decision: allow\n"                                                \
	          "unix_socket_rules:\n"                                                 \
	          "  - name: no-names\n    paths: [\"**/closed*\", \"@closed*\"]\n"      \
	          "    operations: [bind]\n    decision: deny\n"                         \
	          "    message: \"{{.Path}} is kept free\"\n"                            \
	          "  - name: no-servers\n    paths: [\"**/quiet*\", \"@quiet*\"]\n"      \
	          "    operations: [listen]\n    decision: deny\n"                       \
	          "  - name: allow-rest\n    paths: [\"**\"]\n    operations: [\"*\"]\n" \
	          "    decision: allow\n"

static int take_name(const char *name, int type)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX }, is;
	socklen_t len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name)), size = sizeof is;
	int fd = socket(AF_UNIX, type, 0);

	memcpy(a.sun_path, name, strlen(name));
	if (a.sun_path[0] == '@')
		a.sun_path[0] = 0;
	if (bind(fd, (struct sockaddr *)&a, len) < 0)
		return errno;
	if (getsockname(fd, (struct sockaddr *)&is, &size) < 0 || size < len ||
	    memcmp(is.sun_path, a.sun_path, strlen(name)) != 0)
		return 100;
	if (type != SOCK_DGRAM && listen(fd, 5) < 0)
		return 101;
	lab_mark("reached\n");
	return 0;
}

static const char *name_in(const char *dir)
{
	static char path[200];

	snprintf(path, sizeof path, "%s%s", dir, lab_env("NL_NAME"));
	unlink(path);
	return path;
}

static int absolute(void)
{
	char dir[150];

	snprintf(dir, sizeof dir, "%s/", lab_env("NL_DIR"));
	return take_name(name_in(dir), SOCK_STREAM);
}

static int relative(void)
{
	return chdir(lab_env("NL_DIR")) < 0 ? 99 : take_name(name_in(""), SOCK_STREAM);
}

static int datagrams(void)
{
	return chdir(lab_env("NL_DIR")) < 0 ? 99 : take_name(name_in("./"), SOCK_DGRAM);
}

/* Its directory by another name. */
static int by_link(void)
{
	if (chdir(lab_env("NL_DIR")) < 0 || (symlink(".", "link") < 0 && errno != EEXIST))
		return 99;
	return take_name(name_in("link/link/"), SOCK_SEQPACKET);
}

static int abstract(void)
{
	return take_name(name_in("@"), SOCK_STREAM);
}

static int abstract_datagrams(void)
{
	return take_name(name_in("@"), SOCK_DGRAM);
}

static void *idle(void *arg)
{
	pause();
	return arg;
}

static int threaded(void)
{
	pthread_t t;

	pthread_create(&t, NULL, idle, NULL);
	return abstract();
}

/* ---- as natively ----------------------------------------------------------------------------------------
 */

static void say(const char *what, long rc)
{
	printf("%s: %ld %s\n", what, rc, rc < 0 ? strerror(errno) : "");
	fflush(stdout);
}

static void say_name(int fd)
{
	struct sockaddr_storage a = { 0 };
	socklen_t len = sizeof a;

	say("name", getsockname(fd, (struct sockaddr *)&a, &len));
	printf("family %d, %d bytes, owner %d\n", a.ss_family, (int)len,
	       a.ss_family == AF_NETLINK && ((unsigned *)&a)[1] == (unsigned)getpid());
}

static int errnos(void)
{
	static const int kinds[][3] = { { AF_UNIX, SOCK_STREAM, 2 },   { AF_UNIX, SOCK_DGRAM, 2 },
		                        { AF_UNIX, SOCK_STREAM, 1 },   { AF_UNIX, SOCK_STREAM, 200 },
		                        { AF_INET, SOCK_STREAM, 16 },  { AF_INET, SOCK_DGRAM, 2 },
		                        { AF_INET6, SOCK_STREAM, 28 }, { AF_NETLINK, SOCK_RAW, 12 } };
	char buf[200];
	pthread_t t;
	int pipes[2], fd;

	for (int round = 0; round < 2; round++) {
		for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
			memset(buf, 0, sizeof buf);
			((struct sockaddr *)buf)->sa_family = (sa_family_t)kinds[i][0];
			fd = socket(kinds[i][0], kinds[i][1], 0);
			say("bind", bind(fd, (struct sockaddr *)buf, (socklen_t)kinds[i][2]));
			say_name(fd);
			say("again", bind(fd, (struct sockaddr *)buf, (socklen_t)kinds[i][2]));
			((struct sockaddr *)buf)->sa_family = AF_APPLETALK;
			say("another family", bind(fd, (struct sockaddr *)buf, (socklen_t)kinds[i][2]));
			say("nowhere", bind(fd, (struct sockaddr *)8, (socklen_t)kinds[i][2]));
			close(fd);
		}
		say("no descriptor", bind(99, (struct sockaddr *)buf, 16));
		say("a pipe", pipe(pipes) == 0 ? bind(pipes[0], (struct sockaddr *)buf, 16) : 0);
		say("taken", take_name("@names", SOCK_STREAM));
		say("by us", take_name("@names", SOCK_STREAM));
		say("no such directory", take_name("not/there", SOCK_STREAM));
		say("a file", take_name("/etc/passwd", SOCK_STREAM));
		say("ports", nl_listen("127.0.0.1", 7020 + round, SOCK_STREAM, 1) > 0);
		pthread_create(&t, NULL, idle, NULL);
	}
	return 0;
}

/* ---- races ----------------------------------------------------------------------------------------------
 */

static atomic_int stop;
static struct sockaddr_un flipped = { .sun_family = AF_UNIX, .sun_path = "\0closed" };

static void *flip(void *arg)
{
	volatile char *letter = flipped.sun_path + 1;

	(void)arg;
	while (!stop) {
		*letter = 'c';
		*letter = 'o';
	}
	return NULL;
}

static int race_name(void)
{
	const long long end = lab_now() + (*lab_env("NL_MS") ? atoi(lab_env("NL_MS")) : 3000);
	struct sockaddr_un is;
	pthread_t t;
	long tries = 0;

	pthread_create(&t, NULL, flip, NULL);
	for (; lab_now() < end; tries++) {
		int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
		socklen_t len = sizeof is;

		if (bind(fd, (struct sockaddr *)&flipped, 9) == 0 &&
		    getsockname(fd, (struct sockaddr *)&is, &len) == 0 &&
		    !memcmp(is.sun_path + 1, "closed", 6))
			lab_mark("reached\n");
		close(fd);
	}
	stop = 1;
	pthread_join(t, NULL);
	printf("%ld tries\n", tries);
	return 0;
}

/* It may not be bound where it asks while it is looked at, and is another socket then. */
static union {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_un local;
} both;
static int swapped, inet_fd, local_fd;

static void *swap(void *arg)
{
	static const struct sockaddr_un name = { .sun_family = AF_UNIX, .sun_path = "\0closed-to-all" };
	const struct sockaddr_in low = { .sin_family = AF_INET, .sin_port = htons(80) };

	(void)arg;
	while (!stop) {
		memcpy(&both, &low, sizeof low);
		dup2(inet_fd, swapped);
		memcpy(&both, &name, sizeof low);
		dup2(local_fd, swapped);
	}
	return NULL;
}

static int race_low(void)
{
	const long long end = lab_now() + 3000;
	struct sockaddr_un is;
	socklen_t len;
	pthread_t t;
	long tries = 0;

	inet_fd = socket(AF_INET, SOCK_STREAM, 0);
	local_fd = socket(AF_UNIX, SOCK_DGRAM, 0);
	swapped = dup(inet_fd);
	pthread_create(&t, NULL, swap, NULL);
	for (bool won = false; !won && lab_now() < end; tries++) {
		bind(swapped, &both.any, sizeof both.v4);
		len = sizeof is;
		won = getsockname(local_fd, (struct sockaddr *)&is, &len) == 0 && len > 8 &&
		      !memcmp(is.sun_path + 1, "closed", 6);
		if (won)
			lab_mark("reached\n");
	}
	stop = 1;
	pthread_join(t, NULL);
	printf("%ld tries\n", tries);
	return 0;
}

const struct lab_attack lab_attacks[] = { { "absolute", absolute },
	                                  { "relative", relative },
	                                  { "datagrams", datagrams },
	                                  { "by_link", by_link },
	                                  { "abstract", abstract },
	                                  { "abstract_datagrams", abstract_datagrams },
	                                  { "threaded", threaded },
	                                  { "errnos", errnos },
	                                  { "race_name", race_name },
	                                  { "race_low", race_low },
	                                  { 0 } };

/* ---- the driver -----------------------------------------------------------------------------------------
 */

static struct outcome o;

static void closed(const char *attack, const char *name, const char *rule, const char *operation)
{
	char want[40];

	snprintf(want, sizeof want, "\"operation\":\"%s\"", operation);
	setenv("NL_DIR", lab.drop, 1);
	setenv("NL_NAME", name, 1);
	lab_attack(attack, false, lab.user, &o);
	ok(lab_exit(&o) == 0 && o.reached, "%s of %s: done ungoverned: %d", attack, name, lab_exit(&o));
	lab_attack(attack, true, lab.user, &o);
	if (!ok(lab_exit(&o) == EACCES && !o.reached, "%s of %s: refused: %d", attack, name, lab_exit(&o)) ||
	    !ok(lab_logged(&o, want, rule) && lab_logged(&o, "unix_socket_op", "\"denied\""),
	        "%s of %s: told of by %s", attack, name, rule) ||
	    !ok(strstr(o.err, rule) != NULL, "%s of %s: so is the caller", attack, name))
		lab_show(&o);
}

T_CASE(denied)
{
	static const char *const streams[] = { "absolute", "relative", "by_link", "abstract", "threaded" };
	static const char *const others[] = { "datagrams", "abstract_datagrams" };

	nl_build();
	lab_write(lab.policy, POLICY, 0644);
	for (size_t i = 0; i < sizeof streams / sizeof *streams; i++) {
		closed(streams[i], "closed-name", "no-names", "bind");
		closed(streams[i], "quiet", "no-servers", "listen");
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		closed(others[i], "closed-name", "no-names", "bind");
		setenv("NL_NAME", "quiet", 1);
		lab_attack(others[i], true, lab.user, &o);
		ok(lab_exit(&o) == 0 && o.reached, "%s: who sends only does not listen: %d", others[i],
		   lab_exit(&o));
	}
}

T_CASE(allowed)
{
	static const char *const names[] = { "absolute",  "relative", "by_link",
		                             "datagrams", "abstract", "threaded" };

	nl_build();
	lab_write(lab.policy, POLICY, 0644);
	setenv("NL_DIR", lab.drop, 1);
	setenv("NL_NAME", "own", 1);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		lab_attack(names[i], true, i % 2 ? 0 : lab.user, &o);
		if (!ok(lab_exit(&o) == 0 && o.reached, "%s: done: %d", names[i], lab_exit(&o)))
			lab_show(&o);
		ok(!lab_logged(&o, "unix_socket_op", "bind"), "%s: nothing is said of it", names[i]);
	}
	as_native("errnos", lab.user);
	as_native("errnos", 0);
}

T_CASE(races)
{
	static const char *const races[] = { "race_name", "race_low" };

	nl_build();
	lab_write(lab.policy, POLICY, 0644);
	for (size_t i = 0; i < 2; i++) {
		setenv("NL_MS", "500", 1);
		lab_attack(races[i], false, lab.user, &o);
		ok(o.reached, "%s: won ungoverned, %s", races[i], o.out);
		unsetenv("NL_MS");
		lab_attack(races[i], true, lab.user, &o);
		if (!ok(lab_exit(&o) == 0 && !o.reached, "%s: not won, %s", races[i], o.out))
			lab_show(&o);
		ok(lab_logged(&o, "no-names", "denied"), "%s: tried", races[i]);
	}
}
