/* What git takes a sub-command for that it does not know. Where help.autocorrect is set it runs the one that
 * is most like it, in the same process, so that nobody would be asked again. */
#include "facts/git.h"

enum { FLOOR = 7, LONGEST = 40, PREFIX = 0 };

/* Every git has them: none that is less alike is taken. */
static const char always[] =
        " add branch checkout clone commit diff fetch grep init log merge mv pull push rebase"
        " reset rm show status tag ";

static unsigned least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

/* As git weighs them: letters swapped 0, replaced 2, added 1, left out 3; and 1. */
static unsigned distance(const char *typed, size_t n, const char *to, size_t len)
{
	unsigned rows[3][LONGEST + 1];
	unsigned *two = rows[0], *last = rows[1], *row = rows[2], *spare;

	for (size_t j = 0; j <= len; j++)
		last[j] = (unsigned)j;
	for (size_t i = 0; i < n; i++) {
		row[0] = (unsigned)(i + 1) * 3;
		for (size_t j = 0; j < len; j++) {
			row[j + 1] = last[j] + 2 * (typed[i] != to[j]);
			if (i && j && typed[i - 1] == to[j] && typed[i] == to[j - 1])
				row[j + 1] = least(row[j + 1], two[j - 1]);
			row[j + 1] = least(row[j + 1], least(last[j + 1] + 3, row[j] + 1));
		}
		spare = two;
		two = last;
		last = row;
		row = spare;
	}
	return last[len] + 1;
}

/* The next word of a list " a b ", and how much it is like what was typed; NULL at the end. */
static const char *next(const char **list, size_t *len, const char *typed, unsigned *alike)
{
	size_t n = strlen(typed);
	const char *word = *list + strspn(*list, " ");

	*len = strcspn(word, " ");
	*list = word + *len;
	if (!*len)
		return NULL;
	*alike = *len > LONGEST ? FLOOR : distance(typed, n, word, *len);
	if (!strncmp(word, typed, n))
		*alike = PREFIX; /* some versions take these first */
	return word;
}

void git_meant(const char *typed, const char *commands, git_meant_fn *each, void *to)
{
	unsigned best = FLOOR - 1, alike;
	const char *word, *p;
	char command[LONGEST + 1];
	size_t len;

	if (!*typed || strlen(typed) > LONGEST)
		return;
	for (p = always; next(&p, &len, typed, &alike);)
		if (alike != PREFIX)
			best = least(best, alike);
	for (p = commands; (word = next(&p, &len, typed, &alike));) {
		if (alike > best)
			continue;
		memcpy(command, word, len);
		command[len] = 0;
		each(to, command);
	}
}
