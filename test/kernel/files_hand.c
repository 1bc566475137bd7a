/* files_hand - enforce/exec/hand.h: who was held to one processor for a descriptor may run everywhere
 * afterwards, whoever sets masks meanwhile; and has no descriptor that it was not told of. */
#include "test/kernel/files_tree.h"

#include <pthread.h>
#include <sched.h>
#include <sys/time.h>

enum { MANY = 1500, TRIES = 200 };

static const char policy[] = "version: 1\nname: hand\nfile_rules:\n"
                             "  - name: allow-own\n    paths: [\"@/w\", \"@/w/**\"]\n"
                             "    operations: [\"*\"]\n    decision: allow\n";

static cpu_set_t every, one;

/* Of the program and of who is outside. */
static struct {
	volatile pid_t pid;
	volatile bool over;
	volatile int tries, lost;
} * shared;

static bool has(pid_t tid, const cpu_set_t *mask)
{
	cpu_set_t now;

	return sched_getaffinity(tid, sizeof now, &now) == 0 && CPU_EQUAL(&now, mask);
}

static bool set(pid_t tid, const cpu_set_t *mask)
{
	return sched_setaffinity(tid, sizeof *mask, mask) == 0;
}

static void look_around(void)
{
	fl_start();
	sched_getaffinity(0, sizeof every, &every);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); i++)
		if (CPU_ISSET(i, &every))
			CPU_SET(i, &one);
	shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fl_need(CPU_COUNT(&every) > 1 && shared != MAP_FAILED, "two processors");
}

/* `hold` off: as a supervisor that finds its descriptors handed over quickly. */
static int run(void (*program)(void *), bool hold, bool killable)
{
	struct fl_run r = { .program = program,
		            .uid = 30000 + (uid_t)getpid() % 30000,
		            .inexact = ~0u,
		            .real = FILTER_READS | FILTER_WRITES,
		            .hold = hold,
		            .killable = killable };
	struct tree t;
	int rc;

	snprintf(t.top, sizeof t.top, "/dev/shm/files-hand.%d", (int)getpid());
	fl_need(mkdir(t.top, 0755) == 0 && chdir(t.top) == 0 && mkdir("w", 0755) == 0 && chdir("w") == 0,
	        t.top);
	tree_put("f", "own", 0600);
	fl_need(chown("f", r.uid, r.uid) == 0 && chown(".", r.uid, r.uid) == 0, "chown");
	r.policy = tree_policy(policy, t.top);
	rc = fl_run(&r);
	if (chdir("/") == 0)
		tree_gone(t.top);
	return rc;
}

/* ---- programs ------------------------------------------------------------------------------------------ */

static void open_close(int flags)
{
	int fd = open("f", flags, 0600);

	if (fd < 0)
		fl_say("open %o: %s ", flags, strerror(errno));
	close(fd);
}

static void each_kind(int n)
{
	for (int i = 0; i < n; i++) {
		open_close(O_RDONLY);
		open_close(O_RDWR);
		unlink("f");
		open_close(O_WRONLY | O_CREAT);
		if (!has(0, &every)) {
			fl_say("not everywhere after %d ", i);
			return;
		}
	}
}

static void child_has(const cpu_set_t *mask, const char *what)
{
	int status = -1;
	pid_t pid = fork();

	if (pid == 0)
		_exit(!has(0, mask));
	if (waitpid(pid, &status, 0) != pid || status)
		fl_say("%s: a child's mask ", what);
}

static void everywhere(void *arg)
{
	(void)arg;
	each_kind(MANY / 3);
	child_has(&every, "everywhere");
}

/* Whose mask somebody has chosen keeps it. */
static void chosen(void *arg)
{
	(void)arg;
	set(0, &one);
	for (int i = 0; i < MANY; i++)
		open_close(O_RDONLY);
	if (!has(0, &one))
		fl_say("its own choice is lost ");
	child_has(&one, "chosen");
}

static void *open_everywhere(void *arg)
{
	(void)arg;
	for (int i = 0; i < MANY / 3; i++) {
		open_close(O_RDONLY);
		if (!has(0, &every)) {
			fl_say("a thread not everywhere after %d ", i);
			break;
		}
	}
	return NULL;
}

/* Each may run everywhere afterwards, and so may what they start. */
static void second_threads(void *arg)
{
	pthread_t t[3];

	(void)arg;
	for (int i = 0; i < 3; i++)
		pthread_create(&t[i], NULL, open_everywhere, NULL);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	child_has(&every, "after threads");
}

static volatile int opened;

/* Sets the mask of the first thread, which is told nothing of it, and waits until that has opened some more.
 */
static void *choose(void *arg)
{
	const pid_t first = *(pid_t *)arg;

	for (int i = 0; i < TRIES; i++) {
		const cpu_set_t *mask = i & 1 ? &every : &one;
		int n = opened;

		if (!set(first, mask))
			fl_say("set: %s ", strerror(errno));
		while (opened < n + 3)
			sched_yield();
		shared->lost += !has(first, mask);
		shared->tries++;
	}
	shared->over = true;
	return NULL;
}

static void sibling(void *arg)
{
	pid_t self = getpid();
	pthread_t t;

	(void)arg;
	each_kind(5);
	pthread_create(&t, NULL, choose, &self);
	while (!shared->over) {
		open_close(O_RDONLY);
		opened++;
	}
	pthread_join(t, NULL);
}

/* The same with a second thread, for which the first one chooses. */
static void *open_often(void *arg)
{
	*(volatile pid_t *)arg = gettid();
	while (!shared->over) {
		open_close(O_RDONLY);
		opened++;
	}
	return NULL;
}

static void younger_sibling(void *arg)
{
	volatile pid_t second = 0;
	pthread_t t;

	(void)arg;
	pthread_create(&t, NULL, open_often, (void *)&second);
	while (opened < 50)
		sched_yield();
	choose((void *)&second);
	pthread_join(t, NULL);
}

/* Until the outsider has had enough. */
static void chosen_for(void *arg)
{
	(void)arg;
	shared->pid = getpid();
	while (!shared->over)
		open_close(O_RDONLY);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int signo)
{
	(void)signo;
	alarms++;
}

static int count_fds(void)
{
	int n = 0;

	for (int fd = 0; fd < 256; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

static void interrupted(void *arg)
{
	const struct itimerval often = { { 0, 150 }, { 0, 150 } }, never = { { 0, 0 }, { 0, 0 } };
	struct sigaction sa = { .sa_handler = on_alarm }; /* no SA_RESTART */
	int fds = count_fds(), fd;

	(void)arg;
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 4 * MANY; i++) {
		fd = open("f", i & 1 ? O_RDONLY : O_RDWR);
		if (fd >= 0)
			close(fd);
	}
	setitimer(ITIMER_REAL, &never, NULL);
	fl_say("%d %s", count_fds() - fds, alarms > 50 && has(0, &every) ? "interrupted" : "?");
}

static void killed(void *arg)
{
	const struct itimerval soon = { { 0, 0 }, { 0, 3000 } };

	(void)arg;
	setitimer(ITIMER_REAL, &soon, NULL);
	for (;;)
		open_close(O_RDONLY);
}

/* ---- what is wanted ---------------------------------------------------------------------------------------
 */

T_CASE(afterwards_everywhere)
{
	look_around();
	is_int(run(everywhere, true, true), 0);
	is_str(fl->out, "");
	ok(fl->held > MANY / 2, "%d held", fl->held);
}

T_CASE(nobody_is_held_without_need)
{
	is_int(run(everywhere, false, true), 0, "quick");
	is_int(fl->held, 0, "quick");
	is_int(run(everywhere, true, false), 0, "interrupted by any signal");
	is_int(fl->held, 0, "interrupted by any signal");
}

T_CASE(threads_are_held_as_well)
{
	is_int(run(second_threads, true, true), 0);
	is_str(fl->out, "");
	ok(fl->held > MANY / 2, "%d held", fl->held);
}

T_CASE(who_has_chosen_keeps_it)
{
	is_int(run(chosen, true, true), 0);
	is_str(fl->out, "");
	is_int(fl->held, 0, "held");
}

T_CASE(siblings_choose)
{
	*shared = (typeof(*shared)){ 0 };
	is_int(run(sibling, true, true), 0);
	is_str(fl->out, "");
	ok(fl->held >= 5, "%d held before", fl->held);
	is_int(shared->tries, TRIES);
	is_int(shared->lost, 0, "lost");
	*shared = (typeof(*shared)){ 0 };
	is_int(run(younger_sibling, true, true), 0, "a second thread's");
	is_str(fl->out, "", "a second thread's");
	ok(fl->held >= 5, "%d held before, a second thread", fl->held);
	is_int(shared->tries, TRIES, "a second thread's");
	is_int(shared->lost, 0, "lost, a second thread's");
}

/* Longer than somebody is held. */
static bool stays(pid_t pid)
{
	for (int i = 0; i < 20; i++) {
		if (!has(pid, &one))
			return false;
		usleep(50);
	}
	return true;
}

/* Who is not governed is not seen. What it chooses while the program is held to just that is lost; a choice
 * that was there before stays. */
T_CASE(outsiders_choose)
{
	pid_t pid;

	*shared = (typeof(*shared)){ 0 };
	pid = fork();
	if (pid == 0) {
		while (!shared->pid)
			usleep(100);
		for (int i = 0; i < TRIES / 10; i++) {
			do
				set(shared->pid, &one);
			while (!stays(shared->pid) && ++shared->tries < TRIES);
			usleep(1000);
			shared->lost += !stays(shared->pid);
			set(shared->pid, &every);
			usleep(200);
		}
		shared->over = true;
		_exit(0);
	}
	is_int(run(chosen_for, true, true), 0);
	waitpid(pid, NULL, 0);
	is_str(fl->out, "");
	ok(fl->held > TRIES / 4, "%d held", fl->held);
	is_int(shared->lost, 0, "lost, after %d more tries", shared->tries);
}

T_CASE(signals_leave_nothing)
{
	is_int(run(interrupted, true, true), 0);
	is_str(fl->out, "0 interrupted");
	ok(fl->held > MANY / 2, "%d held", fl->held);
	for (int i = 0; i < 20; i++)
		is_int(run(killed, true, true), 128 + SIGALRM, "killed");
}
