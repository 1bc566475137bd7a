/* proxied_impl - shared by proxied*.c only. */
#pragma once

#include "loop/loop.h"
#include "session/proxied.h"

#include <netinet/in.h>
#include <stdint.h>

/* Its sockets. */
enum {
	PROXIED_TCP4,
	PROXIED_TCP6,
	PROXIED_DNS_UDP,
	PROXIED_DNS_TCP,
	PROXIED_HTTP, /* at every address, in a namespace of the session's own */
	PROXIED_HTTPS,
	PROXIED_SOCKETS
};
union address {
	struct sockaddr any;
	struct sockaddr_in in;
	struct sockaddr_in6 in6;
};

struct waiting {
	struct watch watch;
	struct proxied *proxied;
};

struct proxied {
	struct session *session;
	struct proxied_places places;
	char url[80];
	int fds[PROXIED_SOCKETS];                /* owned, -1 = none */
	struct waiting watches[PROXIED_SOCKETS]; /* while nobody serves them */
	int space;                               /* owned, -1 = none */
	char lacks[160];                         /* why there is none */
	int page;
	char trust[64];    /* a file of whom clients are to trust; "" = TLS goes through as it is */
	int trust_fd;      /* owned, -1 = none */
	struct ring *ring; /* with the first process */
	struct ring_record stuck;
	int control; /* of the process; -1 = there is none */
	struct watch said;
	int asking; /* where it asks whose a connection is */
	struct watch asked;
	int64_t asked_ns; /* when this second of asking began, and how often it did since */
	unsigned n_asked;
	pid_t pid;
	int pidfd;
	bool demands; /* it serves only whom the supervisor has seen to connect */
	struct timer retry;
	int64_t since_ns;
	unsigned deaths, failures; /* in all; since one lasted */
};

/* One for all sessions. */
struct proxied_shared {
	uint8_t *bits;
	int ports;  /* for others: read only */
	int own;    /* the same, for the program after us */
	bool swept; /* files of whom to trust that others left */
};

/* proxied.c */
struct proxied *proxied_make(struct session *s); /* without anything */
void proxied_places_of(struct proxied *p);       /* from its sockets */
int proxied_map_ports(struct proxied_shared *p, struct err *e);

/* A socket there of this type that listens, on any port where that is 0. -1 with errno. */
int proxied_bind(union address *a, int type);

/* proxied_apart.c: those of a namespace, before and after what is the same everywhere. */
int proxied_apart_begin(struct proxied *p, struct err *e); /* what to come back by; -1 = it has none */
int proxied_apart_end(struct proxied *p, int back, struct err *e);

/* proxied_trust.c: what commands need where sandbox.network.tls_inspection lists hosts. */
bool proxied_inspects(const struct session *s);
int proxied_trust_open(struct proxied *p, struct err *e);
void proxied_trust_close(struct proxied *p);
int proxied_trust_send(const struct proxied *p, struct err *e);
size_t proxied_trust_env(const struct proxied *p, struct policy_pair *out);

/* proxied_worker.c: wait for the first thing that comes; end what serves them. */
int proxied_wait(struct proxied *p, struct err *e);
int proxied_start(struct proxied *p, struct err *e); /* at once, and until it serves */
void proxied_end(struct proxied *p);
int proxied_hear(struct proxied *p, struct err *e); /* one that runs already */
