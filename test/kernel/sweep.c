/* sweep - SV-09: every call number from 0 to 600 with no arguments, governed and not. What differs must be
 * what the filter means to refuse; what it means to refuse must not work. */
#include "test/kernel/lab.h"

#include <sys/time.h>

enum { CALLS = 601, BLOCKED = 900, DIED = 1000 };

/* The bare call, so that no library turns it into another. */
static long bare(long nr)
{
#ifdef __x86_64__
	register long r10 __asm__("r10") = 0, r8 __asm__("r8") = 0, r9 __asm__("r9") = 0;
	long rc;

	__asm__ volatile("syscall"
	                 : "=a"(rc)
	                 : "a"(nr), "D"(0L), "S"(0L), "d"(0L), "r"(r10), "r"(r8), "r"(r9)
	                 : "rcx", "r11", "memory");
	return rc;
#else
	return syscall(nr, 0, 0, 0, 0, 0, 0) < 0 ? -errno : 0;
#endif
}

static int outcome_of(long nr)
{
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		struct itimerval soon = { { 0, 0 }, { 0, 30000 } };
		long rc;

		signal(SIGALRM, SIG_DFL);
		setitimer(ITIMER_REAL, &soon, NULL);
		rc = bare(nr);
		_exit(rc < 0 && rc > -250 ? (int)-rc : 0);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return -1;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) == SIGALRM ? BLOCKED : DIED + WTERMSIG(status);
	return WEXITSTATUS(status);
}

static int a_sweep(void)
{
	int own = open("zero", O_RDWR | O_CREAT | O_TRUNC, 0600);

	/* Descriptor 0 is what fchmod(0, 0) and its like work on: a file of our own. So is the group for
	 * kill(0, 0). */
	if (own < 0 || dup2(own, 0) < 0 || close(own) || unlink("zero"))
		return 2;
	setpgid(0, 0);
	for (int nr = 0; nr < CALLS; nr++)
		if (dprintf(1, "%d\n", outcome_of(nr)) < 0)
			return 1;
	return 0;
}

const struct lab_attack lab_attacks[] = { { "sweep", a_sweep }, { NULL, NULL } };

/* Refused with EPERM whatever the arguments. */
static const short refused[] = {
	SYS_ptrace,
	SYS_process_vm_readv,
	SYS_process_vm_writev,
	438 /* pidfd_getfd */,
	440 /* process_madvise */,
	SYS_kcmp,
	SYS_setns,
	SYS_mount,
	SYS_umount2,
	SYS_pivot_root,
	SYS_chroot,
	428 /* open_tree … fspick */,
	429,
	430,
	431,
	432,
	433,
	442 /* mount_setattr */,
	467 /* open_tree_attr */,
	425 /* io_uring_* */,
	426,
	427,
	SYS_open_by_handle_at,
	SYS_kexec_load,
	SYS_init_module,
	SYS_finit_module,
	SYS_delete_module,
	SYS_reboot,
	SYS_swapon,
	SYS_swapoff,
	SYS_acct,
	SYS_quotactl,
	443 /* quotactl_fd */,
	SYS_bpf,
	SYS_perf_event_open,
	SYS_userfaultfd,
	SYS_keyctl,
	SYS_add_key,
	SYS_request_key,
	SYS_lookup_dcookie,
	SYS_sethostname,
	SYS_setdomainname,
	SYS_settimeofday,
	SYS_clock_settime,
	SYS_clock_adjtime,
	SYS_adjtimex,
	SYS_fanotify_init,
	SYS_vhangup,
	SYS_nfsservctl,
	SYS_socket /* of no family */,
#ifdef __x86_64__
	SYS_kexec_file_load,
	SYS_iopl,
	SYS_ioperm,
	SYS_modify_ldt,
	SYS_uselib,
	SYS__sysctl,
#endif
};

/* Answered by the supervisor in its own words. */
static const struct {
	short nr, error;
} answered[] = {
	{ SYS_execve, EACCES },
	{ SYS_execveat, EACCES },
	{ 435 /* clone3 */, ENOSYS },
	{ SYS_seccomp, EINVAL },                      /* strict mode, where there is a filter */
	{ 446 /* landlock_restrict_self */, EBADFD }, /* no EPERM where there is no_new_privs */
	{ SYS_rt_sigqueueinfo, EINVAL },
	{ SYS_rt_tgsigqueueinfo, EINVAL },
};

static struct outcome got;
static int native[CALLS], governed[CALLS];

/* Depends on what others do meanwhile: System V message queues, how long a sync takes. */
static bool is_moody(int nr)
{
	return nr == SYS_msgget || nr == SYS_msgsnd || nr == SYS_msgrcv || nr == SYS_msgctl ||
	       nr == SYS_sync || nr == SYS_syncfs;
}

static int expected(int nr)
{
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if (refused[i] == nr)
			return EPERM;
	for (size_t i = 0; i < sizeof answered / sizeof *answered; i++)
		if (answered[i].nr == nr)
			return answered[i].error;
	return nr > 470 ? ENOSYS : native[nr];
}

static bool sweep(bool under, uid_t uid, int *table)
{
	const char *p = got.out;
	int n = 0;

	lab_attack("sweep", under, uid, &got);
	while (*p && n < CALLS) {
		table[n++] = atoi(p);
		p += strcspn(p, "\n");
		p += *p == '\n';
	}
	return ok(n == CALLS && lab_exit(&got) == 0, "%s as uid %u: all calls",
	          under ? "governed" : "ungoverned", (unsigned)uid);
}

/* As root nothing is tried ungoverned: some calls would work. */
T_CASE(every_call)
{
	int different = 0;

	lab_start();
	if (!sweep(false, lab.user, native) || !sweep(true, lab.user, governed)) {
		lab_show(&got);
		return;
	}
	for (int nr = 0; nr < CALLS; nr++) {
		different += native[nr] != governed[nr];
		if (governed[nr] != expected(nr) && !is_moody(nr))
			is_int(governed[nr], expected(nr), "call %d (ungoverned: %d)", nr, native[nr]);
	}
	ok(different > 40, "%d calls differ", different);
}

T_CASE(every_call_of_root)
{
	int bad = 0;

	lab_start();
	if (!sweep(true, 0, governed))
		return;
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		bad += governed[refused[i]] != EPERM;
	for (int nr = 471; nr < CALLS; nr++)
		bad += governed[nr] != ENOSYS;
	is_int(bad, 0, "what is refused is refused to root as well");
}
