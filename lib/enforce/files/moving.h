/* Private to enforce/files: a directory that is about to be renamed, and all that is in it looked at, where
 * the rules may treat it otherwise by its new name.
 *
 * A large tree is looked at in slices, between the answers to others; its caller waits (walks.c). What comes
 * to lie in it meanwhile would not have been seen: then it is looked at anew.
 */
#pragma once

#include "base/buf.h"
#include "enforce/files/deep.h"
#include "enforce/files/impl.h"

#include <dirent.h>

enum { MOVING_ROOM = DEEP_MAX + NAME_MAX + 2 };

/* One thing that changes its name, and what of that the names alone do not tell. */
struct moved {
	struct act *a; /* the call at hand */
	struct place before, after;
	struct verdict verdict; /* why not */
	bool ask[ACCESS_KINDS]; /* RENAME, READ, WRITE */
};

/* Its own memory: what it was made from may be gone when it goes on. */
struct moving {
	struct moved it; /* what is looked at now: its paths are in `old` and `new` */
	/* What holds for a name here holds for it there: then one question is enough, about this name. */
	bool alike;
	int object;          /* owned: the directory */
	size_t from, to;     /* how long its names are */
	size_t dir, spelled; /* and those of the directory at hand, in `quick`; 0: not so */
	struct buf dirs;     /* directories to be looked at, as names below; that at hand begins … */
	size_t at;           /* … here */
	DIR *open;           /* it; NULL: not yet */
	size_t n;            /* entries so far */
	char old[MOVING_ROOM], new[MOVING_ROOM], quick[MOVING_ROOM], virtual[MOVING_ROOM + 64];
};

enum moving_answer { MOVING_ON, MOVING_GOOD, MOVING_BAD };

/* NULL: out of memory, or of descriptors. */
struct moving *moving_new(struct act *a, const struct place *from, const struct place *to);
void moving_free(struct moving *m);

/* Can the names of the directories alone not tell? What is to be asked then is noted. */
bool moving_asks(struct moving *m, struct act *a, const struct place *from, const struct place *to);

/* Look at more of it, until then (CLOCK_MONOTONIC; 0: to the end). */
enum moving_answer moving_on(struct moving *m, struct act *a, int64_t until_ns);

/* `why`, or NULL: as it was found. */
void moving_refuse(struct moved *m, struct act *a, const struct rule *why);

/* Of a file its names tell all. False: refused, and answered. */
bool moving_file(struct act *a, const struct place *from, const struct place *to);

/* ---- walks.c ---------------------------------------------------------------------------------------------
 */

/* Of a directory: true: all that is in it may be moved so. False: refused and answered, or the call waits. */
bool walks_ask(struct act *a, const struct place *from, const struct place *to);

/* A name comes, or goes: does that change what somebody looks at? */
void walks_note(const struct act *a, const struct place *p);

/* Go on with all of them. True: there are more. */
bool walks_go_on(struct files *f);
void walks_free(struct files *f);
