/* Private to journal: an undoing on its way. */
#pragma once

#include "journal/past.h"

#include <sys/stat.h>

struct undoing {
	struct past past;
	const struct undo_request *request;
	struct undo_result *result;
	undo_fn *fn;
	void *arg;
	struct journal_log *log; /* where it is recorded; NULL in a dry run */
	char id[40];
	int root;          /* "/" */
	struct map left;   /* paths that were left as they are: what is older of them stays, too */
	struct map dirs;   /* directories by device and inode: whether nobody else changed them */
	struct map own;    /* files that this undoing changed: device and inode */
	struct map reborn; /* number of a file as its acts know it: what it has since it was restored */
	const struct past_act *act; /* the one at hand */
	const struct journal_line *line;
	int dir; /* owned: of its path; -1 */
	char name[NAME_MAX + 1];
	int64_t above_ns; /* its time, before anything is undone there */
	struct stat st;   /* of what is there; st_mode 0: nothing */
	ino_t born;       /* of what comes back */
	bool follows;     /* in a dry run: another, untold yet, comes before it, so that what is there says
	                     nothing */
	bool quiet;       /* there is nothing to do and nothing to say */
	struct err e;
};

int64_t undo_ns(struct timespec t);

/* What is there was changed by this undoing, if by anybody since the command. */
void undo_take(struct undoing *u, const struct stat *st);

/* Has nobody else changed what is there? A directory changes with what is in it, which is looked at for
 * itself. */
bool undo_is_own(const struct undoing *u);

/* Is it the object of the act, though perhaps restored? */
bool undo_is_object(const struct undoing *u, const struct stat *st);
void undo_remember(struct undoing *u, const struct past_act *act, ino_t ino);

/* Did nobody else change the directory? Asked before it is changed here for the first time; `spoilt`: it is
 * not as it was before the command, whoever changed it. */
bool undo_own_directory(struct undoing *u, int dir, bool spoilt);

/* The same for what `name` is, if it is a directory; `made`: just now, here. */
void undo_know_directory(struct undoing *u, int dirfd, const char *name, bool made);

/* It was made like the one that was there: whoever had changed it, it is as it was. */
void undo_made_directory(struct undoing *u, const struct stat *st);
