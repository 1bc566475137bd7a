/* Private to the name service. */
#pragma once

#include "proxy/limits.h"
#include "proxy/names.h"
#include "proxy/tell.h"

#include "base/list.h"

#include <netinet/in.h>
#include <sys/socket.h>

enum { QUESTION_MAX = 512 };

struct asker;

/* Somebody waits for an answer. */
struct pending {
	struct list node;
	struct names *names;
	struct resolver_wait wait;
	struct resolver_pass pass;
	struct asker *client; /* over TCP, else NULL … */
	struct sockaddr_storage from;
	socklen_t from_len;
	struct in6_pktinfo to; /* the address that was asked, where all are ours */
	size_t len;
	uint8_t message[QUESTION_MAX];
	struct dns_query query; /* of `message` */
};

struct names {
	struct names_options o;
	struct teller teller;
	struct limits limits;
	struct watch udp, tcp;
	int udp_fd, tcp_fd; /* owned */
	struct list pending, clients;
	int n_pending, n_clients;
	uint8_t out[2 + DNS_MESSAGE_MAX]; /* an answer as it is written, behind its length */
};

/* names.c: a question has come. `like`: its bytes, and from where over UDP; `c` NULL = over UDP. False: there
 * will be no answer. */
bool names_take_query(struct names *n, struct asker *c, const struct pending *like);
/* Where its answer is written, and how much of it there may be. */
uint8_t *names_query_room(const struct pending *p, size_t *size);
/* It has been written there: send it. Frees the question. */
void names_answer_query(struct pending *p, size_t len);
void names_fail_query(struct pending *p, int code);

/* names_judge.c: answers, now or later. */
void names_judge_query(struct pending *p);

/* names_tcp.c */
void names_tcp_accept(struct names *n);
/* An answer of `len` bytes lies in n->out, behind room for its length. */
void names_tcp_answer(struct asker *c, size_t len);
/* The first of n->clients goes. */
void names_tcp_drop_first(struct names *n);
