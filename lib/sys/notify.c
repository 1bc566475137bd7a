#include "sys/notify.h"

#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

int notify_install(const struct sock_filter *filter, size_t n, bool killable, struct err *e)
{
	struct sock_fprog prog = { .len = (unsigned short)n, .filter = (struct sock_filter *)filter };
	unsigned long flags = SECCOMP_FILTER_FLAG_NEW_LISTENER;
	int fd;

	if (killable)
		flags |= SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV;
	fd = (int)syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, flags, &prog);
	if (fd < 0 && errno == EBUSY)
		return err_sys(
		        e, "seccomp listener refused (another supervisor already listens to this process)");
	if (fd < 0)
		return err_sys(e, "seccomp listener");
	return fd;
}

int notify_filter(const struct sock_filter *filter, size_t n, struct err *e)
{
	struct sock_fprog prog = { .len = (unsigned short)n, .filter = (struct sock_filter *)filter };

	return syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0 ? err_sys(e, "seccomp filter")
	                                                                    : 0;
}

uint64_t notify_pass(struct sock_filter *filter, size_t n)
{
	uint64_t pass = 0;

	for (struct sock_filter *f = filter; f + 2 < filter + n; f++) {
		if (f->code != (BPF_JMP | BPF_JSET | BPF_K) || f->k)
			continue;
		if (!NOTIFY_PASSES || !pass) {
			prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
			if (syscall(__NR_getrandom, &pass, sizeof pass, 0) != sizeof pass || !pass)
				return 0;
		}
		f->code = BPF_JMP | BPF_JEQ | BPF_K;
		f[0].k = (uint32_t)pass;
		f[2].k = (uint32_t)(pass >> 32);
		if (!NOTIFY_PASSES)
			return pass;
	}
	return pass;
}

ssize_t notify_send(int fd, const struct msghdr *m, int flags, uint64_t pass)
{
	return syscall(__NR_sendmsg, fd, m, flags, 0, 0, pass);
}

void notify_exec(const char *path, char *const *argv, char *const *env, uint64_t pass)
{
	syscall(__NR_execve, path, argv, env, 0, 0, pass);
}

void notify_sync_wakeup(int listener)
{
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SET_FLAGS, SECCOMP_USER_NOTIF_FD_SYNC_WAKE_UP);
}

int notify_receive(int listener, struct seccomp_notif *out)
{
	memset(out, 0, sizeof *out);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, out) == 0)
		return 1;
	return errno == ENOENT || errno == EINTR || errno == EAGAIN ? 0 : -1;
}

bool notify_waits(int listener)
{
	struct pollfd p = { .fd = listener, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && p.revents & POLLIN;
}

bool notify_valid(int listener, uint64_t id)
{
	return ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &id) == 0;
}

static bool answer(int listener, struct seccomp_notif_resp *r)
{
	int rc;

	do
		rc = ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, r);
	while (rc < 0 && errno == EINTR);
	return rc == 0;
}

bool notify_continue(int listener, uint64_t id)
{
	struct seccomp_notif_resp r = { .id = id, .flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE };

	return answer(listener, &r);
}

bool notify_fail(int listener, uint64_t id, int error)
{
	struct seccomp_notif_resp r = { .id = id, .error = -error };

	return answer(listener, &r);
}

bool notify_return(int listener, uint64_t id, int64_t value)
{
	struct seccomp_notif_resp r = { .id = id, .val = value };

	return answer(listener, &r);
}

/* Its number there, or -errno. */
static int add(int listener, struct seccomp_notif_addfd a)
{
	int rc;

	do
		rc = ioctl(listener, SECCOMP_IOCTL_NOTIF_ADDFD, &a);
	while (rc < 0 && errno == EINTR);
	return rc < 0 ? -errno : rc;
}

int notify_inject(int listener, uint64_t id, int fd, int flags)
{
	int rc = add(listener, (struct seccomp_notif_addfd){ .id = id,
	                                                     .flags = SECCOMP_ADDFD_FLAG_SEND,
	                                                     .srcfd = (uint32_t)fd,
	                                                     .newfd_flags = (uint32_t)flags });

	return rc < 0 ? -rc : 0;
}

int notify_add(int listener, uint64_t id, int fd, int flags)
{
	return add(listener, (struct seccomp_notif_addfd){
	                             .id = id, .srcfd = (uint32_t)fd, .newfd_flags = (uint32_t)flags });
}

static void on_signal(int signo)
{
	(void)signo;
}

/* The child: install, hand the listener over by number (the parent takes it) or why there is none, call
 * getppid once. */
static int probe_child(int sock, bool killable)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sigaction sa = { .sa_handler = on_signal };
	long parent = getppid();
	int fd;

	/* A server is not dumpable, and so are its children: their parent, without rights, could not take
	 * anything from them. */
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	sigaction(SIGUSR1, &sa, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
		return 1;
	fd = notify_install(filter, sizeof filter / sizeof *filter, killable, NULL);
	if (fd < 0)
		fd = -errno;
	if (write(sock, &fd, sizeof fd) != sizeof fd || fd < 0)
		return 1;
	return syscall(__NR_getppid) == (killable ? 4242 : parent) ? 0 : 2;
}

static bool probe_parent(pid_t child, int sock, bool killable, int *error)
{
	struct pollfd p = { .fd = sock, .events = POLLIN };
	struct seccomp_notif n;
	int fd = -1, pidfd, listener = -1;
	bool ok = false;

	if (poll(&p, 1, 1000) != 1 || read(sock, &fd, sizeof fd) != sizeof fd)
		return false;
	if (fd < 0) {
		*error = -fd;
		return false;
	}
	pidfd = (int)syscall(__NR_pidfd_open, child, 0);
	if (pidfd >= 0)
		listener = (int)syscall(__NR_pidfd_getfd, pidfd, fd, 0);
	p = (struct pollfd){ .fd = listener, .events = POLLIN };
	if (listener >= 0 && poll(&p, 1, 1000) == 1 && notify_receive(listener, &n) == 1) {
		if (killable)
			kill(child, SIGUSR1); /* must not disturb the waiting call */
		ok = notify_valid(listener, n.id) &&
		     (killable ? notify_return(listener, n.id, 4242) : notify_continue(listener, n.id));
	}
	if (listener >= 0)
		close(listener);
	if (pidfd >= 0)
		close(pidfd);
	return ok;
}

/* 0, or the errno of what is refused; EAGAIN: not known. */
static int probe(bool killable)
{
	int sock[2], status = -1, error = EAGAIN;
	bool ok;
	pid_t child;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sock) < 0)
		return EAGAIN;
	child = fork();
	if (child == 0)
		_exit(probe_child(sock[1], killable));
	close(sock[1]);
	ok = child > 0 && probe_parent(child, sock[0], killable, &error);
	close(sock[0]);
	if (child > 0) {
		if (!ok)
			kill(child, SIGKILL);
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	}
	return ok && WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0 : error;
}

bool notify_probe_killable(void)
{
	return probe(true) == 0;
}

int notify_probe(struct err *e)
{
	int error = probe(false);

	errno = error;
	if (error == EBUSY && e) {
		err_set(e, "seccomp listener refused: another supervisor already listens");
		e->code = EBUSY;
		return -1;
	}
	return error ? err_sys(e, "seccomp listener refused") : 0;
}

bool notify_probe_filter(void)
{
	struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };
	int status = -1;
	pid_t child = fork();

	if (child == 0)
		_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || notify_filter(all, 1, NULL) < 0);
	while (child > 0 && waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return child > 0 && status == 0;
}
