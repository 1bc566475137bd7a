#include "api/impl.h"

#include <string.h>

#define COUNT(a) (sizeof(a) / sizeof *(a))

enum {
	OPEN = 1,     /* without a key */
	CHANGES = 2,  /* not for processes of a session; what is left to them, they can do in their own */
	APPROVERS = 4 /* only for keys with the role */
};

struct route {
	const char *method, *path; /* {} stands for one segment */
	api_handler *handle;
	unsigned flags;
};

static const struct route routes[] = {
	{ "GET", "/api/v1/profiles", api_profiles, 0 },
	{ "POST", "/api/v1/sessions", api_session_create, CHANGES },
	{ "GET", "/api/v1/sessions", api_session_list, 0 },
	{ "GET", "/api/v1/sessions/{}", api_session_get, 0 },
	{ "PATCH", "/api/v1/sessions/{}", api_session_patch, CHANGES },
	{ "DELETE", "/api/v1/sessions/{}", api_session_delete, CHANGES },
	{ "POST", "/api/v1/sessions/{}/exec", api_exec, 0 },
	{ "POST", "/api/v1/sessions/{}/exec/stream", api_exec_stream, 0 },
	{ "GET", "/api/v1/sessions/{}/events", api_events_stream, 0 },
	{ "GET", "/api/v1/sessions/{}/history", api_history, 0 },
	{ "GET", "/api/v1/sessions/{}/proxy", api_proxy_status, 0 },
	{ "GET", "/api/v1/sessions/{}/output/{}", api_output, 0 },
	{ "POST", "/api/v1/sessions/{}/kill/{}", api_kill, CHANGES },
	{ "GET", "/api/v1/events/search", api_search, 0 },
	{ "GET", "/api/v1/approvals", api_approvals, APPROVERS },
	{ "POST", "/api/v1/approvals/{}", api_approval, APPROVERS | CHANGES },
	{ "POST", "/api/v1/policy/test", api_policy_test, 0 },
};

static const struct route kept_routes[] = {
	{ "GET", "/api/v1/sessions/{}/trash", api_trash_list, 0 },
	{ "POST", "/api/v1/sessions/{}/trash/{}/restore", api_trash_restore, 0 },
	{ "POST", "/api/v1/sessions/{}/undo", api_undo, 0 },
	{ "POST", "/api/v1/sessions/{}/redo", api_redo, 0 },
	{ "GET", "/api/v1/sessions/{}/diff", api_diff, 0 },
};

static bool fits(const char *pattern, const char *path)
{
	while (*pattern) {
		if (*pattern == '{') {
			if (!*path || *path == '/')
				return false;
			path += strcspn(path, "/");
			pattern += 2;
		} else if (*pattern++ != *path++) {
			return false;
		}
	}
	return !*path;
}

/* Cut a path that fits into its arguments. False when an escape is malformed. */
static bool take_args(const char *pattern, char *path, const char **args)
{
	char *rest;

	for (char *segment = strtok_r(path, "/", &rest); segment; segment = strtok_r(NULL, "/", &rest)) {
		pattern++;
		if (*pattern == '{') {
			if (!http_unescape(segment))
				return false;
			*args++ = segment;
		}
		pattern += strcspn(pattern, "/");
	}
	return true;
}

static bool is_allowed(struct call *c, const struct route *r)
{
	if (!(r->flags & OPEN) && !api_authenticate(c)) {
		api_error(c, 401, "unauthorized");
		return false;
	}
	if (!(r->flags & OPEN))
		api_recognise(c);
	if (r->flags & (CHANGES | APPROVERS) && c->governed) {
		api_refuse_governed(c, "processes of a session cannot do this");
		return false;
	}
	if (!(r->flags & APPROVERS))
		return true;
	if (c->api->core->config->auth.type == AUTH_NONE)
		api_error(c, 403,
		          "approvals endpoints require auth (set auth.type=api_key and use separate "
		          "agent/approver keys)");
	else if (c->role == ROLE_AGENT)
		api_error(c, 403, "forbidden");
	else
		return true;
	return false;
}

static void serve(struct call *c, const struct route *r)
{
	c->route = r->path;
	if (c->request->spare && !(r->flags & OPEN))
		api_error(c, 503, "too many connections");
	else if (is_allowed(c, r))
		r->handle(c);
}

/* The paths that the configuration names. */
static bool serve_configured(struct call *c)
{
	const struct config *config = c->api->core->config;
	const struct route named[] = {
		{ "GET", config->health.path, api_health, OPEN },
		{ "GET", config->health.readiness_path, api_ready, OPEN },
		{ "GET", config->metrics.enabled ? config->metrics.path : "", api_metrics, 0 },
	};

	for (size_t i = 0; i < sizeof named / sizeof *named; i++) {
		if (strcmp(named[i].path, c->request->path))
			continue;
		if (strcmp(c->request->method, named[i].method))
			http_respond(c->conn, 405, NULL, NULL, 0);
		else
			serve(c, named + i);
		return true;
	}
	return false;
}

/* True: the call was answered. */
static bool serve_one_of(struct call *c, const struct route *table, size_t n, bool *is_known)
{
	for (size_t i = 0; i < n; i++) {
		if (!fits(table[i].path, c->request->path))
			continue;
		*is_known = true;
		if (strcmp(table[i].method, c->request->method))
			continue;
		if (!take_args(table[i].path, c->request->path, c->args))
			api_error(c, 400, "invalid path");
		else
			serve(c, table + i);
		return true;
	}
	return false;
}

void api_dispatch(void *arg, struct http_conn *conn, struct http_request *r)
{
	struct call c = { .api = arg, .conn = conn, .request = r };
	bool is_known = false;

	if (serve_configured(&c) || serve_one_of(&c, routes, COUNT(routes), &is_known) ||
	    (CONFIG_FILES && serve_one_of(&c, kept_routes, COUNT(kept_routes), &is_known)))
		return;
	if (is_known)
		http_respond(conn, 405, NULL, NULL, 0);
	else
		api_text(&c, 404, "404 page not found\n");
}
