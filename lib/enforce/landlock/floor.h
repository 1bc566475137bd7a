/* floor - what a session may not change or read, by Landlock: what no policy can open (the product itself,
 * root's ways into the kernel), and what the policy's file rules do not allow.
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
 *
 * File rules (struct floor_rules) close in the same way: a right is granted for
 * a tree when the policy plainly allows what it stands for to everything in it;
 * where the answer differs from file to file, the entries are granted one by
 * one. That is bounded, since every rule costs each command; what then stays
 * granted although the policy denies some of it, and what Landlock cannot
 * express (patterns that hold at any depth, /proc/self) makes the right
 * inexact: something else must hold it, the supervisor.
 */
#pragma once

#include "base/err.h"

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

enum { FLOOR_CLOSED = 64, FLOOR_WAYS = CONFIG_FILES ? 160 : 40 };

/* Something closed: a file or a tree. */
struct floor_item {
	const char *path; /* need not exist, nor be absolute: it is not closed then; links are followed */
	bool secret;      /* nor read */
};

struct policy;

struct floor_rules {
	const struct policy *policy;
	const char *workspace;     /* which is called /workspace, too */
	const char *const *stores; /* where deleted files are kept: closed */
	size_t n_stores;
	/* A view is mounted there, which holds the rules for what is below: all is granted. Landlock marks
	 * what the view shows, not what it covers. NULL: none. */
	const char *shown;
	bool baseline; /* of decide/access.h */
	bool judged;   /* each call is judged, too: what comes later must work */
	bool roomy; /* nothing else holds the rules, and nobody asked: where files may be made all is granted
	             */
	const char *const *read, *const *write; /* landlock.allow_read and allow_write, links resolved */
	size_t n_read, n_write;

	/* Programs are started from these trees only; n_execute 0: from anywhere. What is not there counts
	 * for nothing. */
	const char *const *execute;
	size_t n_execute;

	unsigned ports;             /* LANDLOCK_BIND, LANDLOCK_CONNECT: refused */
	const uint16_t *bind_ports; /* but to these */
	size_t n_bind_ports;
	bool sockets;  /* get no names but by the supervisor (enforce/files): granted nowhere */
	bool abstract; /* abstract sockets of others cannot be reached */
};

struct floor_options {
	const struct floor_item *items;
	size_t n;
	const char *const *open; /* directories where sessions make files; what lies in one
	                            of them cannot be closed and is named in `missing` */
	size_t n_open;
	uid_t uid;    /* of the session */
	bool signals; /* keep signals inside, too */
	bool ports;   /* TCP connections are made to these ports only, at any address (ABI 4) */
	const uint16_t *connect_ports;
	size_t n_connect_ports;
	const struct floor_rules *rules; /* NULL: file rules are not enforced here */
};

/* A directory on the way to something closed, as it was; or (changed: 0) one that rights lie on. */
struct floor_way {
	dev_t dev;
	ino_t ino;
	struct timespec changed;
	char *path;
};

struct floor_grant {
	char *path; /* a file, or a directory with all that is below */
	uint64_t rights;
};

/* Rights that come together. WRITE is also truncating and making names. */
enum { FLOOR_READ = 1, FLOOR_WRITE = 2, FLOOR_REMOVE = 4 };

struct floor {
	int ruleset;       /* owned */
	int mounts;        /* owned: tells when the mount table changes */
	char missing[256]; /* what could not be closed, with reasons; "" = all is */
	struct floor_way ways[FLOOR_WAYS];
	size_t n_ways;
	uint32_t held;              /* FLOOR_…: file rules are enforced for these … */
	uint32_t inexact;           /* … but for these more is granted than they allow */
	struct floor_grant *grants; /* of file rules; see floor_grants() */
	size_t n_grants;
	bool incomplete; /* there was not enough of something to grant all: stale from the start */
};

enum { FLOOR_PORTS = 4 }; /* the ABI that knows ports */

/* Make the ruleset. Where this kernel has no Landlock: -1. One that is too old for this: an open one, and
 * `missing`. */
int floor_make(struct floor *f, const struct floor_options *o, struct err *e);

/* Is the workspace, or a tree of programs, no longer the directory it was? What the session may do there, it
 * may not with a new ruleset only. Cheaper than: */
bool floor_is_replaced(const struct floor *f);

/* Has something changed that a new ruleset would take in? */
bool floor_is_stale(const struct floor *f);

/* Are these rights (LANDLOCK_…) granted for the file? Links are not followed. What the policy allows but is
 * not granted (it came after the ruleset was made) can only be done on the session's behalf. */
bool floor_grants(const struct floor *f, const char *path, uint64_t rights);

void floor_release(struct floor *f); /* harmless when repeated */
