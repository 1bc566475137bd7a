#include "enforce/entry.h"

#include "base/fd.h"
#include "sys/notify.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

enum { ANSWER_SECONDS = 10 };

static size_t count(const char *const *v)
{
	size_t n = 0;

	while (v[n])
		n++;
	return n;
}

/* What the server keeps of the caller's environment, as bits, and what it adds. */
static int take_env(struct msg_reader *r, const struct entry_hello *h, struct entry *out, struct err *e)
{
	size_t n = count(h->env), len, added, at = 0;
	const unsigned char *keep = msg_get_bytes(r, &len);

	added = msg_get_u32(r);
	if (!msg_ok(r) || len < (n + 7) / 8 || added > r->len)
		return err_set(e, "bad answer from the server");
	out->env = n + added < out->n_env_room ? out->env_room : calloc(n + added + 1, sizeof *out->env);
	if (!out->env)
		return err_set(e, "out of memory");
	for (size_t i = 0; i < n; i++)
		if (keep[i / 8] & 1 << i % 8)
			out->env[at++] = (char *)h->env[i];
	for (size_t i = 0; i < added; i++)
		out->env[at++] = (char *)msg_get_str(r);
	out->env[at] = NULL;
	return 0;
}

int entry_read(const struct entry_hello *h, struct entry *out, struct err *e)
{
	struct msg_reader r;
	size_t len;

	if (msg_open(&r, out->in.data.data, out->in.data.len) != WIRE_VERDICT)
		return err_set(e, "bad answer from the server");
	out->refused = msg_get_u32(&r) != 0;
	out->exit_code = (int)msg_get_u32(&r);
	out->text = msg_get_str(&r);
	if (out->refused)
		return msg_ok(&r) ? 0 : err_set(e, "bad answer from the server");
	out->number = msg_get_u32(&r);
	out->id = msg_get_str(&r);
	out->shell = msg_get_u32(&r) != 0;
	out->plain = msg_get_u32(&r) != 0;
	out->plan.tag = msg_get_u64(&r);
	out->plan.keep_caps = msg_get_u64(&r);
	out->plan.killable = msg_get_u32(&r) != 0;
	out->plan.rung = (enum rung)msg_get_u32(&r);
	out->plan.tracer = (pid_t)msg_get_u32(&r);
	out->plan.filter = msg_get_bytes(&r, &len);
	out->plan.n_filter = len / sizeof *out->plan.filter;
	if (take_env(&r, h, out, e) < 0)
		return -1;
	out->dir = msg_get_str(&r);
	out->plan.n_join = msg_get_u32(&r);
	if (!msg_end(&r) || !out->plan.n_filter || out->in.n_fds < 1 ||
	    out->plan.n_join >= (size_t)out->in.n_fds)
		return err_set(e, "bad answer from the server");
	out->inbox = out->in.fds[0];
	out->in.fds[0] = -1;
	out->plan.join = out->in.fds + 1; /* they stay where they are */
	if ((size_t)out->in.n_fds > out->plan.n_join + 1) {
		out->plan.ruleset = out->in.fds[out->in.n_fds - 1];
		out->in.fds[out->in.n_fds - 1] = -1;
	}
	return 0;
}

static void write_hello(struct msg *m, const struct entry_hello *h)
{
	struct stat root = { 0 };

	stat("/", &root);
	msg_start(m, WIRE_HELLO);
	msg_u32(m, h->kind);
	msg_u32(m, (uint32_t)getpid());
	msg_u64(m, root.st_dev);
	msg_u64(m, root.st_ino);
	msg_str(m, h->program);
	msg_str(m, h->cwd);
	msg_str(m, h->session);
	msg_strv(m, h->argv, count(h->argv));
	msg_strv(m, h->env, count(h->env));
}

/* The question travels with the way back: a socket of a pair, so that the server's end is noticed at once. A
 * connection would wake the server twice. */
static int exchange(int server, const struct msg *question, struct wire_in *answer, struct err *e)
{
	struct timeval limit = { .tv_sec = ANSWER_SECONDS };
	int pair[2] = { -1, -1 }, one = 1, rc = -1;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_PASSCRED, &one, sizeof one) < 0 ||
	    setsockopt(pair[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) < 0 ||
	    setsockopt(server, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) < 0)
		err_sys(e, "socket");
	else
		rc = wire_send(server, question, &pair[1], 1, 0, e);
	fd_close(&pair[1]);
	if (rc == 0 && wire_recv(pair[0], answer, 0, e) <= 0)
		rc = -1;
	fd_close(&pair[0]);
	return rc;
}

int entry_ask(int server, const struct entry_hello *h, struct entry_room *room, struct entry *t,
              struct err *e)
{
	struct msg m = { 0 };
	int rc;

	*t = (struct entry){ .inbox = -1, .plan.ruleset = -1, .text = "" };
	if (room) {
		buf_on(&m.b, room->say, sizeof room->say);
		buf_on(&t->in.data, room->hear, sizeof room->hear);
		t->env_room = room->env;
		t->n_env_room = ENTRY_ENV;
	}
	write_hello(&m, h);
	rc = exchange(server, &m, &t->in, e);
	msg_release(&m);
	if (rc < 0 && e->code == EAGAIN)
		return err_set(e, "the server does not answer");
	return rc < 0 ? err_in(e, "server") : entry_read(h, t, e);
}

int entry_attach(int inbox, const struct entry_name *name, int listener, struct err *e)
{
	struct msg m = { 0 };
	char room[1024];
	int rc;

	buf_on(&m.b, room, sizeof room);
#if NOTIFY_PASSES
	m.pass = name->pass;
#endif
	msg_start(&m, WIRE_ATTACH);
	msg_u32(&m, name->number);
	msg_u32(&m, name->shell);
	msg_str(&m, name->id);
	if (name->first) {
		msg_str(&m, name->first->path);
		msg_strv(&m, name->first->argv, count(name->first->argv));
	}
	rc = wire_send(inbox, &m, &listener, 1, 0, e);
	msg_release(&m);
	return rc;
}

int entry_commit(struct entry *t, const struct entry_first *first, struct err *e)
{
	AUTO_FD listener = -1;
	struct entry_name name = { .number = t->number, .id = t->id, .shell = t->shell };
	uint64_t pass = 0;
	int rc;

	/* The program lies in our own copy of the answer. */
	if (NOTIFY_PASSES || first)
		pass = notify_pass((struct sock_filter *)t->plan.filter, t->plan.n_filter);
	t->pass = first ? pass : 0;
	name.first = t->pass ? first : NULL;
#if NOTIFY_PASSES
	name.pass = pass;
#endif
	listener = launch_enter(&t->plan, t->number, e);
	if (listener < 0)
		return -1;
	rc = entry_attach(t->inbox, &name, listener, e);
	/* What is asked about is read. Others' copies of the number are of no use to them. */
	if (NOTIFY_PASSES && pass && !first)
		prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	if (rc == 0)
		rc = launch_wait(&t->plan, listener, e);
	fd_close(&t->inbox);
	fd_close(&t->plan.ruleset);
	return rc < 0 ? err_in(e, "supervisor") : 0;
}

void entry_release(struct entry *t)
{
	if (t->env != t->env_room)
		free(t->env);
	fd_close(&t->inbox);
	fd_close(&t->plan.ruleset);
	wire_in_release(&t->in);
}
