/* identity - programs that rules restrict, known by more than their names.
 *
 * At the start of a session the usual folders of programs are looked through for files whose names some rule
 * restricts, and for programs that run others inside themselves (dynamic loaders, BusyBox). A file that is
 * about to run is one of them when it is the same file (another name, a hard link) or has the same content (a
 * copy, a memory file). For files of other sizes that is known without a system call.
 *
 * Whoever changes a byte has made another program: this holds against names, not against programmers.
 */
#pragma once

#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

struct identity;

/* NULL when out of memory. The policy must outlive it. */
struct identity *identity_new(const struct policy *p);
void identity_free(struct identity *t);

/* Look again, where folders have changed. What was known stays known: its copies may live on. True: something
 * is new. To be called when there is time. */
bool identity_refresh(struct identity *t);

enum identity_how {
	IDENTITY_FILE = 1,   /* the same file */
	IDENTITY_CONTENT,    /* another with the same bytes */
	IDENTITY_UNREADABLE, /* one of the same size that cannot be read: nothing can be ruled out */
	IDENTITY_GONE        /* one of the same size and beginning as a file that is no longer there */
};

struct identity_found {
	uint16_t program; /* 0 = none */
	uint8_t how;
	bool unsettled; /* the file changed a moment ago, perhaps again since: not to be remembered */
};

/* `fd` leads to the file whose state is `st` (O_PATH does). */
struct identity_found identity_find(struct identity *t, int fd, const struct stat *st);

/* The names under which such a program is to be judged when it is called with this argv[0]. */
enum { IDENTITY_NAMES = 16 };
struct identity_names {
	const char *path[IDENTITY_NAMES]; /* owned by the table */
	size_t n;
	const char *place;  /* where the program itself lies */
	const char *opaque; /* its name as a program that runs others inside itself, or NULL */
	bool by_argv;       /* it would have had others with another argv[0] */
};
void identity_names(const struct identity *t, unsigned program, const char *argv0,
                    struct identity_names *out);

/* SHA-256 of its content, NULL when it was never asked for. */
const uint8_t *identity_sha256(const struct identity *t, unsigned program);
