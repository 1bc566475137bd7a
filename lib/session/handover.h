/* handover - what a server knows, for the program that takes its place in the same process.
 *
 * An upgrade is an execve(2): the process keeps its number, its children (the
 * supervisors), its locks and the descriptors that are named here; nobody who
 * is connected or waits to be notices. What it knows travels in a sealed
 * memory file. The new program first reads it in a child, without touching
 * anything (upgrade.h): only when that succeeds does it take over.
 */
#pragma once

#include "base/err.h"
#include "session/core.h"
#include "wire/msg.h"

#include <stdbool.h>
#include <stddef.h>

enum { HANDOVER_VERSION = 6 }; /* of the format: another one is refused, and the old program goes on */

struct config;

struct handover {
	struct msg m;
	int *fds; /* what must survive the execve; borrowed numbers, owned array */
	size_t n_fds;
};

void handover_begin(struct handover *h);
void handover_fd(struct handover *h, int fd); /* -1 is kept as such */
void handover_release(struct handover *h);

/* The sessions and what belongs to them. -1 when events are not yet in the log: then it may not be left. */
int handover_core(struct handover *h, struct core *core, struct err *e);

/* ---- on the other side ---- */

/* 0, or -1 when this is no handover of our version. */
int handover_open(struct msg_reader *r, const void *data, size_t len, struct err *e);
/* A descriptor; it is closed on further execs. -1 also when none was there (without text). */
int handover_get_fd(struct msg_reader *r);

/* As core_new(), with the sessions of the handover. */
struct core *handover_take(const struct config *config, struct loop *l, struct msg_reader *r, struct err *e);
/* Would that work? Nothing is touched; for a process that ends after. */
int handover_check(const struct config *config, struct msg_reader *r, struct err *e);
