/* hello - what a TLS client says first: which name it wants, which protocols it speaks.
 *
 * Bytes as they come from a connection, in any pieces, across records. Read
 * strictly: whoever decides by the name must see the very one the server
 * sees, so two names, names with other characters, duplicate extensions and
 * lengths that do not add up are malformed. No I/O, no allocation.
 */
#pragma once

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HELLO_MAX = 16384 + 2048, /* longer ones are malformed; with post-quantum keys they have 2 KiB */
	HELLO_PROTOCOLS = 16
};

enum hello_state {
	HELLO_MORE,  /* not whole yet */
	HELLO_WHOLE, /* the rest of the struct is set */
	HELLO_BAD,   /* looked like TLS, and is malformed */
	HELLO_OTHER  /* not TLS */
};

struct net_hello {
	enum hello_state state;
	bool has_name, has_ech;
	char name[256]; /* lower case, as it was given otherwise: judge it by host_parse() */
	/* Protocols offered by ALPN, what is longer than the room left out. */
	char protocols[HELLO_PROTOCOLS][16];
	size_t n_protocols;
};

/* Read the first `len` bytes that a client has sent. */
void net_hello_read(const uint8_t *data, size_t len, struct net_hello *out);

/* The same hello asking for another server, and whatever follows it in `data`, appended to `out`. Padding
 * makes up for the difference where there is some. False: it is not whole, names no server, comes in more
 * than one record, would not fit into one, or there is no memory. */
bool net_hello_rename(const uint8_t *data, size_t len, const char *name, struct buf *out);
