#include "session/impl.h"

#include "audit/ring.h"
#include "base/clock.h"
#include "session/gate.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void command_free(struct command *c)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who was freed before has left the lists */
	struct session *s = c->session;
	struct core *core = s->core;

	list_remove(&c->node);
	list_remove(&c->finished_node);
	list_remove(&c->done_node);
	map_del(&s->commands_by_id, c->id, strlen(c->id));
	map_del(&s->commands_by_number, (const char *)&c->number, sizeof c->number);
	s->n_commands--;
	list_each(n, &c->events)
	{
		struct command_event *ev = list_item(n, struct command_event, node);

		list_remove(n);
		free(ev);
	}
	core->kept -= c->event_bytes;
	for (int i = 0; i < STREAMS; i++) {
		core->kept -= c->output[i].data.len;
		buf_release(&c->output[i].data);
	}
	free(c->path);
	free(c);
}

/* Make room in the history: of this session, then of all. */
static void trim(struct core *core, struct session *s)
{
	while (s->n_commands - s->n_live >= COMMANDS_KEPT && !list_empty(&s->finished))
		command_free(list_item(s->finished.next, struct command, done_node));
	while (core->kept + OUTPUT_MAX > KEPT_MAX && !list_empty(&core->finished))
		command_free(list_item(core->finished.next, struct command, finished_node));
}

/* Into the session's books, as its newest. False when out of memory. */
static bool enter(struct session *s, struct command *c, uint32_t number)
{
	c->session = s;
	c->number = number;
	list_init(&c->events);
	list_init(&c->finished_node);
	list_init(&c->done_node);
	if (!map_set(&s->commands_by_id, c->id, strlen(c->id), c))
		return false;
	if (!map_set(&s->commands_by_number, (const char *)&c->number, sizeof c->number, c)) {
		map_del(&s->commands_by_id, c->id, strlen(c->id));
		return false;
	}
	s->n_commands++;
	list_append(&s->commands, &c->node);
	return true;
}

static struct command *make(struct session *s, enum command_origin origin, const char *path)
{
	struct command *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	c->path = strdup(path ? path : "");
	if (!c->path || !id_make("cmd-", c->id, sizeof c->id) || !enter(s, c, s->last_command + 1)) {
		free(c->path);
		free(c);
		return NULL;
	}
	c->origin = origin;
	c->real_ns = clock_real_ns();
	c->start_ns = clock_mono_ns();
	c->live = true;
	c->exit_code = -1;
	for (int i = 0; i < STREAMS; i++)
		c->output[i].data.max = OUTPUT_MAX;
	return c;
}

struct command *command_take(struct session *s, uint32_t number, const char *id)
{
	struct command *c = calloc(1, sizeof *c);

	if (!c)
		return NULL;
	snprintf(c->id, sizeof c->id, "%s", id);
	if (enter(s, c, number))
		return c;
	free(c);
	return NULL;
}

struct command *command_begin(struct core *core, struct session *s, enum command_origin origin,
                              const char *path, struct err *e)
{
	struct command *c;

	if (!core_can_log(core, e))
		return NULL;
	if (core->stopping || s->n_live >= LIVE_MAX || s->last_command == UINT32_MAX) {
		err_set(e, core->stopping          ? "the server is stopping"
		           : s->n_live >= LIVE_MAX ? "too many commands run in this session"
		                                   : "the session has used up its command numbers");
		return NULL;
	}
	trim(core, s);
	c = make(s, origin, path);
	if (!c) {
		err_set(e, "out of memory");
		return NULL;
	}
	if (CONFIG_LAYER_FUSE && core->hooks.view_command)
		core->hooks.view_command(s, c);
	if (session_step(s, EVENT_BEGIN, e) < 0) {
		command_free(c);
		return NULL;
	}
	s->last_command++;
	return c;
}

void command_to_history(struct command *c)
{
	list_append(&c->session->core->finished, &c->finished_node);
	list_append(&c->session->finished, &c->done_node);
}

void command_finish(struct core *core, struct command *c, int exit_code)
{
	command_finish_at(core, c, exit_code, clock_mono_ns());
}

void command_finish_at(struct core *core, struct command *c, int exit_code, int64_t end_ns)
{
	if (!c->live)
		return;
	core_gather(core, c->session);
	if (CONFIG_LAYER_FUSE && core->hooks.view_ended)
		core->hooks.view_ended(c->session, c);
	c->exit_code = exit_code;
	c->duration_ns = end_ns > c->start_ns ? end_ns - c->start_ns : 0;
	c->live = false;
	c->lost = NULL;
	c->owner = NULL;
	command_to_history(c);
	session_step(c->session, EVENT_FINISH, NULL);
}

void command_output_add(struct core *core, struct command *c, int stream, const char *data, size_t len)
{
	struct command_output *o = &c->output[stream];
	size_t room = OUTPUT_MAX - o->data.len;

	if (core->kept + len > KEPT_MAX)
		trim(core, c->session);
	if (core->kept + len > KEPT_MAX || o->truncated || o->data.failed)
		room = 0;
	o->total += len;
	if (len > room) {
		len = room;
		o->truncated = true;
	}
	if (!len)
		return;
	buf_add(&o->data, data, len);
	if (o->data.failed)
		o->truncated = true;
	else
		core->kept += len;
}

void command_keep_event(struct command *c, const char *json, size_t len, uint32_t flags)
{
	struct core *core = c->session->core;
	struct command_event *ev;
	/* Denials have room of their own: a flood of harmless events cannot push them out of the answer. */
	bool is_denied = flags & RING_DENIED && !(flags & RING_BACKGROUND);
	size_t max = is_denied ? EVENTS_MAX : EVENTS_MAX * 4 / 5, bytes = EVENT_BYTES_MAX;

	if (!is_denied)
		bytes = bytes / 5 * 4;
	if (is_denied)
		c->n_denied++;
	if (c->origin == COMMAND_SHIM)
		return; /* nobody is answered with them: they are in the log */
	ev = c->n_events < max && c->event_bytes + len <= bytes && core->kept < KEPT_MAX
	             ? malloc(sizeof *ev + len + 1)
	             : NULL;
	if (!ev) {
		c->events_lost++;
		return;
	}
	*ev = (struct command_event){ .flags = flags, .len = len };
	memcpy(ev->json, json, len);
	ev->json[len] = 0;
	list_append(&c->events, &ev->node);
	c->n_events++;
	c->event_bytes += len;
	core->kept += len;
}

struct command *command_find(const struct session *s, const char *id)
{
	return map_get(&s->commands_by_id, id, strlen(id));
}

struct command *command_by_number(const struct session *s, uint32_t number)
{
	return map_get(&s->commands_by_number, (const char *)&number, sizeof number);
}

int command_kill(struct core *core, struct command *c, int signal, struct err *e)
{
	if (!core->hooks.kill)
		return err_set(e, "there is nothing that could kill commands");
	if (core->hooks.kill(core, c->session->tag, c->number, signal) < 0)
		return err_set(e, "not all processes of the command could be reached");
	return 0;
}

void commands_lost(struct session *s)
{
	list_each(n, &s->commands)
	{
		struct command *c = list_item(n, struct command, node);

		if (c->live && c->lost)
			c->lost(c, c->owner);
		if (c->live)
			command_finish(s->core, c, -1);
	}
}

void commands_orphaned(struct session *s)
{
	list_each(n, &s->commands)
	{
		struct command *c = list_item(n, struct command, node);

		if (c->live && c->origin == COMMAND_SHIM)
			gate_command_done(s->core, c, -1, clock_mono_ns());
	}
}
