#include "api/impl.h"

#include <stdlib.h>
#include <string.h>

/* A subscriber that does not read loses events, and is told how many; the log has them all. */
enum { PENDING_MAX = 1 << 20 };

struct event_stream {
	struct list node;
	struct subscriber subscriber;
	struct http_conn *conn;
	uint64_t dropped;
};

static void forget(struct event_stream *s)
{
	core_unsubscribe(&s->subscriber);
	list_remove(&s->node);
	free(s);
}

static void stream_event(struct subscriber *sub, const char *json, size_t len)
{
	struct event_stream *s = list_item(sub, struct event_stream, subscriber);

	if (http_stream_pending(s->conn) > PENDING_MAX) {
		s->dropped++;
		return;
	}
	http_stream_write(s->conn, "data: ", 6);
	http_stream_write(s->conn, json, len);
	http_stream_write(s->conn, "\n\n", 2);
}

static void stream_ended(struct subscriber *sub)
{
	struct event_stream *s = list_item(sub, struct event_stream, subscriber);
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who was freed before has left the list */
	struct http_conn *conn = s->conn;

	forget(s);
	http_stream_end(conn);
}

static void stream_gone(void *arg)
{
	forget(arg);
}

static void stream_drained(void *arg)
{
	struct event_stream *s = arg;
	AUTO_BUF b = { .data = NULL };

	if (!s->dropped)
		return;
	buf_fmt(&b, "event: dropped\ndata: {\"dropped\":%llu}\n\n", (unsigned long long)s->dropped);
	s->dropped = 0;
	http_stream_write(s->conn, b.data, b.len);
}

void api_events_stream(struct call *c)
{
	static const char ready[] = "event: ready\ndata: {}\n\n";
	struct session *session = api_session(c);
	struct event_stream *s;

	if (!session)
		return;
	s = calloc(1, sizeof *s);
	if (!s) {
		api_error(c, 500, "out of memory");
		return;
	}
	s->conn = c->conn;
	s->subscriber =
	        (struct subscriber){ .session = session, .event = stream_event, .ended = stream_ended };
	list_append(&c->api->streams, &s->node);
	http_hold(c->conn, &(struct http_waiter){ .gone = stream_gone, .drained = stream_drained, .arg = s });
	http_stream_begin(c->conn, 200, "text/event-stream");
	http_stream_write(c->conn, ready, sizeof ready - 1);
	core_subscribe(c->api->core, &s->subscriber);
}

void api_streams_close(struct api *a)
{
	while (!list_empty(&a->streams))
		stream_ended(&list_item(a->streams.next, struct event_stream, node)->subscriber);
}
