#include "tls/der.h"

#include <string.h>
#include <time.h>

size_t der_open(struct buf *out, uint8_t tag)
{
	buf_chr(out, (char)tag);
	return out->len;
}

/* The length goes in front of what was written since. */
void der_close(struct buf *out, size_t opened)
{
	size_t len = out->len - opened, n = 0;
	uint8_t head[1 + sizeof len];

	if (out->failed)
		return;
	if (len < 0x80) {
		head[n++] = (uint8_t)len;
	} else {
		size_t bytes = 1;

		while (bytes < sizeof len && len >> (8 * bytes))
			bytes++;
		head[n++] = (uint8_t)(0x80 | bytes);
		while (bytes--)
			head[n++] = (uint8_t)(len >> (8 * bytes));
	}
	buf_add(out, head, n);
	if (out->failed)
		return;
	memmove(out->data + opened + n, out->data + opened, len);
	memcpy(out->data + opened, head, n);
}

void der_add(struct buf *out, uint8_t tag, const void *data, size_t len)
{
	size_t at = der_open(out, tag);

	buf_add(out, data, len);
	der_close(out, at);
}

void der_number(struct buf *out, const uint8_t *bytes, size_t len)
{
	size_t at = der_open(out, DER_INTEGER);

	while (len > 1 && !*bytes) {
		bytes++;
		len--;
	}
	if (!len || *bytes & 0x80)
		buf_chr(out, 0);
	buf_add(out, bytes, len);
	der_close(out, at);
}

void der_bits(struct buf *out, const void *data, size_t len)
{
	size_t at = der_open(out, DER_BITS);

	buf_chr(out, 0);
	buf_add(out, data, len);
	der_close(out, at);
}

void der_time(struct buf *out, int64_t seconds)
{
	const time_t t = (time_t)seconds;
	char text[32];
	struct tm tm;
	bool is_short;

	if (!gmtime_r(&t, &tm) || tm.tm_year < 50 || tm.tm_year > 8099) {
		out->failed = true;
		return;
	}
	is_short = tm.tm_year < 150;
	strftime(text, sizeof text, is_short ? "%y%m%d%H%M%SZ" : "%Y%m%d%H%M%SZ", &tm);
	der_add(out, is_short ? DER_UTC : DER_TIME, text, strlen(text));
}
