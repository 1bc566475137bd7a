/* anchors - whom this system trusts to sign certificates of hosts.
 *
 * Certificates from PEM text. What is not for this is left out: those that
 * have expired, keys of unknown kinds, what is no certificate.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <bearssl.h>
#include <stddef.h>
#include <stdint.h>

enum { ANCHORS_MAX = 4096, ANCHORS_TEXT_MAX = 4 << 20 };

struct anchors;

struct anchors *anchors_parse(const char *pem, size_t len, int64_t now_s, struct err *e);
void anchors_free(struct anchors *a);

const br_x509_trust_anchor *anchors_list(const struct anchors *a, size_t *n);

/* The system's file of them, as text; `path` NULL: where it usually is. */
int anchors_text(const char *path, struct buf *out, struct err *e);
