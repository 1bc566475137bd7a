/* net - socket calls of a session's processes: judged by the policy on the address they lead to, and done for
 * them on that very socket.
 *
 * Hangs on the supervisor of enforce/exec: net_call() answers what its filter marks with filter_options.net.
 * An address is read once; what the supervisor judged is what it connects or sends to. So nothing that the
 * caller's other threads do meanwhile counts. It never waits: what would block is put aside, and goes on when
 * it can.
 */
#pragma once

#include "base/err.h"
#include "net/page.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct call;
struct loop;
struct net;

/* Somewhere on this machine. */
struct net_place {
	struct page_address addr;
	uint16_t port; /* 0: there is none */
};

/* Connections over loopback to listeners that are nobody's of the session, where no rule names the port. */
enum net_foreign { NET_FOREIGN_ALLOW, NET_FOREIGN_AUDIT /* the event says so */, NET_FOREIGN_DENY };

/* What is known of the listeners of a session. Made before system calls are given up. NULL: out of memory. */
struct whose;
struct whose *whose_new(void);
void whose_free(struct whose *w); /* NULL is harmless */

/* The policy and the page are borrowed, the rest is copied. */
struct net_options {
	const struct policy *policy;
	uint64_t tag;                /* of the session */
	struct net_page *page;       /* or NULL: no name is known */
	struct net_place dns;        /* all that goes to port 53 goes there */
	struct net_place proxy;      /* ports 80 and 443 of addresses that are not decided by themselves */
	struct net_place proxy6;     /* the same over IPv6, for sockets that speak nothing else */
	const struct net_place *own; /* listeners of ours that sessions may use, beside these */
	size_t n_own;
	bool monitor;    /* of connections and messages to addresses: told, not refused */
	bool open_local; /* local sockets are not judged, but for our own */
	enum net_foreign foreign;
	struct whose *whose; /* borrowed; NULL: nothing is known */
	bool no_tcp;         /* no connection is made, but to our own listeners */
	bool no_bind;        /* nobody listens at a port that chance gives: Landlock sees bind(2) only */
	bool apart; /* in a network namespace where all addresses lead to our listeners: none is led there */
};

struct net *net_new(const struct net_options *o, struct err *e);
void net_free(struct net *n);

/* Take the call and answer it. `net` is a struct net. */
bool net_call(void *net, const struct call *k);

/* Before the first call: those that wait are looked after by this loop. It outlives the judge. */
void net_watch(struct net *n, struct loop *l);
