#include "http/impl.h"

#include "base/fd.h"

#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECONDS(n) ((n)*1000000000LL)

static void set_defaults(struct http_config *c)
{
	c->max_conns = c->max_conns ? c->max_conns : 256;
	c->max_per_peer = c->max_per_peer ? c->max_per_peer : 192;
	c->spare = c->spare ? c->spare : 16;
	c->max_body = c->max_body ? c->max_body : 10 * 1000 * 1000;
	c->max_bodies = c->max_bodies ? c->max_bodies : 64 * 1000 * 1000;
	if (c->max_bodies < c->max_body)
		c->max_bodies = c->max_body;
	c->head_timeout_ns = c->head_timeout_ns ? c->head_timeout_ns : SECONDS(15);
	c->read_timeout_ns = c->read_timeout_ns ? c->read_timeout_ns : SECONDS(30);
	c->idle_timeout_ns = c->idle_timeout_ns ? c->idle_timeout_ns : SECONDS(60);
	c->write_timeout_ns = c->write_timeout_ns ? c->write_timeout_ns : SECONDS(60);
}

struct http_server *http_server_new(struct loop *l, const struct http_config *config, struct err *e)
{
	struct http_server *s = calloc(1, sizeof *s);

	if (!s) {
		err_set(e, "out of memory");
		return NULL;
	}
	s->loop = l;
	s->config = *config;
	set_defaults(&s->config);
	list_init(&s->reading);
	list_init(&s->working);
	return s;
}

int http_server_listen(struct http_server *s, int fd, struct err *e)
{
	struct http_listener *listener = s->listeners + s->n_listeners;

	if (s->n_listeners == HTTP_LISTENERS)
		return err_set(e, "more than %d listening sockets", HTTP_LISTENERS);
	*listener = (struct http_listener){ .server = s,
		                            .watch = { .fd = fd, .ready = http_accept },
		                            .pause = { .due = http_unpause },
		                            .host_port = http_loopback_port(fd) };
	if (fd_nonblock(fd, 1) < 0)
		return err_sys(e, "listening socket");
	if (loop_watch(s->loop, &listener->watch, EPOLLIN, e) < 0)
		return -1;
	s->n_listeners++;
	return 0;
}

static void close_listeners(struct http_server *s)
{
	for (int i = 0; i < s->n_listeners; i++) {
		int fd = s->listeners[i].watch.fd;

		loop_unwatch(s->loop, &s->listeners[i].watch);
		loop_untimer(s->loop, &s->listeners[i].pause);
		fd_close(&fd);
	}
	s->n_listeners = 0;
}

/* `all`: those, too, whose first request is still to come. */
static void close_idle(struct http_server *s, bool all)
{
	s->draining = true;
	list_each(node, &s->reading)
	{
		struct http_conn *c = list_item(node, struct http_conn, node);

		if (!all && (!c->keep_alive || !http_parser_idle(&c->parser)))
			continue;
		c->close_after = true;
		if (!c->out.len)
			http_conn_free(c);
	}
}

void http_server_drain(struct http_server *s)
{
	close_listeners(s);
	close_idle(s, true);
}

void http_server_pause(struct http_server *s)
{
	for (int i = 0; i < s->n_listeners; i++) {
		loop_untimer(s->loop, &s->listeners[i].pause);
		loop_rewatch(s->loop, &s->listeners[i].watch, 0);
	}
	close_idle(s, false);
}

void http_server_resume(struct http_server *s)
{
	s->draining = false;
	for (int i = 0; i < s->n_listeners; i++)
		loop_rewatch(s->loop, &s->listeners[i].watch, EPOLLIN);
}

int http_server_listener(const struct http_server *s, int i)
{
	return i < s->n_listeners ? s->listeners[i].watch.fd : -1;
}

int http_server_conns(const struct http_server *s)
{
	return s->n_conns;
}

void http_server_free(struct http_server *s)
{
	if (!s)
		return;
	close_listeners(s);
	while (!list_empty(&s->reading))
		http_conn_free(list_item(s->reading.next, struct http_conn, node));
	while (!list_empty(&s->working))
		http_conn_free(list_item(s->working.next, struct http_conn, node));
	free(s);
}
