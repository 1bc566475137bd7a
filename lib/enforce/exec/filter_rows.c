#include "enforce/exec/filter_rows.h"

#include "sys/uapi/compat.h"

/* The numbers of the architecture that is built for, unless a test that compiles this file for another one
 * says which. */
#ifndef FILTER_TARGET
#define FILTER_TARGET   filter_native
#define FILTER_ARCH     NATIVE_AUDIT_ARCH
#define FILTER_NR(name) __NR_##name
#define FILTER_X86_64   (NATIVE_AUDIT_ARCH == AUDIT_ARCH_X86_64)
#endif

#define NEWEST_CALL 470 /* listns, Linux 6.18: the table was written against it */
#define X32_BIT     0x40000000u

#define CALL(name, answer, block)                               \
	{                                                       \
		FILTER_NR(name), FILTER_NR(name), answer, block \
	}
#define DENY(name) CALL(name, REFUSE, NO_BLOCK)
#define DENY_RANGE(first, last)               \
	{                                     \
		first, last, REFUSE, NO_BLOCK \
	}

/* clang-format off */
static const struct filter_row rows[] = {
	CALL(execve, EXEC, BLOCK_EXECVE),
	CALL(execveat, EXEC, NO_BLOCK),
	CALL(kill, ALLOW, BLOCK_KILL),
	CALL(tkill, ALLOW, BLOCK_KILL),
	CALL(tgkill, ALLOW, BLOCK_TGKILL),
	CALL(rt_sigqueueinfo, SIGNAL, NO_BLOCK),
	CALL(rt_tgsigqueueinfo, SIGNAL, NO_BLOCK),
	CALL(pidfd_send_signal, SIGNAL, NO_BLOCK),
	CALL(fcntl, ALLOW, BLOCK_FCNTL),
	CALL(prlimit64, ALLOW, BLOCK_PRLIMIT),
	CALL(setrlimit, ALLOW, BLOCK_SETRLIMIT),
	CALL(sched_setaffinity, ALLOW, BLOCK_OTHER),
	CALL(sched_setparam, ALLOW, BLOCK_OTHER),
	CALL(sched_setscheduler, ALLOW, BLOCK_OTHER),
	CALL(sched_setattr, ALLOW, BLOCK_OTHER),
	CALL(setpriority, ALLOW, BLOCK_SETPRIORITY),
	CALL(ioprio_set, ALLOW, BLOCK_IOPRIO),
	CALL(seccomp, ALLOW, BLOCK_SECCOMP),
	CALL(prctl, ALLOW, BLOCK_PRCTL),
	CALL(personality, ALLOW, BLOCK_PERSONALITY),
	CALL(socket, ALLOW, BLOCK_SOCKET),
	CALL(ioctl, ALLOW, BLOCK_IOCTL),
	CALL(clone, ALLOW, BLOCK_NAMESPACES),
	CALL(unshare, ALLOW, BLOCK_NAMESPACES),
	CALL(clone3, MISSING, NO_BLOCK), /* flags are in memory; libraries fall back to clone */
#if FILTER_X86_64
	CALL(arch_prctl, ALLOW, BLOCK_ARCH_PRCTL),
	DENY(iopl),
	DENY(ioperm),
	DENY(modify_ldt),
	DENY(uselib),
	DENY(_sysctl),
#else
	CALL(set_tid_address, EXEC, NO_BLOCK),
#endif
	DENY(setns),
	CALL(ptrace, LOOK, NO_BLOCK),
	CALL(process_vm_readv, LOOK, NO_BLOCK),
#if CONFIG_LAYER_NET || CONFIG_FILES
	CALL(process_vm_writev, LOOK, NO_BLOCK), /* how much of each message was sent; status of files */
#else
	DENY(process_vm_writev),
#endif
	CALL(pidfd_getfd, LOOK, NO_BLOCK),
	DENY(kcmp),
	DENY_RANGE(440, 440), /* process_madvise */
	DENY(mount),
	DENY(umount2),
	DENY(pivot_root),
	DENY(chroot),
	DENY_RANGE(428, 428), /* open_tree */
	DENY_RANGE(429, 429), /* move_mount */
	DENY_RANGE(430, 430), /* fsopen */
	DENY_RANGE(431, 431), /* fsconfig */
	DENY_RANGE(432, 432), /* fsmount */
	DENY_RANGE(433, 433), /* fspick */
	DENY_RANGE(442, 442), /* mount_setattr */
	DENY_RANGE(467, 467), /* open_tree_attr */
	DENY_RANGE(425, 425), /* io_uring_setup */
	DENY_RANGE(426, 426), /* io_uring_enter */
	DENY_RANGE(427, 427), /* io_uring_register */
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
	DENY_RANGE(443, 443), /* quotactl_fd */
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
	DENY(clock_adjtime),
	DENY(adjtimex),
	DENY(fanotify_init), /* as root: could make others wait for its answers */
	DENY(vhangup),
	DENY(nfsservctl),
	{ NEWEST_CALL + 1, X32_BIT - 1, MISSING, NO_BLOCK }, /* calls that are not known here */
	DENY_RANGE(X32_BIT, UINT32_MAX),
};
/* clang-format on */

const struct filter_target FILTER_TARGET = { FILTER_ARCH, rows, sizeof rows / sizeof *rows };
