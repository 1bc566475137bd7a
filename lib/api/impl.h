/* Private to lib/api. */
#pragma once

#include "api/api.h"
#include "base/arena.h"
#include "config/config.h"
#include "http/server.h"
#include "json/read.h"
#include "json/write.h"
#include "session/session.h"
#include "session/spawn.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

enum api_role { ROLE_AGENT, ROLE_APPROVER, ROLE_ADMIN };

enum { API_KEY_MAX = 256, API_BUCKETS = 10, API_TYPES = 128 };

struct api_key {
	char key[API_KEY_MAX]; /* padded with zeros, so that comparing takes the same time for all */
	enum api_role role;
};

struct api_counter {
	char *name;
	uint64_t n;
};

struct api {
	struct core *core;
	struct http_server *server;
	char socket[108];     /* of api_listen_unix(), "" = none */
	struct api_key *keys; /* owned */
	size_t n_keys;
	struct list execs; /* struct exec */
	int n_lingering;   /* of them: answered, but something still holds their output */
	pid_t last_caller; /* who was found to hold the other end of a connection: likely the next one too */

	/* Counters for /metrics. */
	struct subscriber counts;
	struct api_counter types[API_TYPES];
	size_t n_types;
	uint64_t decisions[3]; /* allow, deny, other */
	uint64_t execs_by_end[5];
	uint64_t buckets[API_BUCKETS + 1];
	double seconds;
	struct list streams; /* struct event_stream */
	struct list works;   /* struct work */
	int n_works;
};

enum exec_end { END_OK, END_FAILED, END_DENIED, END_TIMEOUT, END_NOT_STARTED };

/* One request on its way through its handler. */
struct call {
	struct api *api;
	struct http_conn *conn;
	struct http_request *request;
	const char *route;   /* as the table of routes has it */
	const char *args[2]; /* what stood for {} in the route, unescaped, not yet checked */
	enum api_role role;
	/* A process of a session: it sees and uses its own only. */
	bool governed;
	uint64_t tag; /* of that session, 0 = not known */
	uid_t uid;    /* of the process's socket, -1 = not known */
};

typedef void api_handler(struct call *c);

/* route.c */
void api_dispatch(void *arg, struct http_conn *conn, struct http_request *r);

/* auth.c, caller.c */
int api_keys_load(struct api *a, struct err *e);
bool api_authenticate(struct call *c);
void api_recognise(struct call *c);                        /* fills in `governed` and what follows */
void api_refuse_governed(struct call *c, const char *why); /* 403, and an event */

/* reply.c */
void api_error(struct call *c, int status, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
void api_text(struct call *c, int status, const char *text);
void api_json(struct call *c, int status, struct buf *body); /* adds the newline, releases the buffer */
bool api_id_ok(const char *id);
struct session *api_session(struct call *c); /* of args[0]; answers 400, 403 or 404 and gives NULL */
bool api_may_see(const struct call *c, const struct session *s);
bool api_sees_all(const struct call *c); /* sessions of everybody, and those that have ended */
/* The body as a JSON object; answers 400 and gives NULL. An empty body is an empty object. */
const struct json_value *api_body(struct call *c, struct arena *arena);
/* Text under `key`; when it is not UTF-8, its true bytes too, under KEY_base64. */
void api_bytes(struct json *j, const char *key, const char *data, size_t len);
/* The rule of a verdict: keys policy_rule (or `key`), rule_file, rule_line. */
void api_rule(struct json *j, const char *key, const struct rule *rule);

/* health.c, metrics.c */
api_handler api_health, api_ready, api_metrics;
void api_count_event(struct subscriber *sub, const char *json, size_t len);
void api_count_exec(struct api *a, enum exec_end end, int64_t ns);

/* sessions.c */
api_handler api_session_create, api_session_list, api_session_get, api_session_patch, api_session_delete;
api_handler api_profiles, api_proxy_status;

/* policy.c */
api_handler api_policy_test, api_approvals, api_approval;
void api_policy_forget(struct api *a);

/* events.c */
api_handler api_events_stream;
void api_streams_close(struct api *a);

/* search.c */
api_handler api_history, api_search;

/* work.c: a handler's work in a child, which answers in its stead. */
struct api_work {
	int (*write)(const void *arg, int fd); /* "200 {...}"; 0 or -1. Only what was there at the call */
	const void *arg;
	const struct session *as;  /* with its ids; NULL = the server's */
	const char *failed, *late; /* the errors told then; literals */
	int seconds;
	int keep; /* a descriptor that the child has as API_WORK_KEPT; 0 or less = none */
	int talk; /* another, with that one only: as API_WORK_TALK */
};
enum { API_WORK_KEPT = 4, API_WORK_TALK };
void api_work_start(struct call *c, const struct api_work *todo);
void api_works_close(struct api *a);

/* trash.c */
api_handler api_trash_list, api_trash_restore, api_undo, api_redo, api_diff;

/* command.c */
api_handler api_kill, api_output;

/* exec.c: the request and its process */
api_handler api_exec, api_exec_stream;
void api_execs_close(struct api *a);

enum event_level { EVENTS_ALL, EVENTS_SUMMARY, EVENTS_BLOCKED, EVENTS_NONE };

struct exec_request {
	struct exec_spec spec;
	const char *stdin_text;
	size_t stdin_len;
	int64_t timeout_ns;  /* 0 = none given */
	const char *timeout; /* as given, or NULL */
	enum event_level level;
};

struct exec;

struct exec_pipe {
	struct exec *exec;
	struct watch watch;
	int stream;
	bool open;
	char tail[4]; /* streaming: first bytes of a character that is not complete yet */
	size_t tail_len;
};

struct exec {
	struct list node;
	struct api *api;
	struct http_conn *conn; /* NULL: answered, or the client is gone */
	struct session *session;
	struct command *command; /* NULL once its session ended */
	struct arena arena;      /* of the request */
	struct exec_request request;
	bool is_stream;

	struct shared_policy *policy; /* its rules are named in `start`, whatever the session has by now */
	struct exec_start start;
	struct exec_pipe pipes[STREAMS];
	struct watch exit, input;
	size_t input_sent;
	struct timer deadline, drain;
	bool exited, timed_out, answered, paused, lingers;
	int status;
	struct rusage usage;
	int64_t begin_ns, real_ns;
};

/* exec_request.c: 0, or -1 with the answer given. */
int api_exec_parse(struct call *c, struct arena *arena, struct exec_request *out);

/* exec_io.c: from started to finished; calls api_exec_finish() once. */
int api_exec_run(struct exec *x, struct err *e);
void api_exec_stop_io(struct exec *x);
void api_exec_resume(struct exec *x); /* the reader of a stream has caught up */
void api_exec_abort(struct exec *x, int signo);
void api_exec_finish(struct exec *x);
void api_exec_free(struct exec *x);
/* Read `fd`, the output of a command that was answered before our time, so that who writes need not die of a
 * closed pipe. */
int api_exec_linger(struct api *a, int fd, struct err *e);

/* exec_reply.c */
struct exec_result {
	int exit_code, signal;
	const char *error_code, *error; /* NULL = none */
	const char *extra;              /* appended to stderr */
	bool timed_out;
	int64_t duration_ms;
};
void api_exec_reply(struct exec *x, const struct exec_result *r, struct buf *out);
const char *api_fix(const struct exec_start *start, char *out, size_t size); /* what to do about a denial */

/* exec_events.c: a command's events, read once and sorted into groups. */
struct exec_event {
	const char *json;
	size_t len;
	const struct json_value *tree;
	const char *type;
	bool is_file, is_net, is_blocked;
};

struct exec_events {
	struct arena arena;
	struct exec_event *items;
	size_t n, n_file, n_net, n_other, n_blocked;
	uint64_t lost;
};
void api_events_collect(const struct command *c, struct exec_events *out);
void api_events_write(struct json *j, const struct exec_events *ev, enum event_level level);
/* Lines that tell how to get soft-deleted files back. */
void api_events_restore_lines(const struct exec_events *ev, const char *command, struct buf *out);

/* guidance.c */
void api_guidance(struct json *j, const struct exec *x, const struct exec_result *r,
                  const struct exec_events *ev);
void api_suggestion(struct json *j, const char *action, const char *command, const char *reason);
