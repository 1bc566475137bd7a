#include "enforce/exec/tree.h"

#include "sys/proc.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2048, MAX_WALK = 64, ADOPTERS = 32 };

struct node {
	pid_t pid; /* 0 = free */
	uint64_t start;
	int depth;
	bool expects;
	struct tree_expected expected;
};

/* Processes that made themselves parents of orphans. It is not inherited, and stays over an exec. */
struct adopter {
	pid_t pid;
	uint64_t start;
};

struct tree {
	struct node nodes[SLOTS];
	struct adopter adopters[ADOPTERS];
	size_t n_adopters;
	bool crowded; /* more than can be told apart: any parent may adopt */
};

struct tree *tree_new(void)
{
	return calloc(1, sizeof(struct tree));
}

static void forget(struct node *n)
{
	free(n->expected.argv);
	*n = (struct node){ 0 };
}

void tree_free(struct tree *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < SLOTS; i++)
		free(t->nodes[i].expected.argv);
	free(t);
}

/* The node of `pid`; a different process in its slot gives way. */
static struct node *node_of(struct tree *t, pid_t pid)
{
	struct node *n = &t->nodes[(unsigned)pid % SLOTS];

	if (n->pid != pid) {
		forget(n);
		n->pid = pid;
		n->depth = -1;
	}
	return n;
}

void tree_expect(struct tree *t, pid_t pid, const struct tree_expected *want)
{
	struct node *n = node_of(t, pid);

	free(n->expected.argv);
	n->expected = *want;
	n->expects = true;
	if (!want->argv)
		return;
	n->expected.argv = malloc(want->argv_len + 1);
	if (n->expected.argv)
		memcpy(n->expected.argv, want->argv, want->argv_len);
	else
		n->expects = false; /* judged afresh then */
}

bool tree_expected(struct tree *t, pid_t pid, struct tree_expected *out)
{
	struct node *n = &t->nodes[(unsigned)pid % SLOTS];

	if (n->pid != pid || !n->expects)
		return false;
	*out = n->expected;
	n->expected = (struct tree_expected){ 0 };
	n->expects = false;
	return true;
}

/* Depth that was noted for this very process, -1 if none. */
static int noted(struct tree *t, pid_t pid, uint64_t start)
{
	struct node *n = &t->nodes[(unsigned)pid % SLOTS];

	return n->pid == pid && n->start == start ? n->depth : -1;
}

static bool is_adopter(const struct tree *t, pid_t pid)
{
	struct proc_stat st;

	if (t->crowded)
		return true;
	for (size_t i = 0; i < t->n_adopters; i++)
		if (t->adopters[i].pid == pid)
			return proc_stat(pid, &st) && st.start == t->adopters[i].start;
	return false;
}

void tree_adopts(struct tree *t, pid_t pid)
{
	struct proc_stat st;

	if (is_adopter(t, pid) || !proc_stat(pid, &st))
		return;
	for (size_t i = 0; i < t->n_adopters;)
		if (!is_adopter(t, t->adopters[i].pid))
			t->adopters[i] = t->adopters[--t->n_adopters];
		else
			i++;
	if (t->n_adopters == ADOPTERS)
		t->crowded = true;
	else
		t->adopters[t->n_adopters++] = (struct adopter){ pid, st.start };
}

static int walk_up(struct tree *t, pid_t parent, pid_t entry, bool entry_is_shell)
{
	struct proc_stat st;

	for (int i = 0; i < MAX_WALK && parent > 1; i++) {
		int depth;

		if (is_adopter(t, parent))
			break;
		if (parent == entry)
			return entry_is_shell ? 0 : 1;
		if (!proc_stat(parent, &st))
			break;
		depth = noted(t, parent, st.start);
		if (depth >= 0)
			return depth + 1;
		parent = st.ppid;
	}
	return TREE_DEEP;
}

int tree_depth(struct tree *t, pid_t pid, pid_t entry, bool entry_is_shell, pid_t *parent)
{
	struct proc_stat st;
	struct node *n;
	int depth;

	*parent = 0;
	if (!proc_stat(pid, &st))
		return TREE_DEEP;
	*parent = st.ppid;
	depth = noted(t, pid, st.start);
	if (pid == entry)
		depth = 0;
	else if (depth < 0)
		depth = walk_up(t, st.ppid, entry, entry_is_shell);
	n = node_of(t, pid);
	n->start = st.start;
	n->depth = depth;
	return depth;
}
