/* files_bind - OK-17, FS-15: sockets get names as ever where files may be made, and none where not: native
 * and governed, with what the socket says of itself; raced; undone. */
#include "test/kernel/files_tree.h"

#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/un.h>
#include <time.h>

enum { PATH_AT = offsetof(struct sockaddr_un, sun_path), MS = 1500 };

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}

static socklen_t address(struct sockaddr_un *a, const char *path)
{
	*a = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(a->sun_path, path, strlen(path) < sizeof a->sun_path ? strlen(path) : sizeof a->sun_path);
	return (socklen_t)(PATH_AT + strlen(path) + (strlen(path) < sizeof a->sun_path));
}

static int bind_to(int sock, const char *path)
{
	struct sockaddr_un a;
	socklen_t len = address(&a, path);

	return bind(sock, (struct sockaddr *)&a, len);
}

/* ---- as native -------------------------------------------------------------------------------------------
 */

static void say(const char *what, int sock, long rc)
{
	int error = rc < 0 ? errno : 0;
	struct sockaddr_storage room = { 0 };
	struct sockaddr_un *a = (struct sockaddr_un *)&room;
	socklen_t len = sizeof room;

	fl_say("%.9s: %s", what, error ? strerror(error) : "0");
	if (!error && getsockname(sock, (struct sockaddr *)a, &len) == 0 && a->sun_family == AF_UNIX &&
	    a->sun_path[0])
		fl_say(" '%.108s' %d", a->sun_path, (int)len);
	fl_say(" | ");
	if (tree_say())
		tree_reset();
	fl_say("\n");
}

static void one(const char *path)
{
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);

	say(path, sock, bind_to(sock, path));
	close(sock);
}

static const char *const spellings[] = {
	"new",
	"./new",
	"d/new",
	"d//new",
	"d/../new",
	"new/",
	"f",
	"f/",
	"d",
	"d/",
	".",
	"..",
	"/",
	"missing/new",
	"f/new",
	"lf",
	"dangling",
	"ld/new",
	"loop",
	"loop/new",
	"ro/new",
	"sticky/new",
	"sg/new",
	"/proc/self/cwd/new",
	"/proc/self/cwd/d/new",
	"d/././././././././././././././././././././././"
	"././././././././././././././././././././././././././new",
};

static void paths(void *arg)
{
	char whole[200];

	tree_enter(arg);
	for (size_t i = 0; i < sizeof spellings / sizeof *spellings; i++)
		one(spellings[i]);
	snprintf(whole, sizeof whole, "%s/w/d/new", tree->top);
	one(whole);
	snprintf(whole, sizeof whole, "%s/w/ld/new", tree->top);
	one(whole);
	memset(whole, 'n', 108);
	whole[108] = 0;
	one(whole); /* no room for the NUL */
	umask(077);
	one("new");
	umask(0);
	one("d/new");
}

static void odd(int sock, const char *what, const void *addr, socklen_t len)
{
	say(what, sock, bind(sock, addr, len));
}

static void others(void *arg)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX, .sun_path = "new" };
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int sock, again, stream[2];

	tree_enter(arg);
	sock = socket(AF_UNIX, SOCK_DGRAM, 0);
	odd(sock, "fault", (void *)16, 20);
	odd(sock, "long", &a, sizeof a + 1);
	odd(sock, "very long", &a, 4000);
	odd(sock, "negative", &a, (socklen_t)-1);
	odd(sock, "short", &a, 1);
	odd(sock, "none", &a, 0);
	odd(sock, "other family", &in, sizeof in);
	odd(sock, "no NUL", &a, PATH_AT + 2);
	odd(sock, "twice", &a, sizeof a);
	again = socket(AF_UNIX, SOCK_STREAM, 0);
	odd(again, "fixed size", &a, sizeof a);
	close(again);
	again = socket(AF_UNIX, SOCK_STREAM, 0);
	odd(again, "unnamed", &a, PATH_AT);
	close(again);
	again = socket(AF_UNIX, SOCK_STREAM, 0);
	memcpy(a.sun_path, "\0files-bind", 12);
	a.sun_path[11] = (char)('a' + (getpid() & 15));
	odd(again, "abstract", &a, PATH_AT + 12);
	close(again);
	again = socket(AF_INET, SOCK_STREAM, 0);
	odd(again, "inet", &in, sizeof in);
	odd(again, "inet as unix", &a, PATH_AT + 4);
	close(again);
	odd(99, "no descriptor", &a, sizeof a);
	odd(open("f", O_RDONLY), "a file", &a, sizeof a);
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0)
		say("of a pair", stream[0], bind_to(stream[0], "new"));
}

T_CASE(names_as_native)
{
	tree_compare("names", paths);
}

T_CASE(other_addresses_as_native)
{
	tree_compare("addresses", others);
}

/* ---- where the policy says no ----------------------------------------------------------------------------
 */

static const char policy[] =
        "version: 1\nname: bind\nfile_rules:\n"
        "  - name: deny-secrets\n    paths: [\"@/secret\", \"@/secret/**\", \"**/.env\"]\n"
        "    operations: [\"*\"]\n    decision: deny\n"
        "  - name: allow-own\n    paths: [\"@/w\", \"@/w/**\"]\n"
        "    operations: [\"*\"]\n    decision: allow\n";
static char top[64], store[100];

static void build(uid_t uid)
{
	snprintf(top, sizeof top, "/dev/shm/files-bind.%d", (int)getpid());
	snprintf(store, sizeof store, "%s/w/.agentsh_trash", top);
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0, top);
	fl_need(mkdir("w", 0777) == 0 && chown("w", uid, uid) == 0 && mkdir("secret", 0777) == 0 &&
	                chmod("secret", 01777) == 0 && mkdir("w/d", 0777) == 0 && chown("w/d", uid, uid) == 0,
	        "tree");
	fl_need(symlink("../secret", "w/way") == 0, "link");
}

static void demolish(void)
{
	tree_gone(top);
}

static bool is_empty(const char *dir)
{
	return rmdir(dir) == 0 && mkdir(dir, 0777) == 0 && chmod(dir, 01777) == 0;
}

static void denied(void *arg)
{
	static const char *const names[] = { "secret/s", "w/../secret/s", "w/way/s", "w/.env", "w/fine" };

	(void)arg;
	if (chdir(top) < 0)
		_exit(91);
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		int sock = socket(AF_UNIX, SOCK_STREAM, 0), rc = bind_to(sock, names[i]);

		fl_say("%s: %s\n", names[i], rc < 0 ? strerror(errno) : "0");
	}
}

static void refused_as(uid_t uid)
{
	struct fl_run r = {
		.program = denied, .uid = uid, .inexact = ~0u, .real = FILTER_NAMES, .native = true
	};

	build(uid);
	r.policy = tree_policy(policy, top);
	fl_run(&r);
	ok(!strstr(fl->out, "denied") && !is_empty("secret"), "ungoverned it is made");
	demolish();
	build(uid);
	r.native = false;
	fl_run(&r);
	is_str(fl->out,
	       "secret/s: Permission denied\nw/../secret/s: Permission denied\nw/way/s: Permission denied\n"
	       "w/.env: Permission denied\nw/fine: 0\n",
	       "uid %d", (int)uid);
	ok(is_empty("secret") && access("w/.env", F_OK) < 0 && access("w/fine", F_OK) == 0,
	   "none is there, but one");
	ok(fl_event("\"file_create\"", "/secret/s", "\"deny-secrets\""), "event");
	demolish();
}

T_CASE(refused)
{
	if (geteuid() != 0)
		t_skip_all("not root");
	refused_as(user());
	refused_as(0);
}

/* ---- raced: where the path leads changes all the time
 * ------------------------------------------------------ */

static void flip(void)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		unlink("w/race");
		if (symlink("d", "w/race") < 0)
			_exit(1);
		unlink("w/race");
		if (symlink("../secret", "w/race") < 0)
			_exit(1);
	}
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void race(void *arg)
{
	const long long end = now_ms() + MS;
	int made = 0, no = 0;
	char whole[120];

	(void)arg;
	if (chdir(top) < 0)
		_exit(91);
	snprintf(whole, sizeof whole, "%s/w/race/s", top);
	while (now_ms() < end) {
		int sock = socket(AF_UNIX, SOCK_STREAM, 0);

		if (bind_to(sock, (made + no) % 2 ? whole : "w/race/s") == 0) {
			made++;
			syscall(__NR_unlinkat, AT_FDCWD, "w/d/s", 0);
		} else {
			no += errno == EACCES;
			if (errno == EADDRINUSE)
				syscall(__NR_unlinkat, AT_FDCWD, "w/d/s", 0);
		}
		close(sock);
	}
	fl_say(made && no ? "both" : "made %d, refused %d", made, no);
}

T_CASE(raced)
{
	struct fl_run r = { .program = race, .uid = user(), .inexact = ~0u };
	pid_t pid;

	build(r.uid);
	r.policy = tree_policy(policy, top);
	pid = fork();
	if (pid == 0)
		flip();
	fl_run(&r);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	is_str(fl->out, "both");
	ok(is_empty("secret"), "no socket where none may be");
	demolish();
}

/* ---- threads with descriptors of their own
 * ----------------------------------------------------------------- */

static void *bind_there(void *arg)
{
	int sock = *(int *)arg, other;
	struct sockaddr_un a;
	socklen_t len = sizeof a;

	if (unshare(CLONE_FILES) < 0 || (other = socket(AF_UNIX, SOCK_DGRAM, 0)) < 0 ||
	    dup2(other, sock) != sock)
		_exit(92);
	if (bind_to(sock, "w/thread") < 0 || getsockname(sock, (struct sockaddr *)&a, &len) < 0 ||
	    len <= PATH_AT)
		_exit(93);
	return NULL;
}

static void threads(void *arg)
{
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);
	struct sockaddr_un a;
	socklen_t len = sizeof a;
	pthread_t t;

	(void)arg;
	if (chdir(top) < 0 || pthread_create(&t, NULL, bind_there, &sock) || pthread_join(t, NULL))
		_exit(91);
	fl_say("%s", getsockname(sock, (struct sockaddr *)&a, &len) == 0 && len == PATH_AT ? "its own"
	                                                                                   : "the other's");
}

T_CASE(threads_have_their_own_descriptors)
{
	struct fl_run r = { .program = threads, .uid = user(), .inexact = ~0u };

	build(r.uid);
	r.policy = tree_policy(policy, top);
	is_int(fl_run(&r), 0);
	is_str(fl->out, "its own");
	demolish();
}

/* ---- and recorded
 * ------------------------------------------------------------------------------------------ */

static void recorded(void *arg)
{
	int sock = socket(AF_UNIX, SOCK_STREAM, 0);

	(void)arg;
	fl_say("%d", chdir(top) < 0 ? -1 : bind_to(sock, "w/d/s"));
}

static bool journal_names(const char *text)
{
	char command[200];

	snprintf(command, sizeof command, "grep -rqs '%s' '%s'", text, store);
	return system(command) == 0;
}

T_CASE(recorded_as_created)
{
	struct fl_run r = { .program = recorded,
		            .uid = user(),
		            .inexact = ~0u,
		            .workspace = top,
		            .store = store,
		            .keep = (1u << JOURNAL_KINDS) - 1 };

	build(r.uid);
	r.policy = tree_policy(policy, top);
	fl_run(&r);
	is_str(fl->out, "0");
	ok(journal_names("/w/d/s"), "the journal knows of it");
	demolish();
}
