#include "journal/record_impl.h"

#include "base/fd.h"
#include "base/map.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

uint64_t log_mount(const struct statx *st)
{
	return st->stx_mask & STATX_MNT_ID ? st->stx_mnt_id
	                                   : (uint64_t)st->stx_dev_major << 32 | st->stx_dev_minor;
}

/* The highest directory of the mount of `dirfd`, on the way up from it, that the caller may write; -1: none.
 */
static int open_top(int dirfd, uint64_t mount)
{
	int at = openat(dirfd, ".", O_PATH | O_DIRECTORY | O_CLOEXEC), top = -1;
	struct statx st, above;

	while (at >= 0 && statx(at, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &st) == 0 &&
	       log_mount(&st) == mount) {
		int up = openat(at, "..", O_PATH | O_DIRECTORY | O_CLOEXEC);

		if (faccessat(at, ".", W_OK | X_OK, AT_EACCESS) == 0) {
			fd_close(&top);
			top = at;
		} else {
			close(at);
		}
		at = up;
		if (up >= 0 && statx(up, "", AT_EMPTY_PATH, STATX_INO | STATX_MNT_ID, &above) == 0 &&
		    above.stx_ino == st.stx_ino && log_mount(&above) == mount)
			break; /* "/" */
	}
	fd_close(&at);
	return top;
}

/* A store for a mount that has none yet, and a line that says which it is. */
static int add_store(struct journal_log *log, int dirfd, uint64_t mount, struct err *e)
{
	struct log_store *s = &log->stores[log->n_stores];
	struct journal_line l = { .kind = LINE_STORE, .store = log->n_stores };
	AUTO_FD top = open_top(dirfd, mount);
	char name[40];

	*s = (struct log_store){ .mount = mount };
	snprintf(name, sizeof name, JOURNAL_STORE "-%u", (unsigned)geteuid());
	s->failed = top < 0 || journal_make(&s->store, top, name, NULL) < 0;
	if (!s->failed) {
		l.path = s->store.path;
		if (log->fd >= 0 && log_append(log, &l, e) < 0) {
			journal_close(&s->store);
			return -1;
		}
	}
	return log->n_stores++;
}

int64_t log_mtime(int dirfd)
{
	struct stat st;

	return fstat(dirfd, &st) == 0 ? (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec : 0;
}

void log_tell_again(struct journal_log *log)
{
	memset(log->told, 0, sizeof log->told);
}

/* Where what is known of the directory of `path` stands. */
static size_t told_of(const char *path, const char *command, struct log_told *key)
{
	const char *end = strrchr(path, '/');

	command = command ? command : "";
	key->dir = map_hash(path, end ? (size_t)(end - path) : 0) | 1;
	key->command = map_hash(command, strlen(command)) | 1;
	return (key->dir ^ key->command) >> 1 & (LOG_TOLD - 1);
}

static bool is_told(const struct log_told *told, const struct log_told *key)
{
	return told->dir == key->dir && told->command == key->command;
}

bool journal_knows(const struct journal_log *log, const char *path, const char *command)
{
	struct log_told key;

	return log->batch && is_told(&log->told[told_of(path, command, &key)], &key);
}

int log_place(struct journal_log *log, const struct journal_act *act, struct log_place *out, struct err *e)
{
	struct log_told key, *told = &log->told[told_of(act->path, act->command, &key)];
	bool named = act->name[0];
	struct statx st;
	int i = 0;

	*out = (struct log_place){ .store = told->store, .guessed = true };
	if (named && is_told(told, &key))
		return 0;
	out->guessed = false;
	if (statx(act->dirfd, "", AT_EMPTY_PATH, STATX_MTIME | STATX_MNT_ID, &st) < 0)
		return err_sys(e, "directory");
	if (named)
		out->above_ns = (int64_t)st.stx_mtime.tv_sec * 1000000000 + st.stx_mtime.tv_nsec;
	while (i < log->n_stores && log->stores[i].mount != log_mount(&st))
		i++;
	if (i == log->n_stores)
		i = i < LOG_STORES ? add_store(log, act->dirfd, log_mount(&st), e) : 0;
	key.store = out->store = i < 0 || log->stores[i].failed ? 0 : i;
	if (named) {
		out->told = told;
		out->tells = key;
	}
	return i < 0 ? -1 : 0;
}
