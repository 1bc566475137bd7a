#include "tls/relay.h"

#include "base/buf.h"
#include "tls/anchors.h"
#include "tls/authority.h"
#include "tls/der.h"

#include "test/t.h"

#include <errno.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static bool wrote(struct buf *b, const char *want, size_t len)
{
	bool same = !b->failed && b->len == len && memcmp(b->data, want, len) == 0;

	buf_release(b);
	return same;
}
#define WROTE(b, text) wrote(b, text, sizeof(text) - 1)

T_CASE(der)
{
	struct buf b = { 0 };
	uint8_t bytes[300] = { 0 };
	size_t outer, inner;

	der_add(&b, DER_OCTETS, "ab", 2);
	ok(WROTE(&b, "\x04\x02"
	             "ab"));
	der_number(&b, (const uint8_t *)"\0\0\x7f", 3);
	ok(WROTE(&b, "\x02\x01\x7f"), "no zeroes in front");
	der_number(&b, (const uint8_t *)"\x80", 1);
	ok(WROTE(&b, "\x02\x02\x00\x80"), "but where it would be negative");
	der_number(&b, bytes, 1);
	ok(WROTE(&b, "\x02\x01\x00"), "zero");
	der_bits(&b, "\xff", 1);
	ok(WROTE(&b, "\x03\x02\x00\xff"));
	outer = der_open(&b, DER_SEQUENCE);
	inner = der_open(&b, DER_SET);
	der_close(&b, inner);
	der_close(&b, outer);
	ok(WROTE(&b, "\x30\x02\x31\x00"), "nested");
	der_add(&b, DER_OCTETS, bytes, 127);
	ok(b.len == 129 && !memcmp(b.data, "\x04\x7f", 2), "the longest short length");
	buf_release(&b);
	der_add(&b, DER_OCTETS, bytes, 128);
	ok(b.len == 131 && !memcmp(b.data, "\x04\x81\x80", 3), "the shortest long one");
	buf_release(&b);
	der_add(&b, DER_OCTETS, bytes, 300);
	ok(b.len == 304 && !memcmp(b.data, "\x04\x82\x01\x2c", 4), "two bytes of length");
	buf_release(&b);
}

T_CASE(der_times)
{
	struct buf b = { 0 };

	der_time(&b, 0);
	ok(WROTE(&b, "\x17\x0d"
	             "700101000000Z"));
	der_time(&b, 2524607999);
	ok(WROTE(&b, "\x17\x0d"
	             "491231235959Z"));
	der_time(&b, 2524608000);
	ok(WROTE(&b, "\x18\x0f"
	             "20500101000000Z"));
	der_time(&b, -1000000000);
	ok(b.failed, "too long ago");
	buf_release(&b);
}

T_CASE(trust)
{
	const int64_t now_s = 1800000000;
	struct authority *a = authority_new(now_s, NULL);
	struct anchors *anchors;
	struct buf text = { 0 };
	struct err e;
	size_t n;

	if (!ok(a != NULL))
		return;
	buf_str(&text, "noise\n-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
	buf_str(&text, "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
	ok(!anchors_parse(text.data, text.len, now_s, &e), "none of these is one");
	is_str(e.text, "no usable certificate");
	buf_str(&text, "-----BEGIN CERTIFICATE-----\n!!!\n");
	buf_str(&text, authority_pem(a));
	buf_str(&text, authority_pem(a));
	anchors = anchors_parse(text.data, text.len, now_s, &e);
	if (ok(anchors != NULL, "the good are found among the bad")) {
		ok(anchors_list(anchors, &n)[0].pkey.key_type == BR_KEYTYPE_EC);
		is_int(n, 2);
	}
	anchors_free(anchors);
	ok(!anchors_parse(text.data, text.len, now_s + 400LL * 86400, NULL), "not when they have expired");
	buf_release(&text);
	authority_free(a);
}

T_CASE(leaves)
{
	static unsigned char first[AUTHORITY_LEAF_MAX], second[AUTHORITY_LEAF_MAX];
	const int64_t now_s = 1800000000;
	struct authority *a = authority_new(now_s, NULL);
	char name[256];
	size_t len, i;

	if (!ok(a != NULL))
		return;
	len = authority_leaf(a, "a.test", now_s, first);
	ok(len > 200);
	is_int(authority_leaf(a, "a.test", now_s + 60, second), len);
	ok(!memcmp(first, second, len), "it is kept");
	is_int(authority_leaf(a, "", now_s, second), 0, "nobody");
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = 0;
	ok(authority_leaf(a, name, now_s, second) > len, "a long name");
	for (i = 0; i < AUTHORITY_LEAVES; i++) {
		snprintf(name, sizeof name, "%zu.test", i);
		if (!authority_leaf(a, name, now_s, second))
			break;
	}
	is_int(i, AUTHORITY_LEAVES, "more of them than are kept");
	len = authority_leaf(a, "a.test", now_s, second);
	ok(len && memcmp(first, second, len) != 0, "the oldest was forgotten");
	memcpy(first, second, len);
	ok(authority_leaf(a, "a.test", now_s + 2 * 86400, second) && memcmp(first, second, len) != 0,
	   "an old one is made anew");
	authority_free(a);
}

/* ---- two of them, face to face ---- */

struct world {
	struct loop *loop;
	struct authority *authority, *other;
	struct anchors *anchors;
	struct relays *relays;
	struct relay *server, *client;
	int server_fd, client_fd;
	int outcomes;
	struct relay_outcome outcome;
};

static void on_outcome(void *arg, const struct relay_outcome *o)
{
	struct world *w = arg;

	w->outcomes++;
	w->outcome = *o;
}

/* The client's hello is what the server is given first. */
static bool take_hello(struct world *w, int fd, char *to, size_t room, size_t *len)
{
	ssize_t n = -1;

	for (int i = 0; i < 10 && n <= 0; i++) {
		loop_once(w->loop, 100, NULL);
		n = recv(fd, to, room, MSG_DONTWAIT);
	}
	*len = n > 0 ? (size_t)n : 0;
	return n > 0;
}

static bool set_up(struct world *w, bool trusted, const char *served, const char *asked)
{
	int net[2];
	char hello[4096];
	size_t len;
	const char *pem;

	*w = (struct world){ .server_fd = -1, .client_fd = -1 };
	w->loop = loop_new(NULL);
	w->authority = authority_new(time(NULL), NULL);
	w->other = authority_new(time(NULL), NULL);
	if (!w->loop || !w->authority || !w->other ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, net) < 0)
		return false;
	pem = authority_pem(trusted ? w->authority : w->other);
	w->anchors = anchors_parse(pem, strlen(pem), time(NULL), NULL);
	w->relays = relays_new(
	        &(struct relays_options){
	                .loop = w->loop, .authority = w->authority, .anchors = w->anchors, .max = 2 },
	        NULL);
	if (!w->anchors || !w->relays)
		return false;
	w->client = relay_ask(w->relays, net[0], asked, on_outcome, w, &w->client_fd, NULL);
	if (!w->client || !take_hello(w, net[1], hello, sizeof hello, &len))
		return false;
	w->server = relay_serve(w->relays, net[1], served, hello, len, &w->server_fd, NULL);
	return w->server != NULL;
}

static void clean_up(struct world *w)
{
	relays_free(w->relays);
	close(w->server_fd);
	close(w->client_fd);
	anchors_free(w->anchors);
	authority_free(w->authority);
	authority_free(w->other);
	loop_free(w->loop);
}

static bool spin(struct world *w, const int *flag)
{
	for (int i = 0; i < 200 && !*flag; i++)
		loop_once(w->loop, 50, NULL);
	return *flag;
}

/* Bytes from one end to the other. */
static size_t pass(struct world *w, int from, int to, size_t total)
{
	static char out[65536], in[65536];
	size_t sent = 0, got = 0;

	for (int i = 0; i < 20000 && got < total; i++) {
		size_t room = total - sent < sizeof out ? total - sent : sizeof out;
		ssize_t n;

		for (size_t k = 0; k < room; k++)
			out[k] = (char)((sent + k) * 7);
		n = room ? send(from, out, room, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;
		sent += n > 0 ? (size_t)n : 0;
		n = recv(to, in, sizeof in, MSG_DONTWAIT);
		for (ssize_t k = 0; k < n; k++)
			if (in[k] != (char)((got + (size_t)k) * 7))
				return 0;
		got += n > 0 ? (size_t)n : 0;
		loop_once(w->loop, n > 0 ? 0 : 20, NULL);
	}
	return got;
}

static bool ends(struct world *w, int fd)
{
	char c;

	for (int i = 0; i < 200; i++) {
		if (recv(fd, &c, 1, MSG_DONTWAIT) == 0)
			return true;
		loop_once(w->loop, 50, NULL);
	}
	return false;
}

T_CASE(handshake)
{
	struct world w;
	int fd;

	if (!ok(set_up(&w, true, "host.test", "host.test"))) {
		clean_up(&w);
		return;
	}
	ok(!relay_ask(w.relays, 0, "host.test", on_outcome, &w, &fd, NULL), "there may be only so many");
	ok(spin(&w, &w.outcomes) && w.outcome.good, "each believes the other");
	is_int(pass(&w, w.client_fd, w.server_fd, 1 << 20), 1 << 20, "much goes up");
	is_int(pass(&w, w.server_fd, w.client_fd, 1 << 20), 1 << 20, "much comes down");
	ok(send(w.server_fd, "end", 3, MSG_NOSIGNAL) == 3);
	close(w.server_fd);
	w.server_fd = -1;
	relay_leave(w.server, false);
	ok(ends(&w, w.client_fd), "its end is seen");
	ok(!relay_broken(w.client), "who says goodbye has not broken off");
	relay_leave(w.client, false);
	close(w.client_fd);
	w.client_fd = -1;
	for (int i = 0; i < 100 && relays_n(w.relays); i++)
		loop_once(w.loop, 100, NULL);
	is_int(relays_n(w.relays), 0, "nothing is left of them");
	is_int(w.outcomes, 1);
	clean_up(&w);
}

T_CASE(broken_off)
{
	struct world w;

	if (ok(set_up(&w, true, "host.test", "host.test")) && ok(spin(&w, &w.outcomes) && w.outcome.good)) {
		relay_leave(w.server, true);
		ok(ends(&w, w.client_fd));
		ok(relay_broken(w.client), "who hangs up without a word has");
	}
	clean_up(&w);
}

static void is_distrusted(bool trusted, const char *served, const char *asked, const char *why)
{
	struct world w;
	char byte;

	if (ok(set_up(&w, trusted, served, asked))) {
		ok(send(w.client_fd, "secret", 6, MSG_NOSIGNAL) == 6);
		ok(spin(&w, &w.outcomes) && !w.outcome.good && w.outcome.distrusted);
		is_str(w.outcome.why, why);
		for (int i = 0; i < 5; i++)
			loop_once(w.loop, 10, NULL);
		ok(recv(w.server_fd, &byte, 1, MSG_DONTWAIT) <= 0, "nothing was said to it");
	}
	clean_up(&w);
}

T_CASE(strangers)
{
	is_distrusted(false, "host.test", "host.test",
	              "its certificate is signed by nobody that this system trusts");
	is_distrusted(true, "other.test", "host.test", "its certificate is for another name");
}

T_CASE(garbage)
{
	struct world w;
	int net[2];

	if (ok(set_up(&w, true, "host.test", "host.test")) && ok(spin(&w, &w.outcomes))) {
		relay_leave(w.client, true);
		loop_once(w.loop, 10, NULL);
		close(w.client_fd);
		if (ok(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, net) == 0)) {
			w.outcomes = 0;
			w.client =
			        relay_ask(w.relays, net[0], "host.test", on_outcome, &w, &w.client_fd, NULL);
			ok(w.client && send(net[1], "HTTP/1.1 400 What\r\n\r\n", 21, MSG_NOSIGNAL) == 21);
			ok(spin(&w, &w.outcomes) && !w.outcome.good && !w.outcome.distrusted);
			is_str(w.outcome.why, "it does not speak TLS 1.2");
			close(net[1]);
		}
	}
	clean_up(&w);
}
