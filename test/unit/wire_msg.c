/* Packing and unpacking; nothing unpacked may reach beyond its bounds. */
#include "wire/msg.h"

#include "test/t.h"

static struct msg sample(void)
{
	static const char *const words[] = { "a", "", "long word" };
	struct msg m = { 0 };

	msg_start(&m, WIRE_START);
	msg_u32(&m, 0xfffffffe);
	msg_u64(&m, 0x123456789abcdef0);
	msg_str(&m, "text");
	msg_str(&m, NULL);
	msg_bytes(&m, "\0\1", 2);
	msg_strv(&m, words, 3);
	return m;
}

/* Everything back, or a clean failure. */
static bool read_sample(const void *data, size_t len)
{
	struct msg_reader r;
	size_t n;

	if (msg_open(&r, data, len) != WIRE_START)
		return false;
	if (msg_get_u32(&r) != 0xfffffffe || msg_get_u64(&r) != 0x123456789abcdef0)
		return false;
	if (strcmp(msg_get_str(&r), "text") != 0 || *msg_get_str(&r))
		return false;
	msg_get_bytes(&r, &n);
	if (n != 2 || msg_get_u32(&r) != 3)
		return false;
	for (int i = 0; i < 3; i++)
		msg_get_str(&r);
	return msg_ok(&r) && msg_end(&r);
}

T_CASE(round_trip)
{
	struct msg m = sample();

	ok(read_sample(m.b.data, m.b.len), "all fields");
	msg_release(&m);
}

T_CASE(every_truncation)
{
	struct msg m = sample();
	int bad = 0;

	for (size_t len = 0; len < m.b.len; len++) {
		char *copy = malloc(len ? len : 1); /* of exact size: a byte too many is seen */

		if (!copy)
			break;
		memcpy(copy, m.b.data, len);
		bad += read_sample(copy, len);
		free(copy);
	}
	is_int(bad, 0, "no part of a message passes for all of it");
	msg_release(&m);
}

T_CASE(lies_about_length)
{
	static const unsigned lengths[] = { 5, 6, 100, 0x7fffffff, 0xfffffffe, 0xffffffff };

	for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
		struct msg m = { 0 };
		struct msg_reader r;
		size_t n = 77;

		msg_start(&m, WIRE_HELLO);
		msg_u32(&m, lengths[i]);
		buf_add(&m.b, "12345", 5);
		msg_open(&r, m.b.data, m.b.len);
		is_str(msg_get_bytes(&r, &n), "", "length %u: empty", lengths[i]);
		ok(n == 0 && !msg_ok(&r) && msg_get_u32(&r) == 0 && !msg_end(&r), "and it stays failed");
		msg_release(&m);
	}
}

T_CASE(text_with_zero)
{
	struct msg m = { 0 };
	struct msg_reader r;

	msg_start(&m, WIRE_HELLO);
	msg_bytes(&m, "a\0b", 3);
	msg_open(&r, m.b.data, m.b.len);
	is_str(msg_get_str(&r), "", "text with a zero inside is none");
	ok(!msg_ok(&r), "and a failure");
	msg_release(&m);
}

T_CASE(not_terminated)
{
	struct msg m = { 0 };
	struct msg_reader r;

	msg_start(&m, WIRE_HELLO);
	msg_u32(&m, 3);
	buf_add(&m.b, "abcd", 4);
	msg_open(&r, m.b.data, m.b.len);
	is_str(msg_get_str(&r), "", "text without its zero is none");
	ok(!msg_ok(&r), "and a failure");
	msg_release(&m);
}

T_CASE(left_over)
{
	struct msg m = { 0 };
	struct msg_reader r;

	msg_start(&m, WIRE_HELLO);
	msg_u32(&m, 1);
	msg_u32(&m, 2);
	msg_open(&r, m.b.data, m.b.len);
	msg_get_u32(&r);
	ok(msg_ok(&r) && !msg_end(&r), "more than was asked for");
	is_int(msg_open(&r, "", 0), 0, "no operation");
	msg_release(&m);
}
