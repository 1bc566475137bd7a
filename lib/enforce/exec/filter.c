#include "enforce/exec/filter.h"

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
#define NEWEST_CALL    470         /* listns, Linux 6.18: the table was written against it */
#define X32_BIT        0x40000000u

#define NAMESPACES                                                                                 \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | \
	 CLONE_NEWCGROUP | 0x80 /* CLONE_NEWTIME */)

#define RET_ERR(e) (SECCOMP_RET_ERRNO | (e))

/* The answers. They stand once, at the end of the program; everything jumps there. NEXT is the following
 * instruction. */
enum answer { ALLOW, EXEC, SIGNAL, NOTIFY, REFUSE, MISSING, MARK, ANSWERS, NEXT = ANSWERS };

static void choose_answers(const struct filter_options *o, uint32_t *to)
{
	static const uint32_t ask[] = { SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, RET_ERR(EPERM) };
	bool alone = o->kind == FILTER_ALONE;

	to[ALLOW] = SECCOMP_RET_ALLOW;
	to[EXEC] = alone ? SECCOMP_RET_ALLOW : ask[o->kind];
	to[SIGNAL] = alone && o->signals ? SECCOMP_RET_ALLOW : ask[o->kind];
	to[NOTIFY] = ask[o->kind];
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
	bool far; /* conditional jumps reach 255 instructions; beyond, they go over an unconditional one */
};

typedef void block_fn(struct program *p);

struct row {
	uint32_t first, last; /* call numbers */
	enum answer answer;   /* when there is no block */
	block_fn *block;      /* code that looks at the arguments */
};

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

enum { TAG_LIMIT = 10 }; /* RLIMIT_LOCKS: sys/tag.h */

static void block_setrlimit(struct program *p)
{
	load_arg(p, 0, 0);
	if_eq(p, TAG_LIMIT, REFUSE);
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

#ifdef __x86_64__
static void block_arch_prctl(struct program *p)
{
	/* ARCH_SET_FS: the C library and Go set up their thread pointer once per program, before anything
	 * else. */
	load_arg(p, 0, 0);
	if_eq(p, 0x1002, EXEC);
	jump(p, ALLOW);
}
#endif

#define CALL(name, answer, block)                       \
	{                                               \
		__NR_##name, __NR_##name, answer, block \
	}
#define DENY(name) CALL(name, REFUSE, NULL)
#define DENY_RANGE(first, last)           \
	{                                 \
		first, last, REFUSE, NULL \
	}

/* clang-format off */
static const struct row rows[] = {
	CALL(execve, EXEC, NULL),
	CALL(execveat, EXEC, NULL),
	CALL(kill, ALLOW, block_kill),
	CALL(tkill, ALLOW, block_kill),
	CALL(tgkill, ALLOW, block_tgkill),
	CALL(rt_sigqueueinfo, SIGNAL, NULL),
	CALL(rt_tgsigqueueinfo, SIGNAL, NULL),
	CALL(pidfd_send_signal, SIGNAL, NULL),
	CALL(fcntl, ALLOW, block_fcntl),
	CALL(prlimit64, ALLOW, block_prlimit),
	CALL(setrlimit, ALLOW, block_setrlimit),
	CALL(sched_setaffinity, ALLOW, block_other),
	CALL(sched_setparam, ALLOW, block_other),
	CALL(sched_setscheduler, ALLOW, block_other),
	CALL(sched_setattr, ALLOW, block_other),
	CALL(setpriority, ALLOW, block_setpriority),
	CALL(ioprio_set, ALLOW, block_ioprio),
	CALL(seccomp, ALLOW, block_seccomp),
	CALL(prctl, ALLOW, block_prctl),
	CALL(personality, ALLOW, block_personality),
	CALL(socket, ALLOW, block_socket),
	CALL(ioctl, ALLOW, block_ioctl),
	CALL(clone, ALLOW, block_namespaces),
	CALL(unshare, ALLOW, block_namespaces),
	CALL(clone3, MISSING, NULL), /* flags are in memory; libraries fall back to clone */
#ifdef __x86_64__
	CALL(arch_prctl, ALLOW, block_arch_prctl),
	DENY(iopl),
	DENY(ioperm),
	DENY(modify_ldt),
	DENY(uselib),
	DENY(_sysctl),
#else
	CALL(set_tid_address, EXEC, NULL),
#endif
	DENY(setns),
	DENY(ptrace),
	DENY(process_vm_readv),
	DENY(process_vm_writev),
	DENY(pidfd_getfd),
	DENY(kcmp),
	DENY_RANGE(440, 440), /* process_madvise */
	DENY(mount),
	DENY(umount2),
	DENY(pivot_root),
	DENY(chroot),
	DENY_RANGE(428, 428), /* open_tree */
	DENY_RANGE(429, 429), /* move_mount */
	DENY_RANGE(430, 430), /* fsopen */
	DENY_RANGE(431, 431), /* fsconfig */
	DENY_RANGE(432, 432), /* fsmount */
	DENY_RANGE(433, 433), /* fspick */
	DENY_RANGE(442, 442), /* mount_setattr */
	DENY_RANGE(467, 467), /* open_tree_attr */
	DENY_RANGE(425, 425), /* io_uring_setup */
	DENY_RANGE(426, 426), /* io_uring_enter */
	DENY_RANGE(427, 427), /* io_uring_register */
	DENY(open_by_handle_at),
	DENY(kexec_load),
	DENY(kexec_file_load),
	DENY(init_module),
	DENY(finit_module),
	DENY(delete_module),
	DENY(reboot),
	DENY(swapon),
	DENY(swapoff),
	DENY(acct),
	DENY(quotactl),
	DENY_RANGE(443, 443), /* quotactl_fd */
	DENY(bpf),
	DENY(perf_event_open),
	DENY(userfaultfd),
	DENY(keyctl),
	DENY(add_key),
	DENY(request_key),
	DENY(lookup_dcookie),
	DENY(sethostname),
	DENY(setdomainname),
	DENY(settimeofday),
	DENY(clock_settime),
	DENY(clock_adjtime),
	DENY(adjtimex),
	DENY(fanotify_init), /* as root: could make others wait for its answers */
	DENY(vhangup),
	DENY(nfsservctl),
	{ NEWEST_CALL + 1, X32_BIT - 1, MISSING, NULL }, /* calls that are not known here */
	DENY_RANGE(X32_BIT, UINT32_MAX),
};
/* clang-format on */

static int by_number(const void *a, const void *b)
{
	const struct row *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Neighbours with the same plain answer become one row. How many rows are left. */
static size_t merge(struct row *r, size_t n)
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

static void leaf(struct program *p, const struct row *r)
{
	enum answer hit = r->block ? NEXT : r->answer;

	if (r->first != r->last) {
		branch(p, BPF_JGE, r->first, NEXT, ALLOW);
		branch(p, BPF_JGT, r->last, ALLOW, hit);
	} else {
		branch(p, BPF_JEQ, r->first, hit, ALLOW);
	}
	if (r->block)
		r->block(p);
}

/* A balanced tree: the kernel runs the program once per call number when it is installed, so depth costs
 * time, and it compiles it, so length does. */
static void tree(struct program *p, const struct row *r, size_t n)
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

static bool assemble(struct program *p, const struct row *r, size_t n)
{
	p->f->n = p->n_fixes = 0;
	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)));
	branch(p, BPF_JEQ, NATIVE_AUDIT_ARCH, NEXT, REFUSE);
	put(p, (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)));
	tree(p, r, n);
	return finish(p);
}

/* The fixed rows and the configured ones; execve and its like are decided, never switched off. */
static size_t add_blocked(struct row *all, size_t fixed, const int *blocked, size_t n_blocked)
{
	size_t n = fixed;

	for (size_t i = 0; i < n_blocked; i++) {
		uint32_t nr = (uint32_t)blocked[i];
		size_t k = 0;

		while (k < n && !(all[k].first <= nr && nr <= all[k].last))
			k++;
		/* What is missing stays so: a library that sees EPERM for clone3 does not fall back.
		 * seccomp(2) keeps the mark, by which nested shells know where they are. */
		if (k == n)
			all[n++] = (struct row){ .first = nr, .last = nr, .answer = REFUSE };
		else if (all[k].block)
			all[k] = (struct row){ nr, nr, REFUSE, nr == __NR_seccomp ? block_mark : NULL };
	}
	return n;
}

int filter_make(struct filter *f, const struct filter_options *o, struct err *e)
{
	size_t n = sizeof rows / sizeof *rows;
	struct row *all = calloc(n + o->n_blocked, sizeof *all);
	struct program *p = calloc(1, sizeof *p);
	bool done = false;

	if (all && p) {
		memcpy(all, rows, sizeof rows);
		n = add_blocked(all, n, o->blocked, o->n_blocked);
		qsort(all, n, sizeof *all, by_number);
		n = merge(all, n);
		p->f = f;
		choose_answers(o, p->answers);
		for (int far = 0; far < 2 && !done; far++) {
			p->far = far;
			done = assemble(p, all, n);
		}
	}
	free(all);
	free(p);
	return done ? 0
	            : err_set(e, "seccomp program too large or no memory (%zu blocked calls)", o->n_blocked);
}

int filter_build(struct filter *f, const int *blocked, size_t n_blocked, struct err *e)
{
	const struct filter_options o = { .blocked = blocked, .n_blocked = n_blocked };

	return filter_make(f, &o, e);
}

bool filter_here(void)
{
	return syscall(__NR_seccomp, MARK_OPERATION, 0, NULL) == -1 && errno == MARK_ANSWER;
}
