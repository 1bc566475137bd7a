/* A loaded configuration as text, and its problems as lines. */
#include "config/impl.h"

#include "base/visible.h"

#include <stdio.h>
#include <string.h>

char *config_problem_line(const struct config_problem *p, const char *path, char *out, size_t size)
{
	static const char *const words[] = { "note", "warning", "error" };
	char text[1200];

	visible_text(p->text, NULL, text, sizeof text); /* it may quote the file */
	if (p->line)
		snprintf(out, size, "%s:%d:%d: %s: %s", path, p->line, p->column, words[p->severity], text);
	else
		snprintf(out, size, "%s: %s: %s", *path ? path : "configuration", words[p->severity], text);
	return out;
}

static void quote(struct buf *out, const char *text)
{
	buf_chr(out, '"');
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (c < 0x20 || c == 0x7f)
			buf_fmt(out, "\\x%02x", c);
		else if (c == '"' || c == '\\')
			buf_fmt(out, "\\%c", c);
		else
			buf_chr(out, (char)c);
	}
	buf_chr(out, '"');
}

static void duration(struct buf *out, int64_t ns)
{
	static const struct {
		int64_t ns;
		const char *unit;
	} units[] = { { 3600000000000, "h" }, { 60000000000, "m" }, { 1000000000, "s" }, { 1000000, "ms" } };

	for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
		if (ns && ns % units[i].ns == 0) {
			buf_fmt(out, "\"%lld%s\"", (long long)(ns / units[i].ns), units[i].unit);
			return;
		}
	}
	buf_fmt(out, "\"%lldns\"", (long long)ns);
}

static void list(struct buf *out, const struct config_list *l)
{
	buf_chr(out, '[');
	for (size_t i = 0; i < l->n; i++) {
		buf_str(out, i ? ", " : "");
		quote(out, l->items[i]);
	}
	buf_chr(out, ']');
}

/* Values of headers are credentials more often than not; those of env_inject may be. */
static void map(struct buf *out, const struct key *k, const struct config_map *m)
{
	bool is_secret = strstr(k->path, "headers") || strstr(k->path, "env_inject");

	buf_chr(out, '{');
	for (size_t i = 0; i < m->n; i++) {
		buf_str(out, i ? ", " : "");
		quote(out, m->items[i].name);
		buf_str(out, ": ");
		quote(out, is_secret ? "(hidden)" : m->items[i].value);
	}
	buf_chr(out, '}');
}

static void value(struct buf *out, const struct key *k, const struct config *c)
{
	const void *at = (const char *)c + k->offset;
	const char *names = k->more;

	switch (k->type) {
	case KEY_BOOL:
		buf_str(out, *(const bool *)at ? "true" : "false");
		break;
	case KEY_INT:
		buf_fmt(out, "%lld", (long long)*(const int64_t *)at);
		break;
	case KEY_SIZE:
		buf_fmt(out, "%llu", (unsigned long long)*(const uint64_t *)at);
		break;
	case KEY_DURATION:
		duration(out, *(const int64_t *)at);
		break;
	case KEY_TEXT:
	case KEY_PATH:
		quote(out, *(const char *const *)at);
		break;
	case KEY_CHOICE:
		for (int i = *(const int *)at; i > 0; i--)
			names += strcspn(names, "|") + 1;
		buf_fmt(out, "%.*s", (int)strcspn(names, "|"), names);
		break;
	case KEY_LIST:
		list(out, at);
		break;
	case KEY_MAP:
		map(out, k, at);
		break;
	case KEY_PATTERNS:
		buf_fmt(out, "(%zu)", c->dlp.n_custom_patterns);
		break;
	case KEY_IGNORED:
		break;
	}
}

void config_show(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		if (config_keys[i].type == KEY_IGNORED)
			continue;
		buf_fmt(out, "%s: ", config_keys[i].path);
		value(out, &config_keys[i], c);
		buf_chr(out, '\n');
	}
}
