#include "enforce/exec/filter.h"

#include "enforce/exec/filter_rows.h"
#include "sys/uapi/compat.h"

#include <errno.h>
#include <linux/prctl.h>
#include <linux/sched.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MARK_OPERATION 0x41475348u /* "AGSH": no operation of seccomp(2) */
#define MARK_ANSWER    2743        /* no errno of Linux */
#define OWN_OPERATION \
	0x41475356u /* "AGSV": the server's own filter answers it with a number of its content */
#define OWN_ANSWER 3000

#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */)

#define RET_ERR(e) (SECCOMP_RET_ERRNO | (e))

/* A place in the program, counted from its end: the program is made backwards, since jumps lead forwards
 * only. What an instruction leads to is there already, once, however many lead to it. */
typedef size_t place;

struct program {
	struct filter *f; /* while it is made, its first instruction is the last of it */
	place answers[ANSWERS], blocks[FILTER_BLOCKS];
	bool tasks, reads, changes, listens, net; /* as filter_options says */
};

/* Conditional jumps reach 255 instructions; this leaves room for the way to the other end of one. */
enum { REACH = 250 };

static place put(struct program *p, struct sock_filter s)
{
	if (p->f->n < FILTER_MAX)
		p->f->code[p->f->n] = s;
	return p->f->n++;
}

/* What makes the next instruction lead on to `to`. */
static place next(struct program *p, place to)
{
	size_t distance = p->f->n - to - 1;

	return distance ? put(p, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)distance)) : to;
}

static place near(struct program *p, place to)
{
	return p->f->n - to > REACH ? next(p, to) : to;
}

/* Compare what is loaded with `k`; `test` is BPF_JEQ, BPF_JGE or BPF_JSET. */
static place branch(struct program *p, int test, uint32_t k, place yes, place no)
{
	if (yes == no)
		return yes;
	yes = near(p, yes);
	no = near(p, no);
	return put(p, (struct sock_filter)BPF_JUMP((unsigned short)(BPF_JMP | test | BPF_K), k,
	                                           (unsigned char)(p->f->n - yes - 1),
	                                           (unsigned char)(p->f->n - no - 1)));
}

static place is(struct program *p, uint32_t k, place yes, place no)
{
	return branch(p, BPF_JEQ, k, yes, no);
}

static place load(struct program *p, size_t offset, place then)
{
	next(p, then);
	return put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* What looks at arguments, forwards: load the low (also at the beginning) or the high word of one, compare
 * it. The kernel truncates int arguments to the low word, so comparing only that is what the call will see;
 * both architectures are little endian. */
struct step {
	enum { BLOCK, LOW, HIGH, HERE, MASK, IS, HAS } what : 8;
	unsigned yes : 8, no : 8; /* of a BLOCK: the argument whose low word it begins with */
	uint32_t k;
};

/* Where a comparison leads besides answers: on, to HERE 0 or HERE 1, or as the options say. */
enum { NEXT = LOOK + 1, THERE, BEYOND, LIMITED, READING, CHANGING };

enum { TASKS_LIMIT = 6 /* RLIMIT_NPROC */, TAG_LIMIT = 10 }; /* RLIMIT_LOCKS: sys/tag.h */

/* Of the flags that open(2) has on both architectures alike. */
enum { OPEN_PATH = 010000000, OPEN_CHANGES = 3 | 0100 /* O_CREAT */ | 01000 /* O_TRUNC */ | 020000000 };

/* clang-format off */
static const struct step steps[] = {
	{ BLOCK, 0, 0, BLOCK_SECCOMP },
		{ IS, MARK, NEXT, MARK_OPERATION },
		/* A second listener would be asked instead of ours. */
		{ IS, NEXT, ALLOW, SECCOMP_SET_MODE_FILTER },
		{ LOW, .k = 1 }, { HAS, REFUSE, ALLOW, SECCOMP_FILTER_FLAG_NEW_LISTENER },
	{ BLOCK, 0, 0, BLOCK_OWN },
		{ IS, MARK, ALLOW, OWN_OPERATION },
	{ BLOCK, 0, 0, BLOCK_MARK },
		{ IS, MARK, REFUSE, MARK_OPERATION },
	{ BLOCK, 0, 0, BLOCK_NAMESPACES },
		/* A child of one's parent would count as started by it; one without its tracer could start
		 * nothing. */
		{ HAS, REFUSE, NEXT, NAMESPACES | CLONE_PARENT },
		{ HAS, TRACED, ALLOW, CLONE_UNTRACED },
	{ BLOCK, 0, 0, BLOCK_PRCTL },
		{ IS, REFUSE, NEXT, PR_SET_MM },             /* could move /proc/PID/exe and cmdline */
#if CONFIG_FILES
		/* Who cannot be looked into could do nothing that is asked about. From inside nobody can. */
		{ IS, NEXT, THERE, PR_SET_DUMPABLE },
		{ LOW, .k = 1 }, { IS, PRETEND, ALLOW, 0 },
		{ HERE, .k = 0 },
#endif
		{ IS, EXEC, ALLOW, PR_SET_CHILD_SUBREAPER }, /* changes whose child an orphan is */
	{ BLOCK, 0, 0, BLOCK_PERSONALITY },
		{ HAS, NEXT, ALLOW, ~0x20008u /* a 32-bit machine, an old version */ },
		{ IS, ALLOW, NEXT, 0xffffffff }, { IS, ALLOW, REFUSE, 0x40000 /* no randomisation */ },
	{ BLOCK, 0, 0, BLOCK_SOCKET },
		{ IS, ALLOW, NEXT, 1 /* unix */ }, { IS, ALLOW, NEXT, 2 /* inet */ },
		{ IS, ALLOW, NEXT, 10 /* inet6 */ }, { IS, ALLOW, REFUSE, 16 /* netlink */ },
	{ BLOCK, 1, 0, BLOCK_IOCTL },
		{ IS, REFUSE, NEXT, 0x5412 /* TIOCSTI: type into the terminal */ },
		{ IS, REFUSE, NEXT, 0x541c /* TIOCLINUX: paste into the console */ },
		/* FIOSETOWN, SIOCSPGRP: have the kernel send SIGIO to anybody */
		{ IS, REFUSE, NEXT, 0x8901 },
#if CONFIG_FILES
		{ HAS, NEXT, THERE, 0x10000000 /* a page of arguments */ },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_BTRFS_SNAPSHOT },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_BTRFS_SUBVOLUME },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_BTRFS_DESTROY },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_BTRFS_SNAPSHOT2 },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_BTRFS_SUBVOLUME2 },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_BTRFS_DESTROY2 },
		{ HERE, .k = 0 },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_SETFLAGS },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_FSSETXATTR },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_SETVERSION },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_EXT4_SETVERSION },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_VERITY },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_ENCRYPT },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_FAT_ATTRIBUTES },
		{ IS, CHANGING, NEXT, (uint32_t)FILTER_BTRFS_FLAGS },
#endif
		{ IS, REFUSE, ALLOW, 0x8902 },
	{ BLOCK, 1, 0, BLOCK_FCNTL },
		{ IS, SIGNAL, NEXT, 8 /* F_SETOWN */ },
		{ IS, REFUSE, ALLOW, 15 /* F_SETOWN_EX: who is meant stands in memory that may change */ },
	{ BLOCK, 0, 0, BLOCK_SETRLIMIT },
		{ IS, REFUSE, NEXT, TAG_LIMIT }, { IS, LIMITED, ALLOW, TASKS_LIMIT },
	{ BLOCK, 2, 0, BLOCK_PRLIMIT },
		/* Reading is free; the tag is never written; others' limits are the supervisor's business. */
		{ IS, NEXT, THERE, 0 }, { HIGH, .k = 2 }, { IS, ALLOW, NEXT, 0 },
		{ HERE, .k = 0 },
		{ LOW, .k = 1 }, { IS, REFUSE, NEXT, TAG_LIMIT }, { IS, LIMITED, NEXT, TASKS_LIMIT },
		{ LOW, .k = 0 }, { IS, ALLOW, NOTIFY, 0 },
	{ BLOCK, 0, 0, BLOCK_OTHER }, /* sched_set…: (process, …) */
		{ IS, ALLOW, NOTIFY, 0 },
	{ BLOCK, 1, 0, BLOCK_KILL }, /* kill, tkill: (id, signal) */
		{ IS, ALLOW, SIGNAL, 0 },
	{ BLOCK, 2, 0, BLOCK_TGKILL },
		{ IS, ALLOW, SIGNAL, 0 },
	/* (which, who, …): oneself passes; the group and the user of the caller may hold outsiders. */
	{ BLOCK, 0, 0, BLOCK_SETPRIORITY },
		{ IS, NEXT, NOTIFY, 0 /* PRIO_PROCESS */ },
		{ LOW, .k = 1 }, { IS, ALLOW, NOTIFY, 0 },
	{ BLOCK, 0, 0, BLOCK_IOPRIO },
		{ IS, NEXT, NOTIFY, 1 /* IOPRIO_WHO_PROCESS */ },
		{ LOW, .k = 1 }, { IS, ALLOW, NOTIFY, 0 },
	{ BLOCK, 0, 0, BLOCK_ARCH_PRCTL },
		/* ARCH_SET_FS: the C library and Go set up their thread pointer once per program, before
		 * anything else. */
		{ IS, EXEC, ALLOW, 0x1002 },
	{ BLOCK, 5, 0, BLOCK_EXECVE },
		/* It has no sixth argument: notify_pass() may put a number here that lets it pass. */
		{ HAS, NEXT, EXEC, 0 }, { HIGH, .k = 5 }, { IS, ALLOW, EXEC, 0 },
	{ BLOCK, 1, 0, BLOCK_OPEN },
		{ HAS, ALLOW, NEXT, OPEN_PATH }, { HAS, NOTIFY, READING, OPEN_CHANGES },
	{ BLOCK, 2, 0, BLOCK_OPENAT },
		{ HAS, ALLOW, NEXT, OPEN_PATH }, { HAS, NOTIFY, READING, OPEN_CHANGES },
#if CONFIG_LAYER_NET
	{ BLOCK, 0, 0, BLOCK_SOCKET_NET },
		{ IS, ALLOW, NEXT, 1 /* unix */ }, { IS, THERE, NEXT, 16 /* netlink */ },
		{ MASK, .k = ~8u }, { IS, NEXT, NO_FAMILY, 2 /* inet, inet6 */ },
		{ LOW, .k = 1 }, { MASK, .k = 0xf },
		{ IS, BEYOND, NEXT, 1 /* SOCK_STREAM */ }, { IS, NEXT, REFUSE, 2 /* SOCK_DGRAM */ },
		{ LOW, .k = 2 }, { IS, ALLOW, NEXT, 17 /* UDP */ }, { IS, ALLOW, NO_PROTOCOL, 0 },
		{ HERE, .k = 1 },
		{ LOW, .k = 2 }, { IS, ALLOW, NEXT, 6 /* TCP */ }, { IS, ALLOW, NEXT, 262 /* MPTCP */ },
		{ HERE, .k = 0 }, /* of netlink: NETLINK_ROUTE */
		{ LOW, .k = 2 }, { IS, ALLOW, NO_PROTOCOL, 0 },
	{ BLOCK, 0, 0, BLOCK_SOCKETPAIR },
		{ IS, ALLOW, NO_FAMILY, 1 },
	/* A table of descriptors has one process: what has one thread keeps its own as it is. */
	{ BLOCK, 0, 0, BLOCK_CLONE },
		{ HAS, REFUSE, NEXT, NAMESPACES | CLONE_PARENT },
		{ HAS, NEXT, THERE, CLONE_FILES }, { HAS, NEXT, REFUSE, CLONE_THREAD },
		{ HERE, .k = 0 },
		{ HAS, TRACED, ALLOW, CLONE_UNTRACED },
	/* With MSG_FASTOPEN they connect, too. */
	{ BLOCK, 3, 0, BLOCK_SENDTO },
		{ HAS, NO_OPERATION, NEXT, 0x20000000 },
		{ LOW, .k = 4 }, { IS, NEXT, NOTIFY, 0 }, { HIGH, .k = 4 }, { IS, ALLOW, NOTIFY, 0 },
	{ BLOCK, 2, 0, BLOCK_SENDMSG },
		{ HAS, NO_OPERATION, NEXT, 0x20000000 },
		/* As with execve: how a process that enters hands over its listener. */
		{ LOW, .k = 5 }, { HAS, NEXT, NOTIFY, 0 }, { HIGH, .k = 5 }, { IS, ALLOW, NOTIFY, 0 },
	{ BLOCK, 3, 0, BLOCK_SENDMMSG },
		{ HAS, NO_OPERATION, NOTIFY, 0x20000000 },
	/* Where nobody is asked: TCP alone, whose ports Landlock holds (it knows no MPTCP, nor what connects
	 * by sending). */
	{ BLOCK, 0, 0, BLOCK_SOCKET_TCP },
		{ IS, ALLOW, NEXT, 1 /* unix */ }, { IS, THERE, NEXT, 16 /* netlink */ },
		{ MASK, .k = ~8u }, { IS, NEXT, NO_FAMILY, 2 /* inet, inet6 */ },
		{ LOW, .k = 1 }, { MASK, .k = 0xf }, { IS, NEXT, REFUSE, 1 /* SOCK_STREAM */ },
		{ LOW, .k = 2 }, { IS, ALLOW, NEXT, 6 /* TCP */ },
		{ HERE, .k = 0 },
		{ LOW, .k = 2 }, { IS, ALLOW, NO_PROTOCOL, 0 },
	{ BLOCK, 3, 0, BLOCK_FLAGS_THIRD }, /* from 0: sendto, sendmmsg */
		{ HAS, NO_OPERATION, ALLOW, 0x20000000 /* MSG_FASTOPEN */ },
	{ BLOCK, 2, 0, BLOCK_FLAGS_SECOND },
		{ HAS, NO_OPERATION, ALLOW, 0x20000000 },
	/* What sends packets elsewhere than a connection leads: routes in IP_OPTIONS, IPV6_2292RTHDR,
	 * IPV6_2292PKTOPTIONS and IPV6_RTHDR. And TCP_FASTOPEN_CONNECT, which puts connecting off. */
	{ BLOCK, 1, 0, BLOCK_SETSOCKOPT },
		{ IS, THERE, NEXT, 0 /* IPPROTO_IP */ }, { IS, BEYOND, NEXT, 41 /* IPPROTO_IPV6 */ },
		{ IS, NEXT, ALLOW, 6 /* IPPROTO_TCP */ },
		{ LOW, .k = 2 }, { IS, NO_OPERATION, ALLOW, 30 },
		{ HERE, .k = 1 },
		{ LOW, .k = 2 }, { IS, REFUSE, NEXT, 5 }, { IS, REFUSE, NEXT, 6 }, { IS, REFUSE, ALLOW, 57 },
		{ HERE, .k = 0 },
		{ LOW, .k = 2 }, { IS, REFUSE, ALLOW, 4 },
#endif
	{ BLOCK, 0, 0, NO_BLOCK },
};
/* clang-format on */

static place load_word(struct program *p, uint32_t argument, bool high, place then)
{
	return load(p, offsetof(struct seccomp_data, args) + 8 * argument + 4 * high, then);
}

static place mask(struct program *p, uint32_t k, place then)
{
	next(p, then);
	return put(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, k));
}

static place put_block(struct program *p, uint32_t block)
{
	const struct step *first = steps, *s;
	place to[CHANGING + 1] = { 0 }, at = 0;

	if (block == BLOCK_EXECVE && !p->listens)
		return p->answers[EXEC];
	memcpy(to, p->answers, sizeof p->answers);
	to[READING] = to[p->reads ? NOTIFY : ALLOW];
	to[CHANGING] = to[p->changes ? NOTIFY : ALLOW];
	while (first->what != BLOCK || first->k != block)
		first++;
	for (s = first + 1; s->what != BLOCK;)
		s++;
	while (--s > first) {
		to[NEXT] = at;
		if (CONFIG_FILES && s->yes == CHANGING && !p->changes)
			continue;
		to[LIMITED] = p->tasks ? to[REFUSE] : to[s->no];
		if (s->what == HERE)
			to[CONFIG_LAYER_NET && s->k ? BEYOND : THERE] = at;
		else if (CONFIG_LAYER_NET && s->what == MASK)
			at = mask(p, s->k, at);
		else if (s->what == IS || s->what == HAS)
			at = branch(p, s->what == IS ? BPF_JEQ : BPF_JSET, s->k, to[s->yes], to[s->no]);
		else
			at = load_word(p, s->k, s->what == HIGH, at);
	}
	return load_word(p, first->yes, false, at);
}

/* Each answer once, the mark's behind all others. */
static void put_answers(struct program *p, const struct filter_options *o)
{
	static const uint32_t ask[] = { SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, RET_ERR(EPERM),
		                        SECCOMP_RET_ALLOW };
	bool alone = o->kind == FILTER_ALONE;
	const uint32_t answers[ANSWERS] = {
		[ALLOW] = SECCOMP_RET_ALLOW,
		[EXEC] = alone ? SECCOMP_RET_ALLOW : ask[o->kind],
		[SIGNAL] = alone && o->signals ? SECCOMP_RET_ALLOW : ask[o->kind],
		[NOTIFY] = ask[o->kind],
		[TRACED] = o->kind == FILTER_TRACER ? SECCOMP_RET_TRACE : SECCOMP_RET_ALLOW,
		[REFUSE] = RET_ERR(EPERM),
		[PRETEND] = o->kind == FILTER_LISTENER ? SECCOMP_RET_ERRNO : SECCOMP_RET_ALLOW,
		[MISSING] = RET_ERR(ENOSYS),
#if CONFIG_LAYER_NET
		[NO_FAMILY] = RET_ERR(p->net ? EAFNOSUPPORT : EPERM),
		[NO_PROTOCOL] = RET_ERR(p->net ? EPROTONOSUPPORT : EPERM),
		[NO_OPERATION] = RET_ERR(p->net ? EOPNOTSUPP : EPERM),
#endif
		[MARK] = RET_ERR(MARK_ANSWER),
	};

	for (int i = ANSWERS - 1; i >= 0; i--) {
		int same = ANSWERS - 1;

		while (same > i && answers[same] != answers[i])
			same--;
		p->answers[i] = same > i ? p->answers[same]
		                         : put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, answers[i]));
	}
}

static int by_number(const void *a, const void *b)
{
	const struct filter_row *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Numbers with one answer. Spans lie side by side, from 0 on. */
struct span {
	uint32_t first;
	place to;
};

static size_t add_span(struct span *s, size_t n, uint32_t first, place to)
{
	if (n && s[n - 1].to == to)
		return n;
	s[n] = (struct span){ first, to };
	return n + 1;
}

/* The code that looks at arguments, and from the sorted rows all spans. How many. */
static size_t make_spans(struct program *p, const struct filter_row *r, size_t n_rows, struct span *s)
{
	uint32_t at = 0;
	size_t n = 0;

	for (size_t i = 0; i < n_rows; i++) {
		place *block = r[i].block ? &p->blocks[r[i].block] : NULL;

		if (block && !*block)
			*block = put_block(p, r[i].block);
		if (r[i].first > at)
			n = add_span(s, n, at, p->answers[ALLOW]);
		n = add_span(s, n, r[i].first, block ? *block : p->answers[r[i].answer]);
		at = r[i].last + 1;
	}
	return at ? add_span(s, n, at, p->answers[ALLOW]) : n;
}

/* The kernel runs the program once per call number when it is installed, so depth costs time, and it compiles
 * it, so length does: a tree, each leaf of which makes a few tests in a row. */
enum { TESTS = 4 };

/* Can the spans be told apart by so many tests of numbers, all but those that lead to `rest`? Behind the last
 * is one more. */
static bool is_leaf(const struct span *s, size_t n, place rest)
{
	uint64_t tests = 0;

	for (size_t i = 0; i < n; i++)
		tests += s[i].to == rest ? 0 : s[i + 1].first - s[i].first;
	return tests <= TESTS;
}

static place leaf(struct program *p, const struct span *s, size_t n, place rest)
{
	place at = rest;

	while (n-- > 0)
		for (uint32_t k = s[n + 1].first; s[n].to != rest && k-- > s[n].first;)
			at = is(p, k, s[n].to, at);
	return at;
}

static place tree(struct program *p, const struct span *s, size_t n)
{
	size_t half = n / 2;
	place high;

	for (size_t i = 0; i < 2 && i < n; i++)
		if (is_leaf(s, n, s[i].to))
			return leaf(p, s, n, s[i].to);
	high = tree(p, s + half, n - half);
	return branch(p, BPF_JGE, s[half].first, high, tree(p, s, half));
}

static void reverse(struct filter *f)
{
	for (size_t i = 0; i < f->n / 2; i++) {
		struct sock_filter first = f->code[i];

		f->code[i] = f->code[f->n - 1 - i];
		f->code[f->n - 1 - i] = first;
	}
}

/* The rows are sorted. */
static int assemble(struct program *p, uint32_t arch, const struct filter_row *r, size_t n_rows)
{
	struct span *s = calloc(2 * n_rows + 2, sizeof *s);
	size_t n = 0;
	place at;

	if (s) {
		n = make_spans(p, r, n_rows, s);
		at = tree(p, s, n);
		at = load(p, offsetof(struct seccomp_data, nr), at);
		at = is(p, arch, at, p->answers[REFUSE]);
		load(p, offsetof(struct seccomp_data, arch), at);
		if (p->f->n <= FILTER_MAX)
			reverse(p->f);
	}
	free(s);
	return n && p->f->n <= FILTER_MAX ? 0 : -1;
}

/* The fixed rows and the configured ones; execve and its like are decided, never switched off. */
static size_t add_blocked(struct filter_row *all, const struct filter_target *t, const int *blocked,
                          size_t n_blocked)
{
	size_t n = t->n_rows;

	memcpy(all, t->rows, n * sizeof *all);
	for (size_t i = 0; i < n_blocked; i++) {
		uint32_t nr = (uint32_t)blocked[i];
		size_t k = 0;

		while (k < n && !(all[k].first <= nr && nr <= all[k].last))
			k++;
		/* What is missing stays so: a library that sees EPERM for clone3 does not fall back.
		 * seccomp(2) keeps the mark, by which nested shells know where they are. */
		if (k == n)
			all[n++] = (struct filter_row){ .first = nr, .last = nr, .answer = REFUSE };
		else if (all[k].block && all[k].block != BLOCK_EXECVE)
			all[k] = (struct filter_row){ nr, nr, REFUSE,
				                      all[k].block == BLOCK_SECCOMP ? BLOCK_MARK : NO_BLOCK };
	}
	return n;
}

/* Of what is refused to sessions, what nobody needs: commands that the API starts, supervisors, ourselves.
 * The rest of the arguments is not looked at: that would slow down calls which supervisors make all the time.
 */
static size_t only_own(struct filter_row *r, size_t n, bool spaces)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
		if (spaces && (r[i].first == __NR_setns || r[i].first == __NR_unshare))
			continue;
		if (r[i].block == BLOCK_SECCOMP)
			r[i].block = BLOCK_OWN;
		else if (r[i].block ? r[i].block != BLOCK_NAMESPACES && r[i].block != BLOCK_SOCKET &&
		                              r[i].block != BLOCK_PERSONALITY
		                    : r[i].answer != REFUSE && r[i].answer != MISSING)
			continue;
		r[to++] = r[i];
	}
	return to;
}

/* Says which program it is, so that after an upgrade the same is not put on top of itself. */
static uint32_t own_answer(const struct filter *f)
{
	const unsigned char *code = (const unsigned char *)f->code;
	uint32_t sum = 0;

	for (size_t i = 0; i < (f->n - 1) * sizeof *f->code; i++)
		sum = sum * 31 + code[i];
	return OWN_ANSWER + sum % 1000;
}

int filter_make(struct filter *f, const struct filter_target *t, const struct filter_options *o,
                struct err *e)
{
	struct filter_row *all = calloc(t->n_rows + o->n_blocked + FILTER_FILES + FILTER_NET, sizeof *all);
	struct program p = { .f = f,
		             .tasks = o->tasks,
		             .reads = o->files & FILTER_READS,
		             .changes = CONFIG_FILES && o->files & FILTER_ATTRIBUTES,
		             .listens = o->kind == FILTER_LISTENER,
		             .net = CONFIG_LAYER_NET && (o->net || o->apart) && o->kind != FILTER_OWN };
	bool done = false;

	f->n = 0;
	if (all) {
		size_t n = add_blocked(all, t, o->blocked, o->n_blocked);

		if (CONFIG_FILES && o->kind == FILTER_LISTENER)
			n = filter_files(all, n, o->files);
		if (CONFIG_LAYER_NET && p.net)
			n = filter_net(all, n,
			               o->apart    ? FILTER_APART
			               : p.listens ? FILTER_ASKED
			                           : FILTER_PORTS);
		if (o->kind == FILTER_OWN)
			n = only_own(all, n, CONFIG_LAYER_NET && o->apart);
		for (size_t i = 0; i < n; i++)
			if (all[i].answer == LOOK)
				all[i].answer = REFUSE;
		qsort(all, n, sizeof *all, by_number);
		put_answers(&p, o);
		done = assemble(&p, t->arch, all, n) == 0;
	}
	if (done && o->kind == FILTER_OWN)
		f->code[f->n - 1].k = RET_ERR(own_answer(f));
	free(all);
	return done ? 0
	            : err_set(e, "seccomp program too large or no memory (%zu blocked calls)", o->n_blocked);
}

int filter_build_for(struct filter *f, const struct filter_target *t, const int *blocked, size_t n_blocked,
                     struct err *e)
{
	const struct filter_options o = { .blocked = blocked, .n_blocked = n_blocked };

	return filter_make(f, t, &o, e);
}

int filter_build(struct filter *f, const int *blocked, size_t n_blocked, struct err *e)
{
	return filter_build_for(f, &filter_native, blocked, n_blocked, e);
}

bool filter_own_here(const struct filter *f)
{
	return syscall(__NR_seccomp, OWN_OPERATION, 0, NULL) == -1 && (uint32_t)errno == own_answer(f);
}

bool filter_here(void)
{
	return syscall(__NR_seccomp, MARK_OPERATION, 0, NULL) == -1 && errno == MARK_ANSWER;
}
