/* under - change what lies under a view while it is shown.
 *
 * Who does so has a socket to the view, whose other end was given to view_attend(). First the view takes hold
 * of what is in use; each path is written down before it is changed; at the end, or when who changes is
 * killed, the view has the kernel forget what it kept of those paths. After under_end() whoever looks sees
 * what is there now, in between what was there some milliseconds ago.
 */
#pragma once

#include "base/err.h"

struct under {
	int talk;  /* owned; -1: over */
	int paths; /* owned: a memory file, "below/the/top" and a NUL each */
};

/* Takes `talk`. 0 or -1. */
int under_begin(struct under *u, int talk, struct err *e);
/* For journal_under (journal/store.h): `under` is a struct under. */
int under_tell(void *under, const char *below, struct err *e);
int under_end(struct under *u, struct err *e);
