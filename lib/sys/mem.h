/* mem - read another task's memory: process_vm_readv(2), else /proc/PID/mem. */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Write where the task itself may, by process_vm_writev(2): what a call that is done for it gives back. Bytes
 * written, or -1 with errno. */
ssize_t mem_write(pid_t pid, uint64_t addr, const void *from, size_t len);

struct mem_limits {
	size_t path_bytes, argv_bytes, argv_items;
};

/* Read up to `len` bytes; stops at the first unreadable page. Bytes read, or -1 with errno when none. */
ssize_t mem_read(pid_t pid, uint64_t addr, void *to, size_t len);

/* Append the NUL-terminated string at `addr` (with its NUL) to `out`. Length without NUL; -1 with errno:
 * EFAULT unreadable, E2BIG longer than `max`, ENOMEM. */
ssize_t mem_string(pid_t pid, uint64_t addr, size_t max, struct buf *out);

/* Read a NULL-terminated vector of strings (argv, envp) into `out`, one after the other, each with its NUL.
 * *count is their number. Total bytes or -1: EFAULT, E2BIG over max_bytes or max_items, ENOMEM. A NULL vector
 * is empty. */
ssize_t mem_vector(pid_t pid, uint64_t addr, size_t max_bytes, size_t max_items, struct buf *out,
                   size_t *count);

/* What an exec passes: the path and the vector, with the same limits and errors as above, in as few calls as
 * it takes (two for the usual ones). */
int mem_exec(pid_t pid, uint64_t path, uint64_t argv, const struct mem_limits *limits, struct buf *path_out,
             struct buf *argv_out, size_t *argc);
