#include "decide/decide.h"
#include "policy/impl.h"

#include "base/buf.h"
#include "base/fd.h"
#include "test/alloc.h"
#include "test/t.h"

static char found[8192];

static struct policy *load_with(const char *text, size_t len, const struct policy_options *options)
{
	struct policy_problems problems;
	struct policy *p = policy_load(text, len, "test.yaml", options, &problems);
	size_t n = 0;

	found[0] = 0;
	for (size_t i = 0; i < problems.n && n < sizeof found - 600; i++)
		n += (size_t)snprintf(found + n, sizeof found - n, "%d:%d: %s\n", problems.items[i].line,
		                      problems.items[i].column, problems.items[i].text);
	policy_problems_release(&problems);
	return p;
}

static struct policy *load(const char *text)
{
	return load_with(text, strlen(text), &(struct policy_options){ 0 });
}

#define HEAD         "version: 1\nname: t\n"
#define FILE_RULE    HEAD "file_rules:\n  - name: r\n    decision: allow\n"
#define NET_RULE     HEAD "network_rules:\n  - name: r\n    decision: allow\n"
#define COMMAND_RULE HEAD "command_rules:\n  - name: r\n    decision: allow\n"
#define SIGNAL_RULE  HEAD "signal_rules:\n  - name: r\n    decision: allow\n"

static void refuse(const char *text, const char *want)
{
	struct policy *p = load(text);

	ok(!p && strstr(found, want), "refused: %s", want);
	if (p || !strstr(found, want))
		printf("# %s got: %s\n", text, found);
	policy_free(p);
}

static void take(const char *text)
{
	struct policy *p = load(text);

	ok(p != NULL, "taken: %.60s", text + sizeof HEAD - 1);
	if (!p)
		printf("# %s\n", found);
	policy_free(p);
}

T_CASE(nothing_usable)
{
	refuse("", "the policy is empty");
	refuse("# only comments\n", "the policy is empty");
	refuse("{}", "the policy is empty");
	refuse("null", "the policy is empty");
	refuse("[]", "1:1: the policy must be a mapping");
	refuse("text", "the policy must be a mapping");
	refuse("name: t\n", "1:1: no version; write version: 1");
	refuse("version: 1\n", "no name");
	refuse("version: 0\nname: t\n", "1:10: version must be a whole number from 1");
	refuse("version: one\nname: t\n", "version must be");
	refuse("version: 1\nname: ''\n", "no name");
	take(HEAD);
}

T_CASE(keys_and_types)
{
	refuse(HEAD "comand_rules: []\n",
	       "3:1: unknown key 'comand_rules' in the policy; did you mean 'command_rules'?");
	refuse(HEAD "command_rules: []\ncommand_rules: []\n",
	       "4:1: duplicate key 'command_rules'; first given in line 3");
	refuse(HEAD "command_rules: {}\n", "must be a list, not a mapping");
	refuse(HEAD "command_rules:\n", "3:15: the list of rules must be a list, not nothing");
	refuse(HEAD "command_rules: [5]\n", "command rule must be a mapping");
	refuse(COMMAND_RULE "    command: [dd]\n",
	       "6:5: unknown key 'command' in command rule; did you mean 'commands'?");
	refuse(COMMAND_RULE "    arg_patterns: [dd]\n", "did you mean 'args_patterns'?");
	refuse(COMMAND_RULE "    commands: null\n", "commands must be a list");
	refuse(COMMAND_RULE "    commands: {}\n", "commands must be a list");
	refuse(COMMAND_RULE "    commands: 5\n", "commands must be a list");
	refuse(COMMAND_RULE "    commands: []\n",
	       "commands is empty; leave the key out if everything is meant");
	refuse(COMMAND_RULE "    commands: [null]\n", "commands is null; quote it");
	refuse(COMMAND_RULE "    commands: ['']\n", "an empty command name");
	refuse(HEAD "command_rules:\n  - name: r\n    decison: deny\n", "did you mean 'decision'?");
	refuse(HEAD "command_rules:\n  - name: r\n", "4:5: command rule without a decision");
	refuse(HEAD "command_rules:\n  - decision: deny\n", "command rule without a name");
	refuse(HEAD "command_rules:\n  - {name: \"a\\nb\", decision: deny}\n", "a name is one line");
	take(HEAD "registry_rules: [{name: x, paths: [y]}]\nprocess_contexts: {a: {b: c}}\n");
	refuse(HEAD "process_contexts: [1]\n", "process_contexts must be a mapping");
}

T_CASE(words)
{
	static const char *const bad[] = { "block", "[deny]", "null", "alow", "''", "{}", "soft_delete" };
	char text[300];

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		snprintf(text, sizeof text, HEAD "command_rules:\n  - name: r\n    decision: %s\n", bad[i]);
		refuse(text, "5:15: ");
	}
	take(HEAD "command_rules:\n  - name: r\n    decision: Deny\n");
	refuse(FILE_RULE "    paths: [/a]\n    operations: [raed]\n",
	       "unknown operation 'raed'; did you mean 'read'?");
	refuse(FILE_RULE "    paths: [/a]\n    operations: []\n", "operations is empty");
	refuse(FILE_RULE, "rule without paths");
	refuse(FILE_RULE "    paths: []\n", "paths is empty");
	refuse(FILE_RULE "    paths: ['/a[']\n", "6:13: pattern '/a[': unclosed '['");
	refuse(FILE_RULE "    paths: ['/a{b']\n", "would never match");
	refuse(FILE_RULE "    paths: [/a]\n    timeout: -5m\n", "timeout must be a duration");
	refuse(FILE_RULE "    paths: [/a]\n    timeout: 5\n", "timeout must be a duration");
	refuse(FILE_RULE "    paths: [/a]\n    redirect_to: /x\n", "redirect_to without decision: redirect");
	refuse(HEAD "file_rules:\n  - {name: r, decision: redirect, paths: [/a]}\n",
	       "redirect needs redirect_to");
}

T_CASE(network)
{
	refuse(NET_RULE "    ports: [0]\n", "6:13: port must be a whole number from 1 to 65535");
	refuse(NET_RULE "    ports: [70000]\n", "port must be");
	refuse(NET_RULE "    ports: ['443-']\n", "port must be");
	refuse(NET_RULE "    ports: [443.0]\n", "port must be");
	refuse(NET_RULE "    ports: 443\n", "ports must be a list");
	refuse(NET_RULE "    cidrs: [10.0.0.0/33]\n", "cidr: prefix length '33'");
	refuse(NET_RULE "    cidrs: [10.0.0.1/8]\n", "write 10.0.0.0/8");
	refuse(NET_RULE "    domains: ['m\xc3\xbcnchen.de']\n", "write the xn-- form");
	refuse(NET_RULE "    domains: ['']\n", "an empty domain");
	refuse(NET_RULE "    domains: []\n", "domains is empty");
	refuse(NET_RULE "    operations: [bind]\n", "operation");
	refuse(NET_RULE "    operations: []\n", "operations is empty");
	refuse(NET_RULE "    operations: [listen]\n    domains: [a.test]\n", "use cidrs and ports");
	refuse(NET_RULE "    operations: ['*']\n    domains: [a.test]\n", "use cidrs and ports");
	take(NET_RULE "    operations: [listen, connect]\n    cidrs: [0.0.0.0/0]\n    ports: [80]\n");
	take(NET_RULE "    domains: ['*.Example.COM.']\n    ports: [443, 22]\n    cidrs: ['fd00::/8']\n");
}

T_CASE(commands)
{
	refuse(COMMAND_RULE "    args_patterns: ['(']\n", "6:21: pattern '(': unclosed '('");
	refuse(COMMAND_RULE "    args_patterns: ['*']\n", "nothing to repeat");
	refuse(COMMAND_RULE "    args_patterns: ['(a)\\1']\n", "back-references");
	refuse(COMMAND_RULE "    commands: ['a[']\n", "pattern 'a[': unclosed '['");
	refuse(COMMAND_RULE "    context: [sideways]\n", "unknown context 'sideways'");
	refuse(COMMAND_RULE "    context: []\n", "context is empty");
	refuse(COMMAND_RULE "    context: {min_depth: 3, max_depth: 1}\n", "max_depth is below min_depth");
	refuse(COMMAND_RULE "    context: {min_dept: 3}\n", "did you mean 'min_depth'?");
	refuse(COMMAND_RULE "    redirect_to: {command: x}\n", "redirect_to without decision: redirect");
	refuse(COMMAND_RULE "    env_max_keys: 4294967297\n", "env_max_keys must be a whole number");
	refuse(COMMAND_RULE "    env_allow: ['A=B']\n", "cannot be the name of a variable");
	refuse(HEAD "command_rules:\n  - {name: r, decision: redirect}\n",
	       "decision redirect needs redirect_to");
	take(COMMAND_RULE
	     "    commands: [/usr/bin/d*, go*, true]\n    context: {min_depth: 1}\n    env_deny: [X*]\n");
	take(HEAD "command_rules:\n  - {name: r, decision: redirect, redirect_to: {command: /x, args: [], "
	          "environment: {A: b}}}\n");
}

T_CASE(the_rest)
{
	refuse(HEAD "resource_limits: {max_memory_mb: -1}\n", "max_memory_mb must be a whole number");
	refuse(HEAD "resource_limits: {max_memory_mb: 99999999999999999999}\n", "max_memory_mb must be");
	refuse(HEAD "resource_limits: {command_timeout: 5}\n", "command_timeout must be a duration");
	refuse(HEAD "env_policy: {max_keys: 4294967297}\n", "max_keys must be");
	refuse(HEAD "env_policy: {allow: PATH}\n", "allow must be a list");
	refuse(HEAD "env_policy: {deny: ['[']}\n", "pattern '[': unclosed");
	refuse(HEAD "env_inject: {'A=B': c}\n", "cannot be the name of a variable");
	refuse(HEAD "env_inject: {A: [b]}\n", "A must be a text");
	refuse(HEAD "audit: {log_allowed: yes}\n", "log_allowed must be true or false");
	refuse(SIGNAL_RULE "    signals: [SIGNOPE]\n    target: {type: self}\n", "unknown signal 'SIGNOPE'");
	refuse(SIGNAL_RULE "    signals: [TERM]\n", "signal rule without a target");
	refuse(SIGNAL_RULE "    signals: [TERM]\n    target: {type: slef}\n", "did you mean 'self'?");
	refuse(SIGNAL_RULE "    signals: [TERM]\n    target: {type: process}\n",
	       "target process needs a pattern");
	refuse(HEAD "dns_redirects: [{name: a, match: x, resolve_to: nowhere}]\n",
	       "resolve_to must be an address");
	refuse(HEAD "connect_redirects: [{name: a, match: x, redirect_to: host}]\n",
	       "redirect_to must be host:port");
	refuse(HEAD
	       "connect_redirects: [{name: a, match: x, redirect_to: 'h:1', tls: {mode: rewrite_sni}}]\n",
	       "needs sni");
	take(HEAD "dns_redirects: [{name: a, match: '^api\\.', resolve_to: 127.0.0.1, visibility: warn}]\n"
	          "connect_redirects: [{name: a, match: '.*:443$', "
	          "redirect_to: 'p.test:1', tls: {mode: passthrough}}]\n");
	take(SIGNAL_RULE
	     "    signals: ['@fatal', 15, SIGHUP]\n    target: {type: pid_range, min: 5, max: 9}\n");
}

T_CASE(everything_at_once)
{
	struct policy *p =
	        load("version: x\nfile_rules:\n  - name: a\n    paths: ['[']\n    decision: maybe\n"
	             "  - nam: b\n    paths: [/x]\n    decision: deny\nenv_policy: 5\n");

	ok(!p);
	is_str(found,
	       "1:1: no name; write name: followed by a word\n"
	       "1:10: version must be a whole number from 1 to 1000\n"
	       "4:13: pattern '[': unclosed '['; write \\[ for the character itself\n"
	       "5:15: unknown decision 'maybe'; write allow, deny, approve, audit, redirect or soft_delete\n"
	       "6:5: unknown key 'nam' in file rule; did you mean 'name'?\n"
	       "6:5: file rule without a name; every decision is reported by its rule's name\n"
	       "9:13: env_policy must be a mapping, not a single value\n");
	policy_free(p);
}

T_CASE(sizes)
{
	char *big = malloc(8 << 20);
	struct policy *p;
	size_t n;

	if (!ok(big != NULL))
		return;
	n = (size_t)sprintf(big, HEAD "command_rules:\n");
	for (int i = 0; i < 10001; i++)
		n += (size_t)sprintf(big + n, "- {name: r%d, decision: deny}\n", i);
	ok(!load(big) && strstr(found, "10001 rules; at most 10000 in one list"));
	n = (size_t)sprintf(big, HEAD "file_rules:\n");
	for (int i = 0; i < 20000; i++)
		n += (size_t)sprintf(big + n, "- {name: r%d, decision: deny, paths: [/srv/%d/**]}\n", i, i);
	p = load(big);
	ok(p != NULL, "20,000 file rules %s", found);
	policy_free(p);
	memset(big, ' ', 5 << 20);
	ok(!load_with(big, 5 << 20, &(struct policy_options){ 0 }) && strstr(found, "larger than"));
	free(big);
}

static bool with_root(const char *root, const char *pattern, const char *path)
{
	const struct policy_var vars[] = { { "PROJECT_ROOT", root }, { "USER", "jo" }, { NULL, NULL } };
	char text[500];
	struct policy *p;
	struct decide_cache *c;
	bool allowed;

	snprintf(text, sizeof text, FILE_RULE "    paths: ['%s']\n", pattern);
	p = load_with(text, strlen(text), &(struct policy_options){ .vars = vars, .expand = true });
	if (!p)
		return false;
	c = decide_cache_new(p);
	allowed = decide_file(p, c, &(struct file_request){ .op = FILE_READ, .path = path }).effective ==
	          EFFECT_ALLOW;
	decide_cache_free(c);
	policy_free(p);
	return allowed;
}

T_CASE(variables)
{
	ok(with_root("/w", "${PROJECT_ROOT}/**", "/w/a"));
	ok(!with_root("/w", "${PROJECT_ROOT}/**", "/x/a"));
	ok(with_root("/w", "/home/${USER}/**", "/home/jo/a"));
	ok(with_root("/w", "${HOME:-/h}/**", "/h/a"));
	ok(with_root("/w*[{\\", "${PROJECT_ROOT}/**", "/w*[{\\/a"), "values are no patterns");
	ok(!with_root("/w*", "${PROJECT_ROOT}/**", "/wide/a"), "values are no patterns");
	ok(with_root("/", "${PROJECT_ROOT}/a", "/a"), "the root directory joins");
	ok(!with_root(NULL, "${PROJECT_ROOT}/**", "/a") && strstr(found, "variable PROJECT_ROOT is not set"),
	   "unset");
	ok(!with_root("", "${PROJECT_ROOT}/**", "/a") && strstr(found, "is not set"), "empty");
	ok(!with_root("w", "${PROJECT_ROOT}/**", "/w/a") && strstr(found, "not an absolute path"),
	   "relative");
	ok(!with_root("/w/../etc", "${PROJECT_ROOT}/**", "/etc/a") && strstr(found, "not in normal form"),
	   "dot dot");
	ok(!with_root("/w\n", "${PROJECT_ROOT}/**", "/w\n/a") && strstr(found, "control characters"),
	   "newline");
	ok(!with_root("/w", "${HOME:-}/**", "/a") && strstr(found, "fallback"), "empty fallback");
	ok(!with_root("/w", "${HOME:-x}/**", "x/a") && strstr(found, "fallback"), "relative fallback");
	ok(!with_root("/w", "${1}/**", "/a") && strstr(found, "not a variable"), "bad name");
	ok(!with_root("/w", "${PROJECT_ROOT/**", "/a") && strstr(found, "not a variable"), "unclosed");
	ok(!with_root("/w", "/a${PROJECT_ROOT}", "/a/w") && strstr(found, "one path component"),
	   "path in the middle");
}

T_CASE(facts)
{
	struct policy *p =
	        load(HEAD "description: d\nresource_limits:\n  max_memory_mb: 10\n  memory_swap_max_mb: 0\n"
	                  "  command_timeout: 5m\naudit:\n  log_allowed: false\nenv_inject:\n  A: b\n"
	                  "command_rules:\n  - {name: all, decision: allow}\n");
	size_t n;

	ok(p != NULL);
	is_str(policy_name(p), "t");
	is_str(policy_description(p), "d");
	is_int((long long)policy_limits(p)->max_memory_mb, 10);
	is_int(policy_limits(p)->memory_swap_max_mb, 0);
	is_int(policy_limits(p)->command_timeout_ns, 300000000000);
	ok(!policy_audit(p)->log_allowed && policy_audit(p)->log_denied);
	is_str(policy_env_inject(p, &n)->value, "b");
	ok(n == 1 && !policy_needs(p).commands && !policy_needs(p).depth && !policy_needs(p).signals);
	policy_free(p);
	p = load(HEAD);
	ok(policy_needs(p).commands, "without rules everything is denied, so everything is asked");
	is_int(policy_limits(p)->memory_swap_max_mb, -1);
	policy_free(p);
}

/* Load with the n-th allocation failing; what comes out is the whole policy, or none and a reason. False when
 * there are not so many. */
static bool survives(const char *name, const char *text, size_t len, long n)
{
	const struct policy_var vars[] = { { "PROJECT_ROOT", "/w" }, { "HOME", "/h" }, { NULL, NULL } };
	const struct policy_options options = { .vars = vars, .expand = true };
	struct policy_problems problems;
	struct decide_cache *c;
	struct policy *p;
	bool failed;

	alloc_fail_at(n);
	p = policy_load(text, len, name, &options, &problems);
	c = p ? decide_cache_new(p) : NULL;
	failed = alloc_failed();
	alloc_fail_at(0);
	if ((p && c) == failed)
		ok(false, "%s: allocation %ld: %s", name, n, p ? "loaded" : "not loaded");
	if (!p && (!problems.n || !strstr(problems.items[0].text, "ut of memory")))
		ok(false, "%s: allocation %ld: %zu problems, '%s'", name, n, problems.n,
		   problems.n ? problems.items[0].text : "");
	decide_cache_free(c);
	policy_free(p);
	policy_problems_release(&problems);
	return failed;
}

static const char every_scope[] =
        HEAD "file_rules:\n"
             "- {name: a, paths: ['${PROJECT_ROOT}/**', /x/*.c], operations: [read], decision: allow}\n"
             "- {name: b, paths: [/o], decision: redirect, redirect_to: /p, message: '{{.Path}}'}\n"
             "network_rules:\n"
             "- {name: a, domains: ['*.Test.', a.b], ports: [443], decision: allow}\n"
             "- {name: b, cidrs: [10.0.0.0/8, 'fd00::/8'], decision: deny}\n"
             "command_rules:\n"
             "- {name: a, commands: [rm, /bin/x*], args_patterns: ['^-r'], decision: deny}\n"
             "- {name: b, commands: [git], env_allow: [G*], env_deny: [S], decision: allow}\n"
             "- {name: c, decision: redirect, redirect_to: {command: /x, args: [y], environment: {A: b}}}\n"
             "unix_socket_rules: [{name: a, paths: ['@x', /run/*], decision: allow}]\n"
             "signal_rules: [{name: a, signals: ['@fatal', 15], target: {type: self}, decision: deny}]\n"
             "dns_redirects: [{name: a, match: '^api\\.', resolve_to: 127.0.0.1}]\n"
             "connect_redirects: [{name: a, match: ':443$', redirect_to: 'p.test:1'}]\n"
             "resource_limits: {max_memory_mb: 1, command_timeout: 5m}\n"
             "env_policy: {allow: [PATH, 'X*'], deny: [Y]}\nenv_inject: {A: b}\n"
             "audit: {log_allowed: false}\n";

/* The loader asks libraries for most of its memory: each place once with the small policy, some of the large.
 */
static const char all_scopes[] = HEAD
        "file_rules:\n  - {name: f, paths: ['${ROOT}/**'], decision: allow}\n"
        "network_rules:\n  - {name: n, domains: ['${ZONE}'], decision: allow}\n"
        "  - {name: n-any, ports: [80], decision: allow}\n"
        "unix_socket_rules:\n  - {name: u, paths: ['${ROOT}/sock'], decision: allow}\n"
        "dns_redirects:\n  - {name: d, match: '^(a|b)+$', resolve_to: 127.0.0.1}\n"
        "command_rules:\n  - {name: c, commands: [ls, 'g*'], args_patterns: ['^(a|b)+$'], decision: allow}\n"
        "signal_rules:\n  - {name: s, signals: ['@all'], target: {type: self}, decision: deny}\n"
        "env_policy: {allow: [PATH]}\nresource_limits: {pids_max: 7}\n";

static const struct policy_var some_vars[] = { { "ROOT", "/w" }, { "ZONE", "z.example" }, { NULL, NULL } };

static const char *command_rule(const struct policy *p, const char *arg)
{
	const char *argv[] = { "ls", arg, NULL };

	return decide_command(p, &(struct command_request){ .path = "/bin/ls", .argv = argv, .argc = 2 })
	        .rule->name;
}

/* A supervisor has a MiB for all it is. */
T_CASE(many_rules_are_small)
{
	AUTO_BUF text = { 0 };
	struct policy *p;

	buf_str(&text, HEAD "command_rules:\n");
	for (int i = 0; i < 500; i++)
		buf_fmt(&text,
		        "  - name: command-%d\n    commands: [never%d, other%d]\n    decision: deny\n"
		        "    args_patterns: ['(^| )--force%d( |$)']\n",
		        i, i, i, i);
	buf_str(&text, "file_rules:\n");
	for (int i = 0; i < 500; i++)
		buf_fmt(&text,
		        "  - name: file-%d\n    paths: ['/srv/never%d/**', '**/*.never%d']\n"
		        "    decision: deny\n",
		        i, i, i);
	p = load_with(buf_text(&text), text.len, &(struct policy_options){ 0 });
	if (!ok(p != NULL, "%s", found))
		return;
	ok(p->arena.used < 320 * 1024, "commands: %zu bytes", p->arena.used);
	ok(p->places.used < 320 * 1024, "files: %zu bytes", p->places.used);
	for (size_t i = 0; i < p->n_command; i++)
		if (p->command_rules[i].regexes[0].tre)
			ok(0, "rule %zu needs an engine", i);
	policy_free(p);
}

T_CASE(what_has_no_variables_stays)
{
	const struct policy_options options = { .vars = some_vars, .expand = true };
	struct policy *p = load_with(all_scopes, sizeof all_scopes - 1, &options);
	struct file_request file = { .op = FILE_READ, .path = "/w/a" };
	struct net_request net = { .host = "z.example", .port = 80 };
	struct decide_cache *c = p ? decide_cache_new(p) : NULL;

	if (!ok(c != NULL, "%s", found))
		return;
	is_str(decide_file(p, c, &file).rule->name, "f");
	is_str(decide_net(p, c, &net).rule->name, "n");
	is_str(decide_unix(p, UNIX_CONNECT, "/w/sock").rule->name, "u");
	policy_drop_places(p);
	is_str(decide_file(p, c, &file).rule->name, "default-deny-files");
	is_int(decide_file(p, c, &file).effective, EFFECT_DENY);
	is_str(decide_net(p, c, &net).rule->name, "default-deny-network");
	is_int(decide_net(p, c, &net).effective, EFFECT_DENY);
	is_int(decide_unix(p, UNIX_CONNECT, "/w/sock").effective, EFFECT_DENY);
	ok(!decide_cache_new(p), "nobody is led to ask");
	is_str(command_rule(p, "ab"), "c");
	ok(strcmp(command_rule(p, "x"), "c") != 0);
	is_str(decide_signal(p, &(struct signal_request){ .signal = 15, .target = TARGET_SELF }).rule->name,
	       "s");
	is_str(decide_env(p, NULL, "PATH", 4).rule->name, "allow PATH");
	is_int(decide_env(p, NULL, "X", 1).effective, EFFECT_DENY);
	is_int(policy_limits(p)->pids_max, 7);
	policy_drop_places(p); /* harmless when repeated */
	decide_cache_free(c);
	policy_free(p);
}

T_CASE(out_of_memory)
{
	AUTO_BUF text = { 0 };
	long n = 1, many = 1;

	while (n < 10000 && survives("every scope", every_scope, sizeof every_scope - 1, n))
		n++;
	ok(n > 100 && n < 10000, "%ld allocations failed in turn", n - 1);
	ok(fd_slurp_file("policies/default.yaml", 1 << 20, &text, NULL) == 0, "a large policy");
	while (many < 100000 && survives("default.yaml", buf_text(&text), text.len, many))
		many += 101;
	ok(many > 1000 && many < 100000, "%ld, one in 101", many);
}

T_CASE(out_of_memory_while_complaining)
{
	for (long n = 1; n < 1000; n++) {
		alloc_fail_at(n);
		if (load(HEAD "file_rules:\n- {name: r, decision: alow, paths: ['/[']}\nnonsense: 1\n"))
			ok(false, "allocation %ld: a wrong policy is taken", n);
		if (!alloc_failed())
			break;
	}
	alloc_fail_at(0);
	ok(strstr(found, "did you mean 'allow'"), "a wrong policy stays wrong");
}
