#include "enforce/denial.h"

#include "base/path.h"
#include "base/visible.h"

#include <stdio.h>

size_t denial_line(const char *subject, const struct verdict *v, const char *message, char *out, size_t size)
{
	const struct rule *r = v->rule;
	char who[256], where[300] = "";
	int n;

	visible_text(subject && *subject ? subject : "command", NULL, who, sizeof who);
	if (r->line > 0)
		snprintf(where, sizeof where, " (%s:%d)", r->file, r->line);
	n = snprintf(out, size, "agentsh: %s: denied by rule '%s'%s%s%s", who, r->name, where,
	             message && *message ? ": " : "", message ? message : "");
	return n < 0 ? 0 : (size_t)n < size ? (size_t)n : size - 1;
}

const char *denial_fix(const struct verdict *v)
{
	if (v->decision == EFFECT_APPROVE)
		return "needs an approval, and nobody can give one here: ask the operator to run it "
		       "or to allow it by a rule";
	if (v->decision == EFFECT_REDIRECT)
		return "use the replacement that the rule names";
	if (!v->rule->line)
		return "no rule allows this: another spelling will not help, use an allowed command "
		       "or ask the operator for a rule";
	return "this is final: another spelling or path will not help, use an allowed command "
	       "or ask the operator to change the rule";
}

const char *denial_message(const struct verdict *v, const char *path, const char *const *argv, size_t argc,
                           char *out, size_t size)
{
	const char *subject = path_base(v->subject && *v->subject ? v->subject : path);
	struct message_facts facts = { .path = path, .command = subject, .operation = "exec", .port = -1 };
	char args[4096];

	facts.args = decide_message_args(argv + !!argc, argc - !!argc, args, sizeof args);
	decide_message(v->rule, &facts, out, size);
	return subject;
}

size_t denial_text(const char *subject, const struct verdict *v, const char *message, char *out, size_t size)
{
	size_t n = denial_line(subject, v, message, out, size > 400 ? size - 400 : 1);
	int more = snprintf(out + n, size - n, "\nagentsh: %s\n", denial_fix(v));

	return more < 0 ? n : n + ((size_t)more < size - n ? (size_t)more : size - n - 1);
}
