/* outer - stands for the host around us: run a command under a seccomp filter that is not ours.
 *
 * usage: outer WHAT... -- COMMAND [ARG...]
 *   listener     a listener of somebody else is there already: a second one is EBUSY
 *   no-listener  seccomp(2) with a listener is not known: EINVAL, as kernels before 5.0 answer
 *   no-filter    nor are filters at all: EACCES
 *   no-ptrace    ptrace(2) is refused: EPERM
 *   no-landlock  landlock_create_ruleset(2) is not known: ENOSYS
 *   no-exec-trace a supervisor of somebody else answers each execve
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define CALL(nr)    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1)
#define FAIL(error) BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (error))

static struct sock_filter code[64] = { BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
	                                        offsetof(struct seccomp_data, nr)) };
static unsigned short n = 1;

static void add(struct sock_filter f)
{
	code[n++] = f;
}

static void refuse(unsigned nr, unsigned error)
{
	add((struct sock_filter)CALL(nr));
	add((struct sock_filter)FAIL(error));
}

/* seccomp(SECCOMP_SET_MODE_FILTER, flags with `bits`): `error`. */
static void refuse_filter(unsigned bits, unsigned error)
{
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_seccomp, 0, bits ? 6 : 4));
	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0])));
	add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_SET_MODE_FILTER, 0,
	                                 bits ? 3 : 1));
	if (bits) {
		add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
		                                 offsetof(struct seccomp_data, args[1])));
		add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
	}
	add((struct sock_filter)FAIL(error));
	add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
}

static int install(unsigned long flags)
{
	struct sock_fprog prog = { .len = n, .filter = code };

	add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
	prog.len = n;
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	return (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
}

/* The supervisor that was there first says yes to everything. */
static void answer(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	for (int fd = 0; fd < 3; fd++)
		close(fd);
	while (poll(&p, 1, -1) > 0 && p.revents & POLLIN) {
		struct seccomp_notif call = { 0 };
		struct seccomp_notif_resp r = { .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call) < 0)
			continue;
		r.id = call.id;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &r);
	}
	_exit(0);
}

/* Descriptors go over a socket. */
static int pass(int sock, int fd)
{
	char byte = 0;
	union {
		struct cmsghdr h;
		char space[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec iov = { &byte, 1 };
	struct msghdr m = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control
	};

	if (fd < 0) {
		if (recvmsg(sock, &m, 0) != 1 || !CMSG_FIRSTHDR(&m))
			return -1;
		memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof fd);
		return fd;
	}
	control.h.cmsg_level = SOL_SOCKET;
	control.h.cmsg_type = SCM_RIGHTS;
	control.h.cmsg_len = CMSG_LEN(sizeof fd);
	memcpy(CMSG_DATA(&control.h), &fd, sizeof fd);
	return sendmsg(sock, &m, 0) == 1 ? 0 : -1;
}

/* The words in front of "--". The index of the command, or -1. */
static int options(int argc, char **argv, int *listener)
{
	int i = 1;

	for (; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (!strcmp(argv[i], "listener"))
			*listener |= 1;
		else if (!strcmp(argv[i], "no-exec-trace"))
			*listener |= 2;
		else if (!strcmp(argv[i], "no-listener"))
			refuse_filter(SECCOMP_FILTER_FLAG_NEW_LISTENER, EINVAL);
		else if (!strcmp(argv[i], "no-filter"))
			refuse_filter(0, EACCES);
		else if (!strcmp(argv[i], "no-ptrace"))
			refuse(__NR_ptrace, EPERM);
		else if (!strcmp(argv[i], "no-landlock"))
			refuse(__NR_landlock_create_ruleset, ENOSYS);
		else
			return -1;
	}
	return i + 1 < argc ? i + 1 : -1;
}

int main(int argc, char **argv)
{
	int listener = 0, fd, status, i = options(argc, argv, &listener), sock[2];
	pid_t pid, helper = 0;

	if (i < 0)
		return 2;
	if (listener & 2) {
		add((struct sock_filter)CALL(__NR_execve));
		add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF));
	}
	/* Who answers holds the listener. It is not under the filter, so that it hears when nobody is any
	 * more. */
	if (listener && socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) == 0)
		helper = fork();
	if (listener && helper == 0) {
		close(sock[1]);
		fd = pass(sock[0], -1);
		if (fd >= 0)
			answer(fd);
		return 0;
	}
	fd = install(listener ? SECCOMP_FILTER_FLAG_NEW_LISTENER : 0);
	if (fd < 0) {
		perror("outer");
		return 2;
	}
	if (!listener) {
		execvp(argv[i], argv + i);
		return 127;
	}
	if (helper < 0 || pass(sock[1], fd) < 0)
		return 2;
	close(fd);
	close(sock[0]);
	close(sock[1]);
	pid = fork();
	if (pid == 0) {
		execvp(argv[i], argv + i);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
