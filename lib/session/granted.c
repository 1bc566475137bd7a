#include "session/granted.h"

#include "base/fd.h"
#include "base/num.h"
#include "base/path.h"
#include "config/config.h"
#include "decide/decide.h"
#include "enforce/exec/filter.h"
#include "session/judged.h"
#include "session/kept.h"
#include "session/mounter.h"
#include "session/views.h"
#include "sys/landlock.h"
#include "sys/proc.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <stdlib.h>
#include <string.h>

enum { PROGRAMS = 256 };

struct programs {
	const struct policy *policy;
	struct arena *arena;
	const char **items;
	size_t n;
};

static void put(struct programs *p, const char *path)
{
	if (path && *path && p->n < PROGRAMS)
		p->items[p->n++] = path;
}

/* The directory of a program that a rule names by its path, unless it restricts it. */
static void put_named(void *arg, const char *path)
{
	struct programs *p = arg;
	const char *slash = strrchr(path, '/');

	if (slash && slash != path && !(decide_named(p->policy, path) & NAMED_BY_RULE))
		put(p, arena_copy(p->arena, path, (size_t)(slash - path)));
}

size_t granted_programs(const struct session *s, struct arena *a, const char *const **items)
{
	static const char *const own[] = { "/proc/self/exe", "/bin/bash", "/bin/sh", "/bin/bash.real",
		                           "/bin/sh.real" };
	const struct config *c = s->core->config;
	const struct config_list *list = &c->landlock.allow_execute;
	struct programs p = { .policy = s->policy->policy, .arena = a };

	if (!c->landlock.enabled || !list->n || !(p.items = arena_array(a, PROGRAMS, sizeof *p.items)))
		return 0;
	for (size_t i = 0; i < sizeof own / sizeof *own; i++)
		put(&p, own[i]);
	put(&p, s->workspace);
	put(&p, s->project_root);
	for (size_t i = 0; i < list->n; i++)
		put(&p, list->items[i]);
	decide_named_paths(p.policy, put_named, &p);
	*items = p.items;
	return p.n;
}

static void find_ports(struct granted *g, const struct config *c)
{
	const struct config_list *list = &c->landlock.bind_ports;
	uint16_t *ports = arena_array(&g->arena, list->n + 1, sizeof *ports);
	uint64_t port;

	g->rules.ports = (c->landlock.network.allow_bind_tcp ? 0 : LANDLOCK_BIND) |
	                 (c->landlock.network.allow_connect_tcp ? 0 : LANDLOCK_CONNECT);
	for (size_t i = 0; ports && i < list->n; i++)
		if (num_u64(list->items[i], 0, UINT16_MAX, &port))
			ports[g->rules.n_bind_ports++] = (uint16_t)port;
	g->rules.bind_ports = ports;
}

/* Where deleted files are kept. */
static void find_store(struct granted *g, const struct session *s)
{
	char path[PATH_MAX];
	const char **stores = arena_array(&g->arena, 1, sizeof *stores);

	if (!stores || !path_join(s->workspace, kept_path(s), path, sizeof path))
		return;
	*stores = arena_str(&g->arena, path);
	g->rules.stores = stores;
	g->rules.n_stores = *stores != NULL;
}

/* Of the operator's own list: links are meant. */
static const char *const *real_paths(struct arena *a, const struct config_list *list, size_t *n)
{
	const char **items = arena_array(a, list->n + 1, sizeof *items);

	for (size_t i = 0; items && i < list->n; i++) {
		char *real = realpath(list->items[i], NULL);

		if (real && (items[*n] = arena_str(a, real)))
			++*n;
		free(real);
	}
	return items;
}

void granted_more(const struct session *s, struct arena *a, struct floor_rules *out)
{
	const struct config *c = s->core->config;

	if (!c->landlock.enabled)
		return;
	out->read = real_paths(a, &c->landlock.allow_read, &out->n_read);
	out->write = real_paths(a, &c->landlock.allow_write, &out->n_write);
}

/* Where it has a view, unless calls are judged, too: then both hold. What is there now must be the view:
 * nobody but the server, who waits for this, takes it away. */
static const char *shown(const struct session *s)
{
	const char *view = judged_calls(s) ? NULL : views_path(s);
	AUTO_FD fd = view ? proc_openat2(AT_FDCWD, view, O_PATH | O_DIRECTORY, RESOLVE_NO_SYMLINKS) : -1;

	return fd >= 0 && mounter_is_view(fd) ? view : NULL;
}

int granted_make(struct granted *g, const struct session *s, struct err *e)
{
	const struct config *c = s->core->config;
	const struct policy *policy = policies_whole(s->core, s->policy, e);

	if (!policy)
		return -1;
	g->rules = (struct floor_rules){ .policy = policy,
		                         .workspace = s->workspace,
		                         .sockets = (judged_calls(s) & FILTER_NAMES) != 0,
		                         .judged = judged_calls(s) != 0,
		                         .roomy = !judged_calls(s) && !c->sandbox.seccomp.file_monitor.set,
		                         .baseline = c->sandbox.seccomp.file_monitor.baseline };
	if (CONFIG_LAYER_FUSE)
		g->rules.shown = shown(s);
	find_store(g, s);
	if (c->landlock.enabled) {
		g->rules.n_execute = granted_programs(s, &g->arena, &g->rules.execute);
		find_ports(g, c);
		granted_more(s, &g->arena, &g->rules);
		g->rules.abstract = true;
	}
	return g->arena.failed ? err_set(e, "out of memory") : 0;
}

void granted_release(struct granted *g)
{
	arena_release(&g->arena);
}
