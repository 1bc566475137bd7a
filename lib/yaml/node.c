#include "yaml/node.h"

#include "base/map.h"
#include "base/utf8.h"
#include "base/visible.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#define HIDDEN "a character that nobody sees: control, line separator, zero width or direction; take it out"

struct parse {
	yaml_parser_t parser;
	struct arena *arena;
	struct yaml_sink *sink;
	size_t nodes;
	bool stop; /* a problem after which nothing more can be read */
};

void yaml_problem(struct yaml_sink *sink, const struct yaml_node *at, const char *fmt, ...)
{
	char text[500], shown[600];
	va_list ap;

	if (sink->n++ >= YAML_PROBLEMS)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	visible_text(text, NULL, shown, sizeof shown); /* it quotes the file */
	sink->problem(sink->to, at ? at->line : 1, at ? at->column : 1, shown);
}

static void stop_at(struct parse *p, yaml_mark_t mark, const char *text)
{
	struct yaml_node at = { .line = (int)mark.line + 1, .column = (int)mark.column + 1 };

	yaml_problem(p->sink, &at, "%s", text);
	p->stop = true;
}

/* What a reviewer does not see must not count: a line separator that ends a comment, a mark that turns the
 * rest of the line round, an escape sequence that overwrites it. Joiners and tags are taken: emoji are made
 * of them. */
static bool is_hidden(uint32_t c)
{
	return !visible_char(c) && c != '\n' && c != '\t' && c != 0x200c && c != 0x200d &&
	       (c < 0xe0020 || c > 0xe007f);
}

/* libyaml would take UTF-16 and byte order marks; we take neither, nor NUL. */
static bool check_bytes(struct parse *p, const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;
	yaml_mark_t mark = { 0 };
	const char *why = NULL;
	size_t n = 0;

	if (len > YAML_MAX)
		why = "file is larger than 4 MiB";
	else if (len >= 3 && !memcmp(text, "\xef\xbb\xbf", 3))
		why = "file starts with a byte order mark; save it as UTF-8 without one";
	for (size_t i = 0; i < len && !why; i += n) {
		n = utf8_len(s + i, len - i);
		if (!n)
			why = "not valid UTF-8";
		else if (!s[i])
			why = "NUL byte";
		else if (s[i] == '\n')
			mark = (yaml_mark_t){ .line = mark.line + 1 };
		else if (is_hidden(utf8_code(s + i, n)) && !(s[i] == '\r' && i + 1 < len && s[i + 1] == '\n'))
			why = HIDDEN;
		else
			mark.column++;
	}
	if (why)
		stop_at(p, mark, why);
	return !why;
}

static bool next_event(struct parse *p, yaml_event_t *ev)
{
	const yaml_parser_t *y = &p->parser;
	char text[200];

	if (p->stop)
		return false;
	if (yaml_parser_parse(&p->parser, ev))
		return true;
	if (y->error == YAML_MEMORY_ERROR)
		stop_at(p, y->mark, "out of memory");
	else {
		snprintf(text, sizeof text, "%s%s%s", y->problem ? y->problem : "syntax error",
		         y->context ? "; " : "", y->context ? y->context : "");
		stop_at(p, y->problem_mark.line || y->problem_mark.column ? y->problem_mark : y->mark, text);
	}
	return false;
}

static bool is_null_word(const char *text)
{
	return !*text || !strcmp(text, "~") || !strcmp(text, "null") || !strcmp(text, "Null") ||
	       !strcmp(text, "NULL");
}

static struct yaml_node *new_node(struct parse *p, const yaml_event_t *ev, enum yaml_kind kind)
{
	struct yaml_node *node;

	if (++p->nodes > YAML_NODES) {
		stop_at(p, ev->start_mark, "too many values in one file");
		return NULL;
	}
	node = arena_alloc(p->arena, sizeof *node);
	if (!node) {
		stop_at(p, ev->start_mark, "out of memory");
		return NULL;
	}
	node->kind = kind;
	node->line = (int)ev->start_mark.line + 1;
	node->column = (int)ev->start_mark.column + 1;
	return node;
}

static void refuse_marks(struct parse *p, const struct yaml_node *node, const void *anchor, const void *tag)
{
	if (anchor)
		yaml_problem(p->sink, node, "anchors are not supported; write the value out");
	if (tag)
		yaml_problem(p->sink, node, "tags are not supported; remove '%s'", (const char *)tag);
}

static bool has_hidden(const char *text, size_t len)
{
	const unsigned char *s = (const unsigned char *)text;

	/* libyaml makes valid UTF-8 of every escape. */
	for (size_t i = 0, n; i < len; i += n) {
		n = utf8_len(s + i, len - i);
		if (!n || is_hidden(utf8_code(s + i, n)))
			return true;
	}
	return false;
}

static struct yaml_node *take_scalar(struct parse *p, const yaml_event_t *ev)
{
	struct yaml_node *node = new_node(p, ev, YAML_SCALAR);

	if (!node)
		return NULL;
	refuse_marks(p, node, ev->data.scalar.anchor, ev->data.scalar.tag);
	node->quoted = ev->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
	node->len = ev->data.scalar.length;
	node->text = arena_copy(p->arena, (const char *)ev->data.scalar.value, node->len);
	if (!node->text) {
		stop_at(p, ev->start_mark, "out of memory");
		return NULL;
	}
	/* "\0" in double quotes: a name that C code would read shorter than the reviewer did. */
	if (memchr(node->text, 0, node->len))
		yaml_problem(p->sink, node, "NUL in a text");
	else if (has_hidden(node->text, node->len))
		yaml_problem(p->sink, node, "%s", HIDDEN);
	if (!node->quoted && is_null_word(node->text))
		node->kind = YAML_NULL;
	return node;
}

static struct yaml_node *take_node(struct parse *p, const yaml_event_t *ev, int depth);

static void take_items(struct parse *p, struct yaml_node *list, int depth)
{
	const struct yaml_node **end = &list->first;
	yaml_event_t ev;

	while (next_event(p, &ev)) {
		bool last = ev.type == YAML_SEQUENCE_END_EVENT;
		struct yaml_node *item = last ? NULL : take_node(p, &ev, depth + 1);

		yaml_event_delete(&ev);
		if (!item)
			return;
		*end = item;
		end = &item->next;
		list->n++;
	}
}

static bool is_key(struct parse *p, const struct yaml_node *key, struct map *seen)
{
	const struct yaml_node *before;

	if (key->kind == YAML_LIST || key->kind == YAML_MAP) {
		yaml_problem(p->sink, key, "a key must be a word, not a list or mapping");
		return false;
	}
	if (!key->quoted && !strcmp(key->text, "<<")) {
		yaml_problem(p->sink, key, "merge keys are not supported; write the values out");
		return false;
	}
	before = map_get(seen, key->text, key->len);
	if (before)
		yaml_problem(p->sink, key, "duplicate key '%s'; first given in line %d", key->text,
		             before->line);
	else if (!map_set(seen, key->text, key->len, (void *)(uintptr_t)key)) {
		yaml_problem(p->sink, key, "out of memory");
		p->stop = true;
	}
	return !before;
}

static void take_pairs(struct parse *p, struct yaml_node *map, int depth)
{
	const struct yaml_node **end = &map->first;
	struct map seen = { 0 };
	yaml_event_t ev;

	while (next_event(p, &ev)) {
		bool last = ev.type == YAML_MAPPING_END_EVENT;
		struct yaml_node *key = last ? NULL : take_node(p, &ev, depth + 1);
		bool good;

		yaml_event_delete(&ev);
		if (!key)
			break;
		good = is_key(p, key, &seen);
		if (!next_event(p, &ev))
			break;
		key->value = take_node(p, &ev, depth + 1);
		yaml_event_delete(&ev);
		if (!key->value)
			break;
		if (!good)
			continue;
		*end = key;
		end = &key->next;
		map->n++;
	}
	map_release(&seen);
}

static struct yaml_node *take_node(struct parse *p, const yaml_event_t *ev, int depth)
{
	struct yaml_node *node;
	bool list = ev->type == YAML_SEQUENCE_START_EVENT;

	if (depth > YAML_DEPTH) {
		stop_at(p, ev->start_mark, "nested too deeply; at most 32 levels");
		return NULL;
	}
	if (ev->type == YAML_SCALAR_EVENT)
		return take_scalar(p, ev);
	if (ev->type == YAML_ALIAS_EVENT) {
		node = new_node(p, ev, YAML_NULL);
		if (node) {
			node->text = "";
			yaml_problem(p->sink, node, "aliases are not supported; write the value out");
		}
		return node;
	}
	node = new_node(p, ev, list ? YAML_LIST : YAML_MAP);
	if (!node)
		return NULL;
	node->text = "";
	if (list) {
		refuse_marks(p, node, ev->data.sequence_start.anchor, ev->data.sequence_start.tag);
		take_items(p, node, depth);
	} else {
		refuse_marks(p, node, ev->data.mapping_start.anchor, ev->data.mapping_start.tag);
		take_pairs(p, node, depth);
	}
	return p->stop ? NULL : node;
}

static const struct yaml_node *take_document(struct parse *p)
{
	struct yaml_node *root = NULL;
	bool end = false;
	yaml_event_t ev;

	while (!end && next_event(p, &ev)) {
		end = ev.type == YAML_STREAM_END_EVENT;
		if (ev.type == YAML_DOCUMENT_START_EVENT && root)
			stop_at(p, ev.start_mark, "a second document; a file holds one");
		else if (ev.type == YAML_DOCUMENT_START_EVENT &&
		         (ev.data.document_start.version_directive ||
		          ev.data.document_start.tag_directives.start !=
		                  ev.data.document_start.tag_directives.end))
			stop_at(p, ev.start_mark,
			        "directives are not supported; remove the lines that start with '%'");
		else if (ev.type == YAML_STREAM_START_EVENT || ev.type == YAML_DOCUMENT_START_EVENT ||
		         ev.type == YAML_DOCUMENT_END_EVENT)
			;
		else if (end && !root)
			root = new_node(p, &ev, YAML_NULL);
		else if (!end)
			root = take_node(p, &ev, 1);
		yaml_event_delete(&ev);
	}
	if (root && !root->text)
		root->text = "";
	return p->stop ? NULL : root;
}

const struct yaml_node *yaml_parse(struct arena *a, const char *text, size_t len, struct yaml_sink *sink)
{
	struct parse p = { .arena = a, .sink = sink };
	const struct yaml_node *root;

	if (!check_bytes(&p, text, len))
		return NULL;
	if (!yaml_parser_initialize(&p.parser)) {
		yaml_problem(sink, NULL, "out of memory");
		return NULL;
	}
	yaml_parser_set_encoding(&p.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&p.parser, (const unsigned char *)text, len);
	root = take_document(&p);
	yaml_parser_delete(&p.parser);
	return root;
}
