/* try - whether network rules hold for a governed process; for detect. */
#pragma once

#include <stdbool.h>

/* In the governed process: connect to these ports of 127.0.0.1. What it came to, as an exit code. */
int try_connections(const char *allowed, const char *denied);

/* Listen at two ports and run "agentsh run … agentsh detect connections", which does that, within so many
 * milliseconds; a policy for it is made in `dir` and taken away again. Did the allowed one arrive, and was
 * the other refused, and did not? */
bool try_net(const char *dir, int ms);
