/* proxy - one exchange: what a client says up to the first zero byte pair, then what a server answers. Both
 * are read to their ends: no request passes that the log and the server would read differently. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"
#include "proxy/impl.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool sink(void *arg, const char *json, size_t len, uint32_t command, uint32_t flags)
{
	(void)arg;
	(void)command;
	(void)flags;
	if (memchr(json, '\n', len))
		abort();
	return true;
}

static void say(int fd, const void *data, size_t len)
{
	if (len && send(fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
	shutdown(fd, SHUT_WR);
}

/* What came out of the proxy, thrown away; a head that a server gets names the judged host, and once. */
static void drain(int fd, bool server)
{
	static char out[1 << 17];
	ssize_t n = recv(fd, out, sizeof out - 1, MSG_DONTWAIT);
	char *end;

	if (n <= 0 || !server)
		return;
	out[n] = 0;
	end = strstr(out, "\r\n\r\n");
	if (!end)
		abort();
	end[2] = 0;
	if (!strstr(out, "\r\nHost: allowed.test\r\n") || strcasestr(out, "\r\nTransfer-Encoding: x") ||
	    strcasestr(strcasestr(out, "\r\nHost:") + 2, "\r\nHost:"))
		abort();
}

static void take(struct conn *c, const uint8_t *data, size_t len)
{
	http_parser_feed(&c->request, (const char *)data, len);
	if (c->request.state != HTTP_BODY && c->request.state != HTTP_DONE)
		return;
	if (!target_uri(c->request.head.target, &c->target) || strcmp(c->target.host.name, "allowed.test") ||
	    c->target.port != 80 || !strcmp(c->request.head.method, "CONNECT"))
		return;
	c->upgrade = head_is_websocket(&c->request.head);
	c->is_head = !strcmp(c->request.head.method, "HEAD");
	c->state = CONN_DIAL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *split = memmem(data, size, "\0\0", 2);
	size_t n = split ? (size_t)(split - data) : size, head;
	struct loop *loop = loop_new(NULL);
	struct proxy_options o = { .loop = loop, .sink = sink, .session_id = "fuzz" };
	struct proxy *p = proxy_new(&o, NULL);
	int client[2], server[2];
	struct conn *c;

	if (!p || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, client) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, server) < 0)
		abort();
	c = conn_new(p, client[0]);
	if (!c)
		abort();
	split = memmem(data, n, "\r\n\r\n", 4);
	head = split ? (size_t)(split - data) + 4 : n;
	take(c, data, head);
	if (c->state == CONN_DIAL) {
		c->server.fd = server[0];
		server[0] = -1;
		say(client[1], data + head, n - head);
		if (n + 2 <= size)
			say(server[1], data + n + 2, size - n - 2);
		else
			shutdown(server[1], SHUT_WR);
		exchange_start(c);
		for (int i = 0; i < 20 && proxy_conns(p); i++)
			loop_once(loop, 0, NULL);
		drain(server[1], true);
		drain(client[1], false);
	}
	proxy_free(p);
	loop_free(loop);
	if (server[0] >= 0)
		close(server[0]);
	close(server[1]);
	close(client[1]);
	return 0;
}
