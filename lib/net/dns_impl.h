/* Private to the codec: what reads names and records. */
#pragma once

#include "net/dns.h"

enum { DNS_HEAD = 12, DNS_LABEL_MAX = 63, DNS_CLASS_IN = 1, DNS_RECORDS_MAX = 256 };

/* A message and how far it has been read. */
struct dns_reader {
	const uint8_t *data;
	size_t len, at;
};

struct dns_record {
	char name[DNS_NAME_MAX + 1];
	unsigned type, class;
	uint32_t ttl;
	struct dns_reader data; /* `len` is where it ends in the message */
};

/* The labels of a name, wherever it points. */
struct dns_walk {
	size_t at, lowest; /* before what was read of it: a jump leads there */
	bool jumped;
};
/* Of the name where the reader is. */
static inline struct dns_walk dns_walk(const struct dns_reader *r)
{
	return (struct dns_walk){ r->at, r->at, false };
}
/* How long the next one is, which begins at *label; 0: the name has ended, and the reader is behind it; -1:
 * it is no name. */
int dns_next_label(struct dns_reader *r, struct dns_walk *w, const uint8_t **label);

/* A name from where the reader is, in lower case; moves behind it. */
bool dns_take_name(struct dns_reader *r, char *out);
/* Owner and fixed part, and over the data. */
bool dns_take_record(struct dns_reader *r, struct dns_record *out);
/* The fixed part behind a name, and over the data. */
bool dns_take_rest(struct dns_reader *r, struct dns_record *out);
/* Is it the answer to what was asked? The reader stands before its records then. */
bool dns_answers(struct dns_reader *r, const struct dns_query *asked);
/* All records from the reader on are sound, and nothing stands behind them. `n`: of the answers. */
bool dns_is_whole(struct dns_reader r, unsigned n);

static inline unsigned dns_get16(const uint8_t *p)
{
	return (unsigned)p[0] << 8 | p[1];
}

/* Start a record of the writer's; where its data goes, behind its length, or NULL when `n` bytes do not fit.
 */
uint8_t *dns_start_record(struct dns_writer *w, const char *owner, unsigned type, uint32_t ttl, size_t n);
/* It is `n` bytes long. */
void dns_end_record(struct dns_writer *w, uint8_t *data, size_t n);
