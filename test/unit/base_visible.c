#include "base/visible.h"

#include "test/t.h"

static const char *shown(const char *text, const char *keep)
{
	static char out[200];

	visible_text(text, keep, out, sizeof out);
	return out;
}

T_CASE(characters)
{
	static const uint32_t hidden[] = { 0,      0x1b,   0x7f,   0x80,   0x9b,   0xad,   0x61c,  0x200b,
		                           0x200f, 0x2028, 0x202e, 0x2066, 0x206f, 0xfeff, 0xfff9, 0xe0041 };
	static const uint32_t seen[] = { ' ', '~', 0xa0, 0xe9, 0x200a, 0x2010, 0x202f, 0x4e2d, 0x1f600 };

	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		ok(!visible_char(hidden[i]), "U+%04X is not seen", hidden[i]);
	for (size_t i = 0; i < sizeof seen / sizeof *seen; i++)
		ok(visible_char(seen[i]), "U+%04X is seen", seen[i]);
}

T_CASE(texts)
{
	char small[6];

	is_str(shown("plain \\ text \xc3\xa9", NULL), "plain \\ text \xc3\xa9");
	is_str(shown("\x1b]52;c;eA==\x07", NULL), "\\x1b]52;c;eA==\\x07");
	is_str(shown("a\r\n\tb", NULL), "a\\x0d\\x0a\\x09b");
	is_str(shown("a\r\n\tb", "\n\t"), "a\\x0d\n\tb");
	is_str(shown("\xe2\x80\xae"
	             "cod.sh",
	             NULL),
	       "\\xe2\\x80\\xaecod.sh");
	is_str(shown("\xc2\x9b[2J", NULL), "\\xc2\\x9b[2J");
	is_str(shown("\xff\xc3", NULL), "\\xff\\xc3");
	is_int(visible_text("ab\xc3\xa9\xc3\xa9", NULL, small, sizeof small), 4);
	is_str(small, "ab\xc3\xa9", "cut between characters");
	is_int(visible_text("ab\x1b", NULL, small, sizeof small), 2);
	is_str(small, "ab", "no half of an escape");
	is_int(visible_text("x", NULL, small, 1), 0);
	is_str(small, "");
}
