/* build - the environment a command starts with.
 *
 * Made from scratch out of the caller's: entries without "=", duplicates (the first counts) and names the
 * policy does not let through are left out; what the server adds and what the operator injects comes after
 * and is never filtered.
 */
#pragma once

#include "base/arena.h"
#include "base/err.h"
#include "policy/policy.h"

#include <stddef.h>

struct env_spec {
	const struct policy *policy;
	const struct rule *rule; /* of the command, for its overrides; may be NULL */
	const char *const *env;  /* the caller's, n_env entries */
	size_t n_env;
	const struct policy_pair *add; /* filtered by the policy unless their name begins with AGENTSH_ */
	size_t n_add;
	const struct policy_pair
	        *inject; /* of the configuration; the policy's own env_inject wins; never filtered */
	size_t n_inject;
};

struct env_built {
	const char *const
	        *envp;   /* NULL-terminated, n entries; strings of the caller's environment or of the arena */
	const int *from; /* for each: index in the caller's environment, -1 = added or injected */
	size_t n;
	const char *const
	        *removed; /* NULL-terminated names (never values) that were left out; at most 64, then "…" */
};

/* 0, or -1 with "env exceeds max_keys (N)" or "env exceeds max_bytes (N)" (sum of K=V and a NUL each). */
int env_build(struct arena *a, const struct env_spec *spec, struct env_built *out, struct err *e);
