/* caps - become a user and keep one capability. */
#pragma once

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

enum { CAPS_SYS_PTRACE = 19 }; /* CAP_SYS_PTRACE */

/* As root: take on the user's ids and groups (`user` for the group file, may be NULL) and keep only
 * capability `keep`
 * (-1 = none). As the user already: nothing but dropping what is not `keep`. */
int caps_become(uid_t uid, gid_t gid, const char *user, int keep, struct err *e);

/* What no process of ours needs: core dumps, being traced or read by others of the same user. */
void caps_hide(void);

/* Give up for good what lets root look into processes behind Landlock's back (CAP_SYS_ADMIN and CAP_PERFMON
 * make the kernel skip the check for reading, fs/proc), or into the kernel. Nothing to do without
 * capabilities. */
int caps_shed(struct err *e);
