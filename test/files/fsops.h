/* fsops - the same random sequence of file operations, wherever and under whatever it runs.
 *
 * Operation N of seed S is always the same call with the same arguments, whatever the ones before gave: so
 * two logs can be compared line by line, and the first line that differs names the call that does. A line
 * holds the call, how its path was spelled ("@" for the directory it runs in), its result or errno, and what
 * it read.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { SLOTS = 12, LINE = 12000, SIZE_MAX_FILE = 300000 };

struct op {
	uint64_t rng;
	bool dir;   /* the call is about directories: names for them are likelier */
	bool moves; /* the call makes or takes names: not those that /proc makes up */
	size_t len;
	char line[LINE];
};

/* Who makes a call: each has its own idea of directory, umask and thread id. */
enum actor { ACTOR_MAIN, ACTOR_THREAD, ACTOR_OWN_FS, ACTOR_CHILD };

struct world {
	char top[512];   /* what is compared: everything below */
	char base[600];  /* where it starts, some directories below, so that ".." stays inside */
	int slot[SLOTS]; /* descriptors, -1 where there is none */
	int watch;       /* inotify */
	char *mapped;    /* a page of a file in the tree: paths are put there, too */
	char *edge;      /* the end of a page after which nothing is mapped */
	bool no_watch, no_limits, view;
};
extern struct world world;

/* A path as a call gets it. */
struct spelling {
	int dirfd;
	const char *path;
	char text[4400];
};

/* ---- numbers and words (fsops.c) ---- */
uint32_t pick(struct op *, uint32_t n); /* 0 .. n-1 */
bool chance(struct op *, uint32_t percent);
void say(struct op *, const char *format, ...) __attribute__((format(printf, 2, 3)));
void say_bytes(struct op *, const char *bytes,
               size_t n); /* escaped; long runs are shortened; "@" for the top */
void say_place(struct op *, const char *path, size_t n); /* but not whose process it is */
long got(struct op *, long result);                      /* says it, or errno; and returns it */
uint64_t hash_of(const void *, size_t n, uint64_t hash);

/* ---- names (names.c) ---- */
void spell(struct op *, struct spelling *, bool may_be_relative_to_fd);
int any_slot(struct op *);           /* an index, rather one that is open */
void put_slot(struct op *, long fd); /* closes what was there */
const char *link_text(struct op *, char text[static 4400]);

/* ---- the operations ---- */
struct deed {
	void (*run)(struct op *);
	unsigned weight;
	bool shared; /* changes this process's own state: never in a child */
};
extern const struct deed deeds_open[], deeds_data[], deeds_tree[], deeds_attr[]; /* end with weight 0 */

/* ---- the tree (dump.c) ---- */
void dump_tree(struct op *); /* one line an object, sorted */
void wipe_tree(void);
