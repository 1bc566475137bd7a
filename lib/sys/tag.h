/* tag - a mark on every process of a session that it can neither forge nor lose.
 *
 * RLIMIT_LOCKS has had no meaning since Linux 2.4.25, yet the kernel keeps its
 * two 64-bit values per process, hands them on at fork and exec, and shows
 * them to anybody in /proc/PID/limits. The hard limit carries the session,
 * the soft one the command; the session's filter forbids changing them
 * (setrlimit and prlimit64 take the resource by value). So membership needs
 * no bookkeeping, survives double forks, and works without any privilege.
 */
#pragma once

#include "base/err.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#define TAG_RESOURCE RLIMIT_LOCKS /* 10 on every architecture we build for */

/* A fresh random session tag. */
uint64_t tag_new(void);

/* Can this be one? A number that came from somewhere else is not to hit processes without a tag. */
bool tag_ok(uint64_t tag);

/* Mark the calling process. Cannot be undone where the filter is in force. */
int tag_set(uint64_t tag, uint32_t command, struct err *e);

/* Mark the calling process, one of ours, as a deputy: it connects and sends for processes of that session, so
 * the kernel names it to those at the other end. What it asks for, the session asks for. Not undone either
 * without privilege, and inherited; but it is none of the session's processes, and is not ended with them. */
int tag_deputise(uint64_t tag, struct err *e);

/* The session that a task belongs to or is a deputy of. */
bool tag_speaks_for(pid_t pid, uint64_t *tag);

/* The tag of a task; false when it has none (or is gone: errno ESRCH). */
bool tag_of(pid_t pid, uint64_t *tag, uint32_t *command);

/* Is this a process that lives, is in no session, and is no session's deputy? */
bool tag_is_free(pid_t pid);

/* The process `pid` at the other end of a unix socket: true when it has no such mark. One that is gone may
 * have had one, handed its socket on, and left its number to somebody else: then false, with *tag 0. */
bool tag_peer_is_free(int fd, pid_t pid, uint64_t *tag);

/* Is this task in the session? */
bool tag_match(pid_t pid, uint64_t tag);
