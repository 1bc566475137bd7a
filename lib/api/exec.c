#include "api/impl.h"

#include "base/clock.h"
#include "base/fd.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#define DEFAULT_TIMEOUT_NS (5 * 60 * 1000000000LL)

void api_exec_free(struct exec *x)
{
	api_exec_stop_io(x);
	loop_untimer(x->api->core->loop, &x->deadline);
	if (x->command) {
		x->command->lost = NULL;
		x->command->owner = NULL;
	}
	policies_put(x->api->core, x->policy);
	list_remove(&x->node);
	x->api->n_lingering -= x->lingers;
	arena_release(&x->arena);
	free(x);
}

void api_execs_close(struct api *a)
{
	while (!list_empty(&a->execs))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who was freed before has left the list */
		api_exec_free(list_item(a->execs.next, struct exec, node));
}

/* The client hung up: nobody wants the rest. */
static void client_gone(void *arg)
{
	struct exec *x = arg;

	x->conn = NULL;
	api_exec_abort(x, SIGKILL);
}

static void client_ready(void *arg)
{
	api_exec_resume(arg);
}

/* The session ended; its processes have been killed, its memory goes. */
static void session_lost(struct command *command, void *owner)
{
	struct exec *x = owner;
	struct call c = { .api = x->api, .conn = x->conn };

	(void)command;
	x->command = NULL;
	x->session = NULL;
	if (x->conn && x->is_stream)
		http_stream_end(x->conn);
	else if (x->conn)
		api_error(&c, 409, "the session ended while the command ran");
	x->conn = NULL;
	x->answered = true;
}

static int64_t timeout_of(const struct exec *x)
{
	int64_t most =
	        x->session->command_timeout_ns > 0 ? x->session->command_timeout_ns : DEFAULT_TIMEOUT_NS;
	int64_t asked = x->request.timeout_ns;

	return asked > 0 && asked < most ? asked : most;
}

static struct exec_result result_of(const struct exec *x)
{
	struct exec_result r = { .duration_ms = (clock_mono_ns() - x->begin_ns) / 1000000 };

	if (x->start.denied) {
		r.exit_code = 126;
		r.error_code = "E_POLICY_DENIED";
		r.error = "command denied by policy";
		r.duration_ms = 0;
	} else if (!x->start.pid) {
		r.exit_code = x->start.exit_code;
		r.error_code = "E_COMMAND_FAILED";
		r.error = x->start.error;
	} else if (x->timed_out) {
		r.exit_code = 124;
		r.error_code = "E_COMMAND_FAILED";
		r.error = "context deadline exceeded";
		r.extra = "command timed out\n";
		r.timed_out = true;
	} else if (x->exited && WIFSIGNALED(x->status)) {
		r.exit_code = -1;
		r.signal = WTERMSIG(x->status);
	} else if (x->exited) {
		r.exit_code = WEXITSTATUS(x->status);
	}
	return r;
}

static void count(struct exec *x, const struct exec_result *r)
{
	enum exec_end end = x->start.denied                  ? END_DENIED
	                    : !x->start.pid                  ? END_NOT_STARTED
	                    : r->timed_out                   ? END_TIMEOUT
	                    : r->exit_code != 0 || r->signal ? END_FAILED
	                                                     : END_OK;

	api_count_exec(x->api, end, clock_mono_ns() - x->begin_ns);
}

static void answer_done(struct exec *x, const struct exec_result *r)
{
	AUTO_BUF b = { .data = NULL };
	struct json j = { .out = &b };

	buf_str(&b, "event: done\ndata: ");
	json_object(&j);
	json_key_text(&j, "command_id", x->command->id);
	json_key_int(&j, "duration_ms", r->duration_ms);
	json_key_int(&j, "exit_code", r->exit_code);
	if (r->signal)
		json_key_int(&j, "signal", r->signal);
	json_key_bool(&j, "stderr_truncated", r->timed_out);
	json_key_bool(&j, "stdout_truncated", r->timed_out);
	json_end(&j);
	buf_str(&b, "\n\n");
	http_stream_write(x->conn, b.data, b.len);
	http_stream_end(x->conn);
}

static void answer(struct exec *x)
{
	struct exec_result r = result_of(x);
	struct call c = { .api = x->api, .conn = x->conn };
	struct buf body = { .data = NULL };

	count(x, &r);
	x->answered = true;
	if (!x->conn)
		return;
	if (x->is_stream && x->start.pid) {
		answer_done(x, &r);
	} else {
		api_exec_reply(x, &r, &body);
		api_json(&c, x->start.denied ? 403 : 200, &body);
	}
	x->conn = NULL;
}

/* The command ended, or its time did. What still holds the output goes on with nobody listening. */
void api_exec_finish(struct exec *x)
{
	if (x->command && !x->exited)
		x->status = SIGKILL; /* it was sent; the process is stuck in the kernel */
	if (x->command)
		session_exec_finished(x->api->core, x->command, x->status, &x->usage);
	if (x->command && x->timed_out)
		x->command->exit_code = 124;
	if (!x->answered)
		answer(x);
	if (x->command) {
		x->command->lost = NULL;
		x->command->owner = NULL;
		x->command = NULL;
	}
}

static struct exec *exec_new(struct call *c, struct session *s, bool is_stream)
{
	struct exec *x = calloc(1, sizeof *x);

	if (!x) {
		api_error(c, 500, "out of memory");
		return NULL;
	}
	x->api = c->api;
	x->conn = c->conn;
	x->session = s;
	x->policy = policies_hold(s->policy);
	x->is_stream = is_stream;
	x->start.pidfd = x->start.in_fd = x->start.out_fd = x->start.err_fd = -1;
	x->begin_ns = clock_mono_ns();
	x->real_ns = clock_real_ns();
	x->exit.fd = x->input.fd = -1;
	list_append(&c->api->execs, &x->node);
	if (api_exec_parse(c, &x->arena, &x->request) == 0)
		return x;
	api_exec_free(x);
	return NULL;
}

/* Denied, or it could not start: the answer is known at once. */
static void answer_now(struct exec *x)
{
	x->command = x->start.command;
	answer(x);
	x->command = NULL;
	api_exec_free(x);
}

static void follow(struct call *c, struct exec *x)
{
	struct err e = { .code = 0 };

	x->command = x->start.command;
	x->command->lost = session_lost;
	x->command->owner = x;
	http_hold(c->conn, &(struct http_waiter){ .gone = client_gone, .drained = client_ready, .arg = x });
	if (x->is_stream)
		http_stream_begin(c->conn, 200, "text/event-stream");
	if (api_exec_run(x, &e) < 0) {
		/* Nobody could watch it run: it must not. */
		x->timed_out = true;
		api_exec_abort(x, SIGKILL);
		waitpid(x->start.pid, &x->status, 0);
		x->exited = true;
		api_exec_finish(x);
		fd_close(&x->start.pidfd);
		fd_close(&x->start.in_fd);
		fd_close(&x->start.out_fd);
		fd_close(&x->start.err_fd);
		api_exec_free(x);
		return;
	}
	loop_timer(x->api->core->loop, &x->deadline, timeout_of(x));
}

static void run(struct call *c, bool is_stream)
{
	struct session *s = api_session(c);
	struct exec *x = NULL;
	struct err e = { .code = 0 };

	/* A process that has given up its user does not get him back. */
	if (s && c->governed && c->uid != s->uid)
		api_error(c, 403, "the caller runs as another user than its session");
	else if (s)
		x = exec_new(c, s, is_stream);
	if (!x)
		return;
	if (session_exec(c->api->core, s, &x->request.spec, &x->start, &e) < 0) {
		api_error(c, 500, "%s", e.text);
		x->command = NULL;
		api_exec_free(x);
	} else if (x->start.denied || !x->start.pid) {
		answer_now(x);
	} else {
		follow(c, x);
	}
}

void api_exec(struct call *c)
{
	run(c, false);
}

void api_exec_stream(struct call *c)
{
	run(c, true);
}
