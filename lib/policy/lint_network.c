/* Network rules that are weaker than they look, or match nothing. */
#include "policy/lint_impl.h"

#include "match/host.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

/* Is the whole range denied by some rule's ranges? */
static bool is_denied(struct lint *l, const char *range)
{
	const struct lint_rules *rules = &l->rules[SCOPE_NETWORK];
	struct cidr c;

	if (cidr_parse(range, &c, NULL) < 0)
		return true;
	for (size_t i = 0; i < rules->n; i++)
		for (size_t k = 0; k < rules->items[i].cidrs.n; k++) {
			const struct cidr *have = &rules->items[i].cidrs.items[k].cidr;

			if (lint_restricts(&rules->items[i]) && lint_has_op(&rules->items[i], "connect") &&
			    have->bits <= c.bits && cidr_holds(have, c.addr, c.len))
				return true;
		}
	return false;
}

static bool has_range(const struct lint_rule *r, const char *text)
{
	for (size_t k = 0; k < r->cidrs.n; k++)
		if (strcmp(r->cidrs.items[k].text, text) == 0)
			return true;
	return false;
}

static void check_ranges(struct lint *l, const struct lint_rule *r, const char *const *ranges,
                         const char *what)
{
	const char *missing = "";

	for (int i = 0; ranges[i] && missing; i++)
		if (!is_denied(l, ranges[i]))
			missing = arena_fmt(&l->work, "%s%s%s", missing, *missing ? ", " : "", ranges[i]);
	if (missing && *missing)
		lint_add(l, LINT_WEAK, LINT_WARNING,
		         (struct lint_where){ .rule = r, .at = r->cidrs.items[0].line }, "list them too",
		         "%s, but no rule denies %s", what, missing);
}

static void check_families(struct lint *l, const struct lint_rule *r)
{
	static const char *const private[] = { "10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
		                               "169.254.0.0/16", "100.64.0.0/10", "0.0.0.0/8",
		                               "fc00::/7",       "fe80::/10",     NULL };
	static const char *const metadata[] = { "169.254.169.254/32", "100.100.100.200/32",
		                                "168.63.129.16/32", "fd00:ec2::254/128", NULL };

	if (!lint_restricts(r) || !r->cidrs.n || !lint_has_op(r, "connect"))
		return;
	if (has_range(r, "10.0.0.0/8") || has_range(r, "192.168.0.0/16"))
		check_ranges(l, r, private, "denies private networks");
	if (has_range(r, "169.254.169.254/32"))
		check_ranges(l, r, metadata, "denies metadata services");
}

/* `*.evil.com` where every depth is meant. */
static void check_depth(struct lint *l, const struct lint_rule *r, const struct lint_entry *entry)
{
	const char *p = entry->text;
	char deep[256];

	if (!lint_restricts(r) || strncmp(p, "*.", 2) != 0 || strlen(p) > 200)
		return;
	strcpy(deep, "a.b");
	strcat(deep, p + 1);
	for (size_t i = 0; i < r->what.n; i++)
		if (glob_match(&r->what.items[i].glob[0], deep, strlen(deep)))
			return;
	lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r, .at = entry->line },
	         "write '**' for any number of labels", "'%s' is one label deep: it misses %s", p, deep);
}

static void check_everything(struct lint *l, const struct lint_rule *r, const struct lint_entry *entry)
{
	if (!lint_restricts(r) && !r->n_ports && !r->cidrs.n)
		lint_add(l, LINT_WEAK, LINT_WARNING, (struct lint_where){ .rule = r, .at = entry->line },
		         "name the hosts, or give ports or cidrs",
		         "'%s' is every host, by name and by address: %s on every port", entry->text,
		         effect_name(r->decision));
}

static void check_domain(struct lint *l, const struct lint_rule *r, const struct lint_entry *entry)
{
	struct lint_where where = { .rule = r, .at = entry->line };
	struct host host;

	if (strcmp(entry->text, "*") == 0 || strcmp(entry->text, "**") == 0)
		check_everything(l, r, entry);
	else if (entry->glob[0].never)
		lint_add(l, LINT_NEVER, LINT_WARNING, where, "close the brace, or write \\{",
		         "'%s' matches nothing", entry->text);
	else if (strchr(entry->text, '/') || strstr(entry->text, ":"))
		lint_add(l, LINT_NEVER, LINT_WARNING, where, "name the host only; ports go into 'ports'",
		         "'%s' is no host name", entry->text);
	else if (!strpbrk(entry->text, "*?[{$") && host_parse(entry->text, &host) &&
	         host.kind == HOST_ADDRESS)
		lint_add(l, LINT_NEVER, LINT_WARNING, where, "use cidrs for addresses",
		         "'%s' is an address, not a name", entry->text);
	else if (*entry->text && entry->text[strlen(entry->text) - 1] == '.')
		lint_add(l, LINT_NEVER, LINT_WARNING, where, "drop the dot",
		         "'%s' ends in a dot: names are matched without", entry->text);
	else
		check_depth(l, r, entry);
}

void lint_network(struct lint *l)
{
	const struct lint_rules *rules = &l->rules[SCOPE_NETWORK];

	for (size_t i = 0; i < rules->n; i++) {
		const struct lint_rule *r = &rules->items[i];

		for (size_t k = 0; k < r->what.n; k++)
			check_domain(l, r, &r->what.items[k]);
		check_families(l, r);
	}
}
