/* Where the file system shares blocks (FICLONE: XFS, Btrfs) what is written over is kept whatever its size,
 * and takes no room; on others a file above the limit is not. */
#include "journal/record.h"
#include "test/t.h"
#include "test/unit/journal_top.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

enum { MIB = 1 << 20, SIZE = 16 * MIB, IMAGE = 320 * MIB };

static char base[] = "/tmp/reflink.XXXXXX", image[64], where[64];

static bool shell(const char *format, const char *one, const char *other)
{
	char line[256];

	snprintf(line, sizeof line, format, one, other);
	return system(line) == 0;
}

static bool begin(void)
{
	int fd;

	if (geteuid() != 0 || !shell("command -v mkfs.xfs >/dev/null", "", ""))
		t_skip_all("not root, or no mkfs.xfs");
	if (!mkdtemp(base))
		return ok(false, "a directory");
	snprintf(image, sizeof image, "%s/image", base);
	snprintf(where, sizeof where, "%s/mount", base);
	fd = open(image, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return ok(fd >= 0 && ftruncate(fd, IMAGE) == 0 && close(fd) == 0 && mkdir(where, 0755) == 0 &&
	                  shell("mkfs.xfs -q -m reflink=1 %s%s", image, ""),
	          "a file system that shares blocks") &&
	       ok(shell("mount -o loop %s %s", image, where), "is mounted");
}

static void end(void)
{
	ok(umount(where) == 0, "unmounted");
	ok(unlink(image) == 0 && rmdir(where) == 0 && rmdir(base) == 0, "nothing is left");
}

/* Bytes that are in use there. */
static uint64_t used(void)
{
	struct statvfs v;
	int fd = open(where, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0 || fstatvfs(fd, &v) < 0)
		return 0;
	close(fd);
	return (uint64_t)(v.f_blocks - v.f_bfree) * v.f_frsize;
}

static void fill(const char *path, char with)
{
	static char block[MIB];
	int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);

	memset(block, with, sizeof block);
	for (int i = 0; i < SIZE / MIB; i++)
		if (write(fd, block, sizeof block) != sizeof block)
			ok(false, "write %s", path);
	close(fd);
}

static bool is_filled(const char *path, char with)
{
	static char block[MIB];
	int fd = open(path, O_RDONLY | O_CLOEXEC), n = 0;

	while (read(fd, block, sizeof block) == sizeof block && block[0] == with && block[MIB - 1] == with)
		n++;
	close(fd);
	return n == SIZE / MIB;
}

/* What is said of a file that is larger than what is copied. */
static int keep(int dir, char *token)
{
	const struct journal_log_options o = { .at = dir,
		                               .store = JOURNAL_STORE,
		                               .session = "s",
		                               .copy_max = MIB,
		                               .quota = -1,
		                               .ttl_ns = -1,
		                               .strict = true };
	struct journal_act a = { .kind = JOURNAL_WRITE,
		                 .dirfd = dir,
		                 .name = "a",
		                 .path = at("a"),
		                 .to_dirfd = -1,
		                 .command = "c" };
	struct journal_log *log;
	struct err e;
	int rc;

	if (!ok(journal_log_open(&log, &o, &e) == 0, "a journal"))
		return -1;
	rc = journal_act(log, &a, token, &e) == 0 ? 0 : e.code;
	journal_log_close(log);
	return rc;
}

T_CASE(shared)
{
	char token[JOURNAL_TOKEN], version[PATH_MAX];
	uint64_t before;
	int dir;

	if (!begin())
		return;
	if (!make_top(where))
		return;
	dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fill(at("a"), 'a');
	before = used();
	is_int(keep(dir, token), 0, "it is kept");
	ok(used() < before + 4 * MIB, "and takes no room");
	fill(at("a"), 'b');
	snprintf(version, sizeof version, "%s/" JOURNAL_STORE "/payload/%s", top, token);
	ok(is_filled(version, 'a') && is_filled(at("a"), 'b'), "the old is there beside the new");
	close(dir);
	remove_top();
	end();
}

T_CASE(not_shared)
{
	char token[JOURNAL_TOKEN];
	int dir;

	if (!make_top("/dev/shm"))
		return;
	dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	fill(at("a"), 'a');
	is_int(keep(dir, token), EFBIG, "a file above the limit is not kept: not written to either");
	close(dir);
	remove_top();
}
