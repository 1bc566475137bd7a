#include "enforce/fuse/impl.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

/* To ask for both device and talk before each request would cost more than many requests do: a signal tells
 * that something was said. When it comes while a request is answered, the alarm repeats it until it ends a
 * wait for the device. */

enum { REPEAT_US = 10000 };

static void remind(int us)
{
	const struct itimerval when = { { 0, us }, { 0, us } };

	setitimer(ITIMER_REAL, &when, NULL);
}

static void on_talk(int signo)
{
	int why = errno;

	if (signo == SIGIO)
		remind(REPEAT_US);
	errno = why;
}

static int watch(int talk)
{
	const struct sigaction act = { .sa_handler = on_talk };
	const struct sigaction none = { .sa_handler = SIG_IGN }; /* children end unseen */
	int flags = fcntl(talk, F_GETFL);

	if (sigaction(SIGIO, &act, NULL) < 0 || sigaction(SIGALRM, &act, NULL) < 0 ||
	    sigaction(SIGCHLD, &none, NULL) < 0)
		return -1;
	if (fcntl(talk, F_SETOWN, getpid()) < 0 || fcntl(talk, F_SETFL, flags | O_ASYNC) < 0)
		return -1;
	return raise(SIGIO); /* what came before this */
}

static bool is_ready(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

static bool hear(struct view *v)
{
	remind(0); /* before looking: who speaks after that is heard next */
	while (is_ready(v->o.talk))
		if (!v->o.heard(v->o.arg))
			return false;
	told_hear(v);
	return true;
}

static void at_work(const struct view *v, uint64_t what)
{
	if (v->o.at_work)
		*v->o.at_work = what;
}

static int serve(struct view *v, struct fuse_buf *request)
{
	bool busy = false;
	uint64_t n = 0;
	int rc;

	for (;;) {
		while (busy && !is_ready(v->o.device)) {
			at_work(v, ++n);
			busy = v->o.idle(v->o.arg);
		}
		at_work(v, 0);
		rc = fuse_session_receive_buf(v->session, request);
		at_work(v, ++n);
		if (rc > 0) {
			near_asked(&v->near, request->mem);
			fuse_session_process_buf(v->session, request);
			near_answered(&v->near);
			continue;
		}
		if (rc != -EINTR)
			return rc;
		near_leave(&v->near);
		if (v->o.talk > 0 && !hear(v))
			return 0;
		busy = v->o.talk > 0 && v->o.idle;
	}
}

int view_run(struct view *v, struct err *e)
{
	struct fuse_buf request = { 0 };
	int rc;

	if (v->o.talk > 0 && watch(v->o.talk) < 0)
		return err_sys(e, "view: talk");
	rc = serve(v, &request);
	free(request.mem);
	return rc < 0 ? err_set(e, "fuse device: %s", strerror(-rc)) : 0;
}
