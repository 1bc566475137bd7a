/* held - rules that say "approve": the call waits for its answer and nothing else does; what was approved is
 * what is done; whoever goes away leaves nothing behind. */
#include "test/kernel/files_tree.h"

#include "enforce/exec/held.h"

#include <pthread.h>
#include <time.h>

#define SECOND 1000000000LL

static const char policy[] = "version: 1\nname: held\nfile_rules:\n"
                             "  - name: ask-env\n    paths: [\"@/w/*.env\"]\n    operations: [\"*\"]\n"
                             "    decision: approve\n    message: \"{{.Path}} is asked for\"\n"
                             "  - name: ask-soon\n    paths: [\"@/w/soon\"]\n    operations: [\"*\"]\n"
                             "    decision: approve\n    timeout: 300ms\n"
                             "  - name: allow-own\n    paths: [\"@/w\", \"@/w/**\"]\n"
                             "    operations: [\"*\"]\n    decision: allow\n"
                             "command_rules:\n"
                             "  - {name: ask-true, commands: [\"true\"], decision: approve}\n"
                             "  - {name: allow-echo, commands: [\"echo\"], decision: allow}\n";
static char top[64];

static uid_t user(void)
{
	return 30000 + (uid_t)getpid() % 30000;
}

static void build(uid_t uid)
{
	static const char *const names[] = { "w/a.env", "w/b.env", "w/soon", "w/free" };

	if (geteuid() != 0)
		t_skip_all("not root");
	snprintf(top, sizeof top, "/dev/shm/held.%d", (int)getpid());
	fl_need(mkdir(top, 0755) == 0 && chmod(top, 0755) == 0 && chdir(top) == 0, top);
	fl_need(mkdir("w", 0755) == 0 && chown("w", uid, uid) == 0, "w");
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		tree_put(names[i], names[i], 0644);
		fl_need(chown(names[i], uid, uid) == 0, names[i]);
	}
}

static void demolish(void)
{
	tree_gone(top);
}

static int hold(struct fl_run *r)
{
	build(r->uid);
	r->policy = tree_policy(policy, top);
	r->inexact = ~0u;
	return fl_run(r);
}

static void say(const char *what, long rc)
{
	fl_say("%s: %s\n", what, rc < 0 ? strerror(errno) : "0");
}

static long long now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000LL + t.tv_nsec / 1000000;
}

static void enter(void)
{
	if (chdir(top) < 0 || chdir("w") < 0)
		_exit(91);
}

/* ---- yes and no --------------------------------------------------------------------------------------- */

static int yes_then_no(int nth)
{
	return nth % 2 == 0;
}

static void twice_each(void *arg)
{
	(void)arg;
	enter();
	say("chmod", chmod("a.env", 0600));
	say("chmod", chmod("a.env", 0666));
	say("unlink", unlink("b.env"));
	say("mkdir", mkdir("new.env", 0700));
	say("rmdir", rmdir("free/no"));
	say("free", truncate("free", 0));
}

static void answered_as(uid_t uid)
{
	struct fl_run r = {
		.program = twice_each, .uid = uid, .approval_ns = 60 * SECOND, .approve = yes_then_no
	};
	struct stat st;

	is_int(hold(&r), 0);
	is_str(fl->out,
	       "chmod: 0\nchmod: Permission denied\nunlink: 0\nmkdir: Permission denied\n"
	       "rmdir: Not a directory\nfree: 0\n",
	       "uid %d", (int)uid);
	ok(stat("w/a.env", &st) == 0 && (st.st_mode & 0777) == 0600,
	   "what was approved happened, the rest not");
	ok(access("w/b.env", F_OK) < 0 && access("w/new.env", F_OK) < 0, "likewise");
	is_int(fl->asked, 4, "questions");
	ok(fl_event("approval_requested", "\"target\":\"", "w/a.env is asked for"),
	   "it is told what is asked");
	ok(fl_event("approval_resolved", "\"approved\":true", "the test says so"), "yes is told");
	ok(fl_event("approval_resolved", "\"approved\":false", "ask-env"), "no is told");
	ok(fl_event("\"file_chmod\"", "\"denied\"", "\"ask-env\""), "so is the refusal, with its rule");
	ok(fl_event("\"file_chmod\"", "\"allowed\"", "\"ask-env\""), "and what was allowed");
	ok(!fl->holds, "nothing is left");
	demolish();
}

T_CASE(answered)
{
	answered_as(user());
	answered_as(0);
}

/* Nobody is asked where approvals are off. */
T_CASE(without_approvals_they_deny)
{
	struct fl_run r = { .program = twice_each, .uid = user() };

	is_int(hold(&r), 0);
	ok(!strncmp(fl->out, "chmod: Permission denied\nchmod: Permission denied\nunlink: Perm", 62));
	is_int(fl->asked, 0);
	demolish();
}

/* ---- both names of a rename ------------------------------------------------------------------------------
 */

static int yes(int nth)
{
	return nth >= 0;
}

static void renames(void *arg)
{
	(void)arg;
	enter();
	say("rename", renameat2(AT_FDCWD, "free", AT_FDCWD, "other.env", 0));
	say("over", renameat2(AT_FDCWD, "other.env", AT_FDCWD, "a.env", 0));
}

T_CASE(each_name_is_asked_for)
{
	struct fl_run r = { .program = renames, .uid = user(), .approval_ns = 60 * SECOND, .approve = yes };

	is_int(hold(&r), 0);
	is_str(fl->out, "rename: 0\nover: 0\n");
	is_int(fl->asked, 4, "the new name; the old one, the new one, and what it had");
	demolish();
}

/* ---- time ------------------------------------------------------------------------------------------------
 */

static void waits(void *arg)
{
	long long start = now_ms(), took;

	enter();
	say("chmod", chmod(arg, 0600));
	took = now_ms() - start;
	if (took < 250 || took > 5000)
		fl_say("took %lld ms\n", took);
}

T_CASE(nobody_answers)
{
	char soon[] = "soon", env[] = "a.env";
	struct fl_run r = { .program = waits, .arg = soon, .uid = user(), .approval_ns = 3600 * SECOND };

	is_int(hold(&r), 0);
	is_str(fl->out, "chmod: Permission denied\n", "when the rule's time is over");
	ok(fl_event("approval_resolved", "\"approved\":false", "\"timeout\""), "told");
	ok(fl_event("\"file_chmod\"", "\"denied\"", "\"ask-soon\""), "with its rule");
	demolish();
	r.arg = env;
	r.approval_ns = SECOND / 3;
	is_int(hold(&r), 0);
	is_str(fl->out, "chmod: Permission denied\n", "when the configuration's is");
	ok(!fl->holds, "nothing is left");
	demolish();
}

/* ---- others go on ----------------------------------------------------------------------------------------
 */

static int when_others_are_done(int nth)
{
	(void)nth;
	return strstr(fl->out, "others") ? 1 : -2;
}

static void beside(void *arg)
{
	pid_t pid = fork();
	int status;

	(void)arg;
	enter();
	if (pid == 0)
		_exit(chmod("a.env", 0600) == 0 ? 0 : errno);
	while (!fl->events_len || !strstr(fl->events, "approval_requested"))
		usleep(1000);
	for (int i = 0; i < 1000; i++)
		if (chmod("free", 0600 | (i & 077)) < 0)
			_exit(92);
	fl_say("others\n");
	if (waitpid(pid, &status, 0) != pid)
		_exit(93);
	fl_say("status %x\n", (unsigned)status);
}

T_CASE(others_go_on)
{
	struct fl_run r = {
		.program = beside, .uid = user(), .approval_ns = 60 * SECOND, .approve = when_others_are_done
	};

	is_int(hold(&r), 0);
	is_str(fl->out, "others\nstatus 0\n");
	demolish();
}

/* ---- who goes away ---------------------------------------------------------------------------------------
 */

static void on_signal(int signo)
{
	(void)signo;
}

static void goes_away(void *arg)
{
	const int signo = *(int *)arg;
	pid_t pid = fork();
	int status;

	enter();
	if (pid == 0) {
		struct sigaction sa = { .sa_handler = on_signal };

		sigaction(SIGINT, &sa, NULL);
		_exit(chmod("a.env", 0600) == 0 ? 0 : errno);
	}
	while (!strstr(fl->events, "approval_requested"))
		usleep(1000);
	kill(pid, signo);
	if (waitpid(pid, &status, 0) != pid)
		_exit(93);
	fl_say("%d", WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status));
	while (!strstr(fl->events, "approval_resolved"))
		usleep(1000);
}

T_CASE(who_goes_away)
{
	int signo = SIGKILL;
	struct fl_run r = { .program = goes_away,
		            .arg = &signo,
		            .uid = user(),
		            .approval_ns = 60 * SECOND,
		            .killable = true };
	struct stat st;
	char want[16];

	if (!notify_probe_killable()) {
		t_skip("old kernel");
		return;
	}
	is_int(hold(&r), 0);
	is_str(fl->out, "-9", "killed");
	ok(fl_event("approval_resolved", "the caller is gone", NULL) && !fl->holds, "nothing is left");
	demolish();
	signo = SIGINT;
	snprintf(want, sizeof want, "%d", EINTR);
	is_int(hold(&r), 0);
	is_str(fl->out, want, "interrupted");
	ok(fl_event("approval_resolved", "interrupted", NULL) && !fl->holds, "nothing is left");
	ok(stat("w/a.env", &st) == 0 && (st.st_mode & 0777) == 0644, "nor done");
	demolish();
}

/* ---- something else by then ------------------------------------------------------------------------------
 */

static char words[16];

static void *calls(void *arg)
{
	*(long *)arg = chmod(words, 0600) < 0 ? errno : 0;
	return NULL;
}

static int first_only(int nth)
{
	if (nth == 0)
		return strstr(fl->out, "changed") ? 1 : -2;
	return 0;
}

static void changes(void *arg)
{
	long error = -1;
	pthread_t t;

	(void)arg;
	enter();
	strcpy(words, "a.env");
	pthread_create(&t, NULL, calls, &error);
	while (!strstr(fl->events, "approval_requested"))
		usleep(1000);
	strcpy(words, "b.env");
	fl_say("changed ");
	pthread_join(t, NULL);
	fl_say("%s", strerror((int)error));
}

T_CASE(what_was_approved_is_what_is_done)
{
	struct fl_run r = {
		.program = changes, .uid = user(), .approval_ns = 60 * SECOND, .approve = first_only
	};
	struct stat a, b;

	is_int(hold(&r), 0);
	is_str(fl->out, "changed Permission denied");
	is_int(fl->asked, 2, "the other was asked for by itself");
	ok(stat("w/a.env", &a) == 0 && stat("w/b.env", &b) == 0 && (a.st_mode & 0777) == 0644 &&
	           (b.st_mode & 0777) == 0644,
	   "neither is changed");
	demolish();
}

/* ---- programs --------------------------------------------------------------------------------------------
 */

static int run_true(char *argument)
{
	char *argv[] = { (char *)"true", argument, NULL }, *env[] = { NULL };
	int status;
	pid_t pid = fork();

	if (pid == 0) {
		syscall(__NR_execve, "/bin/true", argv, env);
		_exit(errno);
	}
	waitpid(pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void programs(void *arg)
{
	(void)arg;
	enter();
	fl_say("%d ", run_true((char *)"first"));
	fl_say("%d", run_true((char *)"second"));
}

T_CASE(programs_are_held_too)
{
	struct fl_run r = { .program = programs,
		            .uid = user(),
		            .approval_ns = 60 * SECOND,
		            .approve = yes_then_no,
		            .execs = true };

	is_int(hold(&r), 0);
	is_str(fl->out, "0 13");
	ok(fl_event("approval_requested", "\"kind\":\"command\"", "first"), "asked with its arguments");
	ok(fl_event("\"execve\"", "\"allowed\"", "\"ask-true\""), "allowed");
	ok(fl_event("\"execve\"", "\"denied\"", "\"ask-true\""), "denied");
	demolish();
}

static char *const rewritten[] = { (char *)"true", words, NULL };

static void *execs(void *arg)
{
	char *env[] = { NULL };

	(void)arg;
	syscall(__NR_execve, "/bin/true", rewritten, env);
	_exit(errno);
}

static void other_arguments(void *arg)
{
	pid_t pid = fork();
	pthread_t t;
	int status;

	(void)arg;
	if (pid == 0) {
		strcpy(words, "harmless");
		pthread_create(&t, NULL, execs, NULL);
		while (!strstr(fl->events, "approval_requested"))
			usleep(1000);
		strcpy(words, "harmful");
		fl_say("changed ");
		pthread_join(t, NULL);
	}
	waitpid(pid, &status, 0);
	fl_say("%d", WEXITSTATUS(status));
}

T_CASE(arguments_that_changed_are_asked_for)
{
	struct fl_run r = { .program = other_arguments,
		            .uid = user(),
		            .approval_ns = 60 * SECOND,
		            .approve = first_only,
		            .execs = true };

	is_int(hold(&r), 0);
	is_str(fl->out, "changed 13");
	is_int(fl->asked, 2);
	ok(fl_event("approval_requested", "harmful", NULL), "as it is now");
	demolish();
}

/* ---- thousands -------------------------------------------------------------------------------------------
 */

static void *one_of_many(void *arg)
{
	(void)arg;
	chmod("a.env", 0600);
	return NULL;
}

static long long thousand(void)
{
	struct timespec a, b;

	clock_gettime(CLOCK_MONOTONIC, &a);
	for (int i = 0; i < 1000; i++)
		if (chmod("free", 0600 | (i & 077)) < 0)
			_exit(92);
	clock_gettime(CLOCK_MONOTONIC, &b);
	return (b.tv_sec - a.tv_sec) * 1000000LL + (b.tv_nsec - a.tv_nsec) / 1000;
}

static size_t requested(void)
{
	size_t n = 0;

	for (const char *p = fl->events; (p = strstr(p, "approval_requested")); p++)
		n++;
	return n;
}

static void many(void *arg)
{
	long long before, with;
	pthread_attr_t small;
	pthread_t t;

	(void)arg;
	enter();
	before = thousand();
	pthread_attr_init(&small);
	pthread_attr_setstacksize(&small, 16384);
	for (size_t i = 0; i < HELD_MAX; i++)
		if (pthread_create(&t, &small, one_of_many, NULL))
			_exit(94);
	while (requested() < HELD_MAX)
		usleep(20000);
	with = thousand();
	fl_say("%lld %lld ", before, with);
	say("one more", chmod("a.env", 0600));
}

T_CASE(thousands_wait)
{
	struct fl_run r = { .program = many, .uid = user(), .approval_ns = 3600 * SECOND, .killable = true };
	long long before = 0, with = 0;
	long long start = now_ms();

	is_int(hold(&r), 0, "who leaves leaves nobody waiting");
	sscanf(fl->out, "%lld %lld", &before, &with);
	/* The kernel walks along its list of all that waits, several times for each call of that command. */
	ok(with < 30 * before + 3000000, "a thousand calls took %lld us, with %d held %lld us", before,
	   HELD_MAX, with);
	ok(strstr(fl->out, "one more: Permission denied"), "one more is refused at once");
	printf("# %lld ms in all\n", now_ms() - start);
	demolish();
}
