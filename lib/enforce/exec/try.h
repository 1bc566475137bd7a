/* try - what a governed command shows of how it is held; for detect. */
#pragma once

#include "sys/probe.h"

/* Of what it could see: no new privileges, a filter, nothing of a process outside, a tracer; and was a
 * program below it judged? */
enum { TRY_ENDED = 64, TRY_NO_NEW_PRIVS = 1, TRY_FILTER = 2, TRY_FLOOR = 4, TRY_TRACED = 8, TRY_BELOW = 16 };

/* Run a script that is allowed, and one that is denied, by "agentsh run" within so many milliseconds each;
 * they are made in `dir` and taken away again. What the first showed, and TRY_ENDED; 0, with a detail in
 * `out`, when they did not end as they should. */
int try_exec(const char *dir, int ms, struct probe *out);
