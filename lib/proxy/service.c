#include "proxy/service.h"

#include "base/fd.h"

#include <stdlib.h>

struct service {
	struct service_options o;
	struct decide_cache *cache;
	struct resolver *resolver;
	struct proxy *proxy;
	struct names *names;
};

static int start_proxy(struct service *s, struct err *e)
{
	const struct service_options *o = &s->o;
	const struct proxy_options p = { .loop = o->loop,
		                         .resolver = s->resolver,
		                         .policy = o->policy,
		                         .cache = s->cache,
		                         .session_id = o->session_id,
		                         .page = o->page,
		                         .demand_flows = o->demand_flows,
		                         .named_loopback = o->named_loopback,
		                         .apart = o->apart,
		                         .ours = o->ours,
		                         .is_caller = o->is_caller,
		                         .intercept = o->intercept,
		                         .approval_ns = o->approval_ns,
		                         .sink = o->sink,
		                         .command_id = o->command_id,
		                         .arg = o->arg };

	s->proxy = proxy_new(&p, e);
	if (!s->proxy)
		return -1;
	for (int i = 0; i < PROXY_LISTENERS; i++) {
		if (o->listeners[i] >= 0 && proxy_listen(s->proxy, o->listeners[i], e) < 0)
			return -1;
		s->o.listeners[i] = -1;
	}
	return 0;
}

static int start_names(struct service *s, struct err *e)
{
	const struct service_options *o = &s->o;
	const struct names_options n = { .loop = o->loop,
		                         .resolver = s->resolver,
		                         .policy = o->policy,
		                         .cache = s->cache,
		                         .session_id = o->session_id,
		                         .page = o->page,
		                         .sink = o->sink,
		                         .arg = o->arg };
	const int udp = o->udp, tcp = o->tcp;

	s->names = names_new(&n, e);
	if (!s->names)
		return -1;
	s->o.udp = s->o.tcp = -1;
	return names_listen(s->names, udp, tcp, e);
}

struct service *service_new(const struct service_options *o, struct err *e)
{
	struct service *s = calloc(1, sizeof *s);

	if (!s) {
		err_set(e, "out of memory");
		return NULL;
	}
	s->o = *o;
	s->cache = decide_cache_new(o->policy);
	s->resolver = resolver_new(&(struct resolver_options){ .loop = o->loop }, e);
	if (!s->cache)
		err_set(e, "out of memory");
	if (s->cache && s->resolver && start_proxy(s, e) == 0 &&
	    (!CONFIG_PROXY_DNS || o->udp < 0 || start_names(s, e) == 0))
		return s;
	service_free(s);
	return NULL;
}

int service_policy(struct service *s, const struct policy *policy, struct err *e)
{
	struct decide_cache *cache = decide_cache_new(policy);

	if (!cache)
		return err_set(e, "out of memory");
	proxy_policy(s->proxy, policy, cache);
	if (CONFIG_PROXY_DNS && s->names)
		names_policy(s->names, policy, cache);
	decide_cache_free(s->cache);
	s->cache = cache;
	return 0;
}

struct proxy *service_proxy(struct service *s)
{
	return s->proxy;
}

void service_free(struct service *s)
{
	if (!s)
		return;
	proxy_free(s->proxy);
	if (CONFIG_PROXY_DNS)
		names_free(s->names);
	resolver_free(s->resolver);
	decide_cache_free(s->cache);
	for (int i = 0; i < PROXY_LISTENERS; i++)
		fd_close(&s->o.listeners[i]);
	fd_close(&s->o.udp);
	fd_close(&s->o.tcp);
	free(s);
}
