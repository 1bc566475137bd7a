#include "enforce/fuse/judge.h"

#include "audit/event.h"
#include "audit/ring.h"
#include "base/clock.h"
#include "base/path.h"
#include "decide/access.h"
#include "decide/ask.h"
#include "journal/record.h"
#include "journal/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MESSAGE = 1024, WALK_MAX = 20000, SETTLE_MAX = 16 };
/* NOLINTBEGIN(bugprone-macro-parentheses): each goes into one initialiser */
#define BUILT_IN(text, why)                                                               \
	{                                                                                 \
		.name = text, .file = "built-in", .decision = EFFECT_DENY, .message = why \
	}
/* NOLINTEND(bugprone-macro-parentheses) */

static const struct rule unrecorded =
        BUILT_IN("audit-unavailable", "events cannot be written, and what is not recorded does not happen");
static const struct rule missing = BUILT_IN("journal-missing", "what this destroys could not be kept");
static const struct rule elsewhere = BUILT_IN("redirect-unsupported", "nothing is redirected in this view");
static const struct rule too_large =
        BUILT_IN("rename-too-large", "too much lies in it, or cannot be looked at, to "
                                     "tell whether something there is protected");
static const struct rule blocked = BUILT_IN("soft-block", "the configuration blocks what destroys files");

/* Paths that are put together, too long for the stack: of one act. */
struct names {
	char virtual[VIEW_PATH_MAX + 16], other[VIEW_PATH_MAX + 16];
	char from[VIEW_PATH_MAX], to[VIEW_PATH_MAX]; /* of a walk */
};

struct judge {
	struct judge_options o;
	struct names *names; /* owned */
	struct decide_cache *cache;
	struct decide_trees *trees;
	struct buf text;
	uint64_t series, n_events;
	/* Of the act that is judged, until judge_acted(). */
	char token[2][JOURNAL_TOKEN];
	size_t n_tokens;
};

static const enum access_kind access_of[VIEW_KINDS] = {
	[VIEW_READ] = ACCESS_READ,         [VIEW_LIST] = ACCESS_LIST,     [VIEW_WRITE] = ACCESS_WRITE,
	[VIEW_TRUNCATE] = ACCESS_TRUNCATE, [VIEW_CREATE] = ACCESS_CREATE, [VIEW_MKDIR] = ACCESS_MKDIR,
	[VIEW_SYMLINK] = ACCESS_SYMLINK,   [VIEW_LINK] = ACCESS_LINK,     [VIEW_DELETE] = ACCESS_DELETE,
	[VIEW_RMDIR] = ACCESS_RMDIR,       [VIEW_RENAME] = ACCESS_RENAME, [VIEW_CHMOD] = ACCESS_CHMOD,
	[VIEW_CHOWN] = ACCESS_CHOWN,       [VIEW_TOUCH] = ACCESS_TOUCH,   [VIEW_NAME] = ACCESS_LINK,
};

static const enum journal_kind kept_as[VIEW_KINDS] = {
	[VIEW_WRITE] = JOURNAL_WRITE,      [VIEW_TRUNCATE] = JOURNAL_TRUNCATE,
	[VIEW_CREATE] = JOURNAL_CREATE,    [VIEW_MKDIR] = JOURNAL_MKDIR,
	[VIEW_SYMLINK] = JOURNAL_SYMLINK,  [VIEW_LINK] = JOURNAL_LINK,
	[VIEW_DELETE] = JOURNAL_DELETE,    [VIEW_RMDIR] = JOURNAL_RMDIR,
	[VIEW_RENAME] = JOURNAL_RENAME,    [VIEW_CHMOD] = JOURNAL_ATTRIBUTES,
	[VIEW_CHOWN] = JOURNAL_ATTRIBUTES, [VIEW_TOUCH] = JOURNAL_ATTRIBUTES,
	[VIEW_NAME] = JOURNAL_CREATE,
};

static struct verdict deny(const struct rule *rule)
{
	return (struct verdict){ .decision = EFFECT_DENY, .effective = EFFECT_DENY, .rule = rule };
}

/* The name that policies may know it by. */
static const char *virtual_of(const struct judge *j, const char *path)
{
	char *out = j->names->virtual;
	int size = sizeof j->names->virtual;

	if (!j->o.virtual_root || !path_within(path, j->o.top) ||
	    snprintf(out, (size_t)size, "%s%s", j->o.virtual_root, path + strlen(j->o.top)) >= size)
		return NULL;
	return out;
}

static struct verdict decide_one(const struct judge *j, enum access_kind kind, const char *path)
{
	const struct access_request r = { .kind = kind, .path = path, .virtual = virtual_of(j, path) };

	return decide_access(j->o.policy, j->cache, &r);
}

/* May both names change? */
static bool may_be_named(const struct judge *j, const char *from, const char *to, struct verdict *why)
{
	*why = decide_one(j, ACCESS_RENAME, from);
	if (why->effective == EFFECT_ALLOW)
		*why = decide_one(j, ACCESS_RENAME, to);
	return why->effective == EFFECT_ALLOW;
}

/* What may not be read or written must not become so by another name. */
static bool may_have_content(const struct judge *j, const char *from, const char *to, struct verdict *why)
{
	static const enum access_kind content[] = { ACCESS_READ, ACCESS_WRITE };

	for (size_t i = 0; i < sizeof content / sizeof *content; i++) {
		*why = decide_one(j, content[i], from);
		if (why->effective != EFFECT_ALLOW && decide_one(j, content[i], to).effective == EFFECT_ALLOW)
			return false;
	}
	return true;
}

/* A walk below a directory that gets another name: both paths grow and shrink with it. */
struct walk {
	const struct judge *j;
	char *from, *to; /* VIEW_PATH_MAX each */
	size_t from_len, to_len, left;
	unsigned depth;     /* 0: the directory itself, which was judged */
	struct verdict why; /* it may not */
};

static bool add_part(char *path, size_t *len, const char *name)
{
	size_t n = strlen(name);

	if (*len + n + 2 > VIEW_PATH_MAX)
		return false;
	path[(*len)++] = '/';
	memcpy(path + *len, name, n + 1);
	*len += n;
	return true;
}

static void drop_part(char *path, size_t *len, const char *name)
{
	*len -= strlen(name) + 1;
	path[*len] = '\0';
}

static int look_at(void *arg, enum tree_step step, int dirfd, const char *name, const struct stat *st,
                   struct err *e)
{
	struct walk *w = arg;
	bool good;

	(void)dirfd;
	(void)st;
	if (step == TREE_LEAVE && --w->depth) {
		drop_part(w->from, &w->from_len, name);
		drop_part(w->to, &w->to_len, name);
	}
	if (step == TREE_LEAVE || (step == TREE_ENTER && !w->depth)) {
		w->depth += step == TREE_ENTER;
		return 0;
	}
	w->why = deny(&too_large);
	if (!w->left-- || !add_part(w->from, &w->from_len, name) || !add_part(w->to, &w->to_len, name))
		return err_set(e, "too large");
	good = may_be_named(w->j, w->from, w->to, &w->why) && may_have_content(w->j, w->from, w->to, &w->why);
	if (step == TREE_ENTER) {
		w->depth++;
	} else {
		drop_part(w->from, &w->from_len, name);
		drop_part(w->to, &w->to_len, name);
	}
	return good ? 0 : err_set(e, "refused");
}

/* Do the rules alone tell that all that lies below the one may lie below the other? */
static bool tree_is_free(const struct judge *j, const char *from, const char *to)
{
	struct tree_request a = { .dir = from }, b = { .dir = to };
	struct tree_answers before, after;

	if ((a.virtual = virtual_of(j, from)))
		a.virtual = strcpy(j->names->other, a.virtual);
	b.virtual = virtual_of(j, to);
	decide_trees_ask(j->trees, &a, &before);
	decide_trees_ask(j->trees, &b, &after);
	return before.is[ACCESS_RENAME] == TREE_ALLOWED && after.is[ACCESS_RENAME] == TREE_ALLOWED &&
	       ((before.is[ACCESS_READ] == TREE_ALLOWED && before.is[ACCESS_WRITE] == TREE_ALLOWED) ||
	        decide_trees_alike(j->trees, &a, &b, 1U << ACCESS_READ | 1U << ACCESS_WRITE));
}

/* The names themselves were judged. For a directory what is in it counts as well: where the rules alone do
 * not tell, what is there does. */
static bool may_move(const struct judge *j, const char *from, const char *to, bool directory, int dirfd,
                     const char *name, struct verdict *why)
{
	struct walk w = { .j = j, .from = j->names->from, .to = j->names->to, .left = WALK_MAX };

	if (!may_have_content(j, from, to, why))
		return false;
	if (!directory || tree_is_free(j, from, to))
		return true;
	w.from_len = strlen(from);
	w.to_len = strlen(to);
	memcpy(w.from, from, w.from_len + 1);
	memcpy(w.to, to, w.to_len + 1);
	w.why = deny(&too_large);
	if (tree_walk(dirfd, name, look_at, &w, NULL) == 0)
		return true;
	*why = w.why;
	return false;
}

/* Of a rename from a name that may change. */
static struct verdict decide_rename(const struct judge *j, const struct view_act *act, struct verdict moved,
                                    const char **path)
{
	struct verdict to = decide_one(j, ACCESS_RENAME, act->to_path), why;

	if (to.effective != EFFECT_ALLOW)
		return *path = act->to_path, to;
	if (!may_move(j, act->path, act->to_path, act->directory, act->dirfd, act->name, &why))
		return why;
	if (act->exchange &&
	    !may_move(j, act->to_path, act->path, act->to_directory, act->to_dirfd, act->to_name, &why))
		return *path = act->to_path, why;
	/* What is replaced loses its content as if it were written. */
	if (act->exists && !act->exchange && !act->to_directory) {
		why = decide_one(j, ACCESS_WRITE, act->to_path);
		if (why.effective != EFFECT_ALLOW)
			return *path = act->to_path, why;
	}
	/* What is overwritten is what a rule would have kept. */
	return act->exists && to.decision == EFFECT_SOFT_DELETE ? to : moved;
}

static bool destroys(enum view_kind kind)
{
	return kind == VIEW_DELETE || kind == VIEW_RMDIR || kind == VIEW_RENAME || kind == VIEW_TRUNCATE;
}

/* The first of the answers that refuses; *path is what it is about. */
static struct verdict decide_all(const struct judge *j, const struct view_act *act, const char **path)
{
	static const enum access_kind linked[] = { ACCESS_READ, ACCESS_WRITE };
	enum access_kind kind = access_of[act->kind];
	struct verdict v;

	*path = act->kind == VIEW_LINK ? act->to_path : act->path;
	v = decide_one(j, kind, *path);
	if (v.effective != EFFECT_ALLOW || !act->to_path)
		return v;
	if (act->kind == VIEW_RENAME)
		return decide_rename(j, act, v, path);
	for (size_t i = 0; act->kind == VIEW_LINK && i < 2; i++) {
		struct verdict old = decide_one(j, linked[i], act->path);

		if (old.effective != EFFECT_ALLOW)
			return *path = act->path, old;
	}
	return v;
}

static struct verdict decide(const struct judge *j, const struct view_act *act, const char **path)
{
	struct verdict v = decide_all(j, act, path);

	if (v.effective != EFFECT_ALLOW)
		return v;
	if (j->o.soft_block && destroys(act->kind))
		return deny(&blocked);
	if (v.decision == EFFECT_REDIRECT)
		return deny(&elsewhere);
	if (v.decision == EFFECT_SOFT_DELETE && !j->o.journal)
		return deny(&missing);
	return v;
}

static bool report(struct judge *j, const struct view_act *act, const struct verdict *v, const char *path)
{
	bool denied = v->effective != EFFECT_ALLOW;
	enum access_kind kind = access_of[act->kind];
	struct message_facts facts = { .path = path, .operation = access_name(kind), .port = -1 };
	struct event_field fields[3];
	char message[MESSAGE], id[48], hint[64];
	struct event ev = { .id = id,
		            .type = access_event(kind),
		            .session_id = j->o.session_id,
		            .command_id = j->o.command ? j->o.command(j->o.arg, act->pid) : NULL,
		            .pid = act->pid,
		            .depth = -1,
		            .verdict = v,
		            .path = path,
		            .operation = access_name(kind),
		            .effective_action = denied ? "denied" : "allowed",
		            .fields = fields };

	if (!(denied ? policy_audit(j->o.policy)->log_denied : policy_audit(j->o.policy)->log_allowed))
		return true;
	snprintf(id, sizeof id, "evt-%016llx-%llu", (unsigned long long)j->series,
	         (unsigned long long)++j->n_events);
	decide_message(v->rule, &facts, message, sizeof message);
	ev.message = *message ? message : NULL;
	if (j->n_tokens && act->done) {
		ev.type = "file_soft_deleted";
		snprintf(hint, sizeof hint, "agentsh trash restore %s", j->token[0]);
		fields[ev.n_fields++] = (struct event_field){ .name = "trash_token", .text = j->token[0] };
		fields[ev.n_fields++] = (struct event_field){ .name = "restore_hint", .text = hint };
	}
	if (act->to_path && path != act->to_path)
		fields[ev.n_fields++] = (struct event_field){ .name = "to_path", .text = act->to_path };
	buf_clear(&j->text);
	event_format(&ev, &j->text);
	return !j->text.failed && j->o.sink(j->o.arg, j->text.data, j->text.len, denied ? RING_DENIED : 0);
}

static int keep_one(struct judge *j, const struct view_act *act, enum journal_kind kind)
{
	bool target = kind == JOURNAL_OVERWRITE || kind == JOURNAL_LINK;
	const struct journal_act whole = {
		.kind = kind,
		.dirfd = target ? act->to_dirfd : act->dirfd,
		.name = target ? act->to_name : act->name,
		.path = target ? act->to_path : act->path,
		.to_dirfd = act->to_dirfd,
		.to_name = act->to_name,
		.to_path = act->to_path,
		.command = j->o.command ? j->o.command(j->o.arg, act->pid) : "",
	};
	struct err e = { 0 };

	if (journal_act(j->o.journal, &whole, j->token[j->n_tokens], &e) < 0)
		return e.code ? e.code : EIO;
	j->n_tokens++;
	return 0;
}

/* Before it happens. A removal has happened after that. */
static int keep(struct judge *j, struct view_act *act, const struct verdict *v)
{
	enum journal_kind kind = kept_as[act->kind];
	int why = 0;

	if (!j->o.journal || !access_changes(access_of[act->kind]) ||
	    (v->decision != EFFECT_SOFT_DELETE && !j->o.keep_all))
		return 0;
	if (act->kind == VIEW_RENAME && act->exists && !act->exchange)
		why = keep_one(j, act, JOURNAL_OVERWRITE);
	if (!why)
		why = keep_one(j, act, act->exchange ? JOURNAL_EXCHANGE : kind);
	act->done = !why && (kind == JOURNAL_DELETE || kind == JOURNAL_RMDIR);
	return why;
}

void judge_acted(void *judge, struct view_act *act, bool happened)
{
	struct judge *j = judge;

	(void)act;
	while (j->n_tokens)
		journal_acted(j->o.journal, j->token[--j->n_tokens], happened);
}

static bool is_told(const struct judge *j, const struct view_act *act, const struct verdict *v)
{
	return access_changes(access_of[act->kind]) || v->decision == EFFECT_AUDIT || j->o.log_reads;
}

/* Who asks has judged and told of it; what is kept is told of here. */
static int keep_decided(struct judge *j, struct view_act *act)
{
	const char *path;
	struct verdict v;
	int why;

	if (!access_changes(access_of[act->kind]))
		return 0;
	v = decide_all(j, act, &path);
	why = keep(j, act, &v);
	if (!why && act->done)
		report(j, act, &v, path);
	if (why)
		judge_acted(j, act, false);
	return why;
}

int judge_act(void *judge, struct view_act *act)
{
	struct judge *j = judge;
	const char *path;
	struct verdict v;
	int why;

	if (act->decided)
		return keep_decided(j, act);
	v = decide(j, act, &path);
	if (v.effective != EFFECT_ALLOW) {
		report(j, act, &v, path);
		return EACCES;
	}
	/* What is done by being kept must be told of before: an event that cannot be written refuses it. */
	if (is_told(j, act, &v) && !(act->kind == VIEW_DELETE || act->kind == VIEW_RMDIR) &&
	    !report(j, act, &v, path)) {
		v = deny(&unrecorded);
		report(j, act, &v, path);
		return EACCES;
	}
	why = keep(j, act, &v);
	if (!why && (act->kind == VIEW_DELETE || act->kind == VIEW_RMDIR) && !report(j, act, &v, path) &&
	    !act->done)
		why = EACCES;
	if (why)
		judge_acted(j, act, false);
	return why;
}

void judge_ended(struct judge *j, const char *command)
{
	if (j->o.journal)
		journal_ended(j->o.journal, command);
}

bool judge_settle(struct judge *j)
{
	return j->o.journal && journal_settle(j->o.journal, SETTLE_MAX);
}

struct judge *judge_new(const struct judge_options *o, struct err *e)
{
	struct judge *j = calloc(1, sizeof *j);

	if (j) {
		j->o = *o;
		j->series = (uint64_t)clock_real_ns();
		j->names = malloc(sizeof *j->names);
		j->cache = decide_cache_new(o->policy);
		j->trees = decide_trees_new(o->policy);
	}
	if (j && j->names && j->cache && j->trees)
		return j;
	err_set(e, "out of memory");
	judge_free(j);
	return NULL;
}

void judge_free(struct judge *j)
{
	if (!j)
		return;
	decide_cache_free(j->cache);
	decide_trees_free(j->trees);
	buf_release(&j->text);
	free(j->names);
	free(j);
}
