/* proc - facts about other tasks, from /proc. Every call may race with the task's end: it then fails. */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proc_stat {
	pid_t ppid, pgrp, session;
	uint64_t start; /* clock ticks after boot: with the pid, identifies the process */
	char state;
	char comm[64];
};

bool proc_stat(pid_t pid, struct proc_stat *out);

/* Is /proc mounted, and that of our own pid namespace? All of the above is taken from it. 0 or -1. */
int proc_check(struct err *e);

/* Thread group of a task, 0 when gone. */
pid_t proc_tgid(pid_t tid);

/* Target of /proc/PID/NAME ("exe", "cwd", "fd/3"); length or -1. A " (deleted)" suffix stays. */
ssize_t proc_link(pid_t pid, const char *name, char *out, size_t size);

/* "/proc/PID/NAME" in `room`, where it ends but need not begin. */
enum { PROC_PATH = 64 };
const char *proc_path(pid_t pid, const char *name, char *room);

/* Open /proc/PID/NAME with these flags (O_CLOEXEC is added). Descriptor or -1. */
int proc_open(pid_t pid, const char *name, int flags);

/* The beginning of /proc/PID/NAME, as much as fits, ended by a NUL. Its length, or -1. */
ssize_t proc_text(pid_t pid, const char *name, char *text, size_t size);

/* Does the task run with no_new_privs (every governed one does)? False when unknown. */
bool proc_no_new_privs(pid_t pid);

/* Call `fn` for each process until it returns false. */
void proc_each(bool (*fn)(pid_t pid, void *arg), void *arg);

/* How many entries directory /proc/PID/NAME has ("fd", "task"); 0 when it cannot be read. */
size_t proc_count(pid_t pid, const char *name);

/* A descriptor for process `pid`, close-on-exec; -1 when gone. */
int proc_pidfd(pid_t pid);

/* The same for a single thread (Linux 6.9). */
int proc_task_fd(pid_t tid);

/* With which ids task `tid`, to which `fd` leads, works on files (Linux 6.13). False: the kernel does not
 * tell, or it is gone. */
bool proc_fs_ids(int fd, pid_t tid, uid_t *uid, gid_t *gid);

/* Copy descriptor `fd` of another process into ours (Linux 5.6), close-on-exec. */
int proc_getfd(int pidfd, int fd);

/* The process a pidfd stands for; -1 when it is gone, 0 for any other descriptor. */
pid_t proc_of_pidfd(int pidfd);

int proc_signal(int pidfd, int signo);
int proc_signal_thread(pid_t pid, pid_t tid, int signo);

/* openat2(2) with O_CLOEXEC added; `resolve` as RESOLVE_*. */
int proc_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve);

/* Exit status (as waitpid gives it) of a process that ended and was reaped, through its pidfd (Linux 6.15).
 * False when the kernel does not tell. */
bool proc_exit_status(int pidfd, int *status);
