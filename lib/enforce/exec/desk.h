/* desk - the listeners of a session on a loop: serve what comes, notice when a command's last process is
 * gone. */
#pragma once

#include "base/err.h"
#include "enforce/exec/serve.h"
#include "loop/loop.h"

struct desk;

/* A command is over: no process of it is left. `status` as waitpid(2) gives it for its first process, -1 =
 * not known. */
typedef void desk_gone(void *arg, uint32_t number, const char *id, int status, int64_t end_ns);

/* A child of ours or a traced task ended. */
typedef void desk_ended(void *arg, pid_t pid, int status);

struct desk *desk_new(struct loop *l, struct governor *g, desk_gone *gone, void *arg, struct err *e);
void desk_free(struct desk *d);

/* Commands added from now on are `g`'s; those that are there stay with theirs. */
void desk_govern(struct desk *d, struct governor *g);
/* Is one of them this governor's? */
bool desk_has(const struct desk *d, const struct governor *g);

/* Serve `c->listener`, which becomes the desk's, as do the other members (copied). 0 or -1 (listener closed).
 * On weaker rungs who waits at the door is told. */
int desk_add(struct desk *d, const struct governed *c, struct err *e);

/* At SIGCHLD, where commands are traced: serve those that have stopped. Takes the end of all children;
 * `ended` (or NULL) is told of it, with desk_new's `arg`. */
void desk_children(struct desk *d, desk_ended *ended);

size_t desk_count(const struct desk *d);
