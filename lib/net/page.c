#include "net/page.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	PORTS = 65536,
	FAMILIES = 2,
	TRIES = 64, /* who writes an entry is done long before; or it makes no sense */
	ALL_SEALS = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL
};

#define SECOND 1000000000LL

/* Each entry is guarded by a count that is odd while it is written. */
struct entry_name {
	_Atomic uint32_t count;
	uint8_t len; /* of the address */
	uint8_t bytes[16];
	char name[PAGE_NAME];
	int64_t until;
};

struct entry_flow {
	_Atomic uint32_t count;
	uint16_t to_port;
	uint8_t len;
	uint8_t bytes[16];
	int32_t pid;
	uint32_t command;
	int64_t at;
	uint64_t serial;
};

struct shared {
	_Atomic uint32_t n_names;           /* so many have been used */
	_Atomic uint32_t marks[PAGE_NAMES]; /* of the address of each: what is not it need not be looked at */
	struct entry_name names[PAGE_NAMES];
	struct entry_flow flows[FAMILIES][PORTS]; /* touched where ports are in use */
};

/* What a writer relies on is its own. */
struct net_page {
	struct shared *at;
	uint32_t n_names, oldest;
	uint64_t serial;
};

struct net_page *page_map(int fd, struct err *e)
{
	struct net_page *p;
	struct stat st;
	void *at;

	if (fstat(fd, &st) < 0 || st.st_size < (off_t)sizeof(struct shared)) {
		err_set(e, "the shared memory of the network is too small");
		return NULL;
	}
	at = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	p = at == MAP_FAILED ? NULL : calloc(1, sizeof *p);
	if (!p) {
		err_sys(e, "map the shared memory of the network");
		if (at != MAP_FAILED)
			munmap(at, sizeof(struct shared));
		return NULL;
	}
	p->at = at;
	p->n_names = atomic_load(&p->at->n_names);
	if (p->n_names > PAGE_NAMES)
		p->n_names = 0;
	return p;
}

struct net_page *page_new(int *fd, struct err *e)
{
	struct net_page *p = NULL;

	*fd = memfd_create("network", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (*fd < 0 || ftruncate(*fd, sizeof(struct shared)) < 0 || fcntl(*fd, F_ADD_SEALS, ALL_SEALS) < 0)
		err_sys(e, "shared memory of the network");
	else
		p = page_map(*fd, e);
	if (!p && *fd >= 0) {
		close(*fd);
		*fd = -1;
	}
	return p;
}

void page_unmap(struct net_page *p)
{
	if (!p)
		return;
	munmap(p->at, sizeof *p->at);
	free(p);
}

/* ---- writing and reading one entry ----------------------------------------------------------------------
 */

static void begin(_Atomic uint32_t *count)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) | 1,
	                      memory_order_relaxed);
	atomic_thread_fence(memory_order_release);
}

static void end(_Atomic uint32_t *count)
{
	atomic_store_explicit(count, (atomic_load_explicit(count, memory_order_relaxed) | 1) + 1,
	                      memory_order_release);
}

/* A copy of `size` bytes of an entry, its count in front. False: nobody wrote it, or somebody does all the
 * time. */
static bool copy(const _Atomic uint32_t *count, void *to, size_t size)
{
	for (int i = 0; i < TRIES; i++) {
		const uint32_t before = atomic_load_explicit(count, memory_order_acquire);

		if (!before)
			return false;
		if (before & 1)
			continue;
		memcpy(to, (const void *)count, size);
		atomic_thread_fence(memory_order_acquire);
		if (atomic_load_explicit(count, memory_order_relaxed) == before)
			return true;
	}
	return false;
}

/* ---- names ----------------------------------------------------------------------------------------------
 */

static bool is_address(const struct page_address *a)
{
	return a->len == 4 || a->len == 16;
}

static uint32_t mark_of(const struct page_address *a)
{
	uint32_t h = 2166136261u ^ a->len;

	for (size_t i = 0; i < a->len; i++)
		h = (h ^ a->bytes[i]) * 16777619u;
	return h;
}

static bool leads_to(const struct entry_name *n, const struct page_address *a)
{
	return n->len == a->len && !memcmp(n->bytes, a->bytes, a->len);
}

/* Where this binding is, or is to be written. */
static uint32_t find_place(struct net_page *p, const char *name, const struct page_address *addr,
                           uint32_t mark)
{
	for (uint32_t i = 0; i < p->n_names; i++) {
		const struct entry_name *n = &p->at->names[i];

		if (atomic_load_explicit(&p->at->marks[i], memory_order_relaxed) == mark &&
		    leads_to(n, addr) && !strncmp(n->name, name, PAGE_NAME))
			return i;
	}
	if (p->n_names < PAGE_NAMES)
		return p->n_names++;
	p->oldest = (p->oldest + 1) % PAGE_NAMES;
	return p->oldest;
}

void page_bind(struct net_page *p, const char *name, const struct page_address *addr, uint32_t ttl,
               int64_t now)
{
	const size_t len = strlen(name);
	const uint32_t mark = mark_of(addr);
	struct entry_name *n;
	uint32_t i;

	if (!len || len >= PAGE_NAME || !is_address(addr))
		return;
	ttl = ttl < PAGE_TTL_MIN ? PAGE_TTL_MIN : ttl > PAGE_TTL_MAX ? PAGE_TTL_MAX : ttl;
	i = find_place(p, name, addr, mark);
	n = &p->at->names[i];
	begin(&n->count);
	n->len = addr->len;
	memcpy(n->bytes, addr->bytes, sizeof n->bytes);
	memcpy(n->name, name, len + 1);
	n->until = now + (ttl + PAGE_GRACE) * SECOND;
	end(&n->count);
	atomic_store_explicit(&p->at->marks[i], mark, memory_order_release);
	atomic_store_explicit(&p->at->n_names, p->n_names, memory_order_release);
}

static bool makes_sense(const struct entry_name *n, int64_t now)
{
	return n->until > now && n->until - now <= (PAGE_TTL_MAX + PAGE_GRACE) * SECOND && n->name[0] &&
	       memchr(n->name, 0, sizeof n->name);
}

size_t page_names(const struct net_page *p, const struct page_address *addr, int64_t now,
                  char (*out)[PAGE_NAME], size_t max)
{
	uint32_t n_names = atomic_load_explicit(&p->at->n_names, memory_order_acquire);
	const uint32_t mark = mark_of(addr);
	struct entry_name n;
	size_t found = 0;

	if (!is_address(addr))
		return 0;
	if (n_names > PAGE_NAMES)
		n_names = PAGE_NAMES;
	for (uint32_t i = 0; i < n_names && found < max; i++)
		if (atomic_load_explicit(&p->at->marks[i], memory_order_relaxed) == mark &&
		    copy(&p->at->names[i].count, &n, sizeof n) && leads_to(&n, addr) && makes_sense(&n, now))
			memcpy(out[found++], n.name, PAGE_NAME);
	return found;
}

/* ---- flows ----------------------------------------------------------------------------------------------
 */

static size_t family_of(int family)
{
	return family == AF_INET6;
}

void page_flow(struct net_page *p, int family, uint16_t port, const struct page_flow *flow)
{
	struct entry_flow *f = &p->at->flows[family_of(family)][port];
	uint64_t serial = ++p->serial;

	/* Another supervisor may have counted before. */
	if (serial == 1)
		serial = p->serial = (uint64_t)flow->at;
	begin(&f->count);
	f->to_port = flow->to_port;
	f->len = flow->to.len;
	memcpy(f->bytes, flow->to.bytes, sizeof f->bytes);
	f->pid = flow->pid;
	f->command = flow->command;
	f->at = flow->at;
	f->serial = serial;
	end(&f->count);
}

bool page_flow_find(const struct net_page *p, int family, uint16_t port, struct page_flow *out)
{
	struct entry_flow f;

	if (!copy(&p->at->flows[family_of(family)][port].count, &f, sizeof f) || (f.len != 4 && f.len != 16))
		return false;
	*out = (struct page_flow){ .to.len = f.len,
		                   .to_port = f.to_port,
		                   .pid = f.pid,
		                   .command = f.command,
		                   .at = f.at,
		                   .serial = f.serial };
	memcpy(out->to.bytes, f.bytes, sizeof f.bytes);
	return true;
}
