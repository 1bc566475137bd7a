/* Private to enforce/net: what the judges of socket calls share. */
#pragma once

#include "base/list.h"
#include "decide/decide.h"
#include "enforce/exec/call.h"
#include "enforce/net/net.h"
#include "loop/loop.h"
#include "sys/uapi/compat.h"

#include <sys/socket.h>

enum { NET_TASKS = 32, NET_OWN = 8, NET_TOLD = 64, NET_WAITING = 256 };

struct net {
	struct net_options o;
	struct net_place own[NET_OWN];
	struct decide_cache *cache;
	struct {
		pid_t tid, pid;
		int fd;     /* owned: of the task, or of its process */
	} tasks[NET_TASKS]; /* who called lately */
	struct {
		pid_t pid;
		uint64_t what;
		int64_t until;
	} told[NET_TOLD]; /* messages of which the log knows */
	struct list waiting;
	size_t n_waiting;
	size_t kept; /* bytes of messages that wait */
	struct loop *loop;
	struct timer look; /* while any waits */
};

/* One call on its way to its answer. */
struct deed {
	struct net *net;
	const struct call *k;
	const __u64 *args;
	pid_t tid;
	int sock;     /* owned: the caller's socket; closed before the answer, or whoever closes it next would
	                 not be the last */
	int64_t sent; /* messages of this call, which answers for them, whatever comes after */
	bool answered;
};

/* An address as the caller gave it, and what it means. */
struct target {
	union {
		struct sockaddr any;
		struct sockaddr_storage room;
		unsigned char bytes[sizeof(struct sockaddr_storage)];
	} raw;
	socklen_t len;
	bool inet;                /* of IPv4 or IPv6, and whole: */
	struct page_address addr; /* canonical: IPv4 wherever that is what is reached */
	uint16_t port;
};

/* ---- deed.c: answers, exactly one. They close the socket first. ------------------------------------------
 */
void deed_fail(struct deed *d, int error);
void deed_return(struct deed *d, int64_t value);
void deed_continue(struct deed *d);
/* Close what was the caller's socket: nobody waits for what is still to be sent. */
void deed_let_go(int *sock);
/* Is it put aside? Then somebody else answers. */
void deed_kept(struct deed *d);

/* The caller's socket `fd` into d->sock. 0 or errno. */
int deed_take(struct deed *d, int fd);

/* A number that getsockopt(SOL_SOCKET) tells, or -errno. */
int net_option(int sock, int name);

/* Has the calling process one thread, so that nobody else changes its descriptors? */
bool deed_alone(const struct deed *d);

/* ---- aim.c -------------------------------------------------------------------------------------------
 */

/* Read `len` bytes at `addr` of the caller. 0 or errno. */
int aim_read(const struct deed *d, uint64_t addr, int len, struct target *t);
/* What the bytes mean. */
void aim_parse(struct target *t);
/* Where a socket of IPv4 or IPv6 is itself; 0.0.0.0 and :: are every address. */
bool aim_name(int sock, struct target *t);
/* Is it reached from this machine only? */
bool aim_is_here(const struct target *t);
/* Where the proxy is, for the caller's socket. */
bool aim_proxy(const struct deed *d, int family, struct target *t);
/* Where names are asked for by it, whomever it means to ask: at port 53, the session's own service; false:
 * nobody else answers for him. */
bool aim_names(const struct deed *d, int family, const struct target *meant, struct target *t);
/* "192.0.2.1:80", "[2001:db8::1]:80"; "192.0.2.1", "2001:db8::1". */
enum { TARGET_TEXT = 64 };
const char *aim_address(const struct target *t, char out[TARGET_TEXT]);
const char *aim_text(const struct target *t, char out[TARGET_TEXT]);

/* ---- settle.c --------------------------------------------------------------------------------------------
 */

struct judged {
	struct verdict verdict;
	char domain[PAGE_NAME]; /* of the rule that decided, "" = by the address */
	bool proxied;           /* allowed only as what the proxy finds it to be */
	bool own;               /* it is ours */
	bool noted;             /* it is the proxy, which is to know who comes */
};

/* The policy on an address of IPv4 or IPv6. */
void settle_target(struct deed *d, const struct target *t, bool stream, struct judged *out);

/* Tell of it, by what was judged. True: do it. False: it was refused and answered, or waits for an approval.
 */
struct net_report {
	const char *type, *operation;
	const char *remote, *domain, *path; /* or NULL */
	const char *protocol;
	const char *listener;    /* or NULL */
	const struct target *at; /* or NULL; instead of `remote`, which then only names it in messages */
	int port;                /* -1 = none */
	bool often;              /* of many alike the first is told */
	bool aside;              /* no part of what the command is about */
	bool abstract;
};
bool settle_call(struct deed *d, struct verdict v, const struct net_report *r);

/* ---- whose.c --------------------------------------------------------------------------------------------
 */

/* The socket of the deed listens. */
void whose_remember(const struct deed *d);
/* After the policy. What the event says of who listens there: NULL, "foreign", or "unknown". */
const char *whose_judge(const struct deed *d, const struct target *t, struct judged *j);

/* ---- calls: 0 when answered, or the errno to answer with ------------------------------------------------
 */
int connect_judge(struct deed *d);
int send_judge(struct deed *d, int nr);
int listen_judge(struct deed *d);
/* 0 and not answered: it may go on. */
int bind_judge_name(struct deed *d);

/* ---- wait.c ---------------------------------------------------------------------------------------------
 */

enum waited { WAITED_DONE, WAITED_MORE, WAITED_SOME /* more, and it comes to an end */ };

struct waiting {
	struct list node;
	struct net *net;
	struct watch room; /* of the socket; fd -1: it does not say */
	int listener;      /* owned: a copy */
	uint64_t id;
	pid_t tid, pid;
	int sock;         /* owned */
	int64_t end_ns;   /* of the caller's patience; 0 = none */
	int end_error;    /* what is answered then, or to a signal, where … */
	int64_t done;     /* … nothing was done; else this */
	int64_t asked_ns; /* when it was looked whether a signal came */
	/* Try again. WAITED_DONE: *value is the answer, negative -errno. */
	enum waited (*again)(struct waiting *w, int64_t *value);
	void (*drop)(struct waiting *w); /* what it holds beside; or NULL */
	void *arg;
	bool stream;
	struct target to;
};

/* Put the call aside; its socket goes over. NULL: there are too many. The caller sets what is not known here.
 * `tells`: when the socket has room, or its connection is there, it says so. */
struct waiting *wait_put(struct deed *d, bool tells);
void wait_free(struct net *n);
