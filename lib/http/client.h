/* client - one HTTP exchange at a time, blocking, over TCP or a unix socket. For the command-line applets. */
#pragma once

#include "base/buf.h"
#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_url {
	bool is_unix;
	char host[256]; /* TCP: name or address without brackets */
	char path[108]; /* unix: of the socket */
	uint16_t port;  /* 80 when not given */
	bool has_port;
};

/* "http://127.0.0.1:18080" or "unix:///run/agentsh.sock"; a trailing slash is ignored. */
int http_url_parse(const char *text, struct http_url *out, struct err *e);
bool http_url_is_loopback(const struct http_url *url);

struct http_call {
	const struct http_url *url;
	const char *method, *target;
	const char *key;  /* X-API-Key, or NULL */
	const char *body; /* JSON, or NULL */
	size_t body_len;
	int64_t timeout_ns; /* for connecting, and then for each silence; 0 = none */
	size_t max_reply;   /* 0 = any */
	/* A stream: called with each piece of a 200 answer instead of collecting it; false ends the exchange.
	 */
	bool (*piece)(void *arg, const char *data, size_t len);
	/* Called before anything is sent: may this be the server? -1 with the reason ends the exchange. NULL
	 * = whoever answers. */
	int (*trust)(int fd, struct err *e);
	void *arg;
};

struct http_reply {
	int status;
	struct buf body; /* owned */
	bool sent; /* some of the request may have been received: repeating it could run a command twice */
	bool timed_out;
};

/* 0 = `reply` has a status; -1 = no or half an answer. Release the reply's body in both cases. */
int http_call(const struct http_call *call, struct http_reply *reply, struct err *e);
