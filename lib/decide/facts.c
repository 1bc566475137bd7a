/* Do the conditions of a rule on the facts of the arguments hold? Three answers: what cannot be told is
 * MAYBE. */
#include "decide/impl.h"

#include "match/host.h"

#include <limits.h>
#include <string.h>

enum truth { FALSE, MAYBE, TRUE };

/* What the values of a text fact said to each test. */
struct tally {
	const struct command_rule *rule;
	bool some[FACT_TESTS], matched[FACT_TESTS], missed[FACT_TESTS], unclear[FACT_TESTS];
};

/* Lexical normal form, also of relative paths: "", "./x/../.." and "../" are ".", ".." and "..". Length, or 0
 * if it is too long. */
static size_t clean(const char *text, size_t len, char *out, size_t size)
{
	const char *end = text + len;
	size_t n = 0, floor = 0; /* what ".." cannot take away; 1: the root */

	if (len + 2 > size)
		return 0;
	if (len && *text == '/')
		out[n++] = '/', floor = 1;
	while (text < end) {
		const char *slash = memchr(text, '/', (size_t)(end - text));
		size_t part = (size_t)((slash ? slash : end) - text);
		bool up = part == 2 && text[0] == '.' && text[1] == '.';

		if (up && n > floor) {
			while (n > floor && out[n - 1] != '/')
				n--;
			n -= n > floor;
		} else if (part && !(part == 1 && *text == '.') && !(up && floor == 1)) {
			if (n && out[n - 1] != '/')
				out[n++] = '/';
			memcpy(out + n, text, part);
			n += part;
			floor = up ? n : floor;
		}
		text += part + 1;
	}
	if (!n)
		out[n++] = '.';
	return n;
}

static enum truth match_path(const struct glob *g, const char *text, size_t len)
{
	char path[PATH_MAX];
	size_t n = clean(text, len, path, sizeof path);

	if (!n)
		return MAYBE;
	return glob_match(g, path, n) ? TRUE : FALSE;
}

static enum truth match_host(const struct glob *g, const char *text, size_t len)
{
	char name[256];
	struct host h, other;

	if (len >= sizeof name)
		return MAYBE;
	memcpy(name, text, len);
	name[len] = 0;
	if (!host_parse(name, &h))
		return MAYBE;
	if (glob_match(g, h.name, h.len))
		return TRUE;
	for (size_t i = 0; h.kind == HOST_ADDRESS && i < h.n_other; i++)
		if (host_from_address(h.other[i].addr, h.other[i].len, &other) &&
		    glob_match(g, other.name, other.len))
			return TRUE;
	return FALSE;
}

static void take_value(void *to, enum fact fact, const char *text, size_t len)
{
	struct tally *t = to;

	for (size_t i = 0; i < t->rule->n_tests; i++) {
		const struct fact_test *test = &t->rule->tests[i];
		enum fact_kind kind = facts_kind(fact);
		enum truth truth;

		if (test->fact != fact || !test->glob)
			continue;
		if (kind == FACT_KIND_PATH)
			truth = match_path(test->glob, text, len);
		else if (kind == FACT_KIND_HOST)
			truth = match_host(test->glob, text, len);
		else
			truth = glob_match(test->glob, text, len) ? TRUE : FALSE;
		t->some[i] = true;
		t->matched[i] |= truth == TRUE;
		t->missed[i] |= truth == FALSE;
		t->unclear[i] |= truth == MAYBE;
	}
}

/* A flag as it stands. A pattern is true for all values, or false for all, or neither. */
static enum truth ask_test(const struct facts *f, const struct tally *t, size_t i)
{
	const struct fact_test *test = &t->rule->tests[i];
	enum truth truth = facts_has(f, test->fact) ? TRUE : FALSE;

	if (test->glob && t->some[i])
		truth = t->unclear[i] || (t->matched[i] && t->missed[i]) ? MAYBE
		        : t->matched[i]                                  ? TRUE
		                                                         : FALSE;
	else if (test->glob)
		truth = FALSE;
	if (facts_doubts(f, test->fact))
		truth = MAYBE;
	return test->negated ? (enum truth)(TRUE - truth) : truth;
}

bool facts_hold(const struct command_rule *r, const char *name, size_t len, const char *const *argv,
                size_t argc)
{
	struct tally tally = { .rule = r };
	struct facts f = { .value = take_value, .to = &tally };
	enum truth least = policy_mask(r->head.rule.decision) == MASK_RESTRICTS ? MAYBE : TRUE, any = FALSE;

	if (!facts_read(name, len, argv, argc, &f))
		return false;
	for (size_t i = 0; i < r->n_tests; i++) {
		enum truth truth = ask_test(&f, &tally, i);

		any = truth > any ? truth : any;
		if (r->tests[i].more)
			continue;
		if (any < least)
			return false;
		any = FALSE;
	}
	return true;
}
