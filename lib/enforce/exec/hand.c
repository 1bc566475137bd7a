#include "enforce/exec/hand.h"

#include "base/clock.h"
#include "enforce/exec/call.h"
#include "sys/notify.h"

enum {
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
	if (h->free_ns <= PIN_SLOW_NS)
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

/* ---- handing over ----------------------------------------------------------------------------------------
 */

static bool is_avoided(const struct hand *h, pid_t tid)
{
	for (unsigned i = 0; i < h->n_avoided; i++)
		if (h->avoided[i] == tid)
			return true;
	return false;
}

static bool can_be_held(struct hand *h, const struct call *k)
{
	const pid_t tid = (pid_t)k->n->pid;

	return h->held > 0 && h->again && k->c->killable && !is_avoided(h, tid) && pin_may(&h->pin, tid);
}

/* We, too, until others call: one call for many. */
static bool is_held(struct hand *h, const struct call *k)
{
	bool held = can_be_held(h, k);

	if (h->pin.on && (!held || sched_getcpu() != h->pin.cpu))
		pin_off(&h->pin);
	if (held && !h->pin.on)
		pin_here(&h->pin);
	h->others = 0;
	return held && h->pin.on;
}

static int add_held(struct hand *h, const struct call *k, int fd, int flags)
{
	const pid_t tid = (pid_t)k->n->pid;
	const int64_t start = clock_mono_ns();
	int number;

	pin_hold(&h->pin, tid);
	number = notify_add(k->c->listener, k->n->id, fd, flags);
	pin_release(&h->pin, tid);
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
	if (h->pin.on && (!h->again || ++h->others > OTHERS))
		pin_off(&h->pin);
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
		h->pin.no = true;
	else
		h->avoided[h->n_avoided++] = tid;
}
