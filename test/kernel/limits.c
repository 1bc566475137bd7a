/* limits - RL-01 to RL-03, RL-05, RL-06, RL-09, BE-05: what a session holds of the machine. Each is tried
 * ungoverned, where it goes through, and under a policy with limits: as root, held by control groups; as a
 * user, counted and watched by the supervisor; and beside it what must go on working. */
#include "test/kernel/lab.h"

#include <dirent.h>
#include <linux/sched.h>
#include <pthread.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/resource.h>

enum { PIDS = 60, MEMORY_MB = 128, MANY = 400, SLACK = 36, MB = 1 << 20 };

#define LIMITS                      \
	LAB_POLICY                  \
	"resource_limits:\n"        \
	"  max_memory_mb: 128\n"    \
	"  memory_swap_max_mb: 0\n" \
	"  pids_max: 60\n"

/* ---- the attacker's side ---------------------------------------------------------------------------- */

/* `n` and what stopped it, for the driver. */
static int made(int n, int error)
{
	printf("made %d %d\n", n, error);
	fflush(stdout);
	return 0;
}

static int a_forks(void)
{
	pid_t child[MANY];
	int n = 0, error = 0;

	for (; n < MANY && !error; n++) {
		child[n] = fork();
		if (child[n] == 0)
			for (;;)
				pause();
		if (child[n] < 0)
			error = errno, n--;
	}
	usleep(error ? 1500000 : 0); /* long enough to be noticed */
	for (int i = 0; i < n; i++) {
		kill(child[i], SIGKILL);
		waitpid(child[i], NULL, 0);
	}
	return made(n, error);
}

/* Each forks and goes: nobody is ever anybody's child for long. */
static int a_hydra(void)
{
	int fds[2], n = 0, error = 0;
	char c = 0;

	if (pipe(fds) < 0)
		return 99;
	for (int i = 0; i < MANY; i++) {
		pid_t middle = fork();

		if (middle == 0) {
			pid_t pid = fork();

			if (pid == 0) {
				c = 'x';
				if (write(fds[1], &c, 1) == 1)
					for (;;)
						pause();
			}
			_exit(pid < 0 ? errno : 0);
		}
		error = middle < 0 ? errno : 0;
		if (middle > 0) {
			int status;

			waitpid(middle, &status, 0);
			error = WEXITSTATUS(status);
		}
		if (error)
			break;
		n += read(fds[0], &c, 1) == 1;
	}
	usleep(error ? 1500000 : 0);
	return made(n, error); /* run ends what is left */
}

static void *sleeper(void *arg)
{
	pause();
	return arg;
}

static int a_threads(void)
{
	pthread_attr_t small;
	pthread_t t;
	int n = 0, error = 0;

	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 65536);
	while (n < 700 && !error) {
		error = pthread_create(&t, &small, sleeper, NULL);
		n += !error;
	}
	usleep(error ? 1500000 : 0);
	return made(n, error);
}

/* BE-05, RL-06: lift what there is, then the same. */
static int a_lifted(void)
{
	struct rlimit all = { RLIM_INFINITY, RLIM_INFINITY }, own;

	getrlimit(RLIMIT_NPROC, &own);
	own.rlim_cur = own.rlim_max;
	setrlimit(RLIMIT_NPROC, &own);
	setrlimit(RLIMIT_NPROC, &all);
	prlimit(getppid(), RLIMIT_NPROC, &all, NULL);
	return a_forks();
}

/* RL-06: the driver has lowered the hard limit. */
static int a_raise(void)
{
	struct rlimit more = { 4000, 4000 };
	pid_t sibling = fork();
	int own, other;

	if (sibling == 0)
		for (;;)
			pause();
	own = setrlimit(RLIMIT_NOFILE, &more) < 0 ? errno : 0;
	other = prlimit(sibling, RLIMIT_NOFILE, &more, NULL) < 0 ? errno : 0;
	kill(sibling, SIGKILL);
	waitpid(sibling, NULL, 0);
	return made(own, other);
}

/* Touch that many megabytes and keep them for a while. */
static char *touch(int mb, int flags, int fd)
{
	char *p = mmap(NULL, (size_t)mb * MB, PROT_READ | PROT_WRITE, flags, fd, 0);

	if (p == MAP_FAILED)
		_exit(98);
	for (size_t i = 0; i < (size_t)mb * MB; i += 4096)
		p[i] = (char)(i >> 12);
	return p;
}

static int held(int mb)
{
	sleep(2);
	lab_mark("held\n");
	return made(mb, 0);
}

static int a_memory(void)
{
	touch(MEMORY_MB * 5 / 4, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	return held(MEMORY_MB * 5 / 4);
}

static int a_shared(void)
{
	int fd = memfd_create("lab", 0);

	if (fd < 0 || ftruncate(fd, (off_t)MEMORY_MB * 5 / 4 * MB) < 0)
		return 98;
	touch(MEMORY_MB * 5 / 4, MAP_SHARED, fd);
	return held(MEMORY_MB * 5 / 4);
}

/* Nobody maps it. */
static int a_written(void)
{
	static char block[MB];
	int fd = memfd_create("lab", 0);

	memset(block, 1, sizeof block);
	for (int i = 0; i < MEMORY_MB * 5 / 4; i++)
		if (write(fd, block, sizeof block) != sizeof block)
			return 98;
	return held(MEMORY_MB * 5 / 4);
}

/* None of them has too much. */
static int a_spread(void)
{
	int status, bad = 0;

	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			touch(MEMORY_MB * 5 / 16, MAP_PRIVATE | MAP_ANONYMOUS, -1);
			sleep(2);
			_exit(0);
		}
	for (int i = 0; i < 4; i++)
		bad += wait(&status) > 0 && status != 0;
	if (!bad)
		lab_mark("held\n");
	return made(4, bad);
}

static void *hoard(void *arg)
{
	touch(MEMORY_MB * 5 / 4, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	held(0);
	_exit(0);
	return arg;
}

/* The first thread ends: what /proc shows of the process has no memory any more. */
static int a_headless(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, hoard, NULL))
		return 98;
	syscall(SYS_exit, 0);
	return 98;
}

/* Within the limit, whatever a careless sum would say: shared with children, mapped by several, reserved. */
static int a_modest(void)
{
	int fd = memfd_create("lab", 0), status, bad = 0;

	if (ftruncate(fd, 40 * MB) < 0)
		return 98;
	touch(50, MAP_PRIVATE | MAP_ANONYMOUS, -1);
	touch(40, MAP_SHARED, fd);
	if (mmap(NULL, 20ULL << 30, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) ==
	    MAP_FAILED)
		return 97;
	for (int i = 0; i < 4; i++)
		if (fork() == 0) {
			touch(40, MAP_SHARED, fd);
			sleep(2);
			_exit(0);
		}
	for (int i = 0; i < 4; i++)
		bad += wait(&status) > 0 && status != 0;
	return bad;
}

/* Forty at a time, twenty times over: never too many, in all far more than the limit. */
static int a_busy(void)
{
	int status, bad = 0;

	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 40; i++) {
			pid_t pid = fork();

			if (pid == 0)
				_exit(0);
			bad += pid < 0;
		}
		while (wait(&status) > 0)
			bad += status != 0;
	}
	return bad > 200 ? 200 : bad;
}

/* Not every C library makes the call. */
static int policy(int number, int priority)
{
	struct sched_param p = { .sched_priority = priority };

	return (int)syscall(SYS_sched_setscheduler, 0, number, &p);
}

/* RL-09: which of them is granted? The driver's limits would allow the first three. */
static int a_realtime(void)
{
	struct { /* struct sched_attr */
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} d = { 48, 6, 0, 0, 0, 1000000, 10000000, 10000000 };
	int granted = 0;

	granted += policy(SCHED_FIFO, 1) == 0;
	granted += policy(SCHED_RR, 1) == 0;
	policy(SCHED_OTHER, 0);
	granted += setpriority(PRIO_PROCESS, 0, -5) == 0;
	granted += syscall(SYS_sched_setattr, 0, &d, 0) == 0 && geteuid() != 0;
	return made(granted, policy(SCHED_BATCH, 0) < 0 || nice(1) < 0);
}

static int later(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* All processors busy: how long does a call take that the supervisor answers? */
static int a_starve(void)
{
	enum { CALLS = 200 };
	int us[CALLS];
	pid_t busy[16];
	long n = sysconf(_SC_NPROCESSORS_ONLN) * 2;

	if (n > 16)
		n = 16;
	for (long i = 0; i < n; i++) {
		busy[i] = fork();
		if (busy[i] == 0)
			for (volatile unsigned long x = 0;; x++)
				;
	}
	for (int i = 0; i < CALLS; i++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		kill(getpid(), SIGURG); /* ignored, but judged */
		clock_gettime(CLOCK_MONOTONIC, &b);
		us[i] = (int)((b.tv_sec - a.tv_sec) * 1000000 + (b.tv_nsec - a.tv_nsec) / 1000);
		usleep(2000);
	}
	for (long i = 0; i < n; i++)
		kill(busy[i], SIGKILL);
	qsort(us, CALLS, sizeof *us, later);
	return made(us[CALLS * 99 / 100], us[CALLS / 2]);
}

/* Two processors for a second: how many milliseconds are had? */
static int a_burn(void)
{
	struct rusage use;

	for (int i = 0; i < 2; i++)
		if (fork() == 0) {
			alarm(1);
			for (volatile unsigned long x = 0;; x++)
				;
		}
	while (wait(NULL) > 0)
		;
	getrusage(RUSAGE_CHILDREN, &use);
	return made((int)(use.ru_utime.tv_sec * 1000 + use.ru_utime.tv_usec / 1000), 0);
}

/* Out of the group, or its limit up. */
static int a_leave(void)
{
	char line[512], path[700], *name;
	FILE *f = fopen("/proc/self/cgroup", "re");
	int fd, left = 0, error = 0;

	while (f && fgets(line, sizeof line, f)) {
		name = strstr(line, ":pids:");
		if (!name)
			continue;
		name[strcspn(name, "\n")] = 0;
		fd = open("/sys/fs/cgroup/pids/tasks", O_WRONLY);
		left += fd >= 0 && write(fd, "0", 1) == 1;
		error = fd < 0 ? errno : 0;
		snprintf(path, sizeof path, "/sys/fs/cgroup/pids%s/pids.max", name + 6);
		fd = open(path, O_WRONLY);
		left += fd >= 0 && write(fd, "max", 3) == 3;
		left += rmdir(path) == 0 || mkdir("/sys/fs/cgroup/pids/lab", 0755) == 0;
	}
	rmdir("/sys/fs/cgroup/pids/lab");
	return made(left, error);
}

const struct lab_attack lab_attacks[] = {
	{ "forks", a_forks },
	{ "hydra", a_hydra },
	{ "threads", a_threads },
	{ "lifted", a_lifted },
	{ "raise", a_raise },
	{ "memory", a_memory },
	{ "shared", a_shared },
	{ "written", a_written },
	{ "spread", a_spread },
	{ "headless", a_headless },
	{ "modest", a_modest },
	{ "busy", a_busy },
	{ "realtime", a_realtime },
	{ "starve", a_starve },
	{ "burn", a_burn },
	{ "leave", a_leave },
	{ "", NULL },
};

/* ---- the driver's side ------------------------------------------------------------------------------ */

static struct outcome got;

#define GROUPS \
	"find /sys/fs/cgroup/pids /sys/fs/cgroup/memory /sys/fs/cgroup/cpu -name 'agentsh-run-*' | sort"

static char before[PATH_MAX]; /* a list of the groups that others left */

static void begin(const char *policy)
{
	char command[PATH_MAX + sizeof GROUPS + 8];

	lab_start();
	snprintf(before, sizeof before, "%s/groups", lab.dir);
	snprintf(command, sizeof command, GROUPS " >%s", before);
	system(command);
	lab_write(lab.policy, policy, 0644);
}

/* What the attacker made, -1 when it did not say. */
static int number(int *error)
{
	int n = -1;

	*error = -1;
	sscanf(got.out, "made %d %d", &n, error);
	return n;
}

static void groups_are_gone(void)
{
	long long end = lab_now() + 5000;
	char command[PATH_MAX + sizeof GROUPS + 48];
	bool any;

	snprintf(command, sizeof command, GROUPS " | comm -13 %s - | grep -q .", before);
	do {
		any = system(command) == 0;
		usleep(any ? 50000 : 0);
	} while (any && lab_now() < end);
	ok(!any, "no group is left");
}

/* What nobody held is still there: all that runs as the user of this test. */
static void end_ungoverned(void)
{
	if (fork() == 0)
		_exit(setresuid(lab.user, lab.user, lab.user) < 0 || kill(-1, SIGKILL) < 0);
	wait(NULL);
}

static void too_many(const char *id, const char *attack, int limit)
{
	int error, n;

	begin(LIMITS);
	lab_attack(attack, false, lab.user, &got);
	n = number(&error);
	ok(n > limit * 4, "%s: ungoverned there are %d (%s)", id, n, attack);
	end_ungoverned();
	for (uid_t uid = 0; uid <= lab.user; uid += lab.user) {
		lab_attack(attack, true, uid, &got);
		n = number(&error);
		if (!ok(n > limit / 2 && n <= limit + SLACK && error == EAGAIN,
		        "%s: %s as uid %u: EAGAIN after %d", id, attack, (unsigned)uid, n) ||
		    !ok(lab_logged(&got, "\"type\":\"limit_reached\"", "\"rule\":\"pids_max\""),
		        "%s: and the log says so", id))
			lab_show(&got);
	}
	groups_are_gone();
}

T_CASE(RL_01_processes)
{
	too_many("RL-01", "forks", PIDS);
	too_many("RL-01", "hydra", PIDS);
}

T_CASE(RL_02_threads)
{
	too_many("RL-02", "threads", PIDS);
}

T_CASE(RL_06_limits_cannot_be_lifted)
{
	const struct rlimit low = { 500, 1000 };
	int own, other;

	too_many("RL-06", "lifted", PIDS);
	begin(LIMITS);
	setrlimit(RLIMIT_NOFILE, &low);
	lab_attack("raise", false, 0, &got);
	own = number(&other);
	if (own || other)
		printf("# ungoverned: this machine's root may not raise hard limits\n");
	for (uid_t uid = 0; uid <= lab.user; uid += lab.user) {
		lab_attack("raise", true, uid, &got);
		own = number(&other);
		ok(own == EPERM && other == EPERM, "RL-06: uid %u cannot: %d, a sibling's: %d", (unsigned)uid,
		   own, other);
	}
}

static void too_much(const char *attack, uid_t uid)
{
	begin(LIMITS);
	lab_attack(attack, false, uid, &got);
	ok(got.reached, "RL-03: %s: ungoverned it is held (uid %u)", attack, (unsigned)uid);
	lab_attack(attack, true, uid, &got);
	if (!ok(!got.reached, "RL-03: %s: not governed (uid %u)", attack, (unsigned)uid) ||
	    !ok(lab_logged(&got, "\"effective_action\":\"killed\"", "\"rule\":\"max_memory_mb\""),
	        "RL-03: and the log says so"))
		lab_show(&got);
}

T_CASE(RL_03_memory)
{
	static const char *const attacks[] = { "memory", "shared", "spread", "headless" };

	lab_start();
	for (size_t i = 0; i < sizeof attacks / sizeof *attacks; i++)
		for (uid_t uid = 0; uid <= lab.user; uid += lab.user)
			too_much(attacks[i], uid);
	too_much("written", 0); /* of what nobody maps only a control group knows */
	groups_are_gone();
}

T_CASE(RL_01_RL_03_within_limits)
{
	static const char *const names[] = { "modest", "busy" };

	for (size_t i = 0; i < 2; i++)
		for (uid_t uid = 0; begin(LIMITS), uid <= lab.user; uid += lab.user) {
			lab_attack(names[i], true, uid, &got);
			if (!is_int(lab_exit(&got), 0, "%s works (uid %u)", names[i], (unsigned)uid) ||
			    !ok(!strstr(got.log, "limit_reached"), "and nothing is said"))
				lab_show(&got);
		}
}

T_CASE(processor_time)
{
	int error, n, free_ms;

	begin(LAB_POLICY "resource_limits:\n  cpu_quota_percent: 5\n");
	lab_attack("burn", false, 0, &got);
	free_ms = number(&error);
	lab_attack("burn", true, 0, &got);
	n = number(&error);
	ok(n > 10 && n < 150 && free_ms > 2 * n, "with 5 %% of a processor, %d ms in a second; ungoverned %d",
	   n, free_ms);
	lab_attack("burn", true, lab.user, &got);
	ok(lab_logged(&got, "limits_degraded", "cpu_quota_percent"), "a user is told it is not held");
	groups_are_gone();
}

T_CASE(RL_09_realtime)
{
	const struct rlimit high = { 50, 50 }, none = { 0, 0 };
	int error, n;

	begin(LIMITS);
	setrlimit(RLIMIT_RTPRIO, &high);
	setrlimit(RLIMIT_NICE, &high);
	lab_attack("realtime", false, lab.user, &got);
	n = number(&error);
	if (n < 2)
		printf("# ungoverned %d are granted: limits on priority cannot be raised here\n", n);
	for (uid_t uid = 0; uid <= lab.user; uid += lab.user) {
		lab_attack("realtime", true, uid, &got);
		n = number(&error);
		if (!ok(n == 0 && error == 0, "RL-09: none to uid %u (%d), but batch and nice(1)",
		        (unsigned)uid, n))
			lab_show(&got);
	}
	setrlimit(RLIMIT_RTPRIO, &none);
	setrlimit(RLIMIT_NICE, &none);
}

/* How long it takes depends on who else uses the machine: docs/bench.md has such numbers. Here nobody
 * starves. */
T_CASE(RL_09_load)
{
	int half, p99;

	for (uid_t uid = 0; begin(LIMITS), uid <= lab.user; uid += lab.user) {
		lab_attack("starve", true, uid, &got);
		p99 = number(&half);
		ok(half >= 0 && half < 1000000,
		   "RL-09: all processors busy: p99 %d us, median %d us (uid %u)", p99, half, (unsigned)uid);
	}
}

T_CASE(groups_cannot_be_left)
{
	int error, n;

	begin(LIMITS);
	lab_attack("leave", false, 0, &got);
	n = number(&error);
	ok(n > 0, "ungoverned root moves between groups");
	lab_attack("leave", true, 0, &got);
	n = number(&error);
	if (!ok(n == 0 && error == EACCES, "a session's root cannot leave its group (%d, %d)", n, error))
		lab_show(&got);
}
