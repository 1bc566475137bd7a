/* links - where a name leads, by links that nobody but root can change. */
#pragma once

#include <limits.h>
#include <stdbool.h>

enum links_end {
	LINKS_HERE,      /* no link on the way: it is what it is called */
	LINKS_ELSEWHERE, /* `out` is its own name */
	LINKS_MISSING,   /* it is not there; `out` is the directory in which a name is missing */
	LINKS_UNSETTLED  /* somebody else can change where it leads, or it is a process's own */
};

/* `settled`: further condition for each link on the way, or NULL. */
typedef bool links_fn(void *arg, const char *link);
enum links_end links_follow(const char *name, links_fn *settled, void *arg, char out[PATH_MAX]);
