/* Shared by the files of lib/decide. */
#pragma once

#include "decide/decide.h"
#include "policy/impl.h"

/* The verdict that a rule gives under this policy: approve with nobody to ask denies. */
struct verdict verdict_of(const struct policy *p, const struct rule *rule);

/* Rules that hold where the policy has none. */
extern const struct head verdict_default_files, verdict_default_network, verdict_default_metadata,
        verdict_default_rebinding, verdict_default_commands, verdict_default_unix, verdict_default_env,
        verdict_default_env_allow, verdict_default_secret, verdict_default_injection, verdict_default_signals,
        verdict_default_signals_allow, verdict_default_signals_none, verdict_default_wrappers,
        verdict_default_execute;

/* What a program that starts other programs does with its arguments. */
struct wrapped {
	size_t first;       /* index in argv of the command; argc if there is none */
	const char *split;  /* env -S: words in front of the rest, to be split */
	const char *applet; /* multicall: the name is this, the arguments start at `first` */
	bool unknown; /* an option that is not understood: any word from `first` on may be the command */
	bool opaque;  /* started without another execve: nobody asks again */
	bool multicall;
	bool forks;
};

/* Is the program with this base name (lower case) a wrapper, and of what? */
bool wrapper_see(const char *base, const char *const *argv, size_t argc, struct wrapped *out);

/* Do the rule's `facts` hold for these arguments of the program with this base name (lower case)? What cannot
 * be told holds for a rule that restricts, and does not for one that permits. */
bool facts_hold(const struct command_rule *r, const char *name, size_t len, const char *const *argv,
                size_t argc);

/* NAMED_OPAQUE and NAMED_MULTICALL of the program with this base name. */
unsigned wrapper_kind(const char *base);

struct globset_cache *decide_cache_domains(struct decide_cache *c);

/* Lower q->best to the first file rule that matches the path. */
void file_find(const struct policy *p, struct decide_cache *c, const char *path, struct query *q);
