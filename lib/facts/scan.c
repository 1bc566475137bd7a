/* The scanner: getopt, getopt_long and their relatives by table. */
#include "facts/scan.h"

enum { UNKNOWN_MAX = 64 };

void facts_set(struct facts *f, enum fact fact)
{
	f->yes[fact / 64] |= (uint64_t)1 << (fact % 64);
}

void facts_clear(struct facts *f, enum fact fact)
{
	f->yes[fact / 64] &= ~((uint64_t)1 << (fact % 64));
}

void facts_doubt(struct facts *f, enum fact fact)
{
	f->doubt[fact / 64] |= (uint64_t)1 << (fact % 64);
}

void facts_doubt_family(struct facts *f, const char *prefix)
{
	/* What is known of the doubt itself stays so. */
	static const char sure[] = " unknown config command manager ";

	for (unsigned i = 1; i < FACT_COUNT; i++) {
		const char *name = facts_name((enum fact)i);

		if (starts(name, prefix) && !is_in(sure, strrchr(name, '.') + 1))
			facts_doubt(f, (enum fact)i);
	}
}

void facts_value(struct facts *f, enum fact fact, const char *text, size_t len)
{
	facts_set(f, fact);
	if (f->value)
		f->value(f->to, fact, text, len);
}

void facts_copy(struct facts *f, enum fact from, enum fact to)
{
	if (facts_has(f, from))
		facts_set(f, to);
	if (facts_doubts(f, from))
		facts_doubt(f, to);
}

bool scan_word(const char *list, const char *word, size_t len)
{
	if (!len)
		return false;
	for (const char *p = list; (p = strchr(p, ' ')) && p[1]; p++)
		if (!strncmp(p + 1, word, len) && p[1 + len] == ' ')
			return true;
	return false;
}

/* What an option is, wherever in the grammar it stands. */
struct known {
	const struct option_row *row;
	enum takes takes;
};

static const struct option_row *no_rows(void)
{
	static const struct option_row none = { .name = NULL };

	return &none;
}

static const struct option_row *first_row(const struct grammar *g)
{
	return g->rows ? g->rows : no_rows();
}

static bool is_row(const struct option_row *r)
{
	return r->name || r->letter;
}

static bool same_effect(const struct known *a, const struct known *b)
{
	if (a->takes != b->takes)
		return false;
	if (!a->row || !b->row)
		return a->row == b->row;
	return a->row->set == b->row->set && a->row->clear == b->row->clear && a->row->value == b->row->value;
}

/* A candidate for a long name. Exact: done. A beginning: counts if all of them come to the same. */
struct search {
	const char *name;
	size_t len;
	struct known found;
	bool exact, any, split;
};

static void offer(struct search *s, const char *name, size_t len, struct known k)
{
	if (len < s->len || strncmp(name, s->name, s->len) != 0 || s->exact)
		return;
	s->exact = len == s->len;
	s->split = !s->exact && (s->split || (s->any && !same_effect(&s->found, &k)));
	s->any = true;
	s->found = k;
}

static bool find_long(const struct grammar *g, const char *name, size_t len, struct known *out)
{
	struct search s = { .name = name, .len = len };

	for (const struct option_row *r = first_row(g); is_row(r); r++)
		if (r->name)
			offer(&s, r->name, strlen(r->name),
			      (struct known){ .row = r, .takes = (enum takes)r->takes });
	for (const char *p = g->longs; p && *p && p[1]; p = strchr(p + 1, ' ')) {
		if (p[1] != *name)
			continue;
		size_t n = strcspn(p + 1, " =?");
		char mark = p[1 + n];

		offer(&s, p + 1, n,
		      (struct known){ .takes = mark == '='   ? TAKES_VALUE
		                               : mark == '?' ? TAKES_MAYBE
		                                             : TAKES_NONE });
	}
	*out = s.found;
	return s.any && len && (s.exact || (g->flags & GRAMMAR_ABBREVIATES && !s.split));
}

static bool find_short(const struct grammar *g, char letter, struct known *out)
{
	const char *p = letter == ':' ? NULL : strchr(g->letters ? g->letters : "", letter);

	for (const struct option_row *r = first_row(g); is_row(r); r++)
		if (r->letter == letter) {
			*out = (struct known){ .row = r, .takes = (enum takes)r->takes };
			return true;
		}
	if (!p || !letter)
		return false;
	out->row = NULL;
	out->takes = p[1] != ':' ? TAKES_NONE : p[2] == ':' ? TAKES_MAYBE : TAKES_VALUE;
	return true;
}

static enum item not_known(struct scan *s)
{
	s->cluster = NULL;
	s->row = NULL;
	if (s->g->flags & GRAMMAR_LAX) {
		s->unknown++;
		return ITEM_OPTION;
	}
	/* The tool has refused long ago; everything is in doubt already. */
	if (++s->unknown == UNKNOWN_MAX)
		s->at = s->argc;
	if (s->g->unknown)
		facts_set(s->f, (enum fact)s->g->unknown);
	for (const struct option_row *r = first_row(s->g); is_row(r); r++) {
		facts_doubt(s->f, (enum fact)r->set);
		facts_doubt(s->f, (enum fact)r->value);
	}
	return ITEM_UNKNOWN;
}

static bool is_false(const char *value)
{
	return is_in(" false 0 f F FALSE False no off null ", value);
}

/* Taken back, unless another row still says so. */
static void take_back(struct scan *s, uint8_t fact)
{
	const struct option_row *rows = first_row(s->g);

	for (size_t i = 0; i < 64 && is_row(&rows[i]); i++)
		if (s->on >> i & 1 && rows[i].set == fact)
			return;
	facts_clear(s->f, (enum fact)fact);
}

static void apply(struct scan *s, const struct option_row *r)
{
	uint64_t bit = (uint64_t)1 << ((r - first_row(s->g)) & 63);

	s->on = s->negated ? s->on & ~bit : s->on | bit;
	if (r->set && s->negated)
		take_back(s, r->set);
	else if (r->set)
		facts_set(s->f, (enum fact)r->set);
	if (r->clear && !s->negated)
		facts_clear(s->f, (enum fact)r->clear);
	if (r->value && s->value && !s->negated)
		facts_text(s->f, (enum fact)r->value, s->value);
}

static enum item found(struct scan *s, const struct known *k)
{
	const struct option_row *r = k->row;

	s->row = r;
	if (k->takes == TAKES_VALUE && !s->value) {
		/* Without a value the tool refuses to run. */
		if (s->at >= s->argc)
			return not_known(s);
		s->value = s->argv[s->at++];
	}
	if (k->takes == TAKES_NONE && s->g->flags & GRAMMAR_LAX && !s->cluster && s->at < s->argc &&
	    is_in(" true false null ", s->argv[s->at]))
		s->value = s->argv[s->at++];
	if (!r)
		return ITEM_OPTION;
	if (k->takes == TAKES_NONE && s->value && is_false(s->value))
		s->negated = true;
	apply(s, r);
	return ITEM_OPTION;
}

static enum item long_option(struct scan *s, const char *word)
{
	size_t len = strcspn(word, "=");
	const char *value = word[len] ? word + len + 1 : NULL;
	struct known k;

	s->name = word;
	s->name_len = len;
	s->value = value;
	if (find_long(s->g, word, len, &k)) {
		if (value && k.takes == TAKES_NONE && !(s->g->flags & GRAMMAR_BOOLEANS))
			return not_known(s);
		return found(s, &k);
	}
	if (s->g->flags & GRAMMAR_NEGATES && starts(word, "no-") && find_long(s->g, word + 3, len - 3, &k)) {
		s->negated = true;
		k.takes = TAKES_NONE;
		return found(s, &k);
	}
	return not_known(s);
}

static enum item short_option(struct scan *s)
{
	char letter = *s->cluster++;
	struct known k;

	s->letter = letter;
	if (!*s->cluster)
		s->cluster = NULL;
	if (!find_short(s->g, letter, &k))
		return not_known(s);
	if (s->cluster && s->g->flags & GRAMMAR_EQUALS && *s->cluster == '=') {
		s->value = s->cluster + 1;
		s->cluster = NULL;
	} else if (k.takes != TAKES_NONE && s->cluster && !s->old_style) {
		s->value = s->cluster;
		s->cluster = NULL;
	}
	return found(s, &k);
}

/* A long option behind one dash? */
static bool is_single(const struct grammar *g, const char *word)
{
	struct known k;

	return g->flags & GRAMMAR_SINGLE ||
	       (g->flags & GRAMMAR_LAX && find_long(g, word, strcspn(word, "="), &k));
}

enum item scan_next(struct scan *s)
{
	const char *word;

	s->row = NULL;
	s->name = s->value = NULL;
	s->letter = 0;
	s->negated = false;
	if (s->cluster)
		return short_option(s);
	if (s->at >= s->argc)
		return ITEM_END;
	word = s->argv[s->at++];
	if (!s->ended && word[0] == '-' && word[1]) {
		if (word[1] == '-' && !word[2]) {
			s->ended = true;
			return scan_next(s);
		}
		if (word[1] == '-')
			return long_option(s, word + 2);
		if (word[2] && is_single(s->g, word + 1))
			return long_option(s, word + 1);
		s->cluster = word + 1;
		return short_option(s);
	}
	s->ended |= (s->g->flags & GRAMMAR_STOPS) != 0;
	s->value = word;
	return ITEM_OPERAND;
}
