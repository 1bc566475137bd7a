/* What holds once all keys are known: directories, and conditions over several keys. */
#include "config/impl.h"

#include "base/num.h"
#include "base/path.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool config_addr(const char *addr, char *host, size_t size, uint16_t *port)
{
	const char *colon = strrchr(addr, ':');
	uint64_t number;
	size_t len;

	if (!colon || !num_u64(colon + 1, 0, 65535, &number))
		return false;
	len = (size_t)(colon - addr);
	if (len && addr[0] == '[') {
		if (addr[len - 1] != ']')
			return false;
		addr++;
		len -= 2;
	} else if (memchr(addr, ':', len)) {
		return false; /* an IPv6 address needs brackets, or its last group would be the port */
	}
	if (len >= size || memchr(addr, ' ', len) || memchr(addr, '/', len))
		return false;
	memcpy(host, addr, len);
	host[len] = 0;
	*port = (uint16_t)number;
	return true;
}

bool config_is_loopback(const char *addr)
{
	struct in_addr v4;
	struct in6_addr v6;
	char host[256];
	uint16_t port;

	if (!config_addr(addr, host, sizeof host, &port))
		return false;
	if (!strcmp(host, "localhost"))
		return true;
	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return inet_pton(AF_INET6, host, &v6) == 1 && IN6_IS_ADDR_LOOPBACK(&v6);
}

static const char *in(struct load *l, const char *dir, const char *name)
{
	return arena_fmt(&l->config->arena, "%s/%s", dir, name);
}

static bool is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* $NAME, else ~/rest, else NULL. */
static const char *user_dir(struct load *l, const char *name, const char *rest)
{
	const char *dir = l->env(name), *home = l->env("HOME");

	if (dir && dir[0] == '/')
		return in(l, dir, "agentsh");
	return home && home[0] == '/' ? in(l, home, rest) : NULL;
}

/* The places for state and policies follow from where the configuration lies. */
static void directories(struct load *l, enum config_place place)
{
	struct config *c = l->config;
	const char *data = "/var/lib/agentsh", *etc = "/etc/agentsh", *mine, *dot;
	const char *slash = strrchr(c->path, '/');

	if (place == CONFIG_NAMED && slash) {
		data = etc =
		        slash == c->path ? "/" : arena_copy(&c->arena, c->path, (size_t)(slash - c->path));
	} else if (place == CONFIG_USER || (place == CONFIG_NOWHERE && geteuid() != 0)) {
		mine = user_dir(l, "XDG_DATA_HOME", ".local/share/agentsh");
		data = mine ? mine : data;
		mine = user_dir(l, "XDG_CONFIG_HOME", ".config/agentsh");
		if (mine && place != CONFIG_USER) {
			const char *policies = in(l, mine, "policies");

			mine = policies && is_dir(policies) ? mine : NULL;
		}
		etc = mine ? mine : etc;
	}
	if (!data || !etc)
		return;
	if (!*c->policies.dir)
		c->policies.dir = in(l, etc, "policies");
	if (!*c->sessions.base_dir)
		c->sessions.base_dir = in(l, data, "sessions");
	if (!*c->audit.storage.sqlite_path)
		c->audit.storage.sqlite_path = in(l, data, "events.db");
	if (c->arena.failed || *c->audit.output)
		return;
	/* The log lies where a database was asked for: events.db -> events.jsonl. */
	dot = strrchr(c->audit.storage.sqlite_path, '.');
	if (!dot || strchr(dot, '/'))
		dot = c->audit.storage.sqlite_path + strlen(c->audit.storage.sqlite_path);
	c->audit.output = arena_fmt(&c->arena, "%.*s.jsonl", (int)(dot - c->audit.storage.sqlite_path),
	                            c->audit.storage.sqlite_path);
}

static bool given(const struct load *l, const char *path)
{
	return l->seen[config_key(path) - config_keys] != 0;
}

/* None of the patterns is mentioned: all are on. Some are: the others are off. */
static void dlp_patterns(struct load *l)
{
	static const char *const keys[] = { "dlp.patterns.email", "dlp.patterns.phone",
		                            "dlp.patterns.credit_card", "dlp.patterns.ssn",
		                            "dlp.patterns.api_keys" };
	bool any = false;

	for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
		any |= given(l, keys[i]);
	for (size_t i = 0; !any && i < sizeof keys / sizeof *keys; i++)
		*(bool *)((char *)l->config + config_key(keys[i])->offset) = true;
}

static void markers(struct load *l)
{
	static const char *const standard[] = { ".git",       "go.mod",         "package.json",
		                                "Cargo.toml", "pyproject.toml", NULL };
	struct config_list *list = &l->config->policies.project_markers;

	if (!list->set)
		*list = (struct config_list){ .items = standard, .n = 5 };
	for (size_t i = 0; i < list->n; i++)
		if (!*list->items[i] || strchr(list->items[i], '/') || !strcmp(list->items[i], ".") ||
		    !strcmp(list->items[i], ".."))
			config_report(l, CONFIG_ERROR, NULL,
			              "\"policies.project_markers\": \"%.80s\" must be the name of a file",
			              list->items[i]);
}

/* Report at the line where `key` was given, if it was. */
static void when(struct load *l, bool holds, enum config_severity severity, const char *key, const char *text)
{
	int line = l->seen[config_key(key) - config_keys];
	struct yaml_node at = { .line = line > 0 ? line : 0, .column = line > 0 };

	if (holds)
		config_report(l, severity, &at, "\"%s\" %s", key, text);
}

static void check_access(struct load *l)
{
	struct config *c = l->config;
	bool is_open;

	if (c->development.disable_auth)
		c->auth.type = AUTH_NONE;
	is_open = c->auth.type == AUTH_NONE;
	when(l, c->auth.type == AUTH_OIDC || c->auth.type == AUTH_HYBRID, CONFIG_ERROR, "auth.type",
	     "oidc is not provided; use api_key");
	when(l, c->auth.type == AUTH_API_KEY && !*c->auth.api_key.keys_file, CONFIG_ERROR, "auth.type",
	     "api_key needs \"auth.api_key.keys_file\"");
	when(l, is_open && !config_is_loopback(c->server.http.addr), CONFIG_ERROR, "server.http.addr",
	     "is open to other machines and nobody has to authenticate; use 127.0.0.1 or auth.type api_key");
	when(l, c->server.tls.enabled, CONFIG_ERROR, "server.tls.enabled",
	     "cannot be: TLS is not provided; put a TLS proxy in front of a loopback address");
	when(l, !config_is_loopback(c->sandbox.network.proxy_listen_addr), CONFIG_ERROR,
	     "sandbox.network.proxy_listen_addr", "must be a loopback address");
	when(l, c->approvals.enabled && c->approvals.mode == APPROVALS_API && is_open, CONFIG_ERROR,
	     "approvals.mode", "cannot be: approvals.mode=api requires auth.type=api_key (auth is disabled)");
	when(l, c->approvals.enabled && c->approvals.mode != APPROVALS_API && is_open, CONFIG_WARNING,
	     "approvals.enabled",
	     "has nobody to ask over HTTP while auth is disabled; approvals time out and deny");
}

static void check_rest(struct load *l)
{
	struct config *c = l->config;

	when(l, c->server.grpc.enabled, CONFIG_NOTE, "server.grpc.enabled",
	     "has no effect: the API is offered over HTTP only");
	when(l, !c->audit.enabled, CONFIG_NOTE, "audit.enabled", "has no effect: events are always logged");
	when(l, !c->sandbox.enabled, CONFIG_NOTE, "sandbox.enabled",
	     "has no effect: commands are always governed");
	when(l, c->sandbox.network.ebpf.required, CONFIG_ERROR, "sandbox.network.ebpf.required",
	     "cannot be: eBPF is not used; connections are governed by seccomp");
	when(l, c->sessions.cleanup_interval_ns < 1000000000, CONFIG_ERROR, "sessions.cleanup_interval",
	     "must be at least 1s");
	when(l, !strcmp(c->health.path, c->health.readiness_path), CONFIG_ERROR, "health.readiness_path",
	     "must differ from \"health.path\"");
	when(l, c->audit.integrity.enabled && !*c->audit.integrity.key_file && !*c->audit.integrity.key_env,
	     CONFIG_ERROR, "audit.integrity.enabled", "needs \"audit.integrity.key_file\" or \"key_env\"");
	when(l, c->dlp.mode == DLP_TOKENIZE, CONFIG_NOTE, "dlp.mode", "tokenize is done as redact");
}

static int seen(const struct load *l, const char *key)
{
	return l->seen[config_key(key) - config_keys];
}

/* Whoever asks for file rules gets them as they are written, unless he asks for more. */
static void file_rules(struct load *l)
{
	const bool set = seen(l, "sandbox.seccomp.file_monitor.enabled");

	l->config->sandbox.seccomp.file_monitor.set = set;
	if (!seen(l, "sandbox.seccomp.file_monitor.baseline"))
		l->config->sandbox.seccomp.file_monitor.baseline = !set;
}

void config_complete(struct load *l, enum config_place place)
{
	directories(l, place);
	if (CONFIG_FILES)
		file_rules(l);
#if CONFIG_LAYER_FUSE
	l->config->sandbox.fuse.mount_set = seen(l, "sandbox.fuse.mount");
#endif
#if CONFIG_LAYER_NET
	l->config->sandbox.network.judge_set = seen(l, "sandbox.network.judge");
#endif
	if (l->config->arena.failed)
		return;
	dlp_patterns(l);
	markers(l);
	check_access(l);
	check_rest(l);
}
