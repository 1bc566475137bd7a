/* trace - the supervisor as tracer, where no listener can be had: the same judges, asked at the stops of
 * ptrace(2).
 *
 * Differences that show: every signal of a session passes through us; a new
 * image is judged again before its first instruction; when we die, all that
 * is traced is killed (with a listener it goes on, but may start nothing).
 */
#pragma once

#include "base/err.h"
#include "enforce/exec/desk.h"
#include "enforce/exec/serve.h"

struct tracer;

struct tracer *tracer_new(struct governor *g, desk_gone *gone, void *arg, struct err *e);
void tracer_free(struct tracer *t);

/* Attach to `c->entry`, which waits for it. 0 or -1. */
int tracer_add(struct tracer *t, const struct governed *c, struct err *e);

/* Serve all that has stopped; at each SIGCHLD. `ended` (may be NULL) is told of every child and task that is
 * gone. */
void tracer_serve(struct tracer *t, desk_ended *ended);
