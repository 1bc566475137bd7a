/* fd - descriptors: whole reads and writes, closing on scope exit, sealed memory files. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

void fd_close(int *fd); /* close if >= 0 and set to -1; keeps errno */

#define AUTO_FD __attribute__((cleanup(fd_close))) int

/* Write all of it, across EINTR and short writes. 0 or -1 with errno. */
int fd_write(int fd, const void *data, size_t len);

/* Read until `len` bytes or end of file. Bytes read or -1 with errno. */
ssize_t fd_read(int fd, void *data, size_t len);

/* The same from offset `at`, leaving the file's own alone. */
ssize_t fd_read_at(int fd, void *data, size_t len, uint64_t at);

/* Append the rest of `fd` to `out`; its ceiling counts as failure. 0 or -1. */
int fd_slurp(int fd, struct buf *out, struct err *e);

/* Let it have as many as it may, and no more than `most`. */
void fd_raise_limit(unsigned most);

/* Could this process open `n` more (up to 8)? `fd` is any that is open. */
bool fd_has_room(int fd, int n);

/* Read a whole file of at most `max` bytes. */
int fd_slurp_file(const char *path, size_t max, struct buf *out, struct err *e);

/* Replace `path` atomically: temporary file beside it, fsync, rename. `mode` is exact (no umask). */
int fd_replace_file(const char *path, const void *data, size_t len, mode_t mode, struct err *e);

/* A sealed read-only memory file with this content, close-on-exec. The descriptor, or -1. */
int fd_sealed(const char *name, const void *data, size_t len, struct err *e);

int fd_nonblock(int fd, int on);
int fd_cloexec(int fd, int on);

/* Close every descriptor >= lowest (close_range(2), else /proc/self/fd). */
void fd_close_from(int lowest);
