/* gate - the server's unix socket: processes ask to be governed, and are told how to enter or why not.
 *
 * Who asks is known from the kernel (SO_PEERCRED and the session tag), never
 * from what is said. Answers leave after the batch's log lines are written.
 */
#pragma once

#include "base/err.h"
#include "session/core.h"

#include <stdbool.h>

struct command;

/* Find out what this host can do, refuse when that is less than the configuration demands, set core->gate,
 * core->found and the hooks gate_ready, worker_start, worker_stop and kill. */
int gate_open(struct core *core, struct err *e);
void gate_close(struct core *core);

/* The last process of a command is gone; `status` as waitpid(2), -1 = not known. Logs and finishes it. */
void gate_command_done(struct core *core, struct command *c, int status, int64_t end_ns);
