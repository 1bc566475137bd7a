#include "session/showing.h"

#include "audit/ring.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/list.h"
#include "base/log.h"
#include "enforce/acting.h"
#include "enforce/exec/role.h"
#include "enforce/fuse/judge.h"
#include "enforce/fuse/view.h"
#include "journal/record.h"
#include "policy/policy.h"
#include "session/policy_wire.h"
#include "session/session.h"
#include "sys/caps.h"
#include "sys/tag.h"
#include "wire/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CONTROL = 3, DEVICE, LOWER, AT_WORK, KEEP_S = 86400, SETTLE_MAX = 100 };
#define COPY_MAX (64ULL << 20)
#define ROOM_NS  (2000 * 1000000LL)

/* A session that works in the view. */
struct member {
	struct list node;
	struct showing *of;
	uint64_t tag;
	char id[SESSION_ID_MAX + 1];
	struct policy *policy;
	struct journal_log *journal;
	struct judge *judge;
	struct ring *ring;
	struct acting *page;
	bool stuck; /* nobody made room in the ring when it was waited for */
	/* Of the request that is judged. */
	uint32_t number;
	char command[ACTING_ID];
};

struct showing {
	struct list members;
	struct wire_in in;
	char path[PATH_MAX], store[NAME_MAX + 1];
	uid_t uid;
	gid_t gid;
	char user[64];
	struct view_options view;
	struct view *shown;
};

/* ---- events ---- */

static void wake_server(void)
{
	struct msg m = { 0 };

	msg_start(&m, WIRE_NEWS);
	msg_u32(&m, 0);
	wire_send(CONTROL, &m, NULL, 0, MSG_DONTWAIT, NULL);
	msg_release(&m);
}

static bool put(struct member *m, const char *json, size_t len, uint32_t flags)
{
	bool wake = false, good = ring_put(m->ring, json, len, m->number, flags, &wake);

	if (wake || !good)
		wake_server();
	return good;
}

/* Who is faster than the log waits for it; not again while nobody reads. */
static bool sink(void *arg, const char *json, size_t len, uint32_t flags)
{
	struct member *m = arg;
	const int64_t end = clock_mono_ns() + ROOM_NS;
	bool good = put(m, json, len, flags);

	while (!good && !m->stuck && clock_mono_ns() < end) {
		poll(NULL, 0, 1);
		good = put(m, json, len, flags);
	}
	m->stuck = !good;
	return good;
}

static const char *command_of(void *arg, pid_t pid)
{
	const struct member *m = arg;

	(void)pid;
	return m->command;
}

/* ---- who asks ---- */

static struct member *by_tag(const struct showing *s, uint64_t tag)
{
	list_each(n, &s->members)
	{
		struct member *m = list_item(n, struct member, node);

		if (m->tag == tag)
			return m;
	}
	return NULL;
}

/* The session for which a process asks; NULL: for none of ours. `decided`: it is its supervisor. */
static struct member *who(const struct showing *s, pid_t pid, bool *decided)
{
	struct member *m = NULL;
	uint32_t number = 0;
	uint64_t tag;

	*decided = false;
	if (tag_of(pid, &tag, &number)) {
		m = by_tag(s, tag);
	} else {
		list_each(n, &s->members)
		{
			struct member *one = list_item(n, struct member, node);

			if (!m && acting_is(one->page, pid, &number))
				m = one;
		}
		*decided = m != NULL;
	}
	if (!m)
		return NULL;
	m->number = number;
	acting_id(m->page, number, m->command);
	return m;
}

/* 0, or the errno to refuse with. */
static int judge(void *arg, struct view_act *act)
{
	struct showing *s = arg;
	struct member *m;

	act->kept = NULL;
	errno = 0;
	m = who(s, act->pid, &act->decided);
	if (!m) /* who is gone may have been anybody */
		return act->pid <= 0 || errno == ESRCH ? EACCES : 0;
	act->kept = m;
	return judge_act(m->judge, act);
}

static void acted(void *arg, struct view_act *act, bool happened)
{
	struct member *m = act->kept;

	(void)arg;
	if (m)
		judge_acted(m->judge, act, happened);
}

/* ---- sessions come and go ---- */

static void member_free(struct member *m)
{
	if (m->node.next)
		list_remove(&m->node);
	judge_free(m->judge);
	journal_log_close(m->journal);
	policy_free(m->policy);
	ring_close(m->ring);
	acting_unmap(m->page);
	free(m);
}

struct terms {
	uint32_t flags;
	int64_t quota, ttl_ns;
	uint64_t hash_up_to;
};

/* What must be kept and cannot be is refused: judge.c. */
static void open_journal(struct showing *s, struct member *m, const struct terms *t)
{
	const struct journal_log_options o = { .at = LOWER,
		                               .store = s->store,
		                               .session = m->id,
		                               .copy_max = COPY_MAX,
		                               .hash_up_to = t->hash_up_to,
		                               .quota = t->quota > 0 ? t->quota : -1,
		                               .ttl_ns = t->ttl_ns > 0 ? t->ttl_ns : -1,
		                               .batch = true,
		                               .strict = t->flags & SHOWING_STRICT };
	struct err e;

	if (journal_log_open(&m->journal, &o, &e) < 0)
		log_line(LOG_ERROR, "journal: %s", e.text);
}

static int arm(struct showing *s, struct member *m, const struct terms *t, struct err *e)
{
	struct judge_options o = { .policy = m->policy,
		                   .session_id = m->id,
		                   .top = s->path,
		                   .virtual_root = "/workspace",
		                   .log_reads = t->flags & SHOWING_LOG_READS,
		                   .soft_block = t->flags & SHOWING_SOFT_BLOCK,
		                   .keep_all = t->flags & SHOWING_KEEP,
		                   .sink = sink,
		                   .command = command_of,
		                   .arg = m };

	if (t->flags & SHOWING_KEEP || policy_needs(m->policy).soft_delete)
		open_journal(s, m, t);
	o.journal = m->journal;
	m->judge = judge_new(&o, e);
	return m->judge ? 0 : -1;
}

static int fill(struct showing *s, struct member *m, struct msg_reader *r, struct err *e)
{
	struct terms t;
	const char *id;

	m->tag = msg_get_u64(r);
	id = msg_get_str(r);
	t.flags = msg_get_u32(r);
	t.quota = (int64_t)msg_get_u64(r);
	t.ttl_ns = (int64_t)msg_get_u64(r);
	t.hash_up_to = msg_get_u64(r);
	if (!msg_ok(r) || s->in.n_fds != 3 || strlen(id) >= sizeof m->id)
		return err_set(e, "bad request");
	strcpy(m->id, id);
	m->policy = policy_wire_take(r, s->in.fds[0], e);
	if (!m->policy)
		return -1;
	m->ring = ring_map(s->in.fds[1], e);
	m->page = m->ring ? acting_map(s->in.fds[2], e) : NULL;
	return m->page ? arm(s, m, &t, e) : -1;
}

/* What is new takes the place of what was there for the session. */
static uint64_t join(struct showing *s, struct msg_reader *r, struct err *e)
{
	struct member *m = calloc(1, sizeof *m), *old;
	uint64_t tag;

	if (!m)
		return err_set(e, "out of memory"), 0;
	m->of = s;
	if (fill(s, m, r, e) < 0) {
		tag = m->tag;
		member_free(m);
		return tag;
	}
	old = by_tag(s, m->tag);
	if (old)
		member_free(old);
	list_append(&s->members, &m->node);
	return m->tag;
}

static uint64_t leave(struct showing *s, struct msg_reader *r)
{
	uint64_t tag = msg_get_u64(r);
	struct member *m = by_tag(s, tag);

	if (m)
		member_free(m);
	return tag;
}

static void reply(uint64_t tag, const char *why)
{
	struct msg m = { 0 };

	msg_start(&m, WIRE_READY);
	msg_u64(&m, tag);
	msg_str(&m, why);
	wire_send(CONTROL, &m, NULL, 0, 0, NULL);
	msg_release(&m);
}

static void ended(const struct showing *s, struct msg_reader *r)
{
	const struct member *m = by_tag(s, msg_get_u64(r));
	const char *command = msg_get_str(r);

	if (m && *command)
		judge_ended(m->judge, command);
}

/* What was done before is written down then. */
static void under(struct showing *s)
{
	list_each(n, &s->members)
	{
		const struct member *m = list_item(n, struct member, node);

		if (m->journal)
			journal_settle(m->journal, 0);
	}
	if (s->in.n_fds == 1) {
		view_attend(s->shown, s->in.fds[0]);
		s->in.fds[0] = -1;
	}
}

static void on_message(struct showing *s)
{
	bool answered = false;
	struct err e = { 0 };
	struct msg_reader r;
	uint64_t tag = 0;

	switch (msg_open(&r, s->in.data.data, s->in.data.len)) {
	case WIRE_JOIN:
		tag = join(s, &r, &e);
		break;
	case WIRE_LEAVE:
		tag = leave(s, &r);
		break;
	case WIRE_ENDED:
		ended(s, &r);
		answered = true;
		break;
	case WIRE_UNDER:
		under(s);
		answered = true;
		break;
	}
	for (int i = 0; i < s->in.n_fds; i++)
		fd_close(&s->in.fds[i]);
	s->in.n_fds = 0;
	if (!answered)
		reply(tag, e.text);
}

/* Between requests. False: the server is gone, and with it those for whom we judge. */
static bool heard(void *arg)
{
	struct showing *s = arg;
	struct err e = { 0 };

	while (wire_recv(CONTROL, &s->in, MSG_DONTWAIT, &e) > 0)
		on_message(s);
	return e.code == EAGAIN;
}

/* What the journals put off. */
static bool idle(void *arg)
{
	const struct showing *s = arg;
	bool more = false;

	list_each(n, &s->members)
	{
		const struct member *m = list_item(n, struct member, node);

		more |= m->journal && journal_settle(m->journal, SETTLE_MAX);
	}
	return more;
}

/* ---- beginning ---- */

static int first_message(struct showing *s, struct err *e)
{
	const char *user, *path, *store;
	struct msg_reader r;

	if (wire_recv(CONTROL, &s->in, 0, e) <= 0)
		return -1;
	if (msg_open(&r, s->in.data.data, s->in.data.len) != WIRE_SHOW)
		return err_set(e, "bad start message");
	s->uid = msg_get_u32(&r);
	s->gid = msg_get_u32(&r);
	user = msg_get_str(&r);
	path = msg_get_str(&r);
	store = msg_get_str(&r);
	if (!msg_end(&r) || strlen(user) >= sizeof s->user || strlen(path) >= sizeof s->path ||
	    strlen(store) >= sizeof s->store)
		return err_set(e, "bad start message");
	strcpy(s->user, user);
	strcpy(s->path, path);
	strcpy(s->store, store);
	return 0;
}

static int confine(const struct showing *s, struct err *e)
{
	if (s->uid && caps_become(s->uid, s->gid, *s->user ? s->user : NULL, -1, e) < 0)
		return -1;
	caps_hide();
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		return err_sys(e, "die with the mounter");
	umask(0);
	return CONFIG_CONFINE ? role_enter(ROLE_SUPERVISE | ROLE_FILES | ROLE_VIEW, 0, e) : 0;
}

/* For the mounter, who looks whether we get on. */
static volatile uint64_t *at_work(void)
{
	void *page = mmap(NULL, sizeof(uint64_t), PROT_READ | PROT_WRITE, MAP_SHARED, AT_WORK, 0);

	close(AT_WORK);
	return page == MAP_FAILED ? NULL : page;
}

int showing_run(struct err *e)
{
	struct showing s = { .in = { .n_fds = 0 } };
	struct view *v;
	int rc;

	list_init(&s.members);
	for (int fd = CONTROL; fd <= AT_WORK; fd++)
		fd_cloexec(fd, 1);
	if (first_message(&s, e) < 0)
		return -1;
	s.view = (struct view_options){ .dir = LOWER,
		                        .device = DEVICE,
		                        .path = s.path,
		                        .hidden = s.store,
		                        .keep_s = KEEP_S,
		                        .judge = judge,
		                        .acted = acted,
		                        .talk = CONTROL,
		                        .heard = heard,
		                        .idle = idle,
		                        .at_work = at_work(),
		                        .arg = &s };
	if (s.uid == 0 || geteuid() != 0)
		s.uid = geteuid();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	if (confine(&s, e) < 0)
		return -1;
	v = s.shown = view_new(&s.view, e);
	rc = v ? view_run(v, e) : -1;
	for (struct list *n = s.members.next, *next; n != &s.members; n = next) {
		next = n->next;
		member_free(list_item(n, struct member, node));
	}
	view_free(v);
	wire_in_release(&s.in);
	return rc;
}
