#include "enforce/exec/filter.h"

#include "sys/uapi/compat.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK_OPERATION 0x41475348u /* "AGSH": no operation of seccomp(2) */
#define MARK_ANSWER    2743        /* no errno of Linux */
#define NEWEST_CALL    470         /* listns, Linux 6.18: the table was written against it */
#define X32_BIT        0x40000000u

#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */)

#define RET_ALLOW  SECCOMP_RET_ALLOW
#define RET_NOTIFY SECCOMP_RET_USER_NOTIF
#define RET_ERR(e) (SECCOMP_RET_ERRNO | (e))

typedef void block_fn(struct filter *f);

struct row {
	uint32_t nr;
	uint32_t ret;    /* answer, when there is no block */
	block_fn *block; /* code that looks at the arguments */
};

static void put(struct filter *f, struct sock_filter s)
{
	if (f->n < FILTER_MAX)
		f->code[f->n] = s;
	f->n++;
}

static void put_ret(struct filter *f, uint32_t ret)
{
	put(f, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, ret));
}

/* Low or high word of argument `i`; little endian on both architectures. The kernel truncates int arguments
 * to the low word, so comparing only that is what the call will see. */
static void load_arg(struct filter *f, int i, int high)
{
	put(f, (struct sock_filter)BPF_STMT(
	               BPF_LD | BPF_W | BPF_ABS,
	               (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)i + 4 * (size_t)high)));
}

/* If the loaded word equals `k`, answer `ret`. */
static void if_eq(struct filter *f, uint32_t k, uint32_t ret)
{
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, 0, 1));
	put_ret(f, ret);
}

static void if_bits(struct filter *f, uint32_t bits, uint32_t ret)
{
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, bits, 0, 1));
	put_ret(f, ret);
}

static void block_seccomp(struct filter *f)
{
	load_arg(f, 0, 0);
	if_eq(f, MARK_OPERATION, RET_ERR(MARK_ANSWER));
	/* A second listener would be asked instead of ours. */
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SECCOMP_SET_MODE_FILTER, 0, 3));
	load_arg(f, 1, 0);
	if_bits(f, SECCOMP_FILTER_FLAG_NEW_LISTENER, RET_ERR(EPERM));
	put_ret(f, RET_ALLOW);
}

static void block_namespaces(struct filter *f)
{
	load_arg(f, 0, 0);
	if_bits(f, NAMESPACES, RET_ERR(EPERM));
	put_ret(f, RET_ALLOW);
}

static void block_prctl(struct filter *f)
{
	load_arg(f, 0, 0);
	if_eq(f, PR_SET_MM, RET_ERR(EPERM)); /* could move /proc/PID/exe and cmdline */
	put_ret(f, RET_ALLOW);
}

static void block_personality(struct filter *f)
{
	static const uint32_t harmless[] = { 0xffffffff, 0,       8,
		                             0x20000,    0x20008, 0x40000 /* no randomisation */ };

	load_arg(f, 0, 0);
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if_eq(f, harmless[i], RET_ALLOW);
	put_ret(f, RET_ERR(EPERM));
}

static void block_socket(struct filter *f)
{
	static const uint32_t families[] = { 1 /* unix */, 2 /* inet */, 10 /* inet6 */, 16 /* netlink */ };

	load_arg(f, 0, 0);
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if_eq(f, families[i], RET_ALLOW);
	put_ret(f, RET_ERR(EPERM));
}

static void block_ioctl(struct filter *f)
{
	static const uint32_t refused[] = {
		0x5412, /* TIOCSTI: type into the terminal */
		0x541c, /* TIOCLINUX: paste into the console */
		0x8901, /* FIOSETOWN, SIOCSPGRP: have the kernel send SIGIO to anybody */
		0x8902,
	};

	load_arg(f, 1, 0);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if_eq(f, refused[i], RET_ERR(EPERM));
	put_ret(f, RET_ALLOW);
}

static void block_fcntl(struct filter *f)
{
	load_arg(f, 1, 0);
	if_eq(f, 8 /* F_SETOWN */, RET_NOTIFY);
	if_eq(f, 15 /* F_SETOWN_EX: who is meant stands in memory that may change */, RET_ERR(EPERM));
	put_ret(f, RET_ALLOW);
}

enum { TAG_LIMIT = 10 }; /* RLIMIT_LOCKS: sys/tag.h */

static void block_setrlimit(struct filter *f)
{
	load_arg(f, 0, 0);
	if_eq(f, TAG_LIMIT, RET_ERR(EPERM));
	put_ret(f, RET_ALLOW);
}

static void block_prlimit(struct filter *f)
{
	/* Reading is free; the tag is never written; others' limits are the supervisor's business. */
	load_arg(f, 2, 0);
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 3));
	load_arg(f, 2, 1);
	if_eq(f, 0, RET_ALLOW);
	load_arg(f, 1, 0);
	if_eq(f, TAG_LIMIT, RET_ERR(EPERM));
	load_arg(f, 0, 0);
	if_eq(f, 0, RET_ALLOW);
	put_ret(f, RET_NOTIFY);
}

static void block_kill(struct filter *f) /* kill, tkill: (id, signal) */
{
	load_arg(f, 1, 0);
	if_eq(f, 0, RET_ALLOW);
	put_ret(f, RET_NOTIFY);
}

static void block_tgkill(struct filter *f)
{
	load_arg(f, 2, 0);
	if_eq(f, 0, RET_ALLOW);
	/* Go's scheduler sends itself SIGURG thousands of times a second; by default it does nothing to
	 * anybody. */
	if_eq(f, 23, RET_ALLOW);
	put_ret(f, RET_NOTIFY);
}

#ifdef __x86_64__
static void block_arch_prctl(struct filter *f)
{
	/* ARCH_SET_FS: the C library and Go set up their thread pointer once per program, before anything
	 * else. */
	load_arg(f, 0, 0);
	if_eq(f, 0x1002, RET_NOTIFY);
	put_ret(f, RET_ALLOW);
}
#endif

#define DENY(name)                                \
	{                                         \
		__NR_##name, RET_ERR(EPERM), NULL \
	}

static const struct row rows[] = {
	{ __NR_execve, RET_NOTIFY, NULL },
	{ __NR_execveat, RET_NOTIFY, NULL },
	{ __NR_kill, 0, block_kill },
	{ __NR_tkill, 0, block_kill },
	{ __NR_tgkill, 0, block_tgkill },
	{ __NR_rt_sigqueueinfo, RET_NOTIFY, NULL },
	{ __NR_rt_tgsigqueueinfo, RET_NOTIFY, NULL },
	{ __NR_pidfd_send_signal, RET_NOTIFY, NULL },
	{ __NR_fcntl, 0, block_fcntl },
	{ __NR_prlimit64, 0, block_prlimit },
	{ __NR_setrlimit, 0, block_setrlimit },
	{ __NR_seccomp, 0, block_seccomp },
	{ __NR_prctl, 0, block_prctl },
	{ __NR_personality, 0, block_personality },
	{ __NR_socket, 0, block_socket },
	{ __NR_ioctl, 0, block_ioctl },
	{ __NR_clone, 0, block_namespaces },
	{ __NR_unshare, 0, block_namespaces },
	{ __NR_clone3, RET_ERR(ENOSYS), NULL }, /* flags are in memory; libraries fall back to clone */
#ifdef __x86_64__
	{ __NR_arch_prctl, 0, block_arch_prctl },
	DENY(iopl),
	DENY(ioperm),
	DENY(modify_ldt),
	DENY(uselib),
	DENY(_sysctl),
#else
	{ __NR_set_tid_address, RET_NOTIFY, NULL },
#endif
	DENY(setns),
	DENY(ptrace),
	DENY(process_vm_readv),
	DENY(process_vm_writev),
	DENY(pidfd_getfd),
	DENY(kcmp),
	{ 440, RET_ERR(EPERM), NULL }, /* process_madvise */
	DENY(mount),
	DENY(umount2),
	DENY(pivot_root),
	DENY(chroot),
	{ 428, RET_ERR(EPERM), NULL }, /* open_tree */
	{ 429, RET_ERR(EPERM), NULL }, /* move_mount */
	{ 430, RET_ERR(EPERM), NULL }, /* fsopen */
	{ 431, RET_ERR(EPERM), NULL }, /* fsconfig */
	{ 432, RET_ERR(EPERM), NULL }, /* fsmount */
	{ 433, RET_ERR(EPERM), NULL }, /* fspick */
	{ 442, RET_ERR(EPERM), NULL }, /* mount_setattr */
	{ 467, RET_ERR(EPERM), NULL }, /* open_tree_attr */
	{ 425, RET_ERR(EPERM), NULL }, /* io_uring_setup */
	{ 426, RET_ERR(EPERM), NULL }, /* io_uring_enter */
	{ 427, RET_ERR(EPERM), NULL }, /* io_uring_register */
	DENY(open_by_handle_at),
	DENY(kexec_load),
	DENY(kexec_file_load),
	DENY(init_module),
	DENY(finit_module),
	DENY(delete_module),
	DENY(reboot),
	DENY(swapon),
	DENY(swapoff),
	DENY(acct),
	DENY(quotactl),
	{ 443, RET_ERR(EPERM), NULL }, /* quotactl_fd */
	DENY(bpf),
	DENY(perf_event_open),
	DENY(userfaultfd),
	DENY(keyctl),
	DENY(add_key),
	DENY(request_key),
	DENY(lookup_dcookie),
	DENY(sethostname),
	DENY(setdomainname),
	DENY(settimeofday),
	DENY(clock_settime),
	DENY(vhangup),
	DENY(nfsservctl),
};

static int by_number(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->nr < y->nr ? -1 : x->nr > y->nr;
}

static void leaf(struct filter *f, const struct row *r)
{
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->nr, 1, 0));
	put_ret(f, RET_ALLOW);
	if (r->block)
		r->block(f);
	else
		put_ret(f, r->ret);
}

/* A balanced tree: the kernel runs the program once per call number when it is installed, so depth costs
 * time. */
static void tree(struct filter *f, const struct row *r, size_t n)
{
	size_t half = n / 2, at, size;

	if (n == 1) {
		leaf(f, r);
		return;
	}
	at = f->n;
	put(f, (struct sock_filter){ 0 });
	put(f, (struct sock_filter){ 0 });
	tree(f, r, half);
	size = f->n - at - 2;
	if (f->n <= FILTER_MAX) {
		f->code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, r[half].nr, 0, 1);
		f->code[at + 1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)size);
	}
	tree(f, r + half, n - half);
}

int filter_build(struct filter *f, const int *blocked, size_t n_blocked, struct err *e)
{
	size_t n = sizeof rows / sizeof *rows, fixed = n;
	struct row *all = calloc(n + n_blocked, sizeof *all);

	if (!all)
		return err_set(e, "out of memory");
	memcpy(all, rows, sizeof rows);
	for (size_t i = 0; i < n_blocked; i++) {
		size_t k = 0;

		while (k < n && all[k].nr != (uint32_t)blocked[i])
			k++;
		if (k < fixed && all[k].ret != RET_ERR(EPERM) && !(all[k].block))
			continue; /* execve and its like are decided, never switched off */
		all[k] = (struct row){ .nr = (uint32_t)blocked[i], .ret = RET_ERR(EPERM) };
		n += k == n;
	}
	qsort(all, n, sizeof *all, by_number);
	f->n = 0;
	put(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NATIVE_AUDIT_ARCH, 1, 0));
	put_ret(f, RET_ERR(EPERM));
	put(f, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 1));
	put_ret(f, RET_ERR(EPERM));
	put(f, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, NEWEST_CALL, 0, 1));
	put_ret(f, RET_ERR(ENOSYS));
	tree(f, all, n);
	free(all);
	if (f->n > FILTER_MAX)
		return err_set(e, "seccomp program too large (%zu instructions)", f->n);
	return 0;
}

bool filter_here(void)
{
	return syscall(__NR_seccomp, MARK_OPERATION, 0, NULL) == -1 && errno == MARK_ANSWER;
}
