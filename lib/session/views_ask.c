#include "session/views_impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "session/worker.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static void exec_mounter(int control)
{
	char *argv[] = { "fuse", "--mount", NULL };

	for (int i = 1; i < NSIG; i++)
		signal(i, SIG_DFL);
	worker_exec(argv, control);
}

int views_spawn(struct views *v, struct err *e)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_sys(e, "mounter");
	v->pid = fork();
	if (v->pid == 0)
		exec_mounter(pair[1]);
	close(pair[1]);
	v->mounter = pair[0];
	return v->pid < 0 ? err_sys(e, "fork mounter") : 0;
}

uint32_t views_next(struct views *v)
{
	v->last += 1 + (v->last == UINT32_MAX);
	return v->last;
}

/* 1 when something is there, 0 when the time is over, -1 when nobody is at the other end. */
static int wait_until(int fd, int64_t end_ns)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	int64_t left;

	while ((left = end_ns - clock_mono_ns()) > 0) {
		int rc = poll(&p, 1, (int)(left / 1000000) + 1);

		if (rc > 0)
			return p.revents & POLLIN ? 1 : -1;
		if (rc < 0 && errno != EINTR)
			return -1;
	}
	return 0;
}

static void take_away(struct views *v, uint32_t number)
{
	struct msg m = { 0 };

	msg_start(&m, WIRE_UNMOUNT);
	msg_u32(&m, views_next(v));
	msg_u32(&m, number);
	msg_str(&m, "");
	wire_send(v->mounter, &m, NULL, 0, MSG_DONTWAIT, NULL);
	msg_release(&m);
}

/* An answer, to `number` or, too late, to something before. True when it is ours. */
static bool read_answer(struct views *v, uint32_t number, bool *done, const char **text)
{
	struct msg_reader r;
	const uint32_t op = msg_open(&r, v->in.data.data, v->in.data.len), of = msg_get_u32(&r);

	if (op == WIRE_UNMOUNT)
		views_gone(v, of);
	if (op != WIRE_MOUNTED)
		return false;
	*done = msg_get_u32(&r) != 0;
	*text = msg_get_str(&r);
	if (of == v->late && of != number) {
		v->late = 0;
		if (*done)
			take_away(v, of);
	}
	return msg_ok(&r) && of == number;
}

int views_ask(struct views *v, const struct msg *m, const int *fds, int n_fds, int ms, char *text,
              size_t size, struct err *e)
{
	const uint32_t number = v->last;
	const int64_t end = clock_mono_ns() + ms * 1000000LL;
	const char *said;
	bool done;
	int rc;

	if (v->mounter < 0)
		return err_set(e, "the process that mounts views is gone");
	if (wire_send(v->mounter, m, fds, n_fds, MSG_DONTWAIT, e) < 0)
		return err_in(e, "the process that mounts views");
	while ((rc = wait_until(v->mounter, end)) > 0) {
		if (wire_recv(v->mounter, &v->in, MSG_DONTWAIT, e) <= 0)
			return err_set(e, "the process that mounts views is gone");
		if (!read_answer(v, number, &done, &said))
			continue;
		if (!done)
			return err_set(e, "%s", said);
		if (text)
			snprintf(text, size, "%s", said);
		return 0;
	}
	if (rc == 0) {
		/* The first is a mount's, if any is: none is asked for meanwhile. */
		if (!v->late)
			v->late = number;
		return err_set(e, "it was not mounted within %d ms", ms);
	}
	return err_set(e, "the process that mounts views is gone");
}

void views_late(struct views *v)
{
	struct err e = { 0 };
	const char *text;
	bool done;
	int rc;

	while ((rc = wire_recv(v->mounter, &v->in, MSG_DONTWAIT, &e)) > 0)
		read_answer(v, 0, &done, &text);
	if (e.code == EAGAIN)
		return;
	loop_unwatch(v->core->loop, &v->watch);
	fd_close(&v->mounter);
}

int views_tell(struct shown *w, const struct msg *m, const int *fds, int n_fds, int ms, struct err *e)
{
	struct wire_in *in = &w->views->in;
	const int64_t end = clock_mono_ns() + ms * 1000000LL;
	struct msg_reader r;
	int rc;

	if (wire_send(w->control, m, fds, n_fds, MSG_DONTWAIT, e) < 0)
		return -1;
	while ((rc = wait_until(w->control, end)) > 0) {
		const char *why;

		if (wire_recv(w->control, in, MSG_DONTWAIT, e) <= 0)
			return err_set(e, "the process of the view ended");
		if (msg_open(&r, in->data.data, in->data.len) != WIRE_READY)
			continue;
		msg_get_u64(&r);
		why = msg_get_str(&r);
		return *why ? err_set(e, "%s", why) : 0;
	}
	return err_set(e, rc ? "the process of the view ended" : "the process of the view does not answer");
}

int views_under(const struct session *s)
{
	struct msg m = { 0 };
	int pair[2];

	if (!views_shown(s) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -1;
	msg_start(&m, WIRE_UNDER);
	if (wire_send(s->view->shown->control, &m, &pair[1], 1, MSG_DONTWAIT, NULL) < 0)
		fd_close(&pair[0]);
	msg_release(&m);
	close(pair[1]);
	return pair[0];
}

void views_ended(const struct session *s, const struct command *c)
{
	struct msg m = { 0 };

	if (!views_shown(s))
		return;
	msg_start(&m, WIRE_ENDED);
	msg_u64(&m, s->tag);
	msg_str(&m, c->id);
	wire_send(s->view->shown->control, &m, NULL, 0, MSG_DONTWAIT, NULL);
	msg_release(&m);
}
