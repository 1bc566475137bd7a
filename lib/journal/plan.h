/* Private to journal: the acts of a command, collected from the lines. */
#pragma once

#include "base/map.h"
#include "journal/index.h"
#include "journal/record.h"
#include "journal/undo.h"

#include <limits.h>

/* A command, or an undoing, as its lines tell. */
struct plan_command {
	const char *id, *session;
	const char *target; /* of an undoing: the command; else NULL */
	struct plan_command *next;
	int64_t last_at, ended_at; /* of the last act; 0 = not known to have ended */
	size_t n_acts;
	bool whole;  /* the undoing came to its end, and was of everything */
	bool undone; /* and that was not undone */
};

struct plan_act {
	struct journal_line line;
	const struct journal *store;
	size_t store_at;
	const char *other; /* a later command that touched the path, or NULL */
	bool is_void;
};

struct plan {
	struct arena a;
	struct index index;
	struct map commands; /* by id */
	struct map paths;    /* of the acts: the newest act (+ 1) of each */
	struct plan_command *all;
	struct plan_command *of; /* the one to be undone */
	int64_t end;             /* what changed later was changed by somebody else; INT64_MAX: not known */
	struct plan_act *acts;   /* owned; oldest first */
	size_t n, room;
};

int plan_make(struct plan *p, const struct journal *j, const struct undo_request *request, struct err *e);
void plan_release(struct plan *p);

/* Does the request ask for it? */
bool plan_wants(const struct undo_request *request, const struct journal_line *l);
