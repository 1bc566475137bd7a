/* Messages of the name system: what is written is read, and nothing malformed is. */
#include "test/t.h"

#include "net/dns.h"

static const uint8_t *const no_bytes = (const uint8_t *)"";

/* A message by pieces of text; the answer count and the like stand in it as they are. */
struct message {
	uint8_t data[2048];
	size_t len;
};

static void add(struct message *m, const void *data, size_t len)
{
	memcpy(m->data + m->len, data, len);
	m->len += len;
}
#define ADD(m, text)  add(m, text, sizeof(text) - 1)

#define HEAD(answers) "\x12\x34\x81\x80\0\1\0" answers "\0\0\0\0"
#define WWW           "\3www\7example\3org\0"
#define IN_A          "\0\1\0\1"

static struct dns_query asked_for(uint16_t type)
{
	struct dns_query q = { .id = 0x1234, .type = type };

	strcpy(q.name, "www.example.org");
	return q;
}

T_CASE(questions)
{
	uint8_t out[512];
	struct dns_query q;
	size_t n = dns_write_query(out, sizeof out, 77, "www.example.org", DNS_AAAA);

	ok(n > 12);
	is_int(dns_read_query(out, n, &q), DNS_OK);
	is_int(q.id, 77);
	is_int(q.type, DNS_AAAA);
	is_str(q.name, "www.example.org");
	ok(q.recurse && q.has_opt);
	is_int((long long)q.room, DNS_UDP_MAX);
	for (size_t cut = 0; cut < n; cut++)
		ok(dns_read_query(out, cut, &q) != DNS_OK, "cut after %zu bytes", cut);
	is_int((long long)dns_write_query(out, sizeof out, 1, "a..b", DNS_A), 0, "an empty label");
	is_int((long long)dns_write_query(out, sizeof out, 1, "", DNS_A), 0, "no name");
	is_int((long long)dns_write_query(out, sizeof out, 1, "a b", DNS_A), 0, "a space");
	is_int((long long)dns_write_query(out, sizeof out, 1, "a.", DNS_A), 0, "a dot behind it");
	is_int((long long)dns_write_query(out, 100, 1, "a", DNS_A), 0, "no room");
}

T_CASE(hostile_questions)
{
	static const struct {
		const char *name, *text;
		size_t len;
		int code;
	} rows[] = {
#define ROW(name, text, code) { name, text, sizeof(text) - 1, code }
		ROW("plain", "\0\1\1\0\0\1\0\0\0\0\0\0" WWW IN_A, DNS_OK),
		ROW("upper case", "\0\1\1\0\0\1\0\0\0\0\0\0\3WwW\7exAmple\3ORG\0" IN_A, DNS_OK),
		ROW("an answer", "\0\1\x81\0\0\1\0\0\0\0\0\0" WWW IN_A, -1),
		ROW("an update", "\0\1\x28\0\0\1\0\0\0\0\0\0" WWW IN_A, DNS_NOTIMP),
		ROW("two questions", "\0\1\1\0\0\2\0\0\0\0\0\0" WWW IN_A WWW IN_A, DNS_FORMERR),
		ROW("none", "\0\1\1\0\0\0\0\0\0\0\0\0", DNS_FORMERR),
		ROW("bytes behind it", "\0\1\1\0\0\1\0\0\0\0\0\0" WWW IN_A "x", DNS_FORMERR),
		ROW("another class", "\0\1\1\0\0\1\0\0\0\0\0\0" WWW "\0\1\0\3", DNS_NOTIMP),
		ROW("pointer to itself", "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x0c" IN_A, DNS_FORMERR),
		ROW("pointer to the head", "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\0" IN_A, DNS_FORMERR),
		ROW("pointer forwards", "\0\1\1\0\0\1\0\0\0\0\0\0\xc0\x20" IN_A WWW, DNS_FORMERR),
		ROW("old label type", "\0\1\1\0\0\1\0\0\0\0\0\0\x41xx" IN_A, DNS_FORMERR),
		ROW("NUL in a label", "\0\1\1\0\0\1\0\0\0\0\0\0\3a\0b\0" IN_A, DNS_FORMERR),
		ROW("dot in a label", "\0\1\1\0\0\1\0\0\0\0\0\0\3a.b\0" IN_A, DNS_FORMERR),
		ROW("label beyond the end",
		    "\0\1\1\0\0\1\0\0\0\0\0\0\x3f"
		    "abc\0" IN_A,
		    DNS_FORMERR),
#undef ROW
	};
	struct dns_query q;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		is_int(dns_read_query((const uint8_t *)rows[i].text, rows[i].len, &q), rows[i].code, "%s",
		       rows[i].name);
	is_int(dns_read_query(no_bytes, 0, &q), -1, "nothing");
}

T_CASE(long_names)
{
	struct message m = { .len = 0 };
	struct dns_query q;

	ADD(&m, "\0\1\1\0\0\1\0\0\0\0\0\0");
	for (int i = 0; i < 127; i++)
		ADD(&m, "\1a");
	ADD(&m, "\0" IN_A);
	is_int(dns_read_query(m.data, m.len, &q), DNS_OK, "127 labels");
	is_int((long long)strlen(q.name), DNS_NAME_MAX);
	m.len = 12;
	for (int i = 0; i < 255; i++)
		ADD(&m, "\1a");
	ADD(&m, "\0" IN_A);
	is_int(dns_read_query(m.data, m.len, &q), DNS_FORMERR, "255 labels");
}

T_CASE(answers)
{
	const struct dns_query q = asked_for(DNS_A);
	struct message m = { .len = 0 };
	struct dns_found f;

	/* An alias behind what it leads to; one record of somebody else. */
	ADD(&m, HEAD("\4") WWW IN_A);
	ADD(&m, "\4edge\3cdn\4test\0" IN_A "\0\0\0\x3c\0\4\xc0\0\2\7");
	ADD(&m, "\xc0\x0c\0\5\0\1\0\0\0\x1e\0\2\xc0\x21");
	ADD(&m, "\4evil\3org\0" IN_A "\0\0\0\1\0\4\x0a\0\0\1");
	ADD(&m, "\xc0\x21" IN_A "\0\0\0\x3c\0\4\xc0\0\2\x08");
	ok(dns_read_answer(m.data, m.len, &q, &f));
	is_int(f.code, DNS_OK);
	is_int((long long)f.n, 2, "a stranger's address is not taken");
	is_int(f.addresses[1].addr[3], 8);
	is_int((long long)f.ttl, 30, "the lowest");
	is_int((long long)f.n_aliases, 1);
	is_str(f.aliases[0], "edge.cdn.test");
	for (size_t cut = 0; cut < m.len; cut++)
		ok(!dns_read_answer(m.data, cut, &q, &f), "cut after %zu bytes", cut);
	m.data[1] ^= 1;
	ok(!dns_read_answer(m.data, m.len, &q, &f), "another id");
	m.data[1] ^= 1;
	m.data[14] = 'v';
	ok(!dns_read_answer(m.data, m.len, &q, &f), "another name");
}

T_CASE(hostile_answers)
{
	static const struct {
		const char *name, *text;
		size_t len;
	} rows[] = {
#define ROW(name, text) { name, text, sizeof(text) - 1 }
		ROW("an address of five bytes", HEAD("\1") WWW IN_A "\xc0\x0c" IN_A "\0\0\0\1\0\5\1\2\3\4\5"),
		ROW("data beyond the end", HEAD("\1") WWW IN_A "\xc0\x0c" IN_A "\0\0\0\1\0\x40\1\2\3\4"),
		ROW("more records than there are",
		    HEAD("\2") WWW IN_A "\xc0\x0c" IN_A "\0\0\0\1\0\4\1\2\3\4"),
		ROW("a pointer into itself", HEAD("\1") WWW IN_A "\xc0\x21" IN_A "\0\0\0\1\0\4\1\2\3\4"),
		ROW("aliases in a circle", HEAD("\2") WWW IN_A "\xc0\x0c\0\5\0\1\0\0\0\1\0\4\1b\xc0\x10"
		                                               "\1b\xc0\x10\0\5\0\1\0\0\0\1\0\2\xc0\x0c"),
		ROW("an alias with bytes behind it",
		    HEAD("\1") WWW IN_A "\xc0\x0c\0\5\0\1\0\0\0\1\0\5\1b\xc0\x10x"),
		ROW("bytes behind it", HEAD("\1") WWW IN_A "\xc0\x0c" IN_A "\0\0\0\1\0\4\1\2\3\4x"),
		ROW("a question", "\x12\x34\1\0\0\1\0\0\0\0\0\0" WWW IN_A),
#undef ROW
	};
	const struct dns_query q = asked_for(DNS_A);
	struct dns_found f;

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
		ok(!dns_read_answer((const uint8_t *)rows[i].text, rows[i].len, &q, &f), "%s", rows[i].name);
}

T_CASE(writing)
{
	static const struct dns_address four = { { 192, 0, 2, 7 }, 4 }, six = { { 0x20, 1, 0xd, 0xb8 }, 16 };
	const uint8_t ask[] = "\x12\x34\1\0\0\1\0\0\0\0\0\0\3WWW\7example\3org\0\0\1\0\1";
	struct dns_query q, back = asked_for(DNS_A);
	struct dns_writer w;
	struct dns_found f;
	uint8_t out[512];
	size_t n;

	is_int(dns_read_query(ask, sizeof ask - 1, &q), DNS_OK);
	dns_answer(&w, out, q.room, &q);
	dns_answer_alias(&w, NULL, 60, "edge.cdn.test");
	dns_answer_address(&w, "edge.cdn.test", 20, &four);
	dns_answer_address(&w, "edge.cdn.test", 20, &six);
	n = dns_answer_end(&w, &q, DNS_OK);
	ok(!memcmp(out + 13, "WWW", 3), "the question as it was spelled");
	ok(dns_read_answer(out, n, &back, &f));
	is_int((long long)f.n, 1);
	is_int((long long)f.ttl, 20);
	is_str(f.aliases[0], "edge.cdn.test");
	dns_answer(&w, out, q.room, &q);
	for (int i = 0; i < 60; i++)
		dns_answer_address(&w, NULL, 1, &four);
	n = dns_answer_end(&w, &q, DNS_OK);
	ok(w.cut && n <= 512 && n > 300, "what does not fit is cut");
	ok(dns_read_answer(out, n, &back, &f) && f.cut);
}

T_CASE(reverse)
{
	struct dns_address a;
	char name[100] = "";

	ok(dns_reverse("4.3.2.127.in-addr.arpa", &a) && a.len == 4 && a.addr[0] == 127 && a.addr[3] == 4);
	ok(!dns_reverse("3.2.127.in-addr.arpa", &a) && !dns_reverse("1.2.3.400.in-addr.arpa", &a));
	ok(!dns_reverse("1.4.3.2.127.in-addr.arpa", &a) && !dns_reverse("in-addr.arpa", &a));
	strcat(name, "1.");
	for (int i = 0; i < 30; i++)
		strcat(name, "0.");
	strcat(name, "f.ip6.arpa");
	ok(dns_reverse(name, &a) && a.len == 16 && a.addr[0] == 0xf0 && a.addr[15] == 1);
	ok(!dns_reverse(name + 2, &a));
}

/* The data of the n-th answer: its length, or -1. */
static int data_of(const uint8_t *m, size_t len, const uint8_t **data)
{
	size_t at = 12 + 21; /* the question: www.example.org */

	if (len < at || m[at] != 0xc0)
		return -1;
	at += 2 + 8;
	*data = m + at + 2;
	return m[at] << 8 | m[at + 1];
}

/* Other types: names are written in full, what is malformed is nothing. */
static const struct passed {
	const char *what;
	uint16_t type;
	const char *data;
	size_t len;
	const char *want; /* NULL: malformed */
	size_t want_len;
} passed[] = {
#define ROW(what, type, data, want)                                        \
	{                                                                  \
		what, type, data, sizeof(data) - 1, want, sizeof(want) - 1 \
	}
#define BAD(what, type, data)                               \
	{                                                   \
		what, type, data, sizeof(data) - 1, NULL, 0 \
	}
	ROW("MX", DNS_MX, "\0\x0a\4mail\xc0\x10", "\0\x0a\4mail\7example\3org\0"),
	ROW("MX of the root", DNS_MX, "\0\0\0", "\0\0\0"),
	ROW("SRV", DNS_SRV, "\0\1\0\2\1\xbb\2s1\xc0\x0c", "\0\1\0\2\1\xbb\2s1" WWW),
	ROW("SOA", DNS_SOA,
	    "\xc0\x10\5a.b c\0"
	    "12345678901234567890",
	    "\7example\3org\0\5a.b c\0"
	    "12345678901234567890"),
	ROW("TXT", DNS_TXT, "\5hello\0", "\5hello\0"),
	ROW("CAA", DNS_CAA, "\0\5issueca.test", "\0\5issueca.test"),
	ROW("NS", DNS_NS, "\2ns\xc0\x10", "\2ns\7example\3org\0"),
	BAD("no TXT", DNS_TXT, ""),
	BAD("a TXT that ends early", DNS_TXT, "\5hell"),
	BAD("half an MX", DNS_MX, "\0"),
	BAD("an MX and more", DNS_MX, "\0\x0a\1a\0x"),
	BAD("a pointer at itself", DNS_NS, "\xc0\x2d"),
	BAD("a pointer forward", DNS_NS, "\xc0\x2f\1a\0"),
	BAD("a pointer into the head", DNS_NS, "\xc0\x02"),
	BAD("half a pointer", DNS_NS, "\xc0"),
	BAD("a name without an end", DNS_NS, "\1a"),
	BAD("an odd label", DNS_NS, "\x40"),
	BAD("a short SOA", DNS_SOA,
	    "\0\0"
	    "1234"),
};

static void pass_row(const struct passed *row)
{
	struct message m = { .len = 0 };
	struct dns_query q = asked_for(row->type);
	const uint8_t fixed[] = { 0xc0, 12, (uint8_t)(q.type >> 8), (uint8_t)q.type, 0, 1, 0, 0, 0,
		                  0,    0,  (uint8_t)row->len };
	const uint8_t type[] = { (uint8_t)(q.type >> 8), (uint8_t)q.type, 0, 1 };
	const uint8_t *data = NULL;
	struct dns_writer w;
	uint8_t out[512];
	int n;

	ADD(&m, HEAD("\1"));
	ADD(&m, WWW);
	add(&m, type, 4);
	q.question = m.data + 12;
	q.question_len = m.len - 12;
	add(&m, fixed, sizeof fixed);
	add(&m, row->data, row->len);
	dns_answer(&w, out, sizeof out, &q);
	is_int(dns_pass(&w, m.data, m.len, &q, (struct dns_span){ 1, 9 }), row->want != NULL, "%s",
	       row->what);
	n = row->want ? data_of(out, dns_answer_end(&w, &q, DNS_OK), &data) : -1;
	if (row->want)
		ok(n == (int)row->want_len && !memcmp(data, row->want, (size_t)n), "%s: %d", row->what, n);
	for (size_t cut = 0; cut < m.len; cut++) {
		dns_answer(&w, out, sizeof out, &q);
		ok(!dns_pass(&w, m.data, cut, &q, (struct dns_span){ 1, 9 }), "%s cut at %zu", row->what,
		   cut);
	}
}

T_CASE(passing)
{
	for (size_t i = 0; i < sizeof passed / sizeof *passed; i++)
		pass_row(&passed[i]);
	ok(!dns_passes(DNS_ANY) && !dns_passes(10) && !dns_passes(DNS_A) && !dns_passes(252) &&
	   !dns_passes(0));
}

T_CASE(versions)
{
	uint8_t out[512];
	struct dns_writer w;
	struct dns_query q;
	size_t n = dns_write_query(out, sizeof out, 77, "a", DNS_A);
	uint8_t in[512];

	memcpy(in, out, n);
	in[n - 11 + 6] = 1;
	is_int(dns_read_query(in, n, &q), DNS_BADVERS);
	dns_answer(&w, out, sizeof out, &q);
	n = dns_answer_end(&w, &q, DNS_BADVERS);
	is_int(out[3] & 15, 0);
	is_int(out[n - 11 + 5], 1, "its upper half");
}
