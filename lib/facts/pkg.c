/* What the models of package managers share. */
#include "facts/pkg.h"

enum { COMMAND_MAX = 40 };

static bool letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

/* The length of "git+https" in front of a colon, else 0. */
static size_t scheme_len(const char *text)
{
	size_t n = 0;

	while (letter(text[n]) || (n && text[n] == '+'))
		n++;
	return n > 1 && text[n] == ':' ? n : 0;
}

/* "npm:", "file:" and other names of what is at hand, or of the index. */
static bool is_at_hand(const char *text)
{
	return scan_word(" npm file link portal workspace patch catalog jsr pypi ", text, scheme_len(text));
}

static bool has_scheme(const char *text)
{
	return scheme_len(text) && !is_at_hand(text);
}

static bool is_repository(const char *text)
{
	const char *slash = strchr(text, '/');

	return slash && slash != text && slash[1] && !strchr("@.~/", *text) && !strchr(slash + 1, '/') &&
	       !strchr(text, ':');
}

void pkg_source(const struct manager *m, struct facts *f, const char *text)
{
	/* name@https://…, @scope/name@…, "name @ https://…" */
	const char *at = *text ? strchr(text + 1, '@') : NULL, *spec = at ? at + 1 : text;
	const char *scheme = strstr(text, "://");

	spec += strspn(spec, " ");
	if (!has_scheme(text) && !has_scheme(spec) && !scheme &&
	    !(at && url_is_remote(spec) && !is_at_hand(spec)) &&
	    !(m->repositories && (is_repository(text) || is_repository(spec))))
		return;
	facts_set(f, FACT_PKG_FROM_URL);
	while (scheme && scheme > text && (letter(scheme[-1]) || strchr("+-.", scheme[-1])))
		scheme--;
	if (scheme)
		url_facts(f, scheme, NULL);
	else
		facts_set(f, FACT_NET_URL_UNKNOWN);
	if (!scheme)
		facts_doubt(f, FACT_NET_URL_HOST);
}

static uint8_t class_of(const struct manager *m, const char *word)
{
	const struct {
		const char *list;
		uint8_t fact;
	} lists[] = { { m->install, FACT_PKG_INSTALL }, { m->fetch, FACT_PKG_FETCH },
		      { m->exec, FACT_PKG_EXEC },       { m->remove, FACT_PKG_REMOVE },
		      { m->publish, FACT_PKG_PUBLISH }, { m->others, FACT_NONE } };

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		if (lists[i].list && is_in(lists[i].list, word))
			return lists[i].fact;
	return FACT_COUNT;
}

/* A beginning counts if all the words that it begins are of one class. */
static uint8_t class_of_beginning(const struct manager *m, const char *word)
{
	const char *const lists[] = { m->install, m->fetch, m->exec, m->remove, m->publish, m->others };
	size_t len = strlen(word);
	uint8_t found = FACT_COUNT;

	for (size_t i = 0; i < sizeof lists / sizeof *lists; i++)
		for (const char *p = lists[i]; p && (p = strchr(p, ' ')) && p[1]; p++) {
			char name[COMMAND_MAX];
			size_t n = strcspn(p + 1, " ");
			uint8_t class;

			if (n >= sizeof name || n < len || strncmp(p + 1, word, len) != 0)
				continue;
			memcpy(name, p + 1, n);
			name[n] = 0;
			class = class_of(m, name);
			if (found != FACT_COUNT && found != class)
				return FACT_COUNT;
			found = class;
		}
	return found;
}

/* installTest is install-test to some. */
static void plain_name(const char *word, char *out, size_t size)
{
	size_t n = 0;

	for (; *word && n + 3 < size; word++) {
		if (*word >= 'A' && *word <= 'Z' && n)
			out[n++] = '-';
		out[n++] = (char)(*word >= 'A' && *word <= 'Z' ? *word | 0x20 : *word);
	}
	out[*word ? 0 : n] = 0;
}

static uint8_t classify(const struct manager *m, const char *word, bool whole)
{
	uint8_t class = class_of(m, word);
	char name[COMMAND_MAX];

	if (class != FACT_COUNT || !m->abbreviates || whole)
		return class;
	plain_name(word, name, sizeof name);
	if (*name)
		class = class_of(m, name);
	return class == FACT_COUNT && *name ? class_of_beginning(m, name) : class;
}

/* It may be the value of an option, or else the sub-command. */
static void suspect(const struct manager *m, struct facts *f, const char *word)
{
	uint8_t class = classify(m, word, false);

	if (class != FACT_COUNT && class != FACT_NONE)
		facts_doubt(f, (enum fact) class);
}

static void command(const struct manager *m, struct facts *f, const char *word, bool in_group)
{
	uint8_t class;

	facts_text(f, FACT_PKG_COMMAND, word);
	in_group &= m->own_groups;
	class = classify(m, word, in_group);
	if (class == FACT_COUNT && (m->scripts || in_group))
		return;
	if (class == FACT_COUNT) {
		facts_set(f, FACT_PKG_UNKNOWN);
		facts_doubt_family(f, "pkg.");
	} else if (class != FACT_NONE) {
		facts_set(f, (enum fact) class);
	}
}

/* Values of options that can name an address. */
static void option_source(const struct manager *m, struct facts *f, const struct option_row *r,
                          const char *value)
{
	bool links = r->name && !strcmp(r->name, "find-links");

	if (r->set == FACT_PKG_INDEX)
		url_facts(f, value, NULL);
	else if (links || r->set == FACT_PKG_FROM_FILE || r->set == FACT_PKG_FROM_URL ||
	         r->value == FACT_PKG_PACKAGE)
		pkg_source(m, f, value);
}

void pkg_read(const struct manager *m, struct facts *f, const char *const *argv, size_t argc, size_t at)
{
	struct scan s = { .g = m->grammar, .f = f, .argv = argv, .argc = argc, .at = at };
	bool has_command = false, in_group = false, unsure = false;
	unsigned before = 0;
	int carried = 0;

	facts_text(f, FACT_PKG_MANAGER, m->name);
	for (enum item i; (i = scan_next(&s)) != ITEM_END;) {
		/* What an unknown option takes could be the sub-command. */
		if (i == ITEM_UNKNOWN && !has_command)
			facts_doubt_family(f, "pkg.");
		/* Options differ between relatives and versions: in front of the sub-command one that is in
		 * no table may take the next word, and one that is may not. */
		unsure |= !has_command && s.unknown > before;
		before = s.unknown;
		if (i == ITEM_OPTION && m->scripts && !has_command && s.value && s.value == argv[s.at - 1])
			suspect(m, f, s.value);
		if (i == ITEM_OPERAND && has_command && unsure)
			suspect(m, f, s.value);
		if (i == ITEM_OPTION && s.row && s.row->takes && s.value)
			option_source(m, f, s.row, s.value);
		if (i != ITEM_OPERAND)
			continue;
		if (carried) {
			carried--;
		} else if (has_command) {
			facts_text(f, FACT_PKG_PACKAGE, s.value);
			pkg_source(m, f, s.value);
		} else if (m->carries && is_in(m->carries, s.value)) {
			carried = 1;
		} else if (m->groups && is_in(m->groups, s.value)) {
			in_group = true;
		} else {
			command(m, f, s.value, in_group);
			has_command = true;
			unsure &= classify(m, s.value, false) == FACT_COUNT;
		}
	}
	if (!has_command && m->bare)
		command(m, f, m->bare, false);
}
