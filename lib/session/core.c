#include "session/core.h"

#include "audit/ring.h"
#include "audit/writer.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "session/impl.h"
#include "session/proxied.h"
#include "sys/trim.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

static const int64_t SECOND = 1000000000;

/* Records of one session at once: the others want their turn; and of a batch, after which the supervisor has
 * room again, which may be waiting for it. */
enum { DRAIN_MAX = 10000, DRAIN_BATCH = 400 };

/* ---- events ---- */

static void append(struct core *core, struct session *s, struct command *c, const char *json, size_t len,
                   uint32_t flags)
{
	core->n_events++;
	if (c)
		command_keep_event(c, json, len, flags);
	list_each(n, &core->subscribers)
	{
		struct subscriber *sub = list_item(n, struct subscriber, node);

		if (!sub->session || sub->session == s)
			sub->event(sub, json, len);
	}
}

/* The file must take what is queued, or nothing new may happen. */
static int flush(struct core *core)
{
	struct err e = { 0 };

	if (writer_flush(core->writer, &e) == 0) {
		if (core->log_failed)
			log_line(LOG_INFO, "events can be written again");
		core->log_failed = false;
		return 0;
	}
	if (!core->log_failed)
		log_line(LOG_ERROR, "cannot write events, new commands are refused: %s", e.text);
	core->log_failed = true;
	snprintf(core->log_reason, sizeof core->log_reason, "%.*s", (int)sizeof core->log_reason - 1, e.text);
	if (!core->log_retry.at_ns)
		loop_timer(core->loop, &core->log_retry, SECOND);
	return -1;
}

static void retry(struct loop *l, struct timer *t)
{
	struct core *core = list_item(t, struct core, log_retry);

	(void)l;
	flush(core); /* arms the timer again when it fails; after the batch the rings follow */
}

int core_event(struct core *core, struct session *s, struct command *c, const struct event *ev,
               uint32_t flags)
{
	struct event full = *ev;
	char id[64];

	snprintf(id, sizeof id, "evt-%08" PRIx32 "-%" PRIu64, core->boot, ++core->last_event);
	if (!full.id)
		full.id = id;
	if (!full.real_ns)
		full.real_ns = clock_real_ns();
	if (s && !full.session_id)
		full.session_id = s->id;
	if (c && !full.command_id)
		full.command_id = c->id;
	if (full.verdict && full.verdict->effective == EFFECT_DENY)
		flags |= RING_DENIED;
	buf_clear(&core->scratch);
	event_format(&full, &core->scratch);
	if (core->scratch.failed) {
		buf_release(&core->scratch);
		return -1;
	}
	if (!writer_add(core->writer, core->scratch.data, core->scratch.len)) {
		flush(core);
		return -1;
	}
	if (!(flags & CORE_MORE) && flush(core) < 0)
		return -1;
	flags &= ~(uint32_t)CORE_MORE;
	append(core, s, c, core->scratch.data, core->scratch.len, flags);
	return 0;
}

bool core_can_log(const struct core *core, struct err *why)
{
	if (core->log_failed)
		err_set(why, "events cannot be written: %s", core->log_reason);
	return !core->log_failed;
}

/* ---- rings ---- */

/* The record in memory of our own: what is checked, sealed and shown to others must not change in between,
 * and the supervisor can still write to the ring. One that is too long for an event is none, and only looked
 * at once. NULL when there is no memory. */
static const char *own_copy(struct core *core, const struct ring_record *r)
{
	if (r->len > EVENT_TEXT_MAX)
		return r->text;
	buf_clear(&core->scratch);
	buf_add(&core->scratch, r->text, r->len);
	return core->scratch.failed ? NULL : core->scratch.data;
}

/* Take one record over into the writer's queue. False when that is full: the record stays where it is. */
static bool take(struct core *core, struct session *s, const struct ring_record *r)
{
	const char *text = own_copy(core, r);

	if (!text || !writer_add(core->writer, text, r->len)) {
		if (!text)
			buf_release(&core->scratch);
		s->stuck = *r;
		return false;
	}
	s->stuck = (struct ring_record){ 0 };
	s->ring_taken = true;
	append(core, s, command_by_number(s, r->command), text, r->len, r->flags);
	return true;
}

/* True when more is there than one turn takes. */
static bool drain(struct core *core, struct session *s, int most)
{
	struct ring_record r;

	if (!s->ring || core->log_failed || (s->stuck.text && !take(core, s, &s->stuck)))
		return false;
	while (most--) {
		if (!ring_get(s->ring, &r) || !take(core, s, &r))
			return false;
	}
	return true;
}

/* Removed from the ring only when they are in the file: whoever dies in between, they are not lost. */
static void written(struct session *s)
{
	if (s->ring && s->ring_taken && !s->stuck.text) {
		ring_done(s->ring);
		s->ring_taken = false;
	}
}

void core_wake(struct core *core, struct session *s)
{
	if (!s->awake.next || list_empty(&s->awake))
		list_append(&core->awake, &s->awake);
}

void core_gather(struct core *core, struct session *s)
{
	core_wake(core, s);
	drain(core, s, DRAIN_MAX);
	if (CONFIG_LAYER_FUSE && core->hooks.view_gather)
		core->hooks.view_gather(core, s);
	if (CONFIG_APPLET_PROXY)
		proxied_gather(core, s);
}

void core_drain(struct core *core, struct session *s)
{
	core_wake(core, s);
	drain(core, s, DRAIN_MAX);
	if (s->ring_taken && flush(core) == 0)
		written(s);
	if (CONFIG_LAYER_FUSE && core->hooks.view_gather)
		core->hooks.view_gather(core, s);
	if (CONFIG_APPLET_PROXY)
		proxied_gather(core, s);
}

static bool take_other(struct core *core, struct session *s, struct ring_record *r)
{
	const char *text = own_copy(core, r);

	if (!text || (!writer_add(core->writer, text, r->len) &&
	              (flush(core) < 0 || !writer_add(core->writer, text, r->len))))
		return false;
	append(core, s, command_by_number(s, r->command), text, r->len, r->flags);
	return true;
}

void core_drain_other(struct core *core, struct session *s, struct ring *ring, struct ring_record *stuck)
{
	do {
		while (!core->log_failed && (stuck->text || ring_get(ring, stuck))) {
			if (!take_other(core, s, stuck))
				return;
			*stuck = (struct ring_record){ 0 };
		}
		if (core->log_failed || flush(core) < 0)
			return;
		ring_done(ring);
	} while (!ring_sleep(ring) && !ring_broken(ring));
}

static void check_ring(struct core *core, struct session *s)
{
	if (!s->ring || !ring_broken(s->ring))
		return;
	log_line(LOG_ERROR, "session %s: the supervisor's event ring is damaged", s->id);
	if (core->hooks.worker_stop)
		core->hooks.worker_stop(core, s);
	session_worker_died(core, s, "event ring damaged");
}

static void again(struct loop *l, struct timer *t)
{
	(void)l;
	(void)t; /* its expiry is a batch, and after a batch the rings of who is awake are drained */
}

static void after_batch(void *arg)
{
	struct core *core = arg;
	bool more = false;

	list_each(n, &core->awake) more |= drain(core, list_item(n, struct session, awake), DRAIN_BATCH);
	if (flush(core) < 0)
		return;
	list_each(n, &core->awake)
	{
		struct session *s = list_item(n, struct session, awake);

		written(s);
		check_ring(core, s);
		if (s->ring && !ring_sleep(s->ring) && !ring_broken(s->ring))
			more = true;
		else if (!s->stuck.text)
			list_remove(&s->awake);
	}
	if (more)
		loop_timer(core->loop, &core->again, 0);
}

void core_rest(struct core *core)
{
	list_each(n, &core->sessions)
	{
		struct session *s = list_item(n, struct session, node);

		if (s->ring)
			ring_rest(s->ring);
	}
	trim_text();
}

/* ---- subscribers ---- */

void core_subscribe(struct core *core, struct subscriber *sub)
{
	list_append(&core->subscribers, &sub->node);
}

void core_unsubscribe(struct subscriber *sub)
{
	if (sub->node.next)
		list_remove(&sub->node);
}

/* ---- beginning and end ---- */

static int make_dirs(const char *path, struct err *e)
{
	char dir[4096];

	if (snprintf(dir, sizeof dir, "%s", path) >= (int)sizeof dir)
		return err_set(e, "%s: name too long", path);
	for (char *c = dir + 1;; c++) {
		char was = *c;

		if (*c && *c != '/')
			continue;
		*c = 0;
		if (mkdir(dir, was ? 0755 : 0700) < 0 && errno != EEXIST)
			return err_sys(e, "create directory %s", dir);
		*c = was;
		if (!was)
			return 0;
	}
}

static int make_parent(const char *path, struct err *e)
{
	const char *slash = strrchr(path, '/');
	char dir[4096];

	if (!slash || slash == path)
		return 0;
	if (snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path) >= (int)sizeof dir)
		return err_set(e, "%s: name too long", path);
	return make_dirs(dir, e);
}

static int chain_key(struct core *core, struct chain_key *key, struct err *e)
{
	const struct config *config = core->config;
	enum chain_kind kind = config->audit.integrity.algorithm ? CHAIN_HMAC_SHA512 : CHAIN_HMAC_SHA256;
	const char *name = config->audit.integrity.key_env;
	AUTO_BUF text = { 0 };

	if (!config->audit.integrity.enabled)
		return 0;
	if (*config->audit.integrity.key_file) {
		if (fd_slurp_file(config->audit.integrity.key_file, 65536, &text, e) < 0)
			return err_in(e, "audit.integrity.key_file");
	} else {
		buf_str(&text, getenv(name) ? getenv(name) : "");
		if (CONFIG_SERVER_RELOAD && asprintf(&core->key_env, "%s=%s", name, buf_text(&text)) < 0)
			return err_set(e, "out of memory");
		unsetenv(name); /* no child shall inherit it */
	}
	return chain_key_set(key, kind, buf_text(&text), text.len, e) < 0 ? err_in(e, "audit.integrity") : 0;
}

static int open_log(struct core *core, struct err *e)
{
	const struct config *c = core->config;
	struct writer_options options = {
		.path = c->audit.output,
		.max_bytes = (uint64_t)c->audit.rotation.max_size_mb << 20,
		.backups = (unsigned)c->audit.rotation.max_backups,
		.retention_days = (unsigned)c->audit.retention.max_age_days,
		.sync = SYNC_INTERVAL,
		.sync_ns = SECOND,
	};
	int rc = chain_key(core, &options.key, e);

	if (rc == 0 && make_parent(options.path, e) == 0)
		core->writer = writer_open(&options, e);
	memset(&options.key, 0, sizeof options.key);
	if (!core->writer)
		return rc < 0 ? -1 : err_in(e, "audit log");
	return 0;
}

struct core *core_make(const struct config *config, struct loop *l, struct err *e)
{
	struct core *core = calloc(1, sizeof *core);

	if (!core || getrandom(&core->boot, sizeof core->boot, 0) != sizeof core->boot) {
		err_set(e, "out of memory");
		free(core);
		return NULL;
	}
	core->config = config;
	core->loop = l;
	core->started_ns = clock_real_ns();
	core->scratch.max = EVENT_TEXT_MAX;
	core->log_retry.due = retry;
	core->again.due = again;
	list_init(&core->sessions);
	list_init(&core->awake);
	list_init(&core->policies);
	list_init(&core->subscribers);
	list_init(&core->finished);
	core->standard = policies_get(core, config->policies.standard, NULL, e);
	if (!core->standard || make_dirs(config->sessions.base_dir, e) < 0 || open_log(core, e) < 0) {
		core_free(core);
		return NULL;
	}
	return core;
}

void core_start(struct core *core)
{
	recover_sessions(core);
	loop_after_batch(core->loop, after_batch, core);
	reaper_start(core);
}

struct core *core_new(const struct config *config, struct loop *l, struct err *e)
{
	struct core *core = core_make(config, l, e);

	if (core)
		core_start(core);
	return core;
}

void core_end_sessions(struct core *core)
{
	core->stopping = true;
	while (!list_empty(&core->sessions))
		session_end(core, list_item(core->sessions.next, struct session, node), "session_destroyed",
		            "server stops");
}

void core_free(struct core *core)
{
	if (!core)
		return;
	core_end_sessions(core);
	loop_untimer(core->loop, &core->reaper);
	loop_untimer(core->loop, &core->log_retry);
	loop_untimer(core->loop, &core->again);
	policies_put(core, core->standard);
	policies_rest(core);
	if (CONFIG_APPLET_PROXY)
		proxied_release(core);
	if (core->writer)
		writer_close(core->writer, NULL);
	buf_release(&core->scratch);
	wire_in_release(&core->in);
	map_release(&core->by_id);
	map_release(&core->by_tag);
	map_release(&core->by_place);
	if (core->key_env)
		explicit_bzero(core->key_env, strlen(core->key_env));
	free(core->key_env);
	free(core);
}
