/* policy - check, lint, explain, show and list policies
 *
config APPLET_POLICY
        bool "policy"
        default y
        select POLICY
        help
          Check policy files, report rules that never decide or are weaker than
          they look, and say which mechanism enforces each rule.
 */
#include "applets/applet.h"

#include "base/die.h"
#include "base/opt.h"
#include "base/path.h"
#include "base/visible.h"
#include "config/config.h"
#include "enforce/exec/role.h"
#include "facts/facts.h"
#include "json/write.h"
#include "policy/explain.h"
#include "policy/lint.h"
#include "policy/policy.h"
#include "policy/source.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct policy_tool {
	const char *dir, *config;
	bool strict, json;
	char found[4096]; /* policies.dir of the configuration */
};

struct source {
	struct buf text;
	char shown[4096];
};

/* ---- where policies are ---- */

/* --dir, else policies.dir of --config or of the configuration that the server would take. */
static const char *policy_dir(struct policy_tool *t)
{
	struct config_problems problems = { 0 };
	struct config_file file;
	struct config *c;
	char line[1024];
	struct err e;

	if (t->dir)
		return t->dir;
	if (config_locate(t->config, config_env, &file, &e) < 0)
		die(EXIT_FAILED, "agentsh-policy: %s", e.text);
	if (file.place == CONFIG_NOWHERE)
		return NULL;
	c = config_load(file.path, file.place, config_env, &problems);
	for (size_t i = 0; !c && i < problems.n; i++)
		complain("%s", config_problem_line(&problems.items[i], file.shown, line, sizeof line));
	if (!c)
		die(EXIT_FAILED, "agentsh-policy: '%s' cannot be used; name the policies with --dir",
		    file.shown);
	snprintf(t->found, sizeof t->found, "%s", c->policies.dir);
	config_free(c);
	config_problems_release(&problems);
	return t->found;
}

/* Read and check. Problems go to standard error, one a line. */
static bool load(struct policy_tool *t, const char *what, struct source *s)
{
	struct policy_options options = { .expand = false };
	struct policy_problems problems = { 0 };
	struct policy *p;
	struct err e;

	if (policy_source(strpbrk(what, "/.") || strcmp(what, "-") == 0 ? NULL : policy_dir(t), what,
	                  &s->text, s->shown, sizeof s->shown, &e) < 0) {
		complain("agentsh-policy: %s", e.text);
		return false;
	}
	p = policy_load(buf_text(&s->text), s->text.len, s->shown, &options, &problems);
	for (size_t i = 0; i < problems.n; i++)
		complain("%s:%d:%d: %s", s->shown, problems.items[i].line, problems.items[i].column,
		         problems.items[i].text);
	policy_problems_release(&problems);
	policy_free(p);
	return p != NULL;
}

static bool lint(const struct source *s, struct lint_report *report)
{
	struct err e;

	if (policy_lint(buf_text(&s->text), s->text.len, report, &e) == 0)
		return true;
	complain("agentsh-policy: %s: %s", s->shown, e.text);
	return false;
}

static void print_finding(FILE *to, const struct source *s, const struct lint_finding *f)
{
	char line[PATH_MAX + 2048], shown[sizeof line];

	snprintf(line, sizeof line, "%s:%d: %s: %s '%s': %s; %s", s->shown, f->at, lint_class_name(f->class),
	         f->scope, f->rule, f->text, f->hint);
	visible_text(line, NULL, shown, sizeof shown);
	fprintf(to, "%s\n", shown);
}

/* ---- the commands: one policy each ---- */

static bool validate(struct policy_tool *t, const char *what, bool many)
{
	struct source s = { .text = { .data = NULL } };
	struct lint_report report = { .n = 0 };
	bool good = load(t, what, &s) && lint(&s, &report);

	for (size_t i = 0; good && t->strict && i < report.n; i++)
		print_finding(stderr, &s, &report.items[i]);
	if (good && !t->strict && report.n)
		complain("agentsh-policy: %s: %zu findings; 'agentsh policy lint' tells them", s.shown,
		         report.n);
	if (t->strict && report.n)
		good = false;
	if (good && many)
		printf("%s: ok\n", s.shown);
	else if (good)
		printf("ok\n");
	lint_release(&report);
	buf_release(&s.text);
	return good;
}

static void finding_json(struct json *j, const struct source *s, const struct lint_finding *f)
{
	json_object(j);
	json_key_int(j, "at", f->at);
	json_key_text(j, "class", lint_class_name(f->class));
	json_key_text(j, "file", s->shown);
	json_key_text(j, "hint", f->hint);
	json_key_int(j, "line", f->line);
	if (f->other) {
		json_key_text(j, "other", f->other);
		json_key_int(j, "other_line", f->other_line);
	}
	json_key_text(j, "rule", f->rule);
	json_key_text(j, "scope", f->scope);
	json_key_text(j, "severity", f->severity == LINT_WARNING ? "warning" : "note");
	json_key_text(j, "text", f->text);
	json_end(j);
}

static void print_json(struct buf *out)
{
	if (out->failed)
		die(EXIT_FAILED, "agentsh-policy: out of memory");
	printf("%s\n", buf_text(out));
	buf_release(out);
}

static bool show_lint(struct policy_tool *t, const char *what, bool many)
{
	struct source s = { .text = { .data = NULL } };
	struct lint_report report = { .n = 0 };
	bool good = load(t, what, &s) && lint(&s, &report);
	struct buf out = { .data = NULL };
	struct json j = { .out = &out, .indent = true };

	(void)many;
	if (good && t->json) {
		json_array(&j);
		for (size_t i = 0; i < report.n; i++)
			finding_json(&j, &s, &report.items[i]);
		json_end(&j);
		print_json(&out);
	}
	for (size_t i = 0; good && !t->json && i < report.n; i++)
		print_finding(stdout, &s, &report.items[i]);
	if (good && !t->json)
		complain("agentsh-policy: %s: %zu findings, %zu accepted by comments", s.shown, report.n,
		         report.accepted);
	good &= report.n == 0;
	lint_release(&report);
	buf_release(&s.text);
	return good;
}

static void explain_text(const struct source *s, const struct explain_table *x)
{
	printf("%-6s %-8s %-32s %-12s %-9s %s\n", "LINE", "SCOPE", "RULE", "DECISION", "ENFORCED", "BY");
	for (size_t i = 0; i < x->n; i++) {
		const struct explain_row *r = &x->items[i];
		char rule[300];

		visible_text(r->rule, NULL, rule, sizeof rule);
		printf("%-6d %-8s %-32s %-12s %-9s %s%s%s\n", r->line, r->scope, rule,
		       *r->decision ? r->decision : "-", r->enforced ? "yes" : "no", r->by,
		       *r->note ? "; " : "", r->note);
	}
	printf("%s: %zu of %zu enforced in this version\n", s->shown, x->n_enforced, x->n);
}

static void explain_json(const struct source *s, const struct explain_table *x, struct buf *out)
{
	struct json j = { .out = out, .indent = true };

	json_object(&j);
	json_key_int(&j, "enforced", (int64_t)x->n_enforced);
	json_key_text(&j, "file", s->shown);
	json_key(&j, "rules");
	json_array(&j);
	for (size_t i = 0; i < x->n; i++) {
		const struct explain_row *r = &x->items[i];

		json_object(&j);
		json_key_text(&j, "by", r->by);
		json_key_text(&j, "decision", r->decision);
		json_key_bool(&j, "enforced", r->enforced);
		json_key_int(&j, "line", r->line);
		json_key_text(&j, "note", r->note);
		json_key_text(&j, "rule", r->rule);
		json_key_text(&j, "scope", r->scope);
		json_end(&j);
	}
	json_end(&j);
	json_end(&j);
}

static bool explain(struct policy_tool *t, const char *what, bool many)
{
	struct source s = { .text = { .data = NULL } };
	struct explain_table x = { .n = 0 };
	struct buf out = { .data = NULL };
	struct err e;
	bool good = load(t, what, &s);

	(void)many;
	if (good && policy_explain(buf_text(&s.text), s.text.len, &x, &e) < 0) {
		complain("agentsh-policy: %s: %s", s.shown, e.text);
		good = false;
	}
	if (good && t->json) {
		explain_json(&s, &x, &out);
		print_json(&out);
	} else if (good) {
		explain_text(&s, &x);
	}
	explain_release(&x);
	buf_release(&s.text);
	return good;
}

static void show_visibly(const struct buf *text)
{
	const unsigned char *p = (const unsigned char *)buf_text(text);

	for (size_t left = text->len, n; left; p += n, left -= n) {
		n = *p == '\n' || *p == '\t' ? 1 : visible_len(p, left);
		if (n)
			fwrite(p, 1, n, stdout);
		else
			n = 1, printf("\\x%02x", *p);
	}
}

static bool show(struct policy_tool *t, const char *what, bool many)
{
	struct source s = { .text = { .data = NULL } };
	struct err e;
	bool good = policy_source(strpbrk(what, "/.") ? NULL : policy_dir(t), what, &s.text, s.shown,
	                          sizeof s.shown, &e) == 0;

	(void)many;
	if (good && isatty(STDOUT_FILENO)) /* it need not be a policy */
		show_visibly(&s.text);
	else if (good)
		fwrite(buf_text(&s.text), 1, s.text.len, stdout);
	else
		complain("agentsh-policy: %s", e.text);
	buf_release(&s.text);
	return good;
}

/* ---- list ---- */

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* NAME of "NAME.yaml" and "NAME.yml", in place; NULL for other files. */
static char *policy_of(char *file)
{
	char *dot = strrchr(file, '.');

	if (!dot || (strcmp(dot, ".yaml") != 0 && strcmp(dot, ".yml") != 0))
		return NULL;
	*dot = 0;
	return policy_name_ok(file) ? file : NULL;
}

static int list(struct policy_tool *t)
{
	const char *dir = policy_dir(t);
	DIR *d = dir ? opendir(dir) : NULL;
	char **names = NULL;
	size_t n = 0;

	if (!dir) {
		printf("default\n");
		return EXIT_DONE;
	}
	if (!d)
		die(EXIT_FAILED, "agentsh-policy: %s: %s", dir, strerror(errno));
	for (struct dirent *entry; (entry = readdir(d));) {
		const char *name = policy_of(entry->d_name);
		char **more = name ? realloc(names, (n + 1) * sizeof *names) : NULL;

		if (!name)
			continue;
		if (!more || !(more[n] = strdup(name)))
			die(EXIT_FAILED, "agentsh-policy: out of memory");
		names = more;
		n++;
	}
	closedir(d);
	if (n)
		qsort(names, n, sizeof *names, by_name);
	for (size_t i = 0; i < n; i++) {
		if (i == 0 || strcmp(names[i - 1], names[i]) != 0)
			printf("%s\n", names[i]);
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return flushed();
}

/* ---- facts ---- */

static void print_value(void *to, enum fact fact, const char *text, size_t len)
{
	(void)to;
	printf("%s=%.*s\n", facts_name(fact), (int)len, text);
}

/* What the arguments of a command come to; without one, all facts there are. */
static int facts(int argc, char **argv)
{
	struct facts f = { .value = print_value };
	char name[256];
	size_t n = 0;

	if (!CONFIG_FACTS)
		die(EXIT_FAILED, "agentsh-policy: this build has no facts (option FACTS)");
	for (int i = 1; i < FACT_COUNT && !argc; i++)
		printf("%-26s %s\n", facts_name((enum fact)i), facts_about((enum fact)i));
	for (const char *p = argc ? path_base(argv[0]) : ""; *p && n + 1 < sizeof name; p++)
		name[n++] = (char)tolower((unsigned char)*p);
	if (argc && !facts_read(name, n, (const char *const *)argv, (size_t)argc, &f))
		die(EXIT_FAILED, "agentsh-policy: the arguments of '%s' are not known", argv[0]);
	for (int i = 1; i < FACT_COUNT && argc; i++) {
		enum fact fact = (enum fact)i;
		bool flag = facts_kind(fact) == FACT_KIND_FLAG;

		if (facts_doubts(&f, fact))
			printf("%s?\n", facts_name(fact));
		else if (flag && facts_has(&f, fact))
			printf("%s\n", facts_name(fact));
	}
	return fflush(stdout) || ferror(stdout) ? EXIT_FAILED : EXIT_DONE;
}

/* ---- */

static const struct {
	const char *name;
	bool (*run)(struct policy_tool *t, const char *what, bool many);
	bool needs_name; /* else "default" is meant */
} commands[] = {
	{ "validate", validate, true },
	{ "lint", show_lint, false },
	{ "explain", explain, false },
	{ "show", show, true },
};

static int run(int argc, char **argv)
{
	struct policy_tool t = { .dir = NULL };
	const struct opt table[] = { { "dir", 0, OPT_TEXT, &t.dir, NULL },
		                     { "config", 0, OPT_TEXT, &t.config, NULL },
		                     { "strict", 0, OPT_FLAG, &t.strict, NULL },
		                     { "json", 0, OPT_FLAG, &t.json, NULL },
		                     { .name = NULL } };
	struct opt_args args;
	struct err e;
	char *standard = "default";

	if (opt_parse(argc, argv, table, false, &args, &e) < 0)
		die(EXIT_MISUSE, "agentsh-policy: %s", e.text);
	if (args.n == 0)
		die(EXIT_MISUSE,
		    "agentsh-policy: say what to do: validate, lint, explain, facts, show or list");
	if (strcmp(args.items[0], "list") == 0 && args.n == 1)
		return list(&t);
	if (strcmp(args.items[0], "facts") == 0)
		return facts(args.n - 1, args.items + 1);
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		int n = args.n - 1, bad = 0;
		char **names = args.items + 1;

		if (strcmp(args.items[0], commands[i].name) != 0)
			continue;
		if (n == 0 && commands[i].needs_name)
			die(EXIT_MISUSE, "agentsh-policy: %s: name a policy or a file", commands[i].name);
		if (n == 0)
			names = &standard, n = 1;
		for (int k = 0; k < n; k++)
			bad += !commands[i].run(&t, names[k], n > 1);
		return bad ? EXIT_FAILED : flushed();
	}
	die(EXIT_MISUSE,
	    "agentsh-policy: '%s' is no command; there are validate, lint, explain, facts, show and list",
	    args.items[0]);
}

const struct applet applet_policy = {
	.name = "policy",
	.summary = "check, lint, explain, show and list policies",
	.usage = "[--dir DIR] [--config FILE] COMMAND\n"
	         "  validate [--strict] NAME_OR_FILE...   say ok, or every problem with line and column\n"
	         "  lint [--json] [NAME_OR_FILE...]       rules that never decide or are too weak\n"
	         "  explain [--json] [NAME_OR_FILE...]    which mechanism enforces each rule\n"
	         "  facts [-- COMMAND...]                 what rules can ask about arguments, or what holds\n"
	         "  show NAME_OR_FILE                     print the text\n"
	         "  list                                  names in the policy directory\n"
	         "'-' is standard input. Without a policy directory, 'default' is the built-in policy.",
	.run = run,
	.roles = ROLE_READ,
};
