/* Tables of command lines and the facts they must give: facts_files.c, facts_tools.c. */
#pragma once

#include "facts/facts.h"

#include "test/t.h"

#include <string.h>

enum { WORDS = 64 };

/* What was read from one line, and the values it has. */
struct seen {
	struct facts facts;
	char values[4096];
	size_t len;
};

static void keep(void *to, enum fact fact, const char *text, size_t len)
{
	struct seen *s = to;
	int n = snprintf(s->values + s->len, sizeof s->values - s->len, "\n%s=%.*s\n", facts_name(fact),
	                 (int)len, text);

	if (n > 0 && s->len + (size_t)n < sizeof s->values)
		s->len += (size_t)n;
}

/* Words are split at blanks; 'single quotes' join. */
static size_t split(char *line, const char **argv)
{
	size_t n = 0;
	char *to = line;

	for (char *p = line; *p && n < WORDS;) {
		bool quoted = false;

		while (*p == ' ')
			p++;
		if (!*p)
			break;
		argv[n++] = to;
		for (; *p && (quoted || *p != ' '); p++) {
			if (*p == '\'')
				quoted = !quoted;
			else
				*to++ = *p;
		}
		p += *p != 0;
		*to++ = 0;
	}
	argv[n] = NULL;
	return n;
}

static bool read_line(const char *text, struct seen *s)
{
	char line[1024];
	const char *argv[WORDS + 1];
	size_t n;

	*s = (struct seen){ .facts = { .value = keep, .to = s } };
	snprintf(line, sizeof line, "%s", text);
	n = split(line, argv);
	return n && facts_read(argv[0], strlen(argv[0]), argv, n, &s->facts);
}

/* "rm.force", "!rm.force" for no, "rm.force?" for doubt, "rm.target=x" for a value. */
static bool holds(const struct seen *s, const char *want)
{
	bool no = *want == '!', value = strchr(want, '=') != NULL;
	size_t len = strlen(want += no);
	bool doubt = want[len - 1] == '?' && !value;
	char text[512];
	enum fact fact = facts_find(want, value ? strcspn(want, "=") : len - doubt);

	if (!fact)
		return ok(false, "'%s' is a fact", want);
	if (value) {
		snprintf(text, sizeof text, "\n%s\n", want);
		return (strstr(s->values, text) != NULL) != no;
	}
	if (doubt)
		return facts_doubts(&s->facts, fact);
	return facts_has(&s->facts, fact) != no && (doubt || !facts_doubts(&s->facts, fact));
}

/* Facts separated by blanks, then command lines that have them all; both lists end with NULL. */
struct row {
	const char *want;
	const char *lines[64];
};

static void check(const struct row *rows, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < 64 && rows[i].lines[k]; k++) {
			struct seen s;
			char want[512];

			if (!ok(read_line(rows[i].lines[k], &s), "%s: is known", rows[i].lines[k]))
				continue;
			snprintf(want, sizeof want, "%s", rows[i].want);
			for (char *save = NULL, *w = strtok_r(want, " ", &save); w;
			     w = strtok_r(NULL, " ", &save))
				ok(holds(&s, w), "%s: %s", rows[i].lines[k], w);
		}
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof *(rows))
