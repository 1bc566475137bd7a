#include "tls/anchors.h"

#include "base/arena.h"
#include "base/fd.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CERTIFICATE_MAX = 16384, DAYS_TO_1970 = 719528, DAY = 86400 };

struct anchors {
	struct arena arena;
	br_x509_trust_anchor *list; /* in the arena */
	size_t n;
};

/* One that is being read. */
struct reading {
	struct anchors *out;
	int64_t now_s;
	struct buf der, name;
};

static void on_bytes(void *arg, const void *data, size_t len)
{
	struct reading *r = arg;

	buf_add(&r->der, data, len);
}

static void on_name(void *arg, const void *data, size_t len)
{
	struct reading *r = arg;

	buf_add(&r->name, data, len);
}

static unsigned char *keep(struct anchors *a, const void *data, size_t len)
{
	return (unsigned char *)arena_copy(&a->arena, data, len);
}

static bool keep_key(struct anchors *a, const br_x509_pkey *key, br_x509_pkey *out)
{
	*out = *key;
	if (key->key_type == BR_KEYTYPE_RSA) {
		out->key.rsa.n = keep(a, key->key.rsa.n, key->key.rsa.nlen);
		out->key.rsa.e = keep(a, key->key.rsa.e, key->key.rsa.elen);
		return out->key.rsa.n && out->key.rsa.e;
	}
	out->key.ec.q = keep(a, key->key.ec.q, key->key.ec.qlen);
	return key->key_type == BR_KEYTYPE_EC && out->key.ec.q;
}

static bool has_expired(const br_x509_decoder_context *d, int64_t now_s)
{
	int64_t until = ((int64_t)d->notafter_days - DAYS_TO_1970) * DAY + d->notafter_seconds;

	return until < now_s;
}

static void take(struct reading *r)
{
	struct anchors *a = r->out;
	br_x509_trust_anchor *to = &a->list[a->n];
	br_x509_decoder_context d;
	const br_x509_pkey *key;

	buf_clear(&r->name);
	br_x509_decoder_init(&d, on_name, r);
	br_x509_decoder_push(&d, r->der.data, r->der.len);
	key = br_x509_decoder_get_pkey(&d);
	if (!key || !br_x509_decoder_isCA(&d) || has_expired(&d, r->now_s) || r->name.failed ||
	    !r->name.len || a->n == ANCHORS_MAX)
		return;
	to->dn.data = keep(a, r->name.data, r->name.len);
	to->dn.len = r->name.len;
	to->flags = BR_X509_TA_CA;
	if (to->dn.data && keep_key(a, key, &to->pkey))
		a->n++;
}

/* Do not stumble over one that is wrong: the next may be right. */
static void read_all(struct reading *r, const char *pem, size_t len)
{
	br_pem_decoder_context d;
	bool wanted = false;

	br_pem_decoder_init(&d);
	while (len) {
		size_t n = br_pem_decoder_push(&d, pem, len);
		int event = br_pem_decoder_event(&d);

		pem += n;
		len -= n;
		if (event == BR_PEM_BEGIN_OBJ) {
			const char *what = br_pem_decoder_name(&d);

			wanted = !strcmp(what, "CERTIFICATE") || !strcmp(what, "X509 CERTIFICATE");
			buf_release(&r->der);
			r->der.max = CERTIFICATE_MAX;
			br_pem_decoder_setdest(&d, wanted ? on_bytes : NULL, r);
		} else if (event == BR_PEM_END_OBJ && wanted && !r->der.failed && r->der.len) {
			take(r);
		} else if (event == BR_PEM_ERROR) {
			br_pem_decoder_init(&d);
			wanted = false;
		} else if (!n && !event) {
			return;
		}
	}
}

struct anchors *anchors_parse(const char *pem, size_t len, int64_t now_s, struct err *e)
{
	struct anchors *a = calloc(1, sizeof *a);
	struct reading r = { .out = a, .now_s = now_s, .name = { .max = CERTIFICATE_MAX } };

	if (a)
		a->list = arena_array(&a->arena, ANCHORS_MAX + 1, sizeof *a->list);
	if (!a || !a->list) {
		free(a);
		err_set(e, "out of memory");
		return NULL;
	}
	read_all(&r, pem, len);
	buf_release(&r.der);
	buf_release(&r.name);
	if (a->n && !a->arena.failed)
		return a;
	err_set(e, a->n ? "out of memory" : "no usable certificate");
	anchors_free(a);
	return NULL;
}

void anchors_free(struct anchors *a)
{
	if (!a)
		return;
	arena_release(&a->arena);
	free(a);
}

const br_x509_trust_anchor *anchors_list(const struct anchors *a, size_t *n)
{
	*n = a->n;
	return a->list;
}

int anchors_text(const char *path, struct buf *out, struct err *e)
{
	static const char *const places[] = { "/etc/ssl/certs/ca-certificates.crt",
		                              "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
		                              "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem",
		                              "/etc/ssl/cert.pem" };

	for (size_t i = 0; !path && i < sizeof places / sizeof *places; i++)
		if (access(places[i], R_OK) == 0)
			path = places[i];
	if (!path)
		return err_set(e, "this system has no file of trusted certificates, as %s", places[0]);
	return fd_slurp_file(path, ANCHORS_TEXT_MAX, out, e);
}
