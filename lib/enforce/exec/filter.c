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

/* The answers stand once, at the end of the program; everything jumps there. */
static void choose_answers(const struct filter_options *o, uint32_t *to)
{
	static const uint32_t ask[] = { SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, RET_ERR(EPERM),
		                        SECCOMP_RET_ALLOW };
	bool alone = o->kind == FILTER_ALONE;

	to[ALLOW] = SECCOMP_RET_ALLOW;
	to[EXEC] = alone ? SECCOMP_RET_ALLOW : ask[o->kind];
	to[SIGNAL] = alone && o->signals ? SECCOMP_RET_ALLOW : ask[o->kind];
	to[NOTIFY] = ask[o->kind];
	to[TRACED] = o->kind == FILTER_TRACER ? SECCOMP_RET_TRACE : SECCOMP_RET_ALLOW;
	to[REFUSE] = RET_ERR(EPERM);
	to[MISSING] = RET_ERR(ENOSYS);
	to[MARK] = RET_ERR(MARK_ANSWER);
}

/* A jump to an answer, to be filled in when its place is known. */
struct fix {
	unsigned short at;
	unsigned char answer, where; /* where: 0 jt, 1 jf, 2 k */
};

struct program {
	struct filter *f;
	uint32_t answers[ANSWERS];
	struct fix fixes[2 * FILTER_MAX];
	size_t n_fixes;
	bool tasks; /* as filter_options says */
	bool far;   /* conditional jumps reach 255 instructions; beyond, they go over an unconditional one */
};

typedef void block_fn(struct program *p);

static void put(struct program *p, struct sock_filter s)
{
	if (p->f->n < FILTER_MAX)
		p->f->code[p->f->n] = s;
	p->f->n++;
}

static void fix(struct program *p, size_t at, enum answer answer, int where)
{
	if (p->n_fixes < sizeof p->fixes / sizeof *p->fixes)
		p->fixes[p->n_fixes++] =
		        (struct fix){ (unsigned short)at, (unsigned char)answer, (unsigned char)where };
}

static void jump(struct program *p, enum answer answer)
{
	fix(p, p->f->n, answer, 2);
	put(p, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 0));
}

/* Compare what is loaded with `k`; `test` is BPF_JEQ, BPF_JGT, BPF_JGE or BPF_JSET. */
static void branch(struct program *p, int test, uint32_t k, enum answer yes, enum answer no)
{
	size_t at = p->f->n;

	if (!p->far) {
		put(p, (struct sock_filter)BPF_JUMP((unsigned short)(BPF_JMP | test | BPF_K), k, 0, 0));
		if (yes != NEXT)
			fix(p, at, yes, 0);
		if (no != NEXT)
			fix(p, at, no, 1);
		return;
	}
	put(p, (struct sock_filter)BPF_JUMP((unsigned short)(BPF_JMP | test | BPF_K), k,
	                                    yes == NEXT && no != NEXT ? 1 : 0, yes == NEXT ? 0 : 1));
	if (yes != NEXT)
		jump(p, yes);
	if (no != NEXT)
		jump(p, no);
}

/* Low or high word of argument `i`; little endian on both architectures. The kernel truncates int arguments
 * to the low word, so comparing only that is what the call will see. */
static void load_arg(struct program *p, int i, int high)
{
	put(p, (struct sock_filter)BPF_STMT(
	               BPF_LD | BPF_W | BPF_ABS,
	               (uint32_t)(offsetof(struct seccomp_data, args) + 8 * (size_t)i + 4 * (size_t)high)));
}

static void if_eq(struct program *p, uint32_t k, enum answer answer)
{
	branch(p, BPF_JEQ, k, answer, NEXT);
}

static void if_bits(struct program *p, uint32_t bits, enum answer answer)
{
	branch(p, BPF_JSET, bits, answer, NEXT);
}

static void block_seccomp(struct program *p)
{
	load_arg(p, 0, 0);
	if_eq(p, MARK_OPERATION, MARK);
	/* A second listener would be asked instead of ours. */
	branch(p, BPF_JEQ, SECCOMP_SET_MODE_FILTER, NEXT, ALLOW);
	load_arg(p, 1, 0);
	if_bits(p, SECCOMP_FILTER_FLAG_NEW_LISTENER, REFUSE);
	jump(p, ALLOW);
}

static void block_own(struct program *p)
{
	load_arg(p, 0, 0);
	branch(p, BPF_JEQ, OWN_OPERATION, MARK, ALLOW);
}

static void block_mark(struct program *p)
{
	load_arg(p, 0, 0);
	branch(p, BPF_JEQ, MARK_OPERATION, MARK, REFUSE);
}

static void block_namespaces(struct program *p)
{
	load_arg(p, 0, 0);
	/* A child of one's parent would count as started by it. */
	if_bits(p, NAMESPACES | CLONE_PARENT, REFUSE);
	if (CONFIG_RUNGS)
		if_bits(p, CLONE_UNTRACED, TRACED); /* a child without its tracer could start nothing */
	jump(p, ALLOW);
}

static void block_prctl(struct program *p)
{
	load_arg(p, 0, 0);
	if_eq(p, PR_SET_MM, REFUSE);            /* could move /proc/PID/exe and cmdline */
	if_eq(p, PR_SET_CHILD_SUBREAPER, EXEC); /* changes whose child an orphan is */
	jump(p, ALLOW);
}

static void block_personality(struct program *p)
{
	static const uint32_t harmless[] = { 0xffffffff, 0,       8,
		                             0x20000,    0x20008, 0x40000 /* no randomisation */ };

	load_arg(p, 0, 0);
	for (size_t i = 0; i < sizeof harmless / sizeof *harmless; i++)
		if_eq(p, harmless[i], ALLOW);
	jump(p, REFUSE);
}

static void block_socket(struct program *p)
{
	static const uint32_t families[] = { 1 /* unix */, 2 /* inet */, 10 /* inet6 */, 16 /* netlink */ };

	load_arg(p, 0, 0);
	for (size_t i = 0; i < sizeof families / sizeof *families; i++)
		if_eq(p, families[i], ALLOW);
	jump(p, REFUSE);
}

static void block_ioctl(struct program *p)
{
	static const uint32_t refused[] = {
		0x5412, /* TIOCSTI: type into the terminal */
		0x541c, /* TIOCLINUX: paste into the console */
		0x8901, /* FIOSETOWN, SIOCSPGRP: have the kernel send SIGIO to anybody */
		0x8902,
	};

	load_arg(p, 1, 0);
	for (size_t i = 0; i < sizeof refused / sizeof *refused; i++)
		if_eq(p, refused[i], REFUSE);
	jump(p, ALLOW);
}

static void block_fcntl(struct program *p)
{
	load_arg(p, 1, 0);
	if_eq(p, 8 /* F_SETOWN */, SIGNAL);
	if_eq(p, 15 /* F_SETOWN_EX: who is meant stands in memory that may change */, REFUSE);
	jump(p, ALLOW);
}

enum { TASKS_LIMIT = 6 /* RLIMIT_NPROC */, TAG_LIMIT = 10 }; /* RLIMIT_LOCKS: sys/tag.h */

static void block_setrlimit(struct program *p)
{
	load_arg(p, 0, 0);
	if_eq(p, TAG_LIMIT, REFUSE);
	if (p->tasks)
		if_eq(p, TASKS_LIMIT, REFUSE);
	jump(p, ALLOW);
}

static void block_prlimit(struct program *p)
{
	/* Reading is free; the tag is never written; others' limits are the supervisor's business. */
	put(p,
	    (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])));
	put(p, (struct sock_filter)BPF_STMT(BPF_MISC | BPF_TAX, 0));
	load_arg(p, 2, 1);
	put(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_OR | BPF_X, 0));
	if_eq(p, 0, ALLOW);
	load_arg(p, 1, 0);
	if_eq(p, TAG_LIMIT, REFUSE);
	if (p->tasks)
		if_eq(p, TASKS_LIMIT, REFUSE);
	load_arg(p, 0, 0);
	if_eq(p, 0, ALLOW);
	jump(p, NOTIFY);
}

static void block_kill(struct program *p) /* kill, tkill: (id, signal) */
{
	load_arg(p, 1, 0);
	if_eq(p, 0, ALLOW);
	jump(p, SIGNAL);
}

static void block_tgkill(struct program *p)
{
	load_arg(p, 2, 0);
	if_eq(p, 0, ALLOW);
	jump(p, SIGNAL);
}

static void block_other(struct program *p) /* sched_set…: (process, …) */
{
	load_arg(p, 0, 0);
	if_eq(p, 0, ALLOW);
	jump(p, NOTIFY);
}

/* (which, who, …): oneself passes; the group and the user of the caller may hold outsiders. */
static void block_which(struct program *p, uint32_t process)
{
	load_arg(p, 0, 0);
	branch(p, BPF_JEQ, process, NEXT, NOTIFY);
	load_arg(p, 1, 0);
	branch(p, BPF_JEQ, 0, ALLOW, NOTIFY);
}

static void block_setpriority(struct program *p)
{
	block_which(p, 0 /* PRIO_PROCESS */);
}

static void block_ioprio(struct program *p)
{
	block_which(p, 1 /* IOPRIO_WHO_PROCESS */);
}

static void block_arch_prctl(struct program *p)
{
	/* ARCH_SET_FS: the C library and Go set up their thread pointer once per program, before anything
	 * else. */
	load_arg(p, 0, 0);
	if_eq(p, 0x1002, EXEC);
	jump(p, ALLOW);
}

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
};

static int by_number(const void *a, const void *b)
{
	const struct filter_row *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Neighbours with the same plain answer become one row. How many rows are left. */
static size_t merge(struct filter_row *r, size_t n)
{
	size_t to = 0;

	for (size_t i = 1; i < n; i++)
		if (!r[i].block && !r[to].block && r[i].answer == r[to].answer &&
		    r[i].first <= r[to].last + 1)
			r[to].last = r[i].last;
		else
			r[++to] = r[i];
	return to + 1;
}

static void leaf(struct program *p, const struct filter_row *r)
{
	enum answer hit = r->block ? NEXT : r->answer;

	if (r->first != r->last) {
		branch(p, BPF_JGE, r->first, NEXT, ALLOW);
		branch(p, BPF_JGT, r->last, ALLOW, hit);
	} else {
		branch(p, BPF_JEQ, r->first, hit, ALLOW);
	}
	if (r->block)
		blocks[r->block](p);
}

/* A balanced tree: the kernel runs the program once per call number when it is installed, so depth costs
 * time, and it compiles it, so length does. */
static void tree(struct program *p, const struct filter_row *r, size_t n)
{
	size_t half = n / 2, at, size;

	if (n == 1) {
		leaf(p, r);
		return;
	}
	at = p->f->n;
	put(p, (struct sock_filter){ 0 });
	if (p->far)
		put(p, (struct sock_filter){ 0 });
	tree(p, r, half);
	size = p->f->n - at - 1;
	if (!p->far && size > 255) {
		p->f->n = FILTER_MAX + 1; /* start again, far */
	} else if (p->f->n <= FILTER_MAX && !p->far) {
		p->f->code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, r[half].first,
		                                              (unsigned char)size, 0);
	} else if (p->f->n <= FILTER_MAX) {
		p->f->code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, r[half].first, 0, 1);
		p->f->code[at + 1] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, (uint32_t)(size - 1));
	}
	tree(p, r + half, n - half);
}

/* Put the answers at the end and fill in the jumps. False when one does not reach. */
static bool finish(struct program *p)
{
	size_t base = p->f->n;

	for (int i = 0; i < ANSWERS; i++)
		put(p, (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, p->answers[i]));
	if (p->f->n > FILTER_MAX)
		return false;
	for (size_t i = 0; i < p->n_fixes; i++) {
		const struct fix *x = &p->fixes[i];
		size_t distance = base + x->answer - x->at - 1;

		if (x->where < 2 && distance > 255)
			return false;
		if (x->where == 0)
			p->f->code[x->at].jt = (unsigned char)distance;
		else if (x->where == 1)
			p->f->code[x->at].jf = (unsigned char)distance;
		else
			p->f->code[x->at].k = (uint32_t)distance;
	}
	return true;
}

static bool assemble(struct program *p, uint32_t arch, const struct filter_row *r, size_t n)
{
	p->f->n = p->n_fixes = 0;
	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
	branch(p, BPF_JEQ, arch, NEXT, REFUSE);
	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	tree(p, r, n);
	return finish(p);
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

	for (size_t i = 0; i < (f->n - ANSWERS) * sizeof *f->code; i++)
		sum = sum * 31 + code[i];
	return OWN_ANSWER + sum % 1000;
}

int filter_make(struct filter *f, const struct filter_target *t, const struct filter_options *o,
                struct err *e)
{
	struct filter_row *all = calloc(t->n_rows + o->n_blocked, sizeof *all);
	struct program *p = calloc(1, sizeof *p);
	bool done = false;

	if (all && p) {
		size_t n = add_blocked(all, t, o->blocked, o->n_blocked);

		if (o->kind == FILTER_OWN)
			n = only_own(all, n);
		for (size_t i = 0; i < n; i++)
			if (all[i].answer == LOOK)
				all[i].answer = REFUSE;
		qsort(all, n, sizeof *all, by_number);
		n = merge(all, n);
		p->f = f;
		p->tasks = o->tasks;
		choose_answers(o, p->answers);
		for (int far = 0; far < 2 && !done; far++) {
			p->far = far;
			done = assemble(p, t->arch, all, n);
		}
	}
	if (done && o->kind == FILTER_OWN)
		f->code[f->n - ANSWERS + MARK].k = RET_ERR(own_answer(f));
	free(all);
	free(p);
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
