/* The patterns of a globset that hashing does not find, as an automaton with states made on demand.
 *
 * The patterns form a tree of steps (struct step_node); a state of the automaton is the set of nodes reached.
 * States are made once and found again by their set; a transition already taken costs one table look-up.
 */
#include "match/globset_impl.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { STATES = 1024, STATE_SLOTS = 4096, DEAD = 1, POOL = 1 << 16, CLASSES = 4096 };

struct state {
	uint32_t at, n; /* its nodes, in pool */
	uint32_t hits;  /* how many of them accept; they come first */
	uint32_t hash;
};

struct globset_cache {
	uint16_t *table; /* [state][class] → state, 0 = not known yet */
	uint32_t n_states;
	uint16_t start; /* 0 = not made yet */
	uint32_t *pool; /* node numbers of all states */
	uint32_t n_pool, cap_pool;
	uint32_t *work, n_work;      /* set under construction */
	uint32_t *mark, stamp;       /* node is in the set under construction */
	uint16_t slots[STATE_SLOTS]; /* by hash of the set; not there when there are no nodes */
	struct state states[STATES];
};

/* ---- building ---- */

/* The pattern may be gone when the set is asked. */
static const struct glob_class *own_class(struct globset *s, const struct glob_class *class)
{
	struct glob_class *own = arena_alloc(s->arena, sizeof *own);
	struct glob_range *ranges = arena_array(s->arena, class->n, sizeof *ranges);

	if (!own || !ranges)
		return NULL;
	memcpy(ranges, class->ranges, class->n * sizeof *ranges);
	*own = (struct glob_class){ .ranges = ranges, .n = class->n, .negated = class->negated };
	return own;
}

static uint32_t new_node(struct globset *s, const struct glob_step *step, struct err *e)
{
	struct glob_step own = *step;

	if (s->n_nodes == s->cap_nodes) {
		uint32_t cap = s->cap_nodes ? s->cap_nodes * 2 : 64;
		struct step_node *nodes = cap < 1u << 24 ? arena_array(s->scratch, cap, sizeof *nodes) : NULL;
		struct accept_end *ends = nodes ? arena_array(s->scratch, cap, sizeof *ends) : NULL;

		if (!ends) {
			err_set(e, "out of memory");
			return 0;
		}
		if (s->n_nodes) {
			memcpy(nodes, s->nodes, s->n_nodes * sizeof *nodes);
			memcpy(ends, s->node_ends, s->n_nodes * sizeof *ends);
		}
		s->nodes = nodes;
		s->node_ends = ends;
		s->cap_nodes = cap;
	}
	if (own.kind == GLOB_CLASS && !(own.class = own_class(s, step->class))) {
		err_set(e, "out of memory");
		return 0;
	}
	s->nodes[s->n_nodes].step = own;
	return s->n_nodes++;
}

static bool same_step(const struct glob_step *a, const struct glob_step *b)
{
	if (a->kind != b->kind || (a->kind == GLOB_LITERAL && a->symbol != b->symbol))
		return false;
	return a->kind != GLOB_CLASS ||
	       (a->class->n == b->class->n && a->class->negated == b->class->negated &&
	        !memcmp(a->class->ranges, b->class->ranges, a->class->n * sizeof *a->class->ranges));
}

static uint32_t child_of(struct globset *s, uint32_t node, const struct glob_step *step, struct err *e)
{
	struct step_node *parent = &s->nodes[node];
	uint32_t child = step->kind == GLOB_STAR    ? parent->star
	                 : step->kind == GLOB_SUPER ? parent->super
	                                            : parent->first;

	if (step->kind != GLOB_STAR && step->kind != GLOB_SUPER)
		while (child && !same_step(&s->nodes[child].step, step))
			child = s->nodes[child].next;
	if (child)
		return child;
	child = new_node(s, step, e);
	if (!child)
		return 0;
	parent = &s->nodes[node];
	if (step->kind == GLOB_STAR)
		parent->star = child;
	else if (step->kind == GLOB_SUPER)
		parent->super = child;
	else {
		s->nodes[child].next = parent->first;
		parent->first = child;
	}
	return child;
}

int automaton_add(struct globset *s, const struct glob_step *steps, size_t n, const uint32_t rule_mask[2],
                  struct err *e)
{
	static const struct glob_step none = { .kind = GLOB_END };
	uint32_t node = 0;

	if (!s->n_nodes) {
		new_node(s, &none, e);
		if (!s->n_nodes)
			return -1;
	}
	for (size_t i = 0; i < n; i++) {
		node = child_of(s, node, &steps[i], e);
		if (!node)
			return -1;
	}
	if (rule_mask[0] < s->lowest_hard)
		s->lowest_hard = rule_mask[0];
	return globset_accept(s, &s->nodes[node].accept, &s->node_ends[node], rule_mask, e);
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static uint16_t class_of(const struct globset *s, uint32_t symbol)
{
	uint32_t low = 0, high = s->n_bounds;

	while (high - low > 1) {
		uint32_t middle = (low + high) / 2;

		if (s->bounds[middle] <= symbol)
			low = middle;
		else
			high = middle;
	}
	return (uint16_t)low;
}

static size_t count_bounds(const struct globset *s)
{
	size_t n = 3;

	for (uint32_t i = 0; i < s->n_nodes; i++)
		n += s->nodes[i].step.kind == GLOB_CLASS ? 2 * s->nodes[i].step.class->n : 2;
	return n;
}

/* Characters between two neighbouring bounds mean the same to every step. */
int automaton_finish(struct globset *s, struct err *e)
{
	size_t n = 0, kept = 0;
	uint32_t *b = arena_array(s->scratch, count_bounds(s), sizeof *b);

	if (!b)
		return err_set(e, "out of memory");
	b[n++] = 0;
	b[n++] = (unsigned char)s->separator;
	b[n++] = (unsigned char)s->separator + 1u;
	for (uint32_t i = 0; i < s->n_nodes; i++) {
		const struct glob_step *step = &s->nodes[i].step;

		if (step->kind == GLOB_LITERAL) {
			b[n++] = step->symbol;
			b[n++] = step->symbol + 1;
		}
		for (size_t k = 0; step->kind == GLOB_CLASS && k < step->class->n; k++) {
			b[n++] = step->class->ranges[k].low;
			b[n++] = step->class->ranges[k].high + 1;
		}
	}
	qsort(b, n, sizeof *b, by_number);
	for (size_t i = 0; i < n; i++)
		if (!kept || b[i] != b[kept - 1])
			b[kept++] = b[i];
	if (kept > CLASSES)
		return err_set(e, "patterns use too many different characters");
	s->bounds = b;
	s->n_bounds = (uint32_t)kept;
	for (uint32_t c = 0; c < 128; c++)
		s->ascii[c] = class_of(s, c);
	return 0;
}

struct globset_cache *globset_cache_new(const struct globset *s)
{
	/* Without nodes no state is ever made. */
	size_t size = s->n_nodes ? sizeof(struct globset_cache) : offsetof(struct globset_cache, slots);
	struct globset_cache *c = calloc(1, size);

	if (!c)
		return NULL;
	c->cap_pool = POOL > 2 * s->n_nodes ? POOL : 2 * s->n_nodes;
	if (s->n_nodes) {
		c->table = malloc((size_t)STATES * s->n_bounds * sizeof *c->table);
		c->pool = malloc(c->cap_pool * sizeof *c->pool);
		c->work = malloc(s->n_nodes * sizeof *c->work);
		c->mark = calloc(s->n_nodes, sizeof *c->mark);
	}
	if (s->n_nodes && (!c->table || !c->pool || !c->work || !c->mark)) {
		globset_cache_free(c);
		return NULL;
	}
	c->n_states = DEAD + 1;
	return c;
}

void globset_cache_free(struct globset_cache *c)
{
	if (!c)
		return;
	free(c->table);
	free(c->pool);
	free(c->work);
	free(c->mark);
	free(c);
}

/* ---- states ---- */

static void begin_set(const struct globset *s, struct globset_cache *c)
{
	c->n_work = 0;
	if (++c->stamp)
		return;
	memset(c->mark, 0, s->n_nodes * sizeof *c->mark);
	c->stamp = 1;
}

/* Add a node and what is reached from it for free; the chain of stars is as long as the pattern has
 * neighbours. */
static void add_node(const struct globset *s, struct globset_cache *c, uint32_t node)
{
	uint32_t from = c->n_work;

	if (c->mark[node] == c->stamp)
		return;
	c->mark[node] = c->stamp;
	c->work[c->n_work++] = node;
	for (; from < c->n_work; from++) {
		const uint32_t free_steps[2] = { s->nodes[c->work[from]].star,
			                         s->nodes[c->work[from]].super };

		for (int i = 0; i < 2; i++)
			if (free_steps[i] && c->mark[free_steps[i]] != c->stamp) {
				c->mark[free_steps[i]] = c->stamp;
				c->work[c->n_work++] = free_steps[i];
			}
	}
}

/* Sorted, accepting nodes first: equal sets get equal order. Shell sort, because qsort may allocate. */
static bool goes_before(const struct globset *s, uint32_t a, uint32_t b)
{
	bool x = s->nodes[a].accept, y = s->nodes[b].accept;

	return x != y ? x : a < b;
}

static void sort_set(const struct globset *s, struct globset_cache *c)
{
	uint32_t gap = 1;

	while (gap < c->n_work / 3)
		gap = gap * 3 + 1;
	for (; gap; gap /= 3)
		for (uint32_t i = gap; i < c->n_work; i++) {
			uint32_t node = c->work[i], j = i;

			for (; j >= gap && goes_before(s, node, c->work[j - gap]); j -= gap)
				c->work[j] = c->work[j - gap];
			c->work[j] = node;
		}
}

static void forget_states(struct globset_cache *c)
{
	c->n_states = DEAD + 1;
	c->start = 0;
	c->n_pool = 0;
	memset(c->slots, 0, sizeof c->slots);
}

/* The state for the set in `work`; *flushed if older state numbers lost their meaning. */
static uint16_t state_of_set(const struct globset *s, struct globset_cache *c, bool *flushed)
{
	uint32_t hash = 0x811c9dc5u, slot;
	struct state *st;

	if (!c->n_work)
		return DEAD;
	sort_set(s, c);
	for (uint32_t i = 0; i < c->n_work; i++)
		hash = (hash ^ c->work[i]) * 0x01000193u, hash ^= hash >> 15;
	for (slot = hash % STATE_SLOTS; c->slots[slot]; slot = (slot + 1) % STATE_SLOTS) {
		st = &c->states[c->slots[slot]];
		if (st->hash == hash && st->n == c->n_work &&
		    !memcmp(c->pool + st->at, c->work, c->n_work * sizeof *c->work))
			return c->slots[slot];
	}
	if (c->n_states == STATES || c->cap_pool - c->n_pool < c->n_work) {
		forget_states(c);
		*flushed = true;
		slot = hash % STATE_SLOTS;
	}
	st = &c->states[c->n_states];
	*st = (struct state){ .at = c->n_pool, .n = c->n_work, .hash = hash };
	while (st->hits < st->n && s->nodes[c->work[st->hits]].accept)
		st->hits++;
	memcpy(c->pool + c->n_pool, c->work, c->n_work * sizeof *c->work);
	c->n_pool += c->n_work;
	memset(c->table + (size_t)c->n_states * s->n_bounds, 0, s->n_bounds * sizeof *c->table);
	c->slots[slot] = (uint16_t)c->n_states;
	return (uint16_t)c->n_states++;
}

static uint16_t start_state(const struct globset *s, struct globset_cache *c)
{
	bool flushed = false;

	if (c->start)
		return c->start;
	begin_set(s, c);
	add_node(s, c, 0);
	/* In two steps: making the state may empty the cache. */
	c->start = state_of_set(s, c, &flushed);
	return c->start;
}

static uint16_t step_state(const struct globset *s, struct globset_cache *c, uint16_t from, uint16_t kind)
{
	const struct state *st = &c->states[from];
	uint32_t symbol = s->bounds[kind];
	bool flushed = false;
	uint16_t to;

	begin_set(s, c);
	for (uint32_t i = 0; i < st->n; i++) {
		uint32_t node = c->pool[st->at + i];
		const struct step_node *at = &s->nodes[node];

		if (at->step.kind == GLOB_SUPER ||
		    (at->step.kind == GLOB_STAR && (!s->separator || symbol != (unsigned char)s->separator)))
			add_node(s, c, node);
		for (uint32_t k = at->first; k; k = s->nodes[k].next)
			if (glob_step_takes(&s->nodes[k].step, symbol, s->separator))
				add_node(s, c, k);
	}
	to = state_of_set(s, c, &flushed);
	if (!flushed)
		c->table[(size_t)from * s->n_bounds + kind] = to;
	return to;
}

void automaton_find(const struct globset *s, struct globset_cache *c, const char *text, size_t len,
                    struct query *q)
{
	const char *end = text + len;
	uint16_t state = start_state(s, c);

	while (text < end && state != DEAD) {
		unsigned char byte = (unsigned char)*text;
		uint16_t kind = byte < 0x80 ? (text++, s->ascii[byte]) : class_of(s, glob_symbol(&text, end));
		uint16_t to = c->table[(size_t)state * s->n_bounds + kind];

		state = to ? to : step_state(s, c, state, kind);
	}
	if (state == DEAD)
		return;
	for (uint32_t i = 0; i < c->states[state].hits; i++)
		query_offer(q, s->nodes[c->pool[c->states[state].at + i]].accept);
}
