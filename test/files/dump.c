/* dump - all that a tree is, one line an object; and its end. */
#include "test/files/fsops.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { NAMES = 400, INODES = 20000 };
static struct {
	ino_t ino;
	dev_t dev;
} seen[INODES];
static size_t n_seen;

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static size_t names_of(int dirfd, char **names)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	size_t n = 0;

	for (struct dirent *d; dir && n < NAMES && (d = readdir(dir));)
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			names[n++] = strdup(d->d_name);
	if (dir)
		closedir(dir);
	qsort(names, n, sizeof *names, by_bytes);
	return n;
}

/* Names of one file: the number of the first that was met. */
static size_t number_of(const struct stat *st)
{
	for (size_t i = 0; i < n_seen; i++)
		if (seen[i].ino == st->st_ino && seen[i].dev == st->st_dev)
			return i;
	if (n_seen < INODES) {
		seen[n_seen].ino = st->st_ino;
		seen[n_seen].dev = st->st_dev;
	}
	return n_seen++;
}

static void dump_content(struct op *o, int dirfd, const char *name)
{
	static char block[65536];
	int fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	uint64_t hash = 0;
	ssize_t n;

	if (fd < 0) { /* not readable by its mode */
		fchmodat(dirfd, name, 0600, 0);
		fd = openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	}
	while (fd >= 0 && (n = read(fd, block, sizeof block)) > 0)
		hash = hash_of(block, (size_t)n, hash);
	say(o, " %016llx", (unsigned long long)hash);
	if (fd >= 0)
		close(fd);
}

static void dump_xattrs(struct op *o, const char *path)
{
	char list[1024], value[256];
	char *names[64];
	size_t n = 0;
	ssize_t len = llistxattr(path, list, sizeof list);

	for (char *at = list; len > 0 && at < list + len && n < 64; at += strlen(at) + 1)
		if (!strncmp(at, "user.", 5))
			names[n++] = at;
	qsort(names, n, sizeof *names, by_bytes);
	for (size_t i = 0; i < n; i++)
		say(o, " %s=%zd", names[i], lgetxattr(path, names[i], value, sizeof value));
}

static void dump_object(struct op *o, int dirfd, const char *name, const struct stat *st)
{
	char text[4400], proc[400];

	say(o, " %o", st->st_mode);
	if (!S_ISDIR(st->st_mode))
		say(o, " #%zu n=%d", number_of(st), (int)st->st_nlink);
	say(o, st->st_uid == geteuid() && st->st_gid == getegid() ? " own" : " %u:%u", st->st_uid,
	    st->st_gid);
	if (st->st_mtim.tv_sec < 1728000001 && !(world.view && S_ISFIFO(st->st_mode)))
		say(o, " m=%lld.%ld", (long long)st->st_mtim.tv_sec, st->st_mtim.tv_nsec);
	snprintf(proc, sizeof proc, "/proc/self/fd/%d/%s", dirfd, name);
	if (S_ISREG(st->st_mode)) {
		dump_xattrs(o, proc);
		say(o, " %lld", (long long)st->st_size);
		dump_content(o, dirfd, name);
	} else if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dirfd, name, text, sizeof text);

		say(o, " -> ");
		say_bytes(o, text, n > 0 ? (size_t)n : 0);
	} else if (S_ISDIR(st->st_mode)) {
		dump_xattrs(o, proc);
	}
}

/* Lines go out one by one: a tree may be larger than one operation's line. */
static void flush(struct op *o)
{
	say(o, "\n");
	fwrite(o->line, 1, o->len, stdout);
	o->len = 0;
}

static void dump_below(struct op *o, int dirfd, int depth)
{
	char **names = calloc(NAMES, sizeof *names);
	size_t n = names_of(dirfd, names);

	for (size_t i = 0; i < n; i++) {
		struct stat st;
		int fd;

		if (fstatat(dirfd, names[i], &st, AT_SYMLINK_NOFOLLOW) == 0) {
			say(o, "%*s", depth, "");
			say_bytes(o, names[i], strlen(names[i]));
			dump_object(o, dirfd, names[i], &st);
			flush(o);
			if (S_ISDIR(st.st_mode) && (st.st_mode & 0700) != 0700)
				fchmodat(dirfd, names[i], 0700, 0);
			fd = S_ISDIR(st.st_mode) ? openat(dirfd, names[i],
			                                  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
			                         : -1;
			if (fd >= 0) {
				dump_below(o, fd, depth + 1);
				close(fd);
			}
		}
		free(names[i]);
	}
	free(names);
}

void dump_tree(struct op *o)
{
	int fd = open(world.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	n_seen = 0;
	if (fd < 0)
		return;
	dump_below(o, fd, 1);
	close(fd);
}

static void wipe_below(int dirfd)
{
	char **names = calloc(NAMES, sizeof *names);
	size_t n = names_of(dirfd, names);

	for (size_t i = 0; i < n; i++) {
		if (unlinkat(dirfd, names[i], 0) != 0) {
			fchmodat(dirfd, names[i], 0700, 0);
			int fd = openat(dirfd, names[i], O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

			if (fd >= 0) {
				wipe_below(fd);
				close(fd);
			}
			unlinkat(dirfd, names[i], AT_REMOVEDIR);
		}
		free(names[i]);
	}
	free(names);
}

void wipe_tree(void)
{
	int fd = open(world.top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return;
	wipe_below(fd);
	close(fd);
}
