/* Shared by the files that read a policy: the state of one load and the takers of common values. */
#pragma once

#include "policy/impl.h"
#include "yaml/node.h"

enum { RULES_MAX = 10000, FILE_RULES_MAX = 20000 };

struct load {
	struct policy *policy;
	struct arena *arena; /* of the policy */
	struct yaml_sink sink;
	const struct policy_options *options;
	const struct yaml_node *node; /* the mapping being read */
	char *at;                     /* the struct being filled */
};

/* Takers for key tables: they store at load->at + key->offset. */
void load_text(void *to, const struct yaml_node *value, const struct yaml_key *key); /* const char * */
void load_texts(void *to, const struct yaml_node *value,
                const struct yaml_key *key); /* struct text_list; not empty */
void load_any_texts(void *to, const struct yaml_node *value, const struct yaml_key *key); /* may be empty */
void load_bool(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_u64(void *to, const struct yaml_node *value,
              const struct yaml_key *key); /* key->more: const uint64_t[2] */
void load_duration(void *to, const struct yaml_node *value,
                   const struct yaml_key *key); /* int64_t nanoseconds */
void load_decision(void *to, const struct yaml_node *value,
                   const struct yaml_key *key);                                       /* key->more: words */
void load_pairs(void *to, const struct yaml_node *value, const struct yaml_key *key); /* struct pair_list */
void load_anything(void *to, const struct yaml_node *value,
                   const struct yaml_key *key); /* checked by nobody */

struct pair_list {
	struct policy_pair *items;
	size_t n;
};

/* Fill the struct at `at` from a mapping by its key table. */
bool load_struct(struct load *l, const struct yaml_node *node, const char *what, const struct yaml_key *keys,
                 void *at);

void *load_alloc(struct load *l, size_t n, size_t size); /* NULL with a problem */

/* Read the list `node` into an array of `size`-byte structs that start with a struct head. */
struct load_list {
	const char *what; /* "file rule" */
	enum scope scope;
	size_t size, max;
	const struct yaml_key *keys;
	void (*finish)(struct load *l, void *rule, const struct yaml_node *node);
};
void *load_rules(struct load *l, const struct yaml_node *node, const struct load_list *list, size_t *n);

/* Compile the globs of `list`. The problem stands at the item in `key` of the rule. NULL with a problem. */
struct glob *load_globs(struct load *l, struct arena *arena, const struct yaml_node *rule, const char *key,
                        const struct text_list *list, char separator);

/* The first item of the list `key` of a mapping, or the mapping itself; the others follow by `next`. */
const struct yaml_node *load_first(const struct yaml_node *node, const char *key);

/* A copy in the arena, as it is or with lower-case ASCII; "" and a problem without memory. */
const char *load_copy(struct load *l, const char *text);
const char *load_lower(struct load *l, const char *text);

/* Expand the variables of every text; problems at the items. */
bool load_expand(struct load *l, const struct yaml_node *rule, const char *key, const struct text_list *from,
                 struct text_list *to);

/* The sections, one function per top-level key (load_scopes.c, load_rest.c). */
void load_file_rules(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_network_rules(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_command_rules(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_unix_rules(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_signal_rules(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_dns_redirects(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_connect_redirects(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_limits(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_env(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_audit(void *to, const struct yaml_node *value, const struct yaml_key *key);

/* The conditions of a command rule's `facts`, once the rule is filled (load_facts.c). */
void load_fact_tests(struct load *l, struct command_rule *r, const struct yaml_node *node);

/* env_policy keys and the env_* keys of a command rule, for offsets within struct env_rules. */
void load_env_list(void *to, const struct yaml_node *value,
                   const struct yaml_key *key); /* key->more: "allow "… */
void load_env_number(void *to, const struct yaml_node *value, const struct yaml_key *key);
void load_env_bool(void *to, const struct yaml_node *value, const struct yaml_key *key);

/* Keys that every rule has; `words` are its decisions. */
#define LOAD_HEAD(words)                                                                     \
	{ "name", load_text, offsetof(struct head, rule.name), NULL },                       \
	        { "description", load_text, offsetof(struct head, rule.description), NULL }, \
	        { "message", load_text, offsetof(struct head, rule.message), NULL },         \
	        { "timeout", load_duration, offsetof(struct head, rule.timeout_ns), NULL },  \
	{                                                                                    \
		"decision", load_decision, offsetof(struct head, rule.decision), words       \
	}
