#include "enforce/files/deep.h"

#include "base/buf.h"
#include "base/fd.h"
#include "sys/dents.h"
#include "sys/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { ENTRIES = 200000 /* of one directory that are asked for their numbers */ };

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

static bool is_named(int dir, const char *name, const struct stat *st)
{
	struct stat found;

	return fstatat(dir, name, &found, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT) == 0 && is_same(&found, st);
}

/* ---- down ------------------------------------------------------------------------------------------------
 */

/* Where these names lead, through no link. Descriptor (O_PATH), or -1. */
static int walk_down(const char *path)
{
	int at = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char piece[PATH_MAX];

	while (at >= 0 && *(path += strspn(path, "/"))) {
		size_t len = strlen(path);
		int next;

		if (len >= sizeof piece)
			for (len = sizeof piece - 1; path[len] != '/'; len--)
				;
		memcpy(piece, path, len);
		piece[len] = 0;
		next = proc_openat2(at, piece, O_PATH | O_NOFOLLOW, RESOLVE_NO_SYMLINKS);
		close(at);
		at = next;
		path += len;
	}
	return at;
}

static bool leads_to(const char *path, const struct stat *st)
{
	AUTO_FD fd = walk_down(path);
	struct stat found;

	return fd >= 0 && fstat(fd, &found) == 0 && is_same(&found, st);
}

/* ---- up --------------------------------------------------------------------------------------------------
 */

/* The name of `st` in this directory. Most file systems list the number that stat(2) tells; `all`: of the
 * others each directory is asked. */
static bool find_name(int dir, const struct stat *st, bool all, char name[NAME_MAX + 1])
{
	_Alignas(struct dent) char room[16384];
	AUTO_FD fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ssize_t n;
	unsigned asked = 0;

	while (fd >= 0 && (n = dents_read(fd, room, sizeof room)) > 0)
		for (char *at = room; at < room + n; at += ((struct dent *)at)->len) {
			const struct dent *e = (struct dent *)at;
			bool dots = !strcmp(e->name, ".") || !strcmp(e->name, "..");

			if (dots || (e->type != DT_DIR && e->type != DT_UNKNOWN) ||
			    (!all && e->ino != st->st_ino) || strlen(e->name) > NAME_MAX)
				continue;
			if (is_named(dir, e->name, st)) {
				strcpy(name, e->name);
				return true;
			}
			if (++asked > ENTRIES)
				return false;
		}
	return false;
}

/* Names are put in front of each other, from the end of this. */
struct upward {
	char text[DEEP_MAX + 1];
	size_t at;
};

static bool put_front(struct upward *u, const char *text, size_t len)
{
	if (len > u->at)
		return false;
	u->at -= len;
	memcpy(u->text + u->at, text, len);
	return true;
}

/* 1: its name stands in front of all, and the kernel told it; 0: it is to be found; -1: there is none. */
static int put_told(struct upward *u, int fd)
{
	char link[40], name[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, name, sizeof name);
	if (n < 0)
		return errno == ENAMETOOLONG ? 0 : -1;
	return name[0] == '/' && (size_t)n < sizeof name && put_front(u, name, (size_t)n) ? 1 : -1;
}

/* One directory up; its own name is put. The directory above, or -1. */
static int go_up(struct upward *u, int fd)
{
	int up = openat(fd, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);
	char name[NAME_MAX + 1];
	struct stat st;

	if (up >= 0 && fstat(fd, &st) == 0 &&
	    (find_name(up, &st, false, name) || find_name(up, &st, true, name)) &&
	    put_front(u, name, strlen(name)) && put_front(u, "/", 1))
		return up;
	fd_close(&up);
	return -1;
}

static char *climb(int dir)
{
	struct upward *u = malloc(sizeof *u);
	int at = fcntl(dir, F_DUPFD_CLOEXEC, 3), told = 0, up;
	char *path = NULL;

	if (u)
		u->at = sizeof u->text;
	while (u && at >= 0 && !(told = put_told(u, at))) {
		up = go_up(u, at);
		close(at);
		at = up;
	}
	fd_close(&at);
	if (u && told > 0)
		path = strndup(u->text + u->at, sizeof u->text - u->at);
	free(u);
	return path;
}

/* ---- files -----------------------------------------------------------------------------------------------
 */

/* In lists of mappings a line end in a name is written so; nothing else is. */
static void decode(char *path)
{
	char *to = path;

	for (; *path; path++) {
		bool end = !strncmp(path, "\\012", 4);

		*to++ = end ? '\n' : *path;
		path += end ? 3 : 0;
	}
	*to = 0;
}

static char *mapping_at(const void *at)
{
	AUTO_BUF maps = { .max = 4 << 20 };
	char start[40], *line, *path;

	if (fd_slurp_file("/proc/self/maps", 4 << 20, &maps, NULL) < 0)
		return NULL;
	snprintf(start, sizeof start, "%lx-", (unsigned long)(uintptr_t)at);
	for (line = maps.data; line && strncmp(line, start, strlen(start)) != 0;) {
		line = strchr(line, '\n');
		line += line != NULL;
	}
	path = line ? strchr(line, '/') : NULL;
	return path ? strndup(path, strcspn(path, "\n")) : NULL;
}

static char *name_of_file(int fd, const struct stat *st)
{
	char name[40], *path;
	AUTO_FD file = -1;
	void *at;

	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	file = open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	at = file < 0 ? MAP_FAILED : mmap(NULL, 1, PROT_NONE, MAP_PRIVATE, file, 0);
	path = at == MAP_FAILED ? NULL : mapping_at(at);
	if (at != MAP_FAILED)
		munmap(at, 1);
	if (path && !leads_to(path, st))
		decode(path);
	return path;
}

/* ----------------------------------------------------------------------------------------------------------
 */

void deep_release(struct deep *d)
{
	free(d->path);
	*d = (struct deep){ .path = NULL };
}

static char *with_room(const char *path)
{
	size_t len = strlen(path);
	char *out = len <= DEEP_MAX ? malloc(len + NAME_MAX + 2) : NULL;

	return out ? memcpy(out, path, len + 1) : NULL;
}

static void remember(struct deep *last, const struct stat *st, const char *path)
{
	deep_release(last);
	*last = (struct deep){ st->st_dev, st->st_ino, strdup(path) };
}

/* With room for one more name behind it. NULL with errno. */
static char *path_of(int fd, struct deep *last)
{
	struct stat st;
	char *path, *out = NULL;

	if (fstat(fd, &st) < 0 || !st.st_nlink) {
		errno = ENOENT;
		return NULL;
	}
	if (last && last->path && last->dev == st.st_dev && last->ino == st.st_ino &&
	    leads_to(last->path, &st))
		return with_room(last->path);
	path = S_ISDIR(st.st_mode) ? climb(fd) : S_ISREG(st.st_mode) ? name_of_file(fd, &st) : NULL;
	if (path && leads_to(path, &st))
		out = with_room(path);
	if (out && last && S_ISDIR(st.st_mode))
		remember(last, &st, path);
	free(path);
	errno = ENAMETOOLONG;
	return out;
}

int deep_find(struct place *p, bool in_parent, struct deep *last)
{
	char name[NAME_MAX + 2];

	p->path[0] = 0;
	p->deep = path_of(in_parent ? p->parent : p->object, last);
	if (!p->deep)
		return errno;
	snprintf(name, sizeof name, "%.*s", (int)strcspn(p->name, "/"), p->name);
	return !in_parent || deep_enter(p, name) ? 0 : ENAMETOOLONG;
}

bool deep_enter(struct place *p, const char *name)
{
	const char *path = place_path(p);
	size_t len = strlen(path), more = strlen(name);
	char *deep;

	len -= len == 1; /* "/" */
	if (!p->deep && len + more + 2 <= sizeof p->path) {
		p->path[len] = '/';
		memcpy(p->path + len + 1, name, more + 1);
		return true;
	}
	deep = len + more + 1 > DEEP_MAX + NAME_MAX ? NULL : malloc(len + more + 2);
	if (!deep)
		return false;
	memcpy(deep, path, len);
	deep[len] = '/';
	memcpy(deep + len + 1, name, more + 1);
	free(p->deep);
	p->deep = deep;
	p->path[0] = 0;
	return true;
}
