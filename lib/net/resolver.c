#include "net/resolver_impl.h"

#include "base/buf.h"
#include "base/fd.h"
#include "base/room.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/random.h>
#include <unistd.h>

enum { JOBS_MAX = 256, ROUNDS = 2, TTL_MIN = 1, TTL_TOP = 3600, NONE_TTL = 5, PACKET = 4096 };
#define PATIENCE_NS (5 * 1000000000LL)
/* How long the other kind of address is waited for, once there is one. */
#define GRACE_NS (200 * 1000000LL)

struct job;

/* One question of a job: A or AAAA. */
struct leg {
	struct job *job;
	struct watch watch;
	struct timer timer;
	struct dns_query asked;
	struct dns_found found;
	int tries;
	bool tcp, done, good;
	struct buf out, in; /* over TCP */
	size_t sent;
};

struct job {
	struct list node;
	struct resolver *resolver;
	struct list waits;
	struct leg legs[2];
	struct timer grace;
	char name[DNS_NAME_MAX + 1];
};

struct resolver {
	struct loop *loop;
	struct resolver_files files;
	struct resolver_memory *memory;
	int64_t patience_ns;
	struct list jobs;
	int n_jobs;
};

static void try_next(struct leg *g);

static void leg_close(struct leg *g)
{
	struct loop *l = g->job->resolver->loop;
	int fd = g->watch.fd;

	loop_untimer(l, &g->timer);
	loop_unwatch(l, &g->watch);
	fd_close(&fd);
	buf_release(&g->out);
	buf_release(&g->in);
	g->sent = 0;
}

static void job_free(struct job *j)
{
	leg_close(&j->legs[0]);
	leg_close(&j->legs[1]);
	loop_untimer(j->resolver->loop, &j->grace);
	list_each(node, &j->waits) resolver_cancel(list_item(node, struct resolver_wait, node));
	list_remove(&j->node);
	j->resolver->n_jobs--;
	free(j);
}

static void gather(const struct leg *g, struct resolver_answer *out)
{
	const struct dns_found *f = &g->found;

	if (!g->good)
		return;
	for (size_t i = 0; i < f->n; i++)
		out->addresses[out->n++] = f->addresses[i];
	if (f->ttl < out->ttl)
		out->ttl = f->ttl;
	for (size_t i = 0; i < f->n_aliases && out->n_aliases < DNS_ALIASES; i++) {
		size_t k = 0;

		while (k < out->n_aliases && strcmp(out->aliases[k], f->aliases[i]))
			k++;
		if (k == out->n_aliases)
			strcpy(out->aliases[out->n_aliases++], f->aliases[i]);
	}
}

static void conclude(const struct job *j, struct resolver_answer *out)
{
	const struct leg *four = &j->legs[0], *six = &j->legs[1];

	*out = (struct resolver_answer){ .ttl = TTL_TOP };
	gather(four, out);
	gather(six, out);
	if (out->n) {
		out->status = RESOLVER_FOUND;
	} else if (four->good && six->good) {
		out->status = RESOLVER_NONE;
		out->no_such_name = four->found.code == DNS_NXDOMAIN || six->found.code == DNS_NXDOMAIN;
		out->ttl = NONE_TTL;
	}
	if (out->ttl < TTL_MIN)
		out->ttl = TTL_MIN;
}

/* Whoever is told may ask again, or cancel another who waits. */
static void finish(struct job *j)
{
	struct resolver_answer answer;
	struct list waits;

	conclude(j, &answer);
	/* What one of two servers' answers lacked is asked for again next time. */
	if (answer.status != RESOLVER_FAILED && j->legs[0].good && j->legs[1].good)
		resolver_remember(j->resolver->memory, j->name, &answer);
	list_init(&waits);
	list_each(node, &j->waits)
	{
		list_remove(node);
		list_append(&waits, node);
	}
	job_free(j);
	while (!list_empty(&waits)) {
		struct resolver_wait *w = list_item(waits.next, struct resolver_wait, node);

		resolver_cancel(w);
		w->done(w->arg, &answer);
	}
}

static void on_grace(struct loop *l, struct timer *t)
{
	(void)l;
	finish(list_item(t, struct job, grace));
}

/* `good`: a server has answered, with or without addresses. */
static void leg_done(struct leg *g, bool good)
{
	struct job *j = g->job;

	leg_close(g);
	g->done = true;
	g->good = good;
	if (j->legs[0].done && j->legs[1].done)
		finish(j);
	else if (good && g->found.n)
		loop_timer(j->resolver->loop, &j->grace, GRACE_NS);
}

static void on_silence(struct loop *l, struct timer *t)
{
	(void)l;
	try_next(list_item(t, struct leg, timer));
}

static const union resolver_server *server_of(const struct leg *g)
{
	const struct resolver_files *f = &g->job->resolver->files;

	return &f->servers[g->tries % f->n_servers];
}

/* A socket that hears this server only; the kernel chooses the port. */
static int open_socket(struct leg *g, int type)
{
	const union resolver_server *s = server_of(g);
	socklen_t len = s->sa.sa_family == AF_INET ? sizeof s->in : sizeof s->in6;
	int fd = socket(s->sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	if (connect(fd, &s->sa, len) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	g->watch.fd = fd;
	if (loop_watch(g->job->resolver->loop, &g->watch, type == SOCK_DGRAM ? EPOLLIN : EPOLLOUT, NULL) <
	    0) {
		g->watch.fd = -1;
		close(fd);
		return -1;
	}
	return 0;
}

static size_t write_question(struct leg *g, uint8_t *out, size_t size)
{
	if (getrandom(&g->asked.id, sizeof g->asked.id, 0) != sizeof g->asked.id)
		return 0;
	return dns_write_query(out, size, g->asked.id, g->asked.name, g->asked.type);
}

static int64_t patience(const struct leg *g)
{
	const struct resolver *r = g->job->resolver;

	return r->patience_ns / (ROUNDS * r->files.n_servers);
}

static bool start_udp(struct leg *g)
{
	uint8_t packet[512];
	size_t n = write_question(g, packet, sizeof packet);

	g->tcp = false;
	return n && open_socket(g, SOCK_DGRAM) == 0 &&
	       send(g->watch.fd, packet, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static bool start_tcp(struct leg *g)
{
	uint8_t packet[514];
	size_t n = write_question(g, packet + 2, sizeof packet - 2);

	leg_close(g);
	g->tcp = true;
	packet[0] = (uint8_t)(n >> 8);
	packet[1] = (uint8_t)n;
	buf_add(&g->out, packet, n + 2);
	if (!n || g->out.failed || open_socket(g, SOCK_STREAM) < 0)
		return false;
	loop_timer(g->job->resolver->loop, &g->timer, patience(g));
	return true;
}

/* The next server, and each of them ROUNDS times. */
static void try_next(struct leg *g)
{
	for (;;) {
		leg_close(g);
		if (++g->tries >= ROUNDS * g->job->resolver->files.n_servers) {
			leg_done(g, false);
			return;
		}
		if (start_udp(g)) {
			loop_timer(g->job->resolver->loop, &g->timer, patience(g));
			return;
		}
	}
}

/* An answer to the question: settled, or for another server. */
static void take_found(struct leg *g)
{
	if (g->found.cut && !g->tcp) {
		if (!start_tcp(g))
			try_next(g);
	} else if (!g->found.cut && (g->found.code == DNS_OK || g->found.code == DNS_NXDOMAIN)) {
		leg_done(g, true);
	} else {
		try_next(g);
	}
}

static void read_packet(struct leg *g)
{
	uint8_t ROOM packet[PACKET];
	ssize_t n = recv(g->watch.fd, packet, sizeof packet, 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0)
		try_next(g);
	else if (dns_read_answer(packet, (size_t)n, &g->asked, &g->found))
		take_found(g);
	/* Else somebody else's words, or nonsense: the true answer may come still. */
}

static bool send_question(struct leg *g)
{
	ssize_t n = send(g->watch.fd, g->out.data + g->sent, g->out.len - g->sent, MSG_NOSIGNAL);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	g->sent += (size_t)n;
	if (g->sent == g->out.len)
		loop_rewatch(g->job->resolver->loop, &g->watch, EPOLLIN);
	return true;
}

static void read_stream(struct leg *g)
{
	uint8_t ROOM piece[PACKET];
	ssize_t n = recv(g->watch.fd, piece, sizeof piece, 0);
	const uint8_t *in;
	size_t want;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		buf_add(&g->in, piece, (size_t)n);
	in = (const uint8_t *)g->in.data;
	want = g->in.len >= 2 ? ((size_t)in[0] << 8 | in[1]) + 2 : 2;
	if (n > 0 && !g->in.failed && g->in.len < want)
		return;
	if (n > 0 && !g->in.failed && g->in.len == want &&
	    dns_read_answer(in + 2, want - 2, &g->asked, &g->found))
		take_found(g);
	else
		try_next(g);
}

static void on_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct leg *g = list_item(w, struct leg, watch);

	(void)l;
	if (!g->tcp)
		read_packet(g);
	else if (g->sent == g->out.len)
		read_stream(g);
	else if (!(events & EPOLLOUT) || !send_question(g))
		try_next(g);
}

static void leg_init(struct job *j, struct leg *g, uint16_t type)
{
	*g = (struct leg){ .job = j, .tries = -1 };
	g->watch = (struct watch){ .fd = -1, .ready = on_ready };
	g->timer.due = on_silence;
	g->out.max = 514;
	g->in.max = DNS_MESSAGE_MAX + 2;
	g->asked.type = type;
	strcpy(g->asked.name, j->name);
}

static struct job *job_of(struct resolver *r, const char *name)
{
	list_each(node, &r->jobs)
	{
		struct job *j = list_item(node, struct job, node);

		if (!strcmp(j->name, name))
			return j;
	}
	return NULL;
}

static struct job *job_new(struct resolver *r, const char *name, struct err *e)
{
	struct job *j;

	if (strlen(name) > DNS_NAME_MAX || r->n_jobs == JOBS_MAX) {
		err_set(e, r->n_jobs == JOBS_MAX ? "too many names are asked for" : "name too long");
		return NULL;
	}
	j = calloc(1, sizeof *j);
	if (!j) {
		err_set(e, "out of memory");
		return NULL;
	}
	j->resolver = r;
	j->grace.due = on_grace;
	strcpy(j->name, name);
	list_init(&j->waits);
	leg_init(j, &j->legs[0], DNS_A);
	leg_init(j, &j->legs[1], DNS_AAAA);
	list_append(&r->jobs, &j->node);
	r->n_jobs++;
	/* From the loop: nobody is told before this function returns. */
	loop_timer(r->loop, &j->legs[0].timer, 0);
	loop_timer(r->loop, &j->legs[1].timer, 0);
	return j;
}

int resolver_ask(struct resolver *r, const char *name, struct resolver_wait *w, struct err *e)
{
	struct job *j = job_of(r, name);

	if (!j) {
		/* They may move while others ask: what is in use is replaced as a whole, and counted modulo.
		 */
		resolver_read_servers(&r->files);
		j = job_new(r, name, e);
	}
	if (!j)
		return -1;
	list_append(&j->waits, &w->node);
	w->waits = true;
	return 0;
}

void resolver_cancel(struct resolver_wait *w)
{
	if (w->waits)
		list_remove(&w->node);
	w->waits = false;
}

bool resolver_known(struct resolver *r, const char *name, struct resolver_answer *out)
{
	return resolver_local(&r->files, name, out) || resolver_recall(r->memory, name, out);
}

struct resolver *resolver_new(const struct resolver_options *o, struct err *e)
{
	struct resolver *r = calloc(1, sizeof *r);

	if (!r || !(r->memory = resolver_memory_new())) {
		free(r);
		err_set(e, "out of memory");
		return NULL;
	}
	r->loop = o->loop;
	r->patience_ns = o->patience_ns ? o->patience_ns : PATIENCE_NS;
	r->files.hosts_file.path = o->hosts ? o->hosts : "/etc/hosts";
	r->files.servers_file.path = o->servers ? o->servers : "/etc/resolv.conf";
	r->files.port = o->port ? o->port : 53;
	list_init(&r->jobs);
	return r;
}

void resolver_free(struct resolver *r)
{
	if (!r)
		return;
	list_each(node, &r->jobs) job_free(list_item(node, struct job, node));
	resolver_memory_free(r->memory);
	resolver_forget_files(&r->files);
	free(r);
}
