#include "match/within.h"

#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* Walk both automata at once: a state is one step of `a` and the set of steps of all `b` that the same text
 * may have reached. A state at the end of `a` whose set holds no end is a text that only `a` matches. */
enum { STATES = 4096, SLOTS = 8192, SYMBOLS = 4096, STEPS_MAX = 1 << 16 };

struct state {
	size_t at; /* step of `a` */
	uint64_t *set;
};

struct walk {
	struct arena arena;
	const struct glob_step **steps; /* of all `b`, one after the other */
	char *separators;               /* of the glob each step belongs to */
	size_t n, words;
	uint64_t *ends; /* steps that are an end */
	uint64_t *alls; /* steps that take everything that may still come */
	const struct glob_step *a;
	char a_separator;
	struct state states[STATES];
	size_t n_states, done;
	uint32_t slots[SLOTS]; /* index + 1 into states */
	uint32_t symbols[SYMBOLS];
	size_t n_symbols;
	size_t *budget;
	bool gave_up;
};

static bool spend(size_t *budget, size_t cost)
{
	if (!budget)
		return true;
	*budget -= cost < *budget ? cost : *budget;
	return *budget > 0;
}

static bool is_star(const struct glob_step *step)
{
	return step->kind == GLOB_STAR || step->kind == GLOB_SUPER;
}

static void reach(struct walk *w, uint64_t *set, size_t i)
{
	set[i / 64] |= (uint64_t)1 << i % 64;
	while (is_star(w->steps[i])) {
		i++;
		set[i / 64] |= (uint64_t)1 << i % 64;
	}
}

static bool is_empty(const struct walk *w, const uint64_t *set)
{
	for (size_t i = 0; i < w->words; i++)
		if (set[i])
			return false;
	return true;
}

static bool meets(const struct walk *w, const uint64_t *set, const uint64_t *other)
{
	for (size_t i = 0; i < w->words; i++)
		if (set[i] & other[i])
			return true;
	return false;
}

/* The next step of the set at or behind `i`, or w->n. */
static size_t set_next(const struct walk *w, const uint64_t *set, size_t i)
{
	uint64_t bits = i < w->n ? set[i / 64] >> i % 64 << i % 64 : 0;

	for (size_t word = i / 64; word < w->words; bits = ++word < w->words ? set[word] : 0)
		if (bits)
			return word * 64 + (size_t)__builtin_ctzll(bits);
	return w->n;
}

static void visit(struct walk *w, size_t at, uint64_t *set)
{
	uint64_t hash = at * 0x9e3779b97f4a7c15u;

	for (size_t i = 0; i < w->words; i++) {
		hash = (hash ^ set[i]) * 0x100000001b3u;
		hash ^= hash >> 29;
	}
	for (size_t slot = hash % SLOTS;; slot = (slot + 1) % SLOTS) {
		const struct state *s = w->slots[slot] ? &w->states[w->slots[slot] - 1] : NULL;

		if (s && (s->at != at || memcmp(s->set, set, w->words * sizeof *set) != 0))
			continue;
		if (!s && w->n_states == STATES)
			w->gave_up = true;
		else if (!s) {
			w->states[w->n_states] = (struct state){ .at = at, .set = set };
			w->slots[slot] = (uint32_t)++w->n_states;
		}
		return;
	}
}

static void add_symbol(struct walk *w, uint32_t symbol)
{
	if (w->n_symbols == SYMBOLS)
		w->gave_up = true;
	else if (symbol)
		w->symbols[w->n_symbols++] = symbol;
}

/* First characters of the ranges in which the step treats all alike. */
static void add_borders(struct walk *w, const struct glob_step *step)
{
	if (step->kind == GLOB_LITERAL) {
		add_symbol(w, step->symbol);
		add_symbol(w, step->symbol + 1);
	}
	for (size_t i = 0; step->kind == GLOB_CLASS && i < step->class->n; i++) {
		add_symbol(w, step->class->ranges[i].low);
		add_symbol(w, step->class->ranges[i].high + 1);
	}
}

static int compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

/* One character of each kind that the steps in question tell apart. */
static void collect_symbols(struct walk *w, const struct state *s)
{
	size_t n = 0;

	w->n_symbols = 0;
	add_symbol(w, 1);
	for (const char *separator = "/."; *separator; separator++) {
		add_symbol(w, (unsigned char)*separator);
		add_symbol(w, (unsigned char)*separator + 1);
	}
	add_borders(w, &w->a[s->at]);
	for (size_t i = set_next(w, s->set, 0); i < w->n; i = set_next(w, s->set, i + 1))
		add_borders(w, w->steps[i]);
	qsort(w->symbols, w->n_symbols, sizeof *w->symbols, compare);
	for (size_t i = 0; i < w->n_symbols; i++)
		if (!n || w->symbols[n - 1] != w->symbols[i])
			w->symbols[n++] = w->symbols[i];
	w->n_symbols = n;
}

static bool is_taken(const struct glob_step *step, uint32_t symbol, char separator)
{
	if (step->kind == GLOB_SUPER)
		return true;
	if (step->kind == GLOB_STAR)
		return !separator || symbol != (unsigned char)separator;
	return glob_step_takes(step, symbol, separator);
}

static void advance(struct walk *w, const struct state *s, uint32_t symbol)
{
	uint64_t *then = arena_array(&w->arena, w->words, sizeof *then);

	if (!then || !spend(w->budget, 20 + 2 * w->n)) {
		w->gave_up = true;
		return;
	}
	for (size_t i = set_next(w, s->set, 0); i < w->n; i = set_next(w, s->set, i + 1))
		if (is_taken(w->steps[i], symbol, w->separators[i]))
			reach(w, then, is_star(w->steps[i]) ? i : i + 1);
	visit(w, is_star(&w->a[s->at]) ? s->at : s->at + 1, then);
}

/* False if a text was found that only `a` matches. */
static bool step_on(struct walk *w, const struct state *s)
{
	const struct glob_step *step = &w->a[s->at];

	if (step->kind == GLOB_END)
		return meets(w, s->set, w->ends);
	if (is_empty(w, s->set))
		return false;
	if (meets(w, s->set, w->alls))
		return true;
	if (step->kind == GLOB_LITERAL) {
		advance(w, s, step->symbol);
		return true;
	}
	if (is_star(step))
		visit(w, s->at + 1, s->set);
	if (!spend(w->budget, 20 * w->n)) {
		w->gave_up = true;
		return true;
	}
	collect_symbols(w, s);
	for (size_t i = 0; i < w->n_symbols; i++)
		if (is_taken(step, w->symbols[i], w->a_separator))
			advance(w, s, w->symbols[i]);
	return true;
}

static void lay_out_sequence(struct walk *w, const struct glob *b, const struct glob_step *step)
{
	for (;; step++) {
		uint64_t bit = (uint64_t)1 << w->n % 64;

		if (step->kind == GLOB_END)
			w->ends[w->n / 64] |= bit;
		else if (is_star(step) && step[1].kind == GLOB_END &&
		         (step->kind == GLOB_SUPER || !b->separator))
			w->alls[w->n / 64] |= bit;
		w->separators[w->n] = b->separator;
		w->steps[w->n++] = step;
		if (step->kind == GLOB_END)
			return;
	}
}

/* False if the two begin with different characters: no text matches both. */
static bool may_meet(const struct glob_step *a, const struct glob_step *b)
{
	for (; a->kind == GLOB_LITERAL && b->kind == GLOB_LITERAL; a++, b++)
		if (a->symbol != b->symbol)
			return false;
	return (a->kind != GLOB_LITERAL || b->kind != GLOB_END) &&
	       (b->kind != GLOB_LITERAL || a->kind != GLOB_END);
}

/* The sequences of all `b` that have anything to do with w->a. False if there are none, or too many. */
static bool lay_out(struct walk *w, const struct glob *const *b, size_t n)
{
	size_t total = 0;

	for (size_t k = 0; k < n; k++)
		total += b[k]->n;
	w->words = (total + 63) / 64;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is what is meant */
	w->steps = arena_array(&w->arena, total, sizeof *w->steps);
	w->separators = arena_array(&w->arena, total, 1);
	w->ends = arena_array(&w->arena, w->words, sizeof *w->ends);
	w->alls = arena_array(&w->arena, w->words, sizeof *w->alls);
	if (w->arena.failed)
		return false;
	for (size_t k = 0; k < n; k++)
		for (size_t i = 0; i < b[k]->n; i++)
			if ((!i || b[k]->steps[i - 1].kind == GLOB_END) && may_meet(w->a, b[k]->steps + i))
				lay_out_sequence(w, b[k], b[k]->steps + i);
	w->words = (w->n + 63) / 64;
	return w->n > 0 && w->n <= STEPS_MAX;
}

static bool sequence_within(struct walk *w, const struct glob_step *a, const struct glob *const *b, size_t n)
{
	uint64_t *start;

	arena_release(&w->arena);
	w->a = a;
	w->n = w->n_states = w->done = 0;
	memset(w->slots, 0, sizeof w->slots);
	if (!lay_out(w, b, n))
		return false;
	start = arena_array(&w->arena, w->words, sizeof *start);
	if (!start)
		return false;
	for (size_t i = 0; i < w->n; i++)
		if (!i || w->steps[i - 1]->kind == GLOB_END)
			reach(w, start, i);
	visit(w, 0, start);
	while (w->done < w->n_states && !w->gave_up) {
		struct state now = w->states[w->done++];

		if (!step_on(w, &now))
			return false;
	}
	return !w->gave_up;
}

/* A character that the step takes and that patterns do not name. 0: none was found. */
static uint32_t witness_symbol(const struct glob_step *step, char separator)
{
	static const uint32_t unusual = 2;

	if (step->kind == GLOB_LITERAL)
		return step->symbol;
	if (glob_step_takes(step, unusual, separator))
		return unusual;
	return step->kind == GLOB_CLASS && step->class->n &&
	                       glob_step_takes(step, step->class->ranges[0].low, separator)
	               ? step->class->ranges[0].low
	               : 0;
}

/* A text that the sequence matches. Its length, 0 = none was found. */
static size_t make_witness(const struct glob_step *step, char separator, char *out, size_t size)
{
	size_t n = 0;

	for (; step->kind != GLOB_END; step++) {
		uint32_t symbol;

		if (size - n < 8)
			return 0;
		if (is_star(step)) {
			out[n++] = 2;
			if (step->kind == GLOB_SUPER && separator) {
				out[n++] = separator;
				out[n++] = 2;
			}
			continue;
		}
		symbol = witness_symbol(step, separator);
		if (!symbol)
			return 0;
		if (symbol < 0x80 || symbol >= 0x110000)
			out[n++] = (char)symbol;
		else
			n += utf8_put(symbol, out + n);
	}
	return n;
}

/* The cheap answer for most that is not within: a text of each sequence that none of `b` matches. */
static bool has_witness(const struct glob *a, const struct glob *const *b, size_t n, size_t *budget)
{
	char text[1024];

	for (size_t i = 0; i < a->n; i++) {
		size_t len = !i || a->steps[i - 1].kind == GLOB_END
		                     ? make_witness(a->steps + i, a->separator, text, sizeof text)
		                     : 0;
		bool taken = !len || !glob_match(a, text, len);

		for (size_t k = 0; k < n && !taken; k++)
			taken = !spend(budget, 20) || glob_match(b[k], text, len);
		if (!taken)
			return true;
	}
	return false;
}

/* The cheap answer for most pairs. */
static bool is_far(const struct glob *a, const struct glob *const *b, size_t n, size_t *budget)
{
	for (size_t k = 0; k < n && spend(budget, b[k]->n); k++)
		for (size_t i = 0; i < b[k]->n; i++)
			if ((!i || b[k]->steps[i - 1].kind == GLOB_END) &&
			    may_meet(a->steps, b[k]->steps + i))
				return false;
	return true;
}

bool glob_within(const struct glob *a, const struct glob *const *b, size_t n, size_t *budget)
{
	struct walk *w;
	bool good;

	if (a->never || !a->n || is_far(a, b, n, budget) || has_witness(a, b, n, budget))
		return false;
	w = spend(budget, 5000) ? calloc(1, sizeof *w) : NULL;
	if (!w)
		return false;
	w->arena.max = 32 << 20;
	w->budget = budget;
	w->a_separator = a->separator;
	good = true;
	for (size_t i = 0; good && i < a->n; i++)
		if (!i || a->steps[i - 1].kind == GLOB_END)
			good = sequence_within(w, a->steps + i, b, n);
	arena_release(&w->arena);
	free(w);
	return good;
}
