/* rights - what a policy's file rules give of the rights that Landlock knows. */
#pragma once

#include "enforce/landlock/floor.h"

#include <sys/stat.h>

struct rights;
struct rights *rights_new(const struct floor_rules *r, uid_t uid, struct err *e);
void rights_free(struct rights *f);

/* Of the rights asked for: those to be granted for all below a directory, and those for which its entries are
 * to be looked at one by one. */
struct rights_split {
	uint64_t all, enter;
};
void rights_split(struct rights *f, const char *dir, uint64_t rights, struct rights_split *out);

/* Of the rights asked for, those for a single file. */
uint64_t rights_object(struct rights *f, const char *path, const struct stat *st, uint64_t rights);

/* What the policy allows by names that are links, on the way or at the end, which the session cannot change:
 * tell `each` the file or directory that is meant, and the rights. Also the names that are not there yet
 * (with rights 0), by the directory in which they would be. */
typedef void rights_fn(void *arg, const char *real, uint64_t rights);
void rights_links(struct rights *f, rights_fn *each, void *arg);

/* FLOOR_…: where more was granted than the policy allows. */
uint32_t rights_inexact(const struct rights *f);
