/* landlock - landlock(7) rulesets. */
#pragma once

#include "base/err.h"

#include <stdint.h>

/* ABI version of the running kernel, 0 when there is none. */
int landlock_abi(void);

/* A ruleset that forbids nothing by itself. Being in a domain is the point: from then on the kernel keeps its
 * processes from tracing, and from reading the memory, environment and descriptors of, anything outside; and
 * from changing the mount table. Descriptor (close-on-exec) or -1. */
int landlock_floor(struct err *e);

/* Likewise; besides, signals reach only processes of the same domain (ABI 6). */
int landlock_floor_signals(struct err *e);

/* Enter the ruleset's domain. Needs no_new_privs. */
int landlock_enter(int ruleset, struct err *e);
