/* try - what a governed process can tell of its limits; for detect. */
#pragma once

enum { TRY_SAID = 64, TRY_REFUSED = 1, TRY_V1 = 2, TRY_V2 = 4 };

/* In the governed process: TRY_SAID, and could it not make more processes than it may, and in which kind of
 * groups is it? */
int try_limits(void);

/* Run "agentsh run … agentsh detect limits", which does that, within so many milliseconds; a policy for it is
 * made in `dir` and taken away again. What it said, 0 = nothing. */
int try_limited(const char *dir, int ms);
