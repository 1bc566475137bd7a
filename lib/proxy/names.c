#include "proxy/names_impl.h"

#include "base/clock.h"
#include "base/fd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

enum { PENDING_MAX = 256, BATCH = 32 };

/* What sockets of IPv6 say of one address, of IPv4's in their form. */
struct info {
	struct cmsghdr head;
	struct in6_pktinfo at;
};

static void pending_free(struct pending *p)
{
	resolver_cancel(&p->wait);
	resolver_pass_cancel(&p->pass);
	list_remove(&p->node);
	p->names->n_pending--;
	free(p);
}

uint8_t *names_query_room(const struct pending *p, size_t *size)
{
	*size = p->from_len ? p->query.room : DNS_MESSAGE_MAX;
	return p->names->out + 2;
}

/* Where it listens at all addresses, from the one that was asked: clients look. */
static void send_answer(struct pending *p, size_t len)
{
	struct names *n = p->names;
	struct iovec io = { n->out + 2, len };
	struct info info = { .head = { .cmsg_len = CMSG_LEN(sizeof info.at),
		                       .cmsg_level = IPPROTO_IPV6,
		                       .cmsg_type = IPV6_PKTINFO },
		             .at = p->to };
	struct msghdr m = {
		.msg_name = &p->from, .msg_namelen = p->from_len, .msg_iov = &io, .msg_iovlen = 1
	};

	info.at.ipi6_ifindex = 0;
	if (!IN6_IS_ADDR_UNSPECIFIED(&p->to.ipi6_addr)) {
		m.msg_control = &info;
		m.msg_controllen = sizeof info;
	}
	sendmsg(n->udp_fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* One that has hung up is told nothing. */
void names_answer_query(struct pending *p, size_t len)
{
	struct asker *c = p->client;

	if (p->from_len)
		send_answer(p, len);
	pending_free(p);
	if (c)
		names_tcp_answer(c, len);
}

void names_fail_query(struct pending *p, int code)
{
	size_t size;
	uint8_t *out = names_query_room(p, &size);
	struct dns_writer w;

	dns_answer(&w, out, size, &p->query);
	names_answer_query(p, dns_answer_end(&w, &p->query, code));
}

bool names_take_query(struct names *n, struct asker *c, const struct pending *like)
{
	struct pending *p;
	int code;

	if (n->n_pending == PENDING_MAX || like->len > QUESTION_MAX || !(p = malloc(sizeof *p)))
		return false;
	*p = *like;
	code = dns_read_query(p->message, p->len, &p->query);
	if (code < 0) {
		free(p);
		return false;
	}
	p->names = n;
	p->client = c;
	list_append(&n->pending, &p->node);
	n->n_pending++;
	if (code == DNS_OK)
		names_judge_query(p);
	else
		names_fail_query(p, code);
	return true;
}

static void on_udp(struct loop *l, struct watch *w, uint32_t events)
{
	struct names *n = list_item(w, struct names, udp);

	(void)l;
	(void)events;
	for (int i = 0; i < BATCH; i++) {
		struct pending p = { .len = 0 };
		struct iovec io = { p.message, sizeof p.message };
		struct info info = { .head.cmsg_len = 0 };
		struct msghdr m = { .msg_name = &p.from,
			            .msg_namelen = sizeof p.from,
			            .msg_iov = &io,
			            .msg_iovlen = 1,
			            .msg_control = &info,
			            .msg_controllen = sizeof info };
		ssize_t len = recvmsg(n->udp_fd, &m, MSG_DONTWAIT | MSG_TRUNC);

		if (len < 0)
			return;
		p.from_len = m.msg_namelen;
		if (m.msg_controllen >= CMSG_LEN(sizeof info.at) && info.head.cmsg_type == IPV6_PKTINFO)
			p.to = info.at;
		p.len = (size_t)len;
		names_take_query(n, NULL, &p);
	}
}

static void on_connect(struct loop *l, struct watch *w, uint32_t events)
{
	(void)l;
	(void)events;
	names_tcp_accept(list_item(w, struct names, tcp));
}

struct names *names_new(const struct names_options *o, struct err *e)
{
	struct names *n = calloc(1, sizeof *n);

	if (!n || !tell_init(&n->teller)) {
		free(n);
		err_set(e, "out of memory");
		return NULL;
	}
	n->o = *o;
	n->teller.session_id = o->session_id;
	n->teller.sink = o->sink;
	n->teller.arg = o->arg;
	n->udp = (struct watch){ .fd = -1, .ready = on_udp };
	n->tcp = (struct watch){ .fd = -1, .ready = on_connect };
	n->udp_fd = n->tcp_fd = -1;
	list_init(&n->pending);
	list_init(&n->clients);
	return n;
}

int names_listen(struct names *n, int udp, int tcp, struct err *e)
{
	n->udp_fd = n->udp.fd = udp;
	n->tcp_fd = n->tcp.fd = tcp;
	if (fd_nonblock(udp, 1) < 0 || fd_nonblock(tcp, 1) < 0)
		return err_sys(e, "sockets of the name service");
	if (loop_watch(n->o.loop, &n->udp, EPOLLIN, e) < 0)
		return -1;
	return loop_watch(n->o.loop, &n->tcp, EPOLLIN, e);
}

void names_policy(struct names *n, const struct policy *policy, struct decide_cache *cache)
{
	n->o.policy = policy;
	n->o.cache = cache;
}

void names_free(struct names *n)
{
	if (!n)
		return;
	while (!list_empty(&n->clients))
		names_tcp_drop_first(n);
	list_each(node, &n->pending) pending_free(list_item(node, struct pending, node));
	loop_unwatch(n->o.loop, &n->udp);
	loop_unwatch(n->o.loop, &n->tcp);
	fd_close(&n->udp_fd);
	fd_close(&n->tcp_fd);
	free(n);
}
