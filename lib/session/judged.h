/* judged - what a session's supervisor must know to judge file calls. */
#pragma once

#include "session/session.h"
#include "wire/msg.h"

/* Does the configuration have file rules enforced? */
struct config;
bool judged_wanted(const struct config *c);

/* Are file rules enforced in this session? As the configuration says (seccomp.file_monitor.enabled), else as
 * POLICY_FILES_ENFORCED does. */
bool judged_here(const struct session *s);

/* Can calls be asked about here, and do rules want that? */
bool judged_asked(const struct session *s);

/* Calls that its filter marks for the supervisor: FILTER_… of enforce/exec/filter.h; 0 = none. What
 * no rule restricts and nobody is to hear of goes on by itself. */
unsigned judged_calls(const struct session *s);

/* Append them, and the rest: enforce/files/wired.h; `killable`: launch.h; `held`: Landlock holds file rules,
 * so that where programs may be started from counts without such calls, too. */
void judged_put(const struct session *s, bool killable, bool held, struct msg *m);
