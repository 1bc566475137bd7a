/* A server in a directory of its own, without processes, for the tests of session/. */
#pragma once

#include "session/session.h"

#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"
#include "test/t.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wunused-function"

static const char policy_text[] =
        "version: 1\n"
        "name: test\n"
        "file_rules:\n"
        "  - {name: ws, paths: ['${PROJECT_ROOT}/**', '${HOME}/x'], decision: allow}\n"
        "command_rules:\n"
        "  - {name: all, commands: ['*'], decision: allow}\n"
        "resource_limits: {session_timeout: 2h}\n";

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
	snprintf(text, sizeof text,
	         "audit: {output: %s}\npolicies: {dir: %s/policies}\n"
	         "sessions:\n  base_dir: %s/state/sessions\n%s",
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
