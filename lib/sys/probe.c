#include "sys/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "sys/probe_impl.h"

void probe_say(struct probe *p, bool works, const char *fmt, ...)
{
	va_list ap;

	p->works = works;
	va_start(ap, fmt);
	vsnprintf(p->detail, sizeof p->detail, fmt, ap);
	va_end(ap);
}

pid_t probe_fork(void)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	return pid;
}

int probe_wait(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1;
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void try_no_new_privs(struct probe out[PROBE_N])
{
	struct probe *p = &out[PROBE_NO_NEW_PRIVS];

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		probe_say(p, false, "prctl: %m");
	else
		p->works = prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1;
}

static void try_seccomp(struct probe out[PROBE_N])
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_getppid, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EXDEV),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog prog = { .len = sizeof filter / sizeof *filter, .filter = filter };
	struct probe *p = &out[PROBE_SECCOMP];

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog) < 0)
		probe_say(p, false, "filter refused: %m");
	else if (syscall(__NR_getppid) >= 0 || errno != EXDEV)
		probe_say(p, false, "filter accepted but not enforced");
	else
		p->works = true;
}

static int ruleset(const struct landlock_ruleset_attr *attr, size_t size)
{
	return (int)syscall(__NR_landlock_create_ruleset, attr, size, 0);
}

static void try_landlock(struct probe out[PROBE_N])
{
	struct landlock_ruleset_attr attr = { .handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE };
	struct probe *p = &out[PROBE_LANDLOCK];
	int abi = (int)syscall(__NR_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION), fd;

	if (abi < 1) {
		probe_say(p, false, errno == ENOSYS ? "not in this kernel" : "switched off at boot: %m");
		return;
	}
	fd = ruleset(&attr, sizeof attr.handled_access_fs);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (fd < 0 || syscall(__NR_landlock_restrict_self, fd, 0) < 0)
		probe_say(p, false, "ruleset refused: %m");
	else if (open("/proc/self/status", O_RDONLY) >= 0 || errno != EACCES)
		probe_say(p, false, "domain entered but not enforced");
	else
		p->works = true;
	p->version = abi;
}

static void try_landlock_net(struct probe out[PROBE_N])
{
	struct landlock_ruleset_attr attr = { .handled_access_net = LANDLOCK_ACCESS_NET_CONNECT_TCP };
	struct sockaddr_in to = { .sin_family = AF_INET,
		                  .sin_port = htons(9),
		                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct probe *p = &out[PROBE_LANDLOCK_NET];
	int fd = ruleset(&attr, offsetof(struct landlock_ruleset_attr, handled_access_net) +
	                                sizeof attr.handled_access_net),
	    sock = socket(AF_INET, SOCK_STREAM, 0);

	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (fd < 0 || sock < 0)
		probe_say(p, false, "needs ABI 4 (Linux 6.7): %m");
	else if (syscall(__NR_landlock_restrict_self, fd, 0) < 0)
		probe_say(p, false, "ruleset refused: %m");
	else if (connect(sock, (struct sockaddr *)&to, sizeof to) == 0 || errno != EACCES)
		probe_say(p, false, "domain entered but not enforced");
	else
		p->works = true;
}

static void try_ptrace(struct probe out[PROBE_N])
{
	struct probe *p = &out[PROBE_PTRACE];
	int status = 0;
	pid_t pid = probe_fork();

	if (!pid) {
		for (;;)
			pause();
	}
	if (pid < 0 || ptrace(PTRACE_SEIZE, pid, 0, PTRACE_O_EXITKILL) < 0) {
		probe_say(p, false, "seize: %m");
		return;
	}
	if (ptrace(PTRACE_INTERRUPT, pid, 0, 0) < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		probe_say(p, false, "stop: %m");
	else
		p->works = true;
}

static void try_pidfd(struct probe out[PROBE_N])
{
	struct probe *p = &out[PROBE_PIDFD];
	int ends[2], pidfd, fd;
	pid_t pid;
	char c = 0;

	if (pipe(ends) < 0)
		return;
	pid = probe_fork();
	if (!pid) {
		for (;;)
			pause();
	}
	pidfd = (int)syscall(__NR_pidfd_open, pid, 0);
	if (pid < 0 || pidfd < 0) {
		probe_say(p, false, "pidfd_open: %m");
		return;
	}
	fd = (int)syscall(__NR_pidfd_getfd, pidfd, ends[1], 0);
	if (fd < 0)
		probe_say(p, false, "pidfd_getfd: %m");
	else
		p->works = write(fd, "x", 1) == 1 && read(ends[0], &c, 1) == 1 && c == 'x';
}

/* The kind of program that would watch connections; it says yes to all and is never attached. */
static void try_ebpf(struct probe out[PROBE_N])
{
	struct bpf_insn code[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 1 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	struct probe *p = &out[PROBE_EBPF];

	memset(&attr, 0, sizeof attr);
	attr.prog_type = BPF_PROG_TYPE_CGROUP_SOCK_ADDR;
	attr.expected_attach_type = BPF_CGROUP_INET4_CONNECT;
	attr.insns = (uintptr_t)code;
	attr.insn_cnt = 2;
	attr.license = (uintptr_t) "MIT";
	if (syscall(__NR_bpf, BPF_PROG_LOAD, &attr, sizeof attr) < 0)
		probe_say(p, false, "load: %m");
	else
		p->works = true;
}

static void try_caps(struct probe out[PROBE_N])
{
	struct __user_cap_header_struct head = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2] = { { 0 } };
	struct probe *p = &out[PROBE_CAPS];

	for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || syscall(__NR_capset, &head, data) < 0) {
		probe_say(p, false, "capset: %m");
		return;
	}
	memset(data, 255, sizeof data);
	if (syscall(__NR_capget, &head, data) < 0 ||
	    data[0].effective | data[1].effective | data[0].permitted | data[1].permitted)
		probe_say(p, false, "some stay");
	else
		p->works = true;
}

static const struct {
	probe_fn *fn;
	int ms;
} table[PROBE_N] = {
	[PROBE_NO_NEW_PRIVS] = { try_no_new_privs, 500 },
	[PROBE_SECCOMP] = { try_seccomp, 500 },
	[PROBE_NOTIFY] = { probe_notify, 2000 },
	[PROBE_KILLABLE] = { probe_killable, 2000 },
	[PROBE_LANDLOCK] = { try_landlock, 500 },
	[PROBE_LANDLOCK_NET] = { try_landlock_net, 1000 },
	[PROBE_PTRACE] = { try_ptrace, 1000 },
	[PROBE_PIDFD] = { try_pidfd, 1000 },
	[PROBE_FUSE] = { probe_fuse, 2000 },
	[PROBE_CGROUP] = { probe_cgroup, 2000 },
	[PROBE_CGROUP_V1] = { probe_cgroup_v1, 2000 },
	[PROBE_EBPF] = { try_ebpf, 1000 },
	[PROBE_PID_NAMESPACE] = { probe_pid_namespace, 1000 },
	[PROBE_CAPS] = { try_caps, 500 },
};

/* Kill the child and collect it. One that hangs in the kernel even now is left to init. */
static void end_child(pid_t pid, int pidfd)
{
	struct pollfd end = { .fd = pidfd, .events = POLLIN };

	if (pidfd < 0) { /* before Linux 5.3: our own child, so its number is not reused before we wait */
		kill(pid, SIGKILL);
		probe_wait(pid);
		return;
	}
	syscall(__NR_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	if (poll(&end, 1, 500) == 1)
		probe_wait(pid);
}

/* The entries that the child filled; an answer cut short or late is none. */
static bool receive(int fd, int ms, struct probe out[PROBE_N])
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	struct probe got[PROBE_N];

	/* One write of less than PIPE_BUF arrives as a whole. */
	_Static_assert(sizeof got <= 4096, "must fit into PIPE_BUF");
	if (poll(&p, 1, ms) != 1 || read(fd, got, sizeof got) != (ssize_t)sizeof got)
		return false;
	memcpy(out, got, sizeof got);
	return true;
}

void probe_one(enum probe_id id, struct probe out[PROBE_N])
{
	int ends[2], pidfd;
	pid_t pid;

	if (!table[id].fn)
		return;
	if (pipe2(ends, O_CLOEXEC) < 0) {
		probe_say(&out[id], false, "pipe: %m");
		return;
	}
	pid = probe_fork();
	if (!pid) {
		prctl(PR_SET_DUMPABLE, 1);
		close(ends[0]);
		table[id].fn(out);
		_exit(write(ends[1], out, PROBE_N * sizeof *out) < 0);
	}
	close(ends[1]);
	if (pid < 0) {
		probe_say(&out[id], false, "fork: %m");
	} else {
		pidfd = (int)syscall(__NR_pidfd_open, pid, 0);
		if (!receive(ends[0], table[id].ms, out))
			probe_say(&out[id], false, "no answer within %d ms", table[id].ms);
		end_child(pid, pidfd);
		fd_close(&pidfd);
	}
	close(ends[0]);
}

void probe_all(struct probe out[PROBE_N])
{
	memset(out, 0, PROBE_N * sizeof *out);
	for (int id = 0; id < PROBE_N; id++)
		probe_one((enum probe_id)id, out);
}
