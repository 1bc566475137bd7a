#include "http/client.h"

#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"
#include "http/parse.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int parse_host(const char *host, size_t len, struct http_url *out, const char *text, struct err *e)
{
	const char *end = host + len;
	size_t name_len = *host == '[' ? strcspn(host, "]") : strcspn(host, ":/");
	char port[8];
	uint64_t n;

	if (*host == '[') {
		host++;
		name_len--;
	}
	if (!name_len || host + name_len > end || name_len >= sizeof out->host)
		return err_set(e, "server address '%s' has no host", text);
	memcpy(out->host, host, name_len);
	host += name_len;
	host += *host == ']';
	if (host == end)
		return 0;
	if (*host != ':' || (size_t)(end - host) > sizeof port)
		return err_set(e, "server address '%s': bad port", text);
	snprintf(port, sizeof port, "%.*s", (int)(end - host - 1), host + 1);
	if (!num_u64(port, 1, 65535, &n))
		return err_set(e, "server address '%s': bad port", text);
	out->port = (uint16_t)n;
	out->has_port = true;
	return 0;
}

int http_url_parse(const char *text, struct http_url *out, struct err *e)
{
	size_t len;

	*out = (struct http_url){ .port = 80 };
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return err_set(e, "server address has a control character or space");
	if (!strncmp(text, "unix://", 7)) {
		out->is_unix = true;
		if (text[7] != '/' || strlen(text + 7) >= sizeof out->path)
			return err_set(e, "server address '%s': not the absolute path of a socket", text);
		memcpy(out->path, text + 7, strlen(text + 7) + 1);
		return 0;
	}
	if (!strncasecmp(text, "https://", 8))
		return err_set(e, "server address '%s': https is not spoken here, use http or unix", text);
	if (strncasecmp(text, "http://", 7))
		return err_set(e, "server address '%s': must start with http:// or unix://", text);
	len = strcspn(text + 7, "/");
	if (text[7 + len] && text[8 + len])
		return err_set(e, "server address '%s' has a path", text);
	return parse_host(text + 7, len, out, text, e);
}

bool http_url_is_loopback(const struct http_url *url)
{
	return !url->is_unix && (!strcasecmp(url->host, "localhost") || !strncmp(url->host, "127.", 4) ||
	                         !strcmp(url->host, "::1"));
}

/* Wait until the socket is ready or the time is up. */
static int wait_for(int fd, short events, int64_t timeout_ns, struct http_reply *reply, struct err *e)
{
	int64_t until = timeout_ns ? clock_mono_ns() + timeout_ns : 0;

	for (;;) {
		int64_t left = until ? until - clock_mono_ns() : 0;
		struct pollfd p = { .fd = fd, .events = events };
		int ms = !until                        ? -1
		         : left <= 0                   ? 0
		         : left > 86400000LL * 1000000 ? 86400000
		                                       : (int)(left / 1000000) + 1;
		int n = poll(&p, 1, ms);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return err_sys(e, "poll");
		if (!n && left <= 0) {
			reply->timed_out = true;
			errno = ETIMEDOUT;
			return err_sys(e, "no answer in time");
		}
	}
}

static int connect_to(const struct sockaddr *addr, socklen_t len, int64_t timeout_ns,
                      struct http_reply *reply, struct err *e)
{
	AUTO_FD fd = socket(addr->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	int taken, problem = 0;
	socklen_t size = sizeof problem;

	if (fd < 0)
		return err_sys(e, "socket");
	if (connect(fd, addr, len) < 0) {
		if (errno != EINPROGRESS && errno != EINTR)
			return err_sys(e, "connect");
		if (wait_for(fd, POLLOUT, timeout_ns, reply, e) < 0)
			return -1;
		getsockopt(fd, SOL_SOCKET, SO_ERROR, &problem, &size);
		errno = problem;
		if (problem)
			return err_sys(e, "connect");
	}
	taken = fd;
	fd = -1;
	return taken;
}

static int open_unix(const struct http_call *call, struct http_reply *reply, struct err *e)
{
	static const char suffix[] = ".http";
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	size_t len = strlen(call->url->path);
	struct err why = { .code = 0 };
	int fd;

	memcpy(addr.sun_path, call->url->path, len + 1);
	fd = connect_to((struct sockaddr *)&addr, sizeof addr, call->timeout_ns, reply, &why);
	/* The socket where shims ask is of another type; the one for HTTP lies beside it. */
	if (fd < 0 && why.code == EPROTOTYPE && len + sizeof suffix <= sizeof addr.sun_path) {
		memcpy(addr.sun_path + len, suffix, sizeof suffix);
		fd = connect_to((struct sockaddr *)&addr, sizeof addr, call->timeout_ns, reply, &why);
	}
	if (fd < 0 && e)
		*e = why;
	return fd;
}

static int open_tcp(const struct http_call *call, struct http_reply *reply, struct err *e)
{
	struct addrinfo hints = { .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM }, *list = NULL;
	char port[8];
	int problem, fd = -1;

	snprintf(port, sizeof port, "%u", call->url->port);
	/* As the server takes it: whoever listens on another loopback address is somebody else. */
	problem = getaddrinfo(strcasecmp(call->url->host, "localhost") ? call->url->host : "127.0.0.1", port,
	                      &hints, &list);
	if (problem)
		return err_set(e, "%s: %s", call->url->host, gai_strerror(problem));
	for (struct addrinfo *a = list; a && fd < 0; a = a->ai_next)
		fd = connect_to(a->ai_addr, a->ai_addrlen, call->timeout_ns, reply, e);
	freeaddrinfo(list);
	return fd;
}

static void write_request(const struct http_call *call, struct buf *out)
{
	const struct http_url *url = call->url;
	bool v6 = strchr(url->host, ':') != NULL;

	buf_fmt(out, "%s %s HTTP/1.1\r\nConnection: close\r\nAccept: application/json\r\n", call->method,
	        call->target);
	if (url->is_unix)
		buf_str(out, "Host: localhost\r\n");
	else if (url->port == 80)
		buf_fmt(out, "Host: %s%s%s\r\n", v6 ? "[" : "", url->host, v6 ? "]" : "");
	else
		buf_fmt(out, "Host: %s%s%s:%u\r\n", v6 ? "[" : "", url->host, v6 ? "]" : "", url->port);
	if (call->key && *call->key)
		buf_fmt(out, "X-API-Key: %s\r\n", call->key);
	if (call->body)
		buf_fmt(out, "Content-Type: application/json\r\nContent-Length: %zu\r\n", call->body_len);
	buf_str(out, "\r\n");
	if (call->body)
		buf_add(out, call->body, call->body_len);
}

static int send_all(int fd, const struct http_call *call, const struct buf *out, struct http_reply *reply,
                    struct err *e)
{
	size_t sent = 0;

	while (sent < out->len) {
		ssize_t n = send(fd, out->data + sent, out->len - sent, MSG_NOSIGNAL);

		if (n > 0) {
			sent += (size_t)n;
			reply->sent = true;
		} else if (errno == EAGAIN) {
			if (wait_for(fd, POLLOUT, call->timeout_ns, reply, e) < 0)
				return -1;
		} else if (errno == EPIPE || errno == ECONNRESET) {
			return 0; /* refused early: the answer may be there to read */
		} else if (errno != EINTR) {
			return err_sys(e, "send request");
		}
	}
	return 0;
}

/* Hand over what has been decoded so far. False = enough. */
static bool pass_on(const struct http_call *call, struct http_parser *p)
{
	bool more;

	if (!call->piece || p->head.status != 200 || !p->body.len)
		return true;
	more = call->piece(call->arg, p->body.data, p->body.len);
	buf_clear(&p->body);
	return more;
}

/* Take in `len` bytes; 1 = whole, 0 = more to come, -1 = broken. */
static int take_in(const struct http_call *call, struct http_parser *p, const char *data, size_t len,
                   struct err *e)
{
	while (len && p->state != HTTP_DONE) {
		size_t n = http_parser_feed(p, data, len);

		data += n;
		len -= n;
		if (p->state == HTTP_REFUSED)
			return err_set(e, "answer: %s", p->why);
		if (p->state == HTTP_DONE && p->head.status / 100 == 1) {
			http_parser_reset(p); /* 100 Continue */
			continue;
		}
		if (!pass_on(call, p))
			return 1;
	}
	return p->state == HTTP_DONE;
}

static int read_answer(int fd, const struct http_call *call, struct http_parser *p, struct http_reply *reply,
                       struct err *e)
{
	char data[16384];

	for (;;) {
		ssize_t n = recv(fd, data, sizeof data, 0);
		int got;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN) {
			if (wait_for(fd, POLLIN, call->timeout_ns, reply, e) < 0)
				return -1;
			continue;
		}
		if (n < 0)
			return err_sys(e, "read answer");
		if (!n)
			return p->state == HTTP_BODY && p->decoder.kind == HTTP_BODY_REST
			               ? 0
			               : err_set(e, "the server hung up before its answer was complete");
		got = take_in(call, p, data, (size_t)n, e);
		if (got)
			return got < 0 ? -1 : 0;
	}
}

static int check_call(const struct http_call *call, struct err *e)
{
	for (const char *c = call->target; *c; c++)
		if ((unsigned char)*c <= ' ' || (unsigned char)*c >= 0x7f)
			return err_set(e, "request target has a control character or space");
	for (const char *c = call->key; c && *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return err_set(e, "the API key has a control character");
	return 0;
}

int http_call(const struct http_call *call, struct http_reply *reply, struct err *e)
{
	struct http_parser parser;
	AUTO_BUF out = { .data = NULL };
	AUTO_FD fd = -1;
	int result;

	*reply = (struct http_reply){ .status = 0 };
	if (check_call(call, e) < 0)
		return -1;
	fd = call->url->is_unix ? open_unix(call, reply, e) : open_tcp(call, reply, e);
	if (fd < 0 || (call->trust && call->trust(fd, e) < 0))
		return -1;
	write_request(call, &out);
	if (out.failed)
		return err_set(e, "out of memory");
	if (send_all(fd, call, &out, reply, e) < 0)
		return -1;
	http_parser_init(&parser, true, call->max_reply);
	result = read_answer(fd, call, &parser, reply, e);
	if (!result) {
		reply->status = parser.head.status;
		reply->body = parser.body;
		parser.body = (struct buf){ .data = NULL };
	}
	http_parser_release(&parser);
	return result;
}
