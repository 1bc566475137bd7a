/* probe - do one thing an agent may try, straight through the system call.
 *
 * usage: probe WHAT [ARG...]; prints "DONE WHAT" and exits 0 when it happened,
 * "REFUSED WHAT: errno text" and 1 when the system said no, 3 when this
 * machine cannot do it at all. What execs a file does not return on success.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/io_uring.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int argc_;
static char **args; /* what follows WHAT */

static pid_t pid_arg(void)
{
	return argc_ > 0 ? (pid_t)atoi(args[0]) : 0;
}
static int sig_arg(void)
{
	return argc_ > 1 ? atoi(args[1]) : SIGKILL;
}

static long p_userns(void)
{
	return unshare(CLONE_NEWUSER);
}
static long p_mountns(void)
{
	return unshare(CLONE_NEWNS);
}
static long p_clone3_userns(void)
{
	struct {
		unsigned long long flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls;
	} a;

	memset(&a, 0, sizeof a);
	a.flags = CLONE_NEWUSER;
	a.exit_signal = SIGCHLD;
	long pid = syscall(SYS_clone3, &a, sizeof a);
	if (pid == 0)
		_exit(0);
	return pid < 0 ? -1 : 0;
}
static long p_mount(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL);
}
static long p_fsopen(void)
{
	return syscall(SYS_fsopen, "tmpfs", 0);
}
static long p_ptrace(void)
{
	return ptrace(PTRACE_SEIZE, pid_arg(), NULL, NULL);
}
static long p_keyctl(void)
{
	return syscall(SYS_keyctl, 0, -3, 1);
}
static long p_bpf(void)
{
	union bpf_attr attr;

	memset(&attr, 0, sizeof attr);
	attr.map_type = BPF_MAP_TYPE_ARRAY;
	attr.key_size = 4;
	attr.value_size = 4;
	attr.max_entries = 1;
	return syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}
static long p_io_uring(void)
{
	struct io_uring_params params;

	memset(&params, 0, sizeof params);
	return syscall(SYS_io_uring_setup, 4, &params);
}
static long p_af_packet(void)
{
	return socket(AF_PACKET, SOCK_RAW, 0);
}
static long p_af_alg(void)
{
	return socket(38, SOCK_SEQPACKET, 0);
}

/* EFAULT means the kernel was willing to look. */
static long p_readmem(void)
{
	char byte;
	struct iovec mine = { &byte, 1 }, theirs = { (void *)16, 1 };

	long n = process_vm_readv(pid_arg(), &mine, 1, &theirs, 1, 0);
	return n < 0 && errno == EFAULT ? 0 : n;
}
static long open_proc(const char *what)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/%s", (int)pid_arg(), what);
	int fd = open(path, O_RDONLY);
	return fd < 0 ? -1 : fd;
}
static long p_procmem(void)
{
	return open_proc("mem");
}
static long p_environ(void)
{
	return open_proc("environ");
}

static long p_kill(void)
{
	return kill(pid_arg(), sig_arg());
}
static long p_tkill(void)
{
	return syscall(SYS_tkill, pid_arg(), sig_arg());
}
static long p_tgkill(void)
{
	return syscall(SYS_tgkill, pid_arg(), pid_arg(), sig_arg());
}
static long p_sigqueue(void)
{
	union sigval value = { .sival_int = 1 };

	return sigqueue(pid_arg(), sig_arg(), value);
}
static long p_pidfd(void)
{
	int fd = (int)syscall(SYS_pidfd_open, pid_arg(), 0);

	return fd < 0 ? -1 : syscall(SYS_pidfd_send_signal, fd, sig_arg(), NULL, 0);
}
/* Let the kernel send the signal: owner of an asynchronous pipe. */
static long p_setown(void)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) || fcntl(ends[0], F_SETSIG, sig_arg()) ||
	    fcntl(ends[0], F_SETOWN, pid_arg()) || fcntl(ends[0], F_SETFL, O_ASYNC))
		return -1;
	return write(ends[1], "x", 1) == 1 ? 0 : -1;
}
static long p_prlimit(void)
{
	struct {
		unsigned long long cur, max;
	} limit = { 3, 3 };

	return syscall(SYS_prlimit64, pid_arg(), 7, &limit, NULL); /* RLIMIT_NOFILE */
}

static long p_exec(void)
{
	return execve(args[0], args, environ);
}
static long p_fexec(void)
{
	int fd = open(args[0], O_PATH | O_CLOEXEC);

	return fd < 0 ? -1 : syscall(SYS_execveat, fd, "", args, environ, AT_EMPTY_PATH);
}
static long p_exec_dir(void)
{
	char *slash = strrchr(args[0], '/');

	*slash = '\0';
	int fd = open(args[0], O_PATH | O_DIRECTORY);
	*slash = '/';
	return fd < 0 ? -1 : syscall(SYS_execveat, fd, slash + 1, args, environ, 0);
}
static long copy_to(int to)
{
	struct stat st;
	int from = open(args[0], O_RDONLY);

	if (from < 0 || fstat(from, &st) || sendfile(to, from, NULL, (size_t)st.st_size) != st.st_size)
		return -1;
	close(from);
	return fchmod(to, 0755);
}
static long p_memfd(void)
{
	int fd = (int)syscall(SYS_memfd_create, "x", 0);

	return fd < 0 || copy_to(fd) ? -1 : syscall(SYS_execveat, fd, "", args, environ, AT_EMPTY_PATH);
}
/* A copy that has no name any more. */
static long p_deleted(void)
{
	char name[] = "/tmp/probe.XXXXXX", self[64];
	int fd = mkstemp(name);

	if (fd < 0 || copy_to(fd))
		return -1;
	close(fd);
	fd = open(name, O_RDONLY);
	unlink(name);
	snprintf(self, sizeof self, "/proc/self/fd/%d", fd);
	return execve(self, args, environ);
}
static long wait_for(long pid)
{
	int status = 0;

	if (pid < 0 || waitpid((pid_t)pid, &status, __WALL) < 0)
		return -1;
	errno = WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
	return status == 0 ? 0 : -1;
}
static long p_vfork(void)
{
	pid_t pid = vfork();

	if (pid == 0) {
		execve(args[0], args, environ);
		_exit(errno);
	}
	return wait_for(pid);
}
static int child_exec(void *unused)
{
	(void)unused;
	execve(args[0], args, environ);
	return errno;
}
static long p_clone_untraced(void)
{
	static char stack[65536] __attribute__((aligned(16)));

	return wait_for(clone(child_exec, stack + sizeof stack,
	                      CLONE_UNTRACED | CLONE_VM | CLONE_VFORK | SIGCHLD, NULL));
}
static void *thread_exec(void *unused)
{
	child_exec(unused);
	return NULL;
}
static long p_thread(void)
{
	pthread_t thread;

	if (pthread_create(&thread, NULL, thread_exec, NULL))
		return -1;
	pthread_join(thread, NULL);
	errno = EACCES;
	return -1;
}
static long p_argc0(void)
{
	char *none[] = { NULL };

	return execve(args[0], none, environ);
}

/* The path flips between args[0] (allowed) and args[1] (denied) while execve is being decided; args[2] = ms.
 */
static volatile int flipping = 1;
static char *flip_path;
static int flip(void *unused)
{
	(void)unused;
	while (flipping) {
		memcpy(flip_path, args[0], strlen(args[0]) + 1);
		memcpy(flip_path, args[1], strlen(args[1]) + 1);
	}
	return 0;
}
static long elapsed_ms(struct timespec from)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (now.tv_sec - from.tv_sec) * 1000 + (now.tv_nsec - from.tv_nsec) / 1000000;
}
static long p_race(void)
{
	static char stack[65536] __attribute__((aligned(16)));
	struct timespec start;

	flip_path = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	strcpy(flip_path, args[0]);
	pid_t racer = clone(flip, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (elapsed_ms(start) < atoi(args[2])) {
		pid_t pid = fork();
		if (pid == 0) {
			char *argv[] = { "x", NULL };
			execve(flip_path, argv, environ);
			_exit(0);
		}
		waitpid(pid, NULL, 0);
	}
	flipping = 0;
	waitpid(racer, NULL, 0);
	return 0; /* whether the denied one ran is seen from its canary */
}

/* i386 execve through int $0x80: the pointers must lie below 4 GiB. */
static long p_i386(void)
{
	char *low = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
	unsigned *argv32 = (unsigned *)(low + 4096);
	long ret = 0;

	if (low == MAP_FAILED)
		return -1;
	strcpy(low, args[0]);
	argv32[0] = (unsigned)(unsigned long)low;
#ifdef __x86_64__
	__asm__ volatile("int $0x80"
	                 : "=a"(ret)
	                 : "a"(11), "b"(low), "c"(argv32), "d"(argv32 + 1)
	                 : "memory");
#endif
	errno = (int)-ret;
	return ret < 0 ? -1 : 0;
}
static long p_x32(void)
{
	return syscall(0x40000000 | 520, args[0], args, environ);
}

/* Bytes to a port of this machine, by this kind of socket. */
enum { FASTOPEN = 1, FASTOPEN_CONNECT };
static long send_to_port(int type, int protocol, int how)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		                        .sin_port = htons((uint16_t)pid_arg()),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, type, protocol), one = 1;

	if (fd < 0 || (how == FASTOPEN_CONNECT &&
	               setsockopt(fd, IPPROTO_TCP, TCP_FASTOPEN_CONNECT, &one, sizeof one) < 0))
		return -1;
	if (how == FASTOPEN)
		return sendto(fd, "x", 1, MSG_FASTOPEN, (const struct sockaddr *)&to, sizeof to);
	if (connect(fd, (const struct sockaddr *)&to, sizeof to) < 0)
		return -1;
	return send(fd, "x", 1, MSG_NOSIGNAL);
}
static long p_tcp(void)
{
	return send_to_port(SOCK_STREAM, 0, 0);
}
static long p_mptcp(void)
{
	return send_to_port(SOCK_STREAM, 262, 0);
}
static long p_fastopen(void)
{
	return send_to_port(SOCK_STREAM, 0, FASTOPEN);
}
static long p_fastopen_connect(void)
{
	return send_to_port(SOCK_STREAM, 0, FASTOPEN_CONNECT);
}
static long p_udp(void)
{
	return send_to_port(SOCK_DGRAM, 0, 0);
}

static const struct {
	const char *name;
	long (*try)(void);
} probes[] = {
	{ "userns", p_userns },
	{ "mountns", p_mountns },
	{ "clone3-userns", p_clone3_userns },
	{ "mount", p_mount },
	{ "fsopen", p_fsopen },
	{ "ptrace", p_ptrace },
	{ "keyctl", p_keyctl },
	{ "bpf", p_bpf },
	{ "io_uring", p_io_uring },
	{ "af_packet", p_af_packet },
	{ "af_alg", p_af_alg },
	{ "readmem", p_readmem },
	{ "procmem", p_procmem },
	{ "environ", p_environ },
	{ "kill", p_kill },
	{ "tkill", p_tkill },
	{ "tgkill", p_tgkill },
	{ "sigqueue", p_sigqueue },
	{ "pidfd", p_pidfd },
	{ "setown", p_setown },
	{ "prlimit", p_prlimit },
	{ "exec", p_exec },
	{ "fexec", p_fexec },
	{ "exec-dir", p_exec_dir },
	{ "memfd", p_memfd },
	{ "deleted", p_deleted },
	{ "vfork", p_vfork },
	{ "clone-untraced", p_clone_untraced },
	{ "thread", p_thread },
	{ "argc0", p_argc0 },
	{ "race", p_race },
	{ "tcp", p_tcp },
	{ "mptcp", p_mptcp },
	{ "fastopen", p_fastopen },
	{ "fastopen-connect", p_fastopen_connect },
	{ "udp", p_udp },
	{ "i386", p_i386 },
	{ "x32", p_x32 },
};

int main(int argc, char **argv)
{
	argc_ = argc - 2;
	args = argv + 2;
	for (size_t i = 0; argc > 1 && i < sizeof probes / sizeof *probes; i++) {
		if (strcmp(probes[i].name, argv[1]) != 0)
			continue;
		if (probes[i].try() >= 0) {
			printf("DONE %s\n", argv[1]);
			return 0;
		}
		printf("REFUSED %s: %s\n", argv[1], strerror(errno));
		return errno == ENOSYS ? 3 : 1;
	}
	fprintf(stderr, "probe: what?\n");
	return 2;
}
