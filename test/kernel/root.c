/* root - what root cannot do in a session: each way into the kernel is tried ungoverned, where it gets
 * further than a refusal, and governed, where it is refused with the error that is documented; and root's
 * everyday work beside it. EX-13 and EX-33: the kernel is not made to start a program outside. */
#include "test/kernel/lab.h"

#include <linux/perf_event.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

#define W(x) ((long)(x))

/* ---- the attacker's side ---------------------------------------------------------------------------- */

static struct perf_event_attr clock_event = { .type = PERF_TYPE_SOFTWARE, .size = sizeof clock_event };
static const struct timeval no_time = { 0, 5000000 };
static const struct timespec no_time_ns = { 0, -1 };
static char room[512];

/* A call that does no harm where it is let through: to what is not there, or with what it will not take. */
struct call {
	const char *name;
	long nr, args[6];
};
static const struct call calls[] = {
	{ "perf_event_open", SYS_perf_event_open, { W(&clock_event), 0, -1, -1, 0 } },
	{ "quotactl", SYS_quotactl, { 0x800001 << 8, 0, 0, 0 } },
	{ "quotactl_fd", 443, { -1, 0x800001 << 8, 0, 0 } },
	{ "kexec_load", SYS_kexec_load, { 0, 17, 0, 0 } },
#ifdef SYS_kexec_file_load
	{ "kexec_file_load", SYS_kexec_file_load, { -1, -1, 0, 0, 0xffff } },
#endif
	{ "init_module", SYS_init_module, { 0, 0, W("") } },
	{ "finit_module", SYS_finit_module, { -1, W(""), 0 } },
	{ "delete_module", SYS_delete_module, { W("no_such_module"), 0 } },
	{ "keyctl", SYS_keyctl, { 0, -3, 0 } },
	{ "add_key", SYS_add_key, { W("user"), W("lab"), W("x"), 1, -2 } },
	{ "request_key", SYS_request_key, { W("user"), W("no such key"), 0, 0 } },
	{ "swapon", SYS_swapon, { W("/no/such/file"), 0 } },
	{ "swapoff", SYS_swapoff, { W("/no/such/file") } },
	{ "acct", SYS_acct, { W("/no/such/file") } },
	{ "reboot", SYS_reboot, { 0, 0, 0, 0 } },
	{ "settimeofday", SYS_settimeofday, { W(&no_time), 0 } },
	{ "clock_settime", SYS_clock_settime, { 0, W(&no_time_ns) } },
	{ "adjtimex", SYS_adjtimex, { W(room) } },
	{ "clock_adjtime", SYS_clock_adjtime, { 0, W(room) } },
#ifdef SYS_iopl
	{ "iopl", SYS_iopl, { 0 } },
	{ "ioperm", SYS_ioperm, { 0x80, 1, 0 } },
	{ "modify_ldt", SYS_modify_ldt, { 0, W(room), sizeof room } },
#endif
	{ "syslog (console)", SYS_syslog, { 8, 0, 99 } },
	{ "mount", SYS_mount, { W("lab"), W("/no/such/place"), W("tmpfs"), 0, 0 } },
	{ "umount2", SYS_umount2, { W("/no/such/place"), 0 } },
	{ "pivot_root", SYS_pivot_root, { W("/no/such"), W("/no/such") } },
	{ "chroot", SYS_chroot, { W("/") } },
	{ "open_tree", 428, { -1, W(""), 0x1001 } },
	{ "move_mount", 429, { -1, W(""), -1, W(""), 0x44 } },
	{ "fsopen", 430, { W("tmpfs"), 0 } },
	{ "fsconfig", 431, { -1, 6, 0, 0, 0 } },
	{ "fsmount", 432, { -1, 0, 0 } },
	{ "fspick", 433, { AT_FDCWD, W("/no/such"), 0 } },
	{ "mount_setattr", 442, { -1, W(""), 0x1000, W(room), 32 } },
	{ "setns", SYS_setns, { -1, 0 } },
	{ "unshare (mounts)", SYS_unshare, { CLONE_NEWNS } },
	{ "unshare (users)", SYS_unshare, { CLONE_NEWUSER } },
	{ "unshare (net)", SYS_unshare, { CLONE_NEWNET } },
	{ "bpf", SYS_bpf, { 9999, 0, 0 } },
	{ "userfaultfd", SYS_userfaultfd, { 1 } },
	{ "io_uring_setup", 425, { 1, W(room) } },
	{ "sethostname", SYS_sethostname, { W(room), 65535 } },
	{ "fanotify_init", SYS_fanotify_init, { 0, 0 } },
	{ "socket (packet)", SYS_socket, { AF_PACKET, SOCK_RAW, 0 } },
	{ "socket (raw)", SYS_socket, { AF_INET, SOCK_RAW, 255 } },
	{ "socket (vsock)", SYS_socket, { 40, SOCK_STREAM, 0 } },
};

/* Files: opened, not written. */
static const struct {
	const char *path;
	int flags, error;
} files[] = {
	{ "/dev/mem", O_RDONLY, EACCES },
	{ "/dev/kmsg", O_WRONLY, EACCES },
	{ "/dev/port", O_RDONLY, EACCES },
	{ "/dev/vda", O_RDONLY, EACCES },
	{ "/dev/loop-control", O_RDWR, EACCES },
	{ "/dev/net/tun", O_RDWR, EACCES },
	{ "/proc/kcore", O_RDONLY, EPERM },
	{ "/proc/sysrq-trigger", O_WRONLY, EACCES },
	{ "/proc/sys/kernel/core_pattern", O_WRONLY, EACCES },
	{ "/proc/sys/kernel/modprobe", O_WRONLY, EACCES },
	{ "/proc/sys/kernel/hotplug", O_WRONLY, EACCES },
	{ "/proc/sys/kernel/poweroff_cmd", O_WRONLY, EACCES },
	{ "/proc/sys/kernel/randomize_va_space", O_WRONLY, EACCES },
	{ "/proc/sys/kernel/yama/ptrace_scope", O_WRONLY, EACCES },
	{ "/proc/sys/fs/suid_dumpable", O_WRONLY, EACCES },
	{ "/proc/sys/fs/binfmt_misc/register", O_WRONLY, EACCES },
	{ "/proc/sys/fs/binfmt_misc/status", O_WRONLY, EACCES },
	{ "/proc/1/oom_score_adj", O_WRONLY, EACCES },
	{ "/proc/irq/default_smp_affinity", O_WRONLY, EACCES },
	{ "/sys/kernel/uevent_helper", O_WRONLY, EACCES },
	{ "/sys/kernel/uevent_seqnum", O_RDONLY, 0 },
	{ "/sys/kernel/mm/transparent_hugepage/enabled", O_WRONLY, EACCES },
	{ "/sys/devices/virtual/mem/null/uevent", O_WRONLY, EACCES },
	{ "/sys/fs/cgroup/cgroup.procs", O_WRONLY, EACCES },
	{ "/sys/fs/cgroup/pids/cgroup.procs", O_WRONLY, EACCES },
	{ "/mnt/cgroup.procs", O_WRONLY, EACCES },
	{ "/mnt/release_agent", O_WRONLY, EACCES },
	{ "/mnt/notify_on_release", O_WRONLY, EACCES },
};

/* In a child: some of them change who calls. */
static int call_error(const struct call *c)
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(syscall(c->nr, c->args[0], c->args[1], c->args[2], c->args[3], c->args[4], c->args[5]) <
		                      0
		              ? errno
		              : 0);
	return pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status) ? WEXITSTATUS(status) : 255;
}

static int a_calls(void)
{
	for (size_t i = 0; i < sizeof calls / sizeof *calls; i++)
		dprintf(1, "%d\n", call_error(calls + i));
	return 0;
}

static int a_files(void)
{
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		int fd = open(files[i].path, files[i].flags | O_CLOEXEC | O_NONBLOCK);

		dprintf(1, "%d\n", fd < 0 ? errno : 0);
		close(fd);
	}
	return 0;
}

static int a_device(void)
{
	int rc = mknod("disk", S_IFBLK | 0600, makedev(7, 0)) < 0 ? errno : 0;

	unlink("disk");
	return rc;
}

/* By its handle a file opens whatever lies above it. */
static int a_handle(void)
{
	struct {
		unsigned bytes;
		int type;
		unsigned char data[128];
	} handle = { .bytes = sizeof handle.data };
	int mount_id, dir = open(".", O_RDONLY | O_DIRECTORY);

	if (syscall(SYS_name_to_handle_at, AT_FDCWD, ".", &handle, &mount_id, 0) < 0)
		return 99;
	return syscall(SYS_open_by_handle_at, dir, &handle, O_RDONLY) < 0 ? errno : 0;
}

static int put(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC), rc;

	if (fd < 0)
		return errno;
	rc = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return rc;
}

/* A control group that is empty again: the kernel starts the agent, outside of everything. */
static int a_release(void)
{
	int first, second;
	pid_t pid;

	first = put("/mnt/release_agent", lab_env("KT_AGENT"));
	second = put("/mnt/notify_on_release", "1");
	mkdir("/mnt/x", 0700);
	put("/mnt/x/notify_on_release", "1");
	pid = fork();
	if (pid == 0)
		_exit(put("/mnt/x/cgroup.procs", "0"));
	waitpid(pid, NULL, 0);
	return first ? first : second;
}

static int a_core(void)
{
	char text[200];
	int rc;
	pid_t pid;

	snprintf(text, sizeof text, "|%s", lab_env("KT_AGENT"));
	rc = put("/proc/sys/kernel/core_pattern", text);
	pid = fork();
	if (pid == 0)
		abort();
	waitpid(pid, NULL, 0);
	return rc;
}

/* What root does all day; the line that fails is the exit status. */
static int as_user_does(void)
{
	gid_t gid = 1234;

	return setgroups(1, &gid) == 0 && setgid(gid) == 0 && setuid(1234) == 0 && getuid() == 1234 ? 0 : 1;
}

static int a_benign(void)
{
	pid_t pid;
	int status;

	if (mkdir("home", 0755) < 0 || chown("home", 1234, 1234) < 0 || chmod("home", 02770) < 0)
		return __LINE__ & 255;
	lab_write("passwd+", "root:x:0:0::/:\nnew:x:1234:1234::/home/new:/bin/sh\n", 0644);
	if (rename("passwd+", "passwd") < 0 || unlink("passwd") < 0 || rmdir("home") < 0)
		return __LINE__ & 255;
	if (mkfifo("fifo", 0600) < 0 || chown("fifo", 1, 1) < 0 || unlink("fifo") < 0)
		return __LINE__ & 255;
	if (in_child(as_user_does) != 0)
		return __LINE__ & 255;
	pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	if (setpgid(pid, pid) < 0 || kill(pid, SIGTERM) < 0 || waitpid(pid, &status, 0) != pid ||
	    !WIFSIGNALED(status))
		return __LINE__ & 255;
	if (put("/proc/self/oom_score_adj", "10") || open("/dev/null", O_RDWR) < 0 ||
	    open("/dev/urandom", O_RDONLY) < 0 || open("/proc/sys/kernel/core_pattern", O_RDONLY) < 0)
		return __LINE__ & 255;
	return 0;
}

const struct lab_attack lab_attacks[] = { { "calls", a_calls },     { "files", a_files },
	                                  { "device", a_device },   { "handle", a_handle },
	                                  { "release", a_release }, { "core", a_core },
	                                  { "benign", a_benign },   { NULL, NULL } };

/* ---- the driver's side ------------------------------------------------------------------------------ */

static struct outcome got;

/* A mount table of our own, with a control group of the old kind in an unusual place. */
static bool start(void)
{
	char agent[160], text[400];

	if (lab.dir[0])
		return true;
	lab_start();
	lab_need(unshare(CLONE_NEWNS) == 0 && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0,
	         "mount table");
	if (access("/proc/sys/fs/binfmt_misc/register", F_OK) < 0)
		mount("lab", "/proc/sys/fs/binfmt_misc", "binfmt_misc", 0, NULL);
	snprintf(text, sizeof text, "none,name=lab%d", (int)getpid());
	if (mount("lab", "/mnt", "cgroup", 0, text) < 0)
		printf("# no control groups of the old kind here: %s\n", strerror(errno));
	snprintf(agent, sizeof agent, "%s/agent", lab.dir);
	snprintf(text, sizeof text, "#!/bin/sh\necho reached >>'%s'\n", lab.reached);
	lab_write(agent, text, 0755);
	setenv("KT_AGENT", agent, 1);
	return true;
}

static size_t numbers(const char *name, bool governed, int *to, size_t max)
{
	const char *p = got.out;
	size_t n = 0;

	lab_attack(name, governed, 0, &got);
	for (; *p && n < max; p += strcspn(p, "\n"), p += *p == '\n')
		to[n++] = atoi(p);
	return n;
}

static bool as_it_is(int error)
{
	return error == EPERM || error == ENOSYS || error == EAFNOSUPPORT;
}

T_CASE(calls_of_root)
{
	enum { N = sizeof calls / sizeof *calls };
	int native[N] = { 0 }, governed[N] = { 0 };
	size_t further = 0;

	start();
	is_int(numbers("calls", false, native, N), N, "ungoverned: all are made");
	is_int(numbers("calls", true, governed, N), N, "governed: all are made");
	for (size_t i = 0; i < N; i++) {
		further += !as_it_is(native[i]);
		if (as_it_is(native[i]))
			printf("# %s: this kernel refuses it to anybody (%d)\n", calls[i].name, native[i]);
		is_int(governed[i], EPERM, "%s is refused (ungoverned: %d)", calls[i].name, native[i]);
	}
	ok(further > N / 2, "ungoverned %zu of them get further", further);
}

T_CASE(files_of_the_kernel)
{
	enum { N = sizeof files / sizeof *files };
	int native[N] = { 0 }, governed[N] = { 0 };
	size_t opened = 0;

	start();
	is_int(numbers("files", false, native, N), N, "ungoverned: all are tried");
	is_int(numbers("files", true, governed, N), N, "governed: all are tried");
	for (size_t i = 0; i < N; i++) {
		opened += native[i] == 0;
		if (native[i])
			printf("# %s: not here (%s)\n", files[i].path, strerror(native[i]));
		else
			is_int(governed[i], files[i].error, "%s", files[i].path);
	}
	ok(opened > N / 2, "ungoverned %zu of them open", opened);
}

static void refused(const char *name, int error)
{
	lab_attack(name, false, 0, &got);
	is_int(lab_exit(&got), 0, "%s works ungoverned", name);
	lab_attack(name, true, 0, &got);
	is_int(lab_exit(&got), error, "%s is refused", name);
}

T_CASE(devices_and_handles)
{
	start();
	refused("device", EACCES);
	refused("handle", EPERM);
}

static bool agent_runs(int limit_ms)
{
	long long end = lab_now() + limit_ms;

	while (access(lab.reached, F_OK) < 0 && lab_now() < end)
		usleep(5000);
	return access(lab.reached, F_OK) == 0;
}

T_CASE(nobody_is_made_to_run)
{
	char before[256], after[256];

	start();
	if (access("/mnt/release_agent", F_OK) == 0) {
		lab_attack("release", false, 0, &got);
		ok(agent_runs(5000), "ungoverned, the kernel starts the agent of a control group");
		put("/mnt/release_agent", "");
		put("/mnt/notify_on_release", "0");
		rmdir("/mnt/x");
		lab_attack("release", true, 0, &got);
		is_int(lab_exit(&got), EACCES, "it cannot be set");
		ok(!agent_runs(300), "and does not run");
		rmdir("/mnt/x");
	}
	lab_read("/proc/sys/kernel/core_pattern", before, sizeof before);
	lab_attack("core", true, 0, &got);
	is_int(lab_exit(&got), EACCES, "core_pattern cannot be set");
	ok(!agent_runs(300), "and nothing runs for a core");
	lab_read("/proc/sys/kernel/core_pattern", after, sizeof after);
	if (!is_str(after, before, "it is as it was"))
		put("/proc/sys/kernel/core_pattern", before);
}

T_CASE(everyday_work)
{
	start();
	lab_attack("benign", false, 0, &got);
	is_int(lab_exit(&got), 0, "works ungoverned");
	lab_attack("benign", true, 0, &got);
	if (!is_int(lab_exit(&got), 0, "and governed"))
		lab_show(&got);
}
