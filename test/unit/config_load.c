#include "config/config.h"

#include "base/fd.h"
#include "base/log.h"
#include "test/alloc.h"
#include "test/t.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const *fake; /* NAME, value, …, NULL */

static const char *env(const char *name)
{
	for (int i = 0; fake && fake[i]; i += 2)
		if (!strcmp(fake[i], name))
			return fake[i + 1];
	return NULL;
}

static struct config *parse(const char *text, struct config_problems *p)
{
	return config_parse(text, strlen(text), "/etc/agentsh/config.yaml", CONFIG_SYSTEM, env, p);
}

static void show(const struct config_problems *p)
{
	for (size_t i = 0; i < p->n; i++)
		printf("# %d %d:%d: %s\n", p->items[i].severity, p->items[i].line, p->items[i].column,
		       p->items[i].text);
}

/* The problem of this line, "" if there is none. */
static const char *problem(const struct config_problems *p, int line, enum config_severity severity)
{
	for (size_t i = 0; i < p->n; i++)
		if (p->items[i].line == line && p->items[i].severity == severity)
			return p->items[i].text;
	return "";
}

static bool mentions(const struct config_problems *p, const char *text)
{
	for (size_t i = 0; i < p->n; i++)
		if (strstr(p->items[i].text, text))
			return true;
	return false;
}

T_CASE(built_in_defaults)
{
	struct config_problems p = { 0 };
	struct config *c = config_load("", CONFIG_NOWHERE, env, &p);

	show(&p);
	if (!ok(c != NULL))
		return;
	is_str(c->server.http.addr, "127.0.0.1:18080");
	is_int(c->server.http.max_request_size, 10000000);
	is_int(c->sessions.max_sessions, 100);
	is_int(c->sessions.cleanup_interval_ns, 60000000000);
	is_int(c->sandbox.fuse.audit.ttl_ns, 7 * 86400000000000);
	is_str(c->policies.standard, "default");
	ok(c->policies.project_markers.n == 5 && !strcmp(c->policies.project_markers.items[0], ".git"));
	ok(c->dlp.patterns.email && c->dlp.patterns.api_keys);
	ok(c->sandbox.seccomp.enabled && c->landlock.enabled, "enforced without asking");
	ok(c->sandbox.env_inject.n == 0 && c->landlock.allow_read.items && !c->landlock.allow_read.items[0]);
	config_free(c);
	config_problems_release(&p);
}

static const char *compat(const char *name)
{
	static const char *const places[] = { "../shared/compat", "../../shared/compat" };
	static char path[600];

	for (int i = -1; i < 2; i++) {
		const char *dir = i < 0 ? getenv("COMPAT") : places[i];

		snprintf(path, sizeof path, "%s/%s", dir ? dir : "/nonexistent", name);
		if (access(path, R_OK) == 0)
			return path;
	}
	t_skip("no %s: set COMPAT to its directory", name);
	return NULL;
}

static struct config *load_compat(const char *name, struct config_problems *p)
{
	const char *path = compat(name);
	AUTO_BUF text = { 0 };

	if (!path || fd_slurp_file(path, 1 << 20, &text, NULL) < 0)
		return NULL;
	return config_parse(buf_text(&text), text.len, "/etc/agentsh/config.yaml", CONFIG_SYSTEM, env, p);
}

static bool monitored(const char *text, bool *enabled, bool *baseline)
{
	struct config_problems p = { 0 };
	struct config *c = parse(text, &p);
	bool set = ok(c != NULL) && c->sandbox.seccomp.file_monitor.set;

	*enabled = c && c->sandbox.seccomp.file_monitor.enabled;
	*baseline = c && c->sandbox.seccomp.file_monitor.baseline;
	config_problems_release(&p);
	config_free(c);
	return set;
}

T_CASE(file_rules_that_nobody_asked_for_and_those_switched_off)
{
	bool enabled, baseline;

	ok(!monitored("sandbox: {seccomp: {enabled: true}}", &enabled, &baseline) && baseline);
	ok(!monitored("sandbox: {seccomp: {file_monitor: {enabled: }}}", &enabled, &baseline) && baseline);
	ok(!monitored("sandbox: {seccomp: {file_monitor: {baseline: false}}}", &enabled, &baseline) &&
	   !baseline);
	ok(monitored("sandbox: {seccomp: {file_monitor: {enabled: false}}}", &enabled, &baseline) &&
	   !enabled);
	ok(monitored("sandbox: {seccomp: {file_monitor: {enabled: true}}}", &enabled, &baseline) && enabled &&
	   !baseline);
	ok(monitored("sandbox: {seccomp: {file_monitor: {enabled: true, baseline: true}}}", &enabled,
	             &baseline) &&
	   enabled && baseline);
}

static int judging(const char *text)
{
	struct config_problems p = { 0 };
	struct config *c = parse(text, &p);
	int set = !ok(c != NULL) ? -1 : !c->sandbox.network.judge_set ? 0 : 1 + c->sandbox.network.judge;

	config_problems_release(&p);
	config_free(c);
	return set;
}

T_CASE(whether_connections_are_judged_may_be_left_open)
{
	is_int(judging("sandbox: {network: {enabled: true}}"), 0);
	is_int(judging("sandbox: {network: {judge: }}"), 0);
	is_int(judging("sandbox: {network: {judge: false}}"), 1);
	is_int(judging("sandbox: {network: {judge: true}}"), 2);
}

T_CASE(e2b_config_loads_unmodified)
{
	struct config_problems p = { 0 };
	struct config *c;

	if (!compat("e2b-config.yaml"))
		return;
	c = load_compat("e2b-config.yaml", &p);
	show(&p);
	if (!ok(c != NULL))
		return;
	is_int(p.n_errors, 0);
	is_str(c->server.http.addr, "127.0.0.1:18080");
	is_int(c->server.http.write_timeout_ns, 60000000000);
	is_int(c->sessions.default_timeout_ns, 3600000000000);
	is_int(c->sessions.default_idle_timeout_ns, 900000000000);
	is_str(c->sessions.base_dir, "/var/lib/agentsh/sessions");
	is_str(c->audit.output, "/var/lib/agentsh/events.jsonl");
	is_str(c->policies.dir, "/etc/agentsh/policies");
	is_str(c->policies.standard, "default");
	ok(mentions(&p, "\"policies.default_policy\" is taken as \"policies.default\""));
	ok(mentions(&p, "server.grpc"));
	is_int(c->security.mode, SECURITY_MINIMAL);
	is_int(c->sandbox.fuse.audit.mode, FUSE_SOFT_DELETE);
	ok(c->sandbox.fuse.audit.enabled && c->sandbox.fuse.deferred && c->sandbox.cgroups.enabled);
	is_int(c->sandbox.fuse.deferred_enable_command.n, 4);
	is_str(c->sandbox.fuse.deferred_enable_command.items[2], "666");
	is_int(c->sandbox.limits.max_memory_mb, 4096);
	ok(c->capabilities.allow.set && !c->capabilities.allow.n);
	is_int(c->dlp.n_custom_patterns, 8);
	is_str(c->dlp.custom_patterns[5].regex, "eyJ[a-zA-Z0-9_-]*\\.eyJ[a-zA-Z0-9_-]*\\.[a-zA-Z0-9_-]*");
	is_int(c->proxy.providers.n, 2);
	is_str(c->proxy.providers.items[0].value, "https://api.anthropic.com");
	is_int(c->approvals.mode, APPROVALS_ASYNC);
	ok(!c->approvals.enabled && c->metrics.enabled);
	is_int(c->auth.type, AUTH_NONE);
	config_free(c);
	config_problems_release(&p);
}

T_CASE(daytona_config_loads_unmodified)
{
	struct config_problems p = { 0 };
	struct config *c;

	if (!compat("daytona-config.yaml"))
		return;
	c = load_compat("daytona-config.yaml", &p);
	show(&p);
	if (!ok(c != NULL))
		return;
	is_int(p.n_errors, 0);
	is_int(c->logging.format, 1);
	is_int(c->audit.retention.max_age_days, 90);
	is_int(c->landlock.allow_execute.n, 7);
	is_str(c->landlock.allow_execute.items[0], "/usr/bin");
	ok(c->landlock.enabled && c->landlock.network.allow_bind_tcp);
	ok(mentions(&p, "\"sandbox.landlock\" is taken as \"landlock\""));
	is_str(c->sandbox.fuse.audit.trash_path, "/home/daytona/.agentsh_trash");
	is_int(c->sandbox.env_inject.n, 2);
	is_str(c->sandbox.env_inject.items[1].name, "BASH_ENV");
	is_int(c->policies.project_markers.n, 6);
	is_int(c->dlp.n_custom_patterns, 10);
	config_free(c);
	config_problems_release(&p);
}

/* Where existing configurations have it, and where it belongs; not in both. */
T_CASE(two_places_of_allow_execute)
{
	static const struct {
		const char *text;
		bool loads, told;
	} places[] = {
		{ "landlock: {allow_execute: [/opt/bin]}\n", true, false },
		{ "sandbox: {landlock: {allow_execute: [/opt/bin]}}\n", true, true },
		{ "landlock: {allow_execute: [/opt/bin]}\n"
		  "sandbox: {landlock: {allow_execute: [/bin]}}\n",
		  false, true },
	};

	for (size_t i = 0; i < 3; i++) {
		struct config_problems p = { 0 };
		struct config *c = parse(places[i].text, &p);

		is_int(c != NULL, places[i].loads, "place %zu loads", i);
		is_int(mentions(&p, "\"sandbox.landlock\" is taken as \"landlock\""), places[i].told,
		       "place %zu: what it is taken as", i);
		if (c && is_int(c->landlock.allow_execute.n, 1, "place %zu", i))
			is_str(c->landlock.allow_execute.items[0], "/opt/bin");
		config_free(c);
		config_problems_release(&p);
	}
}

T_CASE(all_errors_at_once_with_lines)
{
	struct config_problems p = { 0 };
	struct config *c =
	        parse("server:\n"
	              "  http:\n"
	              "    addr: localhost\n"      /* 3 */
	              "    read_timeout: 5\n"      /* 4 */
	              "    max_request_size: -1\n" /* 5 */
	              "    write_timout: 5s\n"     /* 6: typing error */
	              "sessions:\n"
	              "  max_sessions: 0\n" /* 8 */
	              "  cleanup_interval: 1ms\n"
	              "auth: {type: Nobody}\n" /* 10 */
	              "sandbox:\n"
	              "  fuse: true\n"      /* 12 */
	              "  env_inject: [a]\n" /* 13 */
	              "  fuse_audit: 1\n"   /* 14 */
	              "policies:\n"
	              "  default: ../x\n"     /* 16 */
	              "  default_policy: y\n" /* 17: alias of the same */
	              "dlp:\n"
	              "  custom_patterns: [{name: a, display: b}, 5, {name: c, regex: d, colour: e}]\n"
	              "retention: {}\n"                        /* 20 */
	              "health: {path: health}\n"               /* 21 */
	              "development: {disable_policy: true}\n", /* 22 */
	              &p);

	ok(c == NULL, "refused");
	show(&p);
	ok(strstr(problem(&p, 3, CONFIG_ERROR), "host:port") != NULL);
	ok(strstr(problem(&p, 4, CONFIG_ERROR), "duration") != NULL);
	ok(strstr(problem(&p, 5, CONFIG_ERROR), "size") != NULL);
	ok(strstr(problem(&p, 6, CONFIG_WARNING), "did you mean \"write_timeout\"") != NULL);
	ok(strstr(problem(&p, 8, CONFIG_ERROR), "1 and 10000") != NULL);
	ok(mentions(&p, "\"sessions.cleanup_interval\" must be at least 1s"));
	ok(strstr(problem(&p, 10, CONFIG_ERROR), "one of none api_key oidc hybrid, not \"Nobody\"") != NULL);
	ok(strstr(problem(&p, 12, CONFIG_ERROR), "mapping") != NULL);
	ok(strstr(problem(&p, 13, CONFIG_ERROR), "mapping") != NULL);
	ok(*problem(&p, 14, CONFIG_WARNING) != 0);
	ok(strstr(problem(&p, 16, CONFIG_ERROR), "must consist of") != NULL);
	ok(strstr(problem(&p, 17, CONFIG_ERROR), "given twice, first in line 16") != NULL);
	ok(strstr(problem(&p, 19, CONFIG_ERROR), "needs name and regex") != NULL);
	ok(mentions(&p, "unknown key \"colour\""));
	ok(strstr(problem(&p, 20, CONFIG_WARNING), "unknown key \"retention\"") != NULL);
	ok(strstr(problem(&p, 21, CONFIG_ERROR), "start with \"/\"") != NULL);
	ok(strstr(problem(&p, 22, CONFIG_NOTE), "the policy always holds") != NULL);
	for (size_t i = 1; i < p.n; i++)
		ok(p.items[i - 1].line <= p.items[i].line, "in order of lines");
	config_problems_release(&p);
}

T_CASE(dangerous_combinations_are_refused)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "server: {http: {addr: '0.0.0.0:18080'}}", "open to other machines" },
		{ "server: {http: {addr: ':18080'}}", "open to other machines" },
		{ "server: {http: {addr: '[::]:18080'}}", "open to other machines" },
		{ "server: {http: {addr: '10.0.0.1:1'}}", "open to other machines" },
		{ "server: {http: {addr: '::1:18080'}}", "host:port" },
		{ "server: {http: {addr: '127.0.0.1:65536'}}", "host:port" },
		{ "auth: {type: api_key, api_key: {keys_file: k}}\nserver: {http: {addr: '0.0.0.0:1'}}\n"
		  "development: {disable_auth: true}",
		  "open to other machines" },
		{ "server: {tls: {enabled: true}}", "TLS is not provided" },
		{ "auth: {type: oidc}", "oidc is not provided" },
		{ "auth: {type: api_key}", "needs \"auth.api_key.keys_file\"" },
		{ "approvals: {enabled: true, mode: api}", "approvals.mode=api requires auth.type=api_key" },
		{ "sandbox: {network: {proxy_listen_addr: '0.0.0.0:0'}}", "must be a loopback address" },
		{ "policies: {project_markers: ['../x']}", "must be the name of a file" },
		{ "policies: {project_markers: ['..']}", "must be the name of a file" },
		{ "health: {path: /ready}", "must differ" },
		{ "- a\n- b", "must be a mapping" },
		{ "server: {http: {addr: a, addr: b}}", "addr" },
		{ "server: [", "" },
		{ "a: !!python/object/apply:os.system [x]", "" },
		{ "server:\n\thttp: 1", "" },
		{ "a: &x {b: 1}\nc: *x", "" },
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct config_problems p = { 0 };
		struct config *c = parse(bad[i].text, &p);

		ok(!c && p.n_errors > 0 && mentions(&p, bad[i].says), "%s", bad[i].says);
		if (c)
			config_free(c);
		config_problems_release(&p);
	}
}

T_CASE(expansion_after_parsing_and_only_of_braces)
{
	static const char *const table[] = { "PORT",  "19999", "EVIL", "x\nauth: {type: oidc}",
		                             "EMPTY", "",      NULL };
	struct config_problems p = { 0 };
	struct config *c;

	fake = table;
	c = parse("server: {http: {addr: '127.0.0.1:${PORT}'}}\n"
	          "proxy:\n  port: ${PORT}\n"
	          "sandbox:\n  env_inject:\n    A: '$HOME'\n    B: '$$x'\n    C: 'cost$'\n    D: '${EVIL}'\n"
	          "    E: '[${UNSET}]'\n    F: '${'\n    G: '${1X}'\n    H: '$${PORT}'\n"
	          "dlp: {custom_patterns: [{name: n, regex: 'a${PORT}$'}]}\n",
	          &p);
	fake = NULL;
	show(&p);
	if (!ok(c != NULL))
		return;
	is_str(c->server.http.addr, "127.0.0.1:19999");
	is_int(c->proxy.port, 19999);
	is_str(c->sandbox.env_inject.items[0].value, "$HOME");
	is_str(c->sandbox.env_inject.items[1].value, "$x");
	is_str(c->sandbox.env_inject.items[2].value, "cost$");
	is_str(c->sandbox.env_inject.items[3].value, "x\nauth: {type: oidc}", "a value is never parsed");
	is_str(c->sandbox.env_inject.items[4].value, "[]");
	is_str(c->sandbox.env_inject.items[5].value, "${");
	is_str(c->sandbox.env_inject.items[6].value, "${1X}");
	is_str(c->sandbox.env_inject.items[7].value, "${PORT}");
	is_str(c->dlp.custom_patterns[0].regex, "a${PORT}$", "regular expressions stay as they are");
	config_free(c);
	config_problems_release(&p);
}

T_CASE(environment_overrides)
{
	static const char *const table[] = { "AGENTSH_HTTP_ADDR",
		                             "127.0.0.1:1",
		                             "AGENTSH_LOG_LEVEL",
		                             "debug",
		                             "AGENTSH_DATA_DIR",
		                             "/data",
		                             "AGENTSH_POLICY_NAME",
		                             "other",
		                             "AGENTSH_DLP_MODE",
		                             "disabled",
		                             NULL };
	static const char *const wrong[] = { "AGENTSH_HTTP_ADDR", "0.0.0.0:1", "AGENTSH_PROXY_PORT", "70000",
		                             NULL };
	struct config_problems p = { 0 }, q = { 0 };
	struct config *c;

	fake = table;
	c = parse("logging: {level: error}\nsessions: {base_dir: /x}\npolicies: {allowed: [other]}", &p);
	if (!ok(c != NULL))
		return;
	is_str(c->server.http.addr, "127.0.0.1:1");
	is_int(c->logging.level, LOG_DEBUG);
	is_str(c->sessions.base_dir, "/data/sessions");
	is_str(c->audit.output, "/data/events.jsonl");
	is_str(c->policies.standard, "other");
	is_int(c->dlp.mode, DLP_DISABLED);
	config_free(c);
	config_problems_release(&p);
	c = parse("", &q);
	ok(c && !strcmp(c->policies.standard, "default") && mentions(&q, "AGENTSH_POLICY_NAME"),
	   "a policy that is not listed cannot be chosen by the environment");
	config_free(c);
	config_problems_release(&q);
	fake = wrong;
	c = parse("", &p);
	ok(!c && mentions(&p, "open to other machines") && mentions(&p, "AGENTSH_PROXY_PORT"));
	config_problems_release(&p);
	fake = NULL;
}

T_CASE(directories_follow_the_place)
{
	struct config_problems p = { 0 };
	static const char *const table[] = { "HOME", "/home/a", NULL };
	struct config *c = config_parse("", 0, "/srv/x/c.yaml", CONFIG_NAMED, env, &p);

	is_str(c->policies.dir, "/srv/x/policies");
	is_str(c->sessions.base_dir, "/srv/x/sessions");
	is_str(c->audit.output, "/srv/x/events.jsonl");
	config_free(c);
	fake = table;
	c = config_parse("audit: {output: /log/a.jsonl}", 29, "/home/a/.config/agentsh/config.yaml",
	                 CONFIG_USER, env, &p);
	is_str(c->policies.dir, "/home/a/.config/agentsh/policies");
	is_str(c->sessions.base_dir, "/home/a/.local/share/agentsh/sessions");
	is_str(c->audit.output, "/log/a.jsonl");
	config_free(c);
	fake = NULL;
	config_problems_release(&p);
}

T_CASE(some_patterns_given_means_the_others_are_off)
{
	struct config_problems p = { 0 };
	struct config *c = parse("dlp: {patterns: {email: true}}", &p);

	ok(c && c->dlp.patterns.email && !c->dlp.patterns.phone);
	config_free(c);
	c = parse("dlp: {patterns: {email: false}}", &p);
	ok(c && !c->dlp.patterns.email && !c->dlp.patterns.ssn, "all off can be said");
	config_free(c);
	config_problems_release(&p);
}

T_CASE(files_others_can_write_are_refused)
{
	char dir[] = "/tmp/agentsh-test-XXXXXX", path[64];
	struct config_problems p = { 0 };
	struct config *c;

	if (!ok(mkdtemp(dir) != NULL))
		return;
	snprintf(path, sizeof path, "%s/config.yaml", dir);
	ok(config_load(path, CONFIG_NAMED, env, &p) == NULL && mentions(&p, "cannot read configuration"),
	   "missing");
	config_problems_release(&p);
	is_int(fd_replace_file(path, "auth: {type: none}\n", 19, 0644, NULL), 0);
	c = config_load(path, CONFIG_NAMED, env, &p);
	ok(c != NULL);
	config_free(c);
	chmod(path, 0666);
	ok(config_load(path, CONFIG_NAMED, env, &p) == NULL && mentions(&p, "can be written by others"));
	config_problems_release(&p);
	unlink(path);
	mkdir(path, 0700);
	ok(config_load(path, CONFIG_NAMED, env, &p) == NULL && mentions(&p, "not a regular file"));
	config_problems_release(&p);
	rmdir(path);
	rmdir(dir);
}

T_CASE(search_order)
{
	static const char *const named[] = { "AGENTSH_CONFIG", "/x/y.yaml", "HOME", "/nonexistent", NULL };
	char dir[] = "/tmp/agentsh-test-XXXXXX", sub[64], path[4096];
	const char *xdg[] = { "XDG_CONFIG_HOME", dir, "HOME", "/nonexistent", NULL };

	fake = named;
	is_int(config_find(env, path, sizeof path), CONFIG_NAMED);
	is_str(path, "/x/y.yaml");
	if (!ok(mkdtemp(dir) != NULL))
		return;
	snprintf(sub, sizeof sub, "%s/agentsh", dir);
	mkdir(sub, 0700);
	snprintf(sub, sizeof sub, "%s/agentsh/config.yml", dir);
	fd_replace_file(sub, "", 0, 0600, NULL);
	fake = xdg;
	if (access("/etc/agentsh/config.yaml", F_OK) == 0) { /* what the machine has comes first */
		is_int(config_find(env, path, sizeof path), CONFIG_SYSTEM);
	} else {
		is_int(config_find(env, path, sizeof path), CONFIG_USER);
		is_str(path, sub);
	}
	fake = NULL;
	unlink(sub);
	snprintf(sub, sizeof sub, "%s/agentsh", dir);
	rmdir(sub);
	rmdir(dir);
}

T_CASE(addresses)
{
	char host[64];
	uint16_t port;

	ok(config_addr("[::1]:80", host, sizeof host, &port) && !strcmp(host, "::1") && port == 80);
	ok(config_addr(":0", host, sizeof host, &port) && !*host && !port);
	ok(!config_addr("127.0.0.1", host, sizeof host, &port));
	ok(!config_addr("127.0.0.1:", host, sizeof host, &port));
	ok(!config_addr("127.0.0.1:+1", host, sizeof host, &port));
	ok(!config_addr("[::1:80", host, sizeof host, &port));
	ok(config_is_loopback("127.9.9.9:1") && config_is_loopback("localhost:1") &&
	   config_is_loopback("[::1]:1"));
	ok(!config_is_loopback("0.0.0.0:1") && !config_is_loopback("[::ffff:127.0.0.1]:1") &&
	   !config_is_loopback("localhost.evil.com:1") && !config_is_loopback("2130706433:1"));
}

T_CASE(out_of_memory_is_an_error_not_half_a_configuration)
{
	static const char text[] = "server: {http: {addr: '127.0.0.1:1'}, htp: 1}\n"
	                           "sandbox: {env_inject: {A: '${B}'}, landlock: {allow_read: [/a]}}\n"
	                           "dlp: {custom_patterns: [{name: a, regex: b}]}\n";
	long n;

	for (n = 1; n < 1000; n++) {
		struct config_problems p = { 0 };
		struct config *c;

		alloc_fail_at(n);
		c = parse(text, &p);
		if (!alloc_failed()) {
			alloc_fail_at(0);
			ok(c != NULL, "whole when nothing fails");
			config_free(c);
			config_problems_release(&p);
			break;
		}
		alloc_fail_at(0);
		if (!!c == (p.n_errors > 0))
			ok(false, "allocation %ld", n);
		config_free(c);
		config_problems_release(&p);
	}
	ok(n > 5 && n < 1000, "%ld allocations failed in turn", n - 1);
}

T_CASE(what_holds_can_be_shown_without_secrets)
{
	struct config_problems p = { 0 };
	AUTO_BUF out = { 0 };
	struct config *c = parse("audit: {webhook: {headers: {Authorization: 'Bearer s3cret'}}}\n"
	                         "landlock: {allow_read: [/a, \"b\\\"c\"]}\nauth: {type: none}\n"
	                         "sessions: {default_timeout: 90s}\n",
	                         &p);

	if (!ok(c != NULL))
		return;
	config_show(c, &out);
	ok(strstr(buf_text(&out), "server.http.addr: \"127.0.0.1:18080\"\n") != NULL);
	ok(strstr(buf_text(&out), "auth.type: none\n") != NULL);
	ok(strstr(buf_text(&out), "sessions.default_timeout: \"90s\"\n") != NULL);
	ok(strstr(buf_text(&out), "sandbox.fuse.audit.ttl: \"168h\"\n") != NULL);
	ok(strstr(buf_text(&out), "sandbox.fuse.audit.mode: monitor\n") != NULL);
	ok(strstr(buf_text(&out), "landlock.allow_read: [\"/a\", \"b\\\"c\"]\n") != NULL);
	ok(strstr(buf_text(&out), "{\"Authorization\": \"(hidden)\"}") != NULL &&
	   !strstr(buf_text(&out), "s3cret"));
	config_free(c);
	config_problems_release(&p);
}
