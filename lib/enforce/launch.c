#include "enforce/launch.h"

#include "sys/caps.h"
#include "sys/landlock.h"
#include "sys/notify.h"
#include "sys/tag.h"

#include <sys/prctl.h>
#include <unistd.h>

int launch_enter(const struct launch_plan *plan, uint32_t command, struct err *e)
{
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
	return notify_install(plan->filter, plan->n_filter, plan->killable, e);
}
