/* store - kept versions of files: DIR/payload/TOKEN and what is known about each in DIR/manifest/TOKEN.json.
 *
 * The layout is that of existing stores. A token is the time of keeping in
 * nanoseconds since 1970. An entry exists when both of its parts do; the
 * manifest comes first and goes last, so that a process that is killed at any
 * point loses no version: what is left of half an entry is a manifest without
 * a payload, which purge removes, or a temporary name that begins with a dot.
 *
 * Who can write the store can forge entries. A store is trusted when it
 * belongs to root or, for other users, to the caller, and nobody else can
 * write it; from any other, versions are restored only below the directory the
 * store lies in, and with the owner and mode that the kept file itself has.
 */
#pragma once

#include "journal/manifest.h"

#include <limits.h>

struct journal {
	int dir, payload, manifest; /* owned */
	bool trusted;
	char path[PATH_MAX]; /* of the store, links resolved */
};

/* Open the store; with `create`, make it (mode 0700, with a .gitignore). -1 with e->code ENOENT when there is
 * none. */
int journal_open(struct journal *j, const char *path, bool create, struct err *e);
/* The same from the directory `at`. What was made must be trusted, and no link. */
int journal_make(struct journal *j, int at, const char *path, struct err *e);
void journal_close(struct journal *j); /* harmless when repeated */

/* There may be a million. */
struct journal_item {
	int64_t token, created_ns;
	uint64_t size;
	const struct journal_group *of; /* what neighbours have in common */
	const char *name;               /* last component of the path */
	char kind;                      /* of struct journal_entry */
};

struct journal_list {
	struct arena a;
	struct journal_item *items; /* oldest first */
	size_t n, room;
	const struct journal_group *last;
	struct buf path; /* of the last that was asked for */
	size_t n_bad;    /* manifests that could not be read … */
	char first[320]; /* … and why, for the first */
};

/* All entries, or those of one session. 0 or -1. The list is to be released in either case. */
int journal_list(const struct journal *j, const char *session, struct journal_list *out, struct err *e);
void journal_list_release(struct journal_list *l);

/* One of them: token, kind, path, session, command, store, size and times of keeping. Its strings are good
 * until the next is asked for. False: out of memory. */
bool journal_list_at(struct journal_list *l, size_t i, struct journal_entry *out);

/* One entry, in the arena. -1 with e->code ENOENT when there is none. */
int journal_find(const struct journal *j, struct arena *a, const char *token, struct journal_entry *out,
                 struct err *e);

struct journal_about {
	const char *path; /* absolute: where it is */
	const char *session, *command;
	uint64_t hash_up_to; /* take the hash of files up to this size in bytes */
};

/* Move `name` of `dirfd` into the store: a file of any kind, or a whole tree. It is gone from there then, or
 * the call fails and it is unharmed. out's strings are those of `about`. */
int journal_keep(struct journal *j, int dirfd, const char *name, const struct journal_about *about,
                 struct journal_entry *out, struct err *e);

/* Remove an entry and its version for good. */
int journal_drop(const struct journal *j, const char *token, struct err *e);

struct journal_limits {
	const char *session; /* only its entries; NULL = all */
	int64_t ttl_ns;      /* drop what was kept longer ago; < 0 = no such limit */
	int64_t quota;       /* then the oldest, until so many bytes are left; < 0 = no such limit */
	int max;             /* not more than so many at once; 0 = no such limit */
	int64_t *oldest;     /* NULL, or when the oldest that is left was kept, 0: none is */
};

/* With a session and no limit, all of the session. How many were dropped, or -1. */
int journal_purge(struct journal *j, const struct journal_limits *limits, struct err *e);

/* Write up to `max` manifests that writers of lines (record.h) left unwritten when they ended. */
void journal_settle_ended(const struct journal *j, uint64_t hash_up_to, int max);

/* A directory that something else is mounted over, which shows it (enforce/fuse/view.h). */
struct journal_under {
	const char *top; /* absolute: where */
	int dir;         /* the directory itself: what is in it is reached by this */
	/* What is there is about to be changed; the path begins below `top`. -1: it must not be. */
	int (*tell)(void *arg, const char *below, struct err *e);
	void *arg;
};

enum { JOURNAL_PATH = 1 << 16 };

struct journal_restore {
	const char *to;                    /* absolute path, NULL = where it was */
	bool force;                        /* replace a file that is there (never a directory) */
	const struct journal_under *under; /* or NULL */
};

/* Put a version back and forget the entry. `to` (JOURNAL_PATH) is where: trees may be deeper than paths go.
 * No component of the way may be a symbolic link. */
int journal_put_back(struct journal *j, const char *token, const struct journal_restore *how, char *to,
                     struct err *e);
