#include "net/resolver_impl.h"

#include <stdlib.h>
#include <string.h>

enum { JOBS_MAX = 256, PASSES_MAX = 64, TTL_MIN = 1, TTL_TOP = 3600, NONE_TTL = 5 };
#define PATIENCE_NS (5 * 1000000000LL)
/* How long the other kind of address is waited for, once there is one. */
#define GRACE_NS (200 * 1000000LL)

struct job;

/* One question of a job: A or AAAA. */
struct leg {
	struct job *job;
	struct asking asking;
	struct dns_found found;
	bool done, good;
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
	int n_jobs, n_passes;
};

static void job_free(struct job *j)
{
	asking_end(&j->legs[0].asking);
	asking_end(&j->legs[1].asking);
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

	g->done = true;
	g->good = good;
	if (j->legs[0].done && j->legs[1].done)
		finish(j);
	else if (good && g->found.n)
		loop_timer(j->resolver->loop, &j->grace, GRACE_NS);
}

static enum heard hear_addresses(struct asking *a, const uint8_t *message, size_t len)
{
	struct leg *g = list_item(a, struct leg, asking);

	if (!dns_read_answer(message, len, &a->asked, &g->found))
		return HEARD_NOTHING;
	if (g->found.cut)
		return HEARD_CUT;
	return g->found.code == DNS_OK || g->found.code == DNS_NXDOMAIN ? HEARD_ANSWER : HEARD_REFUSAL;
}

static void on_heard(struct asking *a, const uint8_t *message, size_t len)
{
	(void)len;
	leg_done(list_item(a, struct leg, asking), message != NULL);
}

static void asking_init(struct resolver *r, struct asking *a, const char *name, uint16_t type)
{
	a->loop = r->loop;
	a->files = &r->files;
	a->patience_ns = r->patience_ns;
	a->asked.type = type;
	strcpy(a->asked.name, name);
}

static void leg_init(struct job *j, struct leg *g, uint16_t type)
{
	g->job = j;
	asking_init(j->resolver, &g->asking, j->name, type);
	g->asking.hear = hear_addresses;
	g->asking.done = on_heard;
	/* Nobody is told before resolver_ask() returns. */
	asking_start(&g->asking);
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

static enum heard hear_anything(struct asking *a, const uint8_t *message, size_t len)
{
	bool cut;
	int code;

	if (!dns_read_head(message, len, &a->asked, &code, &cut))
		return HEARD_NOTHING;
	if (cut)
		return HEARD_CUT;
	return code == DNS_OK || code == DNS_NXDOMAIN ? HEARD_ANSWER : HEARD_REFUSAL;
}

static void on_passed(struct asking *a, const uint8_t *message, size_t len)
{
	struct resolver_pass *p = list_item(a, struct resolver_pass, asking);

	p->resolver->n_passes--;
	p->resolver = NULL;
	p->done(p->arg, message, len);
}

int resolver_pass(struct resolver *r, const char *name, uint16_t type, struct resolver_pass *p, struct err *e)
{
	if (strlen(name) > DNS_NAME_MAX || r->n_passes == PASSES_MAX)
		return err_set(e, "too many names are asked for");
	resolver_read_servers(&r->files);
	r->n_passes++;
	p->resolver = r;
	p->asking = (struct asking){ .hear = hear_anything, .done = on_passed };
	asking_init(r, &p->asking, name, type);
	asking_start(&p->asking);
	return 0;
}

void resolver_pass_cancel(struct resolver_pass *p)
{
	if (!p->resolver)
		return;
	asking_end(&p->asking);
	p->resolver->n_passes--;
	p->resolver = NULL;
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
