/* Which environment variables enter. */
#include "decide/impl.h"

#include <string.h>
#include <strings.h>

/* Names of credentials, and parts that such names have. */
static const char *const secret_names[] = { "AWS_SECRET_ACCESS_KEY",
	                                    "AWS_ACCESS_KEY_ID",
	                                    "AWS_SESSION_TOKEN",
	                                    "AWS_PROFILE",
	                                    "GOOGLE_APPLICATION_CREDENTIALS",
	                                    "GCP_SERVICE_ACCOUNT",
	                                    "AZURE_CLIENT_SECRET",
	                                    "AZURE_CLIENT_ID",
	                                    "AZURE_TENANT_ID",
	                                    "AZURE_SUBSCRIPTION_ID",
	                                    "SSH_AUTH_SOCK",
	                                    "SSH_AGENT_PID",
	                                    "DOCKER_HOST",
	                                    "DOCKER_TLS_VERIFY",
	                                    "KUBECONFIG",
	                                    "GITHUB_TOKEN",
	                                    "GH_TOKEN",
	                                    "DATABASE_URL",
	                                    "SLACK_WEBHOOK",
	                                    NULL };
static const char *const secret_parts[] = { "TOKEN",  "SECRET",     "PASSWORD", "PASSWD", "CREDENTIAL",
	                                    "APIKEY", "PASSPHRASE", "WEBHOOK",  NULL };
static const char *const secret_ends[] = { "_KEY", "_PASS", "_PWD", "_AUTH", "_PAT", "_CREDS", "_DSN", NULL };

/* Names with which a program can be made to run code of the one who sets them. */
static const char *const injection_names[] = { "PYTHONPATH",
	                                       "PYTHONSTARTUP",
	                                       "PYTHONHOME",
	                                       "PYTHONUSERBASE",
	                                       "RUBYLIB",
	                                       "RUBYOPT",
	                                       "PERL5LIB",
	                                       "PERL5OPT",
	                                       "PERLLIB",
	                                       "NODE_PATH",
	                                       "NODE_OPTIONS",
	                                       "BASH_ENV",
	                                       "ENV",
	                                       "SHELLOPTS",
	                                       "BASHOPTS",
	                                       "CDPATH",
	                                       "GLOBIGNORE",
	                                       "MAILPATH",
	                                       "PROMPT_COMMAND",
	                                       "GIT_ASKPASS",
	                                       "SSH_ASKPASS",
	                                       "GIT_SSH_COMMAND",
	                                       "GIT_SSH",
	                                       "GIT_EXEC_PATH",
	                                       "GIT_EXTERNAL_DIFF",
	                                       "GIT_EDITOR",
	                                       "GIT_SEQUENCE_EDITOR",
	                                       "GIT_PAGER",
	                                       "GIT_PROXY_COMMAND",
	                                       "GIT_TEMPLATE_DIR",
	                                       "GCONV_PATH",
	                                       "GIT_CONFIG_GLOBAL",
	                                       "GIT_CONFIG_SYSTEM",
	                                       "GIT_CONFIG_COUNT",
	                                       "GIT_CONFIG_PARAMETERS",
	                                       "PS4",
	                                       NULL };

static bool in_list(const char *const *list, const char *name, size_t len)
{
	for (; *list; list++)
		if (strlen(*list) == len && !strncasecmp(*list, name, len))
			return true;
	return false;
}

static bool has_part(const char *name, size_t len, const char *part)
{
	size_t n = strlen(part);

	for (size_t i = 0; i + n <= len; i++)
		if (!strncasecmp(name + i, part, n))
			return true;
	return false;
}

static bool looks_secret(const char *name, size_t len)
{
	for (const char *const *part = secret_parts; *part; part++)
		if (has_part(name, len, *part))
			return true;
	for (const char *const *end = secret_ends; *end; end++)
		if (len >= strlen(*end) && has_part(name + len - strlen(*end), strlen(*end), *end))
			return true;
	return in_list(secret_names, name, len);
}

static bool injects_code(const char *name, size_t len)
{
	return (len > 3 && !strncasecmp(name, "LD_", 3)) || (len > 5 && !strncasecmp(name, "DYLD_", 5)) ||
	       (len > 10 && !strncmp(name, "BASH_FUNC_", 10)) ||
	       (len > 11 && !strncmp(name, "GIT_CONFIG_", 11)) || in_list(injection_names, name, len);
}

static const struct env_pattern *find(const struct env_list *list, const char *name, size_t len, bool exact)
{
	for (size_t i = 0; i < list->n; i++) {
		const struct env_pattern *p = &list->items[i];

		if (p->literal && (!len || *p->text != *name))
			continue;
		if (p->literal ? strlen(p->text) == len && !memcmp(p->text, name, len)
		               : !exact && glob_match(&p->glob, name, len))
			return p;
	}
	return NULL;
}

/* The list of the command's own rule replaces the policy's. */
static const struct env_rules *own_rules(const struct rule *rule)
{
	const struct head *head = (const struct head *)rule;

	return head && head->scope == SCOPE_COMMAND ? ((const struct command_rule *)rule)->env : NULL;
}

struct verdict decide_env(const struct policy *p, const struct rule *command_rule, const char *name,
                          size_t len)
{
	const struct env_rules *own = own_rules(command_rule);
	const struct env_list *allow = own && own->allow.set ? &own->allow : &p->env.allow;
	const struct env_list *deny = own && own->deny.set ? &own->deny : &p->env.deny;
	const struct env_pattern *found = find(deny, name, len, false);

	if (found)
		return verdict_of(p, &found->head.rule);
	found = find(allow, name, len, true);
	if (found)
		return verdict_of(p, &found->head.rule);
	if (allow->set && !(found = find(allow, name, len, false)))
		return verdict_of(p, &verdict_default_env.rule);
	if (injects_code(name, len))
		return verdict_of(p, &verdict_default_injection.rule);
	if (looks_secret(name, len))
		return verdict_of(p, &verdict_default_secret.rule);
	return verdict_of(p, found ? &found->head.rule : &verdict_default_env_allow.rule);
}

struct env_limits decide_env_limits(const struct policy *p, const struct rule *command_rule)
{
	const struct env_rules *own = own_rules(command_rule), *all = &p->env;

	return (struct env_limits){
		.max_bytes = own && own->has_max_bytes ? own->max_bytes : all->max_bytes,
		.max_keys = own && own->has_max_keys ? own->max_keys : all->max_keys,
		.block_iteration =
		        own && own->has_block_iteration ? own->block_iteration : all->block_iteration,
	};
}
