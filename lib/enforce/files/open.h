/* Private to enforce/files: opening. */
#pragma once

#include "enforce/files/impl.h"
#include "journal/record.h"
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

/* open.c: does the policy allow all of it? False: refused and answered. */
bool open_is_allowed(struct act *a, const struct opening *o, const struct place *p);

/* Is an old version to be kept, and of what? */
bool open_keeps(const struct act *a, const struct opening *o, const struct place *p, enum journal_kind *kind);

/* What was opened without waiting waits from now on, if `flags` want it so. */
void open_unblock(int fd, uint64_t flags);

/* direct.c: what leads to its place without links that the caller could change is opened at once and by its
 * name. False: go the long way. */
bool direct_open(struct act *a, const struct opening *o, int *error);

/* Not opened by its name: the process table and devices. `path` is clean. */
bool direct_is_elsewhere(const char *path);

/* What was opened as asked for, but for O_TRUNC, which is up to this: keep what is to be kept, and hand it
 * over. p->object, which need not be ours any more then. 0 when answered, or errno. */
int open_finish(struct act *a, const struct opening *o, struct place *p);

/* There is no such name in p->parent: judge, make it, hand it over. 0 when answered, or errno; EEXIST where
 * the caller did not ask for it: somebody else was faster. */
int open_new(struct act *a, const struct opening *o, const struct place *p);

/* The same with O_EXCL at once and by its clean path, without its directory: p->parent is -1. False: ask more
 * closely, and nothing was made. */
bool open_at_once(struct act *a, const struct opening *o, const struct place *p, const char *path,
                  int *error);

/* May the call go on as it is: does Landlock decide all of it as the policy does? */
bool open_is_exact(const struct act *a, const struct opening *o);

/* Open the found object anew for the caller, and hand it over. `how`: flags to use. 0 when answered, or
 * errno. */
int open_again(struct act *a, const struct opening *o, const struct place *p);

/* special.c: what was found is no regular file nor directory, or the kernel's own. 0 with *ours: nothing
 * special; 0 when answered; or errno. */
int special_open(struct act *a, const struct opening *o, const struct place *p, bool *ours);

/* Has the kernel, not a disk, what is in there, so that writing means more than keeping bytes? */
bool special_is_kernels(int fd);

/* redirect.c: what is written goes elsewhere, as the rule says. Answers. */
void redirect_open(struct act *a, const struct opening *o, enum access_kind kind, const struct place *p,
                   const struct verdict *v);

/* park.c: a FIFO that was opened for one end waits for the other, as its caller does. `fd`: our own end, or
 * O_PATH where a writer waits; it becomes park's. 0 when it waits, or errno. */
int park_call(struct act *a, const struct opening *o, const struct place *p, int fd);
/* Somebody opened this FIFO: who waits for that goes on. `mode`: O_RDONLY, O_WRONLY or O_RDWR. Was there
 * anybody?
 */
bool park_wake(struct files *f, const struct stat *fifo, unsigned mode);
/* Look after all who wait. Are there any? */
bool park_look(struct files *f);
void park_free(struct files *f);
