#include "session_world.h"

#include "audit/ring.h"
#include "base/clock.h"
#include "session/handover.h"
#include "session/views.h"

#include <sys/resource.h>

T_CASE(output_is_bounded)
{
	static char block[100000];
	struct session *s;
	struct command *c;

	if (!world_begin(""))
		return;
	s = new_session("s");
	memset(block, 'x', sizeof block);
	c = command_begin(w.core, s, COMMAND_EXEC, "yes", NULL);
	for (int i = 0; i < 300; i++)
		command_output_add(w.core, c, STREAM_STDOUT, block, sizeof block);
	is_int(c->output[STREAM_STDOUT].data.len, OUTPUT_MAX);
	is_int(c->output[STREAM_STDOUT].total, 30000000);
	ok(c->output[STREAM_STDOUT].truncated && !c->output[STREAM_STDERR].truncated);
	command_finish(w.core, c, 0);
	for (int k = 0; k < 100; k++) {
		c = command_begin(w.core, s, COMMAND_EXEC, "yes", NULL);
		for (int i = 0; i < 12; i++)
			command_output_add(w.core, c, STREAM_STDERR, block, sizeof block);
		command_finish(w.core, c, 0);
	}
	ok(w.core->kept <= KEPT_MAX + OUTPUT_MAX, "%zu bytes kept of all", w.core->kept);
	ok(!command_by_number(s, 1) && command_by_number(s, 101), "the oldest went");
	world_end();
}

T_CASE(event_lists_are_bounded_and_keep_denials)
{
	static const struct rule rule = { .name = "r", .file = "f.yaml", .line = 3 };
	struct verdict deny = { .rule = &rule };
	struct session *s;
	struct command *c;

	if (!world_begin(""))
		return;
	s = new_session("s");
	c = command_begin(w.core, s, COMMAND_EXEC, "x", NULL);
	for (int i = 0; i < EVENTS_MAX + 10; i++)
		core_event(w.core, s, c, &(struct event){ .type = "file_open", .depth = -1, .path = "/x" },
		           0);
	is_int(c->n_events, EVENTS_MAX * 4 / 5);
	is_int(c->events_lost, EVENTS_MAX / 5 + 10);
	core_event(w.core, s, c, &(struct event){ .type = "execve", .depth = -1, .verdict = &deny }, 0);
	is_int(c->n_events, EVENTS_MAX * 4 / 5 + 1, "a denial finds room");
	is_int(c->n_denied, 1);
	struct command_event *last = list_item(c->events.prev, struct command_event, node);
	ok(last->flags & RING_DENIED && strstr(last->json, c->id) &&
	           strstr(last->json, "\"session_id\":\"s\""),
	   "%s", last->json);
	is_int(logged("\"type\":\"file_open\""), EVENTS_MAX + 10, "all are in the log");
	world_end();
}

static int seen, ended;

static void on_event(struct subscriber *sub, const char *json, size_t len)
{
	(void)sub;
	ok(json[0] == '{' && json[len - 1] == '}');
	seen++;
}

static void on_ended(struct subscriber *sub)
{
	(void)sub;
	ended++;
}

T_CASE(subscribers_see_their_session)
{
	struct session *a, *b;
	struct subscriber all = { .event = on_event }, one = { .event = on_event, .ended = on_ended };

	if (!world_begin(""))
		return;
	a = new_session("a");
	b = new_session("b");
	core_unsubscribe(&one); /* zeroed: harmless */
	one.session = a;
	core_subscribe(w.core, &all);
	core_subscribe(w.core, &one);
	core_event(w.core, b, NULL, &(struct event){ .type = "t", .depth = -1 }, 0);
	is_int(seen, 1);
	core_event(w.core, a, NULL, &(struct event){ .type = "t", .depth = -1 }, 0);
	is_int(seen, 3);
	session_end(w.core, a, "session_destroyed", "test");
	is_int(ended, 1);
	core_unsubscribe(&one);
	core_unsubscribe(&all);
	core_unsubscribe(&all);
	world_end();
}

static struct ring *producer(const struct session *s)
{
	return ring_map(ring_fd(s->ring), NULL);
}

static bool put(struct ring *r, const char *text, uint32_t command, uint32_t flags)
{
	bool wake;

	return ring_put(r, text, strlen(text), command, flags, &wake);
}

/* What was in the ring, changed by who wrote it while the server works on it. */
struct rewriter {
	struct subscriber subscriber;
	const struct session *session;
	bool same;
};

static void rewrite(struct subscriber *sub, const char *json, size_t len)
{
	struct rewriter *x = list_item(sub, struct rewriter, subscriber);
	enum { FIRST_TEXT = 4096 + 16 };

	ok(pwrite(ring_fd(x->session->ring), "\n\n\n\n", 4, FIRST_TEXT) == 4);
	x->same = len == 12 && !memcmp(json, "{\"type\":\"t\"}", 12);
}

T_CASE(records_are_copied_before_they_are_checked)
{
	struct rewriter x = { .subscriber.event = rewrite };
	struct ring *ring;
	struct session *s;
	struct err e = { 0 };

	if (!world_begin(""))
		return;
	s = new_session("s");
	session_supervise(w.core, s, &e);
	x.session = s;
	core_subscribe(w.core, &x.subscriber);
	ring = producer(s);
	ok(put(ring, "{\"type\":\"t\"}", 0, 0));
	core_drain(w.core, s);
	ok(x.same, "what subscribers see does not change under them");
	core_unsubscribe(&x.subscriber);
	ring_close(ring);
	world_end();
}

/* With a hundred sessions a batch is about one of them. */
T_CASE(only_the_ring_that_woke_us_is_looked_at)
{
	struct session *s;
	struct command *c;
	struct ring *r;
	bool wake = false;

	if (!world_begin(""))
		return;
	s = new_session("s");
	is_int(session_supervise(w.core, s, NULL), 0);
	c = command_begin(w.core, s, COMMAND_EXEC, "x", NULL);
	r = producer(s);
	if (!ok(r != NULL))
		return;
	loop_once(w.loop, 0, NULL);
	ok(list_empty(&w.core->awake), "a new ring is looked at once: its producer knows that we sleep");
	ok(ring_put(r, "{}", 2, 1, 0, &wake) && wake, "so it wakes us");
	loop_once(w.loop, 0, NULL);
	is_int(c->n_events, 0, "another batch is not about it");
	core_wake(w.core, s);
	core_wake(w.core, s);
	loop_once(w.loop, 0, NULL);
	is_int(c->n_events, 1);
	ok(list_empty(&w.core->awake));
	core_wake(w.core, s);
	ring_close(r);
	session_end(w.core, s, "session_destroyed", "test");
	ok(list_empty(&w.core->awake), "what is gone is not awake");
	world_end();
}

T_CASE(rings_are_drained_before_replies_and_attributed)
{
	struct session *s;
	struct command *c;
	struct ring *r;

	if (!world_begin(""))
		return;
	s = new_session("s");
	is_int(session_supervise(w.core, s, NULL), 0);
	is_int(session_supervise(w.core, s, NULL), 0);
	is_int(w.starts, 1, "one supervisor");
	c = command_begin(w.core, s, COMMAND_EXEC, "x", NULL);
	r = producer(s);
	if (!ok(r != NULL))
		return;
	ok(put(r, "{\"type\":\"execve\",\"n\":1}", 1, RING_DENIED));
	ok(put(r, "{\"type\":\"stray\"}", 99, 0));
	ok(put(r, "not json\nat all", 1, 0));
	loop_once(w.loop, 0, NULL);
	is_int(c->n_events, 2);
	is_int(c->n_denied, 1);
	is_int(logged("\"type\":\"execve\""), 1);
	is_int(logged("\"type\":\"stray\""), 1);
	is_int(logged("malformed_event"), 1);
	is_int(logged("\nat all"), 0, "a broken worker cannot break a line");
	ok(put(r, "{\"type\":\"late\"}", 1, 0));
	command_finish(w.core, c, 0);
	is_int(c->n_events, 3, "finishing collects what is there");
	ok(put(r, "{\"type\":\"last\"}", 1, 0));
	session_end(w.core, s, "session_destroyed", "test");
	is_int(logged("\"type\":\"last\""), 1, "so does the end of the session");
	is_int(w.stops, 1);
	ring_close(r);
	world_end();
}

T_CASE(supervisor_death_restarts_at_the_next_command)
{
	struct session *s;
	struct command *c;
	struct err e = { 0 };
	int64_t start = clock_mono_ns();

	if (!world_begin(""))
		return;
	s = new_session("s");
	is_int(session_supervise(w.core, s, &e), 0);
	c = command_begin(w.core, s, COMMAND_SHIM, "x", NULL);
	w.kills = 0;
	session_worker_died(w.core, s, "killed by signal 9");
	is_int(w.kills, 1, "what it supervised is killed");
	ok(!c->live, "its commands end");
	is_str(session_state_name(s), "ready");
	loop_once(w.loop, 0, NULL);
	is_int(logged("\"type\":\"command_finished\""), 1);
	is_int(session_supervise(w.core, s, &e), 0, "the next command need not wait");
	is_int(w.starts, 2);
	is_int(logged("\"type\":\"supervisor_started\""), 1);
	for (int i = 0; i < 3; i++) {
		session_worker_died(w.core, s, "killed by signal 9");
		session_supervise(w.core, s, &e);
	}
	is_int(session_supervise(w.core, s, &e), -1, "one that never gets ready is not started all the time");
	ok(strstr(e.text, "fails") != NULL, "%s", e.text);
	while (s->worker_state != WORKER_UP && clock_mono_ns() - start < 5000000000)
		loop_once(w.loop, 100, NULL);
	is_int(session_supervise(w.core, s, NULL), 0, "but by and by");
	world_end();
}

T_CASE(a_supervisor_that_cannot_start)
{
	struct session *s;
	struct err e = { 0 };
	int64_t start = clock_mono_ns();

	if (!world_begin(""))
		return;
	s = new_session("s");
	w.start_result = -1;
	is_int(session_supervise(w.core, s, &e), -1);
	w.start_result = 0;
	is_int(session_supervise(w.core, s, &e), 0);
	session_worker_died(w.core, s, "killed by signal 9");
	w.start_result = -1;
	while (w.starts < 3 && clock_mono_ns() - start < 5000000000)
		loop_once(w.loop, 100, NULL);
	is_int(session_supervise(w.core, s, NULL), -1, "the restart failed");
	w.start_result = 0;
	while (w.starts < 4 && clock_mono_ns() - start < 5000000000)
		loop_once(w.loop, 100, NULL);
	is_int(session_supervise(w.core, s, NULL), 0, "up again");
	is_int(logged("\"type\":\"supervisor_died\""), 1);
	is_int(logged("\"type\":\"supervisor_started\""), 1);
	world_end();
}

T_CASE(nothing_new_while_the_log_fails)
{
	struct rlimit full = { 0, RLIM_INFINITY }, old;
	struct session *s;
	struct command *c;
	struct ring *r;
	struct err e = { 0 };

	if (!world_begin(""))
		return;
	s = new_session("s");
	session_supervise(w.core, s, NULL);
	r = producer(s);
	c = command_begin(w.core, s, COMMAND_EXEC, "x", NULL);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &old);
	/* As a full disk. Our own output may be a file, too: look first, report after. */
	setrlimit(RLIMIT_FSIZE, &full);
	int first = core_event(w.core, s, c, &(struct event){ .type = "first", .depth = -1 }, 0);
	bool can_log = core_can_log(w.core, &e), put_ok;
	struct command *second = command_begin(w.core, s, COMMAND_EXEC, "x", NULL);
	struct session *other =
	        session_new(w.core, &(struct session_spec){ .workspace = w.ws, .uid = getuid() }, NULL);
	put_ok = put(r, "{\"type\":\"waits\"}", 1, 0);
	loop_once(w.loop, 0, NULL);
	setrlimit(RLIMIT_FSIZE, &old);
	is_int(first, -1);
	ok(!can_log && strstr(e.text, "events cannot be written"), "%s", e.text);
	ok(!second, "no new command");
	ok(!other, "no new session");
	ok(put_ok);
	int64_t start = clock_mono_ns();
	while (!core_can_log(w.core, NULL) && clock_mono_ns() - start < 5000000000)
		loop_once(w.loop, 200, NULL);
	loop_once(w.loop, 0, NULL);
	is_int(logged("\"type\":\"waits\""), 1, "what waited in the ring is written once it works again");
	is_int(logged("\"type\":\"first\""), 1);
	ok(command_begin(w.core, s, COMMAND_EXEC, "x", &e) != NULL, "commands start again");
	ring_close(r);
	world_end();
}

T_CASE(an_earlier_servers_ring_is_recovered)
{
	char path[200];
	struct ring *r;

	if (!world_begin(""))
		return;
	core_event(w.core, NULL, NULL, &(struct event){ .id = "evt-1-1", .type = "twice", .depth = -1 }, 0);
	core_free(w.core);
	snprintf(path, sizeof path, "%s/state/sessions/session-old", w.dir);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/state/sessions/session-old/" SESSION_RING, w.dir);
	r = ring_create(path, RING_MIN, NULL);
	/* The first was in the log already when the server died, the others were not. */
	ok(put(r, "{\"id\":\"evt-1-1\",\"type\":\"twice\"}", 1, 0));
	ok(put(r, "{\"id\":\"evt-1-2\",\"type\":\"orphan\"}", 1, 0));
	ok(put(r, "{\"type\":\"orphan\"}", 1, 0));
	ring_close(r);
	loop_free(w.loop);
	w.loop = loop_new(NULL);
	log_setup("test", LOG_ERROR, false);
	w.core = core_new(w.config, w.loop, NULL);
	is_int(logged("\"type\":\"orphan\""), 2);
	is_int(logged("\"type\":\"twice\""), 1, "once is enough");
	is_int(logged("\"type\":\"session_destroyed\""), 1, "the session has its end");
	ok(access(path, F_OK) < 0, "and removed");
	world_end();
}

/* What servers, mounter and views' processes say to each other: those that run stay as they are. */
static int take_views(uint32_t version, struct err *e)
{
	struct handover h;
	struct msg_reader r;
	int rc;

	handover_begin(&h);
	msg_u32(&h.m, version);
	handover_fd(&h, -1); /* the mounter, its number, the last view's, how many are waited for */
	for (int i = 0; i < 3; i++)
		msg_u32(&h.m, 0);
	msg_u32(&h.m, 0); /* of no view */
	ok(handover_open(&r, h.m.b.data, h.m.b.len, e) == 0, "%s", e->text);
	rc = views_take_over(w.core, &r, true, e);
	handover_release(&h);
	free(w.core->views);
	w.core->views = NULL;
	return rc;
}

T_CASE(views_of_another_version_are_not_taken_over)
{
	struct err e = { 0 };

	if (!world_begin(""))
		return;
	is_int(take_views(1, &e), 0, "%s", e.text);
	is_int(take_views(2, &e), -1);
	ok(strstr(e.text, "are of version 2") && strstr(e.text, "restart"), "%s", e.text);
	is_int(take_views(UINT32_MAX, &e), -1);
	world_end();
}
