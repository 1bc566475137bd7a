/* Conditions on facts in command rules: what holds, what is in doubt, and on which side the doubt falls. */
#include "decide/decide.h"

#include "test/t.h"

static struct policy *load(const char *text, char *problem, size_t size)
{
	struct policy_problems problems;
	const struct policy_var vars[] = { { "PROJECT_ROOT", "/home/dev/app" }, { NULL, NULL } };
	const struct policy_options options = { .vars = vars, .expand = true };
	struct policy *p = policy_load(text, strlen(text), "test.yaml", &options, &problems);

	snprintf(problem, size, "%s", problems.n ? problems.items[0].text : "");
	policy_problems_release(&problems);
	return p;
}

/* The rule that decides about the words of `line`. */
static const char *rule_for(const struct policy *p, const char *line, bool *used)
{
	static char text[500];
	const char *argv[33] = { NULL };
	struct command_request r = { .argv = argv };
	struct verdict v;

	snprintf(text, sizeof text, "%s", line);
	for (char *save = NULL, *w = strtok_r(text, " ", &save); w && r.argc < 32;
	     w = strtok_r(NULL, " ", &save))
		argv[r.argc++] = w;
	r.path = argv[0];
	v = decide_command(p, &r);
	*used = v.used_args;
	return v.rule->name;
}

#define HEAD "version: 1\nname: t\ncommand_rules:\n"

struct row {
	const char *line, *rule;
};

static void check(const char *rules, const struct row *rows, size_t n)
{
	char text[4000], problem[500];
	bool used;
	struct policy *p;

	snprintf(text, sizeof text, HEAD "%s- {name: rest, decision: allow}\n", rules);
	p = load(text, problem, sizeof problem);
	if (!ok(p != NULL, "%s", problem))
		return;
	for (size_t i = 0; i < n; i++)
		is_str(rule_for(p, rows[i].line, &used), rows[i].rule, "%s", rows[i].line);
	policy_free(p);
}

#define CHECK(rules, ...)                                 \
	check(rules, (const struct row[]){ __VA_ARGS__ }, \
	      sizeof((struct row[]){ __VA_ARGS__ }) / sizeof(struct row))

T_CASE(conditions)
{
	CHECK("- {name: a, decision: deny, commands: [rm], facts: [rm.recursive, '!rm.interactive']}\n",
	      { "rm -rf x", "a" }, { "rm -r x", "a" }, { "rm -ri x", "rest" }, { "rm x", "rest" },
	      { "/usr/bin/rm -R x", "a" }, { "ls -r", "rest" }, { "env rm -r x", "a" },
	      { "busybox rm -r x", "a" });
	CHECK("- {name: a, decision: deny, commands: [rm], facts: ['rm.recursive | rm.dir', rm.force]}\n",
	      { "rm -rf x", "a" }, { "rm -df x", "a" }, { "rm -f x", "rest" }, { "rm -r x", "rest" });
	CHECK("- {name: a, decision: deny, commands: [git], "
	      "facts: ['!git.push|!git.push.force', '!git.push']}\n",
	      { "git status", "a" }, { "git push -f", "rest" });
	/* beside patterns: both must hold */
	CHECK("- {name: a, decision: deny, commands: [rm], facts: [rm.recursive], args_patterns: [secret]}\n",
	      { "rm -r secret", "a" }, { "rm -r x", "rest" }, { "rm secret", "rest" });
	/* without commands: whatever has the fact */
	CHECK("- {name: a, decision: deny, facts: ['net.url.host=evil.test']}\n", { "curl evil.test", "a" },
	      { "wget http://EVIL.test./", "a" }, { "git clone git@evil.test:x", "a" },
	      { "curl good.test", "rest" }, { "echo evil.test", "rest" });
}

T_CASE(texts)
{
	static const char deny[] =
	        "- {name: a, decision: deny, commands: [curl], facts: ['net.url.host=**.evil.test']}\n";
	static const char allow[] =
	        "- {name: a, decision: allow, commands: [curl], facts: ['net.url.host=*.good.test']}\n"
	        "- {name: b, decision: deny, commands: [curl]}\n";
	static const char paths[] =
	        "- {name: a, decision: deny, commands: [rm], facts: ['rm.target={/etc,/etc/**,..}']}\n";
	static const char inside[] =
	        "- {name: a, decision: allow, commands: [rm], facts: ['rm.target=${PROJECT_ROOT}/**']}\n"
	        "- {name: b, decision: deny, commands: [rm]}\n";

	/* one of several is enough to restrict, none may be otherwise to permit */
	CHECK(deny, { "curl x.evil.test", "a" }, { "curl ok.test x.evil.test", "a" },
	      { "curl ok.test", "rest" }, { "curl http://ok.test@X.EVIL.TEST:80/", "a" }, { "curl", "rest" });
	CHECK(allow, { "curl x.good.test", "a" }, { "curl x.good.test y.good.test", "a" },
	      { "curl x.good.test evil.test", "b" }, { "curl", "b" }, { "curl -K f x.good.test", "b" },
	      { "curl --frob x.good.test", "b" }, { "curl x.y.good.test", "b" },
	      { "curl https:///x.good.test", "b" });
	CHECK(paths, { "rm /etc/x", "a" }, { "rm /usr/../etc//x/", "a" }, { "rm x/../..", "a" },
	      { "rm ./../a/..", "a" }, { "rm //etc", "a" }, { "rm /etcetera", "rest" },
	      { "rm etc/x", "rest" }, { "rm ../x", "rest" }, { "rm a /./etc/", "a" }, { "rm /../etc", "a" },
	      { "rm x/..", "rest" });
	CHECK(inside, { "rm /home/dev/app/x", "a" }, { "rm /home/dev/app/x /home/dev/app/../y", "b" },
	      { "rm y", "b" });
	CHECK("- {name: a, decision: deny, commands: [dd], "
	      "facts: ['dd.of=/dev/**', '!dd.of=/dev/{null,zero}']}\n",
	      { "dd of=/dev/sda", "a" }, { "dd of=/dev/null", "rest" }, { "dd of=x", "rest" },
	      { "dd of=/dev/x of=y", "rest" });
	/* addresses in any spelling */
	CHECK("- {name: a, decision: deny, commands: [curl], facts: ['net.url.host=169.254.169.254']}\n",
	      { "curl http://0xa9fea9fe/", "a" }, { "curl 2852039166", "a" },
	      { "curl http://[::ffff:a9fe:a9fe]/", "a" }, { "curl 1.1.1.1", "rest" },
	      { "curl http://%31.1.1.1/", "a" });
}

T_CASE(doubt)
{
	/* An option that is not known: a rule that restricts holds, one that permits does not. */
	CHECK("- {name: a, decision: deny, commands: [rm], facts: [rm.recursive]}\n", { "rm --frob x", "a" },
	      { "rm -Z x", "a" }, { "rm -- --frob", "rest" });
	CHECK("- {name: a, decision: approve, commands: [rm], facts: ['!rm.recursive']}\n",
	      { "rm --frob x", "a" });
	CHECK("- {name: a, decision: allow, commands: [rm], facts: ['!rm.recursive']}\n"
	      "- {name: b, decision: deny, commands: [rm]}\n",
	      { "rm x", "a" }, { "rm --frob x", "b" }, { "rm -r x", "b" });
	CHECK("- {name: a, decision: allow, commands: [npm], facts: [pkg.install, pkg.offline]}\n"
	      "- {name: b, decision: deny, commands: [npm]}\n",
	      { "npm i --offline x", "a" }, { "npm i --offline --no-offline x", "b" },
	      { "npm --offline false i x", "b" }, { "npm frob --offline", "b" });
	CHECK("- {name: a, decision: deny, commands: [tar], facts: [tar.unknown]}\n", { "tar --frob", "a" },
	      { "tar xf a", "rest" });
}

T_CASE(used_args)
{
	char problem[200];
	bool used;
	struct policy *p = load(HEAD "- {name: a, decision: deny, commands: [rm], facts: [rm.recursive]}\n"
	                             "- {name: rest, decision: allow}\n",
	                        problem, sizeof problem);

	if (!ok(p != NULL, "%s", problem))
		return;
	rule_for(p, "rm x", &used);
	ok(used, "looked at: a change of argv could change the answer");
	rule_for(p, "ls x", &used);
	ok(!used, "not looked at for other programs");
	policy_free(p);
}

static void refuse(const char *rule, const char *why)
{
	char text[1000], problem[500];
	struct policy *p;

	snprintf(text, sizeof text, HEAD "- {name: a, decision: deny, %s}\n", rule);
	p = load(text, problem, sizeof problem);
	ok(!p && strstr(problem, why), "%s: %s", rule, problem);
	policy_free(p);
}

T_CASE(mistakes)
{
	char many[600] = "commands: [rm], facts: ['";

	refuse("commands: [rm], facts: [rm.recursiv]",
	       "there is no fact 'rm.recursiv'; did you mean 'rm.recursive'?");
	refuse("commands: [rm], facts: [frobnicate]",
	       "there is no fact 'frobnicate'; 'agentsh policy facts' lists them");
	refuse("commands: [rm], facts: ['']", "there is no fact ''");
	refuse("commands: [rm], facts: ['rm.recursive|']", "there is no fact ''");
	refuse("commands: [rm], facts: []", "facts is empty");
	refuse("commands: [rm], facts: rm.recursive", "facts");
	refuse("commands: [rm], facts: ['rm.recursive=yes']", "is a flag; it has no value to compare");
	refuse("commands: [rm], facts: ['rm.target=']", "would never match");
	refuse("commands: [rm], facts: ['rm.target={a']", "would never match");
	refuse("commands: [rm], facts: ['rm.target=[a']", "pattern '[a'");
	refuse("commands: [rm], facts: ['rm.target=${NOPE}/x']", "NOPE");
	refuse("commands: [ls], facts: [rm.recursive]", "the arguments of 'ls' are not known");
	refuse("commands: [rm, /opt/frob], facts: [rm.recursive]",
	       "the arguments of '/opt/frob' are not known");
	refuse("commands: [git], facts: [rm.recursive]",
	       "none of the rule's commands has the fact 'rm.recursive'");
	for (int i = 0; i < 33; i++)
		strcat(many, i ? "|rm.dir" : "rm.dir");
	strcat(many, "']");
	refuse(many, "more than 32 facts in one rule");
}
