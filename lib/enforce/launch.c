#include "enforce/launch.h"

#include "base/fd.h"
#include "sys/caps.h"
#include "sys/landlock.h"
#include "sys/notify.h"
#include "sys/tag.h"
#include "sys/trace.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { DOOR_MS = 5000 };

/* A tracer must be there before the first exec, and nobody is asked on the lowest rung: the door is where its
 * word is awaited. */
static int enter_without_listener(const struct launch_plan *plan, struct err *e)
{
	AUTO_FD door = eventfd(0, EFD_CLOEXEC);
	int out;

	if (door < 0)
		return err_sys(e, "eventfd");
	if (plan->rung == RUNG_PTRACE)
		trace_permit(plan->tracer);
	if (notify_filter(plan->filter, plan->n_filter, e) < 0)
		return -1;
	out = door;
	door = -1;
	return out;
}

int launch_enter(const struct launch_plan *plan, uint32_t command, struct err *e)
{
	for (size_t i = 0; i < plan->n_join; i++)
		/* Nothing is written to a namespace. */
		if (write(plan->join[i], "0", 1) < 0 &&
		    !(CONFIG_LAYER_NET && errno == EBADF && setns(plan->join[i], CLONE_NEWNET) == 0))
			return err_sys(e, "join the session's control groups");
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_sys(e, "no_new_privs");
	if (tag_set(plan->tag, command, e) < 0)
		return -1;
	/* Root may not write /proc, but itself: platforms set oom_score_adj in the first shell. */
	if (plan->ruleset >= 0 && geteuid() == 0)
		landlock_grant_self(plan->ruleset);
	if (plan->ruleset >= 0 && landlock_enter(plan->ruleset, e) < 0)
		return -1;
	if (caps_shed(plan->keep_caps, e) < 0)
		return -1;
	if (CONFIG_RUNGS && plan->rung != RUNG_NOTIFY)
		return enter_without_listener(plan, e);
	return notify_install(plan->filter, plan->n_filter, plan->killable, e);
}

int launch_wait(const struct launch_plan *plan, int door, struct err *e)
{
	struct pollfd p = { .fd = door, .events = POLLIN };
	uint64_t answer;

	if (!CONFIG_RUNGS || plan->rung == RUNG_NOTIFY)
		return 0;
	if (poll(&p, 1, DOOR_MS) != 1 || read(door, &answer, sizeof answer) != sizeof answer)
		return err_set(e, "the session's supervisor does not answer");
	errno = (int)answer - 1;
	return errno ? err_sys(e, "the session's supervisor cannot trace this process") : 0;
}

void launch_answer(int door, int error)
{
	uint64_t answer = (uint64_t)error + 1;

	if (write(door, &answer, sizeof answer) < 0)
		return; /* who waits gives up by itself */
}
