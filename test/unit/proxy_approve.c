/* Requests that wait for an approval, on connections of our own. */
#include "test/t.h"

#include "base/buf.h"
#include "loop/loop.h"
#include "net/resolver.h"
#include "proxy/proxy.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

static const char text[] = "version: 1\nname: asks\nnetwork_rules:\n"
                           "  - name: ask\n    cidrs: [\"127.0.0.1/32\"]\n    decision: approve\n"
                           "    timeout: 300ms\n"
                           "  - name: names\n    domains: [\"*.asks.test\"]\n    decision: approve\n";

struct lab {
	struct loop *loop;
	struct policy *policy;
	struct decide_cache *cache;
	struct proxy *proxy;
	struct resolver *resolver;
	int client, origin;
	uint16_t port; /* of the origin */
	char events[16384], id[64];
	int n_requested, n_approved, n_refused;
};

static bool sink(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags)
{
	struct lab *l = arg;
	AUTO_BUF line = { 0 };
	const char *id;

	(void)command;
	(void)flags;
	buf_add(&line, json, len);
	id = strstr(buf_text(&line), "\"id\":\"approval-");
	if (strstr(line.data, "\"approval_requested\"")) {
		l->n_requested++;
		snprintf(l->id, sizeof l->id, "%.*s", (int)strcspn(id + 6, "\""), id + 6);
	}
	if (strstr(line.data, "\"approval_resolved\"")) {
		l->n_approved += strstr(line.data, "\"approved\":true") != NULL;
		l->n_refused += strstr(line.data, "\"approved\":false") != NULL;
	}
	return true;
}

static int listen_at(uint16_t *port)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof a;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ok(fd >= 0 && bind(fd, (struct sockaddr *)&a, len) == 0 && listen(fd, 8) == 0 &&
	   getsockname(fd, (struct sockaddr *)&a, &len) == 0);
	*port = ntohs(a.sin_port);
	return fd;
}

static void set_up_for(struct lab *l, int64_t approval_ns, const char *host, int requests)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct policy_options options = { .approvals = true };
	struct policy_problems problems = { 0 };
	struct proxy_options o = { .approval_ns = approval_ns, .session_id = "test", .sink = sink, .arg = l };
	AUTO_BUF ask = { 0 };
	uint16_t port;
	struct resolver_options names = { .hosts = "/dev/null", .servers = "/dev/null", .patience_ns = 1 };
	int fd;

	*l = (struct lab){ .loop = loop_new(NULL) };
	names.loop = o.loop = l->loop;
	l->resolver = o.resolver = resolver_new(&names, NULL);
	l->policy = policy_load(text, sizeof text - 1, "asks.yaml", &options, &problems);
	l->cache = decide_cache_new(l->policy);
	o.policy = l->policy;
	o.cache = l->cache;
	l->proxy = proxy_new(&o, NULL);
	l->origin = listen_at(&l->port);
	fd = listen_at(&port);
	ok(l->proxy && proxy_listen(l->proxy, fd, NULL) == 0);
	l->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	a.sin_port = htons(port);
	ok(connect(l->client, (struct sockaddr *)&a, sizeof a) == 0);
	buf_fmt(&ask, "CONNECT %s:%u HTTP/1.1\r\nHost: x\r\n\r\n", host, l->port);
	ok(send(l->client, ask.data, ask.len, 0) == (ssize_t)ask.len);
	for (int i = 0; i < 500 && l->n_requested < requests; i++)
		loop_once(l->loop, 20, NULL);
}

static void set_up(struct lab *l, int64_t approval_ns)
{
	set_up_for(l, approval_ns, "127.0.0.1", 1);
}

static void tear_down(struct lab *l)
{
	close(l->client);
	close(l->origin);
	proxy_free(l->proxy);
	resolver_free(l->resolver);
	loop_free(l->loop);
	decide_cache_free(l->cache);
	policy_free(l->policy);
}

/* The first line of what the client is told; what arrives at the origin is taken. */
static const char *answer(struct lab *l, bool *arrived)
{
	static char got[256];
	ssize_t n = -1;

	*arrived = false;
	for (int i = 0; i < 500 && n < 0; i++) {
		int fd = accept(l->origin, NULL, NULL);

		if (fd >= 0) {
			*arrived = true;
			close(fd);
		}
		loop_once(l->loop, 20, NULL);
		n = recv(l->client, got, sizeof got - 1, MSG_DONTWAIT);
	}
	got[n > 0 ? n : 0] = 0;
	got[strcspn(got, "\r")] = 0;
	return got;
}

T_CASE(approved)
{
	struct lab l;
	bool arrived;
	int fd;

	set_up(&l, 60 * 1000000000LL);
	is_int(l.n_requested, 1);
	fd = accept(l.origin, NULL, NULL);
	ok(fd < 0, "nothing happens meanwhile");
	ok(!proxy_approve(l.proxy, "approval-0-0", true, "no such"), "nobody waits for another one");
	ok(proxy_approve(l.proxy, l.id, true, "why not"));
	is_str(answer(&l, &arrived), "HTTP/1.1 200 Connection Established");
	is_int(l.n_approved, 1);
	ok(!proxy_approve(l.proxy, l.id, true, "again"), "it counts once");
	tear_down(&l);
}

T_CASE(refused)
{
	struct lab l;
	bool arrived;

	set_up(&l, 60 * 1000000000LL);
	ok(proxy_approve(l.proxy, l.id, false, "rather not"));
	is_str(answer(&l, &arrived), "HTTP/1.1 403 Forbidden");
	ok(!arrived, "and nothing was dialled");
	is_int(l.n_refused, 1);
	tear_down(&l);
}

T_CASE(nobody_answers)
{
	struct lab l;
	bool arrived;

	set_up(&l, 60 * 1000000000LL);
	is_int(l.n_requested, 1);
	is_str(answer(&l, &arrived), "HTTP/1.1 403 Forbidden", "after the rule's time");
	ok(!arrived);
	is_int(l.n_refused, 1);
	tear_down(&l);
}

T_CASE(the_client_is_gone)
{
	struct lab l;

	set_up(&l, 60 * 1000000000LL);
	close(l.client);
	l.client = -1;
	for (int i = 0; i < 500 && !l.n_refused; i++)
		loop_once(l.loop, 20, NULL);
	is_int(l.n_refused, 1);
	ok(!proxy_approve(l.proxy, l.id, true, "too late"));
	tear_down(&l);
}

T_CASE(nobody_can_be_asked)
{
	struct lab l;
	bool arrived;

	set_up(&l, 0);
	is_str(answer(&l, &arrived), "HTTP/1.1 403 Forbidden");
	ok(!arrived);
	is_int(l.n_requested, 0);
	tear_down(&l);
}

/* To look a name up is to tell it to whoever serves the domain. */
T_CASE(names_tell_little_before)
{
	static const char host[] = "0a1b2c3d4e5f6071829304a5b6c7d8e9f0a1b2c3d4e5f607182930a1b2c3d.asks.test";
	struct lab l;
	bool arrived;

	set_up_for(&l, 60 * 1000000000LL, host, 0);
	is_str(answer(&l, &arrived), "HTTP/1.1 403 Forbidden");
	is_int(l.n_requested, 0);
	tear_down(&l);
	set_up_for(&l, 60 * 1000000000LL, "short.asks.test", 0);
	is_str(answer(&l, &arrived), "HTTP/1.1 504 Gateway Timeout", "it is asked for");
	tear_down(&l);
}
