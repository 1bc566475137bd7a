/* The project's own policies against the tables beside them, and tables that are wrong themselves. */
#include "decide/cases.h"

#include "base/fd.h"
#include "policy/embedded.h"
#include "test/t.h"

static void show(void *arg, const struct case_result *r)
{
	int *n = arg;

	(*n)++;
	if (!r->good)
		printf("# line %d: %s: %s\n", r->line, r->text, r->why ? r->why : "out of memory");
}

static void check(const char *policy, const char *cases)
{
	AUTO_BUF text = { .data = NULL };
	AUTO_BUF table = { .data = NULL };
	struct err e = { .text = "" };
	int n = 0, bad;

	if (!ok(fd_slurp_file(policy, 1 << 20, &text, &e) == 0 &&
	                fd_slurp_file(cases, 1 << 20, &table, &e) == 0,
	        "%s and %s", policy, cases))
		return;
	bad = decide_cases(buf_text(&table), table.len, buf_text(&text), text.len, policy, show, &n, &e);
	is_int(bad, 0, "%s: %d questions %s", cases, n, e.text);
	ok(n > 100, "there are many");
}

T_CASE(own_policies)
{
	check("policies/default.yaml", "policies/default.cases");
	check("policies/e2b/default.yaml", "policies/e2b/default.cases");
	check("policies/daytona/default.yaml", "policies/daytona/default.cases");
}

T_CASE(embedded)
{
	AUTO_BUF text = { .data = NULL };
	size_t len;
	const char *built_in = policy_embedded(&len);

	fd_slurp_file(CONFIG_FACTS ? "policies/default.yaml" : "build/out/plain/default.yaml", 1 << 20, &text,
	              NULL);
	ok(len == text.len && memcmp(built_in, buf_text(&text), len) == 0, "is policies/default.yaml");
	is_int(built_in[len], 0);
}

static int ask(const char *cases, struct err *e)
{
	static const char policy[] =
	        "version: 1\nname: x\ncommand_rules:\n"
	        "- {name: a b, commands: [x], args_patterns: [\"^a b$\"], decision: deny}\n"
	        "- {name: y, commands: [y], context: [nested], decision: approve}\n";
	int n = 0;

	e->text[0] = 0;
	return decide_cases(cases, strlen(cases), policy, sizeof policy - 1, "p.yaml", show, &n, e);
}

T_CASE(tables)
{
	struct err e;

	is_int(ask("# c\n\nexec x \"a b\" -> deny a b\r\nexec x a b -> deny a b\nexec x a\\ b -> deny a b",
	           &e),
	       0);
	is_int(ask("exec@1 y -> approve y\nexec y -> deny default-deny-commands\n", &e), 0);
	is_int(ask("exec x -> allow z\n", &e), 1, "a wrong answer");
	is_int(ask("nonsense x -> allow z\nexec@ y -> deny y\nexec -> deny y\n"
	           "exec \"x -> deny y\nexec x -> deny\n",
	           &e),
	       5, "lines that are no questions");
	is_int(ask("exec x\n", &e), -1, "no arrow: %s", e.text);
	is_int(ask("", &e), -1, "nothing asked");
	is_int(ask("exec x -> deny a b\nset HOME /x\n", &e), -1, "set comes too late");
	is_int(decide_cases("exec x -> deny y", 16, "[", 1, "p.yaml", show, &(int){ 0 }, &e), -1, "%s",
	       e.text);
	is_int(decide_cases("exec\0x", 6, "", 0, "p.yaml", show, &(int){ 0 }, &e), -1, "a NUL byte");
}
