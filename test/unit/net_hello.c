/* What TLS clients say first, in all the ways in which it can be said. */
#include "test/t.h"

#include "net/hello.h"

struct said {
	uint8_t data[HELLO_MAX + 4096];
	size_t len;
};

static void add(struct said *s, const void *data, size_t len)
{
	memcpy(s->data + s->len, data, len);
	s->len += len;
}

static void number(struct said *s, size_t n, int bytes)
{
	while (bytes--)
		s->data[s->len++] = (uint8_t)(n >> 8 * bytes);
}

static void extension(struct said *s, unsigned type, const void *data, size_t len)
{
	number(s, type, 2);
	number(s, len, 2);
	add(s, data, len);
}

static void name_extension(struct said *s, const char *name, size_t len)
{
	uint8_t data[600] = { (uint8_t)((len + 3) >> 8), (uint8_t)(len + 3), 0, (uint8_t)(len >> 8),
		              (uint8_t)len };

	memcpy(data + 5, name, len);
	extension(s, 0, data, len + 5);
}

/* The message around these extensions, in records of `piece` bytes. */
static void wrap(struct said *out, const struct said *extensions, size_t piece)
{
	static const uint8_t random[32], session[32];
	struct said body = { .len = 0 };

	number(&body, 1, 1);
	number(&body, 2 + 32 + 33 + 4 + 2 + 2 + extensions->len, 3);
	number(&body, 0x303, 2);
	add(&body, random, 32);
	number(&body, 32, 1);
	add(&body, session, 32);
	add(&body, "\0\2\x13\1\1\0", 6);
	number(&body, extensions->len, 2);
	add(&body, extensions->data, extensions->len);
	out->len = 0;
	for (size_t at = 0; at < body.len; at += piece) {
		size_t n = body.len - at < piece ? body.len - at : piece;

		number(out, 0x160301, 3);
		number(out, n, 2);
		add(out, body.data + at, n);
	}
}

T_CASE(names)
{
	struct said e = { .len = 0 }, s;
	struct net_hello h;

	name_extension(&e, "Registry.Example.ORG", 20);
	extension(&e, 16, "\0\x0c\2h2\x08http/1.1", 14);
	for (size_t piece = 1; piece < 200; piece = piece * 3 + 1) {
		wrap(&s, &e, piece);
		net_hello_read(s.data, s.len, &h);
		is_int(h.state, HELLO_WHOLE, "records of %zu", piece);
		ok(h.has_name && !h.has_ech);
		is_str(h.name, "registry.example.org");
		is_int((long long)h.n_protocols, 2);
		is_str(h.protocols[0], "h2");
		is_str(h.protocols[1], "http/1.1");
		for (size_t cut = 0; cut < s.len; cut++) {
			net_hello_read(s.data, cut, &h);
			if (h.state != HELLO_MORE)
				break;
		}
		is_int(h.state, HELLO_MORE, "every piece of it wants more");
	}
	net_hello_read((const uint8_t *)"GET / HTTP/1.1\r\n", 16, &h);
	is_int(h.state, HELLO_OTHER, "HTTP");
	net_hello_read((const uint8_t *)"SSH-2.0-x\r\n", 11, &h);
	is_int(h.state, HELLO_OTHER, "SSH");
	net_hello_read((const uint8_t *)"\x80\x2e\1\3\1", 5, &h);
	is_int(h.state, HELLO_OTHER, "SSL 2");
}

static int state_of(const struct said *e, struct net_hello *h)
{
	struct said s;

	wrap(&s, e, 16384);
	net_hello_read(s.data, s.len, h);
	return h->state;
}

T_CASE(none)
{
	struct said e = { .len = 0 };
	struct net_hello h;

	extension(&e, 43, "\2\3\4", 3);
	is_int(state_of(&e, &h), HELLO_WHOLE);
	ok(!h.has_name && !h.has_ech, "no name");
	extension(&e, 0xfe0d, "\1", 1);
	is_int(state_of(&e, &h), HELLO_WHOLE);
	ok(h.has_ech, "an encrypted name");
}

T_CASE(hostile)
{
	struct said e = { .len = 0 }, s;
	struct net_hello h;

	name_extension(&e, "a.test", 6);
	name_extension(&e, "b.test", 6);
	is_int(state_of(&e, &h), HELLO_BAD, "the extension twice");
	ok(!h.has_name, "no name is given then");
	e.len = 0;
	extension(&e, 0, "\0\x12\0\0\6a.test\0\0\6b.test", 20);
	is_int(state_of(&e, &h), HELLO_BAD, "two names in it");
	e.len = 0;
	name_extension(&e, "a.test\0.b", 9);
	is_int(state_of(&e, &h), HELLO_BAD, "NUL in a name");
	e.len = 0;
	name_extension(&e, "", 0);
	is_int(state_of(&e, &h), HELLO_BAD, "an empty name");
	e.len = 0;
	extension(&e, 0, "\0\x40\0\0\6a.test", 11);
	is_int(state_of(&e, &h), HELLO_BAD, "a length beyond the end");
	e.len = 0;
	extension(&e, 0, "\0\x09\1\0\6a.test", 11);
	is_int(state_of(&e, &h), HELLO_BAD, "another kind of name");
	e.len = 0;
	extension(&e, 16, "\0\3\0h2", 5);
	is_int(state_of(&e, &h), HELLO_BAD, "an empty protocol");
	e.len = 0;
	name_extension(&e, "a.test", 6);
	wrap(&s, &e, 16384);
	s.data[s.len++] = 'x';
	s.data[4]++;
	net_hello_read(s.data, s.len, &h);
	is_int(h.state, HELLO_BAD, "something behind it in the record");
	wrap(&s, &e, 20);
	s.data[25] = 23;
	net_hello_read(s.data, s.len, &h);
	is_int(h.state, HELLO_BAD, "another kind of record in between");
	net_hello_read((const uint8_t *)"\x16\3\1\0\0\x16\3\1\0\0", 10, &h);
	is_int(h.state, HELLO_BAD, "empty records");
	net_hello_read((const uint8_t *)"\x16\3\1\0\4\1\xff\xff\xff", 9, &h);
	is_int(h.state, HELLO_BAD, "16 MiB are promised");
}

/* What is there beside the name stays as it is. */
static void check_renamed(const struct said *s, const char *name, size_t want)
{
	AUTO_BUF out = { 0 };
	struct net_hello before, after;

	net_hello_read(s->data, s->len, &before);
	ok(net_hello_rename(s->data, s->len, name, &out), "to %s", name);
	net_hello_read((const uint8_t *)buf_text(&out), out.len, &after);
	is_int(after.state, HELLO_WHOLE);
	is_str(after.name, name);
	is_int(after.n_protocols, before.n_protocols);
	ok(!memcmp(after.protocols, before.protocols, sizeof after.protocols));
	is_int(out.len, want, "to %s", name);
	ok(!memcmp(out.data + 11, s->data + 11, 32 + 33 + 4 + 2), "random, session and suites");
}

T_CASE(another_name)
{
	static const uint8_t zeroes[600];
	struct said e = { .len = 0 }, s;
	AUTO_BUF out = { 0 };

	name_extension(&e, "allowed.test", 12);
	extension(&e, 16, "\0\x0c\2h2\x08http/1.1", 14);
	wrap(&s, &e, 20000);
	check_renamed(&s, "a.test", s.len - 6);
	check_renamed(&s, "a.much.longer.name.test", s.len + 11);
	/* With padding it is as long as it was, as far as that goes. */
	extension(&e, 21, zeroes, 8);
	wrap(&s, &e, 20000);
	check_renamed(&s, "a.test", s.len);
	check_renamed(&s, "more.allowed.test", s.len);
	check_renamed(&s, "a.much.longer.name.test", s.len + 3);
	/* What follows it follows it. */
	add(&s, "\x14\3\3\0\1\1", 6);
	ok(net_hello_rename(s.data, s.len, "b.test", &out) && out.len == s.len &&
	   !memcmp(out.data + out.len - 6, "\x14\3\3\0\1\1", 6));
}

T_CASE(no_other_name)
{
	static const uint8_t zeroes[HELLO_MAX];
	struct said e = { .len = 0 }, s;
	AUTO_BUF out = { 0 };

	extension(&e, 16, "\0\x0c\2h2\x08http/1.1", 14);
	wrap(&s, &e, 20000);
	ok(!net_hello_rename(s.data, s.len, "a.test", &out), "one without a name");
	name_extension(&e, "allowed.test", 12);
	wrap(&s, &e, 20000);
	ok(!net_hello_rename(s.data, s.len - 1, "a.test", &out), "one that is not whole");
	ok(!net_hello_rename(s.data, s.len, "", &out));
	wrap(&s, &e, 60);
	ok(!net_hello_rename(s.data, s.len, "a.test", &out), "one in several records");
	extension(&e, 21, zeroes, 4);
	extension(&e, 21, zeroes, 4);
	wrap(&s, &e, 20000);
	ok(!net_hello_rename(s.data, s.len, "a.test", &out), "padded twice");
	e.len = 0;
	name_extension(&e, "a.test", 6);
	extension(&e, 99, zeroes, 16384 - 4 - 2 - 32 - 33 - 6 - 2 - 15 - 4);
	wrap(&s, &e, 16384);
	ok(net_hello_rename(s.data, s.len, "b.test", &out), "one that fills a record");
	ok(!net_hello_rename(s.data, s.len, "bb.test", &out), "and has no room for another byte");
	is_int(out.len, s.len, "nothing was written for the others");
}
