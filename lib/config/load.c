#include "config/impl.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/trusted.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_LEN = 256, NAMES = 64 };

static void add_problem(struct config_problems *p, enum config_severity severity, const int at[2],
                        const char *text)
{
	if (p->n == p->cap) {
		size_t cap = p->cap ? p->cap * 2 : 16;
		struct config_problem *bigger = arena_array(&p->arena, cap, sizeof *bigger);

		if (bigger && p->n)
			memcpy(bigger, p->items, p->n * sizeof *bigger);
		if (bigger) {
			p->items = bigger;
			p->cap = cap;
		}
	}
	if (severity == CONFIG_ERROR)
		p->n_errors++;
	if (p->n < p->cap)
		p->items[p->n++] = (struct config_problem){ .severity = severity,
			                                    .line = at[0],
			                                    .column = at[1],
			                                    .text = text ? text : "out of memory" };
}

void config_report(struct load *l, enum config_severity severity, const struct yaml_node *at, const char *fmt,
                   ...)
{
	char text[600];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	add_problem(l->out, severity, (int[]){ at ? at->line : 0, at ? at->column : 0 },
	            arena_str(&l->out->arena, text));
}

static void yaml_says(void *to, int line, int column, const char *text)
{
	struct load *l = to;

	add_problem(l->out, CONFIG_ERROR, (int[]){ line, column }, arena_str(&l->out->arena, text));
}

const struct key *config_key(const char *path)
{
	for (size_t i = 0; i < config_n_keys; i++)
		if (!strcmp(config_keys[i].path, path))
			return &config_keys[i];
	return NULL;
}

/* The row that covers `path`: its own, or that of an ignored section above it. */
static const struct key *find(const char *path)
{
	for (size_t i = 0; i < config_n_keys; i++) {
		const struct key *k = &config_keys[i];
		size_t len = strlen(k->path);

		if (!strncmp(k->path, path, len) &&
		    (!path[len] || (path[len] == '.' && k->type == KEY_IGNORED)))
			return k;
	}
	return NULL;
}

static bool is_section(const char *path)
{
	size_t len = strlen(path);

	for (size_t i = 0; i < config_n_keys; i++)
		if (!strncmp(config_keys[i].path, path, len) && config_keys[i].path[len] == '.')
			return true;
	return false;
}

/* `path` with an alias replaced, in `out`. The alias, or NULL when there was none to replace. */
static const struct alias *unalias(const char *path, char *out, size_t size)
{
	for (const struct alias *a = config_aliases; a->from; a++) {
		size_t len = strlen(a->from);

		if (!strncmp(path, a->from, len) && (!path[len] || path[len] == '.')) {
			snprintf(out, size, "%s%s", a->to, path + len);
			return a;
		}
	}
	snprintf(out, size, "%s", path);
	return NULL;
}

/* A known key of the same section that looks like this one, else a key of the same name elsewhere. */
static void unknown(struct load *l, const char *section, const struct yaml_node *key)
{
	char names[NAMES][48];
	const char *list[NAMES + 1] = { NULL }, *near;
	size_t n = 0, len = strlen(section), word = strlen(key->text);

	for (size_t i = 0; i < config_n_keys && n < NAMES; i++) {
		const char *rest = config_keys[i].path + len + (len ? 1 : 0);

		if (len && (strncmp(config_keys[i].path, section, len) || config_keys[i].path[len] != '.'))
			continue;
		snprintf(names[n], sizeof *names, "%.*s", (int)strcspn(rest, "."), rest);
		if (!n || strcmp(names[n], names[n - 1]))
			list[n] = names[n], n++;
	}
	list[n] = NULL;
	near = yaml_nearest(key->text, list);
	for (size_t i = 0; !near && i < config_n_keys; i++) {
		size_t whole = strlen(config_keys[i].path);

		if (whole > word && config_keys[i].path[whole - word - 1] == '.' &&
		    !strcmp(config_keys[i].path + whole - word, key->text)) {
			config_report(l, CONFIG_WARNING, key,
			              "unknown key \"%s%s%s\" is ignored; there is \"%s\"", section,
			              len ? "." : "", key->text, config_keys[i].path);
			return;
		}
	}
	config_report(l, CONFIG_WARNING, key, "unknown key \"%s%s%s\" is ignored%s%s%s", section,
	              len ? "." : "", key->text, near ? "; did you mean \"" : "", near ? near : "",
	              near ? "\"?" : "");
}

static void leaf(struct load *l, const struct key *k, const struct yaml_node *at)
{
	int *seen = &l->seen[k - config_keys];

	if (k->type == KEY_IGNORED) {
		if (k->more && !*seen)
			config_report(l, CONFIG_NOTE, at, "\"%s\" %s", k->path, k->more);
		*seen = at->line;
		return;
	}
	if (*seen > 0) {
		config_report(l, CONFIG_ERROR, at, "\"%s\" is given twice, first in line %d", k->path, *seen);
		return;
	}
	if (at->value->kind == YAML_NULL)
		return; /* as if it were not there */
	*seen = at->line;
	config_set(l, k, at->value);
}

static void walk(struct load *l, const char *section, const char *aliased_from, const struct yaml_node *map);

static void one_key(struct load *l, const char *section, const char *aliased_from,
                    const struct yaml_node *key)
{
	char path[PATH_LEN], real[PATH_LEN];
	const struct alias *alias = NULL;
	const struct key *k;

	if (snprintf(path, sizeof path, "%s%s%s", section, *section ? "." : "", key->text) >= PATH_LEN ||
	    strchr(key->text, '.')) {
		config_report(l, CONFIG_WARNING, key, "unknown key \"%.100s\" is ignored", key->text);
		return;
	}
	alias = unalias(path, real, sizeof real);
	if (alias && !aliased_from)
		config_report(l, CONFIG_WARNING, key, "\"%s\" is taken as \"%s\"; write it so", path, real);
	k = find(real);
	if (k)
		leaf(l, k, key);
	else if (!is_section(real))
		unknown(l, section, key);
	else if (key->value->kind == YAML_MAP)
		walk(l, real, alias ? alias->from : aliased_from, key->value);
	else if (key->value->kind != YAML_NULL)
		config_report(l, CONFIG_ERROR, key->value, "\"%s\" must be a mapping of keys", path);
}

static void walk(struct load *l, const char *section, const char *aliased_from, const struct yaml_node *map)
{
	for (const struct yaml_node *key = yaml_first(map); key; key = key->next)
		one_key(l, section, aliased_from, key);
}

static void standards(struct load *l)
{
	for (size_t i = 0; i < config_n_keys; i++)
		if (config_keys[i].type != KEY_IGNORED)
			config_set_text(l, &config_keys[i], config_keys[i].standard, "default");
}

static const struct {
	const char *name, *key;
} variables[] = {
	{ "AGENTSH_HTTP_ADDR", "server.http.addr" }, { "AGENTSH_GRPC_ADDR", "server.grpc.addr" },
	{ "AGENTSH_LOG_LEVEL", "logging.level" },    { "AGENTSH_PROXY_MODE", "proxy.mode" },
	{ "AGENTSH_PROXY_PORT", "proxy.port" },      { "AGENTSH_DLP_MODE", "dlp.mode" },
};

static void environment(struct load *l)
{
	const char *data = l->env("AGENTSH_DATA_DIR"), *policy = l->env("AGENTSH_POLICY_NAME");
	char path[4096];

	for (size_t i = 0; i < sizeof variables / sizeof *variables; i++) {
		const char *value = l->env(variables[i].name);

		if (value && *value)
			config_set_text(l, config_key(variables[i].key), value, variables[i].name);
	}
	if (data && *data) {
		snprintf(path, sizeof path, "%s/sessions", data);
		config_set_text(l, config_key("sessions.base_dir"), path, "AGENTSH_DATA_DIR");
		snprintf(path, sizeof path, "%s/events.db", data);
		config_set_text(l, config_key("audit.storage.sqlite_path"), path, "AGENTSH_DATA_DIR");
	}
	/* Only a policy that the configuration lists may be chosen from outside. */
	if (policy && *policy && strcmp(policy, l->config->policies.standard)) {
		bool listed = false;

		for (size_t i = 0; i < l->config->policies.allowed.n; i++)
			listed |= !strcmp(l->config->policies.allowed.items[i], policy);
		if (listed)
			config_set_text(l, config_key("policies.default"), policy, "AGENTSH_POLICY_NAME");
		else
			config_report(
			        l, CONFIG_WARNING, NULL,
			        "AGENTSH_POLICY_NAME=\"%.100s\" is ignored: it is not in policies.allowed",
			        policy);
	}
}

static int by_line(const void *a, const void *b)
{
	const struct config_problem *x = a, *y = b;

	return x->line != y->line ? x->line - y->line : x->column - y->column;
}

struct config *config_parse(const char *text, size_t len, const char *path, enum config_place place,
                            config_env_fn *env, struct config_problems *out)
{
	struct config *c = calloc(1, sizeof *c);
	int *seen = calloc(config_n_keys, sizeof *seen);
	struct load l = { .config = c, .out = out, .env = env, .seen = seen };
	struct yaml_sink sink = { .problem = yaml_says, .to = &l };
	AUTO_ARENA nodes = { 0 };
	const struct yaml_node *root;

	if (!c || !seen) {
		add_problem(out, CONFIG_ERROR, (int[]){ 0, 0 }, "out of memory");
		free(seen);
		free(c);
		return NULL;
	}
	c->path = arena_str(&c->arena, path ? path : "");
	standards(&l);
	root = text ? yaml_parse(&nodes, text, len, &sink) : NULL;
	if (root && root->kind == YAML_MAP)
		walk(&l, "", NULL, root);
	else if (root && root->kind != YAML_NULL)
		config_report(&l, CONFIG_ERROR, root,
		              "the file must be a mapping of sections, as \"server:\"");
	if (!c->arena.failed)
		environment(&l);
	if (!c->arena.failed)
		config_complete(&l, place);
	free(seen);
	if (c->arena.failed)
		config_report(&l, CONFIG_ERROR, NULL, "out of memory");
	if (out->n)
		qsort(out->items, out->n, sizeof *out->items, by_line);
	if (!out->n_errors)
		return c;
	config_free(c);
	return NULL;
}

struct config *config_load(const char *path, enum config_place place, config_env_fn *env,
                           struct config_problems *out)
{
	AUTO_BUF text = { .max = YAML_MAX + 1 };
	AUTO_FD fd = -1;
	struct err e = { 0 };
	struct stat st;

	if (place == CONFIG_NOWHERE)
		return config_parse(NULL, 0, NULL, place, env, out);
	/* Whoever can write the configuration rules the server. */
	fd = trusted_open(path, &st, &e);
	if (fd < 0)
		err_in(&e, "cannot read configuration");
	else if (fd_slurp(fd, &text, &e) == 0)
		return config_parse(buf_text(&text), text.len, path, place, env, out);
	add_problem(out, CONFIG_ERROR, (int[]){ 0, 0 }, arena_str(&out->arena, e.text));
	return NULL;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	arena_release(&c->arena);
	free(c);
}

void config_problems_release(struct config_problems *p)
{
	arena_release(&p->arena);
	*p = (struct config_problems){ 0 };
}
