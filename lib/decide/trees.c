/* One answer for whole trees: each pattern is followed along the directory's name; what it could still match
 * below decides whether its rule holds for all, some or nothing there.
 */
#include "decide/baseline.h"

#include <stdlib.h>
#include <string.h>

/* How a rule, or one pattern, stands to what is below a directory. */
enum { SOME = 1, FLOATS = 2 /* some, and so for every directory below */, ALL = 4 };

struct pattern {
	uint32_t rule;
	struct glob glob;
};

struct decide_trees {
	const struct policy *policy;
	struct arena arena;
	struct pattern *patterns;
	size_t n;
	unsigned char *match; /* per rule */
};

struct decide_trees *decide_trees_new(const struct policy *p)
{
	struct decide_trees *t = calloc(1, sizeof *t);
	size_t n = 0;

	if (!t)
		return NULL;
	t->policy = p;
	for (size_t i = 0; i < p->n_file; i++)
		n += p->file_rules[i].expanded.n;
	t->patterns = arena_array(&t->arena, n + 1, sizeof *t->patterns);
	t->match = arena_alloc(&t->arena, p->n_file + 1);
	for (uint32_t i = 0; t->patterns && i < p->n_file; i++)
		for (size_t k = 0; k < p->file_rules[i].expanded.n; k++) {
			struct pattern *to = t->patterns + t->n++;

			to->rule = i;
			glob_compile(&t->arena, p->file_rules[i].expanded.items[k], '/', &to->glob, NULL);
		}
	if (t->arena.failed || !t->match) {
		decide_trees_free(t);
		return NULL;
	}
	return t;
}

void decide_trees_free(struct decide_trees *t)
{
	if (t)
		arena_release(&t->arena);
	free(t);
}

/* Mark a position, and those reached from it for free. */
static void reach(const struct glob_step *steps, char *set, size_t at)
{
	for (;; at++) {
		set[at] = 1;
		if (steps[at].kind != GLOB_STAR && steps[at].kind != GLOB_SUPER)
			return;
	}
}

/* One character on. */
static bool advance(const struct glob_step *steps, size_t n, const char *from, char *to, uint32_t symbol)
{
	bool any = false;

	memset(to, 0, n + 1);
	for (size_t i = 0; i < n; i++) {
		bool stays = steps[i].kind == GLOB_SUPER || (steps[i].kind == GLOB_STAR && symbol != '/');
		bool star = steps[i].kind == GLOB_SUPER || steps[i].kind == GLOB_STAR;

		if (!from[i] || (star ? !stays : !glob_step_takes(steps + i, symbol, '/')))
			continue;
		reach(steps, to, i + !star);
		any = true;
	}
	return any;
}

/* From the state after `fixed` steps on, through the rest of the directory's name and a slash. */
static int match_rest(const struct glob_step *steps, size_t n, size_t fixed, const char *at)
{
	char sets[2][GLOB_STEPS + 1] = { { 0 } }, *from = sets[0], *to = sets[1], *swap;
	const char *end = at + strlen(at);
	int found = 0;

	reach(steps, from, fixed);
	for (bool last = false; !last;) {
		last = at == end;
		if (!advance(steps, n, from, to, last ? '/' : glob_symbol(&at, end)))
			return 0;
		swap = from;
		from = to;
		to = swap;
	}
	for (size_t i = 0; i < n; i++)
		if (from[i])
			found |= steps[i].kind != GLOB_SUPER ? SOME : i + 1 == n ? ALL : FLOATS;
	return found & ALL ? ALL : found & FLOATS ? FLOATS : found;
}

/* A sequence of n steps. Most part from the directory's name in the first few characters. */
static int match_sequence(const struct glob_step *steps, size_t n, const char *dir)
{
	const char *at = dir[1] ? dir : "", *end = at + strlen(at);
	size_t fixed = 0;

	while (fixed < n && steps[fixed].kind == GLOB_LITERAL && at < end)
		if (glob_symbol(&at, end) != steps[fixed++].symbol)
			return 0;
	return match_rest(steps, n, fixed, at);
}

static int match_glob(const struct glob *g, const char *dir)
{
	int found = 0;

	for (size_t i = 0, n; i < g->n && !g->never; i += n + 1) {
		for (n = 0; g->steps[i + n].kind != GLOB_END;)
			n++;
		found |= match_sequence(g->steps + i, n, dir);
	}
	return found;
}

/* What `rule` gives: a plain yes? */
static enum tree_answer answer_of(const struct rule *rule)
{
	return rule->decision == EFFECT_ALLOW || rule->decision == EFFECT_AUDIT ? TREE_ALLOWED : TREE_DENIED;
}

static enum tree_answer join(enum tree_answer a, enum tree_answer b)
{
	return a == b ? a : TREE_MIXED;
}

static enum tree_answer last_word(const struct decide_trees *t, const struct rule *rule,
                                  enum access_kind kind, const struct tree_request *r)
{
	enum tree_answer base, more;

	if (!baseline_yields(t->policy, rule))
		return answer_of(rule);
	more = baseline_more_tree(r->more, kind, r->dir);
	base = r->baseline ? baseline_tree(t->policy, kind, r->dir) : TREE_DENIED;
	return more == TREE_DENIED || base == TREE_ALLOWED ? base : more;
}

static void ask(const struct decide_trees *t, enum access_kind kind, const struct tree_request *r,
                struct tree_answers *out)
{
	bool some[2] = { false, false }, floats[2] = { false, false };
	const struct rule *rule = &verdict_default_files.rule;
	enum tree_answer rest;

	for (size_t i = 0; i < t->policy->n_file; i++) {
		const struct file_rule *f = t->policy->file_rules + i;

		if (!(f->ops & access_mask(kind)) || !t->match[i])
			continue;
		rule = &f->head.rule;
		if (t->match[i] & ALL)
			break;
		some[answer_of(rule)] |= t->match[i] & SOME;
		floats[answer_of(rule)] |= t->match[i] & FLOATS;
		rule = &verdict_default_files.rule;
	}
	out->most[kind] = rest = last_word(t, rule, kind, r);
	for (int a = TREE_DENIED; a <= TREE_ALLOWED; a++)
		if (some[a])
			rest = join(rest, (enum tree_answer)a);
	out->rest[kind] = rest;
	for (int a = TREE_DENIED; a <= TREE_ALLOWED; a++)
		if (floats[a])
			rest = join(rest, (enum tree_answer)a);
	out->is[kind] = rest;
}

void decide_trees_ask(struct decide_trees *t, const struct tree_request *r, struct tree_answers *out)
{
	memset(t->match, 0, t->policy->n_file + 1);
	for (const struct pattern *p = t->patterns; p < t->patterns + t->n; p++) {
		t->match[p->rule] |= (unsigned char)match_glob(&p->glob, r->dir);
		if (r->virtual)
			t->match[p->rule] |= (unsigned char)match_glob(&p->glob, r->virtual);
	}
	for (int kind = 0; kind < ACCESS_KINDS; kind++)
		ask(t, (enum access_kind)kind, r, out);
}

/* Where a sequence stands behind the directory's name and a slash; all 0: nowhere. */
static void stand(const struct glob_step *steps, size_t n, const char *dir, char set[GLOB_STEPS + 1])
{
	char next[GLOB_STEPS + 1];
	const char *at = dir[1] ? dir : "", *end = at + strlen(at);
	bool any = true;

	memset(set, 0, n + 1);
	reach(steps, set, 0);
	for (bool last = false; any && !last; memcpy(set, next, n + 1)) {
		last = at == end;
		any = advance(steps, n, set, next, last ? '/' : glob_symbol(&at, end));
	}
}

static bool glob_alike(const struct glob *g, const char *a, const char *b)
{
	char x[GLOB_STEPS + 1], y[GLOB_STEPS + 1];

	for (size_t i = 0, n; i < g->n && !g->never; i += n + 1) {
		for (n = 0; g->steps[i + n].kind != GLOB_END;)
			n++;
		stand(g->steps + i, n, a, x);
		stand(g->steps + i, n, b, y);
		if (memcmp(x, y, n + 1) != 0)
			return false;
	}
	return true;
}

/* What lies outside of the rules must be all or nothing there. */
static bool base_alike(const struct decide_trees *t, enum access_kind kind, const struct tree_request *a,
                       const struct tree_request *b)
{
	const struct tree_request *r[2] = { a, b };
	enum tree_answer base[2], more[2];

	for (int i = 0; i < 2; i++) {
		more[i] = baseline_more_tree(r[i]->more, kind, r[i]->dir);
		base[i] = r[i]->baseline ? baseline_tree(t->policy, kind, r[i]->dir) : TREE_DENIED;
	}
	return more[0] == more[1] && base[0] == base[1] && more[0] != TREE_MIXED && base[0] != TREE_MIXED;
}

bool decide_trees_alike(const struct decide_trees *t, const struct tree_request *a,
                        const struct tree_request *b, uint32_t kinds)
{
	uint32_t ops = 0;

	if (!a->virtual != !b->virtual)
		return false;
	for (int kind = 0; kind < ACCESS_KINDS; kind++)
		if (kinds >> kind & 1) {
			ops |= access_mask((enum access_kind)kind);
			if (!base_alike(t, (enum access_kind)kind, a, b))
				return false;
		}
	for (const struct pattern *p = t->patterns; p < t->patterns + t->n; p++)
		if (t->policy->file_rules[p->rule].ops & ops &&
		    (!glob_alike(&p->glob, a->dir, b->dir) ||
		     (a->virtual && !glob_alike(&p->glob, a->virtual, b->virtual))))
			return false;
	return true;
}

/* The pattern as a plain name; the closing wildcard is cut off. */
static bool plain_name(const char *pattern, char *out, size_t size, bool *tree)
{
	size_t len = 0;

	*tree = false;
	for (; *pattern && len + 1 < size; pattern++) {
		if (!strcmp(pattern, "**") && len > 1 && out[len - 1] == '/') {
			*tree = true;
			out[len - 1] = 0;
			return *out == '/';
		}
		if (strchr("*?[{", *pattern))
			return false;
		pattern += *pattern == '\\' && pattern[1];
		out[len++] = *pattern;
	}
	out[len] = 0;
	return !*pattern && *out == '/';
}

void decide_permitted_names(const struct policy *p, void (*each)(void *arg, const char *name, bool tree),
                            void *arg)
{
	char name[4096];
	bool tree;

	for (const struct file_rule *r = p->file_rules; r < p->file_rules + p->n_file; r++)
		for (size_t i = 0; i < r->expanded.n && answer_of(&r->head.rule) == TREE_ALLOWED; i++)
			if (plain_name(r->expanded.items[i], name, sizeof name, &tree))
				each(arg, name, tree);
}

enum tree_answer decide_tree(const struct policy *p, enum access_kind kind, const char *dir, bool baseline)
{
	const struct tree_request r = { .dir = dir, .baseline = baseline };
	struct decide_trees *t = decide_trees_new(p);
	struct tree_answers out = { .is = { TREE_DENIED } };

	if (!t || (unsigned)kind >= ACCESS_KINDS) {
		decide_trees_free(t);
		return TREE_MIXED;
	}
	decide_trees_ask(t, &r, &out);
	decide_trees_free(t);
	return out.is[kind];
}
