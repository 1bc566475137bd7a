/* ring - events on their way from one worker to the server, in memory that survives both.
 *
 * A file in the state directory, mapped shared by one producer (a session's
 * supervisor) and one consumer (the server). A record is complete in the ring
 * before the producer answers the kernel; whoever dies, the next server finds
 * and writes it. Records are JSON objects as event_format() makes them.
 *
 * A record counts from the moment the producer moves the head past it, one
 * atomic store: a producer killed before leaves nothing, after leaves all.
 * Neither side believes the other's words: size comes from the file, each
 * side keeps its own position privately and checks the other's against it,
 * and a record is only handed out when it lies within what is in use.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* Record flags, kept beside the text so that the server need not parse. */
enum {
	RING_DENIED = 1,
	RING_BACKGROUND = 2 /* not part of the command's story: left out of blocked_operations */
};

/* Bytes of records a ring may hold: below, one event might not fit; above, nobody needs it. */
enum { RING_MIN = 64 << 10, RING_MAX = 64 << 20 };

struct ring_record {
	const char *text; /* inside the ring: valid until ring_done() */
	size_t len;
	uint32_t command; /* the session's command number, 0 = none */
	uint32_t flags;
};

/* Create or open an existing ring. `size` is rounded up to pages and into [RING_MIN, RING_MAX]. ring_create()
 * makes a new file of mode 0600 in place of whatever had the name, with its blocks allocated: a full disk is
 * found here. */
struct ring *ring_create(const char *path, size_t size, struct err *e);
struct ring *ring_open(const char *path, struct err *e); /* checks the header; a damaged one is an error */
struct ring *ring_map(int fd, struct err *e); /* from a passed descriptor, which stays the caller's */
int ring_fd(const struct ring *r);
void ring_close(struct ring *r);

/* Producer. False when there is no room; nothing is written then. The last quarter is for records with
 * RING_DENIED: who fills the ring with what is allowed does not keep his denial out of it. *wake says whether
 * the consumer sleeps and must be woken. A text longer than half the ring is replaced by a record that says
 * so (and keeps command and flags). */
bool ring_put(struct ring *r, const char *text, size_t len, uint32_t command, uint32_t flags, bool *wake);

/* Producer: half of the room for what is allowed is used. A consumer that is woken now is at work before
 * there is none. */
bool ring_fills(const struct ring *r);

/* Consumer: the next record not yet got; false when there is none. ring_done() removes all that were got, so
 * a batch can be written to disk first: what was got but not done is got again by whoever opens the ring
 * next. */
bool ring_get(struct ring *r, struct ring_record *out);
void ring_done(struct ring *r);

/* The other side's words make no sense; ring_get() and ring_put() say false from then on. Drop the worker. */
bool ring_broken(const struct ring *r);

/* Consumer says it is about to sleep; true if it may (still empty). */
bool ring_sleep(struct ring *r);

/* Nothing will happen for a while: its pages are given back, and come again by themselves. */
void ring_rest(struct ring *r);

/* How many records were replaced because they were too long, for the log. */
uint64_t ring_lost(const struct ring *r);
