/* policy - one loaded policy: immutable, compiled, arena-allocated.
 *
 * policy_load() reads YAML text strictly (see load.c for the schema), reports
 * every error of the file with line and column, and returns nothing unless the
 * whole file is good. The result holds all scopes with variables expanded and
 * matchers compiled; only decide/ looks inside (impl.h). It is never changed
 * afterwards: share it freely between sessions, free it when the last leaves.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum effect { EFFECT_DENY, EFFECT_ALLOW, EFFECT_AUDIT, EFFECT_APPROVE, EFFECT_REDIRECT, EFFECT_SOFT_DELETE };

/* "deny", "allow", "audit", "approve", "redirect", "soft_delete". */
const char *effect_name(enum effect effect);

/* What every rule has. Implicit rules (default-deny-files …) are rules too, with line 0. */
struct rule {
	const char *name;
	const char *file; /* base name of the policy file, "default.yaml"; "built-in" for implicit rules */
	int line;         /* of the rule's first key; 0 for implicit rules */
	enum effect decision;
	const char *message; /* template, "" if none */
	const char *description;
	int64_t timeout_ns; /* of an approval, 0 = default */
};

/* Variables for ${NAME}; a value of NULL or "" means unset. Values are escaped before they enter a glob. */
struct policy_var {
	const char *name;
	const char *value;
};

struct policy_options {
	const struct policy_var *vars; /* ends with name NULL; may be NULL */
	bool expand;    /* false: keep ${…} literally, as validation and the global engine do */
	bool approvals; /* approve rules ask somebody; false: they deny */
};

struct policy_problem {
	int line, column;
	const char *text; /* what and, after "; ", a hint */
};

struct policy_problems {
	struct policy_problem *items; /* in arena */
	size_t n;
	struct arena arena; /* owned; release with policy_problems_release() */
};

struct policy;

/* Are file rules enforced where the configuration does not say (sandbox.seccomp.file_monitor)? */
enum { POLICY_FILES_ENFORCED = 1 };

/* Likewise network rules and those for local sockets (sandbox.network.judge)? */
enum { POLICY_NET_ENFORCED = 1 };

/* Parse, check and compile. `file` is the name shown in problems and denials. NULL with `out` filled on
 * failure. */
struct policy *policy_load(const char *text, size_t len, const char *file,
                           const struct policy_options *options, struct policy_problems *out);
void policy_problems_release(struct policy_problems *p);
void policy_free(struct policy *p);

/* Give back the rules for files, the network and sockets: only in these do variables stand. What remains is
 * the same for all variables: commands, signals, environment, limits; asked about the rest it denies, and
 * decide_cache_new() gives NULL. Before anybody else holds the policy. */
void policy_drop_places(struct policy *p);

const char *policy_name(const struct policy *p);
const char *policy_description(const struct policy *p);

/* Facts that tell the supervisor and the filter what they need to trap and read. */
struct policy_needs {
	bool commands;    /* some command rule is not a plain allow: execve must be judged */
	bool depth;       /* some command rule has a context: the process tree must be read */
	bool signals;     /* signal_rules are present */
	bool soft_delete; /* some file rule keeps what it lets go */
	bool files;       /* there are file rules, perhaps dropped by now */
};
struct policy_needs policy_needs(const struct policy *p);

/* Are there rules for local sockets, not dropped? */
bool policy_names_sockets(const struct policy *p);

/* Are this policy's file rules enforced? One without any says nothing about files. */
bool policy_holds_files(const struct policy *p);

/* Likewise its rules for the network and local sockets. */
bool policy_holds_net(const struct policy *p);

/* resource_limits; 0 = not set, except memory_swap_max_mb where -1 = not set. */
struct policy_limits {
	uint64_t max_memory_mb, cpu_quota_percent, pids_max;
	int64_t memory_swap_max_mb;
	uint64_t disk_read_bps_max, disk_write_bps_max, net_bandwidth_mbps;
	int64_t command_timeout_ns, session_timeout_ns, idle_timeout_ns;
	const char *file; /* where they stand */
	int line;
};
const struct policy_limits *policy_limits(const struct policy *p);

struct policy_audit {
	bool log_allowed, log_denied, log_approved; /* all true when the section is absent */
	bool include_stdout, include_stderr, include_file_content;
	uint64_t retention_days; /* 0 = for ever */
};
const struct policy_audit *policy_audit(const struct policy *p);

/* env_inject: `n` pairs. */
struct policy_pair {
	const char *name, *value;
};
const struct policy_pair *policy_env_inject(const struct policy *p, size_t *n);

/* What a redirect rule of the command scope puts in place of the command. */
struct redirect {
	const char *command;
	const char *const *args;        /* NULL-terminated, before the original arguments */
	const char *const *args_append; /* after them */
	const struct policy_pair *environment;
	size_t n_environment;
};
