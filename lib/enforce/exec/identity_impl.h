/* Private to identity.c and census.c. */
#pragma once

#include "base/arena.h"
#include "enforce/exec/identity.h"

#include <bearssl.h>

enum { IDENTITY_BUCKETS = 256, IDENTITY_RECENT = 32, IDENTITY_FOLDERS = 12, IDENTITY_HEAD = 1024 };

struct program {
	dev_t dev;
	ino_t ino;
	off_t size;
	struct timespec ctime;
	const char *place;        /* canonical */
	uint8_t *sha256;          /* NULL = not known yet */
	uint64_t head;            /* hash of its beginning */
	uint16_t by_ino, by_size; /* next with the same hash, 0 = none */
	uint16_t first_name;
	bool has_head, multicall;
};

struct program_name {
	const char *path;
	uint16_t next;
	bool own;    /* the file is this program whatever it is called; else it is so by its argv[0] only */
	bool opaque; /* runs others inside itself */
};

/* What was found out about a file that had the size of a program, or its inode. */
struct recent {
	dev_t dev;
	ino_t ino; /* 0 = free */
	off_t size;
	struct timespec ctime;
	struct identity_found found;
};

struct folder {
	dev_t dev;
	ino_t ino;
	struct timespec mtime;
};

struct identity {
	const struct policy *policy;
	struct arena text;
	struct program *programs; /* from 1 */
	struct program_name *names;
	size_t n_programs, n_names, cap_programs, cap_names;
	bool failed;  /* out of memory */
	bool changed; /* some program has, since the last look */
	uint16_t by_ino[IDENTITY_BUCKETS], by_size[IDENTITY_BUCKETS];
	struct recent recent[IDENTITY_RECENT];
	struct folder folders[IDENTITY_FOLDERS];
	size_t n_folders;
};

static inline unsigned identity_bucket(uint64_t n)
{
	return (unsigned)((n * 0x9e3779b97f4a7c15u) >> 56);
}

/* census.c: take in what is new. False when out of memory. */
bool census_take(struct identity *t);
