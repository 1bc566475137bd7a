/* service - all that one process of a proxy does: the proxy, names, and what both need, on a loop.
 *
 * Made after the process has been forked, before it gives up its rights.
 */
#pragma once

#include "proxy/names.h"
#include "proxy/proxy.h"

struct service;

/* Descriptors that it may have: two a connection, and some for what is on its way. */
enum { SERVICE_FILES = 16384 };

struct service_options {
	struct loop *loop;
	const struct policy *policy;
	const char *session_id;
	struct net_page *page; /* shared with the supervisor; NULL = there is none */
	bool demand_flows, named_loopback, apart;
	struct intercept *intercept; /* borrowed; NULL = none */
	int64_t approval_ns;
	int listeners[PROXY_LISTENERS]; /* taken; -1 = none */
	int udp, tcp;                   /* of the name service, the second one listening; taken; -1 = none */
	/* As of proxy_options. */
	bool (*sink)(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags);
	const char *(*command_id)(void *arg, uint32_t command);
	bool (*is_caller)(void *arg, int fd, uint32_t *command);
	const uint8_t *ours;
	void *arg;
};

struct service *service_new(const struct service_options *o, struct err *e);
void service_free(struct service *s); /* NULL is harmless */
/* Another policy from now on; what is open may still speak of rules of the old one. */
int service_policy(struct service *s, const struct policy *policy, struct err *e);
struct proxy *service_proxy(struct service *s);
