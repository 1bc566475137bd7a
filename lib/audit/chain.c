#include "audit/chain.h"

#include <bearssl.h>
#include <stdio.h>
#include <string.h>

static const char mark[] = "\"integrity\":{\"sequence\":";

static const char *const kinds[] = {
	[CHAIN_SHA256] = "sha256",
	[CHAIN_HMAC_SHA256] = "hmac-sha256",
	[CHAIN_HMAC_SHA512] = "hmac-sha512",
};

const char *chain_kind_name(enum chain_kind kind)
{
	return kinds[kind];
}

bool chain_kind_parse(const char *name, enum chain_kind *kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
		if (!strcmp(name, kinds[i])) {
			*kind = (enum chain_kind)i;
			return true;
		}
	}
	return false;
}

static bool is_space(char c)
{
	return c == ' ' || (c >= '\t' && c <= '\r');
}

int chain_key_set(struct chain_key *key, enum chain_kind kind, const char *text, size_t len, struct err *e)
{
	while (len && is_space(*text))
		text++, len--;
	while (len && is_space(text[len - 1]))
		len--;
	if (len < CHAIN_KEY_MIN || len > CHAIN_KEY_MAX)
		return err_set(e, "the key has %zu bytes; it must have %d to %d", len, CHAIN_KEY_MIN,
		               CHAIN_KEY_MAX);
	key->kind = kind;
	key->len = len;
	memcpy(key->bytes, text, len);
	return 0;
}

/* One of the three hashes behind one face. */
struct hasher {
	bool keyed;
	br_sha256_context plain;
	br_hmac_context hmac;
};

static void hash_start(struct hasher *h, const struct chain_key *key)
{
	const br_hash_class *class = key->kind == CHAIN_HMAC_SHA512 ? &br_sha512_vtable : &br_sha256_vtable;
	br_hmac_key_context k;

	h->keyed = key->kind != CHAIN_SHA256;
	br_sha256_init(&h->plain);
	if (!h->keyed)
		return;
	br_hmac_key_init(&k, class, key->bytes, key->len);
	br_hmac_init(&h->hmac, &k, 0);
}

static void hash_add(struct hasher *h, const char *data, size_t len)
{
	if (h->keyed)
		br_hmac_update(&h->hmac, data, len);
	else
		br_sha256_update(&h->plain, data, len);
}

static void hash_hex(struct hasher *h, char out[CHAIN_HEX + 1])
{
	static const char digit[] = "0123456789abcdef";
	unsigned char sum[64];
	size_t n = 32;

	if (h->keyed)
		n = br_hmac_out(&h->hmac, sum);
	else
		br_sha256_out(&h->plain, sum);
	for (size_t i = 0; i < n; i++) {
		*out++ = digit[sum[i] >> 4];
		*out++ = digit[sum[i] & 15];
	}
	*out = 0;
}

/* The event is `len` bytes and, if `close`, a brace that is not among them. */
static void hash_event(const struct chain_key *key, const struct chain_link *at, const char *event,
                       size_t len, bool close, char out[CHAIN_HEX + 1])
{
	char number[24];
	struct hasher h;

	hash_start(&h, key);
	hash_add(&h, number,
	         (size_t)snprintf(number, sizeof number, "%llu|", (unsigned long long)at->sequence));
	hash_add(&h, at->prev, strlen(at->prev));
	hash_add(&h, "|", 1);
	hash_add(&h, event, len);
	hash_add(&h, "}", close);
	hash_hex(&h, out);
}

void chain_hash(const struct chain_key *key, uint64_t sequence, const char *prev, const char *event,
                size_t len, char out[CHAIN_HEX + 1])
{
	struct chain_link at = { .sequence = sequence };

	snprintf(at.prev, sizeof at.prev, "%s", prev);
	hash_event(key, &at, event, len, false, out);
}

void chain_seal(const struct chain_key *key, struct chain_link *last, const char *event, size_t len,
                struct buf *out)
{
	memcpy(last->prev, last->entry, sizeof last->prev);
	last->sequence++;
	hash_event(key, last, event, len, false, last->entry);
	buf_add(out, event, len - 1);
	buf_fmt(out, "%s%s%llu,\"prev_hash\":\"%s\",\"entry_hash\":\"%s\"}}\n", len > 2 ? "," : "", mark,
	        (unsigned long long)last->sequence, last->prev, last->entry);
}

static bool take(const char **at, const char *end, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(end - *at) < n || memcmp(*at, text, n))
		return false;
	*at += n;
	return true;
}

static bool take_number(const char **at, const char *end, uint64_t *out)
{
	const char *start = *at;

	*out = 0;
	for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
		if (*out > UINT64_MAX / 10 - 1)
			return false;
		*out = *out * 10 + (uint64_t)(**at - '0');
	}
	return *at > start && *start != '0';
}

static bool take_hex(const char **at, const char *end, char out[CHAIN_HEX + 1])
{
	size_t n = 0;

	for (; *at < end && ((**at >= '0' && **at <= '9') || (**at >= 'a' && **at <= 'f')); ++*at) {
		if (n == CHAIN_HEX)
			return false;
		out[n++] = **at;
	}
	out[n] = 0;
	return true;
}

/* The last place where the member's text stands. Inside a string its quotes would be escaped; in a nested
 * object it would not be the end of the line. */
static const char *find_mark(const char *line, size_t len)
{
	const size_t n = sizeof mark - 1, longest = n + 20 + 2 * (CHAIN_HEX + 20);

	for (size_t at = len >= n ? len - n : 0; at && len - at <= longest; at--)
		if (line[at] == '"' && !memcmp(line + at, mark, n))
			return line + at;
	return NULL;
}

bool chain_split(const char *line, size_t len, size_t *event_len, struct chain_link *link)
{
	const char *at = find_mark(line, len), *end = line + len;

	if (!at || *line != '{' || (at[-1] != ',' && at != line + 1))
		return false;
	*event_len = (size_t)(at - line) - (at[-1] == ',');
	at += sizeof mark - 1;
	return take_number(&at, end, &link->sequence) && take(&at, end, ",\"prev_hash\":\"") &&
	       take_hex(&at, end, link->prev) && take(&at, end, "\",\"entry_hash\":\"") &&
	       take_hex(&at, end, link->entry) && take(&at, end, "\"}}") && at == end && *link->entry;
}

bool chain_check(const struct chain_key *key, const char *line, size_t event_len,
                 const struct chain_link *link, char computed[CHAIN_HEX + 1])
{
	hash_event(key, link, line, event_len, true, computed);
	return !strcmp(computed, link->entry);
}
