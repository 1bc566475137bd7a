/* write - JSON onto a buffer. Append freely, check out->failed once.
 *
 *	struct json j = { .out = &b };
 *	json_object(&j);
 *	json_key(&j, "name");
 *	json_text(&j, name);
 *	json_end(&j);
 *
 * Commas, colons and (with `indent`) two-space indentation come by themselves.
 * Strings are escaped as Go's encoder does: quote, backslash, C0, < > & and
 * U+2028/2029; DEL too. Bytes that are not UTF-8 become U+FFFD, one each.
 * Unbalanced or too deep use marks the buffer failed.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { JSON_WRITE_DEPTH = 60 };

struct json {
	struct buf *out; /* borrowed */
	bool indent;
	bool after_key;
	int depth;
	uint64_t is_array, has_items; /* bit per depth */
};

void json_object(struct json *j);
void json_array(struct json *j);
void json_end(struct json *j); /* closes the innermost object or array */

void json_key(struct json *j, const char *key);
void json_text(struct json *j, const char *text); /* NULL writes null */
void json_bytes(struct json *j, const char *data, size_t len);
void json_int(struct json *j, int64_t number);
void json_uint(struct json *j, uint64_t number);
void json_bool(struct json *j, bool value);
void json_null(struct json *j);
void json_raw(struct json *j, const char *json, size_t len); /* a value that is JSON already */

/* Key and value in one go. */
void json_key_text(struct json *j, const char *key, const char *text);
void json_key_int(struct json *j, const char *key, int64_t number);
void json_key_bool(struct json *j, const char *key, bool value);

/* Append the escaped form without quotes, at most `max` bytes of it, never cutting a character. Returns the
 * bytes of `data` consumed; *invalid is set (never cleared) when some of them were not UTF-8. */
size_t json_escape(struct buf *out, const char *data, size_t len, size_t max, bool *invalid);

/* The same into memory: at most `max` bytes to `out`, no NUL; *n_out is how many. */
size_t json_escape_to(char *out, size_t max, const char *data, size_t len, size_t *n_out, bool *invalid);

/* Append base64 with padding, no line breaks, no quotes. */
void json_base64(struct buf *out, const void *data, size_t len);
void json_base64_to(char *out, const void *data, size_t len); /* exactly (len + 2) / 3 * 4 bytes, no NUL */

/* Append a whole JSON text again, with C1 controls and the characters that reorder or hide text on a terminal
 * written as \uXXXX: the same JSON, safe to look at. Stray C0 bytes and invalid UTF-8 become '?'. */
void json_for_terminal(struct buf *out, const char *text, size_t len);
