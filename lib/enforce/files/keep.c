#include "enforce/files/keep.h"

#include "base/path.h"

#include <errno.h>
#include <string.h>

#define BUILT_IN(text, why)                                                                   \
	{                                                                                     \
		.name = (text), .file = "built-in", .decision = EFFECT_DENY, .message = (why) \
	}

static const struct rule store =
        BUILT_IN("journal-store", "holds what was deleted; sessions do not change it");
static const struct rule missing = BUILT_IN("journal-missing", "what this deletes could not be kept");
static const struct rule elsewhere = BUILT_IN("redirect-unsupported", "only writing can be redirected");
static const struct rule blocked = BUILT_IN("soft-block", "the configuration blocks what destroys files");

static struct verdict deny(const struct rule *rule)
{
	return (struct verdict){ .decision = EFFECT_DENY, .effective = EFFECT_DENY, .rule = rule };
}

static bool destroys(enum access_kind kind)
{
	return kind == ACCESS_DELETE || kind == ACCESS_RMDIR || kind == ACCESS_RENAME ||
	       kind == ACCESS_TRUNCATE;
}

/* In a store, or what takes one along when it is moved or removed. */
static bool is_store(const struct act *a, enum access_kind kind, const char *path)
{
	const struct files_options *o = &a->f->o;

	return journal_holds(o->journal, path) ||
	       ((kind == ACCESS_RENAME || kind == ACCESS_RMDIR) && o->store && path_within(o->store, path));
}

/* The configuration speaks of the workspace; rules name their own places. */
static bool in_workspace(const struct files_options *o, const struct place *p)
{
	return o->workspace && path_within(p->path, o->workspace);
}

struct verdict keep_decide(struct act *a, enum access_kind kind, const struct place *p)
{
	const struct files_options *o = &a->f->o;
	struct verdict v = act_decide(a, kind, p);

	if (v.effective != EFFECT_ALLOW)
		return v;
	if (access_changes(kind) && o->journal && is_store(a, kind, p->path))
		return deny(&store);
	if (o->soft_block && destroys(kind) && in_workspace(o, p))
		return deny(&blocked);
	if (v.decision == EFFECT_SOFT_DELETE && !o->journal)
		return deny(&missing);
	if (v.decision == EFFECT_REDIRECT && access_changes(kind) && kind != ACCESS_WRITE &&
	    kind != ACCESS_CREATE && kind != ACCESS_TRUNCATE)
		return deny(&elsewhere);
	return v;
}

bool keep_wants(const struct act *a, enum journal_kind kind, const struct place *p, const struct verdict *v)
{
	const struct files_options *o = &a->f->o;

	return o->journal &&
	       (v->decision == EFFECT_SOFT_DELETE || (o->keep >> kind & 1 && in_workspace(o, p)));
}

int keep_before(struct act *a, struct keep *k, const struct journal_act *act)
{
	struct journal_act whole = *act;
	struct err e = { 0 };

	whole.command = a->k->c->id;
	if (journal_act(a->f->o.journal, &whole, k->token[k->n], &e) < 0)
		return e.code ? e.code : EIO;
	k->n++;
	return 0;
}

/* The name as it stands in the directory. */
static const char *bare(const struct place *p, char out[NAME_MAX + 2])
{
	size_t len = strlen(p->name);

	memcpy(out, p->name, len + 1);
	if (len > 1 && out[len - 1] == '/')
		out[len - 1] = 0;
	return out;
}

int keep_name(struct act *a, struct keep *k, enum journal_kind kind, const struct place *p)
{
	char name[NAME_MAX + 2];
	struct journal_act act = { .kind = kind, .dirfd = p->parent, .name = bare(p, name), .path = p->path };

	return keep_before(a, k, &act);
}

int keep_names(struct act *a, struct keep *k, enum journal_kind kind, const struct place *from,
               const struct place *to)
{
	char name[NAME_MAX + 2], to_name[NAME_MAX + 2];
	struct journal_act act = { .kind = kind,
		                   .dirfd = from->parent,
		                   .name = bare(from, name),
		                   .path = from->path,
		                   .to_dirfd = to->parent,
		                   .to_name = bare(to, to_name),
		                   .to_path = to->path };

	return keep_before(a, k, &act);
}

int keep_object(struct act *a, struct keep *k, enum journal_kind kind, const struct place *p)
{
	struct journal_act act = { .kind = kind, .dirfd = p->object, .name = "", .path = p->path };

	return keep_before(a, k, &act);
}

int keep_after(const struct act *a, struct keep *k, int error)
{
	for (size_t i = k->n; i-- > 0;)
		journal_acted(a->f->o.journal, k->token[i], error == 0);
	k->n = 0;
	return error;
}
