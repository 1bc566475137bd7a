/* hand - descriptors for callers that wait.
 *
 * A caller puts the descriptor into its table itself, and the kernel wakes it for that wherever there is room
 * (SECCOMP_IOCTL_NOTIF_ADDFD knows no SYNC_WAKE_UP). While that is slow (sys/pin.h), caller and supervisor
 * are held to the processor where the supervisor runs until the descriptor is there, and the supervisor for
 * as long as the same process calls: only a caller
 *   - whose process called the last time, too: who takes turns with others is better off on a processor of
 *     its own; not so the threads of one, which wait for the same supervisor,
 *   - that may run wherever we may: a mask that somebody chose is left alone,
 *   - that has never had its mask set by another of the session's tasks: that could come at the same time,
 *   - that is interrupted by nothing that it survives while it waits.
 * It runs nothing of its own meanwhile, and what the supervisor starts ends with the call that it is for, so
 * that nobody inherits the narrow mask.
 */
#pragma once

#include "sys/pin.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum { HAND_AVOIDED = 8 };

struct call;

struct hand {
	struct pin pin;       /* we ourselves, while one that we hold calls */
	int others;           /* calls since the last descriptor */
	pid_t last;           /* whose call came in last: a process … */
	bool again;           /* … and the one before it */
	int free_ns, held_ns; /* how long it took lately; -1 = to be found out */
	int pause;
	int held; /* so many more are held */
	pid_t avoided[HAND_AVOIDED];
	unsigned n_avoided;
};

/* A call of this process came in. */
void hand_called(struct hand *h, pid_t pid);

/* A copy of `fd` for the caller: its number there, or -errno. It is not told of it. */
int hand_add(struct hand *h, const struct call *k, int fd, int flags);

/* The same, and the call returns it. 0, or the errno of what is not answered yet. */
int hand_over(struct hand *h, const struct call *k, int fd, int flags);

/* Another task is about to set this one's mask. */
void hand_avoid(struct hand *h, pid_t tid);
