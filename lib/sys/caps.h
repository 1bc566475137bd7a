/* caps - become a user and keep one capability. */
#pragma once

#include "base/err.h"

#include <stdint.h>
#include <sys/types.h>

enum { CAPS_SYS_PTRACE = 19 }; /* CAP_SYS_PTRACE */

/* As root: take on the user's ids and groups (`user` for the group file, may be NULL) and keep only
 * capability `keep`
 * (-1 = none). As the user already: nothing but dropping what is not `keep`. */
int caps_become(uid_t uid, gid_t gid, const char *user, int keep, struct err *e);

/* What no process of ours needs: core dumps, being traced or read by others of the same user. */
void caps_hide(void);

/* What root keeps in a session: to work with files, ids and ports as root does. Not among them is what looks
 * into processes behind Landlock's back (CAP_SYS_ADMIN, CAP_PERFMON, CAP_SYS_PTRACE), what reaches into the
 * kernel, devices or the network's configuration, and what lifts limits. */
#define CAPS_SESSION                                                                                       \
	(1ULL << 0 /* CHOWN */ | 1ULL << 1 /* DAC_OVERRIDE */ | 1ULL << 3 /* FOWNER */ |                   \
	 1ULL << 4 /* FSETID */ | 1ULL << 5 /* KILL */ | 1ULL << 6 /* SETGID */ | 1ULL << 7 /* SETUID */ | \
	 1ULL << 10 /* NET_BIND_SERVICE */ | 1ULL << 29 /* AUDIT_WRITE */)

/* Give up for good all capabilities but CAPS_SESSION and `keep`. Nothing to do without capabilities. */
int caps_shed(uint64_t keep, struct err *e);

/* What the calling process could make use of (its permitted set). */
uint64_t caps_have(void);

/* For processes of ours: use `own` from now on, hand on `others` to what is started, give up the rest. 0 or
 * -1. */
int caps_confine(uint64_t own, uint64_t others, struct err *e);

/* The bit of a capability's name ("CAP_NET_RAW" or "net_raw", any case), 0 = there is none. */
uint64_t caps_bit(const char *name);
