/* The model that lint's checks look at. Private to lint_*.c and explain.c. */
#pragma once

#include "policy/impl.h"
#include "policy/lint.h"
#include "yaml/node.h"

#include <stdint.h>

enum { SCOPES = SCOPE_SIGNAL + 1 };

/* How variables are filled in. Values are placeholders that only ** can match, so that a proof holds for all.
 */
enum lint_setting {
	SETTING_PLAIN,     /* every variable is a place of its own */
	SETTING_HOME,      /* the project is the home directory */
	SETTING_WORKSPACE, /* /workspace is the project under another name */
	SETTINGS
};

struct lint_entry {
	const char *text;
	int line;
	bool is_path;               /* command with a slash: not a base name */
	struct glob glob[SETTINGS]; /* file, unix: path; network: domain; command: name */
	struct cidr cidr;
	struct regex regex;
};

struct lint_list {
	struct lint_entry *items;
	size_t n;
};

struct lint_rule {
	enum scope scope;
	const char *name, *description, *message;
	int line;
	enum effect decision;
	struct lint_list what; /* paths, domains, commands, signals */
	struct lint_list cidrs, args, facts;
	uint32_t ops;    /* file and unix: bit per operation name */
	uint64_t *ports; /* n_ports 0 = all */
	size_t n_ports;
	uint64_t min_depth, max_depth;
	const char *target; /* signal: "session" or "process/pattern" */
	bool has_timeout;
};

struct lint_rules {
	struct lint_rule *items;
	size_t n;
};

struct lint {
	struct arena *arena; /* the report's */
	struct arena work;
	const char *text;
	size_t len;
	const struct yaml_node *root;
	struct lint_rules rules[SCOPES];
	struct lint_list env_allow, env_deny;
	int env_allow_line;
	bool block_iteration;
	struct lint_report *report;
	size_t max;    /* findings there is room for */
	size_t budget; /* what comparing globs may still cost */
	bool failed;
};

extern const char *const lint_scopes[SCOPES];

/* Fill the model from the text. 0 or -1. */
int lint_model(struct lint *l, struct err *e);
void lint_model_release(struct lint *l);

/* Compile `text` with variables as `setting` says. False if it does not compile. */
bool lint_glob(struct lint *l, const char *text, char separator, enum lint_setting setting, struct glob *out);

/* Report. `rule` gives scope, name and line; `at` 0 = the rule's line; `other` may be NULL. */
struct lint_where {
	const struct lint_rule *rule, *other;
	int at;
	const char *scope, *name; /* instead of a rule */
};
void lint_add(struct lint *l, enum lint_class class, enum lint_severity severity, struct lint_where where,
              const char *hint, const char *fmt, ...) __attribute__((format(printf, 6, 7)));

/* Does the rule restrict (deny, approve)? */
static inline bool lint_restricts(const struct lint_rule *r)
{
	return r->decision == EFFECT_DENY || r->decision == EFFECT_APPROVE;
}

/* First rule that decides about a file (variables in `path` are filled in) or a bare command without
 * arguments; NULL when the implicit denial does. */
const struct lint_rule *lint_file(struct lint *l, const char *op, const char *path,
                                  enum lint_setting setting);
const struct lint_rule *lint_command(struct lint *l, const char *name);
/* The rule itself: does one of its argument patterns match? True without patterns. */
bool lint_args_match(const struct lint_rule *r, const char *args);
/* Does the rule name this command? */
bool lint_names(const struct lint_rule *r, const char *name);
/* What operations of a scope are called; NULL ends it. */
const char *const *lint_ops(enum scope scope);
bool lint_has_op(const struct lint_rule *r, const char *op);

/* The checks. */
void lint_reach(struct lint *l); /* unreachable, partly, contradictory */
void lint_files(struct lint *l); /* never, weak */
void lint_commands(struct lint *l);
void lint_network(struct lint *l);
void lint_env(struct lint *l);
void lint_keys(struct lint *l); /* unenforced */
