#include "decide/impl.h"

#include "base/path.h"

/* NOLINTBEGIN(bugprone-macro-parentheses): each goes into one initialiser */
#define BUILT_IN(id, text, effect, why)            \
	const struct head verdict_default_##id = { \
		.scope = SCOPE_BUILT_IN,           \
		.rule = { .name = text,            \
		          .file = "built-in",      \
		          .decision = effect,      \
		          .message = "",           \
		          .description = why },    \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

BUILT_IN(files, "default-deny-files", EFFECT_DENY, "no file rule matches");
BUILT_IN(network, "default-deny-network", EFFECT_DENY, "no network rule matches");
BUILT_IN(metadata, "block-metadata-services", EFFECT_DENY,
         "metadata services are closed, unless a rule allows the very address");
BUILT_IN(rebinding, "block-rebinding", EFFECT_DENY,
         "a public name leads to a private address that no rule allows");
BUILT_IN(commands, "default-deny-commands", EFFECT_DENY, "no command rule matches");
BUILT_IN(unix, "default-deny-unix", EFFECT_DENY, "no unix socket rule matches");
BUILT_IN(env, "default-deny", EFFECT_DENY, "not in the list of allowed variables");
BUILT_IN(env_allow, "default-allow", EFFECT_ALLOW, "no list of allowed variables, and not known as a secret");
BUILT_IN(secret, "secret-names", EFFECT_DENY, "looks like a secret and is not allowed by its exact name");
BUILT_IN(injection, "code-injection-names", EFFECT_DENY,
         "makes programs load code and is not allowed by its exact name");
BUILT_IN(signals, "session-signals", EFFECT_DENY, "no signals to processes outside the session");
BUILT_IN(signals_allow, "session-signals", EFFECT_ALLOW, "signals within the session");
BUILT_IN(signals_none, "default-deny-signals", EFFECT_DENY, "no signal rule matches");
BUILT_IN(wrappers, "too-many-wrappers", EFFECT_DENY,
         "commands that start commands, nested too deeply to judge");

BUILT_IN(execute, "allow-execute", EFFECT_DENY, "not in landlock.allow_execute of the configuration");

struct verdict decide_programs(const char *const *trees, size_t n, const char *path)
{
	struct verdict v = { .rule = &verdict_default_execute.rule };

	for (size_t i = 0; i < n && v.effective != EFFECT_ALLOW; i++)
		if (path_within(path, trees[i]))
			v.decision = v.effective = EFFECT_ALLOW;
	return v;
}

struct verdict verdict_of(const struct policy *p, const struct rule *rule)
{
	struct verdict v = { .decision = rule->decision, .rule = rule };

	if (rule->decision == EFFECT_APPROVE)
		v.effective = p->approvals ? EFFECT_APPROVE : EFFECT_DENY;
	else
		v.effective = rule->decision == EFFECT_DENY ? EFFECT_DENY : EFFECT_ALLOW;
	return v;
}
