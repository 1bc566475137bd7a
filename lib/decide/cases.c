#include "decide/cases.h"

#include "base/num.h"
#include "decide/ask.h"

#include <stdio.h>
#include <string.h>

enum { WORDS_MAX = 256, VARS_MAX = 16 };

struct table {
	struct arena arena;
	struct policy_var vars[VARS_MAX + 1];
	size_t n_vars;
	bool approvals;
	const char *workspace;
	const char *policy_text, *policy_name;
	size_t policy_len;
	struct policy *policy; /* loaded at the first question */
	struct decide_cache *cache;
	case_fn *fn;
	void *arg;
	int bad;
};

/* Split in place. NULL-terminated; the number of words, or -1 when there are too many or a quote stays open.
 */
static int split(char *line, const char **words)
{
	int n = 0;
	char *from = line, *to = line;

	for (;;) {
		bool quoted = false;

		while (*from == ' ' || *from == '\t')
			from++;
		words[n] = NULL;
		if (!*from)
			return n;
		if (n == WORDS_MAX)
			return -1;
		words[n++] = to;
		for (; *from && (quoted || (*from != ' ' && *from != '\t')); from++) {
			if (*from == '"') {
				quoted = !quoted;
				continue;
			}
			if (*from == '\\' && from[1])
				from++;
			*to++ = *from;
		}
		if (quoted)
			return -1;
		from += *from != 0;
		*to++ = 0;
	}
}

static int load(struct table *t, struct err *e)
{
	struct policy_options options = { .vars = t->n_vars ? t->vars : NULL,
		                          .expand = t->n_vars > 0,
		                          .approvals = t->approvals };
	struct policy_problems problems = { 0 };

	if (t->policy)
		return 0;
	t->policy = policy_load(t->policy_text, t->policy_len, t->policy_name, &options, &problems);
	if (!t->policy && problems.n)
		err_set(e, "%s:%d:%d: %s", t->policy_name, problems.items[0].line, problems.items[0].column,
		        problems.items[0].text);
	else if (!t->policy)
		err_set(e, "%s: not loaded", t->policy_name);
	policy_problems_release(&problems);
	t->cache = t->policy ? decide_cache_new(t->policy) : NULL;
	return t->cache ? 0 : -1;
}

static const char *why_not(struct table *t, const struct ask *a, const char *effect, const char *rule)
{
	struct verdict v;

	switch (decide_ask(a, &v)) {
	case ASK_BAD_OPERATION:
		return "unknown operation";
	case ASK_BAD_OBJECT:
		return "not an object of this operation";
	default:
		break;
	}
	if (strcmp(effect_name(v.decision), effect) == 0 && strcmp(v.rule->name, rule) == 0)
		return "";
	return arena_fmt(&t->arena, "is %s %s (line %d)", effect_name(v.decision), v.rule->name,
	                 v.rule->line);
}

/* "exec@2" */
static bool take_depth(struct table *t, struct ask *a)
{
	const char *at = strchr(a->operation, '@');
	uint64_t depth;

	if (!at)
		return true;
	if (!num_u64(at + 1, 0, 1000, &depth))
		return false;
	a->operation = arena_copy(&t->arena, a->operation, (size_t)(at - a->operation));
	a->depth = (int)depth;
	return a->operation != NULL;
}

static void ask(struct table *t, int line, const char *text, char *left, char *right)
{
	const char *words[WORDS_MAX + 1];
	struct ask a = { .policy = t->policy, .cache = t->cache, .workspace = t->workspace };
	struct case_result result = { .line = line, .text = text };
	int n = split(left, words);
	size_t effect_len = strcspn(right, " \t");
	const char *rule = right + effect_len + strspn(right + effect_len, " \t");
	const char *effect = arena_copy(&t->arena, right, effect_len);

	if (n >= 2) {
		a.operation = words[0];
		a.object = words[1];
		a.args = words + 2;
	}
	if (n < 2 || !effect || !*rule || !take_depth(t, &a))
		result.why = "expected: OP OBJECT [ARGS] -> EFFECT RULE";
	else
		result.why = why_not(t, &a, effect, rule);
	result.good = result.why && !*result.why;
	t->bad += !result.good;
	t->fn(t->arg, &result);
}

static int set(struct table *t, char *text, int line, struct err *e)
{
	const char *words[WORDS_MAX + 1];
	int n = split(text, words);

	if (t->policy)
		return err_set(e, "line %d: 'set' and 'approvals' stand before the first question", line);
	if (n == 2 && strcmp(words[0], "approvals") == 0 && strcmp(words[1], "on") == 0) {
		t->approvals = true;
		return 0;
	}
	if (n != 3 || strcmp(words[0], "set") != 0 || t->n_vars == VARS_MAX)
		return err_set(e,
		               "line %d: expected 'set NAME VALUE', 'approvals on' or a question with '->'",
		               line);
	t->vars[t->n_vars++] = (struct policy_var){ words[1], words[2] };
	if (strcmp(words[1], "PROJECT_ROOT") == 0)
		t->workspace = words[2];
	return 0;
}

static int take_line(struct table *t, char *text, int line, struct err *e)
{
	char *arrow, *end = text + strlen(text);

	while (end > text && strchr(" \t\r", end[-1]))
		*--end = 0;
	text += strspn(text, " \t");
	if (!*text || *text == '#')
		return 0;
	arrow = strstr(text, " -> ");
	if (!arrow)
		return set(t, text, line, e);
	if (load(t, e) < 0)
		return -1;
	const char *whole = arena_str(&t->arena, text);
	*arrow = 0;
	ask(t, line, whole ? whole : "", text, arrow + 4 + strspn(arrow + 4, " \t"));
	return 0;
}

int decide_cases(const char *cases, size_t cases_len, const char *policy, size_t policy_len,
                 const char *policy_name, case_fn *fn, void *arg, struct err *e)
{
	struct table t = { .policy_text = policy,
		           .policy_len = policy_len,
		           .policy_name = policy_name,
		           .fn = fn,
		           .arg = arg };
	char *text = arena_copy(&t.arena, cases, cases_len), *next;
	int rc = 0;

	if (!text || strlen(text) != cases_len)
		rc = err_set(e, text ? "the table holds a NUL byte" : "out of memory");
	for (int line = 1; rc == 0 && text; line++, text = next) {
		next = strchr(text, '\n');
		if (next)
			*next++ = 0;
		rc = take_line(&t, text, line, e);
	}
	if (rc == 0 && !t.policy)
		rc = err_set(e, "the table asks nothing");
	decide_cache_free(t.cache);
	policy_free(t.policy);
	arena_release(&t.arena);
	return rc < 0 ? -1 : t.bad;
}
