/* bare - what the mechanism itself costs, with nothing of agentsh's own work: the floor of `bash -c :`.
 *
 * usage: bare COMMAND [ARG...]   run COMMAND with somebody at hand who answers every call with "go on"
 *        hop ARG...              (this file called so, below such a COMMAND) enter and become /bin/bash.real
 * ARG...
 *
 * The hop is what the shim must do however well it is written: one more exec of a static program,
 * no_new_privs, the tag, the Landlock domain that a session of the server's configuration has, the production
 * filter with a listener, which is handed over; then the kernel asks about the exec of bash and about its
 * first call. Who is asked looks at nothing. There is no server, no policy and no event.
 */
#include "base/die.h"
#include "base/fd.h"
#include "config/config.h"
#include "enforce/entry.h"
#include "enforce/exec/plan.h"
#include "session/closed.h"
#include "session/session.h"
#include "sys/notify.h"
#include "sys/tag.h"
#include "wire/conn.h"

#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* Where the hop finds what it needs; inherited, as nothing is asked for. */
enum { PLAN = 100, RULESET, INBOX, CALLERS = 64 };

static _Noreturn void give_up(const struct err *e)
{
	die(EXIT_FAILED, "bare: %s", e->text);
}

static const char *no_env(const char *name)
{
	(void)name;
	return NULL;
}

/* The plan of a session whose workspace is the home directory. */
static void make_plan(struct plan *plan, struct floor *floor)
{
	struct config_problems problems = { 0 };
	const struct config *c = config_load("/etc/agentsh/config.yaml", CONFIG_SYSTEM, no_env, &problems);
	struct core core = { .config = c };
	struct rung_found found;
	struct session s = { .core = &core, .uid = getuid(), .tag = tag_new() };
	struct plan_options o = { .tag = s.tag, .found = &found };
	struct err e;

	if (!c)
		die(EXIT_FAILED, "bare: no configuration");
	s.home = s.workspace = s.project_root = getenv("HOME");
	rung_find(&found);
	core.found = &found;
	o.blocked = c->sandbox.seccomp.syscalls.block.items;
	o.n_blocked = c->sandbox.seccomp.syscalls.block.n;
	o.keep_caps = closed_caps(c);
	if (found.rung != RUNG_NOTIFY)
		die(EXIT_FAILED, "bare: no listener here");
	if (closed_make(&s, floor, &e) < 0)
		give_up(&e);
	o.ruleset = floor->ruleset;
	o.missing = "";
	if (plan_make(plan, &o, &e) < 0)
		give_up(&e);
}

static void take_caller(struct wire_in *in, struct pollfd *fds, nfds_t *n)
{
	struct err e;

	if (*n == CALLERS || wire_recv(fds[0].fd, in, MSG_DONTWAIT, &e) <= 0 || in->n_fds != 1)
		return;
	notify_sync_wakeup(in->fds[0]);
	fds[(*n)++] = (struct pollfd){ .fd = in->fds[0], .events = POLLIN };
	in->fds[0] = -1;
}

static void answer(int inbox)
{
	struct pollfd fds[CALLERS] = { { .fd = inbox, .events = POLLIN } };
	struct seccomp_notif call;
	struct wire_in in = { 0 };
	nfds_t n = 1;

	while (poll(fds, n, -1) > 0)
		for (nfds_t i = n; i-- > 0;) {
			if (i == 0 && fds[0].revents) {
				take_caller(&in, fds, &n);
			} else if (fds[i].revents & POLLIN) {
				if (notify_receive(fds[i].fd, &call) > 0)
					notify_continue(fds[i].fd, call.id);
			} else if (fds[i].revents) {
				close(fds[i].fd);
				fds[i] = fds[--n];
			}
		}
}

/* The plan as one block of memory that can be read with one call. */
struct block {
	uint64_t tag, keep_caps;
	uint32_t n;
	bool killable;
	struct sock_filter filter[1024];
};

static int around(char **argv)
{
	struct block b = { 0 };
	struct floor floor;
	struct plan plan;
	int inbox[2], fd;
	struct err e;
	pid_t pid;

	make_plan(&plan, &floor);
	b.tag = plan.launch.tag;
	b.keep_caps = plan.launch.keep_caps;
	b.killable = plan.launch.killable;
	b.n = (uint32_t)plan.launch.n_filter;
	memcpy(b.filter, plan.launch.filter, b.n * sizeof *b.filter);
	fd = fd_sealed("plan", (const char *)&b, sizeof b, &e);
	if (fd < 0)
		give_up(&e);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, inbox) < 0)
		die(EXIT_FAILED, "bare: no sockets");
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		answer(inbox[1]);
		_exit(0);
	}
	if (pid < 0 || dup2(fd, PLAN) < 0 || dup2(plan.launch.ruleset, RULESET) < 0 ||
	    dup2(inbox[0], INBOX) < 0)
		die(EXIT_FAILED, "bare: cannot start");
	execvp(argv[0], argv);
	die(EXIT_FAILED, "bare: %s", argv[0]);
}

static int hop(char **argv)
{
	const struct entry_name name = { .number = 1, .id = "cmd-0", .shell = true };
	static struct block b;
	struct launch_plan plan = { .filter = b.filter, .ruleset = RULESET, .rung = RUNG_NOTIFY };
	struct err e;
	int listener;

	if (pread(PLAN, &b, sizeof b, 0) != sizeof b)
		die(EXIT_FAILED, "hop: only below bare");
	plan.n_filter = b.n;
	plan.tag = b.tag;
	plan.keep_caps = b.keep_caps;
	plan.killable = b.killable;
	listener = launch_enter(&plan, 1, &e);
	if (listener < 0 || entry_attach(INBOX, &name, listener, &e) < 0)
		give_up(&e);
	argv[0] = (char *)"bash";
	execv("/bin/bash.real", argv);
	die(EXIT_FAILED, "hop: no bash");
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[0], "hop"))
		return hop(argv);
	if (argc > 1)
		return around(argv + 1);
	die(2, "usage: bare COMMAND [ARG...]");
}
