/* Reading the rules of files, network, commands and unix sockets. */
#include "policy/load.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

const char *const policy_file_ops[] = { "open",     "read",   "write",   "create", "delete",
	                                "rename",   "mkdir",  "rmdir",   "stat",   "list",
	                                "readlink", "chmod",  "symlink", "link",   "chown",
	                                "truncate", "access", "execute", NULL };
const char *const policy_unix_ops[] = { "connect", "bind", "listen", "sendto", "socket", NULL };
const char *const policy_net_ops[] = { "connect", "listen", NULL };

static const char *const file_decisions[] = { "allow",    "deny",        "approve", "audit",
	                                      "redirect", "soft_delete", NULL };
static const char *const command_decisions[] = { "allow", "deny", "approve", "audit", "redirect", NULL };
static const char *const plain_decisions[] = { "allow", "deny", "approve", "audit", NULL };

/* A list of operation names, "*" for all, as bits; key->more: the names. */
static void load_ops(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	const char *const *names = key->more;
	uint32_t *ops = (uint32_t *)(void *)(l->at + key->offset);
	const char *word;

	if (!yaml_is_list(&l->sink, value, key->name))
		return;
	if (!value->n)
		yaml_problem(&l->sink, value, "operations is empty; write [\"*\"] if all are meant");
	for (const struct yaml_node *i = value->first; i; i = i->next) {
		if (i->kind == YAML_SCALAR && !strcmp(i->text, "*"))
			*ops = UINT32_MAX;
		else if (yaml_text(&l->sink, i, "operation", &word)) {
			int op = yaml_choice(&l->sink, i, "operation", names);

			*ops |= op >= 0 ? 1u << op : 0;
		}
	}
}

static void need_paths(struct load *l, const struct text_list *paths, const struct yaml_node *node)
{
	if (!paths->set && !yaml_get(node, "paths"))
		yaml_problem(&l->sink, node, "rule without paths; write paths: [\"**\"] if all are meant");
	for (size_t i = 0; i < paths->n; i++)
		if (!*paths->items[i])
			yaml_problem(&l->sink, node, "an empty path");
}

/* ---- files ---- */

static const struct yaml_key file_keys[] = {
	LOAD_HEAD(file_decisions),
	{ "paths", load_texts, offsetof(struct file_rule, paths), NULL },
	{ "operations", load_ops, offsetof(struct file_rule, ops), policy_file_ops },
	{ "redirect_to", load_text, offsetof(struct file_rule, redirect_to), NULL },
	{ "preserve_tree", load_bool, offsetof(struct file_rule, preserve_tree), NULL },
	{ NULL, NULL, 0, NULL },
};

static void finish_file(struct load *l, void *at, const struct yaml_node *node)
{
	struct file_rule *r = at;

	need_paths(l, &r->paths, node);
	if (!yaml_get(node, "operations"))
		r->ops = UINT32_MAX;
	if (load_expand(l, node, "paths", &r->paths, &r->expanded))
		r->globs = load_globs(l, l->policy->scratch, node, "paths", &r->expanded, '/');
	if (r->head.rule.decision == EFFECT_REDIRECT && (!r->redirect_to || *r->redirect_to != '/'))
		yaml_problem(&l->sink, node, "redirect needs redirect_to: with an absolute directory");
	else if (r->redirect_to && r->head.rule.decision != EFFECT_REDIRECT)
		yaml_problem(&l->sink, node, "redirect_to without decision: redirect");
}

void load_file_rules(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const struct load_list list = { "file rule",    SCOPE_FILE, sizeof(struct file_rule),
		                               FILE_RULES_MAX, file_keys,  finish_file };
	struct load *l = to;

	(void)key;
	l->arena = &l->policy->places;
	l->policy->file_rules = load_rules(l, value, &list, &l->policy->n_file);
	l->arena = &l->policy->arena;
}

/* ---- network ---- */

static int by_number(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static void load_ports(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const uint64_t range[2] = { 1, 65535 };
	struct load *l = to;
	struct net_rule *r = (struct net_rule *)(void *)l->at;

	if (!yaml_is_list(&l->sink, value, key->name))
		return;
	if (!value->n)
		yaml_problem(&l->sink, value, "ports is empty; leave the key out if every port is meant");
	r->ports = load_alloc(l, value->n, sizeof *r->ports);
	for (const struct yaml_node *i = value->first; i && r->ports; i = i->next) {
		uint64_t port = 0;

		yaml_u64(&l->sink, i, "port", range, &port);
		r->ports[r->n_ports++] = (uint16_t)port;
	}
	if (r->n_ports)
		/* NOLINTNEXTLINE(clang-analyzer-core.NonNullParamChecker): has entries only if it is there */
		qsort(r->ports, r->n_ports, sizeof *r->ports, by_number);
}

static const struct yaml_key net_keys[] = {
	LOAD_HEAD(plain_decisions),
	{ "domains", load_texts, offsetof(struct net_rule, domains), NULL },
	{ "cidrs", load_texts, offsetof(struct net_rule, cidr_texts), NULL },
	{ "ports", load_ports, 0, NULL },
#if CONFIG_LAYER_NET
	{ "operations", load_ops, offsetof(struct net_rule, ops), policy_net_ops },
#endif
	{ NULL, NULL, 0, NULL },
};

/* Lower case, no last dot; bytes beyond ASCII never occur in a canonical host, so such a rule would be dead.
 * `*` by itself is every host: nobody means the names of one label by it. */
static void finish_domains(struct load *l, struct net_rule *r, const struct yaml_node *node)
{
	const char **items = load_alloc(l, r->domains.n, sizeof *items);
	const struct yaml_node *item = load_first(node, "domains");

	if (!items || !load_expand(l, node, "domains", &r->domains, &r->expanded))
		return;
	for (size_t i = 0; i < r->expanded.n; i++, item = item->next) {
		char *text = (char *)(uintptr_t)load_lower(l, r->expanded.items[i]);
		size_t len = strlen(text);

		for (const char *p = text; *p; p++)
			if ((unsigned char)*p >= 0x80 || (unsigned char)*p <= ' ') {
				yaml_problem(&l->sink, item,
				             "'%s' has characters that no host name has; write the xn-- form",
				             text);
				break;
			}
		if (!len)
			yaml_problem(&l->sink, item, "an empty domain");
		else if (len > 1 && text[len - 1] == '.' && text[len - 2] != '\\')
			text[len - 1] = 0;
		items[i] = strcmp(text, "*") ? text : "**";
	}
	r->expanded.items = items;
	r->globs = load_globs(l, l->policy->scratch, node, "domains", &r->expanded, '.');
}

static void finish_net(struct load *l, void *at, const struct yaml_node *node)
{
	struct net_rule *r = at;
	const struct yaml_node *item = load_first(node, "cidrs");
	struct err e;

	finish_domains(l, r, node);
	/* Rules that do not say so mean connections: one that denies the rest of them leaves servers alone.
	 */
	if (CONFIG_LAYER_NET && !yaml_get(node, "operations"))
		r->ops = POLICY_CONNECT;
	if (CONFIG_LAYER_NET && (r->ops & POLICY_LISTEN) && r->domains.n)
		yaml_problem(&l->sink, node, "who listens has addresses, no names; use cidrs and ports");
	r->cidrs = load_alloc(l, r->cidr_texts.n, sizeof *r->cidrs);
	for (size_t i = 0; i < r->cidr_texts.n && r->cidrs; i++, item = item->next)
		if (cidr_parse(r->cidr_texts.items[i], &r->cidrs[i], &e) < 0)
			yaml_problem(&l->sink, item, "cidr: %s", e.text);
}

void load_network_rules(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const struct load_list list = { "network rule", SCOPE_NETWORK, sizeof(struct net_rule),
		                               RULES_MAX,      net_keys,      finish_net };
	struct load *l = to;

	(void)key;
	l->arena = &l->policy->places;
	l->policy->net_rules = load_rules(l, value, &list, &l->policy->n_net);
	l->arena = &l->policy->arena;
}

/* ---- commands ---- */

struct depth_range {
	uint64_t min, max;
};

static void load_depth_range(struct load *l, const struct yaml_node *value, struct command_rule *r)
{
	static const uint64_t range[2] = { 0, 1000000 };
	static const struct yaml_key keys[] = {
		{ "min_depth", load_u64, offsetof(struct depth_range, min), range },
		{ "max_depth", load_u64, offsetof(struct depth_range, max), range },
		{ NULL, NULL, 0, NULL },
	};
	struct depth_range depth = { 0, INT_MAX };

	load_struct(l, value, "context", keys, &depth);
	if (depth.max < depth.min)
		yaml_problem(&l->sink, value, "max_depth is below min_depth");
	r->min_depth = (int)depth.min;
	r->max_depth = (int)depth.max;
}

/* [direct], [nested], both, or {min_depth, max_depth}. */
static void load_context(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const char *const words[] = { "direct", "nested", NULL };
	struct load *l = to;
	struct command_rule *r = (struct command_rule *)(void *)l->at;
	unsigned seen = 0;

	if (value->kind == YAML_MAP) {
		load_depth_range(l, value, r);
		return;
	}
	if (!yaml_is_list(&l->sink, value, key->name))
		return;
	if (!value->n)
		yaml_problem(&l->sink, value, "context is empty; write [direct], [nested] or both");
	for (const struct yaml_node *i = value->first; i; i = i->next) {
		int choice = yaml_choice(&l->sink, i, "context", words);

		seen |= choice >= 0 ? 1u << choice : 0;
	}
	r->min_depth = seen & 1 ? 0 : 1;
	r->max_depth = seen & 2 ? INT_MAX : 0;
}

struct redirect_text {
	const char *command;
	struct text_list args, append;
	struct pair_list environment;
};

static void load_redirect(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const struct yaml_key keys[] = {
		{ "command", load_text, offsetof(struct redirect_text, command), NULL },
		{ "args", load_any_texts, offsetof(struct redirect_text, args), NULL },
		{ "args_append", load_any_texts, offsetof(struct redirect_text, append), NULL },
		{ "environment", load_pairs, offsetof(struct redirect_text, environment), NULL },
		{ NULL, NULL, 0, NULL },
	};
	static const char *const none[] = { NULL };
	struct load *l = to;
	struct redirect_text text = { 0 };
	struct redirect *r = load_alloc(l, 1, sizeof *r);

	if (!r || !load_struct(l, value, key->name, keys, &text))
		return;
	if (!text.command || !*text.command)
		yaml_problem(&l->sink, value, "redirect_to without a command");
	*r = (struct redirect){
		.command = text.command ? text.command : "",
		.args = text.args.items ? text.args.items : none,
		.args_append = text.append.items ? text.append.items : none,
		.environment = text.environment.items,
		.n_environment = text.environment.n,
	};
	((struct command_rule *)(void *)l->at)->redirect = r;
}

/* Few rules have any. key->offset is in struct env_rules. */
static void load_own_env(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	struct command_rule *r = (struct command_rule *)(void *)l->at;
	char *at = l->at;

	if (!r->env)
		r->env = load_alloc(l, 1, sizeof *r->env);
	if (!r->env)
		return;
	l->at = (char *)(uintptr_t)r->env;
	(key->more                  ? load_env_list
	 : strstr(key->name, "max") ? load_env_number
	                            : load_env_bool)(to, value, key);
	l->at = at;
}

static const struct yaml_key command_keys[] = {
	LOAD_HEAD(command_decisions),
	{ "commands", load_texts, offsetof(struct command_rule, commands), NULL },
	{ "args_patterns", load_texts, offsetof(struct command_rule, args), NULL },
	{ "facts", load_texts, offsetof(struct command_rule, facts), NULL },
	{ "context", load_context, 0, NULL },
	{ "redirect_to", load_redirect, 0, NULL },
	{ "env_allow", load_own_env, offsetof(struct env_rules, allow), "allow " },
	{ "env_deny", load_own_env, offsetof(struct env_rules, deny), "deny " },
	{ "env_max_bytes", load_own_env, offsetof(struct env_rules, max_bytes), NULL },
	{ "env_max_keys", load_own_env, offsetof(struct env_rules, max_keys), NULL },
	{ "env_block_iteration", load_own_env, offsetof(struct env_rules, block_iteration), NULL },
	{ NULL, NULL, 0, NULL },
};

/* Entries with wildcards must compile; the index compiles them again where it keeps them. */
static void check_commands(struct load *l, const struct command_rule *r, const struct yaml_node *node)
{
	const struct yaml_node *item = load_first(node, "commands");
	struct glob glob;
	struct err e;

	for (size_t i = 0; i < r->commands.n; i++, item = item->next) {
		const char *text = r->commands.items[i];

		if (!*text)
			yaml_problem(&l->sink, item, "an empty command name");
		else if (!strpbrk(text, "*?["))
			continue;
		else if (glob_compile(l->policy->scratch, text, strchr(text, '/') ? '/' : 0, &glob, &e) < 0)
			yaml_problem(&l->sink, item, "pattern '%s': %s", text, e.text);
		else if (glob.never)
			yaml_problem(&l->sink, item, "pattern '%s' has an unclosed '{' and would never match",
			             text);
	}
}

static void finish_command(struct load *l, void *at, const struct yaml_node *node)
{
	struct command_rule *r = at;
	const struct yaml_node *item = load_first(node, "args_patterns");
	struct err e;

	if (!yaml_get(node, "context"))
		r->max_depth = INT_MAX;
	check_commands(l, r, node);
	r->regexes = load_alloc(l, r->args.n, sizeof *r->regexes);
	for (size_t i = 0; i < r->args.n && r->regexes; i++, item = item->next)
		if (regex_compile(l->arena, r->args.items[i], &r->regexes[i], &e) < 0)
			yaml_problem(&l->sink, item, "pattern '%s': %s", r->args.items[i], e.text);
	if (r->facts.n)
		load_fact_tests(l, r, node);
	if (r->head.rule.decision == EFFECT_REDIRECT && !yaml_get(node, "redirect_to"))
		yaml_problem(&l->sink, node, "decision redirect needs redirect_to:");
	if (r->head.rule.decision != EFFECT_REDIRECT && r->redirect)
		yaml_problem(&l->sink, node, "redirect_to without decision: redirect");
}

void load_command_rules(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const struct load_list list = { "command rule", SCOPE_COMMAND, sizeof(struct command_rule),
		                               RULES_MAX,      command_keys,  finish_command };
	struct load *l = to;

	(void)key;
	l->policy->command_rules = load_rules(l, value, &list, &l->policy->n_command);
}

/* ---- unix sockets ---- */

static const struct yaml_key unix_keys[] = {
	LOAD_HEAD(plain_decisions),
	{ "paths", load_texts, offsetof(struct unix_rule, paths), NULL },
	{ "operations", load_ops, offsetof(struct unix_rule, ops), policy_unix_ops },
	{ NULL, NULL, 0, NULL },
};

static void finish_unix(struct load *l, void *at, const struct yaml_node *node)
{
	struct unix_rule *r = at;

	need_paths(l, &r->paths, node);
	if (!yaml_get(node, "operations"))
		r->ops = UINT32_MAX;
	if (load_expand(l, node, "paths", &r->paths, &r->expanded))
		r->globs = load_globs(l, l->arena, node, "paths", &r->expanded, '/');
}

void load_unix_rules(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const struct load_list list = { "unix socket rule", SCOPE_UNIX, sizeof(struct unix_rule),
		                               RULES_MAX,          unix_keys,  finish_unix };
	struct load *l = to;

	(void)key;
	l->arena = &l->policy->places;
	l->policy->unix_rules = load_rules(l, value, &list, &l->policy->n_unix);
	l->arena = &l->policy->arena;
}
