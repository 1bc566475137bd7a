/* tree - what the supervisor remembers of a session's processes.
 *
 * Two facts, both only ever hints that are checked again: how deep below the
 * agent's own command a process is, and which image it was last allowed to
 * start. The table is bounded; what falls out of it is judged afresh.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct tree;

struct tree *tree_new(void);
void tree_free(struct tree *t);

/* What is expected of a process that may start a program. */
struct tree_expected {
	dev_t dev;
	ino_t ino;
	uint32_t state; /* struct image's */
	uint32_t argv_len;
	char *argv; /* exactly these argument bytes; NULL = arguments did not matter */
};

/* An exec was allowed. Copies `want` with its argv. */
void tree_expect(struct tree *t, pid_t pid, const struct tree_expected *want);

/* Take back what was expected of `pid`; false when nothing was. `argv` is owned by the caller (free(3)) then.
 */
bool tree_expected(struct tree *t, pid_t pid, struct tree_expected *out);

/* The process adopts orphans below it from now on. */
void tree_adopts(struct tree *t, pid_t pid);

/* The depth at which `pid` is about to exec: 0 = typed by the agent. `entry` is the command's first process;
 * while it runs a shell, what that shell starts counts as typed. Reads /proc. Never fails: who has lost its
 * parent, or has one that adopts, could be anything, and is taken for nested deeply. */
enum { TREE_DEEP = 1000 };
int tree_depth(struct tree *t, pid_t pid, pid_t entry, bool entry_is_shell, pid_t *parent);
