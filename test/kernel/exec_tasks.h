/* Tasks that are not simply a process with one thread: vfork, threads, untraced clones, orphans. Part of
 * exec.c. */
#pragma once

#include "test/kernel/lab.h"

#include <pthread.h>
#include <sched.h>
#include <spawn.h>

static char *const canary_argv[] = { (char *)"canary", NULL };

static int a_plain(void)
{
	return exec_canary(canary_path());
}

/* EX-18 */
static int child_status(pid_t pid)
{
	int status;

	if (pid < 0 || waitpid(pid, &status, __WALL) != pid)
		return 94;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int a_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execve(canary_path(), canary_argv, environ);
		_exit(errno);
	}
	return child_status(pid);
}

static int a_spawn(void)
{
	pid_t pid;
	int rc = posix_spawn(&pid, canary_path(), NULL, NULL, canary_argv, environ);

	return rc ? rc : child_status(pid);
}

static int clone_main(void *arg)
{
	(void)arg;
	return exec_canary(canary_path());
}

static int by_clone(int flags)
{
	static char stack[65536] __attribute__((aligned(16)));

	return child_status(clone(clone_main, stack + sizeof stack, flags | SIGCHLD, NULL));
}

static int a_clone_vfork(void)
{
	return by_clone(CLONE_VM | CLONE_VFORK);
}

/* EX-19 */
static int a_clone_untraced(void)
{
	return by_clone(CLONE_UNTRACED | CLONE_VM | CLONE_FILES);
}

static int a_clone3(void)
{
	struct {
		uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} args = { .exit_signal = SIGCHLD };
	pid_t pid = (pid_t)syscall(435, &args, sizeof args);

	if (pid < 0 && errno == ENOSYS)
		pid = fork();
	if (pid == 0)
		_exit(exec_canary(canary_path()));
	return child_status(pid);
}

/* EX-18: from a thread that is not the leader. */
static void *thread_main(void *arg)
{
	(void)arg;
	_exit(exec_canary(canary_path()));
}

static int a_thread(void)
{
	pthread_t t;

	if (pthread_create(&t, NULL, thread_main, NULL))
		return 94;
	for (;;)
		pause();
}

/* EX-20 */
static int a_double_fork(void)
{
	int ends[2], result = 94;

	if (pipe(ends))
		return 95;
	if (fork() == 0) {
		setsid();
		if (fork() == 0) {
			while (getppid() != 1 && getppid() == getpgrp())
				usleep(1000);
			result = in_child(a_plain);
			if (write(ends[1], &result, sizeof result) < 0)
				_exit(1);
		}
		_exit(0);
	}
	if (read(ends[0], &result, sizeof result) != sizeof result)
		return 93;
	return result;
}
