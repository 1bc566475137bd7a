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
	size_t used, size; /* from the front; texts are taken from the end, which `size` leaves out */
	size_t whole;      /* 0 = the caller's */
	_Alignas(16) char data[];
};

void arena_on(struct arena *a, void *storage, size_t size)
{
	struct arena_block *b = storage;

	*b = (struct arena_block){ .size = size - sizeof *b };
	a->blocks = b;
}

/* A block with room for `size` bytes, which count from now on. */
static struct arena_block *room(struct arena *a, size_t size)
{
	struct arena_block *b = a->blocks;
	size_t want;

	if (a->failed || size > SIZE_MAX / 2 || (a->max && (size > a->max || a->used > a->max - size))) {
		a->failed = true;
		return NULL;
	}
	if (!b || b->size - b->used < size) {
		want = a->used < BLOCK ? BLOCK : a->used > BLOCK_MAX ? BLOCK_MAX : a->used;
		want = size > want ? (size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : want;
		b = malloc(sizeof *b + want);
		if (!b) {
			a->failed = true;
			return NULL;
		}
		*b = (struct arena_block){ .next = a->blocks, .size = want, .whole = want };
		a->blocks = b;
	}
	a->used += size;
	return b;
}

void *arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b;
	void *p;

	size = size < SIZE_MAX / 2 ? (size + ALIGN - 1) & ~(size_t)(ALIGN - 1) : size;
	b = room(a, size);
	if (!b)
		return NULL;
	p = b->data + b->used;
	b->used += size;
	return memset(p, 0, size);
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
	struct arena_block *b = room(a, len < SIZE_MAX / 2 ? len + 1 : len);
	char *p;

	if (!b)
		return NULL;
	b->size -= len + 1;
	p = b->data + b->size;
	if (len)
		memcpy(p, data, len);
	p[len] = 0;
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

		if (b->whole)
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
	if (!first || first->whole != BLOCK) {
		arena_release(a);
		return;
	}
	for (struct arena_block *b = a->blocks, *next; b != first; b = next) {
		next = b->next;
		free(b);
	}
	first->used = 0;
	first->size = BLOCK;
	*a = (struct arena){ .blocks = first, .max = a->max };
}
