#include "api/impl.h"

#include "base/clock.h"
#include "base/utf8.h"

#include <stdio.h>
#include <string.h>

enum { REPLY_MAX = 1 << 20 }; /* bytes of a stream in an answer; the rest is fetched page by page */

static void write_spec(struct json *j, const char *command, const struct exec_spec *spec,
                       const struct redirect *redirect)
{
	json_key_text(j, "command", redirect ? redirect->command : command);
	if (!spec->n_args && !redirect)
		return;
	json_key(j, "args");
	json_array(j);
	for (const char *const *arg = redirect ? redirect->args : NULL; arg && *arg; arg++)
		json_text(j, *arg);
	for (size_t i = 0; i < spec->n_args; i++)
		json_text(j, spec->args[i]);
	for (const char *const *arg = redirect ? redirect->args_append : NULL; arg && *arg; arg++)
		json_text(j, *arg);
	json_end(j);
}

/* What ran: after a redirect rule was applied. */
static void write_request(struct json *j, const struct exec *x)
{
	const struct exec_spec *spec = &x->request.spec;
	const struct verdict *v = &x->start.verdict;
	bool is_redirected = !x->start.denied && v->rule && v->decision == EFFECT_REDIRECT;

	json_key(j, "request");
	json_object(j);
	write_spec(j, spec->command, spec, is_redirected ? decide_redirect(v->rule) : NULL);
	if (spec->argv0 && *spec->argv0)
		json_key_text(j, "argv0", spec->argv0);
	if (x->request.timeout)
		json_key_text(j, "timeout", x->request.timeout);
	if (spec->working_dir && *spec->working_dir)
		json_key_text(j, "working_dir", spec->working_dir);
	if (spec->n_env) {
		json_key(j, "env");
		json_object(j);
		for (size_t i = 0; i < spec->n_env; i++)
			json_key_text(j, spec->env[i].name, spec->env[i].value);
		json_end(j);
	}
	json_end(j);
}

/* The part of a stream that goes into the answer: not ending inside a character. */
static size_t shown(const struct command_output *o)
{
	size_t len = o->data.len < REPLY_MAX ? o->data.len : REPLY_MAX, start = len;

	if (len == o->total)
		return len;
	while (start && len - start < 4 && ((unsigned char)o->data.data[start - 1] & 0xc0) == 0x80)
		start--;
	if (start && (unsigned char)o->data.data[start - 1] >= 0xc0)
		start--;
	else
		return len;
	return utf8_len((const unsigned char *)o->data.data + start, len - start) ? len : start;
}

static void write_stream(struct json *j, const struct exec *x, int stream, const char *extra)
{
	const struct command_output *o = x->command ? x->command->output + stream : NULL;
	AUTO_BUF text = { .data = NULL };

	if (o)
		buf_add(&text, o->data.data ? o->data.data : "", shown(o));
	buf_str(&text, extra);
	if (text.len)
		api_bytes(j, stream == STREAM_STDOUT ? "stdout" : "stderr", text.data, text.len);
	if (text.failed)
		j->out->failed = true;
}

static bool is_cut(const struct exec *x, int stream)
{
	const struct command_output *o = x->command ? x->command->output + stream : NULL;

	return o && shown(o) < o->total;
}

static void write_error(struct json *j, const struct exec *x, const struct exec_result *r)
{
	char fix[600], message[1100];
	const char *own = x->start.denied ? x->start.message : "";

	if (!r->error_code)
		return;
	/* Clients look for the word "denied"; the rule's own words follow. */
	snprintf(message, sizeof message, "%s%s%s%s",
	         !x->start.denied && r->exit_code == 127 ? "start: " : "", r->error, *own ? ": " : "", own);
	json_key(j, "error");
	json_object(j);
	json_key_text(j, "code", r->error_code);
	json_key_text(j, "message", message);
	if (x->start.denied) {
		api_rule(j, "policy_rule", x->start.verdict.rule);
		json_key_text(j, "fix", api_fix(&x->start, fix, sizeof fix));
		json_key(j, "suggestions");
		json_array(j);
		api_suggestion(j, "adjust_policy", "",
		               "operation denied by policy; adjust policy or change command");
		json_end(j);
	}
	json_end(j);
}

/* Where the next page of a cut stdout begins; only what is kept can be had. */
static void write_pagination(struct json *j, const struct exec *x)
{
	const struct command_output *o = x->command->output + STREAM_STDOUT;
	size_t at = shown(o);
	AUTO_BUF next = { .data = NULL };

	json_key(j, "pagination");
	json_object(j);
	json_key_int(j, "current_offset", 0);
	json_key_int(j, "current_limit", (int64_t)at);
	json_key_bool(j, "has_more", at < o->data.len);
	if (at < o->data.len) {
		buf_fmt(&next, "agentsh output %s %s --stream stdout --offset %zu --limit %d", x->session->id,
		        x->command->id, at, REPLY_MAX);
		json_key_text(j, "next_command", buf_text(&next));
	}
	json_end(j);
}

static void write_totals(struct json *j, const struct exec *x, const struct exec_result *r)
{
	static const char *const keys[STREAMS][2] = { { "stdout_truncated", "stdout_total_bytes" },
		                                      { "stderr_truncated", "stderr_total_bytes" } };

	for (int i = 0; i < STREAMS; i++) {
		if (r->timed_out || is_cut(x, i))
			json_key_bool(j, keys[i][0], true);
		if (x->command && x->command->output[i].total)
			json_key_int(j, keys[i][1], (int64_t)x->command->output[i].total);
	}
}

static void write_result(struct json *j, const struct exec *x, const struct exec_result *r,
                         const struct exec_events *ev)
{
	AUTO_BUF extra = { .data = NULL };

	if (!x->start.denied && !x->start.pid && r->exit_code == 2)
		buf_fmt(&extra, "%s\n", r->error);
	if (r->extra)
		buf_str(&extra, r->extra);
	api_events_restore_lines(ev, x->command ? x->command->id : "last", &extra);
	json_key(j, "result");
	json_object(j);
	json_key_int(j, "exit_code", r->exit_code);
	if (r->signal)
		json_key_int(j, "signal", r->signal);
	write_stream(j, x, STREAM_STDOUT, "");
	write_stream(j, x, STREAM_STDERR, buf_text(&extra));
	write_totals(j, x, r);
	json_key_int(j, "duration_ms", r->duration_ms);
	write_error(j, x, r);
	if (is_cut(x, STREAM_STDOUT))
		write_pagination(j, x);
	json_end(j);
}

static int64_t ms(const struct timeval *t)
{
	return (int64_t)t->tv_sec * 1000 + t->tv_usec / 1000;
}

static void write_resources(struct json *j, const struct exec *x)
{
	if (!x->start.pid)
		return;
	json_key(j, "resources");
	json_object(j);
	json_key_int(j, "cpu_user_ms", ms(&x->usage.ru_utime));
	json_key_int(j, "cpu_system_ms", ms(&x->usage.ru_stime));
	json_key_int(j, "memory_peak_kb", x->usage.ru_maxrss);
	json_end(j);
}

void api_exec_reply(struct exec *x, const struct exec_result *r, struct buf *out)
{
	struct json j = { .out = out };
	struct exec_events ev;
	char time[40];

	api_events_collect(x->command, &ev);
	json_object(&j);
	json_key_text(&j, "command_id", x->command ? x->command->id : "");
	json_key_text(&j, "session_id", x->session->id);
	json_key_text(&j, "timestamp", clock_rfc3339(x->real_ns, time, sizeof time));
	write_request(&j, x);
	write_result(&j, x, r, &ev);
	api_events_write(&j, &ev, x->request.level);
	write_resources(&j, x);
	if (!(x->is_stream && x->start.denied))
		api_guidance(&j, x, r, &ev);
	json_end(&j);
	arena_release(&ev.arena);
}
