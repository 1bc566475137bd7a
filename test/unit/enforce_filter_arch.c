/* The filter of both architectures against a table of its own: every call number of each, by its name as
 * libseccomp knows it, with every argument that an answer may hang on. The table below says what must happen,
 * not how; it shares no number, name or code with what makes the filter. */
#include "enforce/exec/filter.h"

#include "sys/uapi/compat.h"
#include "test/bpf.h"
#include "test/t.h"

#include "call_numbers.h" /* NR_x86_64_… and NR_aarch64_… */

#include <errno.h>
#include <seccomp.h>

/* ---- the production table, once for each architecture -------------------------------------------- */

#define FILTER_TARGET   target_x86_64
#define FILTER_ARCH     AUDIT_ARCH_X86_64
#define FILTER_NR(name) NR_x86_64_##name
#define FILTER_X86_64   1
#define rows            rows_x86_64
extern const struct filter_target target_x86_64, target_aarch64;
/* NOLINTNEXTLINE(bugprone-suspicious-include): to make the table of another architecture */
#include "enforce/exec/filter_rows.c"
#undef FILTER_TARGET
#undef FILTER_ARCH
#undef FILTER_NR
#undef FILTER_X86_64
#undef NEWEST_CALL
#undef X32_BIT
#undef CALL
#undef DENY
#undef DENY_RANGE
#undef rows
#define FILTER_TARGET   target_aarch64
#define FILTER_ARCH     AUDIT_ARCH_AARCH64
#define FILTER_NR(name) NR_aarch64_##name
#define FILTER_X86_64   0
#define rows            rows_aarch64
/* NOLINTNEXTLINE(bugprone-suspicious-include): to make the table of another architecture */
#include "enforce/exec/filter_rows.c"
#undef rows

/* ---- what is expected --------------------------------------------------------------------------- */

enum { A = SECCOMP_RET_ALLOW, N = SECCOMP_RET_USER_NOTIF, LAST = 470 };
#define E(error) (SECCOMP_RET_ERRNO | (error))
#define HIGH     0xdeadbeef00000000ULL /* what an attacker may put above an int argument */

enum test { NONE, IS, IS_NULL, HAS }; /* the low word is, the whole argument is 0, any of the bits */

/* What must hold of an argument. */
struct condition {
	enum test test;
	int arg;
	uint32_t value;
};

/* The first clause of which both conditions hold gives the answer, without conditions always. */
struct clause {
	uint32_t answer;
	struct condition both[2];
};

struct expectation {
	const char *names; /* of system calls */
	struct clause clauses[8];
};

#define ALWAYS(answer)                             \
	{                                          \
		{                                  \
			answer,                    \
			{                          \
				{                  \
					NONE, 0, 0 \
				}                  \
			}                          \
		}                                  \
	}

/* Namespaces: CLONE_NEWTIME, NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET; and CLONE_PARENT. */
enum { NEW_NAMESPACE = 0x7e020080, OF_PARENT = 0x8000 };

static const struct expectation everywhere[] = {
	{ "ptrace process_vm_readv process_vm_writev pidfd_getfd process_madvise kcmp", ALWAYS(E(EPERM)) },
	{ "setns mount umount2 pivot_root chroot open_tree move_mount fsopen fsconfig fsmount fspick "
	  "mount_setattr open_tree_attr open_by_handle_at",
	  ALWAYS(E(EPERM)) },
	{ "io_uring_setup io_uring_enter io_uring_register bpf perf_event_open userfaultfd fanotify_init",
	  ALWAYS(E(EPERM)) },
	{ "init_module finit_module delete_module kexec_load kexec_file_load reboot swapon swapoff acct "
	  "quotactl quotactl_fd lookup_dcookie nfsservctl vhangup",
	  ALWAYS(E(EPERM)) },
	{ "add_key keyctl request_key", ALWAYS(E(EPERM)) },
	{ "sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex", ALWAYS(E(EPERM)) },
	{ "execve execveat rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal", ALWAYS(N) },
	{ "clone3", ALWAYS(E(ENOSYS)) },
	{ "clone unshare", { { E(EPERM), { { HAS, 0, NEW_NAMESPACE | OF_PARENT } } }, { A, { { 0 } } } } },
	{ "kill tkill", { { A, { { IS, 1, 0 } } }, { N, { { 0 } } } } },
	{ "tgkill", { { A, { { IS, 2, 0 } } }, { N, { { 0 } } } } },
	{ "fcntl",
	  { { N, { { IS, 1, 8 /* F_SETOWN */ } } },
	    { E(EPERM), { { IS, 1, 15 /* F_SETOWN_EX */ } } },
	    { A, { { 0 } } } } },
	{ "setrlimit", { { E(EPERM), { { IS, 0, 10 /* RLIMIT_LOCKS */ } } }, { A, { { 0 } } } } },
	{ "prlimit64",
	  { { A, { { IS_NULL, 2, 0 } } },
	    { E(EPERM), { { IS, 1, 10 } } },
	    { A, { { IS, 0, 0 } } },
	    { N, { { 0 } } } } },
	{ "sched_setaffinity sched_setparam sched_setscheduler sched_setattr",
	  { { A, { { IS, 0, 0 } } }, { N, { { 0 } } } } },
	{ "setpriority", { { A, { { IS, 0, 0 }, { IS, 1, 0 } } }, { N, { { 0 } } } } },
	{ "ioprio_set", { { A, { { IS, 0, 1 }, { IS, 1, 0 } } }, { N, { { 0 } } } } },
	{ "seccomp",
	  { { E(2743), { { IS, 0, 0x41475348 } } },
	    { E(EPERM), { { IS, 0, 1 /* SET_MODE_FILTER */ }, { HAS, 1, 8 /* NEW_LISTENER */ } } },
	    { A, { { 0 } } } } },
	{ "prctl",
	  { { E(0), { { IS, 0, 4 /* PR_SET_DUMPABLE */ }, { IS, 1, 0 } } },
	    { E(EPERM), { { IS, 0, 35 /* PR_SET_MM */ } } },
	    { N, { { IS, 0, 36 /* PR_SET_CHILD_SUBREAPER */ } } },
	    { A, { { 0 } } } } },
	{ "personality",
	  { { A, { { IS, 0, 0xffffffff } } },
	    { A, { { IS, 0, 0 } } },
	    { A, { { IS, 0, 8 } } },
	    { A, { { IS, 0, 0x20000 } } },
	    { A, { { IS, 0, 0x20008 } } },
	    { A, { { IS, 0, 0x40000 /* ADDR_NO_RANDOMIZE */ } } },
	    { E(EPERM), { { 0 } } } } },
	{ "socket",
	  { { A, { { IS, 0, 1 /* unix */ } } },
	    { A, { { IS, 0, 2 /* inet */ } } },
	    { A, { { IS, 0, 10 /* inet6 */ } } },
	    { A, { { IS, 0, 16 /* netlink */ } } },
	    { E(EPERM), { { 0 } } } } },
	{ "ioctl",
	  { { E(EPERM), { { IS, 1, 0x5412 /* TIOCSTI */ } } },
	    { E(EPERM), { { IS, 1, 0x541c /* TIOCLINUX */ } } },
	    { E(EPERM), { { IS, 1, 0x8901 /* FIOSETOWN */ } } },
	    { E(EPERM), { { IS, 1, 0x8902 /* SIOCSPGRP */ } } },
	    { A, { { 0 } } } } },
};

static const struct expectation on_x86_64[] = {
	{ "arch_prctl", { { N, { { IS, 0, 0x1002 /* ARCH_SET_FS */ } } }, { A, { { 0 } } } } },
	{ "iopl ioperm modify_ldt uselib _sysctl", ALWAYS(E(EPERM)) },
};

static const struct expectation on_aarch64[] = {
	{ "set_tid_address", ALWAYS(N) },
};

/* Newer than libseccomp; the same number everywhere. */
static const struct {
	const char *name;
	uint32_t nr;
} newer[] = {
	{ "open_tree_attr", 467 },
};

/* ---- names and expectations ---------------------------------------------------------------------- */

static const struct arch {
	const char *name;
	const struct filter_target *target;
	uint32_t token; /* libseccomp's and the kernel's names of it */
	const struct expectation *own;
	size_t n_own;
} arches[] = {
	{ "x86_64", &target_x86_64, SCMP_ARCH_X86_64, on_x86_64, sizeof on_x86_64 / sizeof *on_x86_64 },
	{ "aarch64", &target_aarch64, SCMP_ARCH_AARCH64, on_aarch64, sizeof on_aarch64 / sizeof *on_aarch64 },
};
enum { ARCHES = sizeof arches / sizeof *arches };

static bool is_listed(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = names; (p = strstr(p, name)); p += len)
		if ((p == names || p[-1] == ' ') && (p[len] == ' ' || !p[len]))
			return true;
	return false;
}

static const struct expectation *find(const struct expectation *list, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (is_listed(list[i].names, name))
			return &list[i];
	return NULL;
}

/* NULL: nothing is said about this call, it is allowed. */
static const struct expectation *expectation_of(const struct arch *a, uint32_t nr)
{
	char *name = seccomp_syscall_resolve_num_arch(a->token, (int)nr);
	const struct expectation *x = NULL;

	for (size_t i = 0; !name && i < sizeof newer / sizeof *newer; i++)
		if (newer[i].nr == nr)
			name = strdup(newer[i].name);
	if (name) {
		x = find(everywhere, sizeof everywhere / sizeof *everywhere, name);
		x = x ? x : find(a->own, a->n_own, name);
	}
	free(name);
	return x;
}

static bool holds(const struct condition *c, const uint64_t *args)
{
	switch (c->test) {
	case IS:
		return (uint32_t)args[c->arg] == c->value;
	case IS_NULL:
		return args[c->arg] == 0;
	case HAS:
		return ((uint32_t)args[c->arg] & c->value) != 0;
	default:
		return true;
	}
}

static uint32_t expected(const struct expectation *x, const uint64_t *args)
{
	const struct clause *c = x ? x->clauses : NULL;

	if (!x)
		return A;
	while (!holds(&c->both[0], args) || !holds(&c->both[1], args))
		c++;
	return c->answer;
}

/* ---- asking ------------------------------------------------------------------------------------- */

static const struct filter *filter_of(const struct arch *a)
{
	static struct filter filters[ARCHES];
	struct filter *f = &filters[a - arches];

	if (!f->n)
		filter_build_for(f, a->target, NULL, 0, NULL);
	return f;
}

static uint32_t ask(const struct arch *a, uint32_t arch, uint32_t nr, const uint64_t *args)
{
	const struct filter *f = filter_of(a);
	struct seccomp_data d = { .arch = arch, .nr = (int)nr };
	size_t steps = 0;

	memcpy(d.args, args, sizeof d.args);
	return bpf_run(f->code, f->n, &d, &steps);
}

/* Values on which an answer hangs, their neighbours, and every single bit. */
enum { VALUES = 256 };

static size_t add_values(uint32_t *values, size_t n, const struct expectation *list, size_t n_list)
{
	for (size_t i = 0; i < n_list; i++)
		for (size_t c = 0; c < 8; c++)
			for (int k = 0; k < 2 && n + 3 <= VALUES; k++) {
				const struct condition *x = &list[i].clauses[c].both[k];

				if (x->test != IS)
					continue;
				values[n++] = x->value;
				values[n++] = x->value + 1;
				values[n++] = x->value - 1;
			}
	return n;
}

static int by_value(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static size_t all_values(uint32_t *values)
{
	size_t n = 0, to = 0;

	for (int bit = 0; bit < 32; bit++)
		values[n++] = 1u << bit;
	values[n++] = 0x7fffffff;
	values[n++] = 0xfffffffe;
	n = add_values(values, n, everywhere, sizeof everywhere / sizeof *everywhere);
	n = add_values(values, n, on_x86_64, sizeof on_x86_64 / sizeof *on_x86_64);
	qsort(values, n, sizeof *values, by_value);
	for (size_t i = 1; i < n; i++)
		if (values[i] != values[to])
			values[++to] = values[i];
	return to + 1;
}

struct count {
	unsigned long asked, wrong;
};

static void compare(const struct arch *a, uint32_t nr, const struct expectation *x, const uint64_t *args,
                    struct count *c)
{
	uint32_t got = ask(a, a->token, nr, args), want = expected(x, args);

	c->asked++;
	if (got != want && c->wrong++ < 10)
		printf("# %s call %u (%llx, %llx, %llx): %#x instead of %#x\n", a->name, nr,
		       (unsigned long long)args[0], (unsigned long long)args[1], (unsigned long long)args[2],
		       got, want);
}

/* Each value in each of the first three arguments, with and without something in the high word, while the
 * others are 0, 1 or all ones. */
static void one_argument(const struct arch *a, uint32_t nr, const struct expectation *x,
                         const uint32_t *values, size_t n, struct count *c)
{
	static const uint64_t fills[] = { 0, 1, ~0ULL };

	for (size_t v = 0; v < n; v++)
		for (int i = 0; i < 3; i++)
			for (size_t k = 0; k < 6; k++) {
				uint64_t fill = fills[k / 2];
				uint64_t args[6] = { fill, fill, fill, fill, fill, fill };

				args[i] = values[v] | (k % 2 ? HIGH : 0);
				compare(a, nr, x, args, c);
			}
}

/* Answers that hang on two or three arguments at once. */
static void three_arguments(const struct arch *a, uint32_t nr, const struct expectation *x, struct count *c)
{
	static const uint64_t values[] = { 0,        1,          2,          8,          9,
		                           10,       HIGH,       HIGH | 1,   HIGH | 8,   HIGH | 10,
		                           HIGH | 7, 1ULL << 32, 0xffffffff, 0x41475348, HIGH | 0x41475348 };
	enum { V = sizeof values / sizeof *values };

	for (int i = 0; i < V * V * V; i++) {
		uint64_t args[6] = { values[i % V], values[i / V % V], values[i / V / V] };

		compare(a, nr, x, args, c);
	}
}

/* ---- cases -------------------------------------------------------------------------------------- */

T_CASE(sound_programs)
{
	for (size_t i = 0; i < ARCHES; i++) {
		const struct filter *f = filter_of(&arches[i]);

		ok(bpf_is_sound(f->code, f->n), "%s: %zu instructions", arches[i].name, f->n);
	}
	ok(filter_native.arch == NATIVE_AUDIT_ARCH, "the native one is for here");
}

T_CASE(every_call_with_every_argument)
{
	static uint32_t values[VALUES];
	size_t n = all_values(values);

	ok(n > 60 && n < VALUES - 3, "%zu argument values", n);
	for (size_t i = 0; i < ARCHES; i++) {
		struct count c = { 0, 0 };

		for (uint32_t nr = 0; nr <= LAST; nr++) {
			const struct expectation *x = expectation_of(&arches[i], nr);

			one_argument(&arches[i], nr, x, values, n, &c);
			if (x)
				three_arguments(&arches[i], nr, x, &c);
		}
		is_int((long long)c.wrong, 0, "%s: %lu questions", arches[i].name, c.asked);
	}
}

T_CASE(foreign_architectures)
{
	static const uint32_t others[] = { AUDIT_ARCH_X86_64,  AUDIT_ARCH_AARCH64,
		                           AUDIT_ARCH_I386,    AUDIT_ARCH_ARM,
		                           AUDIT_ARCH_RISCV64, AUDIT_ARCH_ARMEB,
		                           AUDIT_ARCH_PPC64LE, 0,
		                           0xffffffff };
	static const uint64_t none[6];

	for (size_t i = 0; i < ARCHES; i++) {
		int wrong = 0;

		for (size_t k = 0; k < sizeof others / sizeof *others; k++)
			for (uint32_t nr = 0; others[k] != arches[i].token && nr < 700; nr++)
				wrong += ask(&arches[i], others[k], nr, none) != E(EPERM);
		is_int(wrong, 0, "%s: calls of others are refused", arches[i].name);
	}
}

/* Numbers that are no calls: unknown ones are missing; x32, negative and huge ones are refused. */
T_CASE(numbers_that_are_no_calls)
{
	static const uint64_t sets[][6] = { { 0 }, { ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL, ~0ULL } };

	for (size_t i = 0; i < ARCHES; i++) {
		int missing = 0, refused = 0;

		for (int s = 0; s < 2; s++) {
			for (uint32_t nr = LAST + 1; nr < 5000; nr++)
				missing += ask(&arches[i], arches[i].token, nr, sets[s]) != E(ENOSYS);
			for (int bit = 9; bit < 30; bit++)
				for (uint32_t nr = 0; nr <= LAST; nr++)
					missing += ask(&arches[i], arches[i].token, nr | 1u << bit,
					               sets[s]) != E(ENOSYS);
			missing += ask(&arches[i], arches[i].token, 0x3fffffff, sets[s]) != E(ENOSYS);
			for (uint32_t nr = 0; nr < 1000; nr++) {
				refused += ask(&arches[i], arches[i].token, nr | 0x40000000, sets[s]) !=
				           E(EPERM);
				refused += ask(&arches[i], arches[i].token, nr | 0x80000000, sets[s]) !=
				           E(EPERM);
				refused += ask(&arches[i], arches[i].token, ~nr, sets[s]) != E(EPERM);
			}
		}
		is_int(missing, 0, "%s: unknown numbers are missing", arches[i].name);
		is_int(refused, 0, "%s: x32 and negative numbers are refused", arches[i].name);
	}
}

/* A name that is written wrongly above would expect nothing. */
static void check_names(const struct expectation *list, size_t n, uint32_t token)
{
	for (size_t i = 0; i < n; i++) {
		char *copy = strdup(list[i].names), *rest = NULL;

		for (char *s = copy ? strtok_r(copy, " ", &rest) : NULL; s; s = strtok_r(NULL, " ", &rest)) {
			bool known = seccomp_syscall_resolve_name_arch(token, s) >= 0;

			for (size_t k = 0; k < sizeof newer / sizeof *newer; k++)
				known |= strcmp(newer[k].name, s) == 0;
			if (!known)
				ok(false, "%s is a call", s);
		}
		free(copy);
	}
}

T_CASE(names_of_the_table)
{
	for (size_t i = 0; i < ARCHES; i++) {
		check_names(everywhere, sizeof everywhere / sizeof *everywhere, arches[i].token);
		check_names(arches[i].own, arches[i].n_own, arches[i].token);
	}
	ok(true, "all are calls");
}

/* A listed call is refused on either architecture, by its number there. */
T_CASE(blocked_by_configuration)
{
	static const uint64_t none[6];

	for (size_t i = 0; i < ARCHES; i++) {
		int nr = seccomp_syscall_resolve_name_arch(arches[i].token, "getppid");
		int mark = seccomp_syscall_resolve_name_arch(arches[i].token, "seccomp");
		struct seccomp_data d = { .nr = nr, .arch = arches[i].token };
		static struct filter f;
		size_t steps = 0;

		if (!ok(filter_build_for(&f, arches[i].target, (int[]){ nr, mark }, 2, NULL) == 0, "builds"))
			return;
		is_int(bpf_run(f.code, f.n, &d, &steps), E(EPERM), "%s: getppid", arches[i].name);
		d.nr = mark;
		is_int(bpf_run(f.code, f.n, &d, &steps), E(EPERM), "%s: seccomp", arches[i].name);
		d.args[0] = 0x41475348;
		is_int(bpf_run(f.code, f.n, &d, &steps), E(2743), "%s: the mark stays", arches[i].name);
		is_int(ask(&arches[i], arches[i].token, (uint32_t)nr, none), A, "%s: unlisted",
		       arches[i].name);
	}
}
