/* authority - a certificate authority of one session, and the certificates of hosts that it signs.
 *
 * Its key is made when it is made, and lies in this process's memory only. All
 * hosts share one key of their own. Certificates are kept, a bounded number of
 * them, and made anew when they get old.
 */
#pragma once

#include "base/err.h"

#include <bearssl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { AUTHORITY_LEAVES = 64, AUTHORITY_LEAF_MAX = 1024 };

struct authority;

struct authority *authority_new(int64_t now_s, struct err *e);
void authority_free(struct authority *a); /* and its keys are gone */

const char *authority_pem(const struct authority *a); /* its own certificate */

/* The certificate of a host (canonical name) as DER, into `out`. Its length, 0 if it cannot be made. */
size_t authority_leaf(struct authority *a, const char *host, int64_t now_s,
                      unsigned char out[AUTHORITY_LEAF_MAX]);
/* The key of all of them. */
const br_ec_private_key *authority_leaf_key(const struct authority *a);
