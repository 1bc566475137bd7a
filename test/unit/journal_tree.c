#include "journal/tree.h"

#include "base/fd.h"
#include "test/t.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

static char top[64];
static int dir = -1;

static bool begin(void)
{
	strcpy(top, "/tmp/agentsh-test-XXXXXX");
	if (!ok(mkdtemp(top) != NULL))
		return false;
	dir = open(top, O_RDONLY | O_DIRECTORY);
	return dir >= 0;
}

static void end(void)
{
	fd_close(&dir);
	dir = open("/tmp", O_RDONLY | O_DIRECTORY);
	ok(tree_remove(dir, top + 5, NULL) == 0);
	fd_close(&dir);
}

static int write_at(int at, const char *name, const char *text)
{
	int fd = openat(at, name, O_WRONLY | O_CREAT | O_EXCL, 0640);
	int rc = fd < 0 ? -1 : fd_write(fd, text, strlen(text));

	close(fd);
	return rc;
}

static struct stat look(const char *name)
{
	struct stat st = { 0 };

	ok(fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0, "%s is there", name);
	return st;
}

T_CASE(a_copy_is_the_same)
{
	const struct timespec times[2] = { { 100, 1 }, { 200, 2 } };
	struct stat a, b;
	char text[16] = "";
	struct err e;

	if (!begin())
		return;
	ok(mkdirat(dir, "t", 0750) == 0 && mkdirat(dir, "t/sub", 01755) == 0 &&
	   write_at(dir, "t/f", "text") == 0);
	ok(linkat(dir, "t/f", dir, "t/sub/g", 0) == 0 && symlinkat("nowhere", dir, "t/l") == 0 &&
	   mkfifoat(dir, "t/p", 0601) == 0);
	ok(fchmodat(dir, "t/f", 04751, 0) == 0 && utimensat(dir, "t/f", times, 0) == 0 &&
	   utimensat(dir, "t", times, 0) == 0);
	ok(tree_copy(dir, "t", dir, "c", &e) == 0, "%s", e.text);
	a = look("c/f");
	b = look("c/sub/g");
	ok(a.st_ino == b.st_ino && a.st_nlink == 2, "two names, one file");
	ok((a.st_mode & 07777) == 04751 && a.st_mtim.tv_sec == 200 && a.st_mtim.tv_nsec == 2);
	b = look("c");
	ok((b.st_mode & 07777) == 0750 && b.st_mtim.tv_sec == 200, "a directory's time is set last");
	ok((look("c/sub").st_mode & 07777) == 01755);
	ok(S_ISFIFO(look("c/p").st_mode) && (look("c/p").st_mode & 0777) == 0601);
	ok(readlinkat(dir, "c/l", text, sizeof text) == 7 && !memcmp(text, "nowhere", 7));
	ok(tree_copy(dir, "t", dir, "c", &e) < 0, "over nothing that is there: %s", e.text);
	ok(look("c/f").st_ino == a.st_ino);
	end();
}

T_CASE(attributes_and_holes)
{
	struct stat st;
	struct err e;
	char value[8] = "";
	int fd;

	if (!begin())
		return;
	fd = openat(dir, "f", O_RDWR | O_CREAT, 0600);
	ok(fd >= 0 && pwrite(fd, "x", 1, 64 << 20) == 1);
	if (fsetxattr(fd, "user.k", "v", 1, 0) == 0) {
		ok(tree_copy(dir, "f", dir, "g", &e) == 0, "%s", e.text);
		close(fd);
		fd = openat(dir, "g", O_RDONLY);
		ok(fgetxattr(fd, "user.k", value, sizeof value) == 1 && value[0] == 'v');
	} else {
		ok(tree_copy(dir, "f", dir, "g", &e) == 0, "%s", e.text);
	}
	close(fd);
	st = look("g");
	ok(st.st_size == (64 << 20) + 1 && st.st_blocks < 2048, "a hole stays one");
	end();
}

T_CASE(as_deep_as_you_like)
{
	enum { DEPTH = 3000 };
	int at, next;
	struct err e;
	uint64_t bytes;

	if (!begin())
		return;
	at = dup(dir);
	for (int i = 0; i < DEPTH && at >= 0; i++) {
		if (mkdirat(at, "deep", 0755) < 0)
			break;
		next = openat(at, "deep", O_RDONLY | O_DIRECTORY);
		close(at);
		at = next;
	}
	ok(at >= 0 && write_at(at, "end", "12345") == 0);
	close(at);
	ok(tree_measure(dir, "deep", &bytes, &e) == 0 && bytes == 5, "measured");
	ok(tree_copy(dir, "deep", dir, "copy", &e) == 0, "copied: %s", e.text);
	ok(tree_measure(dir, "copy", &bytes, &e) == 0 && bytes == 5);
	ok(tree_remove(dir, "deep", &e) == 0 && faccessat(dir, "deep", F_OK, 0) < 0, "removed");
	end();
}

/* Somebody moves a directory away while it is walked. */
static int mover(void *arg, enum tree_step step, int dirfd, const char *name, const struct stat *st,
                 struct err *e)
{
	(void)arg;
	(void)dirfd;
	(void)st;
	(void)e;
	if (step == TREE_LEAF && !strcmp(name, "f"))
		ok(renameat(dir, "t/a", dir, "outside") == 0);
	return step == TREE_LEAVE ? unlinkat(dirfd, name, AT_REMOVEDIR) & 0 : 0;
}

T_CASE(what_is_moved_away_is_not_followed)
{
	struct err e = { 0 };

	if (!begin())
		return;
	ok(mkdirat(dir, "t", 0755) == 0 && mkdirat(dir, "t/a", 0755) == 0 &&
	   write_at(dir, "t/a/f", "") == 0 && mkdirat(dir, "victim", 0755) == 0);
	ok(tree_walk(dir, "t", mover, NULL, &e) < 0 && strstr(e.text, "moved meanwhile") != NULL, "%s",
	   e.text);
	look("victim");
	end();
}

T_CASE(links_are_not_followed)
{
	struct err e;
	uint64_t bytes;

	if (!begin())
		return;
	ok(mkdirat(dir, "t", 0755) == 0 && mkdirat(dir, "other", 0755) == 0 &&
	   write_at(dir, "other/f", "precious") == 0 && symlinkat("../other", dir, "t/l") == 0);
	ok(tree_measure(dir, "t", &bytes, &e) == 0 && bytes == 0);
	ok(tree_remove(dir, "t", &e) == 0);
	look("other/f");
	end();
}
