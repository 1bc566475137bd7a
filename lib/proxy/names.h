/* names - the name service for programs that are governed: answers only what some rule could let through.
 *
 * UDP and TCP on one address. A and AAAA questions go to the resolver, whose servers hear nothing else; of
 * the answers, addresses that no rule would let be connected to by that name are taken out. Other types are
 * passed on for names that a rule lets through by themselves. What is answered is written down first
 * (net/page.h), so that a connection to the address is known by its name. Names that dns_redirects lead
 * elsewhere are not asked for.
 */
#pragma once

#include "base/err.h"
#include "decide/decide.h"
#include "loop/loop.h"
#include "net/page.h"
#include "net/resolver.h"

struct names;

struct names_options {
	struct loop *loop;
	struct resolver *resolver;
	const struct policy *policy;
	struct decide_cache *cache;
	const char *session_id;
	struct net_page *page; /* NULL = nobody looks */
	/* As the proxy's. */
	bool (*sink)(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags);
	void *arg;
};

struct names *names_new(const struct names_options *o, struct err *e);
/* Takes both sockets, the second one listening. */
int names_listen(struct names *n, int udp, int tcp, struct err *e);
/* Judge by this one from now on. */
void names_policy(struct names *n, const struct policy *policy, struct decide_cache *cache);
void names_free(struct names *n);
