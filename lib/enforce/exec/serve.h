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
struct call;

struct governor_options {
	const struct policy *policy; /* borrowed, outlives the governor */
	uint64_t tag;                /* of the session's processes */
	const char *session_id;      /* borrowed */
	event_sink *sink;
	void (*answered)(void *arg); /* called after each answer: time for what the caller need not wait for;
	                                or NULL */
	void *sink_arg;
	const char *const *programs; /* programs are started from these trees only; n_programs 0: from
	                                anywhere */
	size_t n_programs;
	int64_t approval_ns; /* how long approvals are waited for where the rule does not say; 0: nobody can
	                        be asked */
	bool teach;          /* write why on the caller's standard error */
	/* Takes the calls that the filter marks for files, and answers them (call.h); NULL: they are refused.
	 */
	void (*file_call)(void *files, const struct call *k);
	/* Some of those wait: called every SERVE_WAIT_NS while it returns true. */
	bool (*file_wait)(void *files);
	/* A program is about to be executed, before that is judged. */
	void (*file_exec)(void *files, const struct call *k);
	/* A command begins or has ended: what others may ask for now is written down. */
	void (*file_write)(void *files);
	void *files;
#if CONFIG_LAYER_NET
	/* Likewise for what it marks for the network. False, of bind(2) only: it has nothing against it. */
	bool (*net_call)(void *net, const struct call *k);
	void *net;
#endif
};

struct governor *serve_new(const struct governor_options *o, struct err *e);
void serve_free(struct governor *g);

/* A command of it begins, or has ended just now. */
void serve_write(struct governor *g);

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
	bool killable;       /* while it waits for an answer, nothing interrupts it that it survives */
	bool started;        /* the first process runs its first image */
};

/* Before the listener of `c` is served: what its process executes first, unasked, is the rest of the message
 * (struct entry_first). Judged as the call would be; when it is refused, the process is killed. False: that
 * is not what the message says. */
struct msg_reader;
bool serve_first(struct governor *g, struct governed *c, struct msg_reader *r);

/* Look after calls that wait. True: again in SERVE_WAIT_NS. */
#define SERVE_WAIT_NS 4000000
bool serve_wait(struct governor *g);

/* The answer to "approval_requested". False: nobody waits for it here. */
bool serve_approve(struct governor *g, const char *id, bool approved, const char *reason);

/* Look after calls that wait for approvals: whose time is over, whose caller is gone. True: again in
 * SERVE_HELD_NS. */
#define SERVE_HELD_NS 100000000
bool serve_held(struct governor *g);
bool serve_holds(const struct governor *g); /* does any? */
/* The command is over. */
void serve_gone(struct governor *g, const struct governed *c);

/* Answer one waiting notification of `c`. 0, or -1 when the listener is of no more use. */
int serve_call(struct governor *g, struct governed *c);
