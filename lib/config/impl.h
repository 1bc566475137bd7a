/* impl - shared by the files of config/ only. */
#pragma once

#include "config/config.h"
#include "yaml/node.h"

enum key_type {
	KEY_BOOL,     /* bool */
	KEY_INT,      /* int64_t, within [min, max] */
	KEY_DURATION, /* int64_t, nanoseconds */
	KEY_SIZE,     /* uint64_t, bytes */
	KEY_TEXT,     /* const char * */
	KEY_PATH,     /* const char *, made absolute */
	KEY_CHOICE,   /* int, index into `more` ("a|b|c") */
	KEY_LIST,     /* struct config_list */
	KEY_MAP,      /* struct config_map */
	KEY_PATTERNS, /* dlp.custom_patterns */
	KEY_IGNORED,  /* a key or a whole section without effect; `more` says so in a note, NULL = not worth
	                 one */
};

struct key {
	const char *path; /* "server.http.addr" */
	enum key_type type;
	uint32_t offset;
	const char *standard; /* default as one would write it; NULL = zero, "", empty */
	/* By type. */
	union {
		const char *more; /* KEY_CHOICE, KEY_IGNORED */
		struct {
			int32_t min, max; /* KEY_INT */
		};
		const char *(*check)(const char *text); /* KEY_TEXT, KEY_MAP: what is wrong, or NULL */
	};
};

extern const struct key config_keys[];
extern const size_t config_n_keys;

struct alias {
	const char *from, *to; /* whole keys or whole sections */
};
extern const struct alias config_aliases[];

/* One load. */
struct load {
	struct config *config;
	struct config_problems *out;
	config_env_fn *env;
	int *seen; /* by row: line where it was given, -1 = by the environment, 0 = not */
};

void config_report(struct load *l, enum config_severity severity, const struct yaml_node *at, const char *fmt,
                   ...) __attribute__((format(printf, 4, 5)));

/* Set the member of `key` from a node of the file, or from text (default, environment). Reports what is
 * wrong. */
void config_set(struct load *l, const struct key *key, const struct yaml_node *value);
void config_set_text(struct load *l, const struct key *key, const char *text, const char *source);

const struct key *config_key(const char *path);

/* After all keys: directories, what depends on several keys. */
void config_complete(struct load *l, enum config_place place);
