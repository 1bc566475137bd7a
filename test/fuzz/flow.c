/* flow - what programs say that mean to talk to a server and were led to the proxy: by an odd first byte to
 * port 443, else to port 80. The policy lets nothing be reached, so whatever is said, nothing is. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "proxy/impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool sink(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags)
{
	static const char allowed[] = "\"effective_decision\":\"allow\"";

	(void)arg;
	(void)flags;
	if (command != 7 || memchr(json, '\n', len) || memmem(json, len, allowed, sizeof allowed - 1))
		abort();
	return true;
}

static const char *name_of(void *arg, uint32_t command)
{
	(void)arg;
	(void)command;
	return "cmd-7";
}

static struct policy *policy(void)
{
	static const char text[] = "version: 1\nname: nothing\nnetwork_rules:\n  - name: nothing\n"
	                           "    domains: [\"**\"]\n    decision: deny\n";
	static struct policy *p;
	struct policy_problems problems = { 0 };

	if (!p)
		p = policy_load(text, sizeof text - 1, "nothing.yaml",
		                &(struct policy_options){ .expand = true }, &problems);
	return p;
}

/* As the supervisor does, and the kernel. */
static void lead(struct proxy *p, struct net_page *page, int fd, bool tls)
{
	const struct sockaddr_in from = { .sin_family = AF_INET, .sin_port = htons(40000) };
	const struct page_flow flow = { .to = { .bytes = { 192, 0, 2, 1 }, .len = 4 },
		                        .to_port = tls ? 443 : 80,
		                        .pid = 1,
		                        .command = 7,
		                        .at = clock_mono_ns() };
	const struct listener at = { .proxy = p, .fd = -1 };
	struct conn *c = conn_new(p, fd);

	if (!c)
		abort();
	page_flow(page, AF_INET, 40000, &flow);
	flow_start(c, &at, (const struct sockaddr *)&from);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct net_page *page;
	static struct decide_cache *cache;
	struct loop *loop = loop_new(NULL);
	struct proxy_options o = { .loop = loop,
		                   .policy = policy(),
		                   .demand_flows = true,
		                   .sink = sink,
		                   .command_id = name_of,
		                   .session_id = "fuzz" };
	struct proxy *p;
	int client[2], fd;

	if (!page && (page = page_new(&fd, NULL)))
		close(fd);
	if (!cache)
		cache = decide_cache_new(o.policy);
	o.page = page;
	o.cache = cache;
	p = proxy_new(&o, NULL);
	if (!page || !cache || !p || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, client) < 0)
		abort();
	if (size > 1 && send(client[1], data + 1, size - 1, MSG_NOSIGNAL) < 0)
		abort();
	shutdown(client[1], SHUT_WR);
	lead(p, page, client[0], size && data[0] & 1);
	for (int i = 0; i < 20 && proxy_conns(p); i++)
		loop_once(loop, 0, NULL);
	proxy_free(p);
	loop_free(loop);
	close(client[1]);
	return 0;
}
