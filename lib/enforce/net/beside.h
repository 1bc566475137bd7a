/* beside - a proxy and a name service as a child of whoever governs one command, without a server.
 *
 * On loopback addresses with ports that the kernel chooses. It serves none but those of whom the page says
 * that they have connected, and ends with its parent.
 */
#pragma once

#include "enforce/net/net.h"
#include "loop/loop.h"

#include <sys/types.h>

struct beside {
	pid_t pid; /* 0 = there is none */
	struct watch events;
	struct timer again;
	int events_fd;         /* owned: a message each */
	struct net_page *page; /* owned */
	struct whose *whose;   /* owned */
	bool (*sink)(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags);
	void *arg;
};

struct beside_options {
	const struct policy *policy;
	uint64_t tag;
	const char *session_id, *command_id; /* the only one there is, of number 1 */
	enum net_foreign foreign;
	/* What is told of; it happens, whatever this says. */
	bool (*sink)(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags);
	void *arg;
};

/* The judge that leads to it; NULL on failure. */
struct net *beside_start(struct beside *b, const struct beside_options *o, struct err *e);
int beside_watch(struct beside *b, struct net *n, struct loop *l, struct err *e);
/* Harmless when it was not started. What it still has to tell is told. */
void beside_stop(struct beside *b, struct loop *l);
