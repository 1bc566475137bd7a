/* Where the view's process runs. Who asks waits for the answer, and his processor has nothing else to do; to
 * wake another one that sleeps takes longer than most requests, and it is what the kernel prefers. So who
 * asks for one thing after the other has us on his own processor. Where the next request takes its time he
 * may have been moved: we look, and follow, unless he goes whenever we come. As soon as somebody else asks we
 * are again wherever there is room. */
#include "enforce/fuse/impl.h"

#include "base/clock.h"
#include "sys/proc.h"

#include <stdlib.h>
#include <string.h>

enum {
	SLOW_NS = 15000, /* far above two switches, far below two processors that wake up */
	SKIPPED = 4,     /* looks, after one that found him where we are */
	MOVES = 4,       /* in a row: the kernel wants us apart */
	PAUSE = 512,     /* looks, then */
	PROCESSOR = 36,  /* its place behind the name, proc_pid_stat(5) */
};

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
	if (w->at >= 0)
		sched_setaffinity(0, sizeof w->all, &w->all);
	w->at = -1;
	w->skipped = 0;
}

static void follow(struct near *w, pid_t tid)
{
	int there = processor_of(tid);
	cpu_set_t one;

	w->skipped = there == w->at ? SKIPPED : 0;
	w->moves = there == w->at ? 0 : w->moves + 1;
	if (w->moves == MOVES) {
		near_leave(w);
		w->moves = 0;
		w->skipped = PAUSE;
		return;
	}
	if (there == w->at || there < 0 || there >= CPU_SETSIZE || !CPU_ISSET(there, &w->all))
		return;
	CPU_ZERO(&one);
	CPU_SET(there, &one);
	if (sched_setaffinity(0, sizeof one, &one) == 0)
		w->at = there;
}

void near_init(struct near *w)
{
	*w = (struct near){ .at = -1 };
	w->no = sched_getaffinity(0, sizeof w->all, &w->all) < 0 || CPU_COUNT(&w->all) < 2;
}

void near_asked(struct near *w, pid_t tid)
{
	if (w->no || tid <= 0)
		return;
	if (tid != w->last)
		near_leave(w);
	else if (clock_mono_ns() - w->answered_ns > SLOW_NS && w->skipped-- <= 0)
		follow(w, tid);
	w->last = tid;
}

void near_answered(struct near *w)
{
	if (!w->no)
		w->answered_ns = clock_mono_ns();
}
