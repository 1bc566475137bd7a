/* verify - walk a log and its rotated files from the oldest line on and check the chain. */
#pragma once

#include "audit/chain.h"

struct verify_result {
	uint64_t verified; /* entries whose place and hash are right */
	uint64_t skipped;  /* lines without integrity */
	bool is_keyed;     /* the head says that a key was used */
	bool has_head;     /* without it an end that was cut off is not noticed */
	bool broken;
	uint64_t line;    /* where it broke: line of the file `file`, 1 is the first */
	char file[256];   /* base name; empty when it is the log itself */
	char reason[400]; /* prev_hash mismatch: expected "...", got "..." */
};

/* Fill `out`. -1 when a file cannot be read. With PATH.head present the end, the beginning and lines without
 * integrity count too: nothing may be missing or slipped in. Lines of other programs' logs may have integrity
 * anywhere and their keys in any order. */
int verify_log(const char *path, const struct chain_key *key, struct verify_result *out, struct err *e);
