/* outside - what a governed process may not do to others of the same user, and what it may within its
 * session. */
#include "test/kernel/lab.h"

#include <sched.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>

static char victim_word; /* at the same place in the victim, which is of the same program */

/* ---- the attacker's side; the victim only waits, and every one of these ends it or marks it -------- */

static pid_t victim(void)
{
	return (pid_t)atoi(lab_env("KT_VICTIM"));
}

static int result(long rc)
{
	return rc < 0 ? errno : 0;
}

static int a_kill(void)
{
	return result(kill(victim(), SIGKILL));
}

static int a_stop(void)
{
	int rc = result(kill(victim(), SIGSTOP));

	if (!rc)
		lab_mark("reached\n");
	return rc;
}

static int a_tkill(void)
{
	return result(syscall(SYS_tkill, victim(), SIGKILL));
}

static int a_tgkill(void)
{
	return result(syscall(SYS_tgkill, victim(), victim(), SIGKILL));
}

/* Ignored by most, but not by all; Go programs send it to their own threads. */
static int a_urgent(void)
{
	int rc = result(syscall(SYS_tgkill, victim(), victim(), SIGURG));

	if (!rc)
		lab_mark("reached\n");
	return rc;
}

static int b_urgent(void)
{
	int rc = 0;

	for (int i = 0; i < 1000; i++)
		rc |= syscall(SYS_tgkill, getpid(), getpid(), SIGURG) != 0;
	return rc;
}

static int a_queue(void)
{
	siginfo_t info = { .si_signo = SIGTERM, .si_code = -1 };

	return result(syscall(SYS_rt_sigqueueinfo, victim(), SIGTERM, &info));
}

static int a_tgqueue(void)
{
	siginfo_t info = { .si_signo = SIGTERM, .si_code = -1 };

	return result(syscall(SYS_rt_tgsigqueueinfo, victim(), victim(), SIGTERM, &info));
}

static int a_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, victim(), 0);

	return result(syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0));
}

static int a_group(void)
{
	return result(kill(-victim(), SIGKILL));
}

static int a_own_group(void)
{
	/* The victim's group is of our terminal session here: join it and signal it as one's own. */
	if (setpgid(0, victim()) < 0)
		return 95;
	signal(SIGTERM, SIG_IGN);
	return result(kill(0, SIGTERM));
}

static int a_everybody(void)
{
	signal(SIGTERM, SIG_IGN);
	return result(kill(-1, SIGTERM));
}

/* LL-06: the kernel sends the signal. */
static int send_io(int (*set)(int fd))
{
	int ends[2], rc;

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends))
		return 95;
	rc = set(ends[0]);
	if (rc)
		return rc;
	fcntl(ends[0], F_SETSIG, SIGKILL);
	fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
	return write(ends[1], "x", 1) == 1 ? 0 : 94;
}

static int set_own(int fd)
{
	return result(fcntl(fd, F_SETOWN, victim()));
}

static int set_own_group(int fd)
{
	return result(fcntl(fd, F_SETOWN, -victim()));
}

static int set_own_ex(int fd)
{
	int owner[2] = { 1 /* F_OWNER_PID */, victim() };

	return result(fcntl(fd, 15, owner));
}

static int set_own_ioctl(int fd)
{
	int owner = victim();

	return result(ioctl(fd, 0x8901, &owner));
}

static int a_setown(void)
{
	return send_io(set_own);
}

static int a_setown_group(void)
{
	return send_io(set_own_group);
}

static int a_setown_ex(void)
{
	return send_io(set_own_ex);
}

static int a_fiosetown(void)
{
	return send_io(set_own_ioctl);
}

static int marked(long rc)
{
	if (rc < 0)
		return errno;
	lab_mark("reached\n");
	return 0;
}

/* SV-03 … SV-06 */
static int a_ptrace(void)
{
	return marked(ptrace(PTRACE_SEIZE, victim(), NULL, NULL));
}

static int a_vm_read(void)
{
	char c;
	struct iovec to = { &c, 1 }, from = { &victim_word, 1 };

	return marked(process_vm_readv(victim(), &to, 1, &from, 1, 0));
}

static int a_vm_write(void)
{
	char c = 1;
	struct iovec from = { &c, 1 }, to = { &victim_word, 1 };

	return marked(process_vm_writev(victim(), &from, 1, &to, 1, 0));
}

static int open_proc(const char *name, int flags)
{
	char path[64], c;
	int fd, rc;

	snprintf(path, sizeof path, "/proc/%d/%s", victim(), name);
	fd = open(path, flags | O_CLOEXEC);
	if (fd < 0)
		return errno;
	/* Some files can be opened by all and are checked when read. */
	rc = pread(fd, &c, 1, strcmp(name, "mem") ? 0 : (off_t)(uintptr_t)&victim_word) < 0 ? errno : 0;
	if (flags & O_DIRECTORY)
		rc = 0;
	if (!rc)
		lab_mark("reached\n");
	return rc;
}

static int a_proc_environ(void)
{
	return open_proc("environ", O_RDONLY);
}

static int a_proc_mem(void)
{
	return open_proc("mem", O_RDWR);
}

static int a_proc_maps(void)
{
	return open_proc("maps", O_RDONLY);
}

static int a_proc_fd(void)
{
	return open_proc("fd/0", O_RDONLY);
}

static int a_proc_cwd(void)
{
	return open_proc("cwd", O_RDONLY | O_DIRECTORY);
}

static int a_getfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, victim(), 0);

	return marked(syscall(438, fd, 0, 0));
}

static int a_kcmp(void)
{
	return marked(syscall(SYS_kcmp, victim(), getpid(), 1, 0, 0));
}

static int a_prlimit(void)
{
	struct rlimit l = { 3, 3 };

	return marked(prlimit(victim(), RLIMIT_NOFILE, &l, NULL));
}

static int a_priority(void)
{
	return marked(setpriority(PRIO_PROCESS, (id_t)victim(), 19));
}

static int a_priority_user(void)
{
	return marked(setpriority(PRIO_USER, 0, 10));
}

static int a_priority_group(void)
{
	return marked(setpriority(PRIO_PGRP, (id_t)victim(), 19));
}

static int a_affinity(void)
{
	unsigned long one = 1;

	return marked(syscall(SYS_sched_setaffinity, victim(), sizeof one, &one));
}

static int a_scheduler(void)
{
	int priority = 0;

	return marked(syscall(SYS_sched_setscheduler, victim(), SCHED_IDLE, &priority));
}

static int a_ioprio(void)
{
	return marked(syscall(SYS_ioprio_set, 1, victim(), 3 << 13));
}

/* Forging the mark: it must fail, whatever the values. */
static int a_tag_setrlimit(void)
{
	struct rlimit l = { 1, 1 };

	return marked(syscall(SYS_setrlimit, 10, &l));
}

static int a_tag_prlimit(void)
{
	struct rlimit l = { 1, 1 };

	return marked(syscall(SYS_prlimit64, getpid(), 10, &l, NULL));
}

static int a_tag_child(void)
{
	struct rlimit l = { 1, 1 };
	pid_t pid = fork();
	int rc;

	if (pid == 0)
		for (;;)
			pause();
	rc = marked(syscall(SYS_prlimit64, pid, 10, &l, NULL));
	kill(pid, SIGKILL);
	return rc;
}

/* ---- within the session ---------------------------------------------------------------------------- */

static volatile sig_atomic_t seen_signal, seen_pid;

static void on_signal(int signo, siginfo_t *info, void *context)
{
	(void)context;
	seen_signal = signo;
	seen_pid = info->si_pid;
}

static void catch (int signo)
{
	struct sigaction sa = { .sa_sigaction = on_signal, .sa_flags = SA_SIGINFO };

	sigaction(signo, &sa, NULL);
}

/* A child that ends with 42 when `signo` comes from `us` (0: from anybody). */
static pid_t listener(int signo, pid_t us)
{
	int ends[2];
	char c;
	pid_t pid;

	if (pipe(ends))
		_exit(90);
	pid = fork();
	if (pid == 0) {
		sigset_t set, old;

		sigemptyset(&set);
		sigaddset(&set, signo);
		sigprocmask(SIG_BLOCK, &set, &old);
		catch (signo);
		close(ends[0]);
		if (write(ends[1], "r", 1) != 1)
			_exit(91);
		while (!seen_signal)
			sigsuspend(&old);
		_exit(seen_signal == signo && (!us || seen_pid == us) ? 42 : 43);
	}
	close(ends[1]);
	if (read(ends[0], &c, 1) != 1)
		_exit(92);
	close(ends[0]);
	return pid;
}

static int ended(pid_t pid)
{
	int status;

	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 93;
}

#define MUST(n, cond)             \
	do {                      \
		if (!(cond))      \
			_exit(n); \
	} while (0)

static int b_children(void)
{
	siginfo_t info = { .si_signo = SIGUSR2, .si_code = -1, .si_pid = getpid() };
	pid_t me = getpid(), pid = listener(SIGUSR1, me);

	MUST(1, kill(pid, SIGUSR1) == 0 && ended(pid) == 42);
	pid = listener(SIGTERM, me);
	MUST(2, syscall(SYS_tgkill, pid, pid, SIGTERM) == 0 && ended(pid) == 42);
	pid = listener(SIGTERM, me);
	MUST(3, syscall(SYS_tkill, pid, SIGTERM) == 0 && ended(pid) == 42);
	pid = listener(SIGUSR2, me);
	MUST(4, syscall(SYS_rt_sigqueueinfo, pid, SIGUSR2, &info) == 0 && ended(pid) == 42);
	pid = listener(SIGUSR1, 0);
	MUST(5, syscall(SYS_pidfd_send_signal, syscall(SYS_pidfd_open, pid, 0), SIGUSR1, NULL, 0) == 0);
	MUST(6, ended(pid) == 42);
	MUST(7, kill(pid, SIGUSR1) == -1 && errno == ESRCH);
	MUST(8, kill(getpid(), 0) == 0 && kill(getppid(), 0) == 0);
	return 0;
}

static int b_groups(void)
{
	pid_t me = getpid(), pid = listener(SIGUSR1, me);

	MUST(1, setpgid(pid, pid) == 0 && kill(-pid, SIGUSR1) == 0 && ended(pid) == 42);
	setpgid(0, 0);
	signal(SIGUSR2, SIG_IGN);
	pid = listener(SIGUSR2, 0);
	MUST(2, kill(0, SIGUSR2) == 0 && ended(pid) == 42);
	MUST(3, kill(-999999, SIGUSR1) == -1 && (errno == ESRCH || errno == EPERM));
	catch (SIGUSR1);
	MUST(4, raise(SIGUSR1) == 0 && seen_signal == SIGUSR1 && seen_pid == me);
	return 0;
}

/* A sibling, and one that has left the family: both are of the session. */
static int b_relatives(void)
{
	pid_t sibling = listener(SIGUSR1, 0), killer, orphan = 0;
	int ends[2];

	killer = fork();
	if (killer == 0)
		_exit(kill(sibling, SIGUSR1) ? 1 : 0);
	MUST(1, ended(killer) == 0 && ended(sibling) == 42);
	MUST(2, pipe(ends) == 0);
	killer = fork();
	if (killer == 0) {
		setsid();
		orphan = listener(SIGUSR1, 0);
		if (write(ends[1], &orphan, sizeof orphan) != sizeof orphan)
			_exit(1);
		_exit(0);
	}
	MUST(3, ended(killer) == 0 && read(ends[0], &orphan, sizeof orphan) == sizeof orphan);
	MUST(4, kill(orphan, SIGUSR1) == 0);
	return 0;
}

static int b_owner(void)
{
	int ends[2];

	MUST(1, socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
	catch (SIGIO);
	MUST(2, fcntl(ends[0], F_SETOWN, getpid()) == 0 && fcntl(ends[0], F_SETFL, O_ASYNC) == 0);
	MUST(3, write(ends[1], "x", 1) == 1);
	while (!seen_signal)
		usleep(1000);
	MUST(4, seen_signal == SIGIO && fcntl(ends[0], F_SETOWN, 0) == 0);
	return 0;
}

/* OK-49 and what schedulers and pools do. */
static int b_limits(void)
{
	struct rlimit l = { 0 };
	unsigned long cpus[16] = { 0 };
	pid_t pid = listener(SIGUSR1, 0);

	MUST(1, getrlimit(RLIMIT_NOFILE, &l) == 0);
	l.rlim_cur = l.rlim_max = 200;
	MUST(2, setrlimit(RLIMIT_NOFILE, &l) == 0 && prlimit(pid, RLIMIT_NOFILE, &l, NULL) == 0);
	MUST(3, getrlimit(RLIMIT_NOFILE, &l) == 0 && l.rlim_cur == 200);
	MUST(4, setpriority(PRIO_PROCESS, 0, 18) == 0);
	MUST(12, setpriority(PRIO_PROCESS, (id_t)pid, 18) == 0);
	MUST(5, setpgid(pid, pid) == 0 && setpriority(PRIO_PGRP, (id_t)pid, 19) == 0);
	MUST(6, syscall(SYS_sched_getaffinity, 0, sizeof cpus, cpus) > 0);
	MUST(7, syscall(SYS_sched_setaffinity, 0, sizeof cpus, cpus) >= 0);
	MUST(8, syscall(SYS_sched_setaffinity, getpid(), sizeof cpus, cpus) >= 0);
	MUST(9, syscall(SYS_sched_setaffinity, pid, sizeof cpus, cpus) >= 0);
	MUST(10, sched_yield() == 0 && nice(1) != -1);
	MUST(11, kill(pid, SIGUSR1) == 0 && ended(pid) == 42);
	return 0;
}

/* Wherever it goes, a process keeps its mark. */
static int b_tag(void)
{
	struct rlimit mine, childs;
	pid_t pid;

	MUST(1,
	     prlimit(0, 10, NULL, &mine) == 0 && mine.rlim_max >> 56 == 0x41 && (uint32_t)mine.rlim_cur == 1);
	pid = listener(SIGUSR1, 0);
	MUST(2, prlimit(pid, 10, NULL, &childs) == 0 && childs.rlim_max == mine.rlim_max);
	MUST(3, kill(pid, SIGUSR1) == 0 && ended(pid) == 42);
	return 0;
}

#include "test/kernel/outside_cases.h"
