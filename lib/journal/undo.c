#include "journal/undo.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "journal/meta.h"
#include "journal/undo_impl.h"
#include "journal/record_impl.h"
#include "journal/tree.h"
#include "sys/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int conflict(struct undoing *u, const char *why)
{
	err_set(&u->e, "%s", why);
	return UNDO_CONFLICT;
}

static int failed(struct undoing *u, const char *why)
{
	err_sys(&u->e, "%s", why);
	return UNDO_FAILED;
}

static int nothing(struct undoing *u)
{
	u->quiet = true;
	return UNDO_DONE;
}

static bool dry(const struct undoing *u)
{
	return u->request->dry_run;
}

/* `name` has room for NAME_MAX bytes and their end. */
static int open_way(const struct undoing *u, const char *path, bool create, char *name, struct err *e)
{
	return journal_open_under(u->root, u->request->under, path, create, name, NAME_MAX + 1, e);
}

/* What lies under something is told of before it is changed. */
static int tell_under(struct undoing *u)
{
	const struct journal_under *under = u->request->under;

	if (dry(u) || !under)
		return 0;
	if (journal_tell_under(under, u->line->path, &u->e) < 0)
		return -1;
	return u->line->to_path[0] ? journal_tell_under(under, u->line->to_path, &u->e) : 0;
}

static bool is_there(const struct undoing *u)
{
	return u->st.st_mode != 0;
}

static int not_own(struct undoing *u)
{
	if (!u->act->other)
		return conflict(u, "changed since by somebody else");
	err_set(&u->e, "changed since by %.100s", u->act->other);
	return UNDO_CONFLICT;
}

/* Record an act on what is at hand before it is done; of DELETE and RMDIR it is done. */
static int record(struct undoing *u, enum journal_kind kind, char token[JOURNAL_TOKEN])
{
	struct journal_act act = { .kind = kind,
		                   .dirfd = u->dir,
		                   .name = u->name,
		                   .path = u->line->path,
		                   .to_dirfd = -1,
		                   .command = u->id,
		                   .of = u->line->at,
		                   .reborn = u->born,
		                   .flags = meta_has_flags(u->line->xattrs) };

	return journal_act(u->log, &act, token, &u->e);
}

/* The version moves to where the file was; `replace`: what is there was kept. */
static int move_back(struct undoing *u, bool replace)
{
	const struct journal *from = u->act->store;
	char token[JOURNAL_TOKEN], temporary[48];
	int rc;

	snprintf(token, sizeof token, "%" PRId64, u->line->at);
	rc = replace ? renameat(from->payload, token, u->dir, u->name)
	             : rename_new(from->payload, token, u->dir, u->name);
	if (rc < 0 && errno == EXDEV) {
		snprintf(temporary, sizeof temporary, ".agentsh-%s", token);
		if (tree_copy(from->payload, token, u->dir, temporary, &u->e) < 0)
			return -1;
		rc = replace ? renameat(u->dir, temporary, u->dir, u->name)
		             : rename_new(u->dir, temporary, u->dir, u->name);
		if (rc == 0)
			return tree_remove(from->payload, token, &u->e);
		err_sys(&u->e, "restore");
		tree_remove(u->dir, temporary, NULL);
		return -1;
	}
	if (rc < 0)
		return err_sys(&u->e, "restore");
	snprintf(temporary, sizeof temporary, "%s.json", token);
	unlinkat(from->manifest, temporary, 0);
	return 0;
}

/* To an empty place; or to one that holds what may be replaced, which is kept. */
static int bring_back(struct undoing *u, bool replace)
{
	enum journal_kind kind = replace                  ? JOURNAL_OVERWRITE
	                         : S_ISDIR(u->line->mode) ? JOURNAL_MKDIR
	                                                  : JOURNAL_CREATE;
	char token[JOURNAL_TOKEN], version[JOURNAL_TOKEN];
	struct stat st;

	if (dry(u))
		return UNDO_DONE;
	snprintf(version, sizeof version, "%" PRId64, u->line->at);
	if (fstatat(u->act->store->payload, version, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return failed(u, "version");
	u->born = st.st_ino;
	if (record(u, kind, token) < 0)
		return UNDO_FAILED;
	if (move_back(u, replace) == 0 && fstatat(u->dir, u->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		undo_remember(u, u->act, st.st_ino);
		return UNDO_DONE;
	}
	journal_acted(u->log, token, false);
	return UNDO_FAILED;
}

static int no_version(struct undoing *u)
{
	err_set(&u->e, "%s",
	        u->line->store == LINE_NOT_KEPT ? "too large: it was not kept"
	                                        : "no version of it is kept any more");
	return UNDO_FAILED;
}

/* What is there goes into the store. */
static int put_away(struct undoing *u)
{
	char token[JOURNAL_TOKEN];

	if (!undo_is_own(u))
		return not_own(u);
	if (dry(u) || record(u, S_ISDIR(u->st.st_mode) ? JOURNAL_RMDIR : JOURNAL_DELETE, token) == 0)
		return UNDO_DONE;
	if (u->e.code == ENOTEMPTY || u->e.code == EEXIST)
		return conflict(u, "not empty: somebody else put something there");
	return UNDO_FAILED;
}

/* A directory was made in its place, perhaps by who restored what was in it: it becomes as the old one was.
 */
static int dress(struct undoing *u)
{
	char token[JOURNAL_TOKEN], version[JOURNAL_TOKEN];
	struct journal_line then = *u->line;

	if (!u->act->store)
		return nothing(u);
	if (dry(u))
		return UNDO_DONE;
	snprintf(version, sizeof version, "%" PRId64, u->line->at);
	then.xattrs = meta_xattrs(&u->past.a, u->act->store->payload, version);
	if (record(u, JOURNAL_ATTRIBUTES, token) < 0)
		return UNDO_FAILED;
	if (meta_give(u->dir, u->name, &then) < 0)
		return failed(u, "attributes");
	undo_remember(u, u->act, u->st.st_ino);
	undo_made_directory(u, &u->st);
	journal_drop(u->act->store, version, NULL);
	return UNDO_DONE;
}

static int undo_delete(struct undoing *u)
{
	if (is_there(u) && S_ISDIR(u->line->mode) && S_ISDIR(u->st.st_mode))
		return dress(u);
	if (!u->act->store)
		return is_there(u) ? nothing(u) : no_version(u);
	if (!is_there(u))
		return bring_back(u, false);
	if (S_ISDIR(u->st.st_mode))
		return conflict(u, "a directory is there now");
	return undo_is_own(u) ? bring_back(u, true) : not_own(u);
}

static int undo_overwrite(struct undoing *u)
{
	char token[JOURNAL_TOKEN];

	if (u->act->store && !S_ISDIR(u->line->mode) && undo_is_object(u, &u->st)) {
		/* It was not replaced after all. */
		snprintf(token, sizeof token, "%" PRId64, u->line->at);
		if (!dry(u))
			unlinkat(u->act->store->payload, token, 0);
		return nothing(u);
	}
	return undo_delete(u);
}

/* Other names of the file must see the old content, too. */
static int rewrite(struct undoing *u)
{
	char token[JOURNAL_TOKEN], version[JOURNAL_TOKEN];
	AUTO_FD from = -1;
	AUTO_FD to = -1;
	struct journal_line then;
	struct stat st;

	snprintf(version, sizeof version, "%" PRId64, u->line->at);
	if (dry(u))
		return UNDO_DONE;
	from = openat(u->act->store->payload, version,
	              O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	to = openat(u->dir, u->name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (from < 0 || to < 0 || fstat(from, &st) < 0)
		return failed(u, "restore");
	if (record(u, JOURNAL_WRITE, token) < 0)
		return UNDO_FAILED;
	if (ftruncate(to, 0) < 0)
		return failed(u, "restore");
	if (tree_copy_content(from, to, st.st_size, UINT64_MAX, &u->e) < 0)
		return UNDO_FAILED;
	then = (struct journal_line){ .mode = st.st_mode,
		                      .uid = st.st_uid,
		                      .gid = st.st_gid,
		                      .atime_ns = undo_ns(st.st_atim),
		                      .mtime_ns = undo_ns(st.st_mtim),
		                      .xattrs = meta_xattrs(&u->past.a, from, "") };
	meta_give(u->dir, u->name, &then);
	unlinkat(u->act->store->payload, version, 0);
	return UNDO_DONE;
}

static int undo_write(struct undoing *u)
{
	if (!u->act->store)
		return u->line->store == LINE_NOT_KEPT ? no_version(u) : nothing(u);
	if (!is_there(u))
		return u->request->force ? bring_back(u, false) : conflict(u, "it is gone");
	if (!S_ISREG(u->st.st_mode))
		return conflict(u, "something else is there now");
	if (!undo_is_own(u))
		return not_own(u);
	return u->st.st_nlink > 1 ? rewrite(u) : bring_back(u, true);
}

static int undo_attributes(struct undoing *u)
{
	char token[JOURNAL_TOKEN];

	if (!is_there(u))
		return conflict(u, "it is gone");
	if ((u->st.st_mode & S_IFMT) != (u->line->mode & S_IFMT) || !undo_is_own(u))
		return not_own(u);
	if (dry(u))
		return UNDO_DONE;
	if (record(u, JOURNAL_ATTRIBUTES, token) < 0)
		return UNDO_FAILED;
	return meta_give(u->dir, u->name, u->line) == 0 ? UNDO_DONE : failed(u, "attributes");
}

static int undo_create(struct undoing *u)
{
	if (!is_there(u) || (u->line->mode && undo_is_object(u, &u->st)))
		return nothing(u); /* it was not made: something was there already */
	if (S_ISDIR(u->st.st_mode) != (u->line->kind == LINE_ACTS[JOURNAL_MKDIR]))
		return conflict(u, "something else is there now");
	return put_away(u);
}

static int undo_rename(struct undoing *u)
{
	bool exchange = u->line->kind == LINE_ACTS[JOURNAL_EXCHANGE];
	char name[NAME_MAX + 1], token[JOURNAL_TOKEN];
	AUTO_FD from = open_way(u, u->line->to_path, false, name, &u->e);
	struct journal_act act = { .kind = exchange ? JOURNAL_EXCHANGE : JOURNAL_RENAME,
		                   .dirfd = from,
		                   .name = name,
		                   .path = u->line->to_path,
		                   .to_dirfd = u->dir,
		                   .to_name = u->name,
		                   .to_path = u->line->path,
		                   .command = u->id,
		                   .of = u->line->at };
	struct stat st;
	int rc;

	if (undo_is_object(u, &u->st))
		return nothing(u);
	if (from < 0 || fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return conflict(u, "what it was renamed to is gone");
	if (!undo_is_object(u, &st))
		return conflict(u, "something else has its new name now");
	if (is_there(u) && !exchange)
		return conflict(u, "something else has its old name now");
	if (dry(u))
		return UNDO_DONE;
	if (journal_act(u->log, &act, token, &u->e) < 0)
		return UNDO_FAILED;
	undo_know_directory(u, from, name, false);
	rc = exchange ? rename_how(from, name, u->dir, u->name, RENAME_BOTH)
	              : rename_new(from, name, u->dir, u->name);
	undo_take(u, &st);
	if (rc == 0)
		return UNDO_DONE;
	failed(u, "rename");
	journal_acted(u->log, token, false);
	return UNDO_FAILED;
}

/* What the command did. */
static enum journal_kind done(const struct undoing *u)
{
	return (enum journal_kind)(strchr(LINE_ACTS, u->line->kind) - LINE_ACTS);
}

static int undo_act(struct undoing *u, const char **verb)
{
	switch (done(u)) {
	case JOURNAL_DELETE:
	case JOURNAL_RMDIR:
		return undo_delete(u);
	case JOURNAL_OVERWRITE:
		return undo_overwrite(u);
	case JOURNAL_TRUNCATE:
	case JOURNAL_WRITE:
		return undo_write(u);
	case JOURNAL_ATTRIBUTES:
		*verb = "attributes";
		return undo_attributes(u);
	case JOURNAL_RENAME:
	case JOURNAL_EXCHANGE:
		*verb = "rename";
		return undo_rename(u);
	default:
		*verb = "remove";
		return undo_create(u);
	}
}

/* What is undone leaves its directory as it was before the act, also in its time. */
static void give_time(struct undoing *u, int dir, int64_t above_ns, int outcome)
{
	struct timespec times[2] = { { .tv_nsec = UTIME_OMIT },
		                     { .tv_sec = (time_t)(above_ns / 1000000000),
		                       .tv_nsec = (long)(above_ns % 1000000000) } };

	if (undo_own_directory(u, dir, outcome != UNDO_DONE) && above_ns > 0 && !dry(u))
		(void)!utimensat(dir, ".", times, 0);
}

static bool was_left(const struct undoing *u, const char *path)
{
	return path[0] && map_get(&u->left, path, strlen(path));
}

static void leave(struct undoing *u)
{
	map_set(&u->left, u->line->path, strlen(u->line->path), u);
	if (u->line->to_path[0])
		map_set(&u->left, u->line->to_path, strlen(u->line->to_path), u);
}

static int open_to(struct undoing *u)
{
	char name[NAME_MAX + 1];

	return u->line->to_path[0] ? open_way(u, u->line->to_path, false, name, NULL) : -1;
}

/* What is there, before it is changed. */
static void look(struct undoing *u)
{
	u->above_ns = u->dir >= 0 && fstat(u->dir, &u->st) == 0 ? undo_ns(u->st.st_mtim) : 0;
	if (u->dir < 0 || fstatat(u->dir, u->name, &u->st, AT_SYMLINK_NOFOLLOW) < 0)
		u->st.st_mode = 0;
	undo_own_directory(u, u->dir, false);
	if (is_there(u) && S_ISDIR(u->st.st_mode))
		undo_know_directory(u, u->dir, u->name, false);
}

/* And after: what changed was changed by us. So that who goes on with this knows, each act leaves a line. */
static void settle(struct undoing *u)
{
	struct journal_line none = { .kind = LINE_DONE, .command = u->id, .of = u->line->at };
	struct stat st;

	if (u->quiet)
		log_append(u->log, &none, NULL);
	if (is_there(u))
		undo_take(u, &u->st);
	if (u->dir >= 0 && fstatat(u->dir, u->name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		undo_take(u, &st);
		if (S_ISDIR(st.st_mode))
			undo_know_directory(u, u->dir, u->name, true);
	}
}

static void tell(struct undoing *u, int outcome, const char *verb)
{
	u->result->n_done += outcome == UNDO_DONE && !u->quiet;
	u->result->n_conflicts += outcome == UNDO_CONFLICT;
	u->result->n_failed += outcome == UNDO_FAILED;
	if (!u->quiet)
		u->fn(u->arg, (enum undo_outcome)outcome, verb, u->line->path,
		      outcome == UNDO_DONE ? "" : u->e.text);
}

/* By who asks: what was allowed when it was done may not be any more. */
static bool is_refused(struct undoing *u)
{
	const struct undo_request *r = u->request;
	const char *why = r->refuse ? r->refuse(r->refuse_arg, u->line->path, done(u)) : NULL;

	if (r->refuse && !why && u->line->to_path[0])
		why = r->refuse(r->refuse_arg, u->line->to_path, done(u));
	if (why)
		err_set(&u->e, "%s", why);
	return why;
}

static void undo_one(struct undoing *u, const struct past_act *act)
{
	const char *verb = "restore";
	bool makes = line_keeps(act->line.kind);
	bool left = was_left(u, act->line.path) || was_left(u, act->line.to_path);
	int outcome, to;

	u->act = act;
	u->line = &act->line;
	u->quiet = false;
	u->born = 0;
	u->e.text[0] = 0;
	if (is_refused(u) || tell_under(u) < 0) {
		leave(u);
		tell(u, UNDO_FAILED, verb);
		return;
	}
	u->dir = open_way(u, u->line->path, makes && !dry(u), u->name, &u->e);
	to = open_to(u);
	undo_own_directory(u, to, false);
	look(u);
	if (left)
		outcome = conflict(u, "left, as what came after it was left");
	else if (u->dir < 0 && u->e.code != ENOENT)
		outcome = u->follows ? UNDO_DONE : UNDO_FAILED;
	else if (u->dir < 0 && !(makes && dry(u)))
		outcome = makes ? UNDO_FAILED : nothing(u);
	else
		outcome = undo_act(u, &verb);
	if (u->follows && outcome == UNDO_CONFLICT && !left)
		outcome = UNDO_DONE;
	if (outcome == UNDO_DONE && !dry(u))
		settle(u);
	give_time(u, to, u->line->to_above_ns, outcome);
	give_time(u, u->dir, u->line->above_ns ? u->line->above_ns : u->above_ns, outcome);
	fd_close(&to);
	fd_close(&u->dir);
	if (outcome != UNDO_DONE)
		leave(u);
	tell(u, outcome, verb);
}

static int mark(struct undoing *u, const char *how, struct err *e)
{
	struct journal_line l = {
		.kind = LINE_UNDONE, .command = u->id, .path = u->past.of->id, .to_path = how
	};

	return log_append(u->log, &l, e);
}

static int open_log(struct undoing *u, const struct journal *j, struct err *e)
{
	const struct journal_log_options options = { .at = j->dir,
		                                     .store = ".",
		                                     .session = u->past.of->session,
		                                     .copy_max = UINT64_MAX,
		                                     .quota = -1,
		                                     .ttl_ns = -1,
		                                     .strict = true };

	if (dry(u))
		return 0;
	if (u->past.begun)
		snprintf(u->id, sizeof u->id, "%s", u->past.begun->id);
	else
		snprintf(u->id, sizeof u->id, "undo-%" PRId64, clock_real_ns());
	return journal_log_open(&u->log, &options, e) < 0 || mark(u, LINE_PART, e) < 0 ? -1 : 0;
}

/* Whether the path, or a directory that it is in, is among them. */
static bool is_below(const struct map *paths, const char *path)
{
	for (size_t len = strlen(path); len; len--)
		if ((!path[len] || path[len] == '/') && map_get(paths, path, len))
			return true;
	return false;
}

/* In a dry run, nothing changes: of each path only the newest act can be told about, and what is there when
 * it is the turn of what follows another cannot be seen. */
static bool is_told(struct undoing *u, struct map *seen, const struct journal_line *l)
{
	bool told = map_get(seen, l->path, strlen(l->path));

	u->follows = is_below(seen, l->path) || is_below(seen, l->to_path);
	return told || !map_set(seen, l->path, strlen(l->path), u) ||
	       (l->to_path[0] && !map_set(seen, l->to_path, strlen(l->to_path), u));
}

static void replay(struct undoing *u)
{
	struct map seen = { 0 };

	for (size_t i = u->past.n; i--;) {
		const struct past_act *act = &u->past.acts[i];

		/* The last one may have been killed behind the act: then the version is not there any more.
		 */
		if (act->reborn && (act->is_done || !act->store))
			undo_remember(u, act, act->reborn);
		if (act->is_done || !past_wants(u->request, &act->line))
			continue;
		if (dry(u) && is_told(u, &seen, &act->line))
			continue;
		undo_one(u, act);
	}
	map_release(&seen);
}

/* Replay what was planned and record that it was. */
static int carry_out(struct undoing *u, const struct journal *j, struct err *e)
{
	int rc = open_log(u, j, e);

	if (rc < 0)
		return -1;
	replay(u);
	if (dry(u))
		return 0;
	if (!u->request->n_paths && !u->result->n_conflicts && !u->result->n_failed)
		rc = mark(u, LINE_WHOLE, e);
	journal_ended(u->log, u->id);
	while (journal_settle(u->log, INT_MAX))
		continue;
	return rc;
}

int journal_undo(const struct journal *j, const struct undo_request *request, undo_fn *fn, void *arg,
                 struct undo_result *result, struct err *e)
{
	struct undoing u = { .request = request, .result = result, .fn = fn, .arg = arg, .dir = -1 };
	int rc = -1;

	*result = (struct undo_result){ 0 };
	if (!j->trusted)
		return err_set(
		        e,
		        "%s: others can write this store: what it tells may be forged (its owner may use it)",
		        j->path);
	u.root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (u.root < 0) {
		err_sys(e, "/");
	} else if (past_make(&u.past, j, request, e) == 0) {
		snprintf(result->command, sizeof result->command, "%s", u.past.of->id);
		rc = carry_out(&u, j, e);
	}
	journal_log_close(u.log);
	map_release(&u.left);
	map_release(&u.dirs);
	map_release(&u.own);
	map_release(&u.reborn);
	past_release(&u.past);
	fd_close(&u.root);
	return rc;
}
