#include "api/impl.h"

#include "base/fd.h"
#include "base/utf8.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	READ_SIZE = 65536,
	READS_PER_BATCH = 4,         /* a command that floods does not keep the others waiting */
	STREAM_PENDING_MAX = 262144, /* unread bytes of a stream above which the command is made to wait */
	DRAIN_MS = 150,              /* what follows the end of the main process is not waited for longer */
	KILL_MS = 5000,              /* a killed process that does not go is not waited for longer */
	LINGERING_MAX = 64,          /* answered commands whose background children still hold a pipe */
};

static struct loop *loop_of(const struct exec *x)
{
	return x->api->core->loop;
}

static void close_watch(struct exec *x, struct watch *w)
{
	int fd = w->fd;

	loop_unwatch(loop_of(x), w);
	fd_close(&fd);
}

static void close_pipe(struct exec_pipe *p)
{
	if (p->open)
		close_watch(p->exec, &p->watch);
	p->open = false;
}

void api_exec_stop_io(struct exec *x)
{
	loop_untimer(loop_of(x), &x->drain);
	close_watch(x, &x->exit);
	close_watch(x, &x->input);
	for (int i = 0; i < STREAMS; i++)
		close_pipe(x->pipes + i);
}

/* One piece for the client of a stream. */
static void send_piece(struct exec *x, int stream, const char *data, size_t len)
{
	const char *name = stream == STREAM_STDOUT ? "stdout" : "stderr";
	AUTO_BUF b = { .data = NULL };
	struct json j = { .out = &b };

	if (!len || !x->conn)
		return;
	buf_fmt(&b, "event: %s\ndata: ", name);
	json_object(&j);
	json_key_text(&j, "command_id", x->command->id);
	api_bytes(&j, "data", data, len);
	json_key_text(&j, "stream", name);
	json_end(&j);
	buf_str(&b, "\n\n");
	http_stream_write(x->conn, b.data, b.len);
}

/* How many bytes at the end are the beginning of a character. */
static size_t cut_character(const char *data, size_t len)
{
	for (size_t n = 1; n <= 3 && n <= len; n++) {
		unsigned char c = (unsigned char)data[len - n];

		if (c < 0x80)
			return 0;
		if (c >= 0xc0)
			return n < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? n : 0;
	}
	return 0;
}

static void pass_on(struct exec_pipe *p, const char *data, size_t len)
{
	AUTO_BUF b = { .data = NULL };
	size_t cut;

	buf_add(&b, p->tail, p->tail_len);
	buf_add(&b, data, len);
	if (b.failed)
		return;
	cut = cut_character(b.data, b.len);
	memcpy(p->tail, b.data + b.len - cut, cut);
	p->tail_len = cut;
	send_piece(p->exec, p->stream, b.data, b.len - cut);
}

static void end_pipe(struct exec_pipe *p)
{
	struct exec *x = p->exec;

	if (p->tail_len && x->is_stream && x->command)
		send_piece(x, p->stream, p->tail, p->tail_len);
	p->tail_len = 0;
	close_pipe(p);
}

/* Read what is there. False at the end of file. */
static bool read_some(struct exec_pipe *p, int fd)
{
	char data[READ_SIZE];
	struct exec *x = p->exec;

	for (int i = 0; i < READS_PER_BATCH; i++) {
		ssize_t n = read(fd, data, sizeof data);

		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (!n)
			return false;
		if (!x->command)
			continue;
		command_output_add(x->api->core, x->command, p->stream, data, (size_t)n);
		if (x->is_stream)
			pass_on(p, data, (size_t)n);
	}
	return true;
}

static void pause_reading(struct exec *x)
{
	if (!x->is_stream || !x->conn || http_stream_pending(x->conn) < STREAM_PENDING_MAX)
		return;
	x->paused = true;
	for (int i = 0; i < STREAMS; i++)
		if (x->pipes[i].open)
			loop_rewatch(loop_of(x), &x->pipes[i].watch, 0);
}

void api_exec_resume(struct exec *x)
{
	if (!x->paused)
		return;
	x->paused = false;
	for (int i = 0; i < STREAMS; i++)
		if (x->pipes[i].open)
			loop_rewatch(loop_of(x), &x->pipes[i].watch, EPOLLIN);
}

static bool is_at_rest(const struct exec *x)
{
	return !x->pipes[0].open && !x->pipes[1].open;
}

/* Answered; what remains is a background child that writes to nobody. It must not die of a closed pipe. */
static void linger(struct exec *x)
{
	if (x->exited && (is_at_rest(x) || x->api->n_lingering >= LINGERING_MAX)) {
		api_exec_free(x);
		return;
	}
	api_exec_resume(x);
	x->lingers = true;
	x->api->n_lingering++;
}

static void finish(struct exec *x)
{
	loop_untimer(loop_of(x), &x->drain);
	loop_untimer(loop_of(x), &x->deadline);
	close_watch(x, &x->input);
	for (int i = 0; i < STREAMS; i++)
		if (x->pipes[i].open && x->command && !x->paused)
			read_some(x->pipes + i, x->pipes[i].watch.fd);
	api_exec_finish(x);
	linger(x);
}

static void output_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct exec_pipe *p = list_item(w, struct exec_pipe, watch);
	struct exec *x = p->exec;

	(void)l;
	if (x->paused && !(events & (EPOLLHUP | EPOLLERR)))
		return;
	if (!read_some(p, w->fd))
		end_pipe(p);
	if (is_at_rest(x) && x->exited && x->answered)
		api_exec_free(x);
	else if (is_at_rest(x) && x->exited)
		finish(x);
	else
		pause_reading(x);
}

static void drained(struct loop *l, struct timer *t)
{
	struct exec *x = list_item(t, struct exec, drain);

	(void)l;
	finish(x);
}

static void process_ended(struct loop *l, struct watch *w, uint32_t events)
{
	struct exec *x = list_item(w, struct exec, exit);

	(void)events;
	if (wait4(x->start.pid, &x->status, WNOHANG, &x->usage) == 0)
		return;
	x->exited = true;
	close_watch(x, &x->exit);
	loop_untimer(l, &x->deadline);
	if (x->answered) {
		if (is_at_rest(x))
			api_exec_free(x);
	} else if (is_at_rest(x) || x->timed_out) {
		finish(x);
	} else {
		loop_timer(l, &x->drain, DRAIN_MS * 1000000LL);
	}
}

/* A closed reader is the command's business; it may end without reading its input. */
static void input_ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct exec *x = list_item(w, struct exec, input);
	size_t left = x->request.stdin_len - x->input_sent;
	ssize_t n = left ? write(w->fd, x->request.stdin_text + x->input_sent, left) : 0;

	(void)l;
	(void)events;
	if (n > 0)
		x->input_sent += (size_t)n;
	if (x->input_sent == x->request.stdin_len || (n < 0 && errno != EAGAIN && errno != EINTR))
		close_watch(x, w);
}

static void out_of_time(struct loop *l, struct timer *t)
{
	struct exec *x = list_item(t, struct exec, deadline);

	(void)l;
	x->timed_out = true;
	api_exec_abort(x, SIGKILL);
}

void api_exec_abort(struct exec *x, int signo)
{
	if (x->answered || !x->command)
		return;
	loop_untimer(loop_of(x), &x->deadline);
	session_kill(x->api->core, x->command, signo);
	if (!x->exited)
		kill(x->start.pid, signo); /* not reaped yet, so the number is still its own */
	loop_timer(loop_of(x), &x->drain, (x->exited ? DRAIN_MS : KILL_MS) * 1000000LL);
}

/* The watch takes the descriptor over. */
static int watch_fd(struct exec *x, struct watch *w, int *fd, uint32_t events, watch_fn *ready, struct err *e)
{
	*w = (struct watch){ .fd = *fd, .ready = ready };
	if (loop_watch(loop_of(x), w, events, e) < 0) {
		w->fd = -1;
		return -1;
	}
	*fd = -1;
	return 0;
}

int api_exec_run(struct exec *x, struct err *e)
{
	struct exec_start *s = &x->start;

	x->deadline.due = out_of_time;
	x->drain.due = drained;
	for (int i = 0; i < STREAMS; i++) {
		struct exec_pipe *p = x->pipes + i;

		*p = (struct exec_pipe){ .exec = x, .stream = i };
		if (watch_fd(x, &p->watch, i == STREAM_STDOUT ? &s->out_fd : &s->err_fd, EPOLLIN,
		             output_ready, e) < 0)
			return -1;
		p->open = true;
	}
	if (!x->request.stdin_len)
		fd_close(&s->in_fd);
	else if (watch_fd(x, &x->input, &s->in_fd, EPOLLOUT, input_ready, e) < 0)
		return -1;
	return watch_fd(x, &x->exit, &s->pidfd, EPOLLIN, process_ended, e);
}

int api_exec_linger(struct api *a, int fd, struct err *e)
{
	struct exec *x = calloc(1, sizeof *x);

	if (!x) {
		close(fd);
		return err_set(e, "out of memory");
	}
	x->api = a;
	x->exit.fd = x->input.fd = -1;
	x->exited = x->answered = x->lingers = true;
	x->pipes[0].exec = x->pipes[1].exec = x;
	list_append(&a->execs, &x->node);
	a->n_lingering++;
	x->pipes[0].open = true;
	return watch_fd(x, &x->pipes[0].watch, &fd, EPOLLIN, output_ready, e);
}
