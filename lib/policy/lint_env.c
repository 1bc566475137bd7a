/* Environment lists that let secrets or code in, and keys that nothing acts upon. */
#include "policy/lint_impl.h"

#include "match/within.h"

#include <string.h>

/* Variables that make a program load or run something. */
static const char *const injects[] = { "LD_PRELOAD",
	                               "LD_LIBRARY_PATH",
	                               "LD_AUDIT",
	                               "GCONV_PATH",
	                               "BASH_ENV",
	                               "ENV",
	                               "PROMPT_COMMAND",
	                               "SHELLOPTS",
	                               "PYTHONPATH",
	                               "PYTHONSTARTUP",
	                               "PYTHONHOME",
	                               "NODE_PATH",
	                               "NODE_OPTIONS",
	                               "PERL5LIB",
	                               "PERL5OPT",
	                               "RUBYLIB",
	                               "RUBYOPT",
	                               "GIT_SSH_COMMAND",
	                               "GIT_SSH",
	                               "GIT_ASKPASS",
	                               "GIT_EXEC_PATH",
	                               "GIT_EDITOR",
	                               "GIT_PAGER",
	                               "GIT_EXTERNAL_DIFF",
	                               "GIT_CONFIG_COUNT",
	                               "GIT_PROXY_COMMAND",
	                               "SSH_ASKPASS",
	                               "PIP_INDEX_URL",
	                               "PIP_EXTRA_INDEX_URL",
	                               "NPM_CONFIG_REGISTRY",
	                               "NPM_CONFIG_SCRIPT_SHELL",
	                               "JAVA_TOOL_OPTIONS",
	                               "OPENSSL_CONF",
	                               "LESSOPEN",
	                               NULL };

static const char *const secrets[] = { "TOKEN", "API_KEY", "SECRET", "PASSWORD", NULL };

static bool matches(const struct lint_list *list, const char *name)
{
	for (size_t i = 0; i < list->n; i++)
		if (glob_match(&list->items[i].glob[0], name, strlen(name)))
			return true;
	return false;
}

static void check_injection(struct lint *l, const struct lint_entry *entry)
{
	const char *out = "";

	for (int i = 0; injects[i] && out; i++)
		if (glob_match(&entry->glob[0], injects[i], strlen(injects[i])) &&
		    !matches(&l->env_deny, injects[i]))
			out = arena_fmt(&l->work, "%s%s%s", out, *out ? ", " : "", injects[i]);
	if (out && *out)
		lint_add(l, LINT_WEAK, LINT_WARNING,
		         (struct lint_where){ .scope = "env", .name = "env_policy.allow", .at = entry->line },
		         "list the names that are needed instead",
		         "'%s' admits %s, which can make programs run code", entry->text, out);
}

/* NPM_* admits NPM_TOKEN. Prefixes of the locale and the terminal hold no secrets. */
static void check_secrets(struct lint *l, const struct lint_entry *entry)
{
	const char *star = strchr(entry->text, '*'), *out = "";

	if (!star || strncmp(entry->text, "LC_", 3) == 0 || strncmp(entry->text, "LANG", 4) == 0 ||
	    strncmp(entry->text, "TERM", 4) == 0)
		return;
	for (int i = 0; secrets[i] && out; i++) {
		const char *name = arena_fmt(&l->work, "%.*s%s%s", (int)(star - entry->text), entry->text,
		                             secrets[i], star + 1);

		if (name && !strchr(name, '*') && !matches(&l->env_deny, name))
			out = arena_fmt(&l->work, "%s%s%s", out, *out ? ", " : "", name);
	}
	if (out && *out)
		lint_add(l, LINT_WEAK, LINT_WARNING,
		         (struct lint_where){ .scope = "env", .name = "env_policy.allow", .at = entry->line },
		         "add *TOKEN*, *SECRET*, *PASSWORD* and *_KEY to 'deny'", "'%s' admits %s",
		         entry->text, out);
}

void lint_env(struct lint *l)
{
	for (size_t i = 0; i < l->env_allow.n; i++) {
		const struct lint_entry *entry = &l->env_allow.items[i];

		for (size_t k = 0; k < l->env_deny.n; k++)
			if (glob_within(&entry->glob[0],
			                (const struct glob *const[]){ &l->env_deny.items[k].glob[0] }, 1,
			                &l->budget)) {
				lint_add(l, LINT_NEVER, LINT_WARNING,
				         (struct lint_where){ .scope = "env",
				                              .name = "env_policy.allow",
				                              .at = entry->line },
				         "drop it from one of the lists",
				         "'%s' has no effect: '%s' in line %d denies it", entry->text,
				         l->env_deny.items[k].text, l->env_deny.items[k].line);
				break;
			}
		check_injection(l, entry);
		check_secrets(l, entry);
	}
}

/* ---- keys ---- */

static const struct {
	const char *section, *key, *why;
} idle[] = {
	{ "resource_limits", "disk_read_bps_max", "nothing limits disk throughput" },
	{ "resource_limits", "disk_write_bps_max", "nothing limits disk throughput" },
	{ "resource_limits", "net_bandwidth_mbps", "nothing limits network throughput" },
	{ "audit", "include_stdout", "events do not hold output" },
	{ "audit", "include_stderr", "events do not hold output" },
	{ "audit", "include_file_content", "events do not hold file contents" },
	{ "audit", "retention_days", "nothing deletes events" },
};

void lint_keys(struct lint *l)
{
	for (size_t i = 0; i < sizeof idle / sizeof *idle; i++) {
		const struct yaml_node *section = yaml_get(l->root, idle[i].section), *value;

		value = section && section->kind == YAML_MAP ? yaml_get(section, idle[i].key) : NULL;
		if (value)
			lint_add(l, LINT_UNENFORCED, LINT_NOTE,
			         (struct lint_where){
			                 .scope = "policy", .name = idle[i].key, .at = value->line },
			         "drop the key", "%s.%s: %s", idle[i].section, idle[i].key, idle[i].why);
	}
	for (int scope = 0; scope < SCOPES; scope++)
		for (size_t i = 0; i < l->rules[scope].n; i++) {
			const struct lint_rule *r = &l->rules[scope].items[i];

			if (r->has_timeout && r->decision != EFFECT_APPROVE)
				lint_add(l, LINT_UNENFORCED, LINT_NOTE, (struct lint_where){ .rule = r },
				         "drop the key", "'timeout' is for approve rules only");
			else if (r->has_timeout)
				lint_add(l, LINT_UNENFORCED, LINT_NOTE, (struct lint_where){ .rule = r },
				         "drop the key",
				         "'timeout': nobody can be asked yet, so nothing waits");
		}
}
