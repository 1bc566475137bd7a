/* json - the reader on any bytes; what it accepts is written again and must read back as the same tree. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "json/read.h"
#include "json/write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void write_value(struct json *j, const struct json_value *v)
{
	switch (v->type) {
	case JSON_NULL:
		json_null(j);
		break;
	case JSON_BOOL:
		json_bool(j, v->boolean);
		break;
	case JSON_NUMBER:
		json_raw(j, v->text, v->len);
		break;
	case JSON_STRING:
		json_bytes(j, v->text, v->len);
		break;
	default:
		v->type == JSON_OBJECT ? json_object(j) : json_array(j);
		for (const struct json_value *x = v->first; x; x = x->next) {
			if (x->key && memchr(x->key, 0, x->key_len)) {
				j->out->failed = true; /* keys are C strings when written */
				return;
			}
			if (x->key)
				json_key(j, x->key);
			write_value(j, x);
		}
		json_end(j);
	}
}

static bool same(const struct json_value *a, const struct json_value *b)
{
	if (a->type != b->type || a->n != b->n || a->len != b->len || a->boolean != b->boolean ||
	    a->key_len != b->key_len || (a->len && memcmp(a->text, b->text, a->len)) ||
	    (a->key_len && memcmp(a->key, b->key, a->key_len)))
		return false;
	const struct json_value *y = b->first;
	for (const struct json_value *x = a->first; x; x = x->next, y = y->next)
		if (!y || !same(x, y))
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	AUTO_ARENA a = { .max = 8 << 20 };
	AUTO_BUF b = { 0 };
	struct json j = { .out = &b, .indent = size & 1 };
	struct err e;
	const struct json_value *v = json_read(&a, (const char *)data, size, &e), *again;

	json_for_terminal(&b, (const char *)data, size);
	buf_clear(&b);
	if (!v)
		return 0;
	write_value(&j, v);
	if (b.failed)
		return 0;
	again = json_read(&a, b.data, b.len, &e);
	if (!again && !a.failed)
		abort();
	if (again && !same(v, again))
		abort();
	return 0;
}
