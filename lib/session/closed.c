#include "session/closed.h"

#include "base/path.h"
#include "config/config.h"
#include "enforce/exec/plan.h"
#include "session/connected.h"
#include "session/granted.h"
#include "session/judged.h"
#include "sys/caps.h"
#include "sys/landlock.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What the configuration names: a path by its place in the struct. `ours`: when it lies in a directory called
 * "agentsh", all of that is closed. */
static const struct {
	unsigned short at;
	bool secret, ours;
} named[] = {
	{ offsetof(struct config, path), false, true },
	{ offsetof(struct config, policies.dir), false, false },
	{ offsetof(struct config, policies.manifest_path), false, false },
	{ offsetof(struct config, auth.api_key.keys_file), true, false },
	{ offsetof(struct config, audit.integrity.key_file), true, false },
	{ offsetof(struct config, server.tls.key_file), true, false },
	{ offsetof(struct config, audit.output), true, true },
	{ offsetof(struct config, sessions.base_dir), true, false },
	{ offsetof(struct config, logging.output), false, true },
};

static const char *const fixed[] = { "/bin/bash",      "/bin/bash.real", "/bin/sh",         "/bin/sh.real",
	                             "/proc/self/exe", "/run/agentsh",   "/var/lib/agentsh" };

/* Of others' directories (/etc, the home directory, one that holds the workspace) only the file can be
 * closed.
 */
static char *own_dir(const struct session *s, const char *path)
{
	static const char name[] = "/agentsh/";
	const char *slash = strrchr(path, '/');
	char *dir;

	if (!slash || slash - path < (ptrdiff_t)sizeof name - 2 ||
	    strncmp(slash + 2 - sizeof name, name, sizeof name - 1) != 0)
		return NULL;
	dir = strndup(path, (size_t)(slash - path));
	if (dir && !path_within(s->workspace, dir) && !(s->home && path_within(s->home, dir)))
		return dir;
	free(dir);
	return NULL;
}

static void startup_file(struct floor_options *o, struct floor_item *items, const char *name,
                         const char *value)
{
	if (o->n < FLOOR_CLOSED && (!strcmp(name, "BASH_ENV") || !strcmp(name, "ENV")))
		items[o->n++].path = value;
}

/* What the operator has a shell read before its first command. */
static void startup_files(const struct session *s, struct floor_options *o, struct floor_item *items)
{
	const struct config_map *config = &s->core->config->sandbox.env_inject;
	size_t n = 0;
	const struct policy_pair *own = s->policy ? policy_env_inject(s->policy->policy, &n) : NULL;

	for (size_t i = 0; i < config->n; i++)
		startup_file(o, items, config->items[i].name, config->items[i].value);
	for (size_t i = 0; i < n; i++)
		startup_file(o, items, own[i].name, own[i].value);
}

/* With what file rules close. */
static int make_floor(const struct session *s, struct floor *f, const struct floor_options *o, struct err *e)
{
	struct granted g = { .rules = { .policy = NULL } };
	struct floor_options with = *o;
	int rc = granted_make(&g, s, e);

	with.rules = &g.rules;
	if (rc == 0)
		rc = floor_make(f, &with, e);
	granted_release(&g);
	return rc;
}

/* What the operator closes beside: landlock.deny_paths. */
static void denied_paths(const struct config *c, struct floor_options *o, struct floor_item *items)
{
	for (size_t i = 0; c->landlock.enabled && i < c->landlock.deny_paths.n && o->n < FLOOR_CLOSED; i++)
		items[o->n++] = (struct floor_item){ c->landlock.deny_paths.items[i], true };
}

enum { DIRS = sizeof named / sizeof *named };

/* All of it; `dirs` are to be freed. */
static void list(const struct session *s, struct floor_options *o, struct floor_item *items, char *dirs[DIRS])
{
	const struct config *c = s->core->config;

	for (size_t i = 0; i < DIRS; i++) {
		const char *path = *(const char *const *)((const char *)c + named[i].at);

		dirs[i] = named[i].ours ? own_dir(s, path) : NULL;
		items[o->n++] = (struct floor_item){ dirs[i] ? dirs[i] : path, named[i].secret };
	}
	for (size_t i = 0; i < sizeof fixed / sizeof *fixed; i++)
		items[o->n++].path = fixed[i];
	items[o->n++].path = s->core->place;
	startup_files(s, o, items);
	if (CONFIG_FILES && judged_here(s))
		denied_paths(c, o, items);
}

static void free_dirs(char *dirs[DIRS])
{
	for (size_t i = 0; i < DIRS; i++)
		free(dirs[i]);
}

/* Where sessions make files. */
#define OPEN(s)                                                                              \
	{                                                                                    \
		"/tmp", "/var/tmp", "/dev/shm", (s)->workspace, (s)->project_root, (s)->home \
	}

static bool is_open(const struct session *s, const char *path)
{
	const char *open[] = OPEN(s);
	char *real = realpath(path, NULL);
	bool is = false;

	for (size_t i = 0; real && i < sizeof open / sizeof *open; i++)
		is |= open[i] && path_within(real, open[i]);
	free(real);
	return is;
}

struct asking {
	const struct session *session;
	bool found;
};

static void see_secret(void *arg, const struct floor_item *item)
{
	struct asking *a = arg;

	a->found |= item->secret && item->path && *item->path == '/' && is_open(a->session, item->path);
}

bool closed_by_asking(const struct session *s)
{
	struct asking a = { .session = s };
	const struct config *c = s->core->config;

	if (!CONFIG_CLOSED_FILES || s->core->found->landlock < LANDLOCK_ENOUGH ||
	    (c->landlock.enabled && c->landlock.deny_paths.n))
		return true;
	closed_each(s, see_secret, &a);
	return a.found;
}

int closed_make(const struct session *s, struct floor *f, struct err *e)
{
	const char *open[] = OPEN(s);
	struct floor_item items[FLOOR_CLOSED] = { 0 };
	struct floor_options o = { .items = items,
		                   .open = open,
		                   .n_open = sizeof open / sizeof *open,
		                   .uid = s->uid,
		                   .signals = plan_scopes_signals(s->core->found) };
	char *dirs[DIRS] = { 0 };
	uint16_t ports[CONNECTED_PORTS];
	int rc, n;

	if (!CONFIG_CLOSED_FILES)
		return floor_make(f, &o, e);
	list(s, &o, items, dirs);
	if (CONFIG_LAYER_NET) {
		o.ports = (n = connected_ports(s, ports)) >= 0;
		o.connect_ports = ports;
		o.n_connect_ports = n > 0 ? (size_t)n : 0;
	}
	rc = CONFIG_FILES && judged_here(s) ? make_floor(s, f, &o, e) : floor_make(f, &o, e);
	free_dirs(dirs);
	return rc;
}

void closed_each(const struct session *s, void (*each)(void *arg, const struct floor_item *item), void *arg)
{
	struct floor_item items[FLOOR_CLOSED] = { 0 };
	struct floor_options o = { .items = items };
	char *dirs[DIRS] = { 0 };

	if (!CONFIG_CLOSED_FILES)
		return;
	list(s, &o, items, dirs);
	for (size_t i = 0; i < o.n; i++)
		each(arg, &items[i]);
	free_dirs(dirs);
}

uint64_t closed_caps(const struct config *c)
{
	static const unsigned char never[] = { 2, 16, 17, 19, 21, 22, 32, 33, 38, 39, 40 };
	uint64_t keep = 0;

	for (size_t i = 0; CONFIG_ROOT_CAPABILITIES && i < c->capabilities.allow.n; i++)
		keep |= caps_bit(c->capabilities.allow.items[i]);
	for (size_t i = 0; i < sizeof never; i++)
		keep &= ~(1ULL << never[i]);
	return keep;
}
