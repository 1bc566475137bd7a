#include "enforce/files/moving.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/path.h"
#include "enforce/files/keep.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { TREE_ENTRIES = 200000, TREE_TEXT = 16 << 20, AT_ONCE = 64 };

static const struct rule too_large = { .name = "rename-too-large",
	                               .file = "built-in",
	                               .decision = EFFECT_DENY,
	                               .message =
	                                       "too much lies in it, or cannot be looked at, to tell whether "
	                                       "something there is protected" };

/* What could not be read or written may not become so. */
static bool gains(struct moved *m, enum access_kind kind)
{
	struct verdict after;

	if (!m->ask[kind])
		return false;
	m->verdict = keep_decide(m->a, kind, &m->before);
	if (m->verdict.effective == EFFECT_ALLOW)
		return false;
	/* An approval is for this call only. */
	after = keep_decide(m->a, kind, &m->after);
	return after.effective == EFFECT_ALLOW && after.decision != EFFECT_APPROVE;
}

/* The names themselves were judged by the caller. */
static bool may_have_content(struct moved *m)
{
	return !gains(m, ACCESS_READ) && !gains(m, ACCESS_WRITE);
}

static bool may_be_named(struct moved *m)
{
	if (!m->ask[ACCESS_RENAME])
		return true;
	m->verdict = keep_decide(m->a, ACCESS_RENAME, &m->before);
	if (m->verdict.effective == EFFECT_ALLOW)
		m->verdict = keep_decide(m->a, ACCESS_RENAME, &m->after);
	return m->verdict.effective == EFFECT_ALLOW;
}

static const char *below(const struct moving *m)
{
	return m->dirs.data + m->at;
}

/* "/dir/below/name" in `path`, of which `len` bytes stand. */
static bool set_path(char path[MOVING_ROOM], size_t len, const char *below, const char *name)
{
	const size_t more = strlen(below), last = strlen(name);

	if (len + more + last + 3 > MOVING_ROOM)
		return false;
	path[len++] = '/';
	memcpy(path + len, below, more); /* NOLINT(bugprone-not-null-terminated-result): `name` follows */
	len += more;
	if (more)
		path[len++] = '/';
	memcpy(path + len, name, last + 1);
	return true;
}

/* Prepare for the names of a directory. */
static void begin_quick(struct moving *m)
{
	m->dir = m->spelled = 0;
	if (!m->alike || strlen(below(m)) + m->from + 2 > sizeof m->quick)
		return;
	memcpy(m->quick, m->old, m->from);
	if (!set_path(m->quick, m->from, below(m), ""))
		return;
	m->dir = strlen(m->quick);
	if (act_virtual(m->it.a, m->quick, m->virtual, sizeof m->virtual))
		m->spelled = strlen(m->virtual);
}

/* Is nothing to be said against this name? The longer questions are for the others. */
static bool is_harmless(struct moving *m, const char *name)
{
	const struct files *f = m->it.a->f;
	const size_t len = strlen(name) + 1;
	struct access_request r = { .kind = ACCESS_RENAME,
		                    .path = m->quick,
		                    .virtual = m->spelled ? m->virtual : NULL,
		                    .baseline = f->o.baseline,
		                    .more = f->o.more };
	struct verdict v;

	if (!m->dir || m->dir + len > sizeof m->quick || m->spelled + len > sizeof m->virtual ||
	    !strncmp(name, JOURNAL_STORE, sizeof JOURNAL_STORE - 1))
		return false;
	memcpy(m->quick + m->dir, name, len);
	if (m->spelled)
		memcpy(m->virtual + m->spelled, name, len);
	v = decide_access(f->o.policy, f->cache, &r);
	return v.effective == EFFECT_ALLOW && (v.decision == EFFECT_ALLOW || v.decision == EFFECT_AUDIT);
}

/* One entry of the directory at hand. */
static bool may_entry(struct moving *m, const char *name)
{
	m->old[m->from] = m->new[m->to] = 0;
	if (set_path(m->old, m->from, below(m), name) && set_path(m->new, m->to, below(m), name))
		return may_be_named(&m->it) && may_have_content(&m->it);
	m->it.verdict = (struct verdict){ .rule = &too_large };
	return false;
}

/* Directories are put behind the others. */
static void note_directory(struct moving *m, const struct dirent *e)
{
	const size_t len = strlen(below(m)), more = strlen(e->d_name) + 1;
	char *to;

	if (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN)
		return;
	to = buf_room(&m->dirs, len + more + 2);
	if (!to)
		return;
	memcpy(to, below(m), len);
	if (len)
		to[len] = '/';
	memcpy(to + len + (len > 0), e->d_name, more);
	m->dirs.len += len + (len > 0) + more;
}

/* What lies deeper than paths go is reached in steps. */
static int open_steps(const struct moving *m)
{
	const char *path = below(m);
	char piece[PATH_MAX];
	int at = fcntl(m->object, F_DUPFD_CLOEXEC, 3);

	while (at >= 0 && strlen(path) >= sizeof piece) {
		size_t len = sizeof piece - 1;
		int next;

		while (path[len] != '/')
			len--;
		memcpy(piece, path, len);
		piece[len] = 0;
		next = proc_openat2(at, piece, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);
		close(at);
		at = next;
		path += len + 1;
	}
	if (at >= 0) {
		int fd =
		        proc_openat2(at, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK,
		                     RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);

		close(at);
		at = fd;
	}
	return at;
}

/* A directory that is not there any more, or is none, holds nothing. False: it cannot be looked at. */
static bool open_below(struct moving *m)
{
	int fd = open_steps(m);

	m->open = fd < 0 ? NULL : fdopendir(fd);
	if (fd >= 0 && !m->open)
		close(fd);
	return m->open || (fd < 0 && (errno == ENOENT || errno == ENOTDIR));
}

static bool may_see(struct moving *m, const struct dirent *e)
{
	if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
		return true;
	if (!is_harmless(m, e->d_name) && !may_entry(m, e->d_name))
		return false;
	note_directory(m, e);
	if (++m->n <= TREE_ENTRIES && !m->dirs.failed)
		return true;
	m->it.verdict = (struct verdict){ .rule = &too_large };
	return false;
}

/* Some entries of the directory at hand. */
static enum moving_answer look(struct moving *m)
{
	const struct dirent *e = NULL;

	if (!m->open && !open_below(m)) {
		m->it.verdict = (struct verdict){ .rule = &too_large };
		return MOVING_BAD;
	}
	if (m->open && !m->dir)
		begin_quick(m);
	for (int i = 0; m->open && i < AT_ONCE; i++) {
		e = readdir(m->open);
		if (!e)
			break;
		if (!may_see(m, e))
			return MOVING_BAD;
	}
	if (e)
		return MOVING_ON;
	if (m->open)
		closedir(m->open);
	m->open = NULL;
	m->dir = 0;
	m->at += strlen(below(m)) + 1;
	return m->at < m->dirs.len ? MOVING_ON : MOVING_GOOD;
}

enum moving_answer moving_on(struct moving *m, struct act *a, int64_t until_ns)
{
	enum moving_answer answer = MOVING_ON;

	m->it.a = a;
	while (answer == MOVING_ON && (!until_ns || clock_mono_ns() < until_ns))
		answer = look(m);
	return answer;
}

void moving_refuse(struct moved *m, struct act *a, const struct rule *why)
{
	struct act_report r = { .kind = ACCESS_RENAME,
		                .place = &m->before,
		                .verdict = &m->verdict,
		                .to = place_path(&m->after) };

	if (why)
		m->verdict = (struct verdict){ .rule = why };
	m->verdict.effective = EFFECT_DENY;
	act_refuse(a, &r);
}

/* What do the names of the directories leave to be asked? */
bool moving_asks(struct moving *m, struct act *a, const struct place *from, const struct place *to)
{
	static const enum access_kind content[] = { ACCESS_READ, ACCESS_WRITE };
	struct tree_answers old = { 0 }, new = { 0 };
	bool known = act_decide_tree(a, place_path(from), &old) && act_decide_tree(a, place_path(to), &new);
	bool any;

	m->alike = known && !from->deep && !to->deep && act_trees_alike(a, from->path, to->path);
	any = m->it.ask[ACCESS_RENAME] =
	        !known || old.is[ACCESS_RENAME] != TREE_ALLOWED || new.is[ACCESS_RENAME] != TREE_ALLOWED;
	for (size_t i = 0; i < 2; i++)
		any |= m->it.ask[content[i]] =
		        !m->alike &&
		        (!known || (old.is[content[i]] != TREE_ALLOWED && new.is[content[i]] != TREE_DENIED));
	return any;
}

/* Of what lies in it names are known, and nothing else. */
static void name_only(struct place *p, char *path)
{
	resolve_clear(p);
	p->deep = path;
}

struct moving *moving_new(struct act *a, const struct place *from, const struct place *to)
{
	struct moving *m = calloc(1, sizeof *m);

	if (!m)
		return NULL;
	m->it.a = a;
	m->dirs.max = TREE_TEXT;
	buf_add(&m->dirs, "", 1);
	strcpy(m->old, place_path(from));
	strcpy(m->new, place_path(to));
	m->from = strlen(m->old);
	m->to = strlen(m->new);
	name_only(&m->it.before, m->old);
	name_only(&m->it.after, m->new);
	m->object = fcntl(from->object, F_DUPFD_CLOEXEC, 3);
	if (m->object >= 0 && !m->dirs.failed)
		return m;
	moving_free(m);
	return NULL;
}

void moving_free(struct moving *m)
{
	if (!m)
		return;
	if (m->open)
		closedir(m->open);
	fd_close(&m->object);
	buf_release(&m->dirs);
	free(m);
}

/* It stays what it is. */
bool moving_file(struct act *a, const struct place *from, const struct place *to)
{
	struct moved m = {
		.a = a, .before = *from, .after = *to, .ask = { [ACCESS_READ] = true, [ACCESS_WRITE] = true }
	};

	m.after.st = m.before.st;
	m.after.object = m.before.object;
	if (may_have_content(&m))
		return true;
	moving_refuse(&m, a, NULL);
	return false;
}
