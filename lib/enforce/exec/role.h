/* role - what our own processes give up once they have started, so that whoever takes one over gets little.
 *
 * Three things, for good: capabilities by a table (role.c), no_new_privs, and a seccomp filter. Core dumps
 * and being looked at go with them.
 *
 *   ROLE_SERVER     refuses what nobody below needs: all that is started inherits the filter
 *   ROLE_SUPERVISE  looks at processes of a session: starts none, opens no sockets
 *   ROLE_TRACE      beside ROLE_SUPERVISE: ptrace(2)
 *   ROLE_FILES      beside ROLE_SUPERVISE: does with files what a session's calls ask for
 *   ROLE_LOOKS      beside ROLE_FILES: tells a session's calls what files are like
 *   ROLE_VIEW       beside ROLE_FILES: serves a view of a directory
 *   ROLE_NET        beside ROLE_SUPERVISE: connects and sends with a session's sockets
 *   ROLE_PROXY      faces the network: connects and listens, reads what says how names are resolved
 *   ROLE_SPACES     beside ROLE_SERVER: makes network namespaces and sends commands there
 *   ROLE_LOG        beside ROLE_SUPERVISE: writes the log, too
 *   ROLE_READ       reads files, writes to what is open
 *   ROLE_ASK        beside ROLE_READ: asks the server's API, and looks at who answers
 *
 * Only ROLE_READ by itself has a Landlock domain: from within one, no process outside of it can be looked at.
 */
#pragma once

#include "base/err.h"

#include <stdint.h>

enum {
	ROLE_SERVER = 1,
	ROLE_SUPERVISE = 2,
	ROLE_TRACE = 4,
	ROLE_LOG = 8,
	ROLE_READ = 16,
	ROLE_ASK = 32,
	ROLE_FILES = 64,
	ROLE_VIEW = 128,
	ROLE_NET = 256,
	ROLE_PROXY = 512,
	ROLE_SPACES = 1024,
	ROLE_LOOKS = 2048
};

/* Take on these roles (bits), after what is opened or started once. `others`: of ROLE_SERVER, capabilities to
 * hand on to what it starts, beside CAPS_SESSION. 0, or -1: then the process must not go to its work. */
int role_enter(unsigned roles, uint64_t others, struct err *e);
