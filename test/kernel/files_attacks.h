/* The attacks of files_open.c: each ends with the errno it was stopped by, and leaves the canary when it was
 * not.
 */
#pragma once

#include "test/kernel/files_open.h"

#include <sched.h>

/* Where the secret is: relative to the attacker's directory. */
#define SECRET "w/.env"

/* What an attack got: the secret, or why not. */
static int leak(int fd)
{
	char got[32] = "";

	if (fd < 0)
		return errno;
	if (read(fd, got, sizeof got - 1) > 0 && strstr(got, "secret"))
		lab_mark("reached\n");
	close(fd);
	return 0;
}

/* The file changed: then it has another size. */
static int damage(int fd)
{
	int error = fd < 0 ? errno : 0;
	struct stat st;

	if (fd >= 0 && (fcntl(fd, F_GETFL) & 3) != O_RDONLY && write(fd, "overwritten", 11) < 0)
		return 98;
	if (stat(SECRET, &st) == 0 && st.st_size != 7)
		lab_mark("reached\n");
	return error;
}

static char *here(const char *before, const char *after)
{
	static char path[PATH_MAX];
	char cwd[PATH_MAX / 2];

	if (!getcwd(cwd, sizeof cwd))
		_exit(95);
	snprintf(path, sizeof path, "%s%s%s", before, cwd, after);
	return path;
}

static int again(int fd, const char *format)
{
	char path[64];

	snprintf(path, sizeof path, format, fd);
	return leak(open(path, O_RDONLY));
}

static int a_plain(void)
{
	return leak(open(SECRET, O_RDONLY));
}

static int a_absolute(void)
{
	return leak(open(here("", "/w/.env"), O_RDONLY));
}

static int a_dots(void)
{
	return leak(open("w/..//./w/../w/.env", O_RDONLY));
}

static int a_root_link(void)
{
	return leak(open(here("/proc/self/root", "/w/.env"), O_RDONLY));
}

static int a_cwd_link(void)
{
	return leak(open("/proc/thread-self/cwd/w/.env", O_RDONLY));
}

static int a_directory(void)
{
	return leak(openat(open("w", O_PATH | O_DIRECTORY), ".env", O_RDONLY));
}

static int a_reopened(void)
{
	return again(open(SECRET, O_PATH), "/proc/self/fd/%d");
}

static int a_dev_fd(void)
{
	return again(open(SECRET, O_PATH), "/dev/fd/%d");
}

static int a_link(void)
{
	symlink(SECRET, "link");
	symlink("link", "chain");
	return leak(open("chain", O_RDONLY));
}

static int a_directory_link(void)
{
	symlink(here("", "/w"), "dir-link");
	return leak(open("dir-link/.env", O_RDONLY));
}

static int a_link_to_descriptor(void)
{
	char path[64];

	snprintf(path, sizeof path, "/proc/self/fd/%d", open(SECRET, O_PATH));
	symlink(path, "fd-link");
	return leak(open("fd-link", O_RDONLY));
}

static int a_hard_flags(void)
{
	return leak(open(SECRET, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY));
}

static int a_both(void)
{
	return leak(open(SECRET, O_RDWR));
}

static int a_mode_three(void)
{
	return leak(open(SECRET, 3)) ? errno : (lab_mark("reached\n"), 0);
}

static int a_openat2(void)
{
	return leak(how(SECRET, O_RDONLY, 0));
}

static int a_beneath(void)
{
	return leak(how("w/../w/.env", O_RDONLY, RESOLVE_BENEATH));
}

static int a_in_root(void)
{
	return leak(how("/w/.env", O_RDONLY, RESOLVE_IN_ROOT));
}

static int a_no_links(void)
{
	return leak(how(SECRET, O_RDONLY, RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV));
}

static void *leaks(void *arg)
{
	*(int *)arg = a_plain();
	return NULL;
}

static int a_thread(void)
{
	pthread_t t;
	int error = 99;

	if (pthread_create(&t, NULL, leaks, &error) || pthread_join(t, NULL))
		return 95;
	return error;
}

static int a_child(void)
{
	return in_child(a_plain);
}

static int a_empty(void)
{
	return damage(open(SECRET, O_RDONLY | O_TRUNC));
}

static int a_creat(void)
{
#ifdef SYS_creat
	return damage((int)syscall(SYS_creat, SECRET, 0600)); /* the C library has open(2) do it */
#else
	return damage(creat(SECRET, 0600));
#endif
}

static int a_append(void)
{
	return damage(open(SECRET, O_WRONLY | O_APPEND));
}

static int a_write(void)
{
	return damage(open("w/../w/.env", O_WRONLY | O_CREAT, 0600));
}

static int a_write2(void)
{
	return damage(how(SECRET, O_WRONLY, 0));
}

/* What may be read, and not be changed. */
static int spoil(int flags)
{
	int fd = open("w/fixed", flags, 0600), error = fd < 0 ? errno : 0;
	struct stat st;

	if (fd >= 0 && flags & O_ACCMODE && write(fd, "overwritten", 11) < 0)
		return 98;
	if (stat("w/fixed", &st) == 0 && st.st_size != 7)
		lab_mark("reached\n");
	return error;
}

static int a_fixed_emptied(void)
{
	return spoil(O_RDONLY | O_TRUNC);
}

static int a_fixed_both(void)
{
	return spoil(O_RDWR);
}

static int a_fixed_appended(void)
{
	return spoil(O_WRONLY | O_APPEND);
}

static int a_fixed_created(void)
{
	return spoil(O_WRONLY | O_CREAT | O_TRUNC);
}

/* A link that leads nowhere yet. */
static int a_dangling(void)
{
	int error;

	mkdir("empty", 0755);
	symlink("empty/.env", "to-be");
	error = open("to-be", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
	if (access("empty/.env", F_OK) == 0)
		lab_mark("reached\n");
	return error;
}

static int a_unnamed(void)
{
	int fd = open("vault", O_TMPFILE | O_RDWR, 0600);

	if (fd >= 0)
		lab_mark("reached\n");
	return fd < 0 ? errno : 0;
}

static int a_nested(void)
{
	return leak(open("w/a/b/.env", O_RDONLY));
}

/* What is denied by no rule but the last word, under a name that is allowed whatever it leads to. */
static int a_alias(void)
{
	return again(open("../outside", O_PATH), "/dev/fd/%d");
}

static int a_proc_alias(void)
{
	return again(open("../outside", O_PATH), "/proc/self/fd/%d");
}

static int a_stdin_alias(void)
{
	dup2(open("../outside", O_PATH), 0);
	return leak(open("/dev/stdin", O_RDONLY));
}

/* ---- races ------------------------------------------------------------------------------------------- */

enum { TRIES = 12000 };

struct flip {
	volatile char *at;
	const char *one, *two;
};

static volatile unsigned long flips;

/* On a busy machine who flips may have no processor of its own: now and then it is waited for. */
static void let_flip(const volatile unsigned long *turns, int i)
{
	for (unsigned long had = *turns; i % 256 == 0 && *turns == had;)
		sched_yield();
}

/* The same for a process. */
static volatile unsigned long *shared_flips(void)
{
	void *at = mmap(NULL, sizeof flips, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		_exit(95);
	return at;
}

static void *flipper(void *arg)
{
	const struct flip *f = arg;
	size_t len = strlen(f->one) + 1;

	for (;; flips++) {
		for (size_t i = 0; i < len; i++)
			f->at[i] = f->one[i];
		for (size_t i = 0; i < len; i++)
			f->at[i] = f->two[i];
	}
	return NULL;
}

static void start_flipping(const struct flip *f)
{
	pthread_t t;

	if (pthread_create(&t, NULL, flipper, (void *)(uintptr_t)f))
		_exit(95);
}

/* FS-10: the name changes while it is judged. */
static int race_for(const char *harmless, int flags)
{
	static char path[64];
	struct flip f = { path, harmless, SECRET };
	struct stat st;

	strcpy(path, harmless);
	start_flipping(&f);
	for (int i = 0; i < TRIES && stat(lab_env("KT_CANARY"), &st) < 0; i++) {
		leak(open(path, flags));
		let_flip(&flips, i);
	}
	return EACCES;
}

static int a_race_name(void)
{
	return race_for("w/fine", O_RDONLY);
}

static int a_race_both(void)
{
	return race_for("w/fine", O_RDWR);
}

static int a_race_missing(void)
{
	return race_for("w/none", O_RDWR | O_CREAT);
}

/* What is let go on for one kind of file must not be another's. */
static int a_race_fifo(void)
{
	mkfifo("w/fifo", 0600);
	open("w/fifo", O_RDWR);
	return race_for("w/fifo", O_RDONLY | O_NONBLOCK);
}

static int a_race_device(void)
{
	return race_for("/dev/null\0\0\0", O_RDONLY);
}

/* One that is not opened for the caller, but let go on. */
static int a_race_terminal(void)
{
	return race_for("/dev/ptmx\0\0\0", O_RDONLY | O_NOCTTY | O_NONBLOCK);
}

static void *flip_flags(void *arg)
{
	volatile uint64_t *now = arg;

	for (;; flips++) {
		*now = O_PATH;
		*now = O_RDONLY;
	}
	return NULL;
}

/* FS-06: what is asked for stands in memory, and is more than it was by the time the call is made. */
static int a_race_how(void)
{
	static struct open_how h = { .flags = O_PATH };
	struct stat st;
	pthread_t t;

	if (pthread_create(&t, NULL, flip_flags, &h.flags))
		return 95;
	for (int i = 0; i < TRIES && stat(lab_env("KT_CANARY"), &st) < 0; i++) {
		leak((int)syscall(SYS_openat2, AT_FDCWD, SECRET, &h, sizeof h));
		let_flip(&flips, i);
	}
	return EACCES;
}

/* FS-11: the link changes. */
static int a_race_link(void)
{
	volatile unsigned long *turns = shared_flips();
	pid_t pid = fork();
	struct stat st;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;; ++*turns) {
			symlink("w/fine", "swap");
			rename("swap", "l");
			symlink(SECRET, "swap");
			rename("swap", "l");
		}
	}
	for (int i = 0; i < TRIES && stat(lab_env("KT_CANARY"), &st) < 0; i++) {
		leak(open("l", O_RDONLY));
		let_flip(turns, i);
	}
	kill(pid, SIGKILL);
	return EACCES;
}

/* FS-11: a directory on the way changes. */
static int a_race_directory(void)
{
	volatile unsigned long *turns = shared_flips();
	pid_t pid = fork();
	struct stat st;

	mkdir("x", 0755);
	put_file("x/file", "fine", 0600);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (;; ++*turns) {
			symlink("x", "swap");
			rename("swap", "d");
			symlink("vault", "swap");
			rename("swap", "d");
		}
	}
	for (int i = 0; i < TRIES && stat(lab_env("KT_CANARY"), &st) < 0; i++) {
		leak(open("d/file", O_RDWR));
		let_flip(turns, i);
	}
	kill(pid, SIGKILL);
	return EACCES;
}

/* ---- as somebody else (root's sessions) ------------------------------------------------------------------
 */

static int become(uid_t uid)
{
	gid_t gid = uid;

	return setgroups(1, &gid) < 0 || setgid(gid) < 0 || setuid(uid) < 0 ? -1 : 0;
}

/* FS-29: files of root's in an allowed tree. The canary is what root may read. */
static int a_roots_file(void)
{
	int error;

	if (getuid() == 0 && become(30001) < 0)
		return 95;
	error = open("w/roots", O_RDONLY) < 0 ? errno : 0;
	if (!error)
		lab_mark("reached\n");
	return error;
}

static int a_roots_directory(void)
{
	int error;

	if (getuid() == 0 && become(30001) < 0)
		return 95;
	error = open("w/private/file", O_RDONLY) < 0 ? errno : 0;
	if (!error)
		lab_mark("reached\n");
	return error;
}

/* FS-29: in a directory like /tmp O_CREAT opens no file that somebody else has put there. */
static int a_bait(void)
{
	int fd = open("sticky/bait", O_WRONLY | O_CREAT, 0600), error = fd < 0 ? errno : 0;

	if (fd >= 0 && write(fd, "taken", 5) == 5)
		lab_mark("reached\n");
	return error;
}

/* FS-29: nor is a link followed there. */
static int a_trap(void)
{
	return leak(open("sticky/trap", O_RDONLY));
}

/* FS-16: the environment of a process outside of the session. */
static int a_outsider(void)
{
	char path[64], text[64] = "";
	int fd, n;

	snprintf(path, sizeof path, "/proc/%s/environ", lab_env("KT_OUTSIDER"));
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return errno;
	n = (int)read(fd, text, sizeof text - 1);
	if (n > 0)
		lab_mark("reached\n");
	return n < 0 ? errno : 0;
}

/* By the links of a process that may not be looked into: another's word for where it is. */
static int by_outsider(const char *link)
{
	char before[64], got[8] = "";
	int fd;

	snprintf(before, sizeof before, "/proc/%s/%s", lab_env("KT_OUTSIDER"), link);
	fd = open(here(before, "/w/fine"), O_RDONLY);
	if (fd < 0)
		return errno;
	if (read(fd, got, sizeof got - 1) == 4)
		lab_mark("reached\n");
	return 0;
}

static int a_outsiders_root(void)
{
	return by_outsider("root");
}

static int a_outsiders_thread(void)
{
	char link[64];

	snprintf(link, sizeof link, "task/%s/root", lab_env("KT_OUTSIDER"));
	return by_outsider(link);
}

/* Opens until that fails. */
static int a_starved(void)
{
	lab_mark("started\n");
	for (;;) {
		int fd = open("w/fine", O_RDONLY);

		if (fd < 0)
			return errno;
		close(fd);
	}
}

static int day_another_user(void)
{
	struct stat st;
	int fd;

	if (getuid() != 0)
		return 0;
	NEED(become(30001) == 0);
	umask(077);
	NEED((fd = open("theirs", O_WRONLY | O_CREAT | O_EXCL, 0666)) >= 0);
	NEED(fstat(fd, &st) == 0 && st.st_uid == 30001 && st.st_gid == 30001 && (st.st_mode & 0777) == 0600);
	FAILS(open("w/roots", O_RDONLY), EACCES);
	FAILS(open("w/private/file", O_RDONLY), EACCES);
	FAILS(open("w/private/new", O_WRONLY | O_CREAT, 0600), EACCES);
	FAILS(open("/etc/shadow", O_RDONLY), EACCES);
	NEED(holds(open("w/fine", O_RDONLY), "fine"));
	return 0;
}
