#include "journal/impl.h"
#include "journal/index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 768 << 20 }; /* bytes of memory for what is told about all entries */

struct listing {
	struct journal_list *out;
	const char *session, *only; /* NULL = any; only: this token, by its line */
	struct index index;
	bool *seen; /* owned; of the home's tokens */
	/* Neighbours have these in common, mostly. */
	const char *last_session, *last_command, *last_store;
};

static int take(struct journal_list *l, const struct journal_entry *en, struct err *e)
{
	if (l->a.failed)
		return err_set(e, "too many entries for the memory at hand");
	if (l->n == l->room) {
		size_t room = l->room ? 2 * l->room : 64;
		struct journal_entry *items = realloc(l->items, room * sizeof *items);

		if (!items)
			return err_set(e, "out of memory");
		l->items = items;
		l->room = room;
	}
	l->items[l->n++] = *en;
	return 0;
}

static const char *shared(struct arena *a, const char **last, const char *text)
{
	if (!*last || strcmp(*last, text) != 0)
		*last = arena_str(a, text);
	return *last ? *last : "";
}

static int list_line(void *arg, const struct index_line *at, struct err *e)
{
	struct listing *l = arg;
	const struct journal_line *line = at->line;
	struct arena *a = &l->out->a;
	struct journal_entry en;

	if (!at->store)
		return 0;
	if (at->store_at == 0)
		l->seen[at->place] = true;
	if (l->session && strcmp(at->session, l->session) != 0)
		return 0;
	en = (struct journal_entry){ .kind = line->kind,
		                     .size = line->size,
		                     .mode = line->mode,
		                     .uid = line->uid,
		                     .gid = line->gid,
		                     .mtime_ns = line->mtime_ns,
		                     .created_ns = line->at };
	line_token(line->at, en.token);
	if (l->only && strcmp(en.token, l->only) != 0)
		return 0;
	en.path = arena_str(a, line->path);
	en.session = shared(a, &l->last_session, at->session);
	en.command = shared(a, &l->last_command, line->command);
	en.store = at->store_at ? shared(a, &l->last_store, at->store->path) : NULL;
	return take(l->out, &en, e);
}

/* What no line tells about was kept by others, or its lines are gone. */
static int list_manifest(struct listing *l, int64_t number, struct err *e)
{
	char token[JOURNAL_TOKEN + 2];
	struct journal_entry en;
	struct err why;

	snprintf(token, sizeof token, "%" PRId64, number);
	if (!manifest_token_ok(token))
		return 0;
	if (journal_read_manifest(l->index.home, &l->out->a, token, &en, &why) < 0) {
		if (why.code != ENOENT && !l->out->n_bad++)
			snprintf(l->out->first, sizeof l->out->first, "%.300s", why.text);
		return l->out->a.failed ? err_set(e, "too many entries for the memory at hand") : 0;
	}
	if (l->session && strcmp(en.session, l->session) != 0)
		return 0;
	return take(l->out, &en, e);
}

static int by_age(const void *a, const void *b)
{
	const struct journal_entry *x = a, *y = b;

	if (x->created_ns != y->created_ns)
		return x->created_ns < y->created_ns ? -1 : 1;
	return strcmp(x->token, y->token);
}

static void sort(struct journal_list *l)
{
	for (size_t i = 1; i < l->n; i++) {
		if (by_age(&l->items[i - 1], &l->items[i]) > 0) {
			qsort(l->items, l->n, sizeof *l->items, by_age);
			return;
		}
	}
}

static int list(struct listing *l, const struct journal *j, struct err *e)
{
	const struct index_store *home = index_home(&l->index, j, e);
	int rc = -1;

	if (home && !(l->seen = calloc(home->n + 1, sizeof *l->seen)))
		err_set(e, "out of memory");
	else if (home)
		rc = index_each(&l->index, j, l->only, list_line, l, e);
	for (size_t i = 0; rc == 0 && !l->only && i < l->index.stores[0].n; i++)
		if (!l->seen[i])
			rc = list_manifest(l, l->index.stores[0].tokens[i], e);
	free(l->seen);
	index_release(&l->index);
	sort(l->out);
	return rc;
}

int journal_list(const struct journal *j, const char *session, struct journal_list *out, struct err *e)
{
	struct listing l = { .out = out, .session = session };

	*out = (struct journal_list){ .a.max = LIST_MAX };
	return list(&l, j, e);
}

void journal_list_release(struct journal_list *l)
{
	arena_release(&l->a);
	free(l->items);
	l->items = NULL;
	l->n = l->room = 0;
}

/* By its line; 1: there is none. */
static int find_line(const struct journal *j, struct arena *a, const char *token, struct journal_entry *out,
                     struct err *e)
{
	struct journal_list found = { .a.max = LIST_MAX };
	struct listing l = { .out = &found, .only = token };
	int rc = list(&l, j, e);

	if (rc == 0 && !found.n) {
		rc = 1;
	} else if (rc == 0) {
		*out = found.items[0];
		out->path = arena_str(a, out->path);
		out->session = arena_str(a, out->session);
		out->command = arena_str(a, out->command);
		out->store = out->store ? arena_str(a, out->store) : NULL;
		if (a->failed)
			rc = err_set(e, "out of memory");
	}
	journal_list_release(&found);
	return rc;
}

int journal_find(const struct journal *j, struct arena *a, const char *token, struct journal_entry *out,
                 struct err *e)
{
	struct journal_entry told;
	struct err why = { 0 };
	int rc = 1, known = -1;

	if (manifest_token_ok(token)) {
		rc = find_line(j, a, token, out, e);
		if (rc >= 0 && journal_has_payload(j, token))
			known = journal_read_manifest(j, a, token, &told, &why);
	}
	if (rc == 0 && known == 0)
		memcpy(out->hash, told.hash, sizeof out->hash);
	if (rc <= 0)
		return rc;
	if (known == 0) {
		*out = told;
		return 0;
	}
	if (why.text[0] && why.code != ENOENT) {
		if (e)
			*e = why;
		return -1;
	}
	err_set(e, "unknown token: %.40s", token);
	if (e)
		e->code = ENOENT;
	return -1;
}
