/* Where a request is answered. Who asks waits for the answer, and his processor has nothing else to do; the
 * kernel prefers to wake each of us on another one, which takes longer than most requests as long as it has
 * slept or is about to (sys/pin.h). So while answers are slow, who asks for one thing after the other has us
 * on his own processor. As soon as somebody else asks we are again wherever there is room.
 *
 * He stays there if he is held while he is woken. He must not run before he is let go of, or what he starts
 * would inherit that: for that moment we have real-time priority, which nobody overtakes who asks. That takes
 * CAP_SYS_NICE; without it (we were overtaken by three in a hundred), and where he chose his processors
 * himself, we follow him, unless he goes whenever we come. */
#include "enforce/fuse/impl.h"

#include "base/clock.h"
#include "sys/proc.h"

#include <linux/fuse.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
	OFTEN = 16,     /* two slow answers among as many: he is to be held */
	HELD = 128,     /* for so many: until the other processor sleeps soundly */
	SKIPPED = 4,    /* looks, after one that found him where we are */
	MOVES = 4,      /* in a row: the kernel wants us apart */
	PAUSE = 512,    /* looks, then */
	PROCESSOR = 36, /* its place behind the name, proc_pid_stat(5) */
};

/* ---- following ----------------------------------------------------------------------------------------- */

/* On which a task runs, or ran before it waited; -1 when that is not known. */
static int processor_of(pid_t tid)
{
	char text[1024], *p;

	if (proc_text(tid, "stat", text, sizeof text) <= 0)
		return -1;
	p = strrchr(text, ')');
	for (int i = 0; p && i <= PROCESSOR; i++)
		p = strchr(p + 1, ' ');
	return p ? (int)strtol(p, NULL, 10) : -1;
}

void near_leave(struct near *w)
{
	if (w->pin.on)
		pin_off(&w->pin);
	w->skipped = 0;
}

static void follow(struct near *w, pid_t tid)
{
	int there = processor_of(tid);
	bool together = w->pin.on && there == w->pin.cpu;

	w->skipped = together ? SKIPPED : 0;
	w->moves = together ? 0 : w->moves + 1;
	if (w->moves == MOVES) {
		near_leave(w);
		w->moves = 0;
		w->skipped = PAUSE;
	} else if (!together) {
		pin_at(&w->pin, there);
	}
}

/* ---- holding ------------------------------------------------------------------------------------------- */

/* Requests that their task waits for, whatever happens to it, until it is answered or killed. */
static bool is_waited_for(uint32_t opcode)
{
	switch (opcode) {
	case FUSE_LOOKUP:
	case FUSE_GETATTR:
	case FUSE_SETATTR:
	case FUSE_READLINK:
	case FUSE_SYMLINK:
	case FUSE_MKNOD:
	case FUSE_MKDIR:
	case FUSE_UNLINK:
	case FUSE_RMDIR:
	case FUSE_RENAME:
	case FUSE_RENAME2:
	case FUSE_LINK:
	case FUSE_OPEN:
	case FUSE_CREATE:
	case FUSE_TMPFILE:
	case FUSE_FLUSH:
	case FUSE_GETXATTR:
	case FUSE_SETXATTR:
	case FUSE_LISTXATTR:
	case FUSE_REMOVEXATTR:
	case FUSE_OPENDIR:
	case FUSE_READDIR:
	case FUSE_READDIRPLUS:
	case FUSE_STATFS:
	case FUSE_FSYNC:
	case FUSE_FSYNCDIR:
	case FUSE_LSEEK:
	case FUSE_FALLOCATE:
	case FUSE_COPY_FILE_RANGE:
		return true;
	default:
		return false;
	}
}

/* Only where we are does nobody overtake us: not if we were moved from there. */
static bool can_be_held(struct near *w, pid_t tid)
{
	if (w->no_hold || !pin_may(&w->pin, tid))
		return false;
	if (w->pin.on && sched_getcpu() != w->pin.cpu)
		pin_off(&w->pin);
	if (!w->pin.on)
		pin_here(&w->pin);
	return w->pin.on;
}

/* musl has none. */
static bool set_policy(int policy, int priority)
{
	const struct sched_param p = { .sched_priority = priority };

	return syscall(SYS_sched_setscheduler, 0, policy, &p) == 0;
}

static ssize_t answer_held(struct near *w, pid_t tid, int device, const struct iovec *iov, int count)
{
	ssize_t rc;

	pin_hold(&w->pin, tid);
	rc = writev(device, iov, count);
	pin_release(&w->pin, tid);
	set_policy(SCHED_OTHER, 0);
	return rc;
}

ssize_t near_answer(struct near *w, int device, const struct iovec *iov, int count)
{
	const bool told = ((const struct fuse_out_header *)iov->iov_base)->unique == 0;
	const pid_t tid = w->waits;

	if (told || tid <= 0)
		return writev(device, iov, count);
	w->waits = 0;
	w->no_hold = !set_policy(SCHED_FIFO, 1);
	return w->no_hold ? writev(device, iov, count) : answer_held(w, tid, device, iov, count);
}

/* ---- requests --------------------------------------------------------------------------------------------
 */

/* To who asks once more. */
static void come(struct near *w, const struct fuse_in_header *request, bool slow)
{
	const pid_t tid = (pid_t)request->pid;

	if (can_be_held(w, tid))
		w->waits = is_waited_for(request->opcode) ? tid : 0;
	else if (slow && w->skipped-- <= 0)
		follow(w, tid);
}

void near_asked(struct near *w, const struct fuse_in_header *request)
{
	const pid_t tid = (pid_t)request->pid;
	const bool slow = clock_mono_ns() - w->answered_ns > PIN_SLOW_NS;

	w->waits = 0;
	if (slow && w->since < OFTEN)
		w->held = HELD;
	w->since = slow ? 0 : w->since + 1;
	if (w->pin.no || tid <= 0)
		return;
	if (tid != w->last)
		near_leave(w);
	else if (w->held > 0) {
		w->held--;
		come(w, request, slow);
	}
	w->last = tid;
}

void near_answered(struct near *w)
{
	w->answered_ns = clock_mono_ns();
}
