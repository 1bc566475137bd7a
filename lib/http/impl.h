/* Private to lib/http: the server's connection. */
#pragma once

#include "http/server.h"

enum conn_state {
	CONN_READING, /* waits for a request, or has part of one */
	CONN_WAITING, /* the handler owes an answer */
	CONN_STREAM,  /* the handler sends a body bit by bit */
};

struct http_listener {
	struct http_server *server;
	struct watch watch;
	struct timer pause; /* after running out of descriptors */
	uint16_t host_port; /* 0 = not loopback: any Host */
};

enum { HTTP_LISTENERS = 8 };

struct http_server {
	struct loop *loop;
	struct http_config config;
	struct http_listener listeners[HTTP_LISTENERS];
	int n_listeners;
	struct list reading; /* oldest first: the first to go when a place is needed */
	struct list working;
	int n_conns, n_spare;
	size_t bodies; /* bytes received of requests that are not answered */
	bool draining;
};

struct http_conn {
	struct list node;
	struct http_server *server;
	struct watch watch;
	struct timer timer;
	enum conn_state state;
	struct http_parser parser;
	struct buf in, out; /* received beyond the current request; to be sent */
	size_t sent;        /* of out; an emptied `out` is released, so out.len tells whether bytes wait */
	size_t charged;     /* of server->bodies */
	struct http_peer peer;
	uint16_t host_port;
	bool spare, keep_alive, close_after, chunked, is_head;
	struct http_waiter waiter;
};

/* accept.c */
void http_accept(struct loop *l, struct watch *w, uint32_t events);
void http_unpause(struct loop *l, struct timer *t);
uint16_t http_loopback_port(int fd); /* the port the socket has on a loopback address, else 0 */

/* conn.c */
struct http_conn *http_conn_new(struct http_server *s, int fd, const struct http_peer *peer);
void http_conn_free(struct http_conn *c);

/* guard.c - what a browser could be tricked into sending. 0 = fine, else the status to refuse with. */
int http_guard(const struct http_head *h, const char *authority, uint16_t host_port);
