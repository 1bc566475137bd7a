/* globset - many patterns compiled together; the cost of a lookup does not depend on how many there are.
 *
 * Patterns that are plain texts, or a plain directory followed by `*` or `**`,
 * are found by hashing the text's leading parts. The others become one automaton
 * whose states are made when first needed and kept in a cache of fixed size
 * (emptied when full). The set is immutable after globset_finish(); what
 * changes during lookups is in the cache, one per thread of control.
 *
 * A reversed set holds patterns whose tail is the fixed part (domains): it is
 * asked with reversed text, and its patterns must be ASCII.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "match/glob.h"
#include "match/query.h"

#include <stddef.h>
#include <stdint.h>

struct globset;
struct globset_cache;

/* ORDERED: lookups have no check(), so entries hidden by earlier ones are dropped. */
enum globset_kind { GLOBSET_PLAIN, GLOBSET_REVERSED, GLOBSET_ORDERED };

/* What lookups need lives in the arena; `scratch` and the patterns need not outlive globset_finish(). */
struct globset *globset_new(struct arena *a, struct arena *scratch, char separator, enum globset_kind kind);

/* Add the pattern for `rule`; rules come in rising order. `mask` must not be 0. 0 or -1. */
int globset_add(struct globset *s, const struct glob *pattern, uint32_t rule, uint32_t mask, struct err *e);
int globset_finish(struct globset *s, struct err *e);

/* NULL when out of memory. The set must outlive the cache. */
struct globset_cache *globset_cache_new(const struct globset *s);
void globset_cache_free(struct globset_cache *c);

/* Lower q->best to the first rule that accepts the text. No allocation. */
void globset_find(const struct globset *s, struct globset_cache *c, const char *text, size_t len,
                  struct query *q);
