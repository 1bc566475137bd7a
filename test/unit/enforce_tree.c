/* What is remembered of processes: what they may start, and how deep they are. */
#include "enforce/exec/tree.h"

#include "test/t.h"

#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void expect(struct tree *t, pid_t pid, ino_t ino, const char *argv, uint32_t len)
{
	tree_expect(t, pid,
	            &(struct tree_expected){
	                    .dev = ino - 1, .ino = ino, .argv = (char *)(uintptr_t)argv, .argv_len = len });
}

T_CASE(expectations)
{
	struct tree *t = tree_new();
	struct tree_expected e = { 0 };

	ok(!tree_expected(t, 100, &e), "nothing is expected of nobody");
	expect(t, 100, 2, "a\0b", 4);
	ok(!tree_expected(t, 101, &e), "nor of another");
	ok(tree_expected(t, 100, &e) && e.dev == 1 && e.ino == 2 && e.argv_len == 4 &&
	           !memcmp(e.argv, "a\0b", 4),
	   "once");
	free(e.argv);
	ok(!tree_expected(t, 100, &e), "and not again");
	expect(t, 100, 2, "x", 2);
	expect(t, 100, 4, NULL, 0);
	ok(tree_expected(t, 100, &e) && e.ino == 4 && !e.argv, "the last one holds");
	expect(t, 100, 2, "x", 2);
	expect(t, 100 + 2048, 6, "y", 2);
	ok(!tree_expected(t, 100, &e), "who shares its place makes it forgotten, not mistaken");
	ok(tree_expected(t, 100 + 2048, &e) && e.ino == 6, "who came last has it");
	free(e.argv);
	expect(t, 7, 2, "left", 5);
	tree_free(t);
	tree_free(NULL);
}

/* A chain of processes, each the parent of the next; all wait. */
enum { CHAIN = 5 };
static pid_t chain[CHAIN];

static void make_chain(void)
{
	int ends[2];
	pid_t me;

	if (pipe(ends))
		exit(1);
	if (fork() == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		for (int i = 0; i < CHAIN; i++) {
			me = getpid();
			if (write(ends[1], &me, sizeof me) != sizeof me)
				_exit(1);
			if (i == CHAIN - 1 || fork() != 0)
				break;
			prctl(PR_SET_PDEATHSIG, SIGKILL);
		}
		for (;;)
			pause();
	}
	for (int i = 0; i < CHAIN; i++)
		if (read(ends[0], &chain[i], sizeof chain[i]) != sizeof chain[i])
			exit(1);
	close(ends[0]);
	close(ends[1]);
}

static void end_chain(void)
{
	for (int i = CHAIN - 1; i >= 0; i--)
		kill(chain[i], SIGKILL);
	waitpid(chain[0], NULL, 0);
}

T_CASE(depths)
{
	struct tree *t = tree_new();
	pid_t parent = 0;

	make_chain();
	is_int(tree_depth(t, chain[0], chain[0], true, &parent), 0, "the entry itself");
	is_int(parent, getpid());
	is_int(tree_depth(t, chain[1], chain[0], true, &parent), 0, "typed into its shell");
	is_int(parent, chain[0]);
	is_int(tree_depth(t, chain[2], chain[0], true, &parent), 1, "started by that");
	is_int(tree_depth(t, chain[3], chain[0], true, &parent), 2, "and by that");
	is_int(tree_depth(t, chain[1], chain[0], true, &parent), 0, "once known, it stays");
	end_chain();
	tree_free(t);
}

T_CASE(forks_without_exec)
{
	struct tree *t = tree_new();
	pid_t parent;

	make_chain();
	is_int(tree_depth(t, chain[4], chain[0], true, &parent), 0, "subshells of the shell do not count");
	is_int(tree_depth(t, chain[1], chain[0], false, &parent), 1, "a program's child is not typed");
	end_chain();
	tree_free(t);
}

T_CASE(unknown_ancestry)
{
	struct tree *t = tree_new();
	pid_t parent;

	make_chain();
	is_int(tree_depth(t, chain[3], 999999999, true, &parent), TREE_DEEP, "not below the entry");
	is_int(tree_depth(t, chain[4], 999999999, true, &parent), TREE_DEEP + 1, "nor its child");
	is_int(tree_depth(t, 999999998, chain[0], true, &parent), TREE_DEEP, "nobody");
	is_int(parent, 0);
	end_chain();
	tree_free(t);
}

T_CASE(who_adopts_hides_depth)
{
	struct tree *t = tree_new();
	pid_t parent;

	make_chain();
	tree_adopts(t, chain[2]);
	tree_adopts(t, chain[2]);
	tree_adopts(t, 999999998);
	is_int(tree_depth(t, chain[1], chain[0], true, &parent), 0, "who is above it is what it was");
	is_int(tree_depth(t, chain[3], chain[0], true, &parent), TREE_DEEP,
	       "its child may be an orphan of any");
	tree_free(t);
	t = tree_new();
	tree_adopts(t, chain[0]);
	is_int(tree_depth(t, chain[1], chain[0], true, &parent), TREE_DEEP, "so may the entry's");
	end_chain();
	tree_free(t);
}

T_CASE(many_adopt)
{
	struct tree *t = tree_new();
	pid_t parent, children[33];

	for (int i = 0; i < 33; i++) {
		children[i] = fork();
		if (children[i] == 0)
			for (;;)
				pause();
		tree_adopts(t, children[i]);
	}
	make_chain();
	is_int(tree_depth(t, chain[1], chain[0], true, &parent), TREE_DEEP,
	       "when they cannot be told apart any parent may be one");
	end_chain();
	for (int i = 0; i < 33; i++) {
		kill(children[i], SIGKILL);
		waitpid(children[i], NULL, 0);
	}
	tree_free(t);
}
