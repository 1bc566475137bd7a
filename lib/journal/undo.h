/* undo - put back what a command did, from the lines and versions of a store (record.h).
 *
 * The acts are replayed backwards, newest first: what was deleted comes back with everything it had, what was
 * made goes into the store, what was renamed gets its old name, what was written to its old content; at last
 * the directories get their old times. All of it is recorded as the acts of a command of its own, so that to
 * redo is to undo the undoing, and nothing is ever destroyed.
 *
 * A path is walked from "/" by descriptor and no link on it is followed. What somebody else changed since is
 * left as it is and reported, unless it is forced. From a store that others can write nothing is undone.
 */
#pragma once

#include "journal/record.h"
#include "journal/store.h"

#include <stdbool.h>
#include <stddef.h>

enum undo_outcome {
	UNDO_DONE,
	UNDO_CONFLICT, /* left: somebody else changed it since */
	UNDO_FAILED    /* left: no version of it is kept any more, or the system refused */
};

struct undo_request {
	const char *command;      /* its id; NULL = the last that can be */
	const char *session;      /* only of this one; NULL = of any */
	const char *const *paths; /* absolute, clean: only these and what is below them */
	size_t n_paths;
	bool redo;  /* `command` was undone: undo that */
	bool force; /* also what was changed since */
	bool dry_run;
	/* Why this may not be undone at this path by who asks, or NULL; itself NULL: whatever was done may be
	 * undone. What it gives back is good until the next call. */
	const char *(*refuse)(void *arg, const char *path, enum journal_kind done);
	void *refuse_arg;
	bool look;                         /* journal_changes() sets it: also what was undone */
	const struct journal_under *under; /* or NULL */
};

/* What became of one act. `verb` is one of restore, remove, rename, attributes; `why` is "" when done. */
typedef void undo_fn(void *arg, enum undo_outcome outcome, const char *verb, const char *path,
                     const char *why);

struct undo_result {
	char command[160]; /* what was undone */
	size_t n_done, n_conflicts, n_failed;
};

/* 0, also with conflicts; -1: nothing can be undone, e->code ENOENT where there is no such command. */
int journal_undo(const struct journal *j, const struct undo_request *request, undo_fn *fn, void *arg,
                 struct undo_result *result, struct err *e);

/* One file that a command changed. */
struct undo_change {
	char kind;             /* of the act, LINE_ACTS */
	const char *path, *to; /* absolute; to: the new name, "" when there is none */
	int version; /* descriptor of what it held before, or -1: nothing, or nothing that is a file */
	const char *version_of; /* why there is none: "" or in words */
};

/* "deleted", "renamed" … */
const char *undo_word(char kind);

typedef int undo_change_fn(void *arg, const struct undo_change *c, struct err *e);

/* What a command did, oldest first. `command` NULL = the last. */
int journal_changes(const struct journal *j, const struct undo_request *request, undo_change_fn *fn,
                    void *arg, struct err *e);
