#include "policy/explain.h"

#include "policy/lint_impl.h"

#include <string.h>

struct explain {
	struct lint l;
	struct explain_table *out;
	size_t max;
};

#define NET_BY(text)   CONFIG_LAYER_NET ? (text) : "network rules are not built into this file"
#define LIMIT_BY(text) CONFIG_LIMITS ? (text) : "limits are not built into this file"

/* What enforces a scope. Whoever builds a layer changes its row here. */
static const struct {
	bool enforced;
	const char *by;
} scopes[SCOPES] = {
	[SCOPE_FILE] = { false, "file rules are not built into this file" },
	[SCOPE_NETWORK] = { CONFIG_LAYER_NET,
	                    NET_BY("each connection, datagram and listener; names by the session's proxy") },
	[SCOPE_COMMAND] = { true, "each execve, by file and name" },
	[SCOPE_UNIX] = { CONFIG_LAYER_NET, NET_BY("each connection and datagram of local sockets") },
	[SCOPE_SIGNAL] = { true, "each kill, tkill, tgkill and pidfd_send_signal" },
};

static const struct {
	const char *section, *key; /* key NULL = the section as a whole */
	const char *scope;
	bool enforced;
	const char *by;
} keys[] = {
	{ "env_policy", "allow", "env", true, "environment of each command that enters a session" },
	{ "env_policy", "deny", "env", true, "environment of each command that enters a session" },
	{ "env_policy", "max_bytes", "env", true, "environment of each command that enters a session" },
	{ "env_policy", "max_keys", "env", true, "environment of each command that enters a session" },
	{ "env_policy", "block_iteration", "env", true, "commands see allowed variables only" },
	{ "env_inject", NULL, "env", true, "environment of each command that enters a session" },
	{ "resource_limits", "command_timeout", "limit", true, "the server ends the command" },
	{ "resource_limits", "session_timeout", "limit", true, "the server ends the session" },
	{ "resource_limits", "idle_timeout", "limit", true, "the server ends the session" },
	{ "resource_limits", "max_memory_mb", "limit", CONFIG_LIMITS,
	  LIMIT_BY("control group; without one the supervisor looks, and kills the largest process") },
	{ "resource_limits", "memory_swap_max_mb", "limit", CONFIG_LIMITS,
	  LIMIT_BY("control group, with max_memory_mb; without one swap counts as memory") },
	{ "resource_limits", "cpu_quota_percent", "limit", CONFIG_LIMITS, LIMIT_BY("control group only") },
	{ "resource_limits", "pids_max", "limit", CONFIG_LIMITS,
	  LIMIT_BY("control group; without one RLIMIT_NPROC, kept up by the supervisor") },
	{ "resource_limits", "disk_read_bps_max", "limit", false, "not enforced by any built layer" },
	{ "resource_limits", "disk_write_bps_max", "limit", false, "not enforced by any built layer" },
	{ "resource_limits", "net_bandwidth_mbps", "limit", false, "not enforced by any built layer" },
	{ "audit", "log_allowed", "audit", true, "events of the supervisor" },
	{ "audit", "log_denied", "audit", true, "events of the supervisor" },
	{ "audit", "log_approved", "audit", false, "nobody can approve yet" },
	{ "audit", "include_stdout", "audit", false, "events do not hold output" },
	{ "audit", "include_stderr", "audit", false, "events do not hold output" },
	{ "audit", "include_file_content", "audit", false, "events do not hold file contents" },
	{ "audit", "retention_days", "audit", false, "audit.retention of the configuration counts" },
	{ "dns_redirects", NULL, "network", CONFIG_LAYER_NET, NET_BY("the session's name service") },
	{ "connect_redirects", NULL, "network", CONFIG_LAYER_NET, NET_BY("the session's proxy") },
	{ "process_contexts", NULL, "command", false, "accepted for other versions, not used" },
	{ "process_identities", NULL, "command", false, "accepted for other versions, not used" },
	{ "registry_rules", NULL, "file", false, "rules for another operating system" },
};

static struct explain_row *add(struct explain *x)
{
	struct explain_table *t = x->out;

	if (t->n == x->max) {
		size_t max = x->max ? x->max * 2 : 64;
		struct explain_row *items = arena_array(&t->arena, max, sizeof *items);

		if (!items)
			return NULL;
		if (t->n)
			memcpy(items, t->items, t->n * sizeof *items);
		t->items = items;
		x->max = max;
	}
	return &t->items[t->n++];
}

static const char *command_by(const struct lint_rule *r)
{
	bool depth = r->min_depth > 0 || r->max_depth != UINT64_MAX;

	bool args = r->args.n || r->facts.n;

	if (args && depth)
		return "each execve, by file, name, arguments and depth; judged again after it";
	if (args)
		return "each execve, by file, name and arguments; judged again after it";
	return depth ? "each execve, by file, name and depth" : scopes[SCOPE_COMMAND].by;
}

/* Is it a name, or a directory with all that is below? */
static bool is_tree(const char *pattern)
{
	size_t fixed = strcspn(pattern, "*?[{");

	while (pattern[fixed] == '{' && fixed && pattern[fixed - 1] == '$') /* a variable */
		fixed += 1 + strcspn(pattern + fixed + 1, "*?[{");
	return !pattern[fixed] || (!strcmp(pattern + fixed, "**") && fixed && pattern[fixed - 1] == '/') ||
	       !strcmp(pattern, "**");
}

/* What only asks about a name is not held up, and starting programs is for command rules. */
static bool file_is_enforced(const struct lint_rule *r)
{
	static const char *const others[] = { "stat", "readlink", "access", "execute" };
	uint32_t ops = r->ops & ((1u << POLICY_FILE_OPS) - 1);

	for (unsigned i = 0; i < POLICY_FILE_OPS; i++)
		for (size_t k = 0; k < sizeof others / sizeof *others; k++)
			if (!strcmp(policy_file_ops[i], others[k]))
				ops &= ~(1u << i);
	return CONFIG_FILES && ops;
}

static const char *file_means(const struct lint_rule *r)
{
	bool trees = true;

	if (!CONFIG_FILES)
		return scopes[SCOPE_FILE].by;
	if (!file_is_enforced(r))
		return "looks: each call, with intercept_metadata only; programs are for command rules";
	if (r->decision == EFFECT_SOFT_DELETE)
		return "each call, which keeps the file; Landlock alone refuses it";
	for (size_t i = 0; i < r->what.n; i++)
		trees = trees && is_tree(r->what.items[i].text);
	return trees ? "each call; whole trees and files by Landlock, too"
	             : "each call; Landlock knows no such patterns";
}

static const char *file_by(struct explain *x, const struct lint_rule *r)
{
	const char *by = file_means(r);

	if (!file_is_enforced(r) || POLICY_FILES_ENFORCED)
		return by;
	by = arena_fmt(&x->out->arena, "where the configuration has file_monitor on: %s", by);
	return by ? by : "";
}

static const char *note_of(const struct lint_rule *r)
{
	switch (r->decision) {
	case EFFECT_APPROVE:
		return "denies: nobody can be asked";
	case EFFECT_REDIRECT:
		if (CONFIG_FILES && r->scope == SCOPE_FILE)
			return "what is written goes to redirect_to, all else is denied";
		return "denies: replacing is not built yet";
	case EFFECT_SOFT_DELETE:
		return CONFIG_FILES ? "" : "nothing is kept";
	default:
		return "";
	}
}

static void add_rule(struct explain *x, const struct lint_rule *r)
{
	struct explain_row *row = add(x);

	if (!row)
		return;
	row->scope = lint_scopes[r->scope];
	row->rule = arena_str(&x->out->arena, r->name);
	row->line = r->line;
	row->decision = effect_name(r->decision);
	row->enforced = r->scope == SCOPE_FILE ? file_is_enforced(r) : scopes[r->scope].enforced;
	row->by = r->scope == SCOPE_COMMAND ? command_by(r)
	          : r->scope == SCOPE_FILE  ? file_by(x, r)
	                                    : scopes[r->scope].by;
	row->note = note_of(r);
}

static void add_key(struct explain *x, size_t i)
{
	const struct yaml_node *section = yaml_get(x->l.root, keys[i].section), *value = section;
	struct explain_row *row;

	if (section && keys[i].key)
		value = section->kind == YAML_MAP ? yaml_get(section, keys[i].key) : NULL;
	if (!value || !(row = add(x)))
		return;
	row->scope = keys[i].scope;
	row->rule = keys[i].key ? keys[i].key : keys[i].section;
	row->line = value->line;
	row->decision = row->note = "";
	row->enforced = keys[i].enforced;
	row->by = keys[i].by;
}

int policy_explain(const char *text, size_t len, struct explain_table *out, struct err *e)
{
	struct explain x = { .l = { .text = text, .len = len }, .out = out };
	int rc;

	x.l.work.max = 256 << 20;
	out->arena.max = 16 << 20;
	rc = lint_model(&x.l, e);
	for (int scope = 0; rc == 0 && scope < SCOPES; scope++)
		for (size_t i = 0; i < x.l.rules[scope].n; i++)
			add_rule(&x, &x.l.rules[scope].items[i]);
	for (size_t i = 0; rc == 0 && i < sizeof keys / sizeof *keys; i++)
		add_key(&x, i);
	if (rc == 0 && out->arena.failed)
		rc = err_set(e, "out of memory");
	for (size_t i = 0; i < out->n; i++)
		out->n_enforced += out->items[i].enforced;
	lint_model_release(&x.l);
	return rc;
}

void explain_release(struct explain_table *t)
{
	arena_release(&t->arena);
	*t = (struct explain_table){ .items = NULL };
}
