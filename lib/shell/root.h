/* root - names below a root directory that is not (yet) ours: links stay inside it, as after a chroot. */
#pragma once

#include "base/err.h"

#include <stddef.h>

/* Follow every link of `path` below the directory `root`: an absolute one starts there again, ".." ends
 * there. `out` gets the path from the root ("/usr/bin/dash"), free of links; -1 when a component is missing.
 */
int root_resolve(int root, const char *path, char *out, size_t size, struct err *e);

/* Open what such a path names, without following anything. The descriptor or -1. */
int root_open(int root, const char *resolved, int flags, struct err *e);
