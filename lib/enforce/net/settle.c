#include "enforce/net/impl.h"

#include "audit/ring.h"
#include "base/clock.h"
#include "enforce/exec/held.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct rule own = { .name = "own-listeners", .file = "built-in", .decision = EFFECT_ALLOW };
static const struct rule proxied = { .name = "transparent-proxy",
	                             .file = "built-in",
	                             .decision = EFFECT_ALLOW };
static const struct rule no_connections = { .name = "no-tcp-connections",
	                                    .file = "built-in",
	                                    .decision = EFFECT_DENY,
	                                    .message = "landlock.network.allow_connect_tcp is false" };
static const struct rule unrecorded = { .name = "audit-unavailable",
	                                .file = "built-in",
	                                .decision = EFFECT_DENY,
	                                .message = "events cannot be written, and what is not "
	                                           "recorded does not happen" };

#define TOLD_NS (60 * 1000000000LL)

static bool is_place(const struct net_place *p, const struct target *t)
{
	return p->port && p->port == t->port && p->addr.len == t->addr.len &&
	       !memcmp(p->addr.bytes, t->addr.bytes, t->addr.len);
}

static bool is_own(const struct net *n, const struct target *t)
{
	for (size_t i = 0; i < n->o.n_own; i++)
		if (is_place(&n->own[i], t))
			return true;
	return is_place(&n->o.dns, t);
}

static bool is_proxy(const struct net *n, const struct target *t)
{
	return is_place(&n->o.proxy, t) || is_place(&n->o.proxy6, t);
}

static struct verdict ask(const struct deed *d, const struct target *t, const char *name)
{
	const struct net_request q = {
		.host = name, .addr = t->addr.bytes, .addr_len = t->addr.len, .port = t->port
	};

	/* Port 0 is how the C library asks which of its own addresses leads there, before it asks for a port:
	 * as one that may be reached at some port. */
	return t->port ? decide_dial(d->net->o.policy, d->net->cache, &q)
	               : decide_name(d->net->o.policy, d->net->cache, &q);
}

/* Could it be allowed by a name that is not known here? */
static bool is_open_question(const struct verdict *v)
{
	return v->effective != EFFECT_ALLOW && decide_is_general(v->rule);
}

/* The best that any of its names is given; what restricts the address itself counts for them, too. */
static void judge_names(const struct deed *d, const struct target *t, struct judged *out)
{
	char names[PAGE_FOUND][PAGE_NAME];
	size_t n =
	        d->net->o.page ? page_names(d->net->o.page, &t->addr, clock_mono_ns(), names, PAGE_FOUND) : 0;

	for (size_t i = 0; i < n && out->verdict.effective != EFFECT_ALLOW; i++) {
		const struct verdict v = ask(d, t, names[i]);

		if (v.effective != EFFECT_DENY || !out->domain[0]) {
			out->verdict = v;
			memcpy(out->domain, names[i], sizeof names[i]);
		}
	}
}

void settle_target(struct deed *d, const struct target *t, bool stream, struct judged *out)
{
	const struct net *n = d->net;
	const bool page = t->port == 80 || t->port == 443;
	const bool web = stream && page && !n->o.monitor && n->o.proxy.port;
	bool open_question;

	memset(out, 0, sizeof *out);
	out->noted = stream && is_proxy(n, t);
	out->own = is_own(n, t);
	if (out->own || out->noted) {
		out->verdict = (struct verdict){ EFFECT_ALLOW, EFFECT_ALLOW, &own, NULL, false };
		return;
	}
	/* Wherever it leads, who is there is the proxy, and lets in whom it is told of. */
	out->noted = n->o.apart && stream && page;
	if (stream && n->o.no_tcp) {
		out->verdict = (struct verdict){ .rule = &no_connections };
		return;
	}
	out->verdict = ask(d, t, NULL);
	open_question = is_open_question(&out->verdict);
	if (out->verdict.effective == EFFECT_ALLOW)
		return;
	judge_names(d, t, out);
	/* What it is called there decides, and the proxy asks. */
	if (web && (open_question || (out->domain[0] && out->verdict.effective != EFFECT_DENY))) {
		out->proxied = true;
		if (out->verdict.effective != EFFECT_ALLOW)
			out->verdict = (struct verdict){ EFFECT_ALLOW, EFFECT_ALLOW, &proxied, NULL, false };
	}
}

/* ---- telling --------------------------------------------------------------------------------------------
 */

static uint64_t mix(uint64_t h, const char *text)
{
	while (text && *text)
		h = (h ^ (unsigned char)*text++) * 1099511628211ULL;
	return h;
}

/* Was that told lately? Who sends many messages to one address says nothing new. */
static bool was_told(struct deed *d, const struct verdict *v, const struct net_report *r)
{
	const uint64_t what = mix(mix((uintptr_t)v->rule, r->remote), r->path);
	const size_t i = (what ^ (what >> 32) ^ (uint64_t)d->k->pid) % NET_TOLD;
	const int64_t now = clock_mono_ns();
	bool told = d->net->told[i].pid == d->k->pid && d->net->told[i].what == what &&
	            d->net->told[i].until > now;

	if (!told) {
		d->net->told[i].pid = d->k->pid;
		d->net->told[i].what = what;
		d->net->told[i].until = now + TOLD_NS;
	}
	return told;
}

static bool report(const struct deed *d, const struct verdict *v, const struct net_report *r,
                   const char *message)
{
	char address[TARGET_TEXT] = "";
	const struct event_field fields[] = {
		{ .name = "protocol", .text = r->protocol },
		{ .name = "listener", .text = r->listener ? r->listener : "" },
		{ .name = "address", .text = r->at ? aim_address(r->at, address) : "" },
		{ .name = "port", .number = r->port },
	};
	struct event ev = { .type = r->type,
		            .depth = -1,
		            .verdict = v,
		            .message = message && *message ? message : NULL,
		            .path = r->path,
		            .domain = r->domain && *r->domain ? r->domain : NULL,
		            .remote = r->at ? NULL : r->remote,
		            .operation = r->operation,
		            .abstract = r->abstract,
		            .effective_action = v->effective == EFFECT_ALLOW ? "allowed" : "denied",
		            .fields = fields,
		            .n_fields = r->at         ? 4
		                        : r->protocol ? 2
		                                      : 0 };

	return serve_report(d->k, &ev,
	                    v->effective == EFFECT_ALLOW ? 0
	                    : r->aside                   ? RING_DENIED | RING_BACKGROUND
	                                                 : RING_DENIED);
}

static const char *name_of(const struct net_report *r)
{
	return r->path ? r->path : r->remote;
}

static void message_of(const struct rule *rule, const struct net_report *r, char *out, size_t size)
{
	const struct message_facts facts = { .path = r->path,
		                             .remote = r->remote,
		                             .domain = r->domain && *r->domain ? r->domain : r->remote,
		                             .operation = r->operation,
		                             .port = r->port };

	decide_message(rule, &facts, out, size);
}

enum { MESSAGE = 1024 };

static void tell(struct deed *d, const struct verdict *v, const struct net_report *r, char message[MESSAGE])
{
	message_of(v->rule, r, message, MESSAGE);
	if (!r->often || !was_told(d, v, r))
		report(d, v, r, message);
}

static void refuse(struct deed *d, struct verdict *v, const struct net_report *r)
{
	char message[MESSAGE];

	v->effective = EFFECT_DENY;
	tell(d, v, r, message);
	if (!r->often)
		teach(d->k, &(struct denial){ name_of(r), v, message });
	deed_fail(d, EACCES);
}

/* What would be refused goes on. */
static void watch_only(struct deed *d, struct verdict *v, const struct net_report *r)
{
	char message[MESSAGE];

	v->effective = EFFECT_ALLOW;
	tell(d, v, r, message);
}

bool settle_call(struct deed *d, struct verdict v, const struct net_report *r)
{
	if (CONFIG_APPROVALS && v.effective == EFFECT_APPROVE && !(d->net->o.monitor && r->remote)) {
		char message[MESSAGE];
		const struct held_question q = { .kind = "network",
			                         .target = name_of(r),
			                         .operation = r->operation,
			                         .rule = v.rule,
			                         .message = message };

		message_of(v.rule, r, message, sizeof message);
		if (held_granted(d->k, &q)) {
			v.effective = EFFECT_ALLOW;
		} else if (!d->sent && held_ask(d->k, &q)) {
			deed_kept(d);
			return false;
		}
	}
	if (v.effective == EFFECT_ALLOW) {
		if ((r->often && was_told(d, &v, r)) || report(d, &v, r, NULL))
			return true;
		v = (struct verdict){ .rule = &unrecorded };
	} else if (d->net->o.monitor && r->remote) {
		watch_only(d, &v, r);
		return true;
	}
	refuse(d, &v, r);
	return false;
}
