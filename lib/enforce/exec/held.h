/* held - calls that wait until somebody approves them (effect "approve", with approvals enabled).
 *
 * A judge that comes to such a rule asks held_ask(). The call then stays unanswered: nothing else in the
 * session waits for it. The event "approval_requested" tells of it, with an id. serve_approve() brings the
 * answer; what nobody answers in time is refused, and a caller that is gone is forgotten. Either way
 * "approval_resolved" tells.
 *
 * What was approved is one deed of this one call: an operation on a path by a rule, a program with its
 * arguments. The call is judged anew, from the beginning, as its memory and the files are then; where it
 * comes to ask for the same, that is granted. Where it asks for something else, that waits as well.
 */
#pragma once

#include "enforce/exec/call.h"

struct held;

enum { HELD_MAX = 4096, HELD_GRANTS = 4, HELD_TEXT = 16 << 10 };

struct held_question {
	const char *kind; /* "file", "command" */
	const char *target, *operation;
	const struct rule *rule;
	const char *message;
	const char *const *argv; /* of a command; NULL-terminated */
};

/* Was this approved for this call? */
bool held_granted(const struct call *k, const struct held_question *q);

/* True: it waits, and is not to be answered. False: nobody can be asked. */
bool held_ask(const struct call *k, const struct held_question *q);

/* Could a call like this wait? */
bool held_can(const struct call *k);

/* The end of a command, of a governor. */
void held_forget(struct governor *g, const struct governed *c);
