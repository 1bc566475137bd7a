#include "base/visible.h"

#include <string.h>

#include "base/utf8.h"

bool visible_char(uint32_t c)
{
	static const struct {
		uint32_t first, last;
	} hidden[] = { { 0, 0x1f },        { 0x7f, 0x9f },      { 0xad, 0xad },     { 0x61c, 0x61c },
		       { 0x200b, 0x200f }, { 0x2028, 0x202e },  { 0x2060, 0x206f }, { 0xfeff, 0xfeff },
		       { 0xfff9, 0xfffb }, { 0xe0000, 0xe0fff } };

	for (size_t i = 0; i < sizeof hidden / sizeof *hidden; i++)
		if (c >= hidden[i].first && c <= hidden[i].last)
			return false;
	return true;
}

size_t visible_len(const unsigned char *p, size_t left)
{
	size_t n = utf8_len(p, left);

	return n && visible_char(utf8_code(p, n)) ? n : 0;
}

size_t visible_text(const char *from, const char *keep, char *to, size_t size)
{
	static const char hex[] = "0123456789abcdef";
	size_t left = strlen(from), used = 0;

	while (left) {
		unsigned char c = (unsigned char)*from;
		size_t n = keep && c < 0x20 && strchr(keep, c)
		                   ? 1
		                   : visible_len((const unsigned char *)from, left);
		const char escaped[] = { '\\', 'x', hex[c >> 4], hex[c & 15] };
		size_t add = n ? n : sizeof escaped;

		if (used + add >= size)
			break;
		memcpy(to + used, n ? from : escaped, add);
		used += add;
		n += !n;
		from += n;
		left -= n;
	}
	if (size)
		to[used] = 0;
	return used;
}
