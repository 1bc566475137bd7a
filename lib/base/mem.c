/* memcpy(3) and memmove(3) instead of the C library's, which on x86-64 start a string instruction whatever
 * the length: some 30 ns for the few bytes at a time that events, messages and answers are put together from.
 * What is loaded first is stored last, so that the two may overlap. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && (!defined(__GLIBC__) || defined(MEM_TESTED))

enum { LONG = 512 }; /* from here on the string instruction is faster, where the two are apart */

typedef uint64_t eight __attribute__((aligned(1), may_alias));
typedef uint32_t four __attribute__((aligned(1), may_alias));
typedef long long sixteen __attribute__((vector_size(16), aligned(1), may_alias));

static void *few(char *to, const char *from, size_t n)
{
	if (n >= 8) {
		const uint64_t first = *(const eight *)from, last = *(const eight *)(from + n - 8);

		*(eight *)to = first;
		*(eight *)(to + n - 8) = last;
	} else if (n >= 4) {
		const uint32_t first = *(const four *)from, last = *(const four *)(from + n - 4);

		*(four *)to = first;
		*(four *)(to + n - 4) = last;
	} else if (n) {
		const char first = from[0], middle = from[n / 2], last = from[n - 1];

		to[0] = first;
		to[n / 2] = middle;
		to[n - 1] = last;
	}
	return to;
}

/* NOLINTNEXTLINE(bugprone-easily-swappable-parameters): the standard's own */
static __attribute__((used)) void *copy(void *out, const void *in, size_t n)
{
	char *to = out;
	const char *from = in;
	sixteen end;
	size_t i;

	if (n <= 16)
		return few(to, from, n);
	if ((size_t)(to - from) < n) {
		end = *(const sixteen *)from;
		for (i = n; i > 16; i -= 16)
			*(sixteen *)(to + i - 16) = *(const sixteen *)(from + i - 16);
		*(sixteen *)to = end;
		return out;
	}
	if (n >= LONG && (size_t)(from - to) >= n) {
		__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(n) : : "memory");
		return out;
	}
	end = *(const sixteen *)(from + n - 16);
	for (i = 0; i + 16 < n; i += 16)
		*(sixteen *)(to + i) = *(const sixteen *)(from + i);
	*(sixteen *)(to + n - 16) = end;
	return out;
}

void *memmove(void *out, const void *in, size_t n) __attribute__((alias("copy")));
void *memcpy(void *restrict out, const void *restrict in, size_t n) __attribute__((alias("copy")));

#endif
