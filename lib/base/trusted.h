/* trusted - files that rule over us: only root and we ourselves can change them or put others in their place.
 */
#pragma once

#include "base/err.h"

#include <sys/stat.h>

/* Open a regular file for reading. Refused when it, a directory on the way to it as it is spelled, or one on
 * the way to what links in it lead to belongs to another user, or others may write there (a directory with
 * the sticky bit is fine: what belongs to us stays in its place). The descriptor, its state in *st, or -1. */
int trusted_open(const char *path, struct stat *st, struct err *e);
