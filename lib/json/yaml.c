#include "json/yaml.h"

#include "json/write.h"

static void pad(struct buf *out, int depth)
{
	for (int i = 0; i < depth; i++)
		buf_str(out, "  ");
}

static void write_value(struct buf *out, const struct json_value *v, int depth);

/* Items or members, each on a line of its own. `first` continues the line that is open ("- "). */
static void write_items(struct buf *out, const struct json_value *v, int depth, bool first)
{
	for (const struct json_value *x = v->first; x; x = x->next, first = false) {
		if (!first)
			pad(out, depth);
		if (v->type == JSON_OBJECT)
			buf_fmt(out, "%s:", x->key);
		else
			buf_chr(out, '-');
		if (v->type == JSON_ARRAY && x->type == JSON_OBJECT && x->n) {
			buf_chr(out, ' ');
			write_items(out, x, depth + 1, true);
		} else {
			write_value(out, x, depth);
		}
	}
}

/* Behind a key or a dash. */
static void write_value(struct buf *out, const struct json_value *v, int depth)
{
	bool invalid = false;

	switch (v->type) {
	case JSON_NULL:
		buf_str(out, " null\n");
		break;
	case JSON_BOOL:
		buf_str(out, v->boolean ? " true\n" : " false\n");
		break;
	case JSON_NUMBER:
		buf_fmt(out, " %s\n", v->text);
		break;
	case JSON_STRING:
		buf_str(out, " \"");
		json_escape(out, v->text, v->len, (size_t)-1, &invalid);
		buf_str(out, "\"\n");
		break;
	default:
		if (!v->n) {
			buf_str(out, v->type == JSON_ARRAY ? " []\n" : " {}\n");
			break;
		}
		buf_chr(out, '\n');
		write_items(out, v, depth + 1, false);
	}
}

void json_yaml(struct buf *out, const struct json_value *v)
{
	write_items(out, v, 0, false);
}
