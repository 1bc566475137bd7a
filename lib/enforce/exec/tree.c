#include "enforce/exec/tree.h"

#include "sys/proc.h"

#include <stdlib.h>
#include <string.h>

enum { SLOTS = 2048, MAX_WALK = 64 };

struct node {
	pid_t pid; /* 0 = free */
	uint64_t start;
	int depth;
	bool expects;
	struct tree_expected expected;
};

struct tree {
	struct node nodes[SLOTS];
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

void tree_expect(struct tree *t, pid_t pid, dev_t dev, ino_t ino, const char *argv, size_t argv_len)
{
	struct node *n = node_of(t, pid);

	free(n->expected.argv);
	n->expected = (struct tree_expected){ .dev = dev, .ino = ino };
	n->expects = true;
	if (!argv)
		return;
	n->expected.argv = malloc(argv_len + 1);
	if (!n->expected.argv) {
		n->expects = false; /* judged afresh then */
		return;
	}
	memcpy(n->expected.argv, argv, argv_len);
	n->expected.argv_len = argv_len;
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

static int walk_up(struct tree *t, pid_t parent, pid_t entry, bool entry_is_shell)
{
	struct proc_stat st;

	for (int i = 0; i < MAX_WALK && parent > 1; i++) {
		int depth;

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
