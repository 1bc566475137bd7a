/* taught - what the supervisor does with descriptors of others: the lines it writes to a caller's standard
 * error go nowhere that the caller could not write to, whatever is put there meanwhile; and it does not wait
 * for what a caller leaves behind in them. */
#include "test/kernel/lab.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>

enum { MS = 1500, ROUNDS = 150, LINGER_S = 20, WAITED_MS = 9000 };

static volatile bool over;
static volatile int given = -1;
static int ends[2], kept;

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

/* ---- the attacker's side: standard error is a pipe, or a file that is open for reading --------------- */

static void *swap(void *arg)
{
	(void)arg;
	while (!over) {
		dup2(ends[1], 2);
		dup2(kept, 2);
	}
	return NULL;
}

static int have_written(void)
{
	long long end = now_ms() + MS;
	struct stat before, st;
	char drain[4096];
	pthread_t t;

	kept = open("kept", O_RDONLY);
	if (kept < 0 || fstat(kept, &before) < 0 || pipe(ends) < 0 || fcntl(ends[0], F_SETFL, O_NONBLOCK) < 0)
		return 90;
	pthread_create(&t, NULL, swap, NULL);
	do {
		unlink("one");
		unlink("two");
		while (read(ends[0], drain, sizeof drain) > 0)
			;
		fstat(kept, &st);
	} while (now_ms() < end && st.st_mtim.tv_nsec == before.st_mtim.tv_nsec);
	over = true;
	pthread_join(t, NULL);
	if (st.st_mtim.tv_nsec == before.st_mtim.tv_nsec)
		return EACCES;
	lab_mark("written\n");
	return 0;
}

static int a_written(void)
{
	int fd = open("kept", O_WRONLY);

	if (fd < 0)
		return have_written();
	lab_mark("open\n");
	return 0;
}

/* ---- sockets that linger, closed while somebody looks at them ---------------------------------------- */

static void *look(void *arg)
{
	(void)arg;
	while (!over)
		if (given >= 0) {
			fchmod(given, 0600);
			fchmodat(given, "x", 0600, 0);
			unlinkat(given, "x", 0);
		}
	return NULL;
}

static void *let_go(void *fd)
{
	close((int)(intptr_t)fd);
	return NULL;
}

/* Connected, with more in it than anybody reads. */
static int full(int listener, const struct sockaddr_in *to)
{
	const struct linger on = { 1, LINGER_S };
	static char junk[1 << 16];
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)to, sizeof *to) < 0 ||
	    accept(listener, NULL, NULL) < 0)
		_exit(91);
	while (send(fd, junk, sizeof junk, MSG_DONTWAIT) > 0)
		;
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &on, sizeof on);
	return fd;
}

static int a_lingering(void)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof at;
	int listener = socket(AF_INET, SOCK_STREAM, 0), little = 2048;
	long long worst = 0, began;
	pthread_t t, other;

	setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
	if (bind(listener, (struct sockaddr *)&at, size) < 0 || listen(listener, 64) < 0 ||
	    getsockname(listener, (struct sockaddr *)&at, &size) < 0)
		return 92;
	pthread_create(&t, NULL, look, NULL);
	for (int i = 0; i < ROUNDS && worst < WAITED_MS; i++) {
		int fd = full(listener, &at);

		given = fd;
		usleep(200 + (unsigned)i);
		pthread_create(&other, NULL, let_go, (void *)(intptr_t)fd);
		pthread_detach(other);
		usleep(300);
		given = -1;
		began = now_ms();
		close(open("fine", O_WRONLY));
		worst = now_ms() - began > worst ? now_ms() - began : worst;
	}
	if (worst < WAITED_MS)
		return EACCES;
	lab_mark("waited\n");
	_exit(0);
}

/* ---- what the kernel itself writes, where a program stands when it crashes --------------------------- */

static int a_dumped(void)
{
	struct rlimit core = { RLIM_INFINITY, RLIM_INFINITY };
	int status = 0;
	pid_t pid;

	if (setrlimit(RLIMIT_CORE, &core) < 0 && (getrlimit(RLIMIT_CORE, &core) < 0 || !core.rlim_max))
		return EACCES;
	core.rlim_cur = core.rlim_max;
	setrlimit(RLIMIT_CORE, &core);
	pid = fork();
	if (pid == 0)
		abort();
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSIGNALED(status) || !WCOREDUMP(status))
		return 93;
	lab_mark("dumped\n");
	return 0;
}

const struct lab_attack lab_attacks[] = {
	{ "written", a_written }, { "lingering", a_lingering }, { "dumped", a_dumped }, { "", NULL }
};

/* ---- the driver -------------------------------------------------------------------------------------- */

static struct outcome o;

static void put(const char *name, uid_t uid)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s/%s", lab.drop, name);
	lab_write(path, "what was there before, longer than what comes\n", 0644);
	lab_need(chown(path, uid, (gid_t)uid) == 0, path);
}

static void attack(const char *name, bool governed, uid_t uid)
{
	static const char *const names[] = { "kept", "one", "two", "fine" };

	lab_start();
	for (size_t i = 0; i < 4; i++)
		put(names[i], uid);
	lab_write(
	        lab.policy,
	        LAB_HEAD LAB_TAIL
	        "file_rules:\n"
	        "  - {name: not-kept, paths: [\"**/kept\"], operations: [write, truncate], decision: deny}\n"
	        "  - {name: not-one, paths: [\"**/one\"], operations: [delete], decision: deny}\n"
	        "  - {name: not-two, paths: [\"**/two\"], operations: [delete], decision: deny}\n"
	        "  - {name: rest, paths: [\"/**\"], operations: [\"*\"], decision: allow}\n",
	        0644);
	lab.option = "--judge-files";
	lab_attack(name, governed, uid, &o);
}

T_CASE(what_is_told_goes_where_the_caller_could_write)
{
	for (int root = 0; root < 2; root++) {
		lab_start();
		attack("written", true, root ? 0 : lab.user);
		if (!ok(!o.reached && lab_exit(&o) == EACCES, "nothing was written (%d)", lab_exit(&o)))
			lab_show(&o);
		ok(lab_logged(&o, "\"not-kept\"", "/kept") && lab_logged(&o, "\"not-two\"", "/two"),
		   "in the log with their rules");
	}
	attack("written", false, lab.user);
	ok(o.reached, "without us it can be written");
}

T_CASE(nobody_waits_for_a_socket)
{
	lab_start();
	attack("lingering", true, lab.user);
	if (!ok(!o.reached && lab_exit(&o) == EACCES, "calls are answered meanwhile (%d)", lab_exit(&o)))
		lab_show(&o);
}

/* The kernel asks nobody, and Landlock knows no patterns: nothing is dumped where files are judged. */
T_CASE(no_core_is_written)
{
	struct rlimit core = { 0, 0 };

	lab_start();
	attack("dumped", true, lab.user);
	if (!ok(!o.reached && lab_exit(&o) == EACCES, "none, and the limit cannot be raised (%d)",
	        lab_exit(&o)))
		lab_show(&o);
	getrlimit(RLIMIT_CORE, &core);
	attack("dumped", false, lab.user);
	ok(o.reached || !core.rlim_max, "without us there is one");
}
