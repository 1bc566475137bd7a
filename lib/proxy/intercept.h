/* intercept - hosts whose TLS the proxy ends itself, because somebody has listed them, so that each request
 * is judged.
 *
 * Towards clients it is the host, with a certificate of an authority that it
 * made when it started; towards the host a client that trusts whom this system
 * trusts. Without a list there is neither.
 */
#pragma once

#include "base/err.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stddef.h>

struct intercept;

/* `hosts`: globs of names, as `domains` of network rules; "*" is every name. Addresses are no names. Reads
 * whom this system trusts (`anchors`: from there; NULL: from where it usually is). */
struct intercept *intercept_new(struct loop *loop, const char *const *hosts, size_t n, const char *anchors,
                                struct err *e);
void intercept_free(struct intercept *i); /* after the proxy */

/* Is this (canonical) name listed? */
bool intercept_wants(const struct intercept *i, const char *name);

/* Certificates for clients, as PEM: of the authority alone; and with all that this system trusts. */
const char *intercept_ca(const struct intercept *i);
const char *intercept_bundle(const struct intercept *i);
/* Write them to files; NULL = not. */
int intercept_write(const struct intercept *i, const char *ca, const char *bundle, struct err *e);
