#include "policy/lint_impl.h"

#include "base/num.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

const char *const lint_scopes[SCOPES] = { "file", "network", "command", "unix", "signal" };

static const char *const sections[SCOPES] = { "file_rules", "network_rules", "command_rules",
	                                      "unix_socket_rules", "signal_rules" };
static const char *const lists[SCOPES] = { "paths", "domains", "commands", "paths", "signals" };

static const char *text_of(const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);

	return node && node->kind == YAML_SCALAR ? node->text : "";
}

/* ---- variables ---- */

/* A place that no pattern names and only ** can match: nine levels of a character that nobody writes. */
static const char *place_of(struct lint *l, const char *name, size_t len, enum lint_setting setting)
{
	if (setting == SETTING_HOME && len == 4 && memcmp(name, "HOME", 4) == 0) {
		name = "PROJECT_ROOT";
		len = 12;
	}
	return arena_fmt(&l->work, "/\1/\1/\1/\1/\1/\1/\1/\1/\1%.*s", (int)len, name);
}

static const char *fill_in(struct lint *l, const char *text, enum lint_setting setting)
{
	const char *from = text, *open, *close, *out = "";

	if (setting == SETTING_WORKSPACE && strncmp(text, "/workspace", 10) == 0 &&
	    (text[10] == '/' || !text[10])) {
		out = place_of(l, "PROJECT_ROOT", 12, setting);
		from = text + 10;
	}
	while (out && (open = strstr(from, "${")) && (close = strchr(open, '}'))) {
		size_t len = strcspn(open + 2, ":}");
		const char *place = place_of(l, open + 2, len, setting);

		if (!place)
			return NULL;
		out = arena_fmt(&l->work, "%s%.*s%s", out, (int)(open - from), from, place);
		from = close + 1;
	}
	return out ? arena_fmt(&l->work, "%s%s", out, from) : NULL;
}

bool lint_glob(struct lint *l, const char *text, char separator, enum lint_setting setting, struct glob *out)
{
	const char *filled = fill_in(l, text, setting);

	if (filled && glob_compile(&l->work, filled, separator, out, NULL) == 0)
		return true;
	*out = (struct glob){ .never = true };
	return false;
}

/* ---- lists ---- */

static const char *lower(struct lint *l, const char *text)
{
	char *copy = arena_str(&l->work, text);

	for (char *p = copy; p && *p; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

/* Only * ? [ make a command a glob; what else would be special stands for itself. */
static void compile_command(struct lint *l, struct lint_entry *entry)
{
	const char *name = lower(l, entry->text);
	char escaped[1024];

	entry->is_path = strchr(entry->text, '/') != NULL;
	if (name && !strpbrk(name, "*?[") && glob_escape(name, escaped, sizeof escaped))
		name = escaped;
	if (name)
		lint_glob(l, name, entry->is_path ? '/' : 0, SETTING_PLAIN, &entry->glob[0]);
}

static void compile_entry(struct lint *l, struct lint_entry *entry, const char *list)
{
	if (strcmp(list, "cidrs") == 0)
		cidr_parse(entry->text, &entry->cidr, NULL);
	else if (strcmp(list, "args_patterns") == 0)
		regex_compile(&l->work, entry->text, &entry->regex, NULL);
	else if (strcmp(list, "commands") == 0)
		compile_command(l, entry);
	else if (strcmp(list, "domains") == 0)
		lint_glob(l, strcmp(entry->text, "*") ? lower(l, entry->text) : "**", '.', SETTING_PLAIN,
		          &entry->glob[0]);
	else if (strcmp(list, "facts") == 0)
		return;
	else if (strcmp(list, "paths") == 0)
		for (int setting = 0; setting < SETTINGS; setting++)
			lint_glob(l, entry->text, '/', (enum lint_setting)setting, &entry->glob[setting]);
	else
		lint_glob(l, entry->text, 0, SETTING_PLAIN, &entry->glob[0]);
}

static struct lint_list read_list(struct lint *l, const struct yaml_node *map, const char *key)
{
	const struct yaml_node *node = yaml_get(map, key);
	struct lint_list out = { 0 };

	if (!node || node->kind != YAML_LIST)
		return out;
	out.items = arena_array(&l->work, node->n, sizeof *out.items);
	if (!out.items)
		return out;
	for (const struct yaml_node *item = yaml_first(node); item; item = item->next) {
		struct lint_entry *entry = &out.items[out.n];

		if (item->kind != YAML_SCALAR)
			continue;
		entry->text = item->text;
		entry->line = item->line;
		compile_entry(l, entry, key);
		out.n++;
	}
	return out;
}

static uint32_t read_ops(const struct yaml_node *map, enum scope scope)
{
	const char *const *names = lint_ops(scope);
	const struct yaml_node *node = yaml_get(map, "operations");
	uint32_t ops = 0;

	if (!node || node->kind != YAML_LIST || !node->n)
		return scope == SCOPE_NETWORK ? POLICY_CONNECT : UINT32_MAX;
	for (const struct yaml_node *item = yaml_first(node); item; item = item->next) {
		if (item->kind == YAML_SCALAR && strcmp(item->text, "*") == 0)
			return UINT32_MAX;
		for (int i = 0; names[i]; i++)
			if (item->kind == YAML_SCALAR && strcasecmp(item->text, names[i]) == 0)
				ops |= (uint32_t)1 << i;
	}
	return ops;
}

static void read_ports(struct lint *l, struct lint_rule *r, const struct yaml_node *map)
{
	const struct yaml_node *node = yaml_get(map, "ports");

	if (!node || node->kind != YAML_LIST || !node->n)
		return;
	r->ports = arena_array(&l->work, node->n, sizeof *r->ports);
	for (const struct yaml_node *item = yaml_first(node); r->ports && item; item = item->next)
		if (item->kind == YAML_SCALAR && num_u64(item->text, 0, 65535, &r->ports[r->n_ports]))
			r->n_ports++;
}

/* [direct, nested] or {min_depth, max_depth}. */
static void read_context(struct lint_rule *r, const struct yaml_node *node)
{
	r->max_depth = UINT64_MAX;
	if (!node || !node->n)
		return;
	if (node->kind == YAML_MAP) {
		num_u64(text_of(node, "min_depth"), 0, UINT32_MAX, &r->min_depth);
		num_u64(text_of(node, "max_depth"), 0, UINT32_MAX, &r->max_depth);
		return;
	}
	bool direct = false, nested = false;
	for (const struct yaml_node *item = yaml_first(node); item; item = item->next) {
		direct |= item->kind == YAML_SCALAR && strcasecmp(item->text, "direct") == 0;
		nested |= item->kind == YAML_SCALAR && strcasecmp(item->text, "nested") == 0;
	}
	r->min_depth = direct ? 0 : 1;
	r->max_depth = nested ? UINT64_MAX : 0;
}

static enum effect effect_of(const char *word)
{
	for (int i = 0; i <= EFFECT_SOFT_DELETE; i++)
		if (strcasecmp(word, effect_name((enum effect)i)) == 0)
			return (enum effect)i;
	return EFFECT_DENY;
}

static void read_rule(struct lint *l, enum scope scope, const struct yaml_node *map, struct lint_rule *r)
{
	const struct yaml_node *target = yaml_get(map, "target");

	r->scope = scope;
	r->name = text_of(map, "name");
	r->description = text_of(map, "description");
	r->message = text_of(map, "message");
	r->line = map->line;
	r->decision = effect_of(text_of(map, "decision"));
	r->what = read_list(l, map, lists[scope]);
	r->cidrs = read_list(l, map, "cidrs");
	r->args = read_list(l, map, "args_patterns");
	r->facts = read_list(l, map, "facts");
	r->ops = read_ops(map, scope);
	read_ports(l, r, map);
	read_context(r, yaml_get(map, "context"));
	r->has_timeout = yaml_get(map, "timeout") != NULL;
	r->target =
	        target ? arena_fmt(&l->work, "%s/%s/%s/%s", text_of(target, "type"),
	                           text_of(target, "pattern"), text_of(target, "min"), text_of(target, "max"))
	               : "";
}

static void read_section(struct lint *l, enum scope scope)
{
	const struct yaml_node *list = yaml_get(l->root, sections[scope]);
	struct lint_rules *rules = &l->rules[scope];

	if (!list || list->kind != YAML_LIST || !list->n)
		return;
	rules->items = arena_array(&l->work, list->n, sizeof *rules->items);
	for (const struct yaml_node *item = yaml_first(list); rules->items && item; item = item->next)
		if (item->kind == YAML_MAP)
			read_rule(l, scope, item, &rules->items[rules->n++]);
}

static void read_env(struct lint *l)
{
	const struct yaml_node *env = yaml_get(l->root, "env_policy"), *allow;

	if (!env || env->kind != YAML_MAP)
		return;
	allow = yaml_get(env, "allow");
	l->env_allow_line = allow ? allow->line : 0;
	l->env_allow = read_list(l, env, "allow");
	l->env_deny = read_list(l, env, "deny");
	l->block_iteration = strcasecmp(text_of(env, "block_iteration"), "true") == 0;
}

static void forget_problem(void *to, int line, int column, const char *text)
{
	(void)to, (void)line, (void)column, (void)text;
}

int lint_model(struct lint *l, struct err *e)
{
	struct yaml_sink sink = { .problem = forget_problem };

	l->root = yaml_parse(&l->work, l->text, l->len, &sink);
	if (!l->root || l->root->kind != YAML_MAP || sink.n)
		return err_set(e, "not a policy; see `agentsh policy validate`");
	for (int scope = 0; scope < SCOPES; scope++)
		read_section(l, (enum scope)scope);
	read_env(l);
	return l->work.failed ? err_set(e, "out of memory") : 0;
}

static void release_patterns(struct lint_list *patterns)
{
	for (size_t i = 0; i < patterns->n; i++)
		regex_release(&patterns->items[i].regex);
}

void lint_model_release(struct lint *l)
{
	/* Of every scope: where they mean nothing they are read all the same. */
	for (int scope = 0; scope < SCOPES; scope++)
		for (size_t i = 0; i < l->rules[scope].n; i++)
			release_patterns(&l->rules[scope].items[i].args);
	arena_release(&l->work);
}
