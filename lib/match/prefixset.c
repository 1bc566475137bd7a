#include "match/prefixset.h"

#include <string.h>

enum { HASH_START = 0x811c9dc5u, HASH_STEP = 0x01000193u, LENGTH_MAX = 63 };

/* A beginning and its items; numbers are one more than the item's, 0 = none. */
struct beginning {
	const char *text; /* NULL = the slot is free */
	uint32_t len, hash, first, last;
};

struct prefixset {
	uint64_t lengths;        /* 1 << length of a beginning */
	struct beginning *slots; /* open addressing */
	uint32_t n_slots;        /* power of two */
	uint32_t *next;          /* item after the item */
};

struct prefixset *prefixset_new(struct arena *a, size_t n, size_t all)
{
	struct prefixset *s = arena_alloc(a, sizeof *s);
	uint32_t slots = 2;

	while (slots < n * 2)
		slots *= 2;
	if (s)
		*s = (struct prefixset){ .slots = arena_array(a, slots, sizeof *s->slots),
			                 .n_slots = slots,
			                 .next = arena_array(a, n ? all + 1 : 1, sizeof *s->next) };
	return s && s->slots && s->next ? s : NULL;
}

static uint32_t hash_byte(uint32_t hash, char byte)
{
	return (hash ^ (unsigned char)byte) * HASH_STEP;
}

/* Where it is, or the free slot where it belongs. */
static struct beginning *slot_of(const struct prefixset *s, const char *text, uint32_t len, uint32_t hash)
{
	for (uint32_t i = hash ^ hash >> 15;; i++) {
		struct beginning *b = &s->slots[i & (s->n_slots - 1)];

		if (!b->text || (b->hash == hash && b->len == len && !memcmp(b->text, text, len)))
			return b;
	}
}

void prefixset_add(struct prefixset *s, uint32_t item, const char *beginning, size_t len)
{
	uint32_t hash = HASH_START, n = (uint32_t)(len < LENGTH_MAX ? len : LENGTH_MAX);
	struct beginning *b;

	for (uint32_t i = 0; i < n; i++)
		hash = hash_byte(hash, beginning[i]);
	b = slot_of(s, beginning, n, hash);
	if (b->text)
		s->next[b->last] = item + 1;
	else
		*b = (struct beginning){ .text = beginning, .len = n, .hash = hash, .first = item + 1 };
	b->last = item + 1;
	s->lengths |= (uint64_t)1 << n;
}

void prefixset_find(const struct prefixset *s, const char *text, size_t len,
                    bool (*each)(void *arg, uint32_t item), void *arg)
{
	uint64_t lengths = s->lengths;
	uint32_t hash = HASH_START;

	for (uint32_t i = 0; lengths; lengths >>= 1, hash = hash_byte(hash, text[i++])) {
		const struct beginning *b = lengths & 1 ? slot_of(s, text, i, hash) : NULL;

		for (uint32_t n = b ? b->first : 0; n && each(arg, n - 1); n = s->next[n])
			;
		if (i == len)
			return;
	}
}
