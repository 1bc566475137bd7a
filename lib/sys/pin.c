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

/* False: nobody is held, we neither. */
static bool look(struct pin *p)
{
	if (p->no || p->known)
		return !p->no;
	p->known = true;
	p->no = sched_getaffinity(0, sizeof p->all, &p->all) < 0 || CPU_COUNT(&p->all) < 2 || !set_every(0);
	if (!p->no && !has_mask(0, &p->all)) {
		p->no = true;
		set_mask(0, &p->all);
	}
	return !p->no;
}

bool pin_may(struct pin *p, pid_t tid)
{
	return look(p) && has_mask(tid, &p->all);
}

void pin_at(struct pin *p, int cpu)
{
	if (!look(p) || cpu < 0 || cpu >= CPU_SETSIZE || !CPU_ISSET(cpu, &p->all) ||
	    !has_mask(0, p->on ? &p->here : &p->all))
		return;
	p->cpu = cpu;
	CPU_ZERO(&p->here);
	CPU_SET(cpu, &p->here);
	p->on = set_mask(0, &p->here);
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
