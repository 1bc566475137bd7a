#include "api/impl.h"

#include <stdio.h>
#include <string.h>

enum { RESTORES_MAX = 100 }; /* files that are told about one by one */

#define DENIED_REASON "operation denied by policy; adjust policy or change command"

/* What the guidance is about: the denied command, or the first thing blocked inside it. */
struct blocked {
	const char *rule, *operation, *target, *decision;
	bool is_net, is_file;
};

void api_suggestion(struct json *j, const char *action, const char *command, const char *reason)
{
	json_object(j);
	json_key_text(j, "action", action);
	json_key_text(j, "command", command);
	json_key_text(j, "reason", reason);
	json_end(j);
}

const char *api_fix(const struct exec_start *start, char *out, size_t size)
{
	const struct rule *rule = start->verdict.rule;

	if (!rule)
		snprintf(out, size, "ask the operator");
	else if (start->verdict.decision == EFFECT_APPROVE)
		snprintf(out, size, "rule '%s' asks for an approval, and approvals are off: ask the operator",
		         rule->name);
	else if (!rule->line)
		snprintf(out, size,
		         "no rule allows this: use a command that the policy allows, or ask the operator to "
		         "add an allow rule");
	else
		snprintf(out, size,
		         "use a command that the policy allows, or ask the operator to change rule '%s' at "
		         "%s:%d",
		         rule->name, rule->file, rule->line);
	return out;
}

static bool find_blocked(const struct exec *x, const struct exec_events *ev, struct blocked *out)
{
	static const char *const targets[] = { "path", "remote", "domain", "type" };

	*out = (struct blocked){ .rule = NULL };
	if (x->start.denied) {
		out->rule = x->start.verdict.rule ? x->start.verdict.rule->name : NULL;
		out->operation = "command_precheck";
		out->target = x->request.spec.command;
		out->decision = effect_name(x->start.verdict.decision);
		return true;
	}
	for (size_t i = 0; i < ev->n; i++) {
		const struct exec_event *item = ev->items + i;
		const struct json_value *policy = json_get(item->tree, "policy");

		if (!item->is_blocked)
			continue;
		out->rule = json_get_string(policy, "rule");
		out->decision = json_get_string(policy, "decision");
		out->operation = json_get_string(item->tree, "operation");
		if (!out->operation)
			out->operation = item->type;
		for (size_t k = 0; k < sizeof targets / sizeof *targets && !out->target; k++)
			out->target = json_get_string(item->tree, targets[k]);
		out->is_net = item->is_net;
		out->is_file = item->is_file;
		return true;
	}
	return false;
}

/* "curl http://x" has relatives; a host on port 80 may be allowed on 443. Collected before written, because
 * the array is left out when empty. */
static size_t substitutes(const struct exec *x, const struct blocked *b, char out[2][512])
{
	const struct exec_spec *spec = &x->request.spec;
	const char *url = NULL;
	const char *base = strrchr(spec->command, '/');
	size_t n = 0, host_len;

	base = base ? base + 1 : spec->command;
	for (size_t i = 0; i < spec->n_args; i++)
		if (!strncmp(spec->args[i], "http://", 7) || !strncmp(spec->args[i], "https://", 8))
			url = spec->args[i];
	if (!b->is_net && !x->start.denied)
		return 0;
	if (x->start.denied && url && !strcmp(base, "curl"))
		snprintf(out[n++], sizeof out[0], "wget -qO- %.400s", url);
	if (b->is_net && url && !strncmp(url, "http://", 7))
		snprintf(out[n++], sizeof out[0], "%.64s https://%.400s", base, url + 7);
	host_len = b->target ? strlen(b->target) : 0;
	if (!n && b->is_net && b->rule && !strcmp(b->rule, "default-deny-network") && host_len > 3 &&
	    host_len < 300 && !strcmp(b->target + host_len - 3, ":80"))
		snprintf(out[n++], sizeof out[0], "https://%.*s", (int)(host_len - 3), b->target);
	return n;
}

static void write_blocked(struct json *j, const struct exec *x, const struct blocked *b)
{
	char text[600], list[2][512];
	size_t n = substitutes(x, b, list);

	json_key_text(j, "status", "blocked");
	json_key_bool(j, "blocked", true);
	if (x->start.denied)
		snprintf(text, sizeof text, "command denied by policy");
	else
		snprintf(text, sizeof text, "blocked by policy (rule=%.400s)", b->rule ? b->rule : "");
	json_key_text(j, "reason", text);
	if (x->start.denied)
		api_rule(j, "policy_rule", x->start.verdict.rule);
	else if (b->rule)
		json_key_text(j, "policy_rule", b->rule);
	if (b->operation)
		json_key_text(j, "blocked_operation", b->operation);
	if (b->target)
		json_key_text(j, "blocked_target", b->target);
	if (n || (b->decision && !strcmp(b->decision, "approve")))
		json_key_bool(j, "retryable", true);
	if (x->start.denied)
		json_key_text(j, "fix", api_fix(&x->start, text, sizeof text));
	if (!n)
		return;
	json_key(j, "substitutions");
	json_array(j);
	for (size_t i = 0; i < n; i++)
		api_suggestion(j, "substitute", list[i], "may be allowed by the policy");
	json_end(j);
}

static void suggest_restores(struct json *j, const struct exec_events *ev)
{
	int left = RESTORES_MAX;

	for (size_t i = 0; i < ev->n && left; i++) {
		const char *token = json_get_string(json_get(ev->items[i].tree, "fields"), "trash_token");
		const char *path = json_get_string(ev->items[i].tree, "path");
		char command[200], reason[4400];

		if (strcmp(ev->items[i].type, "file_soft_deleted") || !token || !path)
			continue;
		snprintf(command, sizeof command, "agentsh trash restore %.100s", token);
		snprintf(reason, sizeof reason, "soft-deleted: %.4096s (token=%.100s)", path, token);
		api_suggestion(j, "restore file", command, reason);
		left--;
	}
}

static void suggest_after_block(struct json *j, const struct exec *x, const struct blocked *b)
{
	char command[400];

	if (b->decision && !strcmp(b->decision, "approve"))
		api_suggestion(j, "request_approval", "",
		               "this operation needs an approval; ask the operator");
	if (b->is_file && b->target && strncmp(b->target, "/workspace", 10))
		api_suggestion(j, "move_to_workspace", "", "use a file under /workspace");
	if (!x->start.denied) {
		snprintf(command, sizeof command, "agentsh events query --session %s --decision deny",
		         x->session->id);
		api_suggestion(j, "inspect_events", command, "shows what was blocked");
	}
	api_suggestion(j, "adjust_policy", "", DENIED_REASON);
}

static bool stderr_has(const struct exec *x, const char *text)
{
	const struct buf *b = x->command ? &x->command->output[STREAM_STDERR].data : NULL;

	return b && b->len && memmem(b->data, b->len, text, strlen(text));
}

static void suggest_after_failure(struct json *j, const struct exec *x, const struct exec_result *r)
{
	if (r->timed_out)
		api_suggestion(j, "increase_timeout", "", "the command did not end in time");
	else if (r->exit_code == 127 || stderr_has(x, "No such file"))
		api_suggestion(j, "use_absolute_exe", "",
		               "not found: check the name, or give the absolute path");
	else if (stderr_has(x, "Permission denied"))
		api_suggestion(j, "fix_permissions", "", "permission denied: check owner and mode");
}

static void write_redirected(struct json *j, const struct exec *x)
{
	const struct verdict *v = &x->start.verdict;
	const struct redirect *r = v->rule && !x->start.denied && v->decision == EFFECT_REDIRECT
	                                   ? decide_redirect(v->rule)
	                                   : NULL;

	if (!r)
		return;
	json_key(j, "substitutions");
	json_array(j);
	api_suggestion(j, "redirected", r->command, v->rule->message ? v->rule->message : "");
	json_end(j);
}

void api_guidance(struct json *j, const struct exec *x, const struct exec_result *r,
                  const struct exec_events *ev)
{
	struct blocked b;
	bool is_blocked = find_blocked(x, ev, &b);
	bool is_failed = r->exit_code != 0;
	AUTO_BUF list = { .data = NULL };
	struct json suggestions = { .out = &list };

	json_key(j, "guidance");
	json_object(j);
	if (is_blocked) {
		write_blocked(j, x, &b);
	} else {
		json_key_text(j, "status", is_failed ? "failed" : "ok");
		if (is_failed)
			json_key_text(j, "reason", r->timed_out ? "command timed out" : "command failed");
		write_redirected(j, x);
	}
	json_array(&suggestions);
	suggest_restores(&suggestions, ev);
	if (is_blocked)
		suggest_after_block(&suggestions, x, &b);
	else if (is_failed)
		suggest_after_failure(&suggestions, x, r);
	json_end(&suggestions);
	if (list.failed) {
		j->out->failed = true;
	} else if (list.len > 2) {
		json_key(j, "suggestions");
		json_raw(j, list.data, list.len);
	}
	json_end(j);
}
