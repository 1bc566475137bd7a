#include "net/dns_impl.h"

#include <string.h>

enum { TTL_MAX = 0x7fffffff };
enum { FLAG_ANSWER = 0x8000, FLAG_OPCODE = 0x7800, FLAG_CUT = 0x200, FLAG_RD = 0x100, FLAG_RA = 0x80 };

static uint32_t get32(const uint8_t *p)
{
	return (uint32_t)dns_get16(p) << 16 | dns_get16(p + 2);
}

static void put16(uint8_t *p, unsigned n)
{
	p[0] = (uint8_t)(n >> 8);
	p[1] = (uint8_t)n;
}

static void put32(uint8_t *p, uint32_t n)
{
	put16(p, n >> 16);
	put16(p + 2, n & 0xffff);
}

/* In lower case; 0 when no rule could be about it. */
static char letter(uint8_t c)
{
	if (c >= 'A' && c <= 'Z')
		return (char)(c | 0x20);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ? (char)c : 0;
}

/* Append a label and a dot. */
static bool take_label(const uint8_t *from, size_t n, char *out, size_t *len)
{
	if (*len + n + (*len > 0) > DNS_NAME_MAX)
		return false;
	if (*len)
		out[(*len)++] = '.';
	for (size_t i = 0; i < n; i++) {
		out[*len] = letter(from[i]);
		if (!out[(*len)++])
			return false;
	}
	return true;
}

/* Each jump must lead before all that was read of the name, so there is no loop. */
int dns_next_label(struct dns_reader *r, struct dns_walk *w, const uint8_t **label)
{
	unsigned n;

	while (w->at < r->len && r->data[w->at] >= 0xc0) {
		if (w->at + 2 > r->len)
			return -1;
		if (!w->jumped)
			r->at = w->at + 2;
		w->jumped = true;
		w->at = dns_get16(r->data + w->at) & 0x3fff;
		if (w->at >= w->lowest || w->at < DNS_HEAD)
			return -1;
		w->lowest = w->at;
	}
	if (w->at >= r->len)
		return -1;
	n = r->data[w->at++];
	if (n > DNS_LABEL_MAX || n > r->len - w->at)
		return -1;
	*label = r->data + w->at;
	w->at += n;
	if (!n && !w->jumped)
		r->at = w->at;
	return (int)n;
}

bool dns_take_name(struct dns_reader *r, char *out)
{
	struct dns_walk w = dns_walk(r);
	const uint8_t *label;
	size_t len = 0;
	int n;

	while ((n = dns_next_label(r, &w, &label)) > 0)
		if (!take_label(label, (size_t)n, out, &len))
			return false;
	out[len] = 0;
	return n == 0;
}

/* Over a name, whatever is in it. */
static bool skip_name(struct dns_reader *r)
{
	for (size_t total = 0; r->at < r->len && total <= 255; total++) {
		unsigned n = r->data[r->at++];

		if (!n)
			return true;
		if (n >= 0xc0)
			return r->at++ < r->len;
		if (n > DNS_LABEL_MAX || n > r->len - r->at)
			return false;
		r->at += n;
		total += n;
	}
	return false;
}

/* The fixed part behind a name, and over the data. */
bool dns_take_rest(struct dns_reader *r, struct dns_record *out)
{
	size_t n;

	if (r->len - r->at < 10)
		return false;
	out->type = dns_get16(r->data + r->at);
	out->class = dns_get16(r->data + r->at + 2);
	out->ttl = get32(r->data + r->at + 4);
	n = dns_get16(r->data + r->at + 8);
	r->at += 10;
	if (n > r->len - r->at)
		return false;
	out->data = (struct dns_reader){ r->data, r->at + n, r->at };
	r->at += n;
	if (out->ttl > TTL_MAX && out->type != DNS_OPT)
		out->ttl = 0;
	return true;
}

/* The one OPT record that a query may have: how much its sender takes. */
static bool read_opt(struct dns_reader *r, struct dns_query *out)
{
	struct dns_record opt;

	if (r->at >= r->len || r->data[r->at])
		return false;
	r->at++;
	if (!dns_take_rest(r, &opt) || opt.type != DNS_OPT)
		return false;
	out->has_opt = true;
	out->version = (uint8_t)(opt.ttl >> 16);
	out->room = opt.class < 512 ? 512 : opt.class > DNS_UDP_MAX ? DNS_UDP_MAX : opt.class;
	return true;
}

int dns_read_query(const uint8_t *message, size_t len, struct dns_query *out)
{
	struct dns_reader r = { message, len, DNS_HEAD };
	unsigned flags;

	*out = (struct dns_query){ .room = 512 };
	if (len < DNS_HEAD || len > DNS_MESSAGE_MAX)
		return -1;
	out->id = (uint16_t)dns_get16(message);
	flags = dns_get16(message + 2);
	if (flags & FLAG_ANSWER)
		return -1;
	out->recurse = flags & FLAG_RD;
	if (flags & FLAG_OPCODE)
		return DNS_NOTIMP;
	if (dns_get16(message + 4) != 1 || dns_get16(message + 6) || dns_get16(message + 8) ||
	    dns_get16(message + 10) > 1)
		return DNS_FORMERR;
	/* Nothing stands before the first name that it could point to. */
	if (!dns_take_name(&r, out->name) || r.len - r.at < 4)
		return DNS_FORMERR;
	out->type = (uint16_t)dns_get16(message + r.at);
	if (dns_get16(message + r.at + 2) != DNS_CLASS_IN)
		return DNS_NOTIMP;
	r.at += 4;
	out->question = message + DNS_HEAD;
	out->question_len = r.at - DNS_HEAD;
	if (dns_get16(message + 10) && !read_opt(&r, out))
		return DNS_FORMERR;
	if (r.at != r.len)
		return DNS_FORMERR;
	return out->version ? DNS_BADVERS : DNS_OK;
}

/* The wire form of a name. Its length, 0 when it is none or does not fit. */
static size_t write_name(uint8_t *out, size_t size, const char *name)
{
	size_t n = 0, len = strlen(name);

	if (!len || len > DNS_NAME_MAX || len + 2 > size)
		return 0;
	while (*name) {
		size_t label = strcspn(name, ".");

		if (!label || label > DNS_LABEL_MAX || (name[label] == '.' && !name[label + 1]))
			return 0;
		out[n++] = (uint8_t)label;
		for (size_t i = 0; i < label; i++) {
			if (!letter((uint8_t)name[i]))
				return 0;
			out[n++] = (uint8_t)name[i];
		}
		name += label + (name[label] == '.');
	}
	out[n++] = 0;
	return n;
}

size_t dns_write_query(uint8_t *out, size_t size, uint16_t id, const char *name, uint16_t type)
{
	size_t n;

	if (size < DNS_HEAD + DNS_NAME_MAX + 2 + 4 + 11)
		return 0;
	memset(out, 0, DNS_HEAD);
	put16(out, id);
	put16(out + 2, FLAG_RD);
	put16(out + 4, 1);
	put16(out + 10, 1);
	n = write_name(out + DNS_HEAD, size - DNS_HEAD, name);
	if (!n)
		return 0;
	n += DNS_HEAD;
	put16(out + n, type);
	put16(out + n + 2, DNS_CLASS_IN);
	memset(out + n + 4, 0, 11);
	put16(out + n + 5, DNS_OPT);
	put16(out + n + 7, DNS_UDP_MAX);
	return n + 15;
}

/* The record's owner and fixed part. */
bool dns_take_record(struct dns_reader *r, struct dns_record *out)
{
	return dns_take_name(r, out->name) && dns_take_rest(r, out);
}

static bool add_address(struct dns_found *f, const struct dns_record *r)
{
	size_t n = r->data.len - r->data.at;
	struct dns_address *a = &f->addresses[f->n];

	if (n != (r->type == DNS_A ? 4 : 16))
		return false;
	if (f->n == DNS_ADDRESSES)
		return true;
	memcpy(a->addr, r->data.data + r->data.at, n);
	a->len = (uint8_t)n;
	f->n++;
	return true;
}

static const char *last_name(const struct dns_found *f, const struct dns_query *asked)
{
	return f->n_aliases ? f->aliases[f->n_aliases - 1] : asked->name;
}

/* One pass over the answers. Returns -1 malformed, 1 when another alias was found, 0 when this was the last.
 */
static int pass(struct dns_reader r, unsigned n, const struct dns_query *asked, struct dns_found *f)
{
	struct dns_record record;

	f->n = 0;
	while (n--) {
		char target[DNS_NAME_MAX + 1];

		if (!dns_take_record(&r, &record))
			return -1;
		if (record.class != DNS_CLASS_IN || strcmp(record.name, last_name(f, asked)))
			continue;
		if (record.type == DNS_CNAME && asked->type != DNS_CNAME) {
			if (!dns_take_name(&record.data, target) || record.data.at != record.data.len ||
			    !*target || f->n_aliases == DNS_ALIASES)
				return -1;
			strcpy(f->aliases[f->n_aliases++], target);
		} else if (record.type != asked->type) {
			continue;
		} else if (!add_address(f, &record)) {
			return -1;
		}
		if (record.ttl < f->ttl)
			f->ttl = record.ttl;
		if (record.type == DNS_CNAME)
			return 1;
	}
	return 0;
}

/* Is it the answer to what was asked, and where do its records begin? */
bool dns_answers(struct dns_reader *r, const struct dns_query *asked)
{
	char name[DNS_NAME_MAX + 1];
	unsigned flags;

	if (r->len < DNS_HEAD || r->len > DNS_MESSAGE_MAX || dns_get16(r->data) != asked->id)
		return false;
	flags = dns_get16(r->data + 2);
	if (!(flags & FLAG_ANSWER) || flags & FLAG_OPCODE || dns_get16(r->data + 4) != 1)
		return false;
	r->at = DNS_HEAD;
	if (!dns_take_name(r, name) || strcmp(name, asked->name) || r->len - r->at < 4 ||
	    dns_get16(r->data + r->at) != asked->type || dns_get16(r->data + r->at + 2) != DNS_CLASS_IN)
		return false;
	r->at += 4;
	return true;
}

bool dns_read_head(const uint8_t *message, size_t len, const struct dns_query *asked, int *code, bool *cut)
{
	struct dns_reader r = { message, len, 0 };

	if (!dns_answers(&r, asked))
		return false;
	*code = message[3] & 15;
	*cut = dns_get16(message + 2) & FLAG_CUT;
	return true;
}

bool dns_is_whole(struct dns_reader r, unsigned n)
{
	unsigned others = dns_get16(r.data + 8), more = dns_get16(r.data + 10);
	struct dns_record record;

	if (n > DNS_RECORDS_MAX || others > DNS_RECORDS_MAX || more > DNS_RECORDS_MAX)
		return false;
	while (n--)
		if (!dns_take_record(&r, &record))
			return false;
	others += more;
	while (others--)
		if (!skip_name(&r) || !dns_take_rest(&r, &record))
			return false;
	return r.at == r.len;
}

bool dns_read_answer(const uint8_t *message, size_t len, const struct dns_query *asked, struct dns_found *out)
{
	struct dns_reader r = { message, len, 0 };
	unsigned n, flags;
	int more;

	*out = (struct dns_found){ .ttl = TTL_MAX };
	if ((asked->type != DNS_A && asked->type != DNS_AAAA) || !dns_answers(&r, asked))
		return false;
	flags = dns_get16(message + 2);
	out->code = flags & 15;
	out->cut = flags & FLAG_CUT;
	n = dns_get16(message + 6);
	if (out->cut)
		return true;
	if (n > DNS_RECORDS_MAX || dns_get16(message + 8) > DNS_RECORDS_MAX ||
	    dns_get16(message + 10) > DNS_RECORDS_MAX)
		return false;
	/* An alias may stand before or behind what it leads to. */
	while ((more = pass(r, n, asked, out)) > 0)
		;
	if (more < 0)
		return false;
	/* All of it is looked at, so that nothing is made of half a message. */
	return dns_is_whole(r, n);
}

void dns_answer(struct dns_writer *w, uint8_t *out, size_t size, const struct dns_query *q)
{
	*w = (struct dns_writer){ .out = out, .size = size };
	memset(out, 0, DNS_HEAD);
	put16(out, q->id);
	put16(out + 4, q->question_len ? 1 : 0);
	w->len = DNS_HEAD + q->question_len;
	if (q->question_len)
		memcpy(out + DNS_HEAD, q->question, q->question_len);
	if (q->has_opt)
		w->size -= 11;
}

uint8_t *dns_start_record(struct dns_writer *w, const char *owner, unsigned type, uint32_t ttl, size_t n)
{
	uint8_t *at = w->out + w->len;
	/* Of a name in full, no less than it may be. */
	const size_t name = owner ? DNS_NAME_MAX + 2 : 2;

	if (w->cut || w->size - w->len < name + 10 + n) {
		w->cut = true;
		return NULL;
	}
	n = 2;
	if (owner)
		n = write_name(at, name, owner);
	else
		put16(at, 0xc000 | DNS_HEAD);
	if (!n) {
		w->cut = true;
		return NULL;
	}
	put16(at + n, type);
	put16(at + n + 2, DNS_CLASS_IN);
	put32(at + n + 4, ttl);
	return at + n + 8;
}

void dns_end_record(struct dns_writer *w, uint8_t *data, size_t n)
{
	put16(data, (unsigned)n);
	w->len = (size_t)(data + 2 + n - w->out);
	w->n++;
}

void dns_answer_alias(struct dns_writer *w, const char *owner, uint32_t ttl, const char *target)
{
	uint8_t *data = dns_start_record(w, owner, DNS_CNAME, ttl, 3);
	size_t n, left;

	if (!data)
		return;
	left = w->size - (size_t)(data - w->out);
	n = left > 2 ? write_name(data + 2, left - 2, target) : 0;
	if (n)
		dns_end_record(w, data, n);
	else
		w->cut = true;
}

void dns_answer_address(struct dns_writer *w, const char *owner, uint32_t ttl, const struct dns_address *a)
{
	uint8_t *data = dns_start_record(w, owner, a->len == 4 ? DNS_A : DNS_AAAA, ttl, a->len);

	if (!data)
		return;
	memcpy(data + 2, a->addr, a->len);
	dns_end_record(w, data, a->len);
}

void dns_answer_name(struct dns_writer *w, uint32_t ttl, const char *name)
{
	uint8_t *data = dns_start_record(w, NULL, DNS_PTR, ttl, DNS_NAME_MAX + 2);
	size_t n = data ? write_name(data + 2, DNS_NAME_MAX + 2, name) : 0;

	if (n)
		dns_end_record(w, data, n);
}

size_t dns_answer_end(struct dns_writer *w, const struct dns_query *q, int code)
{
	put16(w->out + 2, FLAG_ANSWER | FLAG_RA | (q->recurse ? FLAG_RD : 0) | (w->cut ? FLAG_CUT : 0) |
	                          (unsigned)(code & 15));
	put16(w->out + 6, w->n);
	if (q->has_opt) {
		uint8_t *opt = w->out + w->len;

		memset(opt, 0, 11);
		put16(opt + 1, DNS_OPT);
		put16(opt + 3, DNS_UDP_MAX);
		opt[5] = (uint8_t)(code >> 4);
		put16(w->out + 10, 1);
		w->len += 11;
	}
	return w->len;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "4.3.2.1": from the last to the first. */
static bool reverse_four(const char *name, const char *end, uint8_t *out)
{
	for (int i = 3; i >= 0; i--) {
		unsigned n = 0, digits = 0;

		while (name < end && *name >= '0' && *name <= '9' && digits++ < 3)
			n = n * 10 + (unsigned)(*name++ - '0');
		if (!digits || n > 255 || name == end || *name++ != '.')
			return false;
		out[i] = (uint8_t)n;
	}
	return name == end;
}

bool dns_reverse(const char *name, struct dns_address *out)
{
	size_t len = strlen(name);

	if (len > 12 && !strcmp(name + len - 12, "in-addr.arpa")) {
		out->len = 4;
		return reverse_four(name, name + len - 12, out->addr);
	}
	if (len != 64 + 8 || strcmp(name + 64, "ip6.arpa"))
		return false;
	out->len = 16;
	for (int i = 0; i < 32; i++) {
		int n = hex(name[2 * i]);

		if (n < 0 || name[2 * i + 1] != '.')
			return false;
		out->addr[15 - i / 2] = (uint8_t)(i % 2 ? n << 4 | out->addr[15 - i / 2] : n);
	}
	return true;
}
