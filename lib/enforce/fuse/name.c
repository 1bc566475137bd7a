#include "enforce/fuse/impl.h"

#include "base/map.h"

#include <stdlib.h>
#include <string.h>

static uint64_t hash_of(const struct node *parent, const char *text)
{
	/* The address is spread over all bits: neighbours would have neighbouring buckets. */
	return map_hash(text, strlen(text)) ^ (uint64_t)(uintptr_t)parent * 0x9e3779b97f4a7c15u;
}

struct name *name_find(const struct view *v, const struct node *parent, const char *text)
{
	for (struct slot *s = table_first(&v->names, hash_of(parent, text)); s; s = table_next(s)) {
		struct name *name = (struct name *)s;

		if (name->parent == parent && !strcmp(name->text, text))
			return name;
	}
	return NULL;
}

static void link_to(struct view *v, struct name *name, struct node *n)
{
	name->node = n;
	name->next = n->names;
	n->names = name;
	if (n->gone)
		node_named_again(v, n);
}

static void unlink_from(struct name *name)
{
	struct name **at = &name->node->names;

	while (*at != name)
		at = &(*at)->next;
	*at = name->next;
}

bool name_set(struct view *v, struct node *parent, const char *text, struct node *n)
{
	struct name *name = name_find(v, parent, text);
	size_t size = strlen(text) + 1;

	if (name && name->node == n)
		return true;
	if (name) {
		unlink_from(name);
		link_to(v, name, n);
		return true;
	}
	name = malloc(sizeof *name + size);
	if (!name)
		return false;
	name->slot.hash = hash_of(parent, text);
	name->parent = parent;
	memcpy(name->text, text, size);
	if (!table_add(&v->names, &name->slot)) {
		free(name);
		return false;
	}
	parent->held++;
	link_to(v, name, n);
	return true;
}

void name_remove(struct view *v, struct name *name)
{
	struct node *parent = name->parent;

	table_remove(&v->names, &name->slot);
	unlink_from(name);
	free(name);
	parent->held--;
	node_forget(v, parent, 0);
}
