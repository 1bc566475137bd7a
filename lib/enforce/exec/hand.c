#include "enforce/exec/hand.h"

#include "base/clock.h"
#include "enforce/exec/call.h"
#include "sys/notify.h"

#include <string.h>

enum {
	SLOW_NS = 15000, /* far above two switches, far below two processors that wake up */
	MOST_NS = 80000, /* more is somebody else's turn */
	HELD = 256,      /* as many are held before it is tried without again */
	PAUSE = 128,     /* where it was no better, so many are not */
	OTHERS = 32,     /* calls that are handed nothing: the supervisor stays where it is for as many */
};

/* ---- is it worth it? --------------------------------------------------------------------------------- */

static void mean(int *of, int64_t ns)
{
	const int now = ns < MOST_NS ? (int)ns : MOST_NS;

	*of = *of < 0 ? now : *of + (now - *of) / 16;
}

static void took(struct hand *h, int64_t ns)
{
	mean(&h->free_ns, ns);
	if (h->free_ns <= SLOW_NS)
		return;
	if (--h->pause < 0)
		h->held_ns = -1;
	if (2 * h->held_ns >= h->free_ns)
		return;
	h->pause = PAUSE;
	h->held = HELD;
}

/* Where others want the processor, too, it is no better. */
static void took_held(struct hand *h, int64_t ns)
{
	mean(&h->held_ns, ns);
	if (2 * h->held_ns >= h->free_ns)
		h->held = 0;
	else if (--h->held == 0)
		h->free_ns = -1;
}

/* ---- masks --------------------------------------------------------------------------------------------- */

static bool has_mask(pid_t tid, const cpu_set_t *mask)
{
	cpu_set_t now;

	return sched_getaffinity(tid, sizeof now, &now) == 0 && CPU_EQUAL(&now, mask);
}

static bool set_mask(pid_t tid, const cpu_set_t *mask)
{
	return sched_setaffinity(tid, sizeof *mask, mask) == 0;
}

/* To ask for all processors is to ask for none in particular, now and when there are more: unless we were
 * held to fewer than there are for us. */
static void look(struct hand *h)
{
	cpu_set_t every;

	memset(&every, 0xff, sizeof every);
	h->known = true;
	h->no = sched_getaffinity(0, sizeof h->all, &h->all) < 0 || CPU_COUNT(&h->all) < 2 ||
	        !set_mask(0, &every);
	if (h->no || has_mask(0, &h->all))
		return;
	h->no = true;
	set_mask(0, &h->all);
}

static void let_go(pid_t tid)
{
	cpu_set_t every;

	memset(&every, 0xff, sizeof every);
	set_mask(tid, &every);
}

/* ---- handing over ----------------------------------------------------------------------------------------
 */

static bool is_avoided(const struct hand *h, pid_t tid)
{
	for (unsigned i = 0; i < h->n_avoided; i++)
		if (h->avoided[i] == tid)
			return true;
	return false;
}

/* Held ourselves, too, until others call: one call for many. */
static void pin(struct hand *h)
{
	h->cpu = sched_getcpu();
	CPU_ZERO(&h->here);
	if (h->cpu >= 0 && h->cpu < CPU_SETSIZE)
		CPU_SET(h->cpu, &h->here);
	h->pinned = set_mask(0, &h->here);
}

static void unpin(struct hand *h)
{
	if (has_mask(0, &h->here)) /* else somebody else has set it by now */
		let_go(0);
	h->pinned = false;
}

static bool can_be_held(struct hand *h, const struct call *k)
{
	const pid_t tid = (pid_t)k->n->pid;

	if (h->held <= 0 || h->no || !h->again || !k->c->killable || is_avoided(h, tid))
		return false;
	if (!h->known)
		look(h);
	return !h->no && has_mask(tid, &h->all);
}

static bool is_held(struct hand *h, const struct call *k)
{
	bool held = can_be_held(h, k);

	if (h->pinned && (!held || sched_getcpu() != h->cpu))
		unpin(h);
	if (held && !h->pinned && has_mask(0, &h->all))
		pin(h);
	h->others = 0;
	return held && h->pinned;
}

static int add_held(struct hand *h, const struct call *k, int fd, int flags)
{
	const pid_t tid = (pid_t)k->n->pid;
	const int64_t start = clock_mono_ns();
	int number;

	/* One that cannot be held is handed its descriptor all the same. */
	set_mask(tid, &h->here);
	number = notify_add(k->c->listener, k->n->id, fd, flags);
	if (has_mask(tid, &h->here)) /* else somebody else has set it by now */
		let_go(tid);
	took_held(h, clock_mono_ns() - start);
	return number;
}

static int add(struct hand *h, const struct call *k, int fd, int flags)
{
	const int64_t start = clock_mono_ns();
	int number = notify_add(k->c->listener, k->n->id, fd, flags);

	took(h, clock_mono_ns() - start);
	return number;
}

void hand_called(struct hand *h, pid_t pid)
{
	h->again = h->last == pid;
	h->last = pid;
	if (h->pinned && (!h->again || ++h->others > OTHERS))
		unpin(h);
}

int hand_add(struct hand *h, const struct call *k, int fd, int flags)
{
	return is_held(h, k) ? add_held(h, k, fd, flags) : add(h, k, fd, flags);
}

int hand_over(struct hand *h, const struct call *k, int fd, int flags)
{
	int64_t start;
	int rc;

	if (is_held(h, k)) {
		rc = add_held(h, k, fd, flags);
		if (rc >= 0)
			notify_return(k->c->listener, k->n->id, rc);
		return rc < 0 ? -rc : 0;
	}
	start = clock_mono_ns();
	rc = notify_inject(k->c->listener, k->n->id, fd, flags);
	took(h, clock_mono_ns() - start);
	return rc;
}

void hand_avoid(struct hand *h, pid_t tid)
{
	if (is_avoided(h, tid))
		return;
	if (h->n_avoided == HAND_AVOIDED)
		h->no = true;
	else
		h->avoided[h->n_avoided++] = tid;
}
