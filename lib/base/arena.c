#include "base/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Blocks grow with the arena: a large one's are mappings of their own, which go back to the kernel whole
 * instead of staying as holes between what others allocated meanwhile. */
enum { BLOCK = 4096 - 64, BLOCK_MAX = (256 << 10) - 64, ALIGN = 16 };

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	_Alignas(16) char data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;
	size_t want;
	void *p;

	if (a->failed || size > SIZE_MAX / 2 || (a->max && (size > a->max || a->used > a->max - size)))
		goto refuse;
	size = (size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!b || b->size - b->used < size) {
		want = a->used < BLOCK ? BLOCK : a->used > BLOCK_MAX ? BLOCK_MAX : a->used;
		want = size > want ? size : want;
		b = malloc(sizeof *b + want);
		if (!b)
			goto refuse;
		*b = (struct arena_block){ .next = a->blocks, .size = want };
		a->blocks = b;
	}
	p = b->data + b->used;
	b->used += size;
	a->used += size;
	return memset(p, 0, size);
refuse:
	a->failed = true;
	return NULL;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	if (size && n > SIZE_MAX / 2 / size) {
		a->failed = true;
		return NULL;
	}
	return arena_alloc(a, n * size);
}

char *arena_copy(struct arena *a, const char *data, size_t len)
{
	char *p = len < SIZE_MAX / 2 ? arena_alloc(a, len + 1) : NULL;

	if (p && len)
		memcpy(p, data, len);
	return p;
}

char *arena_str(struct arena *a, const char *text)
{
	return arena_copy(a, text, strlen(text));
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	p = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (!p)
		return NULL;
	va_start(ap, fmt);
	vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void arena_release(struct arena *a)
{
	struct arena_block *b = a->blocks;

	while (b) {
		struct arena_block *next = b->next;

		free(b);
		b = next;
	}
	*a = (struct arena){ .max = a->max };
}

void arena_reset(struct arena *a)
{
	struct arena_block *first = a->blocks;

	while (first && first->next)
		first = first->next;
	if (!first || first->size != BLOCK) {
		arena_release(a);
		return;
	}
	for (struct arena_block *b = a->blocks, *next; b != first; b = next) {
		next = b->next;
		free(b);
	}
	first->used = 0;
	*a = (struct arena){ .blocks = first, .max = a->max };
}
