/* try - whether file rules hold for a governed process; for detect. */
#pragma once

/* What could not be read: a whole tree; a name that is closed in any directory, which Landlock cannot
 * express. */
enum { TRY_TREE = 1, TRY_NAME = 2 };

/* Run a script by "agentsh run" within so many milliseconds; what it needs is made in `dir` and taken away
 * again. What was refused while an allowed file beside it could be read; 0 = nothing. */
int try_files(const char *dir, int ms);
