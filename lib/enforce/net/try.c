#include "enforce/net/try.h"

#include "base/fd.h"
#include "base/num.h"
#include "sys/attempt.h"
#include "sys/proc.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { AS_IT_SHOULD = 64, PORT_TEXT = 8 };

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
};

static union address here(uint16_t port)
{
	return (union address){ .v4 = { .sin_family = AF_INET,
		                        .sin_port = htons(port),
		                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
}

/* 0 or errno. */
static int connect_to(const char *port)
{
	AUTO_FD fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	union address a;
	uint64_t number;

	if (!num_u64(port, 1, UINT16_MAX, &number))
		return EINVAL;
	a = here((uint16_t)number);
	return connect(fd, &a.any, sizeof a.v4) < 0 ? errno : 0;
}

int try_connections(const char *allowed, const char *denied)
{
	return connect_to(allowed) == 0 && connect_to(denied) == EACCES ? AS_IT_SHOULD : 1;
}

/* A listener that does not wait, and its port. */
static int listen_here(char port[PORT_TEXT])
{
	union address a = here(0);
	socklen_t len = sizeof a.v4;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && (bind(fd, &a.any, len) < 0 || listen(fd, 1) < 0 || getsockname(fd, &a.any, &len) < 0))
		fd_close(&fd);
	snprintf(port, PORT_TEXT, "%u", (unsigned)ntohs(a.v4.sin_port));
	return fd;
}

static bool has_come(int listener)
{
	AUTO_FD fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

	return fd >= 0;
}

static int put_policy(const char *path, const char *allowed, const char *denied)
{
	char text[512];
	int n = snprintf(text, sizeof text,
	                 "version: 1\nname: connections\n"
	                 "command_rules: [{name: all, commands: [\"*\"], decision: allow}]\n"
	                 "network_rules:\n"
	                 "  - {name: open, cidrs: [127.0.0.1/32], ports: [%s], decision: allow}\n"
	                 "  - {name: closed, cidrs: [127.0.0.1/32], ports: [%s], decision: deny}\n",
	                 allowed, denied);

	return fd_replace_file(path, text, (size_t)n, 0600, NULL);
}

bool try_net(const char *dir, int ms)
{
	char policy[PATH_MAX], self[PATH_MAX], allowed[PORT_TEXT], denied[PORT_TEXT];
	AUTO_FD open = listen_here(allowed);
	AUTO_FD closed = listen_here(denied);
	char *const argv[] = { "agentsh", "run",    "--judge-net", "--policy", policy, "--",
		               self,      "detect", "connections", allowed,    denied, NULL };
	bool good;

	if (open < 0 || closed < 0 ||
	    (size_t)snprintf(policy, sizeof policy, "%s/connections.yaml", dir) >= sizeof policy ||
	    proc_link(getpid(), "exe", self, sizeof self) < 0 || put_policy(policy, allowed, denied) < 0)
		return false;
	good = attempt(argv, ms) == AS_IT_SHOULD;
	unlink(policy);
	return good && has_come(open) && !has_come(closed);
}
