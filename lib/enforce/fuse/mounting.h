/* mounting - put a view in its place: mount(2) as root, fusermount3 for others; never longer than a deadline.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

#define MOUNTING_SOURCE "agentsh-workspace"

/* Mount at the directory `where`. `others`: not only the user who mounts may look in, where that is up to us.
 * The device of the mount (close-on-exec), or -1. */
int mounting_attach(const char *where, bool others, int deadline_ms, struct err *e);

/* Take it away, also while it is in use: who has files open there keeps them. 0 or -1. */
int mounting_detach(const char *where, int deadline_ms, struct err *e);
