/* connect_redirects: a tunnel that was allowed leads where the operator says. Its target stays what the
 * client asked for, in messages and for what TLS may ask. */
#include "proxy/impl.h"

#include <stdlib.h>
#include <string.h>

uint16_t redirect_port(const struct conn *c)
{
	return c->redirect ? c->redirect->port : c->target.port;
}

const char *redirect_notice(const struct conn *c)
{
	if (!c->redirect || c->redirect->visibility != REDIRECT_WARN)
		return "";
	return *c->redirect->rule->message ? c->redirect->rule->message : "led elsewhere";
}

static void forget(struct conn *c)
{
	free(c->redirect);
	c->redirect = NULL;
}

static void on_answer(void *arg, const struct resolver_answer *answer)
{
	judge_take(arg, answer, true);
}

static void take_address(struct conn *c)
{
	struct resolver_answer answer = { .status = RESOLVER_FOUND, .n = 1 };

	answer.addresses[0].len = (uint8_t)c->redirect->addr_len;
	memcpy(answer.addresses[0].addr, c->redirect->addr, c->redirect->addr_len);
	judge_take(c, &answer, true);
}

static void follow(struct conn *c)
{
	struct resolver *r = c->proxy->o.resolver;
	struct resolver_answer answer;

	if (c->redirect->addr_len) {
		take_address(c);
	} else if (resolver_known(r, c->redirect->host, &answer)) {
		judge_take(c, &answer, true);
	} else {
		c->wait.done = on_answer;
		c->wait.arg = c;
		if (resolver_ask(r, c->redirect->host, &c->wait, NULL) < 0)
			refuse_with(c, 503, "too many names are asked for");
	}
}

bool redirect_begin(struct conn *c, const struct verdict *v)
{
	struct net_redirect to;
	struct verdict by;
	enum redirect_found found;

	if (c->followed || (!c->is_connect && !c->tls))
		return false;
	found = decide_connect_redirect(c->proxy->o.policy, c->target.host.name, c->target.port, &to);
	if (found == REDIRECT_NONE)
		return false;
	by = (struct verdict){ .decision = EFFECT_REDIRECT, .effective = EFFECT_ALLOW, .rule = to.rule };
	c->held = *v;
	c->redirect = found == REDIRECT_FOUND ? malloc(sizeof to) : NULL;
	if (!c->redirect) {
		by.effective = EFFECT_DENY;
		tell_request(c, &by, NULL);
		refuse_by(c, &by);
		return true;
	}
	*c->redirect = to;
	if (tell_redirect(c, &by))
		follow(c);
	else
		refuse_with(c, 503, "events cannot be kept");
	return true;
}

/* dns_redirects: as if its name had been looked up. */
bool redirect_name(struct conn *c)
{
	struct resolver_answer answer = { .status = RESOLVER_FOUND, .n = 1 };
	struct net_redirect to;
	const enum redirect_found found = decide_name_redirect(c->proxy->o.policy, c->target.host.name, &to);
	struct verdict by = { .decision = EFFECT_REDIRECT, .effective = EFFECT_ALLOW };

	if (found == REDIRECT_NONE)
		return false;
	by.rule = to.rule;
	if (found == REDIRECT_UNSURE) {
		by.effective = EFFECT_DENY;
		tell_request(c, &by, NULL);
		refuse_by(c, &by);
		return true;
	}
	answer.addresses[0].len = (uint8_t)to.addr_len;
	memcpy(answer.addresses[0].addr, to.addr, to.addr_len);
	if (tell_name_redirect(c, &by, &to))
		judge_take(c, &answer, false);
	else
		refuse_with(c, 503, "events cannot be kept");
	return true;
}

bool redirect_give_up(struct conn *c)
{
	if (!c->redirect || c->redirect->on_failure == REDIRECT_FAIL_CLOSED)
		return false;
	forget(c);
	c->followed = true;
	tell_closed(c);
	judge_target(c);
	return true;
}
