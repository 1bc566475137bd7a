/* mounts - what is mounted where, as mountinfo has it (proc_pid_mountinfo(5)). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct mount {
	char *id, *device, *root, *where, *type, *options; /* the last: of the file system */
};

struct mounts {
	char *text; /* owned */
	struct mount *all;
	size_t n;
};

/* Of "/proc/self", or of another process's directory. False: they are not known; to be released all the same.
 */
bool mounts_read(struct mounts *m, const char *proc);
void mounts_release(struct mounts *m);
