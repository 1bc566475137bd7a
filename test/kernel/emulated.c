/* needs: seccomp
 * SV-12: calls that the supervisor makes in the caller's place, while signals rain on the caller. Each is
 * made once: none is made again because its wait was interrupted, and no interruption is seen. */
#include "test/kernel/lab.h"

#include <sys/time.h>

enum { CALLS = 400, AS_MANY = 0, MORE = 1, FEWER = 2, INTERRUPTED = 3 };

static volatile sig_atomic_t rang;

static void ring(int signo)
{
	(void)signo;
	rang++;
}

/* The target: counts what arrives, until it is told to end. What is queued is not lost. */
static int count_signals(int ready, const sigset_t *what)
{
	int n = 0, signo;

	if (write(ready, "", 1) != 1)
		_exit(98);
	while ((signo = sigwaitinfo(what, NULL)) != SIGTERM)
		n += signo == SIGRTMIN;
	/* The lower number comes first: none is left behind SIGTERM. */
	while (sigtimedwait(what, NULL, &(struct timespec){ 0, 0 }) == SIGRTMIN)
		n++;
	return n == CALLS ? AS_MANY : n > CALLS ? MORE : FEWER;
}

/* pidfd_send_signal(2) is the supervisor's: the descriptor could be exchanged. */
static int rain(int flags)
{
	struct itimerval every = { { 0, 200 }, { 0, 200 } }, off = { 0 };
	struct sigaction sa = { .sa_handler = ring, .sa_flags = flags };
	int ready[2], pidfd, interrupted = 0, status;
	sigset_t what;
	pid_t target;
	char c;

	sigemptyset(&what);
	sigaddset(&what, SIGRTMIN);
	sigaddset(&what, SIGTERM);
	sigprocmask(SIG_BLOCK, &what, NULL);
	if (pipe(ready) < 0)
		return 97;
	target = fork();
	if (target == 0)
		_exit(count_signals(ready[1], &what));
	if (read(ready[0], &c, 1) != 1)
		return 96;
	pidfd = (int)syscall(SYS_pidfd_open, target, 0);
	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &every, NULL);
	for (int i = 0; i < CALLS; i++)
		while (syscall(SYS_pidfd_send_signal, pidfd, SIGRTMIN, NULL, 0) != 0 && ++interrupted < 10000)
			;
	setitimer(ITIMER_REAL, &off, NULL);
	kill(target, SIGTERM);
	if (waitpid(target, &status, 0) != target || !WIFEXITED(status))
		return 95;
	dprintf(1, "rang %d times, interrupted %d\n", (int)rang, interrupted);
	return interrupted && flags & SA_RESTART ? INTERRUPTED : WEXITSTATUS(status);
}

static int a_restarted(void)
{
	return rain(SA_RESTART);
}

/* Before the supervisor has taken notice of a call, the kernel lets any signal end its wait: to be tried
 * again, as is said by EINTR. It was not made then. */
static int a_told(void)
{
	return rain(0);
}

const struct lab_attack lab_attacks[] = { { "restarted", a_restarted }, { "told", a_told }, { NULL, NULL } };

static struct outcome got;

static void as_many(const char *name, bool governed, uid_t uid)
{
	lab_attack(name, governed, uid, &got);
	if (!is_int(lab_exit(&got), AS_MANY, "%s as %s: as many signals as calls",
	            governed ? "governed" : "natively", uid ? "a user" : "root"))
		lab_show(&got);
	printf("# %s", got.out);
	if (governed)
		ok(strtol(got.out + strlen("rang "), NULL, 10) >= 10, "while others came");
}

static void everywhere(const char *name)
{
	lab_start();
	as_many(name, false, 0);
	as_many(name, true, lab.user);
	as_many(name, true, 0);
}

T_CASE(restarted)
{
	everywhere("restarted");
}

T_CASE(told_to_try_again)
{
	everywhere("told");
}
