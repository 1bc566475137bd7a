/* Files and unix sockets. */
#include "decide/impl.h"

#include "base/path.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

_Static_assert((int)FILE_OPS == (int)POLICY_FILE_OPS, "policy_file_ops[] and enum file_op");
_Static_assert((int)UNIX_OPS == (int)POLICY_UNIX_OPS, "policy_unix_ops[] and enum unix_op");

struct decide_cache {
	struct globset_cache *files, *domains;
};

struct decide_cache *decide_cache_new(const struct policy *p)
{
	struct decide_cache *c = p->files && p->domains ? calloc(1, sizeof *c) : NULL;

	if (!c)
		return NULL;
	c->files = globset_cache_new(p->files);
	c->domains = globset_cache_new(p->domains);
	if (c->files && c->domains)
		return c;
	decide_cache_free(c);
	return NULL;
}

void decide_cache_free(struct decide_cache *c)
{
	if (!c)
		return;
	globset_cache_free(c->files);
	globset_cache_free(c->domains);
	free(c);
}

struct globset_cache *decide_cache_domains(struct decide_cache *c)
{
	return c->domains;
}

const char *file_op_name(enum file_op op)
{
	return (unsigned)op < FILE_OPS ? policy_file_ops[op] : "unknown";
}

bool file_op_parse(const char *name, enum file_op *op)
{
	for (int i = 0; i < FILE_OPS; i++)
		if (!strcasecmp(policy_file_ops[i], name)) {
			*op = (enum file_op)i;
			return true;
		}
	return false;
}

void file_find(const struct policy *p, struct decide_cache *c, const char *path, struct query *q)
{
	globset_find(p->files, c->files, path, strlen(path), q);
}

struct verdict decide_file(const struct policy *p, struct decide_cache *c, const struct file_request *r)
{
	struct query q = { .best = QUERY_NONE };

	if ((unsigned)r->op >= FILE_OPS || !p->files)
		return verdict_of(p, &verdict_default_files.rule);
	q.bit = 1u << r->op;
	if (r->path)
		file_find(p, c, r->path, &q);
	if (r->virtual)
		file_find(p, c, r->virtual, &q);
	return verdict_of(p, q.best == QUERY_NONE ? &verdict_default_files.rule
	                                          : &p->file_rules[q.best].head.rule);
}

bool decide_file_redirect(const struct rule *rule, const char *path, char *out, size_t size)
{
	const struct head *head = (const struct head *)rule;
	const struct file_rule *r = (const struct file_rule *)rule;
	char joined[PATH_MAX];

	/* The decision first: other rules may not be as large. */
	if (rule->decision != EFFECT_REDIRECT || head->scope != SCOPE_FILE || !r->redirect_to ||
	    r->redirect_to[0] != '/' || strstr(r->redirect_to, "${"))
		return false;
	if ((size_t)snprintf(joined, sizeof joined, "%s/%s", r->redirect_to,
	                     r->preserve_tree ? path : path_base(path)) >= sizeof joined)
		return false;
	return path_clean(joined, out, size) > 0;
}

struct verdict decide_unix(const struct policy *p, enum unix_op op, const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < p->n_unix && (unsigned)op < UNIX_OPS; i++) {
		const struct unix_rule *r = &p->unix_rules[i];

		for (size_t k = 0; k < r->expanded.n && r->ops >> op & 1; k++)
			if (glob_match(&r->globs[k], path, len))
				return verdict_of(p, &r->head.rule);
	}
	return verdict_of(p, &verdict_default_unix.rule);
}
