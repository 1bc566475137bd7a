/* race - EX-16, EX-17: what a call points to changes while it is being judged. What was let through by
 * mistake is judged again before it does anything, so it must never be reached; without the second look, it
 * soon is. */
#include "test/kernel/lab.h"

#include "audit/event.h"
#include "enforce/exec/filter.h"
#include "sys/notify.h"
#include "sys/uapi/compat.h"

#include <linux/seccomp.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mman.h>

enum { SECONDS = 4 };

/* Two threads flip `shared` between two texts of the same length, as fast as they can. */
struct flip {
	char *at;
	const char *one, *two;
};

static void *flipper(void *arg)
{
	const struct flip *f = arg;
	size_t len = strlen(f->one) + 1;

	for (;;) {
		memcpy(f->at, f->one, len);
		atomic_signal_fence(memory_order_seq_cst);
		memcpy(f->at, f->two, len);
		atomic_signal_fence(memory_order_seq_cst);
	}
	return NULL;
}

static void start_flipping(const struct flip *f)
{
	pthread_t t;

	for (int i = 0; i < 2; i++)
		if (pthread_create(&t, NULL, flipper, (void *)(uintptr_t)f))
			_exit(95);
}

static int seconds(void)
{
	return *lab_env("KT_SECONDS") ? atoi(lab_env("KT_SECONDS")) : SECONDS;
}

/* Children exec with the shared page until time is over or the canary was reached. */
static int exec_again_and_again(const char *path, char *const *argv)
{
	long long end = lab_now() + seconds() * 1000LL;
	struct stat st;
	int n = 0, status;

	while (lab_now() < end && stat(lab_env("KT_CANARY"), &st) < 0) {
		pid_t pid = vfork();

		if (pid == 0) {
			execve(path, argv, environ);
			_exit(7);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 94;
		n++;
	}
	printf("%d execs\n", n);
	fflush(stdout);
	return 0;
}

static char *shared(size_t size)
{
	char *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED)
		_exit(95);
	return p;
}

static void beside(const char *name, char *out, size_t size)
{
	snprintf(out, size, "%.*s/%s", (int)(strrchr(canary_path(), '/') - canary_path()), canary_path(),
	         name);
}

static int a_path(void)
{
	static char harmless[PATH_MAX];
	struct flip f = { .at = shared(PATH_MAX), .one = harmless, .two = canary_path() };
	char *argv[] = { (char *)"x", NULL };

	beside("normal", harmless, sizeof harmless);
	start_flipping(&f);
	return exec_again_and_again(f.at, argv);
}

static int a_argument(void)
{
	static char program[PATH_MAX];
	struct flip f = { .at = shared(64), .one = "--normal", .two = "--canary" };
	char *argv[] = { (char *)"flagged", f.at, NULL };

	beside("flagged", program, sizeof program);
	start_flipping(&f);
	return exec_again_and_again(program, argv);
}

/* The file of the script is the same interpreter's; only its name is denied. */
static int a_script(void)
{
	static char harmless[PATH_MAX], denied[PATH_MAX];
	struct flip f = { .at = shared(PATH_MAX), .one = harmless, .two = denied };
	char *argv[] = { (char *)"x", NULL };

	beside("s-normal", harmless, sizeof harmless);
	beside("s-canary", denied, sizeof denied);
	start_flipping(&f);
	return exec_again_and_again(f.at, argv);
}

/* A symbolic link in the place of memory. */
static void *relinker(void *arg)
{
	(void)arg;
	for (;;) {
		usleep(20); /* who looks names up needs the folder as well */
		if (rename("l-one", "l") || link("k-one", "l-one") || rename("l-two", "l") ||
		    link("k-two", "l-two"))
			_exit(93);
	}
	return NULL;
}

static int a_link(void)
{
	static char harmless[PATH_MAX];
	char *argv[] = { (char *)"x", NULL };
	pthread_t t;

	beside("normal", harmless, sizeof harmless);
	for (const char *const *name = (const char *const[]){ "k-one", "k-two", "l-one", "l-two", NULL };
	     *name; name++)
		unlink(*name);
	if (symlink(harmless, "k-one") || symlink(canary_path(), "k-two") || link("k-one", "l-one") ||
	    link("k-two", "l-two") || pthread_create(&t, NULL, relinker, NULL))
		return 95;
	return exec_again_and_again("l", argv);
}

/* A thread joins the victim's group between the look and the act. */
static void *joiner(void *arg)
{
	pid_t victim = (pid_t)atoi(lab_env("KT_VICTIM"));

	(void)arg;
	for (;;) {
		setpgid(0, 0);
		setpgid(0, victim);
	}
	return NULL;
}

static int a_group(void)
{
	long long end = lab_now() + seconds() * 1000LL;
	pid_t victim = (pid_t)atoi(lab_env("KT_VICTIM"));
	pthread_t t;

	signal(SIGTERM, SIG_IGN);
	if (setpgid(0, victim) || pthread_create(&t, NULL, joiner, NULL))
		return 95;
	while (lab_now() < end && kill(victim, 0) == 0)
		kill(0, SIGTERM);
	return 0;
}

const struct lab_attack lab_attacks[] = {
	{ "path", a_path }, { "argument", a_argument }, { "script", a_script },
	{ "link", a_link }, { "group", a_group },       { NULL, NULL },
};

/* ---- the driver's side ------------------------------------------------------------------------------ */

#define RACE_POLICY                  \
	LAB_HEAD                     \
	"  - name: deny-script\n"    \
	"    commands: [s-canary]\n" \
	"    decision: deny\n" LAB_TAIL

static struct outcome got;

static void put_file(const char *name, const char *text)
{
	char path[160];

	snprintf(path, sizeof path, "%s/%s", lab.dir, name);
	if (text)
		lab_write(path, text, 0755);
	else
		lab_copy("/proc/self/exe", path);
}

static void begin(void)
{
	lab_start();
	lab_write(lab.policy, RACE_POLICY, 0644);
	put_file("normal", NULL);
	put_file("flagged", NULL);
	put_file("s-normal", "#!/bin/sh\nexit 0\n");
	put_file("s-canary", "#!/bin/sh\necho reached >>\"$KT_CANARY\"\n");
}

static int execs(void)
{
	return atoi(got.out);
}

static void race(const char *name, uid_t uid)
{
	begin();
	/* The copies of this program must not attack again. */
	lab_attack(name, false, uid, &got);
	ok(got.reached, "%s: ungoverned, it is reached", name);
	lab_attack(name, true, uid, &got);
	if (!ok(!got.reached, "%s: not once in %d execs", name, execs()) ||
	    !ok(execs() > 20 && lab_exit(&got) == 0, "%s: it was tried", name))
		lab_show(&got);
	ok(lab_logged(&got, "execve", "\"decision\":\"deny\""), "%s: some were denied at once", name);
	ok(lab_logged(&got, "exec_intercept", "killed"), "%s: some were found out at their start", name);
}

T_CASE(path)
{
	race("path", lab.user);
}

T_CASE(argument)
{
	race("argument", 0);
}

T_CASE(script)
{
	race("script", lab.user);
}

T_CASE(link)
{
	race("link", 0);
}

T_CASE(group)
{
	pid_t victim;
	char text[16];
	int status;

	begin();
	victim = fork();
	if (victim == 0) {
		setpgid(0, 0);
		for (;;)
			pause();
	}
	setpgid(victim, victim);
	snprintf(text, sizeof text, "%d", victim);
	setenv("KT_VICTIM", text, 1);
	lab_attack("group", true, 0, &got);
	ok(waitpid(victim, &status, WNOHANG) == 0,
	   "a group that changes while it is signalled: the outsider lives");
	is_int(lab_exit(&got), 0, "the attacker was at it all the time");
	kill(victim, SIGKILL);
	waitpid(victim, &status, 0);
}

/* The same race against a supervisor without the second look: what it judges it lets go, and starts are not
 * asked about. If it were not lost, the tests above would prove nothing. */
static void careless(int listener, const char *denied)
{
	struct seccomp_notif n;
	char path[PATH_MAX], name[32];

	for (;;) {
		struct pollfd p = { .fd = listener, .events = POLLIN };
		ssize_t len = -1;
		int mem;

		if (poll(&p, 1, -1) < 0 || p.revents & POLLHUP)
			return;
		if (notify_receive(listener, &n) != 1)
			continue;
		if (n.data.nr == SYS_execve) {
			snprintf(name, sizeof name, "/proc/%u/mem", n.pid);
			mem = open(name, O_RDONLY | O_CLOEXEC);
			len = pread(mem, path, sizeof path - 1, (off_t)n.data.args[0]);
			close(mem);
			path[len > 0 ? len : 0] = 0;
		}
		if (n.data.nr == SYS_execve && (len <= 0 || !strcmp(path, denied)))
			notify_fail(listener, n.id, EACCES);
		else
			notify_continue(listener, n.id);
	}
}

T_CASE(without_the_second_look_it_is_lost)
{
	static struct filter f;
	struct stat st;
	struct err e;
	int pair[2], status, listener = -1, number = -1;
	pid_t pid;

	begin();
	unlink(lab.reached);
	lab_need(filter_build(&f, NULL, 0, &e) == 0 && pipe(pair) == 0, "filter");
	pid = fork();
	if (pid == 0) {
		setenv("KT_CANARY", lab.reached, 1);
		setenv("KT_CANARY_PROGRAM", lab.canary, 1);
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		number = notify_install(f.code, f.n, true, &e);
		if (number < 0 || write(pair[1], &number, sizeof number) != sizeof number)
			_exit(1);
		_exit(a_path());
	}
	if (read(pair[0], &number, sizeof number) == sizeof number)
		listener = (int)syscall(SYS_pidfd_getfd, syscall(SYS_pidfd_open, pid, 0), number, 0);
	ok(listener >= 0, "a careless supervisor");
	careless(listener, lab.canary);
	close(listener);
	waitpid(pid, &status, 0);
	ok(stat(lab.reached, &st) == 0, "the canary is reached");
}
