/* identity - EX-01, EX-03, EX-07, EX-08, EX-11, EX-21, EX-22: a denied program stays denied under other
 * names, in other files and inside other programs. Without CONFIG_EXEC_IDENTITY (sandbox-minimal) these fail.
 */
#include "test/kernel/lab.h"

#include <pthread.h>
#include <sys/mman.h>
#include <sys/sendfile.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

/* ---- the attacker's side ---------------------------------------------------------------------------- */

/* What runs under another name than "canary" is told what to do. */
static int a_mark(void)
{
	lab_mark("reached\n");
	return 0;
}

static int exec_as(const char *path, const char *argv0)
{
	char *argv[] = { (char *)(uintptr_t)argv0, NULL };

	setenv("KT_ATTACK", "mark", 1);
	execve(path, argv, environ);
	return errno;
}

static int exec_fd(int fd)
{
	char *argv[] = { (char *)"x", NULL };

	setenv("KT_ATTACK", "mark", 1);
	syscall(SYS_execveat, fd, "", argv, environ, AT_EMPTY_PATH);
	return errno;
}

static void fill(int out, const char *from)
{
	int in = open(from, O_RDONLY | O_CLOEXEC);
	off_t at = 0;

	if (in < 0)
		_exit(95);
	while (sendfile(out, in, &at, 1 << 20) > 0)
		;
	close(in);
}

static void copy(const char *from, const char *to, mode_t mode)
{
	int out = (unlink(to), open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0700));

	if (out < 0)
		_exit(95);
	fill(out, from);
	fchmod(out, mode);
	close(out);
}

static int a_copy(void)
{
	copy(canary_path(), "other", 0755);
	return exec_as("./other", "other");
}

/* A name that the policy allows before it denies anything. */
static int a_masquerade(void)
{
	copy(canary_path(), "git", 0755);
	return exec_as("./git", "git");
}

static int a_hard_link(void)
{
	unlink("hard");
	return link(canary_path(), "hard") ? 95 : exec_as("./hard", "hard");
}

static int a_unreadable(void)
{
	copy(canary_path(), "blind", 0111);
	return exec_as("./blind", "blind");
}

static int a_memfd(void)
{
	int fd = memfd_create("harmless", MFD_CLOEXEC);

	fill(fd, canary_path());
	return exec_fd(fd);
}

/* Nothing that a rule names, but a memory file. */
static int a_memfd_own(void)
{
	int fd = memfd_create("harmless", MFD_CLOEXEC);

	fill(fd, "/proc/self/exe");
	return exec_fd(fd);
}

static int a_memfd_proc(void)
{
	int fd = memfd_create("harmless", 0);
	char path[64];

	fill(fd, canary_path());
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	return exec_as(path, "x");
}

static int a_unlinked(void)
{
	int fd;

	copy(canary_path(), "gone", 0755);
	fd = open("gone", O_RDONLY | O_CLOEXEC);
	unlink("gone");
	return exec_fd(fd);
}

/* Never had a name. */
static int a_tmpfile(void)
{
	int out = open(".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0755), fd;
	char path[64];

	if (out < 0)
		return 95;
	fill(out, canary_path());
	snprintf(path, sizeof path, "/proc/self/fd/%d", out);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	close(out);
	return exec_fd(fd);
}

static int a_shebang(void)
{
	FILE *f = (unlink("script"), fopen("script", "w"));

	copy(canary_path(), "interp", 0755);
	if (!f || fputs("#! ./interp\n", f) < 0 || fclose(f) || chmod("script", 0755))
		return 95;
	return exec_as("./script", "script");
}

/* Moved away, so that there is nothing left to compare with. */
static int a_moved(void)
{
	unlink("moved");
	return rename(canary_path(), "moved") ? 95 : exec_as("./moved", "moved");
}

/* Copied, and then the original is gone. */
static int a_orphan(void)
{
	copy(canary_path(), "orphan", 0755);
	return unlink(canary_path()) ? 95 : exec_as("./orphan", "orphan");
}

/* One byte differs: another program, which other layers hold. Same size, so it is compared. */
static int changed_at(off_t from_end)
{
	struct stat st;
	char c;
	int fd;

	copy(canary_path(), "changed", 0755);
	fd = open("changed", O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || pread(fd, &c, 1, st.st_size - from_end) != 1)
		return 95;
	c ^= 1;
	if (pwrite(fd, &c, 1, st.st_size - from_end) != 1 || close(fd))
		return 95;
	return exec_as("./changed", "changed");
}

static int b_changed(void)
{
	return changed_at(1);
}

static int b_own(void)
{
	copy("/proc/self/exe", "own", 0755);
	return exec_as("./own", "own");
}

static int seconds(void)
{
	return *lab_env("KT_SECONDS") ? atoi(lab_env("KT_SECONDS")) : 3;
}

/* The name leads to the denied program and to a harmless one of the same size by turns. */
static void *swapper(void *arg)
{
	const char *const *files = arg; /* two that stay, two that are moved to "l" */

	for (;;) {
		usleep(20);
		if (rename(files[2], "l") || link(files[0], files[2]) || rename(files[3], "l") ||
		    link(files[1], files[3]))
			_exit(93);
	}
	return NULL;
}

static int again_and_again(char *const *argv)
{
	long long end = lab_now() + seconds() * 1000LL;
	struct stat st;
	int n = 0, status;

	while (lab_now() < end && stat(lab_env("KT_CANARY"), &st) < 0) {
		pid_t pid = vfork();

		if (pid == 0) {
			execve(argv[0], argv, environ);
			_exit(7);
		}
		if (pid < 0 || waitpid(pid, &status, 0) != pid)
			return 94;
		n++;
	}
	printf("%d execs\n", n);
	fflush(stdout);
	return 0;
}

static int swap(const char *const files[4], char *const *argv)
{
	pthread_t t;

	if (link(files[0], files[2]) || link(files[1], files[3]) || link(files[1], "l") ||
	    pthread_create(&t, NULL, swapper, (void *)(uintptr_t)files))
		return 95;
	return again_and_again(argv);
}

static int a_swap(void)
{
	static const char *const files[] = { "k-one", "k-two", "l-one", "l-two" };
	static const char byte[] = "y";
	char *argv[] = { (char *)"./l", NULL };
	struct stat st;
	int fd;

	for (int i = 0; i < 4; i++)
		unlink(files[i]);
	unlink("l");
	copy(canary_path(), "k-two", 0755);
	copy(canary_path(), "k-one", 0755);
	fd = open("k-one", O_RDWR | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) || pwrite(fd, byte, 1, st.st_size - 1) != 1 || close(fd))
		return 95;
	/* The harmless one ends the process: its name is looked at. */
	setenv("KT_ATTACK", "if-canary", 1);
	return swap(files, argv);
}

static int a_if_canary(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	struct stat st;
	char c = 0;

	if (fd >= 0 && fstat(fd, &st) == 0 && pread(fd, &c, 1, st.st_size - 1) == 1 && c == 'x')
		lab_mark("reached\n");
	return 0;
}

/* EX-07: the loader opens what it runs after it was judged. */
static const char *loader(void)
{
	static const char *const known[] = { "/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1",
		                             NULL };

	for (const char *const *p = known; *p; p++)
		if (access(*p, X_OK) == 0)
			return *p;
	return NULL;
}

static int a_loader_swap(void)
{
	static const char *const files[] = { "t-one", "t-two", "u-one", "u-two" };
	char *argv[] = { (char *)(uintptr_t)loader(), (char *)"./l", (char *)(uintptr_t)lab_env("KT_CANARY"),
		         NULL };

	for (int i = 0; i < 4; i++)
		unlink(files[i]);
	unlink("l");
	if (symlink("/usr/bin/true", "t-one") || symlink("/usr/bin/touch", "t-two"))
		return 95;
	return swap(files, argv);
}

static int exec_touch(const char *path, const char *first, const char *second)
{
	const char *argv[] = { first, second, lab_env("KT_CANARY"), NULL };

	if (!second) {
		argv[1] = argv[2];
		argv[2] = NULL;
	}
	execve(path, (char *const *)(uintptr_t)argv, environ);
	return errno;
}

static int a_loader(void)
{
	return exec_touch(loader(), "x", "/usr/bin/touch");
}

static int a_loader_copy(void)
{
	copy("/usr/bin/touch", "touched", 0755);
	return exec_touch(loader(), "x", "./touched");
}

static int a_copied_loader(void)
{
	copy("/usr/bin/touch", "touched", 0755);
	copy(loader(), "start", 0755);
	return exec_touch("./start", "x", "./touched");
}

/* The program that was judged is mapped, but another runs. */
static int a_loader_preload(void)
{
	setenv("LD_PRELOAD", "/usr/bin/true", 1);
	return a_loader_swap();
}

/* A loader that maps what it runs only after it set up its thread pointer, as musl's does: by its name, here.
 */
static int late_loader(const char *first, const char *second)
{
	char *argv[] = { (char *)"x", (char *)(uintptr_t)first, (char *)(uintptr_t)second, NULL };

	copy("/proc/self/exe", "ld-musl-late.so.1", 0755);
	setenv("KT_ATTACK", "mark", 1);
	execve("./ld-musl-late.so.1", argv, environ);
	return errno;
}

static int a_late_loader(void)
{
	copy("/usr/bin/true", "own", 0755);
	return late_loader("./own", NULL);
}

static int a_late_loader_fixed(void)
{
	return late_loader("/usr/bin/true", NULL);
}

static int b_late_loader_list(void)
{
	return late_loader("--list", "./own");
}

static int b_loader(void)
{
	char *argv[] = { (char *)(uintptr_t)loader(), (char *)"/usr/bin/true", NULL };

	execve(argv[0], argv, environ);
	return errno;
}

/* EX-21 */
static int a_busybox(void)
{
	return exec_touch("/bin/busybox", "busybox", "touch");
}

static int a_busybox_argv(void)
{
	return exec_touch("/bin/busybox", "touch", NULL);
}

static int a_busybox_copy(void)
{
	copy("/bin/busybox", "bb", 0755);
	return exec_touch("./bb", "busybox", "touch");
}

static int a_busybox_copy_argv(void)
{
	copy("/bin/busybox", "bb", 0755);
	return exec_touch("./bb", "touch", NULL);
}

static int a_busybox_link(void)
{
	copy("/bin/busybox", "bb", 0755);
	unlink("touch");
	if (symlink("bb", "touch"))
		return 95;
	return exec_touch("./touch", "touch", NULL);
}

/* Its own shell runs its applets without an execve. */
static int applet_shell(const char *path, const char *argv0, const char *applet)
{
	char *argv[] = { (char *)(uintptr_t)argv0, (char *)(uintptr_t)applet, (char *)"-c",
		         (char *)"touch $KT_CANARY", NULL };

	if (!applet)
		argv[1] = argv[2], argv[2] = argv[3], argv[3] = NULL;
	execve(path, argv, environ);
	return errno;
}

static int a_applet_shell(void)
{
	return applet_shell("/bin/busybox", "busybox", "sh");
}

static int a_applet_shell_argv(void)
{
	return applet_shell("/bin/busybox", "-ash", NULL);
}

static int a_applet_shell_copy(void)
{
	copy("/bin/busybox", "bb", 0755);
	return applet_shell("./bb", "sh", NULL);
}

static int b_busybox_copy(void)
{
	copy("/bin/busybox", "bb", 0755);
	return exec_touch("./bb", "busybox", "basename");
}

/* Found in the usual folders. */
static int a_copied_tool(void)
{
	copy("/usr/bin/touch", "touched", 0755);
	return exec_touch("./touched", "x", NULL);
}

/* pkill is a link to pgrep: what the file is, its argv[0] says. */
static int exec_pgrep(const char *argv0)
{
	char *argv[] = { (char *)(uintptr_t)argv0, (char *)"-x", (char *)"no-such-program", NULL };

	execve("/usr/bin/pgrep", argv, environ);
	return errno;
}

static int a_role(void)
{
	return exec_pgrep("/usr/bin/pkill");
}

static int b_role(void)
{
	return exec_pgrep("pgrep");
}

#include "test/kernel/identity_cases.h"
