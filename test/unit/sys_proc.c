/* Facts about other tasks: of ourselves, of a child with a hostile name, of a thread, of what is gone. */
#include "sys/proc.h"

#include "test/t.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* A child that runs `set_up`, tells that it did, and waits to be killed. */
static pid_t child(void (*set_up)(void))
{
	int ends[2];
	char c = 0;
	pid_t pid;

	if (pipe(ends))
		exit(1);
	pid = fork();
	if (pid == 0) {
		set_up();
		if (write(ends[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(ends[1]);
	if (pid < 0 || read(ends[0], &c, 1) != 1)
		exit(1);
	close(ends[0]);
	return pid;
}

static void reap(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* What follows the name in /proc/PID/stat must not be read from the name. */
static void bad_name(void)
{
	prctl(PR_SET_NAME, ") R 1 1 (1\n");
	setsid();
}

T_CASE(stat)
{
	struct proc_stat s, again;
	pid_t pid;

	ok(proc_stat(getpid(), &s));
	is_int(s.ppid, getppid());
	is_int(s.pgrp, getpgrp());
	is_int(s.session, getsid(0));
	ok(s.state == 'R', "running");
	is_str(s.comm, "sys_proc");
	pid = child(bad_name);
	ok(proc_stat(pid, &s));
	is_int(s.ppid, getpid(), "its parent, not the one in its name");
	is_int(s.session, pid);
	is_str(s.comm, ") R 1 1 (1\n");
	ok(s.state == 'S' || s.state == 'R', "state %c", s.state);
	kill(pid, SIGKILL);
	waitid(P_PID, (id_t)pid, NULL, WEXITED | WNOWAIT);
	ok(proc_stat(pid, &again) && again.state == 'Z', "a dead one that nobody reaped");
	ok(again.start == s.start && s.start > 0, "its start identifies it");
	reap(pid);
	ok(!proc_stat(pid, &s), "gone");
}

static void *thread(void *arg)
{
	*(pid_t *)arg = gettid();
	is_int(proc_tgid(gettid()), getpid(), "a thread belongs to its process");
	return NULL;
}

T_CASE(thread_group)
{
	pthread_t t;
	pid_t tid = 0;

	is_int(proc_tgid(getpid()), getpid());
	is_int(proc_tgid(1), 1, "another's leader");
	if (ok(pthread_create(&t, NULL, thread, &tid) == 0))
		pthread_join(t, NULL);
	ok(tid != getpid(), "it was a thread");
	is_int(proc_tgid(INT_MAX), 0, "nobody");
}

static void without_new_privileges(void)
{
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

T_CASE(no_new_privileges)
{
	pid_t pid = child(without_new_privileges), other = child(bad_name);

	ok(proc_no_new_privs(pid));
	ok(proc_no_new_privs(other) == (prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1), "as we are");
	reap(pid);
	reap(other);
	ok(!proc_no_new_privs(pid), "gone is not known");
}

T_CASE(texts_and_links)
{
	char text[64], want[PATH_MAX], got[PATH_MAX];
	int fd;

	ok(proc_text(getpid(), "comm", text, sizeof text) == 9);
	is_str(text, "sys_proc\n");
	is_int(proc_text(getpid(), "comm", text, 5), 4, "the beginning");
	is_str(text, "sys_");
	is_int(proc_text(getpid(), "nothing", text, sizeof text), -1);
	is_int(proc_text(INT_MAX, "comm", text, sizeof text), -1);
	ok(getcwd(want, sizeof want) && proc_link(getpid(), "cwd", got, sizeof got) > 0);
	is_str(got, want);
	errno = 0;
	ok(proc_link(getpid(), "cwd", got, strlen(want) + 1) < 0 && errno == ENAMETOOLONG, "never cut");
	ok(proc_link(getpid(), "cwd", got, strlen(want) + 2) == (ssize_t)strlen(want), "just fits");
	ok(proc_link(INT_MAX, "cwd", got, sizeof got) < 0);
	fd = proc_open(getpid(), "stat", O_RDONLY);
	ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC, "not inherited");
	close(fd);
}

struct seen {
	pid_t want;
	int hits, calls, stop_at;
};

static bool see(pid_t pid, void *arg)
{
	struct seen *s = arg;

	s->hits += pid == s->want;
	return ++s->calls != s->stop_at;
}

T_CASE(each)
{
	struct seen all = { .want = getpid() }, first = { .stop_at = 1 };

	proc_each(see, &all);
	ok(all.hits == 1 && all.calls > 1, "everybody once");
	proc_each(see, &first);
	is_int(first.calls, 1, "until it says stop");
}

T_CASE(pidfds)
{
	pid_t pid = child(bad_name);
	int pidfd = proc_pidfd(pid), plain = open("/dev/null", O_RDONLY), theirs, status;
	struct stat a, b;

	ok(pidfd >= 0 && fcntl(pidfd, F_GETFD) == FD_CLOEXEC);
	is_int(proc_of_pidfd(pidfd), pid);
	is_int(proc_of_pidfd(plain), 0, "another kind of descriptor");
	is_int(proc_of_pidfd(-1), -1);
	theirs = proc_getfd(pidfd, 2);
	ok(theirs >= 0 && fstat(theirs, &a) == 0 && fstat(2, &b) == 0 && a.st_ino == b.st_ino, "its stderr");
	ok(proc_getfd(pidfd, 999) < 0 && errno == EBADF);
	ok(proc_signal(pidfd, 0) == 0 && proc_signal(pidfd, SIGTERM) == 0);
	poll(&(struct pollfd){ .fd = pidfd, .events = POLLIN }, 1, -1);
	ok(!proc_exit_status(pidfd, &status), "told only when reaped");
	waitpid(pid, &status, 0);
	status = 0;
	if (proc_exit_status(pidfd, &status))
		ok(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM, "how it ended");
	is_int(proc_of_pidfd(pidfd), -1, "gone");
	ok(proc_signal(pidfd, 0) < 0 && errno == ESRCH, "no other process is hit");
	ok(proc_pidfd(pid) < 0);
	ok(!proc_exit_status(plain, &status), "not of a file");
	close(pidfd);
	close(plain);
	close(theirs);
}

T_CASE(openat2)
{
	int fd = proc_openat2(AT_FDCWD, "/dev/null", O_RDONLY, RESOLVE_NO_SYMLINKS);

	ok(fd >= 0 && fcntl(fd, F_GETFD) == FD_CLOEXEC);
	close(fd);
	ok(proc_openat2(AT_FDCWD, "/proc/self/exe", O_RDONLY, RESOLVE_NO_SYMLINKS) < 0 && errno == ELOOP);
	fd = proc_openat2(AT_FDCWD, "/dev", O_PATH | O_DIRECTORY, 0);
	ok(proc_openat2(fd, "../etc/passwd", O_RDONLY, RESOLVE_BENEATH) < 0 && errno == EXDEV);
	close(fd);
}
