/* dents - getdents64(2): a directory as the kernel lists it. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct dent {
	uint64_t ino;
	int64_t next; /* where the one after it begins: for lseek(2) */
	uint16_t len; /* of this record */
	uint8_t type; /* DT_… */
	char name[];
};

/* Whole records into `out`, aligned as they are. Their length, 0 at the end, -1 with errno. */
ssize_t dents_read(int fd, void *out, size_t size);
