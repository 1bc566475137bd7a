/* api - the HTTP control API: health, sessions, exec, output, events, policy test, metrics.
 *
 * Routes are a table (route.c); what clients may rely on is written down beside
 * each handler. All answers leave after the audit lines of the same batch.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct api;
struct core;
struct handover;
struct msg_reader;

/* Reads the keys file; an authentication type that is not built refuses to start. Sets core->api and
 * core->hooks.api_accept. NULL on failure. */
struct api *api_new(struct core *core, struct err *e);

/* A listening socket on "host:port"; -1 on failure. */
int api_bind(const char *addr, struct err *e);
/* `addr` with the port that `fd` has: 0 asked the kernel for a free one. */
void api_bound(const char *addr, int fd, char *out, size_t size);

/* Serve a listening socket (TCP or unix); takes the descriptor. */
int api_listen(struct api *a, int fd, struct err *e);
/* Vouch for a TCP socket's port on loopback: listen on the name that clients then look for
 * (place_port_name()).
 */
void api_vouch(struct api *a, int fd);

/* Serve on a unix socket at `path`, replacing one that a dead server left; removed by api_free(). Its
 * directory must be writable by nobody else. Clients that are told the server's own socket find this one by
 * its suffix. */
#define API_SOCKET_SUFFIX ".http"
int api_listen_unix(struct api *a, const char *path, mode_t mode, struct err *e);

/* Stop listening; commands in work still get their answer. */
void api_drain(struct api *a);

/* Commands whose answer is owed. */
bool api_is_busy(const struct api *a);

/* For an upgrade: answer what is in work; who comes meanwhile waits. It can be handed over when no command is
 * in work; nobody notices when it is not busy either. */
void api_pause(struct api *a);
void api_resume(struct api *a);
bool api_has_commands(const struct api *a);
/* Listening sockets, and the output of children of answered commands. */
void api_hand_over(const struct api *a, struct handover *h);
int api_take_over(struct api *a, struct msg_reader *r, struct err *e);

void api_free(struct api *a); /* before core_free(); kills nothing, closes everything */
