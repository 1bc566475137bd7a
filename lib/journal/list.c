#include "journal/impl.h"
#include "journal/index.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIST_MAX = 768 << 20 }; /* bytes of memory for what is told about all entries */

struct journal_group {
	const char *session, *command;
	const char *store; /* of struct journal_entry */
	const char *dir;   /* the path up to and with its last slash */
	size_t dir_len;
};

/* The home's entries stand where its tokens do, which are in order already; others behind them. */
struct listing {
	struct journal_list *out;
	const char *session, *only; /* NULL = any; only: this token, by its line */
	struct index index;
	bool *seen; /* owned; of the home's tokens */
	bool found; /* what was `only` looked for: */
	struct journal_entry entry;
};

static const char *shared(struct arena *a, const char *last, const char *text)
{
	return !text ? NULL : last && !strcmp(last, text) ? last : arena_str(a, text);
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static const struct journal_group *group_of(struct journal_list *l, const struct journal_entry *en,
                                            size_t dir)
{
	static const struct journal_group none = { .dir_len = 0 };
	const struct journal_group *last = l->last ? l->last : &none;
	struct journal_group *g;

	if (l->last && last->dir_len == dir && !memcmp(last->dir, en->path, dir) &&
	    !strcmp(last->command, en->command) && !strcmp(last->session, en->session) &&
	    is_same(last->store, en->store))
		return last;
	g = arena_alloc(&l->a, sizeof *g);
	if (!g)
		return NULL;
	g->session = shared(&l->a, last->session, en->session);
	g->command = shared(&l->a, last->command, en->command);
	g->store = shared(&l->a, last->store, en->store);
	g->dir = arena_copy(&l->a, en->path, dir);
	g->dir_len = dir;
	return l->last = l->a.failed ? NULL : g;
}

static struct journal_item *more(struct journal_list *l)
{
	size_t room = l->room < 64 ? 64 : l->room + l->room / 2;
	struct journal_item *items = l->n < l->room ? l->items : realloc(l->items, room * sizeof *items);

	if (!items)
		return NULL;
	l->room = l->n < l->room ? l->room : room;
	l->items = items;
	return &l->items[l->n++];
}

/* At its place among the home's, or behind (SIZE_MAX). */
static int take(struct journal_list *l, const struct journal_entry *en, int64_t token, size_t place,
                struct err *e)
{
	const char *slash = strrchr(en->path, '/');
	size_t dir = slash ? (size_t)(slash + 1 - en->path) : 0;
	const struct journal_group *of = group_of(l, en, dir);
	const char *name = arena_str(&l->a, en->path + dir);
	struct journal_item *to = place != SIZE_MAX ? &l->items[place] : more(l);

	if (!of || !name || !to)
		return err_set(e, "too many entries for the memory at hand");
	*to = (struct journal_item){ token, en->created_ns, en->size, of, name, en->kind };
	return 0;
}

/* All that its line says, for who asked for this one. */
static int find(struct listing *l, const struct journal_line *line, const struct journal_entry *en)
{
	struct arena *a = &l->out->a;

	if (l->found || strcmp(en->token, l->only) != 0)
		return 0;
	l->found = true;
	l->entry = *en;
	l->entry.mode = line->mode;
	l->entry.uid = line->uid;
	l->entry.gid = line->gid;
	l->entry.mtime_ns = line->mtime_ns;
	l->entry.path = arena_str(a, en->path);
	l->entry.session = arena_str(a, en->session);
	l->entry.command = arena_str(a, en->command);
	l->entry.store = en->store ? arena_str(a, en->store) : NULL;
	return 0;
}

static int list_line(void *arg, const struct index_line *at, struct err *e)
{
	struct listing *l = arg;
	const struct journal_line *line = at->line;
	struct journal_entry en;

	if (!at->store)
		return 0;
	if (at->store_at == 0)
		l->seen[at->place] = true;
	if (l->session && strcmp(at->session, l->session) != 0)
		return 0;
	en = (struct journal_entry){ .kind = line->kind,
		                     .store = at->store_at ? at->store->path : NULL,
		                     .path = line->path,
		                     .session = at->session,
		                     .command = line->command,
		                     .size = line->size,
		                     .created_ns = line->at };
	if (!l->only)
		return take(l->out, &en, line->at, at->store_at ? SIZE_MAX : at->place, e);
	line_token(line->at, en.token);
	return find(l, line, &en);
}

/* What no line tells about was kept by others, or its lines are gone. */
static int list_manifest(struct listing *l, size_t place, struct err *e)
{
	int64_t number = l->index.stores[0].tokens[place];
	AUTO_ARENA a = { .max = LIST_MAX };
	char token[JOURNAL_TOKEN + 2];
	struct journal_entry en;
	struct err why;

	snprintf(token, sizeof token, "%" PRId64, number);
	if (!manifest_token_ok(token))
		return 0;
	if (journal_read_manifest(l->index.home, &a, token, &en, &why) < 0) {
		if (why.code != ENOENT && !l->out->n_bad++)
			snprintf(l->out->first, sizeof l->out->first, "%.300s", why.text);
		return a.failed ? err_set(e, "too many entries for the memory at hand") : 0;
	}
	if (l->session && strcmp(en.session, l->session) != 0)
		return 0;
	return take(l->out, &en, number, place, e);
}

static int by_age(const void *a, const void *b)
{
	const struct journal_item *x = a, *y = b;

	if (x->created_ns != y->created_ns)
		return x->created_ns < y->created_ns ? -1 : 1;
	return x->token < y->token ? -1 : x->token > y->token;
}

/* Only those that are entries, in order. */
static void settle(struct journal_list *l)
{
	bool sorted = true;
	size_t n = 0;

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].of)
			l->items[n++] = l->items[i];
	l->n = n;
	for (size_t i = 1; i < n && sorted; i++)
		sorted = by_age(&l->items[i - 1], &l->items[i]) <= 0;
	if (!sorted)
		qsort(l->items, n, sizeof *l->items, by_age);
}

static int list(struct listing *l, const struct journal *j, struct err *e)
{
	const struct index_store *home = index_home(&l->index, j, e);
	struct journal_list *out = l->out;
	int rc = -1;

	if (home && !l->only) {
		out->items = calloc(home->n + 1, sizeof *out->items);
		out->room = out->items ? home->n + 1 : 0;
		out->n = out->items ? home->n : 0;
	}
	if (home && (!(l->seen = calloc(home->n + 1, sizeof *l->seen)) || (!l->only && !out->items)))
		err_set(e, "out of memory");
	else if (home)
		rc = index_each(&l->index, j, l->only, list_line, l, e);
	for (size_t i = 0; rc == 0 && !l->only && i < l->index.stores[0].n; i++)
		if (!l->seen[i])
			rc = list_manifest(l, i, e);
	free(l->seen);
	index_release(&l->index);
	settle(out);
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
	buf_release(&l->path);
	free(l->items);
	l->items = NULL;
	l->n = l->room = 0;
}

bool journal_list_at(struct journal_list *l, size_t i, struct journal_entry *out)
{
	const struct journal_item *item = &l->items[i];

	*out = (struct journal_entry){ .kind = item->kind,
		                       .store = item->of->store,
		                       .session = item->of->session,
		                       .command = item->of->command,
		                       .size = item->size,
		                       .created_ns = item->created_ns };
	line_token(item->token, out->token);
	buf_clear(&l->path);
	buf_add(&l->path, item->of->dir, item->of->dir_len);
	buf_str(&l->path, item->name);
	out->path = buf_text(&l->path);
	return !l->path.failed;
}

/* By its line; 1: there is none. */
static int find_line(const struct journal *j, struct arena *a, const char *token, struct journal_entry *out,
                     struct err *e)
{
	struct journal_list found = { .a.max = LIST_MAX };
	struct listing l = { .out = &found, .only = token };
	int rc = list(&l, j, e);

	if (rc == 0 && !l.found) {
		rc = 1;
	} else if (rc == 0) {
		*out = l.entry;
		out->path = arena_str(a, out->path);
		out->session = arena_str(a, out->session);
		out->command = arena_str(a, out->command);
		out->store = out->store ? arena_str(a, out->store) : NULL;
		if (a->failed || found.a.failed)
			rc = err_set(e, "out of memory");
	}
	journal_list_release(&found);
	return rc;
}

/* What is told of a version beside its line. */
static int find_manifest(const struct journal *j, struct arena *a, const char *token,
                         struct journal_entry *out, struct err *why)
{
	return journal_has_payload(j, token) ? journal_read_manifest(j, a, token, out, why) : -1;
}

/* The same of the store that has it. */
static int find_manifest_in(const char *store, struct arena *a, const char *token, struct journal_entry *out,
                            struct err *why)
{
	struct journal other;
	int rc = journal_open(&other, store, false, why);

	if (rc == 0) {
		rc = find_manifest(&other, a, token, out, why);
		journal_close(&other);
	}
	return rc;
}

int journal_find(const struct journal *j, struct arena *a, const char *token, struct journal_entry *out,
                 struct err *e)
{
	struct journal_entry told = { 0 };
	struct err why = { 0 };
	int rc = 1, known = -1;

	if (manifest_token_ok(token)) {
		rc = find_line(j, a, token, out, e);
		if (rc == 0 && out->store)
			known = find_manifest_in(out->store, a, token, &told, &why);
		else if (rc >= 0)
			known = find_manifest(j, a, token, &told, &why);
	}
	if (rc == 0 && known == 0) {
		memcpy(out->hash, told.hash, sizeof out->hash);
		out->xattrs = told.xattrs;
	}
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
