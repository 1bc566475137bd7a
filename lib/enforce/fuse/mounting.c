#include "enforce/fuse/mounting.h"

#include "base/clock.h"
#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Set-user-id root: from nowhere else, whatever PATH says. */
static const char *const helpers[] = { "/usr/bin/fusermount3", "/bin/fusermount3", "/usr/bin/fusermount" };

/* The child's exit code, 255 when a signal ended it or it had to be ended. */
static int wait_for(pid_t pid, int deadline_ms)
{
	int64_t until = clock_mono_ns() + deadline_ms * 1000000LL;
	int status = 0;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_mono_ns() > until) {
			kill(pid, SIGKILL);
			/* It may hang in the kernel, and then it cannot be waited for. */
			for (int i = 0; i < 50 && waitpid(pid, &status, WNOHANG) == 0; i++)
				poll(NULL, 0, 2);
			return 255;
		}
		poll(NULL, 0, 1);
	}
	return WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int failed(int code, struct err *e, const char *what, const char *where)
{
	errno = code == 255 ? ETIMEDOUT : code;
	return err_sys(e, "%s %s", what, where);
}

static int mount_here(const char *where, int device, bool others)
{
	char options[160];

	snprintf(options, sizeof options, "fd=%d,rootmode=40000,user_id=%u,group_id=%u,default_permissions%s",
	         device, (unsigned)getuid(), (unsigned)getgid(), others ? ",allow_other" : "");
	return mount(MOUNTING_SOURCE, where, "fuse.agentsh", MS_NOSUID | MS_NODEV, options);
}

/* In a child: a mount can hang for as long as what is below it does. */
static int attach_as_root(const char *where, bool others, int deadline_ms, struct err *e)
{
	AUTO_FD device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	int code, got;
	pid_t pid;

	if (device < 0)
		return err_sys(e, "/dev/fuse");
	pid = fork();
	if (pid == 0)
		_exit(mount_here(where, device, others) < 0 ? errno : 0);
	code = pid < 0 ? errno : wait_for(pid, deadline_ms);
	if (code)
		return failed(code, e, "mount", where);
	got = device;
	device = -1;
	return got;
}

static void become_helper(char *const argv[], int talk)
{
	char number[16];
	char *env[] = { NULL, NULL }, variable[40];

	if (talk >= 0) {
		snprintf(number, sizeof number, "%d", talk);
		snprintf(variable, sizeof variable, "_FUSE_COMMFD=%s", number);
		env[0] = variable;
		fd_cloexec(talk, 0);
	}
	for (size_t i = 0; i < sizeof helpers / sizeof *helpers; i++)
		execve(helpers[i], argv, env);
	_exit(ENOENT);
}

static int receive_device(int fd, int deadline_ms)
{
	char byte, room[CMSG_SPACE(sizeof(int))] __attribute__((aligned(8)));
	struct iovec part = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr m = {
		.msg_iov = &part, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room
	};
	struct pollfd p = { .fd = fd, .events = POLLIN };
	const struct cmsghdr *c;
	int device;

	if (poll(&p, 1, deadline_ms) <= 0 || recvmsg(fd, &m, MSG_CMSG_CLOEXEC) <= 0)
		return -1;
	c = CMSG_FIRSTHDR(&m);
	if (!c || c->cmsg_type != SCM_RIGHTS || c->cmsg_len < CMSG_LEN(sizeof device))
		return -1;
	memcpy(&device, CMSG_DATA(c), sizeof device);
	return device;
}

static int attach_by_helper(const char *where, bool others, int deadline_ms, struct err *e)
{
	char options[160];
	char *argv[] = { "fusermount3", "-o", options, "--", (char *)where, NULL };
	int talk[2], device, code;
	pid_t pid;

	snprintf(options, sizeof options, "rw,nosuid,nodev,default_permissions,fsname=%s,subtype=agentsh%s",
	         MOUNTING_SOURCE, others ? ",allow_other" : "");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, talk) < 0)
		return err_sys(e, "socketpair");
	pid = fork();
	if (pid == 0)
		become_helper(argv, talk[1]);
	fd_close(&talk[1]);
	device = pid < 0 ? -1 : receive_device(talk[0], deadline_ms);
	fd_close(&talk[0]);
	code = pid < 0 ? errno : wait_for(pid, deadline_ms);
	if (device >= 0)
		return device;
	return failed(code ? code : EPERM, e, "fusermount3", where);
}

int mounting_attach(const char *where, bool others, int deadline_ms, struct err *e)
{
	int device;

	if (geteuid() == 0)
		return attach_as_root(where, others, deadline_ms, e);
	device = attach_by_helper(where, others, deadline_ms, e);
	/* To others it may show nothing without user_allow_other in /etc/fuse.conf. */
	return device < 0 && others ? attach_by_helper(where, false, deadline_ms, e) : device;
}

int mounting_detach(const char *where, int deadline_ms, struct err *e)
{
	char *argv[] = { "fusermount3", "-u", "-z", "--", (char *)where, NULL };
	pid_t pid = fork();
	int code;

	if (pid == 0 && geteuid() == 0)
		_exit(umount2(where, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 ? errno : 0);
	if (pid == 0)
		become_helper(argv, -1);
	code = pid < 0 ? errno : wait_for(pid, deadline_ms);
	return code ? failed(code, e, "unmount", where) : 0;
}
