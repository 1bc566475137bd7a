/* resolver - asks the host's name servers for addresses, on the loop, without ever blocking.
 *
 * As the C library would: the hosts file first, then the servers of
 * resolv.conf, both read again when they change; A and AAAA together; UDP,
 * each try from a socket, port and id of its own, TCP where an answer is cut.
 * Names are absolute: no search list. What was found is kept as long as the
 * servers allow, within bounds; who asks for what is under way joins in.
 */
#pragma once

#include "base/err.h"
#include "base/list.h"
#include "loop/loop.h"
#include "net/asking.h"
#include "net/dns.h"

#include <stdbool.h>
#include <stdint.h>

enum resolver_status {
	RESOLVER_FAILED, /* nobody answered, or not sensibly */
	RESOLVER_NONE,   /* there is no such name, or it has no addresses */
	RESOLVER_FOUND
};

enum { RESOLVER_ADDRESSES = 2 * DNS_ADDRESSES };

struct resolver_answer {
	enum resolver_status status;
	bool no_such_name;                                /* of RESOLVER_NONE */
	bool is_local;                                    /* from the hosts file, or "localhost" */
	uint32_t ttl;                                     /* seconds from now, 1 .. 3600 */
	struct dns_address addresses[RESOLVER_ADDRESSES]; /* IPv4 first */
	size_t n;
	char aliases[DNS_ALIASES][DNS_NAME_MAX + 1];
	size_t n_aliases;
};

struct resolver_options {
	struct loop *loop;
	const char *hosts, *servers; /* NULL = /etc/hosts, /etc/resolv.conf */
	uint16_t port;               /* of servers, 0 = 53 */
	int64_t patience_ns;         /* for one name, 0 = 5 s */
};

struct resolver;
struct resolver *resolver_new(const struct resolver_options *o, struct err *e);
void resolver_free(struct resolver *r); /* who waits is not told */

/* What is known without asking. `name` as dns.h has names. */
bool resolver_known(struct resolver *r, const char *name, struct resolver_answer *out);

/* Embedded by who asks; zeroed when nothing is asked. */
struct resolver_wait {
	struct list node;
	bool waits;
	void (*done)(void *arg, const struct resolver_answer *answer); /* called from the loop, once */
	void *arg;
};

/* -1: it cannot even be asked, and done() is not called. */
int resolver_ask(struct resolver *r, const char *name, struct resolver_wait *w, struct err *e);
void resolver_cancel(struct resolver_wait *w); /* harmless when it does not wait */

/* A question of any other type, embedded by who asks; zeroed when nothing is asked. Nothing is kept. */
struct resolver_pass {
	struct resolver *resolver; /* while it asks */
	struct asking asking;
	/* Called from the loop, once: what a server has answered with DNS_OK or DNS_NXDOMAIN, of which only
	 * the head has been read; NULL = nobody has. */
	void (*done)(void *arg, const uint8_t *message, size_t len);
	void *arg;
};
int resolver_pass(struct resolver *r, const char *name, uint16_t type, struct resolver_pass *p,
                  struct err *e);
void resolver_pass_cancel(struct resolver_pass *p); /* harmless when it does not ask */
