/* list - intrusive doubly linked ring. The head is a node of its own; an empty list points to itself. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *prev;
};

#define list_item(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* Walk; the current node may be removed. */
/* NOLINTBEGIN(bugprone-macro-parentheses): `node` is the name of a variable */
#define list_each(node, head)                                                             \
	for (struct list *node = (head)->next, *node##_next = node->next; node != (head); \
	     node = node##_next, node##_next = node->next)
/* NOLINTEND(bugprone-macro-parentheses) */

static inline void list_init(struct list *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct list *head)
{
	return head->next == head;
}

static inline void list_append(struct list *head, struct list *node)
{
	node->prev = head->prev;
	node->next = head;
	head->prev->next = node;
	head->prev = node;
}

/* Remove from whatever list it is on; harmless when repeated. */
static inline void list_remove(struct list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	list_init(node);
}
