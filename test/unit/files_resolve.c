/* enforce/files/resolve.c against the kernel: random paths must lead to the same place with the same errors.
 */
#include "enforce/files/resolve.h"
#include "sys/proc.h"
#include "test/t.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char top[64];

static struct caller self(void)
{
	return (struct caller){ .tid = getpid(), .pid = getpid(), .uid = geteuid(), .root = -1 };
}

static void put(const char *name)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	if (fd >= 0)
		close(fd);
}

static bool build(void)
{
	char absolute[128];

	if (top[0])
		return true;
	strcpy(top, "/tmp/agentsh-resolve.XXXXXX");
	if (!mkdtemp(top) || chdir(top) < 0)
		return false;
	mkdir("a", 0755);
	mkdir("a/b", 0755);
	mkdir("a/b/c", 0755);
	put("f");
	put("a/f");
	put("a/b/c/f");
	mkfifo("p", 0644);
	snprintf(absolute, sizeof absolute, "%s/a/b", top);
	return symlink("a", "l") == 0 && symlink("a/b/", "m") == 0 && symlink(absolute, "abs") == 0 &&
	       symlink("../f", "a/up") == 0 && symlink("nothing", "dangling") == 0 &&
	       symlink("loop", "loop") == 0 && symlink("l/b/../up", "chain") == 0 &&
	       symlink("f/", "slashed") == 0 && symlink("/", "root") == 0 && symlink(".", "dot") == 0 &&
	       symlink("/proc/self/cwd", "me") == 0 && symlink("dangling", "a/b/far") == 0;
}

static void clean(void)
{
	char command[100];

	snprintf(command, sizeof command, "rm -rf '%s'", top);
	if (top[0] && system(command) != 0)
		printf("# %s is left\n", top);
}

__attribute__((constructor)) static void at_end(void)
{
	atexit(clean);
}

static const char *const parts[] = { "a",   "b",    "c",           "f",    "p",     "l",       "m",
	                             "abs", "up",   "dangling",    "loop", "chain", "slashed", "root",
	                             "dot", "..",   ".",           "",     "tmp",   "far",     "me",
	                             "a",   "b",    "proc",        "self", "cwd",   "fd",      "0",
	                             "9",   "task", "thread-self", "exe",  "net",   "status" };

static uint32_t seed = 1;

static uint32_t number(uint32_t below)
{
	seed = seed * 1664525 + 1013904223;
	return (seed >> 8) % below;
}

static void make_path(char *out)
{
	static const char *const starts[] = { "", "", "", "/", "//", "/proc/", "/proc/self/", "/dev/" };

	strcpy(out, starts[number(8)]);
	for (uint32_t i = 0, n = 1 + number(6); i < n; i++) {
		strcat(out, parts[number(sizeof parts / sizeof *parts)]);
		if (i + 1 < n || number(5) == 0)
			strcat(out, number(9) ? "/" : "//");
	}
}

static const char *name_of(int fd, char *out)
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, out, PATH_MAX - 1);
	out[n < 0 ? 0 : n] = 0;
	return out;
}

/* Both ways; says so when they differ. */
static bool same(int dirfd, const char *path, bool follow, uint64_t resolve)
{
	struct caller c = self();
	struct place_request r = {
		.dirfd = dirfd, .path = path, .flags = follow ? PLACE_FOLLOW : 0, .resolve = resolve
	};
	int fd = proc_openat2(dirfd, path, O_PATH | (follow ? 0 : O_NOFOLLOW), resolve);
	int want = fd < 0 ? errno : 0, got;
	char name[PATH_MAX] = "";
	struct stat st = { 0 };
	struct place p;
	bool good;

	got = resolve_place(&c, &r, &p);
	if (fd >= 0) {
		fstat(fd, &st);
		name_of(fd, name);
	}
	good = got == want && (got || (p.st.st_ino == st.st_ino && p.st.st_dev == st.st_dev));
	/* What has no name, and descriptors that we hold ourselves, have other names. */
	if (good && !got && name[0] == '/' && !p.nameless && !strstr(name, " (deleted)"))
		good = !strcmp(p.path, name);
	if (!good)
		printf("# \"%s\" follow %d resolve %llx: %s, want %s; %s, want %s\n", path, follow,
		       (unsigned long long)resolve, strerror(got), strerror(want), got ? "" : p.path, name);
	if (!got)
		resolve_release(&p);
	if (fd >= 0)
		close(fd);
	return good;
}

T_CASE(random_paths)
{
	static const uint64_t ways[] = { 0,
		                         0,
		                         RESOLVE_NO_SYMLINKS,
		                         RESOLVE_NO_MAGICLINKS,
		                         RESOLVE_BENEATH,
		                         RESOLVE_IN_ROOT,
		                         RESOLVE_NO_XDEV,
		                         RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS };
	char path[512];
	int dir, bad = 0;

	if (!ok(build(), "a tree"))
		return;
	dir = open("a/b", O_PATH | O_DIRECTORY | O_CLOEXEC);
	for (int i = 0; i < 60000 && bad < 20; i++) {
		make_path(path);
		bad += !same(number(3) ? AT_FDCWD : dir, path, number(2), ways[number(8)]);
	}
	is_int(bad, 0, "as the kernel resolves them");
	close(dir);
}

T_CASE(limits)
{
	char *path = malloc(PATH_MAX + 16);
	char name[NAME_MAX + 8];

	if (!ok(build() && path, "a tree"))
		return;
	memset(path, '/', PATH_MAX + 8);
	path[PATH_MAX + 8] = 0;
	ok(same(AT_FDCWD, path, true, 0), "too long");
	path[PATH_MAX - 1] = 0;
	ok(same(AT_FDCWD, path, true, 0), "the longest");
	path[PATH_MAX - 2] = 'f';
	ok(same(AT_FDCWD, path, true, 0), "the longest that leads nowhere");
	memset(name, 'x', sizeof name);
	name[NAME_MAX] = 0;
	ok(same(AT_FDCWD, name, true, 0), "longest name");
	name[NAME_MAX] = 'x';
	name[NAME_MAX + 1] = 0;
	ok(same(AT_FDCWD, name, true, 0), "too long a name");
	ok(same(AT_FDCWD, "", true, 0), "empty");
	ok(same(4000, "f", true, 0), "bad descriptor");
	ok(same(-1, "f", true, 0), "no descriptor");
	free(path);
}

static struct place find(const char *path, unsigned flags, int *error)
{
	struct caller c = self();
	struct place p;

	*error = resolve_place(&c, &(struct place_request){ AT_FDCWD, path, flags, 0 }, &p);
	return p;
}

T_CASE(names)
{
	struct place p;
	int error;

	if (!ok(build(), "a tree"))
		return;
	p = find("l/new", PLACE_NAME, &error);
	ok(!error && p.parent >= 0 && p.object < 0 && !strcmp(p.name, "new"), "a name that is free");
	ok(!strcmp(p.path + strlen(top), "/a/new"), "and its path: %s", p.path);
	resolve_release(&p);
	p = find("l/", PLACE_NAME, &error);
	ok(!error && S_ISLNK(p.st.st_mode) && !strcmp(p.name, "l/") && p.slash, "a link is not followed");
	resolve_release(&p);
	p = find("dangling", PLACE_FOLLOW | PLACE_MISS, &error);
	ok(!error && p.object < 0 && !strcmp(p.name, "nothing"), "what O_CREAT would make");
	resolve_release(&p);
	p = find("a/..", PLACE_NAME, &error);
	ok(!error && !strcmp(p.name, "..") && S_ISDIR(p.st.st_mode), "..");
	is_str(p.path, top, "is the directory itself");
	resolve_release(&p);
	p = find("/", PLACE_NAME, &error);
	ok(!error && !strcmp(p.name, "/") && !strcmp(p.path, "/"), "the root");
	resolve_release(&p);
	find("missing/x", PLACE_NAME, &error);
	is_int(error, ENOENT, "no directory");
}

T_CASE(nameless)
{
	int ends[2], error, fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	struct place p;
	char path[40];

	if (!ok(pipe(ends) == 0, "a pipe"))
		return;
	snprintf(path, sizeof path, "/dev/fd/%d", ends[0]);
	p = find(path, PLACE_FOLLOW, &error);
	ok(!error && p.nameless && S_ISFIFO(p.st.st_mode), "has no name");
	resolve_release(&p);
	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	p = find(path, PLACE_FOLLOW, &error);
	ok(!error && !strncmp(p.path, "/tmp/#", 6) && !strchr(p.path, ' '), "unnamed file: %s", p.path);
	resolve_release(&p);
	put("gone");
	close(fd);
	fd = open("gone", O_RDONLY | O_CLOEXEC);
	link("gone", "stays");
	unlink("gone");
	snprintf(path, sizeof path, "/proc/thread-self/fd/%d", fd);
	p = find(path, PLACE_FOLLOW, &error);
	ok(!error && !p.nameless && !strcmp(p.path + strlen(top), "/gone"), "deleted: by the name it had");
	resolve_release(&p);
	close(fd);
	close(ends[0]);
	close(ends[1]);
}

T_CASE(deleted_directory)
{
	struct place p;
	int error;

	if (!ok(build() && mkdir("dead", 0755) == 0 && chdir("dead") == 0 && rmdir("../dead") == 0, "one"))
		return;
	ok(same(AT_FDCWD, "x", true, 0), "a name");
	ok(same(AT_FDCWD, ".", true, 0), "itself");
	ok(same(AT_FDCWD, "..", true, 0), "its parent");
	p = find("x", PLACE_NAME, &error);
	ok(!error && p.nameless, "a name in it is nowhere");
	ok(mkdirat(p.parent, p.name, 0755) < 0 && errno == ENOENT, "nothing is made in it");
	resolve_release(&p);
	ok(chdir(top) == 0, "back");
}

T_CASE(others)
{
	struct caller c = self();
	struct place p;

	/* Somebody who is in no session may not be looked into. */
	c.pid = c.tid = getppid();
	c.command = 7;
	char path[64];

	snprintf(path, sizeof path, "/proc/%d/root/etc", (int)getpid());
	is_int(resolve_place(&c, &(struct place_request){ AT_FDCWD, path, PLACE_FOLLOW, 0 }, &p), EACCES,
	       "another's root directory");
	snprintf(path, sizeof path, "/proc/%d/fd/0", (int)getpid());
	is_int(resolve_place(&c, &(struct place_request){ AT_FDCWD, path, PLACE_FOLLOW, 0 }, &p), EACCES,
	       "another's descriptor");
	snprintf(path, sizeof path, "/proc/%d/stat", (int)getpid());
	is_int(resolve_place(&c, &(struct place_request){ AT_FDCWD, path, PLACE_FOLLOW, 0 }, &p), 0,
	       "what is no link");
	ok(p.foreign, "is known to be another's");
	resolve_release(&p);
}
