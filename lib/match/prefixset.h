/* prefixset - patterns by the plain text they begin with, so that few are left to be tried.
 *
 * Of many patterns, `mkfs*` or `tool-12?`, those come into question whose text before the first wildcard the
 * asked text begins with. The cost depends on how many lengths such beginnings have, not on how many there
 * are. Immutable once all have been added; lives in the arena.
 */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prefixset;

/* Room for `n` of the items 0 … all - 1. NULL when out of memory. */
struct prefixset *prefixset_new(struct arena *a, size_t n, size_t all);

/* Each item once, in rising order. Of a long beginning only a part counts; it must outlive the set. */
void prefixset_add(struct prefixset *s, uint32_t item, const char *beginning, size_t len);

/* Hand over the items in question; those of one beginning in rising order, until `each` says false. */
void prefixset_find(const struct prefixset *s, const char *text, size_t len,
                    bool (*each)(void *arg, uint32_t item), void *arg);
