#include "audit/canonical.h"

#include <stdlib.h>
#include <string.h>

#include "json/read.h"
#include "json/write.h"

static int by_key(const void *a, const void *b)
{
	const struct json_value *x = *(const struct json_value *const *)a,
	                        *y = *(const struct json_value *const *)b;
	size_t n = x->key_len < y->key_len ? x->key_len : y->key_len;
	int order = n ? memcmp(x->key, y->key, n) : 0;

	return order ? order : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

static void write_string(struct buf *out, const char *text, size_t len)
{
	bool invalid = false;

	buf_chr(out, '"');
	/* DEL stands for itself where these logs come from. */
	for (size_t at = 0; at < len;) {
		const char *del = memchr(text + at, 127, len - at);
		size_t run = del ? (size_t)(del - text) - at : len - at;

		json_escape(out, text + at, run, (size_t)-1, &invalid);
		at += run;
		if (del) {
			buf_chr(out, 127);
			at++;
		}
	}
	buf_chr(out, '"');
}

static void write_value(struct buf *out, struct arena *a, const struct json_value *v,
                        const struct json_value *skip);

static void write_object(struct buf *out, struct arena *a, const struct json_value *v,
                         const struct json_value *skip)
{
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is what is meant */
	const struct json_value **sorted = arena_array(a, v->n, sizeof *sorted);
	size_t n = 0;

	if (!sorted) {
		out->failed = true;
		return;
	}
	for (const struct json_value *m = v->first; m; m = m->next)
		if (m != skip)
			sorted[n++] = m;
	qsort(sorted, n, sizeof *sorted, by_key); /* NOLINT(bugprone-sizeof-expression): likewise */
	buf_chr(out, '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_chr(out, ',');
		write_string(out, sorted[i]->key, sorted[i]->key_len);
		buf_chr(out, ':');
		write_value(out, a, sorted[i], NULL);
	}
	buf_chr(out, '}');
}

static void write_value(struct buf *out, struct arena *a, const struct json_value *v,
                        const struct json_value *skip)
{
	switch (v->type) {
	case JSON_NULL:
		buf_str(out, "null");
		break;
	case JSON_BOOL:
		buf_str(out, v->boolean ? "true" : "false");
		break;
	case JSON_NUMBER:
		buf_add(out, v->text, v->len);
		break;
	case JSON_STRING:
		write_string(out, v->text, v->len);
		break;
	case JSON_ARRAY:
		buf_chr(out, '[');
		for (const struct json_value *x = v->first; x; x = x->next) {
			if (x != v->first)
				buf_chr(out, ',');
			write_value(out, a, x, NULL);
		}
		buf_chr(out, ']');
		break;
	case JSON_OBJECT:
		write_object(out, a, v, skip);
		break;
	}
}

bool canonical_hash(const struct json_value *o, const char *key, char out[CHAIN_HEX + 1])
{
	const char *text = json_get_string(o, key);

	if (!text || strlen(text) > CHAIN_HEX || text[strspn(text, "0123456789abcdef")])
		return false;
	memcpy(out, text, strlen(text) + 1);
	return true;
}

int canonical_split(const char *line, size_t len, struct buf *event, struct chain_link *link)
{
	AUTO_ARENA a = { .max = 64 << 20 };
	struct err e;
	const struct json_value *v = json_read(&a, line, len, &e), *i;
	int64_t sequence;

	if (!v || v->type != JSON_OBJECT)
		return -1;
	i = json_get(v, "integrity");
	if (!i)
		return 0;
	sequence = json_get_int64(i, "sequence", -1);
	if (sequence < 0 || !canonical_hash(i, "prev_hash", link->prev) ||
	    !canonical_hash(i, "entry_hash", link->entry))
		return -1;
	link->sequence = (uint64_t)sequence;
	write_value(event, &a, v, i);
	return event->failed ? -1 : 1;
}
