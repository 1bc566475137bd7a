/* cases - a table of questions with the answers a policy must give.
 *
 *	# comment
 *	set HOME /home/user             variables; any `set` turns expansion on
 *	set PROJECT_ROOT /home/user     also the directory that is /workspace
 *	approvals on                    somebody can be asked
 *	exec rm -rf "a b" -> deny block-rm-recursive
 *	exec@1 curl -> approve approve-network-tools-nested     exec at depth 1
 *	read /etc/passwd -> allow allow-etc-read
 *	env LC_ALL -> allow allow LC_*
 *
 * `OP OBJECT [ARGS] -> EFFECT RULE`: EFFECT is the rule's own decision, RULE its
 * name. Words are split at blanks; double quotes join, \ escapes. Operations
 * are those of ask.h. `set` and `approvals` stand before the first question.
 */
#pragma once

#include "base/err.h"
#include "decide/decide.h"

#include <stddef.h>

struct case_result {
	int line;
	const char *text; /* the line */
	bool good;
	const char *why; /* what was decided instead, or what is wrong with the line; "" when good */
};

typedef void case_fn(void *arg, const struct case_result *result);

/* Load the policy as the table wants it and call `fn` for each question. The number of answers that were not
 * as expected (0 = all good), or -1 when the policy does not load or the table cannot be read. */
int decide_cases(const char *cases, size_t cases_len, const char *policy, size_t policy_len,
                 const char *policy_name, case_fn *fn, void *arg, struct err *e);
