/* count - the supervisor's side of a session's limits.
 *
 * Where no control group holds them, the session is looked at now and then.
 * RLIMIT_NPROC keeps its tasks down: what the same user has outside is added
 * to it each time. It does not hold root, nor where the user has processes that
 * we cannot see; there the command with the most tasks is killed. Of memory,
 * the process that holds most is killed when all together hold too much.
 * (To be asked about each fork would be exact, but a signal that comes before
 * the question is read makes fork(2) fail with EINTR, which no program expects.)
 * Where groups hold them: tell when they hit. All are events "limit_reached".
 *
 * Not seen here: memory that nobody has mapped (files in a tmpfs, a memfd that
 * was written to), and processor time.
 */
#pragma once

#include "base/err.h"
#include "loop/loop.h"
#include "policy/policy.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct counter;

struct counter_options {
	struct loop *loop;
	uint64_t tag;                      /* of the session's processes */
	const char *session_id;            /* borrowed */
	unsigned held;                     /* LIMITS_…, limits.h: what groups hold */
	const char *pids_dir, *memory_dir; /* those groups, "" = none; copied */
	/* Takes an event, as the governor's does (exec/serve.h). */
	bool (*sink)(void *arg, const char *json, size_t len, uint32_t number, uint32_t flags);
	bool (*busy)(void *arg); /* is there a command? */
	void *arg;
};

struct counter *counter_new(const struct counter_options *o, const struct policy *p, struct err *e);
void counter_free(struct counter *c);

/* The session's limits from now on. */
void counter_policy(struct counter *c, const struct policy *p);

/* A command's first process is about to start: it may take no realtime priority, and there is something to
 * look at from now on. */
void counter_entered(struct counter *c, pid_t pid);

/* Look now at what groups have refused since the last time; also done now and then. */
void counter_look(struct counter *c);
