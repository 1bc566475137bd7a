/* mounter_impl - what the kernel says of views that are mounted; shared by the mounter's files only. */
#pragma once

#include <stdbool.h>

/* Is what this descriptor leads to the root of a view? The view itself is not asked. */
bool mounter_is_view(int fd);

/* Take away views that nobody serves any more: those of a server that was killed with all it had started. */
void mounter_clean(void);
