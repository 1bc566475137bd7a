/* The words of a refusal: one line each, whatever is in the name. */
#include "enforce/denial.h"

#include "test/t.h"

static const struct rule rule = { .name = "block-shell-escape", .file = "default.yaml", .line = 412 };
static const struct rule built_in = { .name = "session-signals", .file = "built-in" };

static const char *line(const char *subject, const struct rule *r, const char *message)
{
	static char text[1024];
	struct verdict v = { .rule = r };
	size_t n = denial_line(subject, &v, message, text, sizeof text);

	return strlen(text) == n ? text : "(wrong length)";
}

T_CASE(lines)
{
	is_str(line("sudo", &rule, "no"),
	       "agentsh: sudo: denied by rule 'block-shell-escape' (default.yaml:412): no");
	is_str(line("sudo", &rule, ""),
	       "agentsh: sudo: denied by rule 'block-shell-escape' (default.yaml:412)");
	is_str(line("sudo", &rule, NULL),
	       "agentsh: sudo: denied by rule 'block-shell-escape' (default.yaml:412)");
	is_str(line("kill", &built_in, NULL), "agentsh: kill: denied by rule 'session-signals'");
	is_str(line("", &built_in, NULL), "agentsh: command: denied by rule 'session-signals'");
	is_str(line(NULL, &built_in, NULL), "agentsh: command: denied by rule 'session-signals'");
}

T_CASE(hostile_names)
{
	static char longest[5000];

	is_str(line("a\nagentsh: b: allowed", &built_in, NULL),
	       "agentsh: a\\x0aagentsh: b: allowed: denied by rule 'session-signals'");
	is_str(line("\033[31m\177", &built_in, NULL),
	       "agentsh: \\x1b[31m\\x7f: denied by rule 'session-signals'");
	memset(longest, '\n', sizeof longest - 1);
	ok(strlen(line(longest, &built_in, NULL)) < 400 && !strchr(line(longest, &built_in, NULL), '\n'),
	   "a long one is cut");
}

T_CASE(small_room)
{
	struct verdict v = { .rule = &rule };
	char text[40];

	for (size_t size = 1; size <= sizeof text; size++) {
		size_t n = denial_line("sudo", &v, "message", text, size);

		ok(n == size - 1 && strlen(text) == n, "%zu bytes", size);
	}
}

T_CASE(what_to_do)
{
	struct verdict final = { .rule = &rule }, none = { .rule = &built_in },
	               ask = { .rule = &rule, .decision = EFFECT_APPROVE },
	               other = { .rule = &rule, .decision = EFFECT_REDIRECT };

	ok(strstr(denial_fix(&final), "final"), "a rule");
	ok(strstr(denial_fix(&none), "no rule allows"), "no rule");
	ok(strstr(denial_fix(&ask), "approval"), "an approval");
	ok(strstr(denial_fix(&other), "replacement"), "a replacement");
}

T_CASE(both_lines)
{
	struct verdict v = { .rule = &rule };
	char text[1024];
	size_t n = denial_text("sudo", &v, "no", text, sizeof text);
	char *first = strchr(text, '\n');

	ok(n == strlen(text) && first && !strncmp(first + 1, "agentsh: ", 9) && text[n - 1] == '\n' &&
	           strchr(first + 1, '\n') == text + n - 1,
	   "two lines");
}
