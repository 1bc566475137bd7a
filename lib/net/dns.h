/* dns - messages of the domain name system: read strictly, written plainly. No I/O, no allocation.
 *
 * Names are text in lower case without the last dot, and only such as a rule
 * can be about (letters, digits, '-', '_'); any other makes its message
 * malformed. Compression may only point backwards, so it ends. Whatever a
 * message claims about lengths is checked against what there is.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DNS_NAME_MAX = 253,     /* characters of a name */
	DNS_UDP_MAX = 1232,     /* what we take over UDP, and say so */
	DNS_MESSAGE_MAX = 65535 /* over TCP */
};

enum dns_type {
	DNS_A = 1,
	DNS_NS = 2,
	DNS_CNAME = 5,
	DNS_SOA = 6,
	DNS_PTR = 12,
	DNS_HINFO = 13,
	DNS_MX = 15,
	DNS_TXT = 16,
	DNS_RP = 17,
	DNS_AFSDB = 18,
	DNS_AAAA = 28,
	DNS_LOC = 29,
	DNS_SRV = 33,
	DNS_NAPTR = 35,
	DNS_OPT = 41,
	DNS_DS = 43,
	DNS_SSHFP = 44,
	DNS_DNSKEY = 48,
	DNS_TLSA = 52,
	DNS_SMIMEA = 53,
	DNS_OPENPGPKEY = 61,
	DNS_SVCB = 64,
	DNS_HTTPS = 65,
	DNS_SPF = 99,
	DNS_ANY = 255,
	DNS_URI = 256,
	DNS_CAA = 257
};

enum dns_code { DNS_OK, DNS_FORMERR, DNS_SERVFAIL, DNS_NXDOMAIN, DNS_NOTIMP, DNS_REFUSED, DNS_BADVERS = 16 };

/* A question as somebody asks it. */
struct dns_query {
	uint16_t id, type;
	bool recurse, has_opt;
	uint8_t version; /* of the extension; only 0 is known */
	size_t room;     /* how long an answer over UDP may be: 512 .. DNS_UDP_MAX */
	char name[DNS_NAME_MAX + 1];
	const uint8_t *question; /* in the message, as it was spelled: name, type, class */
	size_t question_len;     /* 0 = it could not be read */
};

/* DNS_OK, or the code to answer with (the id is set then), or -1 where nothing may be answered: an answer, or
 * not even a head. */
int dns_read_query(const uint8_t *message, size_t len, struct dns_query *out);

/* Write a question that wants recursion and takes DNS_UDP_MAX. The length, 0 when the name is none. */
size_t dns_write_query(uint8_t *out, size_t size, uint16_t id, const char *name, uint16_t type);

struct dns_address {
	uint8_t addr[16];
	uint8_t len; /* 4 or 16 */
};

enum { DNS_ADDRESSES = 16, DNS_ALIASES = 8 };

/* What an answer says about a name's addresses. */
struct dns_found {
	int code;                                    /* enum dns_code or another of the server's */
	bool cut;                                    /* ask again over TCP */
	uint32_t ttl;                                /* the lowest on the way, seconds */
	struct dns_address addresses[DNS_ADDRESSES]; /* what is more is left out */
	size_t n;
	char aliases[DNS_ALIASES][DNS_NAME_MAX + 1]; /* CNAMEs, in their order */
	size_t n_aliases;
};

/* Read the answer to exactly this question for DNS_A or DNS_AAAA. Records of other names than the asked one
 * and what it is an alias of are not believed. False: not its answer, or malformed. */
bool dns_read_answer(const uint8_t *message, size_t len, const struct dns_query *asked,
                     struct dns_found *out);

/* Read the head of an answer to exactly this question, of any type. False: not its answer. */
bool dns_read_head(const uint8_t *message, size_t len, const struct dns_query *asked, int *code, bool *cut);

/* Writing an answer. Appends nothing that does not fit: `cut` is set then, and said in the head. */
struct dns_writer {
	uint8_t *out;
	size_t len, size;
	uint16_t n;
	bool cut;
};
void dns_answer(struct dns_writer *w, uint8_t *out, size_t size, const struct dns_query *q);
/* Records; `owner` NULL is the name that was asked for. */
void dns_answer_alias(struct dns_writer *w, const char *owner, uint32_t ttl, const char *target);
void dns_answer_address(struct dns_writer *w, const char *owner, uint32_t ttl, const struct dns_address *a);
void dns_answer_name(struct dns_writer *w, uint32_t ttl, const char *name);       /* PTR */
size_t dns_answer_end(struct dns_writer *w, const struct dns_query *q, int code); /* its length */

/* Is it a type whose records are passed on? Those for data of any kind are not, nor questions that are none
 * (ANY, transfers). */
bool dns_passes(uint16_t type);

/* Write what an answer to a question of such a type says of the name and what it is an alias of: answers of
 * that type, none of the other sections. Names in them are written in full, all else as it is; TTLs are
 * `least` .. `most`. False: malformed, nothing of it counts. */
struct dns_span {
	uint32_t least, most;
};
bool dns_pass(struct dns_writer *w, const uint8_t *message, size_t len, const struct dns_query *asked,
              struct dns_span ttl);

/* "4.3.2.1.in-addr.arpa" and the like of ip6.arpa: the address. False for any other name. */
bool dns_reverse(const char *name, struct dns_address *out);
