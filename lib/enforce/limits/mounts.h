/* mounts - where control groups are, for limits.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct limits_options;

/* The directory below which groups with this controller can be made ("pids", "memory", "cpu"): v2 if it has
 * it, else v1. The directories of base_path are made, if that is to be. False, with the reason. */
bool mounts_find(const struct limits_options *o, const char *controller, char *out, size_t size, bool *v2,
                 const char **why);

/* Write `text` into DIR/NAME. 0 or -1 with errno. */
int mounts_write(const char *dir, const char *name, const char *text);
