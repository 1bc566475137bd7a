/* cidr - address ranges, parsed strictly, and an index of many.
 *
 * "10.0.0.0/8" and "2001:db8::/32" only: no short or octal forms, no missing
 * prefix length, no bits set behind it, no IPv4-mapped ranges.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "match/query.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cidr {
	uint8_t addr[16];
	uint8_t len;  /* of the address: 4 or 16 */
	uint8_t bits; /* prefix length */
};

int cidr_parse(const char *text, struct cidr *out, struct err *e);

/* True if the address (4 or 16 bytes) lies in the range. */
bool cidr_holds(const struct cidr *c, const uint8_t *addr, size_t len);

/* Index: one look-up per prefix length in use, whatever the number of ranges. Lives in the arena. */
struct cidrset;
struct cidrset *cidrset_new(struct arena *a);
/* Rules come in rising order. 0 or -1. */
int cidrset_add(struct cidrset *s, const struct cidr *c, uint32_t rule, uint32_t mask, struct err *e);

/* Lower q->best to the first rule with a range that holds the address. */
void cidrset_find(const struct cidrset *s, const uint8_t *addr, size_t len, struct query *q);
