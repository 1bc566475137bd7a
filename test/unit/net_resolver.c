/* The resolver against a server of the test's own, on the same loop. */
#include "test/t.h"

#include "base/clock.h"
#include "base/fd.h"
#include "net/resolver.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

/* What the server does with a question. */
enum manner { ANSWERS, NOTHING, LIES, CUTS, REFUSES, NO_SUCH };

struct world;
struct peer {
	struct watch watch;
	struct world *world;
};

struct world {
	struct peer conns[4];
	int n_conns;
	struct loop *loop;
	struct resolver *resolver;
	struct watch udp, tcp;
	enum manner manner;
	int asked, over_tcp;
	char hosts[64], servers[64];
	struct resolver_wait wait;
	struct resolver_answer answer;
	int told;
};

static size_t reply(struct world *w, const uint8_t *m, size_t len, uint8_t *out, bool cut)
{
	static const struct dns_address four = { { 192, 0, 2, 9 }, 4 };
	struct dns_writer writer;
	struct dns_query q;

	if (dns_read_query(m, len, &q) != DNS_OK)
		return 0;
	if (w->manner == LIES)
		q.id ^= 1;
	dns_answer(&writer, out, 512, &q);
	if (q.type == DNS_A && w->manner != REFUSES && w->manner != NO_SUCH) {
		dns_answer_alias(&writer, NULL, 7200, "edge.test");
		dns_answer_address(&writer, "edge.test", 7200, &four);
	}
	writer.cut |= cut;
	return dns_answer_end(&writer, &q,
	                      w->manner == REFUSES   ? DNS_REFUSED
	                      : w->manner == NO_SUCH ? DNS_NXDOMAIN
	                                             : DNS_OK);
}

static void on_udp(struct loop *l, struct watch *watch, uint32_t events)
{
	struct world *w = list_item(watch, struct world, udp);
	struct sockaddr_in from;
	socklen_t from_len = sizeof from;
	uint8_t in[600], out[600];
	ssize_t n = recvfrom(watch->fd, in, sizeof in, 0, (struct sockaddr *)&from, &from_len);

	(void)l;
	(void)events;
	w->asked++;
	if (n <= 0 || w->manner == NOTHING)
		return;
	n = (ssize_t)reply(w, in, (size_t)n, out, w->manner == CUTS);
	sendto(watch->fd, out, (size_t)n, 0, (struct sockaddr *)&from, from_len);
}

/* Questions are short enough to come whole; answers go in two pieces. */
static void on_conn(struct loop *l, struct watch *watch, uint32_t events)
{
	struct world *w = list_item(watch, struct peer, watch)->world;
	uint8_t in[600], out[602];
	int fd = watch->fd;
	ssize_t n = recv(fd, in, sizeof in, 0);

	(void)events;
	w->over_tcp++;
	if (n > 2) {
		n = (ssize_t)reply(w, in + 2, (size_t)n - 2, out + 2, false);
		out[0] = (uint8_t)(n >> 8);
		out[1] = (uint8_t)n;
		send(fd, out, 1, 0);
		send(fd, out + 1, (size_t)n + 1, 0);
	}
	loop_unwatch(l, watch);
	close(fd);
}

static void on_tcp(struct loop *l, struct watch *watch, uint32_t events)
{
	struct world *w = list_item(watch, struct world, tcp);
	struct peer *c = &w->conns[w->n_conns++];

	(void)events;
	*c = (struct peer){ .watch = { .fd = accept(watch->fd, NULL, NULL), .ready = on_conn }, .world = w };
	loop_watch(l, &c->watch, EPOLLIN, NULL);
}

static void write_file(char *path, const char *text)
{
	int fd;

	strcpy(path, "/tmp/agentsh-resolver.XXXXXX");
	fd = mkstemp(path);
	ok(fd >= 0 && fd_write(fd, text, strlen(text)) == 0);
	close(fd);
}

static void open_world(struct world *w, enum manner manner)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof at;
	struct resolver_options o = { .patience_ns = 400000000 };
	struct err e;

	*w = (struct world){ .manner = manner };
	w->loop = loop_new(&e);
	w->udp = (struct watch){ .fd = socket(AF_INET, SOCK_DGRAM, 0), .ready = on_udp };
	bind(w->udp.fd, (struct sockaddr *)&at, sizeof at);
	getsockname(w->udp.fd, (struct sockaddr *)&at, &len);
	w->tcp = (struct watch){ .fd = socket(AF_INET, SOCK_STREAM, 0), .ready = on_tcp };
	bind(w->tcp.fd, (struct sockaddr *)&at, sizeof at);
	listen(w->tcp.fd, 8);
	loop_watch(w->loop, &w->udp, EPOLLIN, &e);
	loop_watch(w->loop, &w->tcp, EPOLLIN, &e);
	write_file(w->hosts, "# here\n10.1.2.3 Box.LAN box # mine\n2001:db8::5 box.lan\nbad line\n");
	write_file(w->servers, "search lan\nnameserver 127.0.0.1\n");
	o.loop = w->loop;
	o.hosts = w->hosts;
	o.servers = w->servers;
	o.port = ntohs(at.sin_port);
	w->resolver = resolver_new(&o, &e);
	ok(w->resolver != NULL);
}

static void close_world(struct world *w)
{
	int udp = w->udp.fd, tcp = w->tcp.fd;

	resolver_free(w->resolver);
	loop_unwatch(w->loop, &w->udp);
	loop_unwatch(w->loop, &w->tcp);
	close(udp);
	close(tcp);
	loop_free(w->loop);
	unlink(w->hosts);
	unlink(w->servers);
}

static void on_done(void *arg, const struct resolver_answer *answer)
{
	struct world *w = arg;

	w->answer = *answer;
	w->told++;
}

static void ask(struct world *w, const char *name)
{
	int64_t end = clock_mono_ns() + 5000000000;

	w->told = 0;
	w->wait.done = on_done;
	w->wait.arg = w;
	is_int(resolver_ask(w->resolver, name, &w->wait, NULL), 0);
	is_int(w->told, 0, "never told from within");
	while (!w->told && clock_mono_ns() < end)
		loop_once(w->loop, 100, NULL);
	is_int(w->told, 1);
}

T_CASE(local)
{
	struct resolver_answer a;
	struct world w;

	open_world(&w, NOTHING);
	ok(resolver_known(w.resolver, "box.lan", &a) && a.is_local && a.n == 2);
	ok(a.addresses[0].len == 4 && a.addresses[0].addr[3] == 3, "IPv4 first");
	ok(resolver_known(w.resolver, "dev.localhost", &a) && a.addresses[0].addr[0] == 127);
	ok(!resolver_known(w.resolver, "notlocalhost", &a) && !resolver_known(w.resolver, "ox.lan", &a));
	close_world(&w);
}

T_CASE(asks)
{
	struct resolver_answer a;
	struct world w;

	open_world(&w, ANSWERS);
	ask(&w, "www.example.org");
	is_int(w.answer.status, RESOLVER_FOUND);
	is_int((long long)w.answer.n, 1);
	is_int(w.answer.addresses[0].addr[3], 9);
	is_int((long long)w.answer.ttl, 3600, "no longer than an hour");
	is_str(w.answer.aliases[0], "edge.test");
	is_int(w.asked, 2, "A and AAAA");
	ok(resolver_known(w.resolver, "www.example.org", &a) && a.n == 1, "it is remembered");
	close_world(&w);
}

T_CASE(manners)
{
	static const struct {
		enum manner manner;
		enum resolver_status status;
		const char *text;
	} rows[] = { { NOTHING, RESOLVER_FAILED, "silence" },
		     { LIES, RESOLVER_FAILED, "answers with another id" },
		     { CUTS, RESOLVER_FOUND, "answers cut: over TCP" },
		     { REFUSES, RESOLVER_FAILED, "refusals" },
		     { NO_SUCH, RESOLVER_NONE, "no such name" } };

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct world w;

		open_world(&w, rows[i].manner);
		ask(&w, "www.example.org");
		is_int(w.answer.status, rows[i].status, "%s", rows[i].text);
		ok(w.over_tcp == (rows[i].manner == CUTS ? 2 : 0));
		if (rows[i].manner == NOTHING)
			is_int(w.asked, 4, "each twice");
		close_world(&w);
	}
}

static void on_count(void *arg, const struct resolver_answer *answer)
{
	*(int *)arg += answer->status == RESOLVER_FOUND;
}

T_CASE(joining_and_leaving)
{
	struct world w;
	int count = 0;
	struct resolver_wait other = { .done = on_count, .arg = &count };

	open_world(&w, ANSWERS);
	is_int(resolver_ask(w.resolver, "a.test", &other, NULL), 0);
	ask(&w, "a.test");
	is_int(count, 1, "who asked first is told, too");
	is_int(w.asked, 2, "one question for both");
	is_int(resolver_ask(w.resolver, "b.test", &other, NULL), 0);
	resolver_cancel(&other);
	is_int(resolver_ask(w.resolver, "c.test", &other, NULL), 0);
	close_world(&w);
	ok(!other.waits, "who waits at the end waits no more");
}
