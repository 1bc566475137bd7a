/* tree - file trees by descriptor: walk, copy, remove, measure.
 *
 * No path is ever resolved below the top: a tree of any depth is walked with
 * one descriptor at a time, links are not followed, and a directory that is
 * moved away while it is walked ends the walk with an error.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

enum tree_step { TREE_ENTER, TREE_LEAVE, TREE_LEAF };

/* Called with the directory that holds `name`: before and after what is in a directory, once for anything
 * else. 0 to go on, -1 to end the walk. */
typedef int tree_fn(void *arg, enum tree_step step, int dirfd, const char *name, const struct stat *st,
                    struct err *e);

/* Walk `name` in `dirfd`. 0 or -1. */
int tree_walk(int dirfd, const char *name, tree_fn *fn, void *arg, struct err *e);

/* Copy to `to_name`, which must not exist: contents (shared where the file system can), holes, modes, owners,
 * times, extended attributes, hard links within the tree, links as links, special files. What the caller may
 * not set (another's owner) stays his own. On failure what was made is removed. */
int tree_copy(int dirfd, const char *name, int to_dirfd, const char *to_name, struct err *e);

/* Make the empty file `to` hold what `from` does, of `size` bytes: blocks shared where the file system can,
 * holes left. What cannot be shared is copied, if it is no more than `max` bytes: else e->code is EFBIG. */
int tree_copy_content(int from, int to, off_t size, uint64_t max, struct err *e);

int tree_remove(int dirfd, const char *name, struct err *e);

/* Bytes of the contents of all regular files. */
int tree_measure(int dirfd, const char *name, uint64_t *bytes, struct err *e);
