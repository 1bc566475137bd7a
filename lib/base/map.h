/* map - strings to pointers, open addressing. A zeroed struct is an empty map.
 *
 * Keys are borrowed: they must outlive the map. Values belong to the caller.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_slot {
	const char *key; /* NULL = free */
	size_t len;
	uint64_t hash;
	void *value;
};

struct map {
	struct map_slot *slots; /* owned */
	size_t n, cap;
};

/* 64-bit hash of bytes with a per-process random seed, so that names cannot be chosen to collide. */
uint64_t map_hash(const char *data, size_t len);

/* Insert or replace. False when out of memory. */
bool map_set(struct map *m, const char *key, size_t len, void *value);
void *map_get(const struct map *m, const char *key, size_t len); /* NULL when absent */
void *map_del(struct map *m, const char *key, size_t len);       /* the value that was there, or NULL */
void map_release(struct map *m);

/* Walk all entries: start with i = 0; NULL at the end. Do not change the map meanwhile. */
struct map_slot *map_next(const struct map *m, size_t *i);
