/* index - what the lines of a store's writers say, and which versions are there.
 *
 * A version is there when payload/ holds it: lines are never changed, so restoring and dropping need not tell
 * anybody. Lines may lead to stores on other mounts, but only those of a store that is trusted.
 */
#pragma once

#include "journal/line.h"
#include "journal/store.h"

struct index_store {
	struct journal store; /* owned; .dir < 0: could not be opened */
	char *path;           /* owned */
	int64_t *tokens;      /* owned: what payload/ holds, ascending */
	size_t n;
	size_t next; /* where the last one was found, + 1: lines and names are in the same order, mostly */
};

struct index {
	const struct journal *home;
	struct index_store *stores; /* owned; the first has no `store` of its own: it is the home */
	size_t n;
};

/* One line, with what those before it in its file say. Strings live until the callback returns. */
struct index_line {
	const struct journal_line *line;
	const char *session;
	const struct journal *store; /* of its version; NULL when there is no such version (any more) */
	size_t store_at;             /* its index */
	size_t place;                /* and that of the token there */
	const char *file;            /* name in acts/ */
	bool alive;                  /* the writer of it runs */
};

/* 0 to go on. */
typedef int index_fn(void *arg, const struct index_line *l, struct err *e);

/* Each line of each file, in the order of each file. With `token`, only files that mention it. */
int index_each(struct index *x, const struct journal *home, const char *token, index_fn *fn, void *arg,
               struct err *e);

/* Stores stay open until then. */
void index_release(struct index *x);

/* The descriptor of acts/; -1 when there is none. */
int index_open_acts(const struct journal *home);

/* Where the token is among a store's, or SIZE_MAX. */
size_t index_find(struct index_store *s, int64_t token);

/* The tokens that payload/ of the store holds. */
const struct index_store *index_home(struct index *x, const struct journal *home, struct err *e);
