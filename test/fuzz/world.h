/* A server in a directory of its own, which denies every command and starts no processes: for targets that
 * need a session. */
#pragma once

#include "session/session.h"

#include "base/fd.h"
#include "base/log.h"
#include "config/config.h"

#include <ftw.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BATCHES = 64 };

static const char policy_text[] = "version: 1\n"
                                  "name: fuzz\n"
                                  "file_rules: [{name: ws, paths: ['${PROJECT_ROOT}/**'], decision: allow}]\n"
                                  "command_rules: [{name: none, commands: ['*'], decision: deny}]\n";

static struct world {
	char dir[40];
	struct config *config;
	struct loop *loop;
	struct core *core;
} w;

static const char *no_env(const char *name)
{
	(void)name;
	return NULL;
}

static int no_kill(struct core *core, uint64_t tag, uint32_t command, int signo)
{
	(void)core, (void)tag, (void)command, (void)signo;
	return 0;
}

static int no_worker(struct core *core, struct session *s, struct err *e)
{
	(void)core, (void)s, (void)e;
	return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
	(void)st, (void)type, (void)at;
	return remove(path);
}

static void remove_dir(void)
{
	nftw(w.dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

static void put(const char *name, const char *text)
{
	char path[100];

	snprintf(path, sizeof path, "%s/%s", w.dir, name);
	if (fd_replace_file(path, text, strlen(text), 0644, NULL) < 0)
		abort();
}

static void world_begin(void)
{
	struct config_problems problems = { 0 };
	char text[600], path[80];
	struct err e;

	strcpy(w.dir,
	       access("/dev/shm", W_OK) == 0 ? "/dev/shm/agentsh-fuzz-XXXXXX" : "/tmp/agentsh-fuzz-XXXXXX");
	if (!mkdtemp(w.dir) || atexit(remove_dir))
		abort();
	snprintf(path, sizeof path, "%s/ws", w.dir);
	mkdir(path, 0755);
	snprintf(path, sizeof path, "%s/policies", w.dir);
	mkdir(path, 0755);
	put("policies/default.yaml", policy_text);
	snprintf(text, sizeof text,
	         "audit: {output: %s/log, rotation: {max_size_mb: 1, max_backups: 1}}\n"
	         "policies: {dir: %s/policies}\nsessions: {base_dir: %s/state}\n",
	         w.dir, w.dir, w.dir);
	w.config = config_parse(text, strlen(text), "", CONFIG_SYSTEM, no_env, &problems);
	w.loop = loop_new(NULL);
	log_setup("fuzz", (enum log_level)(LOG_ERROR + 1), false); /* silent */
	w.core = w.config && w.loop ? core_new(w.config, w.loop, &e) : NULL;
	if (!w.core)
		abort();
	w.core->hooks.worker_start = no_worker;
	w.core->hooks.kill = no_kill;
}

static void world_turn(void)
{
	struct err e;

	for (int i = 0; i < BATCHES && loop_once(w.loop, 0, &e) > 0; i++)
		;
}

static struct session *world_session(void)
{
	struct session_spec spec = {
		.id = "s", .detect_project_root = -1, .uid = geteuid(), .gid = getegid()
	};
	char workspace[80];
	struct session *s;
	struct err e;

	snprintf(workspace, sizeof workspace, "%s/ws", w.dir);
	spec.workspace = workspace;
	s = session_new(w.core, &spec, &e);
	if (!s)
		abort();
	return s;
}

static void world_end_sessions(void)
{
	while (!list_empty(&w.core->sessions))
		session_end(w.core, list_item(w.core->sessions.next, struct session, node),
		            "session_destroyed", "fuzz");
}
