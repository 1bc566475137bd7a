/* Private to lib/proxy: one connection and its stations.
 *
 * FLOW or HELLO or HEAD, from there
 * HEAD -> (RESOLVE ->) DIAL -> TUNNEL or EXCHANGE; an exchange leads back to HEAD; any leads to LINGER or
 * ENDED. An ended connection is freed after the batch, so whoever calls something only asks for the state
 * after it.
 */
#pragma once

#include "proxy/frame.h"
#include "proxy/limits.h"
#include "proxy/proxy.h"
#include "proxy/target.h"
#include "proxy/tell.h"

#include "base/buf.h"
#include "http/parse.h"
#include "tls/relay.h"

enum conn_state {
	CONN_FLOW,      /* nobody has said yet who that is */
	CONN_HELLO,     /* led here, and TLS most likely: what it says first is to come */
	CONN_INTERCEPT, /* the client of a host whose TLS is ended here is to say the first of it */
	CONN_HEAD,      /* a request is to come, or has come in part */
	CONN_HELD,      /* somebody is asked whether it may go on */
	CONN_RESOLVE,   /* its host's addresses are asked for */
	CONN_DIAL,      /* they are tried */
	CONN_SECURE,    /* the server is to prove who it is */
	CONN_TUNNEL,    /* bytes go both ways */
	CONN_EXCHANGE,  /* a request goes one way, its answer the other */
	CONN_LINGER,    /* an answer of ours goes out; what the client still says is thrown away */
	CONN_ENDED
};

/* One of the two sockets. */
struct end {
	struct watch watch;
	int fd;              /* owned, -1 = none */
	bool ended;          /* it says no more */
	bool closed;         /* we say no more to it */
	struct relay *relay; /* TLS is spoken there, and `fd` is this relay's; NULL = it is not */
};

/* Bytes on their way from one end to the other: in a pipe where there are many, else in memory. */
struct way {
	struct buf rest; /* what could not be sent yet */
	int pipe[2];     /* of the pool while it is used; -1 = none */
	size_t piped;
	bool bulk, spare; /* spare: there was more than belongs there */
	uint64_t total;
};

struct conn {
	struct list node;
	struct proxy *proxy;
	enum conn_state state;
	struct end client, server;
	struct way up, down;
	struct timer timer;
	struct http_parser request;
	struct buf in; /* from the client, behind the head */
	struct target target;
	struct page_flow flow; /* who it is; serial 0 = not known, then to.len 0 = nor where it is led from */
	int family;
	uint16_t port;     /* it comes from */
	int looks;         /* for its flow, in vain */
	bool transparent;  /* its client means to talk to flow.to */
	bool tls;          /* a tunnel from the start: whatever we say to it is no HTTP */
	char *kept;        /* owned: whose connection `server` still is, after an exchange; NULL = nobody's */
	bool server_keeps; /* it says so */
	bool again;        /* this request is the second or later on it */
	bool is_connect;
	bool gate;                     /* what the client says first in a tunnel is to be looked at */
	bool upgrade;                  /* the request wants a websocket */
	bool keep;                     /* the client's connection may serve another request */
	bool is_head;                  /* HEAD: the answer has no body */
	bool answered;                 /* something of an answer has been sent to the client */
	bool up_lost;                  /* the server does not take the rest of the request */
	bool hung_up;                  /* the client says no more, while its answer is on its way */
	bool opened;                   /* a connection was told of; its end is, too */
	bool inside;                   /* the requests come from within TLS, all for the target's host */
	struct net_redirect *redirect; /* owned: where it is led instead of its target; NULL = nowhere */
	bool followed;                 /* that was tried, and could not be done */
	struct verdict held;           /* what is asked about, or was approved, in `approval` */
	char approval[48];             /* "" = nothing */
	struct resolver_wait wait;
	struct dns_address addresses[RESOLVER_ADDRESSES]; /* judged, to be tried from `next` on */
	size_t n_addresses, next;
	struct http_parser answer;
	struct frame asking, answering;
};

enum { PROXY_SCRATCH = 65536, PIPES_KEPT = 8, PIPES_MAX = 128 };

struct pipe_pair {
	int fd[2];
};

struct listener {
	struct watch watch;
	struct proxy *proxy;
	int fd; /* owned, also while it is not watched */
	struct page_address addr;
	uint16_t port;
};

struct proxy {
	struct proxy_options o;
	struct listener listeners[PROXY_LISTENERS];
	size_t n_listeners;
	uint64_t n_batches, accepted_in; /* the batch in which somebody came last */
	struct timer pause;              /* after running out of descriptors */
	uint64_t *served[2];             /* the serial of the last flow from each port, of IPv4 and IPv6 */
	struct list conns;               /* oldest first */
	struct list dead;
	uint64_t n_asked; /* approvals */
	int n_conns, n_pipes, n_kept;
	struct pipe_pair kept[PIPES_KEPT];
	struct teller teller;
	struct limits limits; /* of names whose requests are to be approved */
	char scratch[PROXY_SCRATCH];
};

/* Rules of the proxy's own. */
enum proxy_rule {
	RULE_MALFORMED,
	RULE_NAME_MISMATCH,
	RULE_NO_NAME,
	RULE_HIDDEN_NAME,
	RULE_NOT_TLS,
	RULE_STRANGER,
	RULE_OWN,
	RULE_FOREIGN,
	RULE_UNTRUSTED
};
struct verdict proxy_rule(enum proxy_rule which);

/* conn.c */
struct conn *conn_new(struct proxy *p, int fd); /* flow_start() is next */
void conn_end(struct conn *c);                  /* as if both had hung up */
void conn_break(struct conn *c);                /* both are told that it did not end well */
void conn_free(struct conn *c);
void conn_interest(struct conn *c); /* wait for what the state needs */
void conn_timer(struct conn *c, int64_t in_ns);
void conn_next(struct conn *c); /* another request on the client's connection */
void conn_drop_server(struct conn *c);

/* flow.c: who it is. */
struct sockaddr;
void flow_start(struct conn *c, const struct listener *at, const struct sockaddr *from);
void flow_look(struct conn *c); /* CONN_FLOW, again */
/* "address:port" it was to lead to, into TARGET_TEXT bytes. */
const char *flow_text(const struct conn *c, char *out);
/* CONN_HELLO: there are bytes, or (late) there have been none for a long time. */
void flow_hello(struct conn *c, bool late);

/* request.c: a request has come. */
void request_read(struct conn *c); /* CONN_HEAD, and there are bytes */

/* judge.c: where it may go. Leads to CONN_RESOLVE, CONN_DIAL, or a refusal. */
void judge_target(struct conn *c);
/* Whether a policy lets this address be reached by no name at all. */
struct verdict judge_address(const struct conn *c);
/* May this name be meant by whoever is connected to that address? */
bool judge_name(const struct conn *c, const char *name, struct verdict *v);

/* The log first, then what the verdict on all that is known says; c->addresses are to be tried. */
void judge_go(struct conn *c, const struct verdict *v);
void judge_take(struct conn *c, const struct resolver_answer *answer, bool led);
/* May whoever is there be called anything, or nothing? */
bool judge_exactly(const struct conn *c);

/* redirect.c: where the operator leads connections. */
bool redirect_begin(struct conn *c, const struct verdict *v); /* false: it goes where it says */
bool redirect_name(struct conn *c);                           /* false: its name is to be looked up */
bool redirect_give_up(struct conn *c);                        /* false: that is all there is to try */
uint16_t redirect_port(const struct conn *c);
/* Text of it for the client, "" = none. */
const char *redirect_notice(const struct conn *c);

/* approve.c: what somebody is asked. */
void approve_ask(struct conn *c, const struct verdict *v);
void approve_end(struct conn *c, bool approved, const char *reason);

/* dial.c */
void dial_next(struct conn *c);
void dial_ready(struct conn *c);

/* tunnel.c */
void tunnel_start(struct conn *c);
enum { TUNNEL_UP = 1, TUNNEL_DOWN = 2 };
void tunnel_run(struct conn *c, unsigned ways); /* those to look at */

/* intercept.c: hosts whose TLS is ended here. */
bool intercept_applies(const struct conn *c);
void intercept_start(struct conn *c);   /* the target may be reached: it is the client's turn */
void intercept_read(struct conn *c);    /* CONN_INTERCEPT, and there are bytes */
void intercept_request(struct conn *c); /* a head has come from inside */
void intercept_dialled(struct conn *c); /* there is a connection to the server */

/* exchange.c */
void exchange_start(struct conn *c);
/* The same server is asked once more, on the connection that is there. */
bool exchange_again(struct conn *c);
void exchange_run(struct conn *c);

/* head.c: heads as they are passed on. False: out of memory. */
bool head_is_websocket(const struct http_head *h);
bool head_request(struct conn *c, struct buf *out);
bool head_answer(struct conn *c, struct buf *out);

/* way.c: move what there is. WAY_LOST is about the reader, WAY_BROKEN about who sends. */
enum way_state { WAY_EMPTY, WAY_BLOCKED, WAY_ENDED, WAY_LOST, WAY_BROKEN, WAY_MORE };
enum way_state way_move(struct proxy *p, struct way *w, struct end *from, struct end *to, struct frame *frame,
                        struct buf *beyond);
/* Send; what is not taken is kept. Nothing may be kept already. */
enum way_state way_send(struct way *w, const struct end *to, const char *data, size_t len);
enum way_state way_flush(struct proxy *p, struct way *w, const struct end *to);
bool way_blocked(const struct way *w);
void way_release(struct proxy *p, struct way *w);

/* refuse.c: an answer of ours. */
void refuse_by(struct conn *c, const struct verdict *v);
void refuse_with(struct conn *c, int status, const char *why);
void refuse_linger(struct conn *c);
/* What TLS calls that, and no more. */
void refuse_tls(struct conn *c, bool alert);

/* tell.c: events. False: not kept, so what is told of must not happen. */
bool tell_name(struct conn *c, const struct verdict *v, const struct resolver_answer *answer);
bool tell_dropped(struct conn *c, const struct verdict *v, const struct dns_address *a);
bool tell_request(struct conn *c, const struct verdict *v, const struct dns_address *a);
bool tell_malformed(struct conn *c, const struct verdict *v, const char *why);
bool tell_redirect(struct conn *c, const struct verdict *v);
bool tell_name_redirect(struct conn *c, const struct verdict *v, const struct net_redirect *r);
bool tell_asked(struct conn *c, int64_t ns);
void tell_answered(struct conn *c, bool approved, const char *reason);
bool tell_stranger(struct conn *c, const struct verdict *v);
bool tell_tls(struct conn *c, const struct verdict *v, const char *name);
bool tell_distrusted(struct conn *c, const struct verdict *v, const char *why);
void tell_closed(struct conn *c);
