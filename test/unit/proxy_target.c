/* Where a client wants to go, and where a body ends. */
#include "test/t.h"

#include "proxy/frame.h"
#include "proxy/target.h"

T_CASE(authorities)
{
	static const struct {
		const char *text, *want; /* NULL = refused */
	} rows[] = {
		{ "allowed.test:443", "allowed.test:443" },
		{ "ALLOWED.Test.:1", "allowed.test:1" },
		{ "127.1:65535", "127.0.0.1:65535" },
		{ "0xa9fea9fe:80", "169.254.169.254:80" },
		{ "[2001:DB8::1]:80", "[2001:db8::1]:80" },
		{ "[::ffff:10.0.0.1]:80", "10.0.0.1:80" },
		{ "allowed.test", NULL },
		{ "allowed.test:", NULL },
		{ "allowed.test:0", NULL },
		{ "allowed.test:080", NULL },
		{ "allowed.test:65536", NULL },
		{ "allowed.test:65979", NULL },
		{ "allowed.test:+80", NULL },
		{ "allowed.test:8 ", NULL },
		{ "allowed.test:443:80", NULL },
		{ "::1:80", NULL },
		{ "2001:db8::1", NULL },
		{ "[::1]x:80", NULL },
		{ "[::1", NULL },
		{ "[::1%lo]:80", NULL },
		{ "[allowed.test]:80", NULL },
		{ "a@b:80", NULL },
		{ "a\\b:80", NULL },
		{ "a%2eb:80", NULL },
		{ "a b:80", NULL },
		{ "a/b:80", NULL },
		{ "a..b:80", NULL },
		{ ":80", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct target t;
		char text[TARGET_TEXT];
		bool good = target_authority(rows[i].text, 0, &t);

		is_str(good ? target_text(&t, 0, text) : NULL, rows[i].want, "%s", rows[i].text);
	}
}

T_CASE(uris)
{
	static const struct {
		const char *text, *want, *path;
	} rows[] = {
		{ "http://allowed.test", "allowed.test", "" },
		{ "HTTP://allowed.test:80/a?b", "allowed.test", "/a?b" },
		{ "http://allowed.test:81?b", "allowed.test:81", "?b" },
		{ "http://[::1]/", "[::1]", "/" },
		{ "http://a@allowed.test/", NULL, NULL },
		{ "http://allowed.test/#x", NULL, NULL },
		{ "http://evil.test#@allowed.test/", NULL, NULL },
		{ "http://evil.test\\@allowed.test/", NULL, NULL },
		{ "https://allowed.test/", NULL, NULL },
		{ "http:/allowed.test/", NULL, NULL },
		{ "http://", NULL, NULL },
		{ "//allowed.test/", NULL, NULL },
		{ "/", NULL, NULL },
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct target t;
		char text[TARGET_TEXT];
		bool good = target_uri(rows[i].text, &t);

		is_str(good ? target_text(&t, 80, text) : NULL, rows[i].want, "%s", rows[i].text);
		if (good)
			is_str(t.path, rows[i].path);
	}
}

/* How many bytes belong to it, -1 when it is bad; fed in pieces of every size. */
static int ends_at(const char *text, size_t piece, bool lenient)
{
	struct frame f;
	size_t at = 0, len = strlen(text);

	frame_init(&f, HTTP_BODY_CHUNKED, 0, lenient);
	while (at < len && !f.done) {
		size_t want = len - at < piece ? len - at : piece, n = frame_feed(&f, text + at, want);

		if (f.bad)
			return -1;
		at += n;
		if (n < want && !f.done)
			return -2;
	}
	return f.done ? (int)at : -3;
}

T_CASE(chunks)
{
	static const struct {
		const char *text;
		int strict, lenient; /* where it ends */
	} rows[] = {
		{ "3\r\nabc\r\n0\r\n\r\nGET", 13, 13 },
		{ "0\r\n\r\n", 5, 5 },
		{ "00A\r\n0123456789\r\n0\r\n\r\n", 22, 22 },
		{ "3;a=b\r\nabc\r\n0\r\n\r\n", -1, 17 },
		{ "3 \r\nabc\r\n0\r\n\r\n", -1, 14 },
		{ "0\r\nX-Sum: 1\r\nY: 2\r\n\r\nGET", -1, 21 },
		{ "3\nabc\r\n0\r\n\r\n", -1, -1 },
		{ "3\r\nabcd\r\n0\r\n\r\n", -1, -1 },
		{ "\r\nabc", -1, -1 },
		{ "-1\r\n", -1, -1 },
		{ "0x3\r\nabc\r\n", -1, -1 },
		{ "1000000000000000\r\n", -1, -1 },
		{ "0\r\nX: \x1b\r\n\r\n", -1, -1 },
		{ "5\r\nabc", -3, -3 },
	};

	char many[5000 * 12 + 6] = "";

	/* Little in each of many chunks is not much. */
	for (size_t i = 0; i < 5000; i++)
		memcpy(many + i * 12, "3;a=b\r\nabc\r\n", 13);
	memcpy(many + sizeof many - 6, "0\r\n\r\n", 6);
	is_int(ends_at(many, 1000, true), (int)sizeof many - 1, "an extension in each of many chunks");
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		for (size_t piece = 1; piece < 30; piece += 4) {
			is_int(ends_at(rows[i].text, piece, false), rows[i].strict, "row %zu, strict", i);
			is_int(ends_at(rows[i].text, piece, true), rows[i].lenient, "row %zu, lenient", i);
		}
}

T_CASE(lengths)
{
	struct frame f;

	frame_init(&f, HTTP_BODY_LENGTH, 5, false);
	is_int((long long)frame_feed(&f, "abc", 3), 3);
	is_int((long long)frame_feed(&f, "defgh", 5), 2);
	ok(f.done && !frame_feed(&f, "x", 1));
	frame_init(&f, HTTP_BODY_LENGTH, 0, false);
	ok(f.done);
	frame_init(&f, HTTP_BODY_NONE, 0, false);
	ok(f.done);
	frame_init(&f, HTTP_BODY_REST, 0, true);
	ok(frame_feed(&f, "abc", 3) == 3 && !f.done);
}
