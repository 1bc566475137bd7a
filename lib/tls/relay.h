/* relay - TLS at one end of a connection: a TCP socket on this side, plain bytes on a local socket on the
 * other.
 *
 * Whoever asks for one gives away the TCP socket and uses the local one as if
 * it were that: what is written there goes out as records, what is read there
 * came in such. TLS 1.2, ECDHE, AES-GCM or ChaCha20, http/1.1 where a protocol is
 * asked for. One buffer each way; who does not read is not read from.
 *
 * In TLS 1.2 nobody closes half of a connection: when one says no more, both
 * have ended.
 */
#pragma once

#include "base/err.h"
#include "loop/loop.h"
#include "tls/anchors.h"
#include "tls/authority.h"

#include <stdbool.h>
#include <stddef.h>

struct relays; /* all of a process, and what they have in common */
struct relay;

struct relays_options {
	struct loop *loop;
	struct authority *authority;   /* borrowed; for relay_serve() */
	const struct anchors *anchors; /* borrowed; for relay_ask() */
	size_t max;                    /* 0 = 1024 at a time */
};

struct relays *relays_new(const struct relays_options *o, struct err *e);
void relays_free(struct relays *all); /* connections end at once */
size_t relays_n(const struct relays *all);

/* The client behind `fd` has said `first` and believes to speak with `host`, whose certificate it is given.
 * Takes `fd`; `*plain` is the caller's. NULL: neither. */
struct relay *relay_serve(struct relays *all, int fd, const char *host, const void *first, size_t len,
                          int *plain, struct err *e);

/* What became of it: it is `host` who is there, or why not. Called from the loop, once, and not after
 * relay_leave(). `distrusted`: somebody is there, who cannot prove to be that host. */
struct relay_outcome {
	bool good, distrusted;
	const char *why;
};
typedef void relay_done(void *arg, const struct relay_outcome *outcome);

/* Ask `host` behind the connected `fd`. Nothing of what is written to `*plain` leaves before that host has
 * proved who it is. */
struct relay *relay_ask(struct relays *all, int fd, const char *host, relay_done *done, void *arg, int *plain,
                        struct err *e);

/* Has it ended otherwise than by saying so? Then an end of file is none. */
bool relay_broken(const struct relay *r);

/* The caller closes its socket, and knows this relay no more. `hard`: the other is to see that it broke off;
 * else what was written is still sent. */
void relay_leave(struct relay *r, bool hard);
