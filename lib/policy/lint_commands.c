/* Command rules that are weaker than they look: spellings of options, tools of the same kind. */
#include "policy/lint_impl.h"

#include <stdio.h>
#include <string.h>

static bool lets(const struct lint_rule *r)
{
	return r && !lint_restricts(r);
}

/* ---- argument patterns: what a tool takes for the same thing ---- */

struct intent {
	const char *tool;
	const char *facts;        /* what says it in every spelling */
	const char *sample[3];    /* the rule is about this if one of them matches */
	const char *same[14];     /* other spellings of it */
	const char *different[4]; /* what merely looks like it */
};

static const struct intent intents[] = {
	{ "rm",
	  "rm.recursive",
	  { "-r x", "-rf x" },
	  { "-r x", "-fr x", "-Rf x", "-R x", "-vrf x", "-f -r x", "x -r", "--recursive x", "--recurs x",
	    "--r x", "-f -- x -r" },
	  { "my-report.txt", "notes-readme.txt", "a-r" } },
	{ "rm",
	  "rm.recursive, \"rm.target=/\"",
	  { "-rf /" },
	  { "-r /", "-fr /", "-Rf /", "-f -r /", "/ -rf", "--recursive /", "--r --f /", "-rf /*", "-rf //",
	    "-rf /." },
	  { "-rf build", "-rf ./x", "my-report.txt" } },
	{ "git",
	  "git.push.force",
	  { "push --force origin x", "push -f origin x" },
	  { "push -f", "push origin x -f", "push --force", "push --force-with-lease origin x",
	    "push -qf origin x", "push origin +x", "push --mirror", "-C dir push -f", "-c a=b push --force" },
	  { "push origin my-feature", "commit -m push -f", "status" } },
	{ "git",
	  "\"git.push.ref={main,master}|git.push.all\"",
	  { "push origin main", "push origin master" },
	  { "push origin main", "push origin HEAD:main", "push origin refs/heads/main", "push origin x main",
	    "-C dir push origin main", "push --all" },
	  { "push origin feature/maintenance", "push origin main-page", "commit -m push origin main" } },
	{ "git",
	  "git.reset.hard",
	  { "reset --hard" },
	  { "reset --hard", "reset HEAD~1 --hard", "reset --hard x", "-C dir reset --hard", "reset --har" },
	  { "commit -m reset --hard", "reset --soft" } },
	{ "git",
	  "git.clean.force",
	  { "clean -f" },
	  { "clean -f", "clean -fd", "clean -df", "clean -xdf", "clean -d -f", "clean --force",
	    "-C dir clean -f" },
	  { "clean -n my-file", "commit -m clean -f" } },
	{ "npm",
	  "pkg.install",
	  { "install x" },
	  { "install x", "i x", "add x", "ci", "--silent install x", "--prefix dir install" },
	  { "run install-check", "list" } },
	{ "pip",
	  "pkg.install",
	  { "install x" },
	  { "install x", "--quiet install x", "install -r x" },
	  { "list", "show installer" } },
	{ "cargo",
	  "pkg.install",
	  { "install x" },
	  { "install x", "add x", "+nightly install x" },
	  { "build", "run --bin add-x" } },
	{ "dd",
	  "\"dd.of=/dev/**\"",
	  { "of=/dev/sda" },
	  { "if=x of=/dev/sda", "of=/dev/nvme0n1", "of=//dev/sda", "of=/dev/vda" },
	  { "of=sda.img" } },
};

/* Which of the words match (or do not), as a quoted list. */
static const char *tried(struct lint *l, const struct lint_rule *r, const char *const *words, size_t n,
                         bool match)
{
	const char *out = "";

	for (size_t i = 0; i < n && words[i] && out; i++)
		if (lint_args_match(r, words[i]) == match)
			out = arena_fmt(&l->work, "%s%s'%s'", out, *out ? ", " : "", words[i]);
	return out ? out : "";
}

static const char *use_facts(struct lint *l, const struct intent *intent)
{
	const char *hint = NULL;

	if (CONFIG_FACTS)
		hint = arena_fmt(&l->work, "facts: [%s] takes every spelling", intent->facts);
	return hint ? hint : "match whole words, and each spelling the tool takes";
}

static void check_intent(struct lint *l, const struct lint_rule *r, const struct intent *intent)
{
	struct lint_where where = { .rule = r, .at = r->args.items[0].line };
	const char *list;
	bool about = false;

	for (int i = 0; i < 3 && intent->sample[i]; i++)
		about |= lint_args_match(r, intent->sample[i]);
	if (!about || !lint_names(r, intent->tool))
		return;
	list = tried(l, r, intent->same, 14, false);
	if (*list)
		lint_add(l, LINT_WEAK, LINT_WARNING, where, use_facts(l, intent), "%s: its patterns miss %s",
		         intent->tool, list);
	list = tried(l, r, intent->different, 4, true);
	if (*list)
		lint_add(l, LINT_WEAK, LINT_WARNING, where,
		         "anchor the pattern: (^| ) before and ( |$) behind", "%s: its patterns also take %s",
		         intent->tool, list);
}

static void check_args(struct lint *l, const struct lint_rule *r)
{
	size_t n = sizeof intents / sizeof *intents;

	if (!r->args.n || r->facts.n || !lint_restricts(r) || !r->what.n)
		return;
	for (size_t i = 0; i < n; i++) {
		bool wider = false;

		/* "-rf /" is a question of its own only where "-rf x" is not matched. */
		for (size_t k = 0; k < i; k++)
			wider |= strcmp(intents[k].tool, "rm") == 0 && strcmp(intents[i].tool, "rm") == 0 &&
			         lint_args_match(r, intents[k].sample[0]);
		if (!wider)
			check_intent(l, r, &intents[i]);
	}
}

/* ---- tools of the same kind ---- */

static const char *const groups[][10] = {
	{ "sudo", "su", "doas", "pkexec", "run0", "runuser", NULL },
	{ "chroot", "nsenter", "unshare", NULL },
	{ "shutdown", "reboot", "poweroff", "halt", NULL },
	{ "systemctl", "service", NULL },
	{ "mount", "umount", NULL },
	{ "fdisk", "sfdisk", "parted", "mkfs", "mkfs.ext4", "mkswap", NULL },
	{ "kill", "killall", "pkill", NULL },
	{ "docker", "podman", "nerdctl", "ctr", NULL },
	{ "nc", "ncat", "netcat", "socat", "telnet", NULL },
	{ "ssh", "scp", "sftp", NULL },
	{ "iptables", "ip6tables", "nft", NULL },
};

/* Tools that a list which ends in "allow everything" must name before. */
static const char *const dangerous[] = { "sudo",    "su",          "doas",  "pkexec",    "chroot",
	                                 "nsenter", "unshare",     "mount", "systemctl", "docker",
	                                 "podman",  "systemd-run", "at",    "crontab",   "machinectl",
	                                 "insmod",  "modprobe",    "kexec", "bwrap",     "setpriv",
	                                 NULL };

static bool is_denied_without_args(const struct lint_rule *r, const char *name)
{
	return r && r->decision == EFFECT_DENY && lint_names(r, name);
}

/* The rule denies some tools of a group while others of it are allowed. */
static void check_group(struct lint *l, const struct lint_rule *r, const char *const *group)
{
	const char *named = NULL, *missing = "";

	for (int i = 0; group[i] && missing; i++) {
		const struct lint_rule *by = lint_command(l, group[i]);

		if (by == r && !named)
			named = group[i];
		else if (lets(by))
			missing = arena_fmt(&l->work, "%s%s%s", missing, *missing ? ", " : "", group[i]);
	}
	if (named && missing && *missing && is_denied_without_args(r, named))
		lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r }, "name them too",
		         "denies '%s', but %s, which can do the same, may run", named, missing);
}

static void check_catch_all(struct lint *l, const struct lint_rule *r)
{
	const char *list = "";

	if (!lets(r) || r->args.n || r->facts.n || !lint_names(r, "x\1"))
		return;
	for (int i = 0; dangerous[i] && list; i++)
		if (lint_command(l, dangerous[i]) == r)
			list = arena_fmt(&l->work, "%s%s%s", list, *list ? ", " : "", dangerous[i]);
	if (list && *list)
		lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r }, "deny these before it",
		         "allows whatever no rule before it names, such as %s", list);
}

/* ---- approval, depth, patterns ---- */

static void check_approval(struct lint *l, const struct lint_rule *r)
{
	static const char *const words[] = { "denied", "denies", "refused", "blocked" };

	if (r->decision != EFFECT_APPROVE)
		return;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcasestr(r->message, words[i]) || strcasestr(r->description, words[i]))
			return;
	lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r },
	         "say in the message what happens when nobody can be asked",
	         "denies while approvals are off, which neither its message nor its description says");
}

static void check_shape(struct lint *l, const struct lint_rule *r)
{
	if (r->scope == SCOPE_COMMAND && r->min_depth > r->max_depth)
		lint_add(l, LINT_NEVER, LINT_WARNING, (struct lint_where){ .rule = r },
		         "min_depth must not be above max_depth", "no depth is at least %ju and at most %ju",
		         (uintmax_t)r->min_depth, (uintmax_t)r->max_depth);
	for (size_t k = 0; r->scope == SCOPE_COMMAND && k < r->what.n; k++) {
		const struct lint_entry *entry = &r->what.items[k];

		if (entry->glob[0].never || !*entry->text || strpbrk(entry->text, " \t"))
			lint_add(l, LINT_NEVER, LINT_WARNING,
			         (struct lint_where){ .rule = r, .at = entry->line },
			         "name the program; arguments go into args_patterns",
			         "'%s' is no name of a program", entry->text);
		else if (strchr(entry->text, '{') && !strpbrk(entry->text, "*?["))
			lint_add(l, LINT_NEVER, LINT_WARNING,
			         (struct lint_where){ .rule = r, .at = entry->line },
			         "list the names one by one",
			         "'%s': braces stand for themselves without *, ? or [", entry->text);
	}
}

void lint_commands(struct lint *l)
{
	const struct lint_rules *rules = &l->rules[SCOPE_COMMAND];

	for (size_t i = 0; i < rules->n; i++) {
		const struct lint_rule *r = &rules->items[i];

		check_args(l, r);
		check_catch_all(l, r);
		check_shape(l, r);
		for (size_t k = 0; k < sizeof groups / sizeof *groups; k++)
			check_group(l, r, groups[k]);
	}
	for (int scope = 0; scope < SCOPES; scope++)
		for (size_t i = 0; i < l->rules[scope].n; i++)
			check_approval(l, &l->rules[scope].items[i]);
}
