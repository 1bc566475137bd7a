#include "base/opt.h"

#include <stdlib.h>
#include <string.h>

static const struct opt *find(const struct opt *table, const char *name, size_t len, char letter)
{
	for (; table->name; table++)
		if (letter ? table->letter == letter
		           : strlen(table->name) == len && !memcmp(table->name, name, len))
			return table;
	return NULL;
}

static int store(const struct opt *o, const char *value, struct err *e)
{
	struct opt_list *list = o->to;

	switch (o->type) {
	case OPT_FLAG:
		if (value && strcmp(value, "true") && strcmp(value, "false"))
			return err_set(e, "--%s takes true or false, not \"%s\"", o->name, value);
		*(bool *)o->to = !value || !strcmp(value, "true");
		return 0;
	case OPT_TEXT:
		*(const char **)o->to = value;
		return 0;
	case OPT_LIST:
		if (list->n == (int)(sizeof list->items / sizeof *list->items))
			return err_set(e, "--%s given too often", o->name);
		list->items[list->n++] = value;
		return 0;
	}
	return -1;
}

/* One option at argv[i]; returns how many words it took, or -1. */
static int take(char **argv, int i, int argc, const struct opt *table, struct err *e)
{
	const char *word = argv[i], *value = NULL;
	bool is_long = word[1] == '-';
	const char *name = word + (is_long ? 2 : 1);
	size_t len = is_long ? strcspn(name, "=") : 1;
	const struct opt *o = find(table, name, len, is_long ? 0 : name[0]);

	if (!o || (!is_long && name[1] && o->type == OPT_FLAG))
		return err_set(e, "unknown flag: %s", word);
	if (is_long ? name[len] == '=' : name[1] != 0)
		value = name + len + (is_long ? 1 : 0);
	if (o->type != OPT_FLAG && !value) {
		if (i + 1 >= argc)
			return err_set(e, "flag needs an argument: %s", word);
		return store(o, argv[i + 1], e) < 0 ? -1 : 2;
	}
	return store(o, value, e) < 0 ? -1 : 1;
}

int opt_parse(int argc, char **argv, const struct opt *table, bool stop_at_first, struct opt_args *out,
              struct err *e)
{
	int i = 1, n = 0;

	for (const struct opt *o = table; o->name; o++) {
		const char *value = o->env ? getenv(o->env) : NULL;

		if (value && *value && store(o, value, e) < 0)
			return -1;
	}
	*out = (struct opt_args){ .items = argv + 1, .dashes = -1 };
	while (i < argc) {
		int took;

		if (!strcmp(argv[i], "--")) {
			out->dashes = n;
			i++;
			break;
		}
		if (argv[i][0] != '-' || !argv[i][1]) {
			if (stop_at_first)
				break;
			out->items[n++] = argv[i++];
			continue;
		}
		took = take(argv, i, argc, table, e);
		if (took < 0)
			return -1;
		i += took;
	}
	while (i < argc)
		out->items[n++] = argv[i++];
	out->n = n;
	return 0;
}
