/* line - one line of a journal: an act before it happens, or a remark about others.
 *
 * Fields between tabs, bytes as they are but for "\t", "\n" and "\\": names of files need be no text. Times
 * are nanoseconds since 1970; the one of the act is its token, too. A line without its end was never written.
 */
#pragma once

#include "journal/manifest.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { LINE_NOT_KEPT = -1, LINE_PATH_MAX = 1 << 16, LINE_XATTRS_MAX = 1 << 20 };

/* Remarks. Acts have the letters LINE_ACTS, by enum journal_kind. */
#define LINE_ACTS   "DROTWACMYLNX"
#define LINE_BEGIN  'b' /* command: the session; path: the home */
#define LINE_STORE  's' /* `store` stands for the store `path` from here on */
#define LINE_VOID   'v' /* the act `at` did not happen */
#define LINE_ENDED  'e' /* the command is over */
#define LINE_UNDONE 'u' /* the acts of `command` undo those of the command `path`; to_path: how far */
#define LINE_DONE   'd' /* there was nothing to undo of the act `of` */

#define LINE_PART   "part"  /* not all, or not yet */
#define LINE_WHOLE  "whole" /* all of them */

struct journal_line {
	char kind;
	int64_t at;
	const char *command, *path, *to_path; /* never NULL when read */
	int store; /* that holds the version; LINE_NOT_KEPT: too large for a copy */
	/* The object before the act; 0 where there was none. */
	mode_t mode; /* with the type */
	uid_t uid;
	gid_t gid;
	uint64_t ino, size, held; /* held: bytes on the disk, at most size */
	int64_t mtime_ns, atime_ns;
	int64_t above_ns, to_above_ns; /* mtime of the directory of path, and of to_path, before the act */
	int64_t of;                    /* of an undoing: the act that it undoes; else 0 */
	uint64_t reborn;               /* and the number that the restored file has; 0 = as it had */
	const struct journal_xattr *xattrs;
};

/* Append it with its end. */
void line_write(const struct journal_line *l, struct buf *out);

/* Read one line (without its end), which is changed and must be followed by a byte that may be, too; its
 * strings point into it, attributes lie in the arena. Nothing is trusted but to have the right form. */
bool line_read(char *text, size_t len, struct arena *a, struct journal_line *out);

/* The name of an act's version, and of the act. */
void line_token(int64_t at, char out[JOURNAL_TOKEN]);

/* Is it an act, and does it leave a version in payload/? */
bool line_is_act(char kind);
bool line_keeps(char kind);
