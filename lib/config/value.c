/* One value: from a scalar, list or mapping to the member of struct config. */
#include "config/impl.h"

#include "base/buf.h"
#include "base/num.h"
#include "base/path.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ${NAME} becomes the variable ("" when unset), "$$" becomes "$", any other "$" stays. NULL when out of
 * memory. */
static const char *expand(struct load *l, const char *text)
{
	AUTO_BUF out = { .max = 65536 };

	if (!strchr(text, '$'))
		return arena_str(&l->config->arena, text);
	while (*text) {
		char name[128];
		size_t len;

		if (text[0] == '$' && text[1] == '$') {
			buf_chr(&out, '$');
			text += 2;
			continue;
		}
		for (len = 0; text[0] == '$' && text[1] == '{' && len < sizeof name - 1; len++) {
			if (!isalnum((unsigned char)text[2 + len]) && text[2 + len] != '_')
				break;
			name[len] = text[2 + len];
		}
		if (len && text[2 + len] == '}' && !isdigit((unsigned char)name[0])) {
			const char *value;

			name[len] = 0;
			value = l->env(name);
			buf_str(&out, value ? value : "");
			text += len + 3;
			continue;
		}
		buf_chr(&out, *text++);
	}
	return out.failed ? NULL : arena_str(&l->config->arena, buf_text(&out));
}

static const char *absolute(struct load *l, const char *path)
{
	char here[2048], joined[4096];

	if (!*path)
		return path;
	if (!getcwd(here, sizeof here) || !path_join(here, path, joined, sizeof joined))
		return NULL;
	return arena_str(&l->config->arena, joined);
}

static int choice(const char *names, const char *text)
{
	size_t len = strlen(text);

	for (int i = 0; len; i++) {
		size_t n = strcspn(names, "|");

		if (n == len && !strncmp(names, text, n))
			return i;
		if (!names[n])
			break;
		names += n + 1;
	}
	return -1;
}

static bool is_bool(const char *text, bool *out)
{
	static const char *const yes[] = { "true", "True", "TRUE" }, *const no[] = { "false", "False",
		                                                                     "FALSE" };

	for (int i = 0; i < 3; i++) {
		if (!strcmp(text, yes[i]) || !strcmp(text, no[i])) {
			*out = !strcmp(text, yes[i]);
			return true;
		}
	}
	return false;
}

/* What is wrong with the text for this key, or NULL after it was stored. */
static const char *store(struct load *l, const struct key *k, const char *text)
{
	void *at = (char *)l->config + k->offset;
	const char *wrong;
	int which;

	switch (k->type) {
	case KEY_BOOL:
		return is_bool(text, at) ? NULL : "must be true or false";
	case KEY_INT:
		return num_i64(text, k->min, k->max, at) ? NULL : "must be a whole number within";
	case KEY_DURATION:
		return num_duration(text, at) ? NULL : "must be a duration, as \"30s\", \"1h30m\" or \"7d\"";
	case KEY_SIZE:
		return num_size(text, at) ? NULL : "must be a size, as \"10MB\" or \"1GiB\"";
	case KEY_CHOICE:
		which = choice(k->more, text);
		if (which < 0)
			return "must be one of";
		*(int *)at = which;
		return NULL;
	case KEY_TEXT:
		wrong = k->check ? k->check(text) : NULL;
		if (!wrong)
			*(const char **)at = text;
		return wrong;
	case KEY_PATH:
		text = absolute(l, text);
		if (!text)
			return "is too long a path";
		*(const char **)at = text;
		return NULL;
	case KEY_LIST:
	case KEY_MAP:
	case KEY_PATTERNS:
	case KEY_IGNORED:
		break;
	}
	return "must not be a single value";
}

static void complain_about(struct load *l, const struct key *k, const struct yaml_node *at, const char *text,
                           const char *wrong)
{
	char more[200] = "";

	if (k->type == KEY_INT)
		snprintf(more, sizeof more, " %lld and %lld", (long long)k->min, (long long)k->max);
	else if (k->type == KEY_CHOICE)
		snprintf(more, sizeof more, " %s", k->more);
	for (char *c = more; k->type == KEY_CHOICE && *c; c++)
		if (*c == '|')
			*c = ' ';
	config_report(l, CONFIG_ERROR, at, "\"%s\" %s%s, not \"%.80s\"", k->path, wrong, more, text);
}

/* The expanded text of a scalar, or NULL and a problem. */
static const char *scalar(struct load *l, const struct key *k, const struct yaml_node *value)
{
	const char *text = value->kind == YAML_SCALAR ? expand(l, value->text) : NULL;

	if (value->kind != YAML_SCALAR)
		config_report(l, CONFIG_ERROR, value, "\"%s\" must hold single values, not %s", k->path,
		              value->kind == YAML_LIST  ? "a list"
		              : value->kind == YAML_MAP ? "a mapping"
		                                        : "nothing");
	else if (!text)
		config_report(l, CONFIG_ERROR, value, "\"%s\" is too long after expansion", k->path);
	return text;
}

static void set_list(struct load *l, const struct key *k, const struct yaml_node *value)
{
	struct config_list *to = (void *)((char *)l->config + k->offset);
	const char **items;
	size_t n = 0;

	if (value->kind != YAML_LIST) {
		config_report(l, CONFIG_ERROR, value,
		              "\"%s\" must be a list; write [a, b] or one \"- item\" a line", k->path);
		return;
	}
	items = arena_array(&l->config->arena, value->n + 1, sizeof *items);
	for (const struct yaml_node *i = yaml_first(value); items && i; i = i->next) {
		const char *text = scalar(l, k, i);

		if (text)
			items[n++] = text;
	}
	if (items)
		*to = (struct config_list){ .items = items, .n = n, .set = true };
}

static void set_map(struct load *l, const struct key *k, const struct yaml_node *value)
{
	struct config_map *to = (void *)((char *)l->config + k->offset);
	struct config_pair *items;
	size_t n = 0;

	if (value->kind != YAML_MAP) {
		config_report(l, CONFIG_ERROR, value, "\"%s\" must be a mapping of names to values", k->path);
		return;
	}
	items = arena_array(&l->config->arena, value->n + 1, sizeof *items);
	for (const struct yaml_node *key = yaml_first(value); items && key; key = key->next) {
		const char *text = key->value->kind == YAML_NULL ? "" : scalar(l, k, key->value);
		const char *wrong = text && k->check ? k->check(text) : NULL;

		if (wrong)
			config_report(l, CONFIG_ERROR, key->value, "\"%s.%.100s\" %s, not \"%.80s\"", k->path,
			              key->text, wrong, text);
		else if (!*key->text || strpbrk(key->text, "= \t\n\r:"))
			config_report(l, CONFIG_ERROR, key, "\"%.100s\" in \"%s\" is no name", key->text,
			              k->path);
		else if (text)
			items[n++] = (struct config_pair){ arena_str(&l->config->arena, key->text), text };
	}
	if (items)
		*to = (struct config_map){ .items = items, .n = n, .set = true };
}

/* Regular expressions are taken as they stand: "$" means the end of the line there, not a variable. */
static const char *pattern_text(struct load *l, const struct yaml_node *item, const char *name)
{
	const struct yaml_node *value = yaml_get(item, name);

	if (value && value->kind == YAML_SCALAR)
		return arena_str(&l->config->arena, value->text);
	if (value && value->kind != YAML_NULL)
		config_report(l, CONFIG_ERROR, value, "\"%s\" of a pattern must be a text", name);
	return NULL;
}

static void set_patterns(struct load *l, const struct key *k, const struct yaml_node *value)
{
	struct config_pattern *items;
	size_t n = 0;

	if (value->kind != YAML_LIST) {
		config_report(l, CONFIG_ERROR, value, "\"%s\" must be a list of patterns", k->path);
		return;
	}
	items = arena_array(&l->config->arena, value->n + 1, sizeof *items);
	for (const struct yaml_node *i = yaml_first(value); items && i; i = i->next) {
		struct config_pattern p = { .line = i->line };

		if (i->kind != YAML_MAP) {
			config_report(l, CONFIG_ERROR, i,
			              "a pattern is a mapping with name, display and regex");
			continue;
		}
		for (const struct yaml_node *key = yaml_first(i); key; key = key->next)
			if (strcmp(key->text, "name") && strcmp(key->text, "display") &&
			    strcmp(key->text, "regex"))
				config_report(l, CONFIG_WARNING, key,
				              "unknown key \"%.80s\" of a pattern is ignored", key->text);
		p.name = pattern_text(l, i, "name");
		p.display = pattern_text(l, i, "display");
		p.regex = pattern_text(l, i, "regex");
		if (!p.name || !*p.name || !p.regex || !*p.regex) {
			config_report(l, CONFIG_ERROR, i, "a pattern needs name and regex");
			continue;
		}
		if (!p.display)
			p.display = p.name;
		items[n++] = p;
	}
	l->config->dlp.custom_patterns = items;
	l->config->dlp.n_custom_patterns = items ? n : 0;
}

void config_set(struct load *l, const struct key *key, const struct yaml_node *value)
{
	const char *text, *wrong;

	if (key->type == KEY_LIST) {
		set_list(l, key, value);
	} else if (key->type == KEY_MAP) {
		set_map(l, key, value);
	} else if (key->type == KEY_PATTERNS) {
		set_patterns(l, key, value);
	} else {
		text = scalar(l, key, value);
		wrong = text ? store(l, key, text) : NULL;
		if (wrong)
			complain_about(l, key, value, text, wrong);
	}
}

static const char *const nothing[] = { NULL };

void config_set_text(struct load *l, const struct key *key, const char *text, const char *source)
{
	void *at = (char *)l->config + key->offset;
	const char *wrong;

	if (key->type == KEY_LIST)
		*(struct config_list *)at = (struct config_list){ .items = nothing };
	if (!text && (key->type == KEY_TEXT || key->type == KEY_PATH))
		*(const char **)at = "";
	if (!text)
		return;
	text = arena_str(&l->config->arena, text);
	wrong = text ? store(l, key, text) : "out of memory";
	if (wrong) {
		char context[100];

		snprintf(context, sizeof context, "%s: ", source);
		config_report(l, CONFIG_ERROR, NULL, "%s\"%s\" %s%s%s, not \"%.80s\"", context, key->path,
		              wrong, key->type == KEY_CHOICE ? " " : "",
		              key->type == KEY_CHOICE ? key->more : "", text ? text : "");
		return;
	}
	if (strcmp(source, "default"))
		l->seen[key - config_keys] = -1;
}
