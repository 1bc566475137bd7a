/* judged - what a session's supervisor must know to judge file calls. */
#pragma once

#include "session/session.h"
#include "wire/msg.h"

/* Are file rules enforced in this session? Where the configuration asks for it (seccomp.file_monitor). */
bool judged_here(const struct session *s);

/* Calls that its filter marks for the supervisor: FILTER_… of enforce/exec/filter.h; 0 = none. */
unsigned judged_calls(const struct session *s);

/* Append them, and the rest: enforce/files/wired.h. */
void judged_put(const struct session *s, struct msg *m);
