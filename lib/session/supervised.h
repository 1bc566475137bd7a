/* supervised - what a session's supervisor is told: at its start whose session it is, then by which policies.
 *
 * The messages are worker.c's. Used by applets/supervise.c, in its process.
 */
#pragma once

#include "audit/ring.h"
#include "base/err.h"
#include "enforce/exec/desk.h"
#include "enforce/exec/serve.h"
#include "enforce/files/wired.h"
#include "enforce/net/wired.h"
#include "wire/conn.h"

/* A policy and who decides by it: those before the newest serve the commands that entered under them. */
struct rules {
	struct rules *older;
	struct policy *policy;
	struct files *files; /* NULL: file calls are not judged */
	struct net *net;     /* likewise */
	struct governor *governor;
};

struct supervised {
	/* Set before the start: governor_options. */
	event_sink *sink;
	void (*answered)(void *arg);
	void *arg;
	struct loop *loop; /* likewise */

	struct ring *ring;
	int inbox;           /* owned */
	struct rules *rules; /* newest first */
	char session_id[160];
	uint64_t tag;
	enum rung rung;
	struct wired wired;
	struct net_wired net;
	int64_t approval_ns;
	unsigned held; /* limits that groups hold, and which groups */
	char pids_dir[512], memory_dir[512];
};

/* The first message: whose session, which policy, where events go. Takes on the ids of the session's user.
 * `in` as wire_recv() filled it. 0 or -1. */
int supervised_start(struct supervised *s, struct wire_in *in, struct err *e);

/* From now on commands enter under this policy, which the rest of the message and `fd` hold. 0 or -1. */
int supervised_rules(struct supervised *s, struct msg_reader *r, int fd, struct err *e);

/* Those under which no command of the desk's runs any more, but the newest. */
void supervised_forget(struct supervised *s, const struct desk *desk);

/* The answer to a question that somebody waits for. False: the message is none. */
bool supervised_resolve(struct supervised *s, struct msg_reader *r);
