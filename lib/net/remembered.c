#include "net/resolver_impl.h"

#include "base/clock.h"
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

enum { REMEMBERED = 256 };

struct remembered {
	struct list node;
	int64_t until_ns;
	struct resolver_answer answer;
	char name[];
};

struct resolver_memory {
	struct map by_name;
	struct list all; /* oldest first */
};

struct resolver_memory *resolver_memory_new(void)
{
	struct resolver_memory *m = calloc(1, sizeof *m);

	if (m)
		list_init(&m->all);
	return m;
}

static void forget(struct resolver_memory *m, struct remembered *r)
{
	map_del(&m->by_name, r->name, strlen(r->name));
	list_remove(&r->node);
	free(r);
}

void resolver_memory_free(struct resolver_memory *m)
{
	if (!m)
		return;
	list_each(node, &m->all) forget(m, list_item(node, struct remembered, node));
	map_release(&m->by_name);
	free(m);
}

bool resolver_recall(struct resolver_memory *m, const char *name, struct resolver_answer *out)
{
	struct remembered *r = map_get(&m->by_name, name, strlen(name));
	int64_t left = r ? r->until_ns - clock_mono_ns() : 0;

	if (left <= 0) {
		if (r)
			forget(m, r);
		return false;
	}
	*out = r->answer;
	out->ttl = (uint32_t)(left / 1000000000) + 1;
	return true;
}

void resolver_remember(struct resolver_memory *m, const char *name, const struct resolver_answer *answer)
{
	size_t len = strlen(name);
	struct remembered *r = map_get(&m->by_name, name, len);

	if (r)
		forget(m, r);
	if (m->by_name.n >= REMEMBERED)
		forget(m, list_item(m->all.next, struct remembered, node));
	r = malloc(sizeof *r + len + 1);
	if (!r)
		return;
	r->answer = *answer;
	r->until_ns = clock_mono_ns() + answer->ttl * 1000000000LL;
	memcpy(r->name, name, len + 1);
	if (!map_set(&m->by_name, r->name, len, r)) {
		free(r);
		return;
	}
	list_append(&m->all, &r->node);
}
