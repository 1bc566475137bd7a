/* server - HTTP connections on the loop.
 *
 * One handler gets each whole request and answers at once, or holds the
 * connection and answers later, or opens a stream. Bytes leave in a later
 * batch of the loop than the one that produced them, so the audit lines of a
 * batch are on file before its answers are on the wire.
 *
 * Bounds: a head must be whole within head_timeout; an idle connection goes
 * when its time or its place is needed; a reader that takes nothing for
 * write_timeout is dropped; above max_conns only the health check is served,
 * on a few spare places; all bodies being received share max_bodies.
 */
#pragma once

#include "base/err.h"
#include "http/parse.h"
#include "loop/loop.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct http_server;
struct http_conn;

/* Who is at the other end. */
struct http_peer {
	bool is_unix;
	int fd;       /* our end, to ask the kernel about the other */
	pid_t pid;    /* unix sockets: of the process that connected, else 0 */
	bool is_free; /* likewise: it is alive and in no session */
	uint64_t tag; /* likewise: of its session, 0 = not known */
	uid_t uid;
	gid_t gid;
	uint8_t addr[16];     /* IPv6 form of the address of a TCP peer */
	uint8_t our_addr[16]; /* and of our end */
	uint16_t port, our_port;
	bool is_local; /* a TCP connection over this machine's loopback */
};

/* A whole request; the handler may change everything. It is good until the handler returns. */
struct http_request {
	const char *method;
	char *path, *query;
	const struct http_head *head;
	const struct buf *body;
	const struct http_peer *peer;
	bool spare; /* on a spare place: answer health checks only */
};

typedef void http_handler(void *arg, struct http_conn *c, struct http_request *r);

struct http_config {
	int max_conns, max_per_peer, spare; /* 0 = 256, 192, 16 */
	size_t max_body;                    /* 0 = 10 MB */
	size_t max_bodies;                  /* 0 = 64 MB */
	int64_t head_timeout_ns, read_timeout_ns, idle_timeout_ns,
	        write_timeout_ns; /* 0 = 15, 30, 60, 60 s */
	http_handler *handle;
	void *arg;
};

struct http_server *http_server_new(struct loop *l, const struct http_config *config, struct err *e);

/* Serve a listening socket, which becomes the server's. Bound to a loopback address, it serves only requests
 * whose Host names that address and port (DNS rebinding). */
int http_server_listen(struct http_server *s, int fd, struct err *e);

/* Serve one connection that somebody else accepted; takes the descriptor. */
void http_server_adopt(struct http_server *s, int fd);

/* Close listeners; connections without a request in work go at once, the others after their answer. */
void http_server_drain(struct http_server *s);
/* The same, but who connects meanwhile waits: until http_server_resume(), or for who takes the listening
 * sockets over. Who has connected may still ask. */
void http_server_pause(struct http_server *s);
void http_server_resume(struct http_server *s);
int http_server_listener(const struct http_server *s,
                         int i); /* the i-th listening socket, -1 after the last */
int http_server_conns(const struct http_server *s);
void http_server_free(struct http_server *s); /* closes everything; waiters are told */

/* Answer. Content-Length and Connection are added. `type` NULL = no body. */
void http_respond(struct http_conn *c, int status, const char *type, const void *body, size_t len);

/* For a handler that answers later: `gone` is called once if the peer hangs up before the answer (the
 * connection may not be used after); `drained` when a stream's bytes have left (may be NULL). */
struct http_waiter {
	void (*gone)(void *arg);
	void (*drained)(void *arg);
	void *arg;
};
void http_hold(struct http_conn *c, const struct http_waiter *w);

/* A body of unknown length. Bytes pile up while the peer does not read: look at http_stream_pending(). */
void http_stream_begin(struct http_conn *c, int status, const char *type);
void http_stream_write(struct http_conn *c, const void *data, size_t len);
size_t http_stream_pending(const struct http_conn *c);
void http_stream_end(struct http_conn *c);
