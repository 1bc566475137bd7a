/* Shared by the models: grammars as tables, and the scanner that reads arguments by them. */
#pragma once

#include "facts/facts.h"

#include <string.h>

enum takes { TAKES_NONE, TAKES_VALUE, TAKES_MAYBE /* attached only */ };

/* An option that gives facts. */
struct option_row {
	const char *name; /* long, without the dashes; NULL = none */
	char letter;      /* 0 = none */
	uint8_t takes;
	uint8_t set, clear; /* flags; 0 = none */
	uint8_t value;      /* the text fact that its value is; 0 = none */
};

enum grammar_flags {
	GRAMMAR_ABBREVIATES = 1, /* long options by any beginning that no other has */
	GRAMMAR_STOPS = 2,       /* options end at the first operand */
	GRAMMAR_NEGATES = 4,     /* --no-x takes x back */
	GRAMMAR_BOOLEANS = 8,    /* --x=false */
	GRAMMAR_EQUALS = 16,     /* "-x=v" is -x with the value v, not "=v" */
	GRAMMAR_LAX = 32,        /* unknown options are taken as flags, and -long as --long: npm */
	GRAMMAR_SINGLE = 64,     /* -long is --long: go */
};

struct grammar {
	const struct option_row *rows; /* up to 64; ends with a row without name and letter; may be NULL */
	const char *letters;           /* other short options, as getopt takes them: "ab:c::" */
	const char *longs;             /* other long options, " all name= color?= ", blanks around each */
	unsigned flags;
	uint8_t unknown; /* the fact for options that are in none of them */
};

enum item { ITEM_END, ITEM_OPERAND, ITEM_OPTION, ITEM_UNKNOWN };

struct scan {
	const struct grammar *g;
	struct facts *f;
	const char *const *argv;
	size_t argc, at;     /* the next word */
	const char *cluster; /* what is left of a word of short options */
	uint64_t on;         /* rows that hold, by index: --no-x takes back x and nothing else */
	bool ended;          /* "--" was read */
	unsigned unknown;    /* options so far that were in no table */
	bool old_style;      /* the cluster takes its values from the following words, as in `tar xzf FILE` */
	/* What was read: */
	const struct option_row *row; /* NULL if the option gives no facts */
	char letter;                  /* short options; 0 for long ones */
	const char *name;             /* long options, as written behind the dashes */
	size_t name_len;
	const char *value; /* of an option, NULL if it has none, as after --no-…; an operand */
	bool negated;
};

/* Facts of rows are set on the way; unknown options put all that the grammar could give in doubt. */
enum item scan_next(struct scan *s);

void facts_set(struct facts *f, enum fact fact);
void facts_clear(struct facts *f, enum fact fact);
void facts_doubt(struct facts *f, enum fact fact);
/* All of a family ("git."): what else it may do cannot be told. */
void facts_doubt_family(struct facts *f, const char *prefix);
void facts_value(struct facts *f, enum fact fact, const char *text, size_t len);

/* `to` is what `from` is, doubt included. */
void facts_copy(struct facts *f, enum fact from, enum fact to);

static inline void facts_text(struct facts *f, enum fact fact, const char *text)
{
	facts_value(f, fact, text, strlen(text));
}

/* Is `word` one of the words of `list` (" a b c ")? */
bool scan_word(const char *list, const char *word, size_t len);

static inline bool is_in(const char *list, const char *word)
{
	return scan_word(list, word, strlen(word));
}

static inline bool starts(const char *text, const char *with)
{
	return strncmp(text, with, strlen(with)) == 0;
}

static inline const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

/* An address, as it stands in an argument: scheme://user@host:port/path, or host/path where `scheme` (taken
 * when none is written) is given. Sets net.url and its parts. */
void url_facts(struct facts *f, const char *text, const char *scheme);
/* host:path of ssh and its like. True if it is one. */
bool url_is_remote(const char *text);
void url_remote_facts(struct facts *f, const char *text);

/* One model. `name` is the program's, without a version. */
typedef void model_fn(struct facts *f, const char *name, const char *const *argv, size_t argc);

model_fn model_rm, model_chmod, model_chown, model_dd, model_find, model_tar, model_rsync, model_curl,
        model_wget, model_git, model_docker, model_kubectl, model_npm, model_pip, model_python, model_node,
        model_cargo, model_system, model_other;
