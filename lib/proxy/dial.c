#include "proxy/impl.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define DIAL_NS (10 * 1000000000LL)

static socklen_t fill(const struct dns_address *a, uint16_t port, struct sockaddr_storage *out)
{
	struct sockaddr_in *four = (struct sockaddr_in *)out;
	struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof *out);
	if (a->len == 4) {
		four->sin_family = AF_INET;
		four->sin_port = htons(port);
		memcpy(&four->sin_addr, a->addr, 4);
		return sizeof *four;
	}
	six->sin6_family = AF_INET6;
	six->sin6_port = htons(port);
	memcpy(&six->sin6_addr, a->addr, 16);
	return sizeof *six;
}

/* Both ends speak in small pieces that must not wait, and one that has vanished must be noticed. */
static void set_up(int fd)
{
	const int one = 1, idle = 120;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
	setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
}

static bool try_address(struct conn *c, const struct dns_address *a, bool *done)
{
	struct sockaddr_storage to;
	socklen_t len = fill(a, redirect_port(c), &to);
	int fd = socket(to.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return false;
	set_up(fd);
	/* Near by, the second one finds it done. */
	*done = connect(fd, (struct sockaddr *)&to, len) == 0 ||
	        (errno == EINPROGRESS && connect(fd, (struct sockaddr *)&to, len) == 0);
	if (!*done && errno != EINPROGRESS && errno != EALREADY) {
		close(fd);
		return false;
	}
	c->server.fd = fd;
	c->server.ended = c->server.closed = false;
	return true;
}

static void go_on(struct conn *c)
{
	conn_timer(c, 0);
	if (CONFIG_TLS_INTERCEPT && c->inside)
		intercept_dialled(c);
	else if (c->is_connect || c->tls)
		tunnel_start(c);
	else
		exchange_start(c);
}

/* The next address that was judged; when there is none, it cannot be reached. */
void dial_next(struct conn *c)
{
	bool late = c->state == CONN_DIAL && c->timer.at_ns == 0, done;

	if (c->state != CONN_DIAL && exchange_again(c))
		return;
	c->state = CONN_DIAL;
	conn_drop_server(c);
	while (c->next < c->n_addresses) {
		if (!try_address(c, &c->addresses[c->next++], &done))
			continue;
		if (done) {
			go_on(c);
			return;
		}
		conn_timer(c, DIAL_NS);
		conn_interest(c);
		return;
	}
	if (redirect_give_up(c))
		return;
	refuse_with(c, late ? 504 : 502, late ? "it does not answer" : "it cannot be reached");
}

void dial_ready(struct conn *c)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(c->server.fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0 || error) {
		dial_next(c);
		return;
	}
	go_on(c);
}
