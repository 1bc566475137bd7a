/* mounts - other names of what is closed. Landlock asks about the directories above the name that is used, so
 * a bind mount of a closed tree elsewhere would be open. */
#pragma once

#include "sys/mounts.h"

/* Tell `each` the names under which other mounts show `path`, a clean one that is there, or a part of it; and
 * where it may lie in the layers of an overlay. */
typedef void mounts_fn(void *arg, const char *name, const struct mount *of);
void mounts_names(const struct mounts *m, const char *path, mounts_fn *each, void *arg);

/* Does it show what the kernel, not a disk, has: process table, devices' settings, control groups? */
bool mounts_is_kernels(const struct mount *one);
