#include "session/impl.h"

#include "audit/ring.h"
#include "audit/writer.h"
#include "base/log.h"
#include "config/config.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Records of one ring into the log. True when all are in the file. */
static bool recover(struct core *core, const char *path, unsigned *n)
{
	struct ring *ring = ring_open(path, NULL);
	struct ring_record r;
	bool all = true;

	if (!ring)
		return true; /* none, or damaged beyond use: the records cannot be told from noise */
	while (all && ring_get(ring, &r)) {
		all = writer_add(core->writer, r.text, r.len);
		*n += all;
	}
	all = writer_flush(core->writer, NULL) == 0 && all;
	if (all)
		ring_done(ring);
	ring_close(ring);
	return all;
}

void recover_rings(struct core *core)
{
	DIR *dir = opendir(core->config->sessions.base_dir);
	const struct dirent *entry;
	unsigned n = 0, sessions = 0;

	while (dir && (entry = readdir(dir))) {
		char path[4096];

		if (!session_id_ok(entry->d_name) ||
		    snprintf(path, sizeof path, "%s/%s/" SESSION_RING, core->config->sessions.base_dir,
		             entry->d_name) >= (int)sizeof path)
			continue;
		if (access(path, F_OK) < 0 || !recover(core, path, &n))
			continue;
		unlink(path);
		*strrchr(path, '/') = 0;
		rmdir(path); /* what else lies there (journal, workspace view) keeps the directory */
		sessions++;
	}
	if (dir)
		closedir(dir);
	if (sessions)
		log_line(LOG_WARN,
		         "%u sessions of an earlier server ended without it; %u events of theirs recovered",
		         sessions, n);
}
