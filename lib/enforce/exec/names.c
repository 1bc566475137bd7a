#include "enforce/exec/names.h"

#include <seccomp.h>
#include <string.h>
#include <sys/syscall.h>

/* What the block lists of common sandboxes hold. No pointers: nothing to relocate, nothing to write. */
struct name {
	char text[24];
	short number;
};

#ifdef __x86_64__
#define X86(number) number
#else
#define X86(number) -1
#endif

static const struct name names[] = {
	{ "accept", SYS_accept },
	{ "accept4", SYS_accept4 },
	{ "acct", SYS_acct },
	{ "add_key", SYS_add_key },
	{ "adjtimex", SYS_adjtimex },
	{ "arch_prctl", X86(SYS_arch_prctl) },
	{ "bind", SYS_bind },
	{ "bpf", SYS_bpf },
	{ "chroot", SYS_chroot },
	{ "clock_adjtime", SYS_clock_adjtime },
	{ "clock_settime", SYS_clock_settime },
	{ "clone", SYS_clone },
	{ "clone3", SYS_clone3 },
	{ "connect", SYS_connect },
	{ "create_module", X86(SYS_create_module) },
	{ "delete_module", SYS_delete_module },
	{ "fanotify_init", SYS_fanotify_init },
	{ "finit_module", SYS_finit_module },
	{ "fork", X86(SYS_fork) },
	{ "fsconfig", SYS_fsconfig },
	{ "fsmount", SYS_fsmount },
	{ "fsopen", SYS_fsopen },
	{ "fspick", SYS_fspick },
	{ "get_kernel_syms", X86(SYS_get_kernel_syms) },
	{ "get_mempolicy", SYS_get_mempolicy },
	{ "init_module", SYS_init_module },
	{ "io_setup", SYS_io_setup },
	{ "io_submit", SYS_io_submit },
	{ "io_uring_enter", SYS_io_uring_enter },
	{ "io_uring_register", SYS_io_uring_register },
	{ "io_uring_setup", SYS_io_uring_setup },
	{ "ioperm", X86(SYS_ioperm) },
	{ "iopl", X86(SYS_iopl) },
	{ "kcmp", SYS_kcmp },
	{ "kexec_file_load", SYS_kexec_file_load },
	{ "kexec_load", SYS_kexec_load },
	{ "keyctl", SYS_keyctl },
	{ "kill", SYS_kill },
	{ "landlock_restrict_self", SYS_landlock_restrict_self },
	{ "listen", SYS_listen },
	{ "lookup_dcookie", SYS_lookup_dcookie },
	{ "mbind", SYS_mbind },
	{ "memfd_create", SYS_memfd_create },
	{ "migrate_pages", SYS_migrate_pages },
	{ "mknod", X86(SYS_mknod) },
	{ "mknodat", SYS_mknodat },
	{ "modify_ldt", X86(SYS_modify_ldt) },
	{ "mount", SYS_mount },
	{ "mount_setattr", SYS_mount_setattr },
	{ "move_mount", SYS_move_mount },
	{ "move_pages", SYS_move_pages },
	{ "name_to_handle_at", SYS_name_to_handle_at },
	{ "nfsservctl", X86(SYS_nfsservctl) },
	{ "open_by_handle_at", SYS_open_by_handle_at },
	{ "open_tree", SYS_open_tree },
	{ "perf_event_open", SYS_perf_event_open },
	{ "personality", SYS_personality },
	{ "pidfd_getfd", SYS_pidfd_getfd },
	{ "pidfd_open", SYS_pidfd_open },
	{ "pidfd_send_signal", SYS_pidfd_send_signal },
	{ "pivot_root", SYS_pivot_root },
	{ "prctl", SYS_prctl },
	{ "process_madvise", SYS_process_madvise },
	{ "process_vm_readv", SYS_process_vm_readv },
	{ "process_vm_writev", SYS_process_vm_writev },
	{ "ptrace", SYS_ptrace },
	{ "query_module", X86(SYS_query_module) },
	{ "quotactl", SYS_quotactl },
	{ "quotactl_fd", SYS_quotactl_fd },
	{ "reboot", SYS_reboot },
	{ "recvmsg", SYS_recvmsg },
	{ "request_key", SYS_request_key },
	{ "seccomp", SYS_seccomp },
	{ "sendmsg", SYS_sendmsg },
	{ "sendto", SYS_sendto },
	{ "set_mempolicy", SYS_set_mempolicy },
	{ "setdomainname", SYS_setdomainname },
	{ "setgid", SYS_setgid },
	{ "setgroups", SYS_setgroups },
	{ "sethostname", SYS_sethostname },
	{ "setns", SYS_setns },
	{ "setregid", SYS_setregid },
	{ "setresgid", SYS_setresgid },
	{ "setresuid", SYS_setresuid },
	{ "setreuid", SYS_setreuid },
	{ "settimeofday", SYS_settimeofday },
	{ "setuid", SYS_setuid },
	{ "socket", SYS_socket },
	{ "socketpair", SYS_socketpair },
	{ "splice", SYS_splice },
	{ "swapoff", SYS_swapoff },
	{ "swapon", SYS_swapon },
	{ "sync", SYS_sync },
	{ "syncfs", SYS_syncfs },
	{ "_sysctl", X86(SYS__sysctl) },
	{ "sysfs", X86(SYS_sysfs) },
	{ "syslog", SYS_syslog },
	{ "tee", SYS_tee },
	{ "umount2", SYS_umount2 },
	{ "unshare", SYS_unshare },
	{ "uselib", X86(SYS_uselib) },
	{ "userfaultfd", SYS_userfaultfd },
	{ "ustat", X86(SYS_ustat) },
	{ "vfork", X86(SYS_vfork) },
	{ "vhangup", SYS_vhangup },
	{ "vmsplice", SYS_vmsplice },
};

bool names_number(const char *name, int *number)
{
	if (CONFIG_LIB_SECCOMP) {
		*number = seccomp_syscall_resolve_name(name);
		return *number != __NR_SCMP_ERROR;
	}
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		*number = names[i].number;
		if (!strcmp(name, names[i].text))
			return true;
	}
	return false;
}
