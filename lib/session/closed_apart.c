#include "session/closed_apart.h"

#include "base/fd.h"
#include "session/judged.h"
#include "wire/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { LOOK_MS = 1500, OURS = 3, MOUNTS = 4 };

bool closed_moved(const struct session *s, const struct floor *f)
{
	/* What is mounted over something changes the mount table. */
	for (const struct floor_way *way = f->ways; way < f->ways + f->n_ways; way++) {
		struct stat st = { .st_ino = 0 };

		if (way->changed.tv_sec || views_holds(s->core, way->path))
			continue;
		stat(way->path, &st);
		if (st.st_dev != way->dev || st.st_ino != way->ino)
			return true;
	}
	return false;
}

static void put_floor(struct msg *m, const struct floor *f)
{
	msg_str(m, f->missing);
	msg_u32(m, f->held);
	msg_u32(m, f->inexact);
	msg_u32(m, f->incomplete);
	msg_u32(m, f->mounts >= 0);
	msg_u32(m, (uint32_t)f->n_ways);
	for (const struct floor_way *way = f->ways; way < f->ways + f->n_ways; way++) {
		msg_u64(m, way->dev);
		msg_u64(m, way->ino);
		msg_u64(m, (uint64_t)way->changed.tv_sec);
		msg_u64(m, (uint64_t)way->changed.tv_nsec);
		msg_str(m, way->path);
	}
	msg_u32(m, (uint32_t)f->n_grants);
	for (size_t i = 0; i < f->n_grants; i++) {
		msg_u64(m, f->grants[i].rights);
		msg_str(m, f->grants[i].path);
	}
}

static bool get_ways(struct msg_reader *r, struct floor *f)
{
	uint32_t n = msg_get_u32(r);

	for (; n && f->n_ways < FLOOR_WAYS && msg_ok(r); n--) {
		struct floor_way *way = &f->ways[f->n_ways];

		way->dev = msg_get_u64(r);
		way->ino = msg_get_u64(r);
		way->changed.tv_sec = (time_t)msg_get_u64(r);
		way->changed.tv_nsec = (long)msg_get_u64(r);
		way->path = strdup(msg_get_str(r));
		if (!way->path)
			return false;
		f->n_ways++;
	}
	return !n;
}

static bool get_grants(struct msg_reader *r, struct floor *f)
{
	uint32_t n = msg_get_u32(r);

	f->grants = calloc(n + 1, sizeof *f->grants);
	for (; f->grants && n && msg_ok(r); n--) {
		struct floor_grant *grant = &f->grants[f->n_grants];

		grant->rights = msg_get_u64(r);
		grant->path = strdup(msg_get_str(r));
		if (!grant->path)
			return false;
		f->n_grants++;
	}
	return f->grants && !n;
}

/* ---- the process ---- */

_Noreturn static void look(const struct session *s, const struct floor *old, bool force, int talk)
{
	struct floor f, before = { .mounts = -1 };
	struct msg m = { 0 };
	struct err e = { 0 };
	int fds[2], n = 0, high = old && old->mounts >= 0 ? fcntl(old->mounts, F_DUPFD, 16) : -1;

	talk = fcntl(talk, F_DUPFD, 16);
	if (dup2(talk, OURS) < 0 || (high >= 0 && dup2(high, MOUNTS) < 0))
		_exit(1);
	/* Sockets and locks of the server's are not to live on with whom a disk holds up. */
	fd_close_from(high >= 0 ? MOUNTS + 1 : MOUNTS);
	signal(SIGALRM, SIG_DFL);
	alarm(1 + LOOK_MS / 1000);
	if (old) {
		before = *old;
		before.mounts = high >= 0 ? MOUNTS : -1;
	}
	msg_start(&m, WIRE_NEWS);
	if (old && !force && !floor_is_stale(&before)) {
		msg_u32(&m, CLOSED_SAME);
	} else if (closed_make(s, &f, &e) < 0) {
		msg_u32(&m, CLOSED_NEW);
		msg_str(&m, e.text);
	} else {
		msg_u32(&m, CLOSED_NEW);
		msg_str(&m, "");
		put_floor(&m, &f);
		fds[n++] = f.ruleset;
		if (f.mounts >= 0)
			fds[n++] = f.mounts;
	}
	_exit(wire_send(OURS, &m, fds, n, 0, NULL) < 0);
}

/* Nobody waits for who was held up: another one takes it in. */
static int start(const struct session *s, const struct floor *old, bool force, int talk, struct err *e)
{
	pid_t pid = fork();

	if (pid == 0) {
		if (fork() == 0)
			look(s, old, force, talk);
		_exit(0);
	}
	if (pid < 0)
		return err_sys(e, "fork");
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
	return 0;
}

static int take(struct wire_in *in, struct floor *f, struct err *e)
{
	struct msg_reader r;
	const char *why;
	bool mounts;

	if (msg_open(&r, in->data.data, in->data.len) != WIRE_NEWS)
		return err_set(e, "bad answer");
	if (msg_get_u32(&r) == CLOSED_SAME)
		return CLOSED_SAME;
	why = msg_get_str(&r);
	if (*why || !msg_ok(&r))
		return err_set(e, "%s", *why ? why : "bad answer");
	snprintf(f->missing, sizeof f->missing, "%s", msg_get_str(&r));
	f->held = msg_get_u32(&r);
	f->inexact = msg_get_u32(&r);
	f->incomplete = msg_get_u32(&r) != 0;
	mounts = msg_get_u32(&r) != 0;
	if (!get_ways(&r, f) || !get_grants(&r, f) || !msg_end(&r) || in->n_fds != 1 + mounts)
		return err_set(e, "bad answer");
	f->ruleset = in->fds[0];
	f->mounts = mounts ? in->fds[1] : -1;
	in->fds[0] = in->fds[1] = -1;
	return CLOSED_NEW;
}

static int hear(int talk, struct floor *f, struct err *e)
{
	struct pollfd p = { .fd = talk, .events = POLLIN };
	struct wire_in in = { .n_fds = 0 };
	int rc = poll(&p, 1, LOOK_MS);

	if (rc <= 0) {
		errno = ETIMEDOUT;
		return err_sys(e, "the view of the workspace");
	}
	rc = wire_recv(talk, &in, MSG_DONTWAIT, e) > 0 ? take(&in, f, e) : -1;
	wire_in_release(&in);
	if (rc < 0)
		floor_release(f);
	return rc;
}

int closed_apart(const struct session *s, const struct floor *old, bool force, struct floor *f, struct err *e)
{
	int talk[2], rc;

	*f = (struct floor){ .ruleset = -1, .mounts = -1 };
	/* Compiled here it is there the next time, too. */
	if (CONFIG_FILES && judged_here(s) && !policies_whole(s->core, s->policy, e))
		return -1;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk) < 0)
		return err_sys(e, "socketpair");
	rc = start(s, old, force, talk[1], e);
	close(talk[1]);
	if (rc == 0)
		rc = hear(talk[0], f, e);
	close(talk[0]);
	return rc;
}
