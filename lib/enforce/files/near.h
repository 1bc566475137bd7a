/* Private to enforce/files: the short way to most of what is changed. False: resolve it, and nothing was
 * found. */
#pragma once

#include "enforce/files/impl.h"

/* What the caller has open as `fd`, as `object`: the very opening, with its flags. */
bool near_object(struct act *a, int fd, struct place *out);

/* A name that is made, removed or moved, as PLACE_NAME finds it, but what has it is not opened: `object` is
 * -1, and st.st_mode 0 when there is nothing. `fresh`: the directory's name is asked for now (known.h). */
bool near_name(struct act *a, int dirfd, const char *path, bool fresh, struct place *out);
