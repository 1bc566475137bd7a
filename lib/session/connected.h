/* connected - are connections of a session judged, and what its supervisor must know to do it. */
#pragma once

#include "session/session.h"
#include "wire/msg.h"

/* As the configuration says (sandbox.network.judge), else as POLICY_NET_ENFORCED does; where network rules
 * are enforced at all (sandbox.network.enabled). */
bool connected_wanted(const struct session *s);
/* And this host can. */
bool connected_judged(const struct session *s);

/* Append it: enforce/net/wired.h. The descriptor that goes with the message, borrowed; -1 = none. */
int connected_put(const struct session *s, struct msg *m);
