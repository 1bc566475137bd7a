/* meta - owner, mode, times and extended attributes of files. */
#pragma once

#include "journal/manifest.h"

#include <stdbool.h>
#include <sys/stat.h>

/* Give the open file `fd` what `st` and the open file `from` have. What the caller may not give stays. */
void meta_copy(int from, int fd, const struct stat *st);

/* The same for what cannot be opened (a link, a special file), without extended attributes. */
void meta_copy_at(int dirfd, const char *name, const struct stat *st);

/* The extended attributes that can be read, in the arena; NULL = none. Of anything, by name, which is not
 * followed; "" for the open file `dirfd` itself. */
const struct journal_xattr *meta_xattrs(struct arena *a, int dirfd, const char *name);

/* A file's flags (chattr), kept among its extended attributes by a name that none of them has. */
#define META_FLAGS "agentsh.flags"
const struct journal_xattr *meta_flags(struct arena *a, int dirfd, const char *name,
                                       const struct journal_xattr *others);
bool meta_has_flags(const struct journal_xattr *x);

/* Give `name` the owner, mode and attributes of `l`, also taking away attributes of users that it has not;
 * then the times, and the flags where `l` tells them. 0, or -1 when the owner, mode, times or flags could not
 * be given. */
struct journal_line;
int meta_give(int dirfd, const char *name, const struct journal_line *l);
