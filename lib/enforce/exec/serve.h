/* serve - a session's supervisor: notification in, decision, answer out.
 *
 * One struct governor per session, one listener per command (each command
 * entered its own filter). Everything is decided here, by decide/, from the
 * session's own policy; nobody is asked. An act that cannot be read or judged
 * is refused. Its event is handed to the sink before the kernel is answered.
 */
#pragma once

#include "base/err.h"
#include "decide/decide.h"
#include "enforce/rung.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Takes one event (a JSON object) of command `number`; flags as in audit/ring.h. False: it could not be kept,
 * and what it tells of must not happen. */
typedef bool event_sink(void *arg, const char *json, size_t len, uint32_t number, uint32_t flags);

struct governor;

struct governor_options {
	const struct policy *policy; /* borrowed, outlives the governor */
	uint64_t tag;                /* of the session's processes */
	const char *session_id;      /* borrowed */
	event_sink *sink;
	void (*answered)(void *arg); /* called after each answer: time for what the caller need not wait for;
	                                or NULL */
	void *sink_arg;
	bool teach; /* write why on the caller's standard error */
};

struct governor *serve_new(const struct governor_options *o, struct err *e);
void serve_free(struct governor *g);

/* Nothing waits: time to look for programs that are new. */
void serve_rest(struct governor *g);

/* A command under supervision. */
struct governed {
	enum rung rung;
	int listener; /* on weaker rungs the door: launch.h */
	uint32_t number;
	char id[48];         /* "cmd-…" */
	pid_t entry;         /* its first process */
	bool entry_is_shell; /* what that shell starts was typed by the agent: depth 0 */
	bool started;        /* the first process runs its first image */
};

/* A process that has entered said what it executes first, unasked (struct entry_first): judge that as its
 * call would be. When it is refused, it is killed. `args`: `n` texts, each with its NUL. Before its listener
 * is served. */
struct buf;
void serve_first(struct governor *g, struct governed *c, const char *path, const struct buf *args, size_t n);

/* Answer one waiting notification of `c`. 0, or -1 when the listener is of no more use. */
int serve_call(struct governor *g, struct governed *c);
