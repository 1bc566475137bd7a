#include "session/handover.h"

#include "audit/ring.h"
#include "audit/writer.h"
#include "base/log.h"
#include "config/config.h"
#include "session/impl.h"
#include "session/place.h"
#include "session/proxied.h"
#include "session/views.h"
#include "session/worker.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NO_FD = -1, TIMES = 4, VARS = sizeof((struct shared_policy *)0)->vars / sizeof(struct policy_var) };

/* ---- what is handed over ---- */

void handover_begin(struct handover *h)
{
	*h = (struct handover){ .fds = NULL };
	msg_start(&h->m, WIRE_HANDOVER);
	msg_u32(&h->m, HANDOVER_VERSION);
}

void handover_fd(struct handover *h, int fd)
{
	int *more;

	msg_u32(&h->m, (uint32_t)fd);
	if (fd < 0)
		return;
	more = realloc(h->fds, (h->n_fds + 1) * sizeof *more);
	if (!more) {
		h->m.b.failed = true;
		return;
	}
	h->fds = more;
	h->fds[h->n_fds++] = fd;
}

void handover_release(struct handover *h)
{
	msg_release(&h->m);
	free(h->fds);
}

static void put_policy(struct handover *h, const struct shared_policy *p)
{
	uint32_t n = 0;

	while (n < VARS && p->vars[n].name)
		n++;
	msg_str(&h->m, p->name);
	msg_str(&h->m, p->path);
	msg_str(&h->m, p->hash);
	msg_u32(&h->m, p->owner);
	msg_u32(&h->m, p->dir_owner);
	msg_u32(&h->m, p->approvals);
	msg_u32(&h->m, p->expand);
	handover_fd(h, p->text->fd);
	msg_u32(&h->m, n);
	for (uint32_t i = 0; i < n; i++) {
		msg_str(&h->m, p->vars[i].name);
		msg_str(&h->m, p->vars[i].value);
	}
}

static void put_command(struct handover *h, const struct command *c)
{
	msg_u32(&h->m, c->number);
	msg_str(&h->m, c->id);
	msg_u32(&h->m, c->origin);
	msg_str(&h->m, c->path);
	msg_u64(&h->m, (uint64_t)c->real_ns);
	msg_u64(&h->m, (uint64_t)c->start_ns);
	msg_u32(&h->m, c->live);
	msg_u32(&h->m, (uint32_t)c->pid);
	msg_u32(&h->m, (uint32_t)c->exit_code);
	msg_u64(&h->m, (uint64_t)c->duration_ns);
	for (int i = 0; i < STREAMS; i++) {
		msg_bytes(&h->m, buf_text(&c->output[i].data), c->output[i].data.len);
		msg_u64(&h->m, c->output[i].total);
		msg_u32(&h->m, c->output[i].truncated);
	}
	msg_u64(&h->m, c->n_denied);
	msg_u64(&h->m, c->events_lost);
	msg_u32(&h->m, (uint32_t)c->n_events);
	list_each(n, &c->events)
	{
		const struct command_event *ev = list_item(n, struct command_event, node);

		msg_u32(&h->m, ev->flags);
		msg_bytes(&h->m, ev->json, ev->len);
	}
}

static void put_env(struct handover *h, const struct session *s)
{
	uint32_t n_env = 0;

	list_each(n, &s->env) n_env++;
	msg_u32(&h->m, n_env);
	list_each(n, &s->env)
	{
		const struct session_env *v = list_item(n, struct session_env, node);

		msg_str(&h->m, v->name);
		msg_str(&h->m, v->value);
	}
}

static int put_session(struct handover *h, const struct session *s, struct err *e)
{
	const char *texts[] = {
		s->home, s->user, s->workspace, s->project_root, s->git_root, s->cwd, s->dir
	};

	msg_str(&h->m, s->id);
	msg_u64(&h->m, s->tag);
	msg_u32(&h->m, s->origin);
	msg_u32(&h->m, s->uid);
	msg_u32(&h->m, s->gid);
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		msg_u32(&h->m, texts[i] != NULL);
		msg_str(&h->m, texts[i]);
	}
	put_env(h, s);
	put_policy(h, s->policy);
	msg_u64(&h->m, (uint64_t)s->created_ns);
	msg_u64(&h->m, (uint64_t)s->started_ns);
	msg_u64(&h->m, (uint64_t)s->active_ns);
	msg_u32(&h->m, s->worker_deaths);
	msg_u32(&h->m, s->last_command);
	worker_hand_over(s, h);
	msg_u32(&h->m, (uint32_t)s->n_commands);
	list_each(n, &s->commands) put_command(h, list_item(n, struct command, node));
	return CONFIG_APPLET_PROXY ? proxied_hand_over(s, h, e) : 0;
}

/* Texts that decide where things are: with others the new program must not go on as if nothing had happened.
 */
static size_t bound(const struct config *c, const char *texts[TIMES + 2])
{
	size_t n = 0;

	texts[n++] = c->server.http.addr;
	texts[n++] = c->server.unix_socket.path;
	texts[n++] = c->audit.output;
	texts[n++] = c->sessions.base_dir;
	return n;
}

int handover_core(struct handover *h, struct core *core, struct err *e)
{
	const char *texts[TIMES + 2];
	size_t n_texts = bound(core->config, texts);

	list_each(n, &core->sessions)
	{
		struct session *s = list_item(n, struct session, node);

		core_drain(core, s);
		if (s->ring_taken || s->stuck.text)
			return err_set(e, "events of session %s are not in the log", s->id);
	}
	if (!core_can_log(core, e))
		return -1;
	if (writer_behind(core->writer))
		return err_set(e, "events are not in the log");
	for (size_t i = 0; i < n_texts; i++)
		msg_str(&h->m, texts[i]);
	msg_u64(&h->m, (uint64_t)core->started_ns);
	msg_u64(&h->m, core->n_events);
	msg_u32(&h->m, (uint32_t)core->n_sessions);
	if (CONFIG_APPLET_PROXY)
		proxied_hand_over_ports(core, h);
	list_each(n, &core->sessions)
	{
		if (put_session(h, list_item(n, struct session, node), e) < 0)
			return -1;
	}
	if (CONFIG_LAYER_FUSE && views_hand_over(core, h, e) < 0)
		return -1;
	return h->m.b.failed ? err_set(e, "out of memory") : 0;
}

/* ---- what is taken over ---- */

int handover_open(struct msg_reader *r, const void *data, size_t len, struct err *e)
{
	uint32_t version;

	if (msg_open(r, data, len) != WIRE_HANDOVER)
		return err_set(e, "this is no state of a server");
	version = msg_get_u32(r);
	if (version != HANDOVER_VERSION)
		return err_set(e, "the running server's state is of version %u, ours %d", version,
		               HANDOVER_VERSION);
	return 0;
}

int handover_get_fd(struct msg_reader *r)
{
	int fd = (int)msg_get_u32(r);

	if (fd < 0)
		return NO_FD;
	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0) {
		r->failed = true;
		return NO_FD;
	}
	return fd;
}

static struct shared_policy *get_policy(struct core *core, struct msg_reader *r, struct err *e)
{
	struct policy_text text = { .fd = -1 };
	struct shared_policy p = { .text = &text };
	uint32_t n;

	p.name = (char *)msg_get_str(r);
	p.path = (char *)msg_get_str(r);
	snprintf(p.hash, sizeof p.hash, "%s", msg_get_str(r));
	p.owner = msg_get_u32(r);
	p.dir_owner = msg_get_u32(r);
	p.approvals = msg_get_u32(r) != 0;
	p.expand = msg_get_u32(r) != 0;
	text.fd = handover_get_fd(r);
	n = msg_get_u32(r);
	for (uint32_t i = 0; i < n && i < VARS - 1; i++) {
		p.vars[i].name = msg_get_str(r);
		p.vars[i].value = msg_get_str(r);
	}
	if (!msg_ok(r) || n > VARS - 1 || text.fd < 0) {
		err_set(e, "a policy is missing");
		return NULL;
	}
	return policies_take(core, &p, e);
}

static bool get_output(struct msg_reader *r, struct command_output *o)
{
	size_t len;
	const char *data = msg_get_bytes(r, &len);

	o->data.max = OUTPUT_MAX;
	if (data && len)
		buf_add(&o->data, data, len);
	o->total = msg_get_u64(r);
	o->truncated = msg_get_u32(r) != 0;
	return !o->data.failed;
}

static int get_command(struct session *s, struct msg_reader *r, struct err *e)
{
	uint32_t number = msg_get_u32(r);
	struct command *c = command_take(s, number, msg_get_str(r));
	uint64_t denied, lost;
	uint32_t n;

	if (!c)
		return err_set(e, "out of memory");
	c->origin = msg_get_u32(r);
	c->path = strdup(msg_get_str(r));
	c->real_ns = (int64_t)msg_get_u64(r);
	c->start_ns = (int64_t)msg_get_u64(r);
	c->live = msg_get_u32(r) != 0;
	c->pid = (pid_t)msg_get_u32(r);
	c->exit_code = (int)msg_get_u32(r);
	c->duration_ns = (int64_t)msg_get_u64(r);
	for (int i = 0; i < STREAMS; i++) {
		if (!get_output(r, &c->output[i]))
			return err_set(e, "out of memory");
		s->core->kept += c->output[i].data.len;
	}
	denied = msg_get_u64(r);
	lost = msg_get_u64(r);
	n = msg_get_u32(r);
	for (uint32_t i = 0; i < n && msg_ok(r); i++) {
		uint32_t flags = msg_get_u32(r);
		size_t len;
		const char *json = msg_get_bytes(r, &len);

		if (json)
			command_keep_event(c, json, len, flags);
	}
	c->n_denied = denied;
	c->events_lost = lost;
	if (c->live)
		s->n_live++;
	else
		command_to_history(c);
	return c->path && msg_ok(r) ? 0 : err_set(e, "a command is missing");
}

static bool get_text(struct msg_reader *r, char **out)
{
	bool there = msg_get_u32(r) != 0;
	const char *text = msg_get_str(r);

	if (there)
		*out = strdup(text);
	return !there || *out;
}

static int get_texts(struct session *s, struct msg_reader *r, struct err *e)
{
	char **texts[] = {
		&s->home, &s->user, &s->workspace, &s->project_root, &s->git_root, &s->cwd, &s->dir
	};
	uint32_t n_env;
	bool good = true;

	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		good = get_text(r, texts[i]) && good;
	n_env = msg_get_u32(r);
	for (uint32_t i = 0; i < n_env && msg_ok(r); i++) {
		const char *name = msg_get_str(r), *value = msg_get_str(r);

		good = session_env_take(s, name, value) && good;
	}
	if (!msg_ok(r) || !s->workspace || !s->cwd || !s->dir || !s->project_root || !s->git_root)
		return err_set(e, "session \"%s\" is not whole", s->id);
	return good ? 0 : err_set(e, "out of memory");
}

static int fill(struct session *s, struct msg_reader *r, bool dry, struct err *e)
{
	struct core *core = s->core;
	uint32_t n;

	snprintf(s->id, sizeof s->id, "%s", msg_get_str(r));
	s->tag = msg_get_u64(r);
	s->origin = msg_get_u32(r);
	s->uid = msg_get_u32(r);
	s->gid = msg_get_u32(r);
	if (get_texts(s, r, e) < 0 || !(s->policy = get_policy(core, r, e)))
		return -1;
	session_take_limits(s);
	s->created_ns = (int64_t)msg_get_u64(r);
	s->started_ns = (int64_t)msg_get_u64(r);
	s->active_ns = (int64_t)msg_get_u64(r);
	s->worker_deaths = msg_get_u32(r);
	s->last_command = msg_get_u32(r);
	if (worker_take_over(core, s, r, dry, e) < 0)
		return -1;
	n = msg_get_u32(r);
	for (uint32_t i = 0; i < n; i++)
		if (get_command(s, r, e) < 0)
			return -1;
	if (CONFIG_APPLET_PROXY && proxied_take_over(s, r, dry, e) < 0)
		return -1;
	s->state = s->n_live ? SESSION_BUSY : SESSION_READY;
	return index_add(core, s, e);
}

/* What is half made when this fails is left: the process ends. */
static int get_core(struct core *core, struct msg_reader *r, bool dry, struct err *e)
{
	const char *ours[TIMES + 2];
	size_t n_texts = bound(core->config, ours);
	uint32_t n;

	for (size_t i = 0; i < n_texts; i++) {
		const char *theirs = msg_get_str(r);

		if (strcmp(theirs, ours[i]) != 0)
			return err_set(
			        e,
			        "the configuration now says \"%s\" instead of \"%s\": that takes a restart",
			        ours[i], theirs);
	}
	core->started_ns = (int64_t)msg_get_u64(r);
	core->n_events = msg_get_u64(r);
	n = msg_get_u32(r);
	if (CONFIG_APPLET_PROXY && proxied_take_over_ports(core, r, dry, e) < 0)
		return -1;
	for (uint32_t i = 0; i < n; i++) {
		struct session *s = calloc(1, sizeof *s);

		if (!s)
			return err_set(e, "out of memory");
		s->core = core;
		list_init(&s->env);
		list_init(&s->commands);
		list_init(&s->finished);
		if (fill(s, r, dry, e) < 0)
			return -1;
		list_append(&core->sessions, &s->node);
		core->n_sessions++;
	}
	return CONFIG_LAYER_FUSE ? views_take_over(core, r, dry, e) : 0;
}

struct core *handover_take(const struct config *config, struct loop *l, struct msg_reader *r, struct err *e)
{
	struct core *core = core_make(config, l, e);

	if (!core || get_core(core, r, false, e) < 0)
		return NULL;
	core_start(core);
	return core;
}

int handover_check(const struct config *config, struct msg_reader *r, struct err *e)
{
	struct core *core = calloc(1, sizeof *core);

	if (!core)
		return err_set(e, "out of memory");
	core->config = config;
	list_init(&core->sessions);
	list_init(&core->policies);
	list_init(&core->finished);
	core->standard = policies_get(core, config->policies.standard, NULL, e);
	return core->standard ? get_core(core, r, true, e) : -1;
}

void place_hand_over(const struct place *p, struct handover *h)
{
	msg_str(&h->m, p->dir);
	msg_str(&h->m, p->socket);
	handover_fd(h, p->lock);
	handover_fd(h, p->gate);
}

int place_take_over(struct place *p, struct msg_reader *r, struct err *e)
{
	snprintf(p->dir, sizeof p->dir, "%s", msg_get_str(r));
	snprintf(p->socket, sizeof p->socket, "%s", msg_get_str(r));
	p->lock = handover_get_fd(r);
	p->gate = handover_get_fd(r);
	return msg_ok(r) && p->lock >= 0 && p->gate >= 0 ? 0 : err_set(e, "the server's socket is missing");
}
