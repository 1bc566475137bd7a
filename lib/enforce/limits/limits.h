/* limits - resource_limits of a policy, held by the kernel's control groups.
 *
 * One group per session and hierarchy, made by a server that runs as root
 * (v2 where the controllers are there, else the v1 hierarchies), and joined by
 * each command's first process before it is anything else's: launch.h. What no
 * group can hold is the supervisor's business, as far as that goes: count.h.
 *
 * A process joins by writing "0" itself. To move another process makes the
 * kernel wait until every processor has been somewhere else (10 ms on an idle
 * machine); to move oneself does not, on v1. On v2 it does, unless cgroup2 is
 * mounted with favordynmods.
 */
#pragma once

#include "base/err.h"
#include "enforce/launch.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a group can hold. */
enum { LIMITS_PIDS = 1, LIMITS_MEMORY = 2, LIMITS_CPU = 4, LIMITS_ALL = 7 };

struct limits {
	unsigned wanted, held; /* LIMITS_… */
	size_t n;              /* groups */
	char *dir[LAUNCH_JOINS];
	unsigned holds[LAUNCH_JOINS];
	bool v2[LAUNCH_JOINS];
	int join[LAUNCH_JOINS]; /* descriptors for those who enter */
	char missing[280];      /* why not all that is wanted is held; "" = it is */
};

struct limits_options {
	const struct policy_limits *limits;
	const char *session, *base_path; /* its id; where groups are made: "" = below our own, or
	                                    relative to it, or absolute */
	uint64_t tag;
	const char *proc; /* "/proc/self", but in tests */
};

/* Which of them a policy asks for. */
unsigned limits_wanted(const struct policy_limits *l);

/* Make the session's groups, or take those that are there already. What cannot be had stands in `missing`. */
void limits_make(struct limits *l, const struct limits_options *o);

/* Other values for the groups that are there. 0 or -1: some could not be set. */
int limits_set(const struct limits *l, const struct policy_limits *values, struct err *e);

/* The group of what is in `what`, "" = none. */
const char *limits_dir(const struct limits *l, unsigned what);

/* The session's processes are gone: so are its groups. 0, or -1 when one could not be removed. */
int limits_remove(struct limits *l, struct err *e);

/* The same for a session whose server was killed. */
void limits_sweep(const struct limits_options *o);

/* Closes and frees; the groups stay. */
void limits_release(struct limits *l);
