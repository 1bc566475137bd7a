/* page - memory that a session's supervisor and its proxy share: which name led to which address, and where
 * connections were meant to lead that come to the proxy instead.
 *
 * The proxy writes names, the supervisor writes flows; each reads what the other wrote. Whoever starts both
 * makes it: of fixed size, sealed against growing and shrinking, without pointers. The other side may have
 * been taken over: every read is bounded and checked, and what makes no sense is not there. A reader never
 * waits for a writer. Times are clock_mono_ns().
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct net_page;

enum {
	PAGE_NAMES = 4096, /* bindings of a name and an address */
	PAGE_NAME = 256,   /* bytes of a name, with its NUL */
	PAGE_FOUND = 16,   /* names of one address that are told */
	PAGE_TTL_MIN = 1,  /* seconds that a binding holds at least … */
	PAGE_TTL_MAX = 3600,
	PAGE_GRACE = 30 /* … and on top of its time: programs keep addresses for a while */
};

struct page_address {
	uint8_t bytes[16]; /* network order */
	uint8_t len;       /* 4 or 16 */
};

/* A new one, and its descriptor (close-on-exec); or one that was passed. NULL on failure. The descriptor
 * stays the caller's. */
struct net_page *page_new(int *fd, struct err *e);
struct net_page *page_map(int fd, struct err *e);
void page_unmap(struct net_page *p); /* NULL is harmless */

/* The proxy: from now on, and for `ttl` seconds and the grace, `name` has led to `addr`. The name is
 * canonical (match/host.h). Said again it lasts longer; when all are in use, the oldest goes. */
void page_bind(struct net_page *p, const char *name, const struct page_address *addr, uint32_t ttl,
               int64_t now);

/* The supervisor: which names lead to `addr`? How many, at most `max`. */
size_t page_names(const struct net_page *p, const struct page_address *addr, int64_t now,
                  char (*out)[PAGE_NAME], size_t max);

/* A connection that the supervisor has led to the proxy. */
struct page_flow {
	struct page_address to; /* where the caller meant it to lead … */
	uint16_t to_port;
	pid_t pid;        /* … who that is … */
	uint32_t command; /* … and of which command: its number in the session */
	int64_t at;
	uint64_t serial; /* set by page_flow(): no two are alike, later ones are higher */
};

/* The supervisor: what comes to the proxy from `port` is that. `family`: AF_INET or AF_INET6, of the address
 * it comes from. Said after the connection is there, and before its owner hears of it: the proxy may accept
 * it a little earlier, and looks (again) when the first byte comes or the other end is closed.
 */
void page_flow(struct net_page *p, int family, uint16_t port, const struct page_flow *flow);

/* The proxy: what is known of it. False: nothing. A port is used again, so the proxy remembers the serial of
 * what it has served: it is good for one connection. */
bool page_flow_find(const struct net_page *p, int family, uint16_t port, struct page_flow *out);
