#include "sys/bind.h"

#include "sys/landlock.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

/* The path may lead elsewhere while it is looked up; the domain sees where it did. */
static bool bind_given(const struct bind_at *b, int *error)
{
	int ruleset = b->from >= 0 ? landlock_new(LANDLOCK_MAKE_SOCKET, false, NULL) : -1;

	if (ruleset < 0 || landlock_grant_fd(ruleset, b->dir, LANDLOCK_MAKE_SOCKET) < 0 ||
	    landlock_enter(ruleset, NULL) < 0 || fchdir(b->from) < 0)
		return false;
	*error = bind(b->sock, (const struct sockaddr *)b->given, b->len) < 0 ? errno : 0;
	return !*error || *error == EADDRINUSE || *error == EINVAL;
}

static int bind_name(const struct bind_at *b)
{
	struct sockaddr_un own = { .sun_family = AF_UNIX };
	size_t len = strlen(b->name);

	if (len >= sizeof own.sun_path)
		return ENAMETOOLONG;
	memcpy(own.sun_path, b->name, len + 1);
	if (fchdir(b->dir) < 0 || bind(b->sock, (struct sockaddr *)&own,
	                               (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1)) < 0)
		return errno;
	return 0;
}

int bind_at(const struct bind_at *b)
{
	int status = 0, error = 0;
	pid_t child = fork();

	if (child < 0)
		return errno;
	if (child == 0)
		_exit(bind_given(b, &error) ? error : bind_name(b));
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : EINTR;
}
