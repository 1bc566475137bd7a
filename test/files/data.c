/* data - what is done with a descriptor: read, write, cut, map, lock, list. */
#include "test/files/fsops.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BLOCK = 65536 };
static char block[BLOCK];

/* Also a pipe or socket may hide behind a descriptor: none of these calls may wait. */
static int some_file(struct op *o)
{
	return world.slot[any_slot(o)];
}

static size_t some_size(struct op *o)
{
	static const size_t sizes[] = { 0, 1, 10, 100, 511, 4095, 4096, 4097, 10000, 65536 };

	return sizes[pick(o, chance(o, 80) ? 8 : 10)];
}

static off_t some_offset(struct op *o)
{
	return chance(o, 4) ? -1 : (off_t)pick(o, chance(o, 70) ? 9000 : 200000);
}

static size_t fill(struct op *o)
{
	size_t n = some_size(o);
	uint32_t first = pick(o, 251);

	for (size_t i = 0; i < n; i++)
		block[i] = (char)(first + i * 7 + i / 251);
	return n;
}

static void say_read(struct op *o, long n)
{
	if (got(o, n) > 0)
		say(o, " %016llx", (unsigned long long)hash_of(block, (size_t)n, 0));
}

static void do_read(struct op *o)
{
	int fd = some_file(o), how = (int)pick(o, 3);
	size_t n = some_size(o);
	off_t at = some_offset(o);

	say(o, "read%d %d %zu %lld", how, fd, n, (long long)at);
	if (how == 0)
		say_read(o, read(fd, block, n));
	else if (how == 1)
		say_read(o, pread(fd, block, n, at));
	else
		say_read(o, readv(fd, (struct iovec[]){ { block, n / 2 }, { block + n / 2, n - n / 2 } }, 2));
}

static bool is_full(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && st.st_size > SIZE_MAX_FILE;
}

static void do_write(struct op *o)
{
	int fd = some_file(o), how = (int)pick(o, 3);
	size_t n = fill(o);
	off_t at = some_offset(o);

	say(o, "write%d %d %zu %lld", how, fd, n, (long long)at);
	if (is_full(fd)) {
		say(o, " (full)");
		return;
	}
	if (how == 0)
		got(o, write(fd, block, n));
	else if (how == 1)
		got(o, world.view ? syscall(SYS_pwrite64, fd, block, n, at) : pwrite(fd, block, n, at));
	else
		got(o, writev(fd, (struct iovec[]){ { block, n / 2 }, { block + n / 2, n - n / 2 } }, 2));
}

static void do_seek(struct op *o)
{
	static const int whences[] = { SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE, 9 };
	int fd = some_file(o), whence = whences[pick(o, chance(o, 97) ? world.view ? 3 : 5 : 6)];
	off_t at = some_offset(o);
	struct stat st;

	/* What may be mapped for writing is all data there: test/kernel/fuse_content.c looks at holes. */
	if (world.view && (whence == SEEK_DATA || whence == SEEK_HOLE))
		whence = 9;
	say(o, "lseek %d %lld %d", fd, (long long)at, whence);
	/* Where a directory ends is each filesystem's own affair. */
	if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		return;
	got(o, lseek(fd, at, whence));
}

static void do_cut(struct op *o)
{
	static const int modes[] = { 0, 1 /* keep size */, 3 /* punch */, 0x10 /* zero */, 0x11,
		                     8 /* collapse */ };
	int fd = some_file(o);
	off_t at = some_offset(o);
	struct stat st;

	if (chance(o, 60)) {
		say(o, "ftruncate %d %lld", fd, (long long)at);
		got(o, ftruncate(fd, at));
		return;
	}
	int mode = modes[pick(o, world.view ? 5 : 6)];
	size_t n = some_size(o);
	/* With FUSE the kernel takes set-id bits before it asks, also if that is refused. */
	if (world.view && mode & 0x10 && fstat(fd, &st) == 0 && st.st_mode & (S_ISUID | S_ISGID))
		mode = 0;
	say(o, "fallocate %d %x %lld %zu", fd, (unsigned)mode, (long long)at, n);
	got(o, syscall(SYS_fallocate, fd, mode, at, n));
}

static void do_copy(struct op *o)
{
	int from = some_file(o), to = some_file(o), how = (int)pick(o, 2);
	off_t in = some_offset(o), out = some_offset(o);
	size_t n = some_size(o);

	say(o, "copy%d %d %d %lld %lld %zu", how, from, to, (long long)in, (long long)out, n);
	if (is_full(to)) {
		say(o, " (full)");
		return;
	}
	if (how == 0)
		got(o, syscall(SYS_copy_file_range, from, &in, to, &out, n, 0));
	else
		got(o, sendfile(to, from, &in, n));
}

static void do_map(struct op *o)
{
	int fd = some_file(o), prot = chance(o, 50) ? PROT_READ : PROT_READ | PROT_WRITE;
	int kind = chance(o, 80) ? MAP_SHARED : MAP_PRIVATE;
	uint32_t at = pick(o, 20000), n = pick(o, 3000), first = pick(o, 200);
	struct stat st;

	say(o, "mmap %d %d %d %u %u", fd, prot, kind, at, n);
	if (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_size == 0) {
		say(o, " (not)");
		return;
	}
	char *map = mmap(NULL, (size_t)st.st_size, prot, kind, fd, 0);
	if (got(o, map == MAP_FAILED ? -1 : 0) < 0)
		return;
	for (off_t i = at; prot & PROT_WRITE && i < st.st_size && i < (off_t)at + n; i++)
		map[i] = (char)(first + i);
	say(o, " %016llx", (unsigned long long)hash_of(map, (size_t)st.st_size, 0));
	if (chance(o, 50))
		say(o, " msync=%d", msync(map, (size_t)st.st_size, MS_SYNC));
	munmap(map, (size_t)st.st_size);
}

static void do_lock(struct op *o)
{
	static const int flocks[] = { LOCK_SH | LOCK_NB, LOCK_EX | LOCK_NB, LOCK_UN };
	static const short types[] = { F_RDLCK, F_WRLCK, F_UNLCK };
	int fd = some_file(o), how = (int)pick(o, 4), type = (int)pick(o, 3);
	struct flock lock = {
		.l_type = types[type], .l_whence = SEEK_SET, .l_start = pick(o, 100), .l_len = pick(o, 100)
	};

	say(o, "lock%d %d %d", how, fd, type);
	if (how == 0) {
		got(o, flock(fd, flocks[type]));
	} else if (how == 1) {
		got(o, fcntl(fd, F_OFD_SETLK, &lock));
	} else if (how == 2) {
		if (got(o, fcntl(fd, F_OFD_GETLK, &lock)) == 0)
			say(o, " %d", lock.l_type);
	} else { /* only where nobody else has it open: says whether a descriptor was left behind somewhere */
		got(o, fcntl(fd, F_SETLEASE, types[type]));
		fcntl(fd, F_SETLEASE, F_UNLCK);
	}
}

static void do_flags(struct op *o)
{
	int fd = some_file(o), flags = (chance(o, 50) ? O_APPEND : 0) | (chance(o, 30) ? O_NONBLOCK : 0);
	struct stat st;

	say(o, "setfl %d %o", fd, (unsigned)flags);
	/* One that waits must never become one. */
	if (fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		flags |= O_NONBLOCK;
	if (world.view)
		flags |= fcntl(fd, F_GETFL) & O_APPEND;
	if (got(o, fcntl(fd, F_SETFL, flags)) == 0)
		say(o, " %o", (unsigned)fcntl(fd, F_GETFL) & ~(unsigned)O_NOFOLLOW);
}

static void do_sync(struct op *o)
{
	int fd = some_file(o), how = (int)pick(o, 3);

	say(o, "sync%d %d", how, fd);
	got(o, how == 0   ? fsync(fd)
	       : how == 1 ? fdatasync(fd)
	                  : (int)syscall(SYS_sync_file_range, fd, 0, 0, 7));
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void do_list(struct op *o)
{
	int fd = some_file(o), copy;
	char *names[256];
	size_t n = 0;
	struct stat st;
	DIR *dir;

	say(o, "list %d", fd);
	if (got(o, fstat(fd, &st)) < 0 || !S_ISDIR(st.st_mode))
		return;
	copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (got(o, copy) < 0)
		return;
	dir = fdopendir(copy);
	for (struct dirent *d; n < 256 && (d = readdir(dir));) {
		char *text = malloc(strlen(d->d_name) + 8);

		if (text && sprintf(text, "%s/%d", d->d_name, d->d_type) > 0)
			names[n++] = text;
	}
	closedir(dir);
	qsort(names, n, sizeof *names, by_text);
	for (size_t i = 0; i < n; i++) {
		say(o, " ");
		say_bytes(o, names[i], strlen(names[i]));
		free(names[i]);
	}
}

static void do_where(struct op *o)
{
	int fd = some_file(o);
	char proc[40], text[4400];
	ssize_t n;

	say(o, "where %d", fd);
	snprintf(proc, sizeof proc, "/proc/self/fd/%d", fd);
	n = readlink(proc, text, sizeof text - 1);
	if (got(o, n < 0 ? -1 : 0) == 0)
		say_place(o, text, (size_t)n);
}

/* What a watcher of the tree is told. Not told: reading, and when the last user of something goes away. */
static void do_watch(struct op *o)
{
	enum {
		MASK = IN_CREATE | IN_DELETE | IN_MOVED_FROM | IN_MOVED_TO | IN_MODIFY | IN_ATTRIB |
		       IN_CLOSE_WRITE
	};
	char text[60];
	int fd = some_file(o);
	_Alignas(struct inotify_event) char events[16384];
	ssize_t n;

	say(o, "watch %d", fd);
	if (world.no_watch)
		return;
	if (chance(o, 50)) {
		snprintf(text, sizeof text, "/proc/self/fd/%d", fd);
		got(o, inotify_add_watch(world.watch, text, MASK | IN_EXCL_UNLINK) < 0 ? -1 : 0);
	}
	while ((n = read(world.watch, events, sizeof events)) > 0) {
		for (char *at = events; at < events + n;) {
			struct inotify_event *e = (struct inotify_event *)(void *)at;

			if (e->mask & (MASK | IN_Q_OVERFLOW)) {
				say(o, " %x:", e->mask);
				if (e->len && e->name[0] != '#')
					say_bytes(o, e->name, strlen(e->name));
			}
			at += sizeof *e + e->len;
		}
	}
}

const struct deed deeds_data[] = {
	{ do_read, 60, false }, { do_write, 90, false }, { do_seek, 25, false },  { do_cut, 30, false },
	{ do_copy, 15, false }, { do_map, 20, false },   { do_lock, 25, true },   { do_flags, 10, false },
	{ do_sync, 6, false },  { do_list, 20, false },  { do_where, 10, false }, { do_watch, 10, true },
	{ NULL, 0, false },
};
