/* image - the file an exec is about to run, found as the kernel will find it.
 *
 * Resolution happens in the caller's place: its working directory, its
 * descriptors, its /proc/self. Symbolic and magic links are followed; the
 * result is an opened file, so that names cannot lie about it.
 */
#pragma once

#include "enforce/exec/identity.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/types.h>

enum { IMAGE_PATH = 4096, IMAGE_ALIASES = 8, IMAGE_HEAD = 256 };

enum image_kind { IMAGE_BINARY, IMAGE_SCRIPT, IMAGE_OTHER };

struct image {
	dev_t dev;
	ino_t ino;
	mode_t mode;
	uint32_t state;             /* changes with the file's size and change time */
	struct identity_found same; /* the program it is, whatever its name */
	enum image_kind kind;
	size_t n_alias;
	bool trusted[IMAGE_ALIASES]; /* which of the names below lie where only root can write */
	/* From here on only what is said to be there is set. */
	char path[IMAGE_PATH + 16];     /* canonical, as the kernel names the opened file; else "" */
	char interp[IMAGE_HEAD];        /* of a script: the interpreter as written … */
	char arg[IMAGE_HEAD];           /* … and its one argument, "" if none */
	char alias[IMAGE_ALIASES][256]; /* further names: symbolic links on the way to the file */
};

/* What a file's first bytes say, remembered by inode and change time. `identity` may be NULL, and outlives
 * it. */
struct image_cache;
struct image_cache *image_cache_new(struct identity *identity);
void image_cache_free(struct image_cache *c);

/* Forget which program a file is: more are known now. */
void image_cache_forget(struct image_cache *c);

/* Resolve `given` for task `pid`: relative to `dirfd` of that task (AT_FDCWD = its working directory), empty
 * with AT_EMPTY_PATH = the descriptor itself. `flags` as execveat(2). 0, or the errno the kernel would give.
 */
int image_find(struct image_cache *c, pid_t pid, int dirfd, const char *given, int flags, struct image *out);

/* The image task `pid` runs now: identity only, path "". 0 or errno. */
int image_running(pid_t pid, struct image *out);

/* Its path, which ends in " (deleted)" for a file that is gone. 0 or errno. */
int image_name(pid_t pid, struct image *out);

/* The program that the image is which task `pid` runs. 0 or errno. */
int image_identify(struct image_cache *c, pid_t pid, struct image *out);
