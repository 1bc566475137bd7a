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
#include <sys/time.h>
#include <unistd.h>

/* Of the kernel alone: as if a signal had come, which then says whether the call is made again. */
enum { RESTART = 512, SIGNAL_TICKS = 5 };

int64_t wait_patience(int sock)
{
	struct timeval t = { 0 };
	socklen_t size = sizeof t;

	if (getsockopt(sock, SOL_SOCKET, SO_SNDTIMEO, &t, &size) < 0)
		return 0;
	return t.tv_sec * 1000000000LL + t.tv_usec * 1000LL;
}

struct waiting *wait_put(struct deed *d)
{
	struct net *n = d->net;
	struct waiting *w = n->n_waiting < NET_WAITING ? calloc(1, sizeof *w) : NULL;
	int64_t patience = wait_patience(d->sock);

	if (!w)
		return NULL;
	w->listener = fcntl(d->k->c->listener, F_DUPFD_CLOEXEC, 3);
	if (w->listener < 0) {
		free(w);
		return NULL;
	}
	w->id = d->k->n->id;
	w->tid = d->tid;
	w->pid = d->k->pid;
	w->sock = d->sock;
	d->sock = -1;
	w->end_ns = patience ? clock_mono_ns() + patience : 0;
	list_append(&n->waiting, &w->node);
	n->n_waiting++;
	deed_kept(d);
	return w;
}

static void leave(struct net *n, struct waiting *w)
{
	if (w->drop)
		w->drop(w);
	list_remove(&w->node);
	n->n_waiting--;
	deed_let_go(&w->sock);
	fd_close(&w->listener);
	free(w);
}

static void finish(struct net *n, struct waiting *w, int64_t value)
{
	deed_let_go(&w->sock);
	if (value < 0)
		notify_fail(w->listener, w->id, (int)-value);
	else
		notify_return(w->listener, w->id, value);
	leave(n, w);
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

static void look(struct net *n, struct waiting *w)
{
	int64_t value = 0;

	if (!notify_valid(w->listener, w->id))
		leave(n, w);
	else if (w->again(w, &value) == WAITED_DONE)
		finish(n, w, value);
	else if (w->end_ns && clock_mono_ns() >= w->end_ns)
		finish(n, w, -w->end_error);
	else if (++w->ticks % SIGNAL_TICKS == 0 && is_interrupted(w))
		finish(n, w, w->end_ns ? -EINTR : -RESTART);
}

bool net_wait(void *net)
{
	struct net *n = net;

	list_each(node, &n->waiting) look(n, list_item(node, struct waiting, node));
	return n->n_waiting > 0;
}

void wait_free(struct net *n)
{
	if (n->waiting.next)
		list_each(node, &n->waiting) leave(n, list_item(node, struct waiting, node));
}
