#include "api/api.h"

#include "base/fd.h"
#include "config/config.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int api_bind(const char *addr, struct err *e)
{
	struct addrinfo hints = { .ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM },
	                *list = NULL;
	char host[256], service[8];
	uint16_t port;
	int fd = -1, one = 1, rc;

	if (!config_addr(addr, host, sizeof host, &port))
		return err_set(e, "server.http.addr %s: not host:port", addr);
	snprintf(service, sizeof service, "%u", port);
	/* "localhost" is not looked up: a resolver must not decide where we listen. */
	rc = getaddrinfo(!*host                       ? NULL
	                 : !strcmp(host, "localhost") ? "127.0.0.1"
	                                              : host,
	                 service, &hints, &list);
	if (rc)
		return err_set(e, "server.http.addr %s: %s", addr, gai_strerror(rc));
	for (const struct addrinfo *a = list; a && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
		                bind(fd, a->ai_addr, a->ai_addrlen) < 0 || listen(fd, 512) < 0)) {
			err_sys(e, "listen on %s", addr);
			fd_close(&fd);
		}
	}
	freeaddrinfo(list);
	return fd;
}

void api_bound(const char *addr, int fd, char *out, size_t size)
{
	struct sockaddr_storage bound = { 0 };
	socklen_t len = sizeof bound;
	char host[256], port[8];
	const char *colon = strrchr(addr, ':');

	if (getsockname(fd, (struct sockaddr *)&bound, &len) < 0 ||
	    getnameinfo((struct sockaddr *)&bound, len, host, sizeof host, port, sizeof port,
	                NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(port, sizeof port, "%s", colon + 1);
	snprintf(out, size, "%.*s:%s", (int)(colon - addr), addr, port);
}
