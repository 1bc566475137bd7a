/* Calls that wait: for the other end of a connection, for room in a socket. */
#include "enforce/net/impl.h"

#include "base/clock.h"
#include "base/fd.h"
#include "sys/notify.h"
#include "sys/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/time.h>
#include <unistd.h>

/* Of the kernel alone: as if a signal had come, which then says whether the call is made again. */
enum { RESTART = 512 };
/* How often it is looked whether the caller is gone, or a signal came; and for what does not say when. */
#define LOOK_NS (20 * 1000000LL)
#define TRY_NS  (4 * 1000000LL)

/* How long the socket's owner wants to wait; 0 = for ever. */
static int64_t patience_of(int sock)
{
	struct timeval t = { 0 };
	socklen_t size = sizeof t;

	if (getsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &t, &size) < 0)
		return 0;
	return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL;
}

static watch_fn on_room;

/* One that does not say when it is tried often. */
static int64_t rhythm(const struct net *n)
{
	/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc): leave() takes what it frees out of the list first */
	list_each(node, &n->waiting)
	{
		if (list_item(node, struct waiting, node)->room.fd < 0)
			return TRY_NS;
	}
	return LOOK_NS;
}

struct waiting *wait_put(struct deed *d, bool tells)
{
	struct net *n = d->net;
	struct waiting *w = n->n_waiting < NET_WAITING ? calloc(1, sizeof *w) : NULL;
	int64_t patience = patience_of(d->sock);

	if (!w)
		return NULL;
	w->listener = fcntl(d->k->c->listener, F_DUPFD_CLOEXEC, 3);
	if (w->listener < 0) {
		free(w);
		return NULL;
	}
	w->net = n;
	w->id = d->k->n->id;
	w->tid = d->tid;
	w->pid = d->k->pid;
	w->sock = d->sock;
	d->sock = -1;
	w->asked_ns = clock_mono_ns();
	w->end_ns = patience ? w->asked_ns + patience : 0;
	w->room = (struct watch){ .fd = tells ? w->sock : -1, .ready = on_room };
	if (tells && loop_watch(n->loop, &w->room, EPOLLOUT, NULL) < 0)
		w->room.fd = -1;
	list_append(&n->waiting, &w->node);
	n->n_waiting++;
	loop_timer(n->loop, &n->look, rhythm(n));
	deed_kept(d);
	return w;
}

static void leave(struct waiting *w)
{
	struct net *n = w->net;

	/* Its owner has it still: it would be told of for ever. */
	loop_unwatch(n->loop, &w->room);
	if (w->drop)
		w->drop(w);
	list_remove(&w->node);
	n->n_waiting--;
	deed_let_go(&w->sock);
	fd_close(&w->listener);
	free(w);
}

static void finish(struct waiting *w, int64_t value)
{
	loop_unwatch(w->net->loop, &w->room);
	deed_let_go(&w->sock);
	if (value < 0 && w->done)
		value = w->done;
	if (value < 0)
		notify_fail(w->listener, w->id, (int)-value);
	else
		notify_return(w->listener, w->id, value);
	leave(w);
}

/* While it waits for our answer, only what is fatal interrupts it; other signals stay pending. Where it is
 * sure that the caller is who will take one, the call ends as that would have ended it. */
static bool is_interrupted(const struct waiting *w)
{
	static const char *const names[] = { "\nSigPnd:", "\nShdPnd:", "\nSigBlk:", "\nSigCgt:" };
	unsigned long long found[4] = { 0 };
	char text[4096];

	if (proc_text(w->tid, "status", text, sizeof text) <= 0)
		return false;
	for (size_t i = 0; i < 4; i++) {
		const char *at = strstr(text, names[i]);

		found[i] = at ? strtoull(at + strlen(names[i]), NULL, 16) : 0;
	}
	return (found[0] | (w->tid == w->pid ? found[1] : 0)) & ~found[2] & found[3];
}

static void try_again(struct waiting *w)
{
	int64_t value = 0;

	switch (w->again(w, &value)) {
	case WAITED_DONE:
		finish(w, value);
		break;
	case WAITED_MORE:
		/* It was told that there is room, and there was none: not at once again. */
		loop_unwatch(w->net->loop, &w->room);
		w->room.fd = -1;
		loop_timer(w->net->loop, &w->net->look, TRY_NS);
		break;
	case WAITED_SOME:
		break;
	}
}

static void on_room(struct loop *l, struct watch *watch, uint32_t events)
{
	struct waiting *w = list_item(watch, struct waiting, room);

	(void)l;
	(void)events;
	if (notify_valid(w->listener, w->id))
		try_again(w);
	else
		leave(w);
}

static void look(struct waiting *w, int64_t now)
{
	bool ask = now - w->asked_ns >= LOOK_NS;

	if (ask)
		w->asked_ns = now;
	if (!notify_valid(w->listener, w->id))
		leave(w);
	else if (w->end_ns && now >= w->end_ns)
		finish(w, -w->end_error);
	else if (ask && is_interrupted(w))
		finish(w, w->end_ns ? -EINTR : -RESTART);
	else if (w->room.fd < 0)
		try_again(w);
}

static void on_look(struct loop *l, struct timer *t)
{
	struct net *n = list_item(t, struct net, look);
	const int64_t now = clock_mono_ns();

	list_each(node, &n->waiting) look(list_item(node, struct waiting, node), now);
	if (n->n_waiting)
		loop_timer(l, t, rhythm(n));
}

void net_watch(struct net *n, struct loop *l)
{
	n->loop = l;
	n->look.due = on_look;
	list_init(&n->look.node);
}

void wait_free(struct net *n)
{
	if (n->waiting.next)
		list_each(node, &n->waiting) leave(list_item(node, struct waiting, node));
	if (n->loop)
		loop_untimer(n->loop, &n->look);
}
