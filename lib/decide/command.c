/* Judging a command under all its names, and then what it would start. */
#include "decide/impl.h"

#include "base/path.h"
#include "base/room.h"

#include <string.h>
#include <strings.h>

/* What the arguments of one command may cost, in units of about 2 ns: they may be 6 MiB, a pattern may have
 * thousands of transitions, and behind a wrapper every word may be a command. */
enum { WORK = 400 * 1000 * 1000, FACTS_WEIGHT = 12 };

enum { LEVELS = 12, NAME_SIZE = 4096, SPLIT_WORDS = 256, SPLIT_SIZE = 2048 };

struct asked {
	const struct policy *policy;
	const char *const *args; /* without argv[0] */
	size_t n_args;
	const char *const *argv;
	size_t argc;
	const char *base; /* of the name that is asked about, lower case */
	size_t base_len;
	int depth;
	size_t *budget, bytes; /* of all of argv, once it was asked for */
	struct query query;
	const char *subject;
	bool named; /* the rule found names the command; it is not one for all commands */
	bool used_args;
};

/* May the arguments be looked at, at this cost for each byte? To count them is paid for as well. */
static bool spend(struct asked *a, size_t weight)
{
	size_t left = *a->budget;

	for (size_t i = 0; !a->bytes && i < a->argc && left; i++) {
		size_t len = strnlen(a->argv[i], left) + 1;

		left -= len < left ? len : left;
	}
	if (!a->bytes)
		a->bytes = *a->budget - left + 1;
	if (weight && a->bytes > *a->budget / weight) {
		*a->budget = 0;
		return false;
	}
	*a->budget -= a->bytes * weight;
	return true;
}

/* Depth and arguments. What the engine cannot tell counts as a match for a rule that restricts only. */
static bool check_rule(void *to, uint32_t rule)
{
	struct asked *a = to;
	const struct command_rule *r = &a->policy->command_rules[rule];
	bool strict;

	if (a->depth < r->min_depth || a->depth > r->max_depth)
		return false;
	if (!r->args.n && !r->n_tests)
		return true;
	a->used_args = true;
	strict = policy_mask(r->head.rule.decision) == MASK_RESTRICTS;
	if (CONFIG_FACTS && r->n_tests && !spend(a, FACTS_WEIGHT))
		return strict;
	if (CONFIG_FACTS && r->n_tests && !facts_hold(r, a->base, a->base_len, a->argv, a->argc))
		return false;
	for (size_t i = 0; i < r->args.n; i++) {
		enum regex_result result = spend(a, r->regexes[i].weight)
		                                   ? regex_match(&r->regexes[i], a->args, a->n_args)
		                                   : REGEX_UNKNOWN;

		if (result == REGEX_YES || (result == REGEX_UNKNOWN && strict))
			return true;
	}
	return !r->args.n;
}

static size_t lower_copy(const char *text, char *out, size_t size)
{
	size_t n = 0;

	for (; *text && n + 1 < size; text++)
		out[n++] = (char)(*text >= 'A' && *text <= 'Z' ? *text | 0x20 : *text);
	out[n] = 0;
	return *text ? 0 : n;
}

static size_t base_of(const char *name, size_t len)
{
	while (len && name[len - 1] != '/')
		len--;
	return len;
}

/* A pattern that may match: both spellings are tried. */
struct trial {
	struct asked *asked;
	const char *name, *lower;
	size_t len;
};

/* False: the later ones are of no interest. */
static bool try_glob(void *arg, uint32_t number)
{
	const struct trial *t = arg;
	const struct command_glob *g = &t->asked->policy->command_globs[number];
	struct query *q = &t->asked->query;

	if (g->rule >= q->best)
		return false;
	if ((g->mask & q->bit) &&
	    (glob_match(&g->glob, t->lower, t->len) || glob_match(&g->glob, t->name, t->len)) &&
	    q->check(q->to, g->rule))
		q->best = g->rule;
	return true;
}

static void ask_set(struct asked *a, const struct prefixset *set, const char *name, const char *lower,
                    size_t len)
{
	struct trial t = { .asked = a, .name = name, .lower = lower, .len = len };

	prefixset_find(set, lower, len, try_glob, &t);
	if (memcmp(name, lower, len))
		prefixset_find(set, name, len, try_glob, &t);
}

static void ask_globs(struct asked *a, const char *name, const char *lower, size_t len)
{
	size_t base = base_of(lower, len);

	ask_set(a, a->policy->glob_names, name + base, lower + base, len - base);
	ask_set(a, a->policy->glob_paths, name, lower, len);
}

static void ask_spelling(struct asked *a, const char *name, const char *lower, size_t len)
{
	const struct policy *p = a->policy;
	size_t base = base_of(lower, len);

	a->base = lower + base;
	a->base_len = len - base;
	globset_find(p->names, NULL, lower + base, len - base, &a->query);
	if (base)
		globset_find(p->names, NULL, lower, len, &a->query);
	ask_globs(a, name, lower, len);
}

/* One name of the file, with and without ".real", for rules with `bit` that are about names. */
static bool ask_word(struct asked *a, const char *name, uint32_t bit)
{
	ROOM char lower[NAME_SIZE];
	size_t len = lower_copy(name, lower, sizeof lower);

	a->query.bit = bit;
	if (!len)
		return false;
	ask_spelling(a, name, lower, len);
	if (len > 5 && !strcmp(lower + len - 5, ".real")) {
		lower[len - 5] = 0;
		ask_spelling(a, name, lower, len - 5);
	}
	return true;
}

/* The same, and then for rules that are about all commands. */
static void ask_name(struct asked *a, const char *name, uint32_t bit)
{
	uint32_t before = a->query.best;

	if (!ask_word(a, name, bit))
		return;
	if (a->query.best != before) {
		a->subject = name;
		a->named = true;
		before = a->query.best;
	}
	query_offer(&a->query, a->policy->any_command.first);
	if (a->query.best != before) {
		a->subject = name;
		a->named = false;
	}
}

static struct asked ask(const struct policy *p, const struct command_request *r)
{
	struct asked a = {
		.policy = p,
		.args = r->argc ? r->argv + 1 : NULL,
		.n_args = r->argc ? r->argc - 1 : 0,
		.argv = r->argv,
		.argc = r->argc,
		.depth = r->depth,
		.budget = r->budget,
		.query = { .best = QUERY_NONE, .check = check_rule },
		.subject = r->path,
	};
	const uint32_t both = MASK_RESTRICTS | MASK_PERMITS;

	a.query.to = &a;
	if (r->path)
		ask_name(&a, r->path, both);
	for (size_t i = 0; i < r->n_alias; i++)
		ask_name(&a, r->alias[i], both);
	/* A name that the caller can choose must not open anything. */
	if (r->given && r->given != r->path)
		ask_name(&a, r->given, MASK_RESTRICTS);
	return a;
}

static struct verdict verdict_for(const struct policy *p, const struct asked *a)
{
	bool found = a->query.best != QUERY_NONE;
	struct verdict v = verdict_of(p, found ? &p->command_rules[a->query.best].head.rule
	                                       : &verdict_default_commands.rule);

	v.subject = a->subject;
	v.used_args = a->used_args;
	return v;
}

static int severity(const struct verdict *v)
{
	if (v->effective == EFFECT_DENY)
		return 3;
	if (v->effective == EFFECT_APPROVE)
		return 2;
	return v->decision == EFFECT_AUDIT;
}

static struct verdict stricter(struct verdict outer, struct verdict inner)
{
	struct verdict v = severity(&inner) > severity(&outer) ? inner : outer;

	v.used_args = true;
	return v;
}

static struct verdict judge(const struct policy *p, const struct command_request *r, int level);

/* The words of env -S: blanks separate, quotes and backslashes group; an open quote ends at the end. */
static size_t split_words(const char *text, char *store, size_t size, const char **words, size_t max)
{
	size_t n = 0, at = 0;

	while (*text && n < max && at + 2 < size) {
		char quote = 0;

		text += strspn(text, " \t\n\v\f\r");
		if (!*text)
			break;
		words[n++] = store + at;
		for (; *text && at + 2 < size && (quote || !strchr(" \t\n\v\f\r", *text)); text++) {
			if (*text == quote)
				quote = 0;
			else if (!quote && (*text == '\'' || *text == '"'))
				quote = *text;
			else if (*text == '\\' && quote != '\'' && text[1])
				store[at++] = *++text;
			else
				store[at++] = *text;
		}
		store[at++] = 0;
	}
	return n;
}

/* The subject, a word of env's text, when that text is split no more: the rule's own name for it, which lasts
 * as long as the policy. Where the rule has a pattern, the whole text. */
static const char *lasting_name(const struct policy *p, const struct verdict *v, const char *text)
{
	for (size_t i = 0; i < p->n_command; i++) {
		const struct text_list *names = &p->command_rules[i].commands;

		if (v->rule != &p->command_rules[i].head.rule)
			continue;
		for (size_t k = 0; k < names->n; k++)
			if (!strcasecmp(path_base(names->items[k]), path_base(v->subject)))
				return names->items[k];
	}
	return text;
}

/* env -S: env itself is judged again with the text in place. Its exec is seen by the kernel with all
 * arguments, so that cutting here loses nothing. */
static struct verdict judge_split(const struct policy *p, const struct command_request *r,
                                  const struct wrapped *w, int level)
{
	char store[SPLIT_SIZE];
	const char *argv[SPLIT_WORDS + 1];
	struct command_request inner = {
		.path = r->path, .argv = argv, .depth = r->depth, .budget = r->budget
	};
	struct verdict v;

	argv[0] = "env";
	inner.argc = 1 + split_words(w->split, store, sizeof store, argv + 1, SPLIT_WORDS / 2);
	for (size_t i = w->first; i < r->argc && inner.argc < SPLIT_WORDS; i++)
		argv[inner.argc++] = r->argv[i];
	argv[inner.argc] = NULL;
	v = judge(p, &inner, level + 1);
	if (v.subject >= store && v.subject < store + sizeof store)
		v.subject = lasting_name(p, &v, w->split);
	return v;
}

/* The shell of a multicall program runs its other applets without an execve that would show them. Rules can
 * name it. */
static const char *applet_shell(const struct wrapped *w, const char *applet)
{
	static const char *const shells[] = { "sh", "ash", "hush", "lash", "msh" };

	for (size_t i = 0; w->multicall && i < sizeof shells / sizeof *shells; i++)
		if (!strcmp(applet, shells[i]))
			return "applet-shell";
	return NULL;
}

static struct verdict judge_inner(const struct policy *p, const struct command_request *r,
                                  const struct wrapped *w, int level)
{
	const struct command_request inner = {
		.path = w->applet ? w->applet : r->argv[w->first],
		.given = applet_shell(w, w->applet ? w->applet : r->argv[w->first]),
		.argv = r->argv + (w->applet ? w->first - 1 : w->first),
		.argc = r->argc - (w->applet ? w->first - 1 : w->first),
		.depth = r->depth + w->forks,
		.budget = r->budget,
	};
	struct verdict v = judge(p, &inner, level + 1);

	/* Nobody will ask again, and the arguments cannot be replaced in the middle of a running program. */
	if (w->opaque && v.decision == EFFECT_REDIRECT)
		v.effective = EFFECT_DENY;
	return v;
}

/* An option that is not understood: any later word may be the command. Words that a rule restricts by name
 * count; where nobody asks again, every word is judged in full. */
static struct verdict judge_words(const struct policy *p, const struct command_request *r,
                                  const struct wrapped *w, struct verdict outer)
{
	for (size_t i = w->first; i < r->argc; i++) {
		struct command_request inner = { .path = r->argv[i],
			                         .argv = r->argv + i,
			                         .argc = r->argc - i,
			                         .depth = r->depth,
			                         .budget = r->budget };
		struct asked a;

		if (r->argv[i][0] == '-')
			continue;
		a = ask(p, &inner);
		if (w->opaque || a.named)
			outer = stricter(outer, verdict_for(p, &a));
	}
	return outer;
}

/* The wrapper among the names of the file. */
static bool see_wrapper(const struct command_request *r, struct wrapped *w)
{
	const char *names[2] = { r->path, r->given == r->path ? NULL : r->given };

	for (size_t i = 0; i < 2 + r->n_alias; i++) {
		const char *name = i < 2 ? names[i] : r->alias[i - 2],
		           *slash = name ? strrchr(name, '/') : NULL;
		char base[64];
		size_t len = name ? lower_copy(slash ? slash + 1 : name, base, sizeof base) : 0;

		if (len > 5 && !strcmp(base + len - 5, ".real"))
			base[len - 5] = 0;
		if (len && wrapper_see(base, r->argv, r->argc, w))
			return true;
	}
	return false;
}

static struct verdict judge(const struct policy *p, const struct command_request *r, int level)
{
	struct asked a = ask(p, r);
	struct verdict v = verdict_for(p, &a);
	struct wrapped w;

	if (v.effective == EFFECT_DENY || !see_wrapper(r, &w))
		return v;
	if (level == LEVELS)
		return verdict_of(p, &verdict_default_wrappers.rule);
	if (w.unknown)
		return judge_words(p, r, &w, v);
	if (w.split)
		return stricter(v, judge_split(p, r, &w, level));
	if (w.applet || w.first < r->argc)
		return stricter(v, judge_inner(p, r, &w, level));
	return v;
}

struct verdict decide_command(const struct policy *p, const struct command_request *r)
{
	struct command_request within = *r;
	size_t budget = WORK;

	within.budget = &budget;
	return judge(p, &within, 0);
}

int decide_payload(const struct command_request *r)
{
	struct wrapped w;

	if (!see_wrapper(r, &w) || !w.opaque || w.applet || w.unknown || w.first >= r->argc)
		return -1;
	return (int)w.first;
}

/* Does the rule take something away, whatever the arguments and the depth? */
static bool restricts(void *to, uint32_t rule)
{
	const struct asked *a = to;
	enum effect e = a->policy->command_rules[rule].head.rule.decision;

	return e == EFFECT_DENY || e == EFFECT_APPROVE || e == EFFECT_REDIRECT;
}

static uint32_t first_restriction(const struct policy *p, const char *name)
{
	struct asked a = { .policy = p, .query = { .best = QUERY_NONE, .check = restricts } };

	a.query.to = &a;
	ask_word(&a, name, MASK_RESTRICTS | MASK_PERMITS);
	return a.query.best;
}

unsigned decide_named(const struct policy *p, const char *path)
{
	const char *slash = strrchr(path, '/');
	uint32_t rule = first_restriction(p, path);

	/* A pattern for any name says nothing about this one. */
	return (rule != QUERY_NONE && rule != first_restriction(p, "/\1") ? NAMED_BY_RULE : 0) |
	       wrapper_kind(slash ? slash + 1 : path);
}

void decide_named_paths(const struct policy *p, void (*each)(void *arg, const char *path), void *arg)
{
	for (size_t i = 0; i < p->n_command; i++) {
		const struct text_list *names = &p->command_rules[i].commands;

		for (size_t k = 0; k < names->n; k++)
			if (names->items[k][0] == '/' && !strpbrk(names->items[k], "*?["))
				each(arg, names->items[k]);
	}
}

const struct redirect *decide_redirect(const struct rule *rule)
{
	const struct head *head = (const struct head *)rule;

	if (head->scope != SCOPE_COMMAND || rule->decision != EFFECT_REDIRECT)
		return NULL;
	return ((const struct command_rule *)rule)->redirect;
}
