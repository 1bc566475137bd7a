#include "enforce/net/wired.h"

#include <string.h>

static void put_place(struct msg *m, const struct net_place *p)
{
	msg_bytes(m, p->addr.bytes, p->addr.len);
	msg_u32(m, p->port);
}

static bool get_place(struct msg_reader *r, struct net_place *p)
{
	size_t len;
	const void *bytes = msg_get_bytes(r, &len);
	uint32_t port = msg_get_u32(r);

	if (!msg_ok(r) || len > sizeof p->addr.bytes || port > UINT16_MAX)
		return false;
	memcpy(p->addr.bytes, bytes, len);
	p->addr.len = (uint8_t)len;
	p->port = (uint16_t)port;
	return true;
}

void net_wired_put(struct msg *m, const struct net_wired *w)
{
	msg_u32(m, w->flags);
	if (!w->flags)
		return;
	put_place(m, &w->proxy);
	put_place(m, &w->proxy6);
	put_place(m, &w->dns);
	msg_u32(m, (uint32_t)w->n_own);
	for (size_t i = 0; i < w->n_own; i++)
		put_place(m, w->own + i);
}

int net_wired_read(struct net_wired *w, struct msg_reader *r, struct err *e)
{
	bool good;

	w->flags = msg_get_u32(r);
	if (!w->flags)
		return msg_ok(r) ? 0 : err_set(e, "bad start message");
	good = get_place(r, &w->proxy) && get_place(r, &w->proxy6) && get_place(r, &w->dns);
	w->n_own = msg_get_u32(r);
	good = good && w->n_own <= NET_WIRED_OWN;
	for (size_t i = 0; good && i < w->n_own; i++)
		good = get_place(r, w->own + i);
	return good && msg_ok(r) ? 0 : err_set(e, "bad start message");
}

int net_wired_page(struct net_wired *w, int fd, struct err *e)
{
	w->page = page_map(fd, e);
	return w->page ? 0 : -1;
}

#if CONFIG_LAYER_NET
struct net *net_wired_judge(struct net_wired *w, const struct policy *p, uint64_t tag,
                            struct governor_options *g, struct err *e)
{
	struct whose *whose = w->whose ? w->whose : whose_new();
	const struct net_options o = { .policy = p,
		                       .whose = whose,
		                       .tag = tag,
		                       .page = w->page,
		                       .dns = w->dns,
		                       .proxy = w->proxy,
		                       .proxy6 = w->proxy6,
		                       .own = w->own,
		                       .n_own = w->n_own,
		                       .monitor = w->flags & NET_WIRED_MONITOR,
		                       .open_local = !(w->flags & NET_WIRED_LOCAL),
		                       .foreign = w->flags & NET_WIRED_OWN_ONLY ? NET_FOREIGN_DENY
		                                  : w->flags & NET_WIRED_TELL   ? NET_FOREIGN_AUDIT
		                                                                : NET_FOREIGN_ALLOW,
		                       .no_bind = w->flags & NET_WIRED_NO_BIND,
		                       .no_tcp = w->flags & NET_WIRED_NO_TCP,
		                       .apart = w->flags & NET_WIRED_APART };
	struct net *n = net_new(&o, e);

	w->whose = whose;
	if (n) {
		g->net_call = net_call;
		g->net = n;
	}
	return n;
}
#endif
