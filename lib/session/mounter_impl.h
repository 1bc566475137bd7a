/* mounter_impl - shared by the mounter's files only. */
#pragma once

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* A view that is mounted, or (number 0) a session's own way to one. */
struct mounted {
	struct list node;
	uint32_t number;
	char *path;
	int root;                         /* O_PATH of what was mounted, or -1: then `path` leads there */
	pid_t pid;                        /* serves it; 0 = nobody any more */
	const volatile uint64_t *at_work; /* shared with that process: view_options.at_work */
	uint64_t work, ran;               /* what it said at the last look, and had run until then */
	unsigned at_same, stopped;        /* looks at which both were so; at which it was stopped */
	int64_t left_ns;                  /* it was taken away: its process is to end soon */
};

/* Take away views that nobody serves any more: those of a server that was killed with all it had started. */
void mounter_clean(void);

/* mounter_watch.c - processes that serve views and do not get on. One that is stopped is ended. One that has
 * been in one and the same request for very long (its disk hangs) may not be able to end: who waits there
 * gets an error nevertheless, where we are root. */
enum { MOUNTER_LOOK_MS = 400 };

/* Where a view's process says what it does: the descriptor of a page, and the page. -1: there is no memory.
 */
int mounter_page(const volatile uint64_t **page);
void mounter_unpage(const volatile uint64_t *page);

/* Nobody serves it any more. Who waits for an answer gets an error, also while a child of who did lives on
 * and waits itself (fuse/told.c). Only root may ask for that. */
void mounter_break_off(const struct mounted *m);
/* Is who serves it on his way out? What is taken away can be broken off no more. */
bool mounter_ends(const struct mounted *m);

/* To be called every MOUNTER_LOOK_MS. True: it was ended for good, and may live on; the view is to go. */
bool mounter_look(struct mounted *m, int64_t now_ns);
