#include "proxy/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIPE_SIZE = 512 << 10, FEW = 16384, ROUNDS = 16 };

bool way_blocked(const struct way *w)
{
	return w->rest.len || w->piped;
}

/* A pipe to move many bytes through; they are few, and nobody waits for one. */
static bool take_pipe(struct proxy *p, struct way *w)
{
	if (w->pipe[0] >= 0)
		return true;
	if (p->n_kept) {
		w->pipe[0] = p->kept[--p->n_kept].fd[0];
		w->pipe[1] = p->kept[p->n_kept].fd[1];
		return true;
	}
	if (p->n_pipes == PIPES_MAX || pipe2(w->pipe, O_NONBLOCK | O_CLOEXEC) < 0) {
		w->pipe[0] = w->pipe[1] = -1;
		return false;
	}
	fcntl(w->pipe[0], F_SETPIPE_SZ, PIPE_SIZE);
	p->n_pipes++;
	return true;
}

static void close_pipe(struct proxy *p, struct way *w)
{
	close(w->pipe[0]);
	close(w->pipe[1]);
	p->n_pipes--;
}

/* Only an empty one is of use to others. */
static void give_pipe(struct proxy *p, struct way *w)
{
	if (w->pipe[0] < 0)
		return;
	if (w->piped || p->n_kept == PIPES_KEPT)
		close_pipe(p, w);
	else
		p->kept[p->n_kept++] = (struct pipe_pair){ { w->pipe[0], w->pipe[1] } };
	w->pipe[0] = w->pipe[1] = -1;
	w->piped = 0;
}

void way_release(struct proxy *p, struct way *w)
{
	give_pipe(p, w);
	buf_release(&w->rest);
	w->bulk = false;
}

static bool is_again(void)
{
	return errno == EAGAIN || errno == EINTR;
}

enum way_state way_send(struct way *w, const struct end *to, const char *data, size_t len)
{
	ssize_t n = send(to->fd, data, len, MSG_NOSIGNAL);

	if (n < 0 && !is_again())
		return WAY_LOST;
	if (n < 0)
		n = 0;
	w->total += (uint64_t)n;
	buf_add(&w->rest, data + n, len - (size_t)n);
	if (w->rest.failed)
		return WAY_BROKEN;
	return w->rest.len ? WAY_BLOCKED : WAY_EMPTY;
}

enum way_state way_flush(struct proxy *p, struct way *w, const struct end *to)
{
	ssize_t n;

	(void)p;
	if (w->rest.len) {
		n = send(to->fd, w->rest.data, w->rest.len, MSG_NOSIGNAL);
		if (n < 0)
			return is_again() ? WAY_BLOCKED : WAY_LOST;
		w->total += (uint64_t)n;
		buf_skip(&w->rest, (size_t)n);
		if (w->rest.len)
			return WAY_BLOCKED;
		buf_release(&w->rest);
	}
	while (w->piped) {
		n = splice(w->pipe[0], NULL, to->fd, NULL, w->piped, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
		if (n < 0)
			return is_again() ? WAY_BLOCKED : WAY_LOST;
		w->piped -= (size_t)n;
		w->total += (uint64_t)n;
	}
	return WAY_EMPTY;
}

/* It says no more. Within TLS it must have said so, or what came may not be all. */
static enum way_state take_end(struct end *from)
{
	from->ended = true;
	return CONFIG_TLS_INTERCEPT && from->relay && relay_broken(from->relay) ? WAY_BROKEN : WAY_ENDED;
}

/* Many bytes that nobody needs to look at. */
static enum way_state move_many(struct proxy *p, struct way *w, struct end *from, const struct end *to,
                                struct frame *frame)
{
	size_t most = PIPE_SIZE;
	ssize_t n;

	if (frame && frame->kind == HTTP_BODY_LENGTH && frame->left < most)
		most = (size_t)frame->left;
	n = splice(from->fd, NULL, w->pipe[1], NULL, most, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);
	if (n < 0 && !is_again())
		return WAY_BROKEN;
	if (n < 0) {
		give_pipe(p, w);
		return WAY_EMPTY;
	}
	w->bulk = n >= FEW;
	if (!n)
		return take_end(from);
	w->piped = (size_t)n;
	if (frame && frame->kind == HTTP_BODY_LENGTH) {
		frame->left -= (uint64_t)n;
		frame->done = !frame->left;
	}
	n = way_flush(p, w, to);
	return n == WAY_EMPTY ? WAY_MORE : (enum way_state)n;
}

static enum way_state move_few(struct proxy *p, struct way *w, struct end *from, const struct end *to,
                               struct frame *frame, struct buf *beyond)
{
	ssize_t n = recv(from->fd, p->scratch, sizeof p->scratch, 0);
	size_t len;
	enum way_state state;

	if (n < 0)
		return is_again() ? WAY_EMPTY : WAY_BROKEN;
	if (!n)
		return take_end(from);
	len = frame ? frame_feed(frame, p->scratch, (size_t)n) : (size_t)n;
	if (len < (size_t)n) {
		/* Without anywhere to put it, it is nobody's. */
		if (beyond)
			buf_add(beyond, p->scratch + len, (size_t)n - len);
		w->spare = true;
		if (frame->bad || (beyond && beyond->failed))
			return WAY_BROKEN;
	}
	w->bulk = n == sizeof p->scratch;
	state = len ? way_send(w, to, p->scratch, len) : WAY_EMPTY;
	/* Less than there was room for: nothing is left, most likely, and the loop tells when there is. */
	return state == WAY_EMPTY && w->bulk ? WAY_MORE : state;
}

enum way_state way_move(struct proxy *p, struct way *w, struct end *from, struct end *to, struct frame *frame,
                        struct buf *beyond)
{
	enum way_state state = way_flush(p, w, to);

	if (state != WAY_EMPTY)
		return state;
	state = WAY_MORE;
	for (int i = 0; i < ROUNDS && state == WAY_MORE; i++) {
		if (frame && frame->done)
			return WAY_EMPTY;
		if (from->ended)
			return WAY_ENDED;
		if (w->bulk && (!frame || frame->kind != HTTP_BODY_CHUNKED) && take_pipe(p, w))
			state = move_many(p, w, from, to, frame);
		else
			state = move_few(p, w, from, to, frame, beyond);
	}
	return state;
}
