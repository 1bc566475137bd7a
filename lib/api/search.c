#include "api/impl.h"

#include "audit/query.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"

#include <string.h>

enum { SEARCH_SECONDS = 20 };

struct searching {
	const char *log;
	const struct query *query;
};

/* Where the texts of a query live. */
struct search_words {
	char command[130], types[1024], decision[32], path[1030], domain[1030], text[1030], since[64],
	        until[64], limit[24], offset[24], order[8], session[130];
};

static int write_found(const void *arg, int fd)
{
	const struct searching *s = arg;

	return fd_write(fd, "200 ", 4) < 0 || query_write(s->log, s->query, fd, NULL) < 0 ? -1 : 0;
}

static void start(struct call *c, const struct query *q)
{
	const struct searching s = { c->api->core->config->audit.output, q };
	const struct api_work work = { .write = write_found,
		                       .arg = &s,
		                       .failed = "the audit log cannot be read",
		                       .late = "the search took too long; ask for a shorter time",
		                       .seconds = SEARCH_SECONDS };

	api_work_start(c, &work);
}

/* A text of the query into `out`; *to stays NULL when it is absent or empty. */
static bool word(struct call *c, const char *name, char *out, size_t size, const char **to)
{
	int got = http_query(c->request->query, name, out, size);

	if (got < 0)
		api_error(c, 400, "invalid %s", name);
	if (got > 0 && *out)
		*to = out;
	return got >= 0;
}

static bool count(struct call *c, const char *name, char *out, size_t size, int64_t *to)
{
	const char *text = NULL;

	if (!word(c, name, out, size, &text))
		return false;
	if (!text || num_i64(text, INT64_MIN, INT64_MAX, to))
		return true;
	api_error(c, 400, "invalid %s", name);
	return false;
}

static bool moment(struct call *c, const char *name, char *out, size_t size, int64_t *to)
{
	const char *text = NULL;

	if (!word(c, name, out, size, &text))
		return false;
	if (!text || query_time(text, clock_real_ns(), to))
		return true;
	api_error(c, 400, "invalid %s", name);
	return false;
}

static bool read_query(struct call *c, struct search_words *w, struct query *q)
{
	const char *order = NULL;

	if (!word(c, "command_id", w->command, sizeof w->command, &q->command) ||
	    !word(c, "type", w->types, sizeof w->types, &q->types) ||
	    !word(c, "decision", w->decision, sizeof w->decision, &q->decision) ||
	    !word(c, "path_like", w->path, sizeof w->path, &q->path_like) ||
	    !word(c, "domain_like", w->domain, sizeof w->domain, &q->domain_like) ||
	    !word(c, "text_like", w->text, sizeof w->text, &q->text_like) ||
	    !word(c, "order", w->order, sizeof w->order, &order))
		return false;
	if (!count(c, "limit", w->limit, sizeof w->limit, &q->limit) ||
	    !count(c, "offset", w->offset, sizeof w->offset, &q->offset) ||
	    !moment(c, "since", w->since, sizeof w->since, &q->since_ns) ||
	    !moment(c, "until", w->until, sizeof w->until, &q->until_ns))
		return false;
	if (order && !query_order(order, &q->ascending)) {
		api_error(c, 400, "invalid order");
		return false;
	}
	if (q->command && !api_id_ok(q->command)) {
		api_error(c, 400, "invalid command id");
		return false;
	}
	return true;
}

/* A session that has ended has a history, too. */
void api_history(struct call *c)
{
	struct search_words w;
	struct query q = { .session = c->args[0] };

	if (!session_id_ok(c->args[0]))
		api_error(c, 400, "invalid session id");
	else if ((!api_sees_all(c) || session_find(c->api->core, c->args[0])) && !api_session(c))
		return;
	else if (read_query(c, &w, &q))
		start(c, &q);
}

void api_search(struct call *c)
{
	struct search_words w;
	struct query q = { .session = NULL };
	const struct session *own = c->governed ? session_by_tag(c->api->core, c->tag) : NULL;

	if (!word(c, "session_id", w.session, sizeof w.session, &q.session) || !read_query(c, &w, &q))
		return;
	if (q.session && !session_id_ok(q.session)) {
		api_error(c, 400, "invalid session id");
		return;
	}
	if (!q.session && own)
		q.session = own->id;
	c->args[0] = q.session ? q.session : "-";
	if (api_sees_all(c) || api_session(c))
		start(c, &q);
}
