/* Private to journal: the acts of a command, collected from the lines. */
#pragma once

#include "base/map.h"
#include "journal/index.h"
#include "journal/record.h"
#include "journal/undo.h"

#include <limits.h>

/* A command, or an undoing, as its lines tell. */
struct past_command {
	const char *id, *session;
	const char *target; /* of an undoing: the command; else NULL */
	struct past_command *next;
	int64_t last_at, ended_at; /* of the last act; 0 = not known to have ended */
	size_t n_acts;
	const struct past_command
	        *by; /* the last that undid all of it; that may be undone itself, and so on */
	bool whole;  /* the undoing came to its end, and was of everything */
	bool undone;
};

struct past_act {
	struct journal_line line;
	const struct journal *store;
	size_t store_at;
	const char *other; /* a later command that touched the path, or NULL */
	uint64_t reborn;   /* it was undone before: the file has that number since; or 0 */
	bool is_done;      /* it was undone before */
	bool is_void;
};

struct past {
	struct arena a;
	struct index index;
	struct map commands; /* by id */
	struct map paths;    /* of the acts: the newest of each */
	struct past_command *all;
	struct past_command *of;          /* the one to be undone */
	const struct past_command *begun; /* the undoing of it that was not brought to an end, or NULL */
	int64_t newest;                   /* the newest act of that, when it may be half done; or 0 */
	int64_t end;           /* what changed later was changed by somebody else; INT64_MAX: not known */
	struct past_act *acts; /* owned; oldest first */
	size_t n, room;
};

int past_make(struct past *p, const struct journal *j, const struct undo_request *request, struct err *e);
void past_release(struct past *p);

/* Does the request ask for it? */
bool past_wants(const struct undo_request *request, const struct journal_line *l);
