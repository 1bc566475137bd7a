/* Answers of other types than addresses, from a server to whoever asked: taken apart and written anew. */
#include "net/dns_impl.h"

#include <string.h>

enum { WIRE_NAME_MAX = 255 };

/* What the data is made of: 'n' a name, 's' a text with its length, '*' the rest, a digit so many bytes. */
static const struct {
	uint16_t type;
	const char *parts;
} types[] = {
	{ DNS_NS, "n" },      { DNS_CNAME, "n" },      { DNS_SOA, "nn5555" }, { DNS_PTR, "n" },
	{ DNS_HINFO, "ss" },  { DNS_MX, "2n" },        { DNS_TXT, "s*" },     { DNS_RP, "nn" },
	{ DNS_AFSDB, "2n" },  { DNS_LOC, "88" },       { DNS_SRV, "6n" },     { DNS_NAPTR, "4sssn" },
	{ DNS_DS, "4*" },     { DNS_SSHFP, "2*" },     { DNS_DNSKEY, "4*" },  { DNS_TLSA, "3*" },
	{ DNS_SMIMEA, "3*" }, { DNS_OPENPGPKEY, "*" }, { DNS_SPF, "s*" },     { DNS_URI, "4*" },
	{ DNS_CAA, "1s*" },
};

static const char *parts_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof types / sizeof *types; i++)
		if (types[i].type == type)
			return types[i].parts;
	return NULL;
}

bool dns_passes(uint16_t type)
{
	return parts_of(type) != NULL;
}

/* Where data goes. */
struct sink {
	uint8_t *out;
	size_t n, size;
	bool full;
};

static void put(struct sink *s, const uint8_t *from, size_t n)
{
	s->full |= n > s->size - s->n;
	if (s->full)
		return;
	memcpy(s->out + s->n, from, n);
	s->n += n;
}

/* A name with any bytes in it, in full. The reader ends where the data does; what is pointed to may stand
 * anywhere before. */
static bool put_name(struct dns_reader *r, struct sink *s)
{
	struct dns_walk w = dns_walk(r);
	const uint8_t *label;
	size_t total = 0;
	int n;

	do {
		n = dns_next_label(r, &w, &label);
		if (n < 0 || (total += (size_t)n + 1) > WIRE_NAME_MAX)
			return false;
		put(s, label - 1, (size_t)n + 1);
	} while (n > 0);
	return true;
}

static bool put_bytes(struct dns_reader *r, struct sink *s, size_t n)
{
	if (n > r->len - r->at)
		return false;
	put(s, r->data + r->at, n);
	r->at += n;
	return true;
}

static bool put_data(struct dns_reader r, const char *parts, struct sink *s)
{
	for (; *parts; parts++) {
		bool good;

		if (*parts == 'n')
			good = put_name(&r, s);
		else if (*parts == 's')
			good = r.at < r.len && put_bytes(&r, s, r.data[r.at] + 1u);
		else
			good = put_bytes(&r, s, *parts == '*' ? r.len - r.at : (size_t)(*parts - '0'));
		if (!good)
			return false;
	}
	return r.at == r.len;
}

/* The name that was asked for, and what it is an alias of. */
struct chain {
	char names[DNS_ALIASES + 1][DNS_NAME_MAX + 1];
	size_t n;
};

/* Which of them is it? -1 = none. */
static int place_of(const struct chain *c, const char *name)
{
	for (size_t i = 0; i < c->n; i++)
		if (!strcmp(c->names[i], name))
			return (int)i;
	return -1;
}

/* Follow the aliases, in whatever order they stand. */
static bool follow(struct dns_reader all, unsigned n, struct chain *c)
{
	for (size_t last = 0; last != c->n;) {
		struct dns_reader r = all;
		struct dns_record record;

		last = c->n;
		for (unsigned i = 0; i < n && c->n == last; i++) {
			if (!dns_take_record(&r, &record))
				return false;
			if (record.class != DNS_CLASS_IN || record.type != DNS_CNAME ||
			    strcmp(record.name, c->names[last - 1]))
				continue;
			if (c->n > DNS_ALIASES || !dns_take_name(&record.data, c->names[c->n]) ||
			    record.data.at != record.data.len || place_of(c, c->names[c->n]) >= 0)
				return false;
			c->n++;
		}
	}
	return true;
}

static bool pass_one(struct dns_writer *w, const struct dns_record *r, const struct chain *c,
                     struct dns_span ttl)
{
	const int place = place_of(c, r->name);
	const uint32_t lasts = r->ttl < ttl.least ? ttl.least : r->ttl > ttl.most ? ttl.most : r->ttl;
	struct sink s = { .out = NULL };
	uint8_t *data;

	if (place < 0)
		return true;
	data = dns_start_record(w, place ? r->name : NULL, r->type, lasts, 0);
	if (!data)
		return true;
	s.out = data + 2;
	s.size = w->size - (size_t)(s.out - w->out);
	if (!put_data(r->data, parts_of((uint16_t)r->type), &s))
		return false;
	if (s.full)
		w->cut = true;
	else
		dns_end_record(w, data, s.n);
	return true;
}

bool dns_pass(struct dns_writer *w, const uint8_t *message, size_t len, const struct dns_query *asked,
              struct dns_span ttl)
{
	struct dns_reader r = { message, len, 0 }, all;
	struct chain chain = { .n = 1 };
	unsigned n;

	if (!dns_passes(asked->type) || !dns_answers(&r, asked))
		return false;
	strcpy(chain.names[0], asked->name);
	n = dns_get16(message + 6);
	all = r;
	if (!dns_is_whole(r, n) || (asked->type != DNS_CNAME && !follow(all, n, &chain)))
		return false;
	while (n--) {
		struct dns_record record;

		if (!dns_take_record(&r, &record))
			return false;
		if (record.class == DNS_CLASS_IN &&
		    (record.type == asked->type || record.type == DNS_CNAME) &&
		    !pass_one(w, &record, &chain, ttl))
			return false;
	}
	return true;
}
