/* glob - one pattern, compiled.
 *
 * `*` any run without the separator, `**` any run, `?` one character but the
 * separator, `[abc]` `[a-z]` `[!abc]` one character, `{a,b*}` alternatives
 * (nested too), `\c` c itself. Anchored at both ends, case-sensitive, by
 * characters of UTF-8; a byte that is not part of valid UTF-8 is a character of
 * its own. Nothing is cleaned: callers bring paths into normal form first.
 *
 * An unclosed `[` does not compile; an unclosed `{` compiles to a pattern that
 * matches nothing (`never`), as existing engines do: loaders refuse it.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GLOB_SEQUENCES = 1024, GLOB_STEPS = 2048 };

enum glob_kind { GLOB_END, GLOB_LITERAL, GLOB_ONE, GLOB_CLASS, GLOB_STAR, GLOB_SUPER };

struct glob_range {
	uint32_t low, high;
};

/* A set of characters. */
struct glob_class {
	const struct glob_range *ranges;
	size_t n;
	bool negated;
};

/* One step of a sequence. */
struct glob_step {
	enum glob_kind kind;
	uint32_t symbol;                /* GLOB_LITERAL */
	const struct glob_class *class; /* GLOB_CLASS */
};

/* Braces are multiplied out: a pattern is one or more plain sequences, each closed by GLOB_END. */
struct glob {
	const struct glob_step *steps; /* in the arena */
	size_t n;
	char separator; /* '/', '.', or 0 for none */
	char first,
	        last; /* byte that a text must begin or end with, 0 = any: most texts are refused by these */
	bool never;
};

/* Compile; everything is put into the arena. 0 or -1. */
int glob_compile(struct arena *a, const char *pattern, char separator, struct glob *out, struct err *e);

/* Linear in the length of the text; no allocation. */
bool glob_match(const struct glob *g, const char *text, size_t len);

/* Put `text` so into `out` that as (part of) a pattern it matches itself only. Length, or 0 if `size` is too
 * small. */
size_t glob_escape(const char *text, char *out, size_t size);

/* Next character at `*text`, which is advanced; bytes outside valid UTF-8 become 0x110000 + byte. `text` <
 * `end`. */
uint32_t glob_symbol(const char **text, const char *end);

/* Does the character satisfy the step (not a star)? */
bool glob_step_takes(const struct glob_step *step, uint32_t symbol, char separator);
