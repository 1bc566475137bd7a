#include "enforce/env/build.h"

#include "base/map.h"
#include "decide/decide.h"

#include <string.h>

enum { REMOVED_MAX = 64 };

struct build {
	const struct env_spec *spec;
	struct arena *arena;
	struct map seen; /* names that are settled */
	const char **envp;
	int *from;
	size_t n;
	const char **removed;
	size_t n_removed;
	bool failed;
};

/* Letters that no honest variable name has would only confuse whoever prints or evaluates them. */
static size_t name_length(const char *entry)
{
	size_t len = 0;

	for (; entry[len] && entry[len] != '='; len++)
		if ((unsigned char)entry[len] <= ' ' || entry[len] == 0x7f)
			return 0;
	return entry[len] ? len : 0;
}

/* True the first time a name is seen. */
static bool is_new(struct build *b, const char *name, size_t len)
{
	if (map_get(&b->seen, name, len))
		return false;
	if (!map_set(&b->seen, name, len, b))
		b->failed = true;
	return true;
}

static void put(struct build *b, const char *entry, int from)
{
	b->envp[b->n] = entry;
	b->from[b->n++] = from;
}

static void put_pair(struct build *b, const struct policy_pair *pair)
{
	const char *entry = arena_fmt(b->arena, "%s=%s", pair->name, pair->value);

	if (!entry)
		b->failed = true;
	else
		put(b, entry, -1);
}

static void note_removed(struct build *b, const char *name, size_t len)
{
	const char *text;

	if (b->n_removed > REMOVED_MAX)
		return;
	text = b->n_removed == REMOVED_MAX ? "\xe2\x80\xa6" : arena_copy(b->arena, name, len);
	if (!text)
		b->failed = true;
	else
		b->removed[b->n_removed++] = text;
}

static bool enters(const struct build *b, const char *name, size_t len)
{
	return decide_env(b->spec->policy, b->spec->rule, name, len).effective == EFFECT_ALLOW;
}

static bool is_ours(const char *name)
{
	return !strncmp(name, "AGENTSH_", 8);
}

/* Additions that the policy does not let through leave the name to the caller's environment, where it is
 * judged too. */
static void take_additions(struct build *b, bool *keep)
{
	for (size_t i = 0; i < b->spec->n_add; i++) {
		const struct policy_pair *pair = &b->spec->add[i];
		size_t len = strlen(pair->name);

		if (!is_new(b, pair->name, len))
			continue;
		keep[i] = is_ours(pair->name) || enters(b, pair->name, len);
		if (!keep[i])
			note_removed(b, pair->name, len);
	}
}

static void take_callers(struct build *b)
{
	for (size_t i = 0; i < b->spec->n_env; i++) {
		const char *entry = b->spec->env[i];
		size_t len = name_length(entry);

		if (!len || !is_new(b, entry, len))
			continue;
		if (enters(b, entry, len))
			put(b, entry, (int)i);
		else
			note_removed(b, entry, len);
	}
}

static int check_limits(const struct build *b, const struct env_limits *limits, struct err *e)
{
	uint64_t bytes = 0;

	if (limits->max_keys && b->n > limits->max_keys)
		return err_set(e, "env exceeds max_keys (%llu)", (unsigned long long)limits->max_keys);
	for (size_t i = 0; i < b->n; i++)
		bytes += strlen(b->envp[i]) + 1;
	if (limits->max_bytes && bytes > limits->max_bytes)
		return err_set(e, "env exceeds max_bytes (%llu)", (unsigned long long)limits->max_bytes);
	return 0;
}

/* Names that are injected later are settled first: nobody's value for them may come in. The last of a list
 * counts. */
static void settle(struct build *b, const struct policy_pair *pairs, size_t n, bool *keep)
{
	while (n--)
		keep[n] = is_new(b, pairs[n].name, strlen(pairs[n].name));
}

static int build(struct build *b, const struct env_spec *spec, struct err *e)
{
	static const struct policy_pair flag = { "AGENTSH_ENV_BLOCK_ITERATION", "1" };
	struct env_limits limits = decide_env_limits(spec->policy, spec->rule);
	size_t n_own, n_flag = limits.block_iteration, max;
	const struct policy_pair *own = policy_env_inject(spec->policy, &n_own);
	bool *keep;

	max = spec->n_env + spec->n_add + spec->n_inject + n_own + n_flag;
	b->envp = arena_array(b->arena, max + 1, sizeof *b->envp);
	b->from = arena_array(b->arena, max + 1, sizeof *b->from);
	b->removed = arena_array(b->arena, REMOVED_MAX + 2, sizeof *b->removed);
	keep = arena_array(b->arena, max + 1, sizeof *keep);
	if (!b->envp || !b->from || !b->removed || !keep)
		return err_set(e, "out of memory");
	settle(b, &flag, n_flag, keep);
	settle(b, own, n_own, keep + n_flag);
	settle(b, spec->inject, spec->n_inject, keep + n_flag + n_own);
	take_additions(b, keep + n_flag + n_own + spec->n_inject);
	take_callers(b);
	for (size_t i = 0; i < spec->n_add; i++)
		if (keep[n_flag + n_own + spec->n_inject + i])
			put_pair(b, &spec->add[i]);
	if (!b->failed && check_limits(b, &limits, e) < 0)
		return -1;
	for (size_t i = 0; i < n_flag; i++)
		put_pair(b, &flag);
	for (size_t i = 0; i < n_own; i++)
		if (keep[n_flag + i])
			put_pair(b, &own[i]);
	for (size_t i = 0; i < spec->n_inject; i++)
		if (keep[n_flag + n_own + i])
			put_pair(b, &spec->inject[i]);
	return b->failed ? err_set(e, "out of memory") : 0;
}

int env_build(struct arena *a, const struct env_spec *spec, struct env_built *out, struct err *e)
{
	struct build b = { .spec = spec, .arena = a };
	int rc = build(&b, spec, e);

	map_release(&b.seen);
	*out = (struct env_built){ .envp = b.envp, .from = b.from, .n = b.n, .removed = b.removed };
	return rc;
}
