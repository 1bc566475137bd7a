#include "proxy/names.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/room.h"
#include "match/host.h"
#include "proxy/tell.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PENDING_MAX = 256, CLIENTS_MAX = 32, QUESTION_MAX = 512, BATCH = 32, MINUTE_S = 60 };
#define CLIENT_NS (10 * 1000000000LL)

struct client;

/* Somebody waits for an answer. */
struct pending {
	struct list node;
	struct names *names;
	struct resolver_wait wait;
	struct client *client; /* over TCP, else NULL … */
	struct sockaddr_storage from;
	socklen_t from_len;
	size_t len;
	uint8_t message[QUESTION_MAX];
	struct dns_query query; /* of `message` */
};

/* A connection; one question at a time. */
struct client {
	struct list node;
	struct names *names;
	struct watch watch;
	struct timer timer;
	int fd;
	struct pending *pending;
	size_t len;
	uint8_t in[QUESTION_MAX + 2];
};

struct names {
	struct names_options o;
	struct teller teller;
	struct watch udp, tcp;
	int udp_fd, tcp_fd; /* owned */
	struct list pending, clients;
	int n_pending, n_clients;
	int64_t minute;
	int asked; /* in this minute */
};

static const struct rule no_type = { .name = "dns-types",
	                             .file = "built-in",
	                             .message = "",
	                             .description = "only addresses are asked for outside" };
static const struct rule too_many = {
	.name = "dns-rate", .file = "built-in", .message = "", .description = "too many names in a minute"
};

static void client_free(struct client *c)
{
	struct names *n = c->names;

	loop_untimer(n->o.loop, &c->timer);
	loop_unwatch(n->o.loop, &c->watch);
	close(c->fd);
	if (c->pending)
		c->pending->client = NULL;
	list_remove(&c->node);
	n->n_clients--;
	free(c);
}

static void pending_free(struct pending *p)
{
	resolver_cancel(&p->wait);
	if (p->client)
		p->client->pending = NULL;
	list_remove(&p->node);
	p->names->n_pending--;
	free(p);
}

/* A whole answer fits a socket's buffer, or its reader has asked for more than it takes. */
static void send_to(struct pending *p, uint8_t *out, size_t len)
{
	struct client *c = p->client;
	const uint8_t head[2] = { (uint8_t)(len >> 8), (uint8_t)len };
	char ROOM whole[DNS_UDP_MAX * 4 + 2];

	if (!p->from_len && !c)
		return; /* it has hung up */
	if (p->from_len) {
		sendto(p->names->udp_fd, out, len, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&p->from,
		       p->from_len);
		return;
	}
	memcpy(whole, head, 2);
	memcpy(whole + 2, out, len);
	if (send(c->fd, whole, len + 2, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len + 2)
		client_free(c);
	else
		loop_timer(p->names->o.loop, &c->timer, CLIENT_NS);
}

static bool tell_query(struct pending *p, const struct verdict *v, const struct resolver_answer *a)
{
	char texts[RESOLVER_ADDRESSES][INET6_ADDRSTRLEN];
	const char *list[RESOLVER_ADDRESSES + 1] = { NULL };
	const struct event_field fields[] = { { .name = "ips", .list = list },
		                              { .name = "source", .text = "dns" },
		                              { .name = "type", .number = p->query.type } };
	struct event ev = { .type = "dns_query",
		            .domain = p->query.name,
		            .verdict = v,
		            .message = v->effective == EFFECT_ALLOW ? NULL : v->rule->description,
		            .fields = a ? fields : fields + 1,
		            .n_fields = a ? 3 : 2 };

	for (size_t i = 0; a && i < a->n; i++)
		list[i] = inet_ntop(a->addresses[i].len == 4 ? AF_INET : AF_INET6, a->addresses[i].addr,
		                    texts[i], sizeof texts[i]);
	return tell_event(&p->names->teller, &ev, 0);
}

static bool tell_dropped(struct pending *p, const struct verdict *v, const struct dns_address *a)
{
	char remote[INET6_ADDRSTRLEN];
	struct event ev = { .type = "dns_rebind_blocked", .domain = p->query.name, .verdict = v };

	ev.remote = inet_ntop(a->len == 4 ? AF_INET : AF_INET6, a->addr, remote, sizeof remote);
	return tell_event(&p->names->teller, &ev, 0);
}

static void answer_code(struct pending *p, int code)
{
	uint8_t out[1024];
	struct dns_writer w;

	dns_answer(&w, out, sizeof out, &p->query);
	send_to(p, out, dns_answer_end(&w, &p->query, code));
	pending_free(p);
}

/* Take out what may not be connected to. How many are left; -1 when that could not be told of. */
static int sift(struct pending *p, struct resolver_answer *a)
{
	const struct names_options *o = &p->names->o;
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct dns_address *one = &a->addresses[i];
		const struct net_request r = { .host = p->query.name,
			                       .addr = one->addr,
			                       .addr_len = one->len };
		const struct verdict v = decide_name(o->policy, o->cache, &r);

		if (v.effective != EFFECT_DENY)
			a->addresses[n++] = *one;
		else if (!tell_dropped(p, &v, one))
			return -1;
	}
	a->n = n;
	return (int)n;
}

static void bind_all(struct pending *p, const struct resolver_answer *a)
{
	const int64_t now = clock_mono_ns();

	for (size_t i = 0; p->names->o.page && i < a->n; i++) {
		struct page_address to = { .len = a->addresses[i].len };

		memcpy(to.bytes, a->addresses[i].addr, to.len);
		page_bind(p->names->o.page, p->query.name, &to, a->ttl, now);
	}
}

static void answer_found(struct pending *p, const struct resolver_answer *a)
{
	uint8_t ROOM out[DNS_UDP_MAX * 4];
	const char *owner = NULL;
	struct dns_writer w;

	bind_all(p, a);
	dns_answer(&w, out, p->from_len ? p->query.room : sizeof out, &p->query);
	for (size_t i = 0; i < a->n_aliases; i++) {
		dns_answer_alias(&w, owner, a->ttl, a->aliases[i]);
		owner = a->aliases[i];
	}
	for (size_t i = 0; i < a->n; i++)
		if (a->addresses[i].len == (p->query.type == DNS_A ? 4 : 16))
			dns_answer_address(&w, owner, a->ttl, &a->addresses[i]);
	send_to(p, out, dns_answer_end(&w, &p->query, DNS_OK));
	pending_free(p);
}

static struct verdict verdict_for(const struct pending *p)
{
	const struct names_options *o = &p->names->o;

	return decide_name(o->policy, o->cache, &(struct net_request){ .host = p->query.name });
}

static void take_answer(struct pending *p, const struct resolver_answer *answer, const struct verdict *v)
{
	struct resolver_answer a = *answer;
	const size_t before = a.n;
	int left;

	/* A name of this machine tells nobody anything: what is connected to is judged then. */
	left = a.is_local ? (int)a.n : sift(p, &a);
	if (left < 0 || !tell_query(p, v, &a) || a.status == RESOLVER_FAILED)
		answer_code(p, DNS_SERVFAIL);
	else if (a.status == RESOLVER_NONE)
		answer_code(p, a.no_such_name ? DNS_NXDOMAIN : DNS_OK);
	else if (before && !left)
		answer_code(p, DNS_REFUSED);
	else
		answer_found(p, &a);
}

static void on_answer(void *arg, const struct resolver_answer *answer)
{
	struct pending *p = arg;
	const struct verdict v = verdict_for(p);

	take_answer(p, answer, &v);
}

/* Whoever asks for very many names may be telling something by them. */
static bool is_too_much(struct names *n)
{
	const int64_t minute = clock_mono_ns() / (MINUTE_S * 1000000000LL);

	if (minute != n->minute) {
		n->minute = minute;
		n->asked = 0;
	}
	return ++n->asked > NAMES_A_MINUTE;
}

static void refuse(struct pending *p, const struct verdict *v, int code)
{
	tell_query(p, v, NULL);
	answer_code(p, code);
}

static void ask_outside(struct pending *p)
{
	const struct verdict much = { .rule = &too_many };

	p->wait.done = on_answer;
	p->wait.arg = p;
	if (is_too_much(p->names))
		refuse(p, &much, DNS_REFUSED);
	else if (resolver_ask(p->names->o.resolver, p->query.name, &p->wait, NULL) < 0)
		answer_code(p, DNS_SERVFAIL);
}

static void judge(struct pending *p)
{
	static const struct rule local = { .name = "local-names", .file = "built-in", .message = "" };
	const struct verdict type = { .rule = &no_type },
	                     here = { .decision = EFFECT_ALLOW, .effective = EFFECT_ALLOW, .rule = &local };
	const bool is_address = p->query.type == DNS_A || p->query.type == DNS_AAAA;
	const struct verdict v = verdict_for(p);
	struct resolver_answer answer;
	struct host host;
	bool known;

	if (!host_parse(p->query.name, &host) || host.kind != HOST_NAME) {
		answer_code(p, DNS_NXDOMAIN);
		return;
	}
	known = is_address && resolver_known(p->names->o.resolver, p->query.name, &answer);
	if (known && answer.is_local)
		take_answer(p, &answer, v.effective == EFFECT_DENY ? &here : &v);
	else if (v.effective == EFFECT_DENY)
		refuse(p, &v, DNS_NXDOMAIN);
	else if (p->query.type == DNS_HTTPS || p->query.type == DNS_SVCB)
		answer_code(p, DNS_OK); /* there are none: keys in them would hide names */
	else if (!is_address)
		refuse(p, &type, DNS_REFUSED);
	else if (known)
		take_answer(p, &answer, &v);
	else
		ask_outside(p);
}

/* A question has come; `from_len` 0 = over TCP. */
static void take_question(struct names *n, struct client *c, const struct pending *like)
{
	struct pending *p;
	int code;

	if (n->n_pending == PENDING_MAX || like->len > QUESTION_MAX || !(p = malloc(sizeof *p)))
		return;
	*p = *like;
	code = dns_read_query(p->message, p->len, &p->query);
	if (code < 0) {
		free(p);
		return;
	}
	p->names = n;
	p->client = c;
	if (c)
		c->pending = p;
	list_append(&n->pending, &p->node);
	n->n_pending++;
	if (code == DNS_OK)
		judge(p);
	else
		answer_code(p, code);
}

static void on_udp(struct loop *l, struct watch *w, uint32_t events)
{
	struct names *n = list_item(w, struct names, udp);

	(void)l;
	(void)events;
	for (int i = 0; i < BATCH; i++) {
		struct pending p = { .from_len = sizeof p.from };
		ssize_t len = recvfrom(n->udp_fd, p.message, sizeof p.message, MSG_DONTWAIT | MSG_TRUNC,
		                       (struct sockaddr *)&p.from, &p.from_len);

		if (len < 0)
			return;
		p.len = (size_t)len;
		take_question(n, NULL, &p);
	}
}

static void on_client(struct loop *l, struct watch *w, uint32_t events)
{
	struct client *c = list_item(w, struct client, watch);
	struct pending p = { .from_len = 0 };
	ssize_t n = recv(c->fd, c->in + c->len, sizeof c->in - c->len, MSG_DONTWAIT);

	(void)events;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* Another one before the answer to the first: it may wait, but not here. */
	if (n <= 0 || c->pending) {
		client_free(c);
		return;
	}
	c->len += (size_t)n;
	if (c->len < 2)
		return;
	p.len = (size_t)c->in[0] << 8 | c->in[1];
	if (p.len > QUESTION_MAX || c->len > p.len + 2) {
		client_free(c);
		return;
	}
	if (c->len < p.len + 2)
		return;
	c->len = 0;
	memcpy(p.message, c->in + 2, p.len);
	loop_timer(l, &c->timer, CLIENT_NS);
	take_question(c->names, c, &p);
}

static void on_silence(struct loop *l, struct timer *t)
{
	(void)l;
	client_free(list_item(t, struct client, timer));
}

static void on_connect(struct loop *l, struct watch *w, uint32_t events)
{
	struct names *n = list_item(w, struct names, tcp);
	int fd = accept4(n->tcp_fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct client *c;

	(void)events;
	/* The one that is there longest makes room. */
	if (n->n_clients == CLIENTS_MAX || (fd < 0 && errno == EMFILE && n->n_clients))
		client_free(list_item(n->clients.next, struct client, node));
	if (fd < 0)
		return;
	c = calloc(1, sizeof *c);
	if (!c) {
		close(fd);
		return;
	}
	*c = (struct client){ .names = n, .fd = fd, .watch = { .fd = fd, .ready = on_client } };
	c->timer.due = on_silence;
	list_append(&n->clients, &c->node);
	n->n_clients++;
	loop_timer(l, &c->timer, CLIENT_NS);
	if (loop_watch(l, &c->watch, EPOLLIN, NULL) < 0) {
		c->watch.fd = -1;
		client_free(c);
	}
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
	list_each(node, &n->pending) pending_free(list_item(node, struct pending, node));
	list_each(node, &n->clients) client_free(list_item(node, struct client, node));
	loop_unwatch(n->o.loop, &n->udp);
	loop_unwatch(n->o.loop, &n->tcp);
	fd_close(&n->udp_fd);
	fd_close(&n->tcp_fd);
	free(n);
}
