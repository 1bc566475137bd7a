/* msg - messages between our own processes: a number that says what it is, then fields in fixed order.
 *
 * Packing is sticky: append freely, wire_send() notices. Unpacking is sticky
 * too: after the first field that is not there every getter gives zero or "",
 * and msg_ok() says no. Nothing unpacked is trusted beyond its bounds.
 */
#pragma once

#include "base/buf.h"
#include "sys/notify.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Who may send what; anything else closes the connection. */
enum wire_op {
	WIRE_HELLO = 0x41475303, /* shim, exec -> server: argv, environment, directory */
	WIRE_VERDICT,  /* server -> shim: words for standard error and an exit code, or how to enter */
	WIRE_ATTACH,   /* shim -> supervisor: command number; with the listener */
	WIRE_START,    /* server -> supervisor: session, policy; with policy, ring, inbox */
	WIRE_NEWS,     /* supervisor -> server: the ring has records; these commands have ended */
	WIRE_READY,    /* supervisor -> server: policy loaded, serving */
	WIRE_HANDOVER, /* server -> the program that takes its place (session/handover.h) */
	WIRE_POLICY,   /* server -> supervisor: another policy, for commands that enter from now on */
	WIRE_APPROVAL, /* server -> supervisor: the answer to an "approval_requested" */
	/* Views of workspaces: session/mounter.h, session/showing.h. */
	WIRE_MOUNT,   /* server -> mounter: show this directory; with it and the view's control socket */
	WIRE_MOUNTED, /* mounter -> server: done, or why not */
	WIRE_UNMOUNT, /* server -> mounter */
	WIRE_PLACE,   /* server -> mounter: a session's own way to a view */
	WIRE_SHOW,    /* server -> view: how to serve */
	WIRE_JOIN,    /* server -> view: judge this session; with policy, ring, shared page */
	WIRE_LEAVE,   /* server -> view: and no more */
	WIRE_SHOWN,   /* server -> supervisor: the workspace is a view now; with the shared page */
	WIRE_UNDER,   /* server -> view: somebody changes what is below; with his socket */
	WIRE_ENDED,   /* server -> view: a command is over */
	WIRE_LISTEN,  /* server -> proxy: the sockets it serves, and one to ask at */
	WIRE_WHOSE,   /* proxy -> server: which command's connection is this? And the answer */
	WIRE_TRUST,   /* server -> proxy: hosts whose TLS it ends; with the file of whom to trust */
};

struct msg {
	struct buf b;
#if NOTIFY_PASSES
	uint64_t pass; /* of who sends under a filter: sys/notify.h; 0 = none */
#endif
};

void msg_start(struct msg *m, enum wire_op op);
void msg_u32(struct msg *m, uint32_t v);
void msg_u64(struct msg *m, uint64_t v);
void msg_bytes(struct msg *m, const void *data, size_t len);
void msg_str(struct msg *m, const char *text); /* NULL as "" */
void msg_strv(struct msg *m, const char *const *v, size_t n);
void msg_release(struct msg *m);

struct msg_reader {
	const char *data;
	size_t len, at;
	bool failed;
};

/* Begin; the operation, 0 if there is none. */
uint32_t msg_open(struct msg_reader *r, const void *data, size_t len);
uint32_t msg_get_u32(struct msg_reader *r);
uint64_t msg_get_u64(struct msg_reader *r);
const void *msg_get_bytes(struct msg_reader *r, size_t *len);
const char *msg_get_str(struct msg_reader *r); /* inside the message; without NULs within; "" on failure */
bool msg_ok(const struct msg_reader *r);       /* nothing failed so far */
bool msg_end(const struct msg_reader *r);      /* and nothing is left */
