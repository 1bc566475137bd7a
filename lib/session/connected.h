/* connected - are connections of a session judged, and what its supervisor must know to do it. */
#pragma once

#include "session/session.h"
#include "wire/msg.h"

/* As the configuration says (sandbox.network.judge), else as POLICY_NET_ENFORCED does; where network rules
 * are enforced at all (sandbox.network.enabled). */
bool connected_wanted(const struct session *s);
/* And this host can. */
bool connected_judged(const struct session *s);

/* Where they are wanted but nobody can be asked: TCP ports that Landlock leaves to the session, those of its
 * proxy and of the API, at most CONNECTED_PORTS. -1: it cannot hold them here, or need not. */
enum { CONNECTED_PORTS = 4 };
int connected_ports(const struct session *s, uint16_t *out);

/* What these connections then are, one line; "" = judged, or not to be. */
const char *connected_degraded(const struct session *s);

/* May a session do without any of it? Not where the configuration asks for it, but for
 * sandbox.allow_degraded.
 */
bool connected_may_lack(const struct session *s);

/* Append it: enforce/net/wired.h. The descriptor that goes with the message, borrowed; -1 = none. */
int connected_put(const struct session *s, struct msg *m);
