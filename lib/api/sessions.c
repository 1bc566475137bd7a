#include "api/impl.h"

#include "base/clock.h"
#include "enforce/rung.h"
#include "session/connected.h"
#include "session/proxied.h"
#include "session/views.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void write_rung(struct json *j, const struct session *s)
{
	const struct rung_found *f = s->core->found;
	const char *view = CONFIG_LAYER_FUSE ? views_missing(s) : "";
	char lines[RUNG_LINES][RUNG_LINE];
	size_t n;

	if (!f)
		return;
	n = rung_degraded(f, lines);
	json_key_text(j, "rung", rung_name(f->rung));
	json_key_text(j, "security_mode", rung_mode(f));
	json_key(j, "degraded");
	json_array(j);
	for (size_t i = 0; i < n; i++)
		json_text(j, lines[i]);
	if (CONFIG_LAYER_NET && *connected_degraded(s))
		json_text(j, connected_degraded(s));
	if (*view) {
		char line[400];

		snprintf(line, sizeof line, "fuse: %s", view);
		json_text(j, line);
	}
	json_end(j);
	if (CONFIG_LAYER_FUSE && views_path(s))
		json_key_text(j, "workspace_mount", views_mount(s));
}

static void write_session(struct json *j, const struct session *s)
{
	char time[40];

	json_object(j);
	json_key_text(j, "id", s->id);
	json_key_text(j, "state", session_state_name(s));
	json_key_text(j, "created_at", clock_rfc3339(s->created_ns, time, sizeof time));
	json_key_text(j, "workspace", s->workspace);
	json_key_text(j, "policy", s->policy->name);
	json_key_text(j, "cwd", s->cwd);
	if (CONFIG_APPLET_PROXY && *proxied_url(s))
		json_key_text(j, "proxy_url", proxied_url(s));
	if (s->project_root && *s->project_root)
		json_key_text(j, "project_root", s->project_root);
	if (s->git_root && *s->git_root)
		json_key_text(j, "git_root", s->git_root);
	write_rung(j, s);
	json_end(j);
}

static void answer_session(struct call *c, int status, const struct session *s)
{
	struct buf body = { .data = NULL };
	struct json j = { .out = &body };

	write_session(&j, s);
	api_json(c, status, &body);
}

static int status_of(const struct err *e)
{
	switch (e->code) {
	case EINVAL:
	case EUSERS:
		return 400;
	case EACCES:
		return 403;
	case EEXIST:
		return 409;
	default:
		return 500;
	}
}

/* Over a unix socket the caller's own ids are known, and a session never gets more than its caller has. */
static void set_owner(const struct call *c, struct session_spec *spec)
{
	spec->uid = geteuid();
	spec->gid = getegid();
	if (c->request->peer->is_unix) {
		spec->uid = c->request->peer->uid;
		spec->gid = c->request->peer->gid;
	}
}

void api_session_create(struct call *c)
{
	AUTO_ARENA arena = { .blocks = NULL };
	const struct json_value *body = api_body(c, &arena);
	struct session_spec spec = { .origin = SESSION_API, .detect_project_root = -1 };
	struct err e = { .code = 0 };
	struct session *s;
	bool detect;

	if (!body)
		return;
	spec.id = json_get_string(body, "id");
	spec.workspace = json_get_string(body, "workspace");
	spec.policy = json_get_string(body, "policy");
	spec.project_root = json_get_string(body, "project_root");
	if (json_boolean(json_get(body, "detect_project_root"), &detect))
		spec.detect_project_root = detect;
	if (spec.id && !*spec.id)
		spec.id = NULL;
	if (spec.project_root && !*spec.project_root)
		spec.project_root = NULL;
	if (spec.id && !session_id_ok(spec.id)) {
		api_error(c, 400, "invalid session id");
		return;
	}
	if (!spec.workspace || !*spec.workspace) {
		api_error(c, 400, "workspace is required");
		return;
	}
	if (*spec.workspace != '/') {
		api_error(c, 400, "workspace must be an absolute path");
		return;
	}
	set_owner(c, &spec);
	s = session_new(c->api->core, &spec, &e);
	if (s)
		answer_session(c, 201, s);
	else
		api_error(c, status_of(&e), "%s", e.text);
}

void api_session_list(struct call *c)
{
	struct buf body = { .data = NULL };
	struct json j = { .out = &body };
	const struct list *head = &c->api->core->sessions;

	json_array(&j);
	for (const struct list *node = head->next; node != head; node = node->next)
		if (api_may_see(c, list_item(node, struct session, node)))
			write_session(&j, list_item(node, struct session, node));
	json_end(&j);
	api_json(c, 200, &body);
}

void api_session_get(struct call *c)
{
	const struct session *s = api_session(c);

	if (s)
		answer_session(c, 200, s);
}

static int patch_env(struct core *core, struct session *s, const struct json_value *env, struct err *e)
{
	if (env && env->type != JSON_OBJECT && env->type != JSON_NULL)
		return err_set(e, "env must be an object");
	for (const struct json_value *v = env ? env->first : NULL; v; v = v->next) {
		if (!json_string(v) || !*v->key || strlen(v->key) != v->key_len || strchr(v->key, '='))
			return err_set(e, "env must have names without '=' and text values");
		if (session_set_env(core, s, v->key, json_string(v), e) < 0)
			return -1;
	}
	return 0;
}

static int patch(struct core *core, struct session *s, const struct json_value *body, struct err *e)
{
	const char *cwd = json_get_string(body, "cwd");
	const struct json_value *unset = json_get(body, "unset");

	if (cwd && *cwd && session_set_cwd(core, s, cwd, e) < 0)
		return -1;
	if (patch_env(core, s, json_get(body, "env"), e) < 0)
		return -1;
	for (const struct json_value *v = unset && unset->type == JSON_ARRAY ? unset->first : NULL; v;
	     v = v->next)
		if (json_string(v))
			session_unset_env(s, json_string(v));
	session_touch(s);
	return 0;
}

void api_session_patch(struct call *c)
{
	AUTO_ARENA arena = { .blocks = NULL };
	struct session *s = api_session(c);
	const struct json_value *body = s ? api_body(c, &arena) : NULL;
	struct err e = { .code = 0 };

	if (!body)
		return;
	if (patch(c->api->core, s, body, &e) < 0)
		api_error(c, 400, "%s", e.text);
	else
		answer_session(c, 200, s);
}

void api_session_delete(struct call *c)
{
	struct session *s = api_session(c);

	if (!s)
		return;
	session_end(c->api->core, s, "session_destroyed", "api");
	http_respond(c->conn, 204, NULL, NULL, 0);
}

void api_profiles(struct call *c)
{
	struct buf body = { .data = NULL };

	buf_str(&body, "[]");
	api_json(c, 200, &body);
}

void api_proxy_status(struct call *c)
{
	struct buf body = { .data = NULL };
	struct json j = { .out = &body };

	if (!api_session(c))
		return;
	json_object(&j);
	json_key_text(&j, "state", "not configured");
	json_key_text(&j, "address", "");
	json_key_text(&j, "mode", "disabled");
	json_key_text(&j, "dlp_mode", "disabled");
	json_key_int(&j, "active_patterns", 0);
	json_key(&j, "pattern_names");
	json_array(&j);
	json_end(&j);
	json_key_int(&j, "total_requests", 0);
	json_key_int(&j, "requests_with_redactions", 0);
	json_key_int(&j, "total_input_tokens", 0);
	json_key_int(&j, "total_output_tokens", 0);
	json_end(&j);
	api_json(c, 200, &body);
}
