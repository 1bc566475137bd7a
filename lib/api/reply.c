#include "api/impl.h"

#include "base/path.h"
#include "base/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { BODY_ARENA = 64 << 20 };

void api_json(struct call *c, int status, struct buf *body)
{
	static const char broken[] = "{\"error\":\"out of memory\"}\n";

	buf_chr(body, '\n');
	if (body->failed)
		http_respond(c->conn, 500, "application/json", broken, sizeof broken - 1);
	else
		http_respond(c->conn, status, "application/json", body->data, body->len);
	buf_release(body);
}

void api_error(struct call *c, int status, const char *fmt, ...)
{
	struct buf body = { .data = NULL };
	struct json j = { .out = &body };
	char text[600];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof text, fmt, args);
	va_end(args);
	json_object(&j);
	json_key_text(&j, "error", text);
	json_end(&j);
	api_json(c, status, &body);
}

void api_text(struct call *c, int status, const char *text)
{
	http_respond(c->conn, status, "text/plain; charset=utf-8", text, strlen(text));
}

/* Ids name files elsewhere: nothing but these characters may get that far. */
bool api_id_ok(const char *id)
{
	return path_name_ok(id, 128);
}

bool api_sees_all(const struct call *c)
{
	const struct http_peer *peer = c->request->peer;

	return !c->governed && (!peer->is_unix || peer->uid == 0 || peer->uid == geteuid());
}

/* Where the kernel vouches for the caller, sessions of other users do not exist for him. */
bool api_may_see(const struct call *c, const struct session *s)
{
	if (c->governed) /* neither has one before it is known, or before its first command */
		return c->tag && s->tag == c->tag;
	return api_sees_all(c) || c->request->peer->uid == s->uid;
}

struct session *api_session(struct call *c)
{
	struct session *s;

	if (!session_id_ok(c->args[0])) {
		api_error(c, 400, "invalid session id");
		return NULL;
	}
	s = session_find(c->api->core, c->args[0]);
	if (c->governed && (!s || !api_may_see(c, s))) {
		api_refuse_governed(c, "processes of a session see their own session only");
		return NULL;
	}
	if (!s || !api_may_see(c, s)) {
		api_error(c, 404, "session not found");
		return NULL;
	}
	return s;
}

const struct json_value *api_body(struct call *c, struct arena *arena)
{
	const struct buf *body = c->request->body;
	const struct json_value *v;
	struct err e = { .code = 0 };

	arena->max = BODY_ARENA;
	v = body->len ? json_read(arena, body->data, body->len, &e) : json_read(arena, "{}", 2, &e);
	if (v && v->type == JSON_OBJECT)
		return v;
	api_error(c, 400, "invalid json%s%s", v ? "" : ": ", v ? ": not an object" : e.text);
	return NULL;
}

void api_bytes(struct json *j, const char *key, const char *data, size_t len)
{
	AUTO_BUF text = { .data = NULL };
	char name[40];

	json_key(j, key);
	json_bytes(j, data, len);
	if (utf8_valid(data, len))
		return;
	snprintf(name, sizeof name, "%s_base64", key);
	buf_chr(&text, '"');
	json_base64(&text, data, len);
	buf_chr(&text, '"');
	json_key(j, name);
	if (text.failed)
		j->out->failed = true;
	else
		json_raw(j, text.data, text.len);
}

void api_rule(struct json *j, const char *key, const struct rule *rule)
{
	if (!rule)
		return;
	json_key_text(j, key, rule->name);
	json_key_text(j, "rule_file", rule->file);
	if (rule->line)
		json_key_int(j, "rule_line", rule->line);
}
