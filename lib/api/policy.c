#include "api/impl.h"

#include "decide/ask.h"

/* The arguments of the command in question, NULL-terminated. False when they are no list of strings. */
static bool take_args(struct arena *arena, const struct json_value *body, struct ask *q)
{
	const struct json_value *list = json_get(body, "args");
	const char **args;
	size_t n = 0;

	if (!list || list->type == JSON_NULL)
		return true;
	args = list->type == JSON_ARRAY ? arena_array(arena, list->n + 1, sizeof *args) : NULL;
	if (!args)
		return false;
	for (const struct json_value *item = list->first; item; item = item->next) {
		args[n] = json_string(item);
		if (!args[n++])
			return false;
	}
	q->args = args;
	return true;
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

static void answer_verdict(struct call *c, const struct ask *q, const struct verdict *v)
{
	struct buf body = { .data = NULL };
	struct json j = { .out = &body };
	char reason[1024] = "";

	decide_ask_message(q, v, reason, sizeof reason);
	json_object(&j);
	json_key_text(&j, "decision", effect_name(v->effective));
	json_key_text(&j, "message", reason);
	json_key_text(&j, "policy_decision", effect_name(v->decision));
	json_key_text(&j, "reason", reason);
	write_redirect(&j, v->rule);
	api_rule(&j, "rule", v->rule);
	json_end(&j);
	api_json(c, 200, &body);
}

/* The session's own engine when one is named, else the standard policy, with variables not expanded. False
 * with the answer given. */
static bool choose_engine(struct call *c, const char *id, struct ask *q)
{
	struct core *core = c->api->core;
	const struct session *session = NULL;
	const struct whole_policy *whole;

	if (id && *id) {
		c->args[0] = id;
		session = api_session(c);
		if (!session)
			return false;
		q->cwd = session->cwd;
		q->workspace = session->workspace;
	}
	whole = policies_engine(core, session ? session->policy : core->standard, NULL);
	if (!whole) {
		api_error(c, 500, "out of memory");
		return false;
	}
	q->policy = whole->policy;
	q->cache = whole->cache;
	return true;
}

void api_policy_test(struct call *c)
{
	AUTO_ARENA arena = { .blocks = NULL };
	const struct json_value *body = api_body(c, &arena);
	struct ask q = { .policy = NULL };
	struct verdict v;

	if (!body)
		return;
	q.operation = json_get_string(body, "operation");
	q.object = json_get_string(body, "path");
	if (!q.operation || !*q.operation) {
		api_error(c, 400, "operation is required");
		return;
	}
	if (!q.object || !*q.object) {
		api_error(c, 400, "path is required");
		return;
	}
	if (!take_args(&arena, body, &q)) {
		api_error(c, 400, "args must be a list of strings");
		return;
	}
	if (!choose_engine(c, json_get_string(body, "session_id"), &q))
		return;
	switch (decide_ask(&q, &v)) {
	case ASK_DONE:
		answer_verdict(c, &q, &v);
		break;
	case ASK_BAD_OPERATION:
		api_error(c, 400, "unknown operation \"%.100s\"", q.operation);
		break;
	case ASK_BAD_OBJECT:
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
