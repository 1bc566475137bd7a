/* floor - what a session may not change or read, whatever its policy says: the product itself, and root's
 * ways into the kernel.
 *
 * Landlock grants; it cannot take back. So nothing is granted from the root
 * down: from every directory on the way to something closed, each other entry
 * is granted by itself, as it is when the ruleset is made. In those
 * directories themselves (/, /etc, /var/lib ...) sessions can therefore not
 * make, remove or rename names, and what others make there later is closed
 * to processes that run already: the next command sees it (floor_is_stale()).
 * What a mount shows of something closed under another name is closed there,
 * too, and so are the kernel's own file systems wherever they are mounted.
 * /sys, and for root /proc, cannot be written (a process that enters can write
 * its own /proc/self: launch.c); of /dev only harmless devices can be opened.
 */
#pragma once

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <time.h>

enum { FLOOR_CLOSED = 64, FLOOR_WAYS = 40 };

/* Something closed: a file or a tree. */
struct floor_item {
	const char *path; /* need not exist, nor be absolute: it is not closed then; links are followed */
	bool secret;      /* nor read */
};

struct floor_options {
	const struct floor_item *items;
	size_t n;
	const char *const *open; /* directories where sessions make files; what lies in one
	                            of them cannot be closed and is named in `missing` */
	size_t n_open;
	uid_t uid;    /* of the session */
	bool signals; /* keep signals inside, too */
};

/* A directory on the way to something closed, as it was. */
struct floor_way {
	dev_t dev;
	ino_t ino;
	struct timespec changed;
	char *path;
};

struct floor {
	int ruleset;       /* owned */
	int mounts;        /* owned: tells when the mount table changes */
	char missing[256]; /* what could not be closed, with reasons; "" = all is */
	struct floor_way ways[FLOOR_WAYS];
	size_t n_ways;
};

/* Make the ruleset. Where this kernel has no Landlock: -1. One that is too old for this: an open one, and
 * `missing`. */
int floor_make(struct floor *f, const struct floor_options *o, struct err *e);

/* Has something changed that a new ruleset would take in? */
bool floor_is_stale(const struct floor *f);

void floor_release(struct floor *f); /* harmless when repeated */
