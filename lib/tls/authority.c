#include "tls/authority.h"

#include "base/buf.h"
#include "tls/der.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

enum { DAY = 86400, BEFORE = 2 * DAY, LEAF_FOR = 30 * DAY, CA_FOR = 397 * DAY, LEAF_FRESH = DAY, POINT = 65 };
enum { NAME_MAX_CN = 64, KEY_ID = 20 };

struct pair {
	unsigned char key[BR_EC_KBUF_PRIV_MAX_SIZE], point[BR_EC_KBUF_PUB_MAX_SIZE];
	br_ec_private_key private;
	br_ec_public_key public;
	unsigned char id[KEY_ID];
};

struct leaf {
	char host[256];
	int64_t made_s, used;
	size_t len;
	unsigned char der[AUTHORITY_LEAF_MAX];
};

struct authority {
	br_hmac_drbg_context random;
	struct pair ca, hosts;
	char name[NAME_MAX_CN];
	char *pem; /* owned */
	struct leaf leaves[AUTHORITY_LEAVES];
	int64_t uses;
};

static const uint8_t oid_cn[] = { 0x55, 4, 3 };
static const uint8_t oid_ec_key[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 2, 1 };
static const uint8_t oid_p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7 };
static const uint8_t oid_ecdsa_sha256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 4, 3, 2 };
static const uint8_t oid_server[] = { 0x2b, 6, 1, 5, 5, 7, 3, 1 };

/* Of id-ce, 2.5.29. */
enum {
	EXT_KEY_ID = 14,
	EXT_USAGE = 15,
	EXT_NAMES = 17,
	EXT_BASIC = 19,
	EXT_SIGNER_ID = 35,
	EXT_PURPOSE = 37
};

static bool make_pair(struct authority *a, struct pair *p)
{
	br_sha256_context hash;
	unsigned char sum[br_sha256_SIZE];

	if (br_ec_keygen(&a->random.vtable, &br_ec_all_m31, &p->private, p->key, BR_EC_secp256r1) == 0 ||
	    br_ec_compute_pub(&br_ec_all_m31, &p->public, p->point, &p->private) != POINT)
		return false;
	br_sha256_init(&hash);
	br_sha256_update(&hash, p->point, POINT);
	br_sha256_out(&hash, sum);
	memcpy(p->id, sum, sizeof p->id);
	return true;
}

static void add_algorithm(struct buf *out)
{
	size_t seq = der_open(out, DER_SEQUENCE);

	der_add(out, DER_OID, oid_ecdsa_sha256, sizeof oid_ecdsa_sha256);
	der_close(out, seq);
}

/* Longer names than may stand there are left out: the extension has them. */
static void add_name(struct buf *out, const char *cn)
{
	size_t name = der_open(out, DER_SEQUENCE), set, seq;

	if (strlen(cn) <= NAME_MAX_CN) {
		set = der_open(out, DER_SET);
		seq = der_open(out, DER_SEQUENCE);
		der_add(out, DER_OID, oid_cn, sizeof oid_cn);
		der_add(out, DER_UTF8, cn, strlen(cn));
		der_close(out, seq);
		der_close(out, set);
	}
	der_close(out, name);
}

static void add_key(struct buf *out, const struct pair *p)
{
	size_t key = der_open(out, DER_SEQUENCE), seq = der_open(out, DER_SEQUENCE);

	der_add(out, DER_OID, oid_ec_key, sizeof oid_ec_key);
	der_add(out, DER_OID, oid_p256, sizeof oid_p256);
	der_close(out, seq);
	der_bits(out, p->point, POINT);
	der_close(out, key);
}

static void add_extension(struct buf *out, uint8_t which, bool critical, const struct buf *value)
{
	const uint8_t oid[] = { 0x55, 0x1d, which }, yes = 0xff;
	size_t seq = der_open(out, DER_SEQUENCE);

	der_add(out, DER_OID, oid, sizeof oid);
	if (critical)
		der_add(out, DER_BOOLEAN, &yes, 1);
	der_add(out, DER_OCTETS, value->data, value->len);
	der_close(out, seq);
	if (value->failed)
		out->failed = true;
}

/* A sequence of one element; none at all if `tag` is 0. */
static void add_wrapped(struct buf *out, uint8_t which, bool critical, uint8_t tag, const void *data,
                        size_t len)
{
	AUTO_BUF value = { 0 };
	size_t seq = der_open(&value, DER_SEQUENCE);

	if (tag)
		der_add(&value, tag, data, len);
	der_close(&value, seq);
	add_extension(out, which, critical, &value);
}

static void add_plain(struct buf *out, uint8_t which, bool critical, uint8_t tag, const void *data,
                      size_t len)
{
	AUTO_BUF value = { 0 };

	der_add(&value, tag, data, len);
	add_extension(out, which, critical, &value);
}

static void add_ca_basics(struct buf *out)
{
	const uint8_t yes = 0xff, none = 0;
	AUTO_BUF value = { 0 };
	size_t seq = der_open(&value, DER_SEQUENCE);

	der_add(&value, DER_BOOLEAN, &yes, 1);
	der_number(&value, &none, 1); /* authorities below it: none */
	der_close(&value, seq);
	add_extension(out, EXT_BASIC, true, &value);
}

/* `host` NULL: the authority's own. */
static void add_extensions(struct buf *out, const struct authority *a, const char *host)
{
	static const uint8_t sign_certs[] = { 2, 1 << 2 }, sign[] = { 7, 1 << 7 };
	size_t whole = der_open(out, DER_TAGGED_WHOLE | 3), list = der_open(out, DER_SEQUENCE);

	if (!host) {
		add_ca_basics(out);
		add_plain(out, EXT_USAGE, true, DER_BITS, sign_certs, 2);
		add_plain(out, EXT_KEY_ID, false, DER_OCTETS, a->ca.id, KEY_ID);
	} else {
		add_wrapped(out, EXT_BASIC, true, 0, NULL, 0);
		add_plain(out, EXT_USAGE, true, DER_BITS, sign, 2);
		add_wrapped(out, EXT_PURPOSE, false, DER_OID, oid_server, sizeof oid_server);
		/* Critical where it is all there is of a name. */
		add_wrapped(out, EXT_NAMES, strlen(host) > NAME_MAX_CN, DER_TAGGED | 2, host, strlen(host));
		add_plain(out, EXT_KEY_ID, false, DER_OCTETS, a->hosts.id, KEY_ID);
		add_wrapped(out, EXT_SIGNER_ID, false, DER_TAGGED | 0, a->ca.id, KEY_ID);
	}
	der_close(out, list);
	der_close(out, whole);
}

/* What is signed. */
static void add_body(struct buf *out, struct authority *a, const char *host, int64_t now_s)
{
	static const uint8_t version = 2;
	uint8_t serial[16];
	size_t body = der_open(out, DER_SEQUENCE), part;

	br_hmac_drbg_generate(&a->random, serial, sizeof serial);
	serial[0] = (uint8_t)((serial[0] & 0x3f) | 0x40);
	part = der_open(out, DER_TAGGED_WHOLE | 0);
	der_number(out, &version, 1);
	der_close(out, part);
	der_number(out, serial, sizeof serial);
	add_algorithm(out);
	add_name(out, a->name);
	part = der_open(out, DER_SEQUENCE);
	der_time(out, now_s - BEFORE);
	der_time(out, now_s + (host ? LEAF_FOR : CA_FOR));
	der_close(out, part);
	add_name(out, host ? host : a->name);
	add_key(out, host ? &a->hosts : &a->ca);
	add_extensions(out, a, host);
	der_close(out, body);
}

static void add_certificate(struct buf *out, struct authority *a, const char *host, int64_t now_s)
{
	unsigned char sum[br_sha256_SIZE], signature[80];
	br_sha256_context hash;
	size_t whole = der_open(out, DER_SEQUENCE), start = out->len, len;

	add_body(out, a, host, now_s);
	if (out->failed)
		return;
	br_sha256_init(&hash);
	br_sha256_update(&hash, out->data + start, out->len - start);
	br_sha256_out(&hash, sum);
	len = br_ecdsa_i31_sign_asn1(&br_ec_all_m31, &br_sha256_vtable, sum, &a->ca.private, signature);
	add_algorithm(out);
	der_bits(out, signature, len);
	der_close(out, whole);
	if (!len)
		out->failed = true;
}

static bool make_own(struct authority *a, int64_t now_s)
{
	AUTO_BUF der = { 0 };
	size_t len;

	add_certificate(&der, a, NULL, now_s);
	if (der.failed)
		return false;
	len = br_pem_encode(NULL, NULL, der.len, "CERTIFICATE", BR_PEM_LINE64);
	a->pem = malloc(len + 1);
	if (a->pem)
		br_pem_encode(a->pem, der.data, der.len, "CERTIFICATE", BR_PEM_LINE64);
	return a->pem != NULL;
}

struct authority *authority_new(int64_t now_s, struct err *e)
{
	struct authority *a = calloc(1, sizeof *a);
	unsigned char seed[48];

	if (!a || getrandom(seed, sizeof seed, 0) != sizeof seed) {
		free(a);
		err_set(e, "no memory or randomness for a certificate authority");
		return NULL;
	}
	br_hmac_drbg_init(&a->random, &br_sha256_vtable, seed, sizeof seed);
	explicit_bzero(seed, sizeof seed);
	if (make_pair(a, &a->ca) && make_pair(a, &a->hosts)) {
		snprintf(a->name, sizeof a->name, "agentsh session %02x%02x%02x%02x%02x%02x", a->ca.id[0],
		         a->ca.id[1], a->ca.id[2], a->ca.id[3], a->ca.id[4], a->ca.id[5]);
		if (make_own(a, now_s))
			return a;
	}
	authority_free(a);
	err_set(e, "cannot make a certificate authority");
	return NULL;
}

void authority_free(struct authority *a)
{
	if (!a)
		return;
	free(a->pem);
	explicit_bzero(a, sizeof *a);
	free(a);
}

const char *authority_pem(const struct authority *a)
{
	return a->pem;
}

const br_ec_private_key *authority_leaf_key(const struct authority *a)
{
	return &a->hosts.private;
}

/* The one of this host, else the one that was not used for the longest time. */
static struct leaf *find_leaf(struct authority *a, const char *host)
{
	struct leaf *oldest = &a->leaves[0];

	for (size_t i = 0; i < AUTHORITY_LEAVES; i++) {
		struct leaf *l = &a->leaves[i];

		if (l->len && !strcmp(l->host, host))
			return l;
		if (l->used < oldest->used)
			oldest = l;
	}
	oldest->len = 0;
	return oldest;
}

size_t authority_leaf(struct authority *a, const char *host, int64_t now_s,
                      unsigned char out[AUTHORITY_LEAF_MAX])
{
	struct leaf *l;

	if (!*host || strlen(host) >= sizeof l->host)
		return 0;
	l = find_leaf(a, host);
	if (!l->len || now_s - l->made_s > LEAF_FRESH || now_s < l->made_s) {
		AUTO_BUF der = { 0 };

		add_certificate(&der, a, host, now_s);
		l->len = 0;
		if (der.failed || der.len > sizeof l->der)
			return 0;
		memcpy(l->der, der.data, der.len);
		snprintf(l->host, sizeof l->host, "%s", host);
		l->len = der.len;
		l->made_s = now_s;
	}
	l->used = ++a->uses;
	memcpy(out, l->der, l->len);
	return l->len;
}
