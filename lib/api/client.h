/* client - what the command-line applets need to talk to the server: options, calls, starting it.
 *
 * Never prints. Addresses, keys and ids are checked before use.
 */
#pragma once

#include "base/err.h"
#include "base/opt.h"
#include "http/client.h"
#include "json/read.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct api_client_options {
	const char *server, *transport, *grpc_addr, *api_key, *timeout;
};

/* Rows for an applet's option table. */
#define API_CLIENT_OPTIONS(o)                                                         \
	{ "server", 0, OPT_TEXT, &(o).server, "AGENTSH_SERVER" },                     \
	        { "transport", 0, OPT_TEXT, &(o).transport, "AGENTSH_TRANSPORT" },    \
	        { "grpc-addr", 0, OPT_TEXT, &(o).grpc_addr, "AGENTSH_GRPC_ADDR" },    \
	        { "api-key", 0, OPT_TEXT, &(o).api_key, "AGENTSH_API_KEY" },          \
	{                                                                             \
		"client-timeout", 0, OPT_TEXT, &(o).timeout, "AGENTSH_CLIENT_TIMEOUT" \
	}

struct api_client {
	struct http_url url;
	const char *server, *key; /* borrowed */
	int64_t timeout_ns;       /* 30 s when not given */
	bool has_timeout;
};

int api_client_init(struct api_client *c, const struct api_client_options *o, struct err *e);

/* One exchange; the status may be anything. -1: no answer, see reply->sent. */
int api_client_call(const struct api_client *c, const char *method, const char *target,
                    const struct buf *body, struct http_reply *reply, struct err *e);

/* The same, where everything but 2xx is a failure told in words: status and what the server said. */
int api_client_expect(const struct api_client *c, const char *method, const char *target,
                      const struct buf *body, struct http_reply *reply, struct err *e);
int api_client_failure(const struct http_reply *reply, struct err *e); /* always -1 */

bool api_client_id_ok(const char *id);

/* As api_client_expect(), of the session that the caller runs in: `rest` follows its name in the target. */
int api_client_own(const char *session, const char *server, const char *method, const char *rest,
                   const struct buf *body, struct http_reply *reply, struct err *e);

/* "1", "true", "t", "yes", "y", "on" */
bool api_client_is_on(const char *text);

/* May a server be started on this address? Loopback, and the default port or none. */
bool api_client_may_start(const struct api_client *c);
/* Wait for the health check until `deadline_ms` have passed. `pid` > 0: give up soon after that child ended.
 */
bool api_client_is_healthy(const struct api_client *c, int deadline_ms, pid_t pid);
/* Start "agentsh server" in a session of its own, away from our descriptors, and wait until it is healthy. */
int api_client_start(const struct api_client *c, const char *config, struct err *e);

/* Append JSON text again, indented by two spaces. False when it is not JSON. */
bool api_client_pretty(const struct buf *json, struct buf *out);

/* Append the true bytes of a text member: of KEY_base64 where the server gave it, else of KEY. */
void api_client_bytes(const struct json_value *object, const char *key, struct buf *out);
