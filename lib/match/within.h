/* within - is everything that one glob matches matched by others too? For lint, not for decisions.
 *
 * Exact on the texts a glob can describe, within a fixed amount of work; when
 * that does not suffice the answer is "no", so that "yes" can be relied upon.
 */
#pragma once

#include "match/glob.h"

#include <stdbool.h>
#include <stddef.h>

/* True if each text that `a` matches is matched by at least one of `b`. A pattern that matches nothing lies
 * within nothing: say so in another way. `budget`, if not NULL, is what many calls may cost together (1 is
 * some nanoseconds); where it is used up the answer is "no". */
bool glob_within(const struct glob *a, const struct glob *const *b, size_t n, size_t *budget);
