/* life - what is left when the supervisor dies, stops or ends: nothing runs that was not allowed by it. And a
 * plain day: everything that has nothing to do with us works as ever. */
#include "test/kernel/lab.h"

#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/time.h>

/* ---- the attacker's side ---------------------------------------------------------------------------- */

static void await(const char *file)
{
	while (access(file, F_OK) < 0)
		usleep(1000);
}

static void note(const char *file, int value)
{
	FILE *f = fopen("note.tmp", "w");

	if (!f || fprintf(f, "%d\n", value) < 0 || fclose(f) || rename("note.tmp", file))
		_exit(99);
}

static int exec_normal(void)
{
	char path[PATH_MAX], *argv[] = { (char *)"normal", NULL };

	snprintf(path, sizeof path, "%.*s/normal", (int)(strrchr(canary_path(), '/') - canary_path()),
	         canary_path());
	execve(path, argv, environ);
	return errno;
}

static int canary(void)
{
	return exec_canary(canary_path());
}

static int exec_true(void)
{
	char *argv[] = { (char *)"true", NULL };

	execve("/bin/true", argv, environ);
	return errno;
}

/* Tell that we are there, wait for the word, try, tell what came of it. */
static int a_later(void)
{
	note("ready", getpid());
	await("go");
	note("denied", in_child(canary));
	note("allowed", in_child(exec_true));
	note("signal", kill(getppid(), SIGTERM) ? errno : 0);
	note("done", 1);
	return 0;
}

/* Left behind, forking all the time. */
static int a_leftovers(void)
{
	if (fork() == 0) {
		setsid();
		for (int i = 0; i < 3; i++)
			if (fork() == 0)
				break;
		for (;;) {
			/* the parent goes, the child goes on; not so fast that the machine runs out of
			 * numbers */
			if (fork() != 0)
				_exit(0);
			usleep(1000);
		}
	}
	if (fork() == 0) {
		setsid();
		for (;;)
			pause();
	}
	usleep(20000);
	return 7;
}

/* OK-37 */
static int spawned(int (*start)(pid_t *pid))
{
	for (int i = 0; i < 50; i++) {
		int status;
		pid_t pid;

		if (start(&pid) || waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
		    WEXITSTATUS(status))
			return 1;
	}
	return 0;
}

static int by_fork(pid_t *pid)
{
	*pid = fork();
	if (*pid == 0)
		_exit(exec_true());
	return *pid < 0;
}

static int by_vfork(pid_t *pid)
{
	*pid = vfork();
	if (*pid == 0) {
		exec_true();
		_exit(1);
	}
	return *pid < 0;
}

static int by_spawn(pid_t *pid)
{
	char *argv[] = { (char *)"true", NULL };

	return posix_spawn(pid, "/bin/true", NULL, NULL, argv, environ);
}

static int child_true(void *arg)
{
	(void)arg;
	return exec_true();
}

static int by_clone(pid_t *pid)
{
	static char stack[65536] __attribute__((aligned(16)));

	*pid = clone(child_true, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
	return *pid < 0;
}

static int b_spawn(void)
{
	uint64_t args[8] = { 0 };

	if (syscall(435, args, sizeof args) != -1 || errno != ENOSYS)
		return 9;
	return spawned(by_fork) * 1 + spawned(by_vfork) * 2 + spawned(by_spawn) * 4 + spawned(by_clone) * 8;
}

/* OK-38 */
static volatile sig_atomic_t ticks;

static void on_tick(int signo)
{
	(void)signo;
	ticks++;
}

static int b_timer(void)
{
	struct itimerval every = { { 0, 1000 }, { 0, 1000 } }, off = { 0 };
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	int status;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < 150; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			/* the timer is not inherited; one of its own hits the exec */
			setitimer(ITIMER_REAL, &(struct itimerval){ { 0, 200 }, { 0, 200 } }, NULL);
			if (exec_normal() == EINTR)
				_exit(2);
			_exit(1);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 3;
		/* An interval timer survives the exec, its handler does not. */
		if (!(WIFEXITED(status) && !WEXITSTATUS(status)) &&
		    !(WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM))
			return 4;
		if (kill(getpid(), 0))
			return 5;
	}
	setitimer(ITIMER_REAL, &off, NULL);
	return ticks > 10 ? 0 : 6;
}

static void *runner(void *arg)
{
	for (int i = 0; i < 25; i++) {
		int status;
		pid_t pid;

		if (by_spawn(&pid) || waitpid(pid, &status, 0) != pid || status)
			*(int *)arg = 1;
	}
	return NULL;
}

static int b_threads(void)
{
	pthread_t t[8];
	int failed[8] = { 0 }, n = 0;

	for (int i = 0; i < 8; i++)
		if (pthread_create(&t[i], NULL, runner, &failed[i]))
			return 2;
	for (int i = 0; i < 8; i++) {
		pthread_join(t[i], NULL);
		n += failed[i];
	}
	return n ? 1 : 0;
}

/* A process at its limit of descriptors can still exec; OK-58. */
static int b_few_descriptors(void)
{
	struct rlimit l = { 16, 16 };
	int pid_status;

	setrlimit(RLIMIT_NOFILE, &l);
	while (dup(0) >= 0)
		;
	pid_status = in_child(exec_normal);
	return pid_status;
}

static int b_exit(void)
{
	return 0;
}

const struct lab_attack lab_attacks[] = {
	{ "later", a_later },     { "leftovers", a_leftovers },
	{ "spawn", b_spawn },     { "timer", b_timer },
	{ "threads", b_threads }, { "few-descriptors", b_few_descriptors },
	{ "exit", b_exit },       { NULL, NULL },
};

/* ---- the driver's side ------------------------------------------------------------------------------ */

static struct outcome got;
static char path[160];

static const char *in_drop(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", lab.drop, name);
	return path;
}

/* The number in a file, -1 if it does not come in time. */
static int noted(const char *name, int limit_ms)
{
	long long end = lab_now() + limit_ms;
	char text[32];

	while (access(in_drop(name), F_OK) < 0 && lab_now() < end)
		usleep(1000);
	return lab_read(in_drop(name), text, sizeof text) ? atoi(text) : -1;
}

static void begin(void)
{
	static const char *const names[] = { "ready", "go", "denied", "allowed", "signal", "done" };

	lab_start();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(in_drop(names[i]));
	snprintf(path, sizeof path, "%s/normal", lab.dir);
	lab_copy("/proc/self/exe", path);
}

static pid_t start_later(pid_t *inner)
{
	char *argv[] = { lab.tool, NULL };
	pid_t pid;

	begin();
	setenv("KT_ATTACK", "later", 1);
	pid = lab_spawn(argv, true, lab.user);
	unsetenv("KT_ATTACK");
	*inner = noted("ready", 10000);
	ok(*inner > 0, "the attacker waits");
	return pid;
}

static void go(void)
{
	lab_write(in_drop("go"), "x", 0644);
}

T_CASE(alive)
{
	pid_t inner, pid = start_later(&inner);

	go();
	is_int(noted("done", 10000), 1, "it tries");
	is_int(noted("denied", 0), EACCES, "what is denied");
	is_int(noted("allowed", 0), 0, "what is allowed");
	is_int(noted("signal", 0), EPERM, "and a signal to the supervisor");
	ok(lab_wait(pid, &got.status, 10) && got.status == 0, "all ends well");
}

T_CASE(killed)
{
	pid_t inner, pid = start_later(&inner);

	kill(pid, SIGKILL);
	lab_wait(pid, &got.status, 10);
	go();
	is_int(noted("done", 10000), 1, "the attacker lives on and tries");
	is_int(noted("denied", 0), ENOSYS, "nobody answers: refused");
	is_int(noted("allowed", 0), ENOSYS, "nor can what was allowed start");
	is_int(noted("signal", 0), ENOSYS, "nor can signals be sent");
	lab_collect(&got);
	ok(!got.reached, "nothing happened");
}

T_CASE(stopped)
{
	pid_t inner, pid = start_later(&inner);

	kill(pid, SIGSTOP);
	go();
	is_int(noted("denied", 300), -1, "while the supervisor stands, nothing is answered");
	lab_collect(&got);
	ok(!got.reached, "and nothing runs");
	kill(pid, SIGCONT);
	is_int(noted("denied", 10000), EACCES, "it goes on: denied");
	is_int(noted("allowed", 10000), 0, "it goes on: allowed");
	ok(lab_wait(pid, &got.status, 10) && got.status == 0, "all ends well");
}

T_CASE(killed_while_it_should_answer)
{
	pid_t inner, pid = start_later(&inner);

	kill(pid, SIGSTOP);
	go();
	is_int(noted("denied", 200), -1, "a call is waiting");
	kill(pid, SIGKILL);
	lab_wait(pid, &got.status, 10);
	is_int(noted("denied", 10000), ENOSYS, "it is refused when the supervisor dies");
	is_int(noted("allowed", 10000), ENOSYS, "as is all that follows");
	is_int(noted("done", 10000), 1, "nothing hangs");
}

/* Processes of a user of our own, so that none of others counts. */
static int count_processes(uid_t uid)
{
	char command[128], text[32] = "";
	FILE *f;

	snprintf(command, sizeof command, "ps -o stat= -U %u | grep -vc Z", (unsigned)uid);
	f = popen(command, "r");
	if (!f || !fgets(text, sizeof text, f))
		text[0] = 0;
	if (f)
		pclose(f);
	return atoi(text);
}

/* Dead processes that the machine's init has yet to reap would leave the next test without process numbers.
 */
static void until_reaped(void)
{
	for (int i = 0; i < 300; i++) {
		glob_t all = { 0 };
		size_t n = glob("/proc/[0-9]*", GLOB_NOSORT, NULL, &all) == 0 ? all.gl_pathc : 0;

		globfree(&all);
		if (n < 2000)
			return;
		usleep(100000);
	}
}

T_CASE(nothing_is_left)
{
	begin();
	for (int i = 0; i < 3; i++) {
		lab_attack("leftovers", true, lab.user, &got);
		is_int(lab_exit(&got), 7, "the command ends");
		is_int(count_processes(lab.user), 0, "and with it all it left behind, forking or not");
		until_reaped();
	}
}

static void works(const char *name)
{
	begin();
	for (uid_t uid = 0; uid <= lab.user; uid += lab.user) {
		lab_attack(name, true, uid, &got);
		if (!is_int(lab_exit(&got), 0, "%s works (uid %u)", name, (unsigned)uid))
			lab_show(&got);
	}
}

T_CASE(benign)
{
	works("exit");
	works("spawn");
	works("timer");
	works("threads");
	works("few-descriptors");
}

T_CASE(exit_statuses)
{
	for (int i = 0; i < 256; i += 51) {
		char text[32], *argv[] = { (char *)"/bin/sh", (char *)"-c", text, NULL };

		begin();
		snprintf(text, sizeof text, "exit %d", i);
		lab_run(argv, true, lab.user, &got);
		is_int(lab_exit(&got), i, "exit %d", i);
	}
	lab_run((char *[]){ (char *)"/bin/sh", (char *)"-c", (char *)"kill -TERM $$", NULL }, true, 0, &got);
	is_int(lab_exit(&got), 128 + SIGTERM, "a signal");
}
