/* pass - the one exec that is not asked about: a shell's stand-in tells its supervisor what it executes first
 * and draws a number that lets that pass (enforce/entry.h). Whoever knew the number could execute unasked;
 * what then starts is still looked at before it does anything, so that it gains nothing. */
#include "test/kernel/lab.h"

#include "audit/event.h"
#include "base/buf.h"
#include "enforce/exec/filter.h"
#include "enforce/exec/serve.h"
#include "policy/policy.h"
#include "sys/notify.h"
#include "sys/tag.h"
#include "wire/msg.h"

enum { KILLED = 128 + SIGKILL };

static struct policy *policy;
static struct governor *governor;
static struct governor_options options;
static struct buf events;
static char normal[160], flagged[160];

static bool keep(void *arg, const char *json, size_t len, uint32_t number, uint32_t flags)
{
	(void)arg;
	(void)number;
	(void)flags;
	buf_add(&events, json, len);
	buf_add(&events, "\n", 1);
	return true;
}

static void begin(void)
{
	struct policy_problems problems = { 0 };
	struct err e;

	lab_start();
	buf_clear(&events);
	if (governor)
		return;
	snprintf(normal, sizeof normal, "%s/normal", lab.dir);
	snprintf(flagged, sizeof flagged, "%s/flagged", lab.dir);
	lab_copy("/proc/self/exe", normal);
	lab_copy("/proc/self/exe", flagged);
	policy = policy_load(LAB_POLICY, strlen(LAB_POLICY), "lab.yaml", &(struct policy_options){ 0 },
	                     &problems);
	lab_need(policy, "policy");
	options = (struct governor_options){
		.policy = policy, .tag = tag_new(), .session_id = "session-1", .sink = keep
	};
	governor = serve_new(&options, &e);
	lab_need(governor, "governor");
}

static bool told(const char *a, const char *b)
{
	struct outcome *o = calloc(1, sizeof *o);
	bool found;

	lab_need(o, "memory");
	snprintf(o->log, sizeof o->log, "%.*s", (int)events.len, buf_text(&events));
	found = lab_logged(o, a, b);
	free(o);
	return found;
}

/* What a case is about: `says` is told to be executed first (NULL: nothing is), `does` is, with the number
 * plus `off`. */
struct entrant {
	const char *says, *does, *argument;
	uint64_t off;
	bool careless; /* nobody looks at what starts */
};

static struct entrant now;

static void enter(int out, int go)
{
	char *argv[] = { (char *)"program", (char *)now.argument, NULL }, number[32];
	static struct filter f;
	uint64_t pass;
	int listener;

	setenv("KT_CANARY", lab.reached, 1);
	setenv("KT_CANARY_PROGRAM", lab.canary, 1);
	setenv("KT_NORMAL", normal, 1);
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (filter_build(&f, NULL, 0, NULL) < 0 || tag_set(options.tag, 1, NULL) < 0)
		_exit(90);
	pass = notify_pass(f.code, f.n);
	if (!pass || prctl(PR_GET_DUMPABLE) != 0)
		_exit(91);
	snprintf(number, sizeof number, "%llu", (unsigned long long)pass);
	setenv("KT_PASS", number, 1);
	listener = notify_install(f.code, f.n, true, NULL);
	if (write(out, &listener, sizeof listener) != sizeof listener || read(go, number, 1) != 1)
		_exit(92);
	close(listener);
	notify_exec(now.does, argv, environ, pass + now.off);
	_exit(errno);
}

/* Answer until nobody is left: how many calls were there of execve? */
static int answer(struct governed *c)
{
	struct pollfd p = { .fd = c->listener, .events = POLLIN };
	struct seccomp_notif n;
	int calls = 0;

	while (poll(&p, 1, LAB_SECONDS * 1000) > 0 && p.revents & POLLIN) {
		calls++;
		if (!now.careless)
			serve_call(governor, c);
		else if (notify_receive(c->listener, &n) > 0)
			notify_continue(c->listener, n.id);
	}
	close(c->listener);
	return calls;
}

/* How it ended, as a shell counts; the number of calls that were asked about. */
static int run_entrant(const struct entrant *e, int *calls)
{
	struct governed c = { .number = 1, .id = "cmd-1" };
	struct msg_reader r;
	struct msg first = { 0 };
	int out[2], go[2], listener, pidfd, status;
	pid_t pid;

	now = *e;
	unlink(lab.reached);
	lab_need(pipe(out) == 0 && pipe(go) == 0, "pipes");
	pid = fork();
	if (pid == 0)
		enter(out[1], go[0]);
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	lab_need(read(out[0], &listener, sizeof listener) == sizeof listener, "the listener's number");
	c.listener = (int)syscall(SYS_pidfd_getfd, pidfd, listener, 0);
	c.entry = pid;
	lab_need(c.listener >= 0, "listener");
	msg_str(&first, e->says);
	msg_strv(&first, (const char *const[]){ "program" }, 1);
	r = (struct msg_reader){ .data = first.b.data, .len = first.b.len };
	if (e->says)
		ok(serve_first(governor, &c, &r), "told");
	msg_release(&first);
	lab_need(write(go[1], "g", 1) == 1, "go");
	*calls = answer(&c);
	lab_need(waitpid(pid, &status, 0) == pid, "wait");
	for (int i = 0; i < 2; i++)
		close(out[i]), close(go[i]);
	close(pidfd);
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static bool reached(void)
{
	struct stat st;

	return stat(lab.reached, &st) == 0;
}

/* ---- a program that knows the number ------------------------------------------------------------- */

static int exec_unasked(const char *path, uint64_t off)
{
	char *argv[] = { (char *)"program", NULL };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		notify_exec(path, argv, environ, strtoull(lab_env("KT_PASS"), NULL, 10) + off);
		_exit(errno);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 98;
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static int a_leak(void)
{
	unsetenv("KT_ATTACK");
	if (exec_unasked(lab_env("KT_NORMAL"), 1) != 0)
		return 10; /* asked, and allowed */
	if (exec_unasked(canary_path(), 1) != EACCES || exec_unasked(canary_path(), 1ULL << 32) != EACCES)
		return 11; /* asked, and denied */
	return exec_unasked(canary_path(), 0);
}

const struct lab_attack lab_attacks[] = { { "leak", a_leak }, { NULL, NULL } };

/* ---- cases --------------------------------------------------------------------------------------- */

T_CASE(what_was_told_runs)
{
	int calls;

	begin();
	is_int(run_entrant(&(struct entrant){ .says = normal, .does = normal }, &calls), 0, "it runs");
	is_int(calls, 1, "asked about is only its start");
	ok(told("\"execve\"", "allowed") && told(normal, "cmd-1"), "the exec is recorded");
	is_int(run_entrant(&(struct entrant){ .does = normal, .off = 1 }, &calls), 0,
	       "with a wrong number it runs as well");
	is_int(calls, 2, "after it was asked about");
}

T_CASE(another_image_is_killed)
{
	int calls;

	begin();
	is_int(run_entrant(&(struct entrant){ .says = normal, .does = lab.canary }, &calls), KILLED,
	       "what was told is harmless, what starts is not: killed");
	ok(!reached(), "before it did anything");
	ok(told("exec_intercept", "deny-canary"), "that is recorded, with the rule");
	is_int(run_entrant(&(struct entrant){ .does = lab.canary }, &calls), KILLED,
	       "nothing was told: killed");
	ok(!reached(), "before it did anything");
}

T_CASE(other_arguments_are_killed)
{
	int calls;

	begin();
	is_int(run_entrant(&(struct entrant){ .says = flagged, .does = flagged }, &calls), 0,
	       "its arguments matter, and are as told");
	is_int(run_entrant(&(struct entrant){ .says = flagged, .does = flagged, .argument = "--canary" },
	                   &calls),
	       KILLED, "they are not as told: killed");
	ok(!reached(), "before it did anything");
	ok(told("exec_intercept", "deny-flag"), "that is recorded, with the rule");
}

T_CASE(what_must_not_run_is_killed_at_once)
{
	int calls;

	begin();
	is_int(run_entrant(&(struct entrant){ .says = lab.canary, .does = lab.canary }, &calls), KILLED,
	       "told is what is denied: killed");
	ok(!reached(), "it did nothing");
	ok(told("\"execve\"", "deny-canary"), "that is recorded, with the rule");
}

T_CASE(a_number_that_leaked)
{
	int calls;

	begin();
	setenv("KT_ATTACK", "leak", 1);
	is_int(run_entrant(&(struct entrant){ .says = lab.tool, .does = lab.tool }, &calls), KILLED,
	       "a program that knows the number: what it starts by it is killed");
	ok(!reached(), "the canary did nothing");
	ok(told("exec_intercept", "deny-canary"), "that is recorded, with the rule");
	unsetenv("KT_ATTACK");
}

/* If it were not lost without, the cases above would prove nothing. */
T_CASE(without_the_look_at_what_starts_it_is_lost)
{
	int calls;

	begin();
	is_int(run_entrant(&(struct entrant){ .says = normal, .does = lab.canary, .careless = true }, &calls),
	       0, "nobody looks: the canary runs");
	ok(reached(), "to its end");
}
