/* proxy - the process that faces the network for others, and what it may let through.
 *
 * An explicit HTTP proxy: CONNECT, whose bytes are
 * spliced, and requests with absolute URIs, each of which is judged by itself.
 * And one that nobody knows of: a connection that a supervisor has led here
 * (net/page.h) is what its client says first, TLS by its server name or a
 * request by its Host.
 * Names are resolved once, here; each address is judged, and what is dialled
 * is what was judged. Through a tunnel, a TLS client must ask for the very
 * host that it named to us.
 *
 * One thread on the loop; nothing blocks. Bounds: a head must be whole in
 * time; what a slow reader does not take is not read; a connection that
 * moves nothing costs its two descriptors and a few kilobytes.
 */
#pragma once

#include "base/err.h"
#include "decide/decide.h"
#include "loop/loop.h"
#include "net/page.h"
#include "net/resolver.h"

struct proxy;
struct intercept; /* intercept.h */

struct proxy_options {
	struct loop *loop;
	struct resolver *resolver;
	const struct policy *policy;
	struct decide_cache *cache;
	const char *session_id;
	struct intercept *intercept; /* hosts whose TLS is ended here; NULL = none. Borrowed */
	int max_conns;               /* 0 = 4096 */
	int64_t head_timeout_ns;     /* 0 = 15 s */
	const struct net_page *page; /* NULL = nobody is led here */
	int64_t approval_ns; /* how long somebody is asked; 0 = nobody is, and what is to be approved is
	                        denied */
	bool named_loopback; /* over loopback only to ports that a rule names */
	bool demand_flows;   /* who was not seen to connect by a supervisor is refused */
	/* Else: may who connected there use the proxy? *command: the number of its command, 0 = not known.
	 * NULL = everybody may. */
	bool (*is_caller)(void *arg, int fd, uint32_t *command);
	bool apart;          /* clients live in a network namespace where every address leads here: what
	                        listens at all of them is where all are led to, and loopback is theirs */
	const uint8_t *ours; /* net/ours.h: listeners nobody is led to; NULL = there are none */
	/* Events, of the session's command of this number, 0 = of none. False: it could not be kept; then
	 * what it tells of does not happen. */
	bool (*sink)(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags);
	const char *(*command_id)(void *arg, uint32_t command); /* NULL = they have none */
	void *arg;
};

enum { PROXY_LISTENERS = 4 };

struct proxy *proxy_new(const struct proxy_options *o, struct err *e);
/* Takes the listening socket, one of IPv4 and one of IPv6; two more where clients live apart. */
int proxy_listen(struct proxy *p, int fd, struct err *e);
void proxy_free(struct proxy *p); /* connections end at once */
/* Judge by this one from now on. */
void proxy_policy(struct proxy *p, const struct policy *policy, struct decide_cache *cache);
int proxy_conns(const struct proxy *p);

/* The answer to event "approval_requested". False: nobody waits for that one. */
bool proxy_approve(struct proxy *p, const char *id, bool approved, const char *reason);
