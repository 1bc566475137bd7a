#include "api/impl.h"

#include "base/num.h"
#include "base/path.h"
#include "decide/decide.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct question {
	const struct policy *policy;
	struct decide_cache *cache;
	const struct session *session; /* NULL = the standard policy, variables not expanded */
	const char *operation, *path;
};

enum answer { ANSWERED, BAD_OPERATION, BAD_PATH };

static enum answer ask_command(const struct question *q, struct verdict *v)
{
	const char *const argv[] = { q->path, NULL };
	struct command_request r = { .path = q->path, .given = q->path, .argv = argv, .argc = 1 };

	*v = decide_command(q->policy, &r);
	return ANSWERED;
}

/* "host", "host:port", "[v6]:port", "v6"; the port is 443 when not given. */
static enum answer ask_net(const struct question *q, struct verdict *v)
{
	struct net_request r = { .port = 443 };
	char host[300], *colon;
	uint64_t port;

	if (strlen(q->path) >= sizeof host)
		return BAD_PATH;
	strcpy(host, q->path);
	r.host = host;
	colon = strrchr(host, ':');
	if (*host == '[') {
		char *end = strchr(host, ']');

		if (!end || (end[1] && end[1] != ':'))
			return BAD_PATH;
		colon = end[1] ? end + 1 : NULL;
	} else if (colon && strchr(host, ':') != colon) {
		colon = NULL; /* an IPv6 address without brackets */
	}
	if (colon) {
		*colon = 0;
		if (!num_u64(colon + 1, 1, 65535, &port))
			return BAD_PATH;
		r.port = (uint16_t)port;
	}
	*v = decide_net(q->policy, q->cache, &r);
	return ANSWERED;
}

/* A session knows its workspace under two names; the rule that matches either first wins. */
static enum answer ask_file(const struct question *q, const char *name, struct verdict *v)
{
	char path[PATH_MAX], real[PATH_MAX], virtual[PATH_MAX];
	struct file_request r = { .path = path };

	if (!file_op_parse(name, &r.op))
		return BAD_OPERATION;
	if (!path_join(q->session ? q->session->cwd : "/", q->path, path, sizeof path))
		return BAD_PATH;
	if (q->session && path_within(path, "/workspace")) {
		snprintf(virtual, sizeof virtual, "%s", path);
		if (!path_join(q->session->workspace, path[10] ? path + 11 : ".", real, sizeof real))
			return BAD_PATH;
		r.path = real;
		r.virtual = virtual;
	} else if (q->session && path_within(path, q->session->workspace)) {
		const char *rest = path + strlen(q->session->workspace);

		if (snprintf(virtual, sizeof virtual, "/workspace%s", rest) >= (int)sizeof virtual)
			return BAD_PATH;
		r.virtual = virtual;
	}
	*v = decide_file(q->policy, q->cache, &r);
	return ANSWERED;
}

static enum answer ask(const struct question *q, struct verdict *v)
{
	static const char *const unix_ops[UNIX_OPS] = { "unix_connect", "unix_bind", "unix_listen",
		                                        "unix_sendto", "unix_socket" };
	const char *op = q->operation;

	if (!strcasecmp(op, "exec") || !strcasecmp(op, "command"))
		return ask_command(q, v);
	if (!strncasecmp(op, "net_", 4) || !strcasecmp(op, "connect") || !strcasecmp(op, "net"))
		return ask_net(q, v);
	for (int i = 0; i < UNIX_OPS; i++) {
		if (strcasecmp(op, unix_ops[i]))
			continue;
		*v = decide_unix(q->policy, (enum unix_op)i, q->path);
		return ANSWERED;
	}
	if (!strcasecmp(op, "env")) {
		*v = decide_env(q->policy, NULL, q->path, strlen(q->path));
		return ANSWERED;
	}
	return ask_file(q, strncasecmp(op, "file_", 5) ? op : op + 5, v);
}

static void write_redirect(struct json *j, const struct rule *rule)
{
	const struct redirect *r = rule ? decide_redirect(rule) : NULL;

	if (!r)
		return;
	json_key(j, "redirect");
	json_object(j);
	json_key(j, "args");
	json_array(j);
	for (const char *const *arg = r->args; arg && *arg; arg++)
		json_text(j, *arg);
	for (const char *const *arg = r->args_append; arg && *arg; arg++)
		json_text(j, *arg);
	json_end(j);
	json_key_text(j, "command", r->command);
	json_end(j);
}

static void answer_verdict(struct call *c, const struct question *q, const struct verdict *v)
{
	struct message_facts facts = {
		.path = q->path, .command = q->path, .operation = q->operation, .port = -1
	};
	struct buf body = { .data = NULL };
	struct json j = { .out = &body };
	char reason[1024] = "";

	if (v->rule)
		decide_message(v->rule, &facts, reason, sizeof reason);
	json_object(&j);
	json_key_text(&j, "decision", effect_name(v->effective));
	json_key_text(&j, "policy_decision", effect_name(v->decision));
	json_key_text(&j, "reason", reason);
	write_redirect(&j, v->rule);
	api_rule(&j, "rule", v->rule);
	json_end(&j);
	api_json(c, 200, &body);
}

/* The session's own engine when one is named, else the standard policy. False with the answer given. */
static bool choose_engine(struct call *c, const char *id, struct question *q)
{
	struct core *core = c->api->core;

	if (id && *id) {
		c->args[0] = id;
		q->session = api_session(c);
		if (!q->session)
			return false;
		q->policy = q->session->policy->policy;
		q->cache = q->session->cache;
		return true;
	}
	if (!c->api->cache)
		c->api->cache = decide_cache_new(core->standard->policy);
	q->policy = core->standard->policy;
	q->cache = c->api->cache;
	if (!q->cache)
		api_error(c, 500, "out of memory");
	return q->cache != NULL;
}

void api_policy_test(struct call *c)
{
	AUTO_ARENA arena = { .blocks = NULL };
	const struct json_value *body = api_body(c, &arena);
	struct question q = { .policy = NULL };
	struct verdict v = { .decision = EFFECT_DENY };

	if (!body)
		return;
	q.operation = json_get_string(body, "operation");
	q.path = json_get_string(body, "path");
	if (!q.operation || !*q.operation) {
		api_error(c, 400, "operation is required");
		return;
	}
	if (!q.path || !*q.path) {
		api_error(c, 400, "path is required");
		return;
	}
	if (!choose_engine(c, json_get_string(body, "session_id"), &q))
		return;
	switch (ask(&q, &v)) {
	case ANSWERED:
		answer_verdict(c, &q, &v);
		break;
	case BAD_OPERATION:
		api_error(c, 400, "unknown operation \"%.100s\"", q.operation);
		break;
	case BAD_PATH:
		api_error(c, 400, "invalid path");
		break;
	}
}

/* Nobody waits for an approval in this version: a rule that asks for one denies. */
void api_approvals(struct call *c)
{
	struct buf body = { .data = NULL };

	buf_str(&body, "[]");
	api_json(c, 200, &body);
}

void api_approval(struct call *c)
{
	if (api_id_ok(c->args[0]))
		api_error(c, 404, "approvals not enabled");
	else
		api_error(c, 400, "invalid approval id");
}
