/* Private to enforce/files: names that are longer than the kernel tells (PATH_MAX).
 *
 * Who works with names relative to a directory reaches any depth; what holds above holds there, too. Of a
 * directory the name is found by going up to one whose name the kernel tells, of a regular file as the
 * kernel lists a mapping of it. Then it is walked down again: it leads there, or nothing is known.
 */
#pragma once

#include "enforce/files/resolve.h"

/* Longer ones are as if there were none: ENAMETOOLONG. With a name behind it the journal takes it. */
enum { DEEP_MAX = 65000 };

/* The last one that was found. Zeroed: none. */
struct deep {
	dev_t dev;
	ino_t ino;
	char *path; /* owned */
};
void deep_release(struct deep *d);

/* The path of what was found; `in_parent`: by the name that it has, or is to have, there. `last` may be NULL.
 * 0, or errno: ENOENT (deleted), ENAMETOOLONG. */
int deep_find(struct place *p, bool in_parent, struct deep *last);

/* The place becomes a name below what it is. False: out of memory, or too long. */
bool deep_enter(struct place *p, const char *name);
