#include "json/read.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/num.h"
#include "base/utf8.h"

/* Objects with more members than this find duplicates through a map, smaller ones by comparing. */
enum { SMALL_OBJECT = 8 };

struct reader {
	struct arena *a;
	const unsigned char *text, *at, *end;
	struct err *e;
	int depth;
};

static void *fail(struct reader *r, const char *what)
{
	err_set(r->e, "byte %zu: %s", (size_t)(r->at - r->text), what);
	return NULL;
}

static void skip_space(struct reader *r)
{
	while (r->at < r->end && (*r->at == ' ' || *r->at == '\t' || *r->at == '\n' || *r->at == '\r'))
		r->at++;
}

static bool take(struct reader *r, char c)
{
	if (r->at == r->end || *r->at != (unsigned char)c)
		return false;
	r->at++;
	return true;
}

static bool take_word(struct reader *r, const char *word)
{
	size_t n = strlen(word);

	if ((size_t)(r->end - r->at) < n || memcmp(r->at, word, n))
		return false;
	r->at += n;
	return true;
}

static size_t take_digits(struct reader *r)
{
	const unsigned char *start = r->at;

	while (r->at < r->end && *r->at >= '0' && *r->at <= '9')
		r->at++;
	return (size_t)(r->at - start);
}

/* Four hex digits; -1 if they are not. */
static int take_hex4(struct reader *r)
{
	int v = 0;

	if (r->end - r->at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		unsigned char c = *r->at++;

		if (c >= '0' && c <= '9')
			v = v * 16 + c - '0';
		else if ((c | 32) >= 'a' && (c | 32) <= 'f')
			v = v * 16 + (c | 32) - 'a' + 10;
		else
			return -1;
	}
	return v;
}

/* The rest of a \u escape, second half of a surrogate pair included. Bytes written, or 0. */
static size_t take_unicode(struct reader *r, char *out)
{
	int high = take_hex4(r), low;

	if (high < 0)
		return fail(r, "bad \\u escape"), 0;
	if (high < 0xd800 || high > 0xdfff)
		return utf8_put((uint32_t)high, out);
	low = high < 0xdc00 && take_word(r, "\\u") ? take_hex4(r) : -1;
	if (low < 0xdc00 || low > 0xdfff)
		return fail(r, "lone surrogate"), 0;
	return utf8_put(0x10000u + ((uint32_t)(high - 0xd800) << 10) + (uint32_t)(low - 0xdc00), out);
}

static size_t take_escape(struct reader *r, char *out)
{
	static const char names[] = "\"\\/bfnrt", bytes[] = "\"\\/\b\f\n\r\t";
	const char *name;

	if (r->at == r->end)
		return fail(r, "string does not end"), 0;
	if (*r->at == 'u') {
		r->at++;
		return take_unicode(r, out);
	}
	name = *r->at ? strchr(names, *r->at) : NULL;
	if (!name)
		return fail(r, "unknown escape"), 0;
	r->at++;
	*out = bytes[name - names];
	return 1;
}

/* One character of a string into `out`. Bytes written, or 0 on failure. */
static size_t take_char(struct reader *r, char *out)
{
	size_t n;

	if (*r->at == '\\') {
		r->at++;
		return take_escape(r, out);
	}
	if (*r->at < 32)
		return fail(r, "control character in a string"), 0;
	n = utf8_len(r->at, (size_t)(r->end - r->at));
	if (!n)
		return fail(r, "not UTF-8"), 0;
	memcpy(out, r->at, n);
	r->at += n;
	return n;
}

/* Where the string that starts at r->at ends: the closing quote, found without decoding. NULL if there is
 * none. */
static const unsigned char *closing_quote(const struct reader *r)
{
	for (const unsigned char *p = r->at; p < r->end; p++) {
		if (*p == '"')
			return p;
		if (*p == '\\')
			p++;
	}
	return NULL;
}

/* A string behind its opening quote: decoded into the arena. False on failure. */
static bool take_string(struct reader *r, const char **text, size_t *len)
{
	const unsigned char *close = closing_quote(r);
	char *out;
	size_t used = 0;

	if (!close)
		return fail(r, "string does not end"), false;
	/* No character grows by decoding. */
	out = arena_alloc(r->a, (size_t)(close - r->at) + 1);
	if (!out)
		return fail(r, "too large"), false;
	while (*r->at != '"') {
		size_t n = take_char(r, out + used);

		if (!n)
			return false;
		used += n;
	}
	r->at++;
	*text = out;
	*len = used;
	return true;
}

static struct json_value *read_number(struct reader *r, struct json_value *v)
{
	const unsigned char *start = r->at;

	take(r, '-');
	if (!take(r, '0') && !take_digits(r))
		return fail(r, "expected a value");
	if (take(r, '.') && !take_digits(r))
		return fail(r, "digits must follow the point");
	if (take(r, 'e') || take(r, 'E')) {
		if (!take(r, '+'))
			take(r, '-');
		if (!take_digits(r))
			return fail(r, "digits must follow the exponent");
	}
	v->type = JSON_NUMBER;
	v->len = (size_t)(r->at - start);
	v->text = arena_copy(r->a, (const char *)start, v->len);
	return v->text ? v : fail(r, "too large");
}

static bool has_duplicate_in_map(const struct json_value *object, bool *no_memory)
{
	struct map seen = { 0 };
	bool twice = false;

	for (struct json_value *v = object->first; v && !twice && !*no_memory; v = v->next) {
		twice = map_get(&seen, v->key, v->key_len) != NULL;
		*no_memory = !twice && !map_set(&seen, v->key, v->key_len, v);
	}
	map_release(&seen);
	return twice;
}

static bool has_duplicate(const struct json_value *object, bool *no_memory)
{
	if (object->n > SMALL_OBJECT)
		return has_duplicate_in_map(object, no_memory);
	for (const struct json_value *v = object->first; v; v = v->next)
		for (const struct json_value *w = v->next; w; w = w->next)
			if (v->key_len == w->key_len && !memcmp(v->key, w->key, v->key_len))
				return true;
	return false;
}

static struct json_value *read_value(struct reader *r);

/* A member's key and colon, into key and key_len. */
static bool take_key(struct reader *r, const char **key, size_t *len)
{
	skip_space(r);
	if (!take(r, '"'))
		return fail(r, "expected a key"), false;
	if (!take_string(r, key, len))
		return false;
	skip_space(r);
	if (!take(r, ':'))
		return fail(r, "expected ':'"), false;
	return true;
}

/* Items up to `close`, behind the opening bracket. */
static bool read_items(struct reader *r, struct json_value *v, char close)
{
	struct json_value **last = &v->first;

	skip_space(r);
	if (take(r, close))
		return true;
	do {
		const char *key = NULL;
		size_t key_len = 0;

		if (close == '}' && !take_key(r, &key, &key_len))
			return false;
		*last = read_value(r);
		if (!*last)
			return false;
		(*last)->key = key;
		(*last)->key_len = key_len;
		last = &(*last)->next;
		v->n++;
		skip_space(r);
	} while (take(r, ','));
	return take(r, close) ||
	       (fail(r, close == '}' ? "expected ',' or '}'" : "expected ',' or ']'"), false);
}

static struct json_value *read_nested(struct reader *r, struct json_value *v, enum json_type type)
{
	bool no_memory = false;

	r->at++;
	v->type = type;
	if (++r->depth > JSON_READ_DEPTH)
		return fail(r, "nested too deeply");
	if (!read_items(r, v, type == JSON_OBJECT ? '}' : ']'))
		return NULL;
	r->depth--;
	if (type == JSON_OBJECT && has_duplicate(v, &no_memory))
		return fail(r, "duplicate key in the object that ends here");
	return no_memory ? fail(r, "out of memory") : v;
}

static struct json_value *read_value(struct reader *r)
{
	struct json_value *v = arena_alloc(r->a, sizeof *v);

	if (!v)
		return fail(r, "too large");
	skip_space(r);
	if (r->at == r->end)
		return fail(r, "ends too early");
	switch (*r->at) {
	case '{':
		return read_nested(r, v, JSON_OBJECT);
	case '[':
		return read_nested(r, v, JSON_ARRAY);
	case '"':
		r->at++;
		v->type = JSON_STRING;
		return take_string(r, &v->text, &v->len) ? v : NULL;
	case 't':
	case 'f':
		v->type = JSON_BOOL;
		v->boolean = *r->at == 't';
		return take_word(r, v->boolean ? "true" : "false") ? v : fail(r, "expected a value");
	case 'n':
		return take_word(r, "null") ? v : fail(r, "expected a value");
	default:
		return read_number(r, v);
	}
}

struct json_value *json_read(struct arena *a, const char *text, size_t len, struct err *e)
{
	struct reader r = { .a = a, .text = (const unsigned char *)text, .e = e };
	struct json_value *v;

	if (len > JSON_READ_MAX)
		return err_set(e, "larger than %d bytes", JSON_READ_MAX), NULL;
	r.at = r.text;
	r.end = r.text + len;
	v = read_value(&r);
	if (!v)
		return NULL;
	skip_space(&r);
	return r.at == r.end ? v : fail(&r, "something follows the value");
}

const struct json_value *json_get(const struct json_value *object, const char *key)
{
	size_t len = strlen(key);

	if (!object || object->type != JSON_OBJECT)
		return NULL;
	for (const struct json_value *v = object->first; v; v = v->next)
		if (v->key_len == len && !memcmp(v->key, key, len))
			return v;
	return NULL;
}

const char *json_string(const struct json_value *v)
{
	/* A NUL inside would make C code see a shorter string than the one that was checked. */
	return v && v->type == JSON_STRING && !memchr(v->text, 0, v->len) ? v->text : NULL;
}

bool json_int64(const struct json_value *v, int64_t *out)
{
	return v && v->type == JSON_NUMBER && num_i64(v->text, INT64_MIN, INT64_MAX, out);
}

bool json_double(const struct json_value *v, double *out)
{
	double d;

	if (!v || v->type != JSON_NUMBER)
		return false;
	d = strtod(v->text, NULL);
	if (!isfinite(d))
		return false;
	*out = d;
	return true;
}

bool json_boolean(const struct json_value *v, bool *out)
{
	if (!v || v->type != JSON_BOOL)
		return false;
	*out = v->boolean;
	return true;
}

const char *json_get_string(const struct json_value *object, const char *key)
{
	return json_string(json_get(object, key));
}

int64_t json_get_int64(const struct json_value *object, const char *key, int64_t otherwise)
{
	int64_t v;

	return json_int64(json_get(object, key), &v) ? v : otherwise;
}

bool json_get_boolean(const struct json_value *object, const char *key, bool otherwise)
{
	bool v;

	return json_boolean(json_get(object, key), &v) ? v : otherwise;
}

static int base64_digit(char c)
{
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? strchr(all, c) : NULL;

	return at ? (int)(at - all) : -1;
}

bool json_unbase64(const char *text, struct buf *out)
{
	size_t n = strlen(text), digits = n;
	unsigned bits = 0;

	while (digits && n - digits < 2 && text[digits - 1] == '=')
		digits--;
	for (size_t i = 0; i < digits; i++) {
		int d = base64_digit(text[i]);

		if (d < 0)
			return false;
		bits = bits << 6 | (unsigned)d;
		if (i % 4)
			buf_chr(out, (char)(bits >> (6 - 2 * (i % 4))));
	}
	return n % 4 == 0 && !out->failed;
}
