#include "session/connected.h"

#include "config/config.h"
#include "enforce/landlock/floor.h"
#include "enforce/net/wired.h"
#include "enforce/rung.h"
#include "session/proxied.h"

#include <string.h>

bool connected_wanted(const struct session *s)
{
	const struct config *c = s->core->config;

	if (!CONFIG_LAYER_NET || !c->sandbox.network.enabled)
		return false;
	return c->sandbox.network.judge_set ? c->sandbox.network.judge : POLICY_NET_ENFORCED;
}

bool connected_judged(const struct session *s)
{
	return connected_wanted(s) && s->core->found->rung == RUNG_NOTIFY;
}

/* It knows no addresses: what listens on such a port elsewhere can be reached, too. So as few as can be. */
int connected_ports(const struct session *s, uint16_t *out)
{
	const struct rung_found *found = s->core->found;
	const struct proxied_places *places = proxied_places(s);
	char host[256];
	uint16_t port;
	int n = 0;

	if (!connected_wanted(s) || proxied_space(s) >= 0 || found->rung == RUNG_NOTIFY ||
	    found->landlock < FLOOR_PORTS)
		return -1;
	if (places && places->proxy4.port)
		out[n++] = places->proxy4.port;
	if (places && places->proxy6.port && places->proxy6.port != places->proxy4.port)
		out[n++] = places->proxy6.port;
	if (config_addr(s->core->config->server.http.addr, host, sizeof host, &port) && port)
		out[n++] = port;
	return n;
}

const char *connected_degraded(const struct session *s)
{
	uint16_t ports[CONNECTED_PORTS];

	if (NETNS_BUILT && *proxied_lacks(s))
		return proxied_lacks(s);
	if (!connected_wanted(s) || connected_judged(s) || proxied_space(s) >= 0)
		return "";
	return connected_ports(s, ports) < 0
	               ? "network: nobody is asked where connections lead"
	               : "network: proxy only, ports by Landlock, at any address; local sockets are open";
}

bool connected_may_lack(const struct session *s)
{
	const struct config *c = s->core->config;

	return c->sandbox.allow_degraded || !c->sandbox.network.judge_set;
}

/* To Landlock, 0 is any that the kernel chooses. */
static bool has_any_port(const struct config_list *ports)
{
	for (size_t i = 0; i < ports->n; i++)
		if (!strcmp(ports->items[i], "0"))
			return true;
	return false;
}

static uint32_t flags_of(const struct config *c)
{
	uint32_t flags = NET_WIRED;

	if (c->sandbox.network.intercept_mode == INTERCEPT_MONITOR)
		flags |= NET_WIRED_MONITOR;
	if (c->sandbox.unix_sockets.enabled && c->sandbox.seccomp.enabled &&
	    c->sandbox.seccomp.unix_socket.enabled)
		flags |= NET_WIRED_LOCAL;
	if (c->sandbox.network.foreign_loopback == NET_FOREIGN_AUDIT)
		flags |= NET_WIRED_TELL;
	if (c->sandbox.network.foreign_loopback == NET_FOREIGN_DENY)
		flags |= NET_WIRED_OWN_ONLY;
	/* The supervisor connects for them, outside of their Landlock domain. */
	if (c->landlock.enabled && !c->landlock.network.allow_connect_tcp)
		flags |= NET_WIRED_NO_TCP;
	if (c->landlock.enabled && !c->landlock.network.allow_bind_tcp &&
	    !has_any_port(&c->landlock.bind_ports))
		flags |= NET_WIRED_NO_BIND;
	return flags;
}

/* The API knows who calls it. */
static void add_api(struct net_wired *w, const struct config *c)
{
	static const struct page_address here[] = { { { 127, 0, 0, 1 }, 4 }, { { [15] = 1 }, 16 } };
	char host[256];
	uint16_t port;

	if (!config_addr(c->server.http.addr, host, sizeof host, &port) || !port)
		return;
	for (size_t i = 0; i < 2; i++)
		w->own[w->n_own++] = (struct net_place){ here[i], port };
}

int connected_put(const struct session *s, struct msg *m)
{
	const struct config *c = s->core->config;
	const struct proxied_places *places = proxied_places(s);
	struct net_wired w = { .flags = 0 };
	int page = -1;

	if (connected_judged(s)) {
		page = proxied_page(s);
		w.flags = flags_of(c) | (page >= 0 ? NET_WIRED_PAGE : 0);
		if (places) {
			w.proxy = places->proxy4;
			w.proxy6 = places->proxy6;
			w.dns = places->dns;
		}
		if (proxied_space(s) < 0)
			add_api(&w, c);
		else
			w.flags |= NET_WIRED_APART;
	}
	net_wired_put(m, &w);
	return page;
}
