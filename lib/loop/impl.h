/* impl - the inside of a loop, shared by loop.c and signal.c only. */
#pragma once

#include "loop/loop.h"

#include <stddef.h>

enum { LOOP_HOOKS = 8 };

/* Who owns a descriptor number now; `generation` is new for each watch. */
struct slot {
	struct watch *watch; /* borrowed; NULL = free */
	uint32_t generation;
};

struct hook {
	void (*fn)(void *);
	void *arg;
};

struct loop {
	int epoll;          /* owned */
	struct slot *slots; /* owned, by descriptor */
	size_t n_slots;
	uint32_t generation;
	struct watch *direct[LOOP_DIRECT]; /* borrowed; NULL = was taken away, until the next wait */
	int n_direct;
	struct list timers; /* by time */
	int64_t now_ns;     /* of the timer batch that runs, else 0 */
	struct hook hooks[LOOP_HOOKS];
	int n_hooks;
	struct watch signal; /* owns its descriptor, unlike others */
	signal_fn *on_signal;
	void *signal_arg;
	bool stopped;
};
