/* Private to enforce/files: what a caller is to others in /proc. */
#pragma once

#include "enforce/files/resolve.h"

/* The number in /proc/NUMBER/…, 0 if there is none. */
pid_t own_pid_in(const char *path);

/* Is it the caller's own process? */
bool own_is(const struct caller *c, pid_t pid);

/* What the kernel asks before it follows a link of /proc/PID: might the caller trace it? Others of its
 * command are in the same Landlock domain; other users' it may not look into. */
bool own_may_look(const struct caller *c, pid_t pid);
