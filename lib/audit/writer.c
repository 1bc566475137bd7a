#include "audit/writer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "audit/event.h"
#include "audit/head.h"
#include "audit/tail.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "json/write.h"

enum { QUEUE_MAX = 4 << 20, MAX_BACKUPS = 1000 };

static const int64_t day_ns = 86400ll * 1000000000;

struct writer {
	struct writer_options o;
	char *path;              /* owned */
	int dir;                 /* of the log, for renames and fsync */
	int fd;                  /* the log, O_APPEND */
	int head_fd;             /* PATH.head, locked */
	uint64_t size;           /* of the log: where our last whole batch ended */
	struct writer_head head; /* what is in the file */
	struct chain_link last;  /* what is in the file or queued */
	struct buf queue;
	int64_t rotate_at_ns; /* CLOCK_MONOTONIC: not before this, after a failure */
	bool head_damaged;    /* found so on opening */
	bool dirty;           /* written but not yet synced */
	bool torn;            /* a failed write may have left bytes behind `size` */
	int64_t begun_ns;     /* when this file's first line was written */
	int64_t synced_ns;    /* CLOCK_MONOTONIC */
};

char *writer_file_name(const char *path, unsigned n, char *out, size_t size)
{
	snprintf(out, size, n ? "%s.%u" : "%s", path, n);
	return out;
}

bool writer_behind(const struct writer *w)
{
	return w->queue.len > 0;
}

const struct chain_link *writer_last(const struct writer *w)
{
	return &w->last;
}

/* An object on one line, as far as a look at each byte tells. */
static bool is_event(const char *event, size_t len)
{
	if (len < 2 || len > EVENT_TEXT_MAX || event[0] != '{' || event[len - 1] != '}')
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)event[i] < 32)
			return false;
	return true;
}

static void add_malformed(struct writer *w, const char *event, size_t len)
{
	AUTO_BUF raw = { 0 }, b = { 0 };
	struct event_field fields[2] = { { .name = "bytes", .number = (int64_t)len },
		                         { .name = "text_base64" } };
	struct event ev = { .type = "malformed_event", .fields = fields, .n_fields = 2 };

	json_base64(&raw, event, len < 2048 ? len : 2048);
	buf_add(&raw, "", 0);
	fields[1].text = buf_text(&raw);
	event_format(&ev, &b);
	if (!b.failed)
		chain_seal(&w->o.key, &w->last, b.data, b.len, &w->queue);
}

bool writer_add(struct writer *w, const char *event, size_t len)
{
	if (w->queue.len > QUEUE_MAX || !buf_room(&w->queue, EVENT_LINE_MAX)) {
		w->queue.failed = false;
		return false;
	}
	if (is_event(event, len))
		chain_seal(&w->o.key, &w->last, event, len, &w->queue);
	else
		add_malformed(w, event, len);
	return true;
}

/* Say in the log itself what was found wrong with it. `torn` are bytes that were cut off. */
static void add_recovered(struct writer *w, const char *reason, uint64_t found, const char *torn, size_t len)
{
	AUTO_BUF raw = { 0 }, b = { 0 };
	struct event_field fields[] = {
		{ .name = "expected_sequence", .number = (int64_t)w->head.last.sequence },
		{ .name = "found_sequence", .number = (int64_t)found },
		{ .name = "reason", .text = reason },
		{ .name = "torn_base64", .text = "" },
		{ .name = "torn_bytes", .number = (int64_t)len },
	};
	struct event ev = { .type = "log_recovered",
		            .fields = fields,
		            .n_fields = sizeof fields / sizeof *fields };

	json_base64(&raw, torn, len < 3000 ? len : 3000);
	buf_add(&raw, "", 0);
	fields[3].text = buf_text(&raw);
	event_format(&ev, &b);
	if (!b.failed)
		writer_add(w, b.data, b.len);
}

/* Open for appending; a link, a foreign owner or a file that others may write is refused. */
static int open_own(const char *path, int flags, struct err *e)
{
	int fd = open(path, flags | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
	struct stat st;

	if (fd < 0)
		return err_sys(e, "open %s", path);
	if (fstat(fd, &st) < 0)
		err_sys(e, "stat %s", path);
	else if (!S_ISREG(st.st_mode))
		err_set(e, "%s: not a regular file", path);
	else if (st.st_uid != geteuid() || st.st_mode & 022)
		err_set(e, "%s: others may write it (owner %u, mode %o)", path, st.st_uid,
		        st.st_mode & 07777u);
	else
		return fd;
	close(fd);
	return -1;
}

static int open_head(struct writer *w, struct err *e)
{
	char path[4096 + 8];
	struct err why = { 0 };

	if (!head_path(w->path, path, sizeof path))
		return err_set(e, "%s: name too long", w->path);
	w->head_fd = open_own(path, O_RDWR, e);
	if (w->head_fd < 0)
		return -1;
	if (flock(w->head_fd, LOCK_EX | LOCK_NB) < 0)
		return errno == EWOULDBLOCK ? err_set(e, "%s: another process writes this log", w->path)
		                            : err_sys(e, "lock %s", path);
	if (head_read(w->head_fd, &w->head, &why) < 0)
		w->head_damaged = true;
	return 0;
}

/* Compare what the file holds with what the head promises. */
static void report_state(struct writer *w, const struct tail *t, const struct buf *torn)
{
	const struct chain_link *promised = &w->head.last;
	const char *reason = NULL;

	if (w->head_damaged)
		reason = "the head file is damaged";
	else if (promised->sequence && w->head.kind != w->o.key.kind)
		reason = "the hash algorithm was changed";
	else if (promised->sequence && !t->size)
		reason = "the log is missing or empty";
	else if (t->last.sequence < promised->sequence)
		reason = "entries are missing at the end";
	else if (t->last.sequence == promised->sequence && strcmp(t->last.entry, promised->entry))
		reason = "the last entry is not the one that was written";
	else if (torn->len)
		reason = "the last line was not complete";
	else if (t->foreign)
		reason = "the last line is not an entry of this log";
	if (reason)
		add_recovered(w, reason, t->last.sequence, torn->data, torn->len);
}

/* Open the log and find out where it stands. What is wrong is queued as an event. */
static int open_log(struct writer *w, struct err *e)
{
	AUTO_BUF torn = { 0 };
	struct tail t;

	w->fd = open_own(w->path, O_RDWR | O_APPEND, e);
	if (w->fd < 0 || tail_find(w->fd, &w->o.key, &t, &torn, e) < 0)
		return -1;
	if (torn.len && ftruncate(w->fd, (off_t)t.size) < 0)
		return err_sys(e, "cut the torn line of %s", w->path);
	w->size = t.size;
	w->begun_ns = t.begun_ns;
	w->last = t.last.sequence >= w->head.last.sequence ? t.last : w->head.last;
	report_state(w, &t, &torn);
	return 0;
}

/* Rotated files without a head (it was lost, or they are older than it): believe the oldest line there is. */
static void find_first(struct writer *w)
{
	char name[4096 + 16];

	w->head.first_sequence = 1;
	for (unsigned n = MAX_BACKUPS; n-- > 0;) {
		struct chain_link first;
		int fd = open(writer_file_name(w->path, n, name, sizeof name),
		              O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
		bool found = fd >= 0 && tail_first(fd, &first);

		fd_close(&fd);
		if (!found)
			continue;
		w->head.first_sequence = first.sequence;
		memcpy(w->head.first_prev, first.prev, sizeof first.prev);
		return;
	}
}

static int open_dir(const char *path, struct err *e)
{
	char dir[4096];
	const char *slash = strrchr(path, '/');
	int fd;

	if (*path != '/' || (size_t)(slash - path) >= sizeof dir - 16)
		return err_set(e, "%s: not an absolute path", path);
	memcpy(dir, path, (size_t)(slash - path) + 1);
	dir[slash - path + 1] = 0;
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_sys(e, "open %s", dir) : fd;
}

static void discard(struct writer *w)
{
	fd_close(&w->fd);
	fd_close(&w->head_fd);
	fd_close(&w->dir);
	buf_release(&w->queue);
	free(w->path);
	free(w);
}

struct writer *writer_open(const struct writer_options *options, struct err *e)
{
	struct writer *w = calloc(1, sizeof *w);

	if (!w)
		return err_set(e, "out of memory"), NULL;
	w->o = *options;
	w->dir = w->fd = w->head_fd = -1;
	w->path = strdup(options->path);
	if (!w->path)
		err_set(e, "out of memory");
	else if ((w->dir = open_dir(w->path, e)) >= 0 && open_head(w, e) == 0 && open_log(w, e) == 0) {
		w->head.kind = w->o.key.kind;
		if (!w->head.first_sequence)
			find_first(w);
		if (writer_flush(w, e) == 0)
			return w;
	}
	discard(w);
	return NULL;
}

/* Delete a rotated file. The log then begins behind its last entry: not simply with the oldest file left,
 * since somebody may have removed that one's predecessors without us. */
static void delete_file(struct writer *w, const char *name)
{
	AUTO_FD fd = open(name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	AUTO_BUF torn = { 0 };
	struct tail t;
	struct err e;

	if (fd >= 0 && tail_find(fd, &w->o.key, &t, &torn, &e) == 0 &&
	    t.last.sequence >= w->head.first_sequence) {
		w->head.first_sequence = t.last.sequence + 1;
		memcpy(w->head.first_prev, t.last.entry, sizeof t.last.entry);
		/* Head first: verify passes over entries before it, but would miss entries after it. */
		if (head_write(w->head_fd, &w->head) < 0)
			return;
	}
	unlink(name);
}

/* Delete PATH.n beyond `backups` or too old. */
static void expire(struct writer *w)
{
	unsigned keep = w->o.backups && w->o.backups < MAX_BACKUPS ? w->o.backups : MAX_BACKUPS - 1;
	int64_t oldest = w->o.retention_days ? clock_real_ns() - w->o.retention_days * day_ns : INT64_MIN;
	char name[4096 + 16];

	for (unsigned n = 1; n <= MAX_BACKUPS; n++) {
		struct stat st;

		if (lstat(writer_file_name(w->path, n, name, sizeof name), &st) < 0)
			continue;
		if (n > keep || (int64_t)st.st_mtim.tv_sec * 1000000000 < oldest)
			delete_file(w, name);
	}
}

/* PATH.n -> PATH.n+1 for all without a gap from 1 on, then PATH -> PATH.1. */
static int shift(struct writer *w, struct err *e)
{
	char from[4096 + 16], to[4096 + 16];
	unsigned n = 0;

	while (n + 1 < MAX_BACKUPS && access(writer_file_name(w->path, n + 1, from, sizeof from), F_OK) == 0)
		n++;
	for (n++; n-- > 0;) {
		writer_file_name(w->path, n, from, sizeof from);
		writer_file_name(w->path, n + 1, to, sizeof to);
		if (rename(from, to) < 0)
			return err_sys(e, "rotate %s", from);
	}
	return 0;
}

static int rotate(struct writer *w, struct err *e)
{
	int fd;

	if (w->o.sync != SYNC_NEVER)
		fsync(w->fd);
	if (shift(w, e) < 0)
		return -1;
	expire(w);
	fd = open_own(w->path, O_RDWR | O_APPEND | O_EXCL, e);
	if (fd < 0) {
		/* Go on in the old file, under its old name: rotation can wait, events cannot. */
		char name[4096 + 16];

		rename(writer_file_name(w->path, 1, name, sizeof name), w->path);
		return -1;
	}
	close(w->fd);
	w->fd = fd;
	w->size = 0;
	fsync(w->dir);
	return 0;
}

static bool is_rotation_due(const struct writer *w)
{
	if (!w->size || (w->rotate_at_ns && clock_mono_ns() < w->rotate_at_ns))
		return false;
	if (w->o.max_bytes && w->size + w->queue.len > w->o.max_bytes)
		return true;
	return w->o.retention_days && clock_real_ns() - w->begun_ns > day_ns;
}

/* A new file under our name; whatever somebody put there is moved aside. */
static int replace_log(struct writer *w, struct err *e)
{
	char aside[4096 + 40];
	int fd;

	snprintf(aside, sizeof aside, "%s.foreign-%lld", w->path, (long long)clock_real_ns());
	if (rename(w->path, aside) < 0 && errno != ENOENT)
		return err_sys(e, "move aside %s", w->path);
	fd = open_own(w->path, O_RDWR | O_APPEND | O_EXCL, e);
	if (fd < 0)
		return -1;
	close(w->fd);
	w->fd = fd;
	w->size = 0;
	w->torn = false;
	add_recovered(w, "the log was removed or replaced", 0, NULL, 0);
	return 0;
}

/* Bytes of somebody else at the end, or ours missing: say so, and begin on a line of our own. */
static int adopt_size(struct writer *w, uint64_t size, struct err *e)
{
	char last = '\n';

	add_recovered(w, size < w->size ? "somebody else cut the log" : "somebody else wrote to the log", 0,
	              NULL, 0);
	w->size = size;
	if (size && pread(w->fd, &last, 1, (off_t)size - 1) != 1)
		return err_sys(e, "read %s", w->path);
	if (last == '\n')
		return 0;
	w->size++;
	return fd_write(w->fd, "\n", 1) < 0 ? err_sys(e, "write %s", w->path) : 0;
}

/* Is the file still ours and as long as we left it? */
static int look_after(struct writer *w, struct err *e)
{
	struct stat ours, there;

	if (fstat(w->fd, &ours) < 0)
		return err_sys(e, "stat %s", w->path);
	if (lstat(w->path, &there) < 0 || there.st_ino != ours.st_ino || there.st_dev != ours.st_dev)
		return replace_log(w, e);
	if (w->torn) {
		if (ftruncate(w->fd, (off_t)w->size) < 0)
			return err_sys(e, "cut the torn batch of %s", w->path);
		w->torn = false;
		return 0;
	}
	return (uint64_t)ours.st_size == w->size ? 0 : adopt_size(w, (uint64_t)ours.st_size, e);
}

static int write_queue(struct writer *w, struct err *e)
{
	if (!w->size)
		w->begun_ns = clock_real_ns();
	if (fd_write(w->fd, w->queue.data, w->queue.len) < 0) {
		err_sys(e, "write %s", w->path);
		w->torn = ftruncate(w->fd, (off_t)w->size) < 0;
		return -1;
	}
	w->size += w->queue.len;
	w->dirty = true;
	buf_clear(&w->queue);
	w->head.last = w->last;
	return 0;
}

/* Durable as far as the options ask. */
static int make_durable(struct writer *w, struct err *e)
{
	int64_t now;

	if (w->o.sync == SYNC_NEVER || !w->dirty)
		return 0;
	now = clock_mono_ns();
	if (w->o.sync == SYNC_INTERVAL && now - w->synced_ns < w->o.sync_ns)
		return 0;
	if (fdatasync(w->fd) < 0)
		return err_sys(e, "sync %s", w->path);
	w->synced_ns = now;
	w->dirty = false;
	return 0;
}

int writer_flush(struct writer *w, struct err *e)
{
	struct err why;

	if (!w->queue.len)
		return make_durable(w, e);
	if (is_rotation_due(w) && rotate(w, &why) < 0) {
		log_line(LOG_ERROR, "audit log: %s", why.text);
		w->rotate_at_ns = clock_mono_ns() + 60ll * 1000000000;
	}
	if (look_after(w, e) < 0 || write_queue(w, e) < 0 || make_durable(w, e) < 0)
		return -1;
	return head_write(w->head_fd, &w->head) < 0 ? err_sys(e, "write head of %s", w->path) : 0;
}

int writer_close(struct writer *w, struct err *e)
{
	int result;

	if (!w)
		return 0;
	result = writer_flush(w, e);
	if (w->o.sync != SYNC_NEVER)
		fsync(w->fd);
	discard(w);
	return result;
}
