/* bare_files - what the mechanism of judged calls on files costs, with nobody who judges: the floor of those
 * rows.
 *
 * usage: bare_files STORE PATH ARGV0 [ARG...]   run PATH with its calls on files asked about
 *
 * Who is asked decides on nothing, writes nothing down and proves nothing: it reads the name, opens the file
 * and hands it over, or moves what is to be removed into the directory STORE; everything else goes on as it
 * is. What the kernel has to be told for it is the least that there is: one descriptor, one filter of a dozen
 * instructions, one wake-up in each direction. No server, no policy, no event; not safe against anybody.
 */
#include "base/buf.h"
#include "base/die.h"
#include "base/err.h"
#include "sys/mem.h"
#include "sys/notify.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TASKS = 16, PATH_BYTES = 4096, ASKED = 8 };

/* Tasks that asked lately. */
static struct {
	pid_t tid;
	int fd;
} tasks[TASKS];
static int store;
static unsigned long kept;

static const int asked[ASKED] = { SYS_open,      SYS_openat, SYS_unlink, SYS_unlinkat,
	                          SYS_renameat2, SYS_rename, SYS_mkdir,  SYS_utimensat };

static int listen_here(struct err *e)
{
	struct sock_filter f[ASKED + 3] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		                                     offsetof(struct seccomp_data, nr)) };
	size_t n = 1;

	for (size_t i = 0; i < ASKED; i++, n++)
		f[n] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)asked[i],
		                                    (__u8)(ASKED - i), 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return notify_install(f, n, notify_probe_killable(), e);
}

/* A descriptor of the caller's, by which its name is looked up; ours to close. */
static int directory(pid_t tid, int fd)
{
	const size_t at = (size_t)tid % TASKS;

	if (fd == AT_FDCWD)
		return proc_open(tid, "cwd", O_PATH | O_DIRECTORY);
	if (tasks[at].tid != tid) {
		if (tasks[at].tid)
			close(tasks[at].fd);
		tasks[at].tid = tid;
		tasks[at].fd = proc_task_fd(tid);
	}
	return proc_getfd(tasks[at].fd, fd);
}

/* What names the caller itself, or a device, is its own. */
static bool is_ordinary(const char *path)
{
	return strncmp(path, "/proc", 5) != 0 && strncmp(path, "/dev", 4) != 0;
}

static void answer_open(int listener, const struct seccomp_notif *call, int at, const char *path, int flags,
                        mode_t mode)
{
	int fd = openat(at, path, flags | O_CLOEXEC | O_NOCTTY, mode);

	if (fd < 0) {
		notify_fail(listener, call->id, errno);
		return;
	}
	if (notify_inject(listener, call->id, fd, flags & O_CLOEXEC) != 0)
		notify_continue(listener, call->id);
	close(fd);
}

static void answer_unlink(int listener, const struct seccomp_notif *call, int at, const char *path)
{
	char name[24];

	snprintf(name, sizeof name, "%lu", ++kept);
	if (renameat(at, path, store, name) < 0)
		notify_continue(listener, call->id);
	else
		notify_return(listener, call->id, 0);
}

static void answer(int listener, const struct seccomp_notif *call)
{
	const int nr = call->data.nr, has_at = nr == SYS_openat || nr == SYS_unlinkat;
	const __u64 *args = call->data.args + (has_at ? 1 : 0);
	const bool opens = nr == SYS_openat || nr == SYS_open;
	const bool removes = nr == SYS_unlink || (nr == SYS_unlinkat && args[1] == 0);
	char storage[PATH_BYTES];
	struct buf path;
	int at = AT_FDCWD;

	buf_on(&path, storage, sizeof storage);
	if ((!opens && !removes) || (opens && args[1] & O_PATH) ||
	    mem_string((pid_t)call->pid, args[0], PATH_BYTES - 1, &path) < 0 ||
	    !is_ordinary(buf_text(&path))) {
		notify_continue(listener, call->id);
		return;
	}
	if (*buf_text(&path) != '/')
		at = directory((pid_t)call->pid, has_at ? (int)call->data.args[0] : AT_FDCWD);
	if (opens)
		answer_open(listener, call, at, buf_text(&path), (int)args[1], (mode_t)args[2]);
	else
		answer_unlink(listener, call, at, buf_text(&path));
	if (at >= 0)
		close(at);
}

static void serve(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };
	struct seccomp_notif call;

	notify_sync_wakeup(listener);
	while (poll(&p, 1, -1) > 0 && p.revents & POLLIN)
		if (notify_receive(listener, &call) > 0)
			answer(listener, &call);
}

static _Noreturn void become(int to, char **argv)
{
	struct err e;
	int listener = listen_here(&e);
	char taken;

	if (listener < 0)
		die(EXIT_FAILED, "bare_files: %s", e.text);
	if (write(to, &listener, sizeof listener) != sizeof listener || read(to, &taken, 1) != 1)
		die(EXIT_FAILED, "bare_files: nobody answers");
	close(listener);
	execv(argv[0], argv + 1);
	die(EXIT_FAILED, "bare_files: %s", argv[0]);
}

int main(int argc, char **argv)
{
	int pair[2], listener, status;
	pid_t pid;

	if (argc < 4)
		die(2, "usage: bare_files STORE PATH ARGV0 [ARG...]");
	mkdir(argv[1], 0700);
	store = open(argv[1], O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (store < 0 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die(EXIT_FAILED, "bare_files: %s", argv[1]);
	kept = (unsigned long)getpid() * 1000000;
	pid = fork();
	if (pid == 0)
		become(pair[1], argv + 2);
	if (pid < 0 || read(pair[0], &listener, sizeof listener) != sizeof listener)
		die(EXIT_FAILED, "bare_files: no listener");
	listener = proc_getfd(proc_pidfd(pid), listener);
	if (listener < 0 || write(pair[0], "", 1) != 1)
		die(EXIT_FAILED, "bare_files: no listener");
	umask(022);
	serve(listener);
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILED;
}
