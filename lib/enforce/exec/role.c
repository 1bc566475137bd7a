#include "enforce/exec/role.h"

#include "enforce/exec/filter.h"
#include "enforce/exec/filter_rows.h"
#include "sys/caps.h"
#include "sys/landlock.h"
#include "sys/notify.h"
#include "sys/uapi/compat.h"

#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

/* By number: linux/capability.h. */
#define CHOWN           (1ULL << 0)
#define DAC_OVERRIDE    (1ULL << 1)
#define DAC_READ_SEARCH (1ULL << 2)
#define FOWNER          (1ULL << 3)
#define FSETID          (1ULL << 4)
#define KILL            (1ULL << 5)
#define SETGID          (1ULL << 6)
#define SETUID          (1ULL << 7)
#define SETPCAP         (1ULL << 8)
#define BIND_SERVICE    (1ULL << 10)
#define NET_ADMIN       (1ULL << 12)
#define SYS_PTRACE      (1ULL << CAPS_SYS_PTRACE)
#define SYS_ADMIN       (1ULL << 21)
#define SYS_NICE        (1ULL << 23)
#define SYS_RESOURCE    (1ULL << 24)

/* What root's processes use themselves; a user's have none, unless they were given some. */
static const struct {
	unsigned role;
	uint64_t own;
} capabilities[] = {
	/* State and users' files; becoming the user of a session, with none left over; signalling what is in
	 * sessions, looking at it, and reading its tag. */
	{ ROLE_SERVER, DAC_OVERRIDE | DAC_READ_SEARCH | KILL | SETGID | SETUID | SETPCAP | SYS_PTRACE |
	                       SYS_NICE | SYS_RESOURCE },
#if CONFIG_APPLET_PROXY
	/* Name services of sessions listen on port 53. */
	{ ROLE_SERVER, BIND_SERVICE },
	{ ROLE_SPACES, NET_ADMIN | SYS_ADMIN },
#endif
	/* Files that are executed; what is said goes to any terminal; the same signals and looks. */
	{ ROLE_SUPERVISE, DAC_OVERRIDE | DAC_READ_SEARCH | KILL | SYS_PTRACE | SYS_RESOURCE },
	/* What root's own calls would do with files, as root and as others; where a caller runs that has more
	 * capabilities than we (enforce/exec/hand.h). */
	{ ROLE_FILES, CHOWN | FOWNER | FSETID | SETGID | SETUID | SYS_NICE },
#if CONFIG_LAYER_NET
	/* A socket's peer is told who connected. */
	{ ROLE_NET, SETGID | SETUID },
#endif
#if CONFIG_LAYER_FUSE
	/* That data passes it by is the kernel's to trust it with. */
	{ ROLE_VIEW, SYS_ADMIN },
#endif
	{ ROLE_READ, DAC_READ_SEARCH },
	/* To see who answers. */
	{ ROLE_ASK, SYS_PTRACE | SYS_RESOURCE },
};

#define MAY(name, roles)           \
	{                          \
		__NR_##name, roles \
	}
enum { S = ROLE_SUPERVISE, T = ROLE_TRACE, L = ROLE_LOG, R = ROLE_READ, A = ROLE_ASK, F = ROLE_FILES };

/* Who may make which call. All others are refused with EPERM. */
static const struct may {
	unsigned short nr, roles;
} may[] = {
	/* memory, time, and itself */
	MAY(brk, S | R),
	MAY(mmap, S | R),
	MAY(munmap, S | R),
	MAY(mremap, S | R),
	MAY(mprotect, S | R),
	MAY(madvise, S | R),
	MAY(clock_gettime, S | R),
	MAY(clock_nanosleep, S | R),
	MAY(nanosleep, S | R),
	MAY(gettimeofday, S | R),
	MAY(getrandom, S | R),
	MAY(futex, S | R),
	MAY(sched_yield, S | R),
	MAY(restart_syscall, S | R),
	MAY(exit, S | R),
	MAY(exit_group, S | R),
	MAY(getpid, S | R),
	MAY(gettid, S | R),
	MAY(getppid, S | R),
	MAY(getuid, S | R),
	MAY(geteuid, S | R),
	MAY(getgid, S | R),
	MAY(getegid, S | R),
	MAY(rt_sigaction, S | R),
	MAY(rt_sigprocmask, S | R),
	MAY(rt_sigreturn, S | R),
	MAY(signalfd4, S | R),
	/* what is open */
	MAY(read, S | R),
	MAY(readv, S | R),
	MAY(pread64, S | R),
	MAY(write, S | R),
	MAY(writev, S | R),
	MAY(lseek, S | R),
	MAY(close, S | R),
	MAY(fcntl, S | R),
	MAY(ioctl, S | R),
	MAY(epoll_create1, S | R),
	MAY(epoll_ctl, S | R),
	MAY(epoll_pwait, S | R),
	MAY(ppoll, S | R),
	MAY(sendto, S | A),
	MAY(sendmsg, S | A),
	MAY(recvfrom, S | A),
	MAY(recvmsg, S | A),
	/* connections, and the resolver's */
	MAY(socket, A),
	MAY(connect, A),
	MAY(bind, A),
	MAY(getsockname, A),
	MAY(getpeername, A),
	MAY(getsockopt, A),
	MAY(setsockopt, A),
	MAY(shutdown, A),
	/* files, to look at; Landlock keeps readers from changing any */
	MAY(openat, S | R),
	MAY(openat2, S),
	MAY(fstat, S | R),
	MAY(newfstatat, S | R),
	MAY(statfs, S | R),
	MAY(fstatfs, S | R),
	MAY(readlinkat, S | R),
	MAY(faccessat, S | R),
	MAY(getdents64, S | R),
	MAY(getcwd, S | R),
	MAY(inotify_init1, R),
	MAY(inotify_add_watch, R),
	/* the processes of a session */
	MAY(process_vm_readv, S),
	MAY(pidfd_open, S | A),
	MAY(pidfd_getfd, S),
	MAY(pidfd_send_signal, S | A), /* A: signal 0 */
	MAY(kill, S | A),
	MAY(tkill, S),
	MAY(tgkill, S),
	MAY(rt_sigqueueinfo, S),
	MAY(rt_tgsigqueueinfo, S),
	MAY(prlimit64, S | A),
	MAY(getpriority, S),
	MAY(getpgid, S),
	MAY(getsid, S),
	MAY(wait4, S),
	MAY(waitid, S),
	MAY(ptrace, T),
#if CONFIG_FILES
	/* with files, for a caller and as it */
	MAY(umask, F),
	MAY(sched_getaffinity, F),
	MAY(sched_setaffinity, F),
	MAY(getcpu, F),
	MAY(faccessat2, F),
	MAY(fchown, F),
	MAY(copy_file_range, F),
	MAY(getxattr, F),
	MAY(fgetxattr, F),
	MAY(listxattr, F),
	MAY(flistxattr, F),
	MAY(fsetxattr, F),
	MAY(setfsuid, F),
	MAY(setfsgid, F),
	MAY(setgroups, F),
	MAY(capget, F),
	MAY(capset, F),
	MAY(statx, F),
	MAY(getitimer, S),
	MAY(setitimer, S), /* at_look(): also where programs alone are judged */
	MAY(unlinkat, F),
	MAY(mkdirat, F),
	MAY(mknodat, F),
	MAY(symlinkat, F),
	MAY(linkat, F),
	MAY(renameat, F),
	MAY(renameat2, F),
	MAY(truncate, F),
	MAY(fchmodat, F),
	MAY(fchmodat2, F),
	MAY(fchownat, F),
	MAY(utimensat, F),
	MAY(setxattr, F),
	MAY(removexattr, F),
	MAY(setxattrat, F),
	MAY(removexattrat, F),
	MAY(file_setattr, F),
	/* for a socket's name, in a process of its own: sys/bind.h */
	MAY(clone, F),
	MAY(set_tid_address, F),
	MAY(set_robust_list, F),
	MAY(landlock_create_ruleset, F),
	MAY(landlock_add_rule, F),
	MAY(landlock_restrict_self, F),
	MAY(fchdir, F),
	MAY(bind, F),
	MAY(getsockopt, F),
#endif
#if CONFIG_LAYER_NET || CONFIG_FILES
	MAY(process_vm_writev, ROLE_NET | ROLE_LOOKS), /* what calls give back */
#endif
#if CONFIG_LAYER_NET
	/* with a session's sockets */
	MAY(connect, ROLE_NET),
	MAY(listen, ROLE_NET),
	MAY(bind, ROLE_NET),
	MAY(shutdown, ROLE_NET),
	MAY(getsockname, ROLE_NET),
	MAY(getsockopt, ROLE_NET),
	MAY(setsockopt, ROLE_NET),
	MAY(sendmsg, ROLE_NET),
	MAY(fchdir, ROLE_NET),
	MAY(setresuid, ROLE_NET),
	MAY(setresgid, ROLE_NET),
	MAY(setgroups, ROLE_NET),
	MAY(pipe2, ROLE_NET), /* act_as() */
	MAY(clone, ROLE_NET),
	MAY(set_tid_address, ROLE_NET),
	MAY(set_robust_list, ROLE_NET),
#endif
#if CONFIG_LAYER_FUSE
	/* what else a view is asked for */
	MAY(fallocate, ROLE_VIEW),
	MAY(pipe2, ROLE_VIEW),
	MAY(lgetxattr, ROLE_VIEW),
	MAY(llistxattr, ROLE_VIEW),
	MAY(lremovexattr, ROLE_VIEW),
	MAY(lsetxattr, ROLE_VIEW),
	MAY(sched_setscheduler, ROLE_VIEW),
	MAY(syncfs, ROLE_VIEW),
#ifdef __x86_64__
	MAY(chmod, ROLE_VIEW),
#endif
#endif
#if CONFIG_APPLET_PROXY
	/* connections of others */
	MAY(socket, ROLE_PROXY),
	MAY(connect, ROLE_PROXY),
	MAY(accept4, ROLE_PROXY),
	MAY(getsockname, ROLE_PROXY),
	MAY(getpeername, ROLE_PROXY),
	MAY(getsockopt, ROLE_PROXY),
	MAY(setsockopt, ROLE_PROXY),
	MAY(shutdown, ROLE_PROXY),
	MAY(sendto, ROLE_PROXY),
	MAY(sendmsg, ROLE_PROXY),
	MAY(recvfrom, ROLE_PROXY),
	MAY(recvmsg, ROLE_PROXY),
	MAY(pipe2, ROLE_PROXY),
#if CONFIG_TLS_INTERCEPT
	MAY(socketpair, ROLE_PROXY),
#endif
	MAY(splice, ROLE_PROXY),
#endif
	/* the log and its rotation */
	MAY(flock, L | R | F),
	MAY(ftruncate, L | F),
	MAY(fsync, L | F),
	MAY(fdatasync, L | F),
	MAY(fchmod, L | F),
	MAY(pwrite64, L | F),
	MAY(pwritev2, L | F), /* the C library's pwrite() */
	MAY(renameat, L),
	MAY(unlinkat, L),
	MAY(linkat, L),
#ifdef __x86_64__
	MAY(access, S | R),
	MAY(epoll_wait, S | R),
	MAY(fork, F | ROLE_NET),
	MAY(link, L),
	MAY(lstat, S | R),
	MAY(open, S | R),
	MAY(poll, S | R),
	MAY(readlink, S | R),
	MAY(rename, L),
	MAY(rmdir, L), /* its control groups, of run */
	MAY(stat, S | R),
	MAY(unlink, L),
#endif
};
enum { N_MAY = sizeof may / sizeof *may };

static int by_number(const void *a, const void *b)
{
	return *(const unsigned short *)a - *(const unsigned short *)b;
}

/* Rows for all that is between what the roles may. How many. */
static size_t refuse_rest(unsigned roles, struct filter_row *rows)
{
	unsigned short left[N_MAY] = { 0 };
	uint32_t next = 0;
	size_t n = 0, n_rows = 0;

	if (CONFIG_APPLET_PROXY && roles & ROLE_PROXY)
		roles |= ROLE_READ;
	for (size_t i = 0; i < N_MAY; i++)
		if (may[i].roles & roles)
			left[n++] = may[i].nr;
	qsort(left, n, sizeof *left, by_number);
	for (size_t i = 0; i < n; i++) {
		if (left[i] > next)
			rows[n_rows++] = (struct filter_row){ next, left[i] - 1u, REFUSE, 0 };
		next = left[i] + 1u;
	}
	rows[n_rows++] = (struct filter_row){ next, UINT32_MAX, REFUSE, 0 };
	if (roles & A) {
		rows[n_rows++] = (struct filter_row){ __NR_kill, __NR_kill, REFUSE, BLOCK_KILL };
		rows[n_rows++] = (struct filter_row){ __NR_pidfd_send_signal, __NR_pidfd_send_signal, REFUSE,
			                              BLOCK_KILL };
	}
	return n_rows;
}

static int enter_filter(unsigned roles, struct err *e)
{
	struct filter_row rows[N_MAY + 3];
	struct filter_target t = { filter_native.arch, rows, 0 };
	struct filter_options o = { .kind = roles & ROLE_SERVER ? FILTER_OWN : FILTER_ALONE,
		                    .apart = CONFIG_LAYER_NET && roles & ROLE_SPACES };
	struct filter *f = malloc(sizeof *f);
	int rc;

	if (!f)
		return err_set(e, "out of memory");
	if (!(roles & ROLE_SERVER))
		t.n_rows = refuse_rest(roles, rows);
	rc = filter_make(f, roles & ROLE_SERVER ? &filter_native : &t, &o, e);
	if (rc == 0 && !(roles & ROLE_SERVER && filter_own_here(f)))
		rc = notify_filter(f->code, f->n, e);
	free(f);
	return rc;
}

/* Root without CAP_SYS_PTRACE, as in many containers, may look only at who has no capability that it has not
 * in force itself: at those who ask the API, too. Then there is little to give up, and nothing is. */
static int give_up_capabilities(unsigned roles, uint64_t others, struct err *e)
{
	uint64_t own = 0, have = caps_have();

	for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++)
		if (roles & capabilities[i].role)
			own |= capabilities[i].own;
	others |= CAPS_SESSION | own;
	if (roles & (ROLE_SERVER | ROLE_SUPERVISE | ROLE_ASK) && !(have & SYS_PTRACE))
		own = others = have;
	return caps_confine(own, roles & ROLE_SERVER ? others : 0, e);
}

/* Files cannot be changed, and no process can be looked into. Where there is no Landlock, permissions must
 * do.
 */
static void enter_reading_domain(unsigned roles)
{
	static const char *const resolving[] = { "/etc", "/run/systemd/resolve", "/run/resolvconf",
		                                 "/run/NetworkManager" };
	const bool proxy = CONFIG_APPLET_PROXY && roles & ROLE_PROXY;
	int ruleset = landlock_new(LANDLOCK_CHANGE | (proxy ? LANDLOCK_READ : 0), false, NULL);

	if (ruleset < 0)
		return;
	for (size_t i = 0; proxy && i < sizeof resolving / sizeof *resolving; i++)
		landlock_grant(ruleset, resolving[i], LANDLOCK_READ);
	landlock_enter(ruleset, NULL);
	close(ruleset);
}

int role_enter(unsigned roles, uint64_t others, struct err *e)
{
	/* The server has hidden itself, and its commands may want cores. Who asks it is looked at by it. */
	if (!(roles & (ROLE_SERVER | ROLE_ASK)))
		caps_hide();
	if (give_up_capabilities(roles, others, e) < 0)
		return -1;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "no_new_privs");
	if ((roles & (ROLE_READ | ROLE_ASK)) == ROLE_READ || (CONFIG_APPLET_PROXY && roles & ROLE_PROXY))
		enter_reading_domain(roles);
	return enter_filter(roles, e);
}
