/* buf - a growing byte string with a ceiling and sticky failure.
 *
 * Append freely, check `failed` once. The bytes are always followed by a NUL
 * that does not count. A zeroed struct is an empty buffer without a ceiling.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct buf {
	char *data; /* owned unless `borrowed`; NULL while nothing was appended */
	size_t len;
	size_t cap;
	size_t max;  /* ceiling in bytes, 0 = none */
	bool failed; /* out of memory or over the ceiling: later appends do nothing */
	bool borrowed;
};

/* An empty buffer that uses `storage`, which stays the caller's, until it outgrows it. */
void buf_on(struct buf *b, char *storage, size_t size);

void buf_add(struct buf *b, const void *data, size_t len);
void buf_str(struct buf *b, const char *text);
void buf_chr(struct buf *b, char c);
void buf_fmt(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Room for at least `len` more bytes at data+len, or NULL; the caller adds what it wrote to `len`. */
char *buf_room(struct buf *b, size_t len);

/* Drop the first `len` bytes. */
void buf_skip(struct buf *b, size_t len);

/* Forget the content, keep the memory. */
void buf_clear(struct buf *b);

/* The text, "" when empty; never NULL. */
const char *buf_text(const struct buf *b);

/* Give the memory to the caller (free(3)), NULL if failed; the buffer is empty after. */
char *buf_steal(struct buf *b);

void buf_release(struct buf *b);

#define AUTO_BUF __attribute__((cleanup(buf_release))) struct buf
