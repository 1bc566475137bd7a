/* proxying - the other side of proxied.h: the process that serves a session's proxy and names. */
#pragma once

#include "base/err.h"

/* On the control socket, descriptor 3, until the server lets go of it. 0, or -1 with the reason. */
int proxying_run(struct err *e);
