/* roles_deeds - what is tried in each role and out of it: every deed answers 0 or an errno. */
#pragma once

#include "sys/caps.h"
#include "sys/notify.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

/* The canary must not come to be; the other file is there before, and stays. */
static char dir[64], canary[96], kept[96];

static int rc_of(long rc)
{
	return rc < 0 ? errno : 0;
}

static int reap(pid_t pid)
{
	int status;

	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static int d_program(void)
{
	char *argv[] = { (char *)"touch", canary, NULL }, *env[] = { NULL };

	execve("/usr/bin/touch", argv, env);
	return errno;
}

static int d_process(void)
{
	pid_t pid = fork();

	if (pid == 0)
		_exit(0);
	return pid < 0 ? errno : reap(pid) == 0 ? 0 : 99;
}

static int d_socket(void)
{
	return rc_of(socket(AF_INET, SOCK_STREAM, 0));
}

static int d_make(void)
{
	return rc_of(open(canary, O_WRONLY | O_CREAT | O_EXCL, 0600));
}

static int d_change(void)
{
	return rc_of(open(kept, O_WRONLY));
}

static int d_look(void)
{
	char c;
	int fd = open(kept, O_RDONLY);

	return fd < 0 ? errno : rc_of(read(fd, &c, 1));
}

static int d_rename(void)
{
	return rc_of(rename(kept, canary));
}

static int d_unlink(void)
{
	return rc_of(unlink(kept));
}

static int d_link(void)
{
	return rc_of(link(kept, canary));
}

static int d_symlink(void)
{
	return rc_of(symlink(kept, canary));
}

static int d_mkdir(void)
{
	return rc_of(mkdir(canary, 0700));
}

static int d_chmod(void)
{
	return rc_of(chmod(kept, 0644));
}

static int d_chown(void)
{
	return rc_of(chown(kept, (uid_t)-1, (gid_t)-1));
}

static int d_ids(void)
{
	return rc_of(setuid(getuid()));
}

static int d_capset(void)
{
	return caps_confine(0, 0, NULL) < 0 ? errno : 0;
}

static int d_traced(void)
{
	return rc_of(ptrace(PTRACE_TRACEME, 0, 0, 0));
}

static int memory(long nr)
{
	char from[4] = "abc", to[4];
	struct iovec a = { to, 4 }, b = { from, 4 };

	return rc_of(syscall(nr, getpid(), &a, 1UL, &b, 1UL, 0UL));
}

static int d_read_memory(void)
{
	return memory(__NR_process_vm_readv);
}

static int d_write_memory(void)
{
	return memory(__NR_process_vm_writev);
}

static int d_signal(void)
{
	return rc_of(kill(getpid(), 0));
}

static int d_continue(void)
{
	return rc_of(kill(getpid(), SIGCONT));
}

static int d_namespace(void)
{
	return rc_of(unshare(CLONE_NEWUSER));
}

static int d_mount_namespace(void)
{
	return rc_of(unshare(CLONE_NEWNS));
}

static int d_setns(void)
{
	return rc_of(setns(-1, 0));
}

static int d_mount(void)
{
	return rc_of(mount("none", "/no/such/place", "tmpfs", 0, NULL));
}

static int d_chroot(void)
{
	return rc_of(chroot("/"));
}

static int d_listener(void)
{
	struct sock_filter all[] = { BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW) };

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return errno;
	return notify_install(all, 1, false, NULL) < 0 ? errno : 0;
}

#ifdef __x86_64__
static int d_x32(void)
{
	return rc_of(syscall(0x40000000 + 39));
}
#endif

/* Calls by number with arguments that mean nothing: what is refused does not look at them. */
#define CALL(name, ...)                                          \
	static int d_##name(void)                                \
	{                                                        \
		return rc_of(syscall(__NR_##name, __VA_ARGS__)); \
	}
CALL(pivot_root, "", "")
CALL(open_by_handle_at, -1, NULL, 0)
CALL(kexec_load, 0UL, 17UL, NULL, 0UL)
CALL(init_module, NULL, 0UL, "")
CALL(finit_module, -1, "", 0)
CALL(delete_module, NULL, 0)
CALL(reboot, 0, 0, 0, NULL)
CALL(swapon, NULL, 0)
CALL(swapoff, NULL)
CALL(quotactl, 0, NULL, 0, NULL)
CALL(bpf, 999, NULL, 0)
CALL(perf_event_open, NULL, 0, -1, -1, 0UL)
CALL(userfaultfd, 0x40000000)
CALL(keyctl, 999, 0, 0, 0, 0)
CALL(add_key, NULL, NULL, NULL, 0UL, 0)
CALL(request_key, NULL, NULL, NULL, 0)
CALL(sethostname, NULL, -1L)
CALL(clock_settime, 99, NULL)
CALL(adjtimex, NULL)
CALL(fanotify_init, 0xffffffff, 0)
CALL(kcmp, -1, -1, 99, 0UL, 0UL)
static int d_io_uring(void)
{
	return rc_of(syscall(425, 0, NULL));
}
static int d_open_tree(void)
{
	return rc_of(syscall(428, -1, "", 0));
}
