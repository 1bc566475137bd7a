/* Reading a policy: the top level and the takers of common values.
 *
 * Schema: see the key tables here, in load_scopes.c and in load_rest.c. Whatever
 * is not understood completely is a problem, and with one problem nothing is loaded.
 */
#include "policy/load.h"

#include <stdlib.h>
#include <string.h>

/* ---- problems ---- */

struct collector {
	struct policy_problems *out;
	size_t cap;
};

static void collect(void *to, int line, int column, const char *text)
{
	struct collector *c = to;
	struct policy_problems *out = c->out;
	char *copy = arena_str(&out->arena, text);

	if (out->n == c->cap) {
		size_t cap = c->cap ? c->cap * 2 : 16;
		struct policy_problem *items = arena_array(&out->arena, cap, sizeof *items);

		if (!items || !copy)
			return;
		if (out->n)
			memcpy(items, out->items, out->n * sizeof *items);
		out->items = items;
		c->cap = cap;
	}
	if (copy)
		out->items[out->n++] =
		        (struct policy_problem){ .line = line, .column = column, .text = copy };
}

static int by_place(const void *a, const void *b)
{
	const struct policy_problem *x = a, *y = b;

	return x->line != y->line ? (x->line < y->line ? -1 : 1)
	                          : (x->column > y->column) - (x->column < y->column);
}

static void finish_problems(struct policy_problems *out)
{
	/* Even without memory the caller sees that there was a problem. */
	static const struct policy_problem no_memory = { .line = 1, .column = 1, .text = "out of memory" };

	if (!out->n) {
		out->items = (struct policy_problem *)(uintptr_t)&no_memory;
		out->n = 1;
		return;
	}
	qsort(out->items, out->n, sizeof *out->items, by_place);
}

void policy_problems_release(struct policy_problems *p)
{
	arena_release(&p->arena);
	*p = (struct policy_problems){ 0 };
}

/* ---- takers ---- */

void *load_alloc(struct load *l, size_t n, size_t size)
{
	void *p = arena_array(l->arena, n, size);

	if (!p)
		yaml_problem(&l->sink, l->node, "out of memory");
	return p;
}

const char *load_copy(struct load *l, const char *text)
{
	const char *copy = arena_str(l->arena, text);

	if (!copy)
		yaml_problem(&l->sink, l->node, "out of memory");
	return copy ? copy : "";
}

void load_text(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	const char *text;

	if (yaml_text(&l->sink, value, key->name, &text))
		*(const char **)(void *)(l->at + key->offset) = load_copy(l, text);
}

void load_any_texts(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	struct text_list *list = (struct text_list *)(void *)(l->at + key->offset);
	const char **items;

	if (!yaml_is_list(&l->sink, value, key->name))
		return;
	items = load_alloc(l, value->n + 1, sizeof *items);
	if (!items)
		return;
	list->set = true;
	list->items = items;
	for (const struct yaml_node *i = value->first; i; i = i->next) {
		const char *text = "";

		yaml_text(&l->sink, i, key->name, &text);
		items[list->n++] = load_copy(l, text);
	}
}

void load_texts(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;

	load_any_texts(to, value, key);
	if (value->kind == YAML_LIST && !value->n)
		yaml_problem(&l->sink, value, "%s is empty; leave the key out if everything is meant",
		             key->name);
}

void load_bool(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;

	yaml_bool(&l->sink, value, key->name, (bool *)(l->at + key->offset));
}

void load_u64(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;

	yaml_u64(&l->sink, value, key->name, key->more, (uint64_t *)(void *)(l->at + key->offset));
}

void load_duration(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;

	yaml_duration(&l->sink, value, key->name, (int64_t *)(void *)(l->at + key->offset));
}

void load_decision(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	int choice = yaml_choice(&l->sink, value, key->name, key->more);

	for (int effect = EFFECT_DENY; choice >= 0 && effect <= EFFECT_SOFT_DELETE; effect++)
		if (!strcmp(effect_name((enum effect)effect), ((const char *const *)key->more)[choice]))
			*(enum effect *)(void *)(l->at + key->offset) = (enum effect)effect;
}

void load_pairs(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	struct pair_list *list = (struct pair_list *)(void *)(l->at + key->offset);

	if (!yaml_is_map(&l->sink, value, key->name))
		return;
	list->items = load_alloc(l, value->n, sizeof *list->items);
	for (const struct yaml_node *k = value->first; k && list->items; k = k->next) {
		struct policy_pair *pair = &list->items[list->n++];
		const char *text = "";

		yaml_text(&l->sink, k->value, k->text, &text);
		if (!*k->text || strchr(k->text, '='))
			yaml_problem(&l->sink, k, "'%s' cannot be the name of a variable", k->text);
		pair->name = load_copy(l, k->text);
		pair->value = load_copy(l, text);
	}
}

void load_anything(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	(void)to;
	(void)value;
	(void)key;
}

bool load_struct(struct load *l, const struct yaml_node *node, const char *what, const struct yaml_key *keys,
                 void *at)
{
	char *at_before = l->at;
	const struct yaml_node *node_before = l->node;
	bool good;

	l->at = at;
	l->node = node;
	good = yaml_take(&l->sink, node, what, keys, l);
	l->at = at_before;
	l->node = node_before;
	return good;
}

const struct yaml_node *load_first(const struct yaml_node *node, const char *key)
{
	const struct yaml_node *list = yaml_get(node, key);

	return list && list->first ? list->first : node;
}

const char *load_lower(struct load *l, const char *text)
{
	char *copy = arena_str(l->arena, text);

	for (char *p = copy; p && *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p |= 0x20;
	if (!copy)
		yaml_problem(&l->sink, l->node, "out of memory");
	return copy ? copy : "";
}

static void check_head(struct load *l, struct head *head, const struct load_list *list,
                       const struct yaml_node *node)
{
	struct rule *r = &head->rule;

	if (!yaml_get(node, "name"))
		yaml_problem(&l->sink, node,
		             "%s without a name; every decision is reported by its rule's name", list->what);
	else if (r->name && !*r->name)
		yaml_problem(&l->sink, yaml_get(node, "name"), "name is empty");
	else if (r->name && strpbrk(r->name, "\n\t"))
		yaml_problem(&l->sink, yaml_get(node, "name"), "a name is one line, without tabs");
	if (!yaml_get(node, "decision"))
		yaml_problem(&l->sink, node, "%s without a decision; write decision: allow or decision: deny",
		             list->what);
	r->name = r->name ? r->name : "";
	r->message = r->message ? r->message : "";
	r->description = r->description ? r->description : "";
	r->file = l->policy->file;
	r->line = node->line;
	head->scope = list->scope;
}

void *load_rules(struct load *l, const struct yaml_node *node, const struct load_list *list, size_t *n)
{
	char *rules;

	if (!yaml_is_list(&l->sink, node, "the list of rules"))
		return NULL;
	if (node->n > list->max) {
		yaml_problem(&l->sink, node, "%zu rules; at most %zu in one list", node->n, list->max);
		return NULL;
	}
	rules = load_alloc(l, node->n, list->size);
	if (!rules)
		return NULL;
	for (const struct yaml_node *i = node->first; i; i = i->next) {
		char *rule = rules + *n * list->size;

		if (!load_struct(l, i, list->what, list->keys, rule))
			continue;
		check_head(l, (struct head *)(void *)rule, list, i);
		l->node = i;
		list->finish(l, rule, i);
		++*n;
	}
	return rules;
}

struct glob *load_globs(struct load *l, struct arena *arena, const struct yaml_node *rule, const char *key,
                        const struct text_list *list, char separator)
{
	struct glob *globs = arena_array(arena, list->n, sizeof *globs);
	struct err e;
	const struct yaml_node *item = load_first(rule, key);

	for (size_t i = 0; globs && i < list->n; i++, item = item->next) {
		if (glob_compile(arena, list->items[i], separator, &globs[i], &e) < 0)
			yaml_problem(&l->sink, item, "pattern '%s': %s", list->items[i], e.text);
		else if (globs[i].never)
			yaml_problem(&l->sink, item, "pattern '%s' has an unclosed '{' and would never match",
			             list->items[i]);
	}
	return globs;
}

bool load_expand(struct load *l, const struct yaml_node *rule, const char *key, const struct text_list *from,
                 struct text_list *to)
{
	const char **items = load_alloc(l, from->n, sizeof *items);
	const struct yaml_node *item = load_first(rule, key);
	struct err e;

	*to = *from;
	if (!items || !l->options->expand)
		return items != NULL;
	for (size_t i = 0; i < from->n; i++, item = item->next) {
		items[i] = from->items[i];
		if (!strstr(items[i], "${"))
			continue;
		items[i] = policy_expand(l->arena, from->items[i], l->options->vars,
		                         strcmp(key, "domains") != 0, &e);
		if (!items[i]) {
			yaml_problem(&l->sink, item, "'%s': %s", from->items[i], e.text);
			items[i] = "";
		}
	}
	to->items = items;
	return true;
}

/* ---- the top level ---- */

static void load_version(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const uint64_t range[2] = { 1, 1000 };
	struct load *l = to;

	yaml_u64(&l->sink, value, key->name, range, &l->policy->version);
}

/* Lists of mappings that are accepted and not used on this system. */
static void load_mappings(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;

	if (value->kind != YAML_MAP && !yaml_is_list(&l->sink, value, key->name))
		return;
	for (const struct yaml_node *i = value->first; i; i = i->next)
		yaml_is_map(&l->sink, value->kind == YAML_MAP ? i->value : i, key->name);
}

static void load_inject(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	struct pair_list list = { 0 };
	char *at = l->at;

	l->at = (char *)&list;
	load_pairs(l, value, key);
	l->at = at;
	l->policy->inject = list.items;
	l->policy->n_inject = list.n;
}

static const struct yaml_key top[] = {
	{ "version", load_version, 0, NULL },
	{ "name", load_text, offsetof(struct policy, name), NULL },
	{ "description", load_text, offsetof(struct policy, description), NULL },
	{ "file_rules", load_file_rules, 0, NULL },
	{ "network_rules", load_network_rules, 0, NULL },
	{ "command_rules", load_command_rules, 0, NULL },
	{ "unix_socket_rules", load_unix_rules, 0, NULL },
	{ "registry_rules", load_mappings, 0, NULL },
	{ "signal_rules", load_signal_rules, 0, NULL },
	{ "dns_redirects", load_dns_redirects, 0, NULL },
	{ "connect_redirects", load_connect_redirects, 0, NULL },
	{ "resource_limits", load_limits, 0, NULL },
	{ "env_policy", load_env, 0, NULL },
	{ "env_inject", load_inject, 0, NULL },
	{ "audit", load_audit, 0, NULL },
	{ "process_contexts", load_mappings, 0, NULL },
	{ "process_identities", load_mappings, 0, NULL },
	{ NULL, NULL, 0, NULL },
};

static bool no_memory(const struct policy *p)
{
	return p->arena.failed || p->places.failed || (p->scratch && p->scratch->failed);
}

static void read_policy(struct load *l, const struct yaml_node *root)
{
	struct policy *p = l->policy;
	struct err e;

	if (root->kind == YAML_NULL || (root->kind == YAML_MAP && !root->n)) {
		yaml_problem(&l->sink, root,
		             "the policy is empty; it needs at least version, name and rules");
		return;
	}
	if (!load_struct(l, root, "the policy", top, p))
		return;
	if (!yaml_get(root, "version"))
		yaml_problem(&l->sink, root, "no version; write version: 1");
	if (!yaml_get(root, "name") || (p->name && !*p->name))
		yaml_problem(&l->sink, root, "no name; write name: followed by a word");
	l->node = root;
	if (no_memory(p))
		yaml_problem(&l->sink, root, "out of memory");
	if (!l->sink.n && policy_compile(p, &e) < 0)
		yaml_problem(&l->sink, root, "%s", e.text);
	if (!l->sink.n && no_memory(p))
		yaml_problem(&l->sink, root, "out of memory");
}

static void note_home(struct policy *p, const struct policy_options *options)
{
	for (const struct policy_var *v = options->vars; options->expand && v && v->name; v++)
		if (!strcmp(v->name, "HOME") && v->value && v->value[0] == '/' && v->value[1])
			p->home = arena_str(&p->arena, v->value);
}

struct policy *policy_load(const char *text, size_t len, const char *file,
                           const struct policy_options *options, struct policy_problems *out)
{
	struct collector collector = { .out = out };
	struct policy *p = calloc(1, sizeof *p);
	AUTO_ARENA nodes = { .max = 256 << 20 };
	struct load l = { .policy = p, .options = options, .sink = { .problem = collect, .to = &collector } };
	const struct yaml_node *root;

	*out = (struct policy_problems){ .arena = { .max = 1 << 20 } };
	if (!p) {
		finish_problems(out);
		return NULL;
	}
	p->arena.max = p->places.max = 256 << 20;
	p->scratch = &nodes;
	l.arena = &p->arena;
	p->file = arena_str(&p->arena, file);
	p->approvals = options->approvals;
	p->expanded = options->expand;
	note_home(p, options);
	p->limits.memory_swap_max_mb = -1;
	p->limits.file = p->file;
	p->audit = (struct policy_audit){ .log_allowed = true, .log_denied = true, .log_approved = true };
	p->description = "";
	root = yaml_parse(&nodes, text, len, &l.sink);
	if (root)
		read_policy(&l, root);
	if (!l.sink.n && p->file && p->name) {
		p->scratch = NULL;
		return p;
	}
	if (no_memory(p)) /* what else was found is then no fault of the text */
		policy_problems_release(out);
	policy_free(p);
	finish_problems(out);
	return NULL;
}
