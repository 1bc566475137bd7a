#include "net/hello.h"

#include "base/room.h"

#include <string.h>

enum { RECORD_HEAD = 5, RECORD_HANDSHAKE = 22, RECORD_MAX = 16384, HANDSHAKE_HEAD = 4, CLIENT_HELLO = 1 };
enum { EXT_NAME = 0, EXT_PROTOCOLS = 16, EXT_ECH = 0xfe0d, EXT_OLD_ECH = 0xffce };

/* Part of a message; takes never go beyond it, and fail for good once one did. */
struct part {
	const uint8_t *at;
	size_t left;
	bool bad;
};

static const uint8_t *take(struct part *p, size_t n)
{
	const uint8_t *at = p->at;

	if (p->bad || n > p->left) {
		p->bad = true;
		return NULL;
	}
	p->at += n;
	p->left -= n;
	return at;
}

static unsigned take_number(struct part *p, int bytes)
{
	const uint8_t *at = take(p, (size_t)bytes);
	unsigned n = 0;

	for (int i = 0; at && i < bytes; i++)
		/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): gathered, HELLO_WHOLE */
		n = n << 8 | at[i];
	return n;
}

/* A vector: its length in `bytes` bytes, then that much. */
static struct part take_part(struct part *p, int bytes)
{
	size_t n = take_number(p, bytes);
	const uint8_t *at = take(p, n);

	return (struct part){ .at = at, .left = at ? n : 0, .bad = !at };
}

/* Visible characters only: what a name may be is said by who judges it. */
static bool take_name(struct part list, struct net_hello *out)
{
	struct part name;
	unsigned kind;

	list = take_part(&list, 2);
	kind = take_number(&list, 1);
	name = take_part(&list, 2);
	/* One name of the one kind there is; servers differ in what they make of more. */
	if (kind || list.bad || name.bad || list.left || !name.left || name.left >= sizeof out->name)
		return false;
	for (size_t i = 0; i < name.left; i++) {
		uint8_t c = name.at[i];

		if (c <= ' ' || c >= 0x7f)
			return false;
		out->name[i] = (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	out->name[name.left] = 0;
	out->has_name = true;
	return true;
}

static bool take_protocols(struct part data, struct net_hello *out)
{
	struct part list = take_part(&data, 2);

	while (list.left && !list.bad) {
		struct part one = take_part(&list, 1);
		char *to;

		if (one.bad || !one.left)
			return false;
		if (out->n_protocols == HELLO_PROTOCOLS || one.left >= sizeof *out->protocols)
			continue;
		to = out->protocols[out->n_protocols];
		memcpy(to, one.at, one.left);
		to[one.left] = 0;
		if (strlen(to) == one.left)
			out->n_protocols++;
	}
	return !list.bad && !data.left;
}

static bool take_extensions(struct part list, struct net_hello *out)
{
	bool names = false, protocols = false;

	while (list.left && !list.bad) {
		unsigned type = take_number(&list, 2);
		struct part data = take_part(&list, 2);

		if (data.bad)
			return false;
		if (type == EXT_NAME) {
			if (names || !take_name(data, out))
				return false;
			names = true;
		} else if (type == EXT_PROTOCOLS) {
			if (protocols || !take_protocols(data, out))
				return false;
			protocols = true;
		} else if (type == EXT_ECH || type == EXT_OLD_ECH) {
			out->has_ech = true;
		}
	}
	return !list.bad;
}

static bool take_hello(struct part body, struct net_hello *out)
{
	unsigned version = take_number(&body, 2);
	struct part session, suites, compression;

	take(&body, 32);
	session = take_part(&body, 1);
	suites = take_part(&body, 2);
	compression = take_part(&body, 1);
	if (body.bad || version >> 8 != 3 || session.left > 32 || suites.left < 2 || suites.left % 2 ||
	    !compression.left)
		return false;
	if (!body.left)
		return true; /* before there were extensions */
	if (!take_extensions(take_part(&body, 2), out))
		return false;
	return !body.bad && !body.left;
}

/* Put the handshake bytes of the records together. How many are wanted in all is in the first four. */
static enum hello_state gather(const uint8_t *data, size_t len, uint8_t *out, size_t *n)
{
	*n = 0;
	while (len) {
		size_t record, have;

		if (data[0] != RECORD_HANDSHAKE)
			return *n ? HELLO_BAD : HELLO_OTHER;
		if (len > 1 && data[1] != 3)
			return *n ? HELLO_BAD : HELLO_OTHER;
		if (len < RECORD_HEAD)
			return HELLO_MORE;
		record = (size_t)data[3] << 8 | data[4];
		/* Empty ones have no end. */
		if (!record || record > RECORD_MAX)
			return HELLO_BAD;
		have = len - RECORD_HEAD < record ? len - RECORD_HEAD : record;
		if (have > HELLO_MAX - *n)
			return HELLO_BAD;
		memcpy(out + *n, data + RECORD_HEAD, have);
		*n += have;
		if (*n && out[0] != CLIENT_HELLO)
			return HELLO_BAD;
		if (*n >= HANDSHAKE_HEAD) {
			size_t want = (size_t)out[1] << 16 | (size_t)out[2] << 8 | out[3];

			if (want > HELLO_MAX - HANDSHAKE_HEAD)
				return HELLO_BAD;
			/* A second message behind it in the same record has no business there. */
			if (*n >= want + HANDSHAKE_HEAD)
				return *n == want + HANDSHAKE_HEAD && have == record ? HELLO_WHOLE
				                                                     : HELLO_BAD;
		}
		data += RECORD_HEAD + have;
		len -= RECORD_HEAD + have;
	}
	return HELLO_MORE;
}

void net_hello_read(const uint8_t *data, size_t len, struct net_hello *out)
{
	uint8_t ROOM whole[HELLO_MAX];
	size_t n = 0;
	struct part body;

	*out = (struct net_hello){ .state = gather(data, len, whole, &n) };
	if (out->state != HELLO_WHOLE)
		return;
	body = (struct part){ .at = whole + HANDSHAKE_HEAD, .left = n - HANDSHAKE_HEAD };
	if (!take_hello(body, out))
		*out = (struct net_hello){ .state = HELLO_BAD };
}
