#include "policy/policy.h"

#include "policy/impl.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void release_redirects(struct redirect_rule *rules, size_t n)
{
	for (size_t i = 0; i < n && rules; i++)
		regex_release(&rules[i].regex);
}

void policy_drop_places(struct policy *p)
{
	release_redirects(p->dns_redirects, p->n_dns);
	release_redirects(p->connect_redirects, p->n_connect);
	p->had_files = p->had_files || p->n_file;
	p->n_file = p->n_net = p->n_unix = p->n_dns = p->n_connect = 0;
	p->file_rules = NULL;
	p->net_rules = NULL;
	p->unix_rules = NULL;
	p->dns_redirects = p->connect_redirects = NULL;
	p->files = p->domains = NULL;
	p->addresses = p->ports = NULL;
	p->any_net = (struct accept_chain){ 0 };
	arena_release(&p->places);
}

void policy_free(struct policy *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->n_command && p->command_rules; i++)
		for (size_t k = 0; k < p->command_rules[i].args.n && p->command_rules[i].regexes; k++)
			regex_release(&p->command_rules[i].regexes[k]);
	policy_drop_places(p);
	arena_release(&p->arena);
	free(p);
}

const char *policy_name(const struct policy *p)
{
	return p->name;
}

const char *policy_description(const struct policy *p)
{
	return p->description;
}

/* Every command runs without anybody looking at it only if plain allows come first and end in one for all. */
static bool needs_commands(const struct policy *p)
{
	for (size_t i = 0; i < p->n_command; i++) {
		const struct command_rule *r = &p->command_rules[i];
		bool all = !r->commands.n || (r->commands.n == 1 && !strcmp(r->commands.items[0], "*"));

		if (r->head.rule.decision != EFFECT_ALLOW)
			return true;
		if (all && !r->args.n && r->min_depth == 0 && r->max_depth == INT_MAX)
			return false;
	}
	return true;
}

struct policy_needs policy_needs(const struct policy *p)
{
	struct policy_needs needs = { .commands = needs_commands(p), .signals = p->n_signal > 0 };

	for (size_t i = 0; i < p->n_command; i++)
		if (p->command_rules[i].min_depth > 0 || p->command_rules[i].max_depth < INT_MAX)
			needs.depth = true;
	needs.files = p->n_file || p->had_files;
	for (size_t i = 0; i < p->n_file; i++)
		needs.soft_delete |= p->file_rules[i].head.rule.decision == EFFECT_SOFT_DELETE;
	return needs;
}

bool policy_names_sockets(const struct policy *p)
{
	return p->n_unix > 0;
}

bool policy_holds_files(const struct policy *p)
{
	return CONFIG_FILES && POLICY_FILES_ENFORCED && policy_needs(p).files;
}

bool policy_holds_net(const struct policy *p)
{
	return CONFIG_LAYER_NET && POLICY_NET_ENFORCED && (p->n_net > 0 || p->n_unix > 0);
}

const struct policy_limits *policy_limits(const struct policy *p)
{
	return &p->limits;
}

const struct policy_audit *policy_audit(const struct policy *p)
{
	return &p->audit;
}

const struct policy_pair *policy_env_inject(const struct policy *p, size_t *n)
{
	*n = p->n_inject;
	return p->inject;
}
