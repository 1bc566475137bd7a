/* flood - SH-22, EX-31: more calls wait than a queue usually holds, signals hit those who wait, those who
 * wait die and their numbers are given anew. Each gets its answer, and only its own. */
#include "test/kernel/lab.h"

#include <dirent.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>

enum { PROCESSES = 5, THREADS = 1000, CALLS = PROCESSES * THREADS };

/* ---- the attacker's side ---------------------------------------------------------------------------- */

static atomic_int denied, odd;
static pthread_barrier_t ready;

static void await(const char *file)
{
	while (access(file, F_OK) < 0)
		usleep(1000);
}

static void *one_call(void *arg)
{
	char *argv[] = { (char *)"canary", NULL };

	(void)arg;
	pthread_barrier_wait(&ready);
	execve(canary_path(), argv, environ);
	if (errno == EACCES)
		denied++;
	else
		odd++;
	return NULL;
}

/* Threads that all call at once. 0 when each was refused. */
static int many_threads(void)
{
	static pthread_t t[THREADS];
	pthread_attr_t small;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	pthread_barrier_init(&ready, NULL, THREADS + 1);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&t[i], &small, one_call, NULL))
			return 2;
	dprintf(1, "ready %d\n", getpid());
	await("go");
	pthread_barrier_wait(&ready);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	dprintf(1, "denied %d odd %d\n", denied, odd);
	return denied == THREADS && !odd ? 0 : 1;
}

static int a_flood(void)
{
	int status, failed = 0;

	for (int i = 0; i < PROCESSES; i++)
		if (fork() == 0)
			_exit(many_threads());
	while (wait(&status) > 0)
		failed |= status;
	return failed ? 1 : 0;
}

/* One call that waits, in a child. */
static int a_one(void)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		dprintf(1, "ready %d\n", getpid());
		await("go");
		_exit(exec_canary(canary_path()));
	}
	waitpid(pid, &status, 0);
	await("done");
	return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/* A storm of signals, with a handler, at a thread that calls all the time. */
static void *stormer(void *arg)
{
	pthread_t target = *(pthread_t *)arg;

	for (;;)
		pthread_kill(target, SIGUSR1);
	return NULL;
}

static void on_signal(int signo)
{
	(void)signo;
}

static int a_storm(void)
{
	/* Without SA_RESTART the kernel itself gives a call up that nobody has taken yet. */
	struct sigaction sa = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	char *argv[] = { (char *)"canary", NULL };
	pthread_t t, self = pthread_self();

	sigaction(SIGUSR1, &sa, NULL);
	if (pthread_create(&t, NULL, stormer, &self))
		return 95;
	for (int i = 0; i < 500; i++) {
		execve(canary_path(), argv, environ);
		if (errno != EACCES)
			return errno;
	}
	return 0;
}

/* A handler without SA_RESTART, and a call that nobody has taken yet: the kernel gives it up. */
static int a_interrupt(void)
{
	struct sigaction sa = { .sa_handler = on_signal };
	int first;

	sigaction(SIGUSR1, &sa, NULL);
	dprintf(1, "ready %d\n", getpid());
	await("go");
	first = exec_canary(canary_path());
	dprintf(1, "first %d\n", first);
	await("done");
	dprintf(1, "then %d\n", exec_canary(canary_path()));
	return 0;
}

/* What takes the number of another: waits to be told, and must not notice anything. */
static int a_bystander(void)
{
	await("done");
	return 7;
}

const struct lab_attack lab_attacks[] = { { "flood", a_flood },         { "one", a_one },
	                                  { "storm", a_storm },         { "interrupt", a_interrupt },
	                                  { "bystander", a_bystander }, { NULL, NULL } };

/* ---- the driver's side ------------------------------------------------------------------------------ */

static struct outcome got;

/* Is the task inside execve, waiting? */
static bool is_waiting(const char *task)
{
	char path[400], text[32] = "";

	snprintf(path, sizeof path, "%s/syscall", task);
	lab_read(path, text, sizeof text);
	return atoi(text) == SYS_execve && text[0] >= '0' && text[0] <= '9';
}

static int count_waiting(pid_t pid)
{
	char path[300];
	struct dirent *e;
	DIR *d;
	int n = 0;

	snprintf(path, sizeof path, "/proc/%d/task", pid);
	d = opendir(path);
	while (d && (e = readdir(d)) != NULL) {
		snprintf(path, sizeof path, "/proc/%d/task/%s", pid, e->d_name);
		n += e->d_name[0] != '.' && is_waiting(path);
	}
	if (d)
		closedir(d);
	return n;
}

/* The processes that said they are ready, once there are `n`. */
static int read_ready(pid_t *to, int n, int limit_ms)
{
	long long end = lab_now() + limit_ms;
	int found = 0;

	while (found < n && lab_now() < end) {
		const char *p = got.out;

		usleep(5000);
		lab_read(lab.out, got.out, sizeof got.out);
		for (found = 0; found < n && (p = strstr(p, "ready ")) != NULL; p++)
			to[found++] = (pid_t)atoi(p + 6);
	}
	return found;
}

static pid_t start(const char *name, pid_t *ready_ones, int n)
{
	char *argv[] = { lab.tool, NULL }, path[160];
	pid_t pid;

	lab_start();
	snprintf(path, sizeof path, "%s/go", lab.drop);
	unlink(path);
	unlink(lab.out);
	setenv("KT_ATTACK", name, 1);
	pid = lab_spawn(argv, true, lab.user);
	unsetenv("KT_ATTACK");
	is_int(read_ready(ready_ones, n, 20000), n, "%s: all are ready", name);
	return pid;
}

static void go(void)
{
	char path[160];

	snprintf(path, sizeof path, "%s/go", lab.drop);
	lab_write(path, "x", 0644);
}

/* Until that many wait, or the time is over. */
static int until_waiting(const pid_t *pids, int n, int want, int limit_ms)
{
	long long end = lab_now() + limit_ms;
	int waiting = 0;

	while (waiting < want && lab_now() < end) {
		usleep(20000);
		waiting = 0;
		for (int i = 0; i < n; i++)
			waiting += count_waiting(pids[i]);
	}
	return waiting;
}

static int count_events(const char *what)
{
	int n = 0;

	for (const char *p = got.log; (p = strstr(p, what)) != NULL; p++)
		n++;
	return n;
}

T_CASE(more_than_a_queue)
{
	pid_t inner[PROCESSES], pid = start("flood", inner, PROCESSES);

	kill(pid, SIGSTOP);
	go();
	is_int(until_waiting(inner, PROCESSES, CALLS, 20000), CALLS, "all wait for an answer");
	kill(pid, SIGCONT);
	ok(lab_wait(pid, &got.status, 60) && got.status == 0, "each gets the one it should");
	lab_collect(&got);
	if (!ok(!got.reached, "and nothing happened"))
		lab_show(&got);
	is_int(count_events("\"decision\":\"deny\""), CALLS, "each has its event");
}

T_CASE(killed_while_they_wait)
{
	pid_t inner[PROCESSES], pid = start("flood", inner, PROCESSES);

	kill(pid, SIGSTOP);
	go();
	is_int(until_waiting(inner, PROCESSES, CALLS, 20000), CALLS, "RL-11: all wait for an answer");
	for (int i = 0; i < PROCESSES; i++)
		kill(inner[i], SIGKILL);
	kill(pid, SIGCONT);
	ok(lab_wait(pid, &got.status, 20), "RL-11: nothing is left of them, and the supervisor ends");
	lab_collect(&got);
	ok(!got.reached, "RL-11: nothing happened");
}

T_CASE(storm_of_signals)
{
	lab_start();
	lab_attack("storm", true, lab.user, &got);
	if (!is_int(lab_exit(&got), 0, "signals do not change an answer") ||
	    !ok(!got.reached, "nothing happened"))
		lab_show(&got);
}

/* Has the attacker said that by now? */
static bool said(const char *text, int limit_ms)
{
	long long end = lab_now() + limit_ms;

	do {
		usleep(5000);
		lab_read(lab.out, got.out, sizeof got.out);
	} while (!strstr(got.out, text) && lab_now() < end);
	return strstr(got.out, text) != NULL;
}

T_CASE(interrupted_before_anybody_looked)
{
	pid_t inner, pid = start("interrupt", &inner, 1);
	char path[160];

	snprintf(path, sizeof path, "%s/done", lab.drop);
	unlink(path);
	kill(pid, SIGSTOP);
	go();
	is_int(until_waiting(&inner, 1, 1, 10000), 1, "a call waits");
	kill(inner, SIGUSR1);
	ok(said("first 4\n", 5000), "a signal that does not restart calls gives it up: EINTR");
	kill(pid, SIGCONT);
	lab_write(path, "x", 0644);
	ok(said("then 13\n", 5000), "tried again it is denied");
	ok(lab_wait(pid, &got.status, 10) && got.status == 0, "all ends well");
	lab_collect(&got);
	ok(!got.reached, "nothing happened");
	is_int(count_events("\"decision\":\"deny\""), 1, "what was given up was never asked: one event");
}

/* A process with this number, running the bystander outside of any session. 0 if it could not be had. */
static pid_t take_number(pid_t want)
{
	char text[16], *argv[] = { lab.tool, NULL };

	for (int i = 0; i < 200; i++) {
		pid_t pid;

		snprintf(text, sizeof text, "%d", want - 1);
		lab_write("/proc/sys/kernel/ns_last_pid", text, 0644);
		pid = fork();
		if (pid == 0) {
			if (getpid() != want)
				_exit(0);
			setenv("KT_ATTACK", "bystander", 1);
			lab_child(argv, lab.user);
		}
		if (pid == want)
			return pid;
		waitpid(pid, NULL, 0);
	}
	return 0;
}

/* Has it become the program by now? */
static bool is_bystander(pid_t pid)
{
	char path[64], text[256];

	snprintf(path, sizeof path, "/proc/%d/cmdline", pid);
	lab_read(path, text, sizeof text);
	return !strcmp(text, lab.tool);
}

/* What the stopped supervisor has just done: 1 = received a call, 0 = something else. */
static int received(pid_t pid, bool *receiving)
{
	struct __ptrace_syscall_info i;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, pid, sizeof i, &i) <= 0)
		return 0;
	if (i.op == PTRACE_SYSCALL_INFO_ENTRY)
		*receiving = i.entry.nr == SYS_ioctl &&
		             (uint32_t)i.entry.args[1] == (uint32_t)SECCOMP_IOCTL_NOTIF_RECV;
	return i.op == PTRACE_SYSCALL_INFO_EXIT && *receiving && i.exit.rval == 0;
}

/* Trace the supervisor, let the attacker go, and stop it when it has received a call and read nothing yet. */
static bool stop_in_the_middle(pid_t pid)
{
	long long end = lab_now() + 10000;
	bool receiving = false;
	int status = 0;

	if (ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_TRACESYSGOOD) < 0 ||
	    ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || waitpid(pid, &status, __WALL) != pid)
		return false;
	go();
	while (lab_now() < end) {
		int signo = WSTOPSIG(status);
		pid_t got_pid;

		if (signo == (SIGTRAP | 0x80) && received(pid, &receiving))
			return true;
		ptrace(PTRACE_SYSCALL, pid, 0, status >> 16 || (signo & 0x7f) == SIGTRAP ? 0 : signo);
		while (!(got_pid = waitpid(pid, &status, __WALL | WNOHANG)) && lab_now() < end)
			usleep(200);
		if (got_pid != pid || !WIFSTOPPED(status))
			return false;
	}
	return false;
}

T_CASE(numbers_given_anew)
{
	pid_t inner, pid, other;
	char path[160];
	int status;

	if (access("/proc/sys/kernel/ns_last_pid", W_OK) < 0)
		return;
	pid = start("one", &inner, 1);
	snprintf(path, sizeof path, "%s/done", lab.drop);
	unlink(path);
	ok(stop_in_the_middle(pid), "a call was received");
	kill(inner, SIGKILL);
	for (int i = 0; i < 5000 && kill(inner, 0) == 0; i++)
		usleep(1000);
	other = take_number(inner);
	for (int i = 0; other && i < 5000 && !is_bystander(other); i++)
		usleep(1000);
	ptrace(PTRACE_DETACH, pid, 0, 0);
	lab_write(path, "x", 0644);
	is_int(lab_wait(pid, &status, 10) ? WEXITSTATUS(status) : -1, SIGKILL, "the caller was killed");
	if (other)
		ok(lab_wait(other, &status, 10) && WEXITSTATUS(status) == 7,
		   "who has its number now is left alone");
	lab_collect(&got);
	ok(!got.reached && !strstr(got.err, "agentsh"), "nothing happened, nobody is told anything");
}
