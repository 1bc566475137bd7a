/* arena - memory that is given back all at once.
 *
 * One arena per request or per loaded policy. A zeroed struct is an empty
 * arena without a ceiling. Allocations are zeroed and aligned for any type (but for copies of texts);
 * they return NULL when memory or the ceiling is reached, and stay failed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct arena_block;

struct arena {
	struct arena_block *blocks; /* owned, newest first */
	size_t used;                /* bytes handed out */
	size_t max;                 /* ceiling in bytes, 0 = none */
	bool failed;
};

/* A new arena whose first block is the caller's, aligned for any type: what is little needs no memory of its
 * own. It is good until the first release or reset. */
void arena_on(struct arena *a, void *storage, size_t size);

void *arena_alloc(struct arena *a, size_t size);
void *arena_array(struct arena *a, size_t n, size_t size);
char *arena_copy(struct arena *a, const char *data, size_t len); /* NUL added */
char *arena_str(struct arena *a, const char *text);
char *arena_fmt(struct arena *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Free every block. The arena can be used again. */
void arena_release(struct arena *a);

/* The same, but a block of the usual size is kept for the next use. */
void arena_reset(struct arena *a);

#define AUTO_ARENA __attribute__((cleanup(arena_release))) struct arena
