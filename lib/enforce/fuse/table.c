#include "enforce/fuse/impl.h"

#include <stdlib.h>

struct slot *table_first(const struct table *t, uint64_t hash)
{
	struct slot *s = t->cap ? t->buckets[hash & (t->cap - 1)] : NULL;

	while (s && s->hash != hash)
		s = s->next;
	return s;
}

struct slot *table_next(const struct slot *s)
{
	uint64_t hash = s->hash;

	for (s = s->next; s && s->hash != hash; s = s->next)
		;
	return (struct slot *)s;
}

static bool grow(struct table *t)
{
	size_t cap = t->cap ? 2 * t->cap : 64;
	/* NOLINTNEXTLINE(bugprone-sizeof-expression): an array of pointers is what is meant */
	struct slot **buckets = calloc(cap, sizeof *buckets);

	if (!buckets)
		return false;
	for (size_t i = 0; i < t->cap; i++) {
		for (struct slot *s = t->buckets[i], *next; s; s = next) {
			struct slot **to = &buckets[s->hash & (cap - 1)];

			next = s->next;
			s->next = *to;
			*to = s;
		}
	}
	free(t->buckets);
	t->buckets = buckets;
	t->cap = cap;
	return true;
}

bool table_add(struct table *t, struct slot *s)
{
	struct slot **to;

	if (t->n == t->cap && !grow(t) && !t->cap)
		return false;
	to = &t->buckets[s->hash & (t->cap - 1)];
	s->next = *to;
	*to = s;
	t->n++;
	return true;
}

void table_remove(struct table *t, struct slot *s)
{
	struct slot **at = &t->buckets[s->hash & (t->cap - 1)];

	while (*at != s)
		at = &(*at)->next;
	*at = s->next;
	t->n--;
}
