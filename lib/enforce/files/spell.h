/* Private to enforce/files: how a caller's path is spelled so that no link is on its way.
 *
 * What is opened by such a name, with RESOLVE_NO_SYMLINKS, has that name: the text that is judged. Some links
 * are known to be root's alone, so that the caller's own spelling counts with the policy, too: those in the
 * root directory ("/lib" -> "usr/lib"), checked again and again, and files in directories of root's.
 */
#pragma once

#include "enforce/files/open.h"

struct spelling {
	char open[PATH_MAX];  /* for the kernel, with what dots and slashes the caller gave it */
	char clean[PATH_MAX]; /* the name of what is opened */
	char given[PATH_MAX]; /* when `aliased`: the name by which the caller knows it, through root's links
	                       */
	bool aliased;
	bool own; /* `clean` is the caller's in /proc, and `given` the same in /proc/self */
};

/* False: it has to be walked. */
bool spell(struct act *a, const struct opening *o, struct spelling *s);

/* There is a link on the way: is it known where it leads? False: walk. */
bool spell_on(struct act *a, const struct opening *o, struct spelling *s);

/* Judged as what the spelling says, before anything is known of it. */
void spell_place(const struct spelling *s, struct place *p);
