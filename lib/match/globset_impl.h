/* The two halves of a globset: plain texts by hash, the rest as an automaton. */
#pragma once

#include "match/globset.h"

/* A list under construction: rising rules, entries that can never be the answer left out. */
struct accept_end {
	struct accept *last;
	uint32_t covered;
};

/* A plain text and what is accepted at it, right behind it without a separator, anywhere behind it. */
struct plain {
	uint32_t hash, len;
	const char *text;
	const struct accept *accept[3]; /* enum plain_list */
};

enum plain_list { PLAIN_EXACT, PLAIN_CHILD, PLAIN_TREE };

struct plain_ends {
	struct accept_end at[3];
};

/* A state of the nondeterministic automaton: a prefix of one or more patterns. */
struct step_node {
	struct glob_step step; /* what leads here; kind STAR and SUPER: also what keeps us here */
	uint32_t first, next;  /* children by a character; next sibling. 0 = none */
	uint32_t star, super;  /* children reached for free */
	const struct accept *accept;
};

struct globset {
	struct arena *arena, *scratch;
	char separator;
	bool reversed, ordered;

	struct plain *plains;
	struct plain_ends *plain_ends; /* while building */
	uint32_t n_plains, cap_plains;
	uint32_t *slots; /* index + 1 into plains, open addressing */
	uint32_t n_slots;

	struct step_node *nodes;      /* [0] is the root */
	struct accept_end *node_ends; /* while building */
	uint32_t n_nodes, cap_nodes;
	uint32_t lowest_hard; /* first rule with a pattern in the automaton */

	uint32_t *bounds; /* sorted: where the meaning of characters changes */
	uint32_t n_bounds;
	uint16_t ascii[128]; /* character → class */
};

int globset_accept(struct globset *s, const struct accept **first, struct accept_end *end,
                   const uint32_t rule_mask[2], struct err *e);

int automaton_add(struct globset *s, const struct glob_step *steps, size_t n, const uint32_t rule_mask[2],
                  struct err *e);
int automaton_finish(struct globset *s, struct err *e);
void automaton_find(const struct globset *s, struct globset_cache *c, const char *text, size_t len,
                    struct query *q);
