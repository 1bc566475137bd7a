/* What lint finds, one kind after the other, and that it finds nothing in the project's own policies. */
#include "policy/lint.h"

#include "base/buf.h"
#include "base/fd.h"
#include "test/t.h"

#include <unistd.h>

static struct lint_report lint_text(const char *text)
{
	struct lint_report r = { .n = 0 };
	struct err e;

	if (policy_lint(text, strlen(text), &r, &e) < 0)
		printf("# %s\n", e.text);
	for (size_t i = 0; i < r.n; i++)
		printf("# %d: %s %s %s: %s\n", r.items[i].at, lint_class_name(r.items[i].class),
		       r.items[i].scope, r.items[i].rule, r.items[i].text);
	return r;
}

static const struct lint_finding *find(const struct lint_report *r, enum lint_class class, const char *rule)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].class == class && strcmp(r->items[i].rule, rule) == 0)
			return &r->items[i];
	return NULL;
}

#define HEAD  "version: 1\nname: x\n"
#define FILES HEAD "file_rules:\n"
/* One rule, one line. */
#define FILE_RULE(name, path, op, what) \
	"- {name: " name ", paths: [\"" path "\"], operations: [\"" op "\"], decision: " what "}\n"
#define COMMAND_RULE(name, commands, more, what) \
	"- {name: " name ", commands: [" commands "]" more ", decision: " what "}\n"

T_CASE(unreachable)
{
	struct lint_report r = lint_text(FILES FILE_RULE("one", "/a/**", "*", "allow")
	                                         FILE_RULE("two", "/a/b/*", "read", "deny"));
	const struct lint_finding *f = find(&r, LINT_UNREACHABLE, "two");

	if (ok(f != NULL)) {
		is_int(f->line, 5);
		is_str(f->other, "one");
		is_int(f->other_line, 4);
	}
	lint_release(&r);
	r = lint_text(FILES FILE_RULE("one", "/a/[a-m]*", "*", "allow") FILE_RULE(
	        "two", "/a/[!a-m]*", "*", "allow") FILE_RULE("three", "/a/x*", "*", "deny"));
	ok(find(&r, LINT_UNREACHABLE, "three") != NULL, "one rule alone");
	lint_release(&r);
	r = lint_text(FILES FILE_RULE("one", "/a/[a-m]*", "*", "allow") FILE_RULE(
	        "two", "/a/[n-z]*", "*", "allow") FILE_RULE("three", "/a/[d-q]", "*", "deny"));
	ok(find(&r, LINT_UNREACHABLE, "three") != NULL, "two rules together");
	lint_release(&r);
	r = lint_text(HEAD "command_rules:\n" COMMAND_RULE("one", "git, \"g*\"", "", "allow")
	                      COMMAND_RULE("two", "git", ", args_patterns: [\"push\"]", "deny")
	                              COMMAND_RULE("three", "/usr/bin/gcc", "", "deny"));
	ok(find(&r, LINT_UNREACHABLE, "two") != NULL, "arguments behind a rule without");
	ok(find(&r, LINT_UNREACHABLE, "three") != NULL, "a path behind its base name");
	lint_release(&r);
	r = lint_text(HEAD "network_rules:\n"
	                   "- {name: one, cidrs: [\"10.0.0.0/8\"], decision: deny}\n"
	                   "- {name: two, cidrs: [\"10.1.0.0/16\"], ports: [80], decision: allow}\n"
	                   "- {name: three, domains: [\"**.a.test\"], decision: deny}\n"
	                   "- {name: four, domains: [\"*.b.a.test\"], ports: [443], decision: allow}\n");
	ok(find(&r, LINT_UNREACHABLE, "two") != NULL, "ranges");
	ok(find(&r, LINT_UNREACHABLE, "four") != NULL, "names");
	lint_release(&r);
}

/* Of network rules, those about listening stand beside those about connections. */
T_CASE(listeners)
{
	struct lint_report r =
	        lint_text(HEAD "network_rules:\n"
	                       "- {name: no, cidrs: [0.0.0.0/0], decision: deny}\n"
	                       "- {name: own, operations: [listen], cidrs: [10.0.0.0/8], decision: allow}\n"
	                       "- {name: shut, operations: [listen], cidrs: [0.0.0.0/0], decision: deny}\n"
	                       "- {name: late, operations: [listen], cidrs: [10.1.0.0/16], decision: allow}\n"
	                       "- {name: dead, cidrs: [10.0.0.0/8], decision: allow}\n");

	ok(!find(&r, LINT_UNREACHABLE, "own") && !find(&r, LINT_UNREACHABLE, "shut"), "others come before");
	ok(find(&r, LINT_UNREACHABLE, "late") != NULL, "decided by the same operation");
	ok(find(&r, LINT_UNREACHABLE, "dead") != NULL, "decided by connections");
	lint_release(&r);
}

T_CASE(reachable)
{
	struct lint_report r =
	        lint_text(FILES FILE_RULE("one", "/a/*", "*", "allow") FILE_RULE("two", "/a/**", "*", "deny")
	                          FILE_RULE("three", "${HOME}/x", "*", "deny")
	                                  FILE_RULE("four", "/*/*/*", "read", "deny")
	                                          FILE_RULE("five", "${GIT_ROOT}/x", "*", "deny"));

	is_int(find(&r, LINT_UNREACHABLE, "two") != NULL, 0, "wider");
	is_int(find(&r, LINT_UNREACHABLE, "five") != NULL, 0, "a variable can be anything");
	lint_release(&r);
	r = lint_text(HEAD "command_rules:\n" COMMAND_RULE("one", "git", ", args_patterns: [\"push\"]",
	                                                   "allow") COMMAND_RULE("two", "git", "", "deny")
	                      COMMAND_RULE("three", "curl", ", context: [direct]", "allow")
	                              COMMAND_RULE("four", "curl", ", context: [nested]", "deny"));
	is_int(find(&r, LINT_UNREACHABLE, "two") != NULL, 0, "behind a rule with arguments");
	is_int(find(&r, LINT_UNREACHABLE, "four") != NULL, 0, "other depth");
	lint_release(&r);
	r = lint_text(HEAD "network_rules:\n"
	                   "- {name: one, cidrs: [\"10.0.0.0/8\"], ports: [80], decision: deny}\n"
	                   "- {name: two, cidrs: [\"10.0.0.0/8\"], decision: allow}\n");
	is_int(find(&r, LINT_UNREACHABLE, "two") != NULL, 0, "other ports");
	lint_release(&r);
}

T_CASE(partly_and_contradictory)
{
	struct lint_report r = lint_text(HEAD "command_rules:\n" COMMAND_RULE("one", "a, b", "", "deny")
	                                         COMMAND_RULE("two", "b, c", "", "deny")
	                                                 COMMAND_RULE("three", "c", "", "allow"));
	const struct lint_finding *f = find(&r, LINT_PARTLY, "two");

	ok(f && f->severity == LINT_NOTE, "same decision: a note");
	ok(find(&r, LINT_CONTRADICTORY, "three") != NULL, "same object, other decision");
	lint_release(&r);
	r = lint_text(FILES FILE_RULE("one", "${PROJECT_ROOT}/**", "delete", "deny")
	                      FILE_RULE("two", "/workspace/**", "delete", "soft_delete")
	                              FILE_RULE("three", "${HOME}/.ssh/**", "delete", "approve"));
	f = find(&r, LINT_CONTRADICTORY, "two");
	ok(f != NULL, "the project by two names");
	lint_release(&r);
	r = lint_text(FILES FILE_RULE("one", "${PROJECT_ROOT}/**", "*", "allow") FILE_RULE(
	        "two", "${HOME}/.ssh/**", "*", "deny") FILE_RULE("three", "**/.env", "*", "deny"));
	ok(find(&r, LINT_PARTLY, "two") != NULL, "where the project is the home directory");
	ok(find(&r, LINT_PARTLY, "three") != NULL, "in the project");
	lint_release(&r);
}

T_CASE(every_host)
{
	struct lint_report r =
	        lint_text(HEAD "network_rules:\n"
	                       "- {name: web, domains: [\"*\"], ports: [443], decision: allow}\n"
	                       "- {name: one, domains: [\"*\"], decision: allow}\n"
	                       "- {name: late, domains: [\"a.b.test\"], decision: deny}\n");
	ok(find(&r, LINT_WEAK, "one") != NULL, "everything is allowed");
	ok(!find(&r, LINT_WEAK, "web") && !find(&r, LINT_NEVER, "one"));
	ok(find(&r, LINT_UNREACHABLE, "late") != NULL, "names of many labels, too");
	lint_release(&r);
	r = lint_text(HEAD "network_rules:\n- {name: rest, domains: [\"*\"], decision: deny}\n");
	ok(!find(&r, LINT_WEAK, "rest") && !find(&r, LINT_NEVER, "rest"), "a default is no finding");
	lint_release(&r);
}

T_CASE(never)
{
	struct lint_report r = lint_text(HEAD "network_rules:\n"
	                                      "- {name: two, domains: [\"10.0.0.1\"], decision: deny}\n"
	                                      "- {name: three, domains: [\"a.test:80\"], decision: deny}\n"
	                                      "- {name: four, domains: [\"a.test.\"], decision: deny}\n");
	ok(find(&r, LINT_NEVER, "two") != NULL);
	ok(find(&r, LINT_NEVER, "three") && find(&r, LINT_NEVER, "four"));
	lint_release(&r);
	r = lint_text(FILES FILE_RULE("one", "relative/x", "*", "deny") FILE_RULE("two", "/a/", "*", "deny")
	                      FILE_RULE("three", "/a/../b", "*", "deny"));
	ok(find(&r, LINT_NEVER, "one") && find(&r, LINT_NEVER, "two") && find(&r, LINT_NEVER, "three"));
	lint_release(&r);
	r = lint_text(HEAD "command_rules:\n" COMMAND_RULE("one", "\"rm -rf\"", "", "deny")
	                      COMMAND_RULE("two", "x", ", context: {min_depth: 3, max_depth: 1}", "deny"));
	ok(find(&r, LINT_NEVER, "one") && find(&r, LINT_NEVER, "two"));
	lint_release(&r);
	r = lint_text(HEAD "env_policy: {allow: [A_X], deny: [\"A_*\"]}\n");
	ok(find(&r, LINT_NEVER, "env_policy.allow") != NULL);
	lint_release(&r);
}

static bool says(const struct lint_report *r, enum lint_class class, const char *rule, const char *text)
{
	for (size_t i = 0; i < r->n; i++)
		if (r->items[i].class == class && strcmp(r->items[i].rule, rule) == 0 &&
		    strstr(r->items[i].text, text))
			return true;
	return false;
}

T_CASE(weak_commands)
{
	struct lint_report r = lint_text(
	        HEAD "command_rules:\n" COMMAND_RULE("rm", "rm", ", args_patterns: [\"-r\"]", "deny")
	                COMMAND_RULE("push", "git", ", args_patterns: [\"push.*(--force|-f)\"]", "deny")
	                        COMMAND_RULE("sudo", "sudo", "", "deny")
	                                COMMAND_RULE("rest", "\"*\"", "", "allow"));

	ok(says(&r, LINT_WEAK, "rm", "'-fr x'") && says(&r, LINT_WEAK, "rm", "my-report.txt"));
	ok(says(&r, LINT_WEAK, "push", "origin +x") && says(&r, LINT_WEAK, "push", "my-feature"));
	ok(says(&r, LINT_WEAK, "sudo", "doas"));
	ok(says(&r, LINT_WEAK, "rest", "docker"));
	lint_release(&r);
	r = lint_text(HEAD "command_rules:\n" COMMAND_RULE("ask", "x", "", "approve") COMMAND_RULE(
	        "tell", "y", ", message: \"denied while nobody can approve\"", "approve"));
	ok(find(&r, LINT_WEAK, "ask") && !find(&r, LINT_WEAK, "tell"));
	lint_release(&r);
}

T_CASE(weak_others)
{
	struct lint_report r = lint_text(FILES FILE_RULE("etc", "/etc/**", "*", "allow") FILE_RULE(
	        "proc", "/proc/**", "*", "deny") FILE_RULE("read", "/x", "read", "allow"));

	ok(says(&r, LINT_WEAK, "etc", "/etc/shadow") && says(&r, LINT_WEAK, "proc", "/proc/self"));
	ok(says(&r, LINT_WEAK, "read", "without 'open'") && says(&r, LINT_PARTLY, "etc", "'/etc'"));
	lint_release(&r);
	r = lint_text(HEAD "network_rules:\n"
	                   "- {name: net, cidrs: [\"10.0.0.0/8\"], decision: deny}\n"
	                   "- {name: evil, domains: [\"evil.test\", \"*.evil.test\"], decision: deny}\n"
	                   "env_policy: {allow: [\"GIT_*\", \"NPM_*\"]}\n");
	ok(says(&r, LINT_WEAK, "net", "fc00::/7") && says(&r, LINT_WEAK, "evil", "a.b.evil.test"));
	ok(says(&r, LINT_WEAK, "env_policy.allow", "GIT_SSH_COMMAND") &&
	   says(&r, LINT_WEAK, "env_policy.allow", "NPM_TOKEN"));
	lint_release(&r);
}

T_CASE(accepted)
{
	struct lint_report r =
	        lint_text(HEAD "env_policy:\n  allow:\n    - PYTHONPATH # lint: ok: tools need it\n"
	                       "    - NODE_PATH # lint: ok\n");

	is_int(r.accepted, 1, "a comment with a reason");
	is_int(r.n, 1, "a comment without one is none");
	lint_release(&r);
}

/* What a scope has no use for is read and given back all the same. */
T_CASE(patterns_elsewhere)
{
	struct lint_report r = lint_text(
	        FILES "- {name: a, paths: [\"/a\"], args_patterns: [\"^(x|y)+$\"], decision: allow}\n");

	ok(!find(&r, LINT_UNREACHABLE, "a"), "read");
	lint_release(&r);
}

T_CASE(bad_input)
{
	struct lint_report r = { .n = 0 };
	struct err e;

	is_int(policy_lint("", 0, &r, &e), -1);
	is_int(policy_lint("[", 1, &r, &e), -1);
	is_int(policy_lint("a", 1, &r, &e), -1);
	is_int(policy_lint("file_rules: 5\nenv_policy: []", 28, &r, &e), 0,
	       "wrong types are the loader's business");
	lint_release(&r);
}

/* 1,500 rules end, and soon. */
T_CASE(many_rules)
{
	AUTO_BUF text = { .data = NULL };
	struct lint_report r = { .n = 0 };
	struct err e;

	buf_str(&text, FILES);
	for (int i = 0; i < 1500; i++)
		buf_fmt(&text, "- {name: r%d, paths: [\"/a/%d/**\"], operations: [read], decision: allow}\n",
		        i, i % 1400);
	is_int(policy_lint(buf_text(&text), text.len, &r, &e), 0);
	ok(find(&r, LINT_UNREACHABLE, "r1400") != NULL, "still exact");
	lint_release(&r);
}

/* What is compared last is compared too, and rightly. */
T_CASE(many_rules_before_the_usual_ones)
{
	static const char *const kinds[] = { "/srv/never%d/**", "**/*.never%d", "${HOME}/never%d/*.txt",
		                             "/opt/never%d/bin/run" };
	AUTO_BUF text = { 0 };
	struct lint_report r;

	buf_str(&text, FILES);
	for (int i = 0; i < 480; i++) {
		buf_fmt(&text, "- {name: n%d, decision: deny, operations: [read, write], paths: [\"", i);
		/* NOLINTNEXTLINE(clang-diagnostic-format-nonliteral): one of those above */
		buf_fmt(&text, kinds[i % 4], i);
		buf_str(&text, "\"]}\n");
	}
	buf_str(&text, FILE_RULE("own", "${PROJECT_ROOT}\", \"${PROJECT_ROOT}/**", "*", "allow")
	                       FILE_RULE("tmp", "/tmp\", \"/tmp/**", "*", "allow"));
	buf_str(&text,
	        FILE_RULE("top", "/var/x/**", "*", "allow") FILE_RULE("dead", "/tmp/x", "read", "deny"));
	r = lint_text(buf_text(&text));
	ok(!find(&r, LINT_UNREACHABLE, "rules"), "there is time for all");
	ok(!find(&r, LINT_PARTLY, "tmp") && !find(&r, LINT_PARTLY, "own"), "their directories are listed");
	ok(find(&r, LINT_PARTLY, "top") && find(&r, LINT_UNREACHABLE, "dead"), "what is wrong is found");
	lint_release(&r);
}

T_CASE(own_policies)
{
	static const char *const files[] = { "policies/default.yaml", "policies/e2b/default.yaml",
		                             "policies/daytona/default.yaml" };

	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		AUTO_BUF text = { .data = NULL };
		struct err e;

		if (!ok(fd_slurp_file(files[i], 1 << 20, &text, &e) == 0, "%s can be read", files[i]))
			continue;
		struct lint_report r = lint_text(buf_text(&text));
		is_int(r.n, 0, "%s: nothing to find", files[i]);
		lint_release(&r);
	}
}
