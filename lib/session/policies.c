/* Policies as sessions hold them: read from policies.dir, checked for each set of variables, kept once per
 * text. */
#include "session/impl.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/log.h"
#include "base/trusted.h"
#include "config/config.h"
#include "decide/access.h"

#include <bearssl.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	POLICY_MAX = 1 << 20,
	SHOWN = 3,
	VARS = sizeof((struct shared_policy *)0)->vars / sizeof(struct policy_var)
};

static int fail(struct err *e, int code)
{
	if (e)
		e->code = code;
	return -1;
}

static bool is_name(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)name[i]) && name[i] != '_' && name[i] != '-')
			return false;
	return len && len <= 128;
}

/* Whoever can write a policy is above it. */
static int read_policy(const char *path, struct buf *text, uid_t *owner, struct err *e)
{
	struct stat st, after;
	AUTO_FD fd = trusted_open(path, &st, e);

	if (fd < 0)
		return err_in(e, "policy");
	*owner = st.st_uid;
	text->max = POLICY_MAX;
	if (fd_slurp(fd, text, e) < 0)
		return err_in(e, "policy %s", path);
	/* Half of a policy may be a policy, with fewer rules. */
	if (fstat(fd, &after) < 0 || after.st_size != (off_t)text->len ||
	    memcmp(&after.st_mtim, &st.st_mtim, sizeof st.st_mtim) != 0)
		return err_set(e, "policy %s was changed while it was read", path);
	return 0;
}

/* <dir>/<name>.yaml, .yml, or <name>. */
static int find(const char *dir, const char *name, char *path, size_t size, uid_t *owner, struct err *e)
{
	static const char *const ends[] = { ".yaml", ".yml", "" };
	struct stat st = { 0 };

	if (!is_name(name)) {
		err_set(e, "resolve policy: invalid policy name");
		return fail(e, EINVAL);
	}
	*owner = stat(dir, &st) == 0 ? st.st_uid : 0;
	for (int i = 0; i < 3; i++)
		if (snprintf(path, size, "%s/%s%s", dir, name, ends[i]) < (int)size &&
		    access(path, F_OK) == 0)
			return 0;
	err_set(e, "resolve policy: policy \"%s\" not found in \"%s\"", name, dir);
	return fail(e, ENOENT);
}

static void hash_text(const struct buf *text, char out[65])
{
	unsigned char sum[br_sha256_SIZE];
	br_sha256_context c;

	br_sha256_init(&c);
	br_sha256_update(&c, buf_text(text), text->len);
	br_sha256_out(&c, sum);
	for (size_t i = 0; i < sizeof sum; i++)
		snprintf(out + 2 * i, 3, "%02x", sum[i]);
}

/* The manifest lists "<sha256> <file>"; a policy that is not in it, or differs, is refused. */
static int check_manifest(const char *manifest, const char *file, const char *hash, struct err *e)
{
	AUTO_BUF text = { 0 };
	const char *line;
	uid_t owner;

	if (read_policy(manifest, &text, &owner, e) < 0)
		return -1;
	for (line = buf_text(&text); *line; line = strchrnul(line, '\n'), line += *line == '\n') {
		size_t len = strcspn(line, " \t\r\n"), gap = strspn(line + len, " \t*");
		const char *name = line + len + gap;

		if (strcspn(name, "\r\n") != strlen(file) || strncmp(name, file, strlen(file)))
			continue;
		if (len == 64 && !strncasecmp(line, hash, 64))
			return 0;
		return err_set(e, "policy %s is not what %s says (sha256 %s)", file, manifest, hash);
	}
	return err_set(e, "policy %s is not listed in %s", file, manifest);
}

static bool same_vars(const struct shared_policy *p, const struct policy_var *vars)
{
	for (int i = 0; i < VARS; i++) {
		bool end = !vars || !vars[i].name;

		if (end || !p->vars[i].name)
			return end && !p->vars[i].name;
		if (strcmp(p->vars[i].name, vars[i].name) ||
		    strcmp(p->vars[i].value, vars[i].value ? vars[i].value : ""))
			return false;
	}
	return true;
}

static void put_text(struct policy_text *t)
{
	if (!t || --t->refs)
		return;
	policy_free((struct policy *)t->policy);
	fd_close(&t->fd);
	free(t);
}

static void release(struct shared_policy *p)
{
	for (int i = 0; i < VARS; i++) {
		free((char *)p->vars[i].name);
		free((char *)p->vars[i].value);
	}
	put_text(p->text);
	free(p->name);
	free(p->path);
	free(p);
}

static struct policy *compile(const struct shared_policy *p, const struct buf *text, struct err *e)
{
	const char *file = strrchr(p->path, '/') + 1;
	struct policy_options options = { .vars = p->vars, .expand = p->expand, .approvals = p->approvals };
	struct policy_problems problems = { 0 };
	AUTO_BUF words = { .max = sizeof e->text - 1 };
	bool is_variable = false;
	struct policy *policy = policy_load(buf_text(text), text->len, file, &options, &problems);

	for (size_t i = 0; !policy && i < problems.n; i++) {
		if (i < SHOWN)
			buf_fmt(&words, "%s%s:%d:%d: %s", i ? " | " : "", file, problems.items[i].line,
			        problems.items[i].column, problems.items[i].text);
		is_variable |= strstr(problems.items[i].text, "is not set; write ${") != NULL;
	}
	if (!policy && problems.n > SHOWN)
		buf_fmt(&words, " | and %zu more", problems.n - SHOWN);
	policy_problems_release(&problems);
	if (policy)
		return policy;
	err_set(e, "%s: %s", is_variable ? "compile policy: undefined variable" : "load policy",
	        words.len ? buf_text(&words) : "out of memory");
	fail(e, is_variable ? EINVAL : EIO);
	return NULL;
}

static struct shared_policy *make(struct core *core, const char *name, const char *path,
                                  const struct policy_var *vars)
{
	struct shared_policy *p = calloc(1, sizeof *p);
	bool good;

	if (!p)
		return NULL;
	p->name = strdup(name);
	p->path = strdup(path);
	p->expand = vars != NULL;
	p->approvals = core->config->approvals.enabled;
	good = p->name && p->path;
	for (int i = 0; vars && vars[i].name && i < VARS - 1; i++) {
		p->vars[i].name = strdup(vars[i].name);
		p->vars[i].value = strdup(vars[i].value ? vars[i].value : "");
		good = good && p->vars[i].name && p->vars[i].value;
	}
	if (good)
		return p;
	release(p);
	return NULL;
}

/* The same text, of the same file, that is there already; with a descriptor, the one that it stands for. */
static struct policy_text *find_text(const struct core *core, const struct shared_policy *p, int fd)
{
	list_each(n, &core->policies)
	{
		const struct shared_policy *other = list_item(n, struct shared_policy, node);

		if (!strcmp(p->path, other->path) && !strcmp(p->hash, other->hash) &&
		    p->approvals == other->approvals && (fd < 0 || fd == other->text->fd))
			return other->text;
	}
	return NULL;
}

void policies_rest(struct core *core)
{
	if (!core->whole.of)
		return;
	decide_cache_free(core->whole.cache);
	policy_free(core->whole.policy);
	core->whole = (struct whole_policy){ .of = NULL };
}

static void keep_whole(struct core *core, const struct shared_policy *p, struct policy *policy)
{
	policies_rest(core);
	core->whole = (struct whole_policy){ .of = p, .policy = policy };
}

/* Takes the policy, and the descriptor unless it is -1. */
static struct policy_text *keep_text(struct core *core, const struct shared_policy *p, struct policy *policy,
                                     const struct buf *text, int fd, struct err *e)
{
	struct policy_text *t = find_text(core, p, fd);

	if (t) {
		if (CONFIG_FILES || CONFIG_API_HTTP)
			keep_whole(core, p, policy); /* who starts a session needs it next */
		else
			policy_free(policy);
		t->refs++;
		return t;
	}
	t = calloc(1, sizeof *t);
	if (!t)
		err_set(e, "out of memory");
	else if (fd < 0)
		fd = fd_sealed("policy", buf_text(text), text->len, e);
	if (!t || fd < 0) {
		policy_free(policy);
		free(t);
		return NULL;
	}
	policy_drop_places(policy);
	*t = (struct policy_text){ .refs = 1, .policy = policy, .fd = fd };
	return t;
}

/* Compiled for its variables once, so that whatever is wrong with them or it shows now. `fresh`: from its
 * file, not from our memory. */
static struct shared_policy *load(struct core *core, struct shared_policy *p, const struct buf *text,
                                  bool fresh, int fd, struct err *e)
{
	struct policy *policy;

	if (fresh && *core->config->policies.manifest_path &&
	    check_manifest(core->config->policies.manifest_path, strrchr(p->path, '/') + 1, p->hash, e) < 0) {
		fail(e, EIO);
	} else if ((policy = compile(p, text, e))) {
		p->plain = CONFIG_FILES ? decide_plain(policy) : 0;
		p->text = keep_text(core, p, policy, text, fd, e);
		if (p->text) {
			p->policy = p->text->policy;
			p->refs = 1;
			list_append(&core->policies, &p->node);
			return p;
		}
		fail(e, EIO);
	}
	release(p);
	return NULL;
}

struct shared_policy *policies_get(struct core *core, const char *name, const struct policy_var *vars,
                                   struct err *e)
{
	AUTO_BUF text = { 0 };
	struct shared_policy *p;
	char path[4096], hash[65];
	uid_t owner, dir_owner;

	if (find(core->config->policies.dir, name, path, sizeof path, &dir_owner, e) < 0)
		return NULL;
	if (read_policy(path, &text, &owner, e) < 0) {
		fail(e, EIO);
		return NULL;
	}
	hash_text(&text, hash);
	list_each(n, &core->policies)
	{
		p = list_item(n, struct shared_policy, node);
		if (!strcmp(p->path, path) && !strcmp(p->hash, hash) && p->expand == (vars != NULL) &&
		    p->approvals == core->config->approvals.enabled && same_vars(p, vars)) {
			p->refs++;
			return p;
		}
	}
	p = make(core, name, path, vars);
	if (!p) {
		err_set(e, "out of memory");
		return NULL;
	}
	memcpy(p->hash, hash, sizeof hash);
	/* NOLINTNEXTLINE(clang-analyzer-core.uninitialized.Assign): read_policy has said it */
	p->owner = owner;
	p->dir_owner = dir_owner;
	return load(core, p, &text, true, -1, e);
}

static int read_text(const struct shared_policy *p, struct buf *text, struct err *e)
{
	struct stat st;
	ssize_t n;

	/* By position: the descriptor is shared with supervisors. */
	if (fstat(p->text->fd, &st) < 0 || !buf_room(text, (size_t)st.st_size))
		return err_set(e, "out of memory");
	n = pread(p->text->fd, text->data, (size_t)st.st_size, 0);
	if (n != st.st_size)
		return err_set(e, "policy %s cannot be read again", p->name);
	text->len = (size_t)n;
	return 0;
}

struct shared_policy *policies_last(struct core *core, const char *name, const struct policy_var *vars,
                                    struct err *e)
{
	struct shared_policy *last = NULL, *p;
	AUTO_BUF text = { 0 };

	list_each(n, &core->policies)
	{
		p = list_item(n, struct shared_policy, node);
		if (!strcmp(p->name, name))
			last = p;
	}
	if (!last || read_text(last, &text, e) < 0)
		return NULL;
	p = make(core, name, last->path, vars);
	if (!p)
		return NULL;
	memcpy(p->hash, last->hash, sizeof p->hash);
	p->owner = last->owner;
	p->dir_owner = last->dir_owner;
	return load(core, p, &text, false, -1, e);
}

struct shared_policy *policies_take(struct core *core, const struct shared_policy *like, struct err *e)
{
	struct shared_policy *p;
	AUTO_BUF text = { 0 };

	list_each(n, &core->policies)
	{
		p = list_item(n, struct shared_policy, node);
		if (!strcmp(p->path, like->path) && !strcmp(p->hash, like->hash) &&
		    p->expand == like->expand && p->approvals == like->approvals &&
		    p->text->fd == like->text->fd && same_vars(p, like->vars))
			return policies_hold(p);
	}
	p = make(core, like->name, like->path, like->expand ? like->vars : NULL);
	if (!p || !*like->path || !strchr(like->path, '/')) {
		if (p)
			release(p);
		err_set(e, "policy \"%s\" cannot be taken over", like->name);
		return NULL;
	}
	memcpy(p->hash, like->hash, sizeof p->hash);
	p->owner = like->owner;
	p->dir_owner = like->dir_owner;
	p->approvals = like->approvals;
	if (read_text(like, &text, e) < 0) {
		release(p);
		return NULL;
	}
	/* The same number may stand for it in other sessions. */
	return load(core, p, &text, false, like->text->fd, e);
}

const struct policy *policies_whole(struct core *core, struct shared_policy *p, struct err *e)
{
	AUTO_BUF text = { 0 };
	struct policy *policy;

	if (core->whole.of == p)
		return core->whole.policy;
	policy = read_text(p, &text, e) < 0 ? NULL : compile(p, &text, e);
	if (policy)
		keep_whole(core, p, policy);
	return policy;
}

const struct whole_policy *policies_engine(struct core *core, struct shared_policy *p, struct err *e)
{
	if (!policies_whole(core, p, e))
		return NULL;
	if (!core->whole.cache)
		core->whole.cache = decide_cache_new(core->whole.policy);
	if (core->whole.cache)
		return &core->whole;
	err_set(e, "out of memory");
	return NULL;
}

struct shared_policy *policies_hold(struct shared_policy *p)
{
	p->refs++;
	return p;
}

void policies_put(struct core *core, struct shared_policy *p)
{
	if (!p || --p->refs)
		return;
	if (core->whole.of == p)
		policies_rest(core);
	list_remove(&p->node);
	release(p);
}
