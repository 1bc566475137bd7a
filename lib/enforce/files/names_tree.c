#include "enforce/files/names.h"

#include "base/fd.h"
#include "base/path.h"
#include "enforce/files/keep.h"
#include "sys/proc.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* What is looked at before a directory may move: the session waits meanwhile. */
enum { TREE_ENTRIES = 200000, TREE_TEXT = 16 << 20 };

static const struct rule too_large = { .name = "rename-too-large",
	                               .file = "built-in",
	                               .decision = EFFECT_DENY,
	                               .message =
	                                       "too much lies in it, or cannot be looked at, to tell whether "
	                                       "something there is protected" };

struct moving {
	struct act *a;
	const struct place *from, *to;
	struct place before, after; /* of what is looked at now */
	struct verdict verdict;     /* why not */
	bool ask[ACCESS_KINDS];     /* RENAME, READ, WRITE: the names alone do not tell */
	/* What holds for a name here holds for it there: then one question is enough, about this name. */
	bool alike;
	char path[PLACE_PATH], spelled[PLACE_PATH + 64];
	size_t dir,
	        spelled_dir; /* of both, what all names of a directory have in common; 0: not spelled so */
};

/* What could not be read or written may not become so. */
static bool gains(struct moving *m, enum access_kind kind)
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
static bool may_have_content(struct moving *m)
{
	return !gains(m, ACCESS_READ) && !gains(m, ACCESS_WRITE);
}

static bool may_be_named(struct moving *m)
{
	if (!m->ask[ACCESS_RENAME])
		return true;
	m->verdict = keep_decide(m->a, ACCESS_RENAME, &m->before);
	if (m->verdict.effective == EFFECT_ALLOW)
		m->verdict = keep_decide(m->a, ACCESS_RENAME, &m->after);
	return m->verdict.effective == EFFECT_ALLOW;
}

static bool set_path(struct place *p, const char *dir, const char *below, const char *name)
{
	return (size_t)snprintf(p->path, sizeof p->path, "%s/%s%s%s", dir, below, *below ? "/" : "", name) <
	       sizeof p->path;
}

/* Prepare for the names of a directory. */
static void begin_quick(struct moving *m, const char *below)
{
	char dir[PLACE_PATH];

	m->dir = m->spelled_dir = 0;
	if (!m->alike || !set_path(&m->before, m->from->path, below, ""))
		return;
	snprintf(dir, sizeof dir, "%s", m->before.path);
	m->dir = strlen(dir);
	memcpy(m->path, dir, m->dir);
	if (act_virtual(m->a, dir, m->spelled, sizeof m->spelled))
		m->spelled_dir = strlen(m->spelled);
}

/* Is nothing to be said against this name? The longer questions are for the others. */
static bool is_harmless(struct moving *m, const char *name)
{
	const struct files *f = m->a->f;
	const size_t len = strlen(name) + 1;
	struct access_request r = { .kind = ACCESS_RENAME,
		                    .path = m->path,
		                    .virtual = m->spelled_dir ? m->spelled : NULL,
		                    .baseline = f->o.baseline,
		                    .more = f->o.more };
	struct verdict v;

	if (!m->dir || m->dir + len > sizeof m->path || m->spelled_dir + len > sizeof m->spelled ||
	    !strncmp(name, JOURNAL_STORE, sizeof JOURNAL_STORE - 1))
		return false;
	memcpy(m->path + m->dir, name, len);
	if (m->spelled_dir)
		memcpy(m->spelled + m->spelled_dir, name, len);
	v = decide_access(f->o.policy, f->cache, &r);
	return v.effective == EFFECT_ALLOW && (v.decision == EFFECT_ALLOW || v.decision == EFFECT_AUDIT);
}

/* One entry of the directory `below` (relative to what moves). */
static bool may_entry(struct moving *m, const char *below, const struct dirent *e)
{
	if (!set_path(&m->before, m->from->path, below, e->d_name) ||
	    !set_path(&m->after, m->to->path, below, e->d_name)) {
		m->verdict = (struct verdict){ .rule = &too_large };
		return false;
	}
	return may_be_named(m) && may_have_content(m);
}

/* Directories are put behind the others in `text`. */
static void note_directory(struct buf *text, const char *below, const struct dirent *e)
{
	if (e->d_type != DT_DIR && e->d_type != DT_UNKNOWN)
		return;
	if (*below) {
		buf_str(text, below);
		buf_chr(text, '/');
	}
	buf_add(text, e->d_name, strlen(e->d_name) + 1);
}

/* A directory that is not there any more, or is none, holds nothing. */
static DIR *open_below(const struct moving *m, const char *below, bool *none)
{
	int fd = proc_openat2(m->from->object, *below ? below : ".",
	                      O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_NONBLOCK,
	                      RESOLVE_NO_SYMLINKS | RESOLVE_BENEATH);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);

	*none = fd < 0 && (errno == ENOENT || errno == ENOTDIR);
	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

static bool may_entries(struct moving *m, struct buf *text, size_t at, size_t *n)
{
	bool none, good = true;
	/* What it points to may move while it grows. */
	char below[PLACE_PATH];
	const struct dirent *e;
	DIR *dir;

	snprintf(below, sizeof below, "%s", text->data + at);
	dir = open_below(m, below, &none);
	if (!dir) {
		m->verdict = (struct verdict){ .rule = &too_large };
		return none;
	}
	begin_quick(m, below);
	while (good && (e = readdir(dir)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
			good = is_harmless(m, e->d_name) || may_entry(m, below, e);
			note_directory(text, below, e);
			if (good && (++*n > TREE_ENTRIES || text->failed)) {
				m->verdict = (struct verdict){ .rule = &too_large };
				good = false;
			}
		}
	closedir(dir);
	return good;
}

static bool may_walk(struct moving *m)
{
	AUTO_BUF text = { .max = TREE_TEXT };
	bool good = true;
	size_t n = 0;

	buf_add(&text, "", 1);
	for (size_t at = 0; good && at < text.len; at += strlen(text.data + at) + 1)
		good = may_entries(m, &text, at, &n);
	return good;
}

static bool refuse(struct moving *m)
{
	struct act_report r = { .kind = ACCESS_RENAME,
		                .place = &m->before,
		                .verdict = &m->verdict,
		                .to = place_path(&m->after) };

	m->verdict.effective = EFFECT_DENY;
	act_refuse(m->a, &r);
	return false;
}

/* What do the names of the directories leave to be asked? */
static bool find_questions(struct moving *m)
{
	static const enum access_kind content[] = { ACCESS_READ, ACCESS_WRITE };
	struct tree_answers old = { 0 }, new = { 0 };
	bool known = act_decide_tree(m->a, place_path(m->from), &old) &&
	             act_decide_tree(m->a, place_path(m->to), &new);
	bool any;

	m->alike =
	        known && !m->from->deep && !m->to->deep && act_trees_alike(m->a, m->from->path, m->to->path);
	any = m->ask[ACCESS_RENAME] =
	        !known || old.is[ACCESS_RENAME] != TREE_ALLOWED || new.is[ACCESS_RENAME] != TREE_ALLOWED;
	for (size_t i = 0; i < 2; i++)
		any |= m->ask[content[i]] =
		        !m->alike &&
		        (!known || (old.is[content[i]] != TREE_ALLOWED && new.is[content[i]] != TREE_DENIED));
	return any;
}

bool names_may_move(struct act *a, const struct place *from, const struct place *to)
{
	struct moving m = { .a = a,
		            .from = from,
		            .to = to,
		            .before = *from,
		            .after = *to,
		            .ask = { [ACCESS_READ] = true, [ACCESS_WRITE] = true } };

	/* It stays what it is. */
	m.after.st = m.before.st;
	m.after.object = m.before.object;
	if (!S_ISDIR(from->st.st_mode))
		return may_have_content(&m) || refuse(&m);
	if (!find_questions(&m))
		return true;
	if (from->deep || to->deep) {
		m.verdict = (struct verdict){ .rule = &too_large };
		return refuse(&m);
	}
	/* Of what lies in it names are known, and nothing else. */
	*m.before.alias = *m.after.alias = 0;
	m.before.object = m.after.object = -1;
	m.before.st = m.after.st = (struct stat){ 0 };
	return may_walk(&m) || refuse(&m);
}
