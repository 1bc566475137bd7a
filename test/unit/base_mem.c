/* The copying of the shipped binary: whatever the lengths and however the two places overlap, it does what
 * the C library of this program does. */
#include "test/t.h"

#include <stddef.h>
#include <string.h>

#define memmove own_move
#define memcpy  own_copy
#define MEM_TESTED
void *own_move(void *out, const void *in, size_t n);
void *own_copy(void *restrict out, const void *restrict in, size_t n);
/* NOLINTNEXTLINE(bugprone-suspicious-include): to have it under another name */
#include "base/mem.c"
#undef memmove
#undef memcpy

#ifdef __x86_64__

enum { AREA = 1900, MIDDLE = 640, AROUND = 40 };

static bool same(size_t n, ptrdiff_t by)
{
	unsigned char ours[AREA], theirs[AREA];
	void *end;

	for (int i = 0; i < AREA; i++)
		ours[i] = theirs[i] = (unsigned char)(i * 7 + i / 256);
	memmove(theirs + MIDDLE + by, theirs + MIDDLE, n);
	end = own_move(ours + MIDDLE + by, ours + MIDDLE, n);
	return end == ours + MIDDLE + by && !memcmp(ours, theirs, sizeof ours);
}

T_CASE(overlapping)
{
	static const size_t long_ones[] = { 127, 128, 255, 511, 512, 513, 600 };
	int wrong = 0;

	for (ptrdiff_t by = -AROUND; by <= AROUND; by++) {
		for (size_t n = 0; n <= 100; n++)
			wrong += !same(n, by);
		for (size_t i = 0; i < sizeof long_ones / sizeof *long_ones; i++)
			wrong += !same(long_ones[i], by);
	}
	ok(!wrong, "every length, up to 40 bytes apart: %d wrong", wrong);
}

T_CASE(apart)
{
	int wrong = 0;

	for (size_t n = 0; n < 620; n++)
		wrong += !same(n, -(ptrdiff_t)n) + !same(n, (ptrdiff_t)n) + !same(n, -MIDDLE);
	ok(!wrong, "every length: %d wrong", wrong);
}

T_CASE(nothing_beside_is_touched)
{
	int wrong = 0;

	for (size_t n = 1; n < 200; n++) {
		char *from = malloc(n), *to = malloc(n); /* their ends are watched */

		memset(from, 'x', n);
		wrong += own_copy(to, from, n) != to || memcmp(to, from, n) != 0;
		free(from);
		free(to);
	}
	ok(!wrong, "%d wrong", wrong);
}

#else

T_CASE(overlapping)
{
	t_skip("the C library's own is used on this architecture");
}

#endif
