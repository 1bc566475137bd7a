#include "enforce/exec/identity.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/map.h"
#include "base/path.h"
#include "enforce/exec/identity_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BLOCK = 8192, HASHED_MAX = 16 << 20 };

/* A change time is no finer than the kernel's tick: what changed less than this ago may change again without
 * showing it. */
#define SETTLED_NS (100 * 1000000LL)

struct identity *identity_new(const struct policy *p)
{
	struct identity *t = calloc(1, sizeof *t);

	if (!t)
		return NULL;
	t->policy = p;
	if (census_take(t))
		return t;
	identity_free(t);
	return NULL;
}

void identity_free(struct identity *t)
{
	if (!t)
		return;
	for (size_t i = 1; i <= t->n_programs; i++)
		free(t->programs[i].sha256);
	free(t->programs);
	free(t->names);
	arena_release(&t->text);
	free(t);
}

/* Hash of the first bytes of a file. False when they cannot be read. */
static bool read_start(int fd, uint64_t *out)
{
	char head[IDENTITY_HEAD];
	ssize_t n = pread(fd, head, sizeof head, 0);

	if (n < 0)
		return false;
	*out = map_hash(head, (size_t)n);
	return true;
}

static bool is_same_file(const struct program *p, const struct stat *st)
{
	return p->ino == st->st_ino && p->dev == st->st_dev && p->size == st->st_size;
}

/* The program where it was found, to be read. -1 when it is no longer there, 0 when it cannot be read. */
static int open_program(const struct program *p, int *fd)
{
	struct stat st;

	*fd = open(p->place, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	if (*fd < 0)
		return errno == EACCES ? 0 : -1;
	if (fstat(*fd, &st) == 0 && is_same_file(p, &st))
		return 1;
	fd_close(fd);
	return -1;
}

bool identity_refresh(struct identity *t)
{
	size_t before = t->n_programs, names = t->n_names;
	int fd;

	/* Out of memory: what is known already still is. */
	t->changed = false;
	census_take(t);
	t->failed = false;
	for (size_t i = 1; i <= t->n_programs; i++) {
		struct program *p = &t->programs[i];

		if (!p->has_head && open_program(p, &fd) > 0) {
			p->has_head = read_start(fd, &p->head);
			close(fd);
		}
	}
	if (before == t->n_programs && names == t->n_names && !t->changed)
		return false;
	memset(t->recent, 0, sizeof t->recent);
	return true;
}

/* Read both to the end as long as they are the same. Their hash is kept. */
static bool same_content(struct program *p, int one, int other)
{
	unsigned char a[BLOCK], b[BLOCK];
	bool hashed = p->size <= HASHED_MAX && !p->sha256;
	br_sha256_context sha;
	off_t at = 0;
	ssize_t n;

	br_sha256_init(&sha);
	for (; at < p->size; at += n) {
		n = pread(one, a, sizeof a, at);
		if (n <= 0 || pread(other, b, (size_t)n, at) != n || memcmp(a, b, (size_t)n) != 0)
			return false;
		if (hashed)
			br_sha256_update(&sha, a, (size_t)n);
	}
	if (hashed && (p->sha256 = malloc(br_sha256_SIZE)) != NULL)
		br_sha256_out(&sha, p->sha256);
	return true;
}

static bool has_hash(int fd, const uint8_t *want)
{
	unsigned char block[BLOCK], got[br_sha256_SIZE];
	br_sha256_context sha;
	ssize_t n;

	br_sha256_init(&sha);
	for (off_t at = 0; (n = pread(fd, block, sizeof block, at)) > 0; at += n)
		br_sha256_update(&sha, block, (size_t)n);
	br_sha256_out(&sha, got);
	return n == 0 && !memcmp(got, want, sizeof got);
}

/* Has the file, which has its size, the program's content? `head` is the hash of its beginning. */
static enum identity_how compare(struct program *p, int fd, uint64_t head)
{
	int original, rc;
	bool same;

	if (p->has_head && p->head != head)
		return 0;
	rc = open_program(p, &original);
	if (rc == 0)
		return 0; /* nobody who asks here could have copied it */
	if (rc < 0 && p->sha256)
		return has_hash(fd, p->sha256) ? IDENTITY_CONTENT : 0;
	if (rc < 0)
		return IDENTITY_GONE;
	if (!p->has_head)
		p->has_head = read_start(original, &p->head);
	same = (!p->has_head || p->head == head) && same_content(p, fd, original);
	close(original);
	return same ? IDENTITY_CONTENT : 0;
}

static struct identity_found by_content(struct identity *t, int fd, const struct stat *st)
{
	struct identity_found found = { 0 };
	char path[40];
	uint64_t head;
	int file;

	snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
	file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file < 0 && st->st_uid == 0)
		return found; /* of root's making: a user's copy has its user */
	for (unsigned i = t->by_size[identity_bucket((uint64_t)st->st_size)]; i && !found.how;
	     i = t->programs[i].by_size) {
		if (t->programs[i].size != st->st_size)
			continue;
		if (file < 0 || !read_start(file, &head))
			found.how = IDENTITY_UNREADABLE;
		else
			found.how = compare(&t->programs[i], file, head);
		found.program = found.how ? (uint16_t)i : 0;
	}
	fd_close(&file);
	return found;
}

/* A file with the inode of a program may be a further link to it, or the number was given anew. */
static struct identity_found by_file(struct identity *t, const struct stat *st)
{
	for (unsigned i = t->by_ino[identity_bucket(st->st_ino)]; i; i = t->programs[i].by_ino) {
		const struct program *p = &t->programs[i];
		struct stat now;

		if (!is_same_file(p, st))
			continue;
		if ((p->ctime.tv_sec == st->st_ctim.tv_sec && p->ctime.tv_nsec == st->st_ctim.tv_nsec) ||
		    (lstat(p->place, &now) == 0 && is_same_file(p, &now)))
			return (struct identity_found){ .program = (uint16_t)i, .how = IDENTITY_FILE };
	}
	return (struct identity_found){ 0 };
}

static bool has_size(const struct identity *t, off_t size)
{
	unsigned i = t->by_size[identity_bucket((uint64_t)size)];

	while (i && t->programs[i].size != size)
		i = t->programs[i].by_size;
	return i;
}

struct identity_found identity_find(struct identity *t, int fd, const struct stat *st)
{
	struct recent *r = &t->recent[identity_bucket(st->st_ino) % IDENTITY_RECENT];
	struct identity_found found;
	int64_t changed = st->st_ctim.tv_sec * 1000000000LL + st->st_ctim.tv_nsec;

	if (!has_size(t, st->st_size))
		return (struct identity_found){ 0 };
	found = by_file(t, st);
	if (found.program)
		return found;
	if (r->ino == st->st_ino && r->dev == st->st_dev && r->size == st->st_size &&
	    r->ctime.tv_sec == st->st_ctim.tv_sec && r->ctime.tv_nsec == st->st_ctim.tv_nsec)
		return r->found;
	found = by_content(t, fd, st);
	found.unsettled = clock_real_ns() < changed + SETTLED_NS;
	if (!found.unsettled)
		*r = (struct recent){ st->st_dev, st->st_ino, st->st_size, st->st_ctim, found };
	return found;
}

void identity_names(const struct identity *t, unsigned program, const char *argv0, struct identity_names *out)
{
	const struct program *p = &t->programs[program];
	const char *called = path_base(argv0);

	called += *called == '-'; /* a login shell */
	*out = (struct identity_names){ .place = p->place };
	for (unsigned i = p->first_name; i; i = t->names[i].next) {
		const struct program_name *n = &t->names[i];

		if (n->opaque)
			out->opaque = n->path;
		if (!(n->own && (!p->multicall || n->opaque))) {
			out->by_argv = true;
			if (strcmp(called, path_base(n->path)) != 0)
				continue;
		}
		if (out->n < IDENTITY_NAMES)
			out->path[out->n++] = n->path;
	}
}

const uint8_t *identity_sha256(const struct identity *t, unsigned program)
{
	return t->programs[program].sha256;
}
