/* json/read: what is accepted, what each refusal says, bounds. */
#include "json/read.h"

#include "json/write.h"
#include "test/t.h"

static struct err e;

static const struct json_value *parse(struct arena *a, const char *text)
{
	return json_read(a, text, strlen(text), &e);
}

static void refused(const char *text, const char *why)
{
	AUTO_ARENA a = { 0 };

	e = (struct err){ 0 };
	ok(!parse(&a, text) && strstr(e.text, why), "%s", e.text);
}

T_CASE(tree)
{
	AUTO_ARENA a = { 0 };
	const struct json_value *v =
	        parse(&a, " {\"a\":[1,-2.5e3,true,false,null],\"b\":{\"c\":\"d\"},\"\":\"\"}\n ");
	int64_t i;
	double d;
	bool b;

	if (!ok(v && v->type == JSON_OBJECT && v->n == 3, "%s", e.text))
		return;
	const struct json_value *x = json_get(v, "a")->first;
	ok(json_int64(x, &i) && i == 1);
	x = x->next;
	ok(!json_int64(x, &i) && json_double(x, &d) && d == -2500 && !strcmp(x->text, "-2.5e3"));
	x = x->next;
	ok(json_boolean(x, &b) && b);
	x = x->next;
	ok(json_boolean(x, &b) && !b);
	x = x->next;
	ok(x->type == JSON_NULL && !x->next && !json_boolean(x, &b) && !json_string(x));
	is_str(json_get_string(json_get(v, "b"), "c"), "d");
	is_str(json_get_string(v, ""), "");
	ok(!json_get(v, "zz") && !json_get(NULL, "a") && !json_get(json_get(v, "a"), "a"));
	is_int(json_get_int64(v, "a", 7), 7);
	ok(json_get_boolean(v, "a", true));
}

T_CASE(numbers)
{
	AUTO_ARENA a = { 0 };
	int64_t i;
	double d;

	ok(json_int64(parse(&a, "9223372036854775807"), &i) && i == INT64_MAX);
	ok(json_int64(parse(&a, "-9223372036854775807"), &i) && i == -INT64_MAX);
	ok(!json_int64(parse(&a, "9223372036854775808"), &i));
	ok(!json_int64(parse(&a, "1.0"), &i) && !json_int64(parse(&a, "1e2"), &i));
	ok(!json_double(parse(&a, "1e999"), &d), "infinity is no number");
	static const char *const bad[] = { "01",  "-",   "+1",   ".5",  "1.",       "1e",
		                           "1e+", "--1", "0x10", "NaN", "Infinity", "1_0" };
	for (size_t k = 0; k < sizeof bad / sizeof *bad; k++)
		refused(bad[k], "byte ");
}

T_CASE(strings)
{
	AUTO_ARENA a = { 0 };
	const struct json_value *v;

	is_str(json_string(parse(&a, "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\\u0041\\u00e9\\u20ac\\ud83d\\ude00\"")),
	       "\"\\/\b\f\n\r\tA\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80");
	v = parse(&a, "\"a\\u0000b\"");
	ok(v->len == 3 && !memcmp(v->text, "a\0b", 3) && !json_string(v), "a NUL hides nothing");
	refused("\"a", "does not end");
	refused("\"a\\", "does not end");
	refused("\"a\\\"", "does not end");
	refused("\"\\x\"", "unknown escape");
	refused("\"\\u12\"", "bad \\u");
	refused("\"\\u12g4\"", "bad \\u");
	refused("\"\\ud800\"", "lone surrogate");
	refused("\"\\ud800x\"", "lone surrogate");
	refused("\"\\ud800\\u0041\"", "lone surrogate");
	refused("\"\\udc00\"", "lone surrogate");
	refused("\"\n\"", "control character");
	refused("\"\xff\"", "not UTF-8");
	refused("\"\xed\xa0\x80\"", "not UTF-8");
	refused("\"\xc3\"", "not UTF-8");
}

T_CASE(structure_refused)
{
	refused("", "ends too early");
	refused("  ", "ends too early");
	refused("{} x", "something follows");
	refused("[1,]", "expected a value");
	refused("[1", "expected ',' or ']'");
	refused("[", "ends too early");
	refused("{\"a\":1,}", "expected a key");
	refused("{\"a\" 1}", "expected ':'");
	refused("{a:1}", "expected a key");
	refused("{\"a\":1", "expected ',' or '}'");
	refused("{\"a\":1]", "expected ',' or '}'");
	refused("tru", "expected a value");
	refused("nul", "expected a value");
	refused("// x\n1", "expected a value");
	refused("\xef\xbb\xbf{}", "expected a value");
}

T_CASE(duplicates)
{
	AUTO_ARENA a = { 0 };
	AUTO_BUF b = { 0 };

	refused("{\"a\":1,\"a\":2}", "duplicate");
	refused("{\"a\":1,\"\\u0061\":2}", "duplicate");
	refused("[{\"x\":{\"a\":1,\"b\":2,\"a\":2}}]", "duplicate");
	buf_chr(&b, '{');
	for (int i = 0; i < 50000; i++)
		buf_fmt(&b, "\"k%d\":%d,", i, i);
	ok(!json_read(&a, b.data, b.len, &e), "unfinished");
	buf_str(&b, "\"k\":1}");
	ok(json_read(&a, b.data, b.len, &e) != NULL, "50,001 keys");
	b.len--;
	buf_str(&b, ",\"k77\":1}");
	ok(!json_read(&a, b.data, b.len, &e) && strstr(e.text, "duplicate"), "%s", e.text);
}

T_CASE(bounds)
{
	AUTO_BUF b = { 0 };
	AUTO_ARENA a = { 0 }, small = { .max = 4096 };

	for (int i = 0; i < 32; i++)
		buf_chr(&b, '[');
	for (int i = 0; i < 32; i++)
		buf_chr(&b, ']');
	ok(json_read(&a, b.data, b.len, &e) != NULL, "depth 32");
	buf_clear(&b);
	for (int i = 0; i < 33; i++)
		buf_chr(&b, '[');
	ok(!json_read(&a, b.data, b.len, &e) && strstr(e.text, "too deeply"), "%s", e.text);
	buf_clear(&b);
	for (int i = 0; i < 100000; i++)
		buf_chr(&b, '[');
	ok(!json_read(&a, b.data, b.len, &e), "%s", e.text);
	buf_clear(&b);
	buf_str(&b, "[1");
	for (int i = 0; i < 1000; i++)
		buf_str(&b, ",1");
	buf_chr(&b, ']');
	ok(!json_read(&small, b.data, b.len, &e) && strstr(e.text, "too large"), "arena ceiling: %s", e.text);
	ok(!json_read(&a, b.data, JSON_READ_MAX + 1u, &e) && strstr(e.text, "larger"), "%s", e.text);
}

T_CASE(what_is_written_is_read)
{
	AUTO_ARENA a = { 0 };
	AUTO_BUF b = { 0 };
	char all[256];
	struct json j = { .out = &b };

	for (int i = 0; i < 256; i++)
		all[i] = (char)(i < 128 ? i : 'x');
	json_bytes(&j, all, sizeof all);
	const struct json_value *v = json_read(&a, b.data, b.len, &e);
	ok(v && v->len == 256 && !memcmp(v->text, all, 256), "%s", e.text);
}

T_CASE(base64)
{
	static const struct {
		const char *text, *bytes;
	} good[] = {
		{ "", "" }, { "aGk=", "hi" }, { "aA==", "h" }, { "aGkh", "hi!" }, { "/+8AAA==", "\xff\xef" }
	};
	static const char *const bad[] = {
		"a", "aG", "aGk", "a===", "=", "====", "aGk=aGk=", "aG k", "aGk!"
	};
	struct buf out = { 0 };

	for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
		buf_clear(&out);
		ok(json_unbase64(good[i].text, &out) && !strcmp(buf_text(&out), good[i].bytes), "%s",
		   good[i].text);
	}
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(!json_unbase64(bad[i], &out), "not %s", bad[i]);
	buf_release(&out);
}
