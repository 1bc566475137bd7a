/* session - one agent's governed workspace: policy, supervisor, commands.
 *
 * Sessions live in the server's memory only. session_end() frees the session;
 * no pointer to it or its commands is valid after. A command belongs to its
 * session; who runs it (api, gate) keeps a pointer until it calls
 * command_finish() or is told through `lost`.
 */
#pragma once

#include "audit/ring.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "loop/loop.h"
#include "session/core.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct proxied;
struct session_view;
struct worker;

enum session_state { SESSION_READY, SESSION_BUSY, SESSION_ENDING, SESSION_STATES };
enum session_origin { SESSION_API, SESSION_SHIM };
enum worker_state {
	WORKER_OFF,
	WORKER_UP,
	WORKER_DOWN
}; /* DOWN: it died; the next command starts another, unless it fails again and again: then a timer does */

/* Names in a session's directory: the event ring, and the tag of its processes for a server that comes after
 * us. */
#define SESSION_RING       "ring"
#define SESSION_TAG        "tag"
#define SESSION_VIEW_RING  "view-ring"  /* of the process that serves the view */
#define SESSION_PROXY_RING "proxy-ring" /* of its proxy */
#define SESSION_VIEW       "workspace-mnt"

enum { SESSION_ID_MAX = 128 };

struct session_env {
	struct list node;
	char *name, *value; /* owned */
};

struct session {
	struct list node;   /* core->sessions */
	struct list awake;  /* core->awake, or zeroed */
	struct list beside; /* others of the same workspace, oldest first behind the one in core->by_place */
	bool indexed;
	char id[SESSION_ID_MAX + 1];
	uint64_t tag; /* of its processes (hard RLIMIT_LOCKS): random, unique, above any command number */
	enum session_state state;
	enum session_origin origin;
	uid_t uid; /* whose processes run in it */
	gid_t gid;
	char *home, *user; /* from the password file; NULL when the uid is not in it */
	char *workspace;   /* absolute, links resolved */
	char *project_root, *git_root;
	char *cwd;       /* "/workspace" or below: where commands start without a directory of their own */
	struct list env; /* struct session_env, from PATCH and export */
	char *dir;       /* <sessions.base_dir>/<id>, mode 0700 */

	struct shared_policy *policy; /* policy->policy is what decide_command() wants */
	int64_t command_timeout_ns, session_timeout_ns,
	        idle_timeout_ns; /* minimum of policy and config; 0 = none */

	int64_t created_ns;            /* CLOCK_REALTIME */
	int64_t started_ns, active_ns; /* CLOCK_MONOTONIC: creation; last begin or end of a command, PATCH */

	struct worker *worker; /* of lib/session/worker.c */
	enum worker_state worker_state;
	struct ring
	        *ring; /* <dir>/SESSION_RING, consumer side; worker_start sets it, the session owns it then */
	struct ring_record stuck; /* got from the ring, but the writer's queue was full */
	bool ring_taken;          /* records are queued that are not yet in the file */
	struct timer worker_retry;
	unsigned worker_deaths, worker_failures; /* in all; since one was last ready */

	struct list commands; /* all that are kept, by number */
	struct list finished; /* of them, in the order in which they ended */
	size_t n_commands, n_live;
	uint32_t last_command;
	struct map commands_by_id, commands_by_number;
	struct core *core;
	struct session_view *view; /* of lib/session/views.c; NULL: its workspace is not shown through one */
	struct proxied *proxied;   /* of lib/session/proxied.c; NULL: it has no proxy */
};

/* "ready", "busy", "ending" - as the Session object shows it. */
const char *session_state_name(const struct session *s);

struct session_spec {
	const char *id;           /* NULL = make one */
	const char *workspace;    /* absolute */
	const char *policy;       /* NULL or "" = policies.default */
	const char *project_root; /* explicit, or NULL */
	int detect_project_root;  /* -1 = as configured, 0, 1 */
	enum session_origin origin;
	uid_t uid;
	gid_t gid;
};

/* e->code says what kind of failure: EINVAL (400), EEXIST (409), EUSERS (max sessions, 400), EACCES (403),
 * else 500. */
struct session *session_new(struct core *core, const struct session_spec *spec, struct err *e);
struct session *session_find(const struct core *core, const char *id); /* NULL: none, or it is ending */
struct session *session_by_tag(const struct core *core, uint64_t tag);

/* The session of a shim: the one with (uid, workspace root of `cwd`), made when there is none. Never consults
 * the caller's environment: `id` is a hint and counts only when a session of that id and uid exists; NULL =
 * none. */
struct session *session_for_shim(struct core *core, uid_t uid, gid_t gid, const char *cwd, const char *id,
                                 struct err *e);

/* End: kill all its processes, tell the owners of live commands, drain its ring, log `type`
 * ("session_destroyed", "session_expired") with `reason`, free. */
void session_end(struct core *core, struct session *s, const char *type, const char *reason);

/* PATCH: NULL or empty = leave. e->code EINVAL. Logs session_updated. */
int session_set_cwd(struct core *core, struct session *s, const char *cwd, struct err *e);
int session_set_env(struct core *core, struct session *s, const char *name, const char *value, struct err *e);
void session_unset_env(struct session *s, const char *name);
void session_touch(struct session *s); /* it is in use: idle time starts anew */

/* Start the supervisor if there is none. 0 when commands may be launched; -1 with the reason. */
int session_supervise(struct core *core, struct session *s, struct err *e);
/* From the worker glue: it died; s->worker must have been freed. What it supervised could start nothing any
 * more: all processes of the session are killed, its commands end. Logs, counts, restarts with growing delay
 * or at the next command. */
void session_worker_died(struct core *core, struct session *s, const char *how);

/* Ids as clients may choose them: [A-Za-z0-9][A-Za-z0-9_-]{0,127}. */
bool session_id_ok(const char *id);

enum command_origin { COMMAND_SHIM, COMMAND_EXEC, COMMAND_STREAM, COMMAND_PTY };
enum { STREAM_STDOUT, STREAM_STDERR, STREAMS };

enum {
	COMMANDS_KEPT = 1000, /* finished ones, per session */
	OUTPUT_MAX =
	        4 * 1024 * 1024, /* bytes kept of each stream; answers show the first 1 MiB, pages the rest */
	EVENTS_MAX = 5000,       /* kept per command */
	EVENT_BYTES_MAX = 4096 * 1024, /* likewise */
	LIVE_MAX = 1000,               /* commands at a time, per session */
	KEPT_MAX = 64 * 1024 * 1024,   /* output and events of all finished commands together */
};

struct command_event {
	struct list node;
	uint32_t flags; /* RING_DENIED, RING_BACKGROUND */
	size_t len;
	char json[];
};

struct command_output {
	struct buf data; /* the first OUTPUT_MAX bytes */
	uint64_t total;  /* all bytes that came */
	bool truncated;
};

struct command {
	struct list node;          /* session->commands */
	struct list finished_node; /* core->finished, once finished */
	struct list done_node;     /* session->finished, likewise */
	struct session *session;
	char id[41];     /* "cmd-<uuid4>" */
	uint32_t number; /* in its session, from 1: tags its processes and its events */
	enum command_origin origin;
	char *path;                /* the command as asked for; owned */
	int64_t real_ns, start_ns; /* CLOCK_REALTIME, CLOCK_MONOTONIC */
	bool live;
	pid_t pid; /* the main process, 0 = none yet; only for show: kill by tag */
	int exit_code;
	int64_t duration_ns;
	struct command_output output[STREAMS];
	struct list events; /* struct command_event, oldest first */
	size_t n_events, n_denied, event_bytes;
	uint64_t events_lost; /* not kept (all are in the log) */

	/* The owner. `lost` is called when the command ends under its hands (session ended); the pointer is
	 * gone after. */
	void (*lost)(struct command *c, void *owner);
	void *owner;
};

/* A new command: number, id; the session is busy. Refused (NULL) while the log cannot be written or the
 * session ends. `path` is copied. Does not start the supervisor: session_supervise() before launching. */
struct command *command_begin(struct core *core, struct session *s, enum command_origin origin,
                              const char *path, struct err *e);
/* It ended, or was denied (126). Drains the session's ring first. The command moves to the history: the
 * pointer is good until control returns to the loop, then find it by id. Does not log: the owner does. */
void command_finish(struct core *core, struct command *c, int exit_code);
void command_finish_at(struct core *core, struct command *c, int exit_code,
                       int64_t end_ns); /* CLOCK_MONOTONIC */
void command_output_add(struct core *core, struct command *c, int stream, const char *data, size_t len);
struct command *command_find(const struct session *s, const char *id);
struct command *command_by_number(const struct session *s, uint32_t number);
/* Kill all processes of the command: SIGTERM now; the caller repeats with SIGKILL. 0 or -1. */
int command_kill(struct core *core, struct command *c, int signal, struct err *e);
