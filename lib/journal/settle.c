#include "journal/index.h"
#include "journal/meta.h"
#include "journal/record_impl.h"
#include "sys/rename.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 256 << 10, PIECE = 64 << 10 /* bytes, whose hash takes as long as a manifest */ };

/* The manifest of what a line says was deleted, unless there is one, or no such version any more. */
static bool write_one(const struct journal *j, const char *session, const struct journal_line *line,
                      uint64_t hash_up_to)
{
	struct journal_entry en = { .path = line->path,
		                    .session = session,
		                    .command = line->command,
		                    .size = line->size,
		                    .mode = line->mode,
		                    .uid = line->uid,
		                    .gid = line->gid,
		                    .mtime_ns = line->mtime_ns > 0 ? line->mtime_ns : 0,
		                    .created_ns = line->at };
	char temporary[48], name[JOURNAL_TOKEN + 8];
	struct arena a = { 0 };
	bool good;

	line_token(line->at, en.token);
	snprintf(temporary, sizeof temporary, ".%s.%d", en.token, (int)getpid());
	journal_manifest_name(en.token, name, sizeof name);
	if (!journal_has_payload(j, en.token) || faccessat(j->manifest, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
		return false;
	if (S_ISREG(line->mode) && line->size <= hash_up_to &&
	    journal_hash(j->payload, en.token, en.hash, NULL) < 0)
		en.hash[0] = 0;
	en.xattrs = meta_xattrs(&a, j->payload, en.token);
	good = journal_write_manifest(j, &en, temporary, NULL) == 0 &&
	       rename_new(j->manifest, temporary, j->manifest, name) == 0;
	if (!good)
		unlinkat(j->manifest, temporary, 0);
	arena_release(&a);
	return good;
}

static bool was_deleted(const struct journal_line *line)
{
	return line->kind == LINE_ACTS[JOURNAL_DELETE] || line->kind == LINE_ACTS[JOURNAL_RMDIR];
}

/* How much of what may be done at once it was. */
static int settle_one(struct journal_log *log, const struct journal_line *line)
{
	const struct log_store *s = &log->stores[line->store];
	bool hashed = S_ISREG(line->mode) && line->size <= log->hash_up_to;

	if (s->failed || !write_one(&s->store, log->session, line, log->hash_up_to))
		return 0;
	return 1 + (hashed ? (int)(line->size / PIECE) : 0);
}

bool journal_settle(struct journal_log *log, int max)
{
	struct arena a = { .max = 16 << 20 };
	struct buf text = { 0 };
	char *at = buf_room(&text, CHUNK), *end;
	struct journal_line line;
	ssize_t n;

	(void)!log_flush(log, NULL);
	n = at && log->fd >= 0 ? pread(log->fd, at, CHUNK, log->settled) : 0;
	for (; n > 0 && max > 0 && (end = memchr(at, '\n', (size_t)n)); at = end + 1) {
		log->settled += end + 1 - at;
		n -= end + 1 - at;
		if (line_read(at, (size_t)(end - at), &a, &line) && was_deleted(&line) &&
		    line.store < log->n_stores)
			max -= settle_one(log, &line);
	}
	if (at == text.data && n == CHUNK)
		log->settled += n; /* no line is that long: attributes; none of a deletion has any */
	arena_release(&a);
	buf_release(&text);
	return log->settled < log->len;
}

struct settling {
	uint64_t hash_up_to;
	int max;
};

static int settle_line(void *arg, const struct index_line *l, struct err *e)
{
	struct settling *s = arg;

	(void)e;
	if (l->store && !l->alive && s->max > 0 && was_deleted(l->line))
		s->max -= write_one(l->store, l->session, l->line, s->hash_up_to);
	return 0;
}

void journal_settle_ended(const struct journal *j, uint64_t hash_up_to, int max)
{
	struct settling s = { hash_up_to, max };
	struct index x = { 0 };

	index_each(&x, j, NULL, settle_line, &s, NULL);
	index_release(&x);
}
