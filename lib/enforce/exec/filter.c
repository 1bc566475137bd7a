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
	struct {
		place at, other;
	} zero[3];         /* what if_zero() made */
	bool tasks, reads; /* as filter_options says */
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

static place has(struct program *p, uint32_t bits, place yes, place no)
{
	return branch(p, BPF_JSET, bits, yes, no);
}

static place load(struct program *p, size_t offset, place then)
{
	next(p, then);
	return put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset));
}

/* The low word of argument `i`; little endian on both architectures. The kernel truncates int arguments
 * to the low word, so comparing only that is what the call will see. */
static place arg(struct program *p, int i, place then)
{
	return load(p, offsetof(struct seccomp_data, args) + 8 * (size_t)i, then);
}

/* Any of `k`, or else. */
static place is_any(struct program *p, const uint32_t *k, size_t n, place yes, place no)
{
	while (n-- > 0)
		no = is(p, k[n], yes, no);
	return no;
}

/* Allow if argument `i` is 0. */
static place if_zero(struct program *p, int i, place other)
{
	if (!p->zero[i].at || p->zero[i].other != other) {
		p->zero[i].other = other;
		p->zero[i].at = arg(p, i, is(p, 0, p->answers[ALLOW], other));
	}
	return p->zero[i].at;
}

static place block_seccomp(struct program *p, const place *to)
{
	/* A second listener would be asked instead of ours. */
	place at = arg(p, 1, has(p, SECCOMP_FILTER_FLAG_NEW_LISTENER, to[REFUSE], to[ALLOW]));

	at = is(p, SECCOMP_SET_MODE_FILTER, at, to[ALLOW]);
	return arg(p, 0, is(p, MARK_OPERATION, to[MARK], at));
}

static place block_own(struct program *p, const place *to)
{
	return arg(p, 0, is(p, OWN_OPERATION, to[MARK], to[ALLOW]));
}

static place block_mark(struct program *p, const place *to)
{
	return arg(p, 0, is(p, MARK_OPERATION, to[MARK], to[REFUSE]));
}

static place block_namespaces(struct program *p, const place *to)
{
	place at = to[ALLOW];

	if (CONFIG_RUNGS)
		at = has(p, CLONE_UNTRACED, to[TRACED], at); /* without its tracer it could start nothing */
	/* A child of one's parent would count as started by it. */
	return arg(p, 0, has(p, NAMESPACES | CLONE_PARENT, to[REFUSE], at));
}

static place block_prctl(struct program *p, const place *to)
{
	/* changes whose child an orphan is */
	place at = is(p, PR_SET_CHILD_SUBREAPER, to[EXEC], to[ALLOW]);

	/* could move /proc/PID/exe and cmdline */
	return arg(p, 0, is(p, PR_SET_MM, to[REFUSE], at));
}

static place block_personality(struct program *p, const place *to)
{
	static const uint32_t harmless[] = { 0xffffffff, 0x40000 /* no randomisation */ };
	place at = is_any(p, harmless, sizeof harmless / sizeof *harmless, to[ALLOW], to[REFUSE]);

	return arg(p, 0, has(p, ~0x20008u /* a 32-bit machine, an old version */, at, to[ALLOW]));
}

static place block_socket(struct program *p, const place *to)
{
	static const uint32_t families[] = { 1 /* unix */, 2 /* inet */, 10 /* inet6 */, 16 /* netlink */ };

	return arg(p, 0, is_any(p, families, sizeof families / sizeof *families, to[ALLOW], to[REFUSE]));
}

static place block_ioctl(struct program *p, const place *to)
{
	static const uint32_t refused[] = {
		0x5412, /* TIOCSTI: type into the terminal */
		0x541c, /* TIOCLINUX: paste into the console */
		0x8901, /* FIOSETOWN, SIOCSPGRP: have the kernel send SIGIO to anybody */
		0x8902,
	};

	return arg(p, 1, is_any(p, refused, sizeof refused / sizeof *refused, to[REFUSE], to[ALLOW]));
}

static place block_fcntl(struct program *p, const place *to)
{
	/* who is meant stands in memory that may change */
	place at = is(p, 15 /* F_SETOWN_EX */, to[REFUSE], to[ALLOW]);

	return arg(p, 1, is(p, 8 /* F_SETOWN */, to[SIGNAL], at));
}

enum { TASKS_LIMIT = 6 /* RLIMIT_NPROC */, TAG_LIMIT = 10 }; /* RLIMIT_LOCKS: sys/tag.h */

static place refuse_limits(struct program *p, int argument, place otherwise)
{
	static const uint32_t limits[] = { TAG_LIMIT, TASKS_LIMIT };

	return arg(p, argument, is_any(p, limits, p->tasks ? 2 : 1, p->answers[REFUSE], otherwise));
}

static place block_setrlimit(struct program *p, const place *to)
{
	return refuse_limits(p, 0, to[ALLOW]);
}

static place block_other(struct program *p, const place *to) /* sched_set…: (process, …) */
{
	return if_zero(p, 0, to[NOTIFY]);
}

static place block_prlimit(struct program *p, const place *to)
{
	/* Reading is free; the tag is never written; others' limits are the supervisor's business. */
	place write = refuse_limits(p, 1, block_other(p, to)), at;

	at = load(p, offsetof(struct seccomp_data, args[2]) + 4, is(p, 0, to[ALLOW], write));
	return arg(p, 2, is(p, 0, at, write));
}

static place block_kill(struct program *p, const place *to) /* kill, tkill: (id, signal) */
{
	return if_zero(p, 1, to[SIGNAL]);
}

static place block_tgkill(struct program *p, const place *to)
{
	return if_zero(p, 2, to[SIGNAL]);
}

/* (which, who, …): oneself passes; the group and the user of the caller may hold outsiders. */
static place block_which(struct program *p, uint32_t process)
{
	place who = if_zero(p, 1, p->answers[NOTIFY]);

	return arg(p, 0, is(p, process, who, p->answers[NOTIFY]));
}

static place block_setpriority(struct program *p, const place *to)
{
	(void)to;
	return block_which(p, 0 /* PRIO_PROCESS */);
}

static place block_ioprio(struct program *p, const place *to)
{
	(void)to;
	return block_which(p, 1 /* IOPRIO_WHO_PROCESS */);
}

static place block_arch_prctl(struct program *p, const place *to)
{
	/* ARCH_SET_FS: the C library and Go set up their thread pointer once per program, before anything
	 * else. */
	return arg(p, 0, is(p, 0x1002, to[EXEC], to[ALLOW]));
}

/* All flags that open(2) has on both architectures alike. */
static place block_flags(struct program *p, int argument)
{
	const uint32_t writes =
	        3 | 0100 /* O_CREAT */ | 01000 /* O_TRUNC */ | 020000000 /* O_TMPFILE's own */;
	const place *to = p->answers;
	place at = has(p, writes, to[NOTIFY], to[p->reads ? NOTIFY : ALLOW]);

	return arg(p, argument, has(p, 010000000 /* O_PATH */, to[ALLOW], at));
}

static place block_open(struct program *p, const place *to)
{
	(void)to;
	return block_flags(p, 1);
}

static place block_openat(struct program *p, const place *to)
{
	(void)to;
	return block_flags(p, 2);
}

typedef place block_fn(struct program *p, const place *to);

static block_fn *const blocks[FILTER_BLOCKS] = {
	[BLOCK_KILL] = block_kill,
	[BLOCK_TGKILL] = block_tgkill,
	[BLOCK_FCNTL] = block_fcntl,
	[BLOCK_PRLIMIT] = block_prlimit,
	[BLOCK_SETRLIMIT] = block_setrlimit,
	[BLOCK_OTHER] = block_other,
	[BLOCK_SETPRIORITY] = block_setpriority,
	[BLOCK_IOPRIO] = block_ioprio,
	[BLOCK_SECCOMP] = block_seccomp,
	[BLOCK_MARK] = block_mark,
	[BLOCK_OWN] = block_own,
	[BLOCK_PRCTL] = block_prctl,
	[BLOCK_PERSONALITY] = block_personality,
	[BLOCK_SOCKET] = block_socket,
	[BLOCK_IOCTL] = block_ioctl,
	[BLOCK_NAMESPACES] = block_namespaces,
	[BLOCK_ARCH_PRCTL] = block_arch_prctl,
	[BLOCK_OPEN] = block_open,
	[BLOCK_OPENAT] = block_openat,
};

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
		[MISSING] = RET_ERR(ENOSYS),
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
			*block = blocks[r[i].block](p, p->answers);
		if (r[i].first > at)
			n = add_span(s, n, at, p->answers[ALLOW]);
		n = add_span(s, n, r[i].first, block ? *block : p->answers[r[i].answer]);
		at = r[i].last + 1;
	}
	return at ? add_span(s, n, at, p->answers[ALLOW]) : n;
}

/* Spans that are told apart number by number: all but those that lead to `rest`. */
struct group {
	const struct span *s;
	size_t n;
	place rest;
};

/* The kernel runs the program once per call number when it is installed, so depth costs time, and it compiles
 * it, so length does: a tree of groups, each with a few tests in a row. */
enum { TESTS = 3 };

/* How many spans can be a group with that rest; behind the last is one more. */
static size_t group_size(const struct span *s, size_t n, place rest)
{
	uint64_t tests = 0;
	size_t size = 0;

	for (size_t i = 0; i < n && tests <= TESTS; i++)
		if (s[i].to == rest)
			size = i + 1;
		else
			tests += s[i + 1].first - s[i].first;
	return size;
}

static size_t make_groups(const struct span *s, size_t n, struct group *g)
{
	size_t n_groups = 0;

	for (size_t at = 0; at < n; at += g[n_groups++].n) {
		place rest = s[at].to, other = s[at + 1].to;
		size_t size = group_size(s + at, n - at, rest), more = group_size(s + at, n - at, other);

		g[n_groups] = (struct group){ s + at, size > more ? size : more, size > more ? rest : other };
	}
	return n_groups;
}

static place tree(struct program *p, const struct group *g, size_t n)
{
	size_t half = n / 2;
	place at = g->rest, low;

	if (n > 1) {
		at = tree(p, g + half, n - half);
		low = tree(p, g, half);
		return branch(p, BPF_JGE, g[half].s->first, at, low);
	}
	for (size_t i = g->n; i-- > 0;)
		for (uint32_t k = g->s[i + 1].first; g->s[i].to != g->rest && k-- > g->s[i].first;)
			at = is(p, k, g->s[i].to, at);
	return at;
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
	struct group *g = calloc(2 * n_rows + 2, sizeof *g);
	size_t n = 0;
	place at;

	if (s && g) {
		n = make_spans(p, r, n_rows, s);
		at = tree(p, g, make_groups(s, n, g));
		at = load(p, offsetof(struct seccomp_data, nr), at);
		at = is(p, arch, at, p->answers[REFUSE]);
		load(p, offsetof(struct seccomp_data, arch), at);
		if (p->f->n <= FILTER_MAX)
			reverse(p->f);
	}
	free(s);
	free(g);
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
		else if (all[k].block)
			all[k] = (struct filter_row){ nr, nr, REFUSE,
				                      all[k].block == BLOCK_SECCOMP ? BLOCK_MARK : NO_BLOCK };
	}
	return n;
}

/* Of what is refused to sessions, what nobody needs: commands that the API starts, supervisors, ourselves.
 * The rest of the arguments is not looked at: that would slow down calls which supervisors make all the time.
 */
static size_t only_own(struct filter_row *r, size_t n)
{
	size_t to = 0;

	for (size_t i = 0; i < n; i++) {
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
	struct filter_row *all = calloc(t->n_rows + o->n_blocked + FILTER_FILES, sizeof *all);
	struct program p = { .f = f, .tasks = o->tasks, .reads = o->files & FILTER_READS };
	bool done = false;

	f->n = 0;
	if (all) {
		size_t n = add_blocked(all, t, o->blocked, o->n_blocked);

		if (CONFIG_FILES && o->kind == FILTER_LISTENER)
			n = filter_files(all, n, o->files);
		if (o->kind == FILTER_OWN)
			n = only_own(all, n);
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
