/* policy-test - decide one operation, or a table of them, without doing anything
 *
config APPLET_POLICY_TEST
        bool "policy-test"
        default y
        select POLICY
        help
          Ask the server, or a policy file where none runs, what would be
          decided about a command, file, host, socket, signal or variable.
 */
#include "applets/applet.h"

#include "api/client.h"
#include "base/die.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/visible.h"
#include "config/config.h"
#include "decide/ask.h"
#include "decide/cases.h"
#include "enforce/exec/role.h"
#include "json/write.h"
#include "policy/source.h"

#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ASK_SERVER_NS = 5 * 1000000000LL };

struct test {
	struct api_client_options client;
	const char *op, *path, *session, *policy, *dir, *config, *cases;
	const char *const *args; /* after "--"; NULL-terminated */
	bool json;
};

struct answer {
	const char *decision, *policy_decision, *reason, *rule, *rule_file;
	int64_t rule_line;
};

struct source {
	struct buf text;
	char shown[PATH_MAX];
};

/* ---- telling ---- */

static void print_answer(const struct test *t, const struct answer *a)
{
	char path[PATH_MAX];

	visible_text(t->path, NULL, path, sizeof path);
	printf("Operation: %s\nPath:      %s\nDecision:  ", t->op, path);
	for (const char *p = a->decision; *p; p++)
		putchar(toupper((unsigned char)*p));
	printf("\n");
	if (strcmp(a->decision, a->policy_decision) != 0)
		printf("Policy:    %s\n", a->policy_decision);
	printf("Rule:      %s", a->rule);
	if (a->rule_line)
		printf(" (%s:%lld)", a->rule_file, (long long)a->rule_line);
	printf("\nReason:    %s\n", a->reason);
}

static int print_answer_json(const struct answer *a)
{
	struct buf out = { .data = NULL };
	struct json j = { .out = &out, .indent = true };

	json_object(&j);
	json_key_text(&j, "decision", a->decision);
	json_key_text(&j, "message", a->reason);
	json_key_text(&j, "policy_decision", a->policy_decision);
	json_key_text(&j, "reason", a->reason);
	json_key_text(&j, "rule", a->rule);
	json_key_text(&j, "rule_file", a->rule_file);
	if (a->rule_line)
		json_key_int(&j, "rule_line", a->rule_line);
	json_end(&j);
	if (out.failed)
		die(EXIT_FAILED, "agentsh-policy-test: out of memory");
	printf("%s\n", buf_text(&out));
	buf_release(&out);
	return flushed();
}

static int tell(const struct test *t, const struct answer *a)
{
	if (t->json)
		return print_answer_json(a);
	print_answer(t, a);
	return flushed();
}

/* ---- the server ---- */

static void write_question(const struct test *t, struct buf *out)
{
	struct json j = { .out = out };

	json_object(&j);
	json_key(&j, "args");
	json_array(&j);
	for (const char *const *arg = t->args; arg && *arg; arg++)
		json_text(&j, *arg);
	json_end(&j);
	json_key_text(&j, "operation", t->op);
	json_key_text(&j, "path", t->path);
	json_key_text(&j, "session_id", t->session ? t->session : "");
	json_end(&j);
}

static const char *text_of(const struct json_value *v, const char *key)
{
	const char *text = json_get_string(v, key);

	return text ? text : "";
}

static int tell_reply(const struct test *t, const struct http_reply *reply)
{
	AUTO_ARENA arena = { .max = 1 << 20 };
	struct err e;
	const struct json_value *v = json_read(&arena, buf_text(&reply->body), reply->body.len, &e);
	struct answer a = { .decision = text_of(v, "decision"),
		            .policy_decision = text_of(v, "policy_decision"),
		            .reason = text_of(v, "reason"),
		            .rule = text_of(v, "rule"),
		            .rule_file = text_of(v, "rule_file"),
		            .rule_line = json_get_int64(v, "rule_line", 0) };

	if (!v || !*a.decision || !*a.rule)
		die(EXIT_FAILED, "agentsh-policy-test: the server's answer is not understood");
	return tell(t, &a);
}

/* Exit status, or -1 when there is no server to ask. */
static int ask_server(const struct test *t)
{
	struct api_client client;
	struct http_reply reply = { .status = 0 };
	struct buf body = { .data = NULL };
	struct err e;
	int rc = -1;

	if (api_client_init(&client, &t->client, &e) < 0)
		die(EXIT_MISUSE, "agentsh-policy-test: %s", e.text);
	if (!client.has_timeout)
		client.timeout_ns = ASK_SERVER_NS;
	write_question(t, &body);
	if (api_client_call(&client, "POST", "/api/v1/policy/test", &body, &reply, &e) == 0) {
		if (reply.status != 200) {
			api_client_failure(&reply, &e);
			die(EXIT_FAILED, "agentsh-policy-test: %s", e.text);
		}
		rc = tell_reply(t, &reply);
	} else if (t->session) {
		die(EXIT_FAILED,
		    "agentsh-policy-test: %s; a session's policy can only be asked of the server", e.text);
	}
	buf_release(&reply.body);
	buf_release(&body);
	return rc;
}

/* ---- a file ---- */

/* The standard policy of the configuration that a server would take, in *dir and *name; without one they
 * stay. */
static void standard_policy(const struct test *t, const char **dir, const char **name, struct config **config)
{
	struct config_problems problems = { .n = 0 };
	struct config_file file;
	struct err e;

	if (config_locate(t->config, config_env, &file, &e) < 0)
		die(EXIT_FAILED, "agentsh-policy-test: %s", e.text);
	if (file.place == CONFIG_NOWHERE)
		return;
	*config = config_load(file.path, file.place, config_env, &problems);
	if (!*config)
		die(EXIT_FAILED, "agentsh-policy-test: '%s' cannot be used%s%s; name a policy with --policy",
		    file.shown, problems.n ? ": " : "", problems.n ? problems.items[0].text : "");
	*dir = (*config)->policies.dir;
	*name = (*config)->policies.standard;
	config_problems_release(&problems);
}

static void read_policy(const struct test *t, struct source *s)
{
	const char *dir = t->dir, *what = t->policy, *name = "default";
	struct config *config = NULL;
	struct err e;

	if (!dir && !(what && (strpbrk(what, "/.") || strcmp(what, "-") == 0)))
		standard_policy(t, &dir, &name, &config);
	if (policy_source(dir, what ? what : name, &s->text, s->shown, sizeof s->shown, &e) < 0)
		die(EXIT_FAILED, "agentsh-policy-test: %s", e.text);
	config_free(config);
}

static struct policy *load(const struct source *s)
{
	struct policy_options options = { .expand = false };
	struct policy_problems problems = { .n = 0 };
	struct policy *p =
	        policy_load(buf_text(&s->text), s->text.len, path_base(s->shown), &options, &problems);

	for (size_t i = 0; i < problems.n; i++)
		complain("%s:%d:%d: %s", s->shown, problems.items[i].line, problems.items[i].column,
		         problems.items[i].text);
	policy_problems_release(&problems);
	if (!p)
		die(EXIT_FAILED, "agentsh-policy-test: no decision without a policy");
	return p;
}

static int ask_file(const struct test *t)
{
	struct source s = { .text = { .data = NULL } };
	char reason[2048] = "";
	struct verdict v;
	int rc;

	read_policy(t, &s);
	if (CONFIG_API_HTTP && !t->policy)
		complain("agentsh-policy-test: no server answers; decided by %s", s.shown);
	struct policy *p = load(&s);
	struct ask a = { .policy = p,
		         .cache = decide_cache_new(p),
		         .operation = t->op,
		         .object = t->path,
		         .args = t->args };

	if (!a.cache)
		die(EXIT_FAILED, "agentsh-policy-test: out of memory");
	switch (decide_ask(&a, &v)) {
	case ASK_BAD_OPERATION:
		die(EXIT_FAILED, "agentsh-policy-test: unknown operation '%s'", t->op);
	case ASK_BAD_OBJECT:
		die(EXIT_FAILED, "agentsh-policy-test: '%s' is no object of '%s'", t->path, t->op);
	case ASK_DONE:
		break;
	}
	decide_ask_message(&a, &v, reason, sizeof reason);
	rc = tell(t, &(struct answer){ .decision = effect_name(v.effective),
	                               .policy_decision = effect_name(v.decision),
	                               .reason = reason,
	                               .rule = v.rule->name,
	                               .rule_file = v.rule->file,
	                               .rule_line = v.rule->line });
	decide_cache_free(a.cache);
	policy_free(p);
	buf_release(&s.text);
	return rc;
}

/* ---- a table ---- */

struct count {
	const char *file;
	size_t n;
};

static void count_case(void *arg, const struct case_result *r)
{
	struct count *count = arg;

	count->n++;
	if (!r->good)
		printf("%s:%d: %s: %s\n", count->file, r->line, r->text, r->why ? r->why : "out of memory");
}

static int run_cases(const struct test *t)
{
	struct source s = { .text = { .data = NULL } };
	struct buf cases = { .max = 1 << 20 };
	struct count count = { .file = t->cases };
	char shown[PATH_MAX];
	const char *file = t->cases;
	char *path = NULL;
	struct err e;

	/* A bare file name is a file here, never a policy's name. */
	if (strcmp(file, "-") != 0 && !strchr(file, '/')) {
		path = malloc(strlen(file) + 3);
		if (!path)
			die(EXIT_FAILED, "agentsh-policy-test: out of memory");
		sprintf(path, "./%s", file);
		file = path;
	}
	if (policy_source(NULL, file, &cases, shown, sizeof shown, &e) < 0)
		die(EXIT_FAILED, "agentsh-policy-test: %s", e.text);
	read_policy(t, &s);
	int bad = decide_cases(buf_text(&cases), cases.len, buf_text(&s.text), s.text.len, s.shown,
	                       count_case, &count, &e);
	if (bad < 0)
		die(EXIT_FAILED, "agentsh-policy-test: %s: %s", t->cases, e.text);
	printf("%zu passed, %d failed\n", count.n - (size_t)bad, bad);
	free(path);
	buf_release(&cases);
	buf_release(&s.text);
	return bad ? EXIT_FAILED : flushed();
}

static int run(int argc, char **argv)
{
	struct test t = { .op = NULL };
	const struct opt table[] = { API_CLIENT_OPTIONS(t.client),
		                     { "op", 0, OPT_TEXT, &t.op, NULL },
		                     { "path", 0, OPT_TEXT, &t.path, NULL },
		                     { "session", 0, OPT_TEXT, &t.session, NULL },
		                     { "policy", 0, OPT_TEXT, &t.policy, NULL },
		                     { "dir", 0, OPT_TEXT, &t.dir, NULL },
		                     { "config", 0, OPT_TEXT, &t.config, NULL },
		                     { "cases", 0, OPT_TEXT, &t.cases, NULL },
		                     { "json", 0, OPT_FLAG, &t.json, NULL },
		                     { .name = NULL } };
	struct opt_args args;
	struct err e;

	/* "debug policy-test": the second word is still there. */
	if (argc > 1 && strcmp(argv[1], argv[0]) == 0) {
		argc--;
		argv++;
	}
	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_MISUSE, "agentsh-policy-test: %s", e.text);
	if (args.n > 0 && args.dashes != 0)
		die(EXIT_MISUSE,
		    "agentsh-policy-test: '%s' is not expected; arguments of a command stand after --",
		    args.items[0]);
	if (t.session && t.policy)
		die(EXIT_MISUSE, "agentsh-policy-test: a session has its policy; give --session or --policy");
	if (t.cases && (t.op || t.path || t.session || args.n))
		die(EXIT_MISUSE, "agentsh-policy-test: --cases asks its own questions");
	if (t.cases && t.policy && strcmp(t.cases, "-") == 0 && strcmp(t.policy, "-") == 0)
		die(EXIT_MISUSE,
		    "agentsh-policy-test: only one of --cases and --policy can be standard input");
	if (t.cases)
		return run_cases(&t);
	if (!t.op || !*t.op || !t.path || !*t.path)
		die(EXIT_MISUSE, "agentsh-policy-test: --op and --path are required");
	args.items[args.n] = NULL; /* what options left behind is of no use */
	t.args = (const char *const *)args.items;
	if (!CONFIG_API_HTTP && t.session)
		die(EXIT_MISUSE, "agentsh-policy-test: this build has no HTTP API to ask about a session");
	int rc = !CONFIG_API_HTTP || t.policy || t.dir ? -1 : ask_server(&t);
	return rc < 0 ? ask_file(&t) : rc;
}

const struct applet applet_policy_test = {
	.name = "policy-test",
	.alias = { "debug policy-test" },
	.summary = "what would be decided about a command, file, host or variable",
	.usage = "--op OP --path OBJECT [--session ID | --policy NAME_OR_FILE] [--json] [-- ARGS...]\n"
	         "       agentsh policy-test --cases FILE [--policy NAME_OR_FILE]\n"
	         "OP: exec, connect, unix_connect, env, signal, or a file operation: read, write, delete\n"
	         "The server answers; with --policy, or where none runs, the policy file does.",
	.run = run,
	.roles = ROLE_READ | ROLE_ASK,
};
