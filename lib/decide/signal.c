/* Signals. */
#include "decide/impl.h"

#include <string.h>

static bool target_fits(const struct signal_rule *r, const struct signal_request *q)
{
	if (r->kind == SIGNAL_PROCESS)
		return q->comm && glob_match(&r->comm, q->comm, strlen(q->comm));
	if (r->kind == SIGNAL_PID_RANGE)
		return q->pid >= r->min && q->pid <= r->max;
	return r->targets & q->target;
}

/* First match. With rules, what none of them names is denied; without, the session's own processes are free.
 */
struct verdict decide_signal(const struct policy *p, const struct signal_request *r)
{
	const unsigned inside =
	        TARGET_SELF | TARGET_CHILDREN | TARGET_DESCENDANTS | TARGET_SIBLINGS | TARGET_SESSION;

	for (size_t i = 0; i < p->n_signal; i++) {
		const struct signal_rule *s = &p->signal_rules[i];

		if (r->signal >= 1 && r->signal < 64 && s->signals >> r->signal & 1 && target_fits(s, r))
			return verdict_of(p, &s->head.rule);
	}
	if (p->n_signal)
		return verdict_of(p, &verdict_default_signals_none.rule);
	if (r->target & inside && !(r->target & (TARGET_EXTERNAL | TARGET_SYSTEM)))
		return verdict_of(p, &verdict_default_signals_allow.rule);
	return verdict_of(p, &verdict_default_signals.rule);
}

bool decide_signal_absorbs(const struct rule *rule)
{
	const struct head *head = (const struct head *)rule;

	return head->scope == SCOPE_SIGNAL && ((const struct signal_rule *)rule)->absorb;
}

int decide_signal_redirect(const struct rule *rule)
{
	const struct head *head = (const struct head *)rule;

	return head->scope == SCOPE_SIGNAL && rule->decision == EFFECT_REDIRECT
	               ? ((const struct signal_rule *)rule)->redirect_to
	               : 0;
}
