/* Reading signals, redirects of names and connections, limits, environment and audit settings. */
#include "policy/load.h"

#include "base/num.h"
#include "match/host.h"

#include <limits.h>
#include <signal.h>
#include <string.h>
#include <strings.h>

/* ---- environment ---- */

void load_env_list(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	struct env_list *list = (struct env_list *)(void *)(l->at + key->offset);
	const char *verb = key->more;
	struct err e;

	if (!yaml_is_list(&l->sink, value, key->name))
		return;
	list->set = true;
	list->items = load_alloc(l, value->n, sizeof *list->items);
	for (const struct yaml_node *i = value->first; i && list->items; i = i->next) {
		struct env_pattern *p = &list->items[list->n];
		const char *text = "";

		if (!yaml_text(&l->sink, i, key->name, &text))
			continue;
		p->text = arena_str(l->arena, text);
		p->literal = !text[strcspn(text, "*?[{\\")];
		p->head = (struct head){
			.scope = SCOPE_ENV,
			.rule = { .name = arena_fmt(l->arena, "%s%s", verb, text),
			          .file = l->policy->file,
			          .line = i->line,
			          .decision = *verb == 'a' ? EFFECT_ALLOW : EFFECT_DENY,
			          .message = "",
			          .description = "" },
		};
		if (!*text || strchr(text, '='))
			yaml_problem(&l->sink, i, "'%s' cannot be the name of a variable", text);
		else if (glob_compile(l->arena, text, 0, &p->glob, &e) < 0)
			yaml_problem(&l->sink, i, "pattern '%s': %s", text, e.text);
		else if (p->glob.never)
			yaml_problem(&l->sink, i, "pattern '%s' has an unclosed '{' and would never match",
			             text);
		list->n++;
	}
}

void load_env_number(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const uint64_t range[2] = { 1, INT_MAX };
	struct load *l = to;
	uint64_t *number = (uint64_t *)(void *)(l->at + key->offset);
	struct env_rules *env =
	        (struct env_rules *)(void *)(l->at + key->offset - offsetof(struct env_rules, max_keys));

	if (strstr(key->name, "max_bytes"))
		env = (struct env_rules *)(void *)(l->at + key->offset -
		                                   offsetof(struct env_rules, max_bytes));
	if (!yaml_u64(&l->sink, value, key->name, range, number))
		return;
	if (number == &env->max_bytes)
		env->has_max_bytes = true;
	else
		env->has_max_keys = true;
}

void load_env_bool(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	struct env_rules *env = (struct env_rules *)(void *)(l->at + key->offset -
	                                                     offsetof(struct env_rules, block_iteration));

	env->has_block_iteration = yaml_bool(&l->sink, value, key->name, &env->block_iteration);
}

void load_env(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const struct yaml_key keys[] = {
		{ "allow", load_env_list, offsetof(struct env_rules, allow), "allow " },
		{ "deny", load_env_list, offsetof(struct env_rules, deny), "deny " },
		{ "max_bytes", load_env_number, offsetof(struct env_rules, max_bytes), NULL },
		{ "max_keys", load_env_number, offsetof(struct env_rules, max_keys), NULL },
		{ "block_iteration", load_env_bool, offsetof(struct env_rules, block_iteration), NULL },
		{ NULL, NULL, 0, NULL },
	};
	struct load *l = to;

	load_struct(l, value, key->name, keys, &l->policy->env);
}

/* ---- limits and audit ---- */

static void load_swap(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const uint64_t range[2] = { 0, 1u << 30 };
	struct load *l = to;
	uint64_t mb;

	if (yaml_u64(&l->sink, value, key->name, range, &mb))
		l->policy->limits.memory_swap_max_mb = (int64_t)mb;
}

void load_limits(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const uint64_t mega[2] = { 0, 1u << 30 }, percent[2] = { 0, 100000 }, pids[2] = { 0, 4194304 };
	static const uint64_t bytes[2] = { 0, INT64_MAX };
	static const struct yaml_key keys[] = {
		{ "max_memory_mb", load_u64, offsetof(struct policy_limits, max_memory_mb), mega },
		{ "memory_swap_max_mb", load_swap, 0, NULL },
		{ "cpu_quota_percent", load_u64, offsetof(struct policy_limits, cpu_quota_percent), percent },
		{ "pids_max", load_u64, offsetof(struct policy_limits, pids_max), pids },
		{ "disk_read_bps_max", load_u64, offsetof(struct policy_limits, disk_read_bps_max), bytes },
		{ "disk_write_bps_max", load_u64, offsetof(struct policy_limits, disk_write_bps_max), bytes },
		{ "net_bandwidth_mbps", load_u64, offsetof(struct policy_limits, net_bandwidth_mbps), mega },
		{ "command_timeout", load_duration, offsetof(struct policy_limits, command_timeout_ns),
		  NULL },
		{ "session_timeout", load_duration, offsetof(struct policy_limits, session_timeout_ns),
		  NULL },
		{ "idle_timeout", load_duration, offsetof(struct policy_limits, idle_timeout_ns), NULL },
		{ NULL, NULL, 0, NULL },
	};
	struct load *l = to;

	load_struct(l, value, key->name, keys, &l->policy->limits);
	l->policy->limits.line = value->line;
}

void load_audit(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const uint64_t days[2] = { 0, 36500 };
	static const struct yaml_key keys[] = {
		{ "log_allowed", load_bool, offsetof(struct policy_audit, log_allowed), NULL },
		{ "log_denied", load_bool, offsetof(struct policy_audit, log_denied), NULL },
		{ "log_approved", load_bool, offsetof(struct policy_audit, log_approved), NULL },
		{ "include_stdout", load_bool, offsetof(struct policy_audit, include_stdout), NULL },
		{ "include_stderr", load_bool, offsetof(struct policy_audit, include_stderr), NULL },
		{ "include_file_content", load_bool, offsetof(struct policy_audit, include_file_content),
		  NULL },
		{ "retention_days", load_u64, offsetof(struct policy_audit, retention_days), days },
		{ NULL, NULL, 0, NULL },
	};
	struct load *l = to;

	load_struct(l, value, key->name, keys, &l->policy->audit);
}

/* ---- signals ---- */

#define BIT(number) ((uint64_t)1 << (number))

static const struct {
	const char *name;
	uint64_t mask;
} signal_words[] = {
	{ "@fatal", BIT(SIGKILL) | BIT(SIGTERM) | BIT(SIGQUIT) | BIT(SIGABRT) },
	{ "@job", BIT(SIGSTOP) | BIT(SIGCONT) | BIT(SIGTSTP) | BIT(SIGTTIN) | BIT(SIGTTOU) },
	{ "@reload", BIT(SIGHUP) | BIT(SIGUSR1) | BIT(SIGUSR2) },
	{ "@ignore", BIT(SIGCHLD) | BIT(SIGURG) | BIT(SIGWINCH) },
	{ "@all", 0xfffffffe },
	{ "HUP", BIT(SIGHUP) },
	{ "INT", BIT(SIGINT) },
	{ "QUIT", BIT(SIGQUIT) },
	{ "ILL", BIT(SIGILL) },
	{ "TRAP", BIT(SIGTRAP) },
	{ "ABRT", BIT(SIGABRT) },
	{ "BUS", BIT(SIGBUS) },
	{ "FPE", BIT(SIGFPE) },
	{ "KILL", BIT(SIGKILL) },
	{ "USR1", BIT(SIGUSR1) },
	{ "SEGV", BIT(SIGSEGV) },
	{ "USR2", BIT(SIGUSR2) },
	{ "PIPE", BIT(SIGPIPE) },
	{ "ALRM", BIT(SIGALRM) },
	{ "TERM", BIT(SIGTERM) },
	{ "STKFLT", BIT(16) },
	{ "CHLD", BIT(SIGCHLD) },
	{ "CONT", BIT(SIGCONT) },
	{ "STOP", BIT(SIGSTOP) },
	{ "TSTP", BIT(SIGTSTP) },
	{ "TTIN", BIT(SIGTTIN) },
	{ "TTOU", BIT(SIGTTOU) },
	{ "URG", BIT(SIGURG) },
	{ "XCPU", BIT(SIGXCPU) },
	{ "XFSZ", BIT(SIGXFSZ) },
	{ "VTALRM", BIT(SIGVTALRM) },
	{ "PROF", BIT(SIGPROF) },
	{ "WINCH", BIT(SIGWINCH) },
	{ "IO", BIT(SIGIO) },
	{ "POLL", BIT(SIGIO) },
	{ "PWR", BIT(SIGPWR) },
	{ "SYS", BIT(SIGSYS) },
};

static uint64_t signal_mask(const char *word)
{
	const char *bare = strncasecmp(word, "SIG", 3) ? word : word + 3;
	uint64_t number;

	if (num_u64(word, 1, 63, &number))
		return BIT(number);
	for (size_t i = 0; i < sizeof signal_words / sizeof *signal_words; i++)
		if (!strcasecmp(signal_words[i].name, bare))
			return signal_words[i].mask;
	return 0;
}

static void load_signals(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	struct signal_rule *r = (struct signal_rule *)(void *)l->at;

	if (!yaml_is_list(&l->sink, value, key->name))
		return;
	for (const struct yaml_node *i = value->first; i; i = i->next) {
		const char *word;
		uint64_t mask;

		if (!yaml_text(&l->sink, i, "signal", &word))
			continue;
		mask = signal_mask(word);
		if (!mask)
			yaml_problem(&l->sink, i,
			             "unknown signal '%s'; write SIGTERM, 15 or a group such as @fatal",
			             word);
		r->signals |= mask;
	}
}

const char *const policy_signal_targets[] = { "self",    "children", "descendants", "siblings",
	                                      "session", "parent",   "external",    "system",
	                                      "user",    "process",  "pid_range",   NULL };

struct target_text {
	struct load *load;
	int type;
	const char *pattern;
	uint64_t min, max;
};

static void load_target_type(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;

	*(int *)(void *)(l->at + key->offset) =
	        yaml_choice(&l->sink, value, "target type", policy_signal_targets);
}

static void load_target(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const uint64_t range[2] = { 1, 4194304 };
	static const struct yaml_key keys[] = {
		{ "type", load_target_type, offsetof(struct target_text, type), NULL },
		{ "pattern", load_text, offsetof(struct target_text, pattern), NULL },
		{ "min", load_u64, offsetof(struct target_text, min), range },
		{ "max", load_u64, offsetof(struct target_text, max), range },
		{ NULL, NULL, 0, NULL },
	};
	struct load *l = to;
	struct signal_rule *r = (struct signal_rule *)(void *)l->at;
	struct target_text t = { .type = -1, .min = 1, .max = 4194304 };
	struct err e;

	if (!load_struct(l, value, key->name, keys, &t))
		return;
	if (!yaml_get(value, "type"))
		yaml_problem(&l->sink, value, "target without a type");
	r->kind = t.type < POLICY_TARGETS    ? SIGNAL_RELATION
	          : t.type == POLICY_TARGETS ? SIGNAL_PROCESS
	                                     : SIGNAL_PID_RANGE;
	r->targets = t.type >= 0 && t.type < POLICY_TARGETS ? 1u << t.type : 0;
	r->pattern = t.pattern;
	r->min = (int)t.min;
	r->max = (int)t.max;
	if (t.min > t.max)
		yaml_problem(&l->sink, value, "max is below min");
	if (r->kind == SIGNAL_PROCESS && !t.pattern)
		yaml_problem(&l->sink, value, "target process needs a pattern");
	else if (r->kind != SIGNAL_PROCESS && t.pattern)
		yaml_problem(&l->sink, value, "pattern is for target type process");
	else if (t.pattern && glob_compile(l->arena, t.pattern, 0, &r->comm, &e) < 0)
		yaml_problem(&l->sink, value, "pattern '%s': %s", t.pattern, e.text);
}

/* "absorb" is a denial that looks like success. */
static void load_signal_decision(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const char *const words[] = { "allow", "deny", "audit", "approve", "redirect", NULL };
	const struct yaml_key as = { key->name, load_decision, key->offset, words };
	struct load *l = to;

	if (value->kind == YAML_SCALAR && !strcasecmp(value->text, "absorb"))
		((struct signal_rule *)(void *)l->at)->absorb = true;
	else
		load_decision(to, value, &as);
}

static void load_signal_to(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	const char *word;
	uint64_t mask;

	if (!yaml_text(&l->sink, value, key->name, &word))
		return;
	mask = signal_mask(word);
	if (!mask || mask & (mask - 1))
		yaml_problem(&l->sink, value, "%s must be one signal, such as SIGTERM", key->name);
	else
		((struct signal_rule *)(void *)l->at)->redirect_to = __builtin_ctzll(mask);
}

static void finish_signal(struct load *l, void *at, const struct yaml_node *node)
{
	struct signal_rule *r = at;

	if (!yaml_get(node, "signals") || (!r->signals && !l->sink.n))
		yaml_problem(&l->sink, node,
		             "signal rule without signals; write [\"@all\"] if all are meant");
	if (!yaml_get(node, "target"))
		yaml_problem(&l->sink, node, "signal rule without a target; write target: {type: session}");
	if (r->head.rule.decision == EFFECT_REDIRECT && !r->redirect_to)
		yaml_problem(&l->sink, node, "decision redirect needs redirect_to: with a signal");
}

void load_signal_rules(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const struct yaml_key keys[] = {
		{ "name", load_text, offsetof(struct head, rule.name), NULL },
		{ "description", load_text, offsetof(struct head, rule.description), NULL },
		{ "message", load_text, offsetof(struct head, rule.message), NULL },
		{ "timeout", load_duration, offsetof(struct head, rule.timeout_ns), NULL },
		{ "decision", load_signal_decision, offsetof(struct head, rule.decision), NULL },
		{ "signals", load_signals, 0, NULL },
		{ "target", load_target, 0, NULL },
		{ "redirect_to", load_signal_to, 0, NULL },
		{ "fallback", load_anything, 0, NULL },
		{ NULL, NULL, 0, NULL },
	};
	static const struct load_list list = { "signal rule", SCOPE_SIGNAL, sizeof(struct signal_rule),
		                               RULES_MAX,     keys,         finish_signal };
	struct load *l = to;

	(void)key;
	l->policy->signal_rules = load_rules(l, value, &list, &l->policy->n_signal);
}

/* ---- redirects of names and connections ---- */

static const char *const visibilities[] = { "silent", "audit_only", "warn", NULL };
static const char *const failures[] = { "fail_closed", "fail_open", "retry_original", NULL };
static const char *const tls_modes[] = { "passthrough", "rewrite_sni", NULL };

static void load_word(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;
	const char *const *words = key->more;
	int choice = yaml_choice(&l->sink, value, key->name, words);

	if (choice >= 0)
		*(const char **)(void *)(l->at + key->offset) = words[choice];
}

static void load_tls(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	static const struct yaml_key keys[] = {
		{ "mode", load_word, offsetof(struct redirect_rule, tls_mode), tls_modes },
		{ "sni", load_text, offsetof(struct redirect_rule, sni), NULL },
		{ NULL, NULL, 0, NULL },
	};
	struct load *l = to;

	load_struct(l, value, key->name, keys, l->at);
}

static const struct yaml_key dns_keys[] = {
	{ "name", load_text, offsetof(struct redirect_rule, head.rule.name), NULL },
	{ "match", load_text, offsetof(struct redirect_rule, match), NULL },
	{ "resolve_to", load_text, offsetof(struct redirect_rule, to), NULL },
	{ "visibility", load_word, offsetof(struct redirect_rule, visibility), visibilities },
	{ "on_failure", load_word, offsetof(struct redirect_rule, on_failure), failures },
	{ NULL, NULL, 0, NULL },
};

static const struct yaml_key connect_keys[] = {
	{ "name", load_text, offsetof(struct redirect_rule, head.rule.name), NULL },
	{ "match", load_text, offsetof(struct redirect_rule, match), NULL },
	{ "redirect_to", load_text, offsetof(struct redirect_rule, to), NULL },
	{ "tls", load_tls, 0, NULL },
	{ "visibility", load_word, offsetof(struct redirect_rule, visibility), visibilities },
	{ "message", load_text, offsetof(struct redirect_rule, head.rule.message), NULL },
	{ "on_failure", load_word, offsetof(struct redirect_rule, on_failure), failures },
	{ NULL, NULL, 0, NULL },
};

/* "host:port" with a sound host and port. */
static bool is_endpoint(const char *text)
{
	const char *colon = strrchr(text, ':');
	char host[256];
	struct host h;
	uint64_t port;

	if (!colon || (size_t)(colon - text) >= sizeof host || !num_u64(colon + 1, 1, 65535, &port))
		return false;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = 0;
	return host_parse(host, &h);
}

/* What nobody has said. */
static void fill_redirect(const struct load *l, struct redirect_rule *r, const struct yaml_node *node)
{
	r->head.scope = SCOPE_REDIRECT;
	r->head.rule.file = l->policy->file;
	r->head.rule.line = node->line;
	r->head.rule.decision = EFFECT_REDIRECT;
	r->visibility = r->visibility ? r->visibility : "audit_only";
	r->on_failure = r->on_failure ? r->on_failure : "fail_closed";
	r->tls_mode = r->tls_mode ? r->tls_mode : "passthrough";
	r->head.rule.message = r->head.rule.message ? r->head.rule.message : "";
	r->head.rule.description = "";
}

static void finish_redirect(struct load *l, struct redirect_rule *r, const struct yaml_node *node, bool dns)
{
	struct host h;
	struct err e;

	if (CONFIG_LAYER_NET || CONFIG_APPLET_PROXY)
		fill_redirect(l, r, node);
	if (!r->head.rule.name || !*r->head.rule.name)
		yaml_problem(&l->sink, node, "redirect without a name");
	if (!r->match)
		yaml_problem(&l->sink, node, "redirect without match:");
	else if (regex_compile(l->arena, r->match, &r->regex, &e) < 0)
		yaml_problem(&l->sink, yaml_get(node, "match"), "pattern '%s': %s", r->match, e.text);
	if (dns && (!r->to || !host_parse(r->to, &h) || h.kind != HOST_ADDRESS))
		yaml_problem(&l->sink, node, "resolve_to must be an address");
	if (!dns && (!r->to || !is_endpoint(r->to)))
		yaml_problem(&l->sink, node, "redirect_to must be host:port");
	if (r->tls_mode && !strcmp(r->tls_mode, "rewrite_sni") && (!r->sni || !*r->sni))
		yaml_problem(&l->sink, node, "tls mode rewrite_sni needs sni:");
}

static struct redirect_rule *load_redirects(struct load *l, const struct yaml_node *node, bool dns, size_t *n)
{
	struct redirect_rule *rules;

	if (!yaml_is_list(&l->sink, node, "the list of redirects"))
		return NULL;
	if (node->n > RULES_MAX) {
		yaml_problem(&l->sink, node, "%zu redirects; at most %d", node->n, RULES_MAX);
		return NULL;
	}
	rules = load_alloc(l, node->n, sizeof *rules);
	for (const struct yaml_node *i = node->first; i && rules; i = i->next)
		if (load_struct(l, i, "redirect", dns ? dns_keys : connect_keys, &rules[*n])) {
			finish_redirect(l, &rules[*n], i, dns);
			++*n;
		}
	return rules;
}

void load_dns_redirects(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;

	(void)key;
	l->arena = &l->policy->places;
	l->policy->dns_redirects = load_redirects(l, value, true, &l->policy->n_dns);
	l->arena = &l->policy->arena;
}

void load_connect_redirects(void *to, const struct yaml_node *value, const struct yaml_key *key)
{
	struct load *l = to;

	(void)key;
	l->arena = &l->policy->places;
	l->policy->connect_redirects = load_redirects(l, value, false, &l->policy->n_connect);
	l->arena = &l->policy->arena;
}
