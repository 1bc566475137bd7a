/* proxied - a session's way to the network: its proxy and its name service.
 *
 * The server makes the listening sockets when the session begins, so that
 * their addresses stand in the environment of its commands and stay what they
 * are whatever becomes of the process that serves them: `agentsh proxy` as a
 * worker, started when the first thing comes, ended with the session. It
 * faces the network, so it has an id of nobody's session where the server can
 * give it one, no capabilities, and no files.
 *
 * With sandbox.network.enabled only. Where the sockets cannot be made, there
 * is no session, unless sandbox.allow_degraded.
 */
#pragma once

#include "base/err.h"
#include "config/config.h"
#include "enforce/exec/role.h"
#include "enforce/net/net.h"
#include "policy/policy.h"
#include "session/core.h"
#include "session/session.h"

#include <stdbool.h>
#include <stddef.h>

struct handover;
struct msg_reader;

struct proxied_places {
	struct net_place proxy4, proxy6, dns; /* port 0: none; the second two where connections are judged */
};

/* When the session begins and ends. */
int proxied_open(struct session *s, struct err *e);
void proxied_close(struct session *s);

/* The network namespace of its commands (sys/netspace.h), borrowed, -1 = none; and why there is none, though
 * it was to have one, "" = it has, or was not to. */
int proxied_space(const struct session *s);
const char *proxied_lacks(const struct session *s);
bool proxied_spaces(const struct config *c); /* are there to be any? */
/* What the server must be for that. */
static inline unsigned proxied_role(const struct config *c)
{
	return ROLE_SERVER | (NETNS_BUILT && proxied_spaces(c) ? ROLE_SPACES : 0);
}

const char *proxied_url(const struct session *s); /* "http://127.0.0.1:PORT"; "" = there is none */
int proxied_page(const struct session *s);        /* net/page.h, borrowed; -1 = none */
const struct proxied_places *proxied_places(const struct session *s); /* NULL = none */

/* TCP ports of this machine's own addresses that are the server's: its API's, and those of all proxies. A
 * memory file, a bit for each, to be read only; borrowed, -1 = there is none yet. */
enum { PROXIED_PORTS = 65536 / 8 };
int proxied_ports(const struct core *core);
void proxied_reserve(struct core *core, int fd); /* the port that this socket listens on */

/* Variables of commands that lead to it, to be filtered as any: how many, at most PROXIED_ENV. */
enum { PROXIED_ENV = 8 + (CONFIG_TLS_INTERCEPT ? 8 : 0) };
size_t proxied_env(const struct session *s, struct policy_pair *out);

/* What its process said of connections is in its ring: into the log. */
void proxied_gather(struct core *core, struct session *s);
/* There is a new supervisor, which tells who connects, or does not. */
void proxied_supervised(struct session *s);
/* An event of it, with one field. */
void proxied_log(struct session *s, const char *type, const char *name, const char *value);
/* As worker_approve(): what waits may wait there. */
bool proxied_approve(struct session *s, const char *id, bool approved, const char *reason);
void proxied_policy(struct core *core, struct session *s); /* another one holds from now on */

/* As in handover.h. */
int proxied_hand_over(const struct session *s, struct handover *h, struct err *e);
int proxied_take_over(struct session *s, struct msg_reader *r, bool dry, struct err *e);
/* First the ports. */
void proxied_hand_over_ports(const struct core *core, struct handover *h);
int proxied_take_over_ports(struct core *core, struct msg_reader *r, bool dry, struct err *e);
void proxied_release(struct core *core); /* after the last session */
