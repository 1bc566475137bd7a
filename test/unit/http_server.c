/* Connections on a real loop: what is answered, what is refused, what gives way under attack. */
#include "test/t.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "http/server.h"

#define EMPTY "Content-Length: 0\r\n"

struct world {
	struct loop *loop;
	struct http_server *server;
	struct sockaddr_in addr;
	struct http_conn *held; /* by /hold and /stream */
	int gone, drained, handled;
};

static void gone(void *arg)
{
	struct world *w = arg;

	w->gone++;
	w->held = NULL;
}

static void drained(void *arg)
{
	((struct world *)arg)->drained++;
}

static void handle(void *arg, struct http_conn *c, struct http_request *r)
{
	struct world *w = arg;
	const struct http_waiter waiter = { .gone = gone, .drained = drained, .arg = w };

	w->handled++;
	if (!strcmp(r->path, "/health"))
		http_respond(c, 200, "text/plain", "ok\n", 3);
	else if (r->spare)
		http_respond(c, 503, NULL, NULL, 0);
	else if (!strcmp(r->path, "/echo"))
		http_respond(c, 200, "text/plain", r->body->data, r->body->len);
	else if (!strcmp(r->path, "/hold") || !strcmp(r->path, "/stream"))
		http_hold(c, &waiter);
	if (!strcmp(r->path, "/stream"))
		http_stream_begin(c, 200, "text/event-stream");
	if (!strcmp(r->path, "/hold") || !strcmp(r->path, "/stream"))
		w->held = c;
}

static void open_world(struct world *w, struct http_config *config)
{
	socklen_t len = sizeof w->addr;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*w = (struct world){ .addr = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) } };
	config->handle = handle;
	config->arg = w;
	w->loop = loop_new(NULL);
	w->server = http_server_new(w->loop, config, NULL);
	if (bind(fd, (struct sockaddr *)&w->addr, sizeof w->addr) < 0 || listen(fd, 512) < 0 ||
	    getsockname(fd, (struct sockaddr *)&w->addr, &len) < 0)
		perror("listen");
	ok(http_server_listen(w->server, fd, NULL) == 0, "listens");
}

static void close_world(struct world *w)
{
	http_server_free(w->server);
	loop_free(w->loop);
}

static int dial(const struct world *w)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (connect(fd, (const struct sockaddr *)&w->addr, sizeof w->addr) < 0 && errno != EINPROGRESS)
		perror("connect");
	return fd;
}

static void turn(struct world *w, int n)
{
	while (n--)
		loop_once(w->loop, 5, NULL);
}

/* Send, run the loop until an answer is whole or the peer hangs up, and give what came. */
static const char *talk(struct world *w, int fd, const char *text)
{
	static char got[65536];
	size_t len = 0;
	int64_t until = clock_mono_ns() + 2000000000LL;

	turn(w, 1);
	if (text && send(fd, text, strlen(text), MSG_NOSIGNAL) < 0)
		return "";
	got[0] = 0;
	while (clock_mono_ns() < until) {
		ssize_t n = recv(fd, got + len, sizeof got - 1 - len, MSG_DONTWAIT);

		if (n > 0)
			len += (size_t)n;
		got[len] = 0;
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != ENOTCONN))
			break;
		if (n < 0 && len && !strstr(got, "Content-Length: 0") && got[len - 1] == '\n')
			break;
		if (n < 0 && strstr(got, "Content-Length: 0"))
			break;
		turn(w, 1);
	}
	return got;
}

static const char *request(struct world *w, const char *method, const char *path, const char *fields)
{
	static char text[1024], got[65536];
	int fd = dial(w);

	snprintf(text, sizeof text, "%s %s HTTP/1.1\r\n", method, path);
	if (!strstr(fields, "Host:"))
		snprintf(text + strlen(text), sizeof text - strlen(text), "Host: 127.0.0.1:%d\r\n",
		         ntohs(w->addr.sin_port));
	snprintf(text + strlen(text), sizeof text - strlen(text), "%s\r\n", fields);
	snprintf(got, sizeof got, "%s", talk(w, fd, text));
	close(fd);
	return got;
}

static int status(const char *answer)
{
	return strncmp(answer, "HTTP/1.1 ", 9) ? 0 : atoi(answer + 9);
}

T_CASE(answers_and_refuses)
{
	struct http_config config = { .max_body = 1000 };
	struct world w;
	char fields[200];

	open_world(&w, &config);
	is_int(status(request(&w, "GET", "/health", "")), 200);
	ok(strstr(request(&w, "GET", "/health", ""), "\r\n\r\nok\n") != NULL, "body");
	is_int(status(request(&w, "GET", "/health", "Host: evil.com\r\n")), 421);
	snprintf(fields, sizeof fields, "Host: evil.com:%d\r\n", ntohs(w.addr.sin_port));
	is_int(status(request(&w, "GET", "/health", fields)), 421);
	snprintf(fields, sizeof fields, "Host: localhost:%d\r\n", ntohs(w.addr.sin_port));
	is_int(status(request(&w, "GET", "/health", fields)), 200);
	snprintf(fields, sizeof fields, "Host: [::1]:%d\r\n", ntohs(w.addr.sin_port));
	is_int(status(request(&w, "GET", "/health", fields)), 200);
	snprintf(fields, sizeof fields, "Host: 127.0.0.1:%d.evil.com\r\n", ntohs(w.addr.sin_port));
	is_int(status(request(&w, "GET", "/health", fields)), 421);
	snprintf(fields, sizeof fields, "Host: localhost.:%d\r\n", ntohs(w.addr.sin_port));
	is_int(status(request(&w, "GET", "/health", fields)), 421);
	is_int(status(request(&w, "GET", "/health", "Host: 127.0.0.1\r\n")), 421);
	is_int(status(request(&w, "GET", "http://evil.com/health", "Host: evil.com\r\n")), 421);
	is_int(status(request(&w, "GET", "http://evil.com/health", "")), 400);
	is_int(status(request(&w, "CONNECT", "evil.com:443", "")), 400);
	is_int(status(request(&w, "GET", "/health", "Origin: http://evil.com\r\n")), 403);
	is_int(status(request(&w, "GET", "/health", "Origin: null\r\n")), 403);
	is_int(status(request(&w, "GET", "/health", "Sec-Fetch-Site: cross-site\r\n")), 403);
	snprintf(fields, sizeof fields, "Origin: http://127.0.0.1:%d\r\n", ntohs(w.addr.sin_port));
	is_int(status(request(&w, "GET", "/health", fields)), 200);
	is_int(status(request(&w, "POST", "/echo", "Content-Length: 0\r\nContent-Type: text/plain\r\n")),
	       415);
	is_int(status(request(&w, "POST", "/echo",
	                      EMPTY "Content-Type: multipart/form-data; boundary=x\r\n")),
	       415);
	is_int(status(request(&w, "POST", "/echo",
	                      EMPTY "Content-Type: application/json; charset=utf-8\r\n")),
	       200);
	is_int(status(request(&w, "POST", "/echo",
	                      "Content-Length: 0\r\nContent-Type: application/x-www-form-urlencoded\r\n")),
	       200);
	is_int(status(request(&w, "POST", "/echo",
	                      "Content-Length: 0\r\nContent-Type: application/x-www-form-urlencoded\r\n"
	                      "Sec-Fetch-Mode: cors\r\n")),
	       415);
	is_int(status(request(&w, "POST", "/echo", "Content-Length: 1001\r\n")), 413);
	is_int(status(request(&w, "GET", "/nobody", "")), 500);
	close_world(&w);
}

T_CASE(pipelined_and_split_requests)
{
	struct http_config config = { .max_body = 1000 };
	struct world w;
	char text[600];
	const char *got;
	int fd;

	open_world(&w, &config);
	fd = dial(&w);
	snprintf(text, sizeof text,
	         "POST /echo HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 4\r\n\r\none\n"
	         "GET /health HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nConnection: close\r\n\r\n",
	         ntohs(w.addr.sin_port), ntohs(w.addr.sin_port));
	talk(&w, fd, text);
	turn(&w, 4);
	is_int(w.handled, 2);
	close(fd);
	fd = dial(&w);
	snprintf(text, sizeof text,
	         "POST /echo HTTP/1.1\r\nHost: localhost:%d\r\nExpect: 100-continue\r\n"
	         "Content-Length: 4\r\n\r\n",
	         ntohs(w.addr.sin_port));
	got = talk(&w, fd, text);
	is_int(status(got), 100);
	got = talk(&w, fd, "two\n");
	is_int(status(got), 200);
	close(fd);
	close_world(&w);
}

T_CASE(idle_and_slow_connections_give_way)
{
	struct http_config config = { .max_conns = 40, .max_per_peer = 30, .spare = 4 };
	struct world w;
	int fds[300];
	int64_t before;

	open_world(&w, &config);
	for (int i = 0; i < 300; i++) {
		fds[i] = dial(&w);
		turn(&w, 1);
		if (i % 2)
			send(fds[i], "GET / HT", 8, MSG_NOSIGNAL);
	}
	turn(&w, 5);
	ok(http_server_conns(w.server) <= 44, "%d connections are open", http_server_conns(w.server));
	before = clock_mono_ns();
	is_int(status(request(&w, "GET", "/health", "")), 200);
	ok(clock_mono_ns() - before < 1000000000LL, "health answers within a second");
	for (int i = 0; i < 300; i++)
		close(fds[i]);
	close_world(&w);
}

T_CASE(busy_connections_leave_spare_places_for_health)
{
	struct http_config config = { .max_conns = 40, .max_per_peer = 10, .spare = 4 };
	struct world w;
	char text[100];
	int fds[10];

	open_world(&w, &config);
	snprintf(text, sizeof text, "GET /hold HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
	         ntohs(w.addr.sin_port));
	for (int i = 0; i < 10; i++) {
		fds[i] = dial(&w);
		turn(&w, 1);
		send(fds[i], text, strlen(text), MSG_NOSIGNAL);
		turn(&w, 2);
	}
	is_int(w.handled, 10);
	is_int(status(request(&w, "GET", "/health", "")), 200);
	is_int(status(request(&w, "POST", "/echo", "")), 503);
	for (int i = 0; i < 10; i++)
		close(fds[i]);
	turn(&w, 5);
	is_int(w.gone, 10);
	close_world(&w);
}

T_CASE(slow_heads_end_in_time)
{
	struct http_config config = { .head_timeout_ns = 100000000 };
	struct world w;
	int fd;
	int64_t until = clock_mono_ns() + 3000000000LL, closed_at = 0, begin;

	open_world(&w, &config);
	fd = dial(&w);
	turn(&w, 2);
	begin = clock_mono_ns();
	while (!closed_at && clock_mono_ns() < until) {
		char c;

		send(fd, "G", 1, MSG_NOSIGNAL);
		turn(&w, 1);
		if (recv(fd, &c, 1, MSG_DONTWAIT) == 0 || http_server_conns(w.server) == 0)
			closed_at = clock_mono_ns();
	}
	ok(closed_at && closed_at - begin < 1000000000LL, "a byte now and then does not keep it open");
	close(fd);
	close_world(&w);
}

T_CASE(streams)
{
	struct http_config config = { .write_timeout_ns = 200000000 };
	struct world w;
	char text[100], *big = calloc(1, 1 << 20);
	const char *got;
	int fd;

	open_world(&w, &config);
	fd = dial(&w);
	snprintf(text, sizeof text, "GET /stream HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
	         ntohs(w.addr.sin_port));
	got = talk(&w, fd, text);
	ok(strstr(got, "Transfer-Encoding: chunked") != NULL, "chunked");
	if (!ok(w.held && big, "held")) {
		free(big);
		return;
	}
	http_stream_write(w.held, "hello\n", 6);
	got = talk(&w, fd, NULL);
	ok(strstr(got, "6\r\nhello\n") != NULL, "a chunk");
	ok(w.drained > 0, "told that it left");
	http_stream_end(w.held);
	got = talk(&w, fd, NULL);
	ok(strstr(got, "0\r\n\r\n") != NULL, "the last chunk");
	is_int(w.gone, 0);
	got = talk(&w, fd, text);
	is_int(status(got), 200);
	/* A reader that takes nothing is dropped. */
	for (int i = 0; i < 16; i++)
		http_stream_write(w.held, big, 1 << 20);
	for (int64_t until = clock_mono_ns() + 3000000000LL; w.held && clock_mono_ns() < until;)
		turn(&w, 1);
	is_int(w.gone, 1);
	close(fd);
	free(big);
	close_world(&w);
}

T_CASE(ends_with_everything_open)
{
	struct http_config config = { .max_body = 1000 };
	struct world w;
	char text[100];
	int a, b;

	open_world(&w, &config);
	a = dial(&w);
	b = dial(&w);
	snprintf(text, sizeof text, "GET /hold HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n\r\n",
	         ntohs(w.addr.sin_port));
	turn(&w, 2);
	send(a, text, strlen(text), MSG_NOSIGNAL);
	turn(&w, 3);
	http_server_drain(w.server);
	is_int(http_server_conns(w.server), 1);
	close_world(&w);
	is_int(w.gone, 1);
	close(a);
	close(b);
}
