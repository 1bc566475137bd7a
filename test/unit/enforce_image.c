/* The file that will run, by every way to name it; and who may lend it a name. */
#include "enforce/exec/image.h"

#include "test/t.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AT_EMPTY_PATH
#define AT_EMPTY_PATH 0x1000
#endif

static struct image_cache *cache;
static struct image image;
static char dir[64], path[PATH_MAX];
static pid_t child; /* sits in `dir`, has descriptors 10 (the folder) and 11 (the program) */
static int to_child = -1;

static const char *in_dir(const char *name)
{
	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void put(const char *name, const char *text, size_t len)
{
	int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0755);

	if (fd < 0 || write(fd, text, len) != (ssize_t)len)
		ok(false, "write %s", name);
	close(fd);
}

static void script(const char *name, const char *text)
{
	put(name, text, strlen(text));
}

static void end(void)
{
	char command[128];

	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	snprintf(command, sizeof command, "rm -rf '%s'", dir);
	if (system(command) != 0)
		fprintf(stderr, "# %s stays\n", dir);
}

static void begin(void)
{
	int ends[2];
	char c;

	if (dir[0])
		return;
	strcpy(dir, "/tmp/agentsh-image-XXXXXX");
	if (!mkdtemp(dir) || pipe(ends))
		exit(1);
	cache = image_cache_new(NULL);
	put("program", "\177ELF....", 8);
	if (mkdir(in_dir("sub"), 0755))
		exit(1);
	child = fork();
	if (child == 0) {
		if (chdir(dir) || dup2(open(".", O_PATH), 10) != 10 ||
		    dup2(open("program", O_PATH), 11) != 11)
			_exit(1);
		if (write(ends[1], "r", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	if (read(ends[0], &c, 1) != 1)
		exit(1);
	close(ends[0]);
	to_child = ends[1];
	atexit(end);
}

static int find(int dirfd, const char *given, int flags)
{
	memset(&image, 0, sizeof image);
	return image_find(cache, child, dirfd, given, flags, &image);
}

/* Twice: the second answer may come from what is remembered. */
static void is_program(int dirfd, const char *given, int flags)
{
	for (int i = 0; i < 2; i++) {
		is_int(find(dirfd, given, flags), 0, "'%s' is found", given);
		is_str(image.path, in_dir("program"), "'%s' is the program", given);
		is_int(image.kind, IMAGE_BINARY);
	}
}

static void link_to(const char *target, const char *name)
{
	ok(symlink(target, in_dir(name)) == 0, "link %s -> %s", name, target);
}

T_CASE(names)
{
	char text[PATH_MAX + 64];

	begin();
	snprintf(text, sizeof text, "%s/program", dir);
	is_program(AT_FDCWD, text, 0);
	snprintf(text, sizeof text, "//%s/./sub/..//program", dir);
	is_program(AT_FDCWD, text, 0);
	is_program(AT_FDCWD, "program", 0);
	is_program(AT_FDCWD, "./sub/../program", 0);
	is_program(10, "program", 0);
	is_program(10, "program", AT_SYMLINK_NOFOLLOW);
	is_program(11, "", AT_EMPTY_PATH);
	is_program(AT_FDCWD, "/proc/self/cwd/program", 0);
	is_program(AT_FDCWD, "/proc/thread-self/cwd/program", 0);
	is_program(AT_FDCWD, "/proc/self/fd/10/program", 0);
	is_program(AT_FDCWD, "/proc/self/fd/11", 0);
	is_program(AT_FDCWD, "/dev/fd/11", 0);
	snprintf(text, sizeof text, "/proc/%d/cwd/program", child);
	is_program(AT_FDCWD, text, 0);
	snprintf(text, sizeof text, "/proc/self/root%s/program", dir);
	is_program(AT_FDCWD, text, 0);
	snprintf(text, sizeof text, "/proc/self/task/%d/root/../%s/program", child, dir);
	is_program(AT_FDCWD, text, 0);
	snprintf(text, sizeof text, "../../../../../proc/self/cwd/sub/../program");
	is_program(AT_FDCWD, text, 0);
}

T_CASE(links)
{
	begin();
	link_to("program", "a");
	link_to("./a", "b");
	link_to(".", "here");
	link_to("/proc/self/cwd", "magic");
	link_to("loop", "loop");
	is_program(AT_FDCWD, "a", 0);
	is_program(AT_FDCWD, "b", 0);
	is_program(AT_FDCWD, "here/here/b", 0);
	is_program(AT_FDCWD, "magic/here/a", 0);
	is_int(find(AT_FDCWD, "a", AT_SYMLINK_NOFOLLOW), ELOOP, "not to be followed");
	is_int(find(AT_FDCWD, "/proc/self/fd/11", AT_SYMLINK_NOFOLLOW), ELOOP, "nor a magic one");
	is_int(find(AT_FDCWD, "loop", 0), ELOOP, "a loop");
	is_int(find(AT_FDCWD, "magic/loop", 0), ELOOP, "a loop behind a magic link");
	is_int(find(AT_FDCWD, "here/here/b", AT_SYMLINK_NOFOLLOW), ELOOP, "the last one only");
	is_program(AT_FDCWD, "here/program", AT_SYMLINK_NOFOLLOW);
}

T_CASE(failures)
{
	static char longest[PATH_MAX + 10];

	begin();
	is_int(find(AT_FDCWD, "none", 0), ENOENT);
	is_int(find(AT_FDCWD, "", 0), ENOENT, "no name");
	is_int(find(11, "", 0), ENOENT, "no name and no flag");
	is_int(find(77, "program", 0), EBADF, "no such descriptor");
	is_int(find(-5, "", AT_EMPTY_PATH), EBADF, "no descriptor at all");
	is_int(find(AT_FDCWD, "program/x", 0), ENOTDIR);
	is_int(find(11, "x", 0), ENOTDIR, "a file for a folder");
	is_int(find(AT_FDCWD, "/proc/self/fd/77", 0), ENOENT);
	memset(longest, 'x', sizeof longest - 1);
	is_int(find(AT_FDCWD, longest, 0), ENAMETOOLONG);
	ok(find(AT_FDCWD, "sub", 0) == 0 && S_ISDIR(image.mode), "a folder is found, and is no file");
}

static void head(const char *text, enum image_kind kind, const char *interp, const char *arg)
{
	begin();
	unlink(in_dir("script"));
	script("script", text);
	is_int(find(AT_FDCWD, "script", 0), 0);
	is_int(image.kind, kind, "'%.40s'", text);
	if (kind == IMAGE_SCRIPT) {
		is_str(image.interp, interp);
		is_str(image.arg, arg);
	}
}

T_CASE(first_lines)
{
	static char text[600];

	head("#!/bin/sh\n", IMAGE_SCRIPT, "/bin/sh", "");
	head("#!/bin/sh", IMAGE_SCRIPT, "/bin/sh", "");
	head("#! \t/bin/sh \t \n", IMAGE_SCRIPT, "/bin/sh", "");
	head("#!/usr/bin/env -S a b  c\t\n", IMAGE_SCRIPT, "/usr/bin/env", "-S a b  c");
	head("#!/bin/sh\r\n", IMAGE_SCRIPT, "/bin/sh\r", "");
	head("#!sh -e\nx", IMAGE_SCRIPT, "sh", "-e");
	head("#!\n", IMAGE_OTHER, "", "");
	head("#!   \n", IMAGE_OTHER, "", "");
	head("echo\n", IMAGE_OTHER, "", "");
	head("", IMAGE_OTHER, "", "");
	head("#", IMAGE_OTHER, "", "");
	head("\177EL", IMAGE_OTHER, "", "");
	head("\177ELF", IMAGE_BINARY, "", "");
	memset(text, 'x', sizeof text - 1);
	memcpy(text, "#!/a ", 5);
	begin();
	unlink(in_dir("script"));
	script("script", text);
	ok(find(AT_FDCWD, "script", 0) == 0 && !strcmp(image.interp, "/a") && strlen(image.arg) == 250,
	   "no more than the kernel reads");
}

T_CASE(changed_files)
{
	begin();
	unlink(in_dir("script"));
	script("script", "#!/bin/sh\n");
	ok(find(AT_FDCWD, in_dir("script"), 0) == 0 && image.kind == IMAGE_SCRIPT, "first");
	usleep(20000); /* the clock of the file system */
	script("script", "#!/bin/ed\n");
	ok(find(AT_FDCWD, in_dir("script"), 0) == 0 && !strcmp(image.interp, "/bin/ed"),
	   "rewritten, of the same size");
	unlink(in_dir("script"));
	put("script", "\177ELF", 4);
	ok(find(AT_FDCWD, in_dir("script"), 0) == 0 && image.kind == IMAGE_BINARY, "replaced");
	ok(unlink(in_dir("script")) == 0 && find(AT_FDCWD, in_dir("script"), 0) == ENOENT, "gone");
}

/* A lease lets the kernel wait and us not: what is in the file is then not known. */
T_CASE(leased)
{
	int fd;

	begin();
	script("leased", "#!/bin/sh\n");
	fd = open(in_dir("leased"), O_RDWR);
	signal(SIGIO, SIG_IGN);
	if (fcntl(fd, F_SETLEASE, F_WRLCK) < 0)
		t_skip("no leases here");
	else
		ok(find(AT_FDCWD, "leased", 0) != 0, "a file under a lease is not taken for a binary");
	close(fd);
}

T_CASE(nameless)
{
	char text[64];
	int fd = memfd_create("harmless", 0);

	begin();
	if (write(fd, "\177ELF", 4) != 4)
		return;
	snprintf(text, sizeof text, "/proc/%d/fd/%d", getpid(), fd);
	is_int(find(AT_FDCWD, text, 0), 0);
	is_str(image.path, "/memfd:harmless (deleted)");
	close(fd);
}

static bool has_alias(const char *name, bool trusted)
{
	for (size_t i = 0; i < image.n_alias; i++)
		if (!strcmp(image.alias[i], name))
			return image.trusted[i] == trusted;
	return false;
}

/* Only as root can a place be made that only root can change. */
T_CASE(names_that_links_lend)
{
	char text[PATH_MAX + 64];

	begin();
	if (geteuid() != 0) {
		t_skip("not root");
		return;
	}
	chmod(dir, 0755);
	link_to("program", "tool");
	is_int(find(AT_FDCWD, in_dir("tool"), 0), 0);
	ok(image.n_alias == 1 && has_alias("tool", true), "a link of root's");
	ok(mkdir(in_dir("open"), 0777) == 0 && chmod(in_dir("open"), 0777) == 0, "a place for all");
	link_to("../program", "open/mine");
	is_int(find(AT_FDCWD, in_dir("open/mine"), 0), 0);
	ok(has_alias("mine", false), "a link that anybody can change");
	link_to("open/mine", "through");
	is_int(find(AT_FDCWD, in_dir("through"), 0), 0);
	ok(has_alias("through", false) && has_alias("mine", false), "one of root's that leads through such");
	link_to("../tool", "open/first");
	is_int(find(AT_FDCWD, in_dir("open/first"), 0), 0);
	ok(has_alias("first", false) && has_alias("tool", true), "anybody's that leads to one of root's");

	/* By its letters the path leads to root's link "tool"; the kernel goes another way. */
	ok(mkdir(in_dir("open/x"), 0777) == 0 && mkdir(in_dir("open/x/y"), 0777) == 0, "folders");
	ok(chmod(in_dir("open/x"), 0777) == 0, "for all");
	put("open/x/tool", "\177ELFdenied", 10);
	link_to("open/x/y", "jump");
	snprintf(text, sizeof text, "%s/jump/../tool", dir);
	is_int(find(AT_FDCWD, text, 0), 0);
	is_str(image.path, in_dir("open/x/tool"));
	ok(!has_alias("tool", true), "dot-dot behind a link lends nothing");
	put("open/denied", "\177ELFdenied", 10);
	ok(unlink(in_dir("open/x/tool")) == 0, "the file becomes a link");
	link_to("../denied", "open/x/tool");
	is_int(find(AT_FDCWD, text, 0), 0);
	ok(has_alias("tool", false), "nor does a link at its place");
}

T_CASE(what_runs)
{
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);

	begin();
	exe[n > 0 ? n : 0] = 0;
	memset(&image, 0, sizeof image);
	is_int(image_running(child, &image), 0);
	is_int(image_name(child, &image), 0);
	is_str(image.path, exe);
	ok(image_running(999999999, &image) != 0, "nothing");
}
