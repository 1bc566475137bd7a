/* Private to enforce/files: what makes, moves and removes names.
 *
 * The kernel's checks come in the kernel's order: what is not there or in the way, other mounts, slashes;
 * then the policy, where Landlock would stand; then permissions, by doing it with the caller's rights.
 */
#pragma once

#include "base/room.h"
#include "enforce/files/impl.h"
#include "journal/record.h"

/* To be cleared by resolve_clear() first of all. */
#define AUTO_PLACE ROOM __attribute__((cleanup(resolve_release))) struct place

/* Could something have this name: not ".", ".." or "/", nor too long, nor in a directory that was removed? No
 * call that changes names succeeds on those; the kernel says why. */
bool names_plain(const struct place *p);

/* Does anything have it? */
bool names_taken(const struct place *p);

/* Rename, with the flags of renameat2. 0, also when answered, or errno. */
int names_move(struct act *a, const struct place *from, const struct place *to, unsigned flags);

/* What comes to have a name. */
struct making {
	enum access_kind kind;
	enum journal_kind as;
	mode_t mode;
	unsigned device;
	const char *target; /* of a link */
	/* Does it, with the caller's rights and mask: 0 or errno. NULL: as `kind` and `mode` say. */
	int (*make)(const struct place *p, const struct making *m);
};

/* Judge it, make it, keep and record it. 0, also when answered, or errno. */
int names_make(struct act *a, const struct place *p, const struct making *m);
