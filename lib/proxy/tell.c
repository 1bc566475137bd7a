#include "proxy/impl.h"

#include "audit/event.h"
#include "audit/ring.h"
#include "base/clock.h"
#include "base/room.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

static const char *address_text(const struct dns_address *a, char *out)
{
	return inet_ntop(a->len == 4 ? AF_INET : AF_INET6, a->addr, out, INET6_ADDRSTRLEN) ? out : "";
}

bool tell_init(struct teller *t)
{
	uint64_t id;

	if (getrandom(&id, sizeof id, 0) != sizeof id)
		return false;
	snprintf(t->id, sizeof t->id, "%016llx", (unsigned long long)id);
	return true;
}

bool tell_event(struct teller *t, struct event *ev, uint32_t command)
{
	char ROOM room[EVENT_TEXT_MAX + 1]; /* and the NUL that does not count */
	char id[48];
	struct buf json;
	bool denied = ev->verdict && ev->verdict->effective != EFFECT_ALLOW, kept;

	snprintf(id, sizeof id, "evt-%s-%llu", t->id, (unsigned long long)++t->n);
	ev->id = id;
	ev->session_id = t->session_id;
	ev->command_id = command && t->command_id ? t->command_id(t->arg, command) : NULL;
	ev->source = "proxy";
	ev->depth = -1;
	buf_on(&json, room, sizeof room);
	event_format(ev, &json);
	ev->id = NULL;
	kept = !json.failed && t->sink(t->arg, json.data, json.len, command, denied ? RING_DENIED : 0);
	buf_release(&json);
	return kept;
}

static bool tell(struct conn *c, struct event *ev)
{
	ev->pid = c->flow.pid;
	return tell_event(&c->proxy->teller, ev, c->flow.command);
}

static const char *message_of(const struct conn *c, const struct verdict *v, const char *remote, char *out,
                              size_t size)
{
	const struct message_facts facts = { .remote = remote,
		                             .domain = c->target.host.name,
		                             .operation = "connect",
		                             .port = c->target.port };

	decide_message(v->rule, &facts, out, size);
	return *out ? out : NULL;
}

bool tell_name(struct conn *c, const struct verdict *v, const struct resolver_answer *answer)
{
	char texts[RESOLVER_ADDRESSES][INET6_ADDRSTRLEN];
	const char *list[RESOLVER_ADDRESSES + 1] = { NULL };
	const struct event_field fields[] = { { .name = "ips", .list = list },
		                              { .name = "source", .text = "proxy" },
		                              { .name = "error",
		                                .text = answer->status == RESOLVER_FAILED
		                                                ? "no server answers"
		                                        : answer->status == RESOLVER_NONE ? "no such name"
		                                                                          : "" } };
	struct event ev = { .type = "dns_query",
		            .domain = c->target.host.name,
		            .verdict = v,
		            .fields = fields,
		            .n_fields = answer->status == RESOLVER_FOUND ? 2 : 3 };

	for (size_t i = 0; i < answer->n; i++)
		list[i] = address_text(&answer->addresses[i], texts[i]);
	return tell(c, &ev);
}

bool tell_dropped(struct conn *c, const struct verdict *v, const struct dns_address *a)
{
	char remote[INET6_ADDRSTRLEN], message[512];
	struct event ev = { .type = "dns_rebind_blocked",
		            .domain = c->target.host.name,
		            .remote = address_text(a, remote),
		            .verdict = v };

	ev.message = message_of(c, v, remote, message, sizeof message);
	return tell(c, &ev);
}

bool tell_request(struct conn *c, const struct verdict *v, const struct dns_address *a)
{
	const struct http_head *h = &c->request.head;
	char remote[TARGET_TEXT], ip[INET6_ADDRSTRLEN] = "", message[512];
	const bool tunnel = c->is_connect || c->tls;
	const struct event_field fields[] = { { .name = "method",
		                                .text = c->tls ? "transparent" : h->method },
		                              { .name = "resolved_ip", .text = a ? address_text(a, ip) : "" },
		                              { .name = "path", .text = c->target.path },
		                              { .name = "scheme", .text = c->inside ? "https" : "" } };
	struct event ev = { .type = tunnel ? "net_connect" : "net_http_request",
		            .domain = c->target.host.name,
		            .remote = target_text(&c->target, 0, remote),
		            .operation = "connect",
		            .verdict = v,
		            .fields = fields,
		            .n_fields = tunnel ? 2 : 4 };

	ev.message = message_of(c, v, remote, message, sizeof message);
	return tell(c, &ev);
}

/* What could not be understood is shown as it was given. */
bool tell_malformed(struct conn *c, const struct verdict *v, const char *why)
{
	const struct http_head *h = &c->request.head;
	const struct event_field fields[] = { { .name = "method", .text = h->method ? h->method : "" },
		                              { .name = "target", .text = h->target ? h->target : "" } };
	struct event ev = { .type = "net_http_request",
		            .operation = "connect",
		            .verdict = v,
		            .message = why,
		            .fields = fields,
		            .n_fields = 2 };

	return tell(c, &ev);
}

static const struct event_field no_field;

bool tell_redirect(struct conn *c, const struct verdict *v)
{
	static const char *const words[] = { "silent", "audit_only", "warn" };
	const struct net_redirect *r = c->redirect;
	char remote[TARGET_TEXT], to[TARGET_TEXT];
	const struct event_field fields[] = { { .name = "redirect_host", .text = r->host },
		                              { .name = "redirect_port", .number = r->port },
		                              { .name = "redirect_to", .text = to },
		                              { .name = "visibility", .text = words[r->visibility] },
		                              r->sni ? (struct event_field){ .name = "sni", .text = r->sni }
		                                     : no_field };
	struct event ev = { .type = "connect_redirect",
		            .domain = c->target.host.name,
		            .remote = target_text(&c->target, 0, remote),
		            .operation = "connect",
		            .verdict = v,
		            .message = *v->rule->message ? v->rule->message : NULL,
		            .fields = fields,
		            .n_fields = r->sni ? 5 : 4 };

	snprintf(to, sizeof to, r->addr_len == 16 ? "[%s]:%u" : "%s:%u", r->host, (unsigned)r->port);
	return tell(c, &ev);
}

bool tell_name_redirect(struct conn *c, const struct verdict *v, const struct net_redirect *r)
{
	const char *const list[] = { r->host, NULL };
	const struct event_field fields[] = { { .name = "ips", .list = list },
		                              { .name = "source", .text = "proxy" } };
	struct event ev = { .type = "dns_redirect",
		            .domain = c->target.host.name,
		            .verdict = v,
		            .fields = fields,
		            .n_fields = 2 };

	return tell(c, &ev);
}

bool tell_asked(struct conn *c, int64_t ns)
{
	char until[40], remote[TARGET_TEXT], message[512];
	const struct event_field fields[] = { { .name = "expires_at", .text = until },
		                              { .name = "id", .text = c->approval },
		                              { .name = "kind", .text = "network" },
		                              { .name = "target", .text = remote } };
	struct event ev = { .type = "approval_requested",
		            .domain = c->target.host.name,
		            .remote = target_text(&c->target, 0, remote),
		            .operation = "connect",
		            .verdict = &c->held,
		            .effective_action = "held",
		            .fields = fields,
		            .n_fields = 4 };

	event_time(clock_real_ns() + ns, until);
	ev.message = message_of(c, &c->held, remote, message, sizeof message);
	return tell(c, &ev);
}

void tell_answered(struct conn *c, bool approved, const char *reason)
{
	char remote[TARGET_TEXT];
	const struct verdict v = { .decision = EFFECT_APPROVE,
		                   .effective = approved ? EFFECT_ALLOW : EFFECT_DENY,
		                   .rule = c->held.rule };
	const struct event_field fields[] = { { .name = "approved", .number = approved, .is_bool = true },
		                              { .name = "id", .text = c->approval },
		                              { .name = "kind", .text = "network" },
		                              { .name = "reason", .text = reason },
		                              { .name = "target",
		                                .text = target_text(&c->target, 0, remote) } };
	struct event ev = { .type = "approval_resolved",
		            .domain = c->target.host.name,
		            .remote = remote,
		            .verdict = &v,
		            .effective_action = approved ? "allowed" : "denied",
		            .fields = fields,
		            .n_fields = 5 };

	tell(c, &ev);
}

/* Whoever it is, it is not of the session. */
bool tell_stranger(struct conn *c, const struct verdict *v)
{
	struct event ev = {
		.type = "net_connect", .operation = "accept", .verdict = v, .message = v->rule->description
	};

	return tell(c, &ev);
}

bool tell_tls(struct conn *c, const struct verdict *v, const char *name)
{
	char remote[TARGET_TEXT];
	const struct event_field fields[] = { { .name = "server_name", .text = name } };
	struct event ev = { .type = "tls_sni_mismatch",
		            .domain = c->target.host.name,
		            .remote = target_text(&c->target, 0, remote),
		            .operation = "connect",
		            .verdict = v,
		            .message = v->rule->description,
		            .fields = fields,
		            .n_fields = 1 };

	return tell(c, &ev);
}

/* Whoever is there is not spoken to. */
bool tell_distrusted(struct conn *c, const struct verdict *v, const char *why)
{
	char remote[TARGET_TEXT], ip[INET6_ADDRSTRLEN];
	const struct event_field fields[] = { { .name = "method", .text = c->request.head.method },
		                              { .name = "path", .text = c->target.path },
		                              { .name = "resolved_ip",
		                                .text = address_text(&c->addresses[c->next - 1], ip) },
		                              { .name = "scheme", .text = "https" } };
	struct event ev = { .type = "net_http_request",
		            .domain = c->target.host.name,
		            .remote = target_text(&c->target, 0, remote),
		            .operation = "connect",
		            .verdict = v,
		            .message = why,
		            .fields = fields,
		            .n_fields = 4 };

	return tell(c, &ev);
}

/* How much went which way. */
void tell_closed(struct conn *c)
{
	char remote[TARGET_TEXT];
	const struct event_field fields[] = { { .name = "bytes_sent", .number = (int64_t)c->up.total },
		                              { .name = "bytes_received",
		                                .number = (int64_t)c->down.total } };
	struct event ev = { .type = "net_close", .fields = fields, .n_fields = 2 };

	if (!c->opened)
		return;
	c->opened = false;
	ev.domain = c->target.host.name;
	ev.remote = target_text(&c->target, 0, remote);
	tell(c, &ev);
}
