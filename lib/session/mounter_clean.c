#include "session/mounter_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "enforce/fuse/mounting.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 500, DETACH_MS = 2000, CLEAN_MAX = 64 };

static bool next_line(FILE *f, char *line, size_t size)
{
	return fgets(line, (int)size, f) != NULL;
}

/* "36 25 0:32 / /where rw,… - fuse.agentsh agentsh-workspace rw,…" */
static bool is_view(const char *line)
{
	return strstr(line, " - fuse.agentsh ") != NULL;
}

static long mount_id(int fd)
{
	char name[48], line[128];
	long id = -1;
	FILE *f;

	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
	f = fopen(name, "re");
	while (f && next_line(f, line, sizeof line))
		if (!strncmp(line, "mnt_id:", 7))
			id = strtol(line + 7, NULL, 10);
	if (f)
		fclose(f);
	return id;
}

bool mounter_is_view(int fd)
{
	long id = mount_id(fd);
	char line[PATH_MAX * 2];
	bool found = false;
	FILE *f = id < 0 ? NULL : fopen("/proc/self/mountinfo", "re");

	while (f && !found && next_line(f, line, sizeof line))
		found = strtol(line, NULL, 10) == id && is_view(line);
	if (f)
		fclose(f);
	return found;
}

/* The fifth word, where spaces and the like are octal. */
static bool place_of(const char *line, char *out, size_t size)
{
	size_t n = 0;

	for (int i = 0; i < 4; i++) {
		line = strchr(line, ' ');
		if (!line++)
			return false;
	}
	while (*line && *line != ' ' && n + 1 < size) {
		unsigned code = 0;

		if (*line == '\\' && sscanf(line + 1, "%3o", &code) == 1 && code) {
			out[n++] = (char)code;
			line += 4;
		} else {
			out[n++] = *line++;
		}
	}
	out[n] = 0;
	return n > 0;
}

/* In a child: who asks a view that is served by somebody who does not answer waits for ever. */
static bool is_dead(const char *path)
{
	int64_t until = clock_mono_ns() + LOOK_MS * 1000000LL;
	struct statfs st;
	int status = 0;
	pid_t pid = fork();

	if (pid == 0)
		_exit(statfs(path, &st) < 0 && errno == ENOTCONN ? 1 : 0);
	while (pid > 0 && waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_mono_ns() > until) {
			kill(pid, SIGKILL);
			return false; /* somebody serves it */
		}
		poll(NULL, 0, 1);
	}
	return pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

void mounter_clean(void)
{
	char(*dead)[PATH_MAX] = calloc(CLEAN_MAX, sizeof *dead), line[PATH_MAX * 2];
	FILE *f = dead ? fopen("/proc/self/mountinfo", "re") : NULL;
	struct err e;
	int n = 0;

	while (f && n < CLEAN_MAX && next_line(f, line, sizeof line))
		if (is_view(line) && place_of(line, dead[n], sizeof *dead) && is_dead(dead[n]))
			n++;
	if (f)
		fclose(f);
	/* What was mounted last lies on top. */
	while (n--)
		if (mounting_detach(dead[n], DETACH_MS, &e) < 0)
			log_line(LOG_WARN, "a view that nobody serves: %s", e.text);
		else
			log_line(LOG_INFO, "%s: a view that nobody served was taken away", dead[n]);
	free(dead);
}
