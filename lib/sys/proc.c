#include "sys/proc.h"

#include "base/room.h"
#include "sys/uapi/compat.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

const char *proc_path(pid_t pid, const char *name, char *room)
{
	enum { NAME = 18 };
	size_t len = strnlen(name, PROC_PATH - NAME - 1);
	unsigned n = (unsigned)pid;
	char *p = room + NAME - 1;

	*p = '/';
	memcpy(room + NAME, name, len);
	room[NAME + len] = 0;

	do
		*--p = (char)('0' + n % 10);
	while (n /= 10);
	memcpy(p -= 6, "/proc/1", 6);
	return p;
}

int proc_open(pid_t pid, const char *name, int flags)
{
	char room[PROC_PATH];
	const char *path = proc_path(pid, name, room);

	return openat(AT_FDCWD, path, flags | O_CLOEXEC);
}

ssize_t proc_text(pid_t pid, const char *name, char *text, size_t size)
{
	int fd = proc_open(pid, name, O_RDONLY);
	ssize_t n;

	if (fd < 0)
		return -1;
	n = read(fd, text, size - 1);
	close(fd);
	if (n < 0)
		return -1;
	text[n] = 0;
	return n;
}

int proc_check(struct err *e)
{
	char self[24] = "";

	if (readlink("/proc/self", self, sizeof self - 1) < 0)
		return err_sys(e, "/proc must be mounted, or nothing can be judged: /proc/self");
	if (strtol(self, NULL, 10) != getpid())
		return err_set(e, "/proc is that of another pid namespace, so that nothing can be judged");
	return 0;
}

bool proc_stat(pid_t pid, struct proc_stat *out)
{
	enum { PPID, PGRP, SESSION, START = 18 }; /* places behind the state */
	unsigned long long field[START + 1];
	ROOM char text[1024];
	char *open_paren, *p, *end;

	if (proc_text(pid, "stat", text, sizeof text) <= 0)
		return false;
	open_paren = strchr(text, '(');
	p = strrchr(text, ')');
	if (!open_paren || !p || p < open_paren)
		return false;
	*p = 0;
	snprintf(out->comm, sizeof out->comm, "%s", open_paren + 1);
	if (p[1] != ' ' || !p[2])
		return false;
	out->state = p[2];
	p += 3;
	for (int i = PPID; i <= START; i++) {
		field[i] = strtoull(p, &end, 10); /* a negative one wraps, and back below */
		if (end == p)
			return false;
		p = end;
	}
	out->ppid = (pid_t)field[PPID];
	out->pgrp = (pid_t)field[PGRP];
	out->session = (pid_t)field[SESSION];
	out->start = field[START];
	return true;
}

/* The number after `key` ("Tgid:") in /proc/PID/status, or -1. */
static long status_number(pid_t pid, const char *key)
{
	ROOM char text[4096];
	char *line;

	if (proc_text(pid, "status", text, sizeof text) <= 0)
		return -1;
	line = strstr(text, key);
	return line ? strtol(line + strlen(key), NULL, 10) : -1;
}

pid_t proc_tgid(pid_t tid)
{
	long tgid;

	/* Signal 0 to thread TID of process TID: only a leader is found. Far cheaper than /proc. */
	if (syscall(__NR_tgkill, tid, tid, 0) == 0 || errno == EPERM)
		return tid;
	tgid = status_number(tid, "\nTgid:");
	return tgid > 0 ? (pid_t)tgid : 0;
}

bool proc_no_new_privs(pid_t pid)
{
	return status_number(pid, "\nNoNewPrivs:") == 1;
}

ssize_t proc_link(pid_t pid, const char *name, char *out, size_t size)
{
	char room[PROC_PATH];
	ssize_t n = readlink(proc_path(pid, name, room), out, size - 1);

	if (n < 0)
		return -1;
	if ((size_t)n == size - 1) {
		errno = ENAMETOOLONG;
		return -1;
	}
	out[n] = 0;
	return n;
}

void proc_each(bool (*fn)(pid_t pid, void *arg), void *arg)
{
	DIR *dir = opendir("/proc");
	struct dirent *d;

	if (!dir)
		return;
	while ((d = readdir(dir))) {
		pid_t pid = (pid_t)strtol(d->d_name, NULL, 10);

		if (pid > 0 && !fn(pid, arg))
			break;
	}
	closedir(dir);
}

size_t proc_count(pid_t pid, const char *name)
{
	char room[PROC_PATH];
	struct dirent *d;
	size_t n = 0;
	DIR *dir = opendir(proc_path(pid, name, room));

	while (dir && (d = readdir(dir)))
		n += d->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

int proc_pidfd(pid_t pid)
{
	return (int)syscall(__NR_pidfd_open, pid, 0);
}

int proc_getfd(int pidfd, int fd)
{
	return (int)syscall(__NR_pidfd_getfd, pidfd, fd, 0);
}

pid_t proc_of_pidfd(int pidfd)
{
	char path[64], text[512], *line;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/self/fdinfo/%d", pidfd);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return -1;
	text[n] = 0;
	line = strstr(text, "\nPid:");
	return line ? (pid_t)strtol(line + 5, NULL, 10) : 0;
}

int proc_signal(int pidfd, int signo)
{
	return (int)syscall(__NR_pidfd_send_signal, pidfd, signo, NULL, 0);
}

int proc_signal_thread(pid_t pid, pid_t tid, int signo)
{
	return (int)syscall(__NR_tgkill, pid, tid, signo);
}

int proc_openat2(int dirfd, const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how how = { .flags = flags | O_CLOEXEC, .resolve = resolve };

	return (int)syscall(__NR_openat2, dirfd, path, &how, sizeof how);
}

/* include/uapi/linux/pidfd.h as of Linux 6.15; older headers lack it. */
struct pidfd_info_v2 {
	uint64_t mask, cgroupid;
	uint32_t pid, tgid, ppid, ruid, rgid, euid, egid, suid, sgid, fsuid, fsgid;
	int32_t exit_code;
};

bool proc_exit_status(int pidfd, int *status)
{
	struct pidfd_info_v2 info = { .mask = 1 << 3 /* PIDFD_INFO_EXIT */ };

	if (ioctl(pidfd, _IOWR(0xFF, 11, struct pidfd_info_v2), &info) < 0 || !(info.mask & 1 << 3))
		return false;
	*status = info.exit_code;
	return true;
}

int proc_task_fd(pid_t tid)
{
	return (int)syscall(__NR_pidfd_open, tid, O_EXCL /* PIDFD_THREAD */);
}

bool proc_fs_ids(int fd, pid_t tid, uid_t *uid, gid_t *gid)
{
	struct pidfd_info_v2 info = { .mask = 1 << 0 /* PIDFD_INFO_PID */ | 1 << 1 /* PIDFD_INFO_CREDS */ };

	if (ioctl(fd, _IOWR(0xFF, 11, struct pidfd_info_v2), &info) < 0 || !(info.mask & 1 << 1) ||
	    info.pid != (uint32_t)tid)
		return false;
	*uid = info.fsuid;
	*gid = info.fsgid;
	return true;
}
