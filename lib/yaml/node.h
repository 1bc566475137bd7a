/* node - YAML text as a tree of nodes that know their line and column.
 *
 * A small, strict part of YAML: one document of mappings, lists and scalars in
 * UTF-8. Tags, anchors, aliases, merge keys, directives, further documents,
 * NUL, byte order marks, duplicate keys, more than YAML_DEPTH levels and more
 * than YAML_MAX bytes are problems. Problems go to a sink; all of a file are
 * found in one run, only a syntax error ends the search. Nodes and texts live
 * in the caller's arena.
 *
 * Loading a mapping: one `struct yaml_key` table per mapping, yaml_take() calls
 * the row of each key, reports unknown keys with "did you mean", and skips
 * nothing silently.
 */
#pragma once

#include "base/arena.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { YAML_DEPTH = 32, YAML_MAX = 4 << 20, YAML_NODES = 600000, YAML_PROBLEMS = 200 };

enum yaml_kind { YAML_NULL, YAML_SCALAR, YAML_LIST, YAML_MAP };

struct yaml_node {
	enum yaml_kind kind;
	int line, column; /* from 1 */
	bool quoted;      /* scalar in quotes or a block: always text */
	const char *text; /* scalar, with NUL; for YAML_NULL how it was written */
	size_t len;
	const struct yaml_node *first; /* list: first item; map: first key, whose `value` is set */
	const struct yaml_node *next;  /* next item or key of the parent */
	const struct yaml_node *value; /* of a key; never NULL there */
	size_t n;                      /* items or keys */
};

/* Where problems go, in file order within one step of loading. At most YAML_PROBLEMS are passed on. */
struct yaml_sink {
	void (*problem)(void *to, int line, int column, const char *text);
	void *to;
	size_t n; /* problems so far: the file is good if this is 0 at the end */
};

/* Parse. NULL on a syntax error, else the root, which is a null node for an empty file. The tree is complete
 * only if no problem was reported. */
const struct yaml_node *yaml_parse(struct arena *a, const char *text, size_t len, struct yaml_sink *sink);

/* Report a problem at a node (at line 1 if NULL). Convention: "what is wrong; hint". */
void yaml_problem(struct yaml_sink *sink, const struct yaml_node *at, const char *fmt, ...)
        __attribute__((format(printf, 3, 4)));

/* Walk: for (item = yaml_first(list); item; item = item->next). */
static inline const struct yaml_node *yaml_first(const struct yaml_node *node)
{
	return node->first;
}

/* The value of a key, or NULL. */
const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key);

/* Typed getters: false and one problem if the node is something else. `what` names the value in the problem.
 */
bool yaml_is_map(struct yaml_sink *sink, const struct yaml_node *node, const char *what);
bool yaml_is_list(struct yaml_sink *sink, const struct yaml_node *node, const char *what);
bool yaml_text(struct yaml_sink *sink, const struct yaml_node *node, const char *what, const char **out);
bool yaml_bool(struct yaml_sink *sink, const struct yaml_node *node, const char *what, bool *out);
bool yaml_u64(struct yaml_sink *sink, const struct yaml_node *node, const char *what, const uint64_t range[2],
              uint64_t *out);
bool yaml_duration(struct yaml_sink *sink, const struct yaml_node *node, const char *what, int64_t *ns);
bool yaml_size(struct yaml_sink *sink, const struct yaml_node *node, const char *what, uint64_t *bytes);

/* One of `names` (NULL-terminated, compared without case). The index, or -1 and a problem with a suggestion.
 */
int yaml_choice(struct yaml_sink *sink, const struct yaml_node *node, const char *what,
                const char *const *names);

/* One row per key of a mapping. `take` gets the value node and yaml_take's `to`. */
struct yaml_key {
	const char *name; /* NULL ends the table */
	void (*take)(void *to, const struct yaml_node *value, const struct yaml_key *key);
	size_t offset; /* for `take` to use */
	const void *more;
};

/* Call the row of each key in file order. Unknown keys are problems. False if `node` is not a mapping. */
bool yaml_take(struct yaml_sink *sink, const struct yaml_node *node, const char *what,
               const struct yaml_key *keys, void *to);

/* The entry of NULL-terminated `names` that `word` was probably meant to be, or NULL. */
const char *yaml_nearest(const char *word, const char *const *names);
