#include "json/write.h"

#include <string.h>

#include "base/utf8.h"
#include "base/visible.h"

enum { PLAIN, ESCAPE, MULTI };

/* What to do with each byte inside a string: nothing, an escape, or a look at the UTF-8 sequence. */
static const unsigned char kind[256] = {
	[0 ... 31] = ESCAPE, ['"'] = ESCAPE, ['\\'] = ESCAPE, ['<'] = ESCAPE,
	['>'] = ESCAPE,      ['&'] = ESCAPE, [127] = ESCAPE,  [128 ... 255] = MULTI,
};

static size_t unicode_escape(uint32_t code, char *out)
{
	static const char hex[] = "0123456789abcdef";

	out[0] = '\\';
	out[1] = 'u';
	out[2] = hex[code >> 12 & 15];
	out[3] = hex[code >> 8 & 15];
	out[4] = hex[code >> 4 & 15];
	out[5] = hex[code & 15];
	return 6;
}

static size_t escape_ascii(unsigned char c, char *out)
{
	static const char letters[] = { ['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r',
		                        ['\t'] = 't', ['"'] = '"',  ['\\'] = '\\' };
	char letter = c < sizeof letters ? letters[c] : 0;

	if (!letter)
		return unicode_escape(c, out);
	out[0] = '\\';
	out[1] = letter;
	return 2;
}

/* One character that is not plain: its replacement into `out`, the bytes taken as result. */
static size_t escape_one(const unsigned char *p, size_t left, char *out, size_t *n_out, bool *invalid)
{
	size_t len;

	if (kind[*p] == ESCAPE) {
		*n_out = escape_ascii(*p, out);
		return 1;
	}
	len = utf8_len(p, left);
	if (!len) {
		*invalid = true;
		memcpy(out, "\xef\xbf\xbd", 3); /* NOLINT(bugprone-not-null-terminated-result): bytes */
		*n_out = 3;
		return 1;
	}
	if (len == 3 && p[0] == 0xe2 && p[1] == 0x80 && (p[2] & 0xfe) == 0xa8) {
		*n_out = unicode_escape(0x2000u | (p[2] & 0x3fu), out);
		return 3;
	}
	memcpy(out, p, len);
	*n_out = len;
	return len;
}

/* Bytes with the high bit set where the byte of `w` is below `n` (n <= 128), for bytes below 128. */
static inline uint64_t bytes_below(uint64_t w, unsigned n)
{
	return w - 0x0101010101010101u * n;
}

static inline uint64_t bytes_equal(uint64_t w, unsigned char c)
{
	return (w ^ 0x0101010101010101u * c) - 0x0101010101010101u;
}

/* True if all eight bytes are plain. May say no for a plain byte beside a special one; the caller then looks
 * closer. */
static inline bool all_plain(const unsigned char *p)
{
	uint64_t w, special;

	memcpy(&w, p, sizeof w);
	special = w | bytes_below(w, 32) | bytes_equal(w, '"') | bytes_equal(w, '\\') | bytes_equal(w, '&') |
	          bytes_equal(w & ~0x0202020202020202u, '<') | bytes_equal(w, 127);
	return !(special & 0x8080808080808080u);
}

/* How many of the first `len` bytes are plain. */
static inline size_t plain_run(const unsigned char *p, size_t len)
{
	size_t n = 0;

	while (len - n >= 8 && all_plain(p + n))
		n += 8;
	while (n < len && kind[p[n]] == PLAIN)
		n++;
	return n;
}

size_t json_escape_to(char *out, size_t max, const char *data, size_t len, size_t *n_out, bool *invalid)
{
	const unsigned char *p = (const unsigned char *)data;
	size_t at = 0, used = 0;

	while (at < len) {
		size_t left = len - at < max - used ? len - at : max - used, run = plain_run(p + at, left), n,
		       taken;
		char esc[8];

		memcpy(out + used, data + at, run);
		used += run;
		at += run;
		if (run == left)
			break;
		taken = escape_one(p + at, len - at, esc, &n, invalid);
		if (n > max - used)
			break;
		memcpy(out + used, esc, n);
		used += n;
		at += taken;
	}
	*n_out = used;
	return at;
}

size_t json_escape(struct buf *out, const char *data, size_t len, size_t max, bool *invalid)
{
	const unsigned char *p = (const unsigned char *)data;
	size_t at = 0;

	while (at < len) {
		size_t left = len - at < max ? len - at : max, run = plain_run(p + at, left), n, taken;
		char esc[8];

		buf_add(out, data + at, run);
		max -= run;
		at += run;
		if (run == left)
			break;
		taken = escape_one(p + at, len - at, esc, &n, invalid);
		if (n > max)
			break;
		buf_add(out, esc, n);
		max -= n;
		at += taken;
	}
	return at;
}

void json_base64_to(char *out, const void *data, size_t len)
{
	static const char digit[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const unsigned char *p = data;

	for (size_t at = 0; at < len; at += 3) {
		size_t left = len - at;
		uint32_t v = (uint32_t)p[at] << 16;

		if (left > 1)
			v |= (uint32_t)p[at + 1] << 8;
		if (left > 2)
			v |= p[at + 2];
		*out++ = digit[v >> 18];
		*out++ = digit[v >> 12 & 63];
		*out++ = left > 1 ? digit[v >> 6 & 63] : '=';
		*out++ = left > 2 ? digit[v & 63] : '=';
	}
}

void json_base64(struct buf *out, const void *data, size_t len)
{
	size_t n = (len + 2) / 3 * 4;
	char *room = buf_room(out, n);

	if (!room)
		return;
	json_base64_to(room, data, len);
	out->len += n;
	out->data[out->len] = 0;
}

void json_for_terminal(struct buf *out, const char *text, size_t len)
{
	const unsigned char *p = (const unsigned char *)text;

	for (size_t at = 0; at < len;) {
		size_t n = utf8_len(p + at, len - at);
		uint32_t c = n ? utf8_code(p + at, n) : 0;
		char esc[12];

		if (n == 1 ? (c < 32 && c != '\n') || c == 127 : !n) {
			buf_chr(out, '?');
			n = 1;
		} else if (n > 1 && !visible_char(c)) {
			size_t k = 0;

			if (c >= 0x10000)
				k = unicode_escape(0xd800 + ((c - 0x10000) >> 10), esc);
			k += unicode_escape(c >= 0x10000 ? 0xdc00 + ((c - 0x10000) & 0x3ff) : c, esc + k);
			buf_add(out, esc, k);
		} else {
			buf_add(out, text + at, n);
		}
		at += n;
	}
}

static void new_line(struct json *j)
{
	if (!j->indent)
		return;
	buf_chr(j->out, '\n');
	for (int i = 0; i < j->depth; i++)
		buf_add(j->out, "  ", 2);
}

/* What goes before a value or, in an object, before a key. */
static void separate(struct json *j)
{
	uint64_t bit = 1ull << j->depth;

	if (j->has_items & bit)
		buf_chr(j->out, ',');
	j->has_items |= bit;
	if (j->depth)
		new_line(j);
}

static void before_value(struct json *j)
{
	if (j->after_key) {
		j->after_key = false;
		return;
	}
	/* A value without key in an object, or a second top-level value, is a bug of the caller. */
	if (j->depth ? !(j->is_array >> j->depth & 1) : j->has_items & 1)
		j->out->failed = true;
	separate(j);
}

static void begin(struct json *j, bool array)
{
	before_value(j);
	buf_chr(j->out, array ? '[' : '{');
	if (j->depth >= JSON_WRITE_DEPTH) {
		j->out->failed = true;
		return;
	}
	j->depth++;
	j->is_array &= ~(1ull << j->depth);
	j->is_array |= (uint64_t)array << j->depth;
	j->has_items &= ~(1ull << j->depth);
}

void json_object(struct json *j)
{
	begin(j, false);
}

void json_array(struct json *j)
{
	begin(j, true);
}

void json_end(struct json *j)
{
	uint64_t bit = 1ull << j->depth;
	bool array = j->is_array & bit, items = j->has_items & bit;

	if (!j->depth || j->after_key) {
		j->out->failed = true;
		return;
	}
	j->depth--;
	if (items)
		new_line(j);
	buf_chr(j->out, array ? ']' : '}');
}

static void quoted(struct json *j, const char *data, size_t len)
{
	bool invalid = false;

	buf_chr(j->out, '"');
	json_escape(j->out, data, len, (size_t)-1, &invalid);
	buf_chr(j->out, '"');
}

void json_key(struct json *j, const char *key)
{
	if (!j->depth || j->is_array >> j->depth & 1 || j->after_key)
		j->out->failed = true;
	separate(j);
	quoted(j, key, strlen(key));
	buf_add(j->out, ": ", j->indent ? 2 : 1);
	j->after_key = true;
}

void json_bytes(struct json *j, const char *data, size_t len)
{
	before_value(j);
	quoted(j, data, len);
}

void json_text(struct json *j, const char *text)
{
	if (text)
		json_bytes(j, text, strlen(text));
	else
		json_null(j);
}

void json_raw(struct json *j, const char *json, size_t len)
{
	before_value(j);
	buf_add(j->out, json, len);
}

static void digits(struct json *j, uint64_t number, bool minus)
{
	char text[24];
	size_t at = sizeof text;

	do {
		text[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number);
	if (minus)
		text[--at] = '-';
	json_raw(j, text + at, sizeof text - at);
}

void json_int(struct json *j, int64_t number)
{
	digits(j, number < 0 ? 0 - (uint64_t)number : (uint64_t)number, number < 0);
}

void json_uint(struct json *j, uint64_t number)
{
	digits(j, number, false);
}

void json_bool(struct json *j, bool value)
{
	json_raw(j, value ? "true" : "false", value ? 4 : 5);
}

void json_null(struct json *j)
{
	json_raw(j, "null", 4);
}

void json_key_text(struct json *j, const char *key, const char *text)
{
	json_key(j, key);
	json_text(j, text);
}

void json_key_int(struct json *j, const char *key, int64_t number)
{
	json_key(j, key);
	json_int(j, number);
}

void json_key_bool(struct json *j, const char *key, bool value)
{
	json_key(j, key);
	json_bool(j, value);
}
