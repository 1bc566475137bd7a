#include "base/map.h"

#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>

uint64_t map_hash(const char *data, size_t len)
{
	/* AT_RANDOM: 16 bytes the kernel gave this process; constant for its life. */
	const unsigned char *seed = (const unsigned char *)getauxval(AT_RANDOM);
	uint64_t h = 0x9e3779b97f4a7c15u ^ len;

	if (seed)
		memcpy(&h, seed, sizeof h);
	for (size_t i = 0; i < len; i++) {
		h ^= (unsigned char)data[i];
		h *= 0x100000001b3u;
		h ^= h >> 29;
	}
	h *= 0xbf58476d1ce4e5b9u;
	return h ^ h >> 32;
}

static struct map_slot *find(const struct map *m, const char *key, size_t len, uint64_t hash)
{
	size_t mask = m->cap - 1;

	for (size_t i = hash & mask;; i = (i + 1) & mask) {
		struct map_slot *s = &m->slots[i];

		if (!s->key || (s->hash == hash && s->len == len && !memcmp(s->key, key, len)))
			return s;
	}
}

static bool grow(struct map *m)
{
	struct map bigger = { .n = m->n, .cap = m->cap ? m->cap * 2 : 16 };

	bigger.slots = calloc(bigger.cap, sizeof *bigger.slots);
	if (!bigger.slots)
		return false;
	for (size_t i = 0; i < m->cap; i++)
		if (m->slots[i].key)
			*find(&bigger, m->slots[i].key, m->slots[i].len, m->slots[i].hash) = m->slots[i];
	free(m->slots);
	*m = bigger;
	return true;
}

bool map_set(struct map *m, const char *key, size_t len, void *value)
{
	uint64_t hash = map_hash(key, len);
	struct map_slot *s;

	if (m->n * 4 >= m->cap * 3 && !grow(m))
		return false;
	s = find(m, key, len, hash);
	if (!s->key)
		m->n++;
	*s = (struct map_slot){ .key = key, .len = len, .hash = hash, .value = value };
	return true;
}

void *map_get(const struct map *m, const char *key, size_t len)
{
	if (!m->cap)
		return NULL;
	return find(m, key, len, map_hash(key, len))->value;
}

void *map_del(struct map *m, const char *key, size_t len)
{
	size_t mask = m->cap - 1, hole, i;
	struct map_slot *s;
	void *value;

	if (!m->cap)
		return NULL;
	s = find(m, key, len, map_hash(key, len));
	if (!s->key)
		return NULL;
	value = s->value;
	hole = (size_t)(s - m->slots);
	/* Close the hole: move back every later entry of the run that may stand there. */
	for (i = (hole + 1) & mask; m->slots[i].key; i = (i + 1) & mask) {
		size_t home = m->slots[i].hash & mask;

		if (((i - home) & mask) >= ((i - hole) & mask)) {
			m->slots[hole] = m->slots[i];
			hole = i;
		}
	}
	m->slots[hole] = (struct map_slot){ 0 };
	m->n--;
	return value;
}

void map_release(struct map *m)
{
	free(m->slots);
	*m = (struct map){ 0 };
}

struct map_slot *map_next(const struct map *m, size_t *i)
{
	while (*i < m->cap) {
		struct map_slot *s = &m->slots[(*i)++];

		if (s->key)
			return s;
	}
	return NULL;
}
