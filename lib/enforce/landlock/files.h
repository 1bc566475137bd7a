/* files - what a policy's file rules give of the rights that Landlock knows. */
#pragma once

#include "enforce/landlock/floor.h"

#include <sys/stat.h>

struct files;
struct files *files_new(const struct floor_rules *r, uid_t uid, struct err *e);
void files_free(struct files *f);

/* Of the rights asked for: those to be granted for all below a directory, and those for which its entries are
 * to be looked at one by one. */
struct files_split {
	uint64_t all, enter;
};
void files_split(struct files *f, const char *dir, uint64_t rights, struct files_split *out);

/* Of the rights asked for, those for a single file. */
uint64_t files_object(struct files *f, const char *path, const struct stat *st, uint64_t rights);

/* What the policy allows by names that are links, on the way or at the end, which the session cannot change:
 * tell `each` the file or directory that is meant, and the rights. Also the names that are not there yet
 * (with rights 0), by the directory in which they would be. */
typedef void files_fn(void *arg, const char *real, uint64_t rights);
void files_links(struct files *f, files_fn *each, void *arg);

/* FLOOR_…: where more was granted than the policy allows. */
uint32_t files_inexact(const struct files *f);
