/* Private to enforce/files: opening. */
#pragma once

#include "enforce/files/impl.h"
#include "sys/openat2.h"

enum { OPEN_MODE = 3 }; /* O_ACCMODE, to which C libraries add */

/* What the caller asked for. Without O_CREAT and the like the flags say what is done to what is there. */
struct opening {
	int dirfd;
	const char *path;
	struct openat2_how how;
	bool by_value;             /* the flags cannot change any more: not from memory */
	enum access_kind kinds[3]; /* of what is there */
	size_t n_kinds;
};

/* May the call go on as it is: does Landlock decide all of it as the policy does? */
bool open_is_exact(const struct act *a, const struct opening *o);

/* Open the found object anew for the caller, and hand it over. `how`: flags to use. 0 when answered, or
 * errno. */
int open_again(struct act *a, const struct opening *o, const struct place *p);

/* special.c: what was found is no regular file nor directory, or the kernel's own. 0 with *ours: nothing
 * special; 0 when answered; or errno. */
int special_open(struct act *a, const struct opening *o, const struct place *p, bool *ours);

/* park.c: a FIFO that was opened for one end waits for the other, as its caller does. `fd`: our own end, or
 * O_PATH where a writer waits; it becomes park's. 0 when it waits, or errno. */
int park_call(struct act *a, const struct opening *o, const struct place *p, int fd);
/* Somebody opened this FIFO: who waits for that goes on. `mode`: O_RDONLY, O_WRONLY or O_RDWR. Was there
 * anybody?
 */
bool park_wake(struct files *f, const struct stat *fifo, unsigned mode);
void park_free(struct files *f);
