#include "enforce/files/keep.h"

#include "base/path.h"
#include "base/room.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

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

/* What follows a store's name in the path; NULL: it lies in none. */
static const char *below_store(const struct files_options *o, const char *path)
{
	return journal_below(o->journal ? journal_home(o->journal) : o->store, path);
}

/* In a store, or what takes one along when it is moved or removed. */
static bool is_store(const struct act *a, enum access_kind kind, const char *path)
{
	const struct files_options *o = &a->f->o;

	return below_store(o, path) ||
	       ((kind == ACCESS_RENAME || kind == ACCESS_RMDIR) && o->store && path_within(o->store, path));
}

/* TOKEN of "/payload/TOKEN" or "/manifest/TOKEN.json"; "" for what else lies there, so that nothing is called
 * so. False: no version, nor what tells of one. */
static bool token_in(const char *below, char out[JOURNAL_TOKEN])
{
	static const char *const parts[][2] = { { "/payload/", "" }, { "/manifest/", ".json" } };

	for (size_t i = 0; i < 2; i++) {
		const size_t skip = strlen(parts[i][0]);
		const char *name = below + skip;
		size_t n;

		if (strncmp(below, parts[i][0], skip) != 0)
			continue;
		n = strspn(name, "0123456789");
		if (n >= JOURNAL_TOKEN || strcmp(name + n, parts[i][1]) != 0)
			n = 0;
		memcpy(out, name, n);
		out[n] = 0;
		return true;
	}
	return false;
}

/* What was deleted is read by who could read it where it was; what nothing is known of by nobody. `v`: what
 * holds for the name it has now. */
static struct verdict read_version(struct act *a, const struct place *p, const struct verdict *v)
{
	const struct journal_log *journal = a->f->o.journal;
	const char *below = below_store(&a->f->o, place_path(p));
	char token[JOURNAL_TOKEN];
	ROOM struct place was;

	if (!below || !token_in(below, token))
		return *v;
	resolve_clear(&was);
	was.st = p->st;
	if (!*token || !journal || !journal_origin(journal, token, was.path, sizeof was.path))
		return deny(&store);
	return act_decide(a, ACCESS_READ, &was);
}

/* The configuration speaks of the workspace; rules name their own places. */
static bool in_workspace(const struct files_options *o, const struct place *p)
{
	return o->workspace && path_within(place_path(p), o->workspace);
}

struct verdict keep_decide(struct act *a, enum access_kind kind, const struct place *p)
{
	const struct files_options *o = &a->f->o;
	struct verdict v = act_decide(a, kind, p);

	if (CONFIG_APPROVALS && v.effective == EFFECT_APPROVE)
		act_approved(a, kind, p, &v);
	if (v.effective != EFFECT_ALLOW)
		return v;
	if (access_changes(kind) && is_store(a, kind, place_path(p)))
		return deny(&store);
	if (kind == ACCESS_READ && !S_ISDIR(p->st.st_mode))
		return read_version(a, p, &v);
	if (o->soft_block && destroys(kind) && in_workspace(o, p))
		return deny(&blocked);
	if (v.decision == EFFECT_SOFT_DELETE && !o->journal)
		return deny(&missing);
	if (v.decision == EFFECT_REDIRECT && access_changes(kind) && kind != ACCESS_WRITE &&
	    kind != ACCESS_CREATE && kind != ACCESS_TRUNCATE)
		return deny(&elsewhere);
	return v;
}

/* Is it the view that keeps it? What has no object yet is where its directory is. */
static bool is_viewed(const struct files_options *o, const struct place *p)
{
	struct stat st = { .st_dev = p->st.st_dev };

	if (!CONFIG_LAYER_FUSE || !o->view || !o->view->page)
		return false;
	return (p->object >= 0 || (p->parent >= 0 && fstat(p->parent, &st) == 0)) &&
	       st.st_dev == o->view->dev;
}

bool keep_wants(const struct act *a, enum journal_kind kind, const struct place *p, const struct verdict *v)
{
	const struct files_options *o = &a->f->o;

	return o->journal && !is_viewed(o, p) &&
	       (v->decision == EFFECT_SOFT_DELETE || (o->keep >> kind & 1 && in_workspace(o, p)));
}

bool keep_knows(const struct act *a, const struct place *p)
{
	const struct files_options *o = &a->f->o;

	return (!CONFIG_LAYER_FUSE || !o->view || !o->view->page) &&
	       (!o->journal || journal_knows(o->journal, p->path, a->k->c->id));
}

bool keep_has_made(const struct act *a, const struct place *p)
{
	const struct at_facts facts = { .st = p->st, .born = p->born };

	return a->f->o.journal && p->born.tv_sec && journal_was_made(a->f->o.journal, &facts, a->k->c->id);
}

bool keep_is_spare(const struct act *a, const struct place *p)
{
	struct at_facts facts;

	return !S_ISDIR(p->st.st_mode) && p->st.st_nlink > 1 && !p->slash &&
	       at_facts(p->parent, p->name, AT_SYMLINK_NOFOLLOW, &facts) == 0 &&
	       journal_was_made(a->f->o.journal, &facts, a->k->c->id);
}

/* The store is ours. Who deletes as somebody else, in a session of root's, could not put anything there: then
 * it is asked first whether he may, by trying it as what it is not. 0 or errno. */
static int may_delete(const struct journal_act *act)
{
	bool dir = act->kind == JOURNAL_RMDIR;

	if (!dir && act->kind != JOURNAL_DELETE)
		return 0;
	if (unlinkat(act->dirfd, act->name, dir ? 0 : AT_REMOVEDIR) == 0)
		return ENOENT; /* it has become that meanwhile */
	return errno == (dir ? EISDIR : ENOTDIR) ? 0 : errno;
}

static int as_ourselves(struct act *a, const struct journal_act *act, char token[JOURNAL_TOKEN],
                        struct err *e)
{
	int rc = may_delete(act), back;

	if (rc)
		return e->code = rc, -1;
	act_end(a);
	rc = journal_act(a->f->o.journal, act, token, e);
	back = act_resume(a);
	if (!rc && back)
		e->code = back;
	return rc || back ? -1 : 0;
}

int keep_before(struct act *a, struct keep *k, const struct journal_act *act)
{
	struct journal_act whole = *act;
	struct err e = { 0 };
	int rc;

	whole.command = a->k->c->id;
	rc = a->switched ? as_ourselves(a, &whole, k->token[k->n], &e)
	                 : journal_act(a->f->o.journal, &whole, k->token[k->n], &e);
	if (rc < 0)
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
	struct journal_act act = {
		.kind = kind, .dirfd = p->parent, .name = bare(p, name), .path = place_path(p)
	};

	if (kind == JOURNAL_DELETE || kind == JOURNAL_RMDIR)
		act.st = &p->st;

	return keep_before(a, k, &act);
}

int keep_names(struct act *a, struct keep *k, enum journal_kind kind, const struct place *from,
               const struct place *to)
{
	char name[NAME_MAX + 2], to_name[NAME_MAX + 2];
	struct journal_act act = { .kind = kind,
		                   .dirfd = from->parent,
		                   .name = bare(from, name),
		                   .path = place_path(from),
		                   .to_dirfd = to->parent,
		                   .to_name = bare(to, to_name),
		                   .to_path = place_path(to) };

	return keep_before(a, k, &act);
}

int keep_flags(struct act *a, struct keep *k, const struct place *p)
{
	struct journal_act act = { .kind = JOURNAL_ATTRIBUTES,
		                   .dirfd = p->object,
		                   .name = "",
		                   .path = place_path(p),
		                   .flags = true };

	return keep_before(a, k, &act);
}

int keep_object(struct act *a, struct keep *k, enum journal_kind kind, const struct place *p)
{
	struct journal_act act = { .kind = kind, .dirfd = p->object, .name = "", .path = place_path(p) };

	/* When it was born tells it from another that had its number. */
	if (p->born.tv_sec) {
		act.st = &p->st;
		act.born = p->born;
	}
	return keep_before(a, k, &act);
}

void keep_made(struct act *a, const struct keep *k, const struct at_facts *made)
{
	if (k->n)
		journal_made(a->f->o.journal, made, a->k->c->id);
}

bool keep_put_back(struct act *a, const struct keep *k, const struct place *p)
{
	char name[NAME_MAX + 2];
	bool others = a->switched, back;

	if (others)
		act_end(a);
	back = journal_return(a->f->o.journal, k->token[0], p->parent, bare(p, name)) == 0;
	if (others)
		act_resume(a); /* what is left is to answer */
	return back;
}

int keep_after(struct act *a, struct keep *k, int error)
{
	bool others = a->switched && k->n;

	if (others)
		act_end(a);
	for (size_t i = k->n; i-- > 0;)
		journal_acted(a->f->o.journal, k->token[i], error == 0);
	k->n = 0;
	if (others)
		act_resume(a); /* what is left is to answer */
	return error;
}
