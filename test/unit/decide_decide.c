#include "decide/decide.h"

#include "test/policy.h"
#include "test/t.h"

#include <arpa/inet.h>

static const char commands[] =
        "version: 1\nname: t\ncommand_rules:\n"
        "- {name: tools, decision: allow,\n"
        "   commands: [git, env, nice, xargs, timeout, busybox, sudo, 'ld*.so*']}\n"
        "- {name: danger, decision: deny, commands: [dd, sudo2, /opt/x/evil, 'mkfs.*']}\n"
        "- {name: rm-r, decision: deny, commands: [rm], args_patterns: ['-r']}\n"
        "- {name: watch, decision: audit, commands: [curl]}\n"
        "- {name: ask, decision: approve, commands: [npm]}\n"
        "- {name: moved, decision: redirect, commands: [wget],\n"
        "   redirect_to: {command: /bin/true, args: [a]}}\n"
        "- {name: inner, decision: deny, commands: [applet-shell]}\n"
        "- {name: direct, decision: allow, commands: [make], context: [direct]}\n"
        "- {name: rest, decision: allow, commands: ['*']}\n";

enum { WORDS = 24 };

/* "PATH [given=NAME] [alias=NAME] [depth=N] -- ARGV…" */
static struct verdict ask(const struct policy *p, const char *line, const char **subject)
{
	static char text[1000];
	const char *argv[WORDS + 1] = { NULL }, *alias[1];
	struct command_request r = { .argv = argv, .alias = alias };
	bool args = false;
	struct verdict v;

	snprintf(text, sizeof text, "%s", line);
	for (char *w = strtok(text, "|"); w; w = strtok(NULL, "|")) {
		if (args && r.argc < WORDS)
			argv[r.argc++] = w;
		else if (!strcmp(w, "--"))
			args = true;
		else if (!strncmp(w, "given=", 6))
			r.given = w + 6;
		else if (!strncmp(w, "alias=", 6))
			alias[r.n_alias++] = w + 6;
		else if (!strncmp(w, "depth=", 6))
			r.depth = atoi(w + 6);
		else
			r.path = w;
	}
	v = decide_command(p, &r);
	*subject = v.subject;
	return v;
}

static const struct {
	const char *line, *rule, *subject;
} rows[] = {
	{ "/bin/ls|--|ls", "rest", "/bin/ls" },
	{ "/bin/DD|--|x", "danger", "/bin/DD" },
	{ "/bin/dd.real|--|x", "danger", "/bin/dd.real" },
	{ "/opt/x/evil|--|x", "danger", "/opt/x/evil" },
	{ "/opt/y/evil|--|x", "rest", "/opt/y/evil" },
	{ "/sbin/mkfs.ext4|--|x", "danger", "/sbin/mkfs.ext4" },
	{ "/bin/true|given=/tmp/dd|--|x", "danger", "/tmp/dd" },
	{ "/bin/busybox|alias=/bin/dd|--|dd", "danger", "dd" },
	{ "/bin/busybox|--|busybox|sh|-c|x", "inner", "applet-shell" },
	{ "/bin/busybox|alias=/bin/sh|--|-ash", "inner", "applet-shell" },
	{ "/tmp/x|given=/bin/busybox|--|hush", "inner", "applet-shell" },
	{ "/bin/busybox|--|busybox|cat|sh", "tools", "/bin/busybox" },
	{ "/bin/dash|--|sh|-c|x", "rest", "/bin/dash" },
	{ "/usr/bin/rm|--|rm|-rf|x", "rm-r", "/usr/bin/rm" },
	{ "/usr/bin/rm|--|rm|x", "rest", "/usr/bin/rm" },
	{ "/usr/bin/rm", "rest", "/usr/bin/rm" },
	/* seen through */
	{ "/usr/bin/env|--|env|dd", "danger", "dd" },
	{ "/usr/bin/env|--|env|-i|-u|X|A=b|C=d|dd|x", "danger", "dd" },
	{ "/usr/bin/env|--|env|-uX|--chdir=/|--unset|Y|--|A=b|/bin/dd", "danger", "/bin/dd" },
	{ "/usr/bin/env|--|env|-S|dd x", "danger", "dd" },
	{ "/usr/bin/env|--|env|-vSA=b rm 'x y' -r", "rm-r", "rm" },
	{ "/usr/bin/env|--|env|--split=-i dd", "danger", "dd" },
	{ "/usr/bin/env|--|env|-S|nice rm|-r", "rm-r", "rm" },
	{ "/usr/bin/env|--|env|--new-option|x|dd", "danger", "dd" },
	{ "/usr/bin/env|--|env|--new-option|x|y", "tools", "/usr/bin/env" },
	{ "/usr/bin/env|--|env", "tools", "/usr/bin/env" },
	{ "/usr/bin/env|--|env|A=dd|git", "tools", "/usr/bin/env" },
	{ "/usr/bin/env", "tools", "/usr/bin/env" },
	{ "/usr/bin/nice|--|nice|-n|5|dd", "danger", "dd" },
	{ "/usr/bin/nice|--|nice|-5|dd", "danger", "dd" },
	{ "/usr/bin/nice|--|nice|--adj|5|dd", "danger", "dd" },
	{ "/usr/bin/timeout|--|timeout|-k|1|--sig=9|5s|dd", "danger", "dd" },
	{ "/usr/bin/timeout|--|timeout|5s|git|dd", "tools", "/usr/bin/timeout" },
	{ "/usr/bin/stdbuf|--|stdbuf|-oL|-e|0|dd", "danger", "dd" },
	{ "/usr/bin/chrt|--|chrt|-f|10|dd", "danger", "dd" },
	{ "/usr/bin/chrt|--|chrt|-b|dd", "danger", "dd" },
	{ "/usr/bin/taskset|--|taskset|ff|dd", "danger", "dd" },
	{ "/usr/bin/ionice|--|ionice|-c2|-n|0|dd", "danger", "dd" },
	{ "/usr/bin/setsid|--|setsid|-w|nohup|time|-f|%e|dd", "danger", "dd" },
	{ "/usr/bin/xargs|--|xargs|-0|-n1|-I|{}|rm|-r|{}", "rm-r", "rm" },
	{ "/usr/bin/xargs|--|xargs|-i|make", "tools", "/usr/bin/xargs" },
	{ "/usr/bin/sudo|--|sudo|-u|root|-E|A=b|dd", "danger", "dd" },
	{ "/usr/bin/doas|--|doas|-u|root|dd", "danger", "dd" },
	{ "/lib64/ld-linux-x86-64.so.2|--|ld|--library-path|/x|/usr/bin/dd", "danger", "/usr/bin/dd" },
	{ "/lib64/ld-linux-x86-64.so.2|--|ld|--argv0|git|--inhibit-cache|/usr/bin/dd", "danger",
	  "/usr/bin/dd" },
	{ "/lib/ld-musl-x86_64.so.1|--|ld|--preload=x|--|/usr/bin/dd", "danger", "/usr/bin/dd" },
	{ "/lib64/ld-linux-x86-64.so.2|--|ld|--what|x|/usr/bin/dd", "danger", "/usr/bin/dd" },
	{ "/lib64/ld-linux-x86-64.so.2|--|ld|/bin/env|/usr/bin/dd", "danger", "/usr/bin/dd" },
	{ "/bin/busybox|--|busybox|dd|if=x", "danger", "dd" },
	{ "/bin/busybox|--|/any/dd|if=x", "danger", "dd" },
	{ "/bin/busybox|--|-dd", "danger", "dd" },
	{ "/bin/busybox|--|busybox|env|rm|-r", "rm-r", "rm" },
	{ "/bin/busybox", "tools", "/bin/busybox" },
	{ "/usr/bin/coreutils|--|x|--coreutils-prog=dd|if=x", "danger", "dd" },
	{ "/usr/bin/env|--|env|wget|x", "tools", "/usr/bin/env" },
	{ "/bin/busybox|--|busybox|wget|x", "moved", "wget" },
	{ "/usr/bin/env|--|env|curl", "watch", "curl" },
	{ "/usr/bin/env|--|env|npm", "ask", "npm" },
	{ "/usr/bin/make|--|make", "direct", "/usr/bin/make" },
	{ "/usr/bin/make|depth=1|--|make", "rest", "/usr/bin/make" },
};

T_CASE(command_table)
{
	struct policy *p = policy_of(commands);

	if (!ok(p != NULL))
		return;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		const char *subject;
		struct verdict v = ask(p, rows[i].line, &subject);

		ok(!strcmp(v.rule->name, rows[i].rule), "%s: %s", rows[i].line, rows[i].rule);
		if (strcmp(v.rule->name, rows[i].rule) != 0)
			printf("# got %s\n", v.rule->name);
		is_str(subject, rows[i].subject);
	}
	policy_free(p);
}

T_CASE(command_details)
{
	struct policy *p = policy_of(commands);
	const char *subject, *argv[40];
	struct command_request r = { .path = "/usr/bin/env", .argv = argv, .argc = 40 };
	struct verdict v;

	v = ask(p, "/usr/bin/npm|--|npm", &subject);
	ok(v.decision == EFFECT_APPROVE && v.effective == EFFECT_DENY, "nobody to ask");
	ok(!ask(p, "/bin/ls|--|ls", &subject).used_args && ask(p, "/bin/rm|--|rm|x", &subject).used_args);
	ok(ask(p, "/usr/bin/env|--|env|ls", &subject).used_args);
	v = ask(p, "/usr/bin/wget|--|wget", &subject);
	ok(v.effective == EFFECT_ALLOW && decide_redirect(v.rule));
	is_str(decide_redirect(v.rule)->args[0], "a");
	ok(ask(p, "/bin/busybox|--|busybox|wget", &subject).effective == EFFECT_DENY,
	   "cannot be redirected inside");
	ok(!decide_redirect(ask(p, "/bin/ls", &subject).rule));
	for (int i = 0; i < 40; i++)
		argv[i] = "env";
	is_str(decide_command(p, &r).rule->name, "too-many-wrappers");
	is_int(decide_payload(&r), -1);
	r = (struct command_request){ .path = "/lib/ld-linux.so.2",
		                      .argv = (const char *const[]){ "x", "--list", "/y" },
		                      .argc = 3 };
	is_int(decide_payload(&r), 2);
	policy_free(p);
}

/* CF-05: what would take too long holds for rules that restrict, and not for those that permit. */
T_CASE(bounded_work)
{
	enum { N = 200000, LONG = 6 << 20 };
	struct policy *p =
	        policy_of("version: 1\nname: t\ncommand_rules:\n"
	                  "- {name: no, decision: deny, commands: [a], args_patterns: ['(x?){1,90}y']}\n"
	                  "- {name: yes, decision: allow, commands: [b], args_patterns: ['(x?){1,90}$']}\n"
	                  "- {name: rm-r, decision: deny, commands: [rm], args_patterns: ['-r', 'q|z']}\n"
	                  "- {name: tools, decision: allow, commands: [a, xargs, rm]}\n");
	const char **argv = calloc(N + 2, sizeof *argv);
	char *text = malloc(LONG + 1);
	struct command_request r = { .argv = argv, .argc = 2 };

	if (!ok(argv && text))
		return;
	memset(text, 'x', LONG);
	text[LONG] = 0;
	argv[0] = "a";
	argv[1] = text + LONG - 2000;
	r.path = "/bin/a";
	is_str(decide_command(p, &r).rule->name, "tools", "within the bounds");
	argv[1] = text;
	is_str(decide_command(p, &r).rule->name, "no", "beyond them: denied");
	r.path = "/bin/b";
	argv[1] = text + LONG - 2000;
	is_str(decide_command(p, &r).rule->name, "yes", "within the bounds");
	argv[1] = text;
	is_str(decide_command(p, &r).rule->name, "default-deny-commands", "beyond them: not allowed");
	argv[0] = "xargs";
	argv[1] = "--zzz";
	for (int i = 2; i < N + 2; i++)
		argv[i] = "rm";
	r = (struct command_request){ .path = "/bin/xargs", .argv = argv, .argc = 100 };
	is_str(decide_command(p, &r).rule->name, "tools", "any of a hundred words may be the command");
	r.argc = N + 2;
	is_str(decide_command(p, &r).rule->name, "rm-r", "any of 200,000: nobody looks at all");
	free(text);
	free(argv);
	policy_free(p);
}

/* A default-deny policy: only what is named runs, and a name that the caller chose opens nothing. */
T_CASE(command_default_deny)
{
	struct policy *p = policy_of("version: 1\nname: t\ncommand_rules:\n"
	                             "- {name: tools, decision: allow, commands: [git, /bin/sh]}\n");
	const char *subject;

	is_str(ask(p, "/usr/bin/ls|--|ls", &subject).rule->name, "default-deny-commands");
	is_str(ask(p, "/tmp/evil|given=/tmp/git|--|git", &subject).rule->name, "default-deny-commands");
	is_str(ask(p, "/usr/bin/dash|alias=/bin/sh|--|sh", &subject).rule->name, "tools");
	is_str(ask(p, "/usr/bin/dash|given=/bin/sh|--|sh", &subject).rule->name, "default-deny-commands");
	is_str(ask(p, "/usr/bin/git|given=|--|git", &subject).rule->name, "tools");
	policy_free(p);
}

static const char *dial(const struct policy *p, struct decide_cache *c, const char *host, const char *address)
{
	struct net_request r = { .host = host, .port = 443 };
	uint8_t addr[16];

	r.addr = addr;
	r.addr_len = strchr(address, ':') ? 16 : 4;
	inet_pton(r.addr_len == 4 ? AF_INET : AF_INET6, address, addr);
	return decide_dial(p, c, &r).rule->name;
}

T_CASE(dialling)
{
	struct policy *p = policy_of(
	        "version: 1\nname: t\nnetwork_rules:\n"
	        "  - {name: corp, decision: allow, domains: ['*.corp.test'], cidrs: [10.1.0.0/16]}\n"
	        "  - {name: known, decision: allow, domains: ['**.test']}\n"
	        "  - {name: one, decision: allow, cidrs: [169.254.169.253/32]}\n"
	        "  - {name: link, decision: allow, cidrs: [169.254.0.0/16, 172.16.0.0/12]}\n"
	        "  - {name: bad, decision: deny, cidrs: [203.0.113.0/24, 10.0.0.0/8]}\n"
	        "  - {name: rest, decision: deny, cidrs: [0.0.0.0/0, '::/0']}\n");
	struct decide_cache *c = decide_cache_new(p);

	is_str(dial(p, c, "a.test", "192.0.2.1"), "known", "a range of all is a default");
	is_str(dial(p, c, "a.test", "203.0.113.5"), "bad", "a denied range wins over the name");
	is_str(dial(p, c, "a.test", "::ffff:203.0.113.5"), "bad");
	is_str(dial(p, c, "a.test", "10.1.2.3"), "bad");
	is_str(dial(p, c, "a.corp.test", "10.1.2.3"), "corp", "a rule of name and range, before it");
	is_str(dial(p, c, "a.corp.test", "10.2.2.3"), "bad");
	is_str(dial(p, c, "a.test", "172.16.1.1"), "known", "a private range that a rule allows");
	is_str(dial(p, c, "a.test", "192.168.1.1"), "block-rebinding");
	is_str(dial(p, c, "a.test", "127.0.0.1"), "block-rebinding");
	is_str(dial(p, c, "a.test", "::1"), "block-rebinding");
	is_str(dial(p, c, "a.test", "fd12::1"), "block-rebinding");
	is_str(dial(p, c, "a.test", "169.254.169.254"), "block-metadata-services");
	is_str(dial(p, c, "a.test", "64:ff9b::a9fe:a9fe"), "block-metadata-services");
	is_str(dial(p, c, "a.test", "fd00:ec2::254"), "block-metadata-services");
	is_str(dial(p, c, "a.test", "100.100.100.200"), "block-metadata-services");
	is_str(dial(p, c, NULL, "169.254.169.254"), "block-metadata-services",
	       "an allowed range is not enough");
	is_str(dial(p, c, NULL, "169.254.169.253"), "one", "the very address is");
	is_str(dial(p, c, NULL, "192.168.1.1"), "rest", "without a name there is nothing to rebind");
	is_str(dial(p, c, "evil.org", "192.0.2.1"), "rest");
	is_str(dial(p, c, "a b", "192.0.2.1"), "default-deny-network");
	decide_cache_free(c);
	policy_free(p);
}

static struct verdict named(const struct policy *p, struct decide_cache *c, const char *name, int port)
{
	return decide_name(p, c, &(struct net_request){ .host = name, .port = (uint16_t)port });
}

T_CASE(names_to_ask_for)
{
	struct policy *p = policy_of(
	        "version: 1\nname: t\nnetwork_rules:\n"
	        "  - {name: no, decision: deny, domains: ['bad.test']}\n"
	        "  - {name: ssh, decision: allow, domains: ['*.test'], ports: [22, 443]}\n"
	        "  - {name: ask, decision: approve, domains: ['maybe.org']}\n"
	        "  - {name: corp, decision: allow, domains: ['*.corp'], cidrs: [10.0.0.0/8], ports: [1]}\n"
	        "  - {name: near, decision: allow, cidrs: [10.0.0.0/8]}\n");
	struct decide_cache *c = decide_cache_new(p);

	is_str(named(p, c, "a.test", 0).rule->name, "ssh");
	is_str(named(p, c, "bad.test", 0).rule->name, "no");
	is_str(named(p, c, "evil.org", 0).rule->name, "default-deny-network");
	is_str(named(p, c, "a.corp", 0).rule->name, "corp", "wherever it leads");
	is_str(named(p, c, "a.corp", 2).rule->name, "default-deny-network");
	is_str(named(p, c, "a.test", 22).rule->name, "ssh");
	is_int(named(p, c, "maybe.org", 0).effective, EFFECT_DENY, "nobody can be asked");
	decide_cache_free(c);
	policy_free(p);
}

static const char *net(const struct policy *p, struct decide_cache *c, const char *host, int port)
{
	return decide_net(p, c, &(struct net_request){ .host = host, .port = (uint16_t)port }).rule->name;
}

/* `*` by itself: names of any depth and addresses of any form, whatever the rule decides. */
T_CASE(every_host)
{
	static const char *const hosts[] = { "localhost", "a.test",     "a.b.c.d.test",
		                             "192.0.2.1", "2130706433", "2001:db8::1",
		                             "::1",       "_x-1.test",  "10.1.2.3.nip.io" };
	struct policy *no = policy_of(
	                      "version: 1\nname: t\nnetwork_rules:\n"
	                      "  - {name: api, decision: allow, domains: ['*.a.test'], ports: [443]}\n"
	                      "  - {name: some, decision: deny, domains: ['x.test', '*']}\n"),
	              *yes = policy_of(
	                      "version: 1\nname: t\nnetwork_rules:\n"
	                      "  - {name: web, decision: deny, domains: ['*'], cidrs: [10.0.0.0/8]}\n"
	                      "  - {name: some, decision: allow, domains: ['*']}\n");
	struct decide_cache *c = decide_cache_new(no), *d = decide_cache_new(yes);
	const uint8_t ten[4] = { 10, 1, 2, 3 }, meta[4] = { 169, 254, 169, 254 };

	for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
		is_str(net(no, c, hosts[i], 443), "some");
		is_str(net(yes, d, hosts[i], 443), "some");
	}
	is_str(net(no, c, "b.a.test", 443), "api");
	is_str(net(no, c, "c.b.a.test", 443), "some", "in a longer pattern it is one label");
	is_str(net(no, c, "bad host", 443), "default-deny-network", "no host at all");
	is_str(net(yes, d, "10.1.2.3", 443), "web");
	is_str(dial(yes, d, "a.test", "192.0.2.1"), "some");
	is_str(dial(yes, d, "a.test", "127.0.0.1"), "block-rebinding");
	is_str(dial(yes, d, NULL, "169.254.169.254"), "block-metadata-services");
	ok(decide_is_general(decide_net(no, c, &(struct net_request){ .addr = ten, .addr_len = 4 }).rule));
	ok(decide_is_general(decide_net(no, c, &(struct net_request){ .host = "b c" }).rule));
	ok(!decide_is_general(decide_net(yes, d, &(struct net_request){ .addr = ten, .addr_len = 4 }).rule));
	ok(!decide_is_general(
	        decide_dial(yes, d, &(struct net_request){ .addr = meta, .addr_len = 4 }).rule));
	ok(!decide_is_general(
	        decide_net(no, c, &(struct net_request){ .host = "b.a.test", .port = 443 }).rule));
	decide_cache_free(c);
	decide_cache_free(d);
	policy_free(no);
	policy_free(yes);
}

/* What the operator leads elsewhere. */
T_CASE(redirects)
{
	struct policy *p = policy_of(
	        "version: 1\nname: t\nnetwork_rules:\n"
	        "  - {name: private, decision: deny, cidrs: [10.0.0.0/8]}\n"
	        "  - {name: known, decision: allow, domains: ['**.test'], ports: [443]}\n"
	        "dns_redirects:\n"
	        "  - {name: mirror, match: '^reg\\.a\\.test$', resolve_to: 10.0.0.5}\n"
	        "  - {name: six, match: '^six', resolve_to: '::1', visibility: silent}\n"
	        "  - {name: meta, match: 'meta', resolve_to: 169.254.169.254, on_failure: fail_open}\n"
	        "  - {name: evil, match: 'evil', resolve_to: 10.0.0.6, visibility: warn}\n"
	        "connect_redirects:\n"
	        "  - {name: to-mirror, match: '^a\\.test:443$', redirect_to: 'mirror.test:8443', "
	        "tls: {mode: rewrite_sni, sni: m.test}}\n");
	struct decide_cache *c = decide_cache_new(p);
	struct net_redirect r;

	is_int(decide_name_redirect(p, "reg.a.test", &r), REDIRECT_FOUND);
	is_str(r.rule->name, "mirror");
	is_int(r.rule->line, 7);
	is_str(r.host, "10.0.0.5");
	ok(r.addr_len == 4 && r.visibility == REDIRECT_AUDIT && r.on_failure == REDIRECT_FAIL_CLOSED);
	is_int(decide_name_redirect(p, "x.reg.a.test", &r), REDIRECT_NONE);
	ok(decide_name_redirect(p, "six.test", &r) == REDIRECT_FOUND && r.addr_len == 16 &&
	   r.visibility == REDIRECT_SILENT);
	ok(decide_name_redirect(p, "evil.org", &r) == REDIRECT_FOUND && r.visibility == REDIRECT_WARN);
	is_str(dial(p, c, "reg.a.test", "10.0.0.5"), "known", "the operator's address is no finding");
	is_str(dial(p, c, "reg.a.test", "10.0.0.6"), "private", "any other is");
	is_str(dial(p, c, "other.a.test", "10.0.0.5"), "private");
	is_str(dial(p, c, NULL, "10.0.0.5"), "private", "by itself it is denied");
	is_str(dial(p, c, "six.test", "::1"), "known");
	is_str(dial(p, c, "meta.test", "169.254.169.254"), "block-metadata-services");
	is_str(dial(p, c, "evil.org", "10.0.0.6"), "default-deny-network", "the name counts");
	is_int(decide_connect_redirect(p, "a.test", 443, &r), REDIRECT_FOUND);
	ok(r.addr_len == 0 && r.port == 8443);
	is_str(r.host, "mirror.test");
	is_str(r.sni, "m.test");
	is_int(decide_connect_redirect(p, "a.test", 80, &r), REDIRECT_NONE);
	is_int(decide_connect_redirect(p, "::1", 443, &r), REDIRECT_NONE);
	decide_cache_free(c);
	policy_free(p);
}

T_CASE(network)
{
	struct policy *p =
	        policy_of("version: 1\nname: t\nnetwork_rules:\n"
	                  "  - {name: six, decision: allow, cidrs: ['::/0']}\n"
	                  "  - {name: both, decision: allow, domains: ['*.corp.test'], "
	                  "cidrs: [10.0.0.0/8], ports: [443]}\n"
	                  "  - {name: local, decision: deny, cidrs: [127.0.0.0/8, 169.254.0.0/16]}\n"
	                  "  - {name: nat, decision: deny, cidrs: ['64:ff9b:1::/48']}\n"
	                  "  - {name: ones, decision: allow, domains: ['1*.*.*.*', '**.test']}\n"
	                  "  - {name: web, decision: allow, ports: [80]}\n"
	                  "  - {name: rest, decision: audit}\n");
	struct decide_cache *c = decide_cache_new(p);
	const uint8_t ten[4] = { 10, 1, 2, 3 }, meta[16] = { 0, 0x64, 0xff, 0x9b, [12] = 169, 254, 169, 254 };
	struct net_request r = { .host = "a.corp.test", .addr = ten, .addr_len = 4, .port = 443 };

	is_str(net(p, c, "2001:db8::1", 1), "six");
	is_str(net(p, c, "::ffff:127.0.0.1", 1), "local");
	is_str(net(p, c, "0.0.0.0", 1), "local");
	is_str(net(p, c, "0", 1), "local");
	is_str(net(p, c, "64:ff9b:1::a00:1", 1), "nat");
	is_str(net(p, c, "11.2.3.4", 80), "web");
	is_str(net(p, c, "11.2.3.4", 81), "rest");
	is_str(net(p, c, "x.y.test", 81), "ones");
	is_str(net(p, c, "a.corp.test", 443), "ones");
	is_str(decide_net(p, c, &r).rule->name, "both");
	r.port = 444;
	is_str(decide_net(p, c, &r).rule->name, "ones");
	r = (struct net_request){ .addr = meta, .addr_len = 16, .port = 80 };
	is_str(decide_net(p, c, &r).rule->name, "local");
	r = (struct net_request){ .host = "11.1.1.1", .addr = meta, .addr_len = 16, .port = 80 };
	is_str(decide_net(p, c, &r).rule->name, "local");
	is_str(net(p, c, "bad host", 80), "default-deny-network");
	is_str(net(p, c, "", 80), "default-deny-network");
	r = (struct net_request){ .port = 80 };
	is_str(decide_net(p, c, &r).rule->name, "default-deny-network");
	r = (struct net_request){ .addr = meta, .addr_len = 5, .port = 80 };
	is_str(decide_net(p, c, &r).rule->name, "default-deny-network");
	decide_cache_free(c);
	policy_free(p);
}

T_CASE(sockets_and_virtual_paths)
{
	struct policy *p = policy_of(
	        "version: 1\nname: t\nunix_socket_rules:\n"
	        "  - {name: x11, decision: allow, paths: ['@/tmp/.X11-unix/*'], operations: [connect]}\n"
	        "file_rules:\n  - {name: env, decision: deny, paths: ['/workspace/**/.env']}\n"
	        "  - {name: home, decision: allow, paths: ['/home/u/**']}\n");
	struct decide_cache *c = decide_cache_new(p);
	struct file_request r = { .op = FILE_READ, .path = "/home/u/a/.env", .virtual = "/workspace/a/.env" };

	is_str(decide_unix(p, UNIX_CONNECT, "@/tmp/.X11-unix/X0").rule->name, "x11");
	is_str(decide_unix(p, UNIX_BIND, "@/tmp/.X11-unix/X0").rule->name, "default-deny-unix");
	is_str(decide_file(p, c, &r).rule->name, "env");
	r.virtual = NULL;
	is_str(decide_file(p, c, &r).rule->name, "home");
	r.op = FILE_OPS;
	is_str(decide_file(p, c, &r).rule->name, "default-deny-files");
	decide_cache_free(c);
	policy_free(p);
}

T_CASE(signals)
{
	struct policy *p = policy_of("version: 1\nname: t\n");
	struct signal_request r = { .signal = 9, .target = TARGET_SESSION | TARGET_USER };

	is_int(decide_signal(p, &r).effective, EFFECT_ALLOW);
	r.target = TARGET_EXTERNAL | TARGET_USER;
	is_int(decide_signal(p, &r).effective, EFFECT_DENY);
	is_str(decide_signal(p, &r).rule->name, "session-signals");
	r.target = 0;
	is_int(decide_signal(p, &r).effective, EFFECT_DENY);
	policy_free(p);
	p = policy_of(
	        "version: 1\nname: t\nsignal_rules:\n"
	        "  - {name: soft, decision: redirect, signals: [KILL], "
	        "target: {type: children}, redirect_to: TERM}\n"
	        "  - {name: init, decision: absorb, signals: ['@all'], "
	        "target: {type: process, pattern: 'init*'}}\n"
	        "  - {name: low, decision: deny, signals: ['@all'], target: {type: pid_range, max: 99}}\n"
	        "  - {name: own, decision: allow, signals: ['@fatal'], target: {type: session}}\n");
	r = (struct signal_request){
		.signal = 9, .target = TARGET_CHILDREN | TARGET_SESSION, .pid = 500, .comm = "x"
	};
	is_int(decide_signal_redirect(decide_signal(p, &r).rule), 15);
	r.target = TARGET_SESSION;
	is_str(decide_signal(p, &r).rule->name, "own");
	r.comm = "initd";
	ok(decide_signal_absorbs(decide_signal(p, &r).rule) && decide_signal(p, &r).effective == EFFECT_DENY);
	r.comm = NULL;
	r.pid = 4;
	is_str(decide_signal(p, &r).rule->name, "low");
	r = (struct signal_request){ .signal = 1, .target = TARGET_SESSION, .pid = 500 };
	is_str(decide_signal(p, &r).rule->name, "default-deny-signals");
	policy_free(p);
}

T_CASE(environment)
{
	struct policy *p =
	        policy_of("version: 1\nname: t\nenv_policy:\n  deny: [NO_*]\n  max_keys: 5\ncommand_rules:\n"
	                  "  - {name: npm, decision: allow, commands: [npm], "
	                  "env_allow: [NPM_*, NPM_TOKEN], env_max_keys: 7}\n");
	const struct rule *npm = decide_command(p, &(struct command_request){ .path = "npm" }).rule;
	static const struct {
		const char *name, *all, *npm;
	} env[] = {
		{ "PATH", "default-allow", "default-deny" },
		{ "NO_X", "deny NO_*", "deny NO_*" },
		{ "NPM_TOKEN", "secret-names", "allow NPM_TOKEN" },
		{ "NPM_X", "default-allow", "allow NPM_*" },
		{ "NPM_PASSWD", "secret-names", "secret-names" },
		{ "my_db_password", "secret-names", "default-deny" },
		{ "aws_secret_access_key", "secret-names", "default-deny" },
		{ "NPM_CONFIG__AUTH", "secret-names", "secret-names" },
		{ "NPM_CONFIG_WEBHOOK_URL", "secret-names", "secret-names" },
		{ "NPM_AUTHOR", "default-allow", "allow NPM_*" },
		{ "NPM_KEYS", "default-allow", "allow NPM_*" },
		{ "npm_apikey", "secret-names", "default-deny" },
		{ "db_pass", "secret-names", "default-deny" },
		{ "OLDPWD", "default-allow", "default-deny" },
		{ "_PWD", "secret-names", "default-deny" },
		{ "PWD", "default-allow", "default-deny" },
		{ "LD_PRELOAD", "code-injection-names", "default-deny" },
		{ "BASH_FUNC_ls%%", "code-injection-names", "default-deny" },
		{ "GIT_CONFIG_KEY_0", "code-injection-names", "default-deny" },
	};

	for (size_t i = 0; i < sizeof env / sizeof *env; i++) {
		is_str(decide_env(p, NULL, env[i].name, strlen(env[i].name)).rule->name, env[i].all);
		is_str(decide_env(p, npm, env[i].name, strlen(env[i].name)).rule->name, env[i].npm);
	}
	is_int((long long)decide_env_limits(p, NULL).max_keys, 5);
	is_int((long long)decide_env_limits(p, npm).max_keys, 7);
	policy_free(p);
}

T_CASE(messages)
{
	struct rule r = { .name = "r",
		          .message = "{{.Rule}} {{ .Path }} {{.Args}} {{.Port}} {{.Nope}} {{.Path" };
	struct message_facts f = { .path = "/a\x1b[2J\n\xc3\xa9\xff\\", .args = NULL, .port = 443 };
	char out[100], small[8];

	decide_message(&r, &f, out, sizeof out);
	is_str(out, "r /a\\x1b[2J\\x0a\xc3\xa9\\xff\\\\  443 {{.Nope}} {{.Path");
	f.port = -1;
	f.path = "\xe2\x80\xae"
	         "txt";
	r.message = "{{.Path}}{{.Port}}";
	decide_message(&r, &f, out, sizeof out);
	is_str(out, "\\xe2\\x80\\xaetxt");
	r.message = "123456789";
	is_int((long long)decide_message(&r, &f, small, sizeof small), 7);
	is_str(small, "1234567");
	is_int((long long)decide_message(&r, &f, small, 0), 0);
}

/* AP-12: who reads it sees the end of what he is asked about, and that something is missing. */
T_CASE(long_arguments_do_not_hide_their_end)
{
	struct rule r = { .name = "a", .message = "runs {{.Args}}" };
	const char *args[] = { "ls", NULL, "\xe2\x80\xae--delete-all", "\x1b[2K\r\xe2\x80\x8b/" };
	struct message_facts f = { .port = -1 };
	static char spaces[10001], joined[4096], out[1024];
	static const char end[] = " \\xe2\\x80\\xae--delete-all \\x1b[2K\\x0d\\xe2\\x80\\x8b/";
	size_t n;

	memset(spaces, ' ', sizeof spaces - 1);
	args[1] = spaces;
	f.args = decide_message_args(args, 4, joined, sizeof joined);
	is_int((long long)strlen(joined), sizeof joined - 1);
	n = decide_message(&r, &f, out, sizeof out);
	ok(!strncmp(out, "runs ls  ", 9), "%s", out);
	ok(strstr(out, " [... ") && strstr(out, " bytes left out ...] "), "%s", out);
	ok(n > sizeof end && !strcmp(out + n - (sizeof end - 1), end), "%s", out);
	memset(spaces, 7, sizeof spaces - 1);
	f.args = decide_message_args(args, 4, joined, sizeof joined);
	n = decide_message(&r, &f, out, sizeof out);
	ok(n < 500 && strstr(out, "left out") && out[n - 1] == '/', "%s", out);
	args[1] = "short";
	is_str(decide_message_args(args, 2, joined, sizeof joined), "ls short");
}

/* Patterns are looked up by what they begin with; the first rule of the file still wins. */
T_CASE(wildcards_in_order)
{
	static const char text[] =
	        "version: 1\nname: t\ncommand_rules:\n"
	        "- {name: c, decision: allow, commands: ['mkfs.ext?']}\n"
	        "- {name: b, decision: deny, commands: ['mk*', '[x-z]*', '/opt/*/run', 'MKD*']}\n"
	        "- {name: a, decision: deny, commands: ['mkfs.*', '*-admin', 'q{w,e}*', '/srv/t*/go']}\n"
	        "- {name: rest, decision: allow, commands: ['*']}\n";
	static const struct {
		const char *line, *rule;
	} table[] = {
		{ "/sbin/mkfs.ext4|--|x", "c" },    { "/sbin/MKFS.EXT4|--|x", "c" },
		{ "/sbin/mkfs.xfs|--|x", "b" },     { "/bin/yes|--|x", "b" },
		{ "/opt/p/run|--|x", "b" },         { "/opt/p/q/run|--|x", "rest" },
		{ "/srv/tool/go|--|x", "a" },       { "/bin/my-admin|--|x", "a" },
		{ "/bin/qwerty|--|x", "a" },        { "/bin/qrt|--|x", "rest" },
		{ "/bin/MKDIR|--|x", "b" },         { "/bin/m|--|x", "rest" },
		{ "/bin/mkfs.xfs.real|--|x", "b" }, { "/bin/my-admin.real|--|x", "a" },
	};
	struct policy *p = policy_of(text);
	const char *subject;

	for (size_t i = 0; p && i < sizeof table / sizeof *table; i++)
		is_str(ask(p, table[i].line, &subject).rule->name, table[i].rule);
	policy_free(p);
}
