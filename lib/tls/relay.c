#include "tls/relay.h"

#include "base/buf.h"
#include "base/fd.h"
#include "tls/engine.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MANY = 1024, ROUNDS = 32, DAYS_TO_1970 = 719528, DAY = 86400 };
/* A record is whole before any of it is read; our own are smaller. */
enum { IN_SIZE = BR_SSL_BUFSIZE_INPUT, OUT_SIZE = 8192 + 128 };
#define LINGER_NS (5 * 1000000000LL)

struct relays {
	struct relays_options o;
	br_ssl_server_context server; /* as engine.h sets them up, to be copied */
	br_ssl_client_context client;
	struct list all, dead;
	size_t n;
};

struct relay {
	struct list node;
	struct relays *owner;
	struct watch net_watch, plain_watch;
	int net, plain; /* owned */
	struct timer timer;
	struct buf first; /* said before we listened */
	bool ended;       /* nothing is to come or to be sent any more but an end */
	bool broken, left, buried, told, started;
	bool plain_ended;
	relay_done *done;
	void *arg;
	br_ssl_engine_context *engine; /* of one of these */
	br_ssl_server_context server;
	br_ssl_client_context client;
	br_x509_minimal_context trust;
	br_x509_certificate chain;
	unsigned char leaf[AUTHORITY_LEAF_MAX], in[IN_SIZE], out[OUT_SIZE];
};

static void run(struct relay *r);
static void end(struct relay *r, bool broken);

/* Freed after the batch: events of it may be on their way. */
static void bury(struct relay *r)
{
	struct relays *all = r->owner;
	struct loop *l = all->o.loop;

	if (r->buried)
		return;
	r->buried = true;
	loop_unwatch(l, &r->net_watch);
	loop_unwatch(l, &r->plain_watch);
	loop_untimer(l, &r->timer);
	fd_close(&r->net);
	fd_close(&r->plain);
	list_remove(&r->node);
	list_append(&all->dead, &r->node);
	all->n--;
}

static void free_dead(void *arg)
{
	struct relays *all = arg;

	list_each(node, &all->dead)
	{
		struct relay *r = list_item(node, struct relay, node);

		list_remove(node);
		buf_release(&r->first);
		explicit_bzero(r, sizeof *r);
		free(r);
	}
}

static void watch(struct relay *r, struct watch *w, int fd, uint32_t events)
{
	struct loop *l = r->owner->o.loop;

	if (!events) {
		loop_unwatch(l, w);
	} else if (w->fd >= 0) {
		loop_rewatch(l, w, events);
	} else {
		w->fd = fd;
		if (loop_watch(l, w, events, NULL) < 0) {
			w->fd = -1;
			end(r, true);
		}
	}
}

static bool is_again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

static void tell(struct relay *r, bool good)
{
	int error = br_ssl_engine_last_error(r->engine);
	const bool name_is_wrong = error >= BR_ERR_X509_INVALID_VALUE && error <= BR_ERR_X509_NOT_TRUSTED;
	const struct relay_outcome outcome = { .good = good,
		                               .distrusted = !good &&
		                                             (name_is_wrong || error == BR_ERR_BAD_SIGNATURE),
		                               .why = good ? "" : engine_why(error) };

	if (r->told)
		return;
	r->told = true;
	if (r->done && !r->left)
		r->done(r->arg, &outcome);
}

/* What a client that is not understood is told, where BearSSL says nothing. */
static void say_alert(struct relay *r)
{
	static const char alert[] = { 21, 3, 3, 0, 2, 2, 40 };

	if (r->engine == &r->server.eng && !r->told)
		send(r->net, alert, sizeof alert, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* The other side is gone, or said so. Whoever has the plain socket reads what came, and then its end. */
static void end(struct relay *r, bool broken)
{
	if (r->ended)
		return;
	r->ended = true;
	r->broken = broken;
	if (broken)
		say_alert(r);
	shutdown(r->plain, SHUT_RDWR);
	shutdown(r->net, SHUT_WR);
	tell(r, false);
	if (!r->buried)
		loop_timer(r->owner->o.loop, &r->timer, LINGER_NS);
}

/* ---- one step each; true: there was something to do ---- */

static bool send_records(struct relay *r)
{
	size_t len;
	const unsigned char *data = br_ssl_engine_sendrec_buf(r->engine, &len);
	ssize_t n = send(r->net, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n > 0) {
		br_ssl_engine_sendrec_ack(r->engine, (size_t)n);
		/* Who reads slowly gets the rest all the same. */
		if (r->left)
			loop_timer(r->owner->o.loop, &r->timer, 2 * LINGER_NS);
	} else if (!is_again()) {
		end(r, true);
	}
	return n > 0;
}

static ssize_t receive(struct relay *r, void *to, size_t room)
{
	size_t n = r->first.len < room ? r->first.len : room;

	if (!n)
		return recv(r->net, to, room, MSG_DONTWAIT);
	memcpy(to, r->first.data, n);
	buf_skip(&r->first, n);
	if (!r->first.len)
		buf_release(&r->first);
	return (ssize_t)n;
}

static bool receive_records(struct relay *r)
{
	size_t room;
	unsigned char *to = br_ssl_engine_recvrec_buf(r->engine, &room);
	ssize_t n = receive(r, to, room);

	if (n > 0)
		br_ssl_engine_recvrec_ack(r->engine, (size_t)n);
	else if (n == 0 || !is_again())
		/* After our own goodbye nothing is missing. */
		end(r, !r->plain_ended);
	return n > 0;
}

static bool give_plain(struct relay *r)
{
	size_t len;
	const unsigned char *data = br_ssl_engine_recvapp_buf(r->engine, &len);
	ssize_t n = send(r->plain, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && is_again())
		return false;
	/* When nobody reads it any more, it is thrown away. */
	br_ssl_engine_recvapp_ack(r->engine, n > 0 ? (size_t)n : len);
	return true;
}

static bool take_plain(struct relay *r)
{
	size_t room;
	unsigned char *to = br_ssl_engine_sendapp_buf(r->engine, &room);
	ssize_t n = recv(r->plain, to, room, MSG_DONTWAIT);

	if (n < 0 && is_again())
		return false;
	if (n > 0) {
		br_ssl_engine_sendapp_ack(r->engine, (size_t)n);
		br_ssl_engine_flush(r->engine, 0);
		return true;
	}
	r->plain_ended = true;
	br_ssl_engine_close(r->engine);
	return true;
}

/* Does one thing of what can be done. */
static bool step(struct relay *r, unsigned *state)
{
	*state = br_ssl_engine_current_state(r->engine);
	if (*state == BR_SSL_CLOSED) {
		end(r, br_ssl_engine_last_error(r->engine) != BR_ERR_OK);
		return false;
	}
	if (*state & (BR_SSL_SENDAPP | BR_SSL_RECVAPP))
		tell(r, true);
	if (r->buried || r->ended)
		return false;
	return (*state & BR_SSL_SENDREC && send_records(r)) || (*state & BR_SSL_RECVAPP && give_plain(r)) ||
	       (!r->ended && *state & BR_SSL_SENDAPP && !r->plain_ended && take_plain(r)) ||
	       (!r->ended && *state & BR_SSL_RECVREC && receive_records(r));
}

/* After the end: until the other has hung up as well, or for a while. */
static void linger(struct relay *r)
{
	char rest[4096];
	ssize_t n;

	if (!r->left) {
		loop_unwatch(r->owner->o.loop, &r->net_watch);
		loop_unwatch(r->owner->o.loop, &r->plain_watch);
		return;
	}
	loop_unwatch(r->owner->o.loop, &r->plain_watch);
	for (int i = 0; i < ROUNDS; i++) {
		n = recv(r->net, rest, sizeof rest, MSG_DONTWAIT);
		if (n <= 0 && (n == 0 || !is_again())) {
			bury(r);
			return;
		}
		if (n < 0)
			break;
	}
	watch(r, &r->net_watch, r->net, EPOLLIN);
}

static void run(struct relay *r)
{
	unsigned state = 0;
	int rounds = 0;

	while (!r->buried && !r->ended && rounds++ < ROUNDS && step(r, &state))
		;
	if (r->buried)
		return;
	if (r->ended) {
		linger(r);
		return;
	}
	state = br_ssl_engine_current_state(r->engine);
	watch(r, &r->net_watch, r->net,
	      (state & BR_SSL_RECVREC ? EPOLLIN : 0) | (state & BR_SSL_SENDREC ? EPOLLOUT : 0));
	watch(r, &r->plain_watch, r->plain,
	      (state & BR_SSL_SENDAPP && !r->plain_ended ? EPOLLIN : 0) |
	              (state & BR_SSL_RECVAPP ? EPOLLOUT : 0));
}

static void on_net(struct loop *l, struct watch *w, uint32_t events)
{
	(void)l;
	(void)events;
	run(list_item(w, struct relay, net_watch));
}

static void on_plain(struct loop *l, struct watch *w, uint32_t events)
{
	(void)l;
	(void)events;
	run(list_item(w, struct relay, plain_watch));
}

static void on_timer(struct loop *l, struct timer *t)
{
	struct relay *r = list_item(t, struct relay, timer);

	(void)l;
	if (!r->started) {
		r->started = true;
		run(r);
	} else if (r->left) {
		bury(r);
	}
}

/* ---- their beginning and end ---- */

static struct relay *add(struct relays *all, int fd, int *plain, struct err *e)
{
	struct relay *r = all->n < all->o.max ? calloc(1, sizeof *r) : NULL;
	int pair[2];

	if (!r || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) < 0) {
		free(r);
		err_set(e, "too many connections");
		return NULL;
	}
	r->owner = all;
	r->net = fd;
	r->plain = pair[0];
	*plain = pair[1];
	r->net_watch = (struct watch){ .fd = -1, .ready = on_net };
	r->plain_watch = (struct watch){ .fd = -1, .ready = on_plain };
	r->timer.due = on_timer;
	list_append(&all->all, &r->node);
	all->n++;
	return r;
}

/* The library looks for no randomness by itself. */
static bool seed(struct relay *r)
{
	unsigned char random[48];
	bool good = getrandom(random, sizeof random, 0) == sizeof random;

	if (good)
		br_ssl_engine_inject_entropy(r->engine, random, sizeof random);
	explicit_bzero(random, sizeof random);
	br_ssl_engine_set_buffers_bidi(r->engine, r->in, sizeof r->in, r->out, sizeof r->out);
	return good;
}

/* Everything else from the loop: the caller has not even got its socket yet. */
static struct relay *start(struct relay *r, bool good, int *plain, struct err *e)
{
	if (good) {
		loop_timer(r->owner->o.loop, &r->timer, 1);
		return r;
	}
	r->net = -1; /* still the caller's */
	fd_close(plain);
	bury(r);
	err_set(e, "TLS cannot be set up");
	return NULL;
}

struct relay *relay_serve(struct relays *all, int fd, const char *host, const void *first, size_t len,
                          int *plain, struct err *e)
{
	struct relay *r = add(all, fd, plain, e);

	if (!r)
		return NULL;
	r->server = all->server;
	r->engine = &r->server.eng;
	buf_add(&r->first, first, len);
	r->chain.data = r->leaf;
	r->chain.data_len = authority_leaf(all->o.authority, host, time(NULL), r->leaf);
	br_ssl_server_set_single_ec(&r->server, &r->chain, 1, authority_leaf_key(all->o.authority),
	                            BR_KEYTYPE_SIGN, BR_KEYTYPE_EC, &br_ec_all_m31, br_ecdsa_i31_sign_asn1);
	return start(r, !r->first.failed && r->chain.data_len && seed(r) && br_ssl_server_reset(&r->server),
	             plain, e);
}

struct relay *relay_ask(struct relays *all, int fd, const char *host, relay_done *done, void *arg, int *plain,
                        struct err *e)
{
	struct relay *r = add(all, fd, plain, e);
	const br_x509_trust_anchor *anchors;
	int64_t now_s = time(NULL);
	size_t n;

	if (!r)
		return NULL;
	r->done = done;
	r->arg = arg;
	r->client = all->client;
	r->engine = &r->client.eng;
	anchors = anchors_list(all->o.anchors, &n);
	engine_trust(&r->client, &r->trust, anchors, n);
	br_x509_minimal_set_time(&r->trust, (uint32_t)(now_s / DAY + DAYS_TO_1970), (uint32_t)(now_s % DAY));
	return start(r, *host && seed(r) && br_ssl_client_reset(&r->client, host, 0), plain, e);
}

bool relay_broken(const struct relay *r)
{
	return r->broken;
}

void relay_leave(struct relay *r, bool hard)
{
	const struct linger now = { .l_onoff = 1 };

	if (r->left || r->buried)
		return;
	r->left = true;
	r->done = NULL;
	if (hard) {
		setsockopt(r->net, SOL_SOCKET, SO_LINGER, &now, sizeof now);
		bury(r);
		return;
	}
	/* What was written is read from the socket, before its end is. */
	r->started = true;
	loop_timer(r->owner->o.loop, &r->timer, 2 * LINGER_NS);
	if (r->ended)
		linger(r);
}

struct relays *relays_new(const struct relays_options *o, struct err *e)
{
	struct relays *all = calloc(1, sizeof *all);

	if (!all) {
		err_set(e, "out of memory");
		return NULL;
	}
	all->o = *o;
	all->o.max = o->max ? o->max : MANY;
	list_init(&all->all);
	list_init(&all->dead);
	engine_server(&all->server);
	engine_client(&all->client);
	loop_after_batch(o->loop, free_dead, all);
	return all;
}

void relays_free(struct relays *all)
{
	if (!all)
		return;
	list_each(node, &all->all) bury(list_item(node, struct relay, node));
	free_dead(all);
	free(all);
}

size_t relays_n(const struct relays *all)
{
	return all->n;
}
