#include "match/cidr.h"

#include "base/num.h"

#include <arpa/inet.h>
#include <string.h>

struct range {
	struct cidr cidr;
	struct accept *last;
	const struct accept *first;
};

struct cidrset {
	struct arena *arena;
	struct range *slots; /* open addressing; accept list NULL = free */
	uint32_t n, cap;
	uint8_t lengths[2][129]; /* prefix lengths in use, IPv4 and IPv6 */
	uint8_t n_lengths[2];
};

static void keep_bits(uint8_t *addr, size_t len, unsigned bits)
{
	for (size_t i = 0; i < len; i++) {
		unsigned keep = bits > i * 8 ? bits - (unsigned)i * 8 : 0;

		if (keep < 8)
			addr[i] &= (uint8_t)(0xff00u >> keep);
	}
}

static const uint8_t mapped[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

int cidr_parse(const char *text, struct cidr *out, struct err *e)
{
	const char *slash = strchr(text, '/');
	char addr[64], masked_text[64];
	uint8_t masked[16];
	uint64_t bits;
	int family = strchr(text, ':') ? AF_INET6 : AF_INET;

	*out = (struct cidr){ .len = family == AF_INET6 ? 16 : 4 };
	if (!slash)
		return err_set(e, "'%s' has no prefix length; write %s/%d for one address", text, text,
		               out->len * 8);
	if ((size_t)(slash - text) >= sizeof addr)
		return err_set(e, "'%s' is not an address range", text);
	memcpy(addr, text, (size_t)(slash - text));
	addr[slash - text] = 0;
	if (inet_pton(family, addr, out->addr) != 1)
		return err_set(e, "'%s' is not an address; write four decimal numbers, or an IPv6 address",
		               addr);
	if (!num_u64(slash + 1, 0, out->len * 8, &bits) || (slash[1] == '0' && slash[2]))
		return err_set(e, "prefix length '%s' must be a number from 0 to %d", slash + 1,
		               out->len * 8);
	out->bits = (uint8_t)bits;
	memcpy(masked, out->addr, sizeof masked);
	keep_bits(masked, out->len, out->bits);
	if (memcmp(masked, out->addr, out->len))
		return err_set(e, "'%s' has bits set behind the prefix; write %s/%d", text,
		               inet_ntop(family, masked, masked_text, sizeof masked_text), out->bits);
	if (out->len == 16 && out->bits >= 96 && !memcmp(out->addr, mapped, sizeof mapped))
		return err_set(e, "'%s' is an IPv4 range in IPv6 form; write it as IPv4", text);
	return 0;
}

bool cidr_holds(const struct cidr *c, const uint8_t *addr, size_t len)
{
	unsigned whole = c->bits / 8, rest = c->bits % 8;

	if (len != c->len || memcmp(c->addr, addr, whole))
		return false;
	return !rest || !((c->addr[whole] ^ addr[whole]) >> (8 - rest));
}

static uint32_t hash_cidr(const struct cidr *c)
{
	uint32_t h = 0x811c9dc5u ^ c->bits ^ (uint32_t)c->len << 8, word;

	for (size_t i = 0; i < c->len; i += sizeof word) {
		memcpy(&word, c->addr + i, sizeof word);
		h = (h ^ word) * 0x9e3779b1u;
		h ^= h >> 15;
	}
	return h;
}

static struct range *slot_for(struct range *slots, uint32_t cap, const struct cidr *c)
{
	for (uint32_t i = hash_cidr(c);; i++) {
		struct range *r = &slots[i & (cap - 1)];

		if (!r->first || (r->cidr.len == c->len && r->cidr.bits == c->bits &&
		                  !memcmp(r->cidr.addr, c->addr, c->len)))
			return r;
	}
}

struct cidrset *cidrset_new(struct arena *a)
{
	struct cidrset *s = arena_alloc(a, sizeof *s);

	if (s)
		s->arena = a;
	return s;
}

static int grow(struct cidrset *s, struct err *e)
{
	uint32_t cap = s->cap ? s->cap * 2 : 64;
	struct range *slots = arena_array(s->arena, cap, sizeof *slots);

	if (!slots)
		return err_set(e, "out of memory");
	for (uint32_t i = 0; i < s->cap; i++)
		if (s->slots[i].first)
			*slot_for(slots, cap, &s->slots[i].cidr) = s->slots[i];
	s->slots = slots;
	s->cap = cap;
	return 0;
}

static void note_length(struct cidrset *s, const struct cidr *c)
{
	int six = c->len == 16;

	if (!memchr(s->lengths[six], c->bits, s->n_lengths[six]))
		s->lengths[six][s->n_lengths[six]++] = c->bits;
}

int cidrset_add(struct cidrset *s, const struct cidr *c, uint32_t rule, uint32_t mask, struct err *e)
{
	struct accept *entry = arena_alloc(s->arena, sizeof *entry);
	struct range *r;

	if (!entry)
		return err_set(e, "out of memory");
	if (s->n * 2 >= s->cap && grow(s, e) < 0)
		return -1;
	*entry = (struct accept){ .rule = rule, .mask = mask };
	r = slot_for(s->slots, s->cap, c);
	if (!r->first) {
		r->cidr = *c;
		r->first = entry;
		s->n++;
	} else
		r->last->next = entry;
	r->last = entry;
	note_length(s, c);
	return 0;
}

void cidrset_find(const struct cidrset *s, const uint8_t *addr, size_t len, struct query *q)
{
	int six = len == 16;

	for (uint8_t i = 0; i < s->n_lengths[six]; i++) {
		struct cidr key = { .len = (uint8_t)len, .bits = s->lengths[six][i] };

		memcpy(key.addr, addr, len);
		keep_bits(key.addr, len, key.bits);
		query_offer(q, slot_for(s->slots, s->cap, &key)->first);
	}
}
