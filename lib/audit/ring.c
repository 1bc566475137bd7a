#include "audit/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"

enum { PAGE = 4096, ALIGN = 8, FORGET = 64 << 10 };

static const char magic[16] = "agentsh-ring 01";

/* First page of the file. head and tail count bytes since creation and never wrap; each on its own cache
 * line. */
struct header {
	char magic[16];
	_Alignas(64) _Atomic uint64_t head; /* written by the producer */
	_Atomic uint64_t lost;
	_Alignas(64) _Atomic uint64_t tail; /* written by the consumer */
	_Alignas(64) _Atomic uint32_t sleeping;
};

/* Before each record's text, aligned to 8 like the whole record. */
struct prefix {
	uint32_t len, command, flags, check;
};

struct ring {
	struct header *h;
	char *data;    /* mapped twice in a row, so that no record is ever split */
	uint64_t size; /* of one copy */
	uint64_t head; /* our own word for what we write: producer */
	uint64_t tail; /* consumer: published tail */
	uint64_t next; /* consumer: behind the last record got */
	bool broken;
	int fd;
	bool owns_fd;
};

_Static_assert(sizeof(struct header) <= PAGE, "the header has one page");
_Static_assert(ATOMIC_LLONG_LOCK_FREE == 2, "atomics between processes must not lock");

static uint64_t record_size(uint64_t len)
{
	return (sizeof(struct prefix) + len + ALIGN - 1) & ~(uint64_t)(ALIGN - 1);
}

/* Tells a record from leftovers of an earlier round, should the head ever be wrong by accident. */
static uint32_t check_word(const struct prefix *p, uint64_t at)
{
	return (uint32_t)(at >> 3) ^ p->len * 2654435761u ^ p->command ^ p->flags << 24 ^ 0x52494e47u;
}

static int map_twice(struct ring *r, int fd, struct err *e)
{
	char *space = mmap(NULL, PAGE + 2 * r->size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	const int prot = PROT_READ | PROT_WRITE;

	if (space == MAP_FAILED)
		return err_sys(e, "map ring");
	r->h = (struct header *)space;
	r->data = space + PAGE;
	if (mmap(space, PAGE + r->size, prot, MAP_SHARED | MAP_FIXED, fd, 0) == MAP_FAILED ||
	    mmap(r->data + r->size, r->size, prot, MAP_SHARED | MAP_FIXED, fd, PAGE) == MAP_FAILED)
		return err_sys(e, "map ring");
	return 0;
}

static int check_header(struct ring *r, struct err *e)
{
	r->head = atomic_load_explicit(&r->h->head, memory_order_acquire);
	r->tail = r->next = atomic_load_explicit(&r->h->tail, memory_order_acquire);
	/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): mapped by the caller */
	if (memcmp(r->h->magic, magic, sizeof magic))
		return err_set(e, "not a ring of this version");
	if (r->head % ALIGN || r->tail % ALIGN || r->head < r->tail || r->head - r->tail > r->size)
		return err_set(e, "damaged ring: positions make no sense");
	return 0;
}

struct ring *ring_map(int fd, struct err *e)
{
	struct ring *r;
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_sys(e, "stat ring"), NULL;
	if (!S_ISREG(st.st_mode) || st.st_size % PAGE || st.st_size < PAGE + RING_MIN ||
	    st.st_size > PAGE + RING_MAX)
		return err_set(e, "not a ring: wrong kind or size of file"), NULL;
	r = calloc(1, sizeof *r);
	if (!r)
		return err_set(e, "out of memory"), NULL;
	r->fd = fd;
	r->size = (uint64_t)st.st_size - PAGE;
	if (map_twice(r, fd, e) < 0 || check_header(r, e) < 0) {
		ring_close(r);
		return NULL;
	}
	return r;
}

static struct ring *map_owned(int fd, const char *path, struct err *e)
{
	struct ring *r = ring_map(fd, e);

	if (!r) {
		err_in(e, "%s", path);
		fd_close(&fd);
		return NULL;
	}
	r->owns_fd = true;
	return r;
}

struct ring *ring_open(const char *path, struct err *e)
{
	int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return err_sys(e, "open %s", path), NULL;
	return map_owned(fd, path, e);
}

struct ring *ring_create(const char *path, size_t size, struct err *e)
{
	int fd, code;

	size = size < RING_MIN ? RING_MIN : size > RING_MAX ? RING_MAX : size;
	size = (size + PAGE - 1) / PAGE * PAGE;
	/* A new inode, never the old one truncated: someone who still maps that would get SIGBUS. */
	if (unlink(path) < 0 && errno != ENOENT)
		return err_sys(e, "replace %s", path), NULL;
	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_sys(e, "create %s", path), NULL;
	/* Allocate now: a hole met later on a full disk is a SIGBUS in the supervisor. */
	code = posix_fallocate(fd, 0, (off_t)(PAGE + size));
	errno = code;
	if (code || fchmod(fd, 0600) < 0 || pwrite(fd, magic, sizeof magic, 0) != (ssize_t)sizeof magic) {
		err_sys(e, "allocate %s", path);
		unlink(path);
		fd_close(&fd);
		return NULL;
	}
	return map_owned(fd, path, e);
}

int ring_fd(const struct ring *r)
{
	return r->fd;
}

void ring_close(struct ring *r)
{
	if (!r)
		return;
	if (r->h)
		munmap(r->h, PAGE + 2 * r->size);
	if (r->owns_fd)
		close(r->fd);
	free(r);
}

bool ring_broken(const struct ring *r)
{
	return r->broken;
}

uint64_t ring_lost(const struct ring *r)
{
	return atomic_load_explicit(&r->h->lost, memory_order_relaxed);
}

/* What was written or taken stays in the file; in this process it would only be counted, up to twice the
 * ring. */
static void forget(struct ring *r, uint64_t before, uint64_t now)
{
	if (before / FORGET != now / FORGET)
		madvise(r->data, 2 * r->size, MADV_DONTNEED);
}

void ring_rest(struct ring *r)
{
	madvise(r->h, PAGE + 2 * r->size, MADV_DONTNEED);
}

bool ring_put(struct ring *r, const char *text, size_t len, uint32_t command, uint32_t flags, bool *wake)
{
	uint64_t tail = atomic_load_explicit(&r->h->tail, memory_order_acquire), used = r->head - tail;
	struct prefix p = { .len = (uint32_t)len, .command = command, .flags = flags };
	char *at = r->data + r->head % r->size, instead[80];

	*wake = false;
	if (tail > r->head || used > r->size)
		r->broken = true;
	if (r->broken)
		return false;
	if (len > r->size / 2) {
		p.len = (uint32_t)snprintf(instead, sizeof instead,
		                           "{\"fields\":{\"bytes\":%zu},\"type\":\"event_too_long\"}", len);
		text = instead;
	}
	if (record_size(p.len) + (flags & RING_DENIED ? 0 : r->size / 4) > r->size - used)
		return false;
	if (text == instead)
		atomic_fetch_add_explicit(&r->h->lost, 1, memory_order_relaxed);
	p.check = check_word(&p, r->head);
	memcpy(at, &p, sizeof p);
	memcpy(at + sizeof p, text, p.len);
	r->head += record_size(p.len);
	forget(r, r->head - record_size(p.len), r->head);
	/* Sequential consistency, here and in ring_sleep(): either we see the sleeper or it sees the record.
	 */
	atomic_store_explicit(&r->h->head, r->head, memory_order_seq_cst);
	if (atomic_load_explicit(&r->h->sleeping, memory_order_seq_cst))
		*wake = atomic_exchange_explicit(&r->h->sleeping, 0, memory_order_seq_cst) != 0;
	return true;
}

bool ring_fills(const struct ring *r)
{
	return r->head - atomic_load_explicit(&r->h->tail, memory_order_relaxed) > r->size / 8 * 3;
}

bool ring_get(struct ring *r, struct ring_record *out)
{
	uint64_t head = atomic_load_explicit(&r->h->head, memory_order_acquire), used = head - r->next;
	const char *at = r->data + r->next % r->size;
	struct prefix p;

	if (r->broken || head == r->next)
		return false;
	/* From here on only our own copies count: the memory may change under us. */
	memcpy(&p, at, sizeof p);
	if (head % ALIGN || head < r->next || head - r->tail > r->size || used < sizeof p ||
	    p.len > r->size / 2 || record_size(p.len) > used || p.check != check_word(&p, r->next)) {
		r->broken = true;
		return false;
	}
	*out = (struct ring_record){
		.text = at + sizeof p, .len = p.len, .command = p.command, .flags = p.flags
	};
	r->next += record_size(p.len);
	return true;
}

void ring_done(struct ring *r)
{
	uint64_t before = r->tail;

	r->tail = r->next;
	atomic_store_explicit(&r->h->tail, r->tail, memory_order_release);
	forget(r, before, r->tail);
}

bool ring_sleep(struct ring *r)
{
	atomic_store_explicit(&r->h->sleeping, 1, memory_order_seq_cst);
	if (atomic_load_explicit(&r->h->head, memory_order_seq_cst) == r->next || r->broken)
		return true;
	atomic_store_explicit(&r->h->sleeping, 0, memory_order_relaxed);
	return false;
}
