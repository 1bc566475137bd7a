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

enum state { UNKNOWN, LOOKED_AT, SERVED, GONE };

/* Private to this file: a mount that is a view. */
struct found {
	enum state state;
	pid_t pid; /* of a child, while it is looked at; -1: there is none */
};

/* In a child: who asks a view that is served by somebody who does not answer waits for ever. */
static pid_t look(const char *path)
{
	struct statfs st;
	pid_t pid = fork();

	if (pid == 0)
		_exit(statfs(path, &st) < 0 && errno == ENOTCONN ? 1 : 0);
	return pid;
}

/* A path leads to what lies on top. */
static bool is_covered(const struct mounts *all, const struct found *found, size_t i)
{
	for (size_t other = i + 1; other < all->n; other++)
		if (found[other].state != GONE && is_view(&all->all[other]) &&
		    !strcmp(all->all[other].where, all->all[i].where))
			return true;
	return false;
}

/* Has the child found that nobody serves it? UNKNOWN: it is not back yet. */
static enum state answer(const struct found *f)
{
	int status = 0;

	if (f->pid > 0 && waitpid(f->pid, &status, WNOHANG) == 0)
		return UNKNOWN;
	return f->pid > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 1 ? GONE : SERVED;
}

static void take_away(const char *where)
{
	struct err e;

	if (mounting_detach(where, DETACH_MS, &e) < 0)
		log_line(LOG_WARN, "a view that nobody serves: %s", e.text);
	else
		log_line(LOG_INFO, "%s: a view that nobody served was taken away", where);
}

/* All that nothing lies on, at once: however many do not answer, they are waited for together. False: nothing
 * was taken away. */
static bool clean(const struct mounts *all, struct found *found)
{
	const int64_t until = clock_mono_ns() + LOOK_MS * 1000000LL;
	bool any = false, waits = true;

	for (size_t i = 0; i < all->n; i++)
		if (found[i].state == UNKNOWN && is_view(&all->all[i]) && !is_covered(all, found, i))
			found[i] = (struct found){ LOOKED_AT, look(all->all[i].where) };
	while (waits) {
		const bool late = clock_mono_ns() > until;

		waits = false;
		for (size_t i = 0; i < all->n; i++) {
			if (found[i].state != LOOKED_AT)
				continue;
			found[i].state = answer(&found[i]);
			if (found[i].state == UNKNOWN && late) {
				kill(found[i].pid, SIGKILL);
				found[i].state = SERVED;
			} else if (found[i].state == UNKNOWN) {
				found[i].state = LOOKED_AT;
				waits = true;
			} else if (found[i].state == GONE) {
				take_away(all->all[i].where);
				any = true;
			}
		}
		if (waits)
			poll(NULL, 0, 1);
	}
	return any;
}

void mounter_clean(void)
{
	struct mounts all;
	struct found *found;

	mounts_read(&all, "/proc/self");
	found = calloc(all.n + 1, sizeof *found);
	/* What was mounted last lies on top; then comes what it lay on. */
	while (found && clean(&all, found))
		;
	free(found);
	mounts_release(&all);
}
