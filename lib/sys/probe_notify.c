/* User notification from end to end: a target under a filter, and we who answer. */
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "sys/probe_impl.h"

static const char wanted[] = "/agentsh-probe";

enum { ANSWER = 4242 };

/* The listener, or -errno. Held are chdir, dup and getppid. */
static int listen_here(unsigned long flags)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_chdir, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_dup, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof filter / sizeof *filter, .filter = filter };
	int fd;

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fd = (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER | flags,
	                  &prog);
	return fd < 0 ? -errno : fd;
}

static bool send_fd(int sock, int fd)
{
	char room[CMSG_SPACE(sizeof fd)] = { 0 };
	struct iovec io = { .iov_base = &fd, .iov_len = sizeof fd };
	struct msghdr m = { .msg_iov = &io, .msg_iovlen = 1 };
	struct cmsghdr *c = (struct cmsghdr *)room;

	if (fd >= 0) {
		m.msg_control = room;
		m.msg_controllen = sizeof room;
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
	}
	return sendmsg(sock, &m, 0) == (ssize_t)sizeof fd;
}

/* The listener, or the -errno that was sent instead. */
static int receive_fd(int sock)
{
	char room[CMSG_SPACE(sizeof(int))];
	int fd = -EIO;
	struct iovec io = { .iov_base = &fd, .iov_len = sizeof fd };
	struct msghdr m = {
		.msg_iov = &io, .msg_iovlen = 1, .msg_control = room, .msg_controllen = sizeof room
	};
	struct cmsghdr *c;

	if (recvmsg(sock, &m, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof fd)
		return -EIO;
	c = CMSG_FIRSTHDR(&m);
	if (c && c->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(c), sizeof fd);
	return fd;
}

/* Start `target` under a filter, in a child. Its listener; or -errno. */
static int start(unsigned long flags, int (*target)(void), pid_t *pid)
{
	int sock[2], fd;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sock) < 0)
		return -errno;
	*pid = probe_fork();
	if (!*pid) {
		close(sock[0]);
		_exit(send_fd(sock[1], listen_here(flags)) ? target() : 1);
	}
	close(sock[1]);
	fd = *pid < 0 ? -errno : receive_fd(sock[0]);
	close(sock[0]);
	return fd;
}

/* As the held caller: is the denial seen, does the injected descriptor work? Bits of what failed. */
static int denied_target(void)
{
	char text[8] = { 0 };
	int failed = 0, fd;

	if (syscall(__NR_chdir, wanted) == 0 || errno != EACCES)
		failed |= 1;
	fd = (int)syscall(__NR_dup, 0);
	if (fd < 0 || pread(fd, text, 7, 0) != 7 || strcmp(text, "content") != 0)
		failed |= 2;
	return failed;
}

static void read_caller(const struct seccomp_notif *n, struct probe out[PROBE_N])
{
	char text[sizeof wanted] = { 0 }, path[40];
	struct iovec here = { text, sizeof text },
	             there = { (void *)(uintptr_t)n->data.args[0], sizeof text };
	int fd;

	if (process_vm_readv((pid_t)n->pid, &here, 1, &there, 1, 0) != (ssize_t)sizeof text)
		probe_say(&out[PROBE_VM_READ], false, "process_vm_readv: %m");
	else
		out[PROBE_VM_READ].works = !strcmp(text, wanted);
	memset(text, 0, sizeof text);
	snprintf(path, sizeof path, "/proc/%d/mem", (int)n->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, text, sizeof text, (off_t)n->data.args[0]) != (ssize_t)sizeof text)
		probe_say(&out[PROBE_PROC_MEM], false, "%s: %m", path);
	else
		out[PROBE_PROC_MEM].works = !strcmp(text, wanted);
	fd_close(&fd);
}

/* Receive into `n`, zeroed as the kernel wants it. */
static bool next_call(int listener, struct seccomp_notif *n)
{
	memset(n, 0, sizeof *n);
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, n) == 0;
}

static bool deny_one(int listener, struct probe out[PROBE_N])
{
	struct seccomp_notif n;
	struct seccomp_notif_resp r = { .error = -EACCES };

	if (!next_call(listener, &n)) {
		probe_say(&out[PROBE_NOTIFY], false, "receive: %m");
		return false;
	}
	read_caller(&n, out);
	r.id = n.id;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &n.id) == 0 &&
	    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) == 0)
		return true;
	probe_say(&out[PROBE_NOTIFY], false, "answer: %m");
	return false;
}

/* True if the descriptor went in; else the call is answered otherwise, so that the target goes on. */
static bool inject_one(int listener, struct probe *p)
{
	int fd = memfd_create("probe", MFD_CLOEXEC);
	struct seccomp_notif_addfd add = { .flags = SECCOMP_ADDFD_FLAG_SEND, .srcfd = (uint32_t)fd };
	struct seccomp_notif_resp r = { .error = -EACCES };
	struct seccomp_notif n;

	if (fd < 0 || write(fd, "content", 7) != 7 || !next_call(listener, &n))
		return false;
	add.id = r.id = n.id;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &add) >= 0)
		return true;
	probe_say(p, false, "addfd: %m");
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
	return false;
}

void probe_notify(struct probe out[PROBE_N])
{
	pid_t pid;
	int listener = start(0, denied_target, &pid), failed;
	bool denied, injected;

	if (listener < 0) {
		errno = -listener;
		probe_say(&out[PROBE_NOTIFY], false,
		          errno == EBUSY ? "refused: another supervisor already listens (%m)"
		                         : "refused: %m");
		return;
	}
	out[PROBE_SYNC_WAKE].works =
	        ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP) == 0;
	denied = deny_one(listener, out);
	injected = denied && inject_one(listener, &out[PROBE_ADDFD]);
	/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): a listener comes with a child */
	failed = denied ? probe_wait(pid) : 3;
	if (denied && failed & 1)
		probe_say(&out[PROBE_NOTIFY], false, "the caller did not see the answer");
	out[PROBE_NOTIFY].works = denied && !(failed & 1);
	out[PROBE_ADDFD].works = injected && !(failed & 2);
}

static void on_signal(int signo)
{
	(void)signo;
}

static int patient_target(void)
{
	struct sigaction sa = { .sa_handler = on_signal };

	sigaction(SIGUSR1, &sa, NULL);
	return syscall(__NR_getppid) == ANSWER ? 0 : 1;
}

void probe_killable(struct probe out[PROBE_N])
{
	struct probe *p = &out[PROBE_KILLABLE];
	struct seccomp_notif_resp r = { .val = ANSWER };
	struct seccomp_notif n;
	pid_t pid;
	int listener = start(SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV, patient_target, &pid);

	if (listener < 0) {
		errno = -listener;
		probe_say(p, false, errno == EINVAL ? "needs Linux 6.0" : "refused: %m");
		return;
	}
	if (!next_call(listener, &n)) {
		probe_say(p, false, "receive: %m");
		return;
	}
	/* NOLINTNEXTLINE(clang-analyzer-core.CallAndMessage): a listener comes with a child */
	kill(pid, SIGUSR1); /* must not disturb the call that waits */
	r.id = n.id;
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r) < 0 || probe_wait(pid) != 0)
		probe_say(p, false, "a signal broke the call");
	else
		p->works = true;
}
