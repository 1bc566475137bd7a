/* ring - events on their way from one worker to the server, in memory that survives both.
 *
 * A file in the state directory, mapped shared by one producer (a session's
 * supervisor) and one consumer (the server). A record is complete in the ring
 * before the producer answers the kernel; whoever dies, the next server finds
 * and writes it. Records are JSON objects as event_format() makes them.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ring;

/* Record flags, kept beside the text so that the server need not parse. */
enum { RING_DENIED = 1, RING_BACKGROUND = 2 /* not part of the command's story: left out of blocked_operations */ };

struct ring_record {
	const char *text; /* inside the ring: valid until ring_done() */
	size_t len;
	uint32_t command; /* the session's command number, 0 = none */
	uint32_t flags;
};

/* Create (truncating) or open an existing ring. `size` is rounded up to pages. Mode 0600. */
struct ring *ring_create(const char *path, size_t size, struct err *e);
struct ring *ring_open(const char *path, struct err *e); /* checks the header; a damaged one is an error */
struct ring *ring_map(int fd, struct err *e);            /* from a passed descriptor, which stays the caller's */
int ring_fd(const struct ring *r);
void ring_close(struct ring *r);

/* Producer. False when there is no room; nothing is written then. Sets *wake when the consumer sleeps and must be woken. */
bool ring_put(struct ring *r, const char *text, size_t len, uint32_t command, uint32_t flags, bool *wake);

/* Consumer: next record without removing it; false when empty. ring_done() removes it. */
bool ring_get(struct ring *r, struct ring_record *out);
void ring_done(struct ring *r);
/* Consumer says it is about to sleep; true if it may (still empty). */
bool ring_sleep(struct ring *r);
/* How many records were dropped for ever (over-long ones), for the log. */
uint64_t ring_lost(const struct ring *r);
