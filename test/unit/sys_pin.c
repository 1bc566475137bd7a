/* Who holds nobody looks at nothing and changes no mask. */
#include "sys/pin.h"
#include "test/t.h"

T_CASE(nobody_is_held)
{
	struct pin p = { .no = true };
	cpu_set_t before, after;

	sched_getaffinity(0, sizeof before, &before);
	ok(!pin_may(&p, 0), "not where it was said before the first look");
	pin_here(&p);
	ok(!p.on && p.no);
	sched_getaffinity(0, sizeof after, &after);
	ok(CPU_EQUAL(&before, &after));
}

T_CASE(held_and_let_go)
{
	struct pin p = { 0 };
	cpu_set_t before, now, chosen;

	sched_getaffinity(0, sizeof before, &before);
	if (CPU_COUNT(&before) < 2) {
		t_skip("one processor only");
		return;
	}
	ok(pin_may(&p, 0));
	pin_here(&p);
	sched_getaffinity(0, sizeof now, &now);
	ok(p.on && CPU_COUNT(&now) == 1 && CPU_ISSET(p.cpu, &now));
	ok(!pin_may(&p, 0), "who has a mask of his own is left alone");
	pin_off(&p);
	sched_getaffinity(0, sizeof now, &now);
	ok(!p.on && CPU_EQUAL(&now, &before));

	pin_here(&p);
	CPU_XOR(&chosen, &before, &p.here);
	sched_setaffinity(0, sizeof chosen, &chosen);
	pin_off(&p);
	sched_getaffinity(0, sizeof now, &now);
	ok(CPU_EQUAL(&now, &chosen), "a mask that somebody set meanwhile stays");
	pin_here(&p);
	ok(!p.on, "and holds us off");
	sched_setaffinity(0, sizeof before, &before);
}
