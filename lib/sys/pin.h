/* pin - tasks held to one processor for a moment: sched_setaffinity(2).
 *
 * The kernel wakes who is answered wherever there is room. On a machine that does little else that is a
 * processor that sleeps, and waking it, for both sides in turn, takes longer than all the rest of a short
 * call. A task whose mask is this processor alone while it is woken stays here.
 */
#pragma once

#include <sched.h>
#include <stdbool.h>
#include <sys/types.h>

/* An answer that took longer found somebody asleep: far above two switches, far below two processors that
 * wake up. */
enum { PIN_SLOW_NS = 15000 };

struct pin {
	cpu_set_t all;  /* where we may run; valid when `known` */
	cpu_set_t here; /* where we are, while `on`: on `cpu` alone */
	int cpu;
	bool known, no; /* `no`: nobody is held */
	bool on;
};

/* Whether we may hold this task: it may run wherever we may, which is wherever there is room. A mask that
 * somebody chose is left alone. */
bool pin_may(struct pin *p, pid_t tid);

/* Ourselves: to the processor where we run, to another one, to none in particular. Where somebody else has
 * set our mask by now, that stays, and we are not `on`. */
void pin_here(struct pin *p);
void pin_at(struct pin *p, int cpu);
void pin_off(struct pin *p);

/* A task that pin_may() has allowed, while we are `on`; between the two it must not run, as what it starts
 * would inherit its mask. One that cannot be held is not. */
void pin_hold(const struct pin *p, pid_t tid);
void pin_release(const struct pin *p, pid_t tid);
