#include "match/globset.h"

#include "base/utf8.h"
#include "match/globset_impl.h"

#include <string.h>

enum { HASH_START = 0x811c9dc5u, HASH_STEP = 0x01000193u };

struct globset *globset_new(struct arena *a, struct arena *scratch, char separator, enum globset_kind kind)
{
	struct globset *s = arena_alloc(a, sizeof *s);

	if (s)
		*s = (struct globset){ .arena = a,
			               .separator = separator,
			               .scratch = scratch,
			               .reversed = kind == GLOBSET_REVERSED,
			               .ordered = kind == GLOBSET_ORDERED,
			               .lowest_hard = QUERY_NONE };
	return s;
}

int globset_accept(struct globset *s, const struct accept **first, struct accept_end *end,
                   const uint32_t rule_mask[2], struct err *e)
{
	uint32_t rule = rule_mask[0], mask = rule_mask[1];
	struct accept *entry;

	if (s->ordered && !(mask & ~end->covered))
		return 0;
	end->covered |= mask;
	if (end->last && end->last->rule == rule) {
		end->last->mask |= mask;
		return 0;
	}
	entry = arena_alloc(s->arena, sizeof *entry);
	if (!entry)
		return err_set(e, "out of memory");
	*entry = (struct accept){ .rule = rule, .mask = mask };
	if (end->last)
		end->last->next = entry;
	else
		*first = entry;
	end->last = entry;
	return 0;
}

static uint32_t hash_text(const char *text, size_t len)
{
	uint32_t h = HASH_START;

	while (len--)
		h = (h ^ (unsigned char)*text++) * HASH_STEP;
	return h;
}

static uint32_t slot_of(uint32_t hash)
{
	return hash ^ hash >> 15;
}

static const struct plain *lookup(const struct globset *s, const char *text, size_t len, uint32_t hash)
{
	for (uint32_t i = slot_of(hash);; i++) {
		uint32_t at = s->slots[i & (s->n_slots - 1)];
		const struct plain *p = &s->plains[at - 1];

		if (!at)
			return NULL;
		if (p->hash == hash && p->len == len && !memcmp(p->text, text, len))
			return p;
	}
}

static int grow_plains(struct globset *s, struct err *e)
{
	uint32_t cap = s->cap_plains ? s->cap_plains * 2 : 32;
	struct plain *plains = arena_array(s->scratch, cap, sizeof *plains);
	struct plain_ends *ends = arena_array(s->scratch, cap, sizeof *ends);
	uint32_t *slots = arena_array(s->scratch, cap * 4, sizeof *slots);

	if (!plains || !ends || !slots)
		return err_set(e, "out of memory");
	if (s->n_plains) {
		memcpy(plains, s->plains, s->n_plains * sizeof *plains);
		memcpy(ends, s->plain_ends, s->n_plains * sizeof *ends);
	}
	for (uint32_t k = 0; k < s->n_plains; k++) {
		uint32_t i = slot_of(plains[k].hash);

		while (slots[i & (cap * 4 - 1)])
			i++;
		slots[i & (cap * 4 - 1)] = k + 1;
	}
	s->plains = plains;
	s->plain_ends = ends;
	s->slots = slots;
	s->cap_plains = cap;
	s->n_slots = cap * 4;
	return 0;
}

static struct plain *plain_for(struct globset *s, const char *text, size_t len, struct err *e)
{
	uint32_t hash = hash_text(text, len), i = slot_of(hash);
	const struct plain *found = s->n_slots ? lookup(s, text, len, hash) : NULL;
	struct plain *p;

	if (found)
		return &s->plains[found - s->plains];
	if (s->n_plains == s->cap_plains && grow_plains(s, e) < 0)
		return NULL;
	p = &s->plains[s->n_plains++];
	*p = (struct plain){ .hash = hash, .len = (uint32_t)len, .text = arena_copy(s->arena, text, len) };
	while (s->slots[i & (s->n_slots - 1)])
		i++;
	s->slots[i & (s->n_slots - 1)] = s->n_plains;
	if (!p->text)
		err_set(e, "out of memory");
	return p->text ? p : NULL;
}

/* A code point, or a byte that belongs to none. */
static size_t put_symbol(uint32_t c, char *out)
{
	out[0] = (char)c;
	return c >= 0x110000 || c < 0x80 ? 1 : utf8_put(c, out);
}

/* One sequence, already in the direction in which it will be matched; n without the closing step. */
static int add_sequence(struct globset *s, const struct glob_step *steps, size_t n,
                        const uint32_t rule_mask[2], struct err *e)
{
	char text[GLOB_STEPS * 4];
	enum plain_list list;
	struct plain *p;
	size_t k, len = 0;

	for (k = 0; k < n && steps[k].kind == GLOB_LITERAL; k++)
		len += put_symbol(steps[k].symbol, text + len);
	if (k < n && (k + 1 < n || (steps[k].kind != GLOB_STAR && steps[k].kind != GLOB_SUPER) ||
	              (len && (!s->separator || text[len - 1] != s->separator))))
		return automaton_add(s, steps, n, rule_mask, e);
	p = plain_for(s, text, len, e);
	if (!p)
		return -1;
	list = k == n ? PLAIN_EXACT : steps[k].kind == GLOB_SUPER || !s->separator ? PLAIN_TREE : PLAIN_CHILD;
	return globset_accept(s, &p->accept[list], &s->plain_ends[p - s->plains].at[list], rule_mask, e);
}

static int add_reversed(struct globset *s, const struct glob_step *steps, size_t n,
                        const uint32_t rule_mask[2], struct err *e)
{
	struct glob_step back[GLOB_STEPS];

	for (size_t k = 0; k < n; k++)
		back[k] = steps[n - 1 - k];
	return add_sequence(s, back, n, rule_mask, e);
}

int globset_add(struct globset *s, const struct glob *pattern, uint32_t rule, uint32_t mask, struct err *e)
{
	const uint32_t rule_mask[2] = { rule, mask };

	for (size_t i = 0; i < pattern->n;) {
		const struct glob_step *steps = pattern->steps + i;
		size_t n = 0;

		while (steps[n].kind != GLOB_END)
			n++;
		i += n + 1;
		if ((s->reversed ? add_reversed(s, steps, n, rule_mask, e)
		                 : add_sequence(s, steps, n, rule_mask, e)) < 0)
			return -1;
	}
	return 0;
}

static void *keep(struct globset *s, const void *items, size_t n, size_t size)
{
	void *copy = arena_array(s->arena, n, size);

	if (copy && n)
		memcpy(copy, items, n * size);
	return copy;
}

int globset_finish(struct globset *s, struct err *e)
{
	if (!s->n_slots && grow_plains(s, e) < 0)
		return -1;
	if (automaton_finish(s, e) < 0)
		return -1;
	/* What grew by steps is kept in its last size only. */
	s->plains = keep(s, s->plains, s->n_plains, sizeof *s->plains);
	s->slots = keep(s, s->slots, s->n_slots, sizeof *s->slots);
	s->nodes = keep(s, s->nodes, s->n_nodes, sizeof *s->nodes);
	s->bounds = keep(s, s->bounds, s->n_bounds, sizeof *s->bounds);
	s->plain_ends = NULL;
	s->node_ends = NULL;
	return s->arena->failed ? err_set(e, "out of memory") : 0;
}

void globset_find(const struct globset *s, struct globset_cache *c, const char *text, size_t len,
                  struct query *q)
{
	const struct plain *p = lookup(s, text, 0, HASH_START), *dir = p;
	uint32_t h = HASH_START;

	if (p)
		query_offer(q, p->accept[PLAIN_TREE]);
	for (size_t i = 0; i < len; i++) {
		h = (h ^ (unsigned char)text[i]) * HASH_STEP;
		if (text[i] != s->separator || !s->separator)
			continue;
		dir = p = lookup(s, text, i + 1, h);
		if (p)
			query_offer(q, p->accept[PLAIN_TREE]);
	}
	if (dir)
		query_offer(q, dir->accept[PLAIN_CHILD]);
	p = lookup(s, text, len, h);
	if (p)
		query_offer(q, p->accept[PLAIN_EXACT]);
	if (s->lowest_hard < q->best)
		automaton_find(s, c, text, len, q);
}
