/* Requests that wait until somebody approves them. What was approved is this one request, to the addresses
 * that were judged. */
#include "proxy/impl.h"

#include <stdio.h>
#include <string.h>

void approve_ask(struct conn *c, const struct verdict *v)
{
	struct proxy *p = c->proxy;
	const int64_t ns = v->rule->timeout_ns > 0 ? v->rule->timeout_ns : p->o.approval_ns;
	struct verdict no = *v;

	c->held = *v;
	snprintf(c->approval, sizeof c->approval, "approval-%s-%llu", p->teller.id,
	         (unsigned long long)++p->n_asked);
	if (p->o.approval_ns <= 0 || !tell_asked(c, ns)) {
		c->approval[0] = 0;
		no.effective = EFFECT_DENY;
		judge_go(c, &no);
		return;
	}
	c->state = CONN_HELD;
	conn_timer(c, ns);
	conn_interest(c);
}

void approve_end(struct conn *c, bool approved, const char *reason)
{
	struct verdict v = c->held;

	if (!c->approval[0])
		return;
	tell_answered(c, approved, reason);
	c->approval[0] = 0;
	conn_timer(c, 0);
	v.effective = approved ? EFFECT_ALLOW : EFFECT_DENY;
	if (c->state == CONN_HELD)
		judge_go(c, &v);
}

bool proxy_approve(struct proxy *p, const char *id, bool approved, const char *reason)
{
	list_each(node, &p->conns)
	{
		struct conn *c = list_item(node, struct conn, node);

		if (c->state != CONN_HELD || strcmp(c->approval, id) != 0)
			continue;
		approve_end(c, approved, reason);
		return true;
	}
	return false;
}
