#include "loop/impl.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void ready(struct loop *l, struct watch *w, uint32_t events)
{
	struct signalfd_siginfo info;

	(void)events;
	while (read(w->fd, &info, sizeof info) == sizeof info) {
		l->on_signal(l->signal_arg, (int)info.ssi_signo, (pid_t)info.ssi_pid);
		if (w->fd < 0)
			return;
	}
}

int loop_signals(struct loop *l, const int *signals, int n, signal_fn *fn, void *arg, struct err *e)
{
	sigset_t set;

	if (l->signal.fd >= 0)
		return err_set(e, "signals are watched already");
	sigemptyset(&set);
	for (int i = 0; i < n; i++)
		sigaddset(&set, signals[i]);
	if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
		return err_sys(e, "block signals");
	l->signal.fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	if (l->signal.fd < 0)
		return err_sys(e, "signalfd");
	l->signal.ready = ready;
	l->on_signal = fn;
	l->signal_arg = arg;
	if (loop_watch(l, &l->signal, EPOLLIN, e) < 0) {
		close(l->signal.fd);
		l->signal.fd = -1;
		return -1;
	}
	return 0;
}
