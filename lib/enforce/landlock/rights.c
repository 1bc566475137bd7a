#include "enforce/landlock/rights.h"

#include "base/path.h"
#include "decide/access.h"
#include "enforce/landlock/links.h"
#include "sys/landlock.h"

#include <dirent.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define KIND(k) (1u << ACCESS_##k)

enum {
	FEW = 64,     /* siblings that are granted one by one because some of them are closed */
	RULES = 192,  /* of such, in all */
	LOOKS = 8192, /* files that are looked at to see whether everybody may read them */
	DEPTH = 32,
	GROUPS = 64
};

struct rights {
	const struct floor_rules *rules;
	struct access_more more;
	struct decide_trees *trees;
	struct decide_cache *cache;
	uid_t uid;
	gid_t groups[GROUPS];
	int n_groups;
	uint32_t plain; /* kinds that no rule restricts */
	bool virtual;   /* some rule speaks of /workspace, which is somewhere else */
	size_t rules_left, looks_left;
	uint32_t inexact;
};

/* What must be allowed for a right to be granted. A file that was renamed was removed here and made there. */
static const struct right {
	uint64_t bit;
	uint32_t part;
	uint32_t kinds;
} rights_table[] = {
	{ LANDLOCK_READ, FLOOR_READ, KIND(READ) },
	{ LANDLOCK_WRITE & ~LANDLOCK_TRUNCATE, FLOOR_WRITE, KIND(WRITE) },
	{ LANDLOCK_TRUNCATE, FLOOR_WRITE, KIND(WRITE) | KIND(TRUNCATE) },
	{ LANDLOCK_MAKE_FILE, FLOOR_WRITE, KIND(CREATE) | KIND(LINK) },
	{ LANDLOCK_MAKE_DIR, FLOOR_WRITE, KIND(MKDIR) },
	{ LANDLOCK_MAKE_LINK, FLOOR_WRITE, KIND(SYMLINK) },
	{ LANDLOCK_MOVE, FLOOR_WRITE, KIND(CREATE) | KIND(LINK) | KIND(RENAME) },
	{ LANDLOCK_REMOVE_FILE, FLOOR_REMOVE, KIND(DELETE) | KIND(RENAME) },
	{ LANDLOCK_REMOVE_DIR, FLOOR_REMOVE, KIND(RMDIR) | KIND(RENAME) },
};

static void speaks_of_it(void *arg, const char *name, bool tree)
{
	(void)tree;
	*(bool *)arg |= path_within(name, "/workspace");
}

struct rights *rights_new(const struct floor_rules *r, uid_t uid, struct err *e)
{
	struct rights *f = calloc(1, sizeof *f);
	const struct passwd *pw = getpwuid(uid);

	if (!f || !(f->trees = decide_trees_new(r->policy)) || !(f->cache = decide_cache_new(r->policy))) {
		rights_free(f);
		err_set(e, "out of memory");
		return NULL;
	}
	f->rules = r;
	f->plain = decide_plain(r->policy);
	f->more = (struct access_more){ r->read, r->write, r->n_read, r->n_write };
	f->uid = uid;
	f->n_groups = GROUPS;
	if (!pw || getgrouplist(pw->pw_name, pw->pw_gid, f->groups, &f->n_groups) < 0)
		f->n_groups = 0;
	f->rules_left = RULES;
	f->looks_left = LOOKS;
	if (r->workspace && strcmp(r->workspace, "/workspace") != 0)
		decide_permitted_names(r->policy, speaks_of_it, &f->virtual);
	return f;
}

void rights_free(struct rights *f)
{
	if (!f)
		return;
	decide_trees_free(f->trees);
	decide_cache_free(f->cache);
	free(f);
}

uint32_t rights_inexact(const struct rights *f)
{
	return f->inexact;
}

/* The /workspace/… spelling, or NULL. */
static const char *virtual_of(const struct rights *f, const char *path, char out[PATH_MAX])
{
	const char *root = f->rules->workspace;

	if (!root || !root[1] || !path_within(path, root) ||
	    snprintf(out, PATH_MAX, "/workspace%s", path + strlen(root)) >= PATH_MAX)
		return NULL;
	return out;
}

static bool allows(const struct rights *f, enum access_kind kind, const char *path, const char *alias,
                   bool readable)
{
	char virtual[PATH_MAX];
	const struct access_request r = { .kind = kind,
		                          .path = path,
		                          .alias = &alias,
		                          .n_alias = alias != NULL,
		                          .virtual = virtual_of(f, path, virtual),
		                          .baseline = f->rules->baseline,
		                          .world_readable = readable,
		                          .more = &f->more };
	struct verdict v = decide_access(f->rules->policy, f->cache, &r);

	return v.decision == EFFECT_ALLOW || v.decision == EFFECT_AUDIT;
}

static bool in_store(const struct rights *f, const char *path, bool around)
{
	for (size_t i = 0; i < f->rules->n_stores; i++)
		if (around ? path_within(f->rules->stores[i], path) : path_within(path, f->rules->stores[i]))
			return true;
	return false;
}

/* One answer for a right that takes several: all must be allowed. */
static enum tree_answer combine(const enum tree_answer *answers, uint32_t kinds)
{
	enum tree_answer all = TREE_ALLOWED;

	for (int k = 0; k < ACCESS_KINDS; k++)
		if (kinds >> k & 1 && all != TREE_DENIED && answers[k] != TREE_ALLOWED)
			all = answers[k];
	return all;
}

/* ---- trees in which it depends on the files ---- */

static size_t count_entries(const char *path, size_t max)
{
	DIR *dir = opendir(path);
	size_t n = 0;

	while (dir && n <= max && readdir(dir))
		n++;
	if (dir)
		closedir(dir);
	return n;
}

/* Permissions let this user read it. */
static bool may_read(const struct rights *f, const struct stat *st)
{
	bool in_group = false;

	if (!f->uid || st->st_uid == f->uid || st->st_mode & S_IROTH)
		return true;
	for (int i = 0; i < f->n_groups; i++)
		in_group |= f->groups[i] == st->st_gid;
	return in_group && st->st_mode & S_IRGRP;
}

/* Is every file in it one that may be read, or cannot be read by this user anyway? */
static bool all_readable(struct rights *f, const char *path, int depth)
{
	DIR *dir = depth < DEPTH ? opendir(path) : NULL;
	const struct dirent *entry;
	char name[PATH_MAX];
	struct stat st;
	bool all = dir != NULL;

	while (all && (entry = readdir(dir))) {
		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") || entry->d_type == DT_LNK)
			continue;
		if (!f->looks_left || snprintf(name, sizeof name, "%s/%s", path, entry->d_name) >= PATH_MAX ||
		    lstat(name, &st) < 0)
			all = false;
		else if (S_ISDIR(st.st_mode))
			all = all_readable(f, name, depth + 1);
		else if (!allows(f, ACCESS_READ, name, NULL, st.st_mode & S_IROTH))
			all = !may_read(f, &st) && allows(f, ACCESS_READ, name, NULL, true);
		f->looks_left -= f->looks_left > 0;
	}
	if (dir)
		closedir(dir);
	return all;
}

static bool take(struct rights *f, size_t rules)
{
	bool can = rules <= f->rules_left;

	f->rules_left -= can ? rules : 0;
	return can;
}

/* Where entries differ: is it worth to grant them one by one? */
static void split_mixed(struct rights *f, const char *dir, const struct right *r, enum tree_answer most,
                        struct rights_split *out)
{
	bool must = f->virtual && path_within(f->rules->workspace, dir);
	size_t max = f->uid ? FEW : RULES; /* from root nothing is kept by permissions */

	/* Nobody but the kernel can start a program that is made there later, for which it is read. */
	if (most == TREE_ALLOWED && r->bit == LANDLOCK_READ && f->rules->judged) {
		out->all |= r->bit;
		f->inexact |= r->part;
		return;
	}
	if (most == TREE_MIXED && all_readable(f, dir, 0))
		out->all |= r->bit;
	else if (most == TREE_DENIED || must ||
	         (count_entries(dir, max) <= max && take(f, count_entries(dir, max))))
		out->enter |= r->bit;
	else {
		out->all |= r->bit;
		f->inexact |= r->part;
	}
}

static void split_right(struct rights *f, const char *dir, const struct right *r,
                        const struct tree_answers *a, struct rights_split *out)
{
	enum tree_answer is = combine(a->is, r->kinds), rest = combine(a->rest, r->kinds);

	if (!(r->kinds & ~f->plain)) {
		out->all |= r->bit;
		return;
	}
	/* Landlock cannot grant what comes later, nor keep what is deleted: no work could be done there. */
	if (f->rules->roomy && a->most[ACCESS_CREATE] == TREE_ALLOWED) {
		out->all |= r->bit;
		f->inexact |= is == TREE_ALLOWED ? 0 : r->part;
		return;
	}
	if (f->virtual && path_within(f->rules->workspace, dir) && strcmp(f->rules->workspace, dir) != 0)
		is = rest = TREE_MIXED;
	if (is == TREE_DENIED || rest == TREE_DENIED)
		return;
	/* A few facts among thousands of files: they are read on the session's behalf. */
	if (is == TREE_MIXED && path_within(dir, "/sys")) {
		f->inexact |= r->part;
		return;
	}
	/* Processes come and go, each with files of its own: what is meant cannot be listed. */
	if (rest == TREE_MIXED && strcmp(dir, "/proc") != 0) {
		split_mixed(f, dir, r, combine(a->most, r->kinds), out);
		return;
	}
	out->all |= r->bit;
	if (is == TREE_MIXED)
		f->inexact |= r->part;
}

static bool is_shown(const struct rights *f, const char *path)
{
	return f->rules->shown && path_within(path, f->rules->shown);
}

void rights_split(struct rights *f, const char *dir, uint64_t rights, struct rights_split *out)
{
	char virtual[PATH_MAX];
	const struct tree_request r = { .dir = dir,
		                        .virtual = virtual_of(f, dir, virtual),
		                        .baseline = f->rules->baseline,
		                        .more = &f->more };
	struct tree_answers a;

	*out = (struct rights_split){ is_shown(f, dir) ? rights : 0, 0 };
	if (out->all || in_store(f, dir, false))
		return;
	rights &= ~(f->rules->sockets ? LANDLOCK_MAKE_SOCKET : 0);
	decide_trees_ask(f->trees, &r, &a);
	for (size_t i = 0; i < sizeof rights_table / sizeof *rights_table; i++)
		if (rights & rights_table[i].bit)
			split_right(f, dir, rights_table + i, &a, out);
	out->all &= rights;
	out->enter &= rights;
	for (size_t i = 0; i < sizeof rights_table / sizeof *rights_table; i++)
		if (out->all & rights_table[i].bit && rights_table[i].kinds & ~f->plain &&
		    in_store(f, dir, true))
			f->inexact |= rights_table[i].part;
}

static uint64_t object_rights(const struct rights *f, const char *path, const char *alias,
                              const struct stat *st, uint64_t rights)
{
	uint64_t found = 0;

	for (size_t i = 0; i < sizeof rights_table / sizeof *rights_table; i++) {
		const struct right *r = rights_table + i;
		bool all = r->bit & rights & (LANDLOCK_READ | LANDLOCK_WRITE);

		for (int k = 0; k < ACCESS_KINDS && all; k++)
			all = !(r->kinds >> k & 1) ||
			      allows(f, (enum access_kind)k, path, alias, st->st_mode & S_IROTH);
		found |= all ? r->bit : 0;
	}
	return found & rights;
}

uint64_t rights_object(struct rights *f, const char *path, const struct stat *st, uint64_t rights)
{
	if (is_shown(f, path))
		return rights;
	return in_store(f, path, false) ? 0 : object_rights(f, path, NULL, st, rights);
}

/* ---- names that are links ---- */

struct naming {
	struct rights *files;
	rights_fn *each;
	void *arg;
};

/* A session that may make or move names there decides itself where a link leads. */
static bool is_settled(void *arg, const char *name)
{
	const struct rights *f = arg;

	return f->uid || (!allows(f, ACCESS_RENAME, name, NULL, false) &&
	                  !allows(f, ACCESS_SYMLINK, name, NULL, false));
}

/* What the policy gives to a tree under the name of a link, and not under its own. */
static uint64_t tree_rights(struct rights *f, const char *name, const char *real)
{
	struct tree_answers by_name, own;
	uint64_t rights = 0;

	decide_trees_ask(f->trees, &(struct tree_request){ .dir = name, .baseline = f->rules->baseline },
	                 &by_name);
	decide_trees_ask(f->trees, &(struct tree_request){ .dir = real, .baseline = f->rules->baseline },
	                 &own);
	for (size_t i = 0; i < 3; i++) {
		const struct right *r = rights_table + i;

		if (combine(by_name.rest, r->kinds) != TREE_ALLOWED ||
		    combine(own.most, r->kinds) == TREE_ALLOWED)
			continue;
		rights |= r->bit;
		f->inexact |= r->part;
	}
	return rights;
}

static void see_name(void *arg, const char *name, bool tree)
{
	struct naming *n = arg;
	char real[PATH_MAX];
	struct stat st;

	switch (links_follow(name, is_settled, n->files, real)) {
	case LINKS_ELSEWHERE:
		if (lstat(real, &st) < 0 || in_store(n->files, real, false))
			return;
		if (tree && S_ISDIR(st.st_mode))
			n->each(n->arg, real, tree_rights(n->files, name, real));
		else if (!S_ISDIR(st.st_mode))
			n->each(n->arg, real,
			        object_rights(n->files, real, name, &st, LANDLOCK_READ | LANDLOCK_WRITE));
		break;
	case LINKS_MISSING:
		n->each(n->arg, real, 0);
		break;
	default:
		break;
	}
}

void rights_links(struct rights *f, rights_fn *each, void *arg)
{
	struct naming n = { f, each, arg };
	DIR *dir = f->rules->baseline ? opendir("/etc") : NULL;
	const struct dirent *entry;
	char name[NAME_MAX + 8];

	decide_permitted_names(f->rules->policy, see_name, &n);
	while (dir && (entry = readdir(dir)))
		if (entry->d_type == DT_LNK) {
			snprintf(name, sizeof name, "/etc/%s", entry->d_name);
			see_name(&n, name, false);
		}
	if (dir)
		closedir(dir);
}
