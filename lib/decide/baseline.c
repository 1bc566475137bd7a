#include "decide/baseline.h"

#include "base/path.h"
#include "decide/impl.h"
#include "decide/process.h"

#include <string.h>

#define KIND(k) (1u << ACCESS_##k)

enum {
	LOOKS = KIND(LIST) | KIND(STAT) | KIND(READLINK),
	READS = LOOKS | KIND(READ),
	USES = READS | KIND(WRITE) | KIND(TRUNCATE)
};

const struct head baseline_rule = {
	.scope = SCOPE_BUILT_IN,
	.rule = { .name = "system-read-baseline",
	          .file = "built-in",
	          .decision = EFFECT_ALLOW,
	          .message = "",
	          .description = "what every program needs and every user may see" },
};

static const char *const system_trees[] = { "/usr", "/lib",  "/lib32", "/lib64", "/libx32",
	                                    "/bin", "/sbin", "/etc",   "/opt" };
static const char *const devices[] = { "/dev/null",    "/dev/zero",   "/dev/full",   "/dev/random",
	                               "/dev/urandom", "/dev/tty",    "/dev/ptmx",   "/dev/pts",
	                               "/dev/stdin",   "/dev/stdout", "/dev/stderr", "/dev/fd" };
static const char shared[] = "/dev/shm";

/* Of a home directory: what shells and git read at start, and programs that were installed there. */
static const char *const home_reads[] = { ".bash_aliases",
	                                  ".bash_login",
	                                  ".bash_logout",
	                                  ".bash_profile",
	                                  ".bashrc",
	                                  ".bun",
	                                  ".cargo/bin",
	                                  ".cargo/env",
	                                  ".deno",
	                                  ".gitconfig",
	                                  ".config/git/config",
	                                  ".config/git/ignore",
	                                  ".inputrc",
	                                  ".local/bin",
	                                  ".local/lib",
	                                  ".nvm",
	                                  ".profile",
	                                  ".pyenv",
	                                  ".rustup",
	                                  ".volta",
	                                  ".config/git/attributes" };

enum { HOME_READS = sizeof home_reads / sizeof *home_reads };

/* `around`: or something below it is. */
static bool is_of_home(const struct policy *p, const char *path, bool around)
{
	const char *rest = p->home && path_within(path, p->home) ? path + strlen(p->home) : NULL;

	if (around && p->home && path_within(p->home, path))
		return true;
	for (size_t i = 0; i < HOME_READS && rest && *rest; i++)
		if (path_within(rest + 1, home_reads[i]) || (around && path_within(home_reads[i], rest + 1)))
			return true;
	return false;
}

static bool is_system(const char *path)
{
	for (size_t i = 0; i < sizeof system_trees / sizeof *system_trees; i++)
		if (path_within(path, system_trees[i]))
			return true;
	return false;
}

static bool is_device(const char *path)
{
	for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
		if (path_within(path, devices[i]))
			return true;
	return false;
}

/* Does all that the pattern matches lie below `dir`? By the fixed part in front of its first wildcard. */
static bool leads_below(const char *pattern, const char *dir)
{
	for (dir += !dir[1]; *dir; dir++, pattern++) {
		if (*pattern && strchr("*?[{", *pattern))
			return false;
		pattern += *pattern == '\\';
		if (*pattern != *dir)
			return false;
	}
	return *pattern == '/';
}

static bool is_on_the_way(const struct policy *p, const char *dir)
{
	for (const struct file_rule *r = p->file_rules; r < p->file_rules + p->n_file; r++) {
		bool permits = policy_mask(r->head.rule.decision) == MASK_PERMITS;

		for (size_t i = 0; permits && i < r->expanded.n; i++)
			if (leads_below(r->expanded.items[i], dir))
				return true;
	}
	return !strcmp(dir, "/") || !strcmp(dir, "/dev");
}

bool baseline_has(const struct policy *p, enum access_kind kind, const char *path)
{
	uint32_t bit = 1u << kind;

	if (path_within(path, shared))
		return path[sizeof shared - 1] || (bit & LOOKS);
	return (bit & READS && (is_system(path) || is_of_home(p, path, false))) ||
	       (bit & USES && is_device(path)) || process_has(kind, path) ||
	       (bit & LOOKS && is_on_the_way(p, path));
}

const struct head baseline_more_rule = {
	.scope = SCOPE_BUILT_IN,
	.rule = { .name = "allow-read-write",
	          .file = "built-in",
	          .decision = EFFECT_ALLOW,
	          .message = "",
	          .description = "in landlock.allow_read or allow_write of the configuration" },
};

enum {
	CHANGES = USES | KIND(CREATE) | KIND(MKDIR) | KIND(SYMLINK) | KIND(LINK) | KIND(DELETE) |
	          KIND(RMDIR) | KIND(RENAME) | KIND(CHMOD) | KIND(TOUCH)
};

/* `around`: or something below it is. */
static bool listed(const char *const *trees, size_t n, const char *path, bool around)
{
	for (size_t i = 0; i < n; i++)
		if (around ? path_within(trees[i], path) : path_within(path, trees[i]))
			return true;
	return false;
}

bool baseline_has_more(const struct access_more *more, enum access_kind kind, const char *path)
{
	uint32_t bit = 1u << kind;

	return more && ((bit & READS && listed(more->read, more->n_read, path, false)) ||
	                (bit & CHANGES && listed(more->write, more->n_write, path, false)));
}

enum tree_answer baseline_more_tree(const struct access_more *more, enum access_kind kind, const char *dir)
{
	uint32_t bit = 1u << kind;

	if (baseline_has_more(more, kind, dir))
		return TREE_ALLOWED;
	return more && ((bit & READS && listed(more->read, more->n_read, dir, true)) ||
	                (bit & CHANGES && listed(more->write, more->n_write, dir, true)))
	               ? TREE_MIXED
	               : TREE_DENIED;
}

bool baseline_needs_facts(enum access_kind kind, const char *path)
{
	return (kind == ACCESS_READ || kind == ACCESS_LIST) && !path_within(path, "/dev") &&
	       process_is_fact(path);
}

enum tree_answer baseline_tree(const struct policy *p, enum access_kind kind, const char *dir)
{
	uint32_t bit = 1u << kind;

	if (path_within(dir, shared))
		return TREE_ALLOWED;
	if (path_within(shared, dir))
		return TREE_MIXED;
	if (bit & READS && is_system(dir))
		return baseline_needs_facts(kind, dir) ? TREE_MIXED : TREE_ALLOWED;
	if (bit & USES && is_device(dir))
		return TREE_ALLOWED;
	if ((bit & READS && is_of_home(p, dir, true)) || process_below(kind, dir))
		return TREE_MIXED;
	return bit & LOOKS && is_on_the_way(p, dir) ? TREE_MIXED : TREE_DENIED;
}

/* All of what the kernel shows. */
static bool is_kernel(const char *pattern)
{
	static const char *const all[] = { "/proc", "/proc/**", "/sys", "/sys/**" };

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		if (!strcmp(pattern, all[i]))
			return true;
	return false;
}

bool baseline_yields(const struct policy *p, const struct rule *rule)
{
	const struct file_rule *r = (const struct file_rule *)(const void *)rule;
	const uint32_t all = (1u << FILE_OPS) - 1;
	size_t kernel = 0;

	if (rule == &verdict_default_files.rule)
		return true;
	if (r < p->file_rules || r >= p->file_rules + p->n_file || rule->decision != EFFECT_DENY ||
	    (r->ops & all) != all)
		return false;
	for (size_t i = 0; i < r->expanded.n; i++) {
		if (!strcmp(r->expanded.items[i], "**") || !strcmp(r->expanded.items[i], "/**"))
			return true;
		kernel += is_kernel(r->expanded.items[i]);
	}
	return r->expanded.n && kernel == r->expanded.n;
}
