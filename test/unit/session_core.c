#include "session/session.h"

#include "audit/ring.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "test/t.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static const char policy_text[] =
        "version: 1\n"
        "name: test\n"
        "file_rules:\n"
        "  - {name: ws, paths: ['${PROJECT_ROOT}/**', '${HOME}/x'], decision: allow}\n"
        "command_rules:\n"
        "  - {name: all, commands: ['*'], decision: allow}\n"
        "resource_limits: {session_timeout: 2h}\n";

/* A server in a directory of its own, without processes. */
static struct world {
	char dir[32], ws[80], log[80];
	struct config *config;
	struct loop *loop;
	struct core *core;
	int kills, starts, stops;
	int start_result;
} w;

static const char *no_env(const char *name)
{
	(void)name;
	return NULL;
}

static int on_kill(struct core *core, uint64_t tag, uint32_t command, int signo)
{
	(void)core;
	(void)tag;
	(void)command;
	w.kills += signo == SIGKILL;
	return 0;
}

static int on_start(struct core *core, struct session *s, struct err *e)
{
	char path[200];

	(void)core;
	w.starts++;
	if (w.start_result < 0)
		return err_set(e, "no");
	snprintf(path, sizeof path, "%s/" SESSION_RING, s->dir);
	s->ring = ring_create(path, RING_MIN, e);
	return s->ring ? 0 : -1;
}

static void on_stop(struct core *core, struct session *s)
{
	(void)core;
	(void)s;
	w.stops++;
}

static void write_file(const char *name, const char *text)
{
	char path[200];

	snprintf(path, sizeof path, "%s/%s", w.dir, name);
	is_int(fd_replace_file(path, text, strlen(text), 0644, NULL), 0);
}

static bool world_begin(const char *more)
{
	struct config_problems problems = { 0 };
	char path[100], text[2000];
	struct err e = { 0 };

	w = (struct world){ .dir = "/tmp/agentsh-test-XXXXXX" };
	if (!mkdtemp(w.dir))
		return false;
	log_setup("test", LOG_ERROR, false);
	snprintf(w.ws, sizeof w.ws, "%s/ws", w.dir);
	snprintf(w.log, sizeof w.log, "%s/log/events.jsonl", w.dir);
	snprintf(path, sizeof path, "%s/policies", w.dir);
	mkdir(path, 0755);
	mkdir(w.ws, 0755);
	write_file("policies/default.yaml", policy_text);
	snprintf(
	        text, sizeof text,
	        "audit: {output: %s}\npolicies: {dir: %s/policies}\nsessions:\n  base_dir: %s/state/sessions\n%s",
	        w.log, w.dir, w.dir, more);
	w.config = config_parse(text, strlen(text), "", CONFIG_SYSTEM, no_env, &problems);
	for (size_t i = 0; i < problems.n; i++)
		printf("# %s\n", problems.items[i].text);
	config_problems_release(&problems);
	w.loop = loop_new(NULL);
	w.core = w.config ? core_new(w.config, w.loop, &e) : NULL;
	if (!ok(w.core != NULL, "core: %s", e.text))
		return false;
	w.core->hooks =
	        (struct core_hooks){ .kill = on_kill, .worker_start = on_start, .worker_stop = on_stop };
	return true;
}

static void world_end(void)
{
	char command[100];

	core_free(w.core);
	loop_free(w.loop);
	config_free(w.config);
	snprintf(command, sizeof command, "rm -rf %s", w.dir);
	ok(system(command) == 0, "removed");
}

/* How often `text` stands in the log. */
static int logged(const char *text)
{
	AUTO_BUF all = { 0 };
	int n = 0;

	fd_slurp_file(w.log, 64 << 20, &all, NULL);
	for (const char *at = buf_text(&all); (at = strstr(at, text)); at++)
		n++;
	return n;
}

static struct session *new_session(const char *id)
{
	struct err e = { 0 };
	struct session *s = session_new(w.core,
	                                &(struct session_spec){ .id = id,
	                                                        .workspace = w.ws,
	                                                        .detect_project_root = -1,
	                                                        .uid = getuid(),
	                                                        .gid = getgid() },
	                                &e);

	ok(s != NULL, "session: %s", e.text);
	return s;
}

static int refused(const struct session_spec *spec, const char *text)
{
	struct err e = { 0 };
	struct session *s = session_new(w.core, spec, &e);

	ok(!s, "refused");
	ok(strstr(e.text, text) != NULL, "says \"%s\": %s", text, e.text);
	return e.code;
}

T_CASE(ids)
{
	ok(session_id_ok("a") && session_id_ok("session-0_Z"));
	ok(!session_id_ok("") && !session_id_ok("-a") && !session_id_ok("a/b") && !session_id_ok("..") &&
	   !session_id_ok("a.b") && !session_id_ok("a b") && !session_id_ok("\xc3\xa4") &&
	   !session_id_ok("_a"));
	char longest[200];
	memset(longest, 'a', sizeof longest);
	longest[128] = 0;
	ok(session_id_ok(longest));
	longest[128] = 'a';
	longest[129] = 0;
	ok(!session_id_ok(longest));
}

T_CASE(create_and_refuse)
{
	struct session_spec spec = { .workspace = w.ws, .detect_project_root = -1, .uid = getuid() };
	struct session *s;
	char link[100];

	if (!world_begin("  default_timeout: 1h\n  max_sessions: 3\n"))
		return;
	s = new_session(NULL);
	ok(!strncmp(s->id, "session-", 8) && strlen(s->id) == 44 && s->id[22] == '4', "%s", s->id);
	is_str(s->workspace, w.ws);
	is_str(s->cwd, "/workspace");
	is_str(session_state_name(s), "ready");
	is_int(s->session_timeout_ns, 3600000000000, "the minimum of policy and configuration");
	ok(s->tag > UINT32_MAX && s->tag < (uint64_t)1 << 62, "tag");
	ok(session_find(w.core, s->id) == s && session_by_tag(w.core, s->tag) == s);
	is_int(logged("\"type\":\"session_created\""), 1);
	ok(new_session("my-id") != NULL);
	spec.workspace = w.ws;
	spec.id = "my-id";
	is_int(refused(&spec, "session already exists"), EEXIST);
	spec.id = "../x";
	is_int(refused(&spec, "invalid session id"), EINVAL);
	spec.id = NULL;
	spec.workspace = NULL;
	is_int(refused(&spec, "workspace is required"), EINVAL);
	spec.workspace = "ws";
	is_int(refused(&spec, "absolute"), EINVAL);
	spec.workspace = "/nonexistent/x";
	is_int(refused(&spec, "workspace stat"), EINVAL);
	spec.workspace = w.log;
	is_int(refused(&spec, "must be a directory"), EINVAL);
	snprintf(link, sizeof link, "%s/slash", w.dir);
	is_int(symlink("/", link), 0);
	spec.workspace = link;
	is_int(refused(&spec, "must not be the root directory"), EINVAL);
	spec.workspace = w.ws;
	spec.project_root = "/";
	is_int(refused(&spec, "project_root"), EINVAL);
	spec.project_root = NULL;
	spec.policy = "../../etc/shadow";
	is_int(refused(&spec, "invalid policy name"), EINVAL);
	spec.policy = "nope";
	is_int(refused(&spec, "policy \"nope\" not found in"), ENOENT);
	write_file("policies/bad.yaml", "version: 1\nname: bad\ncomand_rules: []\n");
	spec.policy = "bad";
	is_int(refused(&spec, "bad.yaml:3:"), EIO);
	write_file("policies/var.yaml", "version: 1\nname: var\nfile_rules:\n"
	                                "  - {name: a, paths: ['${FOO}/**'], decision: allow}\n");
	spec.policy = "var";
	is_int(refused(&spec, "undefined variable"), EINVAL);
	spec.policy = NULL;
	ok(session_new(w.core, &spec, NULL) != NULL);
	is_int(refused(&spec, "max sessions reached"), EUSERS);
	is_int(w.core->n_sessions, 3);
	world_end();
}

T_CASE(policy_files_others_can_write_are_refused)
{
	struct session_spec spec = { .detect_project_root = -1, .policy = "open", .uid = getuid() };
	char path[200];

	if (!world_begin(""))
		return;
	spec.workspace = w.ws;
	write_file("policies/open.yaml", policy_text);
	snprintf(path, sizeof path, "%s/policies/open.yaml", w.dir);
	chmod(path, 0646);
	is_int(refused(&spec, "can be written by everybody"), EIO);
	chmod(path, 0644);
	if (getuid() == 0 && chown(path, 65534, 65534) == 0) {
		is_int(refused(&spec, "belongs to uid 65534"), EIO);
		chown(path, 0, 0);
	}
	snprintf(path, sizeof path, "%s/policies", w.dir);
	chmod(path, 0777);
	is_int(refused(&spec, "can be written by everybody"), EIO);
	chmod(path, 0755);
	write_file("policies/open.yaml", "");
	unlink(path);
	world_end();
}

T_CASE(policies_are_shared_and_read_anew)
{
	struct session *a, *b, *c;

	if (!world_begin(""))
		return;
	a = new_session("a");
	b = new_session("b");
	ok(a->policy == b->policy && a->policy->refs == 2, "one compiled policy for both");
	ok(a->policy != w.core->standard, "the standard one has no variables");
	is_int(strlen(a->policy->hash), 64);
	write_file("policies/default.yaml", "# changed\nversion: 1\nname: test\ncommand_rules: []\n");
	c = new_session("c");
	ok(c->policy != a->policy && strcmp(c->policy->hash, a->policy->hash),
	   "a new session reads the new file");
	session_end(w.core, a, "session_destroyed", "test");
	ok(b->policy->refs == 1 && b->policy->policy, "the old one lives on with those who use it");
	world_end();
}

static int lost;

static void on_lost(struct command *c, void *owner)
{
	ok(owner == &lost && c->live);
	lost++;
}

T_CASE(commands_and_their_history)
{
	struct session *s;
	struct command *c, *d;
	char id[41];

	if (!world_begin(""))
		return;
	s = new_session("s");
	c = command_begin(w.core, s, COMMAND_EXEC, "/bin/echo", NULL);
	if (!ok(c != NULL))
		return;
	ok(!strncmp(c->id, "cmd-", 4) && strlen(c->id) == 40 && c->number == 1);
	is_str(session_state_name(s), "busy");
	d = command_begin(w.core, s, COMMAND_SHIM, "x", NULL);
	is_int(d->number, 2);
	ok(command_find(s, c->id) == c && command_by_number(s, 2) == d && !command_by_number(s, 0) &&
	   !command_by_number(s, 257));
	command_finish(w.core, c, 7);
	command_finish(w.core, c, 8);
	is_int(c->exit_code, 7, "the first end counts");
	is_str(session_state_name(s), "busy");
	command_finish(w.core, d, 0);
	is_str(session_state_name(s), "ready");
	strcpy(id, c->id);
	for (int i = 0; i < COMMANDS_KEPT + 50; i++)
		command_finish(w.core, command_begin(w.core, s, COMMAND_EXEC, "x", NULL), 0);
	is_int(s->n_commands, COMMANDS_KEPT);
	ok(!command_find(s, id), "the oldest are forgotten");
	ok(command_by_number(s, 1052) && command_by_number(s, 600)->number == 600 &&
	   !command_by_number(s, 2));
	c = command_begin(w.core, s, COMMAND_EXEC, "x", NULL);
	c->lost = on_lost;
	c->owner = &lost;
	session_end(w.core, s, "session_destroyed", "test");
	is_int(lost, 1, "the owner of a live command is told");
	is_int(w.kills, 1);
	is_int(w.core->n_sessions, 0);
	is_int(w.core->kept, 0);
	is_int(logged("\"type\":\"session_destroyed\""), 1);
	world_end();
}

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
	c = command_begin(w.core, s, COMMAND_SHIM, "x", NULL);
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

T_CASE(supervisor_death_denies_until_restarted)
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
	is_int(session_supervise(w.core, s, &e), -1);
	ok(strstr(e.text, "being restarted") != NULL, "%s", e.text);
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
	setrlimit(RLIMIT_FSIZE, &full); /* as a full disk */
	is_int(core_event(w.core, s, c, &(struct event){ .type = "first", .depth = -1 }, 0), -1);
	ok(!core_can_log(w.core, &e) && strstr(e.text, "events cannot be written"), "%s", e.text);
	ok(!command_begin(w.core, s, COMMAND_EXEC, "x", &e), "no new command");
	ok(!session_new(w.core, &(struct session_spec){ .workspace = w.ws, .uid = getuid() }, &e),
	   "no new session");
	ok(put(r, "{\"type\":\"waits\"}", 1, 0));
	loop_once(w.loop, 0, NULL);
	setrlimit(RLIMIT_FSIZE, &old);
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
	core_free(w.core);
	snprintf(path, sizeof path, "%s/state/sessions/session-old", w.dir);
	mkdir(path, 0700);
	snprintf(path, sizeof path, "%s/state/sessions/session-old/" SESSION_RING, w.dir);
	r = ring_create(path, RING_MIN, NULL);
	ok(put(r, "{\"type\":\"orphan\"}", 1, 0));
	ring_close(r);
	loop_free(w.loop);
	w.loop = loop_new(NULL);
	log_setup("test", LOG_ERROR, false);
	w.core = core_new(w.config, w.loop, NULL);
	is_int(logged("\"type\":\"orphan\""), 1);
	ok(access(path, F_OK) < 0, "and removed");
	world_end();
}

T_CASE(environment_and_directory)
{
	struct session *s;
	struct err e = { 0 };

	if (!world_begin(""))
		return;
	s = new_session("s");
	is_int(session_set_cwd(w.core, s, "/workspace/a/../b", &e), 0);
	is_str(s->cwd, "/workspace/b");
	is_int(session_set_cwd(w.core, s, "/workspace/../etc", &e), -1);
	is_int(e.code, EINVAL);
	is_int(session_set_cwd(w.core, s, "/workspaces", &e), -1);
	is_int(session_set_cwd(w.core, s, "workspace", &e), -1);
	is_str(s->cwd, "/workspace/b");
	is_int(session_set_env(w.core, s, "A", "secret-1", &e), 0);
	is_int(session_set_env(w.core, s, "A", "2", &e), 0);
	is_int(session_set_env(w.core, s, "A=B", "x", &e), -1);
	is_int(session_set_env(w.core, s, "1A", "x", &e), -1);
	is_int(session_set_env(w.core, s, "", "x", &e), -1);
	is_str(list_item(s->env.next, struct session_env, node)->value, "2");
	is_int(logged("secret-1"), 0, "values are not logged");
	session_unset_env(s, "A");
	ok(list_empty(&s->env));
	world_end();
}

T_CASE(shims_share_a_session_by_uid_and_root)
{
	struct session *a, *b;
	char sub[120];

	if (!world_begin("  max_sessions: 2\n"))
		return;
	snprintf(sub, sizeof sub, "%s/ws/.git", w.dir);
	mkdir(sub, 0755);
	snprintf(sub, sizeof sub, "%s/ws/src", w.dir);
	mkdir(sub, 0755);
	a = session_for_shim(w.core, getuid(), getgid(), w.ws, NULL, NULL);
	b = session_for_shim(w.core, getuid(), getgid(), sub, NULL, NULL);
	ok(a && a == b, "the same repository, the same session");
	is_str(a->workspace, w.ws);
	is_int(a->origin, SESSION_SHIM);
	ok(session_for_shim(w.core, getuid(), getgid(), w.ws, "session-of-my-own", NULL) == a,
	   "an id that does not exist is no reason for a new session");
	b = session_for_shim(w.core, getuid() + 1, getgid(), w.ws, a->id, NULL);
	ok(b && b != a && b->uid == getuid() + 1, "another user has another session, whatever id is given");
	ok(session_for_shim(w.core, getuid(), getgid(), w.dir, NULL, NULL) != NULL, "an idle one makes room");
	is_int(w.core->n_sessions, 2);
	world_end();
}

T_CASE(expiry)
{
	struct session *s, *busy;
	char id[64];

	if (!world_begin("  default_idle_timeout: 1ms\n  cleanup_interval: 1s\n"))
		return;
	s = new_session("idle");
	busy = new_session("busy");
	strcpy(id, s->id);
	command_begin(w.core, busy, COMMAND_EXEC, "sleep", NULL);
	int64_t start = clock_mono_ns();
	while (session_find(w.core, id) && clock_mono_ns() - start < 5000000000)
		loop_once(w.loop, 500, NULL);
	ok(!session_find(w.core, id), "an idle session ends");
	ok(session_find(w.core, "busy") == busy, "a busy one is not idle");
	is_int(logged("\"expired_by\":\"idle_timeout\""), 1);
	world_end();
}
