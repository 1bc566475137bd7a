/* api - the HTTP control API: health, sessions, exec, output, events, policy test, metrics.
 *
 * Routes are a table (route.c); what clients may rely on is written down beside
 * each handler. All answers leave after the audit lines of the same batch.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <sys/types.h>

struct api;
struct core;

/* Reads the keys file; an authentication type that is not built refuses to start. Sets core->api and
 * core->hooks.api_accept. NULL on failure. */
struct api *api_new(struct core *core, struct err *e);

/* Serve a listening socket (TCP or unix); takes the descriptor. */
int api_listen(struct api *a, int fd, struct err *e);

/* Serve on a unix socket at `path`, replacing one that a dead server left; removed by api_free(). Its
 * directory must be writable by nobody else. Clients that are told the server's own socket find this one by
 * its suffix. */
#define API_SOCKET_SUFFIX ".http"
int api_listen_unix(struct api *a, const char *path, mode_t mode, struct err *e);

/* Stop listening; commands in work still get their answer. */
void api_drain(struct api *a);

/* Commands whose answer is owed. */
bool api_is_busy(const struct api *a);

void api_free(struct api *a); /* before core_free(); kills nothing, closes everything */
