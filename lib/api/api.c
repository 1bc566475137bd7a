#include "api/api.h"

#include "api/impl.h"
#include "base/fd.h"
#include "base/log.h"
#include "decide/decide.h"
#include "session/place.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static void adopt(struct core *core, int fd)
{
	if (core->api)
		http_server_adopt(core->api->server, fd);
	else
		close(fd);
}

static int check_auth(const struct config *config, struct err *e)
{
	if (config->auth.type == AUTH_OIDC || config->auth.type == AUTH_HYBRID)
		return err_set(e, "auth.type %s is not built in this version; use api_key or none",
		               config->auth.type == AUTH_OIDC ? "oidc" : "hybrid");
	if (config->auth.type == AUTH_NONE && !config_is_loopback(config->server.http.addr))
		return err_set(
		        e,
		        "server.http.addr \"%s\" can be reached from other machines, but auth.type is none; "
		        "bind 127.0.0.1 or set auth.type to api_key",
		        config->server.http.addr);
	return 0;
}

struct api *api_new(struct core *core, struct err *e)
{
	const struct config *config = core->config;
	struct http_config http = { .max_body = (size_t)config->server.http.max_request_size,
		                    .read_timeout_ns = config->server.http.read_timeout_ns,
		                    .write_timeout_ns = config->server.http.write_timeout_ns,
		                    .handle = api_dispatch };
	struct api *a = calloc(1, sizeof *a);

	if (!a) {
		err_set(e, "out of memory");
		return NULL;
	}
	http.arg = a;
	a->core = core;
	list_init(&a->execs);
	list_init(&a->streams);
	list_init(&a->works);
	if (check_auth(config, e) == 0 && api_keys_load(a, e) == 0)
		a->server = http_server_new(core->loop, &http, e);
	if (!a->server) {
		free(a->keys);
		free(a);
		return NULL;
	}
	a->counts.event = api_count_event;
	core_subscribe(core, &a->counts);
	core->api = a;
	core->hooks.api_accept = adopt;
	return a;
}

int api_listen(struct api *a, int fd, struct err *e)
{
	return http_server_listen(a->server, fd, e);
}

void api_vouch(struct api *a, int fd)
{
	struct sockaddr_storage bound = { .ss_family = AF_UNSPEC };
	socklen_t len = sizeof bound, name_len;
	struct sockaddr_un name;

	getsockname(fd, (struct sockaddr *)&bound, &len);
	for (int v6 = 0; v6 < 2; v6++) {
		AUTO_FD own = place_port_name(&bound, v6, &name, &name_len)
		                      ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0)
		                      : -1;

		if (own < 0)
			continue;
		if (bind(own, (struct sockaddr *)&name, name_len) < 0 || listen(own, 512) < 0)
			log_line(LOG_WARN, "%s: %s; clients may not believe that the port is ours",
			         name.sun_path + 1, strerror(errno));
		else if (http_server_listen(a->server, own, NULL) == 0)
			own = -1;
	}
}

int api_listen_unix(struct api *a, const char *path, mode_t mode, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	AUTO_FD fd = -1;

	if (strlen(path) >= sizeof addr.sun_path || a->socket[0])
		return err_set(e, "%s: name too long, or a second socket", path);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return err_sys(e, "socket");
	unlink(path);
	/* Nobody can connect before listen(), so the mode is right from the first connection on. */
	if (bind(fd, (struct sockaddr *)&addr, sizeof addr) < 0 || chmod(path, mode) < 0 ||
	    listen(fd, 512) < 0)
		return err_sys(e, "listen on %s", path);
	strcpy(a->socket, path);
	if (http_server_listen(a->server, fd, e) < 0)
		return -1;
	fd = -1;
	return 0;
}

void api_drain(struct api *a)
{
	api_streams_close(a);
	http_server_drain(a->server);
}

bool api_is_busy(const struct api *a)
{
	return http_server_conns(a->server) > 0;
}

void api_free(struct api *a)
{
	if (!a)
		return;
	core_unsubscribe(&a->counts);
	api_streams_close(a);
	http_server_free(a->server);
	api_works_close(a);
	api_execs_close(a);
	a->core->api = NULL;
	a->core->hooks.api_accept = NULL;
	for (size_t i = 0; i < a->n_types; i++)
		free(a->types[i].name);
	if (a->socket[0])
		unlink(a->socket);
	if (a->keys)
		explicit_bzero(a->keys, a->n_keys * sizeof *a->keys);
	free(a->keys);
	free(a);
}
