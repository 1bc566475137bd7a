/* facts - what a command's arguments come to, as the tool itself would read them.
 *
 * One small parser per tool ("model") knows its grammar: combined and
 * abbreviated options, attached and separate values, "--", options after
 * operands, sub-commands and their aliases. It turns argv into facts: flags
 * ("rm.recursive") and texts ("net.url.host"), whatever the spelling.
 *
 * A fact can be doubtful: after an option that the model does not know, or
 * when the answer lies in a file. Then it is set in `doubt`, and whoever asks
 * takes the safe side. Pure: no I/O, no allocation; linear in the arguments,
 * all of which are read.
 */
#pragma once

#include "facts/list.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FACTS_ID(id, name, kind, about) FACT_##id,
enum fact { FACT_NONE, FACTS_ALL(FACTS_ID) FACT_COUNT };
#undef FACTS_ID

enum fact_kind {
	FACT_KIND_FLAG,
	FACT_KIND_TEXT,
	FACT_KIND_PATH, /* compared in lexical normal form */
	FACT_KIND_HOST, /* compared in canonical form */
};

/* Told for each value of a text fact; `text` need not end at `len`. */
typedef void facts_value_fn(void *to, enum fact fact, const char *text, size_t len);

enum { FACTS_WORDS = (FACT_COUNT + 63) / 64 };

struct facts {
	uint64_t yes[FACTS_WORDS];   /* flags that hold, texts that have a value */
	uint64_t doubt[FACTS_WORDS]; /* may be otherwise than `yes` says */
	facts_value_fn *value;       /* may be NULL */
	void *to;
};

static inline bool facts_has(const struct facts *f, enum fact fact)
{
	return f->yes[fact / 64] >> (fact % 64) & 1;
}

static inline bool facts_doubts(const struct facts *f, enum fact fact)
{
	return f->doubt[fact / 64] >> (fact % 64) & 1;
}

/* Read the arguments of the program with this base name (lower case). `out` has value and to set, all else
 * zero. False when there is no model for the program: it has no facts. */
bool facts_read(const char *name, size_t len, const char *const *argv, size_t argc, struct facts *out);

/* Is there a model for the program, and can it give the fact? FACT_NONE: any. */
bool facts_gives(const char *name, size_t len, enum fact fact);

/* By name; FACT_NONE if there is none. */
enum fact facts_find(const char *name, size_t len);
const char *facts_name(enum fact fact);
const char *facts_about(enum fact fact);
enum fact_kind facts_kind(enum fact fact);
/* All names, NULL-terminated, in the order of enum fact from 1 on. */
const char *const *facts_names(void);
