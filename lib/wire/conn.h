/* conn - whole messages and descriptors over unix(7) sockets of types SOCK_SEQPACKET and SOCK_DGRAM.
 *
 * A message too large for a packet travels as a sealed memory file; the
 * receiver does not notice.
 */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "wire/msg.h"

#include <stddef.h>
#include <sys/socket.h>

enum { WIRE_FDS = CONFIG_LAYER_NET ? 7 : 5, WIRE_MAX = 16 * 1024 * 1024 };

struct wire_in {
	struct buf data;
	int fds[WIRE_FDS]; /* owned; -1 where none */
	int n_fds;
	struct ucred from; /* pid 0 unless SO_PASSCRED is set on the socket */
};

/* A SOCK_DGRAM socket that sends to `path`; nobody wakes up by that. Descriptor (close-on-exec) or -1 with
 * errno. */
int wire_connect(const char *path);

/* Send with up to WIRE_FDS descriptors, which stay the caller's. 0, or -1 with e->code EAGAIN when it would
 * block (only with MSG_DONTWAIT in `flags`). */
int wire_send(int fd, const struct msg *m, const int *fds, int n_fds, int flags, struct err *e);

/* Receive one message. 1, 0 at end of file (or nothing there with MSG_DONTWAIT: e->code EAGAIN), -1 on
 * failure. */
int wire_recv(int fd, struct wire_in *in, int flags, struct err *e);

/* Was it this operation, with so many descriptors? Then the reader stands behind it. */
static inline bool wire_is(const struct wire_in *in, uint32_t op, int n_fds, struct msg_reader *r)
{
	return in->n_fds == n_fds && msg_open(r, in->data.data, in->data.len) == op;
}

/* Close what descriptors were not taken (set a taken one to -1), free. */
void wire_in_release(struct wire_in *in);
