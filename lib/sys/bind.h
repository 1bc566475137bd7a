/* bind - give a socket a name in a directory that is held open, not where its path leads by now. */
#pragma once

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

struct bind_at {
	int sock;
	int dir;          /* O_PATH: there and nowhere else … */
	const char *name; /* … by this name */
	/* What the socket says of itself (getsockname) when that path leads to the directory still, from
	 * `from`; else it says `name`. */
	const struct sockaddr_un *given;
	socklen_t len;
	int from; /* O_PATH; -1: it says `name` in any case */
};

/* 0, or errno. In a process of its own for the moment, which can make nothing but a socket in that tree. */
int bind_at(const struct bind_at *b);
