/* buf: growth, ceiling, sticky failure, ownership. */
#include "base/buf.h"

#include "test/alloc.h"
#include "test/t.h"

T_CASE(empty)
{
	struct buf b = { 0 };
	is_str(buf_text(&b), "");
	is_int(b.len, 0);
	buf_release(&b);
}

T_CASE(append)
{
	AUTO_BUF b = { 0 };
	buf_str(&b, "one");
	buf_chr(&b, ' ');
	buf_fmt(&b, "%d-%s", 2, "three");
	buf_add(&b, "\0x", 2);
	is_str(buf_text(&b), "one 2-three");
	is_int(b.len, 13);
	buf_skip(&b, 4);
	is_str(buf_text(&b), "2-three");
}

T_CASE(ceiling_is_sticky)
{
	AUTO_BUF b = { .max = 8 };
	buf_str(&b, "12345678");
	ok(!b.failed, "exactly the ceiling fits");
	buf_chr(&b, '9');
	ok(b.failed, "one byte more does not");
	buf_skip(&b, 8);
	buf_chr(&b, 'x');
	is_int(b.len, 0);
	ok(buf_steal(&b) == NULL, "nothing to take from a failed buffer");
}

T_CASE(clear_and_steal)
{
	AUTO_BUF b = { 0 };
	buf_str(&b, "gone");
	buf_clear(&b);
	buf_str(&b, "kept");
	char *text = buf_steal(&b);
	is_str(text, "kept");
	is_int(b.len, 0);
	free(text);
}

T_CASE(borrowed_storage)
{
	char room[16], *text;
	struct buf b;

	buf_on(&b, room, sizeof room);
	is_str(buf_text(&b), "");
	buf_str(&b, "0123456789");
	ok(b.data == room, "stays while it fits");
	is_str(room, "0123456789");
	text = buf_steal(&b);
	is_str(text, "0123456789");
	ok(text != room && !b.data, "what is given away is a copy");
	free(text);
	buf_on(&b, room, sizeof room);
	buf_str(&b, "0123456789");
	buf_str(&b, "abcdefghij");
	ok(b.data != room && !b.borrowed, "moves out when it outgrows it");
	is_str(buf_text(&b), "0123456789abcdefghij");
	buf_release(&b);
	buf_on(&b, room, sizeof room);
	buf_release(&b);
	ok(!b.data, "nothing of the caller's is freed");
}

T_CASE(out_of_memory_is_sticky)
{
	AUTO_BUF b = { 0 };
	alloc_fail_at(1);
	buf_str(&b, "lost");
	ok(alloc_failed() && b.failed, "the failure is kept");
	buf_str(&b, "later");
	is_str(buf_text(&b), "");
}
