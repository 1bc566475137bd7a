#include "proxy/frame.h"

enum { SIZE, EXTENSION, SIZE_LF, DATA, DATA_CR, DATA_LF, LAST, TRAILER, TRAILER_LF, LAST_LF };
enum { MAX_DIGITS = 15, MAX_EXTRA = 16384 };

void frame_init(struct frame *f, enum http_body_kind kind, uint64_t left, bool lenient)
{
	*f = (struct frame){ .kind = kind, .left = left, .lenient = lenient };
	f->done = kind == HTTP_BODY_NONE || (kind == HTTP_BODY_LENGTH && !left);
	if (kind == HTTP_BODY_CHUNKED)
		f->left = 0;
}

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static void size_byte(struct frame *f, char c)
{
	int digit = hex(c);

	if (digit >= 0 && f->digits < MAX_DIGITS) {
		f->left = f->left * 16 + (uint64_t)digit;
		f->digits++;
	} else if (c == '\r' && f->digits) {
		f->step = SIZE_LF;
	} else if (f->lenient && f->digits && (c == ';' || c == ' ' || c == '\t')) {
		f->step = EXTENSION;
	} else {
		f->bad = true;
	}
}

/* A line whose content does not matter: no control characters, and only so much of it. */
static void loose_byte(struct frame *f, char c, int next)
{
	unsigned char u = (unsigned char)c;

	if (c == '\r')
		f->step = next;
	else if ((u < ' ' && c != '\t') || u == 0x7f || ++f->extra > MAX_EXTRA)
		f->bad = true;
}

/* A byte that must be this one. */
static void expect(struct frame *f, char c, char want, int next)
{
	f->bad = c != want;
	f->step = next;
}

static void frame_byte(struct frame *f, char c)
{
	switch (f->step) {
	case SIZE:
		size_byte(f, c);
		break;
	case EXTENSION:
		loose_byte(f, c, SIZE_LF);
		break;
	case SIZE_LF:
		expect(f, c, '\n', f->left ? DATA : LAST);
		f->digits = 0;
		f->extra = 0;
		break;
	case DATA_CR:
		expect(f, c, '\r', DATA_LF);
		break;
	case DATA_LF:
		expect(f, c, '\n', SIZE);
		break;
	case LAST: /* the empty line, or a trailer */
		if (f->lenient && c != '\r') {
			f->step = TRAILER;
			loose_byte(f, c, TRAILER_LF);
		} else {
			expect(f, c, '\r', LAST_LF);
		}
		break;
	case TRAILER:
		loose_byte(f, c, TRAILER_LF);
		break;
	case TRAILER_LF:
		expect(f, c, '\n', LAST);
		break;
	default:
		expect(f, c, '\n', LAST_LF);
		f->done = !f->bad;
	}
}

static size_t feed_chunked(struct frame *f, const char *data, size_t len)
{
	size_t i = 0;

	while (i < len && !f->done && !f->bad) {
		size_t n;

		if (f->step != DATA) {
			frame_byte(f, data[i++]);
			continue;
		}
		n = len - i < f->left ? len - i : (size_t)f->left;
		i += n;
		f->left -= n;
		if (!f->left)
			f->step = DATA_CR;
	}
	/* A byte that is wrong is not passed on. */
	return f->bad ? i - 1 : i;
}

size_t frame_feed(struct frame *f, const char *data, size_t len)
{
	if (f->done || f->bad)
		return 0;
	if (f->kind == HTTP_BODY_CHUNKED)
		return feed_chunked(f, data, len);
	if (f->kind == HTTP_BODY_REST)
		return len;
	if (len > f->left)
		len = (size_t)f->left;
	f->left -= len;
	f->done = !f->left;
	return len;
}
