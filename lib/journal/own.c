#include "journal/undo_impl.h"

#include "base/fd.h"

#include <fcntl.h>
#include <string.h>

struct inode {
	dev_t dev;
	ino_t ino;
};

/* Without padding that could differ. */
static void name_inode(struct inode *key, const struct stat *st)
{
	memset(key, 0, sizeof *key);
	key->dev = st->st_dev;
	key->ino = st->st_ino;
}

static bool remember(struct undoing *u, struct map *m, const struct stat *st, const void *what)
{
	struct inode key;
	char *copy;

	name_inode(&key, st);
	copy = arena_copy(&u->past.a, (const char *)&key, sizeof key);
	return copy && map_set(m, copy, sizeof key, (void *)(uintptr_t)what);
}

static const void *recall(const struct map *m, const struct stat *st)
{
	struct inode key;

	name_inode(&key, st);
	return map_get(m, (const char *)&key, sizeof key);
}

int64_t undo_ns(struct timespec t)
{
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

void undo_take(struct undoing *u, const struct stat *st)
{
	remember(u, &u->own, st, u);
}

bool undo_is_own(const struct undoing *u)
{
	if (u->request->force)
		return true;
	return !u->act->other &&
	       (S_ISDIR(u->st.st_mode) || undo_ns(u->st.st_ctim) <= u->past.end || recall(&u->own, &u->st));
}

bool undo_is_object(const struct undoing *u, const struct stat *st)
{
	const ino_t *now = map_get(&u->reborn, (const char *)&u->line->ino, sizeof u->line->ino);

	return st->st_mode && (now ? *now == st->st_ino : st->st_ino == u->line->ino);
}

void undo_remember(struct undoing *u, const struct past_act *act, ino_t ino)
{
	char *key = arena_copy(&u->past.a, (const char *)&act->line.ino, sizeof act->line.ino);
	ino_t *now = arena_alloc(&u->past.a, sizeof *now);

	if (key && now) {
		*now = ino;
		map_set(&u->reborn, key, sizeof act->line.ino, now);
	}
}

static const char own, other; /* what is remembered of a directory */

bool undo_own_directory(struct undoing *u, int dir, bool spoilt)
{
	const void *known;
	struct stat st;

	if (dir < 0 || fstat(dir, &st) < 0)
		return false;
	known = recall(&u->dirs, &st);
	if (!known || (spoilt && known == &own)) {
		known = !spoilt && (u->request->force || undo_ns(st.st_ctim) <= u->past.end) ? &own : &other;
		if (!remember(u, &u->dirs, &st, known))
			return false;
	}
	return known == &own;
}

void undo_know_directory(struct undoing *u, int dirfd, const char *name, bool made)
{
	AUTO_FD dir = openat(dirfd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	int64_t end = u->past.end;

	if (made)
		u->past.end = INT64_MAX;
	undo_own_directory(u, dir, false);
	u->past.end = end;
}

void undo_made_directory(struct undoing *u, const struct stat *st)
{
	remember(u, &u->dirs, st, &own);
}
