/* Which rules, or parts of rules, an earlier rule always takes. */
#include "policy/lint_impl.h"

#include "match/within.h"

#include <string.h>

enum { MAX_GLOBS = 4096 };

struct reach {
	struct lint *l;
	const struct lint_rules *rules;
	const struct glob *globs[MAX_GLOBS];
	size_t n_globs;
};

/* ---- conditions beside the pattern ---- */

static bool has_text(const struct lint_list *list, const char *text)
{
	for (size_t i = 0; i < list->n; i++)
		if (strcmp(list->items[i].text, text) == 0)
			return true;
	return false;
}

/* Every condition of `before` is one of `r`, which restricts as much: doubt counts the same for both. */
static bool same_facts(const struct lint_rule *before, const struct lint_rule *r)
{
	for (size_t i = 0; i < before->facts.n; i++)
		if (!has_text(&r->facts, before->facts.items[i].text))
			return false;
	return !before->facts.n || lint_restricts(before) || lint_restricts(before) == lint_restricts(r);
}

static bool same_patterns(const struct lint_rule *before, const struct lint_rule *r)
{
	for (size_t i = 0; i < r->args.n; i++) {
		bool found = false;

		for (size_t k = 0; k < before->args.n && !found; k++)
			found = strcmp(before->args.items[k].text, r->args.items[i].text) == 0;
		if (!found)
			return false;
	}
	return r->args.n > 0;
}

static bool holds_ports(const struct lint_rule *before, const struct lint_rule *r)
{
	if (!before->n_ports)
		return true;
	for (size_t i = 0; i < r->n_ports; i++) {
		bool found = false;

		for (size_t k = 0; k < before->n_ports && !found; k++)
			found = before->ports[k] == r->ports[i];
		if (!found)
			return false;
	}
	return r->n_ports > 0;
}

static bool holds_cidr(const struct lint_rule *before, const struct cidr *c)
{
	for (size_t i = 0; i < before->cidrs.n; i++) {
		const struct cidr *b = &before->cidrs.items[i].cidr;

		if (b->bits <= c->bits && cidr_holds(b, c->addr, c->len))
			return true;
	}
	return before->cidrs.n == 0;
}

static bool holds_cidrs(const struct lint_rule *before, const struct lint_rule *r)
{
	for (size_t i = 0; i < r->cidrs.n; i++)
		if (!holds_cidr(before, &r->cidrs.items[i].cidr))
			return false;
	return before->cidrs.n == 0 || r->cidrs.n > 0;
}

/* Whatever `r` matches by one of its patterns, `before` needs no more than its own pattern to match it too.
 */
static bool asks_less(const struct lint_rule *before, const struct lint_rule *r)
{
	switch (r->scope) {
	case SCOPE_COMMAND:
		return (before->args.n == 0 || same_patterns(before, r)) && same_facts(before, r) &&
		       before->min_depth <= r->min_depth && before->max_depth >= r->max_depth;
	case SCOPE_NETWORK:
		return !(r->ops & ~before->ops) && holds_ports(before, r);
	case SCOPE_SIGNAL:
		return strcmp(before->target, r->target) == 0;
	default:
		return true;
	}
}

/* ---- one pattern ---- */

static void push_glob(struct reach *x, const struct glob *g)
{
	if (x->n_globs < MAX_GLOBS && !g->never)
		x->globs[x->n_globs++] = g;
}

static bool is_within(struct reach *x, const struct glob *g)
{
	return x->n_globs > 0 && glob_within(g, x->globs, x->n_globs, &x->l->budget);
}

/* A literal command path is also known by its base name. */
static const struct glob *base_name(struct reach *x, const struct lint_entry *entry, struct glob *out)
{
	const char *slash = strrchr(entry->text, '/');
	char escaped[1024];

	if (!slash || strpbrk(entry->text, "*?[") || !glob_escape(slash + 1, escaped, sizeof escaped))
		return NULL;
	return lint_glob(x->l, escaped, 0, SETTING_PLAIN, out) ? out : NULL;
}

static void push_rule(struct reach *x, const struct lint_rule *before, const struct lint_rule *r, bool paths,
                      enum lint_setting setting)
{
	static const struct glob_step all[] = { { .kind = GLOB_SUPER }, { .kind = GLOB_END } };
	static const struct glob everything = { .steps = all, .n = 2 };

	if (!asks_less(before, r) || (r->scope == SCOPE_NETWORK && !holds_cidrs(before, r)))
		return;
	if (!before->what.n)
		push_glob(x, &everything);
	for (size_t i = 0; i < before->what.n; i++) {
		const struct lint_entry *entry = &before->what.items[i];

		if (r->scope != SCOPE_COMMAND || entry->is_path == paths)
			push_glob(x, &entry->glob[setting]);
		else if (strcmp(entry->text, "*") == 0)
			push_glob(x, &everything);
	}
}

/* Is the pattern taken by the rules [from, to) that have the operation? */
static bool is_taken(struct reach *x, const struct lint_rule *r, const struct lint_entry *entry, uint32_t op,
                     const size_t range[2], enum lint_setting setting)
{
	struct glob base;

	for (int paths = 0; paths < 2; paths++) {
		const struct glob *g = &entry->glob[setting];

		if (r->scope == SCOPE_COMMAND && entry->is_path && !paths)
			g = base_name(x, entry, &base);
		if (!g || (!entry->is_path && paths))
			continue;
		x->n_globs = 0;
		for (size_t i = range[0]; i < range[1]; i++)
			if (x->rules->items[i].ops & op)
				push_rule(x, &x->rules->items[i], r, paths, setting);
		if (is_within(x, g))
			return true;
	}
	return false;
}

/* Same objects under the same conditions: an exception written on purpose, or a contradiction. */
static bool is_same(struct lint *l, const struct lint_rule *before, const struct lint_rule *r,
                    const struct lint_entry *entry, enum lint_setting setting)
{
	const struct glob *one = &entry->glob[setting];

	if (before->args.n != r->args.n || before->facts.n != r->facts.n ||
	    before->min_depth != r->min_depth || before->max_depth != r->max_depth ||
	    before->n_ports != r->n_ports)
		return false;
	for (size_t i = 0; i < before->what.n; i++) {
		const struct glob *other = &before->what.items[i].glob[setting];

		if (glob_within(other, &one, 1, &l->budget) && glob_within(one, &other, 1, &l->budget))
			return true;
	}
	return false;
}

/* The first single rule that takes it, else the last of those that do together. */
static const struct lint_rule *taker(struct reach *x, size_t index, const struct lint_entry *entry,
                                     uint32_t op, enum lint_setting setting)
{
	const struct lint_rule *r = &x->rules->items[index];

	for (size_t i = 0; i < index; i++)
		if ((x->rules->items[i].ops & op) &&
		    is_taken(x, r, entry, op, (const size_t[]){ i, i + 1 }, setting))
			return &x->rules->items[i];
	for (size_t n = 1; n < index; n++)
		if (is_taken(x, r, entry, op, (const size_t[]){ 0, n }, setting))
			return &x->rules->items[n - 1];
	return index ? &x->rules->items[index - 1] : NULL;
}

/* ---- one rule ---- */

struct taken {
	uint32_t ops; /* operations that never get here */
	const struct lint_rule *by;
	bool differs; /* by a rule that restricts where this one lets, or the other way round */
	bool is_exception;
};

static struct taken look_at(struct reach *x, size_t index, const struct lint_entry *entry,
                            enum lint_setting setting)
{
	const struct lint_rule *all = x->rules->items, *r = &all[index];
	uint64_t seen = 0;
	struct taken out = { 0 };
	bool last = false;

	for (int i = 0; i < 32; i++) {
		uint32_t op = (uint32_t)1 << i;
		uint64_t who = 1469598103934665603u;

		if (!(r->ops & op))
			continue;
		for (size_t k = 0; k < index; k++)
			if (all[k].ops & op)
				who = (who ^ (k + 1)) * 1099511628211u;
		/* The same rules have this operation as the one before: the same answer. */
		if (who != seen)
			last = is_taken(x, r, entry, op, (const size_t[]){ 0, index }, setting);
		seen = who;
		if (!last)
			continue;
		const struct lint_rule *by = taker(x, index, entry, op, setting);
		out.ops |= op;
		bool differs = by && lint_restricts(by) != lint_restricts(r);
		if (!out.by || (differs && !out.differs))
			out.by = by;
		out.differs |= differs;
		out.is_exception |= by && is_same(x->l, by, r, entry, setting);
	}
	return out;
}

static const char *op_list(struct lint *l, const struct lint_rule *r, uint32_t ops)
{
	const char *const *names = lint_ops(r->scope);
	const char *out = "";

	for (int i = 0; names[i] && out; i++)
		if (ops >> i & 1)
			out = arena_fmt(&l->work, "%s%s%s", out, *out ? ", " : "", names[i]);
	return out ? out : "";
}

static uint32_t real_ops(const struct lint_rule *r)
{
	const char *const *names = lint_ops(r->scope);
	uint32_t n = 0;

	if (r->scope != SCOPE_FILE && r->scope != SCOPE_UNIX && r->scope != SCOPE_NETWORK)
		return UINT32_MAX;
	while (names[n])
		n++;
	return ((uint32_t)1 << n) - 1;
}

static void report_entry(struct reach *x, const struct lint_rule *r, const struct lint_entry *entry,
                         const struct taken *t, bool whole)
{
	struct lint_where where = { .rule = r, .other = t->by, .at = entry->line };

	if (!t->by)
		return;
	if (whole && t->differs && t->is_exception)
		lint_add(x->l, LINT_CONTRADICTORY, LINT_WARNING, where, "keep one of the two decisions",
		         "'%s': '%s' in line %d decides %s about the same, and comes first", entry->text,
		         t->by->name, t->by->line, effect_name(t->by->decision));
	else if (whole)
		lint_add(x->l, LINT_PARTLY, t->differs ? LINT_WARNING : LINT_NOTE, where,
		         t->differs ? "move this rule before the other" : "drop it here",
		         "'%s' is always taken by '%s' in line %d (%s)", entry->text, t->by->name,
		         t->by->line, effect_name(t->by->decision));
	else if (t->differs && !t->is_exception)
		lint_add(x->l, LINT_PARTLY, LINT_WARNING, where, "move this rule before the other",
		         "'%s': %s always taken by '%s' in line %d (%s)", entry->text,
		         op_list(x->l, r, t->ops & r->ops), t->by->name, t->by->line,
		         effect_name(t->by->decision));
}

/* Settings that many installations have, in which an earlier rule decides otherwise. */
static void report_setting(struct reach *x, size_t index, const struct lint_entry *entry, uint32_t plain,
                           enum lint_setting setting)
{
	const struct lint_rule *r = &x->rules->items[index];
	struct taken t = look_at(x, index, entry, setting);

	if (!(t.ops & ~plain) || !t.differs || (setting == SETTING_HOME && t.is_exception))
		return;
	if (setting == SETTING_HOME)
		lint_add(x->l, LINT_PARTLY, LINT_WARNING,
		         (struct lint_where){ .rule = r, .other = t.by, .at = entry->line },
		         "move this rule before the other",
		         "'%s': where the project is the home directory, %s taken by '%s' in line %d (%s)",
		         entry->text, op_list(x->l, r, t.ops & r->ops), t.by->name, t.by->line,
		         effect_name(t.by->decision));
	else
		lint_add(x->l, LINT_CONTRADICTORY, LINT_WARNING,
		         (struct lint_where){ .rule = r, .other = t.by, .at = entry->line },
		         "give the project and /workspace the same rules",
		         "'%s' is the project by another name: by its own '%s' in line %d decides %s",
		         entry->text, t.by->name, t.by->line, effect_name(t.by->decision));
}

/* A restriction on a name anywhere, that comes behind an allowed project. */
static void report_project(struct reach *x, size_t index, const struct lint_entry *entry, uint32_t plain)
{
	const struct lint_rule *r = &x->rules->items[index];
	struct lint_entry inside = *entry;
	const char *text;
	struct taken t;

	if (!lint_restricts(r) || strncmp(entry->text, "**/", 3) != 0)
		return;
	text = arena_fmt(&x->l->work, "${PROJECT_ROOT}/%s", entry->text + 3);
	if (!text || !lint_glob(x->l, text, '/', SETTING_PLAIN, &inside.glob[SETTING_PLAIN]))
		return;
	t = look_at(x, index, &inside, SETTING_PLAIN);
	if ((t.ops & ~plain) && t.differs)
		lint_add(x->l, LINT_PARTLY, LINT_WARNING,
		         (struct lint_where){ .rule = r, .other = t.by, .at = entry->line },
		         "move this rule before the other",
		         "'%s': in the project %s taken by '%s' in line %d (%s)", entry->text,
		         op_list(x->l, r, t.ops & r->ops), t.by->name, t.by->line,
		         effect_name(t.by->decision));
}

static void check_what(struct reach *x, size_t index)
{
	const struct lint_rule *r = &x->rules->items[index];
	uint32_t all = r->ops & real_ops(r);
	struct taken *taken = arena_array(&x->l->work, r->what.n, sizeof *taken);
	size_t dead = 0;

	if (!taken)
		return;
	for (size_t i = 0; i < r->what.n; i++) {
		taken[i] = look_at(x, index, &r->what.items[i], SETTING_PLAIN);
		dead += taken[i].by && (taken[i].ops & all) == all;
	}
	if (dead == r->what.n && (r->what.n > 1 || !(taken[0].differs && taken[0].is_exception))) {
		const struct lint_rule *by = taken[0].by;

		lint_add(x->l, LINT_UNREACHABLE, LINT_WARNING, (struct lint_where){ .rule = r, .other = by },
		         "move this rule before the other, or drop it",
		         "never decides: '%s' in line %d always matches first (%s)", by->name, by->line,
		         effect_name(by->decision));
		return;
	}
	for (size_t i = 0; i < r->what.n; i++) {
		if (taken[i].ops)
			report_entry(x, r, &r->what.items[i], &taken[i], (taken[i].ops & all) == all);
		if (r->scope == SCOPE_FILE)
			report_project(x, index, &r->what.items[i], taken[i].ops);
		for (int setting = SETTING_HOME; r->scope == SCOPE_FILE && setting < SETTINGS; setting++)
			report_setting(x, index, &r->what.items[i], taken[i].ops, (enum lint_setting)setting);
	}
}

/* Network rules by address, and rules without any pattern. */
static const struct lint_rule *cidr_taker(struct reach *x, size_t index, const struct cidr *c)
{
	const struct lint_rule *r = &x->rules->items[index];

	for (size_t i = 0; i < index; i++) {
		const struct lint_rule *before = &x->rules->items[i];

		if (before->what.n == 0 && asks_less(before, r) &&
		    (c ? holds_cidr(before, c) : before->cidrs.n == 0))
			return before;
	}
	return NULL;
}

static void check_cidrs(struct reach *x, size_t index)
{
	const struct lint_rule *r = &x->rules->items[index], *by = NULL;
	size_t dead = 0, n = r->cidrs.n ? r->cidrs.n : 1;

	for (size_t i = 0; i < n; i++) {
		const struct lint_rule *one =
		        cidr_taker(x, index, r->cidrs.n ? &r->cidrs.items[i].cidr : NULL);

		dead += one != NULL;
		by = one ? one : by;
	}
	if (by && dead == n) {
		lint_add(x->l, LINT_UNREACHABLE, LINT_WARNING, (struct lint_where){ .rule = r, .other = by },
		         "move this rule before the other, or drop it",
		         "never decides: '%s' in line %d always matches first (%s)", by->name, by->line,
		         effect_name(by->decision));
		return;
	}
	for (size_t i = 0; i < r->cidrs.n; i++) {
		const struct lint_rule *one = cidr_taker(x, index, &r->cidrs.items[i].cidr);

		if (one)
			lint_add(x->l, LINT_PARTLY, one->decision != r->decision ? LINT_WARNING : LINT_NOTE,
			         (struct lint_where){ .rule = r, .other = one, .at = r->cidrs.items[i].line },
			         one->decision != r->decision ? "move this rule before the other"
			                                      : "drop it here",
			         "'%s' is always taken by '%s' in line %d (%s)", r->cidrs.items[i].text,
			         one->name, one->line, effect_name(one->decision));
	}
}

void lint_reach(struct lint *l)
{
	struct reach *x = arena_alloc(&l->work, sizeof *x);

	if (!x)
		return;
	x->l = l;
	for (int scope = 0; scope < SCOPES; scope++) {
		x->rules = &l->rules[scope];
		for (size_t i = 1; i < x->rules->n && l->budget; i++) {
			if (x->rules->items[i].what.n)
				check_what(x, i);
			else if (scope == SCOPE_NETWORK)
				check_cidrs(x, i);
		}
	}
	if (!l->budget)
		lint_add(l, LINT_UNREACHABLE, LINT_NOTE,
		         (struct lint_where){ .scope = "policy", .name = "rules", .at = 1 },
		         "split the policy",
		         "too many patterns to compare all: later rules were not checked");
}
