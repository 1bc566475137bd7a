/* writer - the log file: append, chain, rotate, keep for so many days. One per log, held by the server.
 *
 * Lines are collected with writer_add() and written by writer_flush(), once
 * per batch and before any verdict of the batch is acted upon. When that
 * fails (disk full, I/O error) nothing is lost: the lines stay, the file is
 * cut back to whole lines, the next flush tries again. Until it succeeds the
 * caller denies what it cannot record.
 *
 * Beside the log lies PATH.head: the last entry's number and hash, by which a
 * log cut short is recognised, and where the oldest kept file begins. It is
 * locked: a second writer is refused. What is found wrong on opening or under
 * way (a torn last line, lines missing or added by others, the file removed)
 * becomes a "log_recovered" event; the chain goes on from the last entry that
 * is known.
 */
#pragma once

#include "audit/chain.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum writer_sync { SYNC_NEVER, SYNC_BATCH, SYNC_INTERVAL };

struct writer_options {
	const char *path;        /* absolute; its directory must exist */
	struct chain_key key;    /* zeroed: plain SHA-256 */
	uint64_t max_bytes;      /* start a new file beyond this size, 0 = never */
	unsigned backups;        /* keep PATH.1 to PATH.N; 0 = as many as there are, up to 1000 */
	unsigned retention_days; /* delete rotated files last written before; also rotates daily. 0 = for ever
	                          */
	enum writer_sync sync;
	int64_t sync_ns; /* of SYNC_INTERVAL */
};

struct writer;

struct writer *writer_open(const struct writer_options *options, struct err *e);

/* Flushes what is left; the result of that. */
int writer_close(struct writer *w, struct err *e);

/* Queue one event: a JSON object without newline, as event_format() makes it. What is not that is recorded
 * inside a "malformed_event", so that a broken worker cannot break the log. False when the queue is full (the
 * disk has been for a while): leave the event where it is. */
bool writer_add(struct writer *w, const char *event, size_t len);

/* Write what is queued, and sync if that is due (so call it now and then with SYNC_INTERVAL). -1 when it is
 * not all in the file: then deny. */
int writer_flush(struct writer *w, struct err *e);

/* Is something queued that could not be written? */
bool writer_behind(const struct writer *w);

/* The last entry: in the file or queued. */
const struct chain_link *writer_last(const struct writer *w);

/* PATH.head as it was last written. */
struct writer_head {
	enum chain_kind kind;
	struct chain_link last;  /* sequence and entry */
	uint64_t first_sequence; /* of the oldest line kept; 0 = not known yet */
	char first_prev[CHAIN_HEX + 1];
};
/* 1 read, 0 there is none, -1 unreadable or damaged. */
int writer_head_read(const char *log_path, struct writer_head *out, struct err *e);

/* Name of the n-th file: PATH for 0, PATH.n else. Returns `out`. */
char *writer_file_name(const char *path, unsigned n, char *out, size_t size);
