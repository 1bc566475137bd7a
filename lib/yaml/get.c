/* Typed access to nodes. */
#include "yaml/node.h"

#include "base/buf.h"
#include "base/num.h"

#include <inttypes.h>
#include <string.h>
#include <strings.h>

const struct yaml_node *yaml_get(const struct yaml_node *map, const char *key)
{
	if (map->kind != YAML_MAP)
		return NULL;
	for (const struct yaml_node *k = map->first; k; k = k->next)
		if (!strcmp(k->text, key))
			return k->value;
	return NULL;
}

static const char *kind_words(const struct yaml_node *node)
{
	static const char *const words[] = { "nothing", "a single value", "a list", "a mapping" };

	return words[node->kind];
}

bool yaml_is_map(struct yaml_sink *sink, const struct yaml_node *node, const char *what)
{
	if (node->kind != YAML_MAP)
		yaml_problem(sink, node, "%s must be a mapping, not %s", what, kind_words(node));
	return node->kind == YAML_MAP;
}

bool yaml_is_list(struct yaml_sink *sink, const struct yaml_node *node, const char *what)
{
	if (node->kind != YAML_LIST)
		yaml_problem(sink, node, "%s must be a list, not %s; write [a, b] or one \"- item\" a line",
		             what, kind_words(node));
	return node->kind == YAML_LIST;
}

bool yaml_text(struct yaml_sink *sink, const struct yaml_node *node, const char *what, const char **out)
{
	if (node->kind == YAML_NULL && *node->text)
		yaml_problem(sink, node, "%s is null; quote it if the word is meant", what);
	else if (node->kind != YAML_SCALAR)
		yaml_problem(sink, node, "%s must be a text, not %s", what, kind_words(node));
	else
		*out = node->text;
	return node->kind == YAML_SCALAR;
}

bool yaml_bool(struct yaml_sink *sink, const struct yaml_node *node, const char *what, bool *out)
{
	bool plain = node->kind == YAML_SCALAR && !node->quoted;

	if (plain &&
	    (!strcmp(node->text, "true") || !strcmp(node->text, "True") || !strcmp(node->text, "TRUE")))
		*out = true;
	else if (plain && (!strcmp(node->text, "false") || !strcmp(node->text, "False") ||
	                   !strcmp(node->text, "FALSE")))
		*out = false;
	else {
		yaml_problem(sink, node, "%s must be true or false", what);
		return false;
	}
	return true;
}

bool yaml_u64(struct yaml_sink *sink, const struct yaml_node *node, const char *what, const uint64_t range[2],
              uint64_t *out)
{
	if (node->kind == YAML_SCALAR && !node->quoted && num_u64(node->text, range[0], range[1], out) &&
	    (node->text[0] != '0' || !node->text[1]))
		return true;
	yaml_problem(sink, node, "%s must be a whole number from %" PRIu64 " to %" PRIu64, what, range[0],
	             range[1]);
	return false;
}

bool yaml_duration(struct yaml_sink *sink, const struct yaml_node *node, const char *what, int64_t *ns)
{
	if (node->kind == YAML_SCALAR && num_duration(node->text, ns))
		return true;
	yaml_problem(sink, node, "%s must be a duration; write it like 30s, 5m or 1h30m", what);
	return false;
}

bool yaml_size(struct yaml_sink *sink, const struct yaml_node *node, const char *what, uint64_t *bytes)
{
	if (node->kind == YAML_SCALAR && num_size(node->text, bytes))
		return true;
	yaml_problem(sink, node, "%s must be a size; write it like 4096, 10MB or 1GiB", what);
	return false;
}

/* Edit distance of two short words without case; anything above 63 letters counts as far. */
static size_t distance(const char *a, const char *b)
{
	size_t row[64], n = strlen(b);

	if (n >= 64 || strlen(a) >= 64)
		return 64;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; *a; a++, i++) {
		size_t corner = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = corner + (strncasecmp(a, b + j - 1, 1) != 0);

			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			corner = row[j];
			row[j] = best;
		}
	}
	return row[n];
}

const char *yaml_nearest(const char *word, const char *const *names)
{
	size_t best = 1 + strlen(word) / 3;
	const char *found = NULL;

	if (best > 3)
		best = 3;
	for (; *names; names++) {
		size_t d = distance(word, *names);

		if (d <= best && (!found || d < best)) {
			best = d;
			found = *names;
		}
	}
	return found;
}

/* "a, b or c" */
static void offer_words(struct yaml_sink *sink, const struct yaml_node *node, const char *what,
                        const char *const *names)
{
	AUTO_BUF words = { .max = 400 };

	for (int i = 0; names[i]; i++)
		buf_fmt(&words, "%s%s", !i ? "" : names[i + 1] ? ", " : " or ", names[i]);
	yaml_problem(sink, node, "unknown %s '%s'; write %s", what, node->text, buf_text(&words));
}

int yaml_choice(struct yaml_sink *sink, const struct yaml_node *node, const char *what,
                const char *const *names)
{
	const char *word = "", *near;

	if (!yaml_text(sink, node, what, &word))
		return -1;
	for (int i = 0; names[i]; i++)
		if (!strcasecmp(names[i], word))
			return i;
	near = sink->n < YAML_PROBLEMS ? yaml_nearest(word, names) : NULL;
	if (near)
		yaml_problem(sink, node, "unknown %s '%s'; did you mean '%s'?", what, word, near);
	else
		offer_words(sink, node, what, names);
	return -1;
}

static void unknown_key(struct yaml_sink *sink, const struct yaml_node *node, const char *what,
                        const struct yaml_key *keys)
{
	const char *names[128];
	const char *near;
	size_t n = 0;

	for (; keys->name && n < 127; keys++)
		names[n++] = keys->name;
	names[n] = NULL;
	near = sink->n < YAML_PROBLEMS ? yaml_nearest(node->text, names) : NULL;
	if (near)
		yaml_problem(sink, node, "unknown key '%s' in %s; did you mean '%s'?", node->text, what,
		             near);
	else
		yaml_problem(sink, node, "unknown key '%s' in %s", node->text, what);
}

bool yaml_take(struct yaml_sink *sink, const struct yaml_node *node, const char *what,
               const struct yaml_key *keys, void *to)
{
	if (!yaml_is_map(sink, node, what))
		return false;
	for (const struct yaml_node *k = node->first; k; k = k->next) {
		const struct yaml_key *row = keys;

		while (row->name && strcmp(row->name, k->text))
			row++;
		if (row->name)
			row->take(to, k->value, row);
		else
			unknown_key(sink, k, what, keys);
	}
	return true;
}
