#include "wire/start.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/find.h"

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
	    log = open("/var/log/agentsh/server.log", O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);

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

/* The line that tells most: the first error, else the last one. */
static void pick_line(char *text, struct err *e)
{
	char *line = strtok(text, "\n"), *best = line;

	for (; line; line = strtok(NULL, "\n")) {
		best = line;
		if (find_text(line, strlen(line), " error: "))
			break;
	}
	err_set(e, "%s", best ? best : "the server ended without a word");
	if (e && best && find_text(best, strlen(best), "another server is running"))
		e->code = EBUSY;
}

static int timed_out(int limit_ms, struct err *e)
{
	err_set(e, "the server did not come up in %d ms", limit_ms);
	if (e)
		e->code = ETIMEDOUT;
	return -1;
}

/* The server's complaints come through this pipe until it listens; then '!'. */
static int await(int fd, int limit_ms, struct err *e)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t end = clock_mono_ns() + limit_ms * 1000000LL;
	char text[2000];
	size_t len = 0;
	ssize_t n = 1;

	while (n > 0 && len < sizeof text - 1) {
		int64_t left = (end - clock_mono_ns()) / 1000000;
		int rc = poll(&p, 1, left > 0 ? (int)left : 0);

		if (rc < 0 && errno == EINTR)
			continue;
		if (rc <= 0)
			return timed_out(limit_ms, e);
		n = read(fd, text + len, sizeof text - 1 - len);
		if (n > 0)
			len += (size_t)n;
		if (len && text[len - 1] == '!')
			return 0;
	}
	text[len] = 0;
	pick_line(text, e);
	return -1;
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
