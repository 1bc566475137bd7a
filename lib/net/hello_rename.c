/* A hello with another server name. What is read here has been read strictly by net_hello_read(), so its
 * lengths hold. */
#include "net/hello.h"

#include <string.h>

enum { RECORD = 5, MESSAGE = 4, RECORD_MAX = 16384, EXT_NAME = 0, EXT_PADDING = 21, NAME_HEAD = 9 };

static size_t number(const uint8_t *at, int bytes)
{
	size_t n = 0;

	while (bytes--)
		n = n << 8 | *at++;
	return n;
}

static void put(struct buf *out, size_t n, int bytes)
{
	while (bytes--)
		buf_chr(out, (char)(n >> 8 * bytes));
}

/* Where the list of extensions lies, behind its length. */
static size_t extensions_at(const uint8_t *data)
{
	size_t at = RECORD + MESSAGE + 2 + 32;

	at += 1 + data[at];
	at += 2 + number(data + at, 2);
	at += 1 + data[at];
	return at + 2;
}

struct found {
	size_t at, end; /* of the extensions */
	size_t name;    /* bytes of the server's */
	size_t padding, paddings;
};

static bool find(const uint8_t *data, size_t end, struct found *f)
{
	bool named = false;

	*f = (struct found){ .at = extensions_at(data), .end = end };
	for (size_t at = f->at; at < end; at += 4 + number(data + at + 2, 2)) {
		const size_t type = number(data + at, 2), len = number(data + at + 2, 2);

		if (type == EXT_NAME) {
			named = true;
			f->name = len + 4 - NAME_HEAD;
		} else if (type == EXT_PADDING) {
			f->padding = len;
			f->paddings++;
		}
	}
	return named && f->paddings < 2;
}

static void put_name(struct buf *out, const char *name, size_t len)
{
	put(out, EXT_NAME, 2);
	put(out, len + 5, 2);
	put(out, len + 3, 2);
	put(out, 0, 1);
	put(out, len, 2);
	buf_add(out, name, len);
}

static void put_extensions(const uint8_t *data, const struct found *f, const char *name, size_t padding,
                           struct buf *out)
{
	for (size_t at = f->at; at < f->end;) {
		const size_t type = number(data + at, 2), len = 4 + number(data + at + 2, 2);

		if (type == EXT_NAME) {
			put_name(out, name, strlen(name));
		} else if (type == EXT_PADDING) {
			put(out, EXT_PADDING, 2);
			put(out, padding, 2);
			for (size_t i = 0; i < padding; i++)
				buf_chr(out, 0);
		} else {
			buf_add(out, data + at, len);
		}
		at += len;
	}
}

bool net_hello_rename(const uint8_t *data, size_t len, const char *name, struct buf *out)
{
	const size_t named = strlen(name);
	struct net_hello h;
	struct found f;
	size_t record, padding, more;

	net_hello_read(data, len, &h);
	if (h.state != HELLO_WHOLE || !h.has_name || !named || named >= sizeof h.name)
		return false;
	record = number(data + 3, 2);
	if (record != MESSAGE + number(data + RECORD + 1, 3) || !find(data, RECORD + record, &f))
		return false;
	padding = f.padding + f.name > named ? f.padding + f.name - named : 0;
	if (!f.paddings)
		padding = 0;
	/* How much more, or, as sizes wrap, less it is. */
	more = named + padding - f.name - f.padding;
	if (record + more > RECORD_MAX)
		return false;
	buf_add(out, data, 3);
	put(out, record + more, 2);
	put(out, data[RECORD], 1);
	put(out, record - MESSAGE + more, 3);
	buf_add(out, data + RECORD + MESSAGE, f.at - 2 - RECORD - MESSAGE);
	put(out, f.end - f.at + more, 2);
	put_extensions(data, &f, name, padding, out);
	buf_add(out, data + RECORD + record, len - RECORD - record);
	return !out->failed;
}
