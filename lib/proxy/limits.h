/* limits - how much can be told to whoever serves a domain by the names that are asked for.
 *
 * What a rule lists by itself tells nothing. Names that only a pattern lets through are looked at: long ones,
 * and those with much that looks like data in them, are refused; of the others, so many a minute are asked
 * for.
 */
#pragma once

#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	LIMITS_NAME = 128,  /* characters of a name */
	LIMITS_DENSE = 60,  /* of them, characters of dense words */
	LIMITS_WORD = 16,   /* a word may be dense from here on … */
	LIMITS_LONG = 32,   /* … and is, from here on */
	LIMITS_CHANGES = 4, /* between letters and digits that make a word of LIMITS_WORD dense, or … */
	LIMITS_DIGITS = 12, /* … so many digits */
	LIMITS_A_MINUTE = 600,
	LIMITS_DENSE_A_MINUTE = 60 /* names with a dense word */
};

/* Zeroed: nothing was asked yet. */
struct limits {
	int64_t minute;
	unsigned asked, dense;
};

/* Characters of the name that are in dense words. Words are what lies between '.', '-' and '_'. */
size_t limits_dense(const char *name);

/* A name is about to be asked for outside. NULL, or the rule that says no. */
const struct rule *limits_ask(struct limits *l, const struct policy *p, const char *name);
