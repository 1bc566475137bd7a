#include "session/kept.h"

#include "base/fd.h"
#include "base/path.h"
#include "config/config.h"
#include "journal/record.h"
#include "journal/store.h"
#include "session/views.h"
#include "sys/caps.h"

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MANIFESTS_MAX = 1000000, SECONDS_MAX = 300 };

static bool can_make(const struct session *s, const char *path)
{
	char dir[PATH_MAX];
	const char *slash = strrchr(path, '/');
	struct stat st;

	if (stat(path, &st) == 0)
		return !s->uid || st.st_uid == s->uid;
	if (slash == path || snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path) >= PATH_MAX)
		return !s->uid;
	return stat(dir, &st) == 0 && S_ISDIR(st.st_mode) && (!s->uid || st.st_uid == s->uid);
}

const char *kept_path(const struct session *s)
{
	const char *path = s->core->config->sandbox.fuse.audit.trash_path;

	return path[0] == '/' && !can_make(s, path) ? JOURNAL_STORE : path;
}

static void purge(const struct config *config, const struct session *s, const char *store)
{
	const struct journal_limits limits = { .ttl_ns = config->sandbox.fuse.audit.ttl_ns, .quota = -1 };
	struct journal j;

	fd_close_from(3);
	alarm(SECONDS_MAX);
	if (access(store, F_OK) < 0 || caps_become(s->uid, s->gid, s->user, -1, NULL) < 0 ||
	    journal_open(&j, store, false, NULL) < 0)
		return;
	if (j.trusted) {
		journal_settle_ended(&j, config->sandbox.fuse.audit.hash_small_files_under, MANIFESTS_MAX);
		if (limits.ttl_ns > 0)
			journal_purge(&j, &limits, NULL);
	}
	journal_close(&j);
}

void kept_purge(const struct core *core, const struct session *s)
{
	const struct config *config = core->config;
	char store[PATH_MAX];
	pid_t pid;

	if (!path_join(s->workspace, kept_path(s), store, sizeof store))
		return;
	pid = fork(); /* who looks there may have to wait for its disk */
	if (pid == 0) {
		signal(SIGALRM, SIG_DFL);
		if (fork() == 0)
			purge(config, s, store);
		_exit(0);
	}
	while (pid > 0 && waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
