/* What commands destroy in a view comes back byte for byte, with mode, owner, times and links, where the view
 * alone keeps it: nine ways to destroy a tree; and a view that is killed at any point of its work loses
 * nothing. KILLS chooses how many points. */
#include "audit/ring.h"
#include "base/clock.h"
#include "base/num.h"
#include "enforce/fuse/judge.h"
#include "enforce/fuse/mounting.h"
#include "enforce/fuse/view.h"
#include "journal/undo.h"
#include "policy/policy.h"
#include "test/unit/journal_world.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/wait.h>

enum { POINTS = 25 };

static const char rules[] = "version: 1\nname: lab\nfile_rules:\n"
                            "  - {name: work, paths: [\"**\"], operations: [\"*\"], decision: allow}\n";

/* What is in the tree is kept, whatever is done to it; nothing else is. */
static const char narrow[] =
        "version: 1\nname: lab\nfile_rules:\n"
        "  - {name: kept, paths: [\"**/tree/**\"], operations: [write, truncate, rename, create, delete],\n"
        "     decision: soft_delete}\n"
        "  - {name: work, paths: [\"**\"], operations: [\"*\"], decision: allow}\n";

static const char *policy = rules;
static bool keep_all = true;

/* The command that all of this is done by, in memory that the view sees, too. */
static char *current;

static void needs_root(void)
{
	if (geteuid() != 0 || access("/dev/fuse", R_OK | W_OK) != 0)
		t_skip_all("not root, or no FUSE");
	if (!current)
		current = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
}

/* ---- the view's side ------------------------------------------------------------------------------------
 */

struct worker {
	struct view_options o;
	struct journal_log *journal;
	struct judge *judge;
	int talk;
};

static bool sink(void *arg, const char *json, size_t len, uint32_t flags)
{
	(void)arg;
	(void)json;
	(void)len;
	(void)flags;
	return true;
}

static const char *command_of(void *arg, pid_t pid)
{
	(void)arg;
	(void)pid;
	return current;
}

static int act(void *arg, struct view_act *a)
{
	return judge_act(((struct worker *)arg)->judge, a);
}

static void acted(void *arg, struct view_act *a, bool happened)
{
	judge_acted(((struct worker *)arg)->judge, a, happened);
}

/* The end of a command; answered when it is written down. */
static bool heard(void *arg)
{
	struct worker *w = arg;
	char command[64];
	ssize_t n = recv(w->talk, command, sizeof command - 1, 0);

	if (n <= 0)
		return false;
	command[n] = '\0';
	judge_ended(w->judge, command);
	return send(w->talk, "", 1, 0) == 1;
}

static bool idle(void *arg)
{
	return judge_settle(((struct worker *)arg)->judge);
}

static int work(struct worker *w, int talk)
{
	const struct policy_var vars[] = { { NULL, NULL } };
	const struct policy_options po = { .vars = vars, .expand = true };
	struct policy_problems problems = { 0 };
	struct journal_log_options lo = { .store = JOURNAL_STORE,
		                          .session = "lab",
		                          .copy_max = 64 << 20,
		                          .hash_up_to = 1 << 20,
		                          .quota = -1,
		                          .ttl_ns = -1 };
	struct judge_options jo = {
		.session_id = "lab", .top = top, .keep_all = keep_all, .sink = sink, .command = command_of
	};
	struct view *v;
	struct err e;

	w->talk = talk;
	lo.at = w->o.dir = open(top, O_PATH | O_DIRECTORY | O_CLOEXEC);
	jo.policy = policy_load(policy, strlen(policy), "lab.yaml", &po, &problems);
	if (!jo.policy || journal_log_open(&w->journal, &lo, &e) < 0)
		return 2;
	jo.journal = w->journal;
	w->judge = judge_new(&jo, &e);
	if (!w->judge)
		return 5;
	w->o = (struct view_options){ .dir = w->o.dir,
		                      .path = top,
		                      .hidden = JOURNAL_STORE,
		                      .keep_s = 86400,
		                      .judge = act,
		                      .acted = acted,
		                      .talk = talk,
		                      .heard = heard,
		                      .idle = idle,
		                      .arg = w };
	w->o.device = mounting_attach(top, true, 10000, &e);
	v = w->o.device < 0 ? NULL : view_new(&w->o, &e);
	if (!v)
		return 3;
	send(talk, "", 1, 0); /* it is there */
	return view_run(v, &e) == 0 ? 0 : 4;
}

/* ---- the test's side ------------------------------------------------------------------------------------
 */

struct lab {
	pid_t view;
	int talk;
	struct buf before;
};

static bool answered(int talk)
{
	struct timeval most = { .tv_sec = 20 };
	char byte;

	setsockopt(talk, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
	return recv(talk, &byte, 1, 0) == 1;
}

static bool show(struct lab *l)
{
	static struct worker w;
	int talk[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, talk) < 0)
		return false;
	l->view = fork();
	if (l->view == 0) {
		close(talk[0]);
		_exit(work(&w, talk[1]));
	}
	close(talk[1]);
	l->talk = talk[0];
	return answered(l->talk);
}

/* Its exit code, or the signal that ended it, negative. */
static int hide(struct lab *l)
{
	int status;

	umount2(top, MNT_DETACH);
	close(l->talk);
	waitpid(l->view, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static const char fill[] =
        "set -e; umask 022; mkdir -p tree/deep/deeper tree/empty d; cd tree; "
        "for i in 1 2 3 4 5 6 7 8 9; do head -c $((i * 700)) /dev/urandom >f$i; cp f$i deep/g$i; done; "
        "ln f1 deep/deeper/second; ln -s ../f2 deep/link; mkfifo pipe; chmod 4711 f3; chmod 600 f4; "
        "chown 12345:54321 f5; touch -d 2001-02-03 f6 deep/deeper; printf x >\"f\n$(printf '\\377')\"; "
        "setfattr -n user.test -v kept f7 2>/dev/null || "
        "python3 -c 'import os; os.setxattr(\"f7\", \"user.test\", b\"kept\")'; "
        "chmod 1777 empty; cd ..; cp tree/f8 over; mkdir none; git init -q .";

static int shell(const char *command)
{
	pid_t pid = fork();
	int status = -1;

	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);

		dup2(null, 0);
		dup2(null, 2);
		if (chdir(top) == 0)
			execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	waitpid(pid, &status, 0);
	return status;
}

static bool begin(struct lab *l)
{
	struct journal j;

	*l = (struct lab){ .view = 0 };
	if (!make_top("/tmp"))
		return false;
	if (!ok(shell(fill) == 0, "a tree"))
		return false;
	put("bystander", "stays\n");
	if (!ok(journal_open(&j, at(JOURNAL_STORE), true, NULL) == 0, "a store"))
		return false;
	journal_close(&j);
	describe(".", &l->before);
	return true;
}

static void print(void *arg, enum undo_outcome outcome, const char *verb, const char *path, const char *why)
{
	(void)arg;
	if (outcome != UNDO_DONE)
		printf("# %s %s: %s\n", verb, path, why);
}

/* -2 when there is nothing that could be undone. */
static int undo(const char *command)
{
	const struct undo_request request = { .command = command };
	struct undo_result result;
	struct journal j;
	struct err e = { 0 };
	int rc;

	if (journal_open(&j, at(JOURNAL_STORE), false, &e) < 0)
		return -2;
	rc = journal_undo(&j, &request, print, NULL, &result, &e);
	journal_close(&j);
	if (rc < 0 && e.code == ENOENT)
		return -2;
	if (rc < 0)
		printf("# %s\n", e.text);
	return rc < 0 ? rc : (int)(result.n_conflicts + result.n_failed);
}

static bool same(const struct buf *a, const struct buf *b)
{
	return a->len == b->len && !memcmp(a->data, b->data, a->len);
}

static bool is_as_before(struct lab *l)
{
	struct buf now = { 0 };
	bool good;

	describe(".", &now);
	good = same(&now, &l->before);
	buf_release(&now);
	return good;
}

static void end(struct lab *l)
{
	buf_release(&l->before);
	ok(holds(at("bystander"), "stays\n"));
	remove_top();
}

static void destroy(const char *how)
{
	struct lab l;

	if (!begin(&l) || !ok(show(&l), "%s: a view", how))
		return;
	strcpy(current, "cmd-1");
	is_int(shell(how), 0, "%s", how);
	ok(!is_as_before(&l), "%s: has done something", how);
	ok(send(l.talk, "cmd-1", 5, 0) == 5 && answered(l.talk), "%s: has ended", how);
	strcpy(current, "cmd-2");
	is_int(hide(&l), 0, "%s: the view ends", how);
	is_int(undo("cmd-1"), 0, "%s: is undone", how);
	ok(is_as_before(&l), "%s: all is as before", how);
	end(&l);
}

T_CASE(destroyers)
{
	needs_root();
	destroy("rm -rf tree");
	destroy("git clean -fdxq");
	destroy("python3 -c 'import shutil; shutil.rmtree(\"tree\")'");
	destroy("mv over tree/f1");
	destroy("> tree/f3");
	destroy("truncate -s 10 tree/f4; truncate -s 100k tree/f5");
	destroy("find tree -delete");
	destroy("rsync -r --delete none/ tree/");
	destroy("sed -i s/a/b/ tree/f1 tree/deep/g2");
}

/* Of all, so that files have the same numbers. */
static void describe_tree(struct buf *out)
{
	struct buf all = { 0 };

	describe(".", &all);
	buf_release(&all);
	buf_clear(out);
	describe("tree", out);
}

static void by_rule(const char *how)
{
	struct buf before = { 0 }, now = { 0 };
	char command[200];
	struct lab l;

	if (!begin(&l))
		return;
	describe_tree(&before);
	if (!ok(show(&l), "%s: a view", how))
		return;
	strcpy(current, "cmd-1");
	snprintf(command, sizeof command, "%s; echo new >d/n; mv d/n over; echo x >>over", how);
	is_int(shell(command), 0, "%s", how);
	ok(send(l.talk, "cmd-1", 5, 0) == 5 && answered(l.talk), "%s: has ended", how);
	is_int(hide(&l), 0, "%s: the view ends", how);
	describe_tree(&now);
	ok(!same(&now, &before), "%s: has done something", how);
	is_int(undo("cmd-1"), 0, "%s: is undone", how);
	unlink(at("d/n"));
	describe_tree(&now);
	ok(same(&now, &before), "%s: what the rule names is as before", how);
	ok(holds(at("over"), "new\nx\n"), "%s: nothing else was kept", how);
	buf_release(&before);
	buf_release(&now);
	end(&l);
}

T_CASE(only_what_a_rule_names)
{
	needs_root();
	policy = narrow;
	keep_all = false;
	by_rule("rm tree/f6");
	by_rule("mv tree/f1 tree/f2");
	by_rule("cp over d/n; mv d/n tree/f1");
	by_rule(": >tree/f3");
	by_rule("truncate -s 1 tree/f4");
	by_rule("printf X | dd of=tree/f5 conv=notrunc status=none");
	by_rule("echo more >>tree/f8");
	policy = rules;
	keep_all = true;
}

/* Killed at any point, it has lost nothing, and a command goes on as far as it came. */
static void killed(unsigned us, int *lost, int *reached)
{
	struct lab l;
	pid_t pid;

	if (!begin(&l) || !ok(show(&l)))
		return;
	strcpy(current, "cmd-1");
	pid = fork();
	if (pid == 0) {
		shell("mv tree/f1 tree/f2; cp over tree/f3; echo x >>tree/f4; sed -i s/a/b/ tree/f5; "
		      "truncate -s 1 tree/f6; rm -rf tree/deep; mkdir new; cp -p over new; rm -rf tree");
		_exit(0);
	}
	usleep(us);
	kill(l.view, SIGKILL);
	waitpid(pid, NULL, 0);
	*reached += hide(&l) == -SIGKILL;
	undo("cmd-1");
	if (!is_as_before(&l)) {
		printf("# killed after %u us\n", us);
		++*lost;
	}
	end(&l);
}

T_CASE(kills)
{
	const char *points = getenv("KILLS");
	int lost = 0, reached = 0;
	uint64_t n = POINTS;

	needs_root();
	if (points && !num_u64(points, 1, 100000, &n))
		ok(false, "KILLS is a number");
	for (uint64_t i = 0; i < n; i++)
		killed((unsigned)((uint64_t)clock_mono_ns() * 2654435761u % 60000), &lost, &reached);
	is_int(lost, 0, "nothing is lost");
	is_int(reached, (int)n, "each was killed");
}

/* Removed by somebody from below, the store is made anew, and not by the way through the view itself. */
T_CASE(store_removed_below)
{
	char remove[80];
	struct lab l;
	int below;

	needs_root();
	if (!begin(&l))
		return;
	below = open(top, O_PATH | O_DIRECTORY);
	if (!ok(show(&l), "a view"))
		return;
	strcpy(current, "cmd-1");
	is_int(shell("rm tree/f1"), 0, "a file goes");
	snprintf(remove, sizeof remove, "rm -rf /proc/self/fd/%d/" JOURNAL_STORE, below);
	is_int(shell(remove), 0, "and the store");
	usleep(100000);
	is_int(shell("timeout -s KILL 20 rm tree/f2"), 0, "another file goes");
	ok(faccessat(below, "tree/f2", F_OK, 0) < 0 && faccessat(below, JOURNAL_STORE, F_OK, 0) == 0,
	   "is kept");
	is_int(hide(&l), 0, "the view ends");
	is_int(undo("cmd-1"), 0, "what is kept is undone");
	ok(access(at("tree/f2"), F_OK) == 0, "the file is back");
	close(below);
	end(&l);
}
