#include "api/impl.h"

#include "audit/query.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/num.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

/* The log may be long, so it is read in a child while the loop goes on. */
enum { SEARCHES_MAX = 4, ANSWER_MAX = 64 << 20, SEARCH_SECONDS = 20 };

struct search {
	struct list node;
	struct api *api;
	struct http_conn *conn;
	struct watch watch;
	struct timer deadline;
	pid_t pid;
	struct buf answer;
};

/* Where the texts of a query live. */
struct search_words {
	char command[130], types[1024], decision[32], path[1030], domain[1030], text[1030], since[64],
	        until[64], limit[24], offset[24], order[8], session[130];
};

static void search_free(struct search *s)
{
	int fd = s->watch.fd;

	loop_unwatch(s->api->core->loop, &s->watch);
	loop_untimer(s->api->core->loop, &s->deadline);
	fd_close(&fd);
	if (s->pid > 0) {
		kill(s->pid, SIGKILL);
		while (waitpid(s->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	list_remove(&s->node);
	s->api->n_searches--;
	buf_release(&s->answer);
	free(s);
}

static void client_gone(void *arg)
{
	search_free(arg);
}

static void finish(struct search *s)
{
	struct call c = { .api = s->api, .conn = s->conn };
	int status = -1;

	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	s->pid = 0;
	if (status || s->answer.failed) {
		api_error(&c, 500, "%s",
		          s->answer.failed ? "the answer is too long; ask for fewer events"
		                           : "the audit log cannot be read");
	} else {
		if (s->answer.len && s->answer.data[s->answer.len - 1] == '\n')
			s->answer.len--;
		api_json(&c, 200, &s->answer);
	}
	search_free(s);
}

static void answer_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct search *s = list_item(w, struct search, watch);
	char data[65536];
	ssize_t n = read(w->fd, data, sizeof data);

	(void)l;
	(void)events;
	if (n > 0)
		buf_add(&s->answer, data, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		finish(s);
}

static void out_of_time(struct loop *l, struct timer *t)
{
	struct search *s = list_item(t, struct search, deadline);
	struct call c = { .api = s->api, .conn = s->conn };

	(void)l;
	api_error(&c, 503, "the search took too long; ask for a shorter time");
	search_free(s);
}

/* In the child: no descriptor of the server but the pipe. */
static void search_child(const char *log, const struct query *q, int fd)
{
	if (dup2(fd, 3) < 0)
		_exit(1);
	fd_close_from(4);
	signal(SIGPIPE, SIG_DFL);
	_exit(query_write(log, q, 3, NULL) < 0);
}

static pid_t start_child(const char *log, const struct query *q, int *fd)
{
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (!pid)
		search_child(log, q, pipe_fds[1]);
	close(pipe_fds[1]);
	*fd = pipe_fds[0];
	if (pid < 0)
		fd_close(fd);
	else
		fd_nonblock(*fd, 1);
	return pid;
}

static void start(struct call *c, const struct query *q)
{
	struct search *s;
	int fd = -1;

	if (c->api->n_searches >= SEARCHES_MAX) {
		api_error(c, 503, "too many searches at once");
		return;
	}
	s = calloc(1, sizeof *s);
	if (!s) {
		api_error(c, 500, "out of memory");
		return;
	}
	s->api = c->api;
	s->conn = c->conn;
	s->answer.max = ANSWER_MAX;
	s->deadline.due = out_of_time;
	list_append(&c->api->searches, &s->node);
	c->api->n_searches++;
	s->pid = start_child(c->api->core->config->audit.output, q, &fd);
	s->watch = (struct watch){ .fd = fd, .ready = answer_ready };
	if (s->pid < 0 || loop_watch(c->api->core->loop, &s->watch, EPOLLIN, NULL) < 0) {
		s->watch.fd = fd;
		api_error(c, 500, "the audit log cannot be searched now");
		search_free(s);
		return;
	}
	loop_timer(c->api->core->loop, &s->deadline, SEARCH_SECONDS * 1000000000LL);
	http_hold(c->conn, &(struct http_waiter){ .gone = client_gone, .arg = s });
}

void api_searches_close(struct api *a)
{
	while (!list_empty(&a->searches))
		search_free(list_item(a->searches.next, struct search, node));
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
