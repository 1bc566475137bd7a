/* Every way in which a message can be hostile, whole and one byte at a time. */
#include "test/t.h"

#include "http/parse.h"

enum { WHOLE = 0 }; /* instead of a refusal's status */

struct hostile {
	const char *name, *text;
	size_t len; /* 0 = strlen */
	int status;
};

#define HOST "Host: 127.0.0.1:18080\r\n"

static const struct hostile messages[] = {
	{ "plain", "GET /health HTTP/1.1\r\n" HOST "\r\n", 0, WHOLE },
	{ "1.0 without host", "GET / HTTP/1.0\r\n\r\n", 0, WHOLE },
	{ "length", "POST / HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 0, WHOLE },
	{ "chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 0,
	  WHOLE },
	{ "high bytes in a value", "GET / HTTP/1.1\r\n" HOST "X: \xc3\xa4\r\n\r\n", 0, WHOLE },
	{ "HTTP/0.9", "GET /\r\n", 0, 400 },
	{ "HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\n", 0, 400 },
	{ "HTTP/1.2", "GET / HTTP/1.2\r\n" HOST "\r\n", 0, 400 },
	{ "TLS hello", "\x16\x03\x01\x02", 0, 400 },
	{ "NUL in the line", "GET /\0 HTTP/1.1\r\n\r\n", 20, 400 },
	{ "NUL in a value", "GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n", 29, 400 },
	{ "bare LF", "GET / HTTP/1.1\nHost: x\n\n", 0, 400 },
	{ "bare CR", "GET / HTTP/1.1\r\nHost: x\rY: z\r\n\r\n", 0, 400 },
	{ "escape", "GET / HTTP/1.1\r\nHost: \x1b[2J\r\n\r\n", 0, 400 },
	{ "DEL", "GET /\x7f HTTP/1.1\r\n\r\n", 0, 400 },
	{ "raw bytes in the target", "GET /\xff HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "two spaces", "GET  / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "space in the target", "GET /a b HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "tab in the line", "GET\t/ HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "empty line first", "\r\nGET / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "odd method", "G(T / HTTP/1.1\r\n" HOST "\r\n", 0, 400 },
	{ "no host", "GET / HTTP/1.1\r\n\r\n", 0, 400 },
	{ "two hosts", "GET / HTTP/1.1\r\n" HOST HOST "\r\n", 0, 400 },
	{ "folded", "GET / HTTP/1.1\r\n" HOST "X: a\r\n b\r\n\r\n", 0, 400 },
	{ "folded first", "GET / HTTP/1.1\r\n " HOST "\r\n", 0, 400 },
	{ "space before colon", "GET / HTTP/1.1\r\nHost : x\r\n\r\n", 0, 400 },
	{ "no colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", 0, 400 },
	{ "no name", "GET / HTTP/1.1\r\n" HOST ": x\r\n\r\n", 0, 400 },
	{ "CL and TE", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
	  0, 400 },
	{ "two CL", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n", 0, 400 },
	{ "CL list", "POST / HTTP/1.1\r\n" HOST "Content-Length: 5, 5\r\n\r\n", 0, 400 },
	{ "negative CL", "POST / HTTP/1.1\r\n" HOST "Content-Length: -1\r\n\r\n", 0, 400 },
	{ "plus CL", "POST / HTTP/1.1\r\n" HOST "Content-Length: +1\r\n\r\n", 0, 400 },
	{ "hex CL", "POST / HTTP/1.1\r\n" HOST "Content-Length: 0x10\r\n\r\n", 0, 400 },
	{ "empty CL", "POST / HTTP/1.1\r\n" HOST "Content-Length:\r\n\r\n", 0, 400 },
	{ "CL of 2^64", "POST / HTTP/1.1\r\n" HOST "Content-Length: 18446744073709551616\r\n\r\n", 0, 400 },
	{ "CL above the limit", "POST / HTTP/1.1\r\n" HOST "Content-Length: 1001\r\n\r\n", 0, 413 },
	{ "two TE",
	  "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 0,
	  400 },
	{ "gzip, chunked", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: gzip, chunked\r\n\r\n", 0, 400 },
	{ "TE in 1.0", "POST / HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n", 0, 400 },
	{ "chunk size of words", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nxyz\r\n", 0,
	  400 },
	{ "chunk size negative", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n-1\r\n", 0,
	  400 },
	{ "chunk size empty", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n\r\n", 0, 400 },
	{ "chunk size of 9 digits",
	  "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n100000000\r\n", 0, 400 },
	{ "chunk extension", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2;a=b\r\n{}\r\n",
	  0, 400 },
	{ "chunk too long for its size",
	  "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}}\r\n", 0, 400 },
	{ "chunk with bare LF", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n2\n{}\r\n", 0,
	  400 },
	{ "trailer", "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n", 0,
	  400 },
	{ "chunks above the limit",
	  "POST / HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\nffffffff\r\nabc", 0, 413 },
};

static int outcome(const char *text, size_t len, size_t step)
{
	struct http_parser p;
	size_t used = 0;
	int result = -1;

	http_parser_init(&p, false, 1000);
	while (used < len && p.state != HTTP_DONE && p.state != HTTP_REFUSED) {
		size_t n = len - used < step ? len - used : step;

		used += http_parser_feed(&p, text + used, n);
	}
	/* A chunk size is refused when its data comes. */
	if (p.state == HTTP_BODY && p.decoder.left > 1000) {
		char *big = calloc(1, 2000);

		for (int i = 0; i < 2 && p.state == HTTP_BODY; i++)
			http_parser_feed(&p, big, 2000);
		free(big);
	}
	if (p.state == HTTP_DONE)
		result = WHOLE;
	else if (p.state == HTTP_REFUSED)
		result = p.refusal;
	http_parser_release(&p);
	return result;
}

T_CASE(hostile_messages)
{
	for (size_t i = 0; i < sizeof messages / sizeof *messages; i++) {
		const struct hostile *m = messages + i;
		size_t len = m->len ? m->len : strlen(m->text);

		ok(outcome(m->text, len, len) == m->status, "%s", m->name);
		ok(outcome(m->text, len, 1) == m->status, "%s, byte by byte", m->name);
	}
}

static int outcome_of(struct buf *b)
{
	int result = outcome(b->data, b->len, 1000);

	buf_release(b);
	return result;
}

static struct buf request(size_t path, size_t lines, size_t value)
{
	struct buf b = { .data = NULL };

	buf_str(&b, "GET /");
	for (size_t i = 0; i < path; i++)
		buf_chr(&b, 'a');
	buf_str(&b, " HTTP/1.1\r\n" HOST);
	for (size_t i = 0; i < lines; i++) {
		buf_fmt(&b, "X-%zu: ", i);
		for (size_t k = 0; k < value; k++)
			buf_chr(&b, 'v');
		buf_str(&b, "\r\n");
	}
	buf_str(&b, "\r\n");
	return b;
}

T_CASE(limits)
{
	struct buf b = request(8000, 0, 0);
	is_int(outcome_of(&b), WHOLE);
	b = request(9000, 0, 0);
	is_int(outcome_of(&b), 431);
	b = request(1 << 20, 0, 0);
	is_int(outcome_of(&b), 431);
	b = request(1, 99, 10);
	is_int(outcome_of(&b), WHOLE);
	b = request(1, 100, 10);
	is_int(outcome_of(&b), 431);
	b = request(1, 60000, 1);
	is_int(outcome_of(&b), 431);
	b = request(1, 1, 30000);
	is_int(outcome_of(&b), WHOLE);
	b = request(1, 1, 40000);
	is_int(outcome_of(&b), 431);
}

T_CASE(pipelined_requests_end_where_they_end)
{
	static const char text[] =
	        "POST /a HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n" HOST
	        "Connection: close\r\n\r\n";
	struct http_parser p;
	size_t used;

	http_parser_init(&p, false, 1000);
	used = http_parser_feed(&p, text, sizeof text - 1);
	is_int(p.state, HTTP_BODY);
	used += http_parser_feed(&p, text + used, sizeof text - 1 - used);
	is_int(p.state, HTTP_DONE);
	is_str(buf_text(&p.body), "abc");
	ok(p.head.keep_alive, "stays open");
	http_parser_reset(&p);
	used += http_parser_feed(&p, text + used, sizeof text - 1 - used);
	is_int(p.state, HTTP_DONE);
	is_str(p.head.target, "/b");
	is_str(http_field(&p.head, "HOST"), "127.0.0.1:18080");
	ok(!p.head.keep_alive, "closes");
	ok(used == sizeof text - 1, "all taken");
	http_parser_release(&p);
}

T_CASE(targets)
{
	struct http_target t;
	char a[] = "/x/y?limit=5&text=a%20b+c&empty=&bad=%zz", b[] = "http://127.0.0.1:18080/z", c[] = "evil",
	     d[] = "/a%00", f[] = "/a%2f..%2Fb", g[] = "http:///x", h[] = "/a#b";
	char out[16];

	ok(http_target_split(a, &t), "origin form");
	is_str(t.path, "/x/y");
	is_int(http_query(t.query, "limit", out, sizeof out), 1);
	is_str(out, "5");
	is_int(http_query(t.query, "text", out, sizeof out), 1);
	is_str(out, "a b c");
	is_int(http_query(t.query, "empty", out, sizeof out), 1);
	is_str(out, "");
	is_int(http_query(t.query, "bad", out, sizeof out), -1);
	is_int(http_query(t.query, "absent", out, sizeof out), 0);
	is_int(http_query("text=aaaaaaaaaaaaaaaaaaaaaaaa", "text", out, sizeof out), -1);
	ok(http_target_split(b, &t), "absolute form");
	is_str(t.authority, "127.0.0.1:18080");
	is_str(t.path, "/z");
	ok(!http_target_split(c, &t), "neither");
	ok(!http_target_split(g, &t), "no authority");
	ok(!http_target_split(h, &t), "fragment");
	ok(!http_unescape(d), "escaped NUL");
	ok(http_unescape(f), "escaped slash");
	is_str(f, "/a/../b");
}

T_CASE(answers)
{
	static const char text[] =
	        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
	struct http_parser p;
	size_t used;

	http_parser_init(&p, true, 0);
	used = http_parser_feed(&p, text, sizeof text - 1);
	http_parser_feed(&p, text + used, sizeof text - 1 - used);
	is_int(p.state, HTTP_DONE);
	is_int(p.head.status, 200);
	is_str(buf_text(&p.body), "abc");
	http_parser_release(&p);
}
