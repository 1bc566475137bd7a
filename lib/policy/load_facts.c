/* The conditions of a command rule on the facts of its arguments.
 *
 *	facts: [rm.recursive, "!rm.interactive", "net.url.host=*.test", "git.push.force|git.push.delete"]
 */
#include "policy/load.h"

#include <string.h>

static const char *lower(struct load *l, const char *text, size_t len)
{
	char *copy = arena_alloc(l->arena, len + 1);

	for (size_t i = 0; copy && i < len; i++)
		copy[i] = (char)(text[i] >= 'A' && text[i] <= 'Z' ? text[i] | 0x20 : text[i]);
	return copy;
}

static void no_such_fact(struct load *l, const struct yaml_node *item, const char *name)
{
	const char *near = yaml_nearest(name, facts_names());

	if (near)
		yaml_problem(&l->sink, item, "there is no fact '%s'; did you mean '%s'?", name, near);
	else
		yaml_problem(&l->sink, item, "there is no fact '%s'; 'agentsh policy facts' lists them",
		             name);
}

static const struct glob *value_glob(struct load *l, const struct yaml_node *item, enum fact fact,
                                     const char *text)
{
	enum fact_kind kind = facts_kind(fact);
	struct glob *g = load_alloc(l, 1, sizeof *g);
	char separator = kind == FACT_KIND_PATH ? '/' : kind == FACT_KIND_HOST ? '.' : 0;
	struct err e;

	if (kind == FACT_KIND_FLAG) {
		yaml_problem(&l->sink, item, "'%s' is a flag; it has no value to compare", facts_name(fact));
		return NULL;
	}
	if (kind == FACT_KIND_HOST)
		text = lower(l, text, strlen(text));
	else if (kind == FACT_KIND_PATH && l->options->expand)
		text = policy_expand(l->arena, text, l->options->vars, true, &e);
	if (!text) {
		yaml_problem(&l->sink, item, "'%s': %s", item->text,
		             kind == FACT_KIND_HOST ? "out of memory" : e.text);
		return NULL;
	}
	if (!g || glob_compile(l->arena, text, separator, g, &e) < 0) {
		if (g)
			yaml_problem(&l->sink, item, "pattern '%s': %s", text, e.text);
		return NULL;
	}
	if (!*text || g->never)
		yaml_problem(&l->sink, item, "pattern '%s' would never match", text);
	return g;
}

/* One of the alternatives of an item. */
static void read_test(struct load *l, const struct yaml_node *item, const char *text, struct fact_test *t)
{
	const char *equals;
	size_t len;

	t->negated = *text == '!';
	text += t->negated;
	text += strspn(text, " ");
	equals = strchr(text, '=');
	len = equals ? (size_t)(equals - text) : strlen(text);
	while (len && text[len - 1] == ' ')
		len--;
	t->fact = facts_find(text, len);
	if (!t->fact)
		no_such_fact(l, item, lower(l, text, len));
	else if (equals)
		t->glob = value_glob(l, item, t->fact, equals + 1);
}

static void read_item(struct load *l, struct command_rule *r, const struct yaml_node *item, const char *text)
{
	char *copy = arena_str(l->arena, text), *next;

	for (char *p = copy; p; p = next) {
		char *bar = strchr(p, '|'), *end = bar ? bar : p + strlen(p);

		next = bar ? bar + 1 : NULL;
		p += strspn(p, " ");
		while (end > p && end[-1] == ' ')
			end--;
		*end = 0;
		if (r->n_tests == FACT_TESTS) {
			yaml_problem(&l->sink, item, "more than %d facts in one rule", FACT_TESTS);
			return;
		}
		read_test(l, item, p, &r->tests[r->n_tests]);
		r->tests[r->n_tests++].more = next != NULL;
	}
}

static bool gives(struct load *l, const char *command, enum fact fact)
{
	const char *slash = strrchr(command, '/');
	const char *name = slash ? slash + 1 : command;
	size_t len = strlen(name);
	const char *base = lower(l, name, len);

	return base && facts_gives(base, len, fact);
}

/* Each command named must have a model, and each condition must be one that some of them can meet: a rule
 * that silently never matches is worse than an error. */
static void check_possible(struct load *l, const struct command_rule *r, const struct yaml_node *node)
{
	const struct yaml_node *item = load_first(node, "commands");

	for (size_t i = 0; i < r->commands.n; i++, item = item->next) {
		if (strpbrk(r->commands.items[i], "*?["))
			return;
		if (!gives(l, r->commands.items[i], FACT_NONE))
			yaml_problem(&l->sink, item,
			             "the arguments of '%s' are not known; give it a rule without facts",
			             r->commands.items[i]);
	}
	for (size_t i = 0; i < r->n_tests; i++) {
		bool possible = !r->commands.n || !r->tests[i].fact;

		for (size_t k = 0; k < r->commands.n && !possible; k++)
			possible = gives(l, r->commands.items[k], r->tests[i].fact);
		if (!possible)
			yaml_problem(&l->sink, load_first(node, "facts"),
			             "none of the rule's commands has the fact '%s'",
			             facts_name(r->tests[i].fact));
	}
}

void load_fact_tests(struct load *l, struct command_rule *r, const struct yaml_node *node)
{
	const struct yaml_node *item = load_first(node, "facts");

	if (!CONFIG_FACTS) {
		yaml_problem(&l->sink, item,
		             "this build cannot read facts (it is without the option FACTS); "
		             "write args_patterns");
		return;
	}
	r->tests = load_alloc(l, FACT_TESTS, sizeof *r->tests);
	for (size_t i = 0; i < r->facts.n && r->tests; i++, item = item->next)
		read_item(l, r, item, r->facts.items[i]);
	if (r->tests)
		check_possible(l, r, node);
}
