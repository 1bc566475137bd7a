/* What programs do all day with files, and what must go on as if nobody judged it: files_open.c runs it
 * governed and not. Each returns 0, or the line that went wrong. */
#pragma once

#include "test/kernel/lab.h"

#include <linux/openat2.h>
#include <pthread.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>

#define NEED(condition)                                                                                 \
	do {                                                                                            \
		if (!(condition)) {                                                                     \
			dprintf(2, "%s:%d: %s: %s\n", __func__, __LINE__, #condition, strerror(errno)); \
			return 1;                                                                       \
		}                                                                                       \
	} while (0)

/* Fails with that errno. */
#define FAILS(call, error) NEED((errno = 0, (call) < 0) && errno == (error))

static int put_file(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		return -1;
	return close(fd);
}

static bool holds(int fd, const char *text)
{
	char got[64] = "";

	if (fd < 0 || read(fd, got, sizeof got - 1) < 0)
		return false;
	close(fd);
	return !strcmp(got, text);
}

static mode_t mode_of(const char *name)
{
	struct stat st;

	return lstat(name, &st) < 0 ? 0 : st.st_mode & 07777;
}

static int day_creating(void)
{
	struct stat st;
	int fd;

	umask(027);
	NEED((fd = open("made", O_RDWR | O_CREAT | O_EXCL, 0666)) >= 0);
	NEED(mode_of("made") == 0640);
	NEED(fstat(fd, &st) == 0 && st.st_uid == geteuid() && st.st_gid == getegid());
	NEED(write(fd, "x", 1) == 1 && lseek(fd, 0, SEEK_SET) == 0);
	NEED(!(fcntl(fd, F_GETFD) & FD_CLOEXEC) && !(fcntl(fd, F_GETFL) & O_NONBLOCK));
	close(fd);
	FAILS(open("made", O_RDWR | O_CREAT | O_EXCL, 0666), EEXIST);
	umask(0);
	NEED((fd = open("all", O_WRONLY | O_CREAT | O_CLOEXEC | O_APPEND, 0777)) >= 0);
	NEED(mode_of("all") == 0777 && fcntl(fd, F_GETFD) & FD_CLOEXEC && fcntl(fd, F_GETFL) & O_APPEND);
	close(fd);
	NEED((fd = open("closed-to-me", O_WRONLY | O_CREAT, 0)) >= 0 && write(fd, "y", 1) == 1);
	close(fd);
	NEED(mode_of("closed-to-me") == 0);
	NEED((fd = creat("made", 0600)) >= 0 && fstat(fd, &st) == 0 && st.st_size == 0);
	close(fd);
	NEED((fd = open("made", O_RDONLY | O_NONBLOCK)) >= 0 && fcntl(fd, F_GETFL) & O_NONBLOCK);
	close(fd);
	symlink("target", "dangling");
	FAILS(open("dangling", O_RDONLY), ENOENT);
	FAILS(open("dangling", O_WRONLY | O_CREAT | O_EXCL, 0600), EEXIST);
	FAILS(open("dangling", O_RDONLY | O_NOFOLLOW), ELOOP);
	NEED((fd = open("dangling", O_WRONLY | O_CREAT, 0600)) >= 0 && mode_of("target") == 0600);
	close(fd);
	return 0;
}

static int day_errors(void)
{
	static char longest[PATH_MAX + 8], name[NAME_MAX + 2];
	struct open_how how = { .flags = O_RDONLY };
	char big[64] = { 0 };

	memset(longest, '/', PATH_MAX);
	memset(name, 'n', NAME_MAX + 1);
	put_file("plain", "plain", 0644);
	mkdir("dir", 0755);
	symlink("loop", "loop");
	FAILS(open("", O_RDONLY), ENOENT);
	FAILS(open(longest, O_RDONLY), ENAMETOOLONG);
	FAILS(open(name, O_RDONLY), ENAMETOOLONG);
	FAILS(open((char *)8, O_RDONLY), EFAULT);
	FAILS(open("nothing", O_RDONLY), ENOENT);
	FAILS(open("plain/x", O_RDONLY), ENOTDIR);
	FAILS(open("plain/", O_RDONLY), ENOTDIR);
	FAILS(open("plain", O_RDONLY | O_DIRECTORY), ENOTDIR);
	FAILS(open("dir", O_WRONLY), EISDIR);
	FAILS(open("dir", O_RDWR), EISDIR);
	FAILS(open("dir", O_RDONLY | O_CREAT, 0600), EISDIR);
	FAILS(open("new/", O_WRONLY | O_CREAT, 0600), EISDIR);
	FAILS(open("nowhere/new", O_WRONLY | O_CREAT, 0600), ENOENT);
	FAILS(open("loop", O_RDONLY), ELOOP);
	FAILS(openat(999, "plain", O_RDONLY), EBADF);
	FAILS(openat(0, "plain", O_RDONLY), ENOTDIR);
	FAILS(open("plain", O_TMPFILE | O_WRONLY, 0600), ENOTDIR);
	FAILS(open("dir", O_TMPFILE | O_RDONLY, 0600), EINVAL);
	FAILS(syscall(SYS_openat2, AT_FDCWD, "plain", &how, 8), EINVAL);
	FAILS(syscall(SYS_openat2, AT_FDCWD, "plain", NULL, sizeof how), EFAULT);
	FAILS(syscall(SYS_openat2, AT_FDCWD, "plain", big, 8192), E2BIG);
	how.mode = 0600;
	FAILS(syscall(SYS_openat2, AT_FDCWD, "plain", &how, sizeof how), EINVAL);
	how = (struct open_how){ .flags = O_RDONLY, .resolve = RESOLVE_BENEATH };
	FAILS(syscall(SYS_openat2, AT_FDCWD, "../x", &how, sizeof how), EXDEV);
	big[sizeof how] = 1;
	FAILS(syscall(SYS_openat2, AT_FDCWD, "plain", big, sizeof big), E2BIG);
	if (geteuid()) {
		chmod("plain", 0);
		FAILS(open("plain", O_RDONLY), EACCES);
		FAILS(open("/etc/passwd", O_WRONLY), EACCES);
		FAILS(open("/etc/passwd", O_RDONLY | O_NOATIME), EPERM);
		FAILS(open("/usr/new", O_WRONLY | O_CREAT, 0600), EACCES);
	}
	return 0;
}

static int day_unnamed(void)
{
	char path[64];
	int fd = open(".", O_TMPFILE | O_RDWR, 0640);

	umask(022);
	NEED(fd >= 0 && write(fd, "unnamed", 7) == 7);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	NEED(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW) == 0);
	NEED(mode_of("named") == 0640 && holds(open("named", O_RDONLY), "unnamed"));
	NEED(holds(open(path, O_RDONLY), "unnamed"));
	close(fd);
	NEED((fd = open(".", O_TMPFILE | O_RDWR | O_EXCL, 0600)) >= 0);
	close(fd);
	NEED((fd = memfd_create("memory", 0)) >= 0 && write(fd, "memory", 6) == 6);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	NEED(holds(open(path, O_RDONLY), "memory"));
	return 0;
}

static int child_status(pid_t pid)
{
	int status;

	return pid < 0 || waitpid(pid, &status, 0) != pid ? 99 : WEXITSTATUS(status);
}

static int day_fifos(void)
{
	int fd, other;
	pid_t pid;

	NEED(mkfifo("fifo", 0600) == 0);
	FAILS(open("fifo", O_WRONLY | O_NONBLOCK), ENXIO);
	for (int reader_first = 0; reader_first < 2; reader_first++) {
		pid = fork();
		if (pid == 0) {
			fd = open("fifo", reader_first ? O_RDONLY : O_WRONLY);
			if (reader_first)
				_exit(holds(fd, "through") ? 0 : 1);
			_exit(fcntl(fd, F_GETFL) & O_NONBLOCK || write(fd, "through", 7) != 7);
		}
		usleep(20000); /* it may wait or not: both must work */
		fd = open("fifo", reader_first ? O_WRONLY : O_RDONLY);
		if (reader_first)
			NEED(fd >= 0 && write(fd, "through", 7) == 7 && close(fd) == 0);
		else
			NEED(holds(fd, "through"));
		NEED(child_status(pid) == 0);
	}
	/* Both are open before anything is written. */
	pid = fork();
	if (pid == 0) {
		fd = open("fifo", O_RDONLY);
		_exit(put_file("reader-is-there", "", 0600) < 0 || !holds(fd, "later"));
	}
	NEED((fd = open("fifo", O_WRONLY)) >= 0);
	while (mode_of("reader-is-there") == 0)
		usleep(1000);
	NEED(write(fd, "later", 5) == 5 && close(fd) == 0 && child_status(pid) == 0);
	NEED((fd = open("fifo", O_RDWR)) >= 0 && (other = open("fifo", O_RDONLY | O_NONBLOCK)) >= 0);
	close(fd);
	close(other);
	/* One that waits for nobody can be killed. */
	pid = fork();
	if (pid == 0)
		_exit(open("fifo", O_RDONLY) >= 0);
	usleep(20000);
	kill(pid, SIGKILL);
	NEED(waitpid(pid, NULL, 0) == pid);
	return 0;
}

static int day_devices(void)
{
	char name[64];
	int fd, tty;

	NEED((fd = open("/dev/null", O_RDWR)) >= 0 && write(fd, "x", 1) == 1);
	NEED((fd = open("/dev/urandom", O_RDONLY)) >= 0 && read(fd, name, 8) == 8);
	NEED((fd = open("/dev/ptmx", O_RDWR | O_NOCTTY)) >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0);
	NEED(ptsname_r(fd, name, sizeof name) == 0 && (tty = open(name, O_RDWR | O_NOCTTY)) >= 0);
	NEED(isatty(tty) && !(fcntl(tty, F_GETFL) & O_NONBLOCK));
	if (fork() == 0) {
		if (setsid() < 0 || open("/dev/tty", O_RDWR) >= 0 || errno != ENXIO ||
		    ioctl(tty, TIOCSCTTY, 0) < 0)
			_exit(1);
		tty = open("/dev/tty", O_RDWR);
		_exit(tty < 0 || write(tty, "T", 1) != 1);
	}
	NEED(child_status(-1) == 99 && wait(&tty) > 0 && WEXITSTATUS(tty) == 0);
	NEED(read(fd, name, 1) == 1 && name[0] == 'T');
	return 0;
}

static int day_proc(void)
{
	char path[64], text[4096];
	int ends[2], fd;
	pid_t child;

	NEED(pipe(ends) == 0 && write(ends[1], "piped", 5) == 5);
	snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
	NEED((fd = open(path, O_RDONLY)) >= 0 && read(fd, text, 5) == 5);
	snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
	NEED((fd = open(path, O_WRONLY)) >= 0 && !(fcntl(fd, F_GETFL) & O_NONBLOCK));
	NEED((fd = open("/dev/stdin", O_RDONLY)) >= 0);
	NEED((fd = open("/dev/stderr", O_WRONLY | O_APPEND)) >= 0);
	NEED((fd = open("/proc/self/status", O_RDONLY)) >= 0 && read(fd, text, sizeof text - 1) > 0);
	snprintf(path, sizeof path, "\nPid:\t%d\n", (int)getpid());
	text[4095] = 0;
	NEED(strstr(text, path));
	NEED((fd = open("/proc/self/comm", O_WRONLY)) >= 0 && write(fd, "renamed", 7) == 7);
	NEED((fd = open("/proc/self/maps", O_RDONLY)) >= 0);
	NEED((fd = open("/proc/thread-self/stat", O_RDONLY)) >= 0);
	NEED((fd = open("/proc/cpuinfo", O_RDONLY)) >= 0);
	NEED((fd = open("/proc/1/stat", O_RDONLY)) >= 0);
	NEED((fd = open("/proc/self/cwd", O_RDONLY | O_DIRECTORY)) >= 0);
	NEED((fd = open("/proc/self/exe", O_RDONLY)) >= 0);
	NEED((fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY)) >= 0);
	if ((child = fork()) == 0) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof path, "/proc/%d/environ", (int)child);
	NEED((fd = open(path, O_RDONLY)) >= 0);
	snprintf(path, sizeof path, "/proc/%d/fd", (int)child);
	NEED((fd = open(path, O_RDONLY | O_DIRECTORY)) >= 0);
	snprintf(path, sizeof path, "/proc/%d/fd/0", (int)child);
	NEED((fd = open(path, O_RDONLY)) >= 0);
	kill(child, SIGKILL);
	put_file("again", "again", 0600);
	NEED((fd = open("again", O_PATH)) >= 0);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	NEED(holds(open(path, O_RDWR), "again"));
	return 0;
}

static int day_places(void)
{
	static char deep[5000];
	char name[201];
	int fd, up = open(".", O_RDONLY | O_DIRECTORY);

	memset(name, 'd', 200);
	name[200] = 0;
	for (int i = 0; i < 18; i++) {
		NEED((mkdir(name, 0755) == 0 || errno == EEXIST) && chdir(name) == 0);
		strcat(deep, name);
		strcat(deep, "/");
	}
	NEED(put_file("bottom", "bottom", 0600) == 0 && fchdir(up) == 0);
	strcat(deep, "bottom");
	NEED(holds(open(deep, O_RDONLY), "bottom"));
	NEED(mkdir("dead", 0755) == 0 && chdir("dead") == 0 && rmdir("../dead") == 0);
	FAILS(open("x", O_RDONLY), ENOENT);
	FAILS(open("x", O_WRONLY | O_CREAT, 0600), ENOENT);
	NEED((fd = open(".", O_RDONLY | O_DIRECTORY)) >= 0 && close(fd) == 0);
	NEED((fd = open("/etc/passwd", O_RDONLY)) >= 0 && close(fd) == 0);
	NEED(fchdir(up) == 0);
	return 0;
}

static int day_strings(void)
{
	char *pages = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *file;
	int fd;

	put_file("pointed", "pointed", 0600);
	munmap(pages + 8192, 4096);
	strcpy(pages + 4093, "pointed");
	NEED(holds(open(pages + 4093, O_RDONLY), "pointed"));
	strcpy(pages + 8192 - 8, "pointed");
	NEED(holds(open(pages + 8192 - 8, O_RDONLY), "pointed"));
	memcpy(pages + 8192 - 4, "poin", 4);
	FAILS(open(pages + 8192 - 4, O_RDONLY), EFAULT);
	NEED(put_file("holds-a-name", "pointed", 0600) == 0 && (fd = open("holds-a-name", O_RDWR)) >= 0);
	file = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
	NEED(file != MAP_FAILED && holds(open(file, O_RDONLY), "pointed"));
	return 0;
}

static int day_limits(void)
{
	struct rlimit few = { 20, 20 };
	int fd, n = 0;

	put_file("kept", "kept", 0600);
	NEED(setrlimit(RLIMIT_NOFILE, &few) == 0);
	while ((fd = open("kept", O_RDONLY)) >= 0)
		n++;
	NEED(errno == EMFILE && n > 5);
	FAILS(open("kept", O_WRONLY | O_TRUNC), EMFILE);
	FAILS(open("not-made", O_WRONLY | O_CREAT, 0600), EMFILE);
	NEED(mode_of("not-made") == 0);
	close(19);
	NEED(holds(open("kept", O_RDONLY), "kept"));
	return 0;
}

static void on_tick(int signo)
{
	(void)signo;
}

/* OK-38 */
static int day_interrupted(void)
{
	struct sigaction sa = { .sa_handler = on_tick, .sa_flags = SA_RESTART };
	struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	char name[32];
	int fd;

	sigaction(SIGALRM, &sa, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	for (int i = 0; i < 3000; i++) {
		NEED((fd = open("/etc/passwd", O_RDONLY)) >= 0 && close(fd) == 0);
		snprintf(name, sizeof name, "once-%d", i % 100);
		if (i < 100)
			NEED((fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600)) >= 0 && close(fd) == 0);
	}
	NEED(fd < 32);
	return 0;
}

static void *opens_often(void *arg)
{
	char name[32];
	intptr_t good = 1;

	for (int i = 0; i < 40 && good; i++) {
		int fd = open("/etc/passwd", O_RDONLY | O_CLOEXEC), other;

		snprintf(name, sizeof name, "thread-%d", *(int *)arg);
		other = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
		good = fd >= 0 && other >= 0;
		close(fd);
		close(other);
	}
	return (void *)good;
}

/* OK-61 */
static int day_threads(void)
{
	enum { THREADS = 240 };
	static pthread_t t[THREADS];
	static int numbers[THREADS];
	void *good;

	for (int i = 0; i < THREADS; i++) {
		numbers[i] = i;
		NEED(pthread_create(&t[i], NULL, opens_often, &numbers[i]) == 0);
	}
	for (int i = 0; i < THREADS; i++)
		NEED(pthread_join(t[i], &good) == 0 && good);
	return 0;
}

static int how(const char *path, uint64_t flags, uint64_t resolve)
{
	struct open_how h = { .flags = flags, .resolve = resolve };

	return (int)syscall(SYS_openat2, AT_FDCWD, path, &h, sizeof h);
}

/* The neighbours of what is denied. */
static int day_neighbours(void)
{
	NEED(holds(open("w/fine", O_RDONLY), "fine"));
	NEED(put_file("w/.env.local", "local", 0600) == 0 && holds(open("w/.env.local", O_RDONLY), "local"));
	NEED(put_file("w/.ENV", "upper", 0600) == 0 && holds(open("w/.ENV", O_RDONLY), "upper"));
	NEED(mkdir("w/.envs", 0755) == 0 && put_file("w/.envs/x", "x", 0600) == 0);
	NEED(holds(openat(open("w", O_PATH | O_DIRECTORY), "fine", O_RDONLY), "fine"));
	NEED(holds(how("w/fine", O_RDONLY, RESOLVE_BENEATH), "fine"));
	FAILS(open("w/missing", O_RDONLY), ENOENT);
	return 0;
}

static int day_descriptors(void)
{
	struct rlimit many = { 4096, 4096 };

	setrlimit(RLIMIT_NOFILE, &many);
	for (int i = 0; i < 1000; i++)
		NEED(open("w/fine", O_RDWR) >= 0);
	lab_mark("descriptors\n");
	return 0;
}

/* Every call gets its answer, also those that make no sense. */
static int day_nonsense(void)
{
	static const long numbers[] = { SYS_openat, SYS_openat2,
#ifdef SYS_open
		                        SYS_open, SYS_creat
#endif
	};
	static const long values[] = { 0,       -1, 1, 8, AT_FDCWD, 0x7fffffff, 020000000, O_CREAT | O_EXCL,
		                       1L << 40 };
	enum { N = sizeof values / sizeof *values };
	static char texts[4][8] = { "", ".", "/", "w" };

	umask(077);
	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		for (int k = 0; k < N * N * N; k++)
			for (int t = 0; t < 5; t++) {
				long path = t < 4 ? (long)(uintptr_t)texts[t] : values[k % N];
				long fd = numbers[i] == SYS_openat || numbers[i] == SYS_openat2
				                  ? syscall(numbers[i], values[k % N], path,
				                            values[k / N % N], values[k / N / N])
				                  : syscall(numbers[i], path, values[k / N % N],
				                            values[k / N / N]);

				if (fd > 2)
					close((int)fd);
			}
	NEED(holds(open("w/fine", O_RDONLY), "fine"));
	return 0;
}

/* Under a rule that sends what is written in redir/ to else/. */
static int redirected(void)
{
	NEED(put_file("redir/new", "sent on", 0640) == 0 && access("redir/new", F_OK) < 0);
	NEED(holds(open("else/new", O_RDONLY), "sent on") && (mode_of("else/new") & 0777) == 0640);
	NEED(put_file("redir/old", "written", 0600) == 0);
	NEED(holds(open("redir/old", O_RDONLY), "old") && holds(open("else/old", O_RDONLY), "written"));
	NEED(symlink("../w/fine", "else/trap") == 0);
	FAILS(open("redir/trap", O_WRONLY | O_CREAT | O_TRUNC, 0600), ELOOP);
	NEED(holds(open("w/fine", O_RDONLY), "fine"));
	return 0;
}

static int own_process(void)
{
	char path[64];
	pid_t child;
	int fd;

	NEED((fd = open("/proc/self/maps", O_RDONLY)) >= 0 && close(fd) == 0);
	NEED((fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY)) >= 0 && close(fd) == 0);
	snprintf(path, sizeof path, "/proc/%d/maps", (int)getpid());
	NEED((fd = open(path, O_RDONLY)) >= 0 && close(fd) == 0);
	if ((child = fork()) == 0) {
		pause();
		_exit(0);
	}
	snprintf(path, sizeof path, "/proc/%d/maps", (int)child);
	FAILS(open(path, O_RDONLY), EACCES);
	kill(child, SIGKILL);
	return 0;
}
