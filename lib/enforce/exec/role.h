/* role - what our own processes give up once they have started, so that whoever takes one over gets little.
 *
 * Three things, for good: capabilities by a table (role.c), no_new_privs, and a seccomp filter.
 *   ROLE_SERVER     keeps its own few capabilities in force, hands on what sessions of root may have; its
 *                   filter refuses what nobody below it needs, for all that it starts inherits it
 *   ROLE_SUPERVISE  keeps what looking at the session's processes takes; only the calls of its work are left:
 *                   no programs, processes, sockets or names of files are made. ROLE_TRACE beside it:
 * ptrace(2) ROLE_LOG        beside ROLE_SUPERVISE: it writes the log as well ROLE_READ       reads files,
 * writes to what is open None but ROLE_READ has a Landlock domain: in one, no process outside of it can be
 * looked at.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

enum { ROLE_SERVER = 1, ROLE_SUPERVISE = 2, ROLE_TRACE = 4, ROLE_LOG = 8, ROLE_READ = 16 };

/* Take on these roles (bits). `others`: of ROLE_SERVER, capabilities to be handed on beside CAPS_SESSION.
 * What is started must have been, and what must be opened must be open, but of what the role is for. 0, or -1
 * with nobody to trust this process with its work. */
int role_enter(unsigned roles, uint64_t others, struct err *e);
