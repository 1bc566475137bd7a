/* tls - PEM text, and what a peer says: the first byte chooses who reads it. Neither handshake may come to
 * its end, nor a byte get through to the plain side, whatever is said: nobody here has a key. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loop/loop.h"
#include "tls/relay.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NOW = 1800000000, TURNS = 6 };

struct world {
	struct loop *loop;
	struct authority *authority;
	struct anchors *anchors;
	struct relays *relays;
};

static struct world *make(void)
{
	static struct world w;
	const char *pem;

	if (w.loop)
		return &w;
	w.loop = loop_new(NULL);
	w.authority = authority_new(NOW, NULL);
	pem = w.authority ? authority_pem(w.authority) : "";
	w.anchors = anchors_parse(pem, strlen(pem), NOW, NULL);
	w.relays = relays_new(
	        &(struct relays_options){ .loop = w.loop, .authority = w.authority, .anchors = w.anchors },
	        NULL);
	if (!w.anchors || !w.relays)
		abort();
	return &w;
}

static void read_pem(const uint8_t *data, size_t size)
{
	anchors_free(anchors_parse((const char *)data, size, NOW, NULL));
}

static void on_outcome(void *arg, const struct relay_outcome *o)
{
	(void)arg;
	if (o->good)
		abort();
}

/* What the other says, the first part of it at once. */
static void listen_to(const uint8_t *data, size_t size, bool server)
{
	struct world *w = make();
	size_t first = server && size ? data[0] % (size + 1) : 0;
	struct relay *r;
	int net[2], plain;
	char c;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, net) < 0)
		abort();
	r = server ? relay_serve(w->relays, net[0], "host.test", data, first, &plain, NULL)
	           : relay_ask(w->relays, net[0], "host.test", on_outcome, NULL, &plain, NULL);
	if (!r)
		abort();
	if (size > first && send(net[1], data + first, size - first, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		abort();
	shutdown(net[1], SHUT_WR);
	for (int i = 0; i < TURNS; i++)
		loop_once(w->loop, i ? 0 : 2, NULL);
	if (recv(plain, &c, 1, MSG_DONTWAIT) > 0)
		abort();
	close(plain);
	relay_leave(r, true);
	close(net[1]);
	loop_once(w->loop, 0, NULL);
	if (relays_n(w->relays))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (!size)
		return 0;
	if (data[0] % 3 == 0)
		read_pem(data + 1, size - 1);
	else
		listen_to(data + 1, size - 1, data[0] % 3 == 1);
	return 0;
}
