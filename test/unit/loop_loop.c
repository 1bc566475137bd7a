#include "loop/loop.h"

#include "base/clock.h"
#include "test/t.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 40, MS = 1000000 };

struct peer {
	struct watch watch;
	int other;
};

static struct peer *peers[PEERS];
static int calls;
/* Either way of watching must behave the same. */
static int (*watch)(struct loop *l, struct watch *w, uint32_t events, struct err *e) = loop_watch;

static void drop(struct loop *l, int i)
{
	int fd = peers[i]->watch.fd;

	loop_unwatch(l, &peers[i]->watch);
	close(fd);
	close(peers[i]->other);
	free(peers[i]);
	peers[i] = NULL;
}

/* Whoever is called first frees all the others, and itself. */
static void drop_all(struct loop *l, struct watch *w, uint32_t events)
{
	(void)w;
	(void)events;
	calls++;
	for (int i = 0; i < PEERS; i++)
		if (peers[i])
			drop(l, i);
}

static void add_peer(struct loop *l, int i, watch_fn *ready)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return;
	peers[i] = calloc(1, sizeof *peers[i]);
	if (!peers[i])
		return;
	peers[i]->watch = (struct watch){ .fd = pair[0], .ready = ready };
	peers[i]->other = pair[1];
	is_int(watch(l, &peers[i]->watch, EPOLLIN, NULL), 0);
	is_int(write(pair[1], "x", 1), 1);
}

T_CASE(peers_free_each_other_in_one_batch)
{
	struct loop *l = loop_new(NULL);

	calls = 0;
	for (int i = 0; i < PEERS; i++)
		add_peer(l, i, drop_all);
	is_int(loop_once(l, 0, NULL), 0);
	is_int(calls, 1, "the first call freed all others");
	is_int(loop_once(l, 0, NULL), 0);
	is_int(calls, 1);
	loop_free(l);
}

static struct watch newcomer;
static int newcomer_calls, newcomer_peer;

static void count_newcomer(struct loop *l, struct watch *w, uint32_t events)
{
	(void)l;
	(void)w;
	(void)events;
	newcomer_calls++;
}

/* Frees peer 1 and takes its descriptor number for something that has nothing to read. */
static void replace_next(struct loop *l, struct watch *w, uint32_t events)
{
	int pair[2], self = w == &peers[0]->watch ? 0 : 1, victim = peers[1 - self]->watch.fd;

	(void)events;
	drop(l, 1 - self);
	is_int(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	is_int(dup2(pair[0], victim), victim);
	if (pair[0] != victim)
		close(pair[0]);
	newcomer = (struct watch){ .fd = victim, .ready = count_newcomer };
	newcomer_peer = pair[1] == victim ? -1 : pair[1];
	is_int(watch(l, &newcomer, EPOLLIN, NULL), 0);
	loop_rewatch(l, w, 0);
}

T_CASE(pending_event_does_not_reach_the_next_owner_of_the_number)
{
	struct loop *l = loop_new(NULL);
	int fd;

	add_peer(l, 0, replace_next);
	add_peer(l, 1, replace_next);
	/* Keep both ends of later pairs off the freed numbers: they must not be handed out before dup2. */
	is_int(loop_once(l, 0, NULL), 0);
	is_int(newcomer_calls, 0);
	fd = newcomer.fd;
	loop_unwatch(l, &newcomer);
	is_int(newcomer.fd, -1);
	close(fd);
	if (newcomer_peer >= 0)
		close(newcomer_peer);
	for (int i = 0; i < 2; i++)
		if (peers[i])
			drop(l, i);
	loop_free(l);
}

T_CASE(unwatch_of_a_stranger_is_harmless)
{
	struct loop *l = loop_new(NULL);
	struct watch zero = { 0 };
	struct watch none = { .fd = -1 };

	add_peer(l, 0, drop_all);
	loop_unwatch(l, &none);
	zero.fd = peers[0]->watch.fd;
	loop_unwatch(l, &zero); /* same number, never watched: the real owner stays */
	calls = 0;
	loop_once(l, 0, NULL);
	is_int(calls, 1);
	loop_free(l);
}

struct tick {
	struct timer timer;
	int order, rearm;
};
static int ticks, order[8];

static void on_tick(struct loop *l, struct timer *t)
{
	struct tick *k = (struct tick *)t;

	order[ticks++ & 7] = k->order;
	if (k->rearm-- > 0)
		loop_timer(l, t, 0);
}

T_CASE(timers_run_in_order_and_not_twice_in_a_batch)
{
	struct loop *l = loop_new(NULL);
	struct tick a = { .timer.due = on_tick, .order = 1 }, b = { .timer.due = on_tick, .order = 2 };
	struct tick c = { .timer.due = on_tick, .order = 3, .rearm = 1 };
	int64_t start = clock_mono_ns();

	loop_timer(l, &b.timer, 10 * MS);
	loop_timer(l, &a.timer, 5 * MS);
	loop_timer(l, &c.timer, 3600000LL * MS);
	loop_timer(l, &c.timer, 0); /* re-arm moves it */
	while (ticks < 4 && clock_mono_ns() - start < 2000LL * MS)
		loop_once(l, -1, NULL);
	is_int(ticks, 4);
	ok(order[0] == 3 && order[1] == 3 && order[2] == 1 && order[3] == 2, "order %d %d %d %d", order[0],
	   order[1], order[2], order[3]);
	ok(clock_mono_ns() - start >= 10 * MS, "not early");
	is_int(a.timer.at_ns, 0);
	loop_untimer(l, &a.timer);
	ticks = 0;
	c.rearm = 1000000;
	loop_timer(l, &c.timer, 0);
	loop_once(l, 0, NULL);
	loop_once(l, 0, NULL);
	ok(ticks <= 2, "a timer that re-arms itself runs once a batch");
	loop_untimer(l, &c.timer);
	loop_free(l);
}

static int hook_order[4], hooks;

static void hook(void *arg)
{
	hook_order[hooks++ & 3] = *(int *)arg;
}

static int got_signal;
static pid_t got_sender;

static void on_signal(void *arg, int signo, pid_t sender)
{
	got_signal = signo;
	got_sender = sender;
	loop_stop(arg);
}

T_CASE(signals_and_hooks)
{
	static int one = 1, two = 2;
	const int set[] = { SIGUSR1, SIGTERM };
	struct loop *l = loop_new(NULL);

	loop_after_batch(l, hook, &one);
	loop_after_batch(l, hook, &two);
	is_int(loop_signals(l, set, 2, on_signal, l, NULL), 0);
	is_int(loop_signals(l, set, 2, on_signal, l, NULL), -1, "once only");
	kill(getpid(), SIGTERM);
	is_int(loop_run(l, NULL), 0);
	is_int(got_signal, SIGTERM);
	is_int(got_sender, getpid());
	ok(hooks == 2 && hook_order[0] == 1 && hook_order[1] == 2, "hooks in order, after the batch");
	loop_free(l);
}

T_CASE(watching_twice_is_refused)
{
	struct loop *l = loop_new(NULL);
	struct watch bad = { .fd = -1 }, again;
	struct err e = { 0 };

	is_int(loop_watch(l, &bad, EPOLLIN, &e), -1);
	add_peer(l, 0, drop_all);
	again = (struct watch){ .fd = peers[0]->watch.fd, .ready = drop_all };
	is_int(loop_watch(l, &again, EPOLLIN, &e), -1);
	ok(e.text[0], "says why: %s", e.text);
	drop(l, 0);
	loop_free(l);
}

T_CASE(direct_watches_behave_the_same)
{
	watch = loop_watch_direct;
	newcomer_calls = 0;
	t_run_peers_free_each_other_in_one_batch();
	t_run_pending_event_does_not_reach_the_next_owner_of_the_number();
	t_run_unwatch_of_a_stranger_is_harmless();
	watch = loop_watch;
}

static void stop_it(struct loop *l, struct watch *w, uint32_t events)
{
	(void)w;
	ok(events & EPOLLIN);
	calls++;
	loop_stop(l);
}

T_CASE(both_kinds_at_once)
{
	struct loop *l = loop_new(NULL);
	struct watch ends[2] = { { .ready = stop_it }, { .ready = stop_it } };
	int pipes[2][2];

	calls = 0;
	for (int i = 0; i < 2; i++) {
		is_int(pipe(pipes[i]), 0);
		ends[i].fd = pipes[i][0];
	}
	is_int(loop_watch_direct(l, &ends[0], EPOLLIN, NULL), 0);
	is_int(loop_watch(l, &ends[1], EPOLLIN, NULL), 0);
	is_int(loop_once(l, 0, NULL), 0);
	is_int(calls, 0, "nothing is there");
	for (int i = 0; i < 2; i++)
		is_int(write(pipes[i][1], "x", 1), 1);
	is_int(loop_once(l, -1, NULL), 0);
	is_int(calls, 2, "both are called");
	loop_rewatch(l, &ends[0], 0);
	is_int(loop_once(l, -1, NULL), 0);
	is_int(calls, 3, "one wants nothing any more");
	for (int i = 0; i < 2; i++) {
		loop_unwatch(l, &ends[i]);
		close(pipes[i][0]);
		close(pipes[i][1]);
	}
	loop_free(l);
}
