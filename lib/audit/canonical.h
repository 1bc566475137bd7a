/* canonical - lines of other programs' chained logs: the same JSON, written the one way that is hashed. */
#pragma once

#include "audit/chain.h"
#include "json/read.h"

#include <stdbool.h>

/* Append the event without its integrity member: keys sorted, no spaces, our escapes (DEL as it is), and fill
 * `link`. 1 done, 0 an object without integrity, -1 no JSON object or a damaged integrity member. */
int canonical_split(const char *line, size_t len, struct buf *event, struct chain_link *link);

/* Member `key` of `o`: a hash in hexadecimal, or "". False for anything else. */
bool canonical_hash(const struct json_value *o, const char *key, char out[CHAIN_HEX + 1]);
