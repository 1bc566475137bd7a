#include "session/mounter_impl.h"

#include "base/clock.h"
#include "base/log.h"
#include "enforce/fuse/mounting.h"
#include "session/mounter.h"
#include "sys/mounts.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statfs.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 500, DETACH_MS = 2000 };

static bool is_view(const struct mount *m)
{
	return !strcmp(m->type, "fuse.agentsh");
}

static long mount_id(int fd)
{
	char name[48], line[128];
	long id = -1;
	FILE *f;

	snprintf(name, sizeof name, "/proc/self/fdinfo/%d", fd);
	f = fopen(name, "re");
	while (f && fgets(line, sizeof line, f))
		if (!strncmp(line, "mnt_id:", 7))
			id = strtol(line + 7, NULL, 10);
	if (f)
		fclose(f);
	return id;
}

bool mounter_is_view(int fd)
{
	long id = mount_id(fd);
	struct mounts all;
	bool found = false;

	if (id < 0)
		return false;
	mounts_read(&all, "/proc/self");
	for (size_t i = 0; i < all.n && !found; i++)
		found = strtol(all.all[i].id, NULL, 10) == id && is_view(&all.all[i]);
	mounts_release(&all);
	return found;
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
	struct mounts all;
	struct err e;

	mounts_read(&all, "/proc/self");
	/* What was mounted last lies on top. */
	for (size_t i = all.n; i-- > 0;) {
		const char *where = all.all[i].where;

		if (!is_view(&all.all[i]) || !is_dead(where))
			continue;
		if (mounting_detach(where, DETACH_MS, &e) < 0)
			log_line(LOG_WARN, "a view that nobody serves: %s", e.text);
		else
			log_line(LOG_INFO, "%s: a view that nobody served was taken away", where);
	}
	mounts_release(&all);
}
