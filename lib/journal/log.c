#include "journal/record_impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "base/room.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#define LOOK_NS 50000000 /* how long a store is believed to be there */

static int open_acts(struct journal_log *log, struct err *e)
{
	const struct journal *home = &log->stores[0].store;

	if (mkdirat(home->dir, JOURNAL_ACTS, 0700) < 0 && errno != EEXIST)
		return err_sys(e, "%s/" JOURNAL_ACTS, home->path);
	log->acts = openat(home->dir, JOURNAL_ACTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return log->acts < 0 ? err_sys(e, "%s/" JOURNAL_ACTS, home->path) : 0;
}

static int open_home(struct journal_log *log, const struct journal_log_options *o, struct err *e)
{
	struct log_store *home = &log->stores[0];
	struct statx st = { 0 };

	if (journal_make(&home->store, o->at, o->store, e) < 0)
		return -1;
	log->n_stores = 1;
	if (statx(home->store.dir, "", AT_EMPTY_PATH, STATX_MNT_ID, &st) < 0)
		return err_sys(e, "%s", home->store.path);
	home->mount = log_mount(&st);
	if (open_acts(log, e) < 0)
		return -1;
	log->usage = o->quota < 0 ? -1
	                          : openat(home->store.dir, JOURNAL_USAGE,
	                                   O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	return o->quota >= 0 && log->usage < 0 ? err_sys(e, "%s/" JOURNAL_USAGE, home->store.path) : 0;
}

/* Everything that is open of the stores. */
static void close_stores(struct journal_log *log)
{
	if (log->usage >= 0)
		log_count(log);
	for (int i = 0; i < log->n_stores; i++)
		journal_close(&log->stores[i].store);
	log->n_stores = 0;
	fd_close(&log->acts);
	fd_close(&log->fd);
	fd_close(&log->usage);
}

static bool is_removed(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 && st.st_nlink == 0;
}

int log_renew(struct journal_log *log, const struct log_place *p, bool now, struct err *e)
{
	const struct log_store *s = &log->stores[p->store];
	struct journal_log_options o = { .at = log->at, .store = log->name, .quota = log->quota };
	const int64_t at = clock_mono_ns();
	ROOM char path[PATH_MAX];

	if (log->n_stores && !now && at - log->looked < LOOK_NS)
		return 0;
	log->looked = at;
	if (log->n_stores && !is_removed(log->acts) && (s->failed || !is_removed(s->store.payload)))
		return 0;
	if (log->at < 0) {
		strcpy(path, log->stores[0].store.path);
		o.at = AT_FDCWD;
		o.store = path;
	}
	close_stores(log);
	memset(log->kept, 0, sizeof log->kept);
	log_tell_again(log);
	log->known = -1;
	log->own = 0;
	return open_home(log, &o, e) < 0 ? -1 : 1;
}

int journal_log_open(struct journal_log **out, const struct journal_log_options *o, struct err *e)
{
	struct journal_log *log = calloc(1, sizeof *log);

	*out = NULL;
	if (!log)
		return err_set(e, "out of memory");
	log->acts = log->fd = log->usage = log->at = -1;
	log->known = -1;
	snprintf(log->session, sizeof log->session, "%s", o->session ? o->session : "");
	log->copy_max = o->copy_max;
	log->hash_up_to = o->hash_up_to;
	log->quota = o->quota;
	log->ttl_ns = o->ttl_ns;
	log->strict = o->strict;
	log->batch = o->batch;
	/* Who serves a view must not come through it to what lies below. */
	if (o->at >= 0) {
		log->at = fcntl(o->at, F_DUPFD_CLOEXEC, 3);
		log->name = strdup(o->store);
	}
	if ((o->at >= 0 && (log->at < 0 || !log->name) && err_sys(e, "journal") < 0) ||
	    open_home(log, o, e) < 0) {
		journal_log_close(log);
		return -1;
	}
	*out = log;
	return 0;
}

void journal_log_close(struct journal_log *log)
{
	if (!log)
		return;
	(void)!log_flush(log, NULL);
	close_stores(log);
	fd_close(&log->at);
	free(log->name);
	buf_release(&log->line);
	buf_release(&log->waiting);
	free(log);
}

/* All of it or nothing. */
static int write_text(struct journal_log *log, const struct buf *text, struct err *e)
{
	if (fd_write(log->fd, text->data, text->len) < 0) {
		err_sys(e, "journal");
		(void)!ftruncate(log->fd, log->len);
		return -1;
	}
	log->len += (off_t)text->len;
	return 0;
}

static int no_memory(struct buf *text, struct err *e)
{
	buf_release(text);
	errno = ENOMEM;
	return err_sys(e, "journal");
}

static int append(struct journal_log *log, const struct journal_line *l, struct err *e)
{
	buf_clear(&log->line);
	line_write(l, &log->line);
	return log->line.failed ? no_memory(&log->line, e) : write_text(log, &log->line, e);
}

static int64_t next_token(struct journal_log *log)
{
	int64_t now = clock_real_ns();

	return log->last = now > log->last ? now : log->last + 1;
}

/* What every file of lines begins with: whose they are, and which stores the numbers stand for. */
static int begin(struct journal_log *log, struct err *e)
{
	struct journal_line l = { .kind = LINE_BEGIN, .at = next_token(log), .command = log->session };

	for (int i = 0; i < log->n_stores; i++) {
		l.path = log->stores[i].store.path;
		if (!log->stores[i].failed && append(log, &l, e) < 0)
			return -1;
		l = (struct journal_line){ .kind = LINE_STORE, .at = log->last, .store = i + 1 };
	}
	return 0;
}

/* This writer's file of lines: the first, or the next when the last has become long. The lock says that
 * somebody writes it. */
static int open_lines(struct journal_log *log, struct err *e)
{
	char name[JOURNAL_ACTS_NAME];
	int fd = -1;

	for (int i = 0; fd < 0 && i < 100; i++) {
		snprintf(name, sizeof name, "%" PRId64 "-%d", next_token(log), (int)getpid());
		fd = openat(log->acts, name, O_RDWR | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		            0600);
		if (fd < 0 && errno != EEXIST)
			break;
	}
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) < 0) {
		err_sys(e, "%s/" JOURNAL_ACTS, log->stores[0].store.path);
		fd_close(&fd);
		return -1;
	}
	fd_close(&log->fd);
	log->fd = fd;
	log->len = log->settled = 0;
	if (begin(log, e) == 0)
		return 0;
	unlinkat(log->acts, name, 0);
	fd_close(&log->fd);
	return -1;
}

static int need_lines(struct journal_log *log, struct err *e)
{
	bool full = log->len > LOG_ROTATE && log->settled == log->len;

	return log->fd < 0 || full ? open_lines(log, e) : 0;
}

int log_flush(struct journal_log *log, struct err *e)
{
	if (!log->waiting.len)
		return 0;
	if (need_lines(log, e) < 0 || write_text(log, &log->waiting, e) < 0)
		return -1;
	buf_clear(&log->waiting);
	return 0;
}

/* Nothing is lost with it but that something can be taken away again. */
static bool may_wait(const struct journal_log *log, char kind)
{
	static const char made[] = { LINE_ACTS[JOURNAL_CREATE], LINE_ACTS[JOURNAL_MKDIR],
		                     LINE_ACTS[JOURNAL_SYMLINK], LINE_ACTS[JOURNAL_LINK] };

	return log->batch && memchr(made, kind, sizeof made);
}

static int wait(struct journal_log *log, const struct journal_line *l, struct err *e)
{
	if (log->waiting.len > LOG_WAITING && log_flush(log, e) < 0)
		return -1;
	log->last_waits = log->waiting.len;
	line_write(l, &log->waiting);
	return log->waiting.failed ? no_memory(&log->waiting, e) : 0;
}

int log_append(struct journal_log *log, struct journal_line *l, struct err *e)
{
	if (l->at == 0)
		l->at = next_token(log);
	if (may_wait(log, l->kind))
		return wait(log, l, e);
	return log_flush(log, e) < 0 || need_lines(log, e) < 0 ? -1 : append(log, l, e);
}

/* Is it the last that waits? Then it is taken back. */
static bool unwait(struct journal_log *log, int64_t at)
{
	struct buf *w = &log->waiting;

	if (log->last_waits >= w->len || strtoll(w->data + log->last_waits + 2, NULL, 10) != at)
		return false;
	w->len = log->last_waits;
	w->data[w->len] = 0;
	return true;
}

void log_void(struct journal_log *log, int64_t at)
{
	struct journal_line l = { .kind = LINE_VOID, .at = at };

	log_tell_again(log);
	if (!unwait(log, at))
		log_append(log, &l, NULL);
}

void journal_ended(struct journal_log *log, const char *command)
{
	struct journal_line l = { .kind = LINE_ENDED, .command = command };

	if (log->fd >= 0 || log->waiting.len)
		log_append(log, &l, NULL);
}

/* A component that begins with the name of stores. */
static bool is_store_name(const char *component)
{
	size_t n = sizeof JOURNAL_STORE - 1;

	return component[0] == JOURNAL_STORE[0] && strncmp(component, JOURNAL_STORE, n) == 0 &&
	       (!component[n] || component[n] == '/' || component[n] == '-');
}

const char *journal_below(const char *home, const char *path)
{
	if (home && path_within(path, home))
		return path + strlen(home);
	for (const char *p = strchr(path, '/'); p; p = strchr(p + 1, '/'))
		if (is_store_name(p + 1))
			return p + 1 + strcspn(p + 1, "/");
	return NULL;
}

const char *journal_home(const struct journal_log *log)
{
	return log->stores[0].store.path;
}
