#include "decide/access.h"

#include "decide/baseline.h"
#include "decide/impl.h"

#include <string.h>

#define OP(o) (1u << FILE_##o)

/* First the operation that names it. */
static const struct {
	enum file_op name;
	uint32_t mask;
} kinds[ACCESS_KINDS] = {
	[ACCESS_READ] = { FILE_READ, OP(READ) | OP(OPEN) },
	[ACCESS_LIST] = { FILE_LIST, OP(LIST) | OP(OPEN) | OP(READ) },
	[ACCESS_WRITE] = { FILE_WRITE, OP(WRITE) },
	[ACCESS_TRUNCATE] = { FILE_TRUNCATE, OP(TRUNCATE) | OP(WRITE) },
	[ACCESS_CREATE] = { FILE_CREATE, OP(CREATE) },
	[ACCESS_MKDIR] = { FILE_MKDIR, OP(MKDIR) },
	[ACCESS_SYMLINK] = { FILE_SYMLINK, OP(SYMLINK) | OP(CREATE) },
	[ACCESS_LINK] = { FILE_LINK, OP(LINK) | OP(CREATE) },
	[ACCESS_DELETE] = { FILE_DELETE, OP(DELETE) },
	[ACCESS_RMDIR] = { FILE_RMDIR, OP(RMDIR) },
	[ACCESS_RENAME] = { FILE_RENAME, OP(RENAME) },
	[ACCESS_CHMOD] = { FILE_CHMOD, OP(CHMOD) },
	[ACCESS_CHOWN] = { FILE_CHOWN, OP(CHOWN) | OP(CHMOD) },
	[ACCESS_TOUCH] = { FILE_CHMOD, OP(CHMOD) | OP(WRITE) },
	[ACCESS_STAT] = { FILE_STAT, OP(STAT) },
	[ACCESS_READLINK] = { FILE_READLINK, OP(READLINK) },
};

uint32_t access_mask(enum access_kind kind)
{
	return (unsigned)kind < ACCESS_KINDS ? kinds[kind].mask : 0;
}

const char *access_name(enum access_kind kind)
{
	return (unsigned)kind < ACCESS_KINDS ? file_op_name(kinds[kind].name) : "unknown";
}

static const char *const events[ACCESS_KINDS] = {
	[ACCESS_READ] = "file_open",         [ACCESS_LIST] = "dir_list",      [ACCESS_WRITE] = "file_write",
	[ACCESS_TRUNCATE] = "file_write",    [ACCESS_CREATE] = "file_create", [ACCESS_MKDIR] = "dir_create",
	[ACCESS_SYMLINK] = "symlink_create", [ACCESS_LINK] = "file_create",   [ACCESS_DELETE] = "file_delete",
	[ACCESS_RMDIR] = "dir_delete",       [ACCESS_RENAME] = "file_rename", [ACCESS_CHMOD] = "file_chmod",
	[ACCESS_CHOWN] = "file_chmod",       [ACCESS_TOUCH] = "file_chmod",   [ACCESS_STAT] = "file_stat",
	[ACCESS_READLINK] = "file_read",
};

const char *access_event(enum access_kind kind)
{
	return (unsigned)kind < ACCESS_KINDS ? events[kind] : "unknown";
}

bool access_changes(enum access_kind kind)
{
	return kind != ACCESS_READ && kind != ACCESS_LIST && kind != ACCESS_STAT && kind != ACCESS_READLINK;
}

static const struct rule *rule_of(const struct policy *p, uint32_t best)
{
	return best == QUERY_NONE ? &verdict_default_files.rule : &p->file_rules[best].head.rule;
}

static bool restricts(const struct rule *rule)
{
	return policy_mask(rule->decision) == MASK_RESTRICTS;
}

/* What the aliases say, given the answer for the object's own name. */
static const struct rule *by_alias(const struct policy *p, struct decide_cache *c,
                                   const struct access_request *r, const struct rule *own)
{
	const struct rule *permit = NULL;
	bool last_word = baseline_yields(p, own);

	if (restricts(own) && !last_word)
		return own;
	for (size_t i = 0; i < r->n_alias; i++) {
		struct query q = { .best = QUERY_NONE, .bit = kinds[r->kind].mask };
		const struct rule *rule;

		file_find(p, c, r->alias[i], &q);
		rule = rule_of(p, q.best);
		if (!restricts(rule))
			permit = permit ? permit : rule;
		else if (!baseline_yields(p, rule))
			return rule;
	}
	return last_word && permit ? permit : own;
}

static bool in_baseline(const struct policy *p, const struct access_request *r, const char *name)
{
	return baseline_has(p, r->kind, name) && (r->world_readable || !baseline_needs_facts(r->kind, name));
}

/* A rule about the workspace as a whole, wherever it lies. */
static bool is_of_workspace(const struct policy *p, uint32_t best)
{
	const struct file_rule *f = best == QUERY_NONE ? NULL : &p->file_rules[best];

	for (size_t i = 0; f && i < f->paths.n; i++)
		if (!strcmp(f->paths.items[i], "${PROJECT_ROOT}/**"))
			return true;
	return false;
}

/* Is it a file that its /workspace/… spelling has kept when it is deleted? */
static bool is_kept(const struct policy *p, struct decide_cache *c, const struct access_request *r,
                    struct query *q)
{
	if (r->kind != ACCESS_DELETE && r->kind != ACCESS_RMDIR)
		return false;
	file_find(p, c, r->virtual, q);
	return rule_of(p, q->best)->decision == EFFECT_SOFT_DELETE;
}

/* By the object's own name and its spelling. */
static const struct rule *by_names(const struct policy *p, struct decide_cache *c,
                                   const struct access_request *r)
{
	struct query q = { .best = QUERY_NONE, .bit = kinds[r->kind].mask }, spelled = q;

	file_find(p, c, r->path, &q);
	if (!r->virtual)
		return rule_of(p, q.best);
	if (rule_of(p, q.best)->decision == EFFECT_DENY && is_of_workspace(p, q.best) &&
	    is_kept(p, c, r, &spelled))
		return rule_of(p, spelled.best);
	file_find(p, c, r->virtual, &q);
	return rule_of(p, q.best);
}

struct verdict decide_access(const struct policy *p, struct decide_cache *c, const struct access_request *r)
{
	const struct rule *rule;
	bool falls_back;

	if ((unsigned)r->kind >= ACCESS_KINDS || !r->path || *r->path != '/')
		return verdict_of(p, &verdict_default_files.rule);
	rule = by_alias(p, c, r, by_names(p, c, r));
	if (!baseline_yields(p, rule))
		return verdict_of(p, rule);
	if (baseline_has_more(r->more, r->kind, r->path))
		return verdict_of(p, &baseline_more_rule.rule);
	if (!r->baseline)
		return verdict_of(p, rule);
	falls_back = in_baseline(p, r, r->path);
	for (size_t i = 0; i < r->n_alias && !falls_back; i++)
		falls_back = in_baseline(p, r, r->alias[i]);
	return verdict_of(p, falls_back ? &baseline_rule.rule : rule);
}

static bool is_everything(const struct file_rule *f)
{
	for (size_t i = 0; i < f->expanded.n; i++)
		if (!strcmp(f->expanded.items[i], "**") || !strcmp(f->expanded.items[i], "/**"))
			return true;
	return false;
}

static bool is_plain(const struct policy *p, uint32_t ops)
{
	for (const struct file_rule *f = p->file_rules; f < p->file_rules + p->n_file; f++) {
		if (!(f->ops & ops))
			continue;
		if (f->head.rule.decision != EFFECT_ALLOW)
			return false;
		if (is_everything(f))
			return true;
	}
	return false;
}

uint32_t decide_plain(const struct policy *p)
{
	uint32_t plain = 0;

	for (int kind = 0; kind < ACCESS_KINDS; kind++)
		plain |= (uint32_t)is_plain(p, kinds[kind].mask) << kind;
	return plain;
}

bool decide_is_baseline(const struct verdict *v)
{
	return v->rule == &baseline_rule.rule;
}
