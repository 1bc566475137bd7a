#include "sys/mounts.h"

#include "base/buf.h"
#include "base/fd.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TEXT_MAX = 4 << 20 };

/* "\040" for a blank and its like, in place. */
static void unescape(char *text)
{
	char *to = text;

	for (const char *p = text; *p; to++) {
		unsigned value = 0;
		size_t n = *p == '\\' ? strspn(p + 1, "01234567") : 0;

		if (n < 3) {
			*to = *p++;
			continue;
		}
		for (size_t i = 1; i <= 3; i++)
			value = value * 8 + (unsigned)(p[i] - '0');
		*to = (char)value;
		p += 4;
	}
	*to = 0;
}

/* The next word of a line; "" at its end. */
static char *word(char **line)
{
	char *start = *line;
	size_t len = strcspn(start, " ");

	*line = start + len + (start[len] != 0);
	start[len] = 0;
	return start;
}

/* ID PARENT DEVICE ROOT WHERE OPTIONS [FIELD...] - TYPE SOURCE OPTIONS */
static struct mount read_line(char *line)
{
	struct mount m = { .id = word(&line) };
	const char *field;

	word(&line);
	m.device = word(&line);
	m.root = word(&line);
	m.where = word(&line);
	do
		field = word(&line);
	while (*field && strcmp(field, "-") != 0);
	m.type = word(&line);
	word(&line);
	m.options = word(&line);
	unescape(m.root);
	unescape(m.where);
	return m;
}

bool mounts_read(struct mounts *m, const char *proc)
{
	struct buf text = { 0 };
	char path[PATH_MAX];
	size_t lines = 0;

	*m = (struct mounts){ NULL, NULL, 0 };
	if ((size_t)snprintf(path, sizeof path, "%s/mountinfo", proc) >= sizeof path ||
	    fd_slurp_file(path, TEXT_MAX, &text, NULL) < 0 || !(m->text = buf_steal(&text)))
		return false;
	for (const char *p = m->text; (p = strchr(p, '\n')); p++)
		lines++;
	m->all = calloc(lines + 1, sizeof *m->all);
	for (char *p = m->text, *end; m->all && (end = strchr(p, '\n')); p = end + 1) {
		*end = 0;
		m->all[m->n++] = read_line(p);
	}
	return m->all != NULL;
}

void mounts_release(struct mounts *m)
{
	free(m->all);
	free(m->text);
}
