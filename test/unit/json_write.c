/* json/write: structure, escaping as Go's encoder, misuse, output for terminals. */
#include "json/write.h"

#include "test/t.h"

static const char *escaped(struct buf *b, const char *data, size_t len, size_t max, bool *invalid,
                           size_t *taken)
{
	buf_clear(b);
	*invalid = false;
	*taken = json_escape(b, data, len, max, invalid);
	return buf_text(b);
}

T_CASE(structure)
{
	AUTO_BUF b = { 0 };
	struct json j = { .out = &b };

	json_object(&j);
	json_key(&j, "a");
	json_array(&j);
	json_int(&j, -5);
	json_uint(&j, UINT64_MAX);
	json_int(&j, INT64_MIN);
	json_object(&j);
	json_end(&j);
	json_null(&j);
	json_end(&j);
	json_key_text(&j, "t", "x");
	json_key_text(&j, "n", NULL);
	json_key_bool(&j, "b", true);
	json_key_int(&j, "i", 0);
	json_end(&j);
	is_str(buf_text(&b), "{\"a\":[-5,18446744073709551615,-9223372036854775808,{},null],"
	                     "\"t\":\"x\",\"n\":null,\"b\":true,\"i\":0}");
	ok(!b.failed);
}

T_CASE(indent)
{
	AUTO_BUF b = { 0 };
	struct json j = { .out = &b, .indent = true };

	json_object(&j);
	json_key(&j, "a");
	json_array(&j);
	json_int(&j, 1);
	json_int(&j, 2);
	json_end(&j);
	json_key(&j, "e");
	json_array(&j);
	json_end(&j);
	json_end(&j);
	is_str(buf_text(&b), "{\n  \"a\": [\n    1,\n    2\n  ],\n  \"e\": []\n}");
}

T_CASE(escapes)
{
	AUTO_BUF b = { 0 };
	bool invalid;
	size_t taken;

	is_str(escaped(&b, "a\"\\\n\r\t\b\f\x01\x1f\x7f<>&/", 15, 999, &invalid, &taken),
	       "a\\\"\\\\\\n\\r\\t\\b\\f\\u0001\\u001f\\u007f\\u003c\\u003e\\u0026/");
	ok(!invalid && taken == 15);
	is_str(escaped(&b, "\0", 1, 999, &invalid, &taken), "\\u0000");
	is_str(escaped(&b, "\xe2\x80\xa8\xe2\x80\xa9\xe2\x80\xaa", 9, 999, &invalid, &taken),
	       "\\u2028\\u2029\xe2\x80\xaa");
	is_str(escaped(&b, "\xf0\x9f\x98\x80\xc3\xa9", 6, 999, &invalid, &taken), "\xf0\x9f\x98\x80\xc3\xa9");
	ok(!invalid);
}

T_CASE(bad_utf8)
{
	static const char *const bad[] = {
		"\x80", "\xff", "\xc0\x80", "\xed\xa0\x80", "\xf4\x90\x80\x80", "\xe2\x82", "\xf0\x9f\x98"
	};
	AUTO_BUF b = { 0 };
	bool invalid;
	size_t taken;

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		size_t len = strlen(bad[i]);
		const char *text = escaped(&b, bad[i], len, 999, &invalid, &taken);

		ok(invalid && b.len == 3 * len && !memcmp(text, "\xef\xbf\xbd", 3), "bad sequence %zu", i);
	}
	is_str(escaped(&b, "a\xffz", 3, 999, &invalid, &taken), "a\xef\xbf\xbdz");
}

T_CASE(limit_never_cuts_a_character)
{
	AUTO_BUF b = { 0 };
	bool invalid;
	size_t taken;

	is_str(escaped(&b, "ab\n\xc3\xa9", 5, 3, &invalid, &taken), "ab");
	is_int(taken, 2);
	is_str(escaped(&b, "ab\n\xc3\xa9", 5, 5, &invalid, &taken), "ab\\n");
	is_int(taken, 3);
	is_str(escaped(&b, "ab\n\xc3\xa9", 5, 6, &invalid, &taken), "ab\\n\xc3\xa9");
	is_int(taken, 5);
}

T_CASE(misuse_fails)
{
	struct buf b = { 0 };
	struct json j = { .out = &b };

	json_end(&j);
	ok(b.failed, "end without begin");
	buf_clear(&b);
	j = (struct json){ .out = &b };
	json_object(&j);
	json_int(&j, 1);
	ok(b.failed, "value without key");
	buf_clear(&b);
	j = (struct json){ .out = &b };
	json_array(&j);
	json_key(&j, "k");
	ok(b.failed, "key in an array");
	buf_clear(&b);
	j = (struct json){ .out = &b };
	json_int(&j, 1);
	json_int(&j, 2);
	ok(b.failed, "two top values");
	buf_clear(&b);
	j = (struct json){ .out = &b };
	for (int i = 0; i <= JSON_WRITE_DEPTH; i++)
		json_array(&j);
	ok(b.failed, "too deep");
	buf_release(&b);
}

T_CASE(base64)
{
	AUTO_BUF b = { 0 };

	json_base64(&b, "", 0);
	is_str(buf_text(&b), "");
	json_base64(&b, "f", 1);
	json_base64(&b, "fo", 2);
	json_base64(&b, "foo", 3);
	json_base64(&b, "\xff\xfe\xfd\xfc", 4);
	is_str(buf_text(&b), "Zg==Zm8=Zm9v//79/A==");
}

T_CASE(for_terminal)
{
	AUTO_BUF b = { 0 };
	const char text[] = "{\"a\":\"\xc2\x9b[2J\xe2\x80\xaeX\x1b]52\x7f\xff\xc3\xa9\xf3\xa0\x81\x81\"}\n";

	json_for_terminal(&b, text, sizeof text - 1);
	is_str(buf_text(&b), "{\"a\":\"\\u009b[2J\\u202eX?]52??\xc3\xa9\\udb40\\udc41\"}\n");
}
