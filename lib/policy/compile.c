/* From rules to indexes, so that the cost of a decision does not depend on the number of rules. */
#include "policy/impl.h"

#include "match/host.h"

#include <string.h>

static int compile_files(struct policy *p, struct err *e)
{
	p->files = globset_new(&p->places, p->scratch, '/', GLOBSET_ORDERED);
	if (!p->files)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < p->n_file; i++)
		for (size_t k = 0; k < p->file_rules[i].expanded.n; k++)
			if (globset_add(p->files, &p->file_rules[i].globs[k], (uint32_t)i,
			                p->file_rules[i].ops, e) < 0)
				return -1;
	return globset_finish(p->files, e);
}

static int chain_add(struct arena *a, struct accept_chain *chain, uint32_t rule, uint32_t mask, struct err *e)
{
	struct accept *entry = arena_alloc(a, sizeof *entry);

	if (!entry)
		return err_set(e, "out of memory");
	*entry = (struct accept){ .rule = rule, .mask = mask };
	if (chain->last)
		chain->last->next = entry;
	else
		chain->first = entry;
	chain->last = entry;
	return 0;
}

/* An allow rule for *.com must not take 10.1.2.com-like literals; `**` and a spelled-out address are meant.
 */
static uint32_t domain_mask(const struct net_rule *r, const char *domain)
{
	uint32_t mask = policy_mask(r->head.rule.decision);
	struct host h;

	if (mask == MASK_PERMITS &&
	    (!strcmp(domain, "**") || (host_parse(domain, &h) && h.kind == HOST_ADDRESS)))
		mask |= MASK_ADDRESSES;
	return mask;
}

static int compile_ports(struct policy *p, uint32_t rule, struct err *e)
{
	const struct net_rule *r = &p->net_rules[rule];

	for (size_t k = 0; k < r->n_ports; k++) {
		struct cidr port = { .addr = { 0, 0, (uint8_t)(r->ports[k] >> 8), (uint8_t)r->ports[k] },
			             .len = 4,
			             .bits = 32 };

		if (cidrset_add(p->ports, &port, rule, 1, e) < 0)
			return -1;
	}
	return r->n_ports ? 0 : chain_add(&p->places, &p->any_net, rule, 1, e);
}

/* Each rule stands in the index of its strongest selector; decide checks the others. */
static int compile_net(struct policy *p, struct err *e)
{
	p->domains = globset_new(&p->places, p->scratch, '.', GLOBSET_REVERSED);
	p->addresses = cidrset_new(&p->places);
	p->ports = cidrset_new(&p->places);
	if (!p->domains || !p->addresses || !p->ports)
		return err_set(e, "out of memory");
	for (uint32_t i = 0; i < p->n_net; i++) {
		const struct net_rule *r = &p->net_rules[i];
		uint32_t mask = policy_mask(r->head.rule.decision);
		int rc = 0;

		if (CONFIG_LAYER_NET && !(r->ops & POLICY_CONNECT))
			continue;
		for (size_t k = 0; k < r->expanded.n && !rc; k++)
			rc = globset_add(p->domains, &r->globs[k], i, domain_mask(r, r->expanded.items[k]),
			                 e);
		for (size_t k = 0; k < r->cidr_texts.n && !r->domains.n && !rc; k++)
			rc = cidrset_add(p->addresses, &r->cidrs[k], i, mask, e);
		if (!r->domains.n && !r->cidr_texts.n && !rc)
			rc = compile_ports(p, i, e);
		if (rc < 0)
			return -1;
	}
	return globset_finish(p->domains, e);
}

/* ---- commands ---- */

static void to_lower(char *text)
{
	for (; *text; text++)
		if (*text >= 'A' && *text <= 'Z')
			*text |= 0x20;
}

static bool has_wildcard(const char *entry)
{
	return strpbrk(entry, "*?[") != NULL;
}

static bool is_path(const char *entry)
{
	return strchr(entry, '/') != NULL;
}

static int add_name(struct policy *p, const char *entry, uint32_t rule, uint32_t mask, struct err *e)
{
	_Alignas(16) char little[2048];
	AUTO_ARENA work = { 0 };
	size_t size = strlen(entry) * 2 + 1;
	char *lower, *escaped;
	struct glob glob;

	arena_on(&work, little, sizeof little);
	lower = arena_str(&work, entry);
	escaped = arena_alloc(&work, size);
	if (!lower || !escaped)
		return err_set(e, "out of memory");
	to_lower(lower);
	glob_escape(lower, escaped, size);
	if (glob_compile(&work, escaped, 0, &glob, e) < 0)
		return err_in(e, "command '%s'", entry);
	return globset_add(p->names, &glob, rule, mask, e);
}

static int add_entry(struct policy *p, uint32_t rule, const char *entry, struct err *e)
{
	uint32_t mask = policy_mask(p->command_rules[rule].head.rule.decision);
	struct command_glob *g;

	if (!strcmp(entry, "*"))
		return chain_add(&p->arena, &p->any_command, rule, mask, e);
	if (!has_wildcard(entry))
		return add_name(p, entry, rule, mask, e);
	prefixset_add(is_path(entry) ? p->glob_paths : p->glob_names, (uint32_t)p->n_command_globs, entry,
	              strcspn(entry, "*?[{\\"));
	g = &p->command_globs[p->n_command_globs++];
	*g = (struct command_glob){ .rule = rule, .mask = mask, .path = is_path(entry) };
	if (glob_compile(&p->arena, entry, g->path ? '/' : 0, &g->glob, e) < 0)
		return err_in(e, "command '%s' in rule '%s', line %d", entry,
		              p->command_rules[rule].head.rule.name, p->command_rules[rule].head.rule.line);
	if (g->glob.never)
		return err_set(
		        e, "command '%s' in rule '%s', line %d has an unclosed '{' and would never match",
		        entry, p->command_rules[rule].head.rule.name, p->command_rules[rule].head.rule.line);
	return 0;
}

static int compile_commands(struct policy *p, struct err *e)
{
	size_t n[2] = { 0 };

	p->names = globset_new(&p->arena, p->scratch, 0, GLOBSET_PLAIN);
	for (size_t i = 0; i < p->n_command; i++)
		for (size_t k = 0; k < p->command_rules[i].commands.n; k++)
			if (has_wildcard(p->command_rules[i].commands.items[k]))
				n[is_path(p->command_rules[i].commands.items[k])]++;
	p->command_globs = arena_array(&p->arena, n[0] + n[1], sizeof *p->command_globs);
	p->glob_names = prefixset_new(&p->arena, n[0], n[0] + n[1]);
	p->glob_paths = prefixset_new(&p->arena, n[1], n[0] + n[1]);
	if (!p->names || !p->command_globs || !p->glob_names || !p->glob_paths)
		return err_set(e, "out of memory");
	for (uint32_t i = 0; i < p->n_command; i++) {
		const struct command_rule *r = &p->command_rules[i];

		if (!r->commands.n &&
		    chain_add(&p->arena, &p->any_command, i, policy_mask(r->head.rule.decision), e) < 0)
			return -1;
		for (size_t k = 0; k < r->commands.n; k++)
			if (add_entry(p, i, r->commands.items[k], e) < 0)
				return -1;
	}
	return globset_finish(p->names, e);
}

/* Does anybody in this build ask about files and connections? */
enum { PLACES = CONFIG_FILES || CONFIG_API_HTTP || CONFIG_APPLET_POLICY || CONFIG_APPLET_POLICY_TEST };

int policy_compile(struct policy *p, struct err *e)
{
	if ((PLACES && (compile_files(p, e) < 0 || compile_net(p, e) < 0)) || compile_commands(p, e) < 0)
		return -1;
	/* The globs lie in scratch; from here on the indexes answer. */
	for (size_t i = 0; i < p->n_file; i++)
		p->file_rules[i].globs = NULL;
	for (size_t i = 0; i < p->n_net; i++)
		p->net_rules[i].globs = NULL;
	return 0;
}
