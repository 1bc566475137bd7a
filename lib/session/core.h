/* core - what the server is: configuration, loop, sessions, policies, the log. Passed to everything, owned by
 * server.c.
 *
 * The order that keeps the log complete: whatever happens in a batch of the
 * loop is written by core's after_batch hook, which runs before the hooks of
 * api and gate. So api and gate queue their replies and send them from an
 * after_batch hook of their own, registered later than core_new().
 */
#pragma once

#include "audit/event.h"
#include "base/err.h"
#include "base/list.h"
#include "base/map.h"
#include "loop/loop.h"
#include "policy/policy.h"
#include "wire/conn.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct api;
struct command;
struct config;
struct core;
struct decide_cache;
struct gate;
struct session;
struct proxied_shared;
struct views;
struct writer;

/* Set by server.c before the loop runs: the modules above and beside this one. A missing hook refuses what
 * needs it. */
struct core_hooks {
	/* A new HTTP connection; takes the descriptor. (Set by api_new(), which also listens by itself.) */
	void (*api_accept)(struct core *core, int fd);
	/* A new connection on the unix socket; takes the descriptor. */
	void (*gate_ready)(struct core *core, int fd);
	/* Start the session's supervisor; sets s->worker and s->ring. 0 or -1. */
	int (*worker_start)(struct core *core, struct session *s, struct err *e);
	/* Stop it and free s->worker (s->ring stays: it is drained once more). Harmless without one. */
	void (*worker_stop)(struct core *core, struct session *s);
	/* Tell it s->policy: for commands that enter from now on. May be missing. */
	int (*worker_policy)(struct core *core, struct session *s, struct err *e);
	/* Is it still there? Notices its end before the loop does. May be missing. */
	void (*worker_look)(struct core *core, struct session *s);
	/* Send `signal` to all processes of a session's command; command 0 = of the whole session. With
	 * SIGKILL it returns only when none is left (or after a short deadline, -1). */
	int (*kill)(struct core *core, uint64_t tag, uint32_t command, int signal);
	/* How many processes of it there are. */
	int (*count)(struct core *core, uint64_t tag, uint32_t command);
	/* Of the views of workspaces (views.h); missing where there are none. */
	int (*view_ready)(struct core *core, struct session *s, struct err *e);
	void (*view_gather)(struct core *core, struct session *s);
	void (*view_command)(struct session *s, const struct command *c);
	void (*view_ended)(const struct session *s, const struct command *c);
	void (*view_policy)(struct core *core, struct session *s);
	void (*view_leave)(struct core *core, struct session *s);
};

/* The text of a policy file, compiled as far as it is the same for all variables: policy_drop_places(). The
 * server decides about no more than that itself. Shared by the policies whose file and text are identical. */
struct policy_text {
	unsigned refs;
	const struct policy *policy;
	int fd; /* sealed memory file, for workers */
};

/* A policy file for one set of variables, shared by the sessions for which both are identical. */
struct shared_policy {
	struct list node;
	unsigned refs;
	struct policy_text *text;
	const struct policy *policy; /* of `text` */
	char *name;                  /* as asked for, "default" */
	char *path;                  /* file it came from */
	char hash[65];               /* SHA-256 of the text, for hellos and audit lines */
	uid_t owner, dir_owner;      /* of the file and of policies.dir: whoever that is can change it */
	struct policy_var vars[4];   /* PROJECT_ROOT, GIT_ROOT, HOME; owned */
	bool approvals, expand;
	uint32_t plain; /* of its file rules: decide_plain() */
};

/* A policy with all of its scopes. */
struct whole_policy {
	const struct shared_policy *of; /* not held; NULL = none */
	struct policy *policy;
	struct decide_cache *cache; /* NULL = not asked for */
};

struct core {
	const struct config *config;
	struct loop *loop;
	struct core_hooks hooks;
	const char *place;              /* directory of the server's socket; NULL = none */
	struct api *api;                /* of lib/api; NULL until it is there */
	struct gate *gate;              /* of lib/session/gate.c; likewise */
	const struct rung_found *found; /* what this host can do; of the gate, likewise */

	struct map by_id, by_tag; /* session id, its tag -> struct session */
	struct map by_place;      /* workspace -> the first of its sessions */
	struct list sessions;     /* oldest first */
	struct list awake;        /* those whose rings are looked at after this batch: core_wake() */
	size_t n_sessions;
	struct timer reaper;

	struct list policies; /* struct shared_policy */
	struct whole_policy whole;
	struct shared_policy
	        *standard; /* policies.default without variables: what policy-test asks without a session */
	struct {
		int64_t at_ns; /* CLOCK_REALTIME, 0 = never */
		bool refused;
		char reason[400];
	} reload; /* what came of the last one (reload.h), or of a policy file that a new session found bad */

	char *key_env;         /* "NAME=value" of the log's key, for the program after us; or NULL */
	struct writer *writer; /* the audit log, owned */
	bool log_failed;       /* the last write failed: no new commands */
	char log_reason[200];
	struct timer log_retry;
	struct buf scratch; /* for formatting one event */
	struct wire_in in;  /* for what supervisors say */
	struct list subscribers;
	uint64_t n_events;   /* written since the start */
	uint64_t last_event; /* counter of event ids */
	uint32_t boot;       /* random part of event ids */
	struct timer again;  /* rings held more than one turn takes */

	struct list finished; /* struct command, oldest first: whose memory goes first */
	size_t kept;          /* bytes of output and events kept for all commands */
	int64_t started_ns;   /* CLOCK_REALTIME */
	bool stopping;
	struct views *views;            /* of views.c; NULL where there are none */
	struct proxied_shared *proxied; /* of proxied.c; NULL until something of it is needed */
};

/* Opens the log and loads the standard policy; registers the after_batch hook. NULL on failure. */
struct core *core_new(const struct config *config, struct loop *l, struct err *e);
/* No new sessions; all that are there end. To be called while gate and api are still there. */
void core_end_sessions(struct core *core);
/* Ends all sessions, writes what is left, frees. */
void core_free(struct core *core);

/* Nothing happens: give back memory that comes again by itself. */
void core_rest(struct core *core);

/* Log one event: id, time, session and command ids are filled in (s and c may be NULL), chained, in the file
 * when it returns, appended to the command's events, shown to subscribers. `flags` as in audit/ring.h;
 * RING_DENIED is set when ev->verdict denies. -1 when it could not be written: what it was about to record
 * must not happen. */
/* In `flags`: the caller logs another event at once, whose writing counts for both. */
enum { CORE_MORE = 1 << 16 };
int core_event(struct core *core, struct session *s, struct command *c, const struct event *ev,
               uint32_t flags);

/* Take what the session's supervisor left in its ring. Runs by itself after each batch; call it to have all
 * of a command's events before answering. They are in the file after the batch; core_drain() does not wait.
 */
void core_gather(struct core *core, struct session *s);
/* Its ring is to be looked at after this batch, and until it is empty and its supervisor knows that we must
 * be told: when that has told us, and when the ring is new. So what a batch costs does not depend on how many
 * sessions there are. */
void core_wake(struct core *core, struct session *s);
void core_drain(struct core *core, struct session *s);

/* False with the reason when events cannot be written now: new commands must be refused. */
bool core_can_log(const struct core *core, struct err *why);

/* Live events, for SSE. Embedded in the connection. */
struct subscriber {
	struct list node;
	const struct session *session; /* only its events; NULL = all */
	void (*event)(struct subscriber *sub, const char *json, size_t len);
	void (*ended)(struct subscriber *sub); /* its session is gone; already unsubscribed. May be NULL */
};
void core_subscribe(struct core *core, struct subscriber *sub);
void core_unsubscribe(struct subscriber *sub); /* harmless when repeated or zeroed */

/* Find, load and compile <policies.dir>/<name>.yaml, share it if it is there already. NULL with e->code
 * EINVAL (bad name, bad variables), ENOENT, or EIO (unreadable, invalid; the text lists the first problems).
 */
struct shared_policy *policies_get(struct core *core, const char *name, const struct policy_var *vars,
                                   struct err *e);
/* The policy of that name as it was last loaded, compiled for `vars`; NULL when there is none in use. */
struct shared_policy *policies_last(struct core *core, const char *name, const struct policy_var *vars,
                                    struct err *e);
struct shared_policy *policies_hold(struct shared_policy *p);
void policies_put(struct core *core, struct shared_policy *p);
/* All of it, for its variables, for who has to decide about files and connections too. The server keeps one:
 * good until another is asked for or loaded. NULL when memory runs out. */
const struct policy *policies_whole(struct core *core, struct shared_policy *p, struct err *e);
/* The same, and what decide_file() and decide_net() want beside it. */
const struct whole_policy *policies_engine(struct core *core, struct shared_policy *p, struct err *e);
void policies_rest(struct core *core); /* nobody asks for a while: give it back */
