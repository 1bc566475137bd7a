/* What a loaded policy looks like inside: for lib/policy and lib/decide only.
 *
 * Every rule of every scope starts with a struct head, so that the
 * `const struct rule *` of a verdict leads back to it. Lists keep the order
 * of the file; indexes hold rule numbers of these lists.
 */
#pragma once

#include "facts/facts.h"
#include "match/cidr.h"
#include "match/glob.h"
#include "match/globset.h"
#include "match/prefixset.h"
#include "match/regex.h"
#include "policy/policy.h"

/* Words of the schema, in the order of the enums of decide.h; NULL-terminated. */
extern const char *const policy_file_ops[];
extern const char *const policy_unix_ops[];
extern const char *const policy_net_ops[];
extern const char *const policy_signal_targets[]; /* then "process" and "pid_range" */

enum { POLICY_FILE_OPS = 18, POLICY_UNIX_OPS = 5, POLICY_TARGETS = 9 };
enum { POLICY_CONNECT = 1, POLICY_LISTEN = 2 }; /* bits for policy_net_ops[] */

enum scope {
	SCOPE_FILE,
	SCOPE_NETWORK,
	SCOPE_COMMAND,
	SCOPE_UNIX,
	SCOPE_SIGNAL,
	SCOPE_ENV,
	SCOPE_REDIRECT,
	SCOPE_BUILT_IN
};

struct head {
	struct rule rule;
	enum scope scope;
};

/* Masks in indexes: a rule that permits must match the true name of a thing, one that restricts any of its
 * names. */
enum {
	MASK_RESTRICTS = 1, /* deny, approve */
	MASK_PERMITS = 2,   /* allow, audit, redirect, soft_delete */
	MASK_ADDRESSES = 4  /* permits, and its domain pattern is meant for address literals too */
};

struct text_list {
	const char *const *items;
	uint32_t n;
	bool set; /* the key was there */
};

struct file_rule {
	struct head head;
	struct text_list paths;    /* as written */
	struct text_list expanded; /* variables replaced */
	struct glob *globs;        /* one per path; NULL once the policy is compiled */
	uint32_t ops;              /* 1 << enum file_op */
	const char *redirect_to;
	bool preserve_tree;
};

struct net_rule {
	struct head head;
	struct text_list domains, expanded, cidr_texts;
	struct glob *globs; /* one per domain, lower case; NULL once the policy is compiled */
	struct cidr *cidrs;
	uint16_t *ports; /* sorted */
	size_t n_ports;
	uint32_t ops; /* POLICY_CONNECT … */
};

struct env_pattern {
	struct head head; /* rule.name reads "allow LC_*" */
	const char *text;
	struct glob glob;
	bool literal;
};

struct env_list {
	struct env_pattern *items;
	size_t n;
	bool set;
};

struct env_rules {
	struct env_list allow, deny;
	uint64_t max_bytes, max_keys;
	bool has_max_bytes, has_max_keys, block_iteration, has_block_iteration;
};

/* One condition of `facts`. */
struct fact_test {
	enum fact fact;
	bool negated;            /* "!rm.force" */
	bool more;               /* the next one is an alternative to it: "rm.recursive|rm.dir" */
	const struct glob *glob; /* "net.url.host=*.example.com"; NULL: the fact itself */
};

enum { FACT_TESTS = 32 };

struct command_rule {
	struct head head;
	struct text_list commands; /* empty: every command */
	struct text_list args;
	struct regex *regexes; /* one per args pattern */
	struct text_list facts;
	struct fact_test *tests; /* all must hold, less those with an alternative */
	size_t n_tests;          /* at most FACT_TESTS */
	int min_depth, max_depth;
	const struct redirect *redirect; /* NULL if none */
	const struct env_rules *env;     /* likewise */
};

/* A command entry with wildcards. */
struct command_glob {
	uint32_t rule;
	uint32_t mask;
	bool path; /* against the whole path, else the base name */
	struct glob glob;
};

struct unix_rule {
	struct head head;
	struct text_list paths, expanded;
	struct glob *globs;
	uint32_t ops; /* 1 << enum unix_op */
};

enum signal_target_kind { SIGNAL_RELATION, SIGNAL_PROCESS, SIGNAL_PID_RANGE };

struct signal_rule {
	struct head head;
	uint64_t signals; /* 1 << number */
	enum signal_target_kind kind;
	unsigned targets; /* enum signal_target */
	const char *pattern;
	struct glob comm;
	int min, max;
	bool absorb;
	int redirect_to; /* signal number, 0 = none */
};

/* dns_redirects and connect_redirects. */
struct redirect_rule {
	struct head head; /* decision EFFECT_REDIRECT */
	const char *match, *to, *sni, *visibility, *on_failure, *tls_mode;
	struct regex regex;
};

struct policy {
	struct arena arena;
	struct arena places;   /* what policy_drop_places() gives back */
	struct arena *scratch; /* while loading: what goes when it is done */
	const char *name, *description, *file;
	const char *home; /* ${HOME} of whom it was expanded for, or NULL */
	uint64_t version;
	bool approvals, expanded;

	struct file_rule *file_rules;
	struct net_rule *net_rules;
	struct command_rule *command_rules;
	struct unix_rule *unix_rules;
	struct signal_rule *signal_rules;
	struct redirect_rule *dns_redirects, *connect_redirects;
	size_t n_file, n_net, n_command, n_unix, n_signal, n_dns, n_connect;

	struct env_rules env;
	struct policy_limits limits;
	struct policy_audit audit;
	struct policy_pair *inject;
	size_t n_inject;

	/* Indexes. */
	struct globset *files;
	struct globset *domains;   /* reversed; network rules with domains */
	struct cidrset *addresses; /* network rules with cidrs and no domains */
	struct cidrset *ports;     /* network rules with ports only; a port is looked up like an address */
	struct accept_chain {
		struct accept *first, *last;
	} any_net, any_command;             /* rules without selectors */
	struct globset *names;              /* command names and paths, lower case, literal */
	struct command_glob *command_globs; /* in order of their rules */
	size_t n_command_globs;
	struct prefixset *glob_names, *glob_paths; /* numbers of those for base names, for whole paths */
	bool had_files;                            /* policy_drop_places() dropped some */
};

static inline uint32_t policy_mask(enum effect decision)
{
	return decision == EFFECT_DENY || decision == EFFECT_APPROVE ? MASK_RESTRICTS : MASK_PERMITS;
}

/* Build the indexes of a policy whose rules are complete. 0 or -1. */
int policy_compile(struct policy *p, struct err *e);

/* Replace ${NAME} and ${NAME:-fallback} in a pattern. Result in the arena; NULL and a reason on failure. */
const char *policy_expand(struct arena *a, const char *pattern, const struct policy_var *vars, bool path,
                          struct err *e);
