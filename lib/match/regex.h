/* regex - argument patterns: the common part of RE2's syntax, matched by bytes in linear time.
 *
 * Taken: literals, . ^ $ | ( ) (?:…) [ ] * + ? {n} {n,} {n,m}, lazy forms, \d \w \s \b
 * and their opposites, \A \z, \t \n …, \x41, [[:alpha:]], (?i) and (?s) in front.
 * `.` takes any byte, also a newline: arguments are one text. Refused, with the
 * reason: back-references, look-around, other flags, more than three {…}, and what has
 * more than REGEX_TRANSITIONS between its states: TRE may follow all of them at each byte.
 *
 * Patterns that are literals with `.*` between them, perhaps with (^| ) in front
 * and ( |$) at the end, are matched directly and never allocate. Others, which
 * take some KiB each, are given to TRE, whose matcher takes and returns
 * memory by itself; when it cannot, and for what it cannot match rightly ((^| )?x and
 * (^|\b)x), the result is REGEX_UNKNOWN and the caller must take the safe side. Without CONFIG_POLICY_REGEX
 * only the first kind compiles.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { REGEX_PIECES = 16, REGEX_TRANSITIONS = 10000 };

struct regex_piece {
	const char *text;
	size_t len;
};

struct regex {
	void *tre;                        /* owned; NULL when the pattern is literals with `.*` */
	const struct regex_piece *pieces; /* in the arena; found one after the other */
	uint32_t n;
	uint32_t weight;                   /* what one byte of text costs at most, in about 2 ns */
	bool at_start, at_end, fold, open; /* ^ before the first, $ after the last, (?i), a `.*` somewhere */
	bool after_blank, before_blank;    /* (^| ) before the first, ( |$) after the last */
	bool unsure; /* the engine overlooks some matches: what it does not find is REGEX_UNKNOWN */
};

enum regex_result { REGEX_NO, REGEX_YES, REGEX_UNKNOWN };

/* 0 or -1 with a text that says what to change. On success release with regex_release(). */
int regex_compile(struct arena *a, const char *pattern, struct regex *out, struct err *e);
void regex_release(struct regex *r);

/* Does the pattern occur in the words joined by single spaces? */
enum regex_result regex_match(const struct regex *r, const char *const *words, size_t n);
