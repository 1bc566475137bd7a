/* files_lab - a program under the file layer alone: its file calls are marked by a filter of this test's own,
 * and answered by lib/enforce/files as a session's supervisor would. No Landlock stands behind: what holds
 * here, the supervisor holds.
 *
 * The supervisor is a process of its own with the ids of the program, as in a session.
 */
#pragma once

#include "test/t.h"

#include "audit/ring.h"
#include "base/err.h"
#include "enforce/exec/call.h"
#include "enforce/exec/filter.h"
#include "enforce/exec/impl.h"
#include "enforce/exec/serve.h"
#include "enforce/files/files.h"
#include "journal/record.h"
#include "policy/policy.h"
#include "sys/mem.h"
#include "sys/notify.h"
#include "sys/proc.h"
#include "sys/tag.h"
#include "sys/uapi/compat.h"
#include "wire/conn.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
	FL_TEXT = 8 << 20,
	FL_CALLS = 64,
	FL_ALL = FILTER_WRITES | FILTER_NAMES | FILTER_ATTRIBUTES /* what a session always has */
};

/* Shared between driver, supervisor and program. */
struct fl_shared {
	size_t events_len, out_len;
	bool lax, deaf; /* deaf: nobody takes events */
	int answered, continued;
	size_t fds, most_fds; /* descriptors of the supervisor: in the beginning, and at most */
	int asked;            /* approvals */
	uint64_t tag;         /* of the program, when `hold` */
	int held;             /* descriptors handed over on one processor */
	bool holds;           /* calls, when nobody is left */
	char events[FL_TEXT], out[FL_TEXT];
};
static struct fl_shared *fl;

struct fl_run {
	const char *policy;      /* YAML */
	void (*program)(void *); /* what it says goes to fl->out, by fl_say() */
	void *arg;
	uid_t uid;
	bool lax;    /* what it allows the supervisor lets go on, as it must not */
	bool native; /* without any of this */
	uint32_t inexact, keep;
	bool soft_block;
	const char *workspace, *virtual_root, *store;
	const struct files_closed *closed;
	size_t n_closed;
	/* Approvals: how long they are waited for, and who answers the nth: 1 yes, 0 no, -1 not at all;
	 * called again while it says -2. */
	int64_t approval_ns;
	int (*approve)(int nth);
	bool execs, killable; /* programs are judged, too; only fatal signals interrupt */
	bool hold;            /* as if it took long to hand over descriptors; the program has its tag */
	unsigned real;        /* under a session's own filter: FILTER_… for files, and programs */
};

#define FL_UNUSED __attribute__((unused))

static const int fl_calls[] = {
#ifdef __NR_open
	__NR_unlink,        __NR_rmdir,        __NR_mkdir,        __NR_mknod,        __NR_symlink,
	__NR_link,          __NR_rename,       __NR_chmod,        __NR_chown,        __NR_lchown,
	__NR_utime,         __NR_utimes,       __NR_futimesat,
#endif
#ifdef __NR_renameat
	__NR_renameat,
#endif
	__NR_unlinkat,      __NR_mkdirat,      __NR_mknodat,      __NR_symlinkat,    __NR_linkat,
	__NR_renameat2,     __NR_fchmod,       __NR_fchmodat,     __NR_fchmodat2,    __NR_fchown,
	__NR_fchownat,      __NR_truncate,     __NR_utimensat,    __NR_setxattr,     __NR_lsetxattr,
	__NR_fsetxattr,     __NR_removexattr,  __NR_lremovexattr, __NR_fremovexattr, __NR_setxattrat,
	__NR_removexattrat, __NR_file_setattr, __NR_bind,
};
enum { FL_N = sizeof fl_calls / sizeof *fl_calls };

FL_UNUSED static void fl_say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
static void fl_say(const char *fmt, ...)
{
	va_list args;
	int n;

	va_start(args, fmt);
	n = vsnprintf(fl->out + fl->out_len, FL_TEXT - fl->out_len, fmt, args);
	va_end(args);
	if (n > 0 && fl->out_len + (size_t)n < FL_TEXT)
		fl->out_len += (size_t)n;
}

static bool fl_sink(void *arg, const char *json, size_t len, uint32_t number, uint32_t flags)
{
	(void)arg;
	(void)number;
	(void)flags;
	if (fl->deaf)
		return false;
	if (fl->events_len + len + 2 > FL_TEXT)
		fl->events_len = 0; /* the last ones are looked at */
	memcpy(fl->events + fl->events_len, json, len);
	fl->events_len += len;
	fl->events[fl->events_len++] = '\n';
	fl->events[fl->events_len] = 0;
	return true;
}

static void fl_need(bool good, const char *what)
{
	if (good)
		return;
	printf("Bail out! %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static int fl_real_filter(const struct fl_run *r)
{
	static struct filter f;
	const struct filter_options o = { .kind = FILTER_LISTENER, .files = r->real };

	fl_need(filter_make(&f, &filter_native, &o, NULL) == 0, "filter");
	return notify_install(f.code, f.n, r->killable, NULL);
}

static int fl_filter(const struct fl_run *r)
{
	struct sock_filter f[FL_N + 4];
	size_t n = 0;

	f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < FL_N; i++)
		f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)fl_calls[i],
		                                      (unsigned char)(FL_N - i + 1), 0);
	f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, r->execs ? __NR_execve : ~0u, 1, 0);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
	return notify_install(f, n, r->killable, NULL);
}

/* The program's side: under the filter, and its listener handed over, it is let go. */
static void fl_child(const struct fl_run *r, int sock)
{
	struct msg m = { 0 };
	char go;
	int listener;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!r->native) {
		fl_need(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0, "no_new_privs");
		if (r->hold)
			fl_need(tag_set(fl->tag, 1, NULL) == 0, "tag");
		listener = r->real ? fl_real_filter(r) : fl_filter(r);
		fl_need(listener >= 0, "listener");
		msg_start(&m, WIRE_ATTACH);
		fl_need(wire_send(sock, &m, &listener, 1, 0, NULL) == 0 && read(sock, &go, 1) == 1,
		        "hand over");
		msg_release(&m);
		close(listener);
	}
	close(sock);
	r->program(r->arg);
	_exit(0);
}

static struct policy *fl_policy(const char *text, bool approvals)
{
	struct policy_options o = { .approvals = approvals };
	struct policy_problems problems = { 0 };
	struct policy *p = policy_load(text, strlen(text), "lab.yaml", &o, &problems);

	for (size_t i = 0; i < problems.n; i++)
		printf("# lab.yaml:%d: %s\n", problems.items[i].line, problems.items[i].text);
	fl_need(p != NULL, "policy");
	return p;
}

/* The mistake that this layer is there to avoid: look at where the path leads now, then let the kernel look
 * again. */
static void fl_lax(const struct call *k)
{
	char path[PATH_MAX], real[PATH_MAX + 1] = "";
	int nr = k->n->data.nr;
	bool at = nr != __NR_truncate;
	ssize_t n = mem_read((pid_t)k->n->pid, k->n->data.args[at], path, 64);
	int dir = proc_open(k->pid, "cwd", O_PATH);
	int fd = n < 0 ? -1 : openat(dir, path, O_PATH);
	char name[40];

	if (fd < 0 && n >= 0 && strrchr(path, '/')) {
		*strrchr(path, '/') = 0;
		fd = openat(dir, path, O_PATH);
	}
	snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
	if (fd >= 0 && readlink(name, real, PATH_MAX) < 0)
		*real = 0;
	close(fd);
	close(dir);
	if (strstr(real, "/secret"))
		call_fail(k, EACCES);
	else
		call_continue(k);
}

static void fl_answer(struct governor *g, struct governed *c, struct files *files)
{
	struct seccomp_notif n;
	struct call k = { .g = g, .c = c, .n = &n };

	if (notify_receive(c->listener, &n) <= 0)
		return;
	k.pid = proc_tgid((pid_t)n.pid);
	if (k.pid && fl->lax)
		fl_lax(&k);
	else if (k.pid)
		files_call(files, &k);
	else
		call_fail(&k, EPERM);
	fl->answered++;
}

/* enforce/exec/hand.h */
static void fl_hold(const struct fl_run *r, struct governor *g)
{
	enum { MANY = 1000 };

	if (g->hand.free_ns < -1)
		fl->held += g->hand.held < MANY;
	g->hand.held = r->hold ? MANY : 0;
	g->hand.free_ns = r->hold ? -1000000000 : 0; /* however long it takes */
}

static void fl_turn(const struct fl_run *r, struct governor *g, struct governed *c, struct files *files)
{
	fl_hold(r, g);
	if (!r->lax && (r->approval_ns || r->real))
		serve_call(g, c);
	else
		fl_answer(g, c, files);
}

static int64_t fl_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

/* Those that have asked since. */
static void fl_approve(const struct fl_run *r, struct governor *g)
{
	static const char mark[] = "\"id\":\"approval-";
	static size_t from;
	char id[64];

	if (!fl->events_len)
		from = 0;
	for (char *at; (at = strstr(fl->events + from, mark));) {
		char *line = at;
		int answer;

		while (line > fl->events && line[-1] != '\n')
			line--;
		snprintf(id, sizeof id, "%.*s", (int)strcspn(at + 6, "\""), at + 6);
		if (memmem(line, strcspn(line, "\n"), "approval_requested", 18)) {
			answer = r->approve ? r->approve(fl->asked) : -1;
			if (answer == -2)
				return;
			fl->asked++;
			from = (size_t)(at - fl->events) + 1;
			if (answer >= 0)
				serve_approve(g, id, answer, "the test says so");
		}
		from = (size_t)(at - fl->events) + 1;
	}
}

static void fl_count_fds(void)
{
	size_t n = proc_count(getpid(), "fd");

	if (!fl->fds)
		fl->fds = n;
	fl->most_fds = n > fl->most_fds ? n : fl->most_fds;
}

/* As a session has it, where all that it judges is marked. */
static struct journal_log *fl_journal(const struct fl_run *r, bool all)
{
	const struct journal_log_options o = { .at = AT_FDCWD,
		                               .store = r->store,
		                               .session = "session-lab",
		                               .copy_max = 1 << 20,
		                               .quota = -1,
		                               .batch = all };
	struct journal_log *log = NULL;
	struct err e = { 0 };

	fl_need(!r->store || journal_log_open(&log, &o, &e) == 0, "journal");
	return log;
}

/* The program asks nothing any more and does not end: somebody waits for an answer that was forgotten. */
static void fl_hangs(pid_t child, unsigned n)
{
	fl_say(" hangs after %u calls", n);
	kill(child, SIGKILL);
}

/* Until nobody is left. */
static void fl_loop(const struct fl_run *r, struct governor *g, struct governed *c, struct files *files)
{
	int64_t next = 0, again = 0;
	unsigned n_calls = 0;
	bool waits = false;

	for (;;) {
		struct pollfd w = { .fd = c->listener, .events = POLLIN };
		int n = poll(&w, 1, waits ? SERVE_WAIT_NS / 1000000 : r->approval_ns ? 10 : 60000);

		if (waits && fl_now() >= again) {
			waits = serve_wait(g);
			again = fl_now() + SERVE_WAIT_NS;
			if (n == 0)
				continue;
		}

		if (r->approval_ns) {
			fl_approve(r, g);
			if (fl_now() >= next) {
				serve_held(g);
				next = fl_now() + SERVE_HELD_NS;
			}
		}
		if (n == 0 && r->approval_ns)
			continue;
		if (n == 0)
			fl_hangs(c->entry, n_calls);
		if (n <= 0 || !(w.revents & POLLIN))
			return;
		if (!(++n_calls & 1023) || n_calls == 1)
			fl_count_fds();
		fl_turn(r, g, c, files);
		if (!waits && (waits = serve_wait(g)))
			again = fl_now() + SERVE_WAIT_NS;
	}
}

static void fl_serve(const struct fl_run *r, int listener, pid_t child)
{
	struct policy *p = fl_policy(r->policy, r->approval_ns > 0);
	struct governor_options go = { .policy = p,
		                       .tag = r->hold ? fl->tag : 1,
		                       .session_id = "session-lab",
		                       .sink = fl_sink,
		                       .file_call = files_call,
		                       .file_wait = files_wait,
		                       .approval_ns = r->approval_ns };
	struct files_options fo = { .policy = p,
		                    .tag = 1,
		                    .workspace = r->workspace,
		                    .virtual_root = r->virtual_root,
		                    .inexact = r->inexact,
		                    .masks = (r->real & FL_ALL) == FL_ALL,
		                    .closed = r->closed,
		                    .n_closed = r->n_closed,
		                    .store = r->store,
		                    .keep = r->keep,
		                    .soft_block = r->soft_block };
	struct governed c = {
		.listener = listener, .number = 1, .id = "cmd-lab", .entry = child, .killable = r->killable
	};
	struct err e = { 0 };
	struct governor *g;
	struct files *files;

	notify_sync_wakeup(listener);
	fo.journal = fl_journal(r, fo.masks);
	files = go.files = files_new(&fo, &e);
	g = serve_new(&go, &e);
	fl_need(g && files && (fo.journal || !r->store), "supervisor");
	fl_loop(r, g, &c, files);
	fl_count_fds();
	serve_held(g);
	fl->holds = serve_holds(g);
	journal_log_close(fo.journal);
	files_free(files);
	serve_free(g);
	policy_free(p);
}

static void fl_supervise(const struct fl_run *r)
{
	struct wire_in in = { 0 };
	int sock[2], status;
	gid_t gid = r->uid;
	pid_t child;

	if (r->uid)
		fl_need(setgroups(1, &gid) == 0 && setresgid(gid, gid, gid) == 0 &&
		                setresuid(r->uid, r->uid, r->uid) == 0,
		        "user");
	prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	fl_need(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sock) == 0, "socketpair");
	child = fork();
	if (child == 0)
		fl_child(r, sock[1]);
	close(sock[1]);
	if (!r->native) {
		fl_need(wire_recv(sock[0], &in, 0, NULL) > 0 && in.n_fds == 1 && write(sock[0], "x", 1) == 1,
		        "listener");
		fl_serve(r, in.fds[0], child);
		close(in.fds[0]); /* who waits still is told so */
	}
	waitpid(child, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
}

FL_UNUSED static void fl_start(void)
{
	if (geteuid() != 0)
		t_skip_all("not root");
	if (!fl)
		fl = mmap(NULL, sizeof *fl, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	fl_need(fl != MAP_FAILED, "memory");
}

/* The program's exit status. What it did, said and was told of is in *fl. */
FL_UNUSED static int fl_run(const struct fl_run *r)
{
	int status = -1;
	pid_t pid;

	fl_start();
	fl->events_len = fl->out_len = 0;
	fl->answered = fl->asked = fl->held = 0;
	fl->fds = fl->most_fds = 0;
	fl->lax = r->lax;
	fl->tag = tag_new();
	*fl->events = *fl->out = 0;
	fflush(stdout);
	pid = fork();
	if (pid == 0)
		fl_supervise(r);
	fl_need(pid > 0 && waitpid(pid, &status, 0) == pid, "fork");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* One event that holds all these texts (the last is NULL)? */
FL_UNUSED static bool fl_event(const char *a, const char *b, const char *c)
{
	for (const char *p = fl->events; *p;) {
		const char *end = strchr(p, '\n');
		size_t len = end ? (size_t)(end - p) : strlen(p);

		if (memmem(p, len, a, strlen(a)) && (!b || memmem(p, len, b, strlen(b))) &&
		    (!c || memmem(p, len, c, strlen(c))))
			return true;
		p += len + (end != NULL);
	}
	return false;
}
