#include "api/log.h"
#include "session/place.h"

#include <stdio.h>
#include <string.h>

#include "audit/event.h"
#include "base/fd.h"
#include "json/write.h"

static void add_text(struct buf *target, const char *name, const char *value)
{
	if (!value)
		return;
	buf_fmt(target, "%s=", name);
	for (; *value; value++) {
		unsigned char ch = (unsigned char)*value;

		if ((ch >= '0' && ch <= '9') || ((ch | 32) >= 'a' && (ch | 32) <= 'z') ||
		    strchr("-._~,/:", ch))
			buf_chr(target, (char)ch);
		else
			buf_fmt(target, "%%%02X", ch);
	}
	buf_chr(target, '&');
}

static void add_time(struct buf *target, const char *name, int64_t real_ns)
{
	char text[36];

	if (!real_ns)
		return;
	event_time(real_ns, text);
	add_text(target, name, text);
}

int api_log_write(const struct api_client *c, const struct query *q, int fd, struct err *e)
{
	AUTO_BUF target = { .max = 7000 }, shown = { 0 };
	struct http_reply reply = { 0 };
	int result;

	buf_str(&target, "/api/v1/events/search?");
	add_text(&target, "session_id", q->session);
	add_text(&target, "command_id", q->command);
	add_text(&target, "type", q->types);
	add_text(&target, "decision", q->decision);
	add_text(&target, "path_like", q->path_like);
	add_text(&target, "domain_like", q->domain_like);
	add_text(&target, "text_like", q->text_like);
	add_time(&target, "since", q->since_ns);
	add_time(&target, "until", q->until_ns);
	buf_fmt(&target, "limit=%lld&offset=%lld&order=%s", (long long)q->limit, (long long)q->offset,
	        q->ascending ? "asc" : "desc");
	if (target.failed)
		return err_set(e, "the query is too long");
	result = api_client_expect(c, "GET", target.data, NULL, &reply, e);
	if (result == 0) {
		json_for_terminal(&shown, buf_text(&reply.body), reply.body.len);
		if (shown.failed || fd_write(fd, buf_text(&shown), shown.len) < 0)
			result = err_sys(e, "write");
	}
	buf_release(&reply.body);
	return result;
}

/* Server-sent events: lines, "event: NAME" before the "data: …" it names; ours have no name. */
struct stream {
	struct buf line;
	scan_fn *fn;
	void *arg;
	bool named, stopped;
};

static void take_line(struct stream *s, const char *line, size_t len)
{
	if (len && line[len - 1] == '\r')
		len--;
	if (len > 6 && !memcmp(line, "event:", 6))
		s->named = true;
	else if (len > 6 && !memcmp(line, "data: ", 6) && !s->named)
		s->stopped = !s->fn(s->arg, line + 6, len - 6);
	else if (!len)
		s->named = false;
}

static bool take_piece(void *arg, const char *data, size_t len)
{
	struct stream *s = arg;
	char *nl;

	buf_add(&s->line, data, len);
	while (!s->stopped && s->line.len && (nl = memchr(s->line.data, '\n', s->line.len))) {
		take_line(s, s->line.data, (size_t)(nl - s->line.data));
		buf_skip(&s->line, (size_t)(nl - s->line.data) + 1);
	}
	return !s->stopped && !s->line.failed;
}

int api_log_follow(const struct api_client *c, const char *session, scan_fn *fn, void *arg, struct err *e)
{
	struct stream s = { .line.max = 1 << 20, .fn = fn, .arg = arg };
	struct http_reply reply = { 0 };
	char target[300];
	struct http_call call = { .url = &c->url,
		                  .method = "GET",
		                  .target = target,
		                  .key = c->key,
		                  .trust = place_check_server,
		                  .piece = take_piece,
		                  .arg = &s };
	int result;

	if (!api_client_id_ok(session))
		return err_set(e, "'%s' is not a session id", session);
	snprintf(target, sizeof target, "/api/v1/sessions/%s/events", session);
	result = http_call(&call, &reply, e);
	if (result == 0 && reply.status != 200)
		result = api_client_failure(&reply, e);
	else if (result == 0 && !s.stopped)
		result = err_set(e, "the server ended the stream");
	if (s.stopped)
		result = 0;
	buf_release(&reply.body);
	buf_release(&s.line);
	return result;
}
