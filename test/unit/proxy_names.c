/* The name service: what it answers it has written down first. */
#include "test/policy.h"
#include "test/t.h"

#include "base/clock.h"
#include "base/fd.h"
#include "proxy/names.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

static int events;

static bool sink(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags)
{
	(void)command;
	(void)json;
	(void)len;
	(void)flags;
	events++;
	return *(bool *)arg;
}

static int open_socket(int type, struct sockaddr_in *at)
{
	socklen_t len = sizeof *at;
	int fd = socket(AF_INET, type, 0);

	*at = (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	ok(bind(fd, (struct sockaddr *)at, sizeof *at) == 0);
	if (type == SOCK_STREAM)
		listen(fd, 8);
	getsockname(fd, (struct sockaddr *)at, &len);
	return fd;
}

/* The code that a question for this name is answered with, -1 = not at all. */
static int ask(struct loop *l, int fd, const char *name)
{
	int64_t end = clock_mono_ns() + 2000000000;
	uint8_t message[512];
	size_t n = dns_write_query(message, sizeof message, 7, name, DNS_A);
	ssize_t got = -1;

	ok(send(fd, message, n, 0) == (ssize_t)n);
	while (got < 0 && clock_mono_ns() < end) {
		loop_once(l, 10, NULL);
		got = recv(fd, message, sizeof message, MSG_DONTWAIT);
	}
	return got < 12 ? -1 : message[3] & 15;
}

T_CASE(binds_before_it_answers)
{
	struct policy *policy = policy_of("version: 1\nname: t\nnetwork_rules:\n"
	                                  "  - {name: known, decision: allow, domains: ['box.test']}\n");
	bool kept = true;
	char hosts[] = "/tmp/agentsh-names.XXXXXX", found[4][PAGE_NAME];
	struct names_options o = { .policy = policy, .sink = sink, .arg = &kept, .session_id = "s" };
	const struct page_address to = { { 192, 0, 2, 7 }, 4 };
	struct sockaddr_in udp, tcp;
	int page, fd = mkstemp(hosts), client = socket(AF_INET, SOCK_DGRAM, 0);
	struct names *n;

	ok(fd_write(fd, "192.0.2.7 box.test\n", 19) == 0);
	o.loop = loop_new(NULL);
	o.cache = decide_cache_new(policy);
	o.page = page_new(&page, NULL);
	o.resolver = resolver_new(&(struct resolver_options){ .loop = o.loop, .hosts = hosts }, NULL);
	n = names_new(&o, NULL);
	is_int(names_listen(n, open_socket(SOCK_DGRAM, &udp), open_socket(SOCK_STREAM, &tcp), NULL), 0);
	ok(connect(client, (struct sockaddr *)&udp, sizeof udp) == 0);
	is_int(ask(o.loop, client, "evil.test"), DNS_NXDOMAIN);
	is_int((long long)page_names(o.page, &to, clock_mono_ns(), found, 4), 0);
	is_int(ask(o.loop, client, "box.test"), DNS_OK);
	is_int((long long)page_names(o.page, &to, clock_mono_ns(), found, 4), 1);
	is_str(found[0], "box.test");
	is_int(events, 2, "both are told of");
	kept = false;
	is_int(ask(o.loop, client, "box.test"), DNS_SERVFAIL, "what cannot be told of is not answered");
	names_free(n);
	resolver_free(o.resolver);
	page_unmap(o.page);
	loop_free(o.loop);
	decide_cache_free(o.cache);
	policy_free(policy);
	unlink(hosts);
	close(fd);
	close(page);
	close(client);
}
