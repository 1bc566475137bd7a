/* record - a session's journal: what its commands do to files, kept so that it can be undone.
 *
 * Every act is a line in a file of this writer's own below the store (acts/, see line.h), written before it
 * happens, and, when it destroys something, a version in payload/, whole before the act or made by it: what
 * is deleted moves there, what is replaced gets a second name there, what is written in place is copied there
 * (blocks shared where the file system can). So whoever is killed at whatever point leaves either no version
 * and an act that has not happened, or the version. Nothing is put right at the next start: readers look at
 * what is there, and a version that is there counts.
 *
 * A version must lie in the file system of its file, or it could not move. The first store (the home, in the
 * workspace) holds the lines; other mounts get stores of their own, at the highest directory of the mount
 * that the caller may write. All of it is done with the caller's ids: what he could not delete is not deleted
 * for him. The session's programs must be kept off every store: journal_below() says which paths those are.
 *
 * One thread. What takes long is bounded: a copy by copy_max, everything else by a few system calls.
 */
#pragma once

#include "journal/manifest.h"
#include "sys/at.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

/* Stores of mounts other than the workspace's: this, a '-' and the user's id. */
#define JOURNAL_STORE      ".agentsh_trash"
#define JOURNAL_STORE_ACTS "acts" /* the directory of lines in it */

enum journal_kind {
	JOURNAL_DELETE,     /* a name of anything but a directory; done by journal_act */
	JOURNAL_RMDIR,      /* an empty directory; done by journal_act */
	JOURNAL_OVERWRITE,  /* what a rename replaces: before the JOURNAL_RENAME of the same act */
	JOURNAL_TRUNCATE,   /* content goes: O_TRUNC, truncate */
	JOURNAL_WRITE,      /* opened for writing: kept once per command and file */
	JOURNAL_ATTRIBUTES, /* mode, owner, times, extended attributes: once per command and file */
	JOURNAL_CREATE,     /* a new file (also of mknod, mkfifo, bind) */
	JOURNAL_MKDIR,
	JOURNAL_SYMLINK,
	JOURNAL_LINK,     /* the new name of a file that is there */
	JOURNAL_RENAME,   /* to a name that is free, or whose holder was kept before */
	JOURNAL_EXCHANGE, /* two names, RENAME_EXCHANGE */
	JOURNAL_KINDS
};

/* `name` may be "" where `dirfd` is the object itself (O_PATH will do): TRUNCATE, WRITE, ATTRIBUTES. A name
 * is never followed when it is a link. */
struct journal_act {
	enum journal_kind kind;
	int dirfd; /* O_PATH will do */
	const char *name;
	const char *path; /* absolute, as resolved */
	int to_dirfd;     /* of RENAME and EXCHANGE: the new name */
	const char *to_name, *to_path;
	const char *command; /* its id, "" when unknown */
	/* What has the name, as it was just seen, or NULL. But for DELETE and RMDIR with its birth. */
	const struct stat *st;
	struct timespec born;
	int64_t of;      /* 0; for undoing (undo.h): the act that is undone, */
	uint64_t reborn; /* and the number of the file that comes back */
	bool flags;      /* of ATTRIBUTES: those of chattr change, too; kept each time */
};

struct journal_log_options {
	int at; /* directory that `store` is relative to, or AT_FDCWD */
	const char *store;
	const char *session;
	uint64_t copy_max; /* bytes that are copied at most, of one file; where blocks are shared there is no
	                      limit */
	uint64_t hash_up_to; /* manifests tell the hash of files up to this size */
	int64_t quota;       /* bytes kept in all; < 0 = no limit */
	int64_t ttl_ns;      /* younger versions are never given up for new ones; < 0 = none ever is */
	/* Lines about what is made wait in memory for the next other line, the end of the command,
	 * journal_write() or journal_settle(): who is killed meanwhile leaves what he made, and nothing else
	 * is lost. */
	bool batch;
	bool strict; /* what is larger than copy_max must not be written to; else the line says "not kept" */
};

struct journal_log;

/* Open the home store, made when missing (mode 0700, with a .gitignore of its own). */
int journal_log_open(struct journal_log **log, const struct journal_log_options *options, struct err *e);
void journal_log_close(struct journal_log *log); /* NULL is harmless */

/* Keep what the act destroys, before it happens. Of DELETE and RMDIR the act itself is done, too, with the
 * errors that unlink and rmdir have. `token` names the act, "" when there is nothing to tell. -1: the act
 * must not happen, and fails with e->code, which is always set (EIO where the store is at fault, ENOSPC when
 * it is full, EFBIG for too large a file under `strict`). */
int journal_act(struct journal_log *log, const struct journal_act *act, char token[JOURNAL_TOKEN],
                struct err *e);

/* Afterwards, for the other kinds: it happened, or it failed, and its line and version are void. Harmless
 * with
 * "", and for DELETE and RMDIR. */
void journal_acted(struct journal_log *log, const char *token, bool happened);

/* What DELETE took away has its name again: no other is replaced. Its line is void. -1:
 * it stays in the store. */
int journal_return(struct journal_log *log, const char *token, int dirfd, const char *name);

/* This file was made by this command just now, and told as JOURNAL_CREATE: what the command does to it needs
 * no version. */
void journal_made(struct journal_log *log, const struct at_facts *made, const char *command);

/* Was it made by this command, as far as is known? */
bool journal_was_made(struct journal_log *log, const struct at_facts *of, const char *command);

/* Is all told that lines about what is made in the directory of `path` need? Then journal_act() asks for
 * nothing there, and `dirfd` may be -1. */
bool journal_knows(const struct journal_log *log, const char *path, const char *command);

/* The command is over: what changes later is somebody else's doing. */
void journal_ended(struct journal_log *log, const char *command);

/* What follows a store's own name in `path` (absolute, clean): "/payload/TOKEN"; "": it is a store; NULL: it
 * lies in none. Of `home` (or NULL) and of every store on other mounts, whoever's: by name alone. To be kept
 * from sessions for every change, also of the directory's own name, by whatever session it was made. */
const char *journal_below(const char *home, const char *path);

/* The home store's path, as the kernel tells it. */
const char *journal_home(const struct journal_log *log);

/* Which path had the version that is called `token`? False: no line in the home tells. */
bool journal_origin(const struct journal_log *log, const char *token, char *out, size_t size);

/* Write the lines that wait. */
void journal_write(struct journal_log *log);

/* Write what waits, and up to `max` manifests of what was deleted (fewer where files are large), for readers
 * that know no lines. To be called when there is nothing else to do. True while there are more. */
bool journal_settle(struct journal_log *log, int max);
