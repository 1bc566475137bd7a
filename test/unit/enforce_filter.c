/* The program is run twice: by a small interpreter here, over every call number and the arguments that
 * matter, and by the kernel, in children that use nothing but bare system calls. Both must give the answers
 * of the table. */
#include "enforce/exec/filter.h"

#include "sys/notify.h"
#include "sys/uapi/compat.h"
#include "test/bpf.h"
#include "test/t.h"

#include <errno.h>
#include <linux/sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

enum { A = SECCOMP_RET_ALLOW, N = SECCOMP_RET_USER_NOTIF };
#define E(error) (SECCOMP_RET_ERRNO | (error))
#define HIGH     0xdeadbeef00000000ULL /* what an attacker may put above an int argument */

static uint32_t simulate(const struct filter *f, const struct seccomp_data *d, size_t *steps)
{
	return bpf_run(f->code, f->n, d, steps);
}

static struct filter plain;

static uint32_t ask(uint32_t arch, uint32_t nr, const uint64_t *args)
{
	struct seccomp_data d = { .arch = arch, .nr = (int)nr };
	size_t steps = 0;

	if (!plain.n)
		filter_build(&plain, NULL, 0, NULL);
	for (int i = 0; args && i < 6; i++)
		d.args[i] = args[i];
	return simulate(&plain, &d, &steps);
}

/* What is refused whatever its arguments: DESIGN section 2, Docker's list, and more. */
static const struct {
	const char *name;
	uint32_t nr;
} refused[] = {
	{ "ptrace", __NR_ptrace },
	{ "process_vm_readv", __NR_process_vm_readv },
	{ "process_vm_writev", __NR_process_vm_writev },
	{ "pidfd_getfd", 438 },
	{ "process_madvise", 440 },
	{ "kcmp", __NR_kcmp },
	{ "setns", __NR_setns },
	{ "mount", __NR_mount },
	{ "umount2", __NR_umount2 },
	{ "pivot_root", __NR_pivot_root },
	{ "chroot", __NR_chroot },
	{ "open_tree", 428 },
	{ "move_mount", 429 },
	{ "fsopen", 430 },
	{ "fsconfig", 431 },
	{ "fsmount", 432 },
	{ "fspick", 433 },
	{ "mount_setattr", 442 },
	{ "open_tree_attr", 467 },
	{ "io_uring_setup", 425 },
	{ "io_uring_enter", 426 },
	{ "io_uring_register", 427 },
	{ "open_by_handle_at", __NR_open_by_handle_at },
	{ "kexec_load", __NR_kexec_load },
	{ "kexec_file_load", __NR_kexec_file_load },
	{ "init_module", __NR_init_module },
	{ "finit_module", __NR_finit_module },
	{ "delete_module", __NR_delete_module },
	{ "reboot", __NR_reboot },
	{ "swapon", __NR_swapon },
	{ "swapoff", __NR_swapoff },
	{ "acct", __NR_acct },
	{ "quotactl", __NR_quotactl },
	{ "quotactl_fd", 443 },
	{ "bpf", __NR_bpf },
	{ "perf_event_open", __NR_perf_event_open },
	{ "userfaultfd", __NR_userfaultfd },
	{ "keyctl", __NR_keyctl },
	{ "add_key", __NR_add_key },
	{ "request_key", __NR_request_key },
	{ "lookup_dcookie", __NR_lookup_dcookie },
	{ "sethostname", __NR_sethostname },
	{ "setdomainname", __NR_setdomainname },
	{ "settimeofday", __NR_settimeofday },
	{ "clock_settime", __NR_clock_settime },
	{ "clock_adjtime", __NR_clock_adjtime },
	{ "adjtimex", __NR_adjtimex },
	{ "fanotify_init", __NR_fanotify_init },
	{ "vhangup", __NR_vhangup },
	{ "nfsservctl", __NR_nfsservctl },
#ifdef __x86_64__
	{ "iopl", __NR_iopl },
	{ "ioperm", __NR_ioperm },
	{ "modify_ldt", __NR_modify_ldt },
	{ "uselib", __NR_uselib },
	{ "_sysctl", __NR__sysctl },
#endif
};

/* Calls whose answer depends on arguments, with those. High words of int arguments must not matter. */
static const struct special {
	const char *name;
	uint32_t nr;
	uint64_t args[6];
	uint32_t want;
} specials[] = {
	{ "execve", __NR_execve, { 0 }, N },
	{ "execveat", __NR_execveat, { 0 }, N },
	{ "kill", __NR_kill, { 1, 15 }, N },
	{ "kill, high", __NR_kill, { 1, HIGH | 15 }, N },
	{ "kill 0", __NR_kill, { 1, 0 }, A },
	{ "tkill", __NR_tkill, { 1, 9 }, N },
	{ "tgkill", __NR_tgkill, { 1, 1, 9 }, N },
	{ "tgkill 0", __NR_tgkill, { 1, 1, 0 }, A },
	{ "rt_sigqueueinfo", __NR_rt_sigqueueinfo, { 1, 0 }, N },
	{ "rt_tgsigqueueinfo", __NR_rt_tgsigqueueinfo, { 1, 0 }, N },
	{ "pidfd_send_signal", 424, { 1, 0 }, N },
	{ "fcntl getfl", __NR_fcntl, { 0, 3 }, A },
	{ "fcntl setown", __NR_fcntl, { 0, 8 }, N },
	{ "fcntl setown, high", __NR_fcntl, { 0, HIGH | 8 }, N },
	{ "fcntl setown_ex", __NR_fcntl, { 0, HIGH | 15 }, E(EPERM) },
	{ "prlimit read", __NR_prlimit64, { 1, 10, 0, 1 }, A },
	{ "prlimit tag", __NR_prlimit64, { 0, 10, 4096 }, E(EPERM) },
	{ "prlimit tag, high", __NR_prlimit64, { HIGH, HIGH | 10, 4096 }, E(EPERM) },
	{ "prlimit tag, pointer high only", __NR_prlimit64, { 0, 10, 0x7f0000000000 }, E(EPERM) },
	{ "prlimit own", __NR_prlimit64, { 0, 7, 4096 }, A },
	{ "prlimit own, high", __NR_prlimit64, { HIGH, 7, 4096 }, A },
	{ "prlimit other", __NR_prlimit64, { 1, 7, 4096 }, N },
	{ "prlimit other, pointer high only", __NR_prlimit64, { 1, 7, 0x100000000 }, N },
	{ "setrlimit", __NR_setrlimit, { 7 }, A },
	{ "setrlimit tag", __NR_setrlimit, { HIGH | 10 }, E(EPERM) },
	{ "seccomp mark", __NR_seccomp, { 0x41475348 }, E(2743) },
	{ "seccomp filter", __NR_seccomp, { 1, 0 }, A },
	{ "seccomp listener", __NR_seccomp, { HIGH | 1, HIGH | 8 | 1 }, E(EPERM) },
	{ "seccomp strict", __NR_seccomp, { 0, 8 }, A },
	{ "prctl", __NR_prctl, { 15 }, A },
	{ "prctl dumpable", __NR_prctl, { 4, 1 }, A },
	{ "prctl not dumpable", __NR_prctl, { HIGH | 4, HIGH | 0 }, CONFIG_FILES ? SECCOMP_RET_ERRNO : A },
	{ "prctl set_mm", __NR_prctl, { HIGH | 35 }, E(EPERM) },
	{ "personality read", __NR_personality, { 0xffffffff }, A },
	{ "personality no random", __NR_personality, { HIGH | 0x40000 }, A },
	{ "personality read implies exec", __NR_personality, { 0x400000 }, E(EPERM) },
	{ "personality mmap zero", __NR_personality, { 0x100000 }, E(EPERM) },
	{ "socket unix", __NR_socket, { HIGH | 1 }, A },
	{ "socket inet", __NR_socket, { 2 }, A },
	{ "socket inet6", __NR_socket, { 10 }, A },
	{ "socket netlink", __NR_socket, { 16 }, A },
	{ "socket packet", __NR_socket, { HIGH | 17 }, E(EPERM) },
	{ "socket alg", __NR_socket, { 38 }, E(EPERM) },
	{ "socket vsock", __NR_socket, { 40 }, E(EPERM) },
	{ "socket unspec", __NR_socket, { 0 }, E(EPERM) },
	{ "ioctl tcgets", __NR_ioctl, { 0, 0x5401 }, A },
	{ "ioctl tiocsti", __NR_ioctl, { 0, 0x5412 }, E(EPERM) },
	{ "ioctl tiocsti, high", __NR_ioctl, { 0, HIGH | 0x5412 }, E(EPERM) },
	{ "ioctl tioclinux", __NR_ioctl, { 0, HIGH | 0x541c }, E(EPERM) },
	{ "ioctl fiosetown", __NR_ioctl, { 0, HIGH | 0x8901 }, E(EPERM) },
	{ "ioctl siocspgrp", __NR_ioctl, { 0, HIGH | 0x8902 }, E(EPERM) },
	{ "clone fork", __NR_clone, { SIGCHLD }, A },
	{ "clone thread", __NR_clone, { 0x3d0f00 }, A },
	{ "clone parent", __NR_clone, { CLONE_PARENT | SIGCHLD }, E(EPERM) },
	{ "unshare files", __NR_unshare, { CLONE_FILES }, A },
	{ "clone3", 435, { 0 }, E(ENOSYS) },
	{ "setpriority own", __NR_setpriority, { 0, HIGH, 5 }, A },
	{ "setpriority other", __NR_setpriority, { 0, 1, 5 }, N },
	{ "setpriority own group", __NR_setpriority, { 1, 0, 5 }, N },
	{ "setpriority user", __NR_setpriority, { 2, 0, 5 }, N },
	{ "ioprio_set own", __NR_ioprio_set, { 1, 0, 5 }, A },
	{ "ioprio_set other", __NR_ioprio_set, { HIGH | 1, 1, 5 }, N },
	{ "ioprio_set user", __NR_ioprio_set, { 3, 0, 5 }, N },
	{ "sched_setaffinity own", __NR_sched_setaffinity, { HIGH }, A },
	{ "sched_setaffinity other", __NR_sched_setaffinity, { 1 }, N },
	{ "sched_setscheduler other", __NR_sched_setscheduler, { 1 }, N },
	{ "sched_setparam other", __NR_sched_setparam, { 1 }, N },
	{ "sched_setattr other", __NR_sched_setattr, { HIGH | 1 }, N },
#ifdef __x86_64__
	{ "arch_prctl set_fs", __NR_arch_prctl, { HIGH | 0x1002 }, N },
	{ "arch_prctl get_fs", __NR_arch_prctl, { 0x1003 }, A },
#else
	{ "set_tid_address", __NR_set_tid_address, { 0 }, N },
#endif
	{ "read", __NR_read, { 0 }, A },
	{ "x32 read", 0x40000000, { 0 }, E(EPERM) },
	{ "x32 execve", 0x40000000 | 520, { 0 }, E(EPERM) },
	{ "call -1", 0xffffffff, { 0 }, E(EPERM) },
	{ "call 2^31", 0x80000000, { 0 }, E(EPERM) },
	{ "newest call", 470, { 0 }, A },
	{ "unknown call", 471, { 0 }, E(ENOSYS) },
	{ "unknown call below x32", 0x3fffffff, { 0 }, E(ENOSYS) },
};

T_CASE(refused_calls)
{
	const uint64_t ones[6] = { -1ULL, -1ULL, -1ULL, -1ULL, -1ULL, -1ULL };

	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
		is_int(ask(NATIVE_AUDIT_ARCH, refused[i].nr, NULL), E(EPERM), "%s", refused[i].name);
		is_int(ask(NATIVE_AUDIT_ARCH, refused[i].nr, ones), E(EPERM), "%s with all bits",
		       refused[i].name);
	}
}

T_CASE(special_calls)
{
	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
		is_int(ask(NATIVE_AUDIT_ARCH, specials[i].nr, specials[i].args), specials[i].want, "%s",
		       specials[i].name);
}

T_CASE(namespace_flags)
{
	static const uint32_t flags[] = { CLONE_NEWUSER, CLONE_NEWNS,  CLONE_NEWPID,    CLONE_NEWNET,
		                          CLONE_NEWIPC,  CLONE_NEWUTS, CLONE_NEWCGROUP, 0x80 };

	for (int bit = 0; bit < 32; bit++) {
		uint64_t arg[6] = { HIGH | 1u << bit };
		bool bad = false;

		for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
			bad |= flags[i] == 1u << bit;
		is_int(ask(NATIVE_AUDIT_ARCH, __NR_unshare, arg),
		       bad || 1u << bit == CLONE_PARENT ? E(EPERM) : (uint32_t)A, "unshare, bit %d", bit);
		arg[0] |= SIGCHLD;
		is_int(ask(NATIVE_AUDIT_ARCH, __NR_clone, arg),
		       bad || 1u << bit == CLONE_PARENT ? E(EPERM) : (uint32_t)A, "clone, bit %d", bit);
	}
}

/* A child without its tracer is one that nobody answers: it is to be asked for such children, and only then.
 */
T_CASE(a_limit_on_tasks)
{
	struct seccomp_data own = { .arch = NATIVE_AUDIT_ARCH, .nr = __NR_prlimit64, .args = { 0, 6, 4096 } };
	struct seccomp_data set = { .arch = NATIVE_AUDIT_ARCH, .nr = __NR_setrlimit, .args = { HIGH | 6 } };
	static struct filter f;
	size_t steps = 0;

	filter_make(&f, &filter_native, &(struct filter_options){ .tasks = false }, NULL);
	is_int(simulate(&f, &set, &steps), A, "free, when nobody needs it");
	filter_make(&f, &filter_native, &(struct filter_options){ .tasks = true }, NULL);
	is_int(simulate(&f, &own, &steps), E(EPERM), "prlimit");
	is_int(simulate(&f, &set, &steps), E(EPERM), "setrlimit");
	own.args[2] = 0;
	is_int(simulate(&f, &own, &steps), A, "it may be read");
	set.args[0] = 7;
	is_int(simulate(&f, &set, &steps), A, "and others set");
}

T_CASE(untraced_children)
{
	static const struct filter_options by_tracer = { .kind = FILTER_TRACER };
	struct seccomp_data d = { .arch = NATIVE_AUDIT_ARCH, .nr = __NR_clone };
	static struct filter f;
	size_t steps;

	is_int(filter_make(&f, &filter_native, &by_tracer, NULL), 0);
	d.args[0] = HIGH | CLONE_VM | SIGCHLD;
	is_int(simulate(&f, &d, &steps), A, "clone");
	d.args[0] |= CLONE_UNTRACED;
	is_int(simulate(&f, &d, &steps), SECCOMP_RET_TRACE, "clone, untraced");
	d.args[0] |= CLONE_NEWNS;
	is_int(simulate(&f, &d, &steps), E(EPERM), "clone, untraced, with a name space");
}

/* Bits of the number that do not agree, or another call: asked about, as all is without a number. */
T_CASE(one_exec_may_pass)
{
	static const struct filter_options by_tracer = { .kind = FILTER_TRACER };
	struct seccomp_data d = { .arch = NATIVE_AUDIT_ARCH, .nr = __NR_execve };
	static struct filter f;
	uint64_t pass;
	size_t steps = 0;
	int bad = 0;

	filter_build(&f, NULL, 0, NULL);
	d.args[5] = UINT64_MAX;
	is_int(simulate(&f, &d, &steps), N, "without a number none passes");
	pass = notify_pass(f.code, f.n);
	ok(pass != 0 && prctl(PR_GET_DUMPABLE) == 0, "a number, in memory that is closed");
	ok(bpf_is_sound(f.code, f.n), "still a program");
	d.args[5] = pass;
	is_int(simulate(&f, &d, &steps), A, "with it execve passes");
	d.nr = __NR_execveat;
	is_int(simulate(&f, &d, &steps), N, "execveat does not");
	d.nr = __NR_execve;
	for (int bit = 0; bit < 64; bit++) {
		d.args[5] = pass ^ 1ULL << bit;
		bad += simulate(&f, &d, &steps) != N;
	}
	is_int(bad, 0, "every bit of it counts");
	is_int((long long)notify_pass(f.code, f.n), 0, "there is no second one");
	prctl(PR_SET_DUMPABLE, 1);
	filter_make(&f, &filter_native, &by_tracer, NULL);
	is_int((long long)notify_pass(f.code, f.n), 0, "nor one for a tracer");
}

T_CASE(foreign_architectures)
{
	static const uint32_t others[] = { AUDIT_ARCH_I386, AUDIT_ARCH_ARM, AUDIT_ARCH_RISCV64, 0,
		                           0xffffffff };
	int bad = 0;

	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		for (uint32_t nr = 0; nr < 600; nr++)
			bad += ask(others[i], nr, NULL) != E(EPERM);
	is_int(bad, 0, "every call of every other architecture is refused");
}

/* Neither the tables above nor the filter may know of a call that the other does not. */
T_CASE(nothing_else_is_touched)
{
	for (uint32_t nr = 0; nr <= 470; nr++) {
		bool known = false;

		for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
			known |= refused[i].nr == nr;
		for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
			known |= specials[i].nr == nr;
		if (!known && ask(NATIVE_AUDIT_ARCH, nr, NULL) != A)
			ok(false, "call %u is touched", nr);
	}
	ok(true, "all others pass");
}

static uint32_t ask_with(const struct filter *f, uint32_t nr, uint64_t arg)
{
	struct seccomp_data d = { .arch = NATIVE_AUDIT_ARCH, .nr = (int)nr, .args = { arg } };
	size_t steps = 0;

	return simulate(f, &d, &steps);
}

T_CASE(blocked_by_configuration)
{
	static const int numbers[] = { __NR_getppid, __NR_ioctl,   __NR_execve, 435,
		                       500,          __NR_seccomp, __NR_mount,  __NR_getppid };
	static struct filter f;
	struct err e;

	if (!ok(filter_build(&f, numbers, sizeof numbers / sizeof *numbers, &e) == 0, "builds"))
		return;
	is_int(ask_with(&f, __NR_getppid, 0), E(EPERM), "a call of the list");
	is_int(ask_with(&f, __NR_getpid, 0), A, "its neighbour is not");
	is_int(ask_with(&f, __NR_ioctl, 0), E(EPERM), "a call that is looked into otherwise");
	is_int(ask_with(&f, __NR_execve, 0), N, "execve is decided, never switched off");
	is_int(ask_with(&f, 435, 0), E(ENOSYS), "clone3 stays missing, so that libraries fall back");
	is_int(ask_with(&f, 500, 0), E(ENOSYS), "an unknown call stays unknown");
	is_int(ask_with(&f, 499, 0), E(ENOSYS), "and so do all the others");
	is_int(ask_with(&f, __NR_seccomp, 1), E(EPERM), "seccomp can be refused");
	is_int(ask_with(&f, __NR_seccomp, 0x41475348), E(2743), "and still tells who is governed");
}

T_CASE(long_block_lists)
{
	static struct filter f;
	int numbers[470];
	struct err e;
	int bad = 0;

	for (int i = 0; i < 470; i++)
		numbers[i] = i;
	if (!ok(filter_build(&f, numbers, 470, &e) == 0, "every call can be blocked"))
		return;
	for (uint32_t nr = 0; nr < 470; nr++)
		bad += ask_with(&f, nr, 0) == A;
	is_int(bad, 0, "none passes");
	for (int i = 0; i < 235; i++)
		numbers[i] = 2 * i;
	if (!ok(filter_build(&f, numbers, 235, &e) == 0, "every other call, which needs far jumps"))
		return;
	for (uint32_t nr = 1; nr < 480; nr += 2)
		bad += ask_with(&f, nr, 0) != ask(NATIVE_AUDIT_ARCH, nr, NULL);
	is_int(bad, 0, "odd ones are answered as before");
	for (uint32_t nr = 0; nr < 470; nr += 2)
		bad += ask_with(&f, nr, 0) == A;
	is_int(bad, 0, "even ones do not pass");
	ok(bpf_is_sound(f.code, f.n) && f.n > 256 && f.n <= FILTER_MAX, "%zu instructions", f.n);
}

T_CASE(short_paths)
{
	size_t most = 0;

	for (uint32_t nr = 0; nr < 600; nr++) {
		struct seccomp_data d = { .arch = NATIVE_AUDIT_ARCH, .nr = (int)nr };
		size_t steps = 0;

		simulate(&plain, &d, &steps);
		most = steps > most ? steps : most;
	}
	ok(plain.n <= 150 && most < 20, "%zu instructions, at most %zu of them for one call", plain.n, most);
}

/* What is asked where connections are judged; and that it is all there is to it. */
struct asked {
	const char *what;
	long nr;
	uint64_t args[6];
	uint32_t want;
};

/* A filter of at most `most` instructions. */
static void answers(const struct filter_options *o, size_t most, const struct asked *list, size_t n)
{
	struct filter f;

	if (!ok(filter_make(&f, &filter_native, o, NULL) == 0, "made"))
		return;
	ok(bpf_is_sound(f.code, f.n) && f.n <= most, "%zu instructions", f.n);
	for (size_t i = 0; i < n; i++) {
		struct seccomp_data d = { .arch = NATIVE_AUDIT_ARCH, .nr = (int)list[i].nr };
		size_t steps = 0;

		memcpy(d.args, list[i].args, sizeof list[i].args);
		is_int(simulate(&f, &d, &steps), list[i].want, "%s", list[i].what);
	}
}

T_CASE(network)
{
	static const struct asked asked[] = {
		{ "connect", __NR_connect, { 3 }, N },
		{ "listen", __NR_listen, { 3, 5 }, N },
		{ "bind", __NR_bind, { 3 }, N },
		{ "sendto without an address", __NR_sendto, { 3, 1, 1 }, A },
		{ "sendto", __NR_sendto, { 3, 1, 1, 0, 8 }, N },
		{ "sendto far up", __NR_sendto, { 3, 1, 1, 0, 1ULL << 32 }, N },
		{ "sendto that connects", __NR_sendto, { 3, 1, 1, 0x20000000 }, E(EOPNOTSUPP) },
		{ "sendmsg", __NR_sendmsg, { 3, 1, 0, 0, 0, 7 }, N },
		{ "sendmsg that connects", __NR_sendmsg, { 3, 1, 0x20000000 }, E(EOPNOTSUPP) },
		{ "sendmmsg", __NR_sendmmsg, { 3, 1, 2 }, N },
		{ "tcp", __NR_socket, { 2, 1 | 02000000, 6 }, A },
		{ "mptcp", __NR_socket, { 10, 1, 262 }, A },
		{ "udp", __NR_socket, { 10, 2 | 04000, 1ULL << 40 }, A },
		{ "udp as a stream", __NR_socket, { 2, 1, 17 }, E(EPROTONOSUPPORT) },
		{ "ping", __NR_socket, { 2, 2, 1 }, E(EPROTONOSUPPORT) },
		{ "raw", __NR_socket, { 2, 3, 0 }, E(EPERM) },
		{ "routes", __NR_socket, { 16, 3, 0 }, A },
		{ "audit", __NR_socket, { 16, 3, 9 }, E(EPROTONOSUPPORT) },
		{ "packets", __NR_socket, { 17, 3, 0 }, E(EAFNOSUPPORT) },
		{ "a pair", __NR_socketpair, { 1, 1 }, A },
		{ "a strange pair", __NR_socketpair, { 30, 1 }, E(EAFNOSUPPORT) },
		{ "a thread", __NR_clone, { 0x10f00 }, A },
		{ "a child", __NR_clone, { 17 }, A },
		{ "a child with our descriptors", __NR_clone, { 0x400 | 17 }, E(EPERM) },
		{ "TCP_NODELAY", __NR_setsockopt, { 3, 6, 1 }, A },
		{ "TCP_FASTOPEN_CONNECT", __NR_setsockopt, { 3, 6, 30 }, E(EOPNOTSUPP) },
		{ "IP_TOS", __NR_setsockopt, { 3, 0, 1 }, A },
		{ "IP_OPTIONS", __NR_setsockopt, { 3, 0, 4 }, E(EPERM) },
		{ "IPV6_RTHDR", __NR_setsockopt, { 3, 41, 57 }, E(EPERM) },
	};

	answers(&(struct filter_options){ .net = true }, 230, asked, sizeof asked / sizeof *asked);
}

/* Where nobody can be asked, TCP by connect(2) is left, whose ports Landlock holds. */
T_CASE(network_unasked)
{
	static const struct asked asked[] = {
		{ "connect", __NR_connect, { 3 }, A },
		{ "sendto", __NR_sendto, { 3, 1, 1, 0, 8 }, A },
		{ "sendto that connects", __NR_sendto, { 3, 1, 1, 0x20000000, 8 }, E(EOPNOTSUPP) },
		{ "sendmsg", __NR_sendmsg, { 3, 1 }, A },
		{ "sendmsg that connects", __NR_sendmsg, { 3, 1, 0x20000000 }, E(EOPNOTSUPP) },
		{ "sendmmsg that connects", __NR_sendmmsg, { 3, 1, 2, 0x20000000 }, E(EOPNOTSUPP) },
		{ "local", __NR_socket, { 1, 2 }, A },
		{ "tcp", __NR_socket, { 2, 1 | 02000000, 6 }, A },
		{ "tcp, IPv6", __NR_socket, { 10, 1 }, A },
		{ "mptcp", __NR_socket, { 10, 1, 262 }, E(EPROTONOSUPPORT) },
		{ "udp", __NR_socket, { 10, 2 | 04000, 1ULL << 40 }, E(EPERM) },
		{ "sctp", __NR_socket, { 2, 1, 132 }, E(EPROTONOSUPPORT) },
		{ "smc", __NR_socket, { 43, 1 }, E(EAFNOSUPPORT) },
		{ "raw", __NR_socket, { 2, 3, 0 }, E(EPERM) },
		{ "a pair", __NR_socketpair, { 1, 1 }, A },
		{ "a strange pair", __NR_socketpair, { 30, 1 }, E(EAFNOSUPPORT) },
		{ "routes", __NR_socket, { 16, 3, 0 }, A },
		{ "audit", __NR_socket, { 16, 3, 9 }, E(EPROTONOSUPPORT) },
		{ "TCP_FASTOPEN_CONNECT", __NR_setsockopt, { 3, 6, 30 }, E(EOPNOTSUPP) },
		{ "IP_OPTIONS", __NR_setsockopt, { 3, 0, 4 }, E(EPERM) },
	};
	static const enum filter_kind kinds[] = { FILTER_TRACER, FILTER_ALONE };

	for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++)
		answers(&(struct filter_options){ .kind = kinds[n], .net = true }, 230, asked,
		        sizeof asked / sizeof *asked);
}

/* In a network namespace with nothing outside, where it leads does not matter; AF_VSOCK knows no namespaces.
 */
T_CASE(network_apart)
{
	static const struct asked asked[] = {
		{ "connect", __NR_connect, { 3 }, A },
		{ "bind", __NR_bind, { 3 }, A },
		{ "sendto", __NR_sendto, { 3, 1, 1, 0, 8 }, A },
		{ "tcp", __NR_socket, { 2, 1 }, A },
		{ "udp", __NR_socket, { 10, 2 }, A },
		{ "local", __NR_socket, { 1, 2 }, A },
		{ "routes", __NR_socket, { 16, 3, 0 }, A },
		{ "raw", __NR_socket, { 2, 3, 0 }, E(EPERM) },
		{ "vsock", __NR_socket, { 40, 1 }, E(EAFNOSUPPORT) },
		{ "bluetooth", __NR_socket, { 31, 1 }, E(EAFNOSUPPORT) },
		{ "a pair", __NR_socketpair, { 1, 1 }, A },
		{ "a strange pair", __NR_socketpair, { 30, 1 }, E(EAFNOSUPPORT) },
	};
	static const enum filter_kind kinds[] = { FILTER_LISTENER, FILTER_TRACER, FILTER_ALONE };

	for (size_t n = 0; n < sizeof kinds / sizeof *kinds; n++)
		answers(&(struct filter_options){ .kind = kinds[n], .apart = true }, 230, asked,
		        sizeof asked / sizeof *asked);
}

/* ---- the kernel's opinion ------------------------------------------------------------------------ */

static long bare(long nr, const uint64_t *a)
{
	long rc;
#ifdef __x86_64__
	register long r10 __asm__("r10") = (long)a[3], r8 __asm__("r8") = (long)a[4],
	                  r9 __asm__("r9") = (long)a[5];

	__asm__ volatile("syscall"
	                 : "=a"(rc)
	                 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
#else
	rc = syscall(nr, a[0], a[1], a[2], a[3], a[4], a[5]) < 0 ? -errno : 0;
#endif
	return rc;
}

/* Under the real filter, with nobody listening: what is to be asked about is ENOSYS then. The positive errno
 * of the call, 0 for success, -1 if the child died. */
__attribute__((no_sanitize("address"))) static int real_errno(long nr, const uint64_t *args)
{
	struct sock_fprog prog = { .len = (unsigned short)plain.n, .filter = plain.code };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		long fd, rc;

		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		fd = syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog);
		if (fd < 0)
			_exit(255);
		close((int)fd);
		rc = bare(nr, args);
		/* 2743 does not fit into an exit status. */
		_exit(rc >= 0 ? 0 : -rc == 2743 ? 254 : (int)-rc);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int errno_of(uint32_t answer)
{
	if (answer == (uint32_t)N)
		return ENOSYS;
	return (answer & 0xffff) == 2743 ? 254 : (int)(answer & 0xffff);
}

T_CASE(the_kernel_agrees)
{
	static const uint64_t none[6];

	ask(NATIVE_AUDIT_ARCH, 0, NULL);
	for (size_t i = 0; i < sizeof specials / sizeof *specials; i++)
		if (specials[i].want != (uint32_t)A)
			is_int(real_errno((int32_t)specials[i].nr, specials[i].args),
			       errno_of(specials[i].want), "%s", specials[i].name);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		is_int(real_errno((long)refused[i].nr, none), EPERM, "%s", refused[i].name);
}

T_CASE(mark)
{
	struct sock_fprog prog = { .len = (unsigned short)plain.n, .filter = plain.code };
	int status = -1;
	pid_t pid;

	ok(!filter_here(), "not governed");
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
		if (syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &prog) <
		    0)
			_exit(2);
		_exit(filter_here() ? 0 : 1);
	}
	waitpid(pid, &status, 0);
	is_int(status, 0, "governed, and told so");
}
