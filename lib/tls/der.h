/* der - writes what certificates are made of (X.690, distinguished encoding).
 *
 *	size_t seq = der_open(out, DER_SEQUENCE);
 *	der_oid(out, oid, sizeof oid);
 *	der_close(out, seq);
 *
 * Failure is the buffer's.
 */
#pragma once

#include "base/buf.h"

#include <stdint.h>

enum {
	DER_BOOLEAN = 0x01,
	DER_INTEGER = 0x02,
	DER_BITS = 0x03,
	DER_OCTETS = 0x04,
	DER_OID = 0x06,
	DER_UTF8 = 0x0c,
	DER_UTC = 0x17,
	DER_TIME = 0x18,
	DER_SEQUENCE = 0x30,
	DER_SET = 0x31,
	DER_TAGGED = 0x80,      /* | number: [n] IMPLICIT of something simple */
	DER_TAGGED_WHOLE = 0xa0 /* | number: [n] around other elements */
};

size_t der_open(struct buf *out, uint8_t tag); /* what der_close() needs */
void der_close(struct buf *out, size_t opened);

void der_add(struct buf *out, uint8_t tag, const void *data, size_t len);
/* A positive number, as its bytes, most significant first. */
void der_number(struct buf *out, const uint8_t *bytes, size_t len);
/* Whole bytes. */
void der_bits(struct buf *out, const void *data, size_t len);
/* Seconds since 1970, in the form that certificates have for that year. */
void der_time(struct buf *out, int64_t seconds);
