#include "policy/lint.h"

#include "policy/lint_impl.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *lint_class_name(enum lint_class class)
{
	static const char *const names[] = { "unreachable", "partly", "contradictory",
		                             "never",       "weak",   "unenforced" };

	return class < LINT_CLASSES ? names[class] : "?";
}

/* About a second or two of comparing. */
#define LINT_BUDGET ((size_t)1 << 30)

/* ---- asking the rules ---- */

const char *const *lint_ops(enum scope scope)
{
	return scope == SCOPE_UNIX      ? policy_unix_ops
	       : scope == SCOPE_NETWORK ? policy_net_ops
	                                : policy_file_ops;
}

bool lint_has_op(const struct lint_rule *r, const char *op)
{
	const char *const *names = lint_ops(r->scope);

	for (int i = 0; names[i]; i++)
		if (strcmp(names[i], op) == 0)
			return r->ops >> i & 1;
	return false;
}

const struct lint_rule *lint_file(struct lint *l, const char *op, const char *path, enum lint_setting setting)
{
	const struct lint_rules *rules = &l->rules[SCOPE_FILE];
	struct glob place;
	char text[512];
	size_t len = 0;

	/* The sample goes through the same filling in as the patterns; then read it back from its steps. */
	if (!lint_glob(l, path, '/', setting, &place))
		return NULL;
	for (size_t i = 0; i < place.n && place.steps[i].kind == GLOB_LITERAL && len < sizeof text; i++)
		text[len++] = (char)place.steps[i].symbol;
	for (size_t i = 0; i < rules->n; i++) {
		const struct lint_rule *r = &rules->items[i];

		if (!lint_has_op(r, op))
			continue;
		for (size_t k = 0; k < r->what.n; k++)
			if (glob_match(&r->what.items[k].glob[setting], text, len))
				return r;
	}
	return NULL;
}

bool lint_names(const struct lint_rule *r, const char *name)
{
	for (size_t k = 0; k < r->what.n; k++)
		if (!r->what.items[k].is_path && glob_match(&r->what.items[k].glob[0], name, strlen(name)))
			return true;
	return r->what.n == 0;
}

const struct lint_rule *lint_command(struct lint *l, const char *name)
{
	const struct lint_rules *rules = &l->rules[SCOPE_COMMAND];

	for (size_t i = 0; i < rules->n; i++)
		if (rules->items[i].args.n == 0 && rules->items[i].facts.n == 0 &&
		    rules->items[i].min_depth == 0 && lint_names(&rules->items[i], name))
			return &rules->items[i];
	return NULL;
}

bool lint_args_match(const struct lint_rule *r, const char *args)
{
	const char *const words[] = { args };

	for (size_t k = 0; k < r->args.n; k++)
		if (regex_match(&r->args.items[k].regex, words, 1) == REGEX_YES)
			return true;
	return r->args.n == 0;
}

/* ---- findings ---- */

/* `# lint: ok: WHY` in this line. A reason is required: an exception that nobody can explain is a finding. */
static bool is_accepted(const struct lint *l, int line)
{
	static const char mark[] = "# lint: ok: ";
	const char *p = l->text, *end = l->text + l->len, *stop, *found;

	while (line > 1 && p < end) {
		const char *next = memchr(p, '\n', (size_t)(end - p));

		if (!next)
			return false;
		p = next + 1;
		line--;
	}
	if (line != 1 || p >= end)
		return false;
	stop = memchr(p, '\n', (size_t)(end - p));
	stop = stop ? stop : end;
	found = memmem(p, (size_t)(stop - p), mark, sizeof mark - 1);
	return found && stop - found > (ptrdiff_t)sizeof mark + 3;
}

static bool room_for_one(struct lint *l)
{
	struct lint_report *out = l->report;
	size_t max = l->max ? l->max * 2 : 64;
	struct lint_finding *items;

	if (out->n < l->max)
		return true;
	items = arena_array(l->arena, max, sizeof *items);
	if (!items)
		return false;
	if (out->n)
		memcpy(items, out->items, out->n * sizeof *items);
	out->items = items;
	l->max = max;
	return true;
}

void lint_add(struct lint *l, enum lint_class class, enum lint_severity severity, struct lint_where where,
              const char *hint, const char *fmt, ...)
{
	struct lint_finding f = { .class = class, .severity = severity };
	char text[1000];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	f.line = where.rule ? where.rule->line : where.at;
	f.at = where.at ? where.at : f.line;
	if (is_accepted(l, f.at) || is_accepted(l, f.line)) {
		l->report->accepted++;
		return;
	}
	f.scope = where.rule ? lint_scopes[where.rule->scope] : where.scope;
	f.rule = arena_str(l->arena, where.rule ? where.rule->name : where.name);
	f.other = where.other ? arena_str(l->arena, where.other->name) : NULL;
	f.other_line = where.other ? where.other->line : 0;
	f.text = arena_str(l->arena, text);
	f.hint = arena_str(l->arena, hint);
	if (room_for_one(l))
		l->report->items[l->report->n++] = f;
	else
		l->failed = true;
}

static int by_line(const void *a, const void *b)
{
	const struct lint_finding *x = a, *y = b;

	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	if (x->class != y->class)
		return x->class < y->class ? -1 : 1;
	return x->at < y->at ? -1 : x->at > y->at;
}

int policy_lint(const char *text, size_t len, struct lint_report *out, struct err *e)
{
	static void (*const checks[])(struct lint *) = { lint_reach,   lint_files, lint_commands,
		                                         lint_network, lint_env,   lint_keys };
	struct lint l = {
		.arena = &out->arena, .text = text, .len = len, .report = out, .budget = LINT_BUDGET
	};
	int rc;

	out->arena.max = 16 << 20;
	l.work.max = 256 << 20;
	rc = lint_model(&l, e);
	for (size_t i = 0; rc == 0 && i < sizeof checks / sizeof *checks; i++)
		checks[i](&l);
	if (rc == 0 && (l.failed || l.work.failed || out->arena.failed))
		rc = err_set(e, "out of memory");
	if (rc == 0 && out->n)
		qsort(out->items, out->n, sizeof *out->items, by_line);
	lint_model_release(&l);
	return rc;
}

void lint_release(struct lint_report *r)
{
	arena_release(&r->arena);
	*r = (struct lint_report){ 0 };
}
