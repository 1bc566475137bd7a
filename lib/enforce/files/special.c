#include "enforce/files/open.h"

#include "base/fd.h"
#include "base/path.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* What is refused although the policy allows it, as Landlock and the kernel would for the caller itself: we
 * have rights in /proc and on devices that it has not. */

/* Flags that stay with a descriptor. */
#define KEPT (OPEN_MODE | O_DIRECT | O_APPEND | O_NOATIME | O_SYNC | O_DSYNC)

enum { PTS_FIRST = 136, PTS_LAST = 143, PTS_MINORS = 256 };

static bool writes(const struct opening *o)
{
	return o->how.flags & OPEN_MODE || o->how.flags & O_TRUNC;
}

/* As it is where Landlock stands behind it, else refused. */
static int exact_or(struct act *a, const struct opening *o, int error)
{
	if (!open_is_exact(a, o))
		return error;
	act_continue(a);
	return 0;
}

bool special_is_kernels(int fd)
{
	static const uint32_t magic[] = {
		PROC_SUPER_MAGIC,
		SYSFS_MAGIC,
		CGROUP_SUPER_MAGIC,
		CGROUP2_SUPER_MAGIC,
		DEBUGFS_MAGIC,
		TRACEFS_MAGIC,
		SECURITYFS_MAGIC,
		SELINUX_MAGIC,
		0xcafe4a11 /* bpf */,
		0x62656570 /* configfs */,
		0xde5e81e4 /* efivarfs */,
		0x6165676c /* pstore */,
		0x65735543 /* fusectl */,
		0x42494e4d /* binfmt_misc */,
	};
	struct statfs fs;

	if (fstatfs(fd, &fs) < 0)
		return true;
	for (size_t i = 0; i < sizeof magic / sizeof *magic; i++)
		if ((uint32_t)fs.f_type == magic[i])
			return true;
	return false;
}

/* Files of another process: what anybody may see of it, whoever opens. The rest asks, when it is opened,
 * whether who opens might trace it, and that would be us. */
static bool is_public(const char *path)
{
	static const char *const names[] = { "stat",          "statm",     "status",    "cmdline",
		                             "comm",          "cgroup",    "limits",    "loginuid",
		                             "sched",         "schedstat", "oom_score", "oom_adj",
		                             "oom_score_adj", "sessionid", "cpuset",    "task",
		                             "wchan" };
	const char *base = path_base(path);

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(base, names[i]))
			return true;
	/* /proc/PID and /proc/PID/task/TID themselves */
	return base[0] >= '0' && base[0] <= '9';
}

static int open_proc(struct act *a, const struct opening *o, const struct place *p, bool *ours)
{
	const bool memory = !strcmp(path_base(p->path), "mem");

	if ((p->foreign && !is_public(p->path)) || (!p->own && (writes(o) || memory)))
		return exact_or(a, o, EACCES);
	*ours = true;
	return 0;
}

/* The caller's terminal, which it calls /dev/tty. */
static int open_own_tty(struct act *a, const struct opening *o)
{
	char text[1024], name[32], *at;
	unsigned long number = 0;
	unsigned major_number, minor_number;
	struct place tty = { .parent = -1, .object = -1 };
	int error;

	if (proc_text(a->caller.pid, "stat", text, sizeof text) <= 0 || !(at = strrchr(text, ')')))
		return ENXIO;
	/* ") S ppid pgrp session tty" */
	/* NOLINTNEXTLINE(cert-err34-c): written by the kernel; a device number fits */
	if (sscanf(at, ") %*c %*d %*d %*d %lu", &number) != 1 || !number)
		return ENXIO;
	major_number = (unsigned)(number >> 8 & 0xfff);
	minor_number = (unsigned)((number & 0xff) | (number >> 12 & 0xfff00));
	if (major_number < PTS_FIRST || major_number > PTS_LAST)
		return ENXIO;
	snprintf(name, sizeof name, "/dev/pts/%u", (major_number - PTS_FIRST) * PTS_MINORS + minor_number);
	error = act_find(a, &(struct place_request){ .dirfd = AT_FDCWD, .path = name }, &tty);
	if (!error && (!S_ISCHR(tty.st.st_mode) || tty.st.st_rdev != makedev(major_number, minor_number)))
		error = ENXIO;
	if (!error)
		error = open_again(a, o, &tty);
	resolve_release(&tty);
	return error;
}

/* Opening some devices does something by itself; these are what programs need. */
static bool is_harmless(dev_t device)
{
	unsigned number = major(device), minor_number = minor(device);

	return (number == 1 &&
	        (minor_number == 3 || minor_number == 5 || (minor_number >= 7 && minor_number <= 9))) ||
	       (number == 5 && minor_number == 2) || (number >= PTS_FIRST && number <= PTS_LAST);
}

static int open_device(struct act *a, const struct opening *o, const struct place *p)
{
	bool character = S_ISCHR(p->st.st_mode);

	/* Who leads a session without a terminal gets one by opening it: only the kernel can do that. */
	if (open_is_exact(a, o)) {
		act_continue(a);
		return 0;
	}
	if (character && p->st.st_rdev == makedev(5, 0))
		return open_own_tty(a, o);
	if (character && is_harmless(p->st.st_rdev))
		return open_again(a, o, p);
	return EACCES;
}

/* One end of a FIFO, as open(2) has it: who opens one waits for the other. */
static int open_fifo(struct act *a, const struct opening *o, const struct place *p)
{
	unsigned mode = o->how.flags & OPEN_MODE;
	char name[40];
	bool met;
	int fd;

	if (open_is_exact(a, o)) {
		act_continue(a);
		return 0;
	}
	if (!call_valid(a->k))
		return ENOENT;
	snprintf(name, sizeof name, "/proc/self/fd/%d", p->object);
	fd = open(name, (int)((o->how.flags & KEPT) | O_NONBLOCK | O_CLOEXEC));
	if (fd < 0 && (errno != ENXIO || mode != O_WRONLY || o->how.flags & O_NONBLOCK))
		return errno;
	met = fd >= 0 && park_wake(a->f, &p->st, mode);
	if (fd >= 0 &&
	    (met || mode == O_WRONLY || mode == O_RDWR || o->how.flags & O_NONBLOCK || p->nameless)) {
		open_unblock(fd, o->how.flags);
		act_give(a, fd, (int)(o->how.flags & O_CLOEXEC));
		return 0;
	}
	if (fd < 0)
		fd = fcntl(p->object, F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? errno : park_call(a, o, p, fd);
}

/* It cannot be opened, but who may not even try is told so first. */
static int open_socket(const struct opening *o, const struct place *p)
{
	char name[40];
	AUTO_FD fd = -1;

	snprintf(name, sizeof name, "/proc/self/fd/%d", p->object);
	fd = open(name, (int)(o->how.flags & OPEN_MODE) | O_NONBLOCK | O_CLOEXEC);
	return fd < 0 ? errno : ENXIO;
}

int special_open(struct act *a, const struct opening *o, const struct place *p, bool *ours)
{
	mode_t type = p->st.st_mode & S_IFMT;

	if (type == S_IFSOCK)
		return open_socket(o, p);
	if (type == S_IFIFO)
		return open_fifo(a, o, p);
	if (type == S_IFCHR || type == S_IFBLK)
		return open_device(a, o, p);
	if (path_within(p->path, "/proc"))
		return open_proc(a, o, p, ours);
	if (writes(o) && special_is_kernels(p->object))
		return exact_or(a, o, EACCES);
	*ours = true;
	return 0;
}
