/* File and unix socket rules that are weaker than they look, or match nothing. */
#include "policy/lint_impl.h"

#include "match/within.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

static bool lets(const struct lint_rule *r)
{
	return r && !lint_restricts(r);
}

/* ---- what should stay closed ---- */

struct sample {
	const char *op, *path;
};

static const struct sample samples[] = {
	{ "read", "/etc/shadow" },
	{ "read", "/etc/gshadow" },
	{ "read", "/etc/sudoers" },
	{ "read", "/etc/ssh/ssh_host_ed25519_key" },
	{ "read", "/etc/agentsh/config.yaml" },
	{ "read", "/proc/1/environ" },
	{ "read", "/proc/1/mem" },
	{ "read", "${HOME}/.ssh/id_rsa" },
	{ "read", "${HOME}/.aws/credentials" },
	{ "read", "${HOME}/.config/gcloud/credentials.db" },
	{ "read", "${HOME}/.kube/config" },
	{ "read", "${HOME}/.git-credentials" },
	{ "read", "${HOME}/.netrc" },
	{ "read", "${PROJECT_ROOT}/.env" },
	{ "write", "${HOME}/.ssh/authorized_keys" },
	{ "write", "${HOME}/.bashrc" },
	{ "write", "/etc/passwd" },
	{ "write", "/etc/cron.d/x" },
	{ "write", "/usr/bin/ls" },
	{ "write", "/run/agentsh/x" },
	{ "write", "/etc/agentsh/policies/default.yaml" },
	{ "write", "/var/lib/agentsh/events.db" },
	{ "write", "/var/log/agentsh/server.log" },
};

enum { SAMPLES = sizeof samples / sizeof *samples };

/* Who decides about each sample, in the plain setting and where the project is the home directory. */
struct decided {
	const struct lint_rule *by[2][SAMPLES];
};

/* The samples of one operation that rule `r` lets through, as a list. */
static const char *let_through(struct lint *l, const struct decided *d, const struct lint_rule *r,
                               const char *op, int setting)
{
	const char *out = "";

	for (size_t i = 0; i < SAMPLES && out; i++) {
		if (strcmp(samples[i].op, op) != 0 || d->by[setting][i] != r)
			continue;
		/* Said already for the plain setting. */
		if (setting != SETTING_PLAIN && lets(d->by[SETTING_PLAIN][i]))
			continue;
		out = arena_fmt(&l->work, "%s%s%s", out, *out ? ", " : "", samples[i].path);
	}
	return out ? out : "";
}

static void check_open_secrets(struct lint *l, const struct decided *d, const struct lint_rule *r)
{
	static const char *const ops[] = { "read", "write" };

	for (int setting = SETTING_PLAIN; setting <= SETTING_HOME && lets(r); setting++)
		for (int i = 0; i < 2; i++) {
			const char *list = let_through(l, d, r, ops[i], setting);

			if (*list)
				lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r },
				         "deny these in a rule before it", "lets a session %s %s%s", ops[i],
				         list,
				         setting == SETTING_HOME ? ", where the project is the home directory"
				                                 : "");
		}
}

/* ---- /proc ---- */

static void check_proc(struct lint *l)
{
	static const char *const own[] = { "/proc/self/environ", "/proc/thread-self/environ",
		                           "/proc/self/task/1/environ" };
	const struct lint_rule *r;

	for (size_t i = 0; l->block_iteration && i < 3; i++) {
		r = lint_file(l, "read", own[i], SETTING_PLAIN);
		if (!lets(r))
			continue;
		lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r },
		         "deny it in a rule before this one",
		         "%s can be read, which shows what env_policy.block_iteration hides", own[i]);
		break;
	}
	r = lint_file(l, "read", "/proc/self/status", SETTING_PLAIN);
	for (size_t k = 0; r && lint_restricts(r) && k < r->what.n; k++)
		if (strncmp(r->what.items[k].text, "/proc", 5) == 0) {
			lint_add(l, LINT_WEAK, LINT_WARNING,
			         (struct lint_where){ .rule = r, .at = r->what.items[k].line },
			         "allow /proc/self/** and /proc/thread-self/** in a rule before it",
			         "denies a process its own /proc/self too; run-time libraries need it");
			break;
		}
}

/* ---- operations and patterns that belong together ---- */

static bool is_listed(const struct lint_rule *r, const char *op)
{
	return r->ops != UINT32_MAX && lint_has_op(r, op);
}

/* May rules that allow `op` take all of this pattern? What there is no time to find out may be so. */
static bool is_allowed(struct lint *l, const struct glob *g, const char *op)
{
	const struct lint_rules *rules = &l->rules[SCOPE_FILE];
	const struct glob *globs[2048];
	size_t n = 0;

	for (size_t i = 0; i < rules->n; i++)
		for (size_t k = 0; k < rules->items[i].what.n; k++)
			if (lets(&rules->items[i]) && lint_has_op(&rules->items[i], op) &&
			    !rules->items[i].what.items[k].glob[0].never) {
				/* NOLINTNEXTLINE(bugprone-sizeof-expression): of pointers */
				if (n == sizeof globs / sizeof *globs)
					return true;
				globs[n++] = &rules->items[i].what.items[k].glob[0];
			}
	return n && (glob_within(g, globs, n, &l->budget) || !l->budget);
}

static void check_ops(struct lint *l, const struct lint_rule *r)
{
	static const char *const writes[] = { "symlink", "link", "truncate", "chown" };
	const char *missing = "";

	if (!lets(r) || !r->what.n)
		return;
	if (is_listed(r, "read") && !lint_has_op(r, "open") &&
	    !is_allowed(l, &r->what.items[0].glob[0], "open"))
		lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r }, "add 'open'",
		         "allows 'read' without 'open': the file cannot be opened");
	if (!is_listed(r, "write") || !lint_has_op(r, "create"))
		return;
	for (size_t i = 0; i < sizeof writes / sizeof *writes && missing; i++)
		if (!lint_has_op(r, writes[i]) && !is_allowed(l, &r->what.items[0].glob[0], writes[i]))
			missing = arena_fmt(&l->work, "%s%s%s", missing, *missing ? ", " : "", writes[i]);
	if (missing && *missing)
		lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r },
		         "list these operations too, or say in the description that they are denied",
		         "allows 'write' and 'create', but %s of the same files end in a denial", missing);
}

/* Allowed trees whose top directory itself is not. */
static void check_top(struct lint *l, const struct lint_rule *r)
{
	const char *op = lint_has_op(r, "list") ? "list" : "stat", *out = "";
	int at = 0;

	for (size_t k = 0; lets(r) && lint_has_op(r, op) && out && k < r->what.n; k++) {
		const struct lint_entry *entry = &r->what.items[k];
		size_t len = strlen(entry->text);
		struct glob top;

		if (len < 4 || strcmp(entry->text + len - 3, "/**") != 0)
			continue;
		if (!lint_glob(l, arena_copy(&l->work, entry->text, len - 3), '/', SETTING_PLAIN, &top) ||
		    is_allowed(l, &top, op))
			continue;
		at = at ? at : entry->line;
		out = arena_fmt(&l->work, "%s%s'%.*s'", out, *out ? ", " : "", (int)(len - 3), entry->text);
	}
	if (at)
		lint_add(l, LINT_PARTLY, LINT_WARNING, (struct lint_where){ .rule = r, .at = at },
		         "list the directories too",
		         "'/**' does not match the directory before it: '%s' of %s is denied", op,
		         out ? out : "");
}

static void check_patterns(struct lint *l, const struct lint_rule *r)
{
	for (size_t k = 0; k < r->what.n; k++) {
		const struct lint_entry *entry = &r->what.items[k];
		size_t len = strlen(entry->text);
		struct lint_where where = { .rule = r, .at = entry->line };

		if (entry->glob[0].never)
			lint_add(l, LINT_NEVER, LINT_WARNING, where, "close the brace, or write \\{",
			         "'%s' matches nothing", entry->text);
		else if (!len || !strchr("/*$@{?[", entry->text[0]))
			lint_add(l, LINT_NEVER, LINT_WARNING, where, "begin with '/', '**/' or a variable",
			         "'%s' matches nothing: paths are absolute", entry->text);
		else if (len > 1 && entry->text[len - 1] == '/')
			lint_add(l, LINT_NEVER, LINT_WARNING, where, "drop the slash, or write '/**'",
			         "'%s' matches nothing: paths have no slash at the end", entry->text);
		else if (strstr(entry->text, "/../") || strstr(entry->text, "/./") ||
		         strstr(entry->text, "//"))
			lint_add(l, LINT_NEVER, LINT_WARNING, where, "write the path in its shortest form",
			         "'%s' matches nothing: paths are in normal form", entry->text);
	}
}

/* File rules do not decide commands. */
static void check_execution(struct lint *l, const struct lint_rule *r)
{
	const char *list = "";

	if (r->decision != EFFECT_DENY || !strcasestr(r->description, "execut"))
		return;
	for (size_t k = 0; k < r->what.n && list; k++) {
		const char *slash = strrchr(r->what.items[k].text, '/');
		const struct lint_rule *by = slash ? lint_command(l, slash + 1) : NULL;

		if (slash && !strpbrk(slash, "*?[{") && lets(by))
			list = arena_fmt(&l->work, "%s%s%s", list, *list ? ", " : "", slash + 1);
	}
	if (list && *list)
		lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r },
		         "deny them in command_rules too",
		         "is to stop execution, but file rules do not decide commands: %s still may run",
		         list);
}

void lint_files(struct lint *l)
{
	struct decided d;

	for (int setting = SETTING_PLAIN; setting <= SETTING_HOME; setting++)
		for (size_t i = 0; i < SAMPLES; i++)
			d.by[setting][i] =
			        lint_file(l, samples[i].op, samples[i].path, (enum lint_setting)setting);
	for (size_t i = 0; i < l->rules[SCOPE_FILE].n; i++) {
		const struct lint_rule *r = &l->rules[SCOPE_FILE].items[i];

		check_patterns(l, r);
		check_open_secrets(l, &d, r);
		check_ops(l, r);
		check_top(l, r);
		check_execution(l, r);
	}
	for (size_t i = 0; i < l->rules[SCOPE_UNIX].n; i++)
		check_patterns(l, &l->rules[SCOPE_UNIX].items[i]);
	if (l->rules[SCOPE_FILE].n)
		check_proc(l);
}
