#include "sys/pin.h"

#include <string.h>

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
static bool set_every(pid_t tid)
{
	cpu_set_t every;

	memset(&every, 0xff, sizeof every);
	return set_mask(tid, &every);
}

static void look(struct pin *p)
{
	p->known = true;
	p->no = sched_getaffinity(0, sizeof p->all, &p->all) < 0 || CPU_COUNT(&p->all) < 2 || !set_every(0);
	if (p->no || has_mask(0, &p->all))
		return;
	p->no = true;
	set_mask(0, &p->all);
}

bool pin_may(struct pin *p, pid_t tid)
{
	if (!p->known)
		look(p);
	return !p->no && has_mask(tid, &p->all);
}

bool pin_at(struct pin *p, int cpu)
{
	if (!p->known)
		look(p);
	if (p->no || cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &p->all))
		return false;
	if (!has_mask(0, p->on ? &p->here : &p->all))
		return false;
	p->cpu = cpu;
	CPU_ZERO(&p->here);
	CPU_SET(cpu, &p->here);
	p->on = set_mask(0, &p->here);
	return p->on;
}

void pin_here(struct pin *p)
{
	pin_at(p, sched_getcpu());
}

void pin_off(struct pin *p)
{
	pin_release(p, 0);
	p->on = false;
}

void pin_hold(const struct pin *p, pid_t tid)
{
	set_mask(tid, &p->here);
}

void pin_release(const struct pin *p, pid_t tid)
{
	if (has_mask(tid, &p->here)) /* else somebody else has set it by now */
		set_every(tid);
}
