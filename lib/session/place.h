/* place - the directory where a server's unix socket lies, found by shims without any environment.
 *
 * The candidates are fixed; one counts only if it belongs to root or to the
 * caller and nobody else can write it, so that a stranger cannot answer for
 * the server. The lock file beside the socket makes the server single.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/types.h>

struct place {
	char dir[96];
	char socket[108];
	int lock; /* owned: the lock is held while it is open */
	int gate; /* owned: SOCK_DGRAM, non-blocking, receives credentials */
};

/* Take the first usable candidate, or the directory of `configured` (a socket path) alone. Makes the
 * directory, takes the lock, replaces a socket that a dead server left. -1 also when another server runs
 * there. */
int place_take(struct place *p, const char *configured, struct err *e);
/* Remove the socket, give the lock back. */
void place_leave(struct place *p);

/* For an upgrade (handover.h): lock and socket go with it. */
struct handover;
struct msg_reader;
void place_hand_over(const struct place *p, struct handover *h);
int place_take_over(struct place *p, struct msg_reader *r, struct err *e);

/* For clients: path of the socket in candidate `i` as seen by `uid`. False after the last. `usable` says
 * whether the directory can be trusted. */
bool place_candidate(unsigned i, uid_t uid, char *socket, size_t size, bool *usable);

/* A socket that sends to the server that governs user `uid`: the first usable candidate where one is.
 * Descriptor (close-on-exec) or -1. */
int place_connect(uid_t uid);

/* Can the answer's sender be the server of `uid`? Root's process, or the user's own and not itself governed.
 */
bool place_is_server(const struct ucred *sender, uid_t uid);

/* For clients of the API: can a server, rather than a process of a session that listens in its stead, be at
 * the other end of the connection `fd`, TCP or unix? -1 with the reason when it cannot or that cannot be
 * told. On another machine it can; to a caller that is governed itself it does not matter. */
int place_check_server(int fd, struct err *e);

/* Name of the abstract unix socket by which a server that listens on `a` vouches for its port on loopback, of
 * IPv4 or IPv6. False when it has none there. */
bool place_port_name(const struct sockaddr_storage *a, bool v6, struct sockaddr_un *name, socklen_t *len);

/* As place_connect(); a server that does not run is started first. -1 with the reason; `e` must be given. */
int place_reach(uid_t uid, struct err *e);
