/* wired - what the server tells a session's supervisor about judging connections, and the judge made from it.
 */
#pragma once

#include "enforce/exec/serve.h"
#include "enforce/net/net.h"
#include "wire/msg.h"

/* Flags in the message; 0: nothing is judged, and nothing follows. */
enum {
	NET_WIRED = 1,
	NET_WIRED_PAGE = 2,      /* of names and flows: a descriptor beside the message */
	NET_WIRED_MONITOR = 4,   /* net_options: monitor … */
	NET_WIRED_LOCAL = 8,     /* … not open_local */
	NET_WIRED_NO_TCP = 16,   /* … no_tcp */
	NET_WIRED_TELL = 32,     /* … foreign: NET_FOREIGN_AUDIT … */
	NET_WIRED_OWN_ONLY = 64, /* … NET_FOREIGN_DENY */
	NET_WIRED_NO_BIND = 128, /* … no_bind */
	NET_WIRED_APART = 256,   /* … apart */
};
enum { NET_WIRED_OWN = 4 };

/* Zeroed: nothing is judged. */
struct net_wired {
	uint32_t flags;
	struct net_place proxy, proxy6, dns, own[NET_WIRED_OWN];
	size_t n_own;
	struct net_page *page; /* owned */
	struct whose *whose;   /* owned; made with the first judge */
};

/* Flags; then the places of the proxy over IPv4 and IPv6 and of the name service; how many others are ours,
 * and those. */
void net_wired_put(struct msg *m, const struct net_wired *w);
int net_wired_read(struct net_wired *w, struct msg_reader *r, struct err *e);

/* The page that goes with it; `fd` stays the caller's. */
int net_wired_page(struct net_wired *w, int fd, struct err *e);

#if CONFIG_LAYER_NET
/* A judge by this policy, which must outlive it, for a governor of the session `tag`. */
struct net *net_wired_judge(struct net_wired *w, const struct policy *p, uint64_t tag,
                            struct governor_options *g, struct err *e);
#endif
