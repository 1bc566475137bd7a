/* read - strict JSON into a tree that lives in an arena.
 *
 * RFC 8259 to the letter: UTF-8 checked, no duplicate keys, no lone
 * surrogates, nothing after the value, depth and size bounded. Strings are
 * decoded to bytes (with length; a NUL may follow from \u0000). Numbers keep
 * their text, so that nothing is rounded before somebody asks.
 */
#pragma once

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_READ_DEPTH = 32, JSON_READ_MAX = 16 << 20 };

enum json_type { JSON_NULL, JSON_BOOL, JSON_NUMBER, JSON_STRING, JSON_ARRAY, JSON_OBJECT };

struct json_value {
	enum json_type type;
	bool boolean;
	const char *text; /* decoded string, or the number as it was written; NUL follows */
	size_t len;
	const char *key; /* of a member of an object */
	size_t key_len;
	struct json_value *first; /* items or members, in order */
	struct json_value *next;
	size_t n; /* how many */
};

/* Parse all of `text`. The tree, or NULL with a message that names the byte offset. The tree takes up to
 * about 100 bytes of arena per two bytes of text: give the arena a ceiling. */
struct json_value *json_read(struct arena *a, const char *text, size_t len, struct err *e);

/* Member of an object; NULL when absent or `object` is NULL or no object. */
const struct json_value *json_get(const struct json_value *object, const char *key);

/* A string without NUL bytes; NULL otherwise. */
const char *json_string(const struct json_value *v);

/* An integer that fits: digits with an optional minus, no fraction or exponent. */
bool json_int64(const struct json_value *v, int64_t *out);
bool json_double(const struct json_value *v, double *out);
bool json_boolean(const struct json_value *v, bool *out);

/* Append what this base64, with padding, stands for. False when it is none. */
bool json_unbase64(const char *text, struct buf *out);

/* Shorthands on a member: absent, null or of another type gives NULL, `otherwise`. */
const char *json_get_string(const struct json_value *object, const char *key);
int64_t json_get_int64(const struct json_value *object, const char *key, int64_t otherwise);
bool json_get_boolean(const struct json_value *object, const char *key, bool otherwise);
