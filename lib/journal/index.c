#include "journal/index.h"

#include "base/fd.h"
#include "base/num.h"
#include "journal/impl.h"
#include "sys/dents.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { STORES_MAX = 256, NUMBERS = 64, FILE_MAX = 64 << 20, PIECE = 1 << 18 };

/* One file of lines while it is read. */
struct reading {
	struct index *x;
	index_fn *fn;
	void *arg;
	struct index_line l;
	char *session;       /* owned */
	size_t map[NUMBERS]; /* the store that a number stands for, + 1 */
};

int index_open_acts(const struct journal *home)
{
	return openat(home->dir, JOURNAL_ACTS, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
}

/* Byte by byte: directories tell names in any order, and there may be millions. Tokens are positive. */
static bool sort(struct index_store *s)
{
	int64_t *from = s->tokens, *to = s->n ? malloc(s->n * sizeof *to) : NULL, *swap;

	if (s->n && !to)
		return false;
	for (int shift = 0; shift < 64 && s->n; shift += 8) {
		size_t at[257] = { 0 };

		for (size_t i = 0; i < s->n; i++)
			at[(from[i] >> shift & 255) + 1]++;
		for (int i = 1; i < 257; i++)
			at[i] += at[i - 1];
		for (size_t i = 0; i < s->n; i++)
			to[at[from[i] >> shift & 255]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	s->tokens = from; /* an even number of turns: where they were */
	free(to);
	return true;
}

static bool add_token(struct index_store *s, int64_t token, size_t *room)
{
	int64_t *more = s->tokens;

	if (s->n == *room)
		more = realloc(s->tokens, (*room = *room ? 2 * *room : 64) * sizeof *more);
	if (!more)
		return false;
	s->tokens = more;
	s->tokens[s->n++] = token;
	return true;
}

/* What payload/ holds. */
static int read_tokens(const struct journal *j, struct index_store *s, struct err *e)
{
	AUTO_FD fd = openat(j->payload, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *dents = fd >= 0 ? malloc(PIECE) : NULL;
	size_t room = 0;
	ssize_t n = 0;
	int64_t token;
	bool good = dents != NULL;

	if (fd < 0)
		return err_sys(e, "%s/payload", j->path);
	while (good && (n = dents_read(fd, dents, PIECE)) > 0)
		for (ssize_t at = 0; at < n && good; at += ((const struct dent *)(dents + at))->len)
			if (num_i64(((const struct dent *)(dents + at))->name, 1, INT64_MAX, &token))
				good = add_token(s, token, &room);
	free(dents);
	if (n < 0)
		return err_sys(e, "%s/payload", j->path);
	return good && sort(s) ? 0 : err_set(e, "out of memory");
}

size_t index_find(struct index_store *s, int64_t token)
{
	size_t low = 0, high = s->n;

	if (s->next < s->n && s->tokens[s->next] == token)
		return s->next++;
	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->tokens[mid] < token)
			low = mid + 1;
		else
			high = mid;
	}
	if (low == s->n || s->tokens[low] != token)
		return SIZE_MAX;
	s->next = low + 1;
	return low;
}

/* Another store, known or not. Its index, or 0. One that others can write counts as none. */
static size_t other_store(struct index *x, const char *path)
{
	struct index_store *more, *s;

	for (size_t i = 1; i < x->n; i++)
		if (!strcmp(x->stores[i].path, path))
			return i;
	more = x->n < STORES_MAX ? realloc(x->stores, (x->n + 1) * sizeof *more) : NULL;
	if (!more)
		return 0;
	x->stores = more;
	s = &x->stores[x->n];
	*s = (struct index_store){ .store.dir = -1, .path = strdup(path) };
	if (!s->path)
		return 0;
	if (journal_open(&s->store, path, false, NULL) == 0 &&
	    (!s->store.trusted || read_tokens(&s->store, s, NULL) < 0))
		journal_close(&s->store);
	return x->n++;
}

const struct index_store *index_home(struct index *x, const struct journal *home, struct err *e)
{
	if (x->stores)
		return x->stores;
	x->home = home;
	x->stores = calloc(1, sizeof *x->stores);
	if (!x->stores) {
		err_set(e, "out of memory");
		return NULL;
	}
	x->n = 1;
	x->stores[0].store.dir = -1;
	return read_tokens(home, x->stores, e) < 0 ? NULL : x->stores;
}

/* Where the version of an act is, if it is anywhere. */
static void locate(struct reading *r, const struct journal_line *line)
{
	size_t at = line->store == 0 ? 1 : line->store > 0 && line->store < NUMBERS ? r->map[line->store] : 0;

	r->l.store = NULL;
	r->l.store_at = 0;
	if (!at || !line_keeps(line->kind))
		return;
	r->l.place = index_find(&r->x->stores[at - 1], line->at);
	if (r->l.place == SIZE_MAX)
		return;
	r->l.store_at = at - 1;
	r->l.store = at == 1 ? r->x->home : &r->x->stores[at - 1].store;
}

static int take(struct reading *r, const struct journal_line *line, struct err *e)
{
	if (line->kind == LINE_BEGIN) {
		free(r->session);
		r->session = strdup(line->command);
		if (!r->session)
			return err_set(e, "out of memory");
		r->l.session = r->session;
	}
	if (line->kind == LINE_STORE && line->store > 0 && line->store < NUMBERS && r->x->home->trusted) {
		size_t at = other_store(r->x, line->path);

		r->map[line->store] = at ? at + 1 : 0;
	}
	locate(r, line);
	r->l.line = line;
	return r->fn(r->arg, &r->l, e);
}

/* The whole lines of what was read, which are dropped. */
static int take_lines(struct reading *r, struct buf *text, struct arena *a, struct err *e)
{
	char *at = text->data, *past = at + text->len, *end;
	struct journal_line line;
	int rc = 0;

	for (; rc == 0 && (end = memchr(at, '\n', (size_t)(past - at))); at = end + 1) {
		if (line_read(at, (size_t)(end - at), a, &line))
			rc = take(r, &line, e);
		if (line.xattrs || a->failed)
			arena_reset(a);
	}
	buf_skip(text, (size_t)(at - text->data));
	return rc;
}

static int read_lines(struct reading *r, int fd, struct err *e)
{
	struct arena a = { .max = 64 << 20 };
	AUTO_BUF text = { .max = FILE_MAX };
	ssize_t n = 1;
	int rc = 0;

	while (rc == 0 && n > 0) {
		char *to = buf_room(&text, PIECE);

		n = to ? read(fd, to, PIECE) : 0;
		if (!to || (n < 0 && errno != EINTR))
			rc = to ? err_sys(e, "read") : err_set(e, "too long a line");
		text.len += n > 0 ? (size_t)n : 0;
		n = n < 0 ? 1 : n;
		if (rc == 0 && n)
			rc = take_lines(r, &text, &a, e);
	}
	arena_release(&a);
	return rc;
}

/* Does it say `token` anywhere? */
static bool mentions(int fd, const char *token)
{
	const size_t len = strlen(token);
	char piece[1 << 14];
	size_t had = 0, held;
	ssize_t n;

	for (uint64_t at = 0; (n = fd_read_at(fd, piece + had, sizeof piece - had, at)) > 0;
	     at += (size_t)n) {
		if (memmem(piece, had + (size_t)n, token, len))
			return true;
		held = had + (size_t)n;
		had = held < len ? held : len - 1;
		memmove(piece, piece + held - had, had);
	}
	return false;
}

static int read_file(struct reading *r, int acts, const char *name, const char *token, struct err *e)
{
	AUTO_FD fd = openat(acts, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size == 0 ||
	    (token && !mentions(fd, token)))
		return 0;
	r->l.file = name;
	r->l.session = "";
	r->l.alive = flock(fd, LOCK_SH | LOCK_NB) < 0;
	memset(r->map, 0, sizeof r->map);
	return read_lines(r, fd, e) < 0 ? err_in(e, JOURNAL_ACTS "/%s", name) : 0;
}

int index_each(struct index *x, const struct journal *home, const char *token, index_fn *fn, void *arg,
               struct err *e)
{
	struct reading r = { .x = x, .fn = fn, .arg = arg };
	int fd, rc = index_home(x, home, e) ? 0 : -1;
	DIR *d = NULL;
	const struct dirent *entry;

	fd = rc == 0 ? index_open_acts(home) : -1;
	if (fd >= 0 && !(d = fdopendir(fd)))
		fd_close(&fd);
	while (rc == 0 && d && (entry = readdir(d)))
		if (entry->d_name[0] != '.')
			rc = read_file(&r, dirfd(d), entry->d_name, token, e);
	if (d)
		closedir(d);
	free(r.session);
	return rc;
}

void index_release(struct index *x)
{
	for (size_t i = 0; i < x->n; i++) {
		free(x->stores[i].tokens);
		free(x->stores[i].path);
		if (i && x->stores[i].store.dir >= 0)
			journal_close(&x->stores[i].store);
	}
	free(x->stores);
	*x = (struct index){ 0 };
}
