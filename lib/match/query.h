/* query - "which is the first rule that accepts this?", asked of an index of many rules. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { QUERY_NONE = INT32_MAX };

/* A rule that stands behind an index entry. Lists are sorted by rule. */
struct accept {
	uint32_t rule, mask;
	const struct accept *next;
};

struct query {
	uint32_t bit;  /* an entry counts if its mask has this bit */
	uint32_t best; /* in: only rules below this one are wanted; out: the first found. Start with
	                  QUERY_NONE */
	bool (*check)(void *to, uint32_t rule); /* further condition, or NULL */
	void *to;
};

static inline void query_offer(struct query *q, const struct accept *list)
{
	for (; list && list->rule < q->best; list = list->next)
		if ((list->mask & q->bit) && (!q->check || q->check(q->to, list->rule))) {
			q->best = list->rule;
			return;
		}
}
