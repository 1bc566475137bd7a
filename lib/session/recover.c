/* What an earlier server left behind when it was killed: processes, events in rings, directories. */
#include "session/impl.h"

#include "audit/event.h"
#include "audit/ring.h"
#include "audit/writer.h"
#include "base/fd.h"
#include "base/find.h"
#include "base/log.h"
#include "config/config.h"
#include "session/limited.h"
#include "sys/hunt.h"
#include "sys/tag.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than one batch of the writer: whatever is in the log and still in a ring lies within. */
enum { TAIL_MAX = 6 << 20, ID_MAX = 80 };

struct recovery {
	struct core *core;
	char *tail; /* end of the log as it was found, read when a ring is not empty */
	size_t tail_len;
	bool looked;
	unsigned n, sessions;
};

static void read_tail(struct recovery *r)
{
	AUTO_FD fd = open(r->core->config->audit.output, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	struct stat st;
	ssize_t n = -1;

	r->looked = true;
	if (fd < 0 || fstat(fd, &st) < 0 || !(r->tail = malloc(TAIL_MAX)))
		return;
	n = pread(fd, r->tail, TAIL_MAX, st.st_size > TAIL_MAX ? st.st_size - TAIL_MAX : 0);
	r->tail_len = n > 0 ? (size_t)n : 0;
}

/* Written already? The server may have died between writing a batch and removing it from the ring. */
static bool is_written(struct recovery *r, const struct ring_record *record)
{
	static const char key[] = "\"id\":\"evt-";
	char id[ID_MAX];
	const char *at = find_text(record->text, record->len, key), *end;

	if (!at ||
	    !(end = memchr(at + sizeof key, '"', record->len - (size_t)(at + sizeof key - record->text))))
		return false;
	if ((size_t)(end + 1 - at) >= sizeof id)
		return false;
	memcpy(id, at, (size_t)(end + 1 - at));
	id[end + 1 - at] = 0;
	if (!r->looked)
		read_tail(r);
	return find_text(r->tail, r->tail_len, id) != NULL;
}

/* Records of one ring into the log; what is there already can only be the first ones. True when all are in
 * the file. */
static bool recover(struct recovery *r, const char *path)
{
	struct ring *ring = ring_open(path, NULL);
	struct ring_record record;
	bool all = true, new = false;

	if (!ring)
		return true; /* none, or damaged beyond use: the records cannot be told from noise */
	while (all && ring_get(ring, &record)) {
		new = new || !is_written(r, &record);
		if (!new)
			continue;
		all = writer_add(r->core->writer, record.text, record.len);
		r->n += all;
	}
	all = writer_flush(r->core->writer, NULL) == 0 && all;
	if (all)
		ring_done(ring);
	ring_close(ring);
	return all;
}

/* Nobody answers what they ask for any more: they could only linger. */
static void kill_processes(struct core *core, const char *id, const char *path)
{
	AUTO_BUF text = { 0 };
	uint64_t tag;

	if (fd_slurp_file(path, 64, &text, NULL) < 0)
		return;
	tag = strtoull(buf_text(&text), NULL, 16);
	if (!tag_ok(tag))
		return;
	tag_kill(tag, 0, 0, SIGKILL);
	if (CONFIG_LIMITS)
		limited_sweep(core, id, tag);
}

static void log_ended(struct recovery *r, const char *id, unsigned n)
{
	const struct event_field fields[] = {
		{ .name = "reason", .text = "its server ended without it" },
		{ .name = "recovered_events", .number = n },
	};

	core_event(r->core, NULL, NULL,
	           &(struct event){ .type = "session_destroyed",
	                            .session_id = id,
	                            .depth = -1,
	                            .fields = fields,
	                            .n_fields = 2 },
	           0);
}

static void recover_session(struct recovery *r, const char *id)
{
	const char *base = r->core->config->sessions.base_dir;
	char ring[4096], tag[4096], proxy[CONFIG_APPLET_PROXY ? 4096 : 1] = "";
	unsigned before = r->n;

	if (snprintf(ring, sizeof ring, "%s/%s/" SESSION_RING, base, id) >= (int)sizeof ring ||
	    snprintf(tag, sizeof tag, "%s/%s/" SESSION_TAG, base, id) >= (int)sizeof tag)
		return;
	if (CONFIG_APPLET_PROXY &&
	    snprintf(proxy, sizeof proxy, "%s/%s/" SESSION_PROXY_RING, base, id) >= (int)sizeof proxy)
		return;
	if (access(ring, F_OK) < 0 && access(tag, F_OK) < 0)
		return;
	kill_processes(r->core, id, tag);
	if (!recover(r, ring) || (CONFIG_APPLET_PROXY && !recover(r, proxy)))
		return; /* the log does not take them: they stay for the next server */
	log_ended(r, id, r->n - before);
	unlink(ring);
	if (CONFIG_APPLET_PROXY)
		unlink(proxy);
	unlink(tag);
	*strrchr(tag, '/') = 0;
	rmdir(tag); /* what else lies there (journal, workspace view) keeps the directory */
	r->sessions++;
}

void recover_sessions(struct core *core)
{
	DIR *dir = opendir(core->config->sessions.base_dir);
	struct recovery r = { .core = core };
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (session_id_ok(entry->d_name) && !session_find(core, entry->d_name))
			recover_session(&r, entry->d_name);
	if (dir)
		closedir(dir);
	free(r.tail);
	if (r.sessions)
		log_line(LOG_WARN,
		         "%u sessions of an earlier server ended without it; %u events of theirs recovered",
		         r.sessions, r.n);
}
