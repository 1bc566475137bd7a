#include "enforce/exec/image.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/path.h"
#include "base/room.h"
#include "enforce/exec/fixed.h"
#include "sys/at.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { SLOTS = 64, KNOWN = 64, MAX_LINKS = 40 };
#define BELIEVED_NS 1000000000LL
enum { KNOWN_GIVEN = 128, KNOWN_PATH = 256, KNOWN_ALIASES = 2, KNOWN_ALIAS = 64 };

struct slot {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec ctime;
	enum image_kind kind;
	char interp[IMAGE_HEAD], arg[IMAGE_HEAD];
};

/* A whole answer, by the absolute path that was asked for. It holds as long as the path leads to the same
 * file in the same state; what could be renamed around it is only its directory, and then the file was judged
 * under a name that it had. Paths that mean something else to the caller than to us (/proc/self) are not
 * kept. */
struct known {
	char given[KNOWN_GIVEN]; /* "" = free */
	char path[KNOWN_PATH];
	struct timespec ctime;
	dev_t dev;
	ino_t ino;
	mode_t mode;
	struct identity_found same;
	enum image_kind kind;
	char alias[KNOWN_ALIASES][KNOWN_ALIAS];
	bool trusted[KNOWN_ALIASES];
	size_t n_alias;
	uint32_t state;
	bool fixed;       /* only root, who is not the caller, can lead the path elsewhere */
	int64_t until_ns; /* CLOCK_MONOTONIC: of a fixed one this is believed without a look */
};

struct image_cache {
	struct identity *identity;
	struct slot slots[SLOTS];
	struct known known[KNOWN];
};

struct image_cache *image_cache_new(struct identity *identity)
{
	struct image_cache *c = calloc(1, sizeof *c);

	if (c)
		c->identity = identity;
	return c;
}

void image_cache_forget(struct image_cache *c)
{
	memset(c->known, 0, sizeof c->known);
}

void image_cache_free(struct image_cache *c)
{
	free(c);
}

/* "#! interpreter argument", as fs/binfmt_script.c reads it. */
static void read_script_head(const char *head, size_t len, struct slot *s)
{
	size_t end = 2, a, b;

	while (end < len && head[end] != '\n' && head[end])
		end++;
	for (a = 2; a < end && (head[a] == ' ' || head[a] == '\t'); a++)
		;
	for (b = a; b < end && head[b] != ' ' && head[b] != '\t'; b++)
		;
	memcpy(s->interp, head + a, b - a);
	s->interp[b - a] = 0;
	while (b < end && (head[b] == ' ' || head[b] == '\t'))
		b++;
	while (end > b && (head[end - 1] == ' ' || head[end - 1] == '\t'))
		end--;
	memcpy(s->arg, head + b, end - b);
	s->arg[end - b] = 0;
}

/* 0 or errno. */
static int read_head(int fd, struct slot *s)
{
	char path[40], head[IMAGE_HEAD];
	ssize_t n = -1;
	int file, error;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	error = errno;
	if (file >= 0) {
		n = read(file, head, sizeof head - 1);
		error = errno;
		close(file);
	}
	s->interp[0] = s->arg[0] = 0;
	/* A program may be executable and not readable: a binary then, or the script's interpreter is judged
	 * when it starts. Anything else, a lease for one, must not hide what is in the file. */
	if (n < 0 && error != EACCES)
		return error;
	s->kind = n < 0 ? IMAGE_BINARY : IMAGE_OTHER;
	if (n >= 4 && !memcmp(head, "\177ELF", 4))
		s->kind = IMAGE_BINARY;
	if (n >= 2 && head[0] == '#' && head[1] == '!') {
		read_script_head(head, (size_t)n, s);
		s->kind = s->interp[0] ? IMAGE_SCRIPT : IMAGE_OTHER;
	}
	return 0;
}

static bool same_file(const struct slot *s, const struct stat *st)
{
	return s->ino == st->st_ino && s->dev == st->st_dev && s->size == st->st_size &&
	       s->ctime.tv_sec == st->st_ctim.tv_sec && s->ctime.tv_nsec == st->st_ctim.tv_nsec;
}

static uint32_t state_of(const struct stat *st)
{
	uint64_t n = (uint64_t)st->st_ctim.tv_sec * 1000000000 + (uint64_t)st->st_ctim.tv_nsec;

	return (uint32_t)(((n ^ (uint64_t)st->st_size << 40) * 0x9e3779b97f4a7c15u) >> 32);
}

static void take_stat(const struct stat *st, struct image *out)
{
	out->dev = st->st_dev;
	out->ino = st->st_ino;
	out->mode = st->st_mode;
	out->state = state_of(st);
	out->same = (struct identity_found){ 0 };
}

static int classify(struct image_cache *c, int fd, const struct stat *st, struct image *out)
{
	struct slot *s = &c->slots[(st->st_ino ^ st->st_dev) % SLOTS];
	int rc;

	out->kind = IMAGE_OTHER;
	if (!S_ISREG(st->st_mode))
		return 0;
	if (!same_file(s, st)) {
		*s = (struct slot){
			.dev = st->st_dev, .ino = st->st_ino, .size = st->st_size, .ctime = st->st_ctim
		};
		rc = read_head(fd, s);
		if (rc) {
			*s = (struct slot){ 0 };
			return rc;
		}
	}
	out->kind = s->kind;
	memcpy(out->interp, s->interp, sizeof out->interp);
	memcpy(out->arg, s->arg, sizeof out->arg);
	return 0;
}

struct walk {
	pid_t pid;
	int dir;               /* owned */
	char rest[IMAGE_PATH]; /* what is still to be walked */
	int links;
};

static bool is_proc(int fd)
{
	struct statfs fs;

	return fstatfs(fd, &fs) == 0 && fs.f_type == PROC_SUPER_MAGIC;
}

/* Put the target of a symbolic link in front of the rest. 0 or errno. */
static int put_back(struct walk *w, const char *text)
{
	char joined[2 * IMAGE_PATH];
	int n = snprintf(joined, sizeof joined, "%s%s%s", text, w->rest[0] ? "/" : "", w->rest);

	if (n >= IMAGE_PATH)
		return ENAMETOOLONG;
	memcpy(w->rest, joined, (size_t)n + 1);
	if (text[0] == '/') {
		int root = open("/", O_PATH | O_CLOEXEC | O_DIRECTORY);

		if (root < 0)
			return errno;
		close(w->dir);
		w->dir = root;
	}
	return 0;
}

/* The link `name` (opened as fd) is in /proc: "self" means the caller, and magic links are followed by the
 * kernel. */
static int follow_proc(struct walk *w, int fd, const char *name, int *next)
{
	char text[64];
	struct stat st;
	int rc;

	if (fstat(w->dir, &st) == 0 && st.st_ino == 1 && !strcmp(name, "self")) {
		snprintf(text, sizeof text, "%d", (int)proc_tgid(w->pid));
		return put_back(w, text);
	}
	if (fstat(w->dir, &st) == 0 && st.st_ino == 1 && !strcmp(name, "thread-self")) {
		snprintf(text, sizeof text, "%d/task/%d", (int)proc_tgid(w->pid), (int)w->pid);
		return put_back(w, text);
	}
	(void)fd;
	if (CONFIG_FILES)
		at_look(); /* it may be a descriptor of the caller's: a socket that lingers */
	*next = openat(w->dir, name, O_PATH | O_CLOEXEC);
	rc = *next < 0 ? errno : 0;
	if (CONFIG_FILES)
		at_looked();
	return rc;
}

static int follow(struct walk *w, int fd, const char *name, int *next)
{
	char text[IMAGE_PATH];
	ssize_t n;

	if (++w->links > MAX_LINKS)
		return ELOOP;
	if (is_proc(fd))
		return follow_proc(w, fd, name, next);
	n = readlinkat(fd, "", text, sizeof text - 1);
	if (n < 0)
		return errno;
	text[n] = 0;
	return put_back(w, text);
}

/* One component. 0 or errno; the walk's directory becomes the component. */
static int step(struct walk *w, bool follow_last)
{
	char name[256];
	size_t len = strcspn(w->rest, "/"), skip = len;
	int fd, next = -1, rc = 0;
	struct stat st;

	if (len >= sizeof name)
		return ENAMETOOLONG;
	memcpy(name, w->rest, len);
	name[len] = 0;
	skip += strspn(w->rest + len, "/");
	memmove(w->rest, w->rest + skip, strlen(w->rest + skip) + 1);
	if (!len || !strcmp(name, "."))
		return 0;
	fd = openat(w->dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return errno;
	if (fstat(fd, &st) == 0 && S_ISLNK(st.st_mode)) {
		if (w->rest[0] || follow_last)
			rc = follow(w, fd, name, &next);
		else
			rc = ELOOP;
		close(fd);
		fd = next;
		if (rc || fd < 0)
			return rc;
	}
	close(w->dir);
	w->dir = fd;
	return 0;
}

/* Walk by hand, for paths that lead through /proc. Descriptor or -errno. */
static int walk_path(pid_t pid, int base, const char *path, bool follow_last)
{
	struct walk w = { .pid = pid };
	int rc = 0;

	if (strlen(path) >= sizeof w.rest)
		return -ENAMETOOLONG;
	strcpy(w.rest, path + strspn(path, "/"));
	w.dir = path[0] == '/' ? open("/", O_PATH | O_CLOEXEC | O_DIRECTORY)
	                       : fcntl(base, F_DUPFD_CLOEXEC, 3);
	if (w.dir < 0)
		return -errno;
	while (!rc && w.rest[0])
		rc = step(&w, follow_last);
	if (!rc)
		return w.dir;
	close(w.dir);
	return -rc;
}

static int open_base(pid_t pid, int dirfd)
{
	char name[24];

	if (dirfd == AT_FDCWD)
		return proc_open(pid, "cwd", O_PATH);
	if (CONFIG_FILES)
		return at_descriptor(pid, dirfd);
	snprintf(name, sizeof name, "fd/%d", dirfd);
	return proc_open(pid, name, O_PATH);
}

/* Did the kernel look where the caller would not? /proc/self is us to it, and what the caller has there (a
 * descriptor, a thread) we may lack. */
static bool is_about_caller(const char *given, int error)
{
	if (error == ELOOP || error == ENOSYS || error == EAGAIN)
		return true;
	return strstr(given, "/proc/") || strstr(given, "/dev/") || strstr(given, "self");
}

/* The file as a descriptor, or -errno. */
static int open_target(pid_t pid, int dirfd, const char *given, int flags)
{
	bool follow_last = !(flags & AT_SYMLINK_NOFOLLOW);
	int base = -1, fd;

	if (given[0] != '/') {
		base = open_base(pid, dirfd);
		if (base < 0)
			return dirfd == AT_FDCWD ? -errno : -EBADF;
		if (!given[0])
			return flags & AT_EMPTY_PATH ? base : (close(base), -ENOENT);
	}
	/* Without magic links the name means the same for us as for the caller, but for /proc/self, where
	 * nothing can be executed. */
	fd = proc_openat2(base, given, O_PATH | (follow_last ? 0 : O_NOFOLLOW), RESOLVE_NO_MAGICLINKS);
	if (fd < 0)
		fd = is_about_caller(given, errno) ? walk_path(pid, base, given, follow_last) : -errno;
	if (base >= 0)
		close(base);
	return fd;
}

/* The directory of `name`, seen from `base`; what is behind its last slash goes to `last`. */
static int open_parent(int base, const char *name, const char **last)
{
	const char *slash = strrchr(name, '/');
	ROOM char dir[IMAGE_PATH];
	size_t len = slash ? (size_t)(slash - name) : 0;

	*last = slash ? slash + 1 : name;
	if (len >= sizeof dir)
		return -1;
	memcpy(dir, slash ? name : ".", slash ? len : 1);
	dir[slash ? len : 1] = 0;
	return openat(base, slash && !len ? "/" : dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
}

static bool is_trusted_dir(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && st.st_uid == 0 && !(st.st_mode & 022);
}

/* One link further: note its name, put what it says into `text`. The new directory, or -1 at the end. */
static int next_link(int base, char *text, size_t size, struct image *out)
{
	const char *last;
	int dir = open_parent(base, text, &last);
	ROOM char to[IMAGE_PATH];
	ssize_t n = dir >= 0 ? readlinkat(dir, last, to, sizeof to - 1) : -1;

	if (n < 0 || (size_t)n >= size || strlen(last) >= sizeof out->alias[0]) {
		if (dir >= 0)
			close(dir);
		return -1;
	}
	out->trusted[out->n_alias] = is_trusted_dir(dir);
	strcpy(out->alias[out->n_alias++], last);
	to[n] = 0;
	strcpy(text, to);
	return dir;
}

/* Collect the names of symbolic links that lead to the file, walking anew. A name that is missed only means
 * that the file is judged by its own. A link is trusted when only root can change it and all that come after,
 * and when they do lead to the file: the place may have been rebuilt since it was resolved. */
static void find_aliases(pid_t pid, int dirfd, const char *given, struct image *out)
{
	int base = given[0] == '/' ? open("/", O_PATH | O_CLOEXEC) : open_base(pid, dirfd);
	ROOM char text[IMAGE_PATH];
	struct stat st;
	bool good;

	snprintf(text, sizeof text, "%s", given);
	while (base >= 0 && out->n_alias < IMAGE_ALIASES) {
		int dir = next_link(base, text, sizeof text, out);

		if (dir < 0)
			break;
		close(base);
		base = dir;
	}
	good = fstatat(base, text, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_dev == out->dev &&
	       st.st_ino == out->ino;
	for (size_t i = out->n_alias; i-- > 0; good = out->trusted[i])
		out->trusted[i] = out->trusted[i] && good;
	fd_close(&base);
}

static struct known *known_slot(struct image_cache *c, const char *given)
{
	return &c->known[map_hash(given, strlen(given)) % KNOWN];
}

/* Is what we know still so? */
static bool holds(struct known *k)
{
	int64_t now = clock_mono_ns();
	struct stat st;

	if (k->fixed && now < k->until_ns)
		return true;
	k->until_ns = now + BELIEVED_NS;
	return stat(k->given, &st) == 0 && st.st_ino == k->ino && st.st_dev == k->dev &&
	       st.st_ctim.tv_sec == k->ctime.tv_sec && st.st_ctim.tv_nsec == k->ctime.tv_nsec;
}

static bool recall(struct known *k, const char *given, struct image *out)
{
	if (strcmp(k->given, given) != 0 || !holds(k))
		return false;
	strcpy(out->path, k->path);
	out->dev = k->dev;
	out->ino = k->ino;
	out->mode = k->mode;
	out->state = k->state;
	out->same = k->same;
	out->kind = k->kind;
	out->n_alias = k->n_alias;
	for (size_t i = 0; i < k->n_alias; i++) {
		strcpy(out->alias[i], k->alias[i]);
		out->trusted[i] = k->trusted[i];
	}
	return true;
}

/* Scripts and odd names are not worth a place. */
static void remember(struct known *k, const char *given, const struct image *from, struct timespec ctime)
{
	if (from->kind == IMAGE_SCRIPT || from->same.unsettled || strlen(from->path) >= KNOWN_PATH ||
	    from->n_alias > KNOWN_ALIASES)
		return;
	for (size_t i = 0; i < from->n_alias; i++)
		if (strlen(from->alias[i]) >= KNOWN_ALIAS)
			return;
	*k = (struct known){ .ctime = ctime,
		             .dev = from->dev,
		             .ino = from->ino,
		             .mode = from->mode,
		             .same = from->same,
		             .kind = from->kind,
		             .n_alias = from->n_alias,
		             .state = from->state,
		             .fixed = geteuid() != 0 && fixed_path(given, from->path) };
	strcpy(k->given, given);
	strcpy(k->path, from->path);
	for (size_t i = 0; i < from->n_alias; i++) {
		strcpy(k->alias[i], from->alias[i]);
		k->trusted[i] = from->trusted[i];
	}
}

static int find(struct image_cache *c, pid_t pid, int dirfd, const char *given, int flags, struct image *out,
                struct timespec *ctime)
{
	char link[40];
	struct stat st;
	ssize_t n;
	int fd = open_target(pid, dirfd, given, flags), rc = 0;

	if (fd < 0)
		return -fd;
	out->n_alias = 0;
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, out->path, sizeof out->path - 1);
	if (n < 0 || (size_t)n == sizeof out->path - 1 || fstat(fd, &st) < 0) {
		rc = n < 0 ? errno : ENAMETOOLONG;
		out->path[0] = 0;
	} else {
		out->path[n] = 0;
		take_stat(&st, out);
		if (CONFIG_EXEC_IDENTITY && c->identity && S_ISREG(st.st_mode))
			out->same = identity_find(c->identity, fd, &st);
		*ctime = st.st_ctim;
		rc = S_ISLNK(st.st_mode) ? ELOOP : classify(c, fd, &st, out);
		if (!rc && given[0] && strcmp(path_base(given), path_base(out->path)) != 0)
			find_aliases(pid, dirfd, given, out);
	}
	close(fd);
	return rc;
}

int image_find(struct image_cache *c, pid_t pid, int dirfd, const char *given, int flags, struct image *out)
{
	bool cacheable = given[0] == '/' && !flags && strlen(given) < KNOWN_GIVEN &&
	                 strncmp(given, "/proc/", 6) != 0 && strncmp(given, "/dev/", 5) != 0;
	struct known *k = cacheable ? known_slot(c, given) : NULL;
	struct timespec ctime = { 0 };
	int rc;

	if (cacheable && recall(k, given, out))
		return 0;
	rc = find(c, pid, dirfd, given, flags, out, &ctime);
	if (!rc && cacheable)
		remember(k, given, out, ctime);
	return rc;
}

int image_running(pid_t pid, struct image *out)
{
	char room[PROC_PATH];
	struct stat st;

	out->path[0] = 0;
	out->n_alias = 0;
	out->kind = IMAGE_BINARY;
	if (stat(proc_path(pid, "exe", room), &st) < 0)
		return errno;
	take_stat(&st, out);
	return 0;
}

int image_name(pid_t pid, struct image *out)
{
	if (proc_link(pid, "exe", out->path, sizeof out->path) >= 0)
		return 0;
	out->path[0] = 0;
	return errno;
}

int image_identify(struct image_cache *c, pid_t pid, struct image *out)
{
	int fd = proc_open(pid, "exe", O_PATH), rc = 0;
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		rc = errno;
	else if (CONFIG_EXEC_IDENTITY && c->identity)
		out->same = identity_find(c->identity, fd, &st);
	fd_close(&fd);
	return rc;
}
