#include "http/parse.h"

#include <string.h>

enum { SIZE, SIZE_LF, DATA, DATA_CR, DATA_LF, LAST_CR, LAST_LF };

/* Ten digits would be 1 TiB: no body is that long. */
enum { MAX_DIGITS = 8 };

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void size_byte(struct http_body *b, char c)
{
	int digit = hex(c);

	if (digit >= 0 && b->digits < MAX_DIGITS) {
		b->left = b->left * 16 + (uint64_t)digit;
		b->digits++;
	} else if (c == '\r' && b->digits) {
		b->step = SIZE_LF;
	} else {
		b->bad = true;
	}
}

/* A byte between chunks. Extensions and trailers have no reader here and are refused with the rest. */
static void frame_byte(struct http_body *b, char c)
{
	if (b->step == SIZE) {
		size_byte(b, c);
		return;
	}
	if (c != (b->step == DATA_CR || b->step == LAST_CR ? '\r' : '\n')) {
		b->bad = true;
		return;
	}
	switch (b->step) {
	case SIZE_LF:
		b->step = b->left ? DATA : LAST_CR;
		b->digits = 0;
		break;
	case DATA_LF:
		b->step = SIZE;
		break;
	case LAST_LF:
		b->done = true;
		break;
	default:
		b->step++;
	}
}

/* Payload: up to `left` bytes. */
static size_t take(struct http_body *b, const char *data, size_t len, struct buf *out)
{
	size_t n = b->kind != HTTP_BODY_REST && len > b->left ? (size_t)b->left : len;

	if (out->max && n > out->max - out->len) {
		b->too_large = true;
		return 0;
	}
	buf_add(out, data, n);
	if (out->failed)
		b->too_large = true;
	if (b->kind != HTTP_BODY_REST)
		b->left -= n;
	return n;
}

static size_t feed_chunked(struct http_body *b, const char *data, size_t len, struct buf *out)
{
	size_t i = 0;

	while (i < len && !b->done && !b->bad && !b->too_large) {
		if (b->step != DATA) {
			frame_byte(b, data[i++]);
			continue;
		}
		i += take(b, data + i, len - i, out);
		if (!b->left)
			b->step = DATA_CR;
	}
	return i;
}

size_t http_body_feed(struct http_body *b, const char *data, size_t len, struct buf *out)
{
	size_t n;

	if (b->done || b->bad || b->too_large)
		return 0;
	switch (b->kind) {
	case HTTP_BODY_NONE:
		b->done = true;
		return 0;
	case HTTP_BODY_CHUNKED:
		return feed_chunked(b, data, len, out);
	case HTTP_BODY_LENGTH:
		n = take(b, data, len, out);
		b->done = !b->left;
		return n;
	case HTTP_BODY_REST:
		return take(b, data, len, out);
	}
	return 0;
}
