/* tail - where a log file stands: its last entry, a torn last line, its first entry. */
#pragma once

#include "audit/chain.h"

struct tail {
	uint64_t size; /* up to the end of the last whole line */
	struct chain_link
	        last;     /* last entry whose hash is right; zeroed if there is none in the last 4 MiB */
	bool foreign;     /* the last whole line is not such an entry */
	int64_t begun_ns; /* when the first line was written, now if empty */
};

/* Read the file backwards as far as needed. What follows the last newline is appended to `torn` (at most 64
 * KiB of it). 0, or -1 when it cannot be read. */
int tail_find(int fd, const struct chain_key *key, struct tail *out, struct buf *torn, struct err *e);

/* The first sealed line's place in the chain, its hash not checked. False if there is none at the start. */
bool tail_first(int fd, struct chain_link *out);
