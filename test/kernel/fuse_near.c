/* A view's process comes to the processor of who asks for one thing after the other, follows him where he
 * chose it, has him come otherwise, and is wherever there is room as soon as somebody else asks. Who is held
 * meanwhile does not see it, nor does what he starts. */
#include "enforce/fuse/mounting.h"
#include "enforce/fuse/view.h"
#include "test/t.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TRIES = 2000, FEW = 4, TURNS = 50, SECONDS = 60 };

static struct lab {
	char below[32], seen[32];
	cpu_set_t all;
	pid_t pid;
} lab;

static int serve(int ready)
{
	struct view_options o = { .path = lab.seen, .keep_s = 86400 };
	struct view *v;
	struct err e;

	o.dir = open(lab.below, O_PATH | O_DIRECTORY | O_CLOEXEC);
	o.device = mounting_attach(lab.seen, true, 10000, &e);
	v = o.device < 0 ? NULL : view_new(&o, &e);
	if (!v || write(ready, "", 1) != 1)
		return 1;
	return view_run(v, &e) == 0 ? 0 : 2;
}

static bool begin(void)
{
	int ready[2];
	char byte;

	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) != 0)
		t_skip_all("not root, or no FUSE");
	if (sched_getaffinity(0, sizeof lab.all, &lab.all) < 0 || CPU_COUNT(&lab.all) < 2)
		t_skip_all("one processor only");
	strcpy(lab.below, "/tmp/near.XXXXXX");
	strcpy(lab.seen, "/tmp/near.XXXXXX");
	if (!mkdtemp(lab.below) || !mkdtemp(lab.seen) || pipe2(ready, O_CLOEXEC) < 0)
		return ok(false, "directories");
	lab.pid = fork();
	if (lab.pid == 0)
		_exit(serve(ready[1]));
	close(ready[1]);
	return ok(read(ready[0], &byte, 1) == 1, "a view");
}

static void end(void)
{
	int status = -1;

	char path[48];

	snprintf(path, sizeof path, "%s/f", lab.below);
	unlink(path);
	ok(umount2(lab.seen, 0) == 0, "unmounted");
	waitpid(lab.pid, &status, 0);
	is_int(status, 0, "the view ends");
	ok(rmdir(lab.seen) == 0 && unlinkat(AT_FDCWD, lab.below, AT_REMOVEDIR) == 0, "nothing is left");
}

/* What the kernel never answers by itself. */
static int ask_for(void)
{
	char path[48];

	snprintf(path, sizeof path, "%s/f", lab.seen);
	return open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0644);
}

static bool ask(void)
{
	int fd = ask_for();

	close(fd);
	return fd >= 0;
}

static bool is_held(const cpu_set_t *to)
{
	cpu_set_t now;

	return sched_getaffinity(lab.pid, sizeof now, &now) == 0 && CPU_EQUAL(&now, to);
}

/* Asks in no hurry, from there. */
static bool comes_to(const cpu_set_t *there)
{
	sched_setaffinity(0, sizeof *there, there);
	for (int i = 0; i < TRIES && !is_held(there); i++) {
		ask();
		poll(NULL, 0, 1);
	}
	return is_held(there);
}

static void two(cpu_set_t one[2])
{
	int n = 0;

	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++) {
		if (!CPU_ISSET(cpu, &lab.all))
			continue;
		CPU_ZERO(&one[n]);
		CPU_SET(cpu, &one[n++]);
	}
}

T_CASE(followed)
{
	cpu_set_t one[2];
	pid_t other;

	if (!begin())
		return;
	two(one);
	ok(is_held(&lab.all), "nobody has asked: it is anywhere");
	ok(comes_to(&one[0]), "it comes to who asks");
	ok(comes_to(&one[1]), "and follows him");
	ok(comes_to(&one[0]), "and back");
	sched_setaffinity(0, sizeof lab.all, &lab.all);
	other = fork();
	if (other == 0)
		_exit(ask() ? 0 : 1);
	waitpid(other, NULL, 0);
	ok(is_held(&lab.all), "somebody else asked: it is anywhere");
	end();
}

static bool is_free(void)
{
	cpu_set_t now;

	return sched_getaffinity(0, sizeof now, &now) == 0 && CPU_EQUAL(&now, &lab.all);
}

static bool starts_free(void)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0)
		_exit(is_free() ? 0 : 1);
	return waitpid(child, &status, 0) == child && status == 0;
}

/* He was elsewhere, and may be anywhere. */
static bool comes_back(const cpu_set_t *here, const cpu_set_t *elsewhere)
{
	sched_setaffinity(0, sizeof *elsewhere, elsewhere);
	sched_setaffinity(0, sizeof lab.all, &lab.all);
	for (int i = 0; i < FEW && !CPU_ISSET(sched_getcpu(), here); i++)
		ask();
	return CPU_ISSET(sched_getcpu(), here) && is_held(here);
}

/* How often he or a child of his sees a mask that is not his. */
static int narrow(void)
{
	int n = 0;

	for (int i = 0; i < TRIES; i++) {
		int fd = ask_for();

		n += !is_free() || (i % 8 == 0 && !starts_free());
		close(fd);
		poll(NULL, 0, i % 2);
	}
	return n;
}

/* Keeps a processor from sleeping, and out of nobody's way: who is woken there runs at once. */
static pid_t awake(const cpu_set_t *there)
{
	const struct sched_param none = { 0 };
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	alarm(SECONDS);
	sched_setaffinity(0, sizeof *there, there);
	syscall(SYS_sched_setscheduler, 0, SCHED_IDLE, &none);
	for (;;)
		;
}

static bool may_be_first(void)
{
	const struct sched_param first = { .sched_priority = 1 }, none = { 0 };

	if (syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &first) < 0)
		return false;
	return syscall(SYS_sched_setscheduler, 0, SCHED_OTHER, &none) == 0;
}

T_CASE(held)
{
	cpu_set_t one[2];
	pid_t waker;
	int back = 0;

	if (!may_be_first()) {
		t_skip("no real-time priority to be had here");
		return;
	}
	if (!begin())
		return;
	two(one);
	for (int i = 0; i < TURNS; i++)
		back += comes_to(&one[0]) && comes_back(&one[0], &one[1]);
	is_int(back, TURNS, "he comes to where he is answered");
	is_int(narrow(), 0, "neither he nor his children are ever held to it");
	comes_to(&one[0]);
	sched_setaffinity(0, sizeof lab.all, &lab.all);
	sched_setaffinity(lab.pid, sizeof one[1], &one[1]);
	waker = awake(&one[0]);
	is_int(narrow(), 0, "nor where somebody else has moved the view");
	kill(waker, SIGKILL);
	waitpid(waker, NULL, 0);
	ok(is_held(&one[1]), "which stays there");
	end();
}
