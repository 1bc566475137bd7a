/* Is the caller a process of a session? Then it sees and uses its own only: it does not end sessions, nor
 * make one with other rules. It is known by who holds the other end of the connection, whatever address it
 * used. Of a unix socket the kernel also names who connected: neither that process nor a holder may be a
 * session's. */
#include "api/impl.h"

#include "audit/event.h"
#include "base/fd.h"
#include "sys/far.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>

/* Would we keep what we send there? So it is for an address of ours, and for one that the kernel has been
 * told to take for ours without anybody having it. True when the kernel does not say. */
static bool is_routed_here(const uint8_t *addr)
{
	struct {
		struct nlmsghdr head;
		struct rtmsg route;
		struct rtattr attr;
		uint8_t addr[16];
	} q = { .head = { .nlmsg_len = sizeof q, .nlmsg_type = RTM_GETROUTE, .nlmsg_flags = NLM_F_REQUEST },
		.route = { .rtm_family = AF_INET6, .rtm_dst_len = 128 },
		.attr = { .rta_len = RTA_LENGTH(16), .rta_type = RTA_DST } };
	union {
		struct nlmsghdr head;
		char room[4096];
	} answer;
	AUTO_FD fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	const struct rtmsg *route = NLMSG_DATA(&answer.head);
	ssize_t n;

	memcpy(q.addr, addr, 16);
	if (fd < 0 || send(fd, &q, sizeof q, 0) != sizeof q)
		return true;
	n = recv(fd, &answer, sizeof answer, MSG_DONTWAIT);
	if (n < (ssize_t)NLMSG_LENGTH(sizeof *route))
		return true;
	return answer.head.nlmsg_type == RTM_NEWROUTE && route->rtm_type == RTN_LOCAL;
}

/* May an address of this machine have been the peer's? A listener on all addresses is reached over each. */
static bool is_ours(const struct http_peer *peer)
{
	struct sockaddr_in6 a = { .sin6_family = AF_INET6 };
	struct sockaddr_in v4 = { .sin_family = AF_INET };
	bool is_v4;
	AUTO_FD fd = -1;
	int rc;

	if (peer->is_local || !memcmp(peer->addr, peer->our_addr, sizeof peer->addr))
		return true;
	memcpy(&a.sin6_addr, peer->addr, sizeof peer->addr);
	is_v4 = IN6_IS_ADDR_V4MAPPED(&a.sin6_addr);
	memcpy(&v4.sin_addr, peer->addr + 12, 4);
	if (IN6_IS_ADDR_LINKLOCAL(&a.sin6_addr))
		return true;
	fd = socket(is_v4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	rc = is_v4 ? bind(fd, (struct sockaddr *)&v4, sizeof v4) : bind(fd, (struct sockaddr *)&a, sizeof a);
	return rc == 0 || errno != EADDRNOTAVAIL || (!is_v4 && is_routed_here(peer->addr));
}

/* Who connects for a session's processes, its supervisor or its proxy, is marked as their deputy: what it
 * asks for, they ask for (sys/tag.h). Where it is gone meanwhile, the holder tells whose it was.
 *
 * A caller that has hung up already wants no answer, and gets none of its wishes either. */
void api_recognise(struct call *c)
{
	const struct http_peer *peer = c->request->peer;
	struct far_end far;
	uint64_t tag;

	far_end(peer->fd, &far);
	c->uid = peer->is_unix ? peer->uid : far.uid;
	c->governed = peer->is_unix && !peer->is_free;
	c->tag = peer->tag;
	if ((CONFIG_LAYER_NET ? c->tag != 0 : c->governed) || (peer->is_unix && far.kind == FAR_UNKNOWN) ||
	    (!peer->is_unix && far.kind == FAR_NONE && !is_ours(peer)))
		return;
	c->governed |= far_is_governed(&far, &tag, &c->api->last_caller);
	c->tag = tag;
}

void api_refuse_governed(struct call *c, const char *why)
{
	static const struct rule rule = { .name = "own-session-only",
		                          .file = "built-in",
		                          .decision = EFFECT_DENY };
	const struct verdict verdict = { .effective = EFFECT_DENY, .decision = EFFECT_DENY, .rule = &rule };
	const struct event_field fields[] = { { .name = "method", .text = c->request->method },
		                              { .name = "object", .text = c->args[0] } };
	const struct event event = { .type = "api_refused",
		                     .depth = -1,
		                     .pid = c->request->peer->pid,
		                     .verdict = &verdict,
		                     .message = why,
		                     .operation = "api_request",
		                     .path = c->route,
		                     .effective_action = "denied",
		                     .fields = fields,
		                     .n_fields = c->args[0] ? 2 : 1 };

	core_event(c->api->core, c->tag ? session_by_tag(c->api->core, c->tag) : NULL, NULL, &event, 0);
	api_error(c, 403, "%s", why);
}
