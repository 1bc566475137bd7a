#include "api/impl.h"

#include "base/num.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

enum { PAGE_MAX = 10 << 20, PAGE_DEFAULT = 65536 };

enum { KILL_GRACE_MS = 2000 };

/* SIGKILL for what a SIGTERM did not end. Found again by name: sessions and commands may be gone by then. */
struct second_kill {
	struct timer timer;
	struct core *core;
	char session[SESSION_ID_MAX + 1];
	char command[41];
};

/* The command of args[1]; answers 400, or 404 with `missing`, and gives NULL. */
static struct command *find_command(struct call *c, const struct session *s, const char *missing)
{
	struct command *command;

	if (!api_id_ok(c->args[1])) {
		api_error(c, 400, "invalid command id");
		return NULL;
	}
	command = command_find(s, c->args[1]);
	if (!command)
		api_error(c, 404, "%s", missing);
	return command;
}

static void kill_for_good(struct loop *l, struct timer *t)
{
	struct second_kill *k = list_item(t, struct second_kill, timer);
	struct session *s = session_find(k->core, k->session);
	struct command *command = s ? command_find(s, k->command) : NULL;

	(void)l;
	if (command && command->live)
		session_kill(k->core, command, SIGKILL);
	free(k);
}

static void kill_later(struct core *core, const struct session *s, const struct command *command)
{
	struct second_kill *k = calloc(1, sizeof *k);

	if (!k)
		return;
	k->timer.due = kill_for_good;
	k->core = core;
	memcpy(k->session, s->id, sizeof k->session);
	memcpy(k->command, command->id, sizeof k->command);
	loop_timer(core->loop, &k->timer, KILL_GRACE_MS * 1000000LL);
}

void api_kill(struct call *c)
{
	struct session *s = api_session(c);
	struct command *command = s ? find_command(c, s, "command not running") : NULL;
	struct buf body = { .data = NULL };
	struct event_field fields[] = { { .name = "pid" }, { .name = "signal", .text = "SIGTERM" } };
	struct event ev = { .type = "command_killed", .depth = -1, .fields = fields, .n_fields = 2 };

	if (!command)
		return;
	if (!command->live) {
		api_error(c, 404, "command not running");
		return;
	}
	if (!command->pid) {
		api_error(c, 409, "command pid not available");
		return;
	}
	fields[0].number = command->pid;
	core_event(c->api->core, s, command, &ev, 0);
	session_kill(c->api->core, command, SIGTERM);
	kill_later(c->api->core, s, command);
	buf_str(&body, "{\"ok\":true}");
	api_json(c, 200, &body);
}

/* A number of the query, or `otherwise`; false with 400 answered. */
static bool query_number(struct call *c, const char *name, uint64_t max, uint64_t otherwise, uint64_t *out)
{
	char text[32];
	int got = http_query(c->request->query, name, text, sizeof text);

	*out = otherwise;
	if (!got || (got > 0 && !*text))
		return true;
	if (got < 0 || !num_u64(text, 0, UINT64_MAX, out)) {
		api_error(c, 400, "invalid %s", name);
		return false;
	}
	if (*out > max)
		*out = max;
	return true;
}

static void answer_chunk(struct call *c, const struct command *command, int stream, uint64_t offset,
                         uint64_t limit)
{
	const struct command_output *o = command->output + stream;
	struct buf body = { .data = NULL };
	struct json j = { .out = &body };
	size_t start = offset < o->data.len ? (size_t)offset : o->data.len;
	size_t n = o->data.len - start < limit ? o->data.len - start : (size_t)limit;

	json_object(&j);
	json_key_text(&j, "command_id", command->id);
	api_bytes(&j, "data", n ? o->data.data + start : "", n);
	json_key_bool(&j, "has_more", start + n < o->data.len);
	json_key_int(&j, "limit", (int64_t)limit);
	json_key_int(&j, "offset", (int64_t)offset);
	json_key_text(&j, "stream", stream == STREAM_STDOUT ? "stdout" : "stderr");
	json_key_int(&j, "total_bytes", (int64_t)o->total);
	json_key_bool(&j, "truncated", o->truncated);
	json_end(&j);
	api_json(c, 200, &body);
}

void api_output(struct call *c)
{
	struct session *s = api_session(c);
	struct command *command;
	uint64_t offset, limit;
	char stream[16] = "stdout";

	if (!s)
		return;
	if (http_query(c->request->query, "stream", stream, sizeof stream) < 0 ||
	    (strcmp(stream, "stdout") && strcmp(stream, "stderr"))) {
		api_error(c, 400, "invalid stream");
		return;
	}
	if (!query_number(c, "offset", INT64_MAX, 0, &offset) ||
	    !query_number(c, "limit", PAGE_MAX, PAGE_DEFAULT, &limit))
		return;
	command = find_command(c, s, "output not found");
	if (command)
		answer_chunk(c, command, !strcmp(stream, "stderr"), offset, limit ? limit : PAGE_DEFAULT);
}
