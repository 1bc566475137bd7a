/* What takes long (a long log, a store of many files) is done in a child while the loop goes on. The child
 * writes the answer: its status, a space, and the body. */
#include "api/impl.h"

#include "base/fd.h"
#include "sys/caps.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { WORKS_MAX = 4, ANSWER_MAX = 64 << 20, STATUS = 4 };

struct work {
	struct list node;
	struct api *api;
	struct http_conn *conn;
	struct watch watch;
	struct timer deadline;
	pid_t pid;
	const char *failed, *late;
	struct buf answer;
};

static void work_free(struct work *w)
{
	int fd = w->watch.fd;

	loop_unwatch(w->api->core->loop, &w->watch);
	loop_untimer(w->api->core->loop, &w->deadline);
	fd_close(&fd);
	if (w->pid > 0) {
		kill(w->pid, SIGKILL);
		while (waitpid(w->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	list_remove(&w->node);
	w->api->n_works--;
	buf_release(&w->answer);
	free(w);
}

static void client_gone(void *arg)
{
	work_free(arg);
}

static void finish(struct work *w)
{
	struct call c = { .api = w->api, .conn = w->conn };
	int ended = -1, status;

	while (waitpid(w->pid, &ended, 0) < 0 && errno == EINTR)
		;
	w->pid = 0;
	/* NOLINTNEXTLINE(cert-err34-c): our own child wrote it; what is no number is no status */
	status = w->answer.len > STATUS ? atoi(w->answer.data) : 0;
	if (ended || w->answer.failed || status < 200 || status > 599) {
		api_error(&c, 500, "%s",
		          w->answer.failed ? "the answer is too long; ask for less" : w->failed);
	} else {
		buf_skip(&w->answer, STATUS);
		if (w->answer.len && w->answer.data[w->answer.len - 1] == '\n')
			w->answer.len--;
		api_json(&c, status, &w->answer);
	}
	work_free(w);
}

static void answer_ready(struct loop *l, struct watch *watch, uint32_t events)
{
	struct work *w = list_item(watch, struct work, watch);
	char data[65536];
	ssize_t n = read(watch->fd, data, sizeof data);

	(void)l;
	(void)events;
	if (n > 0)
		buf_add(&w->answer, data, (size_t)n);
	else if (n == 0 || (errno != EAGAIN && errno != EINTR))
		finish(w);
}

static void out_of_time(struct loop *l, struct timer *t)
{
	struct work *w = list_item(t, struct work, deadline);
	struct call c = { .api = w->api, .conn = w->conn };

	(void)l;
	api_error(&c, 503, "%s", w->late);
	work_free(w);
}

/* Nobody may take from us what his session must not reach. */
static int keep(const struct api_work *todo, int talk)
{
	if (todo->keep <= 0)
		return 0;
	caps_hide();
	if (talk < 0 || dup2(todo->keep, API_WORK_KEPT) < 0)
		return -1;
	return talk ? dup2(talk, API_WORK_TALK) : 0;
}

/* In the child: no descriptor of the server but the pipe. */
static void run_child(const struct api_work *todo, int fd)
{
	const struct session *s = todo->as;
	int talk = todo->talk > 0 ? fcntl(todo->talk, F_DUPFD, API_WORK_TALK + 1) : 0;

	if (dup2(fd, 3) < 0 || keep(todo, talk) < 0)
		_exit(1);
	fd_close_from(API_WORK_KEPT + (todo->keep > 0) + (todo->talk > 0));
	signal(SIGPIPE, SIG_DFL);
	umask(022);
	if (s && caps_become(s->uid, s->gid, s->user, -1, NULL) < 0)
		_exit(1);
	_exit(todo->write(todo->arg, 3) < 0);
}

static pid_t start_child(const struct api_work *todo, int *fd)
{
	int pipe_fds[2];
	pid_t pid;

	if (pipe2(pipe_fds, O_CLOEXEC) < 0)
		return -1;
	pid = fork();
	if (!pid)
		run_child(todo, pipe_fds[1]);
	close(pipe_fds[1]);
	*fd = pipe_fds[0];
	if (pid < 0)
		fd_close(fd);
	else
		fd_nonblock(*fd, 1);
	return pid;
}

void api_work_start(struct call *c, const struct api_work *todo)
{
	struct work *w;
	int fd = -1;

	if (c->api->n_works >= WORKS_MAX) {
		api_error(c, 503, "too many searches at once");
		return;
	}
	w = calloc(1, sizeof *w);
	if (!w) {
		api_error(c, 500, "out of memory");
		return;
	}
	w->api = c->api;
	w->conn = c->conn;
	w->failed = todo->failed;
	w->late = todo->late;
	w->answer.max = ANSWER_MAX;
	w->deadline.due = out_of_time;
	list_append(&c->api->works, &w->node);
	c->api->n_works++;
	w->pid = start_child(todo, &fd);
	w->watch = (struct watch){ .fd = fd, .ready = answer_ready };
	if (w->pid < 0 || loop_watch(c->api->core->loop, &w->watch, EPOLLIN, NULL) < 0) {
		w->watch.fd = fd;
		api_error(c, 500, "%s", w->failed);
		work_free(w);
		return;
	}
	loop_timer(c->api->core->loop, &w->deadline, todo->seconds * 1000000000LL);
	http_hold(c->conn, &(struct http_waiter){ .gone = client_gone, .arg = w });
}

void api_works_close(struct api *a)
{
	while (!list_empty(&a->works))
		/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): who was freed before has left the list */
		work_free(list_item(a->works.next, struct work, node));
}
