#include "wire/start.h"

#include "base/fd.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* Where the program is when this file is only the shim. */
static const char *const programs[] = { "/proc/self/exe", "/usr/bin/agentsh", "/usr/local/bin/agentsh" };

enum { READY_FD = 3 };

static void exec_server(const char *config, int ready)
{
	static char *const env[] = { "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
		                     NULL };
	char *argv[] = { "agentsh",      "server", "--ready-fd", "3", config ? "--config" : NULL,
		         (char *)config, NULL };
	int null = open("/dev/null", O_RDWR),
	    log = open("/var/log/agentsh/server.log", O_WRONLY | O_APPEND | O_NOFOLLOW);

	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(log >= 0 ? log : null, 2) < 0)
		_exit(126);
	if (dup2(ready, READY_FD) < 0 || fcntl(READY_FD, F_SETFD, 0) < 0)
		_exit(126);
	fd_close_from(READY_FD + 1);
	umask(077);
	if (chdir("/") < 0)
		_exit(126);
	for (size_t i = 0; i < sizeof programs / sizeof *programs; i++)
		execve(programs[i], argv, env);
	_exit(127);
}

/* The server says one byte when it listens, or a line why it cannot, or goes without a word. */
static int await(int fd, int limit_ms, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char text[300];
	ssize_t n;
	int rc;

	do
		rc = poll(&p, 1, limit_ms);
	while (rc < 0 && errno == EINTR);
	if (rc <= 0)
		return err_set(e, "the server did not come up in %d ms", limit_ms);
	n = read(fd, text, sizeof text - 1);
	if (n > 0 && text[0] == '!')
		return 0;
	if (n <= 0)
		return err_set(e, "the server could not start (see its log)");
	text[n] = 0;
	text[strcspn(text, "\n")] = 0;
	return err_set(e, "%s", text);
}

int start_server(const char *config, int limit_ms, struct err *e)
{
	int ready[2], rc, status;
	pid_t child;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_sys(e, "pipe");
	child = fork();
	if (child == 0) {
		/* Twice, so that it is nobody's child here and no zombie is left. */
		if (setsid() < 0 || fork() != 0)
			_exit(0);
		exec_server(config, ready[1]);
	}
	close(ready[1]);
	if (child > 0)
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			;
	rc = child < 0 ? err_sys(e, "fork") : await(ready[0], limit_ms, e);
	close(ready[0]);
	return rc;
}
