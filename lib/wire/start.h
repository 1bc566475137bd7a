/* start - bring up a server that is not running. */
#pragma once

#include "base/err.h"

/* Start `agentsh server` detached: own session, no descriptors of ours, a fixed environment (no variable of
 * the caller reaches it), and wait until it listens, at most `limit_ms`. `config` = path for --config, NULL =
 * as installed. 0 when it listens, -1 with the reason; e->code EBUSY:
 * another one runs (or is about to), ETIMEDOUT: it may still come. */
int start_server(const char *config, int limit_ms, struct err *e);
