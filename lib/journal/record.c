#include "journal/record.h"

#include "base/fd.h"
#include "base/map.h"
#include "base/num.h"
#include "journal/meta.h"
#include "journal/record_impl.h"
#include "journal/tree.h"
#include "sys/rename.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TRIES = 100 };

/* One act on its way. */
struct acting {
	struct journal_log *log;
	const struct journal_act *act;
	struct log_place place;
	struct journal_line line;
	struct arena a; /* owned: attributes */
	struct stat st;
	struct timespec born;  /* 0: not told */
	struct log_kept *slot; /* of WRITE, TRUNCATE, ATTRIBUTES */
	char token[JOURNAL_TOKEN];
};

static int payload_of(const struct acting *x)
{
	return x->log->stores[x->line.store].store.payload;
}

/* What the store cannot do is nothing that the caller did wrong. */
static int store_fault(struct err *e)
{
	if (e && e->code != ENOSPC && e->code != EDQUOT && e->code != EFBIG)
		e->code = EIO;
	return -1;
}

/* The line, with a new token. */
static int tell(struct acting *x, struct err *e)
{
	x->line.at = 0;
	if (log_append(x->log, &x->line, e) < 0)
		return store_fault(e);
	if (x->place.told)
		*x->place.told = x->place.tells;
	line_token(x->line.at, x->token);
	return 0;
}

/* What the object is before the act. Where `name` is "", `dirfd` is the object. */
static int look(struct acting *x, struct err *e)
{
	const struct journal_act *act = x->act;
	const struct stat *st = &x->st;
	struct at_facts facts;
	uint64_t held;

	if (!act->st && at_facts(act->dirfd, act->name, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH, &facts) < 0)
		return err_sys(e, "%s", act->path);
	x->st = act->st ? *act->st : facts.st;
	x->born = act->st ? act->born : facts.born;
	held = (uint64_t)st->st_blocks * 512;
	x->line.mode = st->st_mode;
	x->line.uid = st->st_uid;
	x->line.gid = st->st_gid;
	x->line.ino = st->st_ino;
	x->line.size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
	x->line.held = held < x->line.size ? held : x->line.size;
	x->line.mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	x->line.atime_ns = (int64_t)st->st_atim.tv_sec * 1000000000 + st->st_atim.tv_nsec;
	return 0;
}

/* The act failed: there is no such line and no such version. e->code is what the act fails with. */
static int give_up(struct acting *x, struct err *e)
{
	if (x->log->quota >= 0 && line_keeps(x->line.kind))
		x->log->own -= (int64_t)x->line.held + JOURNAL_PER_VERSION;
	log_void(x->log, x->line.at);
	x->token[0] = 0;
	if (e && !e->code)
		e->code = EIO;
	return -1;
}

/* ---- what is deleted moves ---------------------------------------------------------------------------- */

/* To another file system: whole there before it goes here. */
static int move_by_copy(struct acting *x, struct err *e)
{
	const struct journal_act *act = x->act;
	char temporary[48];
	int payload = payload_of(x);

	if (S_ISREG(x->st.st_mode) && (uint64_t)x->st.st_size > x->log->copy_max) {
		errno = EFBIG;
		return err_sys(e, "%s: its mount has no store", act->path);
	}
	snprintf(temporary, sizeof temporary, ".%s.%d", x->token, (int)getpid());
	if (tree_copy(act->dirfd, act->name, payload, temporary, e) < 0)
		return store_fault(e);
	if (rename_new(payload, temporary, payload, x->token) < 0) {
		err_sys(e, "%s", act->path);
		unlinkat(payload, temporary, 0);
		return store_fault(e);
	}
	if (unlinkat(act->dirfd, act->name, 0) == 0)
		return 0;
	err_sys(e, "%s", act->path);
	unlinkat(payload, x->token, 0);
	return -1;
}

/* Was it in another mount than what was deleted there before? */
static bool is_elsewhere(struct acting *x)
{
	const int store = x->place.store;

	if (!x->place.guessed)
		return false;
	log_tell_again(x->log);
	if (log_place(x->log, x->act, &x->place, NULL) < 0)
		return false;
	x->line.store = x->place.store;
	x->line.above_ns = x->place.above_ns;
	return store != x->place.store;
}

static int act_delete(struct acting *x, struct err *e)
{
	if (look(x, e) < 0)
		return -1;
	if (S_ISDIR(x->st.st_mode)) {
		errno = EISDIR;
		return err_sys(e, "%s", x->act->path);
	}
	if (log_charge(x->log, x->line.held, e) < 0)
		return -1;
	for (int i = 0; i < TRIES; i++) {
		if (tell(x, e) < 0)
			return -1;
		if (rename_new(x->act->dirfd, x->act->name, payload_of(x), x->token) == 0)
			return 0;
		if (errno == EXDEV && is_elsewhere(x))
			errno = EEXIST;
		else if (errno == EXDEV)
			return move_by_copy(x, e) == 0 ? 0 : give_up(x, e);
		if (errno != EEXIST) {
			err_sys(e, "%s", x->act->path);
			return give_up(x, e);
		}
		log_void(x->log, x->line.at);
	}
	errno = EIO;
	err_sys(e, "no free token");
	return give_up(x, e);
}

/* An empty directory that is like it; the act itself is left to rmdir, which alone knows whether it is empty.
 */
static int copy_directory(struct acting *x, struct err *e)
{
	AUTO_FD from = openat(x->act->dirfd, x->act->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	AUTO_FD to = -1;
	int payload = payload_of(x);

	if (mkdirat(payload, x->token, 0700) < 0)
		return err_sys(e, "%s", x->act->path);
	to = from < 0 ? -1 : openat(payload, x->token, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (to >= 0)
		meta_copy(from, to, &x->st);
	else
		meta_copy_at(payload, x->token, &x->st);
	return 0;
}

static int act_rmdir(struct acting *x, struct err *e)
{
	if (look(x, e) < 0)
		return -1;
	if (!S_ISDIR(x->st.st_mode)) {
		errno = ENOTDIR;
		return err_sys(e, "%s", x->act->path);
	}
	if (log_charge(x->log, 0, e) < 0)
		return -1;
	if (tell(x, e) < 0)
		return -1;
	if (copy_directory(x, e) < 0) {
		store_fault(e);
		return give_up(x, e);
	}
	if (unlinkat(x->act->dirfd, x->act->name, AT_REMOVEDIR) == 0)
		return 0;
	err_sys(e, "%s", x->act->path);
	unlinkat(payload_of(x), x->token, AT_REMOVEDIR);
	return give_up(x, e);
}

/* ---- what is replaced or written to -------------------------------------------------------------------- */

/* Where it is remembered, with the hashes of the file and of the command. */
static struct log_kept *slot_of(const struct acting *x, const char *command, struct log_kept *key)
{
	const struct {
		uint64_t dev, ino, born_s, born_ns;
	} file = { x->st.st_dev, x->st.st_ino, (uint64_t)x->born.tv_sec, (uint64_t)x->born.tv_nsec };

	*key = (struct log_kept){ .file = map_hash((const char *)&file, sizeof file) | 1,
		                  .command = map_hash(command, strlen(command)) | 1 };
	return &x->log->kept[key->file >> 1 & (LOG_KEPT - 1)];
}

static bool is_same(const struct log_kept *a, const struct log_kept *b)
{
	return a->file == b->file && a->command == b->command;
}

/* Was its content (or were its attributes) kept already, for this command and by nobody else since? */
static bool is_kept(struct acting *x, const char *command, bool content)
{
	struct log_kept key;

	x->slot = slot_of(x, command, &key);
	if (is_same(x->slot, &key) && (!content || x->slot->content))
		return true;
	*x->slot = key;
	x->slot->content = content;
	return false;
}

void journal_made(struct journal_log *log, const struct at_facts *made, const char *command)
{
	struct acting x = { .log = log, .st = made->st, .born = made->born };
	struct log_kept key;

	/* When it was born tells it from the next that gets its number. */
	if (!x.born.tv_sec && !x.born.tv_nsec)
		return;
	x.slot = slot_of(&x, command ? command : "", &key);
	*x.slot = key;
	x.slot->content = x.slot->made = true;
}

bool journal_was_made(struct journal_log *log, const struct at_facts *of, const char *command)
{
	struct acting x = { .log = log, .st = of->st, .born = of->born };
	struct log_kept key;

	x.slot = slot_of(&x, command ? command : "", &key);
	return is_same(x.slot, &key) && x.slot->made;
}

/* A copy under the token, whole when it has the name. */
static int copy_file(struct acting *x, struct err *e)
{
	char temporary[48], self[40];
	bool itself = !x->act->name[0];
	AUTO_FD from = -1;
	AUTO_FD to = -1;
	int payload = payload_of(x);
	struct stat st;

	snprintf(self, sizeof self, "/proc/self/fd/%d", x->act->dirfd);
	from = openat(itself ? AT_FDCWD : x->act->dirfd, itself ? self : x->act->name,
	              O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | (itself ? 0 : O_NOFOLLOW));
	if (from < 0 || fstat(from, &st) < 0)
		return err_sys(e, "%s", x->act->path);
	if (st.st_ino != x->st.st_ino || st.st_dev != x->st.st_dev) {
		errno = EAGAIN;
		return err_sys(e, "%s: changed meanwhile", x->act->path);
	}
	snprintf(temporary, sizeof temporary, ".%s.%d", x->token, (int)getpid());
	to = openat(payload, temporary, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (to < 0)
		return err_sys(e, "%s", x->act->path);
	if (tree_copy_content(from, to, st.st_size, x->log->copy_max, e) < 0) {
		unlinkat(payload, temporary, 0);
		return -1;
	}
	meta_copy(from, to, &st);
	if (rename_new(payload, temporary, payload, x->token) == 0)
		return 0;
	err_sys(e, "%s", x->act->path);
	unlinkat(payload, temporary, 0);
	return -1;
}

/* Nothing was kept: as the configuration says, that is said, or the act must not happen. */
static int not_kept(struct acting *x, struct err *e)
{
	if (e->code != EFBIG && e->code != EACCES)
		store_fault(e);
	else if (!x->log->strict)
		e->code = 0;
	if (e->code)
		return give_up(x, e);
	give_up(x, NULL);
	x->line.store = LINE_NOT_KEPT;
	return tell(x, e);
}

static int act_write(struct acting *x, struct err *e)
{
	struct err why;

	if (log_charge(x->log, x->line.held, e) < 0 || tell(x, e) < 0) {
		/* NOLINTNEXTLINE(clang-analyzer-core.NullDereference): is_settled() asked is_kept() */
		x->slot->file = 0;
		return -1;
	}
	x->slot->at = x->line.at;
	if (copy_file(x, &why) == 0)
		return 0;
	x->slot->file = 0;
	if (not_kept(x, &why) == 0)
		return 0;
	if (e)
		*e = why;
	return -1;
}

/* What a rename replaces keeps a name in the store; where it cannot have one, there is a copy. */
static int act_overwrite(struct acting *x, struct err *e)
{
	if (look(x, e) < 0)
		return -1;
	if (log_charge(x->log, x->line.held, e) < 0 || tell(x, e) < 0)
		return -1;
	if (S_ISDIR(x->st.st_mode)) {
		if (copy_directory(x, e) == 0)
			return 0;
	} else if (linkat(x->act->dirfd, x->act->name, payload_of(x), x->token, 0) == 0) {
		return 0;
	} else if (S_ISREG(x->st.st_mode)) {
		struct err why;

		if (copy_file(x, &why) == 0)
			return 0;
		if (e)
			*e = why;
		if (e && e->code == EFBIG)
			return give_up(x, e);
	} else {
		if (tree_copy(x->act->dirfd, x->act->name, payload_of(x), x->token, e) == 0)
			return 0;
	}
	store_fault(e);
	return give_up(x, e);
}

static int act_attributes(struct acting *x, struct err *e)
{
	x->line.xattrs = meta_xattrs(&x->a, x->act->dirfd, x->act->name);
	if (x->act->flags)
		x->line.xattrs = meta_flags(&x->a, x->act->dirfd, x->act->name, x->line.xattrs);
	if (tell(x, e) < 0) {
		x->slot->file = 0;
		return -1;
	}
	x->slot->at = x->line.at;
	return 0;
}

/* What has nothing to lose: what is made, and what is moved. */
static int act_note(struct acting *x, struct err *e)
{
	enum journal_kind kind = x->act->kind;
	bool moves = kind == JOURNAL_RENAME || kind == JOURNAL_EXCHANGE;

	/* What is there already is not made, whatever the line says: then the act fails. A line that waits is
	 * taken back then. */
	if ((moves || !x->log->batch) && look(x, e) < 0 && (moves || e->code != ENOENT))
		return -1;
	if (moves && S_ISDIR(x->st.st_mode))
		log_tell_again(x->log);
	return tell(x, e);
}

static int perform(struct acting *x, struct err *e)
{
	switch (x->act->kind) {
	case JOURNAL_DELETE:
		return act_delete(x, e);
	case JOURNAL_RMDIR:
		return act_rmdir(x, e);
	case JOURNAL_OVERWRITE:
		return act_overwrite(x, e);
	case JOURNAL_TRUNCATE:
	case JOURNAL_WRITE:
		return act_write(x, e);
	case JOURNAL_ATTRIBUTES:
		return act_attributes(x, e);
	default:
		return act_note(x, e);
	}
}

/* Has the command kept it before, or is it nothing that has a content? Of WRITE, TRUNCATE, ATTRIBUTES. */
static int is_settled(struct acting *x, bool *settled, struct err *e)
{
	bool content = x->act->kind != JOURNAL_ATTRIBUTES;

	*settled = false;
	if (x->act->kind != JOURNAL_WRITE && x->act->kind != JOURNAL_TRUNCATE && content)
		return 0;
	if (look(x, e) < 0)
		return -1;
	*settled = (content && !S_ISREG(x->st.st_mode)) ||
	           (is_kept(x, x->act->command ? x->act->command : "", content) && !x->act->of &&
	            !x->act->flags);
	return 0;
}

/* In which store, after a look whether it is there. */
static int place(struct acting *x, struct err *e)
{
	struct journal_log *log = x->log;
	int rc = log->n_stores ? log_place(log, x->act, &x->place, e) : 0;

	if (rc == 0)
		rc = log_renew(log, &x->place, false, e);
	if (rc > 0)
		rc = log_place(log, x->act, &x->place, e);
	x->line.store = x->place.store;
	x->line.above_ns = x->place.above_ns;
	x->line.to_above_ns = rc == 0 && x->act->to_path ? log_mtime(x->act->to_dirfd) : 0;
	return rc;
}

static int try(struct acting *x, struct err *e)
{
	return place(x, e) < 0 ? -1 : perform(x, e);
}

int journal_act(struct journal_log *log, const struct journal_act *act, char token[JOURNAL_TOKEN],
                struct err *e)
{
	struct err own = { 0 };
	struct acting x = { .log = log, .act = act };
	bool settled;
	int rc;

	x.line = (struct journal_line){ .kind = LINE_ACTS[act->kind],
		                        .command = act->command,
		                        .path = act->path,
		                        .of = act->of,
		                        .reborn = act->reborn,
		                        .to_path = act->to_path };
	rc = is_settled(&x, &settled, &own);
	if (rc == 0 && !settled) {
		rc = try(&x, &own);
		/* It may be the store that is gone. */
		if (rc < 0 && log->n_stores && log_renew(log, &x.place, true, NULL) > 0)
			rc = try(&x, &own);
	}
	arena_release(&x.a);
	memcpy(token, x.token, JOURNAL_TOKEN);
	if (rc < 0 && !own.code)
		own.code = EIO;
	if (e)
		*e = own;
	return rc;
}

void journal_acted(struct journal_log *log, const char *token, bool happened)
{
	int64_t at;

	if (happened || !num_i64(token, 1, INT64_MAX, &at))
		return;
	log_void(log, at);
	for (int i = 0; i < LOG_KEPT; i++)
		if (log->kept[i].at == at)
			log->kept[i] = (struct log_kept){ 0 };
	for (int i = 0; i < log->n_stores; i++)
		if (!log->stores[i].failed && unlinkat(log->stores[i].store.payload, token, 0) < 0 &&
		    errno == EISDIR)
			unlinkat(log->stores[i].store.payload, token, AT_REMOVEDIR);
}

int journal_return(struct journal_log *log, const char *token, int dirfd, const char *name)
{
	struct err e;
	int64_t at;

	for (int i = 0; i < log->n_stores && num_i64(token, 1, INT64_MAX, &at); i++) {
		if (log->stores[i].failed ||
		    journal_move_out(&log->stores[i].store, token, dirfd, name, false, name, &e) < 0)
			continue;
		log_void(log, at);
		return 0;
	}
	return -1;
}
